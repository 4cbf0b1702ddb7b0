//! Neal's funnel: one coordinate is the log variance of the others (Neal 2003, section 8).

use super::LogDensity;
use crate::{Error, Result};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::TAU;

/// v ~ N(0, s²), x_i | v ~ N(0, eᵛ); z = (v, x_1, …, x_{d−1}), normalised.
///
/// Hierarchical models look like this: no step size suits both its neck and its mouth. Neal has s = 3 and d = 10.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Funnel {
    dim: usize,
    sd: f64,
}

impl Funnel {
    /// In `dim` dimensions (at least 2), with standard deviation `sd` of the log variance.
    ///
    /// # Errors
    /// [`Error::Invalid`] for fewer dimensions or a standard deviation that is not positive.
    pub fn new(dim: usize, sd: f64) -> Result<Self> {
        if dim < 2 || !(sd > 0.0 && sd.is_finite()) {
            return Err(Error::Invalid(
                "a funnel needs two dimensions and a positive standard deviation".into(),
            ));
        }
        Ok(Self { dim, sd })
    }

    /// The origin, length d.
    pub fn mean(&self) -> Vec<f64> {
        vec![0.0; self.dim]
    }

    /// Diagonal: s² for v, and E(eᵛ) = exp(s²/2) for each x; d×d, row by row.
    pub fn covariance(&self) -> Vec<f64> {
        let mut covariance = vec![0.0; self.dim * self.dim];
        covariance.iter_mut().step_by(self.dim + 1).for_each(|c| *c = (0.5 * self.sd * self.sd).exp());
        covariance[0] = self.sd * self.sd;
        covariance
    }

    /// An exact draw, into `out` (length d).
    pub fn sample(&self, rng: &mut impl Rng, out: &mut [f64]) {
        for o in out.iter_mut() {
            *o = StandardNormal.sample(rng);
        }
        out[0] *= self.sd;
        let scale = (0.5 * out[0]).exp();
        out[1..].iter_mut().for_each(|x| *x *= scale);
    }
}

impl LogDensity for Funnel {
    type Workspace = ();

    fn dim(&self) -> usize {
        self.dim
    }

    fn workspace(&self) {}

    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let (v, x) = (z[0], &z[1..]);
        let precision = (-v).exp();
        let squares: f64 = precision * x.iter().map(|x| x * x).sum::<f64>();
        let count = x.len() as f64;
        score[0] = -v / (self.sd * self.sd) - 0.5 * count + 0.5 * squares;
        score[1..].iter_mut().zip(x).for_each(|(s, x)| *s = -precision * x);
        let constant = 0.5 * self.dim as f64 * TAU.ln() + self.sd.ln();
        let value = -0.5 * (v / self.sd).powi(2) - 0.5 * count * v - 0.5 * squares - constant;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::NotFiniteValue { what: "log density of the funnel" })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{by_quadrature, close, draws, score_is_the_gradient};
    use super::*;

    #[test]
    fn the_score_is_the_gradient_in_neck_and_mouth() {
        score_is_the_gradient(&Funnel::new(2, 1.5).unwrap(), &[&[0.0, 0.5], &[-3.0, 0.2], &[3.0, -5.0]]);
        score_is_the_gradient(&Funnel::new(4, 3.0).unwrap(), &[&[1.0, 0.5, -1.0, 2.0]]);
    }

    #[test]
    fn mass_and_moments_are_those_of_quadrature() {
        let funnel = Funnel::new(2, 0.8).unwrap();
        let (mass, mean, covariance) = by_quadrature(&funnel, [(-6.0, 6.0), (-25.0, 25.0)], 800);
        close(&[mass], &[1.0], 1e-6);
        close(&mean, &funnel.mean(), 1e-6);
        close(&covariance, &funnel.covariance(), 1e-4);
    }

    #[test]
    fn draws_have_the_funnels_moments() {
        let funnel = Funnel::new(3, 0.8).unwrap();
        let cloud = draws(3, 20_000, |rng, out| funnel.sample(rng, out));
        close(&cloud.mean(), &funnel.mean(), 0.05);
        close(&cloud.covariance(), &funnel.covariance(), 0.1);
    }

    #[test]
    fn a_far_point_in_the_neck_fails_for_itself_only() {
        let error =
            Funnel::new(2, 1.0).unwrap().evaluate(&[-800.0, 1.0], &mut [0.0; 2], &mut ()).unwrap_err();
        assert!(error.is_recoverable());
        assert!(Funnel::new(1, 1.0).is_err() && Funnel::new(2, 0.0).is_err());
    }
}
