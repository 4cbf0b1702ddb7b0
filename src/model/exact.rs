//! Exact GP regression: y = m(X) + f + ε, f ~ N(0, K_f), ε ~ N(0, σ²I).
//!
//! With K = K_f + σ²I = LLᵀ and α = K⁻¹(y − m) (Rasmussen & Williams, eq. 2.30 and 5.9):
//!
//! log p(y|θ) = −½ (y − m)ᵀα − Σ log L_ii − N/2 log 2π,  ∂/∂K = ½ (ααᵀ − K⁻¹) =: W,  ∂/∂m = α.
//!
//! Cost: one Cholesky and one inverse from it, N³ multiplications and additions in all; O(N²D) for the kernel
//! and its gradient; two N×N matrices of memory per workspace. W is never formed.

use super::{Conditioned, Model};
use crate::kernel::{Kernel, KernelWorkspace, ParameterRole, Points};
use crate::linalg::triangular::{solve_lower, solve_upper};
use crate::linalg::{elementwise, factor_with_jitter, inverse_from_factor};
use crate::mean::Mean;
use crate::parameter::{Layout, Parameter, Prior};
use crate::{Error, Result};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef, Par};
use std::f64::consts::PI;

/// Rows that an exact model takes: 6 GiB of memory a thread, minutes an evaluation. It also bounds what a crafted model
/// file can ask for.
const MOST_ROWS: usize = 20_000;

/// Exact GP regression with Gaussian noise.
#[derive(Debug)]
pub struct Exact {
    x: Mat<f64>,
    y: Vec<f64>,
    kernel: Kernel,
    mean: Mean,
    layout: Layout,
}

/// Memory of one thread: two N×N matrices and vectors of length N.
#[derive(Debug)]
pub struct ExactWorkspace {
    covariance: Mat<f64>,
    inverse: Mat<f64>,
    residual: Vec<f64>,
    alpha: Mat<f64>,
    kernel: KernelWorkspace,
    jitter: f64,
    par: Par,
}

impl Exact {
    /// A model of targets `y` (length N) at inputs `x` (N×D), with the default priors and start values.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths disagree or there is no row; [`Error::Invalid`] where the kernel
    /// uses columns that `x` does not have, and for more than 20,000 rows.
    pub fn new(x: MatRef<'_, f64>, y: &[f64], kernel: Kernel, mean: Mean) -> Result<Self> {
        if x.nrows() != y.len() || y.is_empty() {
            return Err(Error::Shape { what: "targets", expected: x.nrows().max(1), found: y.len() });
        }
        if y.len() > MOST_ROWS {
            let gibibytes = (y.len() as f64).powi(2) * 16.0 / f64::from(1u32 << 30);
            return Err(Error::Invalid(format!(
                "exact GP regression of {} rows needs {gibibytes:.0} GiB of memory a thread; it takes up to {MOST_ROWS} \
                 rows: use --model sparse or svgp",
                y.len()
            )));
        }
        if let Some(column) = kernel.columns().into_iter().find(|&c| c >= x.ncols()) {
            return Err(Error::Invalid(format!(
                "the kernel uses input column {column}, but there are only {} (numbered from 0)",
                x.ncols()
            )));
        }
        let layout = Layout::new(parameters(&kernel, mean, x.ncols()))?;
        // A copy of its own: column-major whatever the caller's memory looks like.
        Ok(Self { x: x.to_owned(), y: y.to_vec(), kernel, mean, layout })
    }

    /// The same model of the rows with these numbers alone.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is none, [`Error::Invalid`] for a number that no row has.
    pub fn subset(&self, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::Shape { what: "rows of a subset", expected: 1, found: 0 });
        }
        if let Some(row) = rows.iter().find(|&&row| row >= self.y.len()) {
            return Err(Error::Invalid(format!("there is no row {row} among {}", self.y.len())));
        }
        Ok(Self {
            x: Mat::from_fn(rows.len(), self.x.ncols(), |i, d| self.x[(rows[i], d)]),
            y: rows.iter().map(|&row| self.y[row]).collect(),
            kernel: self.kernel.clone(),
            mean: self.mean,
            layout: self.layout.clone(),
        })
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The mean function.
    pub fn mean(&self) -> Mean {
        self.mean
    }

    /// Training inputs, N×D.
    pub fn x(&self) -> MatRef<'_, f64> {
        self.x.as_ref()
    }

    /// Training targets, length N.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    pub(super) fn points(&self) -> Points<'_> {
        Points::of(&self.x)
    }

    /// θ split into the values of kernel, noise variance and mean.
    pub(super) fn split<'t>(&self, theta: &'t [f64]) -> (&'t [f64], f64, &'t [f64]) {
        let (kernel, rest) = theta.split_at(self.kernel.parameter_count());
        (kernel, rest[0], &rest[1..])
    }

    /// Writes the lower triangle of K_f + σ²I.
    pub(super) fn fill(
        &self,
        kernel_theta: &[f64],
        noise: f64,
        mut out: MatMut<'_, f64>,
        workspace: &mut KernelWorkspace,
        par: Par,
    ) {
        self.kernel.gram(kernel_theta, self.points(), out.rb_mut(), workspace, par);
        for i in 0..self.y.len() {
            out[(i, i)] += noise;
        }
    }

    /// y − m(X), into `out`.
    pub(super) fn residual(&self, mean_theta: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        self.mean.add(mean_theta, self.points(), out);
        out.iter_mut().zip(&self.y).for_each(|(r, y)| *r = y - *r);
    }

    /// The model at one θ, ready to predict. `par`: how its linear algebra runs.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] where K has no Cholesky factor.
    pub fn condition(&self, theta: &[f64], par: Par) -> Result<Conditioned<'_>> {
        Conditioned::new(self, theta, par)
    }
}

/// Kernel parameters, then `likelihood.variance`, then those of the mean.
fn parameters(kernel: &Kernel, mean: Mean, dim: usize) -> Vec<Parameter> {
    let noise = Parameter::positive("likelihood.variance", 1.0);
    kernel_parameters(kernel).chain([noise]).chain(mean.parameters(dim)).collect()
}

/// The parameters of a kernel with their default priors.
pub(super) fn kernel_parameters(kernel: &Kernel) -> impl Iterator<Item = Parameter> + use<> {
    kernel.parameters().into_iter().map(|p| {
        let prior = match p.role {
            // A period far from where it starts is another model; scales may roam.
            ParameterRole::Period => Prior::LogNormal { mu: p.start.ln(), sigma: 0.5 },
            _ => Prior::SCALE,
        };
        Parameter {
            prior: Some(prior),
            fixed: p.fixed,
            ..Parameter::positive(format!("kernel.{}", p.path), p.start)
        }
    })
}

impl Model for Exact {
    type Workspace = ExactWorkspace;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn workspace(&self, par: Par) -> ExactWorkspace {
        let n = self.y.len();
        ExactWorkspace {
            covariance: Mat::zeros(n, n),
            inverse: Mat::zeros(n, n),
            residual: vec![0.0; n],
            alpha: Mat::zeros(n, 1),
            kernel: KernelWorkspace::new(&self.kernel, n, self.x.ncols()),
            jitter: 0.0,
            par,
        }
    }

    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut ExactWorkspace,
    ) -> Result<f64> {
        let ExactWorkspace { covariance, inverse, residual, alpha, kernel, jitter, par } = workspace;
        let (par, n) = (*par, self.y.len());
        let (kernel_theta, noise, mean_theta) = self.split(theta);

        // K = K_f + σ²I = LLᵀ
        let fill = |out: MatMut<'_, f64>| self.fill(kernel_theta, noise, out, kernel, par);
        *jitter = factor_with_jitter("K(X,X) + σ²I", covariance.as_mut(), fill, par)?.jitter;

        // α = L⁻ᵀ L⁻¹ (y − m)
        self.residual(mean_theta, residual);
        alpha.col_mut(0).iter_mut().zip(&*residual).for_each(|(a, r)| *a = *r);
        solve_lower(covariance.as_ref(), alpha.as_mut(), par);
        solve_upper(covariance.transpose(), alpha.as_mut(), par);
        let alpha = alpha.col_as_slice(0);

        let half_log_determinant: f64 = (0..n).map(|i| covariance[(i, i)].ln()).sum();
        let value = -0.5 * elementwise::dot(residual, alpha)
            - half_log_determinant
            - 0.5 * n as f64 * (2.0 * PI).ln();

        // W = ½ (ααᵀ − K⁻¹), column by column as the kernel asks for it
        inverse_from_factor(covariance.as_mut(), inverse.as_mut(), par);
        let weights = |j: usize, rows: std::ops::Range<usize>, out: &mut [f64]| {
            let column = &covariance.col_as_slice(j)[rows.clone()];
            let (alpha_j, alpha) = (alpha[j], &alpha[rows]);
            elementwise::vectorise(
                #[inline(always)]
                || {
                    for ((o, k), a) in out.iter_mut().zip(column).zip(alpha) {
                        *o = 0.5 * (a * alpha_j - k);
                    }
                },
            );
        };
        let count = self.kernel.parameter_count();
        let (kernel_gradient, rest) = gradient.split_at_mut(count);
        self.kernel.gram_adjoint(kernel_theta, self.points(), &weights, kernel_gradient, None, kernel, par);
        rest[0] += (0..n).map(|i| 0.5 * (alpha[i] * alpha[i] - covariance[(i, i)])).sum::<f64>();
        self.mean.adjoint(self.points(), alpha, &mut rest[1..]);
        Ok(value)
    }

    fn jitter(workspace: &ExactWorkspace) -> f64 {
        workspace.jitter
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::LogDensity;
    use crate::kernel::{InputColumns, KernelExpression};
    use crate::model::{CovarianceForm, Criterion, Target};

    fn model(expression: &str, n: usize, mean: Mean) -> Exact {
        let x = Mat::from_fn(n, 3, |i, d| ((i * (d + 2)) as f64 * 0.37).sin() * 2.0);
        let y: Vec<f64> = (0..n).map(|i| x[(i, 0)].sin() + 0.5 * x[(i, 1)] + 0.3).collect();
        let kernel: KernelExpression = expression.parse().unwrap();
        let kernel = kernel.resolve(&InputColumns::unscaled(["a", "b", "c"])).unwrap();
        Exact::new(x.as_ref(), &y, kernel, mean).unwrap()
    }

    #[test]
    fn two_rows_by_hand() {
        let x = faer::mat![[0.0], [1.0]];
        let kernel =
            "rbf".parse::<KernelExpression>().unwrap().resolve(&InputColumns::unscaled(["x"])).unwrap();
        let model = Exact::new(x.as_ref(), &[1.0, -0.5], kernel, Mean::Zero).unwrap();
        // σ² = 2, ℓ = 1, noise 0.5: K = [[2.5, c], [c, 2.5]] with c = 2 e^−½.
        let c = 2.0 * (-0.5f64).exp();
        let determinant = 2.5 * 2.5 - c * c;
        let quadratic = (2.5 * 1.0 + 2.5 * 0.25 + c) / determinant;
        let exact = -0.5 * quadratic - 0.5 * determinant.ln() - (2.0 * PI).ln();
        let theta = [2.0, 1.0, 0.5];
        let mut workspace = model.workspace(Par::Seq);
        let value = model.log_likelihood(&theta, &mut [0.0; 3], &mut workspace).unwrap();
        assert!((value - exact).abs() < 1e-14);

        let there = model.condition(&theta, Par::Seq).unwrap();
        let p = there.predict_f(faer::mat![[0.0]].as_ref(), CovarianceForm::Diagonal).unwrap();
        // k* = [2, c]; mean = k*ᵀ K⁻¹ y
        let mean = (2.0 * (2.5 + 0.5 * c) + c * (-c - 1.25)) / determinant;
        let variance = 2.0 - (4.0 * 2.5 - 4.0 * c * c + c * c * 2.5) / determinant;
        assert!((p.mean[0] - mean).abs() < 1e-14 && (p.variance[0] - variance).abs() < 1e-14);
    }

    #[test]
    fn the_score_is_the_derivative_of_the_value_for_every_criterion() {
        for (expression, mean) in [
            ("rbf", Mean::Zero),
            ("(matern52(a) + linear(b; ard)) * rq(c) + periodic(a) + white", Mean::Linear),
            ("matern12(a,b; shared) + polynomial(c; degree=2)", Mean::Constant),
        ] {
            let model = model(expression, 300, mean);
            for criterion in
                [Criterion::LogDensity, Criterion::LogPosterior, Criterion::LogMarginalLikelihood]
            {
                let target = Target::new(&model, criterion).unwrap();
                let mut workspace = target.workspace();
                let d = target.dim();
                let z: Vec<f64> = (0..d).map(|i| 0.2 + 0.1 * i as f64).collect();
                let (mut score, mut unused) = (vec![0.0; d], vec![0.0; d]);
                target.evaluate(&z, &mut score, &mut workspace).unwrap();
                for i in 0..d {
                    let mut at = |step: f64| {
                        let mut moved = z.clone();
                        moved[i] += step;
                        target.evaluate(&moved, &mut unused, &mut workspace).unwrap()
                    };
                    let h = 1e-4;
                    // Fourth order: the third derivative would show otherwise.
                    let numeric = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                    let error = (score[i] - numeric).abs() / (1.0 + numeric.abs());
                    assert!(error < 1e-6, "{expression} {criterion:?} {i}: {} against {numeric}", score[i]);
                }
            }
        }
    }

    #[test]
    fn linear_algebra_gives_the_same_bits_on_any_number_of_threads() {
        let model = model("rbf + matern32(a)", 700, Mean::Linear);
        let evaluate = |par: Par| {
            let target = Target::new(&model, Criterion::LogDensity).unwrap().with_parallelism(par);
            let mut score = vec![0.0; target.dim()];
            let value =
                target.evaluate(&vec![0.4; target.dim()], &mut score, &mut target.workspace()).unwrap();
            (value, score)
        };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluate(crate::linalg::in_parallel()))
        };
        let one = evaluate(Par::Seq);
        assert!([1, 2, 3, 8].into_iter().all(|threads| with(threads) == one));
    }

    #[test]
    fn a_hopeless_matrix_is_a_recoverable_failure_that_says_what_was_tried() {
        let mut model = model("rbf", 40, Mean::Zero);
        model.layout_mut().change("likelihood.variance", |p| p.start = 1e-5).unwrap();
        let mut workspace = model.workspace(Par::Seq);
        let error =
            model.log_likelihood(&[f64::NAN, 1.0, 1.0, 1.0, 1.0], &mut [0.0; 5], &mut workspace).unwrap_err();
        assert!(error.is_recoverable(), "{error}");
        // A negative noise variance below every jitter.
        let error =
            model.log_likelihood(&[1.0, 50.0, 50.0, 50.0, -0.9], &mut [0.0; 5], &mut workspace).unwrap_err();
        assert!(matches!(error, Error::NotPositiveDefinite { size: 40, .. }), "{error}");
        assert!(error.to_string().contains("40×40") && error.to_string().contains("1.0e-4"), "{error}");
    }

    #[test]
    fn too_many_rows_are_refused_before_any_memory_is_taken() {
        let x = Mat::zeros(20_001, 1);
        let kernel =
            "rbf".parse::<KernelExpression>().unwrap().resolve(&InputColumns::unscaled(["x"])).unwrap();
        let error = Exact::new(x.as_ref(), &[0.0; 20_001], kernel, Mean::Zero).unwrap_err().to_string();
        assert!(error.contains("20001 rows") && error.contains("6 GiB"), "{error}");
    }

    #[test]
    fn a_posterior_without_a_prior_is_refused_by_name() {
        let mut model = model("rbf", 20, Mean::Zero);
        model.layout_mut().set_prior("kernel.lengthscales[1]", None).unwrap();
        let error = Target::new(&model, Criterion::LogDensity).unwrap_err().to_string();
        assert!(error.contains("kernel.lengthscales[1]") && error.contains("no prior"), "{error}");
        assert!(Target::new(&model, Criterion::LogMarginalLikelihood).is_ok());
    }
}
