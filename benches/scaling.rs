//! How cost grows: with rows N and inputs D of the exact model, inducing points M of the sparse one, particles J of SVGD.
//!
//! `cargo bench --bench scaling [-- FIGURE.svg]` prints Markdown tables, on one thread, and draws the first one. The matrix
//! product's rate is measured beside each figure, because on a shared machine only the share of that rate says something.
//! The *order* is the exponent p of time ∝ size^p between a row and the one before.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{inputs, median, product_rate, targets};
use std::hint::black_box;
use steingp::density::LogDensity;
use steingp::kernel::{Kernel, Rbf, Stationary};
use steingp::likelihood::{Family, Observation};
use steingp::mean::Mean;
use steingp::model::{Criterion, Exact, Model, Process, SparseModel, Target, Whitened};
use steingp::report::growth::{self, Growth};
use steingp::rows::Batch;
use steingp::stein::{Cloud, SteinForce, SteinKernel};

/// One measurement: a size, seconds, and the share of the matrix product's rate.
struct Figure {
    size: usize,
    seconds: f64,
    share: f64,
}

/// Times a piece of work of so many floating-point operations.
fn measure(size: usize, repetitions: usize, operations: f64, work: impl FnMut()) -> Figure {
    let before = product_rate(1);
    let seconds = median(repetitions, work);
    // The machine is shared: what others take of it is taken from the product, too.
    let rate = 0.5 * (before + product_rate(1));
    Figure { size, seconds, share: operations / rate / seconds }
}

/// Prints a table; without the share where that means nothing.
fn print(title: &str, size: &str, figures: &[Figure], with_share: bool) {
    println!("\n{title}\n");
    println!("| {size} | median | order |{}", if with_share { " share of the product's rate |" } else { "" });
    println!("|---|---|---|{}", if with_share { "---|" } else { "" });
    for (k, figure) in figures.iter().enumerate() {
        let order = match k.checked_sub(1).map(|before| &figures[before]) {
            None => String::new(),
            Some(before) => {
                let sizes = figure.size as f64 / before.size as f64;
                format!("{:.1}", (figure.seconds / before.seconds).ln() / sizes.ln())
            }
        };
        let share = if with_share { format!(" {:.0} % |", 100.0 * figure.share) } else { String::new() };
        println!("| {} | {} | {order} |{share}", figure.size, time(figure.seconds));
    }
}

/// Seconds with three significant digits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.3} ms", 1e3 * s),
        s if s < 1e-2 => format!("{:.2} ms", 1e3 * s),
        s if s < 0.1 => format!("{:.1} ms", 1e3 * s),
        s if s < 1.0 => format!("{:.0} ms", 1e3 * s),
        s => format!("{s:.2} s"),
    }
}

fn rbf(d: usize) -> Kernel {
    Kernel::leaf(Stationary::<Rbf>::new((0..d).collect(), false))
}

/// Value and score of the exact model: N³ operations, a third of them the Cholesky, the others the inverse from it.
fn exact(n: usize, d: usize, size: usize) -> Figure {
    let x = inputs(n, d, 0);
    let model = Exact::new(x.as_ref(), &targets(&x), rbf(d), Mean::Zero).unwrap();
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    let (mut workspace, mut score) = (target.workspace(), vec![0.0; target.dim()]);
    let z = vec![0.5; target.dim()];
    let repetitions = (8000 / n).clamp(3, 15);
    let figure = measure(size, repetitions, (n as f64).powi(3), || {
        black_box(target.evaluate(black_box(&z), &mut score, &mut workspace).unwrap());
    });
    assert!(target.max_jitter() == 0.0, "the matrix needed jitter, and was factored more than once");
    figure
}

/// Value and score of (θ, v) with M inducing points on a minibatch: M³ + 3M²B operations.
fn whitened(m: usize, b: usize) -> Figure {
    let processes = vec![Process { kernel: rbf(3), mean: Mean::Zero }];
    let likelihood = Family::Gaussian.build(2).unwrap();
    let mut model = SparseModel::new(inputs(m, 3, 100_000).as_ref(), likelihood, processes).unwrap();
    // Short lengthscales, so that no matrix needs jitter and a second factorisation.
    for d in 0..3 {
        model.layout_mut().change(&format!("kernel.lengthscales[{d}]"), |p| p.start = 0.5).unwrap();
    }
    let x = inputs(b, 3, 0);
    let observations = targets(&x).into_iter().map(Observation::new).collect();
    let density = Whitened::new(&model, Batch { x, observations }, 10.0).unwrap();
    let target = Target::new(&density, Criterion::LogDensity).unwrap();
    let (mut workspace, mut score) = (target.workspace(), vec![0.0; target.dim()]);
    let start = density.layout().start();
    let (mut z, mut turn) = (start.clone(), 0);
    let cost = (m * m) as f64 * (m as f64 + 3.0 * b as f64);
    let figure = measure(m, (4000 / m).clamp(5, 15), cost, || {
        // Another θ each time: the factor of the last one is kept.
        turn += 1;
        z[0] = start[0] + 1e-3 * f64::from(turn % 7);
        black_box(target.evaluate(&z, &mut score, &mut workspace).unwrap());
    });
    assert!(target.max_jitter() == 0.0, "a matrix needed jitter, and was factored more than once");
    figure
}

/// The Stein force of the default kernel on J particles in `dim` dimensions.
fn force(j: usize, dim: usize) -> Figure {
    let mut cloud = Cloud::zeros(j, dim);
    for (i, point) in cloud.points_mut().enumerate() {
        let wave = |c: usize| ((1 + i) as f64 * (c as f64 + 2.5).sqrt()).sin();
        point.iter_mut().enumerate().for_each(|(c, value)| *value = wave(c));
    }
    let mut force = SteinForce::new(&SteinKernel::default_mixture(), j, dim).unwrap();
    // A standard normal target: the score is minus the point.
    let mut scores = cloud.clone();
    scores.points_mut().for_each(|point| point.iter_mut().for_each(|value| *value = -*value));
    measure(j, 101, 0.0, || force.compute(black_box(&cloud), &scores).unwrap())
}

/// The first table as a figure.
fn draw(figures: &[Figure], path: &str) {
    let shown = Growth {
        title: "One value and score of the exact model, RBF with 8 inputs, one thread".into(),
        size: "rows N".into(),
        cost: "seconds".into(),
        measured: figures.iter().map(|f| (f.size as f64, f.seconds)).collect(),
        order: 3.0,
    };
    std::fs::write(path, growth::svg(&shown).unwrap()).unwrap();
}

fn main() {
    println!("One thread; RBF, D inputs with a lengthscale each");
    let rows: Vec<Figure> = [250, 500, 1000, 2000, 4000].into_iter().map(|n| exact(n, 8, n)).collect();
    print("Exact: value and score against rows N, D = 8", "N", &rows, true);
    let columns: Vec<Figure> = [1, 8, 32].into_iter().map(|d| exact(1000, d, d)).collect();
    print("Exact: the same against inputs D, N = 1,000", "D", &columns, true);
    let points: Vec<Figure> = [100, 200, 400, 800].into_iter().map(|m| whitened(m, 256)).collect();
    print("Sparse: value and score of (θ, v) against inducing points M, B = 256, D = 3", "M", &points, true);
    let particles: Vec<Figure> = [10, 20, 50, 100, 200].into_iter().map(|j| force(j, 10)).collect();
    print("Stein force against particles J, default kernel, 10 dimensions", "J", &particles, false);
    if let Some(path) = std::env::args().skip(1).find(|argument| argument.ends_with(".svg")) {
        draw(&rows, &path);
    }
}
