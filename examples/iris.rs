//! Fisher's irises: three species from four measurements.
//!
//! `cargo run --release --example iris -- FOLDER`
//!
//! Softmax has a latent function for each species. On a table as easy as this one the linear kernel, which is multinomial
//! logistic regression with a prior, is hard to beat: it belongs beside every kernel that bends.
//! Twenty particles for each of three kernels, with 315 latent values, take about half a minute.

mod common;
#[path = "common/table.rs"]
mod table;

use common::{Outcome, folder, report, score, write};
use steingp::likelihood::Family;
use steingp::posterior::Scores;
use steingp::prelude::*;
use steingp::report::classes::{confusion, reliability};
use steingp::table::TargetKind;

fn main() -> Outcome {
    let folder = folder("iris")?;
    let (train, test) = table::read("iris.csv", "species", TargetKind::Classes, Some(0.3))?;
    println!("{:<20} {:>14} {:>9} {:>7}", "on unseen rows", "log-likelihood", "accuracy", "Brier");
    for (k, kernel) in ["linear + constant", "rbf", "rbf + linear"].iter().enumerate() {
        let options = FitOptions {
            likelihood: Family::Softmax,
            kernel: Some(kernel.parse()?),
            ..FitOptions::default()
        };
        let fit = fit(&train, &options, &mut ())?;
        let (predictions, scores) = score(&fit, &test)?;
        let Scores::Classes(s) = &scores else { return Err("the target has classes".into()) };
        if k == 0 {
            println!("{:<20} {:>14.3}", "class shares alone", s.base_rate_log_likelihood);
        }
        println!("{kernel:<20} {:>14.3} {:>9.3} {:>7.3}", s.log_likelihood, s.accuracy, s.brier);
        if *kernel == "rbf" {
            let report = report("iris.csv", &fit, &train, Some((&test, &predictions, &scores)))?;
            if let Some(classes) = &report.classes {
                write(&folder, "confusion.svg", &confusion::svg(classes)?)?;
                write(&folder, "reliability.svg", &reliability::svg(classes)?)?;
            }
        }
    }
    Ok(())
}
