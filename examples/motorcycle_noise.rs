//! The motorcycle data with three kinds of noise: one variance, heavy tails, and a variance that changes with time.
//!
//! `cargo run --release --example motorcycle_noise -- FOLDER`
//!
//! Before the impact the head hardly moves, so that one variance is too large there and too small later. Heavy tails make
//! room for both without knowing when; the second latent function of heteroscedastic noise learns when. The parameters are
//! those of the posterior's mode: particles for two latent functions take a quarter of a minute.

mod common;
#[path = "common/table.rs"]
mod table;

use common::{Outcome, folder, report, score, write};
use steingp::likelihood::Family;
use steingp::posterior::Scores;
use steingp::prelude::*;
use steingp::report;
use steingp::table::TargetKind;

fn main() -> Outcome {
    let folder = folder("motorcycle_noise")?;
    let (train, test) = table::read("motorcycle.csv", "accel", TargetKind::Number, Some(0.3))?;
    println!("{:<16} {:>14} {:>7} {:>12}", "on unseen rows", "log-likelihood", "RMSE", "90 % holds");
    for likelihood in [Family::Gaussian, Family::StudentT, Family::Heteroscedastic] {
        let options = FitOptions { likelihood, method: Method::Map, ..FitOptions::default() };
        let fit = fit(&train, &options, &mut ())?;
        let (predictions, scores) = score(&fit, &test)?;
        let Scores::Values(s) = &scores else { return Err("the target is a number".into()) };
        let covered = 100.0 * s.coverage.ninety;
        println!("{:<16} {:>14.3} {:>7.2} {covered:>10.0} %", likelihood.name(), s.log_likelihood, s.rmse);
        let report = report("motorcycle.csv", &fit, &train, Some((&test, &predictions, &scores)))?;
        if let Some(curve) = &report.fit {
            write(&folder, &format!("{likelihood}.svg"), &report::fit::svg(curve, "particle")?)?;
        }
    }
    Ok(())
}
