//! The figures of a classification from a fit.

use super::classes::{ClassCurve, Classes, Surface};
use super::data::Rows;
use super::from_fit::FitContext;
use crate::Result;
use crate::dataset::Dataset;
use crate::posterior::{ObservedTable, Predictions};
use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Places along each input of a probability surface.
const GRID: usize = 60;
/// Places along the only input of a probability curve.
const CURVE: usize = 160;
/// Level of a curve's band.
const LEVEL: f64 = 0.9;
/// Draws behind a band or a deviation. All places take the same ones, so that it is as smooth as what is drawn.
const DRAWS: usize = 400;
/// Seed of these draws.
const SEED: u64 = 0;
/// Margin around the training rows, as a share of their range.
const MARGIN: f64 = 0.08;

/// Probabilities of the rows shown, where the target has classes, and for two inputs those of the plane.
pub(super) fn classes(
    context: &FitContext<'_>,
    rows: Rows,
    y: &[f64],
    predictions: &Predictions,
) -> Result<Option<Classes>> {
    let model = &context.fit.model;
    let (Some(names), Some(table)) = (&model.details().class_names, model.class_table(predictions)?) else {
        return Ok(None);
    };
    Ok(Some(Classes {
        target: context.train.target_name.clone(),
        names: names.clone(),
        rows,
        probabilities: table.iter().flatten().copied().collect(),
        labels: y.iter().map(|y| *y as usize).collect(),
        curve: if context.train.columns() == 1 { Some(curve(context, names.len())?) } else { None },
        surface: if context.train.columns() == 2 { Some(surface(context, names.len())?) } else { None },
    }))
}

/// Evenly spaced values of an input, over its range and a margin.
fn axis(train: &Dataset, d: usize, places: usize) -> Vec<f64> {
    let column = || (0..train.rows()).map(|i| train.x[(i, d)]);
    let (low, high) = (column().fold(f64::INFINITY, f64::min), column().fold(f64::NEG_INFINITY, f64::max));
    let margin = MARGIN * (high - low);
    let step = (high - low + 2.0 * margin) / (places - 1) as f64;
    (0..places).map(|k| low - margin + step * k as f64).collect()
}

fn curve(context: &FitContext<'_>, classes: usize) -> Result<ClassCurve> {
    let train = context.train;
    let grid = axis(train, 0, CURVE);
    let x = Mat::from_fn(CURVE, 1, |i, _| grid[i]);
    let table = context.fit.model.predict_observed(x.as_ref(), None)?;
    let (probabilities, bands): (Vec<_>, Vec<_>) = (0..table.rows())
        .into_par_iter()
        .map(|i| (table.row(i).class_probabilities(classes), bands(draws(&table, i, classes))))
        .unzip();
    Ok(ClassCurve {
        input: train.input_names[0].clone(),
        grid,
        probabilities: probabilities.concat(),
        bands: bands.concat(),
        level: LEVEL,
        train: (0..train.rows()).map(|i| (train.x[(i, 0)], train.y[i] as usize)).collect(),
    })
}

fn surface(context: &FitContext<'_>, classes: usize) -> Result<Surface> {
    let train = context.train;
    let (x, y) = (axis(train, 0, GRID), axis(train, 1, GRID));
    let grid = Mat::from_fn(GRID * GRID, 2, |k, d| if d == 0 { x[k % GRID] } else { y[k / GRID] });
    let table = context.fit.model.predict_observed(grid.as_ref(), None)?;
    let (probabilities, deviations): (Vec<_>, Vec<_>) =
        (0..table.rows()).into_par_iter().map(|i| probability_and_deviation(&table, i, classes)).unzip();
    Ok(Surface {
        inputs: [train.input_names[0].clone(), train.input_names[1].clone()],
        x,
        y,
        probabilities: probabilities.concat(),
        deviations: deviations.concat(),
        train: (0..train.rows()).map(|i| (train.x[(i, 0)], train.x[(i, 1)], train.y[i] as usize)).collect(),
    })
}

/// The probability of each class, and how uncertain it is: its standard deviation over draws of the parameters and of the
/// latent values.
fn probability_and_deviation(table: &ObservedTable, i: usize, classes: usize) -> (Vec<f64>, Vec<f64>) {
    let deviation = |values: &Vec<f64>| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    (table.row(i).class_probabilities(classes), draws(table, i, classes).iter().map(deviation).collect())
}

/// Probabilities of each class at draws of the parameters and of the latent values.
fn draws(table: &ObservedTable, i: usize, classes: usize) -> Vec<Vec<f64>> {
    table.row(i).sample_class_probabilities(classes, DRAWS, &mut ChaCha8Rng::seed_from_u64(SEED))
}

/// The central interval of each class's draws.
fn bands(draws: Vec<Vec<f64>>) -> Vec<(f64, f64)> {
    let band = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let at = |level: f64| values[((level * values.len() as f64) as usize).min(values.len() - 1)];
        (at(0.5 - 0.5 * LEVEL), at(0.5 + 0.5 * LEVEL))
    };
    draws.into_iter().map(band).collect()
}
