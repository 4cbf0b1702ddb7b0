//! Mixtures of Gaussians: several modes, everything about them known.

use super::{GaussianTarget, LogDensity};
use crate::{Error, Result};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::TAU;

/// Σ_k w_k N(μ_k, Σ_k) on R^d, normalised: its value is the log density itself.
#[derive(Debug, Clone)]
pub struct GaussianMixture {
    dim: usize,
    components: Vec<Component>,
}

#[derive(Debug, Clone)]
struct Component {
    weight: f64,
    /// log w − ½ log det 2πΣ.
    log_constant: f64,
    mean: Vec<f64>,
    covariance: Vec<f64>,
    /// Lower Cholesky factor of Σ, d×d, row by row.
    factor: Vec<f64>,
    /// Gives −½ (z − μ)ᵀΣ⁻¹(z − μ) and its gradient.
    kernel: GaussianTarget,
}

/// Memory for one evaluation: each component's log density and score.
#[derive(Debug, Clone)]
pub struct MixtureWorkspace {
    values: Vec<f64>,
    scores: Vec<f64>,
}

impl GaussianMixture {
    /// Weights (length K, positive; divided by their sum), means (K of length d), covariances (K of d×d, row by
    /// row, positive definite).
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths disagree or there is no component; [`Error::Invalid`] for a weight that is
    /// not positive; [`Error::NotPositiveDefinite`] for a covariance that has no Cholesky factor.
    pub fn new(weights: &[f64], means: &[Vec<f64>], covariances: &[Vec<f64>]) -> Result<Self> {
        let dim = means.first().map_or(0, Vec::len);
        let expected = weights.len().max(1);
        for (what, found) in [("mixture means", means.len()), ("mixture covariances", covariances.len())] {
            if found != expected {
                return Err(Error::Shape { what, expected, found });
            }
        }
        if dim == 0 {
            return Err(Error::Shape { what: "mean of a mixture component", expected: 1, found: 0 });
        }
        if weights.iter().any(|w| !(*w > 0.0 && w.is_finite())) {
            return Err(Error::Invalid("the weights of a mixture must be positive".into()));
        }
        let total: f64 = weights.iter().sum();
        let parts = weights.iter().zip(means).zip(covariances);
        let components =
            parts.map(|((w, m), c)| Component::new(w / total, m, c, dim)).collect::<Result<_>>()?;
        Ok(Self { dim, components })
    }

    /// Σ_k w_k μ_k, length d.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dim];
        for c in &self.components {
            mean.iter_mut().zip(&c.mean).for_each(|(m, v)| *m += c.weight * v);
        }
        mean
    }

    /// Σ_k w_k (Σ_k + μ_k μ_kᵀ) − μμᵀ, d×d, row by row.
    pub fn covariance(&self) -> Vec<f64> {
        let (d, mean) = (self.dim, self.mean());
        let mut covariance = vec![0.0; d * d];
        for c in &self.components {
            for i in 0..d {
                for j in 0..d {
                    let between = (c.mean[i] - mean[i]) * (c.mean[j] - mean[j]);
                    covariance[i * d + j] += c.weight * (c.covariance[i * d + j] + between);
                }
            }
        }
        covariance
    }

    /// An exact draw, into `out` (length d).
    pub fn sample(&self, rng: &mut impl Rng, out: &mut [f64]) {
        let mut left: f64 = rng.random();
        let chosen = self.components.iter().find(|c| {
            left -= c.weight;
            left < 0.0
        });
        // Weights sum to one but for rounding: what is left over belongs to the last.
        let Some(component) = chosen.or(self.components.last()) else { return };
        out.copy_from_slice(&component.mean);
        for j in 0..self.dim {
            let draw: f64 = StandardNormal.sample(rng);
            for (i, o) in out.iter_mut().enumerate() {
                *o += component.factor[i * self.dim + j] * draw;
            }
        }
    }
}

impl Component {
    fn new(weight: f64, mean: &[f64], covariance: &[f64], dim: usize) -> Result<Self> {
        if mean.len() != dim {
            return Err(Error::Shape {
                what: "mean of a mixture component",
                expected: dim,
                found: mean.len(),
            });
        }
        if covariance.len() != dim * dim {
            return Err(Error::Shape {
                what: "covariance of a mixture component",
                expected: dim * dim,
                found: covariance.len(),
            });
        }
        let llt = Mat::from_fn(dim, dim, |i, j| covariance[i * dim + j]).llt(Side::Lower).map_err(|_| {
            Error::NotPositiveDefinite { matrix: "covariance of a mixture component", size: dim, jitter: 0.0 }
        })?;
        let (lower, inverse) = (llt.L(), llt.inverse());
        let by_row = |entry: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..dim * dim).map(|i| entry(i / dim, i % dim)).collect()
        };
        let half_log_determinant: f64 = (0..dim).map(|i| lower[(i, i)].ln()).sum();
        Ok(Self {
            weight,
            log_constant: weight.ln() - half_log_determinant - 0.5 * dim as f64 * TAU.ln(),
            mean: mean.to_vec(),
            covariance: covariance.to_vec(),
            factor: by_row(&|i, j| if j <= i { lower[(i, j)] } else { 0.0 }),
            kernel: GaussianTarget::new(mean.to_vec(), by_row(&|i, j| inverse[(i, j)]))?,
        })
    }
}

impl LogDensity for GaussianMixture {
    type Workspace = MixtureWorkspace;

    fn dim(&self) -> usize {
        self.dim
    }

    fn workspace(&self) -> MixtureWorkspace {
        let count = self.components.len();
        MixtureWorkspace { values: vec![0.0; count], scores: vec![0.0; count * self.dim] }
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut MixtureWorkspace) -> Result<f64> {
        let MixtureWorkspace { values, scores } = workspace;
        for ((c, value), s) in self.components.iter().zip(&mut *values).zip(scores.chunks_mut(self.dim)) {
            *value = c.log_constant + c.kernel.evaluate(z, s, &mut ())?;
        }
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() {
            return Err(Error::NotFiniteValue { what: "log density of the mixture" });
        }
        // ∇ log Σ_k p_k = Σ_k (p_k/p) ∇ log p_k
        let total: f64 = values.iter().map(|v| (v - most).exp()).sum();
        score.fill(0.0);
        for (value, s) in values.iter().zip(scores.chunks(self.dim)) {
            let share = (value - most).exp() / total;
            score.iter_mut().zip(s).for_each(|(o, s)| *o += share * s);
        }
        Ok(most + total.ln())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{by_quadrature, close, draws, score_is_the_gradient};
    use super::*;

    fn two() -> GaussianMixture {
        let covariances = [vec![1.0, 0.4, 0.4, 0.6], vec![0.5, -0.2, -0.2, 1.5]];
        GaussianMixture::new(&[2.0, 1.0], &[vec![-2.0, 0.5], vec![2.0, -1.0]], &covariances).unwrap()
    }

    #[test]
    fn the_score_is_the_gradient_even_far_from_every_mode() {
        score_is_the_gradient(&two(), &[&[0.1, -0.3], &[-2.0, 0.5], &[9.0, 14.0]]);
        let three = GaussianMixture::new(
            &[1.0],
            &[vec![0.0, 1.0, 2.0]],
            &[vec![2.0, 0.1, 0.0, 0.1, 1.0, 0.2, 0.0, 0.2, 3.0]],
        );
        score_is_the_gradient(&three.unwrap(), &[&[0.5, 0.5, 0.5]]);
    }

    #[test]
    fn mass_and_moments_are_those_of_quadrature() {
        let (mass, mean, covariance) = by_quadrature(&two(), [(-9.0, 9.0), (-9.0, 9.0)], 300);
        close(&[mass], &[1.0], 1e-6);
        close(&mean, &two().mean(), 1e-6);
        close(&covariance, &two().covariance(), 1e-6);
    }

    #[test]
    fn draws_have_the_mixtures_moments() {
        let target = two();
        let cloud = draws(2, 20_000, |rng, out| target.sample(rng, out));
        close(&cloud.mean(), &target.mean(), 0.06);
        close(&cloud.covariance(), &target.covariance(), 0.12);
    }

    #[test]
    fn one_component_is_the_gaussian_itself() {
        let one = GaussianMixture::new(&[5.0], &[vec![1.0, -1.0]], &[vec![2.0, 0.0, 0.0, 0.5]]).unwrap();
        let mut score = [0.0; 2];
        let value = one.evaluate(&[3.0, 0.0], &mut score, &mut one.workspace()).unwrap();
        // −½ (4/2 + 1/0.5) − ½ log((2π)² · 1)
        close(&[value], &[-2.0 - TAU.ln()], 1e-14);
        close(&score, &[-1.0, -2.0], 1e-14);
    }

    #[test]
    fn what_is_no_mixture_is_refused() {
        let (mean, unit) = ([vec![0.0, 0.0]], vec![1.0, 0.0, 0.0, 1.0]);
        let refused = |w: &[f64], m: &[Vec<f64>], c: &[Vec<f64>]| GaussianMixture::new(w, m, c).unwrap_err();
        assert!(matches!(refused(&[], &[], &[]), Error::Shape { .. }));
        assert!(matches!(refused(&[1.0], &mean, &[vec![1.0]]), Error::Shape { .. }));
        assert!(matches!(refused(&[-1.0], &mean, &[unit]), Error::Invalid(_)));
        let indefinite = vec![1.0, 2.0, 2.0, 1.0];
        assert!(matches!(refused(&[1.0], &mean, &[indefinite]), Error::NotPositiveDefinite { .. }));
    }
}
