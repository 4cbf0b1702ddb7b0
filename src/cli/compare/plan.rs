//! From the arguments to a grid.

use super::super::arguments::{CompareArguments, ModelArgument};
use super::super::method::Settings;
use super::super::{Failure, Outcome};
use crate::compare::suite::{self, Suite, SuiteOptions};
use crate::compare::{Grid, GridTable, MethodSpec, Recipe, Splits, table_name};
use crate::{Error, Result};
use std::path::PathBuf;

/// Methods where none are named.
const METHODS: &str = "ml,map,advi,svgd:2,svgd:20";

/// Refuses what cannot apply, and says what will not be used.
pub(super) fn check(arguments: &CompareArguments) -> Outcome<Vec<String>> {
    if arguments.splits.as_ref().is_some_and(|text| text.parse::<usize>().is_err())
        && arguments.train_fraction.is_some()
    {
        return Err(Failure::Usage(
            "--train-fraction is a setting of random splits: --splits FILE has its own rows".into(),
        ));
    }
    if arguments.splits.as_deref() == Some("0") {
        return Err(Failure::Usage("--splits: a comparison needs at least one split".into()));
    }
    if let Some(suite) = arguments.suite {
        check_suite(arguments, suite)?;
    }
    let specs = methods(arguments)?;
    let settings = settings(arguments, &specs);
    let notices = settings.check()?;
    let recipe = recipe(arguments)?;
    if let Some(family) = recipe.preparation.likelihood {
        recipe.preparation.check(family).map_err(usage)?;
    }
    Ok(notices)
}

/// Refuses what a suite settles itself.
fn check_suite(arguments: &CompareArguments, suite: Suite) -> Outcome {
    let makes_table = suite.makes_tables();
    let settled = [
        ("--target", arguments.target.is_some() && makes_table),
        ("--inputs", arguments.common.inputs.is_some() && makes_table),
        ("--data", arguments.data.is_some() && !suite.needs_data()),
        ("--train-fraction", arguments.train_fraction.is_some() && suite == Suite::Neal),
    ];
    match settled.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            Err(Failure::Usage(format!("{name} has no meaning for suite {}: leave it out", suite.name())))
        }
        None => Ok(()),
    }
}

/// The grid, or the part of it with one table.
pub(super) fn grid(arguments: &CompareArguments, only: Option<&str>) -> Outcome<Grid> {
    let recipe = recipe(arguments)?;
    let tables = match arguments.suite {
        Some(suite) => of_suite(arguments, suite, &recipe, only)?,
        None => {
            let splits = splits(arguments, Splits::default());
            let wanted = |path: &&PathBuf| only.is_none_or(|name| table_name(path) == name);
            (arguments.tables.iter().filter(wanted))
                .map(|path| GridTable::read(path, &recipe, &splits))
                .collect::<Result<_>>()?
        }
    };
    let grid = Grid::new(tables, &methods(arguments)?, recipe).map_err(|e| match e {
        Error::Invalid(text) => Failure::Usage(text),
        other => other.into(),
    })?;
    Ok(grid)
}

fn of_suite(
    arguments: &CompareArguments,
    suite: Suite,
    recipe: &Recipe,
    only: Option<&str>,
) -> Outcome<Vec<GridTable>> {
    let mut names = Vec::new();
    for name in &arguments.tables {
        names.push(name.to_string_lossy().into_owned());
    }
    if suite.needs_data() && arguments.data.is_none() {
        return Err(Failure::Usage(format!(
            "--suite {} needs --data DIR, the folder with its tables; docs/compare.md says what it holds",
            suite.name()
        )));
    }
    let options = SuiteOptions {
        data: arguments.data.clone(),
        made: arguments.out.join("tables"),
        names: only.map_or(names, |name| vec![name.to_owned()]),
        max_rows: arguments.max_rows.filter(|_| only.is_none()),
        splits: splits(arguments, suite.splits()),
        model: arguments.common.model.map(ModelArgument::choice),
        batch: arguments.inference.batch.map(|rows| rows as usize),
        is_part: only.is_some(),
    };
    Ok(suite::tables(suite, recipe, &options)?)
}

fn methods(arguments: &CompareArguments) -> Outcome<Vec<MethodSpec>> {
    match (&arguments.methods, arguments.suite) {
        (Some(methods), _) => Ok(methods.0.clone()),
        (None, Some(suite)) => Ok(MethodSpec::list(suite.methods())?),
        (None, None) => Ok(MethodSpec::list(METHODS)?),
    }
}

fn splits(arguments: &CompareArguments, default: Splits) -> Splits {
    let fraction = |default: f64| arguments.train_fraction.unwrap_or(default);
    match (&arguments.splits, default) {
        (None, Splits::Random { count, train_fraction }) => {
            Splits::Random { count, train_fraction: fraction(train_fraction) }
        }
        (None, other) => other,
        (Some(text), default) => {
            let of_default = match default {
                Splits::Random { train_fraction, .. } => train_fraction,
                _ => 0.7,
            };
            let path = PathBuf::from(text);
            match text.parse() {
                Ok(count) => Splits::Random { count, train_fraction: fraction(of_default) },
                Err(_) if path.is_dir() => Splits::Folder(path),
                Err(_) => Splits::Table(path),
            }
        }
    }
}

fn recipe(arguments: &CompareArguments) -> Outcome<Recipe> {
    let target = arguments.target.as_deref().unwrap_or("y");
    let mut preparation = arguments.common.preparation(target);
    if let (Some(suite), None) = (arguments.suite, arguments.common.likelihood) {
        preparation.likelihood = Some(suite.likelihood());
    }
    let options = settings(arguments, &[]).options();
    options.check().map_err(usage)?;
    Ok(Recipe { preparation, options, inducing_points: arguments.common.inducing_points.clone() })
}

fn settings<'a>(arguments: &'a CompareArguments, methods: &'a [MethodSpec]) -> Settings<'a> {
    Settings { methods, common: &arguments.common, inference: &arguments.inference, more: &[] }
}

fn usage(error: Error) -> Failure {
    Failure::Usage(error.to_string())
}
