//! A ring: a ridge without ends, whose mean is where its density is low.

use super::LogDensity;
use crate::{Error, Result};
use statrs::distribution::{ContinuousCDF, Normal};
use std::f64::consts::{PI, TAU};

/// p(z) ∝ exp(−(|z| − R)²/(2s²)) on R², normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    radius: f64,
    width: f64,
    log_normaliser: f64,
    variance: f64,
}

impl Ring {
    /// Radius R (not negative) and width s (positive).
    ///
    /// # Errors
    /// [`Error::Invalid`] for other values.
    pub fn new(radius: f64, width: f64) -> Result<Self> {
        if !(radius >= 0.0 && radius.is_finite() && width > 0.0 && width.is_finite()) {
            return Err(Error::Invalid("a ring needs a radius and a positive width".into()));
        }
        // With w(r) = exp(−(r − R)²/(2s²)), (r − R) w = −s² w′: integrals over r > 0 by parts,
        // ∫ r w = s² w(0) + R ∫ w,  ∫ r² w = s² ∫ w + R ∫ r w,  ∫ r³ w = 2s² ∫ r w + R ∫ r² w.
        let s2 = width * width;
        let edge = (-0.5 * radius * radius / s2).exp();
        let area = width * TAU.sqrt() * Normal::standard().cdf(radius / width);
        let first = s2 * edge + radius * area;
        let second = radius * first + s2 * area;
        let third = radius * second + 2.0 * s2 * first;
        Ok(Self { radius, width, log_normaliser: (2.0 * PI * first).ln(), variance: 0.5 * third / first })
    }

    /// The origin.
    pub fn mean(&self) -> [f64; 2] {
        [0.0; 2]
    }

    /// ½ E|z|² I, row by row.
    pub fn covariance(&self) -> [f64; 4] {
        [self.variance, 0.0, 0.0, self.variance]
    }
}

impl LogDensity for Ring {
    type Workspace = ();

    fn dim(&self) -> usize {
        2
    }

    fn workspace(&self) {}

    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let r = z[0].hypot(z[1]);
        let distance = (r - self.radius) / self.width;
        // The density has a cusp at the origin, where no direction is better than another.
        let slope = if r > 0.0 { -distance / (self.width * r) } else { 0.0 };
        score[0] = slope * z[0];
        score[1] = slope * z[1];
        let value = -0.5 * distance * distance - self.log_normaliser;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::NotFiniteValue { what: "log density of the ring" })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{by_quadrature, close, score_is_the_gradient};
    use super::*;

    #[test]
    fn the_score_is_the_gradient_inside_and_outside() {
        score_is_the_gradient(&Ring::new(2.5, 0.4).unwrap(), &[&[0.3, -0.2], &[2.5, 0.0], &[-4.0, 3.0]]);
        let mut score = [1.0; 2];
        Ring::new(2.0, 0.3).unwrap().evaluate(&[0.0, 0.0], &mut score, &mut ()).unwrap();
        assert_eq!(score, [0.0; 2]);
    }

    #[test]
    fn mass_and_moments_are_those_of_quadrature() {
        for (radius, width) in [(2.5, 0.4), (0.7, 0.9), (0.0, 1.0)] {
            let ring = Ring::new(radius, width).unwrap();
            let (mass, mean, covariance) = by_quadrature(&ring, [(-8.0, 8.0), (-8.0, 8.0)], 600);
            close(&[mass], &[1.0], 1e-4);
            close(&mean, &ring.mean(), 1e-9);
            close(&covariance, &ring.covariance(), 1e-3);
        }
    }

    #[test]
    fn without_a_radius_it_is_a_standard_normal() {
        close(&Ring::new(0.0, 1.0).unwrap().covariance(), &[1.0, 0.0, 0.0, 1.0], 1e-12);
        assert!(Ring::new(-1.0, 1.0).is_err() && Ring::new(1.0, 0.0).is_err());
    }
}
