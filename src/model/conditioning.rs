//! Predictions of a GP at one θ: stabilise, factor, solve, moments. The one place where they are derived.
//!
//! f* | y ~ N(m* + K*ᵀα, K** − VᵀV) with V = L⁻¹K* (Rasmussen & Williams, algorithm 2.1).

use super::Exact;
use crate::kernel::{KernelWorkspace, Points, STRIP};
use crate::linalg::products::multiply;
use crate::linalg::triangular::{solve_lower, solve_upper};
use crate::linalg::{elementwise::dot, factor_with_jitter};
use crate::{Error, Result};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Rows predicted at a time: bounds the memory at N × this.
const CHUNK: usize = 2 * STRIP;

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
        factor_with_jitter("K(X,X) + σ²I", factor.as_mut(), fill, par)?;
        let mut alpha = Mat::zeros(n, 1);
        let mut residual = vec![0.0; n];
        model.residual(mean_theta, &mut residual);
        alpha.col_mut(0).iter_mut().zip(&residual).for_each(|(a, r)| *a = *r);
        solve_lower(factor.as_ref(), alpha.as_mut(), par);
        solve_upper(factor.transpose(), alpha.as_mut(), par);
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
        let mut cross = Mat::zeros(self.factor.nrows(), rows.min(CHUNK));
        for start in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - start);
            let chunk = x.slice(start, count);
            let mean = &mut prediction.mean[start..start + count];
            let variance = &mut prediction.variance[start..start + count];
            self.moments(chunk, cross.as_mut().subcols_mut(0, count), &mut workspace, mean);
            kernel.diagonal(self.model.split(&self.theta).0, chunk, variance);
            for (j, v) in variance.iter_mut().enumerate() {
                let column = cross.col_as_slice(j);
                *v = (*v - dot(column, column)).max(0.0);
            }
        }
        prediction
    }

    fn predict_full(&self, x: Points<'_>) -> GaussianPrediction {
        let rows = x.rows();
        let kernel = self.model.kernel();
        let mut workspace = KernelWorkspace::new(kernel, self.factor.nrows(), x.dim());
        let mut mean = vec![0.0; rows];
        let mut cross = Mat::zeros(self.factor.nrows(), rows);
        self.moments(x, cross.as_mut(), &mut workspace, &mut mean);
        let mut covariance = kernel.gram_full(self.model.split(&self.theta).0, x);
        multiply(covariance.as_mut(), Accum::Add, cross.transpose(), cross.as_ref(), -1.0, self.par);
        for i in 0..rows {
            covariance[(i, i)] = covariance[(i, i)].max(0.0);
        }
        let variance = (0..rows).map(|i| covariance[(i, i)]).collect();
        GaussianPrediction { mean, variance, covariance: Some(covariance) }
    }

    /// Means into `mean`, V = L⁻¹K* into `cross`.
    fn moments(
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
            *m = dot(column, alpha);
        }
        self.model.mean().add(mean_theta, x, mean);
        solve_lower(self.factor.as_ref(), cross, self.par);
    }
}
