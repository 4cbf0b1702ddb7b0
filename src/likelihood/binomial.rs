//! Successes among a number of trials, with a logit link.

use super::quadrature::expectations_of;
use super::special::{beta_cdf, log1p_exp, logistic};
use super::tilted::tilted_of;
use super::{Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::gamma::ln_gamma;

/// Binomial(y | n, 1/(1 + e⁻ᶠ)), where the exposure is the number of trials n. No parameters.
#[derive(Debug, Clone, Copy)]
pub struct Binomial;

impl Binomial {
    /// What does not depend on f: log(n choose y).
    fn constant(at: Observation) -> f64 {
        ln_gamma(at.exposure + 1.0) - ln_gamma(at.y + 1.0) - ln_gamma(at.exposure - at.y + 1.0)
    }

    /// The log density without the constant. Each outcome has the logarithm of its own probability, so that neither tail
    /// cancels.
    fn value(at: Observation, f: f64) -> f64 {
        -at.y * log1p_exp(-f) - (at.exposure - at.y) * log1p_exp(f)
    }

    /// The derivatives without the constant.
    fn varying(at: Observation, f: f64, out: &mut Derivatives) {
        let (success, failure) = (logistic(f), logistic(-f));
        let gradient = at.y * failure - (at.exposure - at.y) * success;
        let curvature = at.exposure * success * failure;
        out.set_concave(Self::value(at, f), gradient, curvature, curvature * (failure - success));
    }
}

impl Likelihood for Binomial {
    fn family(&self) -> Family {
        Family::Binomial
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        let trials = Observation::new(at.exposure);
        if !trials.is_count() || at.exposure < 1.0 {
            return Err("the number of trials must be a whole number from 1 on".into());
        }
        let inside = at.is_count() && at.y <= at.exposure;
        inside.then_some(()).ok_or("successes must be a whole number from 0 to the number of trials".into())
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        Self::value(at, f[0]) + Self::constant(at)
    }

    fn derivatives(&self, _theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        Self::varying(at, f[0], out);
        out.value += Self::constant(at);
    }

    fn expectations(&self, _theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        expectations_of(|f, node| Self::varying(at, f, node), q, out);
        out.value += Self::constant(at);
    }

    fn tilted(&self, _theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        tilted_of(|f, node| Self::varying(at, f, node), mean, variance, out);
        out.log_z += Self::constant(at);
    }

    fn conditional_moments(&self, _theta: &[f64], exposure: f64, f: &[f64]) -> (f64, f64) {
        let mean = exposure * logistic(f[0]);
        (mean, mean * logistic(-f[0]))
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let y = at.y.floor();
        if y < 0.0 {
            0.0
        } else if y >= at.exposure {
            1.0
        } else {
            beta_cdf(at.exposure - y, y + 1.0, logistic(-f[0]))
        }
    }

    fn sample(&self, _theta: &[f64], exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        // A probability exists for every f.
        rand_distr::Binomial::new(exposure as u64, logistic(f[0])).map_or(f64::NAN, |d| d.sample(rng) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn binomial_is_consistent() {
        for (y, exposure) in [(3.0, 10.0), (0.0, 4.0), (25.0, 25.0)] {
            let points = [vec![0.4], vec![-2.0]];
            likelihood_is_consistent(&Binomial, &[], Observation { y, exposure }, &points);
        }
    }

    #[test]
    fn successes_beyond_the_trials_are_refused() {
        for (y, exposure) in [(5.0, 4.0), (-1.0, 4.0), (1.5, 4.0), (0.0, 0.0), (1.0, 2.5)] {
            assert!(Binomial.check(Observation { y, exposure }).is_err());
        }
    }
}
