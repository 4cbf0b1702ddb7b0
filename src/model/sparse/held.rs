//! The score of the bound with Gaussian noise, q(u) held, in one pass over any number of rows.
//!
//! With q(v) = N(m, S), A = L⁻¹K(Z, X) and α = (e − Aᵀm)/σ² the adjoint of A is Ā = mαᵀ + (I − S)A/σ², so that
//! C̄ = L⁻ᵀĀ = W A + (L⁻ᵀm)αᵀ with one M×M matrix W = L⁻ᵀ(I − S)/σ² for all rows. What they say of K_ZZ is linear in G = Σ a aᵀ and
//! Σ aα: with Y = m (Σ aα)ᵀ + (½I − S)G/σ², LᵀL̄ has the lower triangle of S + mmᵀ − I − Y − Yᵀ. Where q(v) is the optimum for these
//! very rows, G = σ²(S⁻¹ − I) and Σ aα = m are known before the pass, and the score is that of the collapsed bound.
//!
//! Cost: 1.5 M² multiplications and additions a row, 2 M² where G is gathered, where minibatches that know nothing of one
//! another take 3.5 M² and 2.3 M³ each. Memory: two M×B matrices a thread.

use super::projection::{OfCross, Projection};
use super::{InducingGaussian, SparseModel};
use crate::Result;
use crate::kernel::Points;
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::inverse_from_factor;
use crate::linalg::products::{multiply, multiply_lower};
use crate::linalg::triangular::solve_upper;
use crate::rows::Batch;
use faer::{Accum, Mat, MatMut, Par};

/// What is the same for all rows.
#[derive(Debug)]
pub struct HeldScore<'a> {
    model: &'a SparseModel,
    theta: Vec<f64>,
    q: &'a InducingGaussian,
    /// Whether q(v) is the optimum for the rows that are to come.
    is_optimal: bool,
    /// S, both triangles.
    covariance: Mat<f64>,
    /// W.
    of_rows: Mat<f64>,
    /// L⁻ᵀm.
    pulled: Vec<f64>,
}

/// What rows leave: sums.
#[derive(Debug, Clone)]
pub struct HeldSums {
    /// What they say of the kernel's and the mean's parameters, but for K_ZZ.
    gradient: Vec<f64>,
    /// G, lower triangle, where it is not known.
    gram: Option<Mat<f64>>,
    /// Σ aα.
    pull: Vec<f64>,
    /// How many rows there are, Σ (e − aᵀm)² and Σ k_ii.
    count: f64,
    squares: f64,
    prior: f64,
}

/// Memory of one thread.
#[derive(Debug)]
pub struct HeldWorkspace {
    projection: Projection,
    rows: Mat<f64>,
    adjoint: Mat<f64>,
    slope: Vec<f64>,
    by_diagonal: Vec<f64>,
    diagonal: Vec<f64>,
    gradient: Vec<f64>,
    par: Par,
}

impl HeldWorkspace {
    /// For batches of up to `rows` rows; `par` says how the linear algebra runs.
    pub fn new(model: &SparseModel, rows: usize, par: Par) -> Self {
        let (block, zeros) = (|| Mat::zeros(model.size(), rows), || vec![0.0; rows]);
        Self {
            projection: Projection::new(model, 0),
            rows: block(),
            adjoint: block(),
            slope: zeros(),
            by_diagonal: zeros(),
            diagonal: zeros(),
            gradient: vec![0.0; model.layout().parameters().len()],
            par,
        }
    }

    /// Largest relative jitter that the last evaluation needed.
    pub fn jitter(&self) -> f64 {
        self.projection.jitter
    }
}

impl HeldSums {
    /// Adds the sums of other rows.
    pub fn add(&mut self, other: &HeldSums) {
        if let (Some(to), Some(from)) = (&mut self.gram, &other.gram) {
            for j in 0..to.ncols() {
                add_scaled(&mut to.col_as_slice_mut(j)[j..], 1.0, &from.col_as_slice(j)[j..]);
            }
        }
        add_scaled(&mut self.gradient, 1.0, &other.gradient);
        add_scaled(&mut self.pull, 1.0, &other.pull);
        self.count += other.count;
        self.squares += other.squares;
        self.prior += other.prior;
    }
}

impl<'a> HeldScore<'a> {
    /// At θ with q(v) of the one latent function.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor.
    pub fn new(
        model: &'a SparseModel,
        theta: &[f64],
        q: &'a InducingGaussian,
        is_optimal: bool,
        workspace: &mut HeldWorkspace,
    ) -> Result<Self> {
        let (m, par) = (model.size(), workspace.par);
        workspace.projection.factorise(model, theta, par)?;
        let Projection { factor, product, .. } = &mut workspace.projection;
        let mut covariance = q.factor(0).clone();
        inverse_from_factor(covariance.as_mut(), product.as_mut(), par);
        let sigma2 = model.likelihood_parameters(theta)[0];
        let mut of_rows = Mat::zeros(m, m);
        for j in 0..m {
            for i in 0..m {
                covariance[(i, j)] = covariance[(i.max(j), i.min(j))];
                of_rows[(i, j)] = -covariance[(i, j)] / sigma2;
            }
            of_rows[(j, j)] += 1.0 / sigma2;
        }
        solve_upper(factor.transpose(), of_rows.as_mut(), par);
        let mut pulled = q.mean(0).to_vec();
        let column = MatMut::from_column_major_slice_mut(&mut pulled, m, 1);
        solve_upper(factor.transpose(), column, par);
        Ok(Self { model, theta: theta.to_vec(), q, is_optimal, covariance, of_rows, pulled })
    }

    /// Of no row.
    pub fn nothing(&self) -> HeldSums {
        let m = self.model.size();
        HeldSums {
            gradient: vec![0.0; self.theta.len()],
            gram: (!self.is_optimal).then(|| Mat::zeros(m, m)),
            pull: vec![0.0; m],
            count: 0.0,
            squares: 0.0,
            prior: 0.0,
        }
    }

    /// Adds a batch whose rows count `weight` times each.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor.
    pub fn add(
        &self,
        batch: &Batch,
        weight: f64,
        sums: &mut HeldSums,
        workspace: &mut HeldWorkspace,
    ) -> Result<()> {
        let (model, theta, b, par) = (self.model, &self.theta, batch.rows(), workspace.par);
        if b > workspace.slope.len() {
            let gradient = std::mem::take(&mut workspace.gradient);
            *workspace = HeldWorkspace { gradient, ..HeldWorkspace::new(model, b, par) };
        }
        let HeldWorkspace { projection, rows, adjoint, slope, by_diagonal, diagonal, gradient, .. } =
            workspace;
        let (slope, by_diagonal, diagonal) = (&mut slope[..b], &mut by_diagonal[..b], &mut diagonal[..b]);
        let (mut a, mut c) = (rows.as_mut().subcols_mut(0, b), adjoint.as_mut().subcols_mut(0, b));
        let x = Points::of(&batch.x);
        projection.factorise(model, theta, par)?;
        projection.project(model, theta, x, a.as_mut(), diagonal, par);
        model.structure.prior_means(theta, x, slope);
        let sigma2 = model.likelihood_parameters(theta)[0];
        let mean = self.q.mean(0);
        for (i, (slope, at)) in slope.iter_mut().zip(&batch.observations).enumerate() {
            let own = a.as_ref().col(i).try_as_col_major().map_or(&[][..], |column| column.as_slice());
            let residual = at.y - *slope - dot(own, mean);
            sums.squares += weight * residual * residual;
            *slope = weight * residual / sigma2;
            if !self.is_optimal {
                add_scaled(&mut sums.pull, *slope, own);
            }
        }
        sums.count += weight * b as f64;
        sums.prior += weight * diagonal.iter().sum::<f64>();
        if let Some(gram) = &mut sums.gram {
            multiply_lower(gram.as_mut(), Accum::Add, a.as_ref(), None, a.as_ref(), weight, par);
        }
        multiply(c.as_mut(), Accum::Replace, self.of_rows.as_ref(), a.as_ref(), weight, par);
        by_diagonal.fill(-0.5 * weight / sigma2);
        gradient.fill(0.0);
        let cross = OfCross { rank_ones: &[(&self.pulled, slope)], ..c.as_ref().into() };
        projection.pull_back_rows(model, theta, x, cross, by_diagonal, gradient, None, par);
        let placed = &model.structure.processes[0];
        placed.process.mean.adjoint(x, slope, &mut gradient[placed.mean.clone()]);
        add_scaled(&mut sums.gradient, 1.0, gradient);
        Ok(())
    }

    /// The gradient in θ, once all rows are there: it is added to `gradient`.
    ///
    /// # Errors
    /// Recoverable ones where K_ZZ has no factor.
    pub fn finish(&self, sums: &HeldSums, gradient: &mut [f64], workspace: &mut HeldWorkspace) -> Result<()> {
        let (model, m, par) = (self.model, self.model.size(), workspace.par);
        let (mean, s) = (self.q.mean(0), &self.covariance);
        let projection = &mut workspace.projection;
        projection.factorise(model, &self.theta, par)?;
        let sigma2 = model.likelihood_parameters(&self.theta)[0];
        let identity = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
        // tr G and tr S G.
        let (mut trace, mut spread) = (0.0, 0.0);
        if let Some(gram) = &sums.gram {
            let Projection { symmetric, adjoint, product, .. } = projection;
            for j in 0..m {
                for i in 0..m {
                    adjoint[(i, j)] = gram[(i.max(j), i.min(j))];
                }
            }
            multiply(product.as_mut(), Accum::Replace, s.as_ref(), adjoint.as_ref(), 1.0, par);
            for j in 0..m {
                trace += adjoint[(j, j)];
                spread += product[(j, j)];
                for i in j..m {
                    let of_sum = (adjoint[(i, j)] - product[(i, j)] - product[(j, i)]) / sigma2;
                    let of_mean = mean[i] * mean[j] - mean[i] * sums.pull[j] - mean[j] * sums.pull[i];
                    symmetric[(i, j)] = s[(i, j)] - identity(i, j) + of_mean - of_sum;
                }
            }
        } else {
            let precision = self.q.precision(0);
            for j in 0..m {
                trace += sigma2 * (precision[(j, j)] - 1.0);
                spread += sigma2 * (1.0 - s[(j, j)]);
                for i in j..m {
                    projection.symmetric[(i, j)] =
                        2.0 * identity(i, j) - precision[(i, j)] - s[(i, j)] - mean[i] * mean[j];
                }
            }
        }
        projection.adjoint_from_symmetric(par);
        projection.pull_back_inducing(model, &self.theta, gradient, None, par);
        let residuals = sums.squares + sums.prior - trace + spread;
        gradient[model.structure.of_likelihood.start] += 0.5 * (residuals / sigma2 - sums.count) / sigma2;
        add_scaled(gradient, 1.0, &sums.gradient);
        Ok(())
    }
}
