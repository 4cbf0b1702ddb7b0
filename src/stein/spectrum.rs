//! Functions of a symmetric matrix by its eigenvalues.

use crate::{Error, Result};
use faer::{Mat, Side};

/// Eigenvalues and eigenvectors of a symmetric d×d matrix.
pub(super) struct Spectrum {
    vectors: Mat<f64>,
    /// In rising order.
    pub values: Vec<f64>,
}

impl Spectrum {
    /// Of a matrix given row by row; what is not symmetric about it is averaged away. Cost: O(d³).
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] with the name of the matrix where it is not finite or has no spectrum.
    pub fn new(matrix: &[f64], d: usize, what: &'static str) -> Result<Self> {
        if matrix.iter().any(|v| !v.is_finite()) {
            return Err(Error::NotFiniteValue { what });
        }
        let symmetric = Mat::from_fn(d, d, |i, j| 0.5 * (matrix[i * d + j] + matrix[j * d + i]));
        let eigen = symmetric.self_adjoint_eigen(Side::Lower).map_err(|_| Error::NotFiniteValue { what })?;
        let values = (0..d).map(|e| eigen.S()[e]).collect();
        Ok(Self { vectors: eigen.U().to_owned(), values })
    }

    /// Σ_e f(λ_e) v_e v_eᵀ, into `out`, row by row.
    pub fn apply(&self, f: impl Fn(f64) -> f64, out: &mut [f64]) {
        let d = self.values.len();
        out.fill(0.0);
        for (e, value) in self.values.iter().enumerate() {
            let factor = f(*value);
            for i in 0..d {
                for j in 0..d {
                    out[i * d + j] += factor * self.vectors[(i, e)] * self.vectors[(j, e)];
                }
            }
        }
    }
}
