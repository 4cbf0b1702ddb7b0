//! What tells one comparison from another: everything that results depend on, in words.

use super::grid::{GridTable, Recipe};
use super::splits::SplitRows;
use crate::fit::FitOptions;
use crate::table::{Missing, Preparation, TableError};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;

/// Settings by their names on the command line; those that are not there have their default.
pub type Settings = BTreeMap<String, String>;

/// Hash of a file's bytes.
pub(super) fn of_file(path: &Path) -> Result<u64> {
    let unreadable = |source| Error::Table(TableError::Unreadable { path: path.into(), source });
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let (mut hasher, mut piece) = (DefaultHasher::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(unreadable)? {
            0 => return Ok(hasher.finish()),
            // Not `write_slice`: how the file comes in pieces must not matter.
            read => hasher.write(&piece[..read]),
        }
    }
}

/// Hash of a split's rows.
pub(super) fn of_split(rows: &SplitRows) -> u64 {
    let mut hasher = DefaultHasher::new();
    rows.hash(&mut hasher);
    hasher.finish()
}

/// What a recipe says.
///
/// # Errors
/// Where the table of inducing points cannot be read.
pub(super) fn of_recipe(recipe: &Recipe) -> Result<Settings> {
    let mut told = Settings::new();
    let mut tell = |name: &str, value: String| {
        told.insert(name.to_owned(), value);
    };
    // Whatever is added to these must be thought of here: the patterns name every field.
    let Preparation { target, inputs, drop, missing, likelihood, exposure, trials } = &recipe.preparation;
    tell("target", target.clone());
    if let Some(inputs) = inputs {
        tell("inputs", inputs.join(","));
    }
    if !drop.is_empty() {
        tell("drop", drop.join(","));
    }
    if *missing == Missing::Drop {
        tell("missing", "drop".into());
    }
    tell("likelihood", likelihood.map_or("auto", |family| family.name()).to_owned());
    for (name, column) in [("exposure", exposure), ("trials", trials)] {
        if let Some(column) = column {
            tell(name, column.clone());
        }
    }
    // The method and its number of particles belong to the row; groups and the interrupt are made by the fit.
    let FitOptions {
        likelihood: _,
        model,
        approximation,
        noise_kernel,
        inducing,
        selection,
        inducing_points: _,
        inducing_terms,
        optimise_inducing,
        collapsed,
        batch,
        warm_up,
        checkpoint: _,
        kernel,
        mean,
        method: _,
        preset,
        particles,
        iterations,
        learning_rate,
        family,
        chains,
        tune,
        draws,
        keep,
        target_accept,
        polish,
        restarts,
        seed,
        standardise,
        priors,
        starts,
        fixed,
        input_groups: _,
        interrupt: _,
    } = &recipe.options;
    let plain = FitOptions::default();
    tell("seed", seed.to_string());
    tell("model", model.name().to_owned());
    tell("kernel", kernel.as_ref().map_or("rbf".to_owned(), ToString::to_string));
    let mut differing = |name: &str, value: &dyn Debug, default: &dyn Debug| {
        let value = format!("{value:?}");
        if value != format!("{default:?}") {
            told.insert(name.to_owned(), value);
        }
    };
    differing("approximation", approximation, &plain.approximation);
    differing("noise-kernel", &noise_kernel.as_ref().map(ToString::to_string), &None::<String>);
    differing("inducing", inducing, &plain.inducing);
    differing("selection", selection, &plain.selection);
    differing("optimise-inducing", optimise_inducing, &plain.optimise_inducing);
    differing("collapsed", collapsed, &plain.collapsed);
    differing("batch", batch, &plain.batch);
    differing("warm-up", warm_up, &plain.warm_up);
    differing("mean", mean, &plain.mean);
    differing("stein", preset, &plain.preset);
    differing("particles", particles, &plain.particles);
    differing("iterations", iterations, &plain.iterations);
    differing("learning-rate", learning_rate, &plain.learning_rate);
    differing("advi", family, &plain.family);
    differing("chains", chains, &plain.chains);
    differing("tune", tune, &plain.tune);
    differing("draws", draws, &plain.draws);
    differing("keep", keep, &plain.keep);
    differing("target-accept", target_accept, &plain.target_accept);
    differing("polish", polish, &plain.polish);
    differing("restarts", restarts, &plain.restarts);
    differing("standardise", standardise, &plain.standardise);
    differing("prior", priors, &plain.priors);
    differing("start", starts, &plain.starts);
    differing("fix", fixed, &plain.fixed);
    differing("inducing-terms", inducing_terms, &plain.inducing_terms);
    if let Some(path) = &recipe.inducing_points {
        told.insert("inducing-points".into(), format!("{:016x}", of_file(path)?));
    }
    Ok(told)
}

/// What the recipe of a table says that is not said of all tables.
///
/// # Errors
/// As [`of_recipe`].
pub(super) fn of_table(table: &GridTable, common: &Settings) -> Result<Settings> {
    let own = of_recipe(&table.recipe)?;
    let names = own.keys().chain(common.keys());
    let differing = names.filter(|name| own.get(*name) != common.get(*name));
    let absent = || "default".to_owned();
    Ok(differing.map(|name| (name.clone(), own.get(name).cloned().unwrap_or_else(absent))).collect())
}

/// Each setting that two have differently, in words: `kernel: rbf there, matern32 here`.
pub(super) fn differences(there: &Settings, here: &Settings) -> Vec<String> {
    let default = "the default".to_owned();
    let mut names: Vec<&String> = there.keys().chain(here.keys()).collect();
    names.sort();
    names.dedup();
    let told = |name: &&String| {
        let (a, b) = (there.get(*name).unwrap_or(&default), here.get(*name).unwrap_or(&default));
        (a != b).then(|| format!("{name}: {a} there, {b} here"))
    };
    names.iter().filter_map(told).collect()
}
