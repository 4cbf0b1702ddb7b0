//! Expectations from few states: Stein's identity as control variate.
//!
//! For every smooth f, E_p[∇·f + f·∇log p] = 0. With f the gradients of polynomials up to order two this gives, in
//! whitened coordinates z with scores g, functions of known mean zero: g_i, z_i g_i + 1 and z_i g_j + z_j g_i. The
//! least-squares fit of a quantity on them tells how much of its sample mean is chance (zero-variance estimation:
//! Mira, Solgi & Imparato 2013; South et al. 2022). On a Gaussian target mean and covariance come out exact, whatever
//! the states; scores are there already, so it costs no evaluation.

use super::{Cloud, Whitening};
use crate::Result;
use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};

/// States a feature at the least.
const STATES_A_FEATURE: usize = 5;
/// Features times states, at most: they are kept five times, and with so many states chance is small anyway.
const MOST_NUMBERS: usize = 2_000_000;
/// Ridge, relative to the features' own variance.
const RIDGE: f64 = 1e-6;
/// Parts of the states; the coefficients for each come from the others. Coefficients from the same states bend towards
/// their chance and take a share of the variance of a skewed quantity with it.
const FOLDS: usize = 4;

/// Estimates expectations under the target from states (draws, or particles near them) with their scores.
pub struct ControlVariates {
    /// Functions with mean zero under the target, n×p.
    features: Mat<f64>,
    /// Number of particles, which takes turns among the states.
    particles: usize,
    /// For each fold the states outside of it; none where the states are too few for any feature.
    folds: Vec<Fold>,
}

/// What predicts the states of one fold.
struct Fold {
    /// Features of the other states, less their means.
    centred: Mat<f64>,
    /// Factor of their Gram matrix.
    factor: Llt<f64>,
}

/// A mean and a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl ControlVariates {
    /// From states and the scores there, both in the target's coordinates; state i belongs to particle i mod
    /// `particles`. All quadratic features where there are five states for each of them, else the 2d diagonal ones,
    /// else the d scores, else none. Cost: O(n p²).
    ///
    /// # Errors
    /// Where the states have no finite covariance.
    pub fn new(points: &Cloud, scores: &Cloud, particles: usize) -> Result<Self> {
        let (n, d) = (points.count(), points.dim());
        let whitening = Whitening::identity(d).learn(points, 1.0)?;
        let (z, g) = (whitening.whiten_cloud(points), whitening.whiten_scores(scores));
        let (linear, diagonal, full) = (d, 2 * d, 2 * d + d * (d - 1) / 2);
        let fits = |p: &usize| STATES_A_FEATURE * p <= n && n * p <= MOST_NUMBERS;
        let count = [full, diagonal, linear].into_iter().find(fits).unwrap_or(0);
        let mut features = Mat::zeros(n, count);
        for row in 0..n {
            let (z, g) = (z.point(row), g.point(row));
            let squares = z.iter().zip(g).map(|(z, g)| z * g + 1.0);
            let mixed = (0..d).flat_map(|i| (0..i).map(move |j| z[i] * g[j] + z[j] * g[i]));
            for (column, value) in g.iter().copied().chain(squares).chain(mixed).take(count).enumerate() {
                features[(row, column)] = value;
            }
        }
        let mut built = Self { features, particles: particles.max(1), folds: Vec::new() };
        if count > 0 {
            let folds: Option<Vec<Fold>> = (0..FOLDS).map(|k| built.without(k)).collect();
            built.folds = folds.unwrap_or_default();
        }
        Ok(built)
    }

    /// Fold of a state. One trajectory's states of all particles stay together: the particles started as a cloud around
    /// one centre, and part of it says by its absence where the rest lies.
    fn fold(&self, state: usize) -> usize {
        (state / self.particles) % FOLDS
    }

    /// The states outside of fold `k`; `None` where they do not determine the coefficients.
    fn without(&self, k: usize) -> Option<Fold> {
        let rows: Vec<usize> = (0..self.features.nrows()).filter(|&i| self.fold(i) != k).collect();
        let (n, count) = (rows.len(), self.features.ncols());
        let mut centred = Mat::from_fn(n, count, |i, j| self.features[(rows[i], j)]);
        for column in 0..count {
            let mean = centred.col(column).iter().sum::<f64>() / n as f64;
            centred.col_mut(column).iter_mut().for_each(|v| *v -= mean);
        }
        let mut gram = centred.transpose() * &centred;
        (0..count).for_each(|i| gram[(i, i)] *= 1.0 + RIDGE);
        let factor = gram.llt(Side::Lower).ok()?;
        Some(Fold { centred, factor })
    }

    /// E(f) from the values of f at the states.
    pub fn expectation(&self, values: &[f64]) -> f64 {
        let mut total: f64 = values.iter().sum();
        for (k, fold) in self.folds.iter().enumerate() {
            let others: Vec<f64> =
                (values.iter().enumerate()).filter(|(i, _)| self.fold(*i) != k).map(|(_, v)| *v).collect();
            let coefficients =
                fold.factor.solve(fold.centred.transpose() * Mat::from_fn(others.len(), 1, |i, _| others[i]));
            for row in (0..values.len()).filter(|&i| self.fold(i) == k) {
                let features = self.features.row(row);
                total -= features.iter().zip(coefficients.col(0).iter()).map(|(f, c)| f * c).sum::<f64>();
            }
        }
        total / values.len() as f64
    }

    /// Mean and standard deviation of a quantity from its values at the states. What the scores say moves the mean by
    /// half a sample standard deviation and the variance by a factor of two at most.
    pub fn moments(&self, values: &[f64]) -> Moments {
        let n = values.len() as f64;
        let plain = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|v| (v - plain) * (v - plain)).sum::<f64>() / n;
        let sd = spread.sqrt();
        let mean = self.expectation(values).clamp(plain - 0.5 * sd, plain + 0.5 * sd);
        let squares: Vec<f64> = values.iter().map(|v| (v - mean) * (v - mean)).collect();
        let variance = self.expectation(&squares).clamp(0.5 * spread, 2.0 * spread);
        Moments { mean, sd: variance.sqrt() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::{GaussianTarget, LogDensity};
    use rand::{RngExt, SeedableRng};

    #[test]
    fn on_a_gaussian_mean_and_variance_are_exact_from_states_that_are_no_draws() {
        let target = GaussianTarget::new(vec![3.0, -1.0], vec![2.0, 0.6, 0.6, 0.5]).unwrap();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut points = Cloud::zeros(60, 2);
        // Uniform, too narrow and beside the mean.
        points.values_mut().iter_mut().for_each(|v| *v = rng.random::<f64>());
        let mut scores = Cloud::zeros(60, 2);
        for i in 0..60 {
            let mut score = [0.0; 2];
            target.evaluate(points.point(i), &mut score, &mut ()).unwrap();
            scores.point_mut(i).copy_from_slice(&score);
        }
        let estimate = ControlVariates::new(&points, &scores, 15).unwrap();
        let first: Vec<f64> = points.points().map(|p| p[0]).collect();
        assert!((estimate.expectation(&first) - 3.0).abs() < 0.02);
        let squares: Vec<f64> = first.iter().map(|v| (v - 3.0) * (v - 3.0)).collect();
        let determinant = 2.0 * 0.5 - 0.36;
        assert!((estimate.expectation(&squares) - 0.5 / determinant).abs() < 0.05);
    }

    #[test]
    fn with_few_states_it_is_the_sample_mean() {
        let points = Cloud::from_points(2, [&[0.0, 1.0][..], &[2.0, 5.0][..]]);
        let estimate = ControlVariates::new(&points, &Cloud::zeros(2, 2), 2).unwrap();
        assert_eq!(estimate.expectation(&[1.0, 4.0]), 2.5);
        assert_eq!(estimate.moments(&[1.0, 3.0]), Moments { mean: 2.0, sd: 1.0 });
    }
}
