//! Laplace noise (double exponential): robust, with a median rather than a mean.
//!
//! log p(y | f) = −log(2b) − |y − f|/b.
//!
//! Log-concave, but kinked at f = y: its second derivative is nought elsewhere and says nothing to Laplace's method, which
//! takes the expected information 1/b². Everything else is piecewise Gaussian and in closed form: with z = (y − μ)/σ and
//! κ = σ/b, the parts of ∫ p(y | f) N(f | μ, σ²) df below and above y are φ(z) I₀(κ ∓ z)/2b, where
//! Iₙ(x) = ∫₀^∞ tⁿ/n! e^{−t²/2 − xt} dt are the repeated integrals of the error function (Abramowitz & Stegun, 7.2).

use super::special::{LogNormalCdf, log_normal_density, normal_cdf};
use super::{
    Approximation, Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation, Tilted,
};
use crate::parameter::Parameter;
use rand::{Rng, RngExt};

/// Laplace noise with the scale b (`likelihood.scale`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Laplace;

impl Likelihood for Laplace {
    fn family(&self) -> Family {
        Family::Laplace
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::positive("likelihood.scale", 1.0)]
    }

    fn is_smooth(&self) -> bool {
        false
    }

    fn approximation(&self) -> Approximation {
        Approximation::Expectation
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        at.y.is_finite().then_some(()).ok_or_else(|| "a target must be finite".into())
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        -(2.0 * theta[0]).ln() - (at.y - f[0]).abs() / theta[0]
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let (b, r) = (theta[0], at.y - f[0]);
        // At the kink, the middle of the subdifferential.
        let sign = if r == 0.0 { 0.0 } else { r.signum() };
        out.value = -(2.0 * b).ln() - r.abs() / b;
        out.gradient[0] = sign / b;
        out.hessian[0] = 0.0;
        out.curvature[0] = 1.0 / (b * b);
        out.curvature_by_f[0] = 0.0;
        out.value_by[0] = (r.abs() / b - 1.0) / b;
        out.gradient_by[0] = -sign / (b * b);
        out.curvature_by[0] = -2.0 / (b * b * b);
    }

    /// E|y − f| = σ (z (2Φ(z) − 1) + 2φ(z)).
    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (b, delta) = (theta[0], at.y - q.mean[0]);
        let sd = q.covariance[0].max(0.0).sqrt();
        let (sign, density) = if sd > 0.0 {
            (1.0 - 2.0 * normal_cdf(-delta / sd), log_normal_density(delta / sd, 1.0).exp())
        } else {
            (if delta == 0.0 { 0.0 } else { delta.signum() }, 0.0)
        };
        let distance = delta * sign + 2.0 * sd * density;
        out.value = -(2.0 * b).ln() - distance / b;
        out.gradient[0] = sign / b;
        out.hessian[0] = if density > 0.0 { -2.0 * density / (sd * b) } else { 0.0 };
        out.value_by[0] = (distance / b - 1.0) / b;
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        let b = theta[0];
        let parts = Parts::new(b, at.y - mean, variance);
        let Parts { sd, kappa, log_density, ref below, ref above, log_mass, .. } = parts;
        out.log_z = log_mass - (2.0 * b).ln();
        let (p, q) = (parts.weight_below(), parts.weight_above());
        out.slope = (p - q) / b;
        // Where both parts are tails, their difference to −1/v is what counts, and it comes from the moments about y,
        // all of them positive; elsewhere from the second derivative of Z.
        out.curvature = if below.x > 1.0 && above.x > 1.0 {
            let offset = q * above.first - p * below.first;
            let square = p * below.second + q * above.second;
            (square - offset * offset - 1.0) / variance
        } else {
            (4.0 * p * q * kappa * kappa - 2.0 * kappa * (log_density - log_mass).exp()) / variance
        };
        out.log_z_by[0] = (sd * (p * below.first + q * above.first) / b - 1.0) / b;
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (f[0], 2.0 * theta[0] * theta[0])
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let r = (at.y - f[0]) / theta[0];
        if r < 0.0 { 0.5 * r.exp() } else { 1.0 - 0.5 * (-r).exp() }
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let u: f64 = rng.random();
        let distance = -(1.0 - u).ln() * theta[0];
        if rng.random() { f[0] + distance } else { f[0] - distance }
    }

    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        if latent.covariance[0] <= 0.0 {
            return self.log_density(theta, at, latent.mean);
        }
        let parts = Parts::new(theta[0], at.y - latent.mean[0], latent.covariance[0]);
        parts.log_mass - (2.0 * theta[0]).ln()
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        (latent.mean[0], latent.covariance[0] + 2.0 * theta[0] * theta[0])
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        if latent.covariance[0] <= 0.0 {
            return self.conditional_cdf(theta, at, latent.mean);
        }
        let parts = Parts::new(theta[0], at.y - latent.mean[0], latent.covariance[0]);
        let (below, above) = (parts.below.log.exp(), parts.above.log.exp());
        (normal_cdf(parts.z) + 0.5 * (above - below)).clamp(0.0, 1.0)
    }
}

/// The parts of ∫ e^{−|y − f|/b} N(f | μ, σ²) df where f lies below and above y.
struct Parts {
    sd: f64,
    kappa: f64,
    /// log φ(z).
    log_density: f64,
    z: f64,
    below: Part,
    above: Part,
    /// log of the sum of both.
    log_mass: f64,
}

impl Parts {
    fn new(b: f64, delta: f64, variance: f64) -> Self {
        let sd = variance.sqrt();
        let (z, kappa) = (delta / sd, sd / b);
        let log_density = log_normal_density(z, 1.0);
        let (below, above) = (Part::new(kappa, z, log_density), Part::new(kappa, -z, log_density));
        let (high, low) = (below.log.max(above.log), below.log.min(above.log));
        let log_mass = high + (low - high).exp().ln_1p();
        Self { sd, kappa, log_density, z, below, above, log_mass }
    }

    fn weight_below(&self) -> f64 {
        (self.below.log - self.log_mass).exp()
    }

    fn weight_above(&self) -> f64 {
        (self.above.log - self.log_mass).exp()
    }
}

/// One side of y: the density ∝ e^{−t²/2 − xt}, t > 0, of the distance from y in latent standard deviations.
struct Part {
    x: f64,
    /// log φ(z) I₀(x) = log e^{κ²/2 − κz} Φ(−x).
    log: f64,
    /// E t = I₁/I₀.
    first: f64,
    /// E t² = 2 I₂/I₀.
    second: f64,
}

impl Part {
    fn new(kappa: f64, z: f64, log_density: f64) -> Self {
        let x = kappa - z;
        if x < 2.0 {
            let cdf = LogNormalCdf::at(-x);
            let first = cdf.slope - x;
            return Self { x, log: kappa * (0.5 * kappa - z) + cdf.value, first, second: 1.0 - x * first };
        }
        // Iₙ/Iₙ₋₁ = 1/(x + (n+1) Iₙ₊₁/Iₙ): all positive, so that no digit is lost (Gautschi 1961, "Recursive computation
        // of the repeated integrals of the error function"). The number of terms for full precision falls with x.
        let terms = 10 + (500.0 / (x * x)) as usize;
        let mut ratios = [0.0; 2];
        for n in (1..=terms).rev() {
            ratios = [1.0 / (x + (n as f64 + 1.0) * ratios[0]), ratios[0]];
        }
        let first = ratios[0];
        Self { x, log: log_density - (x + first).ln(), first, second: 2.0 * first * ratios[1] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn laplace_is_consistent() {
        for (b, y) in [(1.0, 0.4), (0.3, 2.0), (2.5, -8.0)] {
            likelihood_is_consistent(
                &Laplace,
                &[b],
                Observation::new(y),
                &[vec![0.0], vec![1.1], vec![-3.0]],
            );
        }
    }

    fn tilted(b: f64, y: f64, mean: f64, variance: f64) -> Tilted {
        let mut out = Tilted::new(1);
        Laplace.tilted(&[b], Observation::new(y), mean, variance, &mut out);
        out
    }

    #[test]
    fn a_scale_far_below_the_latent_deviation_tilts_to_its_own_variance() {
        // To first order the Gaussian is flat, and what is left is the double exponential.
        for b in [1e-3, 1e-5, 1e-7] {
            let out = tilted(b, 0.0, 0.0, 1.0);
            assert!((out.log_z + 0.5 * (2.0 * PI).ln()).abs() < 2.0 * b);
            let variance = 1.0 + out.curvature;
            assert!((variance - 2.0 * b * b).abs() < 30.0 * b.powi(4) + f64::EPSILON, "{b}: {variance:e}");
        }
    }

    #[test]
    fn far_out_the_tilted_density_is_a_shifted_gaussian() {
        // y above all mass of the Gaussian: Z = exp(v/2b² − (y − m)/b)/2b, slope 1/b, no curvature.
        for y in [40.0, 1e3, 1e6] {
            let out = tilted(0.5, y, 0.0, 1.0);
            let expected = 2.0 - 2.0 * y;
            assert!((out.log_z - expected).abs() < 1e-14 * y, "{} {expected}", out.log_z);
            assert!((out.slope - 2.0).abs() < 1e-14 && out.curvature.abs() < 1e-14);
        }
    }

    #[test]
    fn both_formulas_of_the_tilted_curvature_meet() {
        // κ = 4: from z = 3 on the part below is no tail any more.
        for z in [3.0, 2.0, -3.0] {
            let (below, above) = (tilted(0.25, z - 1e-9, 0.0, 1.0), tilted(0.25, z + 1e-9, 0.0, 1.0));
            assert!((below.curvature - above.curvature).abs() < 1e-7);
            assert!((below.log_z - above.log_z).abs() < 1e-7);
        }
    }

    #[test]
    fn the_kink_has_expectations() {
        let mut out = Expectations::new(1, 1);
        let q = LatentGaussian { mean: &[0.0], covariance: &[4.0] };
        Laplace.expectations(&[0.5], Observation::new(0.0), q, &mut out);
        // E|f| = σ √(2/π).
        assert!((out.value + 2.0 * 2.0 * (2.0 / PI).sqrt()).abs() < 1e-14);
        assert_eq!(out.gradient, [0.0]);
        let q = LatentGaussian { mean: &[0.0], covariance: &[0.0] };
        Laplace.expectations(&[0.5], Observation::new(1.0), q, &mut out);
        assert_eq!((out.value, out.gradient[0], out.hessian[0]), (-2.0, 2.0, 0.0));
    }
}
