//! A Gaussian twisted into a banana (Haario, Saksman & Tamminen 1999).

use super::LogDensity;
use crate::{Error, Result};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::TAU;

/// z_1 ~ N(0, s²), z_2 | z_1 ~ N(−b (z_1² − s²), 1).
///
/// The twist keeps volumes, so the density stays normalised; the shift by s² puts its mean at the origin.
/// Haario et al. have s² = 100 and b = 0.03 (mild) or 0.1 (strong).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Banana {
    variance: f64,
    bend: f64,
}

impl Banana {
    /// Variance s² along the banana (positive) and its bend b.
    ///
    /// # Errors
    /// [`Error::Invalid`] where s² is not positive or b is not finite.
    pub fn new(variance: f64, bend: f64) -> Result<Self> {
        if !(variance > 0.0 && variance.is_finite() && bend.is_finite()) {
            return Err(Error::Invalid("a banana needs a positive variance and a finite bend".into()));
        }
        Ok(Self { variance, bend })
    }

    /// The origin.
    pub fn mean(&self) -> [f64; 2] {
        [0.0; 2]
    }

    /// diag(s², 1 + 2b²s⁴), row by row.
    pub fn covariance(&self) -> [f64; 4] {
        [self.variance, 0.0, 0.0, 1.0 + 2.0 * (self.bend * self.variance).powi(2)]
    }

    /// An exact draw, into `out` (length 2).
    pub fn sample(&self, rng: &mut impl Rng, out: &mut [f64]) {
        let (a, b): (f64, f64) = (StandardNormal.sample(rng), StandardNormal.sample(rng));
        out[0] = self.variance.sqrt() * a;
        out[1] = b - self.bend * (out[0] * out[0] - self.variance);
    }
}

impl LogDensity for Banana {
    type Workspace = ();

    fn dim(&self) -> usize {
        2
    }

    fn workspace(&self) {}

    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        // z_2 untwisted: standard normal.
        let straight = z[1] + self.bend * (z[0] * z[0] - self.variance);
        score[0] = -z[0] / self.variance - 2.0 * self.bend * z[0] * straight;
        score[1] = -straight;
        let quadratic = z[0] * z[0] / self.variance + straight * straight;
        finite(-0.5 * quadratic - TAU.ln() - 0.5 * self.variance.ln())
    }
}

fn finite(value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::NotFiniteValue { what: "log density of the banana" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{by_quadrature, close, draws, score_is_the_gradient};
    use super::*;

    #[test]
    fn the_score_is_the_gradient() {
        score_is_the_gradient(&Banana::new(4.0, 0.3).unwrap(), &[&[0.0, 0.0], &[2.5, -1.0], &[-6.0, 3.0]]);
    }

    #[test]
    fn mass_and_moments_are_those_of_quadrature() {
        let banana = Banana::new(2.0, 0.4).unwrap();
        let (mass, mean, covariance) = by_quadrature(&banana, [(-9.0, 9.0), (-35.0, 8.0)], 500);
        close(&[mass], &[1.0], 1e-6);
        close(&mean, &banana.mean(), 1e-6);
        close(&covariance, &banana.covariance(), 1e-5);
    }

    #[test]
    fn draws_have_the_bananas_moments() {
        let banana = Banana::new(4.0, 0.3).unwrap();
        let cloud = draws(2, 20_000, |rng, out| banana.sample(rng, out));
        close(&cloud.mean(), &banana.mean(), 0.06);
        close(&cloud.covariance(), &banana.covariance(), 0.2);
    }

    #[test]
    fn a_flat_banana_is_refused() {
        assert!(Banana::new(0.0, 0.1).is_err() && Banana::new(1.0, f64::NAN).is_err());
    }
}
