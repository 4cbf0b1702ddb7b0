//! What a latent model predicts of observations: a mixture over draws, each the likelihood averaged over a Gaussian.

use crate::likelihood::{LatentGaussian, Likelihood, Observation};
use crate::posterior::MixtureTable;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// Predictive distributions of N* rows, in the target's own units.
#[derive(Debug, Clone)]
pub struct ObservedTable {
    likelihood: Arc<dyn Likelihood>,
    weights: Vec<f64>,
    /// The likelihood's own parameters, one vector a draw.
    phis: Vec<Vec<f64>>,
    exposures: Vec<f64>,
    /// L means at (i J + j) L.
    means: Vec<f64>,
    /// L×L covariances at (i J + j) L².
    covariances: Vec<f64>,
    shift: f64,
    scale: f64,
}

/// Draws of a row from which its continuous ranked probability score is estimated.
const CRPS_DRAWS: usize = 400;

impl ObservedTable {
    /// For rows with these exposures (on the model's scale), with draws of these weights and likelihood parameters; moments
    /// are zero until set.
    pub fn new(
        likelihood: Arc<dyn Likelihood>,
        weights: Vec<f64>,
        phis: Vec<Vec<f64>>,
        exposures: Vec<f64>,
    ) -> Self {
        let (l, size) = (likelihood.latents(), exposures.len() * weights.len());
        let (means, covariances) = (vec![0.0; size * l], vec![0.0; size * l * l]);
        Self { likelihood, weights, phis, exposures, means, covariances, shift: 0.0, scale: 1.0 }
    }

    /// Sets the latent moments of draw `j` for all rows: L means and an L×L block a row.
    pub fn set_component(&mut self, j: usize, means: &[f64], covariances: &[f64]) {
        let (l, count) = (self.likelihood.latents(), self.weights.len());
        for i in 0..self.exposures.len() {
            let to = i * count + j;
            self.means[to * l..(to + 1) * l].copy_from_slice(&means[i * l..(i + 1) * l]);
            self.covariances[to * l * l..(to + 1) * l * l]
                .copy_from_slice(&covariances[i * l * l..(i + 1) * l * l]);
        }
    }

    /// The same for targets in units of their own: shift + scale · y.
    #[must_use]
    pub fn rescaled(mut self, shift: f64, scale: f64) -> Self {
        self.shift += self.scale * shift;
        self.scale *= scale;
        self
    }

    /// Only these draws, with their weights scaled to sum to 1.
    #[must_use]
    pub fn only(&self, draws: &[usize]) -> Self {
        let total: f64 = draws.iter().map(|&j| self.weights[j]).sum();
        let weights = draws.iter().map(|&j| self.weights[j] / total).collect();
        let phis = draws.iter().map(|&j| self.phis[j].clone()).collect();
        let mut kept = Self::new(self.likelihood.clone(), weights, phis, self.exposures.clone());
        let (l, from, to) = (self.likelihood.latents(), self.weights.len(), draws.len());
        for i in 0..self.rows() {
            for (place, j) in draws.iter().enumerate() {
                let (a, b) = (i * from + j, i * to + place);
                kept.means[b * l..(b + 1) * l].copy_from_slice(&self.means[a * l..(a + 1) * l]);
                kept.covariances[b * l * l..(b + 1) * l * l]
                    .copy_from_slice(&self.covariances[a * l * l..(a + 1) * l * l]);
            }
        }
        kept.rescaled(self.shift, self.scale)
    }

    /// Number of rows N*.
    pub fn rows(&self) -> usize {
        self.exposures.len()
    }

    /// The likelihood.
    pub fn likelihood(&self) -> &dyn Likelihood {
        self.likelihood.as_ref()
    }

    /// Weights of the draws, summing to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Gaussian mixtures of latent function `c`, on the model's scale.
    pub fn latent(&self, c: usize) -> MixtureTable {
        let (l, count) = (self.likelihood.latents(), self.weights.len());
        let mut table = MixtureTable::zeros(self.rows(), self.weights.clone());
        for j in 0..count {
            let at = |i: usize| i * count + j;
            let means: Vec<f64> = (0..self.rows()).map(|i| self.means[at(i) * l + c]).collect();
            let variances: Vec<f64> =
                (0..self.rows()).map(|i| self.covariances[(at(i) * l + c) * l + c]).collect();
            table.set_component(j, &means, &variances);
        }
        table
    }

    /// What is predicted of row `i`.
    pub fn row(&self, i: usize) -> ObservedRow<'_> {
        ObservedRow { table: self, row: i }
    }
}

/// The predictive distribution of one row.
#[derive(Debug, Clone, Copy)]
pub struct ObservedRow<'a> {
    table: &'a ObservedTable,
    row: usize,
}

impl<'a> ObservedRow<'a> {
    /// Weight, likelihood parameters and latent Gaussian of each draw.
    fn draws(self) -> impl Iterator<Item = (f64, &'a [f64], LatentGaussian<'a>)> {
        let (table, l) = (self.table, self.table.likelihood.latents());
        let count = table.weights.len();
        (0..count).map(move |j| {
            let at = self.row * count + j;
            let latent = LatentGaussian {
                mean: &table.means[at * l..(at + 1) * l],
                covariance: &table.covariances[at * l * l..(at + 1) * l * l],
            };
            (table.weights[j], table.phis[j].as_slice(), latent)
        })
    }

    fn exposure(self) -> f64 {
        self.table.exposures[self.row]
    }

    /// A target in its own units, as the likelihood sees it.
    fn observation(self, y: f64) -> Observation {
        Observation { y: (y - self.table.shift) / self.table.scale, exposure: self.exposure() }
    }

    /// Log probability (density per unit of the target where that is continuous) of `y`; −∞ outside the support.
    pub fn log_density(self, y: f64) -> f64 {
        let at = self.observation(y);
        if self.table.likelihood.check(at).is_err() {
            return f64::NEG_INFINITY;
        }
        let terms: Vec<f64> = self
            .draws()
            .filter(|(w, ..)| *w > 0.0)
            .map(|(w, phi, q)| w.ln() + self.table.likelihood.predictive_log_density(phi, at, q))
            .collect();
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !largest.is_finite() {
            return largest;
        }
        let sum: f64 = terms.iter().map(|t| (t - largest).exp()).sum();
        let jacobian = if self.table.likelihood.family().is_discrete() { 0.0 } else { self.table.scale.ln() };
        largest + sum.ln() - jacobian
    }

    /// Mean and variance.
    pub fn moments(self) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for (w, phi, q) in self.draws() {
            let (m, v) = self.table.likelihood.predictive_moments(phi, self.exposure(), q);
            mean += w * m;
            square += w * (v + m * m);
        }
        let (shift, scale) = (self.table.shift, self.table.scale);
        (shift + scale * mean, scale * scale * (square - mean * mean).max(0.0))
    }

    /// P(Y ≤ y).
    pub fn cdf(self, y: f64) -> f64 {
        let at = self.observation(y);
        self.draws().map(|(w, phi, q)| w * self.table.likelihood.predictive_cdf(phi, at, q)).sum()
    }

    /// P(Y < y): less than [`ObservedRow::cdf`] by the probability of y itself where the target is discrete.
    pub fn cdf_below(self, y: f64) -> f64 {
        if self.table.likelihood.family().is_discrete() { self.cdf((y - 0.5).floor()) } else { self.cdf(y) }
    }

    /// Smallest y with P(Y ≤ y) ≥ `level`.
    pub fn quantile(self, level: f64) -> f64 {
        let (mean, variance) = self.moments();
        let sd = if variance.is_finite() {
            variance.sqrt().max(1e-12 * (self.table.scale + mean.abs()))
        } else {
            1.0
        };
        let discrete = self.table.likelihood.family().is_discrete();
        let snap = |y: f64| if discrete { y.floor() } else { y };
        // A bracket that grows until it holds the quantile.
        let (mut low, mut high, mut reach) = (mean, mean, sd);
        for _ in 0..200 {
            low = mean - reach;
            if self.cdf(snap(low)) < level {
                break;
            }
            reach *= 2.0;
        }
        reach = sd;
        for _ in 0..200 {
            high = mean + reach;
            if self.cdf(snap(high)) >= level {
                break;
            }
            reach *= 2.0;
        }
        if discrete {
            let (mut low, mut high) = (low.floor(), high.floor());
            while high - low > 1.0 {
                let middle = (0.5 * (low + high)).floor();
                // Beyond 2⁵³ neighbouring numbers lie further apart than counts.
                if middle <= low || middle >= high {
                    break;
                }
                if self.cdf(middle) >= level { high = middle } else { low = middle }
            }
            return high;
        }
        bisect(|y| self.cdf(y) - level, low, high, 1e-10 * self.table.scale)
    }

    /// A draw.
    pub fn sample(self, rng: &mut impl Rng) -> f64 {
        let mut left: f64 = rand::RngExt::random(rng);
        let mut chosen = 0;
        for (j, w) in self.table.weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            chosen = j;
            left -= w;
            if left <= 0.0 {
                break;
            }
        }
        self.sample_component(chosen, rng)
    }

    /// A draw given draw `j` of the posterior.
    pub fn sample_component(self, j: usize, rng: &mut impl Rng) -> f64 {
        let f = self.sample_latent(j, rng);
        let phi = &self.table.phis[j];
        let y = self.table.likelihood.sample(phi, self.exposure(), &f, rng);
        self.table.shift + self.table.scale * y
    }

    /// Latent values given draw `j` of the posterior.
    fn sample_latent(self, j: usize, rng: &mut impl Rng) -> Vec<f64> {
        let l = self.table.likelihood.latents();
        let at = self.row * self.table.weights.len() + j;
        let covariance = &self.table.covariances[at * l * l..(at + 1) * l * l];
        let mut f = self.table.means[at * l..(at + 1) * l].to_vec();
        // Cholesky of a small block, whose directions without variance stay where they are.
        let mut factor: Vec<f64> = vec![0.0; l * l];
        for b in 0..l {
            let noise: f64 = StandardNormal.sample(rng);
            let pivot = covariance[b * l + b] - (0..b).map(|k| factor[b * l + k].powi(2)).sum::<f64>();
            factor[b * l + b] = pivot.max(0.0).sqrt();
            for a in b..l {
                if a > b && factor[b * l + b] > 0.0 {
                    let sum: f64 = (0..b).map(|k| factor[a * l + k] * factor[b * l + k]).sum();
                    factor[a * l + b] = (covariance[a * l + b] - sum) / factor[b * l + b];
                }
                f[a] += factor[a * l + b] * noise;
            }
        }
        f
    }

    /// Continuous ranked probability score at `y`, from seeded draws: E|Y − y| − ½ E|Y − Y′|.
    pub fn crps(self, y: f64, rng: &mut impl Rng) -> f64 {
        let mut draws: Vec<f64> = (0..CRPS_DRAWS).map(|_| self.sample(rng)).collect();
        draws.sort_by(f64::total_cmp);
        let count = CRPS_DRAWS as f64;
        let near = draws.iter().map(|d| (d - y).abs()).sum::<f64>() / count;
        // Σ_k (2k − S − 1) y_(k) counts each pair once; S (S − 1) / 2 of them without bias.
        let spread: f64 =
            draws.iter().enumerate().map(|(k, d)| (2.0 * k as f64 + 1.0 - count) * d).sum::<f64>();
        near - spread / (count * (count - 1.0))
    }

    /// Probabilities of the classes.
    pub fn class_probabilities(self, classes: usize) -> Vec<f64> {
        let mut total = vec![0.0; classes];
        for (w, phi, q) in self.draws() {
            for (class, total) in total.iter_mut().enumerate() {
                let at = Observation { y: class as f64, exposure: 1.0 };
                *total += w * self.table.likelihood.predictive_log_density(phi, at, q).exp();
            }
        }
        let sum: f64 = total.iter().sum();
        total.iter_mut().for_each(|p| *p /= sum);
        total
    }

    /// Probabilities of the classes at `draws` draws of the latent values, one vector a class: what is not known of them.
    pub fn sample_class_probabilities(
        self,
        classes: usize,
        draws: usize,
        rng: &mut impl Rng,
    ) -> Vec<Vec<f64>> {
        let mut sampled = vec![Vec::with_capacity(draws); classes];
        let (weights, mut reached, mut j) = (&self.table.weights, self.table.weights[0], 0);
        for k in 0..draws {
            // One draw from each of `draws` equal shares of the weight.
            while reached < (k as f64 + 0.5) / draws as f64 && j + 1 < weights.len() {
                j += 1;
                reached += weights[j];
            }
            let f = self.sample_latent(j, rng);
            for (class, sampled) in sampled.iter_mut().enumerate() {
                let at = Observation { y: class as f64, exposure: 1.0 };
                sampled.push(self.table.likelihood.log_density(&self.table.phis[j], at, &f).exp());
            }
        }
        sampled
    }
}

/// The root of an increasing function in a bracket, to `width` or ten digits: regula falsi that halves the weight of an end that stays (Illinois).
fn bisect(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64, width: f64) -> f64 {
    let (mut at_low, mut at_high) = (f(low), f(high));
    for step in 0..200 {
        if high - low <= width + 1e-10 * low.abs().max(high.abs()) {
            break;
        }
        let secant = high - at_high * (high - low) / (at_high - at_low);
        let middle =
            if step % 4 == 3 || !(secant > low && secant < high) { 0.5 * (low + high) } else { secant };
        let at = f(middle);
        if at.abs() < 1e-13 {
            return middle;
        }
        if at > 0.0 {
            (high, at_high) = (middle, at);
            at_low *= 0.5;
        } else {
            (low, at_low) = (middle, at);
            at_high *= 0.5;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::likelihood::Family;

    fn one_row(family: Family, phi: &[f64], mean: f64, variance: f64) -> ObservedTable {
        let mut table =
            ObservedTable::new(family.build(2).unwrap(), vec![1.0], vec![phi.to_vec()], vec![1.0]);
        table.set_component(0, &[mean], &[variance]);
        table
    }

    #[test]
    fn quantiles_have_as_many_digits_in_any_unit() {
        let table = one_row(Family::Gamma, &[3.0], 0.2, 0.5);
        for level in [0.01, 0.5, 0.99] {
            let expected = table.row(0).quantile(level);
            assert!((table.row(0).cdf(expected) - level).abs() < 1e-9);
            for unit in [1e-200, 1e-12, 1e9] {
                let found = table.clone().rescaled(0.0, unit).row(0).quantile(level) / unit;
                assert!((found / expected - 1.0).abs() < 1e-8, "{unit}: {found} against {expected}");
            }
        }
    }

    #[test]
    fn the_quantile_of_a_count_is_the_smallest_that_reaches_the_level() {
        let table = one_row(Family::Poisson, &[], 1.0, 0.3);
        for level in [0.05, 0.3, 0.95] {
            let found = table.row(0).quantile(level);
            assert!(found.fract() == 0.0 && table.row(0).cdf(found) >= level);
            assert!(table.row(0).cdf_below(found) < level);
        }
        // Where numbers are further apart than counts it ends all the same.
        let huge = one_row(Family::NegativeBinomial, &[2.0], 45.0, 0.1).row(0).quantile(0.5);
        assert!((huge.ln() - 45.0).abs() < 1.0, "{huge}");
    }
}
