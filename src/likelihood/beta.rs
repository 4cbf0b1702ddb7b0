//! Beta-distributed proportions, strictly between 0 and 1.
//!
//! y ~ Beta(μs, (1 − μ)s) with mean μ = logistic(f) and precision s (Ferrari & Cribari-Neto 2004, "Beta regression for
//! modelling rates and proportions"):
//!
//! log p(y | f) = log Γ(s) − log Γ(μs) − log Γ((1−μ)s) + (μs − 1) log y + ((1−μ)s − 1) log(1 − y).
//!
//! Not log-concave in f; the expected information is (s μ(1−μ))² (ψ′(μs) + ψ′((1−μ)s)). Integrals are by quadrature.

use super::special::{beta_cdf, digamma, logistic, tetragamma, trigamma};
use super::{Approximation, Derivatives, Family, Likelihood, Observation};
use crate::parameter::{Bijector, Parameter, Prior};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::gamma::ln_gamma;

/// The beta distribution with a logistic mean and the precision s (`likelihood.precision`), whose prior Gamma(2, 10)
/// reaches from nearly uniform targets to standard deviations of a few hundredths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beta;

impl Likelihood for Beta {
    fn family(&self) -> Family {
        Family::Beta
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            path: "likelihood.precision".into(),
            bijector: Bijector::POSITIVE,
            prior: Some(Prior::Gamma { shape: 2.0, scale: 10.0 }),
            start: 10.0,
            fixed: false,
        }]
    }

    fn is_log_concave(&self) -> bool {
        false
    }

    fn approximation(&self) -> Approximation {
        Approximation::Laplace
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        (at.y > 0.0 && at.y < 1.0)
            .then_some(())
            .ok_or_else(|| "a proportion must lie strictly between 0 and 1".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let Shapes { a, b, .. } = Shapes::new(theta[0], f[0]);
        ln_gamma(theta[0]) - ln_gamma(a) - ln_gamma(b) + (a - 1.0) * at.y.ln() + (b - 1.0) * (-at.y).ln_1p()
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let s = theta[0];
        let Shapes { mean, rest, a, b } = Shapes::new(s, f[0]);
        let (log, log_rest) = (at.y.ln(), (-at.y).ln_1p());
        // ∂μ/∂f, and ∂² μ/∂f² = slope × skew.
        let (slope, skew) = (mean * rest, rest - mean);
        let (digamma_a, digamma_b) = (digamma(a), digamma(b));
        let (tri_a, tri_b) = (trigamma(a), trigamma(b));
        let (tetra_a, tetra_b) = (tetragamma(a), tetragamma(b));
        let pull = log - log_rest - digamma_a + digamma_b;
        let (ds, information) = (s * slope, tri_a + tri_b);

        out.value = self.log_density(theta, at, f);
        out.gradient[0] = ds * pull;
        out.hessian[0] = ds * skew * pull - ds * ds * information;
        out.curvature[0] = ds * ds * information;
        out.curvature_by_f[0] = ds * ds * (2.0 * skew * information + ds * (tetra_a - tetra_b));
        out.value_by[0] = digamma(s) + mean * (log - digamma_a) + rest * (log_rest - digamma_b);
        out.gradient_by[0] = slope * pull + ds * (rest * tri_b - mean * tri_a);
        out.curvature_by[0] = 2.0 * ds * slope * information + ds * ds * (mean * tetra_a + rest * tetra_b);
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        let Shapes { mean, rest, .. } = Shapes::new(theta[0], f[0]);
        (mean, mean * rest / (theta[0] + 1.0))
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let Shapes { a, b, .. } = Shapes::new(theta[0], f[0]);
        beta_cdf(a, b, at.y)
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let Shapes { mean, a, b, .. } = Shapes::new(theta[0], f[0]);
        // Draws of a tiny shape round to the ends, which do not belong to the support.
        rand_distr::Beta::new(a, b)
            .map_or(mean, |beta| beta.sample(rng))
            .clamp(f64::MIN_POSITIVE, 1.0 - 0.5 * f64::EPSILON)
    }
}

/// Mean μ, 1 − μ, and the shapes of the distribution.
struct Shapes {
    mean: f64,
    rest: f64,
    a: f64,
    b: f64,
}

impl Shapes {
    fn new(s: f64, f: f64) -> Self {
        let (mean, rest) = (logistic(f), logistic(-f));
        Self { mean, rest, a: mean * s, b: rest * s }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn beta_is_consistent() {
        for (s, y) in [(10.0, 0.3), (2.0, 0.9), (60.0, 0.5), (0.7, 1e-4)] {
            likelihood_is_consistent(&Beta, &[s], Observation::new(y), &[vec![0.0], vec![1.2], vec![-2.0]]);
        }
    }

    #[test]
    fn precision_two_at_mean_one_half_is_uniform() {
        for y in [0.01, 0.5, 0.8] {
            assert!(Beta.log_density(&[2.0], Observation::new(y), &[0.0]).abs() < 1e-14);
            assert!((Beta.conditional_cdf(&[2.0], Observation::new(y), &[0.0]) - y).abs() < 1e-14);
        }
    }

    #[test]
    fn tails_are_finite() {
        let mut out = Derivatives::new(1, 1);
        for f in [-30.0, 30.0] {
            for (s, y) in [(10.0, 0.3), (0.1, 1e-9), (300.0, 1.0 - 1e-9)] {
                Beta.derivatives(&[s], Observation::new(y), &[f], &mut out);
                let all =
                    [out.value, out.gradient[0], out.hessian[0], out.curvature[0], out.curvature_by_f[0]];
                assert!(all.iter().all(|x| x.is_finite()), "{all:?}");
                // A vanishing shape a: −log Γ(a) = f + log s, whatever the rest.
                assert!((out.gradient[0].abs() - 1.0).abs() < 1e-8, "{:?}", out.gradient);
            }
        }
    }
}
