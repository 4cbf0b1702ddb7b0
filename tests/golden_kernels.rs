//! Kernels against GPflow's values (see `origin` and `layout` in `tests/golden/gpflow_kernels.json`).
//!
//! Where GPflow itself is off (arc-cosine of order 0: it pulls the cosine of coinciding points away from 1, which
//! moves their covariance by 10⁻⁸) the values come from `exact_kernels.json`, computed with 80 digits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use faer::linalg::solvers::{DenseSolveCore, Solve};
use faer::{Mat, Par, Side};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use steingp::kernel::{InputColumns, Kernel, KernelExpression, KernelWorkspace, Points};

#[derive(Deserialize)]
struct Golden {
    tables: BTreeMap<String, Table>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Table {
    x: Vec<Vec<f64>>,
    x2: Vec<Vec<f64>>,
    y: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    kernel: String,
    mean: String,
    table: String,
    fixed: BTreeSet<String>,
    draws: Vec<Draw>,
}

#[derive(Deserialize)]
struct Draw {
    parameters: BTreeMap<String, f64>,
    gram: Vec<Vec<f64>>,
    cross: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    gradient: BTreeMap<String, f64>,
}

/// Where the golden files write a kernel in another way: one variance a column by default, options without `;`.
const TRANSLATIONS: [(&str, &str); 13] = [
    ("linear", "linear(; ard)"),
    ("linear(x0,x1; shared)", "linear(x0,x1)"),
    ("polynomial(degree=2)", "polynomial(; degree=2)"),
    ("arccosine(order=0)", "arccosine(; order=0, ard)"),
    ("arccosine(order=1)", "arccosine(; order=1, ard)"),
    ("arccosine(order=2)", "arccosine(; order=2, ard)"),
    ("arccosine(x0,x2; order=1, shared)", "arccosine(x0,x2; order=1)"),
    ("rbf(x0) + linear(x1)", "rbf(x0) + linear(x1; ard)"),
    ("constant + linear + matern52(x2)", "constant + linear(; ard) + matern52(x2)"),
    ("rbf(x0,x1; shared) + linear(x2) + periodic(x3)", "rbf(x0,x1; shared) + linear(x2; ard) + periodic(x3)"),
    ("linear(x0; shared) * linear(x1; shared)", "linear(x0) * linear(x1)"),
    ("arccosine(x0,x1; order=1) * rbf(x2)", "arccosine(x0,x1; order=1, ard) * rbf(x2)"),
    (
        "(rbf(x0) + linear(x1) * matern52(x2)) * rq(x0,x2; shared)",
        "(rbf(x0) + linear(x1; ard) * matern52(x2)) * rq(x0,x2; shared)",
    ),
];

/// Relative, with what rounding leaves of the largest entries.
const TOLERANCE: f64 = 1e-10;

fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// The cases of a file with their kernels, and the tables.
fn golden(text: &str) -> (Vec<(Case, Kernel)>, BTreeMap<String, Table>) {
    let golden: Golden = serde_json::from_str(text).expect("the layout of the golden file");
    let cases = golden.cases.into_iter().map(|case| {
        let translated = TRANSLATIONS.iter().find(|(theirs, _)| *theirs == case.kernel);
        let expression: KernelExpression = translated.map_or(case.kernel.as_str(), |t| t.1).parse().unwrap();
        let columns = golden.tables[&case.table].x[0].len();
        let inputs = InputColumns::unscaled((0..columns).map(|d| format!("x{d}")));
        (case, expression.resolve(&inputs).unwrap())
    });
    (cases.collect(), golden.tables)
}

/// GPflow's cases, the inexact ones replaced by exact ones.
fn cases() -> (Vec<(Case, Kernel)>, BTreeMap<String, Table>) {
    let (mut cases, tables) = golden(include_str!("golden/gpflow_kernels.json"));
    let (exact, _) = golden(include_str!("golden/exact_kernels.json"));
    cases.retain(|(c, _)| !exact.iter().any(|(e, _)| (&e.kernel, &e.table) == (&c.kernel, &c.table)));
    cases.extend(exact);
    assert!(cases.len() > 40);
    (cases, tables)
}

fn values(kernel: &Kernel, draw: &Draw) -> Vec<f64> {
    kernel.parameters().iter().map(|p| draw.parameters[&format!("kernel.{}", p.path)]).collect()
}

fn close(what: &str, case: &Case, found: f64, expected: f64, scale: f64) {
    let error = (found - expected).abs() / (expected.abs() + 1e-3 * scale);
    assert!(error <= TOLERANCE, "{what} of {}: {found}, golden {expected}, relative {error:e}", case.kernel);
}

#[test]
fn expressions_have_the_parameters_of_gpflow_and_fix_all_scales_of_a_product_but_one() {
    for (case, kernel) in cases().0 {
        let path = |path: &str| format!("kernel.{path}");
        let found: BTreeSet<String> = kernel.parameters().iter().map(|p| path(&p.path)).collect();
        let parameters = case.draws[0].parameters.keys().filter(|p| p.starts_with("kernel.")).cloned();
        assert_eq!(found, parameters.collect(), "{}", case.kernel);
        let fixed: BTreeSet<String> =
            kernel.parameters().iter().filter(|p| p.fixed).map(|p| path(&p.path)).collect();
        assert_eq!(fixed, case.fixed, "{}", case.kernel);
    }
}

#[test]
fn gram_cross_and_diagonal_are_those_of_gpflow() {
    let (cases, tables) = cases();
    for (case, kernel) in &cases {
        let table = &tables[&case.table];
        let (x, z) = (matrix(&table.x), matrix(&table.x2));
        let (x, z) = (Points::new(x.as_ref()).unwrap(), Points::new(z.as_ref()).unwrap());
        for draw in &case.draws {
            let theta = values(kernel, draw);
            let scale = draw.diagonal.iter().fold(0.0_f64, |m, v| m.max(*v));
            let gram = kernel.gram_full(&theta, x);
            for (i, row) in draw.gram.iter().enumerate() {
                row.iter().enumerate().for_each(|(j, v)| close("Gram", case, gram[(i, j)], *v, scale));
            }
            let mut cross = Mat::zeros(x.rows(), z.rows());
            let mut workspace = KernelWorkspace::new(kernel, x.rows(), x.dim());
            kernel.cross(&theta, x, z, cross.as_mut(), &mut workspace, Par::Seq);
            for (i, row) in draw.cross.iter().enumerate() {
                row.iter().enumerate().for_each(|(j, v)| close("cross", case, cross[(i, j)], *v, scale));
            }
            let mut diagonal = vec![0.0; x.rows()];
            kernel.diagonal(&theta, x, &mut diagonal);
            diagonal.iter().zip(&draw.diagonal).for_each(|(a, b)| close("diagonal", case, *a, *b, scale));
        }
    }
}

#[test]
fn gradients_of_the_log_marginal_likelihood_are_those_of_gpflow() {
    let (cases, tables) = cases();
    for (case, kernel) in cases.iter().filter(|(c, _)| c.mean == "zero") {
        let table = &tables[&case.table];
        let (x, n) = (matrix(&table.x), table.y.len());
        let x = Points::new(x.as_ref()).unwrap();
        let y = Mat::from_fn(n, 1, |i, _| table.y[i]);
        for draw in &case.draws {
            let theta = values(kernel, draw);
            let mut k = kernel.gram_full(&theta, x);
            (0..n).for_each(|i| k[(i, i)] += draw.parameters["likelihood.variance"]);
            let factor = k.llt(Side::Lower).unwrap();
            let (alpha, inverse) = (factor.solve(&y), factor.inverse());
            // ∂ log p(y)/∂K = ½(ααᵀ − K⁻¹).
            let weights = |j: usize, rows: std::ops::Range<usize>, out: &mut [f64]| {
                let entry = |i: usize| 0.5 * (alpha[(i, 0)] * alpha[(j, 0)] - inverse[(i, j)]);
                out.iter_mut().zip(rows).for_each(|(w, i)| *w = entry(i));
            };
            let mut gradient = vec![0.0; theta.len()];
            let mut workspace = KernelWorkspace::new(kernel, n, x.dim());
            kernel.gram_adjoint(&theta, x, &weights, &mut gradient, None, &mut workspace, Par::Seq);
            let scale = draw.gradient.values().fold(1.0_f64, |m, v| m.max(v.abs()));
            for (parameter, found) in kernel.parameters().iter().zip(gradient) {
                let path = format!("kernel.{}", parameter.path);
                close(&path, case, found, draw.gradient[&path], scale);
            }
        }
    }
}
