//! A skewed target of tests, as scale parameters are.

use super::LogDensity;
use crate::Result;

/// p(u) ∝ exp(u − e^u) in each of `dim` coordinates, the logarithm of an exponential variable: mean −γ, variance π²/6.
pub(crate) struct LogGamma {
    pub dim: usize,
}

impl LogDensity for LogGamma {
    type Workspace = ();
    fn dim(&self) -> usize {
        self.dim
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        score.iter_mut().zip(z).for_each(|(s, z)| *s = 1.0 - z.exp());
        Ok(z.iter().map(|z| z - z.exp()).sum())
    }
}
