//! Starts and moves against each other: what 20 particles of each cost and miss on the posteriors of nine small tables.
//!
//! `cargo bench --bench starts --no-default-features [-- WORD]`, with a word only the variants that have it in their
//! names. The truth is NUTS in the coordinates in which priors are Gaussian
//! (v; the target's own are u), with R-hat below 1.01 and 1,000 effective draws, or a line that says otherwise. Bias:
//! distance of the particles' mean from the truth's in posterior standard deviations, a parameter in u. Variances
//! are those of the mixture (divisor J), so that exact draws have 0.95 of the truth on average.
#![allow(missing_docs, clippy::unwrap_used)]

mod tables;
mod variants;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;
use std::time::Instant;
use steingp::Result;
use steingp::fit::{FitOptions, build};
use steingp::inference::{NutsFit, NutsSettings, Warped, modes, nuts};
use steingp::model::{Criterion, Exact, Model, Target};
use steingp::stein::Cloud;
use tables::{TABLES, read};
use variants::{Found, Problem, VARIANTS};

const SEEDS: u64 = 5;

/// What is known of a posterior.
struct Truth {
    draws: Cloud,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// Long chains, twice as long as before until they are good enough.
fn truth(model: &Exact) -> (Truth, NutsFit) {
    let mut settings = NutsSettings::default();
    loop {
        let target = Target::new(model, Criterion::LogDensity).unwrap();
        let warped = Warped::new(&target, model.layout().gaussian_coordinates());
        let start = warped.from_target(&model.layout().start());
        let fit = nuts(&warped, &[start], &settings, &mut |_| ControlFlow::Continue(())).unwrap();
        let found = &fit.diagnostics;
        let good = found.r_hat < 1.01 && found.ess_bulk.min(found.ess_tail) >= 1000.0;
        if good || settings.draws >= 4000 {
            let draws = warped.cloud_to_target(&fit.thinned(usize::MAX));
            let variance = draws.covariance().into_iter().step_by(draws.dim() + 1).collect();
            return (Truth { mean: draws.mean(), variance, draws }, fit);
        }
        settings.draws *= 2;
    }
}

/// Means over seeds or tables.
#[derive(Default, Clone)]
struct Row {
    evaluations: f64,
    mean_bias: f64,
    worst_bias: f64,
    variance_ratio: f64,
    failed: usize,
    count: usize,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.failed += other.failed;
        if other.count > 0 {
            self.evaluations += other.evaluations;
            self.mean_bias += other.mean_bias;
            self.worst_bias += other.worst_bias;
            self.variance_ratio += other.variance_ratio;
            self.count += 1;
        }
    }

    fn mean(&self) -> Row {
        let n = self.count.max(1) as f64;
        Row {
            evaluations: self.evaluations / n,
            mean_bias: self.mean_bias / n,
            worst_bias: self.worst_bias / n,
            variance_ratio: self.variance_ratio / n,
            ..self.clone()
        }
    }

    fn print(&self, name: &str) {
        let failed = if self.failed > 0 { format!(" ({} failed)", self.failed) } else { String::new() };
        println!(
            "| {name}{failed} | {:.0} | {:.3} | {:.2} | {:.2} |",
            self.evaluations, self.mean_bias, self.worst_bias, self.variance_ratio
        );
    }
}

/// One fit against the truth.
fn judge(found: &Found, truth: &Truth, evaluations: usize) -> Row {
    let d = truth.mean.len();
    let weighted = |c: usize, f: &dyn Fn(f64) -> f64| -> f64 {
        found.points.points().zip(&found.weights).map(|(p, w)| w * f(p[c])).sum()
    };
    let (mut biases, mut ratios) = (Vec::new(), Vec::new());
    for c in 0..d {
        let mean = weighted(c, &|u| u);
        biases.push((mean - truth.mean[c]).abs() / truth.variance[c].sqrt());
        ratios.push(weighted(c, &|u| (u - mean) * (u - mean)) / truth.variance[c]);
    }
    ratios.sort_by(f64::total_cmp);
    Row {
        evaluations: evaluations as f64,
        mean_bias: biases.iter().sum::<f64>() / d as f64,
        worst_bias: biases.iter().copied().fold(0.0, f64::max),
        variance_ratio: 0.5 * (ratios[(d - 1) / 2] + ratios[d / 2]),
        failed: 0,
        count: 1,
    }
}

/// Mean of a variant over the seeds.
fn measure(model: &Exact, truth: &Truth, variant: impl Fn(&Problem<'_>, u64) -> Result<Found>) -> Row {
    let mut row = Row::default();
    for seed in 0..SEEDS {
        let target = Target::new(model, Criterion::LogDensity).unwrap();
        match variant(&Problem::new(model, &target), seed) {
            Ok(found) => row.add(&judge(&found, truth, target.evaluations())),
            Err(_) => row.failed += 1,
        }
    }
    row.mean()
}

fn heading() {
    println!("\n| Variant | evaluations | mean bias | worst bias | variance ratio |\n|---|---|---|---|---|");
}

fn main() {
    let clock = Instant::now();
    println!("{} threads", rayon::current_num_threads());
    let word = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    let variants: Vec<_> = VARIANTS.iter().filter(|(name, _)| name.contains(&word)).collect();
    let mut totals = vec![Row::default(); variants.len() + 1];
    for table in &TABLES {
        let data = read(table);
        let (model, _) = build(&data, &FitOptions::default()).unwrap();
        let (truth, chains) = truth(&model);
        let target = Target::new(&model, Criterion::LogDensity).unwrap();
        let problem = Problem::new(&model, &target);
        let settings = problem.svgd(0);
        let start = problem.warped.from_target(&problem.start);
        let found =
            modes(&problem.warped, &[start], &settings.maximum, settings.curvature_floor, settings.hops)
                .unwrap();
        println!(
            "\n### {}: N = {}, d = {}, modes {} (search {} evaluations), NUTS R-hat {:.3}, ESS {:.0}, {} evaluations",
            table.name,
            data.rows(),
            truth.mean.len(),
            found.len(),
            target.evaluations(),
            chains.diagnostics.r_hat,
            chains.diagnostics.ess_bulk.min(chains.diagnostics.ess_tail),
            chains.evaluations
        );
        heading();
        for ((name, variant), total) in variants.iter().zip(&mut totals) {
            let row = measure(&model, &truth, variant);
            row.print(name);
            total.add(&row);
        }
        let floor = measure(&model, &truth, |_, seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let chosen = rand::seq::index::sample(&mut rng, truth.draws.count(), variants::PARTICLES);
            Ok(Found::equal(truth.draws.select(&chosen.into_vec())))
        });
        floor.print("exact draws");
        totals[variants.len()].add(&floor);
        eprintln!("{}: {:.0} s", table.name, clock.elapsed().as_secs_f64());
    }
    println!("\n### Mean over the tables");
    heading();
    let names = variants.iter().map(|(name, _)| *name).chain(["exact draws"]);
    names.zip(&totals).for_each(|(name, total)| total.mean().print(name));
}
