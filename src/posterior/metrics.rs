//! How good predictions are, on rows with known targets.

use super::{PredictedRow, Predictions};
use rayon::prelude::*;
use serde::Serialize;

/// Scores of predictions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Mean over rows of the log predictive density, natural logarithm, per unit of the target.
    pub log_likelihood: f64,
    /// The same, per standard deviation of the training target.
    pub log_likelihood_standardised: f64,
    /// Root mean square error of the predictive mean.
    pub rmse: f64,
    /// The same, in standard deviations of the training target.
    pub rmse_standardised: f64,
    /// Mean absolute error of the predictive median.
    pub mae: f64,
    /// Mean continuous ranked probability score.
    pub crps: f64,
    /// Share of rows inside central intervals.
    pub coverage: Coverage,
}

/// Share of rows inside central predictive intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// Of the 50 % interval.
    #[serde(rename = "50")]
    pub half: f64,
    /// Of the 90 % interval.
    #[serde(rename = "90")]
    pub ninety: f64,
    /// Of the 95 % interval.
    #[serde(rename = "95")]
    pub ninety_five: f64,
}

impl Metrics {
    /// Predictions and targets in the target's own units; `target_scale` is the standard deviation by which the
    /// training target was divided. `None` without rows.
    pub fn new(predictions: &Predictions, y: &[f64], target_scale: f64) -> Option<Self> {
        if y.is_empty() || y.len() != predictions.rows() {
            return None;
        }
        let count = y.len() as f64;
        let each = |f: &(dyn Fn(PredictedRow<'_>, f64) -> f64 + Sync)| -> Vec<f64> {
            (0..y.len()).into_par_iter().map(|i| f(predictions.row(i), y[i])).collect()
        };
        let mean_of = |f: &(dyn Fn(PredictedRow<'_>, f64) -> f64 + Sync)| each(f).iter().sum::<f64>() / count;
        let tails: Vec<(f64, f64)> =
            (0..y.len()).into_par_iter().map(|i| predictions.row(i).cdf(y[i])).collect();
        // An interval holds every value that is not wholly outside: a discrete value counts where any of it is inside.
        let covered = |level: f64| {
            let tail = 0.5 * (1.0 - level);
            tails.iter().filter(|(below, up_to)| *up_to >= tail && *below <= 1.0 - tail).count() as f64
                / count
        };
        let log_likelihood = mean_of(&|row, y| row.log_density(y));
        let rmse = mean_of(&|row, y| (row.moments().0 - y).powi(2)).sqrt();
        Some(Self {
            log_likelihood,
            log_likelihood_standardised: log_likelihood + target_scale.ln(),
            rmse,
            rmse_standardised: rmse / target_scale,
            mae: mean_of(&|row, y| (row.quantile(0.5) - y).abs()),
            crps: mean_of(&|row, y| row.crps(y)),
            coverage: Coverage { half: covered(0.5), ninety: covered(0.9), ninety_five: covered(0.95) },
        })
    }
}

/// P(Y_i ≤ y_i) for each row: uniform where predictions are calibrated. For discrete targets the middle of the step at
/// y_i.
pub fn probability_integral_transform(predictions: &Predictions, y: &[f64]) -> Vec<f64> {
    let middle = |i: usize| {
        let (below, up_to) = predictions.row(i).cdf(y[i]);
        0.5 * (below + up_to)
    };
    (0..y.len().min(predictions.rows())).into_par_iter().map(middle).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::posterior::MixtureTable;

    #[test]
    fn scores_of_a_known_prediction() {
        let mut table = MixtureTable::zeros(2, vec![1.0]);
        table.set_component(0, &[0.0, 10.0], &[4.0, 4.0]);
        let m = Metrics::new(&Predictions::Mixtures(table), &[2.0, 10.0], 2.0).unwrap();
        assert!((m.rmse - 2f64.sqrt()).abs() < 1e-12 && (m.rmse_standardised - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((m.mae - 1.0).abs() < 1e-9);
        let standardised = -0.25 - 0.5 * (2.0 * std::f64::consts::PI).ln();
        assert!((m.log_likelihood_standardised - standardised).abs() < 1e-12);
        assert_eq!((m.coverage.half, m.coverage.ninety), (0.5, 1.0));
    }
}
