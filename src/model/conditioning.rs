//! Predictions of a GP at one θ: stabilise, factor, solve, moments. The one place where they are derived.
//!
//! f* | y ~ N(m* + K*ᵀα, K** − VᵀV) with V = L⁻¹K* (Rasmussen & Williams, algorithm 2.1).
//!
//! Variances of many rows need V's columns one block of rows at a time only: L⁻¹ is made once, and its products with K* run at
//! the rate of a matrix product, which solving against L does not.

use super::Exact;
use crate::kernel::{KernelWorkspace, Points, STRIP};
use crate::linalg::{FactorScratch, elementwise::inner_product, factor_with_jitter};
use crate::{Error, Result};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Rows predicted at a time: bounds the memory at N × this.
const CHUNK: usize = 2 * STRIP;
/// Rows of L⁻¹ that are multiplied at a time.
const BLOCK: usize = 128;
/// Rows to predict, as a multiple of N, from which L⁻¹ is worth making.
const MANY: usize = 1;

/// An exact GP at one θ, factored and ready to predict. Memory: one N×N matrix.
#[derive(Debug)]
pub struct Conditioned<'m> {
    model: &'m Exact,
    theta: Vec<f64>,
    factor: Mat<f64>,
    alpha: Mat<f64>,
    par: Par,
}

/// Which part of a covariance matrix is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CovarianceForm {
    /// Variances only: memory O(N*).
    #[default]
    Diagonal,
    /// All of it: memory O(N*²).
    Full,
}

/// Gaussian predictions at N* points, of the latent function.
#[derive(Debug, Clone)]
pub struct GaussianPrediction {
    /// Means, length N*.
    pub mean: Vec<f64>,
    /// Variances, length N*, never negative.
    pub variance: Vec<f64>,
    /// N*×N* covariance where [`CovarianceForm::Full`] was asked for.
    pub covariance: Option<Mat<f64>>,
}

impl<'m> Conditioned<'m> {
    pub(super) fn new(model: &'m Exact, theta: &[f64], par: Par) -> Result<Self> {
        let n = model.y().len();
        let (kernel_theta, noise, mean_theta) = model.split(theta);
        let mut factor = Mat::zeros(n, n);
        let mut workspace = KernelWorkspace::new(model.kernel(), n, model.x().ncols());
        let fill = |out: MatMut<'_, f64>| model.fill(kernel_theta, noise, out, &mut workspace, par);
        factor_with_jitter("K(X,X) + σ²I", factor.as_mut(), fill, &mut FactorScratch::new(n), par)?;
        let mut alpha = Mat::zeros(n, 1);
        let mut residual = vec![0.0; n];
        model.residual(mean_theta, &mut residual);
        alpha.col_mut(0).iter_mut().zip(&residual).for_each(|(a, r)| *a = *r);
        solve_lower_triangular_in_place(factor.as_ref(), alpha.as_mut(), par);
        solve_upper_triangular_in_place(factor.transpose(), alpha.as_mut(), par);
        Ok(Self { model, theta: theta.to_vec(), factor, alpha, par })
    }

    /// Noise variance σ² at this θ.
    pub fn noise_variance(&self) -> f64 {
        self.model.split(&self.theta).1
    }

    /// The latent function at `x` (N*×D), on the model's scale; white noise in the kernel is part of it, as in
    /// GPflow. Cost: N²N* multiplications and additions.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` does not have D columns.
    pub fn predict_f(&self, x: MatRef<'_, f64>, form: CovarianceForm) -> Result<GaussianPrediction> {
        let dim = self.model.x().ncols();
        if x.ncols() != dim {
            return Err(Error::Shape { what: "input columns", expected: dim, found: x.ncols() });
        }
        let owned = x.to_owned();
        let points = Points::of(&owned);
        match form {
            CovarianceForm::Diagonal => Ok(self.predict_in_chunks(points)),
            CovarianceForm::Full => Ok(self.predict_full(points)),
        }
    }

    fn predict_in_chunks(&self, x: Points<'_>) -> GaussianPrediction {
        let rows = x.rows();
        let mut prediction =
            GaussianPrediction { mean: vec![0.0; rows], variance: vec![0.0; rows], covariance: None };
        let kernel = self.model.kernel();
        let mut workspace = KernelWorkspace::new(kernel, self.factor.nrows(), x.dim());
        let n = self.factor.nrows();
        let mut cross = Mat::zeros(n, rows.min(CHUNK));
        let mut inverse = (rows >= MANY * n).then(|| {
            let mut inverse = Mat::zeros(n, n);
            invert_lower_triangular(inverse.as_mut(), self.factor.as_ref(), self.par);
            (inverse, Mat::zeros(BLOCK.min(n), rows.min(CHUNK)))
        });
        for start in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - start);
            let chunk = x.slice(start, count);
            let mean = &mut prediction.mean[start..start + count];
            let variance = &mut prediction.variance[start..start + count];
            let mut cross = cross.as_mut().subcols_mut(0, count);
            self.means(chunk, cross.rb_mut(), &mut workspace, mean);
            kernel.diagonal(self.model.split(&self.theta).0, chunk, variance);
            match &mut inverse {
                Some((inverse, block)) => {
                    explain(inverse, cross.rb(), block.as_mut().subcols_mut(0, count), variance, self.par);
                }
                None => {
                    solve_lower_triangular_in_place(self.factor.as_ref(), cross.rb_mut(), self.par);
                    subtract_squares(cross.rb(), variance);
                }
            }
            variance.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        prediction
    }

    fn predict_full(&self, x: Points<'_>) -> GaussianPrediction {
        let rows = x.rows();
        let kernel = self.model.kernel();
        let mut workspace = KernelWorkspace::new(kernel, self.factor.nrows(), x.dim());
        let mut mean = vec![0.0; rows];
        let mut cross = Mat::zeros(self.factor.nrows(), rows);
        self.means(x, cross.as_mut(), &mut workspace, &mut mean);
        solve_lower_triangular_in_place(self.factor.as_ref(), cross.as_mut(), self.par);
        let mut covariance = kernel.gram_full(self.model.split(&self.theta).0, x);
        matmul(covariance.as_mut(), Accum::Add, cross.transpose(), cross.as_ref(), -1.0, self.par);
        for i in 0..rows {
            covariance[(i, i)] = covariance[(i, i)].max(0.0);
        }
        let variance = (0..rows).map(|i| covariance[(i, i)]).collect();
        GaussianPrediction { mean, variance, covariance: Some(covariance) }
    }

    /// Means into `mean`, K* into `cross`.
    fn means(
        &self,
        x: Points<'_>,
        mut cross: MatMut<'_, f64>,
        workspace: &mut KernelWorkspace,
        mean: &mut [f64],
    ) {
        let (kernel_theta, _, mean_theta) = self.model.split(&self.theta);
        let train = self.model.points();
        self.model.kernel().cross(kernel_theta, train, x, cross.rb_mut(), workspace, self.par);
        let alpha = self.alpha.col_as_slice(0);
        for (j, m) in mean.iter_mut().enumerate() {
            let column = cross.rb().col(j).try_as_col_major().map_or(&[][..], |c| c.as_slice());
            *m = inner_product(column, alpha);
        }
        self.model.mean().add(mean_theta, x, mean);
    }
}

/// Takes the squared columns of L⁻¹K* from `variance`, a block of rows at a time; `block` has room for one.
fn explain(
    inverse: &Mat<f64>,
    cross: MatRef<'_, f64>,
    mut block: MatMut<'_, f64>,
    variance: &mut [f64],
    par: Par,
) {
    let n = inverse.nrows();
    for start in (0..n).step_by(BLOCK) {
        let count = BLOCK.min(n - start);
        let mut part = block.rb_mut().subrows_mut(0, count);
        // Right of the diagonal there is nothing.
        let end = start + count;
        let rows = inverse.as_ref().submatrix(start, 0, count, end);
        matmul(part.rb_mut(), Accum::Replace, rows, cross.subrows(0, end), 1.0, par);
        subtract_squares(part.rb(), variance);
    }
}

fn subtract_squares(columns: MatRef<'_, f64>, from: &mut [f64]) {
    for (v, column) in from.iter_mut().zip(columns.col_iter()) {
        let column = column.try_as_col_major().map_or(&[][..], |c| c.as_slice());
        *v -= inner_product(column, column);
    }
}
