//! Affine coordinates in which the target looks like a standard normal: z = L⁻¹(u − û), with LLᵀ its covariance.
//!
//! L is the symmetric square root, so that no coordinate is preferred.

use super::Cloud;
use crate::{Error, Result};
use faer::{Mat, Side};

/// An affine map u = û + L z between the target's coordinates u and whitened ones z.
#[derive(Debug, Clone)]
pub struct Whitening {
    centre: Vec<f64>,
    /// L, d×d symmetric, row by row.
    map: Vec<f64>,
    inverse: Vec<f64>,
}

impl Whitening {
    /// No change of coordinates.
    pub fn identity(dim: usize) -> Self {
        let mut map = vec![0.0; dim * dim];
        map.iter_mut().step_by(dim + 1).for_each(|v| *v = 1.0);
        Self { centre: vec![0.0; dim], inverse: map.clone(), map }
    }

    /// From a centre and a covariance matrix (d×d, row by row, symmetric), by its symmetric square root.
    /// Eigenvalues are confined to `[floor, ceiling]`.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] where the matrix has no eigendecomposition.
    pub fn from_covariance(centre: Vec<f64>, covariance: &[f64], floor: f64, ceiling: f64) -> Result<Self> {
        Self::from_spectrum(centre, covariance, |v| v.clamp(floor, ceiling).sqrt())
    }

    /// From a centre and the precision there, that is the negative Hessian of the log density. Directions in
    /// which it is flat or curved the wrong way get a precision of `floor`.
    ///
    /// # Errors
    /// As [`Whitening::from_covariance`].
    pub fn from_precision(centre: Vec<f64>, precision: &[f64], floor: f64) -> Result<Self> {
        Self::from_spectrum(centre, precision, |v| v.max(floor).sqrt().recip())
    }

    /// `scale(eigenvalue)`: standard deviation along the eigenvector.
    fn from_spectrum(centre: Vec<f64>, matrix: &[f64], scale: impl Fn(f64) -> f64) -> Result<Self> {
        let d = centre.len();
        if matrix.len() != d * d {
            return Err(Error::Shape { what: "metric", expected: d * d, found: matrix.len() });
        }
        if matrix.iter().any(|v| !v.is_finite()) {
            return Err(Error::NotFiniteValue { what: "metric of the particles" });
        }
        let symmetric = Mat::from_fn(d, d, |i, j| 0.5 * (matrix[i * d + j] + matrix[j * d + i]));
        let eigen = symmetric
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| Error::NotFiniteValue { what: "spectrum of the particles' metric" })?;
        let (vectors, values) = (eigen.U(), eigen.S());
        let (mut map, mut inverse) = (vec![0.0; d * d], vec![0.0; d * d]);
        for e in 0..d {
            let sd = scale(values[e]);
            for i in 0..d {
                for j in 0..d {
                    let outer = vectors[(i, e)] * vectors[(j, e)];
                    map[i * d + j] += sd * outer;
                    inverse[i * d + j] += outer / sd;
                }
            }
        }
        Ok(Self { centre, map, inverse })
    }

    /// New coordinates in which a cloud with this mean and covariance (both in the present coordinates) has mean 0
    /// and covariance I.
    ///
    /// # Errors
    /// As [`Whitening::from_covariance`].
    pub fn compose(&self, mean: &[f64], covariance: &[f64]) -> Result<Self> {
        let d = self.dim();
        let mut centre = vec![0.0; d];
        self.unwhiten(mean, &mut centre);
        // Σ_u = L S Lᵀ, with L symmetric.
        let mut half = vec![0.0; d * d];
        let mut full = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..d {
                half[i * d + j] = (0..d).map(|k| self.map[i * d + k] * covariance[k * d + j]).sum();
            }
        }
        for i in 0..d {
            for j in 0..d {
                full[i * d + j] = (0..d).map(|k| half[i * d + k] * self.map[j * d + k]).sum();
            }
        }
        let mean_variance = full.iter().step_by(d + 1).sum::<f64>() / d.max(1) as f64;
        Self::from_covariance(centre, &full, 1e-12 * mean_variance.max(f64::MIN_POSITIVE), f64::INFINITY)
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// û.
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// u = û + L z, into `u`.
    pub fn unwhiten(&self, z: &[f64], u: &mut [f64]) {
        multiply(&self.map, z, u);
        u.iter_mut().zip(&self.centre).for_each(|(u, c)| *u += c);
    }

    /// z = L⁻¹(u − û), into `z`.
    pub fn whiten(&self, u: &[f64], z: &mut [f64]) {
        let shifted: Vec<f64> = u.iter().zip(&self.centre).map(|(u, c)| u - c).collect();
        multiply(&self.inverse, &shifted, z);
    }

    /// A score in u becomes a score in z: Lᵀ g (the map is symmetric), into `out`.
    pub fn whiten_score(&self, score: &[f64], out: &mut [f64]) {
        multiply(&self.map, score, out);
    }

    /// Whitened copy of a cloud.
    pub fn whiten_cloud(&self, cloud: &Cloud) -> Cloud {
        let mut out = Cloud::zeros(cloud.count(), cloud.dim());
        for (from, to) in cloud.points().zip(out.points_mut()) {
            self.whiten(from, to);
        }
        out
    }

    /// Whitened copy of scores.
    pub fn whiten_scores(&self, scores: &Cloud) -> Cloud {
        let mut out = Cloud::zeros(scores.count(), scores.dim());
        for (from, to) in scores.points().zip(out.points_mut()) {
            self.whiten_score(from, to);
        }
        out
    }
}

fn multiply(matrix: &[f64], vector: &[f64], out: &mut [f64]) {
    for (o, row) in out.iter_mut().zip(matrix.chunks(vector.len().max(1))) {
        *o = row.iter().zip(vector).map(|(a, b)| a * b).sum();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn whitening_undoes_itself_and_makes_the_covariance_the_identity() {
        let w = Whitening::from_covariance(vec![1.0, -2.0], &[4.0, 1.0, 1.0, 2.0], 1e-9, 1e9).unwrap();
        let (mut u, mut z) = ([0.0; 2], [0.0; 2]);
        w.unwhiten(&[0.3, 0.7], &mut u);
        w.whiten(&u, &mut z);
        assert!((z[0] - 0.3).abs() < 1e-12 && (z[1] - 0.7).abs() < 1e-12);
        // L Lᵀ = Σ
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        w.whiten_score(&[1.0, 0.0], &mut a);
        w.whiten_score(&[0.0, 1.0], &mut b);
        assert!((a[0] * a[0] + a[1] * a[1] - 4.0).abs() < 1e-12);
        assert!((a[0] * b[0] + a[1] * b[1] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_precision_that_is_not_positive_is_floored() {
        let w = Whitening::from_precision(vec![0.0; 2], &[-3.0, 0.0, 0.0, 4.0], 0.25).unwrap();
        let mut u = [0.0; 2];
        w.unwhiten(&[1.0, 1.0], &mut u);
        assert!((u[0] - 2.0).abs() < 1e-12 && (u[1] - 0.5).abs() < 1e-12);
    }
}
