//! The Gaussian.

use super::LogDensity;
use crate::{Error, Result};

/// A Gaussian N(mean, Σ) given by its precision matrix: the target whose answers are known in closed form.
#[derive(Debug, Clone)]
pub struct GaussianTarget {
    mean: Vec<f64>,
    precision: Vec<f64>,
}

impl GaussianTarget {
    /// Mean (length d) and precision matrix Σ⁻¹ (d×d, row by row).
    ///
    /// # Errors
    /// [`Error::Shape`] where the precision is not d×d.
    pub fn new(mean: Vec<f64>, precision: Vec<f64>) -> Result<Self> {
        let expected = mean.len() * mean.len();
        if precision.len() != expected {
            return Err(Error::Shape { what: "precision matrix", expected, found: precision.len() });
        }
        Ok(Self { mean, precision })
    }

    /// The standard normal on R^d.
    pub fn standard(dim: usize) -> Self {
        let mut precision = vec![0.0; dim * dim];
        precision.iter_mut().step_by(dim + 1).for_each(|p| *p = 1.0);
        Self { mean: vec![0.0; dim], precision }
    }
}

impl LogDensity for GaussianTarget {
    type Workspace = ();

    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn workspace(&self) {}

    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let mut value = 0.0;
        for (i, (s, row)) in score.iter_mut().zip(self.precision.chunks(self.mean.len().max(1))).enumerate() {
            *s = -row.iter().zip(z).zip(&self.mean).map(|((p, z), m)| p * (z - m)).sum::<f64>();
            value += 0.5 * *s * (z[i] - self.mean[i]);
        }
        Ok(value)
    }
}
