//! Sparse models: what evaluations, an iteration of the published SVGD and the collapsed bound cost.
//!
//! `cargo bench --bench sparse [-- WORD…]`: all figures, or those with the words in their names. Each figure is the median of
//! repetitions, with its floor beside it: the operations that its matrices ask for at the rate of faer's matrix product
//! measured next to it, because only the share of that rate says something on a shared machine.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{head, inputs, print, targets};
use faer::Par;
use std::hint::black_box;
use steingp::Error;
use steingp::density::LogDensity;
use steingp::evaluation::Evaluator;
use steingp::kernel::{InputColumns, KernelExpression};
use steingp::likelihood::{Family, Observation};
use steingp::mean::Mean;
use steingp::model::{
    Collapsed, CollapsedForm, Criterion, Held, InducingGaussian, Model, NaturalTarget, Process, SparseModel,
    Target, Wanted, Whitened,
};
use steingp::rows::Batch;
use steingp::stein::{Cloud, SteinForce, SteinKernel};

const INDUCING: usize = 600;
const ROWS: usize = 256;
const PARTICLES: usize = 30;
const KERNELS: [&str; 2] = ["rbf", "matern32(x0,x1) * matern12(x2)"];

fn batch(n: usize, skip: usize) -> Batch {
    let x = inputs(n, 3, skip);
    let observations = targets(&x).into_iter().map(Observation::new).collect();
    Batch { x, observations }
}

fn model(kernel: &str, inducing: usize) -> SparseModel {
    let columns = InputColumns::unscaled(["x0", "x1", "x2"]);
    let kernel = kernel.parse::<KernelExpression>().unwrap().resolve(&columns).unwrap();
    let processes = vec![Process { kernel, mean: Mean::Zero }];
    let z = inputs(inducing, 3, 100_000);
    let mut model = SparseModel::new(z.as_ref(), Family::Gaussian.build(2).unwrap(), processes).unwrap();
    // Short lengthscales, so that no matrix needs jitter and a second factorisation.
    let starts: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
    for (i, start) in starts.iter().enumerate() {
        let path = model.layout().parameters()[i].path.clone();
        if path.contains("lengthscales") {
            model.layout_mut().change(&path, |p| p.start = 0.25 * start).unwrap();
        }
    }
    model
}

/// Points near the start of a density, no two alike.
fn cloud(target: &impl LogDensity, start: &[f64]) -> Cloud {
    let mut cloud = Cloud::zeros(PARTICLES, target.dim());
    for (j, point) in cloud.points_mut().enumerate() {
        for (c, value) in point.iter_mut().enumerate() {
            *value = start[c] + 0.1 * ((1 + j) as f64 * (c as f64 + 2.5).sqrt()).sin();
        }
    }
    cloud
}

fn whitened(kernel: &str) {
    let model = model(kernel, INDUCING);
    let density = Whitened::new(&model, batch(ROWS, 0), 10.0).unwrap();
    let target = Target::new(&density, Criterion::LogDensity).unwrap();
    let particles = cloud(&target, &density.layout().start());
    let mut scores = Cloud::zeros(PARTICLES, target.dim());
    let (m, b) = (INDUCING as f64, ROWS as f64);
    let cost = m * m * m + 3.0 * m * m * b;

    let (mut workspace, mut score) = (target.workspace(), vec![0.0; target.dim()]);
    let mut next = 0;
    print(&format!("value and score of (θ, v), {kernel}"), 15, (cost, 1), || {
        // Another θ each time: the factor of the last one is kept.
        next = (next + 1) % PARTICLES;
        black_box(target.evaluate(particles.point(next), &mut score, &mut workspace).unwrap());
    });

    let threads = rayon::current_num_threads();
    let mut evaluator = Evaluator::new(&target, PARTICLES);
    let mut values: Vec<Result<f64, Error>> = (0..PARTICLES).map(|_| Ok(0.0)).collect();
    let all = PARTICLES as f64 * cost;
    print(&format!("{PARTICLES} of them, {threads} threads"), 7, (all, threads), || {
        evaluator.evaluate_all(&particles, &mut scores, &mut values).unwrap();
    });
    let kernel = SteinKernel::paper_with_latents(density.theta_dim());
    let mut force = SteinForce::new(&kernel, PARTICLES, target.dim()).unwrap();
    print(&format!("the same and the Stein force in {} dimensions", target.dim()), 7, (all, threads), || {
        evaluator.evaluate_all(&particles, &mut scores, &mut values).unwrap();
        force.compute(&particles, &scores).unwrap();
    });
    assert!(values.iter().all(Result::is_ok));
    assert!(target.max_jitter() == 0.0, "a matrix needed jitter, and was factored more than once");
}

/// Values of θ, no two alike.
fn thetas(model: &SparseModel) -> Vec<Vec<f64>> {
    let start: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
    let moved = |j: usize| start.iter().map(|v| v * (1.0 + 0.002 * j as f64)).collect();
    (0..21).map(moved).collect()
}

fn bound(kernel: &str) {
    let model = model(kernel, INDUCING);
    let rows = batch(ROWS, 0);
    let q = InducingGaussian::prior(1, INDUCING);
    let (m, b) = (INDUCING as f64, ROWS as f64);
    // Factor, inverse of R with its square, adjoint with its two structured products; five products with the rows.
    let cost = 2.0 * (m * m * m * (1.0 / 6.0 + 1.0 / 3.0 + 1.2) + 3.5 * m * m * b);
    let thetas = thetas(&model);
    let evaluate = |theta: &[f64], workspace: &mut _, target: &mut _| {
        let mut gradient = vec![0.0; theta.len()];
        let wanted = Wanted {
            held: Held::Function,
            gradient: Some(&mut gradient),
            by_inducing: None,
            target: Some(target),
        };
        black_box(model.bound(theta, &q, &rows, 10.0, wanted, workspace).unwrap());
    };
    let mut memory = (model.bound_workspace(ROWS, Par::Seq), NaturalTarget::zeros(1, INDUCING));
    let mut next = 0;
    print(&format!("bound, gradient and natural target, {kernel}"), 15, (cost, 1), || {
        next = (next + 1) % thetas.len();
        evaluate(&thetas[next], &mut memory.0, &mut memory.1);
    });
    let mut other = (model.bound_workspace(ROWS, Par::Seq), NaturalTarget::zeros(1, INDUCING));
    let all = thetas.len() as f64 * cost;
    print(&format!("{} of them, two threads", thetas.len()), 5, (all, 2), || {
        let half = |thetas: &[Vec<f64>], (workspace, target): &mut (_, _)| {
            thetas.iter().for_each(|theta| evaluate(theta, workspace, target));
        };
        let (first, second) = thetas.split_at(thetas.len() / 2);
        rayon::join(|| half(first, &mut memory), || half(second, &mut other));
    });
}

fn collapsed(n: usize, inducing: usize) {
    let model = model("rbf", inducing);
    let x = inputs(n, 3, 0);
    let y = targets(&x);
    for (form, products) in [(CollapsedForm::Vfe, 2.0), (CollapsedForm::Fitc, 2.5)] {
        let collapsed = Collapsed::new(&model, x.as_ref(), &y, form).unwrap();
        let mut workspace = collapsed.workspace(Par::Seq);
        let (thetas, mut next) = (thetas(&model), 0);
        let cost = 2.0 * (products * (n * inducing * inducing) as f64 + 2.0 * (inducing as f64).powi(3));
        print(&format!("collapsed {form:?}, N = {n}, M = {inducing}"), 3, (cost, 1), || {
            next = (next + 1) % thetas.len();
            let mut gradient = vec![0.0; thetas[next].len()];
            black_box(collapsed.log_likelihood(&thetas[next], &mut gradient, &mut workspace).unwrap());
        });
    }
}

fn main() {
    println!("M = {INDUCING}, B = {ROWS}, D = 3; one thread unless said");
    head();
    for kernel in KERNELS {
        whitened(kernel);
    }
    bound(KERNELS[0]);
    collapsed(10_000, 500);
}
