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
    pub fn cross(&mut self, theta: &[f64], z: Points<'_>, x: Points<'_>, mut out: MatMut<'_, f64>, par: Par) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::LogDensity;
    use crate::inducing::OwnInducing;
    use crate::inference::WithInducing;
    use crate::kernel::{InputColumns, Kernel, KernelExpression};
    use crate::likelihood::Family;
    use crate::mean::Mean;
    use crate::model::{Collapsed, CollapsedForm, Criterion, Exact, Process, Target};
    use faer::linalg::solvers::Solve;
    use faer::{Mat, MatRef, Side};

    const PLACES: usize = 4;

    fn kernel() -> Kernel {
        let expression: KernelExpression = "rbf(place, time) + matern32(place) + rbf(time)".parse().unwrap();
        expression.resolve(&InputColumns::unscaled(["place", "time"])).unwrap()
    }

    /// Places at different times each.
    fn table(rows: usize) -> (Mat<f64>, Vec<f64>) {
        let place = |i: usize| (i % PLACES) as f64 * 0.9 - 1.2;
        let x = Mat::from_fn(rows, 2, |i, d| if d == 0 { place(i) } else { (i as f64 * 0.618) % 2.0 - 1.0 });
        let noise = |i: usize| 0.2 * (12.9898 * i as f64).sin();
        let y = (0..rows).map(|i| 1.5 * (2.1 * x[(i, 0)]).cos() + (3.0 * x[(i, 1)]).sin() + noise(i));
        let y = y.collect();
        (x, y)
    }

    /// Inducing inputs of the second term at its places, and those given of the others.
    fn by_terms(others: MatRef<'_, f64>) -> SparseModel {
        let (x, _) = table(PLACES);
        let at = |i: usize, d: usize| if i < PLACES { x[(i, d)] } else { others[(i - PLACES, d)] };
        let z = Mat::from_fn(PLACES + others.nrows(), 2, at);
        let mut model = sum(z.as_ref());
        model.set_inducing_by_terms(z.as_ref(), &[OwnInducing { term: 1, count: PLACES }]).unwrap();
        model
    }

    /// Values of the whole sum.
    fn sum(z: MatRef<'_, f64>) -> SparseModel {
        let process = Process { kernel: kernel(), mean: Mean::Zero };
        SparseModel::new(z, Family::Gaussian.build(2).unwrap(), vec![process]).unwrap()
    }

    fn point(model: &SparseModel) -> Vec<f64> {
        model.layout().start().iter().enumerate().map(|(i, s)| s + 0.2 * (1.7 * i as f64).cos()).collect()
    }

    fn bound(model: &SparseModel, x: &Mat<f64>, y: &[f64]) -> f64 {
        let collapsed = Collapsed::new(model, x.as_ref(), y, CollapsedForm::Vfe).unwrap();
        let target = Target::new(&collapsed, Criterion::LogMarginalLikelihood).unwrap();
        target.evaluate(&point(model), &mut vec![0.0; model.layout().dim()], &mut target.workspace()).unwrap()
    }

    #[test]
    fn with_an_inducing_input_at_every_row_it_is_the_exact_model() {
        let (x, y) = table(40);
        let model = by_terms(x.as_ref());
        let exact = Exact::new(x.as_ref(), &y, kernel(), Mean::Zero).unwrap();
        let target = Target::new(&exact, Criterion::LogMarginalLikelihood).unwrap();
        let z = point(&model);
        let value = target.evaluate(&z, &mut vec![0.0; z.len()], &mut target.workspace()).unwrap();
        let own = bound(&model, &x, &y);
        assert!((own - value).abs() < 1e-6 * (1.0 + value.abs()), "{own} and {value}");
    }

    /// log N(y | 0, Q + σ²I) − tr(K − Q)/2σ² with Q from the terms' own matrices.
    #[test]
    fn the_bound_is_that_of_independent_parts() {
        let (x, y) = table(60);
        let others = Mat::from_fn(7, 2, |i, d| (1.9 * i as f64 + d as f64).sin());
        let model = by_terms(others.as_ref());
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&point(&model), &mut theta);
        let (kernel, n) = (kernel(), y.len());
        let of_kernel = &theta[..kernel.parameter_count()];
        let mut q = Mat::<f64>::zeros(n, n);
        for (own, z) in [(true, model.inducing().subrows(0, PLACES)), (false, others.as_ref())] {
            let terms = kernel.some_terms(|t| (t == 1) == own);
            let mut values = vec![0.0; terms.parameter_count()];
            terms.gather(of_kernel, &mut values);
            let (z, part) = (z.to_owned(), terms.kernel());
            let mut cross = Mat::zeros(z.nrows(), n);
            let mut workspace = KernelWorkspace::new(part, z.nrows(), 2);
            part.cross(&values, Points::of(&z), Points::of(&x), cross.as_mut(), &mut workspace, Par::Seq);
            let gram = part.gram_full(&values, Points::of(&z));
            q += cross.transpose() * gram.llt(Side::Lower).unwrap().solve(&cross);
        }
        let noise =
            theta[model.layout().parameters().iter().position(|p| p.path == "likelihood.variance").unwrap()];
        let mut diagonal = vec![0.0; n];
        kernel.diagonal(of_kernel, Points::of(&x), &mut diagonal);
        let left: f64 = (0..n).map(|i| diagonal[i] - q[(i, i)]).sum();
        let covariance = Mat::from_fn(n, n, |i, j| q[(i, j)] + if i == j { noise } else { 0.0 });
        let factor = covariance.llt(Side::Lower).unwrap();
        let target = Mat::from_fn(n, 1, |i, _| y[i]);
        let fit = (target.transpose() * factor.solve(&target))[(0, 0)];
        let log_determinant: f64 = (0..n).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum();
        let constant = n as f64 * (2.0 * std::f64::consts::PI).ln();
        let expected = -0.5 * (fit + log_determinant + constant) - 0.5 * left / noise;
        let found = bound(&model, &x, &y);
        assert!((found - expected).abs() < 1e-8 * expected.abs(), "{found} and {expected}");
    }

    #[test]
    fn adjoints_are_slopes_and_inputs_of_single_terms_stay() {
        let (x, y) = table(50);
        let others = Mat::from_fn(6, 2, |i, d| (1.9 * i as f64 + d as f64).sin());
        let model = by_terms(others.as_ref());
        let (d, m) = (model.layout().dim(), model.size());
        let density = WithInducing::new(&model, &x, &y, CollapsedForm::Vfe, Criterion::LogDensity);
        let (at, mut workspace) = (density.point(&point(&model)), density.workspace());
        let (mut score, mut aside) = (vec![0.0; at.len()], vec![0.0; at.len()]);
        density.evaluate(&at, &mut score, &mut workspace).unwrap();
        for k in 0..at.len() {
            if k >= d && (k - d) % m < PLACES {
                assert_eq!(score[k], 0.0);
                continue;
            }
            let mut value = |shift: f64| {
                let mut moved = at.clone();
                moved[k] += shift;
                density.evaluate(&moved, &mut aside, &mut workspace).unwrap()
            };
            let step = 1e-5;
            let slope = (value(step) - value(-step)) / (2.0 * step);
            assert!((slope - score[k]).abs() < 1e-5 * (1.0 + slope.abs()), "{k}: {slope} and {}", score[k]);
        }
    }

    /// What passes in time is more than the inducing values can follow; nothing of the places is left open, where as many
    /// values of the sum know of them only through it.
    #[test]
    fn as_many_inducing_inputs_of_the_sum_leave_more_open() {
        let (x, y) = table(397);
        let rows = |count: usize| Mat::from_fn(count, 2, |i, d| x[(i * 397 / count, d)]);
        let brief = |mut model: SparseModel| {
            for path in ["kernel.0.lengthscales[1]", "kernel.2.lengthscales[0]"] {
                model.layout_mut().change(path, |p| p.start = 0.01).unwrap();
            }
            bound(&model, &x, &y)
        };
        let (own, whole) = (brief(by_terms(rows(20).as_ref())), brief(sum(rows(20 + PLACES).as_ref())));
        assert!(own > whole + 10.0, "{own} and {whole}");
    }

    #[test]
    fn terms_that_do_not_fit_the_inducing_inputs_are_refused() {
        let (x, _) = table(10);
        let mut model = sum(x.as_ref());
        let one = |term, count| OwnInducing { term, count };
        for own in [
            vec![one(3, 2)],
            vec![one(1, 0)],
            vec![one(1, 2), one(0, 2)],
            vec![one(1, 11)],
            vec![one(1, 10)],
            vec![one(0, 2), one(1, 2), one(2, 2)],
        ] {
            assert!(model.set_inducing_by_terms(x.as_ref(), &own).is_err(), "{own:?}");
            assert!(model.own_inducing().is_empty());
        }
        model.set_inducing_by_terms(x.as_ref(), &[one(0, 2), one(1, 2), one(2, 6)]).unwrap();
        assert!(model.set_inducing(x.subrows(0, 9)).is_err());
    }
}
