//! Student's t noise: targets with outliers.
//!
//! y = f + s t, where t has ν degrees of freedom:
//!
//! log p(y | f) = log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(νπ s²) − ½ (ν+1) log(1 + r²/a²), r = y − f, a² = ν s².
//!
//! Not log-concave: beyond |r| = a the density is convex, and two modes of a posterior are possible. Laplace's method
//! takes the expected information (ν+1)/((ν+3) s²) (Jylänki, Vanhatalo & Vehtari 2011, "Robust Gaussian process
//! regression with a Student-t likelihood", JMLR 12).
//!
//! log(1 + r²/a²) has singularities at distance a from the data, so that Gauss–Hermite takes hundreds of nodes where the
//! scale is a tenth of the latent standard deviation. Both integrals are therefore written as mixtures over a scale λ,
//! where the latent value integrates in closed form, and the trapezoidal rule in log λ converges geometrically for every
//! ratio of scales (Trefethen & Weideman 2014, SIAM Review 56). Sums and integrals agree to 1e-12.

use super::scale_mixture::{ScaleMixture, exponential_rule, log_constant};
use super::special::{beta_cdf, normal_cdf};
use super::{
    Approximation, Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted,
};
use crate::parameter::{Bijector, Parameter, Prior};
use rand::Rng;
use rand_distr::Distribution;
use std::f64::consts::PI;

/// Student's t noise with parameters ν (`likelihood.degrees`) and s (`likelihood.scale`).
///
/// The prior of ν is Gamma(2, 10) (Juárez & Steel 2010, "Model-based clustering of non-Gaussian panel data based on
/// skew-t distributions"): from very heavy tails to nearly normal ones. Its variance is infinite for ν ≤ 2, and so are
/// then the variances that [`Likelihood::conditional_moments`] and [`Likelihood::predictive_moments`] return; the mean,
/// which does not exist for ν ≤ 1, is given as the centre.
#[derive(Debug, Clone, Copy, Default)]
pub struct StudentT;

impl Likelihood for StudentT {
    fn family(&self) -> Family {
        Family::StudentT
    }

    fn parameters(&self) -> Vec<Parameter> {
        let degrees = Parameter {
            path: "likelihood.degrees".into(),
            bijector: Bijector::POSITIVE,
            prior: Some(Prior::Gamma { shape: 2.0, scale: 10.0 }),
            start: 4.0,
            fixed: false,
        };
        vec![degrees, Parameter::positive("likelihood.scale", 1.0)]
    }

    fn is_log_concave(&self) -> bool {
        false
    }

    /// Laplace's: with heavy tails and little noise the steps of the other two do not settle.
    fn approximation(&self) -> Approximation {
        Approximation::Laplace
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.y.is_finite().then_some(()).ok_or_else(|| "a target must be finite".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let (nu, s) = (theta[0], theta[1]);
        let r = at.y - f[0];
        log_constant(nu).0 - s.ln() - 0.5 * (nu + 1.0) * (r * r / (nu * s * s)).ln_1p()
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let (nu, s) = (theta[0], theta[1]);
        let (r, s2) = (at.y - f[0], s * s);
        let (r2, a2) = (r * r, nu * s2);
        let d = a2 + r2;
        let (constant, constant_by) = log_constant(nu);
        let log = (r2 / a2).ln_1p();
        out.value = constant - s.ln() - 0.5 * (nu + 1.0) * log;
        out.gradient[0] = (nu + 1.0) * r / d;
        out.hessian[0] = (nu + 1.0) * (r2 - a2) / (d * d);
        out.curvature[0] = (nu + 1.0) / ((nu + 3.0) * s2);
        out.curvature_by_f[0] = 0.0;
        out.value_by[0] = constant_by - 0.5 * log + 0.5 * (nu + 1.0) / nu * r2 / d;
        out.value_by[1] = ((nu + 1.0) * r2 / d - 1.0) / s;
        out.gradient_by[0] = r * (r2 - s2) / (d * d);
        out.gradient_by[1] = -2.0 * (nu + 1.0) * r * nu * s / (d * d);
        out.curvature_by[0] = 2.0 / ((nu + 3.0).powi(2) * s2);
        out.curvature_by[1] = -2.0 * out.curvature[0] / s;
    }

    /// With log(1 + x) = ∫ (1 − e^{−λx}) e^{−λ} dλ/λ and the Gaussian integral of e^{−λ r²/a²}.
    ///
    /// Every derivative is that of the sum which gives the value.
    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (nu, s) = (theta[0], theta[1]);
        let (delta, v, a2) = (at.y - q.mean[0], q.covariance[0].max(0.0), nu * s * s);
        let (mut log, mut slope, mut bend, mut by_a2) = (0.0, 0.0, 0.0, 0.0);
        let ratio = (v + delta * delta) / a2;
        for &(lambda, weight) in exponential_rule(ratio) {
            let d = a2 + 2.0 * lambda * v;
            let (l, square) = (lambda / d, delta * delta);
            // 1 − E exp(−λ r²/a²).
            let rest = -(-0.5 * (2.0 * lambda * v / a2).ln_1p() - l * square).exp_m1();
            let weighted = weight * (1.0 - rest) * l;
            log += weight * rest;
            slope += weighted;
            bend += weighted * (2.0 * l * square - 1.0);
            by_a2 -= weighted * (v / a2 + square / d);
        }
        let (constant, constant_by) = log_constant(nu);
        out.value = constant - s.ln() - 0.5 * (nu + 1.0) * log;
        out.gradient[0] = (nu + 1.0) * delta * slope;
        out.hessian[0] = (nu + 1.0) * bend;
        out.value_by[0] = constant_by - 0.5 * log - 0.5 * (nu + 1.0) * by_a2 * s * s;
        out.value_by[1] = -1.0 / s - (nu + 1.0) * by_a2 * nu * s;
    }

    /// As a mixture over the precision: Z = ∫ N(y | μ, v + s²/λ) Gamma(λ | ν/2, ν/2) dλ.
    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        let (nu, s) = (theta[0], theta[1]);
        let delta = at.y - mean;
        let mixture = ScaleMixture::new(nu, (delta / s).powi(2));
        let (mut top, mut mass) = (f64::NEG_INFINITY, 0.0);
        let (mut first, mut second, mut by_nu, mut by_s) = (0.0, 0.0, 0.0, 0.0);
        mixture.nodes(|tau, lambda, log_weight| {
            let total = variance + s * s / lambda;
            let square = delta * delta / total;
            let log = log_weight - 0.5 * (square + total.ln());
            if log > top {
                let shrink = (top - log).exp();
                for sum in [&mut mass, &mut first, &mut second, &mut by_nu, &mut by_s] {
                    *sum *= shrink;
                }
                top = log;
            }
            let weight = (log - top).exp();
            mass += weight;
            first += weight / total;
            second += weight * (square - 1.0) / total;
            by_nu += weight * (tau - tau.exp_m1());
            by_s += weight * (square - 1.0) / (total * lambda);
        });
        out.log_z = top + mass.ln() - 0.5 * (2.0 * PI).ln();
        out.slope = delta * first / mass;
        out.curvature = second / mass - out.slope * out.slope;
        out.log_z_by[0] = 0.5 * (mixture.constant_by + by_nu / mass);
        out.log_z_by[1] = s * by_s / mass;
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0], variance(theta))
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let nu = theta[0];
        let t = (at.y - f[0]) / theta[1];
        let square = t * t;
        // Whichever argument of the incomplete beta function is the smaller one keeps the digits.
        if square < nu {
            0.5 + 0.5 * beta_cdf(0.5, 0.5 * nu, square / (nu + square)).copysign(t)
        } else {
            let tail = 0.5 * beta_cdf(0.5 * nu, 0.5, nu / (nu + square));
            if t < 0.0 { tail } else { 1.0 - tail }
        }
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        // Degrees are positive by their bijector.
        rand_distr::StudentT::new(theta[0]).map_or(f64::NAN, |t| f[0] + theta[1] * t.sample(rng))
    }

    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let mut tilted = Tilted::new(2);
        self.tilted(theta, at, latent.mean[0], latent.covariance[0].max(0.0), &mut tilted);
        tilted.log_z
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        (latent.mean[0], latent.covariance[0] + variance(theta))
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let (delta, v) = (at.y - latent.mean[0], latent.covariance[0].max(0.0));
        let mut sum = 0.5;
        // Less a half, a term falls off with the mixture's density and with 1/√(v + s²/λ).
        ScaleMixture::new(theta[0], 0.0).nodes(|_, lambda, log_weight| {
            let z = delta / (v + theta[1] * theta[1] / lambda).sqrt();
            sum += log_weight.exp() * (normal_cdf(z) - 0.5);
        });
        sum.clamp(0.0, 1.0)
    }
}

/// ν s²/(ν − 2), infinite for ν ≤ 2.
fn variance(theta: &[f64]) -> f64 {
    if theta[0] > 2.0 { theta[0] * theta[1] * theta[1] / (theta[0] - 2.0) } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    #[test]
    fn student_t_is_consistent() {
        for theta in [[4.0, 1.0], [1.3, 0.5], [9.0, 2.0], [70.0, 0.8]] {
            for y in [0.4, -12.0] {
                let points = [vec![0.0], vec![0.7], vec![-3.0]];
                likelihood_is_consistent(&StudentT, &theta, Observation::new(y), &points);
            }
        }
    }

    /// log p(y | f) N(f | mean, sd²) at the nodes of a rule that is dense around y and around the mean.
    fn brute_force(theta: &[f64], y: f64, mean: f64, sd: f64, g: impl Fn(f64, f64) -> f64) -> f64 {
        let range = 12.0 * sd + (y - mean).abs();
        let (nodes, scale) = (20_000, 0.05 * theta[1].min(sd));
        let (low, high) = (((-range) / scale).asinh(), (range / scale).asinh());
        let step = (high - low) / f64::from(nodes);
        (0..=nodes)
            .flat_map(|k| [(k, y), (k, mean)])
            .map(|(k, centre)| {
                let t = low + step * f64::from(k);
                let x = scale * t.sinh();
                // A partition of unity: each rule takes what lies nearer to its centre.
                let (own, other) = (x.powi(2), (centre + x - if centre == y { mean } else { y }).powi(2));
                let share = if y == mean { 0.5 } else { other / (own + other) };
                let f = centre + x;
                let log = StudentT.log_density(theta, Observation::new(y), &[f]);
                let z = (f - mean) / sd;
                let normal = (-0.5 * z * z).exp() / (sd * (2.0 * PI).sqrt());
                step * scale * t.cosh() * share * g(log, normal)
            })
            .sum()
    }

    #[test]
    fn integrals_hold_for_scales_far_below_and_above_the_latent_deviation() {
        let mut worst = (0.0_f64, 0.0_f64);
        for theta in [[4.0, 1.0], [1.0, 0.3], [0.6, 2.0], [30.0, 0.5], [300.0, 1.0]] {
            for ratio in [0.01, 0.1, 1.0, 10.0] {
                for distance in [0.0, 1.0, 6.0] {
                    let sd = theta[1] / ratio;
                    let y = 0.3 + distance * (sd + theta[1]);
                    let (at, covariance) = (Observation::new(y), [sd * sd]);
                    let latent = LatentGaussian { mean: &[0.3], covariance: &covariance };
                    let expected = brute_force(&theta, y, 0.3, sd, |log, normal| normal * log);
                    let mut found = Expectations::new(1, 2);
                    StudentT.expectations(&theta, at, latent, &mut found);
                    worst.0 = worst.0.max((found.value - expected).abs() / (1.0 + expected.abs()));
                    let expected = brute_force(&theta, y, 0.3, sd, |log, normal| normal * log.exp()).ln();
                    let found = StudentT.predictive_log_density(&theta, at, latent);
                    worst.1 = worst.1.max((found - expected).abs() / (1.0 + expected.abs()));
                }
            }
        }
        assert!(worst.0 < 1e-11 && worst.1 < 1e-11, "{worst:?}");
    }

    #[test]
    fn many_degrees_of_freedom_are_normal_noise() {
        let (at, theta) = (Observation::new(1.1), [1e7, 0.7]);
        let latent = LatentGaussian { mean: &[0.4], covariance: &[0.5] };
        let normal = |r: f64, v: f64| -0.5 * ((2.0 * PI * v).ln() + r * r / v);
        assert!((StudentT.log_density(&theta, at, &[0.4]) - normal(0.7, 0.49)).abs() < 1e-6);
        assert!((StudentT.predictive_log_density(&theta, at, latent) - normal(0.7, 0.99)).abs() < 1e-6);
        let mut found = Expectations::new(1, 2);
        StudentT.expectations(&theta, at, latent, &mut found);
        assert!((found.value - (normal(0.7, 0.49) - 0.5 * 0.5 / 0.49)).abs() < 1e-6);
        assert!((found.hessian[0] + 1.0 / 0.49).abs() < 1e-5);
    }

    #[test]
    fn a_certain_latent_value_gives_the_density_itself() {
        let (theta, at) = ([3.0, 0.4], Observation::new(-2.0));
        let latent = LatentGaussian { mean: &[0.5], covariance: &[0.0] };
        let mut node = Derivatives::new(1, 2);
        StudentT.derivatives(&theta, at, &[0.5], &mut node);
        let mut found = Expectations::new(1, 2);
        StudentT.expectations(&theta, at, latent, &mut found);
        let predictive = StudentT.predictive_log_density(&theta, at, latent);
        let cdf = StudentT.predictive_cdf(&theta, at, latent) - StudentT.conditional_cdf(&theta, at, &[0.5]);
        for (found, expected) in [
            (found.value, node.value),
            (found.gradient[0], node.gradient[0]),
            (found.hessian[0], node.hessian[0]),
            (predictive, node.value),
            (cdf, 0.0),
        ] {
            assert!((found - expected).abs() < 1e-11, "{found} {expected}");
        }
    }

    #[test]
    fn an_outlier_far_beyond_every_scale_stays_finite() {
        let (theta, at) = ([4.0, 1e-3], Observation::new(1e4));
        let mut out = Tilted::new(2);
        for variance in [1e-6, 1.0, 1e4] {
            StudentT.tilted(&theta, at, 0.0, variance, &mut out);
            assert!(out.log_z.is_finite() && out.slope.is_finite() && out.curvature.is_finite());
            assert!(1.0 + variance * out.curvature > 0.0, "the tilted variance is positive");
        }
    }

    #[test]
    fn the_variance_is_infinite_up_to_two_degrees_of_freedom() {
        let latent = LatentGaussian { mean: &[1.0], covariance: &[0.5] };
        assert_eq!(StudentT.conditional_moments(&[2.0, 1.0], 1.0, &[1.0]), (1.0, f64::INFINITY));
        assert_eq!(StudentT.predictive_moments(&[1.5, 1.0], 1.0, latent), (1.0, f64::INFINITY));
        assert_eq!(StudentT.predictive_moments(&[4.0, 1.0], 1.0, latent), (1.0, 2.5));
    }
}
