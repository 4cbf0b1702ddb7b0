//! What a posterior costs: SVGD with 20 particles against NUTS, in evaluations of value and score and in seconds.
//!
//! `cargo bench --bench posterior`. NUTS runs with the fewest draws a chain, of 125, 250, 500, …, for which four chains agree
//! (R-hat below 1.01) and are worth 400 draws in bulk and tail; only that run counts. Both start at the same point and
//! pay for the search for the mode. SVGD is no sampler: what its twenty particles miss is in `tests/nuts.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

use faer::Mat;
use std::ops::ControlFlow;
use std::time::Instant;
use steingp::dataset::Dataset;
use steingp::fit::{FitOptions, build};
use steingp::inference::{NutsFit, NutsSettings, SvgdSettings, nuts, svgd};
use steingp::model::{Criterion, Exact, Model, Target};

/// Every `step`-th row of a table without missing values whose last column is the target; a text stands for its first
/// letter.
fn read(name: &str, step: usize) -> Dataset {
    let path = format!("{}/data/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let number = |cell: &str| cell.parse().unwrap_or_else(|_| f64::from(cell.as_bytes()[0]));
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).step_by(step).map(|line| line.split(',').map(number).collect()).collect();
    let d = rows[0].len() - 1;
    let x = Mat::from_fn(rows.len(), d, |i, c| rows[i][c]);
    Dataset::new(x, rows.iter().map(|r| r[d]).collect()).unwrap()
}

struct Cost {
    evaluations: usize,
    seconds: f64,
}

fn by_svgd(model: &Exact) -> Cost {
    let target = Target::new(model, Criterion::LogDensity).unwrap();
    let clock = Instant::now();
    svgd(&target, &[model.layout().start()], &SvgdSettings::new(20), &mut ()).unwrap();
    Cost { evaluations: target.evaluations(), seconds: clock.elapsed().as_secs_f64() }
}

/// The cheapest run that is good enough, or the longest one.
fn by_nuts(model: &Exact) -> (Cost, NutsSettings, NutsFit) {
    let mut settings = NutsSettings { draws: 125, ..NutsSettings::default() };
    loop {
        let target = Target::new(model, Criterion::LogDensity).unwrap();
        let clock = Instant::now();
        let mut watch = |_: &_| ControlFlow::Continue(());
        let fit = nuts(&target, &[model.layout().start()], &settings, &mut watch).unwrap();
        let cost = Cost { evaluations: target.evaluations(), seconds: clock.elapsed().as_secs_f64() };
        let found = &fit.diagnostics;
        if found.r_hat < 1.01 && found.ess_bulk.min(found.ess_tail) >= 400.0 || settings.draws >= 8000 {
            return (cost, settings, fit);
        }
        settings.draws *= 2;
    }
}

fn main() {
    println!("{} threads", rayon::current_num_threads());
    println!(
        "{:16} {:>4} {:>3} | {:>11} {:>8} | {:>6} {:>11} {:>8} {:>6} {:>6} | {:>11} {:>8}",
        "",
        "N",
        "D",
        "SVGD evals",
        "seconds",
        "draws",
        "NUTS evals",
        "seconds",
        "R-hat",
        "ESS",
        "evals ratio",
        "time"
    );
    for (name, step) in [("motorcycle", 1), ("servo", 1), ("boston_housing", 4), ("diabetes", 2)] {
        let data = read(name, step);
        let (model, _) = build(&data, &FitOptions::default()).unwrap();
        let particles = by_svgd(&model);
        let (chains, settings, fit) = by_nuts(&model);
        let found = &fit.diagnostics;
        println!(
            "{name:16} {:>4} {:>3} | {:>11} {:>8.2} | {:>6} {:>11} {:>8.2} {:>6.3} {:>6.0} | {:>11.1} {:>8.1}",
            data.rows(),
            data.columns(),
            particles.evaluations,
            particles.seconds,
            settings.draws,
            chains.evaluations,
            chains.seconds,
            found.r_hat,
            found.ess_bulk.min(found.ess_tail),
            chains.evaluations as f64 / particles.evaluations as f64,
            chains.seconds / particles.seconds
        );
    }
}
