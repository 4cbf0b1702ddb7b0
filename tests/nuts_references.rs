//! This crate's NUTS against long NUTS runs of the same posteriors by NumPyro (four chains), where those are at hand.
//!
//! Two samplers of one posterior differ by Monte Carlo error only, and each says how large its own is: √(variance/ESS) for
//! a mean; for a standard deviation half of what the mean of the squared deviations has, relative to it.
#![cfg(feature = "table")]
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use steingp::fit::{FitOptions, build};
use steingp::inference::{NutsSettings, Warped, ess_mean, nuts, r_hat};
use steingp::model::{Criterion, Model, Target};
use steingp::prelude::*;
use steingp::table::{Encoding, EncodingOptions, Split, Table, TargetUse, split};

/// The folder of reference values beside the project, if it is there.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("STEINGP_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if folder.join("reference/nuts").is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no NUTS references in {}", folder.display());
    None
}

/// The training rows of a split of a table.
fn split_data(folder: &Path, table: &str, number: usize) -> Dataset {
    let rows = Split::TrainRows(folder.join(format!("reference/splits/{table}.split{number}.csv")));
    let table = Table::read(folder.join(format!("data/uci/{table}.csv.gz"))).unwrap();
    let (train, _) = split::resolve(&rows, table.rows()).unwrap();
    let (encoding, _) = Encoding::learn(&table, &EncodingOptions::new("y"), &train).unwrap();
    let encoded = encoding.apply(&table, TargetUse::Required).unwrap().select(&train);
    Dataset::with_names(encoded.x, encoded.y.unwrap(), encoding.input_names().to_vec(), "y".into()).unwrap()
}

/// The header and the numbers of a comma-separated file.
fn numbers(path: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap().split(',').map(String::from).collect();
    (header, lines.map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect())
}

/// The training rows of a table with columns x, y, f and train.
fn neal_data(folder: &Path, number: usize) -> Dataset {
    let (_, rows) = numbers(&folder.join(format!("reference/neal/neal.{number}.csv")));
    let train: Vec<&Vec<f64>> = rows.iter().filter(|r| r[3] == 1.0).collect();
    let x = faer::Mat::from_fn(train.len(), 1, |i, _| train[i][0]);
    Dataset::new(x, train.iter().map(|r| r[1]).collect()).unwrap()
}

/// Mean and standard deviation of one parameter, each with its Monte Carlo error.
struct Moments {
    mean: f64,
    mean_error: f64,
    sd: f64,
    relative_sd_error: f64,
}

impl Moments {
    fn of(chains: &[Vec<f64>]) -> Self {
        let all = chains.concat();
        let average = |f: &dyn Fn(f64) -> f64| all.iter().map(|v| f(*v)).sum::<f64>() / all.len() as f64;
        let mean = average(&|v| v);
        let variance = average(&|v| (v - mean).powi(2));
        let fourth = average(&|v| (v - mean).powi(4));
        let squares: Vec<Vec<f64>> =
            chains.iter().map(|c| c.iter().map(|v| (v - mean).powi(2)).collect()).collect();
        let variance_error = ((fourth - variance * variance) / ess_mean(&squares)).sqrt();
        Self {
            mean,
            mean_error: (variance / ess_mean(chains)).sqrt(),
            sd: variance.sqrt(),
            relative_sd_error: 0.5 * variance_error / variance,
        }
    }
}

/// Runs NUTS on an exact GP and compares each free parameter with the reference's draws.
fn agrees(name: &str, data: &Dataset, standardise: bool, reference: &Path) {
    let options = FitOptions { standardise, ..FitOptions::default() };
    let (model, _) = build(data, &options).unwrap();
    let target = Target::new(&model, Criterion::LogDensity).unwrap();
    // Sixteen rows do not keep the noise of challenger away from zero: a funnel, which takes small steps.
    let settings = NutsSettings { target_accept: 0.95, draws: 2000, ..NutsSettings::default() };
    let warped = Warped::new(&target, model.layout().gaussian_coordinates());
    let start = warped.from_target(&model.layout().start());
    let fit = nuts(&warped, &[start], &settings, &mut |_| ControlFlow::Continue(())).unwrap();
    let d = &fit.diagnostics;
    println!(
        "{name}: {} evaluations, R-hat {:.4}, ESS {:.0} and {:.0}, {} divergences",
        target.evaluations(),
        d.r_hat,
        d.ess_bulk,
        d.ess_tail,
        d.divergences
    );
    assert!(d.r_hat < 1.01 && d.ess_bulk > 400.0 && d.ess_tail > 400.0, "{name}: {d:?}");
    let (header, rows) = numbers(reference);
    for (c, parameter) in model.layout().free().enumerate() {
        let column = header.iter().position(|path| *path == parameter.path).unwrap();
        let theirs: Vec<f64> = rows.iter().map(|r| r[column]).collect();
        // The file has the chains one after the other.
        let theirs: Vec<Vec<f64>> = theirs.chunks(theirs.len() / 4).map(<[f64]>::to_vec).collect();
        let ours: Vec<Vec<f64>> = fit
            .chains
            .iter()
            .map(|chain| warped.cloud_to_target(chain).points().map(|z| z[c]).collect())
            .collect();
        let (a, b) = (Moments::of(&ours), Moments::of(&theirs));
        let apart = (a.mean - b.mean) / a.mean_error.hypot(b.mean_error);
        let ratio = a.sd / b.sd;
        let spread = ratio.ln() / a.relative_sd_error.hypot(b.relative_sd_error);
        println!(
            "  {:24} mean {:+.3} and {:+.3}: {apart:+.2} errors; sd {:.3} and {:.3}: {spread:+.2} errors; their R-hat {:.3}",
            parameter.path,
            a.mean,
            b.mean,
            a.sd,
            b.sd,
            r_hat(&theirs)
        );
        assert!(apart.abs() < 4.0, "{name}, {}: means {apart} errors apart", parameter.path);
        assert!(spread.abs() < 4.0, "{name}, {}: sd ratio {ratio}, {spread} errors", parameter.path);
    }
}

#[test]
fn nuts_finds_the_posteriors_that_numpyro_finds() {
    let Some(folder) = shared() else { return };
    for (table, number) in [("servo", 0), ("challenger", 4)] {
        let reference = folder.join(format!("reference/nuts/{table}.split{number}.csv"));
        agrees(table, &split_data(&folder, table, number), true, &reference);
    }
    for number in [0, 1] {
        let reference = folder.join(format!("reference/nuts/neal.{number}.csv"));
        agrees(&format!("neal {number}"), &neal_data(&folder, number), false, &reference);
    }
}
