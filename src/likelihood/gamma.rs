//! Positive targets with a gamma distribution and a log link: mean eᶠ, shape α, so rate α e⁻ᶠ.

use super::special::{digamma, gamma_cdf, log_normal_moments};
use super::tilted::tilted_of;
use super::{Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted};
use crate::parameter::{Parameter, Prior};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::gamma::ln_gamma;

/// Gamma(y | shape α, mean eᶠ), whose standard deviation is eᶠ/√α. Parameter `shape`.
#[derive(Debug, Clone, Copy)]
pub struct Gamma;

impl Gamma {
    /// What does not depend on f: α log α − log Γ(α) + (α − 1) log y.
    fn constant(shape: f64, y: f64) -> f64 {
        shape * shape.ln() - ln_gamma(shape) + (shape - 1.0) * y.ln()
    }

    /// Its derivative in the shape.
    fn constant_by(shape: f64, y: f64) -> f64 {
        shape.ln() + 1.0 - digamma(shape) + y.ln()
    }

    /// The derivatives without the constant.
    fn varying(shape: f64, y: f64, f: f64, out: &mut Derivatives) {
        let ratio = y * (-f).exp();
        let curvature = shape * ratio;
        out.set_concave(-shape * f - curvature, curvature - shape, curvature, -curvature);
        out.value_by[0] = -f - ratio;
        out.gradient_by[0] = ratio - 1.0;
        out.curvature_by[0] = ratio;
    }
}

impl Likelihood for Gamma {
    fn family(&self) -> Family {
        Family::Gamma
    }

    /// The prior of the shape is log-normal with median e. Within two of its standard deviations targets vary by 14 % to
    /// 270 % of their mean.
    fn parameters(&self) -> Vec<Parameter> {
        let prior = Some(Prior::LogNormal { mu: 1.0, sigma: 1.5 });
        vec![Parameter { prior, ..Parameter::positive("likelihood.shape", 2.0) }]
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.is_positive().then_some(()).ok_or("a target must be a positive number".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        Self::constant(theta[0], at.y) - theta[0] * (f[0] + at.y * (-f[0]).exp())
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        Self::varying(theta[0], at.y, f[0], out);
        out.value += Self::constant(theta[0], at.y);
        out.value_by[0] += Self::constant_by(theta[0], at.y);
    }

    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (shape, ratio) = (theta[0], at.y * (0.5 * q.covariance[0] - q.mean[0]).exp());
        out.value = Self::constant(shape, at.y) - shape * (q.mean[0] + ratio);
        out.gradient[0] = shape * (ratio - 1.0);
        out.hessian[0] = -shape * ratio;
        out.value_by[0] = Self::constant_by(shape, at.y) - q.mean[0] - ratio;
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        tilted_of(|f, node| Self::varying(theta[0], at.y, f, node), mean, variance, out);
        out.log_z += Self::constant(theta[0], at.y);
        out.log_z_by[0] += Self::constant_by(theta[0], at.y);
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0].exp(), (2.0 * f[0]).exp() / theta[0])
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        if at.y > 0.0 { gamma_cdf(theta[0], theta[0] * at.y * (-f[0]).exp()) } else { 0.0 }
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        // A positive shape has a sampler; the tiniest draws of a small shape underflow.
        let draw =
            rand_distr::Gamma::new(theta[0], f[0].exp() / theta[0]).map_or(f64::NAN, |d| d.sample(rng));
        draw.max(f64::MIN_POSITIVE)
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let (mean, variance, square) = log_normal_moments(latent.mean[0], latent.covariance[0]);
        (mean, square / theta[0] + variance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::super::exponential::Exponential;
    use super::*;

    #[test]
    fn gamma_is_consistent() {
        for (shape, y) in [(0.6, 0.05), (2.0, 1.3), (30.0, 0.7)] {
            let points = [vec![0.4], vec![-1.2]];
            likelihood_is_consistent(&Gamma, &[shape], Observation::new(y), &points);
        }
        assert!(Gamma.check(Observation::new(0.0)).is_err());
    }

    #[test]
    fn shape_one_is_exponential() {
        let at = Observation::new(0.8);
        let (gamma, exponential) =
            (Gamma.log_density(&[1.0], at, &[0.3]), Exponential.log_density(&[], at, &[0.3]));
        assert!((gamma - exponential).abs() < 1e-14);
    }
}
