//! The evidence lower bound of a sparse model on a batch of rows, given q(v) = N(m, S) (Hensman et al. 2015, eq. 9).
//!
//! With D = diag(∂/∂variance) and slopes g of the expected log likelihood, the adjoint of A = L⁻¹K(Z, X) is
//! Ā = Σ_c [m_c g_cᵀ + 2 (S_c − I) A D_c], over the latent functions that share A.
//!
//! A gradient in θ holds something of q ([`Held`]). Where v is held, KL(q(v) ‖ N(0, I)) does not depend on θ and
//! LᵀL̄ has the lower triangle of −X, X = ĀAᵀ; but the function moves with θ, and with many rows the bound is very narrow
//! there. Where u = Lv is held, K̄_ZZ = ½ L⁻ᵀ(Σ_c (S_c + m_c m_cᵀ − I) − X − Xᵀ − 2 A D Aᵀ) L⁻¹ with that of the divergence in it: θ
//! is free to move as far as the function at Z lets it. Where q is at its optimum both are the same.
//!
//! Cost: about 1.7 M³ + 3 M²B multiplications and additions with gradient and natural target; 0.3 M³ + M²B/2 more with u held.

use super::expectations::Terms;
use super::projection::Projection;
use super::{InducingGaussian, NaturalTarget, SparseModel};
use crate::Result;
use crate::kernel::Points;
use crate::likelihood::{Family, Observation};
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::products::multiply_lower;
use crate::linalg::threads;
use crate::linalg::triangular::{solve_lower, solve_upper};
use crate::rows::Batch;
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Memory of one thread.
#[derive(Debug)]
pub struct BoundWorkspace {
    projections: Vec<Projection>,
    /// A of each process, M×B.
    rows: Vec<Mat<f64>>,
    diagonal: Vec<Vec<f64>>,
    /// S_c A.
    spread: Vec<Mat<f64>>,
    /// Ā, then C̄.
    adjoint: Mat<f64>,
    weighted: Mat<f64>,
    terms: Terms,
    by_diagonal: Vec<f64>,
    most: usize,
    par: Par,
}

/// What of q stays as it is while θ moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// q(v).
    #[default]
    Whitened,
    /// q(u): the function at the inducing inputs.
    Function,
}

/// What an evaluation of the bound is asked for besides its value.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What the gradient holds.
    pub held: Held,
    /// The gradient in θ is added here.
    pub gradient: Option<&'a mut [f64]>,
    /// The gradient in Z (M×D) is added here, with that in θ.
    pub by_inducing: Option<MatMut<'a, f64>>,
    /// The target of the natural gradient is written here.
    pub target: Option<&'a mut NaturalTarget>,
}

impl BoundWorkspace {
    /// Largest relative jitter that the last evaluation needed.
    pub fn jitter(&self) -> f64 {
        self.projections.iter().map(|p| p.jitter).fold(0.0, f64::max)
    }

    /// Room for B rows.
    fn resize(&mut self, model: &SparseModel, rows: usize) {
        self.terms.resize(model.latents(), rows);
        self.by_diagonal.resize(rows, 0.0);
        self.diagonal.iter_mut().for_each(|d| d.resize(rows, 0.0));
        if rows > self.most {
            let block = || Mat::zeros(model.size(), rows);
            self.rows.iter_mut().chain(&mut self.spread).for_each(|m| *m = block());
            (self.adjoint, self.weighted) = (block(), block());
            self.most = rows;
        }
    }
}

impl SparseModel {
    /// Memory for [`SparseModel::bound`] on batches of up to `rows` rows; it grows where there are more.
    pub fn bound_workspace(&self, rows: usize, par: Par) -> BoundWorkspace {
        let block = || Mat::zeros(self.size(), rows);
        BoundWorkspace {
            projections: (0..self.places()).map(|place| Projection::new(self, place)).collect(),
            rows: (0..self.places()).map(|_| block()).collect(),
            diagonal: vec![vec![0.0; rows]; self.places()],
            spread: (0..self.latents()).map(|_| block()).collect(),
            adjoint: block(),
            weighted: block(),
            terms: Terms::default(),
            by_diagonal: vec![0.0; rows],
            most: rows,
            par,
        }
    }

    /// `scale` × Σ E log p(y_i | f) over a batch: the evidence lower bound without its KL(q(v) ‖ N(0, I)), which
    /// [`InducingGaussian::divergence`] has. With `scale` the number of batches in an epoch the mean over an epoch is that
    /// of all rows.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor or an expectation is not finite.
    pub fn bound(
        &self,
        theta: &[f64],
        q: &InducingGaussian,
        batch: &Batch,
        scale: f64,
        wanted: Wanted<'_>,
        workspace: &mut BoundWorkspace,
    ) -> Result<f64> {
        let need = if wanted.gradient.is_some() { Need::Products } else { Need::Variances };
        self.evaluate(theta, q, (batch, scale), wanted, need, workspace)
    }

    /// The target of the natural gradient alone, as [`SparseModel::bound`] has it. With Gaussian noise the slopes it is made of
    /// need no variance, and half of the work is left.
    ///
    /// # Errors
    /// As [`SparseModel::bound`].
    pub fn natural_target(
        &self,
        theta: &[f64],
        q: &InducingGaussian,
        batch: &Batch,
        scale: f64,
        target: &mut NaturalTarget,
        workspace: &mut BoundWorkspace,
    ) -> Result<()> {
        let gaussian = self.likelihood().family() == Family::Gaussian;
        let need = if gaussian { Need::Nothing } else { Need::Variances };
        let wanted = Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target: Some(target) };
        self.evaluate(theta, q, (batch, scale), wanted, need, workspace).map(|_| ())
    }

    /// Σ ((y_i − m(x_i))² + k(x_i, x_i)) over a batch, of the first process.
    pub fn squares(&self, theta: &[f64], batch: &Batch) -> f64 {
        let (x, placed) = (Points::of(&batch.x), &self.structure.processes[0]);
        let mut values = vec![0.0; self.latents() * batch.rows()];
        self.structure.prior_means(theta, x, &mut values);
        let residual = |(at, mean): (&Observation, &f64)| (at.y - mean).powi(2);
        let squares: f64 = batch.observations.iter().zip(&values).map(residual).sum();
        values.truncate(batch.rows());
        placed.process.kernel.diagonal(&theta[placed.kernel.clone()], x, &mut values);
        squares + values.iter().sum::<f64>()
    }

    fn evaluate(
        &self,
        theta: &[f64],
        q: &InducingGaussian,
        (batch, scale): (&Batch, f64),
        wanted: Wanted<'_>,
        need: Need,
        workspace: &mut BoundWorkspace,
    ) -> Result<f64> {
        let (b, par) = (batch.rows(), workspace.par);
        workspace.resize(self, b);
        let x = Points::of(&batch.x);
        self.structure.prior_means(theta, x, &mut workspace.terms.mean);
        for place in 0..self.places() {
            let BoundWorkspace { projections, rows, diagonal, spread, terms, .. } = workspace;
            let (projection, a) = (&mut projections[place], rows[place].as_mut().subcols_mut(0, b));
            projection.factorise(self, theta, par)?;
            projection.project(self, theta, x, a, &mut diagonal[place], par);
            for c in self.structure.of_process(place) {
                let spread = spread[c].as_mut().subcols_mut(0, b);
                let a = rows[place].as_ref().subcols(0, b);
                moments(q, c, (a, &diagonal[place]), spread, need, terms, par);
            }
        }
        let mut unused = vec![0.0; self.structure.of_likelihood.len()];
        let Wanted { held, mut gradient, mut by_inducing, target } = wanted;
        let phi_gradient = match &mut gradient {
            Some(gradient) => &mut gradient[self.structure.of_likelihood.clone()],
            None => &mut unused,
        };
        let parallel = threads(par) > 1;
        let value = workspace.terms.expect(self, theta, batch, scale, phi_gradient, parallel)?;
        if let Some(target) = target {
            self.add_up_target(q, b, target, workspace);
        }
        if let Some(gradient) = gradient {
            for place in 0..self.places() {
                let by_inducing = by_inducing.as_mut().map(|g| g.as_mut());
                self.pull_back(theta, place, q, x, gradient, (held, by_inducing), workspace);
            }
            for c in 0..self.latents() {
                let placed = &self.structure.processes[self.structure.place(c)];
                let slope = &workspace.terms.slope[c * b..(c + 1) * b];
                placed.process.mean.adjoint(x, slope, &mut gradient[placed.mean.clone()]);
            }
        }
        Ok(value)
    }

    /// The mean of u − m(Z) = L v under q, length L M, after an evaluation with this workspace.
    pub fn function_values(&self, q: &InducingGaussian, workspace: &BoundWorkspace, out: &mut [f64]) {
        let m = self.size();
        for (c, out) in out.chunks_mut(m).enumerate() {
            let factor = &workspace.projections[self.structure.place(c)].factor;
            out.fill(0.0);
            for (j, v) in q.mean(c).iter().enumerate() {
                add_scaled(&mut out[j..], *v, &factor.col_as_slice(j)[j..]);
            }
        }
    }

    /// The same at a θ that need not be that of the last evaluation.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor.
    pub fn place_function(
        &self,
        theta: &[f64],
        q: &InducingGaussian,
        workspace: &mut BoundWorkspace,
        out: &mut [f64],
    ) -> Result<()> {
        let par = workspace.par;
        workspace.projections.iter_mut().try_for_each(|p| p.factorise(self, theta, par))?;
        self.function_values(q, workspace, out);
        Ok(())
    }

    /// Gives q the mean with these function values u − m(Z) (length L M) at θ, and leaves its spread in v as it is: what a
    /// step of θ that holds u asks for.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor.
    pub fn follow(
        &self,
        theta: &[f64],
        values: &[f64],
        q: &mut InducingGaussian,
        workspace: &mut BoundWorkspace,
    ) -> Result<()> {
        let (m, par) = (self.size(), workspace.par);
        let mut mean = values.to_vec();
        for (c, mean) in mean.chunks_mut(m).enumerate() {
            let projection = &mut workspace.projections[self.structure.place(c)];
            projection.factorise(self, theta, par)?;
            let column = MatMut::from_column_major_slice_mut(mean, m, 1);
            solve_lower(projection.factor.as_ref(), column, par);
        }
        q.set_mean(&mean);
        Ok(())
    }

    /// I + Σ w a aᵀ and Σ a (g + w aᵀm). Where the expected curvature has the wrong sign, which it can have for likelihoods that
    /// are not log-concave, the row says nothing about the precision, so that Λ keeps its factor.
    fn add_up_target(
        &self,
        q: &InducingGaussian,
        b: usize,
        target: &mut NaturalTarget,
        workspace: &mut BoundWorkspace,
    ) {
        let BoundWorkspace { rows, by_diagonal: weights, terms, par, .. } = workspace;
        let m = self.size();
        for c in 0..self.latents() {
            let a = &rows[self.structure.place(c)];
            let shift = &mut target.shift[c * m..(c + 1) * m];
            shift.fill(0.0);
            for (i, weight) in weights[..b].iter_mut().enumerate() {
                let (slope, by_variance) = (terms.slope[c * b + i], terms.by_variance[c * b + i]);
                let column = a.col_as_slice(i);
                *weight = (-2.0 * by_variance).max(0.0);
                add_scaled(shift, slope + *weight * dot(column, q.mean(c)), column);
            }
            let (precision, a) = (&mut target.precision[c], a.as_ref().subcols(0, b));
            multiply_lower(precision.as_mut(), Accum::Replace, a, Some(&weights[..b]), a, 1.0, *par);
            (0..m).for_each(|i| precision[(i, i)] += 1.0);
        }
    }

    /// Adds what A of a process says of its kernel's parameters, and of Z.
    #[expect(clippy::too_many_arguments, reason = "a place, what is known there and two gradients")]
    fn pull_back(
        &self,
        theta: &[f64],
        place: usize,
        q: &InducingGaussian,
        x: Points<'_>,
        gradient: &mut [f64],
        (held, by_inducing): (Held, Option<MatMut<'_, f64>>),
        workspace: &mut BoundWorkspace,
    ) {
        let BoundWorkspace { projections, rows, spread, adjoint, weighted, terms, by_diagonal, par, .. } =
            workspace;
        let (b, par, projection) = (x.rows(), *par, &mut projections[place]);
        let a = &rows[place];
        by_diagonal.fill(0.0);
        adjoint.as_mut().subcols_mut(0, b).fill(0.0);
        for c in self.structure.of_process(place) {
            for (i, total) in by_diagonal.iter_mut().enumerate().take(b) {
                let (slope, by_variance) = (terms.slope[c * b + i], terms.by_variance[c * b + i]);
                *total += by_variance;
                let to = adjoint.col_as_slice_mut(i);
                add_scaled(to, slope, q.mean(c));
                add_scaled(to, 2.0 * by_variance, spread[c].col_as_slice(i));
                add_scaled(to, -2.0 * by_variance, a.col_as_slice(i));
            }
        }
        let mut of_rows = adjoint.as_mut().subcols_mut(0, b);
        let a = a.as_ref().subcols(0, b);
        match held {
            // L̄ = −tril(L⁻ᵀĀAᵀ), so that LᵀL̄ has the lower triangle of −ĀAᵀ.
            Held::Whitened => {
                let symmetric = projection.symmetric.as_mut();
                multiply_lower(symmetric, Accum::Replace, of_rows.as_ref(), None, a, -1.0, par);
            }
            Held::Function => {
                for (i, by_variance) in by_diagonal.iter().enumerate().take(b) {
                    let to = weighted.col_as_slice_mut(i);
                    to.copy_from_slice(column(of_rows.as_ref(), i));
                    add_scaled(to, *by_variance, column(a, i));
                }
                let weighted = weighted.as_ref().subcols(0, b);
                projection.hold_function(q, self.structure.of_process(place), weighted, a, par);
            }
        }
        projection.adjoint_from_symmetric(par);
        solve_upper(projection.factor.transpose(), of_rows.as_mut(), par);
        let of_rows = of_rows.as_ref();
        projection.pull_back(self, theta, x, of_rows.into(), &by_diagonal[..b], gradient, by_inducing, par);
    }
}

/// What of S A an evaluation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: variances are those of f given u.
    Nothing,
    /// aᵀSa of each row.
    Variances,
    /// These and S A itself.
    Products,
}

/// Adds aᵀm to the means of function c, and k_ii − |a|² + aᵀSa into its variances; S A into `spread`.
fn moments(
    q: &InducingGaussian,
    c: usize,
    (a, diagonal): (MatRef<'_, f64>, &[f64]),
    mut spread: MatMut<'_, f64>,
    need: Need,
    terms: &mut Terms,
    par: Par,
) {
    let b = a.ncols();
    if need != Need::Nothing {
        spread.copy_from(a);
        solve_lower(q.factor(c).as_ref(), spread.rb_mut(), par);
    }
    for (i, prior) in diagonal.iter().enumerate().take(b) {
        let (a, t) = (column(a, i), column(spread.rb(), i));
        let own = if need == Need::Nothing { 0.0 } else { dot(t, t) };
        terms.mean[c * b + i] += dot(a, q.mean(c));
        terms.variance[c * b + i] = (prior - dot(a, a)).max(0.0) + own;
    }
    if need == Need::Products {
        solve_upper(q.factor(c).transpose(), spread, par);
    }
}

/// A column of a matrix whose columns are contiguous.
fn column(matrix: MatRef<'_, f64>, j: usize) -> &[f64] {
    matrix.col(j).try_as_col_major().map_or(&[], |c| c.as_slice())
}
