//! `steingp predict` and `steingp score`.

use super::arguments::{MissingArgument, PredictArguments, ScoreArguments};
use super::data::check_support;
use super::fit::scores_table;
use super::output::{json, say, use_threads};
use super::{Failure, Outcome};
use crate::posterior::{
    FittedModel, MixtureTable, ObservedTable, PredictionKind, Predictions, most_probable, quantile_columns,
};
use crate::table::{Encoded, Encoding, Missing, Table, TargetUse, Values, write};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json as object;
use std::path::Path;

pub(super) fn run(arguments: &PredictArguments) -> Outcome {
    if let Some(level) = arguments.quantiles.iter().find(|q| !(**q > 0.0 && **q < 1.0)) {
        return Err(Failure::Usage(format!("--quantiles: {level} does not lie between 0 and 1")));
    }
    let twice = |(i, q): (usize, &f64)| arguments.quantiles[..i].contains(q);
    if arguments.quantiles.iter().enumerate().any(twice) {
        return Err(Failure::Usage("--quantiles: a level is given twice".into()));
    }
    use_threads(arguments.threads)?;
    let fitted = FittedModel::load(&arguments.model)?;
    let rows = encode(&fitted, &arguments.model, &arguments.table, TargetUse::Ignore, arguments.missing)?;
    let columns = if arguments.latent {
        latent_columns(&fitted, &rows, arguments)?
    } else {
        match fitted.predict_y(rows.x.as_ref(), rows.exposure.as_deref())? {
            Predictions::Mixtures(table) => mixture_columns("", &table, arguments),
            Predictions::Observed(table) => match &fitted.details().class_names {
                Some(names) => class_columns(&table, names, arguments),
                None => observed_columns(&table, arguments),
            },
        }
    };
    let named = columns.iter().map(|(name, values)| (name.as_str(), values.as_values()));
    let all: Vec<_> = std::iter::once(("row", Values::Indices(&rows.rows))).chain(named).collect();
    match &arguments.out {
        Some(path) => Ok(write(path, &all)?),
        None => {
            let header: Vec<String> = all.iter().map(|(name, _)| quoted(name)).collect();
            let mut text = format!("{}\n", header.join(","));
            for (i, row) in rows.rows.iter().enumerate() {
                text += &row.to_string();
                columns.iter().for_each(|(_, values)| text += &format!(",{}", values.cell(i)));
                text.push('\n');
            }
            say(&text)
        }
    }
}

/// A column of predictions.
enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Column {
    fn as_values(&self) -> Values<'_> {
        match self {
            Column::Numbers(values) => Values::Numbers(values),
            Column::Texts(values) => Values::Texts(values),
        }
    }

    fn cell(&self, row: usize) -> String {
        match self {
            Column::Numbers(values) => values[row].to_string(),
            Column::Texts(values) => quoted(&values[row]),
        }
    }
}

/// A text as CSV has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

type Columns = Vec<(String, Column)>;

fn numbers(name: impl Into<String>, values: Vec<f64>) -> (String, Column) {
    (name.into(), Column::Numbers(values))
}

/// The latent functions: of the first without, of later ones with their number.
fn latent_columns(fitted: &FittedModel, rows: &Encoded, arguments: &PredictArguments) -> Outcome<Columns> {
    let first = fitted.predict(rows.x.as_ref(), PredictionKind::Latent)?;
    let mut columns = mixture_columns("", &first, arguments);
    if fitted.model().latents() > 1 {
        let table = fitted.predict_observed(rows.x.as_ref(), None)?;
        for c in 1..fitted.model().latents() {
            columns.extend(mixture_columns(&format!("latent{c}."), &table.latent(c), arguments));
        }
    }
    Ok(columns)
}

/// Mean, standard deviation, quantiles and draws, one column each.
fn mixture_columns(prefix: &str, predictions: &MixtureTable, arguments: &PredictArguments) -> Columns {
    let mut columns = vec![
        numbers(format!("{prefix}mean"), predictions.iter().map(|m| m.mean()).collect()),
        numbers(format!("{prefix}sd"), predictions.iter().map(|m| m.variance().sqrt()).collect()),
    ];
    let quantiles = quantile_columns(predictions, &arguments.quantiles);
    let named = arguments.quantiles.iter().map(|q| format!("{prefix}q{q}")).zip(quantiles);
    columns.extend(named.map(|(name, values)| numbers(name, values)));
    let draws = predictions.weights().len();
    columns.extend(samples(prefix, draws, arguments, |j, rng| {
        let one = |m: crate::posterior::Mixture<'_>| match j {
            Some(j) => m.sample_component(j, rng),
            None => m.sample(rng),
        };
        predictions.iter().map(one).collect()
    }));
    columns
}

/// Mean, standard deviation, quantiles and draws of observations of a latent model.
fn observed_columns(table: &ObservedTable, arguments: &PredictArguments) -> Columns {
    let predictions = Predictions::Observed(table.clone());
    let moments = predictions.map(|row| row.moments());
    let mut columns = vec![
        numbers("mean", moments.iter().map(|(m, _)| *m).collect()),
        numbers("sd", moments.iter().map(|(_, v)| v.sqrt()).collect()),
    ];
    let quantiles = predictions.quantiles(&arguments.quantiles);
    let named = arguments.quantiles.iter().map(|q| format!("q{q}")).zip(quantiles);
    columns.extend(named.map(|(name, values)| numbers(name, values)));
    columns.extend(samples("", table.weights().len(), arguments, |j, rng| observed_draws(table, j, rng)));
    columns
}

fn observed_draws(table: &ObservedTable, j: Option<usize>, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let one = |i: usize| match j {
        Some(j) => table.row(i).sample_component(j, rng),
        None => table.row(i).sample(rng),
    };
    (0..table.rows()).map(one).collect()
}

/// Draws of the latent values from which the quantiles of a probability come.
const PROBABILITY_DRAWS: usize = 2000;

/// The most probable class, the probability of each class with what is not known of it, and draws.
fn class_columns(table: &ObservedTable, names: &[String], arguments: &PredictArguments) -> Columns {
    let rows = 0..table.rows();
    let probabilities: Vec<Vec<f64>> =
        rows.clone().into_par_iter().map(|i| table.row(i).class_probabilities(names.len())).collect();
    let sampled: Vec<Vec<Vec<f64>>> = rows
        .into_par_iter()
        .map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
            rng.set_stream(1 + i as u64);
            let mut sampled =
                table.row(i).sample_class_probabilities(names.len(), PROBABILITY_DRAWS, &mut rng);
            sampled.iter_mut().for_each(|p| p.sort_by(f64::total_cmp));
            sampled
        })
        .collect();
    let likeliest = |p: &Vec<f64>| names[most_probable(p).0].clone();
    let mut columns =
        vec![("class".to_owned(), Column::Texts(probabilities.iter().map(likeliest).collect()))];
    // Of two classes one says it all.
    let shown = if names.len() == 2 { 1..2 } else { 0..names.len() };
    for (class, name) in names.iter().enumerate() {
        columns.push(numbers(format!("p.{name}"), probabilities.iter().map(|p| p[class]).collect()));
        for q in arguments.quantiles.iter().filter(|_| shown.contains(&class)) {
            let place = ((q * PROBABILITY_DRAWS as f64) as usize).min(PROBABILITY_DRAWS - 1);
            let values = sampled.iter().map(|s| s[class][place]).collect();
            columns.push(numbers(format!("p.{name}.q{q}"), values));
        }
    }
    let draws = samples("", table.weights().len(), arguments, |j, rng| observed_draws(table, j, rng));
    let text =
        |values: Vec<f64>| values.iter().map(|v| names[(*v as usize).min(names.len() - 1)].clone()).collect();
    columns.extend(draws.into_iter().map(|(name, values)| match values {
        Column::Numbers(values) => (name, Column::Texts(text(values))),
        texts => (name, texts),
    }));
    columns
}

/// The columns of draws: from the mixture, or from each particle.
fn samples(
    prefix: &str,
    particles: usize,
    arguments: &PredictArguments,
    mut draw: impl FnMut(Option<usize>, &mut ChaCha8Rng) -> Vec<f64>,
) -> Columns {
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut columns = Vec::new();
    for k in 0..arguments.samples {
        if arguments.per_particle {
            for j in 0..particles {
                columns.push(numbers(format!("{prefix}sample{k}.particle{j}"), draw(Some(j), &mut rng)));
            }
        } else {
            columns.push(numbers(format!("{prefix}sample{k}"), draw(None, &mut rng)));
        }
    }
    columns
}

pub(super) fn score(arguments: &ScoreArguments) -> Outcome {
    use_threads(arguments.threads)?;
    let fitted = FittedModel::load(&arguments.model)?;
    let rows = encode(&fitted, &arguments.model, &arguments.table, TargetUse::Required, arguments.missing)?;
    let y = rows.y.clone().unwrap_or_default();
    if let Some(likelihood) = fitted.model().likelihood() {
        check_support(likelihood.as_ref(), &rows, &arguments.table, &fitted.details().target_name)?;
    }
    let predictions = fitted.predict_y(rows.x.as_ref(), rows.exposure.as_deref())?;
    let Some(scores) = fitted.score(&predictions, &y)? else {
        return Err(Failure::Data(format!("{}: there is no row to score", arguments.table.display())));
    };
    if arguments.json {
        json(&object!({ "rows": y.len(), "test": scores }))
    } else {
        say(&format!("{} rows\n{}", y.len(), scores_table(&scores)))
    }
}

fn encode(
    fitted: &FittedModel,
    model: &Path,
    path: &Path,
    target: TargetUse,
    missing: Option<MissingArgument>,
) -> Outcome<Encoded> {
    let damaged =
        |problem: &str| Failure::Data(format!("{}: damaged model file: {problem}", model.display()));
    let stored = fitted.details().encoding.clone().ok_or_else(|| {
        Failure::Data("the model was fitted from arrays: it does not know the columns of a table".into())
    })?;
    let encoding: Encoding = serde_json::from_value(stored).map_err(|e| damaged(&e.to_string()))?;
    if encoding.input_names() != fitted.details().input_names {
        return Err(damaged("its columns are not those of its model"));
    }
    let encoding = match missing {
        None => encoding,
        Some(MissingArgument::Error) => encoding.with_missing(Missing::Error),
        Some(MissingArgument::Drop) => encoding.with_missing(Missing::Drop),
    };
    let encoded = encoding.apply(&Table::read(path)?, target)?;
    encoded.notices.iter().for_each(|n| super::output::complain(&format!("notice: {n}")));
    Ok(encoded)
}
