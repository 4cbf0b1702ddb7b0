//! Positive targets with an exponential distribution and a log link: mean eᶠ.

use super::special::log_normal_moments;
use super::{Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation};
use rand::Rng;
use rand_distr::Distribution;

/// exp(−f − y e⁻ᶠ). No parameters.
#[derive(Debug, Clone, Copy)]
pub struct Exponential;

impl Likelihood for Exponential {
    fn family(&self) -> Family {
        Family::Exponential
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        let inside = at.y.is_finite() && at.y >= 0.0;
        inside.then_some(()).ok_or("a target must be a number from 0 on".into())
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        -f[0] - at.y * (-f[0]).exp()
    }

    fn derivatives(&self, _theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let ratio = at.y * (-f[0]).exp();
        out.set_concave(-f[0] - ratio, ratio - 1.0, ratio, -ratio);
    }

    fn expectations(&self, _theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let ratio = at.y * (0.5 * q.covariance[0] - q.mean[0]).exp();
        out.value = -q.mean[0] - ratio;
        out.gradient[0] = ratio - 1.0;
        out.hessian[0] = -ratio;
    }

    fn conditional_moments(&self, _theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0].exp(), (2.0 * f[0]).exp())
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        -(-at.y.max(0.0) * (-f[0]).exp()).exp_m1()
    }

    fn sample(&self, _theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let standard: f64 = rand_distr::Exp1.sample(rng);
        f[0].exp() * standard
    }

    fn predictive_moments(&self, _theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (mean, variance, square) = log_normal_moments(latent.mean[0], latent.covariance[0]);
        (mean, square + variance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn exponential_is_consistent() {
        for y in [0.0, 0.02, 1.3, 9.0] {
            let points = [vec![0.4], vec![-1.2]];
            likelihood_is_consistent(&Exponential, &[], Observation::new(y), &points);
        }
        assert!(Exponential.check(Observation::new(-0.1)).is_err());
    }
}
