//! How close to the machine's limit the arithmetic is.
//!
//! `cargo bench --bench limits [-- WORD…]`: all figures, or those with the words in their names. Each is a median beside its
//! floor: the operations that its matrices ask for at the rate of faer's matrix product, measured right before and
//! after. One thread unless the name says otherwise.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{head, inputs, median, peak_memory, print, product_rate, repetitions, targets, time, wanted};
use faer::{Mat, MatMut, Par};
use std::hint::black_box;
use steingp::Error;
use steingp::density::LogDensity;
use steingp::evaluation::Evaluator;
use steingp::kernel::{InputColumns, Kernel, KernelExpression, Matern32, Rbf, Stationary};
use steingp::likelihood::{Family, Observation};
use steingp::linalg::{factor_with_jitter, in_parallel};
use steingp::mean::Mean;
use steingp::model::{Criterion, Exact, GpModel, Joint, LatentModel, Process, SparseModel, Target, Whitened};
use steingp::posterior::{Posterior, PredictionKind, Predictor};
use steingp::rows::Batch;
use steingp::stein::{Cloud, Engine, Settings, SteinForce, SteinKernel, Whitening};

fn kernel(name: &str, d: usize) -> Kernel {
    let columns: Vec<usize> = (0..d).collect();
    match name {
        "rbf" => Kernel::leaf(Stationary::<Rbf>::new(columns, false)),
        "matern32" => Kernel::leaf(Stationary::<Matern32>::new(columns, false)),
        expression => {
            let names: Vec<String> = (0..d).map(|c| format!("x{c}")).collect();
            let expression: KernelExpression = expression.parse().unwrap();
            expression.resolve(&InputColumns::unscaled(names.iter().map(String::as_str))).unwrap()
        }
    }
}

fn exact(name: &str, n: usize, d: usize) -> Exact {
    let x = inputs(n, d, 0);
    Exact::new(x.as_ref(), &targets(&x), kernel(name, d), Mean::Zero).unwrap()
}

/// Points near the start, no two alike.
fn cloud(start: &[f64], particles: usize) -> Cloud {
    let mut cloud = Cloud::zeros(particles, start.len());
    for (j, point) in cloud.points_mut().enumerate() {
        for (c, value) in point.iter_mut().enumerate() {
            *value = start[c] + 0.1 * ((1 + j) as f64 * (c as f64 + 2.5).sqrt()).sin();
        }
    }
    cloud
}

/// Value and score at one point after the other of a cloud.
fn evaluations(what: &str, cost: (f64, usize), target: &impl LogDensity, start: &[f64]) {
    if !wanted(what) {
        return;
    }
    let points = cloud(start, 7);
    let (mut workspace, mut score, mut next) = (target.workspace(), vec![0.0; target.dim()], 0);
    let mut evaluate = || {
        next = (next + 1) % points.count();
        black_box(target.evaluate(black_box(points.point(next)), &mut score, &mut workspace).unwrap());
    };
    let once = median(1, &mut evaluate);
    print(what, repetitions(once), cost, evaluate);
}

fn factorisation() {
    for n in [250, 500, 1000, 2000, 4000] {
        let a = Mat::from_fn(n, n, |i, j| if i == j { n as f64 } else { ((i * j) as f64).sin() });
        let mut factor = a.clone();
        let cost = (n as f64).powi(3) / 3.0;
        print(&format!("Cholesky, N = {n}"), repetitions(cost / 2e10), (cost, 1), || {
            let fill = |mut to: MatMut<'_, f64>| to.copy_from(&a);
            factor_with_jitter("a", factor.as_mut(), fill, Par::Seq).unwrap();
        });
    }
}

fn exact_models() {
    for name in ["rbf", "matern32"] {
        for d in [1, 8, 32] {
            for n in [250, 500, 1000, 2000, 4000] {
                let what = format!("exact {name}, N = {n}, D = {d}");
                if wanted(&what) {
                    let model = exact(name, n, d);
                    let target = Target::new(&model, Criterion::LogDensity).unwrap();
                    evaluations(&what, ((n as f64).powi(3), 1), &target, &vec![0.5; target.dim()]);
                }
            }
        }
    }
    let composite = "rbf(x0,x1) * matern32(x2) + linear(x3,x4) + white";
    let model = exact(composite, 1000, 8);
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    evaluations(&format!("exact {composite}, N = 1000"), (1e9, 1), &target, &vec![0.5; target.dim()]);
    let threads = rayon::current_num_threads();
    for n in [1000, 2000, 4000] {
        let what = format!("exact rbf, N = {n}, D = 8, one evaluation on {threads} threads");
        if wanted(&what) {
            let model = exact("rbf", n, 8);
            let target = Target::new(&model, Criterion::LogDensity).unwrap().with_parallelism(in_parallel());
            evaluations(&what, ((n as f64).powi(3), threads), &target, &vec![0.5; target.dim()]);
        }
    }
}

/// Evaluations of J particles on one thread and on two, in turn.
fn throughput(n: usize, particles: usize) {
    if !wanted("throughput") {
        return;
    }
    let model = exact("rbf", n, 8);
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    let points = cloud(&vec![0.5; target.dim()], particles);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut evaluator = Evaluator::new(&target, particles);
            let mut scores = Cloud::zeros(particles, target.dim());
            let mut values: Vec<Result<f64, Error>> = (0..particles).map(|_| Ok(0.0)).collect();
            let seconds = median(1, || evaluator.evaluate_all(&points, &mut scores, &mut values).unwrap());
            (seconds, product_rate(threads))
        })
    };
    let mut ratios: Vec<(f64, f64)> = (0..7)
        .map(|_| {
            let ((one, rate_one), (two, rate_two)) = (run(1), run(2));
            (one / two, rate_two / rate_one)
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ours = ratios[ratios.len() / 2].0;
    ratios.sort_by(|a, b| a.1.total_cmp(&b.1));
    let products = ratios[ratios.len() / 2].1;
    println!(
        "throughput of {particles} particles, N = {n}, two threads over one: {ours:.2}; of products: {products:.2}"
    );
}

fn latent() {
    for n in [250, 1000] {
        let x = inputs(n, 8, 0);
        let classes = targets(&x).iter().map(|y| Observation::new(f64::from(*y > 0.0))).collect();
        let processes = vec![Process { kernel: kernel("rbf", 8), mean: Mean::Zero }];
        let likelihood = Family::Bernoulli.build(2).unwrap();
        let model = LatentModel::new(x.as_ref(), classes, likelihood, processes).unwrap();
        let joint = Joint::new(&model).unwrap();
        let target = Target::new(&joint, Criterion::LogDensity).unwrap();
        // Factor, inverse of the factor, one structured product.
        let cost = (n as f64).powi(3);
        evaluations(
            &format!("latent (θ, ν), bernoulli, N = {n}"),
            (cost, 1),
            &target,
            &vec![0.3; target.dim()],
        );
    }
}

fn sparse() {
    let (m, b) = (600, 256);
    let x = inputs(b, 3, 0);
    let observations = targets(&x).into_iter().map(Observation::new).collect();
    let processes = vec![Process { kernel: kernel("rbf", 3), mean: Mean::Zero }];
    let z = inputs(m, 3, 100_000);
    let model = SparseModel::new(z.as_ref(), Family::Gaussian.build(2).unwrap(), processes).unwrap();
    // Lengthscales of about 0.4, so that no matrix needs jitter and a second factorisation.
    let density = Whitened::new(&model, Batch { x, observations }, 10.0).unwrap();
    let target = Target::new(&density, Criterion::LogDensity).unwrap();
    let start = vec![-0.6; target.dim()];
    let (mf, bf) = (m as f64, b as f64);
    let cost = mf.powi(3) + 3.0 * mf * mf * bf;
    evaluations(&format!("sparse (θ, v), M = {m}, B = {b}, D = 3"), (cost, 1), &target, &start);

    let particles = 30;
    let points = cloud(&start, particles);
    let threads = rayon::current_num_threads();
    let mut evaluator = Evaluator::new(&target, particles);
    let mut scores = Cloud::zeros(particles, target.dim());
    let mut values: Vec<Result<f64, Error>> = (0..particles).map(|_| Ok(0.0)).collect();
    let kernel = SteinKernel::paper_with_latents(target.dim() - m);
    let mut force = SteinForce::new(&kernel, particles, target.dim()).unwrap();
    let what = format!("sparse iteration of {particles} particles on {threads} threads");
    print(&what, 5, (particles as f64 * cost, threads), || {
        evaluator.evaluate_all(&points, &mut scores, &mut values).unwrap();
        force.compute(&points, &scores).unwrap();
    });
    assert!(values.iter().all(Result::is_ok) && target.max_jitter() == 0.0, "a matrix needed jitter");
}

/// A standard normal, whose evaluation costs next to nothing.
struct Free(usize);

impl LogDensity for Free {
    type Workspace = ();
    fn dim(&self) -> usize {
        self.0
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64, Error> {
        score.iter_mut().zip(z).for_each(|(s, z)| *s = -z);
        Ok(-0.5 * z.iter().map(|z| z * z).sum::<f64>())
    }
}

/// An iteration of the engine but for the evaluations: kernel, median, update, record.
fn stein() {
    for (particles, d) in [(20, 10), (200, 10), (20, 600), (30, 610), (200, 600)] {
        for (name, kernel) in [("default", SteinKernel::default_mixture()), ("paper", SteinKernel::paper())] {
            let what = format!("stein overhead, {name} kernel, J = {particles}, d = {d}");
            if !wanted(&what) {
                continue;
            }
            let target = Free(d);
            let points = cloud(&vec![0.0; d], particles);
            let iterations = (16_000_000 / (d * particles * particles)).clamp(3, 4000);
            let run = |iterations: usize| {
                let settings = Settings {
                    kernel: kernel.clone(),
                    iterations,
                    rewhiten_at: Vec::new(),
                    tolerance: 0.0,
                    ..Settings::default()
                };
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                pool.install(|| {
                    median(7, || {
                        let whitening = Whitening::identity(d);
                        let engine =
                            Engine::new(&target, points.clone(), whitening, settings.clone()).unwrap();
                        black_box(engine.run(&mut ()).unwrap());
                    })
                })
            };
            // Beginning and end, with their diagnostics, are not part of an iteration.
            let seconds = (run(2 * iterations) - run(iterations)) / iterations as f64;
            println!("| {what} | {} | | | |", time(seconds));
        }
    }
}

/// The force alone, as the published method computes it for hyperparameters and latent values.
fn force() {
    for (particles, d, split) in [(20, 10, 5), (30, 610, 10)] {
        for (name, kernel) in
            [("paper", SteinKernel::paper()), ("blocks", SteinKernel::paper_with_latents(split))]
        {
            let what = format!("stein force alone, {name} kernel, J = {particles}, d = {d}");
            if wanted(&what) {
                let points = cloud(&vec![0.0; d], particles);
                let mut force = SteinForce::new(&kernel, particles, d).unwrap();
                let seconds = median(51, || force.compute(&points, black_box(&points)).unwrap());
                println!("| {what} | {} | | | |", time(seconds));
            }
        }
    }
}

fn prediction() {
    let (n, particles, rows) = (1000, 20, 4096);
    let threads = rayon::current_num_threads();
    let what = format!("prediction of {rows} rows, N = {n}, J = {particles}, {threads} threads");
    if !wanted(&what) {
        return;
    }
    let model = GpModel::Exact(exact("rbf", n, 8));
    let posterior = Posterior::new(cloud(&vec![0.5; model.draw_dim()], particles)).unwrap();
    let predictor = Predictor::new(&model, &posterior).unwrap();
    let x = inputs(rows, 8, 5000);
    let n = n as f64;
    let cost = particles as f64 * (n * n * rows as f64 + n.powi(3) / 3.0);
    let share = print(&what, 3, (cost, threads), || {
        black_box(predictor.predict(x.as_ref(), PredictionKind::Observed).unwrap());
    });
    if let Some(share) = share {
        let rate = share * product_rate(threads) / cost;
        println!("prediction: {:.0} rows a second; peak memory {}", rate * rows as f64, peak_memory());
    }
}

/// The most memory that the process has held after an iteration of many particles on many rows.
fn memory() {
    let (n, particles) = (4000, 20);
    if !wanted("memory") {
        return;
    }
    let model = exact("rbf", n, 8);
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    let points = cloud(&vec![0.5; target.dim()], particles);
    let mut evaluator = Evaluator::new(&target, particles);
    let mut values: Vec<Result<f64, Error>> = (0..particles).map(|_| Ok(0.0)).collect();
    evaluator.evaluate_all(&points, &mut Cloud::zeros(particles, target.dim()), &mut values).unwrap();
    println!(
        "memory: {particles} particles at N = {n}, {} threads: at most {}",
        rayon::current_num_threads(),
        peak_memory()
    );
}

fn main() {
    println!("faer's product: {:.1} GFLOP/s on one thread", product_rate(1) * 1e-9);
    head();
    factorisation();
    exact_models();
    latent();
    sparse();
    stein();
    force();
    prediction();
    throughput(1000, 20);
    throughput(1000, 3);
    memory();
}
