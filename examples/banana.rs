//! Two classes in the plane, each shaped like a banana: the probability of a class and how uncertain it is.
//!
//! `cargo run --release --example banana -- FOLDER`
//!
//! The rows are simulated with a fixed seed: 400 points along two arcs that reach into each other, with normal noise. Half of
//! them are for training. A straight line cannot part the classes, so that the linear kernel, which is logistic regression
//! with a prior, is far behind. A quarter of a minute, most of it for the particles.

mod common;

use common::{Outcome, folder, report, rows, score, write};
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use std::f64::consts::PI;
use steingp::likelihood::Family;
use steingp::posterior::Scores;
use steingp::prelude::*;
use steingp::report::{classes::surface, page};

const ROWS: usize = 400;
const SEED: u64 = 1;
/// Standard deviation of the noise in both inputs.
const NOISE: f64 = 0.3;

fn main() -> Outcome {
    let folder = folder("banana")?;
    let all = bananas()?;
    let (train, test) =
        (rows(&all, &(0..ROWS / 2).collect::<Vec<_>>()), rows(&all, &(ROWS / 2..ROWS).collect::<Vec<_>>()));

    let options = FitOptions { likelihood: Family::Bernoulli, ..FitOptions::default() };
    let tries = [
        ("logistic regression", FitOptions { kernel: Some("linear + constant".parse()?), ..options.clone() }),
        ("rbf, map", FitOptions { method: Method::Map, ..options.clone() }),
        ("rbf, 20 particles", options),
    ];
    println!(
        "{:<20} {:>14} {:>9} {:>7} {:>7}",
        "on unseen rows", "log-likelihood", "accuracy", "AUC", "Brier"
    );
    for (k, (name, options)) in tries.iter().enumerate() {
        let fit = fit(&train, options, &mut ())?;
        let (predictions, scores) = score(&fit, &test)?;
        let Scores::Classes(s) = &scores else { return Err("the target has classes".into()) };
        if k == 0 {
            println!("{:<20} {:>14.3}", "class shares alone", s.base_rate_log_likelihood);
        }
        let auc = s.auc.unwrap_or(f64::NAN);
        println!("{name:<20} {:>14.3} {:>9.3} {auc:>7.3} {:>7.3}", s.log_likelihood, s.accuracy, s.brier);
        if k + 1 == tries.len() {
            let report = report("two bananas", &fit, &train, Some((&test, &predictions, &scores)))?;
            if let Some((classes, plane)) =
                report.classes.as_ref().and_then(|c| Some((c, c.surface.as_ref()?)))
            {
                let names = ["probability.svg", "uncertainty.svg"];
                for (name, svg) in names.iter().zip(surface::svgs(plane, &classes.names)?) {
                    write(&folder, name, &svg)?;
                }
            }
            write(&folder, "banana.html", &page::html(&report)?)?;
        }
    }
    Ok(())
}

/// Points along two half circles, one turned over and moved into the other.
fn bananas() -> Outcome<Dataset> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let noise = Normal::new(0.0, NOISE)?;
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for row in 0..ROWS {
        let (angle, label) = (PI * rng.random::<f64>(), row % 2);
        let on_arc = match label {
            0 => (angle.cos(), angle.sin()),
            _ => (1.0 - angle.cos(), 0.5 - angle.sin()),
        };
        points.push((on_arc.0 + noise.sample(&mut rng), on_arc.1 + noise.sample(&mut rng)));
        labels.push(label as f64);
    }
    let x = Mat::from_fn(ROWS, 2, |i, d| if d == 0 { points[i].0 } else { points[i].1 });
    let names = ["x0", "x1"].map(str::to_owned).to_vec();
    Ok(Dataset::with_names(x, labels, names, "banana".into())?
        .with_class_names(vec!["upper".into(), "lower".into()])?)
}
