//! Positive targets whose logarithms have normal noise: log y = f + ε, ε ~ N(0, variance).
//!
//! The density is that of [`Gaussian`] at log y, over y.

use super::special::log_normal_moments;
use super::{Derivatives, Expectations, Family, Gaussian, LatentGaussian, Likelihood, Observation, Tilted};
use crate::parameter::Parameter;
use rand::Rng;

/// N(log y | f, variance)/y, with mean exp(f + variance/2). Parameter `variance`.
#[derive(Debug, Clone, Copy)]
pub struct LogNormal;

fn logarithm(at: Observation) -> Observation {
    Observation { y: at.y.ln(), ..at }
}

impl Likelihood for LogNormal {
    fn family(&self) -> Family {
        Family::LogNormal
    }

    fn parameters(&self) -> Vec<Parameter> {
        Gaussian.parameters()
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.is_positive().then_some(()).ok_or("a target must be a positive number".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let log = logarithm(at);
        Gaussian.log_density(theta, log, f) - log.y
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let log = logarithm(at);
        Gaussian.derivatives(theta, log, f, out);
        out.value -= log.y;
    }

    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let log = logarithm(at);
        Gaussian.expectations(theta, log, q, out);
        out.value -= log.y;
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        let log = logarithm(at);
        Gaussian.tilted(theta, log, mean, variance, out);
        out.log_z -= log.y;
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        let (mean, variance, _) = log_normal_moments(f[0], theta[0]);
        (mean, variance)
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        if at.y > 0.0 { Gaussian.conditional_cdf(theta, logarithm(at), f) } else { 0.0 }
    }

    fn sample(&self, theta: &[f64], exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        Gaussian.sample(theta, exposure, f, rng).exp()
    }

    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let log = logarithm(at);
        Gaussian.predictive_log_density(theta, log, latent) - log.y
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (mean, variance, _) = log_normal_moments(latent.mean[0], latent.covariance[0] + theta[0]);
        (mean, variance)
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        if at.y > 0.0 { Gaussian.predictive_cdf(theta, logarithm(at), latent) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn log_normal_is_consistent() {
        for (variance, y) in [(0.2, 1.7), (0.5, 0.05)] {
            let points = [vec![0.5], vec![-1.5]];
            likelihood_is_consistent(&LogNormal, &[variance], Observation::new(y), &points);
        }
        assert!(LogNormal.check(Observation::new(0.0)).is_err());
        assert_eq!(LogNormal.conditional_cdf(&[1.0], Observation::new(0.0), &[0.3]), 0.0);
    }
}
