//! Rows seen from the inducing inputs: A = L⁻¹ K(Z, X) with K_ZZ = LLᵀ, and the adjoint of it.
//!
//! With C = K(Z, X) and the adjoint Ā of A: C̄ = L⁻ᵀĀ, L̄ = −tril(C̄Aᵀ), so that LᵀL̄ has the lower triangle of −ĀAᵀ.

use super::inducing_kernel::InducingKernel;
use super::{InducingGaussian, SparseModel};
use crate::Result;
use crate::kernel::{KernelWorkspace, Points};
use crate::linalg::elementwise::add_scaled;
use crate::linalg::products::multiply;
use crate::linalg::triangular::solve_lower;
use crate::linalg::{factor_with_jitter, inverse_from_factor};
use crate::model::cholesky_adjoint;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use std::ops::Range;

/// Smallest squared pivot of K_ZZ, relative to its mean diagonal, that solves with its factor survive; below it K_ZZ gets
/// [`JITTER`] added.
const LEAST_PIVOT: f64 = 1e-10;
/// Jitter of a K_ZZ that is nearly singular, relative to its mean diagonal.
const JITTER: f64 = 1e-8;

/// K_ZZ of one process, factored, with room for its adjoint.
#[derive(Debug)]
pub(super) struct Projection {
    place: usize,
    pub factor: Mat<f64>,
    /// K̄_ZZ, lower triangle.
    pub adjoint: Mat<f64>,
    /// Lower triangle of P + Pᵀ.
    pub symmetric: Mat<f64>,
    pub inverse: Mat<f64>,
    pub product: Mat<f64>,
    kernel: InducingKernel,
    diagonal: KernelWorkspace,
    pub jitter: f64,
    /// The kernel's parameters and the inducing inputs that `factor` is of.
    of: Option<(Vec<f64>, u64)>,
}

/// C̄, M×B: a matrix whose columns may have weights, and parts g αᵀ of rank one.
#[derive(Clone, Copy)]
pub(super) struct OfCross<'a> {
    pub full: MatRef<'a, f64>,
    /// B of them.
    pub weights: Option<&'a [f64]>,
    /// Each g (M) and α (B).
    pub rank_ones: &'a [(&'a [f64], &'a [f64])],
}

impl<'a> From<MatRef<'a, f64>> for OfCross<'a> {
    fn from(full: MatRef<'a, f64>) -> Self {
        Self { full, weights: None, rank_ones: &[] }
    }
}

impl OfCross<'_> {
    /// Some rows of column `j`.
    fn column(&self, j: usize, rows: Range<usize>, out: &mut [f64]) {
        if let Some(values) = self.full.col(j).try_as_col_major() {
            let values = &values.as_slice()[rows.clone()];
            match self.weights {
                Some(weights) => out.iter_mut().zip(values).for_each(|(to, from)| *to = weights[j] * from),
                None => out.copy_from_slice(values),
            }
        }
        for (g, alpha) in self.rank_ones {
            add_scaled(out, alpha[j], &g[rows.clone()]);
        }
    }
}

impl Projection {
    /// For process `place`.
    pub fn new(model: &SparseModel, place: usize) -> Self {
        let m = model.size();
        let square = || Mat::zeros(m, m);
        let kernel = &model.structure.processes[place].process.kernel;
        Self {
            place,
            factor: square(),
            adjoint: square(),
            symmetric: square(),
            inverse: square(),
            product: square(),
            kernel: InducingKernel::new(model, place),
            diagonal: KernelWorkspace::new(kernel, 1, model.dim()),
            jitter: 0.0,
            of: None,
        }
    }

    /// K_ZZ = LLᵀ at θ, with jitter where it must; nothing is done where it is there already.
    pub fn factorise(&mut self, model: &SparseModel, theta: &[f64], par: Par) -> Result<()> {
        let placed = &model.structure.processes[self.place];
        let theta = &theta[placed.kernel.clone()];
        if self.of.as_ref().is_some_and(|(known, version)| known == theta && *version == model.version) {
            return Ok(());
        }
        self.of = None;
        let m = model.size();
        let mut base = 0.0;
        loop {
            let mut mean_diagonal = 0.0;
            let fill = |mut out: MatMut<'_, f64>| {
                self.kernel.gram(theta, model.points(), out.rb_mut(), par);
                mean_diagonal = (0..m).map(|i| out[(i, i)]).sum::<f64>() / m as f64;
                (0..m).for_each(|i| out[(i, i)] += base * mean_diagonal);
            };
            let factor = factor_with_jitter("K(Z,Z)", self.factor.as_mut(), fill, par)?;
            self.jitter = base + factor.jitter;
            let least = (0..m).map(|i| self.factor[(i, i)].powi(2)).fold(f64::INFINITY, f64::min);
            if self.jitter > 0.0 || least > LEAST_PIVOT * mean_diagonal {
                self.of = Some((theta.to_vec(), model.version));
                return Ok(());
            }
            base = JITTER;
        }
    }

    /// A = L⁻¹ K(Z, X) into `out` (M×B) and k(x_i, x_i) into `diagonal` (B).
    pub fn project(
        &mut self,
        model: &SparseModel,
        theta: &[f64],
        x: Points<'_>,
        mut out: MatMut<'_, f64>,
        diagonal: &mut [f64],
        par: Par,
    ) {
        let placed = &model.structure.processes[self.place];
        let (kernel, theta) = (&placed.process.kernel, &theta[placed.kernel.clone()]);
        self.kernel.cross(theta, model.points(), x, out.rb_mut(), par);
        kernel.diagonal(theta, x, diagonal);
        solve_lower(self.factor.as_ref(), out, par);
    }

    /// What `symmetric` is where u is held: Σ_c (S_c + m_c m_cᵀ − I) − Y − Yᵀ with Y = `weighted` Aᵀ.
    pub fn hold_function(
        &mut self,
        q: &InducingGaussian,
        functions: Range<usize>,
        weighted: MatRef<'_, f64>,
        a: MatRef<'_, f64>,
        par: Par,
    ) {
        let Self { symmetric, inverse, product, adjoint, .. } = self;
        let m = symmetric.nrows();
        multiply(product.as_mut(), Accum::Replace, weighted, a.transpose(), 1.0, par);
        for j in 0..m {
            for i in j..m {
                symmetric[(i, j)] = -product[(i, j)] - product[(j, i)];
            }
        }
        for c in functions {
            adjoint.copy_from(q.factor(c));
            inverse_from_factor(adjoint.as_mut(), inverse.as_mut(), par);
            let mean = q.mean(c);
            for j in 0..m {
                let (to, from) = (&mut symmetric.col_as_slice_mut(j)[j..], &adjoint.col_as_slice(j)[j..]);
                add_scaled(to, 1.0, from);
                add_scaled(to, mean[j], &mean[j..]);
                to[0] -= 1.0;
            }
        }
    }

    /// K̄_ZZ from the lower triangle of P + Pᵀ in `symmetric`.
    pub fn adjoint_from_symmetric(&mut self, par: Par) {
        let Self { factor, symmetric, inverse, product, adjoint, .. } = self;
        let (inverse, product) = (inverse.as_mut(), product.as_mut());
        cholesky_adjoint::of_symmetric(
            factor.as_ref(),
            symmetric.as_mut(),
            inverse,
            product,
            adjoint.as_mut(),
            par,
        );
    }

    /// Adds to the gradient in θ what K̄_ZZ (in `adjoint`), C̄ and the adjoints of k(x_i, x_i) (B) say of the kernel's
    /// parameters; to `z_gradient` (M×D) what they say of Z.
    #[expect(clippy::too_many_arguments, reason = "three adjoints and where they go")]
    pub fn pull_back(
        &mut self,
        model: &SparseModel,
        theta: &[f64],
        x: Points<'_>,
        cross: OfCross<'_>,
        diagonal: &[f64],
        gradient: &mut [f64],
        mut z_gradient: Option<MatMut<'_, f64>>,
        par: Par,
    ) {
        self.pull_back_inducing(model, theta, gradient, z_gradient.as_mut().map(|g| g.rb_mut()), par);
        self.pull_back_rows(model, theta, x, cross, diagonal, gradient, z_gradient, par);
    }

    /// The part of K̄_ZZ.
    pub fn pull_back_inducing(
        &mut self,
        model: &SparseModel,
        theta: &[f64],
        gradient: &mut [f64],
        z_gradient: Option<MatMut<'_, f64>>,
        par: Par,
    ) {
        let placed = &model.structure.processes[self.place];
        let theta = &theta[placed.kernel.clone()];
        let gradient = &mut gradient[placed.kernel.clone()];
        let (adjoint, z) = (&self.adjoint, model.points());
        let of_gram = |j: usize, rows: Range<usize>, out: &mut [f64]| {
            out.copy_from_slice(&adjoint.col_as_slice(j)[rows]);
        };
        self.kernel.gram_adjoint(theta, z, &of_gram, gradient, z_gradient, par);
    }

    /// The part of the rows.
    #[expect(clippy::too_many_arguments, reason = "two adjoints and where they go")]
    pub fn pull_back_rows(
        &mut self,
        model: &SparseModel,
        theta: &[f64],
        x: Points<'_>,
        cross: OfCross<'_>,
        diagonal: &[f64],
        gradient: &mut [f64],
        z_gradient: Option<MatMut<'_, f64>>,
        par: Par,
    ) {
        let placed = &model.structure.processes[self.place];
        let (kernel, theta) = (&placed.process.kernel, &theta[placed.kernel.clone()]);
        let gradient = &mut gradient[placed.kernel.clone()];
        let z = model.points();
        let of_cross = |j: usize, rows: Range<usize>, out: &mut [f64]| cross.column(j, rows, out);
        // The rows stay where they are, but their adjoints come with those of Z.
        let mut of_rows = z_gradient.as_ref().map(|_| Mat::zeros(x.rows(), x.dim()));
        let inputs = z_gradient.zip(of_rows.as_mut().map(|r| r.as_mut()));
        self.kernel.cross_adjoint(theta, z, x, &of_cross, gradient, inputs, par);
        kernel.diagonal_adjoint(theta, x, diagonal, gradient, &mut self.diagonal);
    }
}
