//! Covariances of inducing values with each other and with rows.
//!
//! Inducing values are those of the latent function f at Z. Where f = Σ_t f_t is a sum and some terms have inducing inputs of
//! their own, theirs are values of f_t, and the others those of the other terms' sum: parts that are independent before the
//! data are seen, so that K_uu has blocks, and cov(u_t, f(x)) = k_t(Z_t, x). Source: inter-domain inducing variables
//! (Lázaro-Gredilla & Figueiras-Vidal, NIPS 2009), of which a term of a sum is the plainest.

use super::SparseModel;
use crate::kernel::{KernelWorkspace, Points, Terms};
use faer::prelude::ReborrowMut;
use faer::{MatMut, Par};
use std::ops::Range;

/// The kernel of one process between its inducing values and rows, with scratch memory.
#[derive(Debug)]
pub(super) struct InducingKernel {
    parts: Vec<Part>,
}

/// Consecutive inducing inputs, and the terms that theirs are values of.
#[derive(Debug)]
struct Part {
    rows: Range<usize>,
    terms: Terms,
    /// Whether the inputs stay where they are.
    held: bool,
    theta: Vec<f64>,
    gradient: Vec<f64>,
    workspace: KernelWorkspace,
}

impl InducingKernel {
    /// For process `place`.
    pub fn new(model: &SparseModel, place: usize) -> Self {
        let kernel = &model.structure.processes[place].process.kernel;
        let part = |rows: Range<usize>, terms: Terms, held| {
            let count = terms.parameter_count();
            let workspace = KernelWorkspace::new(terms.kernel(), rows.len(), model.dim());
            Part { rows, terms, held, theta: vec![0.0; count], gradient: vec![0.0; count], workspace }
        };
        let (mut parts, mut start) = (Vec::new(), 0);
        for own in &model.own {
            let rows = start..start + own.count;
            start = rows.end;
            parts.push(part(rows, kernel.some_terms(|term| term == own.term), true));
        }
        if start < model.size() {
            let others = kernel.some_terms(|term| model.own.iter().all(|own| own.term != term));
            parts.push(part(start..model.size(), others, false));
        }
        Self { parts }
    }

    /// The lower triangle of K_uu (M×M) for Z (M×D).
    pub fn gram(&mut self, theta: &[f64], z: Points<'_>, mut out: MatMut<'_, f64>, par: Par) {
        for part in &mut self.parts {
            let Range { start, end } = part.rows;
            part.terms.gather(theta, &mut part.theta);
            let block = out.rb_mut().submatrix_mut(start, start, end - start, end - start);
            let points = z.slice(start, end - start);
            part.terms.kernel().gram(&part.theta, points, block, &mut part.workspace, par);
            out.rb_mut().submatrix_mut(start, 0, end - start, start).fill(0.0);
        }
    }

    /// Covariances with the latent function at rows X (B×D), M×B.
    pub fn cross(
        &mut self,
        theta: &[f64],
        z: Points<'_>,
        x: Points<'_>,
        mut out: MatMut<'_, f64>,
        par: Par,
    ) {
        for part in &mut self.parts {
            let Range { start, end } = part.rows;
            part.terms.gather(theta, &mut part.theta);
            let (points, block) = (z.slice(start, end - start), out.rb_mut().subrows_mut(start, end - start));
            part.terms.kernel().cross(&part.theta, points, x, block, &mut part.workspace, par);
        }
    }

    /// [`Kernel::gram_adjoint`](crate::kernel::Kernel::gram_adjoint) of the first.
    pub fn gram_adjoint(
        &mut self,
        theta: &[f64],
        z: Points<'_>,
        weights: &(impl Fn(usize, Range<usize>, &mut [f64]) + Sync),
        gradient: &mut [f64],
        mut z_gradient: Option<MatMut<'_, f64>>,
        par: Par,
    ) {
        for part in &mut self.parts {
            let Part { rows, terms, held, theta: own, gradient: of_own, workspace } = part;
            let (start, points) = (rows.start, z.slice(rows.start, rows.len()));
            terms.gather(theta, own);
            of_own.fill(0.0);
            let of_z = z_gradient.as_mut().filter(|_| !*held);
            let of_z = of_z.map(|g| g.rb_mut().subrows_mut(start, rows.len()));
            let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
                weights(start + j, start + rows.start..start + rows.end, out);
            };
            terms.kernel().gram_adjoint(own, points, &weights, of_own, of_z, workspace, par);
            terms.scatter(of_own, gradient);
        }
    }

    /// [`Kernel::cross_adjoint`](crate::kernel::Kernel::cross_adjoint) of the second, with adjoints of Z and of the rows.
    #[expect(clippy::too_many_arguments, reason = "two inputs and their adjoints")]
    pub fn cross_adjoint(
        &mut self,
        theta: &[f64],
        z: Points<'_>,
        x: Points<'_>,
        weights: &(impl Fn(usize, Range<usize>, &mut [f64]) + Sync),
        gradient: &mut [f64],
        mut input_adjoints: Option<(MatMut<'_, f64>, MatMut<'_, f64>)>,
        par: Par,
    ) {
        for part in &mut self.parts {
            let Part { rows, terms, held, theta: own, gradient: of_own, workspace } = part;
            let (start, points) = (rows.start, z.slice(rows.start, rows.len()));
            terms.gather(theta, own);
            of_own.fill(0.0);
            let inputs = input_adjoints.as_mut().filter(|_| !*held);
            let inputs =
                inputs.map(|(of_z, of_x)| (of_z.rb_mut().subrows_mut(start, rows.len()), of_x.rb_mut()));
            let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
                weights(j, start + rows.start..start + rows.end, out);
            };
            terms.kernel().cross_adjoint(own, points, x, &weights, of_own, inputs, workspace, par);
            terms.scatter(of_own, gradient);
        }
    }
}
