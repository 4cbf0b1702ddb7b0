//! Counts with a log link: y ~ Poisson(exposure · eᶠ).

use super::special::{gamma_above, log_normal_moments};
use super::tilted::tilted_of;
use super::{Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::gamma::ln_gamma;

/// Poisson(y | exposure · eᶠ). No parameters.
#[derive(Debug, Clone, Copy)]
pub struct Poisson;

/// What counts must be, here and in other likelihoods of counts.
pub(super) fn check_count(at: Observation) -> Result<(), String> {
    if !(at.exposure.is_finite() && at.exposure > 0.0) {
        return Err("an exposure must be a positive number".into());
    }
    at.is_count().then_some(()).ok_or("a count must be a whole number from 0 on".into())
}

/// A draw with that rate.
pub(super) fn sample_count(rate: f64, rng: &mut dyn Rng) -> f64 {
    // Beyond what the sampler takes, a rate is 0 or its own draw to all digits.
    rand_distr::Poisson::new(rate).map_or(rate.round(), |d| d.sample(rng))
}

impl Poisson {
    /// What does not depend on f: −log y!.
    fn constant(at: Observation) -> f64 {
        -ln_gamma(at.y + 1.0)
    }

    /// The derivatives without the constant.
    fn varying(at: Observation, f: f64, out: &mut Derivatives) {
        let log_rate = at.exposure.ln() + f;
        let rate = log_rate.exp();
        out.set_concave(at.y * log_rate - rate, at.y - rate, rate, rate);
    }
}

impl Likelihood for Poisson {
    fn family(&self) -> Family {
        Family::Poisson
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        check_count(at)
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let log_rate = at.exposure.ln() + f[0];
        at.y * log_rate - log_rate.exp() + Self::constant(at)
    }

    fn derivatives(&self, _theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        Self::varying(at, f[0], out);
        out.value += Self::constant(at);
    }

    fn expectations(&self, _theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let log_rate = at.exposure.ln() + q.mean[0];
        let rate = (log_rate + 0.5 * q.covariance[0]).exp();
        out.value = at.y * log_rate - rate + Self::constant(at);
        out.gradient[0] = at.y - rate;
        out.hessian[0] = -rate;
    }

    fn tilted(&self, _theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        tilted_of(|f, node| Self::varying(at, f, node), mean, variance, out);
        out.log_z += Self::constant(at);
    }

    fn conditional_moments(&self, _theta: &[f64], exposure: f64, f: &[f64]) -> (f64, f64) {
        let rate = exposure * f[0].exp();
        (rate, rate)
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let rate = at.exposure * f[0].exp();
        if at.y < 0.0 { 0.0 } else { gamma_above(at.y.floor() + 1.0, rate) }
    }

    fn sample(&self, _theta: &[f64], exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        sample_count(exposure * f[0].exp(), rng)
    }

    fn predictive_moments(&self, _theta: &[f64], exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (mean, variance, _) = log_normal_moments(latent.mean[0] + exposure.ln(), latent.covariance[0]);
        (mean, mean + variance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn poisson_is_consistent() {
        for (y, exposure) in [(0.0, 1.0), (4.0, 2.5), (60.0, 20.0)] {
            let points = [vec![0.7], vec![-2.0]];
            likelihood_is_consistent(&Poisson, &[], Observation { y, exposure }, &points);
        }
    }

    #[test]
    fn counts_and_exposures_that_are_none_are_refused() {
        for (y, exposure) in [(-1.0, 1.0), (0.5, 1.0), (f64::INFINITY, 1.0), (1.0, 0.0), (1.0, f64::NAN)] {
            assert!(Poisson.check(Observation { y, exposure }).is_err());
        }
    }
}
