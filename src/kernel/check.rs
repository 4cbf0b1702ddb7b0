//! What the tests of every kernel share: points, and checks that hold for any kernel.
#![allow(clippy::expect_used)]

use super::{Kernel, KernelWorkspace, Points};
use faer::{Mat, Par, Side};
use std::ops::Range;

/// More than one strip of rows; rows 3 and 290 are equal.
pub const ROWS: usize = 300;
/// Input columns.
pub const DIM: usize = 3;

/// Points of a fixed pseudorandom sequence in [−1.5, 1.5].
pub fn points(rows: usize, seed: u64) -> Mat<f64> {
    let mut state = seed;
    let mut x = Mat::zeros(rows, DIM);
    for d in 0..DIM {
        for i in 0..rows {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            x[(i, d)] = 3.0 * ((state >> 11) as f64 / (1u64 << 53) as f64) - 1.5;
        }
        if rows > 290 {
            x[(290, d)] = x[(3, d)];
        }
    }
    x
}

pub fn view(x: &Mat<f64>) -> Points<'_> {
    Points::new(x.as_ref()).expect("column-major")
}

/// Values that are all different and not at their starts.
pub fn theta(kernel: &Kernel) -> Vec<f64> {
    (0..kernel.parameter_count()).map(|p| 0.7 + 0.31 * p as f64 % 1.1).collect()
}

/// A symmetric weight without structure.
fn weight(i: usize, j: usize) -> f64 {
    let (i, j) = (i.max(j) as f64, i.min(j) as f64);
    (1.3 * i + 0.7 * j * j + 0.1 * i * j).sin()
}

fn weights(j: usize, rows: Range<usize>, out: &mut [f64]) {
    out.iter_mut().zip(rows).for_each(|(w, i)| *w = weight(i, j));
}

fn gram_objective(kernel: &Kernel, theta: &[f64], x: &Mat<f64>) -> f64 {
    let k = kernel.gram_full(theta, view(x));
    (0..x.nrows())
        .flat_map(|j| (0..x.nrows()).map(move |i| (i, j)))
        .map(|(i, j)| weight(i, j) * k[(i, j)])
        .sum()
}

pub fn cross(kernel: &Kernel, theta: &[f64], x: &Mat<f64>, z: &Mat<f64>) -> Mat<f64> {
    let mut k = Mat::zeros(x.nrows(), z.nrows());
    let mut workspace = KernelWorkspace::new(kernel, x.nrows(), x.ncols());
    kernel.cross(theta, view(x), view(z), k.as_mut(), &mut workspace, Par::Seq);
    k
}

fn cross_objective(kernel: &Kernel, theta: &[f64], x: &Mat<f64>, z: &Mat<f64>) -> f64 {
    let k = cross(kernel, theta, x, z);
    (0..z.nrows())
        .flat_map(|j| (0..x.nrows()).map(move |i| (i, j)))
        .map(|(i, j)| weight(i, j) * k[(i, j)])
        .sum()
}

const STEP: f64 = 1e-5;

/// (f(v + h) − f(v − h))/2h for one number of `at`.
fn difference<T>(at: &mut T, number: impl Fn(&mut T) -> &mut f64, f: impl Fn(&T) -> f64) -> f64 {
    let value = *number(at);
    *number(at) = value + STEP;
    let above = f(at);
    *number(at) = value - STEP;
    let below = f(at);
    *number(at) = value;
    (above - below) / (2.0 * STEP)
}

/// Compares entries against differences, relative to the largest entry.
fn agree(what: &str, pairs: &[(f64, f64)]) {
    let scale = pairs.iter().fold(1.0_f64, |m, (a, _)| m.max(a.abs()));
    for (p, (adjoint, difference)) in pairs.iter().enumerate() {
        let error = (adjoint - difference).abs() / scale;
        assert!(error < 1e-6, "{what} {p}: adjoint {adjoint}, difference {difference}, relative {error:e}");
    }
}

/// The rows at the edges of strips, and the two equal ones.
const PROBES: [usize; 6] = [0, 3, 255, 256, 290, 299];

/// Adjoints of parameters and inputs against central differences, for a Gram and for a cross matrix.
pub fn adjoints_agree_with_differences(kernel: &Kernel) {
    let (mut theta, mut x, mut z) = (theta(kernel), points(ROWS, 1), points(7, 2));
    for d in 0..DIM {
        z[(4, d)] = x[(3, d)];
    }
    let mut workspace = KernelWorkspace::new(kernel, ROWS, DIM);

    let (mut from_theta, mut from_x) = (vec![0.0; theta.len()], Mat::zeros(ROWS, DIM));
    kernel.gram_adjoint(
        &theta,
        view(&x),
        &weights,
        &mut from_theta,
        Some(from_x.as_mut()),
        &mut workspace,
        Par::Seq,
    );
    let pairs = (0..theta.len())
        .map(|p| (from_theta[p], difference(&mut theta, |t| &mut t[p], |t| gram_objective(kernel, t, &x))));
    agree("Gram, parameter", &pairs.collect::<Vec<_>>());
    let probes = PROBES.iter().flat_map(|i| (0..DIM).map(move |d| (*i, d)));
    let pairs = probes.clone().map(|(i, d)| {
        (from_x[(i, d)], difference(&mut x, |x| &mut x[(i, d)], |x| gram_objective(kernel, &theta, x)))
    });
    agree("Gram, input", &pairs.collect::<Vec<_>>());

    let (mut from_theta, mut from_x, mut from_z) =
        (vec![0.0; theta.len()], Mat::zeros(ROWS, DIM), Mat::zeros(7, DIM));
    kernel.cross_adjoint(
        &theta,
        view(&x),
        view(&z),
        &weights,
        &mut from_theta,
        Some((from_x.as_mut(), from_z.as_mut())),
        &mut workspace,
        Par::Seq,
    );
    let pairs = (0..theta.len()).map(|p| {
        (from_theta[p], difference(&mut theta, |t| &mut t[p], |t| cross_objective(kernel, t, &x, &z)))
    });
    agree("cross, parameter", &pairs.collect::<Vec<_>>());
    let pairs = probes.map(|(i, d)| {
        (from_x[(i, d)], difference(&mut x, |x| &mut x[(i, d)], |x| cross_objective(kernel, &theta, x, &z)))
    });
    agree("cross, row", &pairs.collect::<Vec<_>>());
    let pairs = (0..7).flat_map(|j| (0..DIM).map(move |d| (j, d))).map(|(j, d)| {
        (from_z[(j, d)], difference(&mut z, |z| &mut z[(j, d)], |z| cross_objective(kernel, &theta, &x, z)))
    });
    agree("cross, point", &pairs.collect::<Vec<_>>());
}

/// `diagonal` gives the diagonal of the Gram matrix.
pub fn diagonal_is_that_of_the_gram_matrix(kernel: &Kernel) {
    let (theta, x) = (theta(kernel), points(ROWS, 1));
    let k = kernel.gram_full(&theta, view(&x));
    let mut diagonal = vec![0.0; ROWS];
    kernel.diagonal(&theta, view(&x), &mut diagonal);
    for (i, v) in diagonal.iter().enumerate() {
        assert!((v - k[(i, i)]).abs() <= 1e-14 * v.abs(), "row {i}: {v} and {}", k[(i, i)]);
    }
}

/// No eigenvalue of a Gram matrix is negative, up to rounding.
pub fn gram_matrix_is_positive_semi_definite(kernel: &Kernel) {
    let k = kernel.gram_full(&theta(kernel), view(&points(60, 3)));
    let eigenvalues = k.self_adjoint_eigenvalues(Side::Lower).expect("the eigenvalues converge");
    let least = eigenvalues.iter().copied().fold(f64::INFINITY, f64::min);
    let most = eigenvalues.iter().copied().fold(0.0, f64::max);
    assert!(least >= -1e-10 * most.max(1.0), "least {least:e}, most {most:e}");
}

/// The three checks for a leaf.
pub fn kernel_is_consistent(kernel: &Kernel) {
    adjoints_agree_with_differences(kernel);
    diagonal_is_that_of_the_gram_matrix(kernel);
    gram_matrix_is_positive_semi_definite(kernel);
}

/// k(x, z) of two points of two columns.
pub fn between(kernel: &Kernel, theta: &[f64], x: [f64; 2], z: [f64; 2]) -> f64 {
    let row = |p: [f64; 2]| Mat::from_fn(1, 2, |_, d| p[d]);
    cross(kernel, theta, &row(x), &row(z))[(0, 0)]
}

#[track_caller]
pub fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 2e-15 * b.abs().max(1.0), "{a} and {b}");
}
