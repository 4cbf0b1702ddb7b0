//! The columns of predictions: moments, quantiles and draws of numbers, or classes and their probabilities.

use crate::cli::Outcome;
use crate::cli::arguments::PredictArguments;
use crate::posterior::{
    FittedModel, MixtureTable, ObservedTable, PredictionKind, Predictions, most_probable, quantile_columns,
};
use crate::table::{Encoded, Values};
use faer::MatRef;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rows predicted together: bounds the memory of their mixtures, and is so many that conditioning each particle again takes
/// little beside them.
const PIECE: usize = 16_384;

/// All columns, piece by piece: what is kept of a row is what is written of it.
pub(super) fn columns(
    fitted: &FittedModel,
    rows: &Encoded,
    arguments: &PredictArguments,
) -> Outcome<Columns> {
    let count = rows.x.nrows();
    let mut draws = Draws { rng: ChaCha8Rng::seed_from_u64(arguments.seed), first_row: 0 };
    let mut columns: Option<Columns> = None;
    loop {
        let start = draws.first_row;
        let end = (start + PIECE).min(count);
        let x = rows.x.as_ref().subrows(start, end - start);
        let exposure = rows.exposure.as_ref().map(|e| &e[start..end]);
        let piece = if arguments.latent {
            latent_columns(fitted, x, arguments, &mut draws)?
        } else {
            match fitted.predict_y(x, exposure)? {
                Predictions::Mixtures(table) => mixture_columns("", &table, arguments, &mut draws),
                Predictions::Observed(table) => match &fitted.details().class_names {
                    Some(names) => class_columns(&table, names, arguments, &mut draws),
                    None => observed_columns(table, arguments, &mut draws),
                },
            }
        };
        match &mut columns {
            None => columns = Some(piece),
            Some(all) => all.iter_mut().zip(piece).for_each(|((_, all), (_, piece))| all.append(piece)),
        }
        draws.first_row = end;
        if end == count {
            return Ok(columns.unwrap_or_default());
        }
    }
}

/// What random draws depend on: the generator of all pieces, and the row where this piece begins.
struct Draws {
    rng: ChaCha8Rng,
    first_row: usize,
}

/// A column of predictions.
pub(super) enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Column {
    pub(super) fn as_values(&self) -> Values<'_> {
        match self {
            Column::Numbers(values) => Values::Numbers(values),
            Column::Texts(values) => Values::Texts(values),
        }
    }

    /// Adds a column of the same kind below.
    fn append(&mut self, below: Column) {
        match (self, below) {
            (Column::Numbers(all), Column::Numbers(mut values)) => all.append(&mut values),
            (Column::Texts(all), Column::Texts(mut values)) => all.append(&mut values),
            // A column's kind does not depend on its rows.
            (Column::Numbers(_), Column::Texts(_)) | (Column::Texts(_), Column::Numbers(_)) => {}
        }
    }

    pub(super) fn cell(&self, row: usize) -> String {
        match self {
            Column::Numbers(values) => values[row].to_string(),
            Column::Texts(values) => quoted(&values[row]),
        }
    }
}

/// A text as CSV has it.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

pub(super) type Columns = Vec<(String, Column)>;

fn numbers(name: impl Into<String>, values: Vec<f64>) -> (String, Column) {
    (name.into(), Column::Numbers(values))
}

/// The latent functions: of the first without, of later ones with their number.
fn latent_columns(
    fitted: &FittedModel,
    x: MatRef<'_, f64>,
    arguments: &PredictArguments,
    draws: &mut Draws,
) -> Outcome<Columns> {
    let first = fitted.predict(x, PredictionKind::Latent)?;
    let mut columns = mixture_columns("", &first, arguments, draws);
    if fitted.model().latents() > 1 {
        let table = fitted.predict_observed(x, None)?;
        for c in 1..fitted.model().latents() {
            columns.extend(mixture_columns(&format!("latent{c}."), &table.latent(c), arguments, draws));
        }
    }
    Ok(columns)
}

/// Mean, standard deviation, quantiles and draws, one column each.
fn mixture_columns(
    prefix: &str,
    predictions: &MixtureTable,
    arguments: &PredictArguments,
    draws: &mut Draws,
) -> Columns {
    let mut columns = vec![
        numbers(format!("{prefix}mean"), predictions.iter().map(|m| m.mean()).collect()),
        numbers(format!("{prefix}sd"), predictions.iter().map(|m| m.variance().sqrt()).collect()),
    ];
    let quantiles = quantile_columns(predictions, &arguments.quantiles);
    let named = arguments.quantiles.iter().map(|q| format!("{prefix}q{q}")).zip(quantiles);
    columns.extend(named.map(|(name, values)| numbers(name, values)));
    let particles = predictions.weights().len();
    columns.extend(samples(prefix, particles, arguments, draws, |j, rng| {
        let one = |m: crate::posterior::Mixture<'_>| match j {
            Some(j) => m.sample_component(j, rng),
            None => m.sample(rng),
        };
        predictions.iter().map(one).collect()
    }));
    columns
}

/// Mean, standard deviation, quantiles and draws of observations of a latent model.
fn observed_columns(table: ObservedTable, arguments: &PredictArguments, draws: &mut Draws) -> Columns {
    let predictions = Predictions::Observed(table);
    let moments = predictions.map(|row| row.moments());
    let mut columns = vec![
        numbers("mean", moments.iter().map(|(m, _)| *m).collect()),
        numbers("sd", moments.iter().map(|(_, v)| v.sqrt()).collect()),
    ];
    let quantiles = predictions.quantiles(&arguments.quantiles);
    let named = arguments.quantiles.iter().map(|q| format!("q{q}")).zip(quantiles);
    columns.extend(named.map(|(name, values)| numbers(name, values)));
    if let Predictions::Observed(table) = &predictions {
        let particles = table.weights().len();
        columns.extend(samples("", particles, arguments, draws, |j, rng| observed_draws(table, j, rng)));
    }
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
fn class_columns(
    table: &ObservedTable,
    names: &[String],
    arguments: &PredictArguments,
    draws: &mut Draws,
) -> Columns {
    let (rows, first_row) = (0..table.rows(), draws.first_row);
    let probabilities: Vec<Vec<f64>> =
        rows.clone().into_par_iter().map(|i| table.row(i).class_probabilities(names.len())).collect();
    let sampled: Vec<Vec<Vec<f64>>> = rows
        .into_par_iter()
        .map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
            rng.set_stream(1 + (first_row + i) as u64);
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
    let particles = table.weights().len();
    let drawn = samples("", particles, arguments, draws, |j, rng| observed_draws(table, j, rng));
    let text =
        |values: Vec<f64>| values.iter().map(|v| names[(*v as usize).min(names.len() - 1)].clone()).collect();
    columns.extend(drawn.into_iter().map(|(name, values)| match values {
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
    draws: &mut Draws,
    mut draw: impl FnMut(Option<usize>, &mut ChaCha8Rng) -> Vec<f64>,
) -> Columns {
    let rng = &mut draws.rng;
    let mut columns = Vec::new();
    for k in 0..arguments.samples {
        if arguments.per_particle {
            for j in 0..particles {
                columns.push(numbers(format!("{prefix}sample{k}.particle{j}"), draw(Some(j), rng)));
            }
        } else {
            columns.push(numbers(format!("{prefix}sample{k}"), draw(None, rng)));
        }
    }
    columns
}
