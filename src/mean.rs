//! Mean functions m(x).

use crate::kernel::Points;
use crate::parameter::{Parameter, Prior};
use serde::{Deserialize, Serialize};

/// A mean function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// m(x) = 0.
    #[default]
    Zero,
    /// m(x) = c: parameter `mean.constant`.
    Constant,
    /// m(x) = wᵀx + c: parameters `mean.weights[d]`, `mean.constant`.
    Linear,
}

impl Mean {
    /// Parameters over D input columns, each Normal(0, 1) a priori: vague where the table is standardised.
    pub fn parameters(self, dim: usize) -> Vec<Parameter> {
        let real = |path: String| Parameter::real(path, 0.0, Prior::Normal { mean: 0.0, sd: 1.0 });
        let weights = if self == Mean::Linear { dim } else { 0 };
        let constant = (self != Mean::Zero).then(|| real("mean.constant".into()));
        (0..weights).map(|d| real(format!("mean.weights[{d}]"))).chain(constant).collect()
    }

    /// Adds m(x_i) to `out`.
    pub fn add(self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        if self == Mean::Zero {
            return;
        }
        if self == Mean::Linear {
            for (d, weight) in theta.iter().enumerate().take(x.dim()) {
                out.iter_mut().zip(x.column(d)).for_each(|(o, x)| *o += weight * x);
            }
        }
        let constant = theta[theta.len() - 1];
        out.iter_mut().for_each(|o| *o += constant);
    }

    /// Adds Σ_i w_i ∂m(x_i)/∂θ to `adjoint`.
    pub fn adjoint(self, x: Points<'_>, weights: &[f64], adjoint: &mut [f64]) {
        if self == Mean::Zero {
            return;
        }
        if self == Mean::Linear {
            for (d, adjoint) in adjoint.iter_mut().enumerate().take(x.dim()) {
                *adjoint += x.column(d).iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
            }
        }
        let last = adjoint.len() - 1;
        adjoint[last] += weights.iter().sum::<f64>();
    }
}
