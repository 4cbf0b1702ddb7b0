//! The exact model: time of one value and score, and memory of a fit with 20 particles at N = 4,000.
//!
//! `cargo bench --bench exact`. Times are of one thread; the matrix product's rate stands beside them, because only the
//! ratio to it says something on a shared machine: the floor is N³ multiplications and additions, one Cholesky and
//! one inverse from it.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion as Bench, criterion_group, criterion_main};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use std::hint::black_box;
use std::time::Instant;
use steingp::density::LogDensity;
use steingp::kernel::{Kernel, Matern32, Rbf, Stationary};
use steingp::mean::Mean;
use steingp::model::{Criterion, Exact, Target};
use steingp::stein::{Cloud, Engine, Settings, Whitening};

fn data(n: usize, d: usize) -> (Mat<f64>, Vec<f64>) {
    // A fixed sequence without structure: the fractional parts of multiples of irrational numbers.
    let x = Mat::from_fn(n, d, |i, c| 3.4 * (((i + 1) as f64 * (c as f64 + 2.0).sqrt()).fract() - 0.5));
    let y = (0..n).map(|i| (0..d).map(|c| (x[(i, c)] * (1.0 + c as f64)).sin()).sum::<f64>()).collect();
    (x, y)
}

fn model(n: usize, d: usize, matern: bool) -> Exact {
    let (x, y) = data(n, d);
    let columns = (0..d).collect();
    let kernel = if matern {
        Kernel::leaf(Stationary::<Matern32>::new(columns, false))
    } else {
        Kernel::leaf(Stationary::<Rbf>::new(columns, false))
    };
    Exact::new(x.as_ref(), &y, kernel, Mean::Zero).unwrap()
}

fn value_and_score(bench: &mut Bench) {
    let mut group = bench.benchmark_group("value and score, one thread");
    group.sample_size(20);
    for (n, d, matern) in
        [(500, 8, false), (1000, 8, false), (1000, 8, true), (1000, 32, false), (2000, 8, false)]
    {
        let model = model(n, d, matern);
        let target = Target::new(&model, Criterion::LogDensity).unwrap();
        let mut workspace = target.workspace();
        let (z, mut score) = (vec![0.5; target.dim()], vec![0.0; target.dim()]);
        let kernel = if matern { "matern32" } else { "rbf" };
        group.bench_function(format!("{kernel} N={n} D={d}"), |b| {
            b.iter(|| target.evaluate(black_box(&z), &mut score, &mut workspace).unwrap());
        });
    }
    let a = Mat::from_fn(1000, 1000, |i, j| (i as f64 - j as f64).sin());
    group.bench_function("matrix product 1000 (2 N³ flops)", |b| {
        b.iter_batched_ref(
            || Mat::<f64>::zeros(1000, 1000),
            |out| matmul(out.as_mut(), Accum::Replace, a.as_ref(), a.as_ref(), 1.0, Par::Seq),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// Not a distribution of times but one figure: the most memory that the process has held.
fn memory(_: &mut Bench) {
    let (n, particles) = (4000, 20);
    let model = model(n, 8, false);
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    let clock = Instant::now();
    let settings = Settings { iterations: 1, ..Settings::default() };
    let cloud = Cloud::zeros(particles, target.dim());
    let engine = Engine::new(&target, cloud, Whitening::identity(target.dim()), settings).unwrap();
    engine.run(&mut ()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM: not known on this system");
    println!(
        "one iteration of {particles} particles at N = {n}, {} threads: {:.1} s; peak memory {}",
        rayon::current_num_threads(),
        clock.elapsed().as_secs_f64(),
        peak.trim_start_matches("VmHWM:").trim()
    );
}

criterion_group!(benches, value_and_score, memory);
criterion_main!(benches);
