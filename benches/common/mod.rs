//! What benches share: medians, the matrix product's rate, and tables of figures beside their floors.
//!
//! Machines are shared: every figure stands beside the rate of faer's matrix product measured just before and after it, and
//! only the share of that rate is worth comparing.
#![allow(dead_code, reason = "each bench uses a part")]

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// N×D inputs from −1.7 to 1.7: a fixed sequence without structure, the fractional parts of multiples of irrational numbers.
pub fn inputs(n: usize, d: usize, skip: usize) -> Mat<f64> {
    // Of the first primes: multiples of square roots of squares would have no fractional part.
    const PRIMES: [f64; 12] = [2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0, 31.0, 37.0];
    let irrational = |c: usize| PRIMES[c % 12].sqrt() + PRIMES[c / 12 % 12].cbrt();
    Mat::from_fn(n, d, |i, c| 3.4 * (((i + skip + 1) as f64 * irrational(c)).fract() - 0.5))
}

/// A smooth function of the inputs.
pub fn targets(x: &Mat<f64>) -> Vec<f64> {
    (0..x.nrows()).map(|i| (0..x.ncols()).map(|c| (x[(i, c)] * (1.0 + c as f64)).sin()).sum()).collect()
}

/// Median seconds of a piece of work, after one call that does not count.
pub fn median(repetitions: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut seconds: Vec<f64> = (0..repetitions)
        .map(|_| {
            let clock = Instant::now();
            work();
            clock.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[repetitions / 2]
}

/// How often work of about `seconds` is repeated: for a second or so, and at least three times.
pub fn repetitions(seconds: f64) -> usize {
    ((1.0 / seconds.max(1e-9)) as usize).clamp(3, 2001)
}

/// Operations a second of products of matrices of 1,000 rows, one on each of `threads` threads at once.
pub fn product_rate(threads: usize) -> f64 {
    let a = Mat::from_fn(1000, 1000, |i, j| (i as f64 - j as f64).sin());
    let mut out: Vec<_> = (0..threads).map(|_| Mat::zeros(1000, 1000)).collect();
    let multiply = |out: &mut Mat<f64>| {
        matmul(out.as_mut(), Accum::Replace, a.as_ref(), black_box(a.as_ref()), 1.0, Par::Seq);
    };
    let seconds = median(5, || match &mut out[..] {
        [out] => multiply(out),
        all => all.par_iter_mut().for_each(multiply),
    });
    2e9 * threads as f64 / seconds
}

/// Whether a figure's name has the words that were asked for on the command line.
pub fn wanted(what: &str) -> bool {
    std::env::args().skip(1).all(|word| word == "--bench" || what.contains(&word))
}

/// The head of a table of [`print`].
pub fn head() {
    println!("| What | median | floor | share | product |\n|---|---|---|---|---|");
}

/// Prints one figure, where its name has the words that were asked for, and returns its share of the product's rate.
/// `cost`: operations that its matrices ask for, and the threads that do them.
pub fn print(what: &str, repetitions: usize, cost: (f64, usize), work: impl FnMut()) -> Option<f64> {
    if !wanted(what) {
        return None;
    }
    let (operations, threads) = cost;
    let before = product_rate(threads);
    let seconds = median(repetitions, work);
    // What others take of the machine meanwhile is taken from the product, too.
    let rate = 0.5 * (before + product_rate(threads));
    let floor = operations / rate;
    println!(
        "| {what} | {} | {} | {:.0} % | {:.1} GFLOP/s |",
        time(seconds),
        time(floor),
        100.0 * floor / seconds,
        rate * 1e-9
    );
    Some(floor / seconds)
}

/// Seconds in a unit that suits them.
pub fn time(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", 1e3 * seconds)
    } else {
        format!("{:.1} µs", 1e6 * seconds)
    }
}

/// The most memory that the process has held, where the system says so.
pub fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "not known on this system".into(), |p| p.trim().to_owned())
}
