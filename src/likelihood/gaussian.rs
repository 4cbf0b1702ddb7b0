//! Normal noise: y = f + ε, ε ~ N(0, variance). Everything is in closed form.

use super::special::{log_normal_density, normal_cdf};
use super::{
    Approximation, Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted,
};
use crate::parameter::Parameter;
use rand::Rng;
use rand_distr::Distribution;

/// N(y | f, variance). Parameter `variance`.
#[derive(Debug, Clone, Copy)]
pub struct Gaussian;

impl Likelihood for Gaussian {
    fn family(&self) -> Family {
        Family::Gaussian
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::positive("likelihood.variance", 1.0)]
    }

    /// Any is exact; this one takes a single step.
    fn approximation(&self) -> Approximation {
        Approximation::Laplace
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.y.is_finite().then_some(()).ok_or("a target must be a finite number".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        log_normal_density(at.y - f[0], theta[0])
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let (difference, precision) = (at.y - f[0], theta[0].recip());
        let gradient = difference * precision;
        out.set_concave(log_normal_density(difference, theta[0]), gradient, precision, 0.0);
        out.value_by[0] = 0.5 * (gradient * gradient - precision);
        out.gradient_by[0] = -gradient * precision;
        out.curvature_by[0] = -precision * precision;
    }

    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (difference, precision) = (at.y - q.mean[0], theta[0].recip());
        let (gradient, spread) = (difference * precision, q.covariance[0] * precision);
        out.value = log_normal_density(difference, theta[0]) - 0.5 * spread;
        out.gradient[0] = gradient;
        out.hessian[0] = -precision;
        out.value_by[0] = 0.5 * (gradient * gradient - precision + spread * precision);
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        let (difference, total) = (at.y - mean, variance + theta[0]);
        out.log_z = log_normal_density(difference, total);
        out.slope = difference / total;
        out.curvature = -total.recip();
        out.log_z_by[0] = 0.5 * (out.slope * out.slope + out.curvature);
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0], theta[0])
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        normal_cdf((at.y - f[0]) / theta[0].sqrt())
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let normal: f64 = rand_distr::StandardNormal.sample(rng);
        f[0] + theta[0].sqrt() * normal
    }

    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        log_normal_density(at.y - latent.mean[0], latent.covariance[0] + theta[0])
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        (latent.mean[0], latent.covariance[0] + theta[0])
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        normal_cdf((at.y - latent.mean[0]) / (latent.covariance[0] + theta[0]).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn gaussian_is_consistent() {
        for (variance, y) in [(0.3, 1.2), (2.0, -4.0)] {
            let points = [vec![0.5], vec![-3.0]];
            likelihood_is_consistent(&Gaussian, &[variance], Observation::new(y), &points);
        }
        assert!(Gaussian.check(Observation::new(f64::NAN)).is_err());
    }
}
