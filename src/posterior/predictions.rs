//! What any model predicts of observations: Gaussian mixtures in closed form, or a likelihood averaged over latent
//! Gaussians. Scores and figures know only this.

use super::{Mixture, MixtureTable, ObservedRow, ObservedTable};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Predictive distributions of N* rows, in the target's own units.
#[derive(Debug, Clone)]
pub enum Predictions {
    /// Of exact regression.
    Mixtures(MixtureTable),
    /// Of a latent model.
    Observed(ObservedTable),
}

impl Predictions {
    /// Number of rows N*.
    pub fn rows(&self) -> usize {
        match self {
            Predictions::Mixtures(table) => table.rows(),
            Predictions::Observed(table) => table.rows(),
        }
    }

    /// What is predicted of row `i`.
    pub fn row(&self, i: usize) -> PredictedRow<'_> {
        match self {
            Predictions::Mixtures(table) => PredictedRow::Mixture(table.row(i)),
            Predictions::Observed(table) => PredictedRow::Observed(table.row(i), i),
        }
    }

    /// Something of each row, in parallel: tail probabilities of a likelihood take a while.
    pub fn map<T: Send>(&self, what: impl Fn(PredictedRow<'_>) -> T + Sync) -> Vec<T> {
        (0..self.rows()).into_par_iter().map(|i| what(self.row(i))).collect()
    }

    /// Quantiles of each row at the given levels, one vector a level.
    pub fn quantiles(&self, levels: &[f64]) -> Vec<Vec<f64>> {
        levels.iter().map(|level| self.map(|row| row.quantile(*level))).collect()
    }
}

/// The predictive distribution of one row.
#[derive(Debug, Clone, Copy)]
pub enum PredictedRow<'a> {
    /// Of exact regression.
    Mixture(Mixture<'a>),
    /// Of a latent model, and which row it is.
    Observed(ObservedRow<'a>, usize),
}

impl PredictedRow<'_> {
    /// Mean and variance.
    pub fn moments(self) -> (f64, f64) {
        match self {
            PredictedRow::Mixture(mixture) => (mixture.mean(), mixture.variance()),
            PredictedRow::Observed(row, _) => row.moments(),
        }
    }

    /// Log probability, or density per unit of the target, of `y`.
    pub fn log_density(self, y: f64) -> f64 {
        match self {
            PredictedRow::Mixture(mixture) => mixture.log_density(y),
            PredictedRow::Observed(row, _) => row.log_density(y),
        }
    }

    /// P(Y < y) and P(Y ≤ y): equal where the target is continuous.
    pub fn cdf(self, y: f64) -> (f64, f64) {
        match self {
            PredictedRow::Mixture(mixture) => {
                let p = mixture.cdf(y);
                (p, p)
            }
            PredictedRow::Observed(row, _) => (row.cdf_below(y), row.cdf(y)),
        }
    }

    /// Quantile at `level` in (0, 1).
    pub fn quantile(self, level: f64) -> f64 {
        match self {
            PredictedRow::Mixture(mixture) => mixture.quantile(level),
            PredictedRow::Observed(row, _) => row.quantile(level),
        }
    }

    /// Continuous ranked probability score at `y`; for latent models estimated from 400 draws of the row's own seed.
    pub fn crps(self, y: f64) -> f64 {
        match self {
            PredictedRow::Mixture(mixture) => mixture.crps(y),
            PredictedRow::Observed(row, index) => {
                let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
                row.crps(y, &mut rng)
            }
        }
    }

    /// Probabilities of C classes; of a row without classes nothing.
    pub fn class_probabilities(self, classes: usize) -> Vec<f64> {
        match self {
            PredictedRow::Mixture(_) => Vec::new(),
            PredictedRow::Observed(row, _) => row.class_probabilities(classes),
        }
    }
}
