//! Coal-mining disasters in Britain, 1851–1962: how often they happened, and when that fell.
//!
//! `cargo run --release --example coal_mining -- FOLDER`
//!
//! Yearly counts are a Poisson variable whose logarithmic rate is a Gaussian process over the years: a Cox process in steps
//! of a year. The counts are those of Jarrett (1979), "A note on the intervals between coal-mining disasters".

mod common;
#[path = "common/table.rs"]
mod table;

use common::{Outcome, folder, report, write};
use faer::Mat;
use steingp::likelihood::Family;
use steingp::prelude::*;
use steingp::report::{self, rootogram};
use steingp::table::TargetKind;

fn main() -> Outcome {
    let folder = folder("coal_mining")?;
    let (train, _) = table::read("coal_disasters.csv", "disasters", TargetKind::Number, None)?;
    let options = FitOptions { likelihood: Family::Poisson, ..FitOptions::default() };
    let fit = fit(&train, &options, &mut ())?;

    let rate = |years: &[f64], of: &dyn Fn(Mixture<'_>) -> f64| -> Result<Vec<f64>> {
        let x = Mat::from_fn(years.len(), 1, |i, _| years[i]);
        let table = fit.model.predict(x.as_ref(), PredictionKind::Latent)?;
        Ok(table.iter().map(|log_rate| of(log_rate).exp()).collect())
    };
    let shown: Vec<f64> = (0..12).map(|i| f64::from(1851 + 10 * i)).collect();
    let [low, middle, high] =
        [0.05, 0.5, 0.95].map(|level| rate(&shown, &|m: Mixture<'_>| m.quantile(level)));
    let (low, middle, high) = (low?, middle?, high?);
    println!("year  disasters a year, 90 % interval");
    for (i, year) in shown.iter().enumerate() {
        println!("{year:.0}  {:.2}  {:.2} to {:.2}", middle[i], low[i], high[i]);
    }

    // Quarters of a year are fine enough: the rate changes over decades.
    let fine: Vec<f64> = (0..=444).map(|i| 1851.0 + 0.25 * f64::from(i)).collect();
    let median = rate(&fine, &|m: Mixture<'_>| m.quantile(0.5))?;
    let fall = |i: &usize| median[*i] - median[i + 1];
    let steepest = (0..fine.len() - 1).max_by(|a, b| fall(a).total_cmp(&fall(b))).unwrap_or(0);
    println!("it fell fastest in {:.0}, by {:.2} a year", fine[steepest].floor(), 4.0 * fall(&steepest));

    let report = report("coal_disasters.csv", &fit, &train, None)?;
    if let Some(curve) = &report.fit {
        write(&folder, "rate.svg", &report::fit::svg(curve, "particle")?)?;
    }
    if let Some(counts) = &report.counts {
        write(&folder, "counts.svg", &rootogram::svg(counts)?)?;
    }
    Ok(())
}
