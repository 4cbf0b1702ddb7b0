//! Predictions of the latent functions at one θ, with a Gaussian for the training latents or with given ones.
//!
//! With a Gaussian (Rasmussen & Williams, eq. 3.21 and 3.24, for L functions): f*_c has mean m*_c + k*_cᵀ a_c and covariance
//! δ_cd k**_c − v_cᵀ v_d with v_c = L_B⁻¹ Cᵀ k*_c. With whitened latents ν: mean m* + Aν, variance k** − AAᵀ, A = k*ᵀ L⁻ᵀ.

use super::LatentModel;
use super::gaussian::Gaussian;
use super::sites::State;
use crate::kernel::{KernelWorkspace, Points, STRIP};
use crate::linalg::elementwise::dot;
use crate::linalg::triangular::solve_lower;
use crate::{Error, Result};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatRef, Par};

/// Rows predicted at a time: bounds the memory at n × this.
const CHUNK: usize = STRIP;

/// A latent model at one θ, ready to predict. Memory: one n×n matrix.
#[derive(Debug)]
pub struct LatentConditioned<'m> {
    model: &'m LatentModel,
    theta: Vec<f64>,
    known: Known,
}

#[derive(Debug)]
enum Known {
    /// a, C and the factor of B.
    Gaussian { alpha: Vec<f64>, roots: Vec<f64>, factor: Mat<f64>, covariance: Vec<f64>, mean: Vec<f64> },
    /// ν and the factor of K, one a process.
    Whitened { nu: Vec<f64>, factors: Vec<Mat<f64>> },
}

/// Gaussians for the L latent values at N* points.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentPrediction {
    /// Means: L a row.
    pub mean: Vec<f64>,
    /// Covariances: an L×L block a row.
    pub covariance: Vec<f64>,
}

impl<'m> LatentConditioned<'m> {
    pub(super) fn from_gaussian(
        model: &'m LatentModel,
        theta: &[f64],
        gaussian: Gaussian,
        state: State,
    ) -> Self {
        let Gaussian { roots, factor, covariance, .. } = gaussian;
        let known = Known::Gaussian { alpha: state.a, roots, factor, covariance, mean: state.mean };
        Self { model, theta: theta.to_vec(), known }
    }

    pub(super) fn from_whitened(
        model: &'m LatentModel,
        theta: &[f64],
        factors: Vec<Mat<f64>>,
        nu: &[f64],
    ) -> Self {
        Self { model, theta: theta.to_vec(), known: Known::Whitened { nu: nu.to_vec(), factors } }
    }

    /// The parameters θ of this condition.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// Marginal means and variances of the N training latents' deviation from their prior mean, where a Gaussian stands
    /// for them.
    pub fn training_moments(&self) -> Option<(&[f64], &[f64])> {
        match &self.known {
            Known::Gaussian { mean, covariance, .. } => Some((mean, covariance)),
            Known::Whitened { .. } => None,
        }
    }

    /// The latent functions at `x` (N*×D), on the model's scale. Cost: O(n²) a row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` does not have D columns.
    pub fn predict_f(&self, x: MatRef<'_, f64>) -> Result<LatentPrediction> {
        let dim = self.model.x.ncols();
        if x.ncols() != dim {
            return Err(Error::Shape { what: "input columns", expected: dim, found: x.ncols() });
        }
        let (rows, l, n) = (x.nrows(), self.model.latents(), self.model.rows());
        let owned = x.to_owned();
        let points = Points::of(&owned);
        let mut out = LatentPrediction { mean: vec![0.0; rows * l], covariance: vec![0.0; rows * l * l] };
        let most = rows.min(CHUNK);
        let mut cross = Mat::zeros(n, most);
        let mut solved: Vec<Mat<f64>> = (0..l).map(|_| Mat::zeros(self.height(), most)).collect();
        let mut numbers = vec![0.0; most];
        for start in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - start);
            let chunk = points.slice(start, count);
            let mut cross_of = usize::MAX;
            for (c, solved) in solved.iter_mut().enumerate() {
                let placed = &self.model.structure.processes[self.model.place(c)];
                let kernel = &placed.process.kernel;
                let kernel_theta = &self.theta[placed.kernel.clone()];
                if cross_of != self.model.place(c) {
                    let mut workspace = KernelWorkspace::new(kernel, n, dim);
                    let block = cross.as_mut().subcols_mut(0, count);
                    kernel.cross(kernel_theta, self.model.points(), chunk, block, &mut workspace, Par::Seq);
                    cross_of = self.model.place(c);
                }
                self.means(c, &cross, solved, count, &mut numbers);
                placed.process.mean.add(&self.theta[placed.mean.clone()], chunk, &mut numbers[..count]);
                (0..count).for_each(|j| out.mean[(start + j) * l + c] = numbers[j]);
                kernel.diagonal(kernel_theta, chunk, &mut numbers[..count]);
                (0..count).for_each(|j| out.covariance[((start + j) * l + c) * l + c] = numbers[j]);
            }
            self.subtract(&solved, count, &mut out.covariance[start * l * l..(start + count) * l * l]);
        }
        Ok(out)
    }

    /// Rows of the triangular systems.
    fn height(&self) -> usize {
        match &self.known {
            Known::Gaussian { factor, .. } => factor.nrows(),
            Known::Whitened { .. } => self.model.rows(),
        }
    }

    /// Means of function c without the prior's, into `out`; v_c, or A, into `solved`.
    fn means(&self, c: usize, cross: &Mat<f64>, solved: &mut Mat<f64>, count: usize, out: &mut [f64]) {
        let (n, l) = (self.model.rows(), self.model.latents());
        match &self.known {
            Known::Gaussian { alpha, roots, factor, .. } => {
                for (j, out) in out.iter_mut().enumerate().take(count) {
                    let of_x = cross.col_as_slice(j);
                    *out = dot(of_x, &alpha[c * n..(c + 1) * n]);
                    let column = solved.col_as_slice_mut(j);
                    for (i, root) in roots.chunks(l * l).enumerate() {
                        (0..l).for_each(|a| column[a * n + i] = root[c * l + a] * of_x[i]);
                    }
                }
                let block = solved.as_mut().subcols_mut(0, count);
                solve_lower(factor.as_ref(), block, Par::Seq);
            }
            Known::Whitened { nu, factors } => {
                let factor = &factors[self.model.place(c)];
                let mut block = solved.as_mut().subcols_mut(0, count);
                block.copy_from(cross.as_ref().subcols(0, count));
                solve_lower(factor.as_ref(), block.rb_mut(), Par::Seq);
                for (j, out) in out.iter_mut().enumerate().take(count) {
                    *out = dot(solved.col_as_slice(j), &nu[c * n..(c + 1) * n]);
                }
            }
        }
    }

    /// Takes from the covariances what the data explain.
    fn subtract(&self, solved: &[Mat<f64>], count: usize, covariance: &mut [f64]) {
        let l = solved.len();
        // Given latents explain each function by itself.
        let together = matches!(self.known, Known::Gaussian { .. });
        for (j, block) in covariance.chunks_mut(l * l).enumerate().take(count) {
            for c in 0..l {
                for d in 0..=c {
                    if c != d && !together {
                        continue;
                    }
                    let explained = dot(solved[c].col_as_slice(j), solved[d].col_as_slice(j));
                    let value = block[c * l + d] - explained;
                    block[c * l + d] = if c == d { value.max(0.0) } else { value };
                    block[d * l + c] = block[c * l + d];
                }
            }
        }
    }
}
