//! Gaussian noise whose variance changes over the inputs.
//!
//! Two latent functions f = (f₁, f₂), the mean and the log variance:
//!
//! log p(y | f) = −½ log 2π − ½ f₂ − ½ (y − f₁)² e^{−f₂}.
//!
//! Not log-concave; the expected information is diag(e^{−f₂}, ½). Expectations under a Gaussian are in closed form
//! (Lázaro-Gredilla & Titsias 2011, "Variational heteroscedastic Gaussian process regression", ICML, eq. 12, here with
//! correlated latent values). In predictions f₁ given f₂ integrates in closed form, and the trapezoidal rule takes f₂.

use super::special::{log_normal_density, normal_cdf};
use super::{Approximation, Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation};
use rand::Rng;
use rand_distr::Distribution;
use std::f64::consts::PI;

/// Gaussian noise with latent functions for its mean and its log variance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heteroscedastic;

impl Likelihood for Heteroscedastic {
    fn family(&self) -> Family {
        Family::Heteroscedastic
    }

    fn latents(&self) -> usize {
        2
    }

    fn is_log_concave(&self) -> bool {
        false
    }

    fn approximation(&self) -> Approximation {
        Approximation::Laplace
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.y.is_finite().then_some(()).ok_or_else(|| "a target must be finite".into())
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        log_normal_density(at.y - f[0], f[1].exp())
    }

    fn derivatives(&self, _theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let (r, precision) = (at.y - f[0], (-f[1]).exp());
        let square = r * r * precision;
        out.value = -0.5 * ((2.0 * PI).ln() + f[1] + square);
        out.gradient.copy_from_slice(&[r * precision, 0.5 * (square - 1.0)]);
        out.hessian.copy_from_slice(&[-precision, -r * precision, -r * precision, -0.5 * square]);
        out.curvature.copy_from_slice(&[precision, 0.0, 0.0, 0.5]);
        out.curvature_by_f.fill(0.0);
        out.curvature_by_f[1] = -precision;
    }

    /// E (y − f₁)² e^{−f₂} = e^{−m₂ + S₂₂/2} ((y − m₁ + S₁₂)² + S₁₁).
    fn expectations(&self, _theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (m, s) = (q.mean, q.covariance);
        let precision = (0.5 * s[3] - m[1]).exp();
        let r = at.y - m[0] + s[1];
        let square = precision * (r * r + s[0]);
        out.value = -0.5 * ((2.0 * PI).ln() + m[1] + square);
        out.gradient.copy_from_slice(&[precision * r, 0.5 * (square - 1.0)]);
        out.hessian.copy_from_slice(&[-precision, -precision * r, -precision * r, -0.5 * square]);
    }

    fn conditional_moments(&self, _theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0], f[1].exp())
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        normal_cdf((at.y - f[0]) * (-0.5 * f[1]).exp())
    }

    fn sample(&self, _theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let normal: f64 = rand_distr::StandardNormal.sample(rng);
        f[0] + (0.5 * f[1]).exp() * normal
    }

    fn predictive_log_density(&self, _theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let given = GivenVariance::new(at.y, latent);
        let (mut top, mut mass) = (f64::NEG_INFINITY, 0.0);
        given.nodes(|log_weight, residual, variance| {
            let log = log_weight + log_normal_density(residual, variance);
            if log > top {
                mass *= (top - log).exp();
                top = log;
            }
            mass += (log - top).exp();
        });
        top + mass.ln()
    }

    fn predictive_moments(&self, _theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (m, s) = (latent.mean, latent.covariance);
        (m[0], s[0] + (m[1] + 0.5 * s[3]).exp())
    }

    fn predictive_cdf(&self, _theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let mut sum = 0.0;
        GivenVariance::new(at.y, latent).nodes(|log_weight, residual, variance| {
            sum += log_weight.exp() * normal_cdf(residual / variance.sqrt());
        });
        sum.clamp(0.0, 1.0)
    }
}

/// y given x = f₂: N(μ(x), v + eˣ), where μ(x) and v are mean and variance of f₁ given f₂ = x.
struct GivenVariance {
    /// y − m₁.
    delta: f64,
    /// Mean and standard deviation of f₂.
    mean: f64,
    sd: f64,
    /// Slope of μ(x).
    slope: f64,
    /// Variance of f₁ given f₂.
    variance: f64,
    /// Where the product of both densities has its modes, at the least and at the most.
    modes: (f64, f64),
}

impl GivenVariance {
    fn new(y: f64, latent: LatentGaussian<'_>) -> Self {
        let (m, s) = (latent.mean, latent.covariance);
        let (delta, sd) = (y - m[0], s[3].max(0.0).sqrt());
        let slope = if sd > 0.0 { s[1] / s[3] } else { 0.0 };
        let variance = (s[0] - slope * s[1]).max(0.0);
        // What pulls x away from its mean: the correlation, at most to E[f₂ | f₁ = y]; the normalisation, downwards by
        // S₂₂/2; the residual, upwards, to the log of its square and with a slope that falls from the mean on.
        let towards = if s[0] > 0.0 { s[1] / s[0] * delta } else { 0.0 };
        let residual = (delta.abs() + 10.0 * slope.abs() * sd).powi(2);
        let up = (0.5 * s[3] * residual / (variance + m[1].exp())).min((residual.ln() - m[1]).max(0.0));
        let modes = (m[1] + towards.min(0.0) - 0.5 * s[3], m[1] + towards.max(0.0) + up);
        Self { delta, mean: m[1], sd, slope, variance, modes }
    }

    /// Calls `node` with the log of the weight, y − μ(x) and v + eˣ at the nodes x of a trapezoidal rule.
    fn nodes(&self, mut node: impl FnMut(f64, f64, f64)) {
        /// Standard deviations beyond the modes.
        const REACH: f64 = 9.0;
        /// At most; only a latent variance of thousands or a correlation of nearly one needs more.
        const COUNT: f64 = 4000.0;
        if self.sd <= 0.0 {
            return node(0.0, self.delta, self.variance + self.mean.exp());
        }
        let (low, high) = (self.modes.0 - REACH * self.sd, self.modes.1 + REACH * self.sd);
        // The product's width is at least that of N(x | m₂, S₂₂) N(y | μ(x), v); eˣ varies on the scale of 1.
        let conditional = self.slope * self.slope / (self.variance + low.exp());
        let width = (1.0 / (self.sd * self.sd) + conditional).sqrt().recip();
        let step = (0.6 * width).min(0.3).max((high - low) / COUNT);
        let log_step = (step / self.sd).ln() - 0.5 * (2.0 * PI).ln();
        for k in 0..=((high - low) / step) as usize {
            let x = low + step * k as f64;
            let z = (x - self.mean) / self.sd;
            node(log_step - 0.5 * z * z, self.delta - self.slope * (x - self.mean), self.variance + x.exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn heteroscedastic_is_consistent() {
        let points = [vec![0.0, 0.0], vec![1.0, -1.5], vec![-2.0, 2.0]];
        for y in [0.4, -3.0] {
            likelihood_is_consistent(&Heteroscedastic, &[], Observation::new(y), &points);
        }
    }

    /// ∫ g(f₁, f₂) N(f | m, S) df on a grid.
    fn brute_force(latent: LatentGaussian<'_>, g: impl Fn(f64, f64) -> f64) -> f64 {
        let (m, s) = (latent.mean, latent.covariance);
        let l = [s[0].sqrt(), s[1] / s[0].sqrt(), (s[3] - s[1] * s[1] / s[0]).sqrt()];
        let (half, step) = (500, 0.02);
        let mut sum = 0.0;
        for i in -half..=half {
            for j in -half..=half {
                let (a, b) = (step * f64::from(i), step * f64::from(j));
                let weight = (-0.5 * (a * a + b * b)).exp() * step * step / (2.0 * PI);
                sum += weight * g(m[0] + l[0] * a, m[1] + l[1] * a + l[2] * b);
            }
        }
        sum
    }

    #[test]
    fn predictions_are_integrals_over_both_latent_values() {
        for (y, mean, covariance) in [
            (0.5, [0.0, -1.0], [0.5, 0.2, 0.2, 0.8]),
            (4.0, [0.0, -2.0], [0.3, 0.0, 0.0, 1.5]),
            (3.0, [0.0, -3.0], [1.0, -0.85, -0.85, 0.9]),
            (0.01, [0.0, 0.0], [0.1, 0.05, 0.05, 4.0]),
        ] {
            let latent = LatentGaussian { mean: &mean, covariance: &covariance };
            let at = Observation::new(y);
            let expected =
                brute_force(latent, |a, b| Heteroscedastic.log_density(&[], at, &[a, b]).exp()).ln();
            let found = Heteroscedastic.predictive_log_density(&[], at, latent);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            let expected = brute_force(latent, |a, b| Heteroscedastic.conditional_cdf(&[], at, &[a, b]));
            let found = Heteroscedastic.predictive_cdf(&[], at, latent);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            let expected = brute_force(latent, |a, b| Heteroscedastic.log_density(&[], at, &[a, b]));
            let mut found = Expectations::new(2, 0);
            Heteroscedastic.expectations(&[], at, latent, &mut found);
            assert!(
                (found.value - expected).abs() < 1e-8 * (1.0 + expected.abs()),
                "{} {expected}",
                found.value
            );
            let (first, second) =
                (brute_force(latent, |a, _| a), brute_force(latent, |a, b| a * a + b.exp()));
            let (found, variance) = Heteroscedastic.predictive_moments(&[], 1.0, latent);
            assert!((found - first).abs() < 1e-9);
            assert!((variance - (second - first * first)).abs() < 1e-8 * (1.0 + variance));
        }
    }

    #[test]
    fn a_certain_variance_is_normal_noise() {
        for spread in [0.0, 1e-12] {
            let latent = LatentGaussian { mean: &[0.3, -0.7], covariance: &[0.4, 0.0, 0.0, spread] };
            let found = Heteroscedastic.predictive_log_density(&[], Observation::new(1.0), latent);
            let expected = log_normal_density(0.7, 0.4 + (-0.7_f64).exp());
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
    }

    #[test]
    fn outliers_cost_digits_but_no_failure() {
        let latent = LatentGaussian { mean: &[0.0, -2.0], covariance: &[1e-4, 0.0, 0.0, 1e-2] };
        for y in [10.0, 1e3, 1e5] {
            let found = Heteroscedastic.predictive_log_density(&[], Observation::new(y), latent);
            assert!(found.is_finite() && found < 0.0);
        }
    }
}
