//! Every fast density against a slow one: plain loops over dual numbers, with the standard library's exponential, matrices that
//! are formed entry by entry, and a derivative for each coordinate by itself.
//!
//! Nothing here is shared with the library but the order of the parameters.
#![allow(missing_docs, clippy::unwrap_used)]

mod dual;

use dual::{Dual, Matrix};
use faer::{Mat, Par};
use steingp::kernel::{InputColumns, Kernel, KernelExpression};
use steingp::likelihood::{Family, Observation};
use steingp::linalg::in_parallel;
use steingp::mean::Mean;
use steingp::model::{
    Collapsed, CollapsedForm, Exact, Joint, LatentModel, Model, Process, SparseModel, Whitened,
};
use steingp::rows::Batch;

const COLUMNS: [&str; 3] = ["a", "b", "c"];
const TOLERANCE: f64 = 1e-10;

fn kernel(expression: &str) -> Kernel {
    let expression: KernelExpression = expression.parse().unwrap();
    expression.resolve(&InputColumns::unscaled(COLUMNS)).unwrap()
}

/// Rows without structure, of about unit variance.
fn inputs(n: usize, skip: usize) -> Mat<f64> {
    Mat::from_fn(n, 3, |i, c| 3.4 * (((i + skip + 1) as f64 * (c as f64 + 2.0).sqrt()).fract() - 0.5))
}

fn targets(x: &Mat<f64>) -> Vec<f64> {
    (0..x.nrows()).map(|i| x[(i, 0)].sin() + 0.4 * x[(i, 1)] - 0.2 * (3.0 * x[(i, 2)]).cos()).collect()
}

/// A kernel as a formula of two rows; takes its parameters from the front of θ.
type Formula = fn(&mut std::slice::Iter<'_, Dual>, &[f64; 3], &[f64; 3], bool) -> Dual;

fn next(theta: &mut std::slice::Iter<'_, Dual>) -> Dual {
    *theta.next().unwrap()
}

/// Σ_d (x_d − z_d)²/ℓ_d² over some columns, with a lengthscale each.
fn distance<const D: usize>(
    theta: &mut std::slice::Iter<'_, Dual>,
    x: &[f64; 3],
    z: &[f64; 3],
    columns: [usize; D],
) -> Dual {
    let mut sum = Dual::constant(0.0);
    for c in columns {
        let t = Dual::constant(x[c] - z[c]) / next(theta);
        sum = sum + t * t;
    }
    sum
}

fn rbf(theta: &mut std::slice::Iter<'_, Dual>, x: &[f64; 3], z: &[f64; 3], _: bool) -> Dual {
    let variance = next(theta);
    variance * (distance(theta, x, z, [0, 1, 2]) * Dual::constant(-0.5)).exp()
}

fn matern12(theta: &mut std::slice::Iter<'_, Dual>, x: &[f64; 3], z: &[f64; 3], _: bool) -> Dual {
    let variance = next(theta);
    variance * (Dual::constant(0.0) - distance(theta, x, z, [0, 1, 2]).sqrt()).exp()
}

fn matern32(theta: &mut std::slice::Iter<'_, Dual>, x: &[f64; 3], z: &[f64; 3], _: bool) -> Dual {
    let variance = next(theta);
    let r = (distance(theta, x, z, [0, 1, 2]) * Dual::constant(3.0)).sqrt();
    variance * (Dual::constant(1.0) + r) * (Dual::constant(0.0) - r).exp()
}

fn matern52(theta: &mut std::slice::Iter<'_, Dual>, x: &[f64; 3], z: &[f64; 3], _: bool) -> Dual {
    let variance = next(theta);
    let s = distance(theta, x, z, [0, 1, 2]) * Dual::constant(5.0);
    let r = s.sqrt();
    variance * (Dual::constant(1.0) + r + s / Dual::constant(3.0)) * (Dual::constant(0.0) - r).exp()
}

/// `rbf(a, b) * matern32(c) + linear(b) + white`.
fn composite(theta: &mut std::slice::Iter<'_, Dual>, x: &[f64; 3], z: &[f64; 3], same: bool) -> Dual {
    let first = next(theta) * (distance(theta, x, z, [0, 1]) * Dual::constant(-0.5)).exp();
    let variance = next(theta);
    let r = (distance(theta, x, z, [2]) * Dual::constant(3.0)).sqrt();
    let second = variance * (Dual::constant(1.0) + r) * (Dual::constant(0.0) - r).exp();
    let linear = next(theta) * Dual::constant(x[1] * z[1]);
    let white = next(theta) * Dual::constant(f64::from(u8::from(same)));
    first * second + linear + white
}

const KERNELS: [(&str, Formula); 5] = [
    ("rbf", rbf),
    ("matern12", matern12),
    ("matern32", matern32),
    ("matern52", matern52),
    ("rbf(a, b) * matern32(c) + linear(b) + white", composite),
];

fn row(x: &Mat<f64>, i: usize) -> [f64; 3] {
    [x[(i, 0)], x[(i, 1)], x[(i, 2)]]
}

/// K(X, Z); `same`: both are the same rows.
fn covariance(formula: Formula, theta: &[Dual], x: &Mat<f64>, z: &Mat<f64>, same: bool) -> Matrix {
    Matrix::from_fn(x.nrows(), z.nrows(), |i, j| {
        formula(&mut theta.iter(), &row(x, i), &row(z, j), same && i == j)
    })
}

/// log N(y; 0, K).
fn log_normal(y: &[f64], k: &Matrix) -> Dual {
    let l = k.cholesky();
    let white = l.solve_lower(&y.iter().map(|v| Dual::constant(*v)).collect::<Vec<_>>());
    let mut value = Dual::constant(-0.5 * y.len() as f64 * (2.0 * std::f64::consts::PI).ln());
    for (i, w) in white.iter().enumerate() {
        value = value - Dual::constant(0.5) * *w * *w - l.at(i, i).ln();
    }
    value
}

/// Values of θ for a kernel with noise: no two alike, none at its start.
fn theta(count: usize) -> Vec<f64> {
    (0..count).map(|i| 0.7 + 0.9 * ((i + 1) as f64 * 0.618).fract()).collect()
}

/// Value and gradient of a model are those of a formula, at most [`TOLERANCE`] of the largest slope off.
fn agrees<M: Model>(what: &str, model: &M, theta: &[f64], formula: impl Fn(&[Dual]) -> Dual) {
    for par in [Par::Seq, in_parallel()] {
        let mut gradient = vec![0.0; theta.len()];
        let mut workspace = model.workspace(par);
        let value = model.log_likelihood(theta, &mut gradient, &mut workspace).unwrap();
        let slow: Vec<Dual> = (0..theta.len())
            .map(|p| {
                let at: Vec<Dual> = theta
                    .iter()
                    .enumerate()
                    .map(|(i, v)| Dual::new(*v, f64::from(u8::from(i == p))))
                    .collect();
                formula(&at)
            })
            .collect();
        let scale = slow.iter().map(|d| d.slope.abs()).fold(1.0, f64::max);
        let off = (value - slow[0].value).abs() / slow[0].value.abs().max(1.0);
        assert!(off < TOLERANCE, "{what}: {value} against {}", slow[0].value);
        for (p, (fast, slow)) in gradient.iter().zip(&slow).enumerate() {
            let off = (fast - slow.slope).abs() / scale;
            assert!(off < TOLERANCE, "{what}, parameter {p}: {fast} against {} ({off:e})", slow.slope);
        }
    }
}

#[test]
fn exact_regression_equals_the_slow_path() {
    let x = inputs(70, 0);
    let y = targets(&x);
    for (expression, formula) in KERNELS {
        let model = Exact::new(x.as_ref(), &y, kernel(expression), Mean::Zero).unwrap();
        let theta = theta(model.layout().parameters().len());
        let places = theta.len() - 1;
        agrees(expression, &model, &theta, |theta| {
            let mut k = covariance(formula, &theta[..places], &x, &x, true);
            k.add_to_diagonal(theta[places]);
            log_normal(&y, &k)
        });
    }
}

#[test]
fn exact_regression_equals_the_slow_path_over_several_strips() {
    let x = inputs(300, 0);
    let y = targets(&x);
    let model = Exact::new(x.as_ref(), &y, kernel("rbf"), Mean::Zero).unwrap();
    let theta = theta(5);
    agrees("rbf of 300 rows", &model, &theta, |theta| {
        let mut k = covariance(rbf, &theta[..4], &x, &x, true);
        k.add_to_diagonal(theta[4]);
        log_normal(&y, &k)
    });
}

/// (θ, values) of a whitened density: values of a fixed sequence.
fn with_values(theta: Vec<f64>, count: usize) -> Vec<f64> {
    theta.into_iter().chain((0..count).map(|i| 1.3 * ((i + 1) as f64 * 1.7).sin())).collect()
}

#[test]
fn the_density_of_whitened_latents_equals_the_slow_path() {
    let x = inputs(40, 0);
    let y: Vec<f64> = targets(&x).iter().map(|y| f64::from(u8::from(*y > 0.0))).collect();
    for (expression, formula) in [KERNELS[0], KERNELS[2], KERNELS[4]] {
        let processes = vec![Process { kernel: kernel(expression), mean: Mean::Zero }];
        let classes = y.iter().copied().map(Observation::new).collect();
        let likelihood = Family::Bernoulli.build(2).unwrap();
        let model = LatentModel::new(x.as_ref(), classes, likelihood, processes).unwrap();
        let joint = Joint::new(&model).unwrap();
        let places = model.layout().parameters().len();
        let point = with_values(theta(places), 40);
        agrees(&format!("latents, {expression}"), &joint, &point, |point| {
            let mut k = covariance(formula, &point[..places], &x, &x, true);
            // The density always has this jitter, relative to the mean diagonal.
            let mean = (0..40).fold(Dual::constant(0.0), |s, i| s + k.at(i, i)) / Dual::constant(40.0);
            k.add_to_diagonal(Dual::constant(1e-8) * mean);
            let f = k.cholesky().times_lower(&point[places..]);
            f.iter().zip(&y).fold(Dual::constant(0.0), |sum, (f, y)| {
                let signed = *f * Dual::constant(2.0 * y - 1.0);
                sum - (Dual::constant(1.0) + (Dual::constant(0.0) - signed).exp()).ln()
            })
        });
    }
}

fn sparse(expression: &str, z: &Mat<f64>) -> SparseModel {
    let processes = vec![Process { kernel: kernel(expression), mean: Mean::Zero }];
    SparseModel::new(z.as_ref(), Family::Gaussian.build(2).unwrap(), processes).unwrap()
}

/// L_Z, A = L_Z⁻¹ K(Z, X) and diag K(X, X).
fn projection(formula: Formula, theta: &[Dual], x: &Mat<f64>, z: &Mat<f64>) -> (Matrix, Matrix, Vec<Dual>) {
    let factor = covariance(formula, theta, z, z, true).cholesky();
    let a = factor.solve_lower_matrix(&covariance(formula, theta, z, x, false));
    let diagonal = (0..x.nrows()).map(|i| formula(&mut theta.iter(), &row(x, i), &row(x, i), true)).collect();
    (factor, a, diagonal)
}

#[test]
fn the_density_of_whitened_inducing_values_equals_the_slow_path() {
    let (x, z, scale) = (inputs(50, 0), inputs(25, 500), 7.0);
    let y = targets(&x);
    for (expression, formula) in KERNELS {
        let model = sparse(expression, &z);
        let observations = y.iter().copied().map(Observation::new).collect();
        let density = Whitened::new(&model, Batch { x: x.clone(), observations }, scale).unwrap();
        let places = model.layout().parameters().len();
        let point = with_values(theta(places), 25);
        let noise =
            (0..places).find(|&p| model.layout().parameters()[p].path == "likelihood.variance").unwrap();
        agrees(&format!("inducing values, {expression}"), &density, &point, |point| {
            let of_kernel: Vec<Dual> = (0..places).filter(|p| *p != noise).map(|p| point[p]).collect();
            let (_, a, diagonal) = projection(formula, &of_kernel, &x, &z);
            let two_pi = Dual::constant(2.0 * std::f64::consts::PI);
            (0..50).fold(Dual::constant(0.0), |sum, i| {
                let column = (0..25).map(|m| a.at(m, i));
                let mean =
                    column.clone().zip(&point[places..]).fold(Dual::constant(0.0), |s, (a, v)| s + a * *v);
                let variance = column.fold(diagonal[i], |s, a| s - a * a);
                // E log N(y; f, σ²) for f ~ N(mean, variance).
                let off = Dual::constant(y[i]) - mean;
                let noise = point[noise];
                let expected = (two_pi * noise).ln() + (off * off + variance) / noise;
                sum - Dual::constant(0.5 * scale) * expected
            })
        });
    }
}

#[test]
fn the_collapsed_bound_equals_the_slow_path() {
    let (x, z) = (inputs(60, 0), inputs(20, 500));
    let y = targets(&x);
    for (expression, formula) in KERNELS {
        let model = sparse(expression, &z);
        let places = model.layout().parameters().len();
        let noise =
            (0..places).find(|&p| model.layout().parameters()[p].path == "likelihood.variance").unwrap();
        let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
        agrees(&format!("collapsed, {expression}"), &collapsed, &theta(places), |theta| {
            let of_kernel: Vec<Dual> = (0..places).filter(|p| *p != noise).map(|p| theta[p]).collect();
            let (_, a, diagonal) = projection(formula, &of_kernel, &x, &z);
            let q =
                |i: usize, j: usize| (0..20).fold(Dual::constant(0.0), |s, m| s + a.at(m, i) * a.at(m, j));
            let mut k = Matrix::from_fn(60, 60, q);
            let left = (0..60).fold(Dual::constant(0.0), |s, i| s + diagonal[i] - k.at(i, i));
            k.add_to_diagonal(theta[noise]);
            log_normal(&y, &k) - Dual::constant(0.5) * left / theta[noise]
        });
    }
}
