//! Mixtures of Gaussians, one a row: what a posterior predicts.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::function::erf::{erfc, erfc_inv};
use std::f64::consts::{PI, SQRT_2};

/// Gaussian mixtures for N* rows with common weights: Σ_j w_j N(μ_ij, σ²_ij).
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureTable {
    rows: usize,
    weights: Vec<f64>,
    /// Row by row: entry (i, j) at i·J + j.
    means: Vec<f64>,
    variances: Vec<f64>,
}

impl MixtureTable {
    /// `rows` mixtures with all means and variances zero, to be filled by component.
    pub fn zeros(rows: usize, weights: Vec<f64>) -> Self {
        let size = rows * weights.len();
        Self { rows, weights, means: vec![0.0; size], variances: vec![0.0; size] }
    }

    /// Sets component `j` of all rows.
    pub fn set_component(&mut self, j: usize, means: &[f64], variances: &[f64]) {
        let count = self.weights.len();
        for (i, (m, v)) in means.iter().zip(variances).enumerate().take(self.rows) {
            self.means[i * count + j] = *m;
            self.variances[i * count + j] = *v;
        }
    }

    /// The common weights, summing to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Number of rows N*.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The mixture of row `i`.
    pub fn row(&self, i: usize) -> Mixture<'_> {
        let range = i * self.weights.len()..(i + 1) * self.weights.len();
        Mixture {
            weights: &self.weights,
            means: &self.means[range.clone()],
            variances: &self.variances[range],
        }
    }

    /// All rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Mixture<'_>> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// The same mixtures of shift + scale · y.
    #[must_use]
    pub fn rescaled(mut self, shift: f64, scale: f64) -> Self {
        self.means.iter_mut().for_each(|m| *m = shift + scale * *m);
        self.variances.iter_mut().for_each(|v| *v *= scale * scale);
        self
    }

    /// Only these components, with their weights scaled to sum to 1.
    #[must_use]
    pub fn only(&self, components: &[usize]) -> Self {
        let total: f64 = components.iter().map(|&j| self.weights[j]).sum();
        let weights = components.iter().map(|&j| self.weights[j] / total).collect();
        let mut kept = Self::zeros(self.rows, weights);
        for i in 0..self.rows {
            let (from, to) = (i * self.weights.len(), i * components.len());
            for (place, &j) in components.iter().enumerate() {
                kept.means[to + place] = self.means[from + j];
                kept.variances[to + place] = self.variances[from + j];
            }
        }
        kept
    }

    /// With `variance` of component j added everywhere: from the latent function to observations.
    #[must_use]
    pub fn with_noise(mut self, noise: &[f64]) -> Self {
        let count = self.weights.len();
        self.variances.iter_mut().enumerate().for_each(|(k, v)| *v += noise[k % count]);
        self
    }
}

/// Σ_j w_j N(μ_j, σ²_j). All of its functions are exact, or exact to rounding where a root is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Mixture<'a> {
    /// Weights, summing to 1.
    pub weights: &'a [f64],
    /// Means.
    pub means: &'a [f64],
    /// Variances.
    pub variances: &'a [f64],
}

impl Mixture<'_> {
    fn components(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.weights.iter().zip(self.means).zip(self.variances).map(|((w, m), v)| (*w, *m, v.sqrt()))
    }

    /// Mean.
    pub fn mean(&self) -> f64 {
        self.components().map(|(w, m, _)| w * m).sum()
    }

    /// Variance: mean of the variances and variance of the means.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.components().map(|(w, m, s)| w * (s * s + (m - mean).powi(2))).sum()
    }

    /// Log density at `y`.
    pub fn log_density(&self, y: f64) -> f64 {
        let term = |(w, m, s): (f64, f64, f64)| {
            let t = (y - m) / s;
            w.ln() - 0.5 * t * t - s.ln() - 0.5 * (2.0 * PI).ln()
        };
        let largest = self.components().map(term).fold(f64::NEG_INFINITY, f64::max);
        if !largest.is_finite() {
            return largest;
        }
        largest + self.components().map(|c| (term(c) - largest).exp()).sum::<f64>().ln()
    }

    /// P(Y ≤ y).
    pub fn cdf(&self, y: f64) -> f64 {
        self.components().map(|(w, m, s)| w * normal_cdf((y - m) / s)).sum()
    }

    /// Quantile at `level` in (0, 1): Newton's method in a bracket that halves where Newton leaves it.
    pub fn quantile(&self, level: f64) -> f64 {
        let standard = -SQRT_2 * erfc_inv(2.0 * level);
        let ends = self.components().map(|(_, m, s)| m + s * standard);
        let (mut low, mut high) =
            ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), q| (l.min(q), h.max(q)));
        // Close to the quantile of the Gaussian with the mixture's moments, which for particles of one mode is nearly it.
        let guess = self.mean() + self.variance().sqrt() * standard;
        let mut y = if guess > low && guess < high { guess } else { 0.5 * (low + high) };
        for _ in 0..200 {
            let (cdf, density) = self.cdf_and_density(y);
            let excess = cdf - level;
            if excess > 0.0 {
                high = y
            } else {
                low = y
            }
            let newton = y - excess / density;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - y).abs() <= 1e-15 * (1.0 + y.abs()) || high <= low {
                return next;
            }
            y = next;
        }
        y
    }

    /// P(Y ≤ y) and the density there, which far out is zero before its logarithm is −∞.
    fn cdf_and_density(&self, y: f64) -> (f64, f64) {
        let (mut cdf, mut density) = (0.0, 0.0);
        for (w, m, s) in self.components() {
            let t = (y - m) / s;
            cdf += w * normal_cdf(t);
            density += w / s * (-0.5 * t * t).exp();
        }
        (cdf, density / (2.0 * PI).sqrt())
    }

    /// Continuous ranked probability score at `y`, in closed form (Grimit et al. 2006, eq. 4):
    /// Σ w_j A(y − μ_j, σ_j) − ½ ΣΣ w_j w_k A(μ_j − μ_k, √(σ_j² + σ_k²)), A(μ, σ) = 2σφ(μ/σ) + μ(2Φ(μ/σ) − 1).
    pub fn crps(&self, y: f64) -> f64 {
        let a = |mean: f64, sd: f64| {
            if sd == 0.0 {
                return mean.abs();
            }
            let t = mean / sd;
            2.0 * sd * (-0.5 * t * t).exp() / (2.0 * PI).sqrt() + mean * (1.0 - erfc(t / SQRT_2))
        };
        let to_observation: f64 = self.components().map(|(w, m, s)| w * a(y - m, s)).sum();
        let mut among = 0.0;
        for (wj, mj, sj) in self.components() {
            for (wk, mk, sk) in self.components() {
                among += wj * wk * a(mj - mk, sj.hypot(sk));
            }
        }
        to_observation - 0.5 * among
    }

    /// A draw.
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        let mut left: f64 = rand::RngExt::random(rng);
        let last = self.weights.len() - 1;
        let pick = self.weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        self.sample_component(pick.unwrap_or(last), rng)
    }

    /// A draw from component `j`: Algorithm 2 of Pinder et al. (2020) takes K of these from each.
    pub fn sample_component(&self, j: usize, rng: &mut impl Rng) -> f64 {
        let draw: f64 = StandardNormal.sample(rng);
        self.means[j] + self.variances[j].sqrt() * draw
    }
}

/// Φ(t), accurate in both tails.
fn normal_cdf(t: f64) -> f64 {
    0.5 * erfc(-t / SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const TWO: Mixture<'_> = Mixture { weights: &[0.3, 0.7], means: &[-1.0, 2.0], variances: &[0.25, 1.0] };

    #[test]
    fn moments_follow_the_law_of_total_variance() {
        assert!((TWO.mean() - 1.1).abs() < 1e-14);
        assert!((TWO.variance() - (0.3 * 0.25 + 0.7 + 0.3 * 0.7 * 9.0)).abs() < 1e-13);
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        for level in [1e-6, 0.05, 0.3, 0.5, 0.95, 1.0 - 1e-6] {
            assert!((TWO.cdf(TWO.quantile(level)) - level).abs() < 1e-12, "{level}");
        }
    }

    #[test]
    fn one_component_is_the_normal_distribution() {
        let one = Mixture { weights: &[1.0], means: &[1.0], variances: &[4.0] };
        assert!((one.quantile(0.975) - (1.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-9);
        // CRPS of N(0,1) at 0: 2φ(0) − 1/√π.
        let exact = 2.0 * (2.0 / (2.0 * PI).sqrt() - 1.0 / PI.sqrt());
        assert!((one.crps(1.0) - exact).abs() < 1e-12);
    }

    #[test]
    fn far_tails_have_a_finite_log_density() {
        assert!(TWO.log_density(1e4).is_finite() && TWO.log_density(1e4) < -1e6);
    }

    #[test]
    fn draws_follow_the_mixture() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let n = 20_000;
        let below = (0..n).filter(|_| TWO.sample(&mut rng) < 0.5).count() as f64 / f64::from(n);
        assert!((below - TWO.cdf(0.5)).abs() < 0.012);
    }
}
