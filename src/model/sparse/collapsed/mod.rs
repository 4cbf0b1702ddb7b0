//! Sparse regression with Gaussian noise and the inducing values integrated out: a density of θ.
//!
//! With A = L⁻¹K(Z, X), residuals e = y − m(X), noise Λ_i and B = I + AΛ⁻¹Aᵀ = L_B L_Bᵀ, both forms have
//! log N(e | 0, AᵀA + Λ) = −½ Σ e_i²/Λ_i + ½ |L_B⁻¹AΛ⁻¹e|² − Σ log L_B,ii − ½ Σ log 2πΛ_i. They differ in Λ:
//!
//! - VFE (Titsias 2009, eq. 9): Λ = σ²I, and −Σ s_i/(2σ²) is added: a lower bound of the evidence.
//! - FITC (Snelson & Ghahramani 2006): Λ_i = σ² + s_i: the evidence of another model.
//!
//! with s_i = k_ii − |a_i|². With m = B⁻¹AΛ⁻¹e, α = Λ⁻¹(e − Aᵀm) and w_i the derivative in s_i, Ā = m αᵀ − B⁻¹AΛ⁻¹ − 2 A w, and
//! LᵀL̄ has the lower triangle of −ĀAᵀ = −(m mᵀ + B⁻¹ − I − 2 A w Aᵀ). Where Λ is a multiple of I no row needs a weight of its
//! own, and sums over rows are traces ([`vfe`]); where it is not, they are passes over A ([`fitc`]).
//!
//! Rows may count more than once (VFE): a sample of n rows that count N/n times each has a bound whose terms are estimates of
//! those with all N rows. With Λ over that weight everything above holds, but for the sum of logarithms.
//!
//! Cost: about 2 N M² multiplications and additions for VFE, 3.5 N M² for FITC. Memory: two M×N matrices a thread.

mod fitc;
mod vfe;

use super::projection::{OfCross, Projection};
use super::{InducingGaussian, SparseModel};
use crate::kernel::Points;
use crate::likelihood::{Family, Observation};
use crate::linalg::elementwise::add_scaled;
use crate::linalg::triangular::{solve_lower, solve_upper};
use crate::linalg::{factor_with_jitter, inverse_from_factor};
use crate::model::Model;
use crate::parameter::Layout;
use crate::{Error, Result};
use faer::{Mat, MatMut, MatRef, Par};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Numbers in an M×N matrix that an evaluation may hold: 800 MB.
const MOST_NUMBERS: usize = 100_000_000;

/// What stands for the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CollapsedForm {
    /// The variational bound of Titsias (2009).
    #[default]
    Vfe,
    /// The fully independent training conditional of Snelson & Ghahramani (2006).
    Fitc,
}

/// A sparse model with Gaussian noise on N rows.
#[derive(Debug)]
pub struct Collapsed<'m> {
    model: &'m SparseModel,
    form: CollapsedForm,
    x: Mat<f64>,
    y: Vec<f64>,
    /// How many times each row counts.
    weight: f64,
}

/// Memory of one thread.
#[derive(Debug)]
pub struct CollapsedWorkspace {
    projection: Projection,
    /// A, then what its adjoint needs; M×N.
    rows: Mat<f64>,
    adjoint: Mat<f64>,
    /// L_B.
    factor: Mat<f64>,
    diagonal: Vec<f64>,
    noise: Vec<f64>,
    residual: Vec<f64>,
    /// m.
    mean: Vec<f64>,
    by_spread: Vec<f64>,
    /// Σ s_i, for VFE.
    spread: f64,
    par: Par,
}

impl<'m> Collapsed<'m> {
    /// On inputs (N×D) and targets (N), on the model's scale.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths disagree or there is no row; [`Error::Invalid`] for another likelihood than the
    /// Gaussian, and where M×N numbers are more than 10⁸.
    pub fn new(model: &'m SparseModel, x: MatRef<'_, f64>, y: &[f64], form: CollapsedForm) -> Result<Self> {
        if x.nrows() != y.len() || y.is_empty() {
            return Err(Error::Shape { what: "targets", expected: x.nrows().max(1), found: y.len() });
        }
        if x.ncols() != model.dim() {
            return Err(Error::Shape { what: "input columns", expected: model.dim(), found: x.ncols() });
        }
        let family = model.likelihood().family();
        if family != Family::Gaussian {
            return Err(Error::Invalid(format!(
                "collapsed sparse regression has Gaussian noise, and the likelihood is {}: use --model svgp",
                family.name()
            )));
        }
        if y.len().saturating_mul(model.size()) > MOST_NUMBERS {
            return Err(Error::Invalid(format!(
                "collapsed sparse regression passes all rows in each evaluation, and {} rows by {} inducing inputs are too \
                 many for it: --model svgp takes them in batches",
                y.len(),
                model.size()
            )));
        }
        Ok(Self { model, form, x: x.to_owned(), y: y.to_vec(), weight: 1.0 })
    }

    /// The variational bound of rows that count `weight` times each: a sample that stands for more rows.
    ///
    /// # Errors
    /// As [`Collapsed::new`]; [`Error::Invalid`] for a weight that is not positive.
    pub fn of_sample(model: &'m SparseModel, x: MatRef<'_, f64>, y: &[f64], weight: f64) -> Result<Self> {
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Error::Invalid(format!("a row counts a positive number of times: found {weight}")));
        }
        Ok(Self { weight, ..Self::new(model, x, y, CollapsedForm::Vfe)? })
    }

    /// The sparse model.
    pub fn model(&self) -> &'m SparseModel {
        self.model
    }

    /// What stands for the evidence.
    pub fn form(&self) -> CollapsedForm {
        self.form
    }

    /// The Gaussian of the inducing values at θ, given all rows.
    ///
    /// # Errors
    /// Recoverable ones where a matrix has no factor.
    pub fn posterior(&self, theta: &[f64], par: Par) -> Result<InducingGaussian> {
        let mut workspace = self.workspace(par);
        self.solve(theta, &mut workspace)?;
        let CollapsedWorkspace { rows, noise, residual, projection, .. } = workspace;
        let mut shift = vec![0.0; self.model.size()];
        for i in 0..self.y.len() {
            add_scaled(&mut shift, residual[i] / noise[i], rows.col_as_slice(i));
        }
        // Λ = B: it is what the inducing values know of the rows, and the prior.
        InducingGaussian::from_natural(vec![projection.symmetric], shift)
    }

    /// The bound with its gradients in θ and in Z: those are added to `gradient` and `by_inducing` (M×D).
    ///
    /// # Errors
    /// Recoverable ones where a matrix has no factor.
    pub fn bound(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        by_inducing: Option<MatMut<'_, f64>>,
        workspace: &mut CollapsedWorkspace,
    ) -> Result<f64> {
        let value = self.solve(theta, workspace)?;
        self.differentiate(theta, gradient, by_inducing, workspace);
        Ok(value)
    }

    fn solve(&self, theta: &[f64], workspace: &mut CollapsedWorkspace) -> Result<f64> {
        let (model, n, par) = (self.model, self.y.len(), workspace.par);
        let x = Points::of(&self.x);
        workspace.projection.factorise(model, theta, par)?;
        let CollapsedWorkspace { projection, rows, diagonal, residual, .. } = workspace;
        projection.project(model, theta, x, rows.as_mut(), diagonal, par);
        model.structure.prior_means(theta, x, residual);
        residual.iter_mut().zip(&self.y).for_each(|(r, y)| *r = y - *r);
        let mut value = -0.5 * self.weight * n as f64 * (2.0 * PI).ln();
        let sigma2 = model.likelihood_parameters(theta)[0];
        value += match self.form {
            CollapsedForm::Vfe => vfe::gather(sigma2, self.weight, workspace),
            CollapsedForm::Fitc => fitc::gather(sigma2, workspace),
        };
        // B = I + AΛ⁻¹Aᵀ = L_B L_Bᵀ.
        let CollapsedWorkspace { projection, factor, mean, .. } = workspace;
        let symmetric = &mut projection.symmetric;
        (0..model.size()).for_each(|i| symmetric[(i, i)] += 1.0);
        let fill = |mut out: MatMut<'_, f64>| out.copy_from(&*symmetric);
        factor_with_jitter("I + AΛ⁻¹Aᵀ", factor.as_mut(), fill, par)?;
        // m = B⁻¹AΛ⁻¹e, and |L_B⁻¹AΛ⁻¹e|² on the way.
        let mut column = MatMut::from_column_major_slice_mut(mean, model.size(), 1);
        solve_lower(factor.as_ref(), column.as_mut(), par);
        value += 0.5 * column.as_ref().col(0).iter().map(|v| v * v).sum::<f64>();
        solve_upper(factor.transpose(), column, par);
        value -= (0..model.size()).map(|i| factor[(i, i)].ln()).sum::<f64>();
        if value.is_finite() { Ok(value) } else { Err(Error::NotFiniteValue { what: "collapsed bound" }) }
    }

    /// After [`Collapsed::solve`] with the same workspace.
    fn differentiate(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        by_inducing: Option<MatMut<'_, f64>>,
        workspace: &mut CollapsedWorkspace,
    ) {
        let (model, m, par) = (self.model, self.model.size(), workspace.par);
        let sigma2 = model.likelihood_parameters(theta)[0];
        // B⁻¹, both triangles; `symmetric` holds B.
        let CollapsedWorkspace { projection, factor, .. } = workspace;
        inverse_from_factor(factor.as_mut(), projection.product.as_mut(), par);
        for j in 0..m {
            for i in 0..j {
                factor[(i, j)] = factor[(j, i)];
            }
        }
        gradient[model.structure.of_likelihood.start] += match self.form {
            CollapsedForm::Vfe => vfe::scatter(sigma2, self.weight, workspace),
            CollapsedForm::Fitc => fitc::scatter(workspace),
        };
        let x = Points::of(&self.x);
        let CollapsedWorkspace { projection, adjoint, residual, mean, by_spread, .. } = workspace;
        let cross = OfCross { rank_ones: &[(mean, residual)], ..adjoint.as_ref().into() };
        projection.pull_back(model, theta, x, cross, by_spread, gradient, by_inducing, par);
        let placed = &model.structure.processes[0];
        placed.process.mean.adjoint(x, residual, &mut gradient[placed.mean.clone()]);
    }

    /// The rows as observations.
    pub fn observations(&self) -> Vec<Observation> {
        self.y.iter().map(|y| Observation::new(*y)).collect()
    }
}

impl CollapsedWorkspace {
    /// K̄_ZZ, once `symmetric` holds −2 A w Aᵀ and `factor` B⁻¹: −ĀAᵀ = −(m mᵀ + B⁻¹ − I − 2 A w Aᵀ).
    fn adjoint_of_inducing(&mut self) {
        let Self { projection, factor, mean, par, .. } = self;
        let symmetric = &mut projection.symmetric;
        for j in 0..mean.len() {
            for i in j..mean.len() {
                let identity = if i == j { 1.0 } else { 0.0 };
                symmetric[(i, j)] = identity - symmetric[(i, j)] - factor[(i, j)] - mean[i] * mean[j];
            }
        }
        projection.adjoint_from_symmetric(*par);
    }

    /// L⁻ᵀm in place of m.
    fn pull_mean(&mut self) {
        let size = self.mean.len();
        let column = MatMut::from_column_major_slice_mut(&mut self.mean, size, 1);
        solve_upper(self.projection.factor.transpose(), column, self.par);
    }

    /// For a model on N rows; `par` says how the linear algebra of an evaluation runs.
    pub fn new(model: &SparseModel, n: usize, par: Par) -> Self {
        let m = model.size();
        Self {
            projection: Projection::new(model, 0),
            rows: Mat::zeros(m, n),
            adjoint: Mat::zeros(m, n),
            factor: Mat::zeros(m, m),
            diagonal: vec![0.0; n],
            noise: vec![0.0; n],
            residual: vec![0.0; n],
            mean: vec![0.0; m],
            by_spread: vec![0.0; n],
            spread: 0.0,
            par,
        }
    }
}

impl Model for Collapsed<'_> {
    type Workspace = CollapsedWorkspace;

    fn layout(&self) -> &Layout {
        self.model.layout()
    }

    fn workspace(&self, par: Par) -> CollapsedWorkspace {
        CollapsedWorkspace::new(self.model, self.y.len(), par)
    }

    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut CollapsedWorkspace,
    ) -> Result<f64> {
        self.bound(theta, gradient, None, workspace)
    }

    fn jitter(workspace: &CollapsedWorkspace) -> f64 {
        workspace.projection.jitter
    }
}
