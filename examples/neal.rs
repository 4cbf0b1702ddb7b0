//! Neal's data with outliers: Student's t noise against normal noise.
//!
//! `cargo run --release --example neal -- FOLDER`
//!
//! R. M. Neal (1997), "Monte Carlo implementation of Gaussian process models for Bayesian regression and classification",
//! section 7: inputs are N(0, 1), the target is 0.3 + 0.4x + 0.5 sin(2.7x) + 1.1/(1 + x²) with noise of standard deviation
//! 0.1, or of 1 in one row of twenty. His rows are not published; these are simulated with a fixed seed.

mod common;

use common::{Outcome, folder, report, write};
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use steingp::likelihood::Family;
use steingp::prelude::*;
use steingp::report;

const ROWS: usize = 100;
const SEED: u64 = 1997;

fn main() -> Outcome {
    let folder = folder("neal")?;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut normal = |sd: f64| -> f64 { sd * Distribution::<f64>::sample(&StandardNormal, &mut rng) };
    let x: Vec<f64> = (0..ROWS).map(|_| normal(1.0)).collect();
    let unseen: Vec<f64> = (0..1000).map(|_| normal(1.0)).collect();
    let noise: Vec<f64> = (0..ROWS).map(|_| normal(1.0)).collect();
    let is_outlier: Vec<bool> = (0..ROWS).map(|_| rng.random::<f64>() < 0.05).collect();
    let y = (0..ROWS).map(|i| truth(x[i]) + noise[i] * if is_outlier[i] { 1.0 } else { 0.1 }).collect();
    let outliers = is_outlier.iter().filter(|o| **o).count();
    println!("{ROWS} rows, {outliers} of them with ten times the noise");

    let column = |x: &[f64]| Mat::from_fn(x.len(), 1, |i, _| x[i]);
    let train = Dataset::with_names(column(&x), y, vec!["x".into()], "y".into())?;
    println!("RMSE against the function without noise, and how often the 90 % interval holds it:");
    for likelihood in [Family::Gaussian, Family::StudentT] {
        let fit = fit(&train, &FitOptions { likelihood, ..FitOptions::default() }, &mut ())?;
        let latent = fit.model.predict(column(&unseen).as_ref(), PredictionKind::Latent)?;
        let (mut squares, mut held) = (0.0, 0.0);
        for (x, f) in unseen.iter().zip(latent.iter()) {
            squares += (f.mean() - truth(*x)).powi(2);
            held += f64::from(f.quantile(0.05) <= truth(*x) && truth(*x) <= f.quantile(0.95));
        }
        let count = unseen.len() as f64;
        println!("{:<10} {:.3}  {:.0} %", likelihood.name(), (squares / count).sqrt(), 100.0 * held / count);
        if let Some(curve) = report("Neal's data", &fit, &train, None)?.fit {
            write(&folder, &format!("{likelihood}.svg"), &report::fit::svg(&curve, "particle")?)?;
        }
    }
    Ok(())
}

fn truth(x: f64) -> f64 {
    0.3 + 0.4 * x + 0.5 * (2.7 * x).sin() + 1.1 / (1.0 + x * x)
}
