//! Counts that vary more than Poisson's: mean μ = exposure · eᶠ, variance μ + μ²/r with dispersion r.
//!
//! This is Poisson with a rate that is itself Gamma(r, μ/r). With a = log(μ/r) the log density is
//! log Γ(y + r) − log Γ(r) − log y! + y a − (y + r) log(1 + eᵃ), concave in f.

use super::poisson::{check_count, sample_count};
use super::quadrature::expectations_of;
use super::special::{beta_cdf, digamma, log_normal_moments, log1p_exp, logistic};
use super::tilted::tilted_of;
use super::{Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted};
use crate::parameter::{Parameter, Prior};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::gamma::ln_gamma;

/// Negative binomial with mean exposure · eᶠ. Parameter `dispersion`, r: the larger, the nearer to Poisson.
#[derive(Debug, Clone, Copy)]
pub struct NegativeBinomial;

impl NegativeBinomial {
    /// What does not depend on f: log Γ(y + r) − log Γ(r) − log y!.
    fn constant(r: f64, y: f64) -> f64 {
        ln_gamma(y + r) - ln_gamma(r) - ln_gamma(y + 1.0)
    }

    /// Its derivative in r.
    fn constant_by(r: f64, y: f64) -> f64 {
        digamma(y + r) - digamma(r)
    }

    /// The derivatives without the constant.
    fn varying(r: f64, at: Observation, f: f64, out: &mut Derivatives) {
        let a = at.exposure.ln() + f - r.ln();
        let (above, below) = (logistic(a), logistic(-a));
        let (log_above, log_below) = (log1p_exp(a), log1p_exp(-a));
        let gradient = at.y * below - r * above;
        let curvature = (at.y + r) * above * below;
        let curvature_by_f = curvature * (below - above);
        out.set_concave(-at.y * log_below - r * log_above, gradient, curvature, curvature_by_f);
        // r also moves a, by −1/r.
        out.value_by[0] = -log_above - gradient / r;
        out.gradient_by[0] = -above + curvature / r;
        out.curvature_by[0] = above * below - curvature_by_f / r;
    }
}

impl Likelihood for NegativeBinomial {
    fn family(&self) -> Family {
        Family::NegativeBinomial
    }

    /// The prior of r is log-normal with median e. Within two of its standard deviations rates vary by 14 % to 270 %.
    fn parameters(&self) -> Vec<Parameter> {
        let prior = Some(Prior::LogNormal { mu: 1.0, sigma: 1.5 });
        vec![Parameter { prior, ..Parameter::positive("likelihood.dispersion", 3.0) }]
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        check_count(at)
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let (y, r) = (at.y, theta[0]);
        let a = at.exposure.ln() + f[0] - r.ln();
        Self::constant(r, y) - y * log1p_exp(-a) - r * log1p_exp(a)
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        Self::varying(theta[0], at, f[0], out);
        out.value += Self::constant(theta[0], at.y);
        out.value_by[0] += Self::constant_by(theta[0], at.y);
    }

    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        expectations_of(|f, node| Self::varying(theta[0], at, f, node), q, out);
        out.value += Self::constant(theta[0], at.y);
        out.value_by[0] += Self::constant_by(theta[0], at.y);
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        tilted_of(|f, node| Self::varying(theta[0], at, f, node), mean, variance, out);
        out.log_z += Self::constant(theta[0], at.y);
        out.log_z_by[0] += Self::constant_by(theta[0], at.y);
    }

    fn conditional_moments(&self, theta: &[f64], exposure: f64, f: &[f64]) -> (f64, f64) {
        let mean = exposure * f[0].exp();
        (mean, mean + mean * mean / theta[0])
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let a = at.exposure.ln() + f[0] - theta[0].ln();
        if at.y < 0.0 { 0.0 } else { beta_cdf(theta[0], at.y.floor() + 1.0, logistic(-a)) }
    }

    fn sample(&self, theta: &[f64], exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let mean = exposure * f[0].exp();
        let rate = rand_distr::Gamma::new(theta[0], mean / theta[0]).map_or(mean, |d| d.sample(rng));
        sample_count(rate, rng)
    }

    fn predictive_moments(&self, theta: &[f64], exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (mean, variance, square) =
            log_normal_moments(latent.mean[0] + exposure.ln(), latent.covariance[0]);
        (mean, mean + square / theta[0] + variance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::super::poisson::Poisson;
    use super::*;

    #[test]
    fn negative_binomial_is_consistent() {
        for (y, exposure, r) in [(0.0, 1.0, 0.7), (4.0, 2.5, 3.0), (60.0, 20.0, 12.0)] {
            let points = [vec![0.7], vec![-2.0]];
            likelihood_is_consistent(&NegativeBinomial, &[r], Observation { y, exposure }, &points);
        }
    }

    #[test]
    fn large_dispersion_is_poisson() {
        let at = Observation { y: 4.0, exposure: 2.0 };
        let difference =
            NegativeBinomial.log_density(&[1e8], at, &[0.3]) - Poisson.log_density(&[], at, &[0.3]);
        assert!(difference.abs() < 1e-6);
    }
}
