//! SVGD against long NUTS runs of the same posteriors (NumPyro, four chains), where those references are at hand.
//!
//! With 20 particles per run: twenty *exact* draws would miss a mean by 0.18 posterior standard deviations on average and
//! have variance ratios with a coefficient of variation of 0.32, so bounds below that are beyond luck.
#![cfg(feature = "table")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use steingp::fit::{FitOptions, build};
use steingp::inference::{SvgdSettings, svgd};
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

fn training_data(folder: &Path, table: &str, number: usize) -> Dataset {
    let rows = Split::TrainRows(folder.join(format!("reference/splits/{table}.split{number}.csv")));
    let table = Table::read(folder.join(format!("data/uci/{table}.csv.gz"))).unwrap();
    let (train, _) = split::resolve(&rows, table.rows()).unwrap();
    let (encoding, _) = Encoding::learn(&table, &EncodingOptions::new("y"), &train).unwrap();
    let encoded = encoding.apply(&table, TargetUse::Required).unwrap().select(&train);
    Dataset::with_names(encoded.x, encoded.y.unwrap(), encoding.input_names().to_vec(), "y".into()).unwrap()
}

/// Mean and variance of each column of a file of draws, by path.
fn moments(path: &Path) -> Vec<(String, f64, f64)> {
    let table = Table::read(path).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let n = rows.len() as f64;
    (table.column_names().iter().enumerate())
        .map(|(c, name)| {
            let mean = rows.iter().map(|r| r[c]).sum::<f64>() / n;
            (name.clone(), mean, rows.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / n)
        })
        .collect()
}

#[test]
fn twenty_particles_have_the_moments_of_the_posterior() {
    let Some(folder) = shared() else { return };
    for (table, number) in [("servo", 0), ("challenger", 4)] {
        let data = training_data(&folder, table, number);
        let (model, _) = build(&data, &FitOptions::default()).unwrap();
        let reference = moments(&folder.join(format!("reference/nuts/{table}.split{number}.csv")));
        let (mut biases, mut ratios) = (Vec::new(), Vec::new());
        for seed in 0..5 {
            let target = Target::new(&model, Criterion::LogDensity).unwrap();
            let mut settings = SvgdSettings::new(20);
            settings.engine.seed = seed;
            let fit = svgd(&target, &[model.layout().start()], &settings, &mut ()).unwrap();
            assert!(target.evaluations() < 2000);
            let (mean, covariance) = (fit.outcome.particles.mean(), fit.outcome.particles.covariance());
            for (c, parameter) in model.layout().free().enumerate() {
                let (_, m, v) = reference.iter().find(|(path, ..)| *path == parameter.path).unwrap();
                biases.push((mean[c] - m).abs() / v.sqrt());
                ratios.push(covariance[c * (mean.len() + 1)] / v);
            }
        }
        let bias = biases.iter().sum::<f64>() / biases.len() as f64;
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        println!("{table}: mean |bias| {bias:.3} sd, median variance ratio {ratio:.3}");
        assert!(bias < 0.25, "{table}: mean |bias| {bias}");
        assert!((0.85..1.25).contains(&ratio), "{table}: median variance ratio {ratio}");
    }
}
