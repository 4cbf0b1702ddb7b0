//! Both fits of a study and what they are worth.

use crate::common::{Outcome, rows};
use crate::places::{Split, contains, grid, stations, thinned};
use crate::studies::Study;
use faer::Mat;
use std::time::Instant;
use steingp::fit::ModelChoice;
use steingp::inducing::OwnInducing;
use steingp::kernel::Geography;
use steingp::model::GpModel;
use steingp::posterior::{Metrics, Predictions};
use steingp::prelude::*;

/// Most rows of either kind that are scored.
const MOST_SCORED: usize = 10_000;
/// Times over which standard deviations are averaged.
const TIMES: usize = 40;

/// One method's fit.
pub struct Fitted {
    pub name: &'static str,
    pub fit: Fit,
    pub seconds: f64,
}

/// Particles and one Gaussian, with the same inducing points.
pub struct Fits {
    pub particles: Fitted,
    pub single: Fitted,
    pub split: Split,
}

impl Fits {
    pub fn new(study: &Study) -> Outcome<Self> {
        let split = Split::new(&study.data, &study.region);
        let train = rows(&study.data, &split.train);
        let options = FitOptions {
            model: ModelChoice::Svgp,
            kernel: Some(study.kernel.parse()?),
            priors: study.priors.iter().map(|(path, prior)| (path.clone(), Some(*prior))).collect(),
            inducing: Some(study.inducing),
            particles: study.particles,
            seed: study.seed,
            warm_up: study.warm_up,
            iterations: study.iterations,
            ..FitOptions::default()
        };
        let particles = timed("SVGD", &train, &options)?;
        let (inducing_points, inducing_terms) = inducing_points(&particles.fit)?;
        let same = FitOptions {
            method: Method::Vi,
            inducing_points: Some(inducing_points),
            inducing_terms,
            ..options
        };
        let single = timed("VI", &train, &same)?;
        Ok(Self { particles, single, split })
    }

    pub fn both(&self) -> [&Fitted; 2] {
        [&self.particles, &self.single]
    }

    /// Scores of both, and how much less they know of the region than of stations.
    pub fn print(&self, study: &Study) -> Outcome {
        let split = &self.split;
        println!(
            "{} rows to fit to, {} random ones and {} of the region held out",
            split.train.len(),
            split.random.len(),
            split.region.len()
        );
        println!("{:<6} {:<15} {:>7} {:>8} {:>9}", "", "held out", "RMSE", "log p", "90 %");
        for fitted in self.both() {
            for (what, held) in [("random rows", &split.random), ("region", &split.region)] {
                let test = rows(&study.data, &thinned(held, MOST_SCORED));
                let scores = score(&fitted.fit, &test)?;
                println!(
                    "{:<6} {what:<15} {:>7.2} {:>8.3} {:>8.1}%",
                    fitted.name,
                    scores.rmse,
                    scores.log_likelihood,
                    100.0 * scores.coverage.ninety
                );
            }
        }
        for fitted in self.both() {
            let (near, far) = deviations(&fitted.fit, study)?;
            println!(
                "{:<6} {:.0} s; latent sd {near:.2} at stations, {far:.2} in the region: ratio {:.2}",
                fitted.name,
                fitted.seconds,
                far / near
            );
            for p in fitted.fit.model.summary() {
                println!("       {:<36} {:>9.4} ± {:.4}", p.path, p.mean, p.sd);
            }
            for notice in &fitted.fit.notices {
                println!("       note: {notice}");
            }
        }
        Ok(())
    }
}

fn timed(name: &'static str, train: &Dataset, options: &FitOptions) -> Outcome<Fitted> {
    let start = Instant::now();
    let fit = fit(train, options, &mut ())?;
    Ok(Fitted { name, fit, seconds: start.elapsed().as_secs_f64() })
}

/// The inducing points of a fit, in the inputs' own units.
fn inducing_points(fit: &Fit) -> Outcome<(Mat<f64>, Vec<OwnInducing>)> {
    let GpModel::Sparse(gp) = fit.model.model() else { return Err("the model is not sparse".into()) };
    let (z, scaling) = (gp.model.inducing(), &fit.model.details().standardisation);
    let inputs = |i, d| scaling.input_shift[d] + scaling.input_scale[d] * z[(i, d)];
    Ok((Mat::from_fn(z.nrows(), z.ncols(), inputs), gp.model.own_inducing().to_vec()))
}

fn score(fit: &Fit, test: &Dataset) -> Outcome<Metrics> {
    let table = fit.model.predict(test.x.as_ref(), PredictionKind::Observed)?;
    let scale = fit.model.details().standardisation.target_scale;
    Metrics::new(&Predictions::Mixtures(table), &test.y, scale)
        .ok_or_else(|| "there are no rows to score".into())
}

/// Standard deviation of the latent function, averaged over times: at the stations that the fit saw, and at those held out.
fn deviations(fit: &Fit, study: &Study) -> Outcome<(f64, f64)> {
    let (held, seen): (Vec<_>, Vec<_>) =
        stations(&study.data).into_iter().partition(|p| contains(&study.region, p.0, p.1));
    let time = study.data.x.col(2);
    let (first, last) = time.iter().fold((f64::MAX, f64::MIN), |(a, b), t| (a.min(*t), b.max(*t)));
    let times: Vec<f64> =
        (0..TIMES).map(|k| (first + (k as f64 + 0.5) / TIMES as f64 * (last - first)).round()).collect();
    let mean_sd = |places: &[(f64, f64)]| -> Outcome<f64> {
        let table = fit.model.predict(grid(places, &times).as_ref(), PredictionKind::Latent)?;
        Ok(table.iter().map(|m| m.variance().sqrt()).sum::<f64>() / table.rows() as f64)
    };
    Ok((mean_sd(&seen)?, mean_sd(&held)?))
}

/// Kilometres to which a lengthscale of 1 on the model's scale stands.
pub fn kilometres(fit: &Fit) -> f64 {
    let scaling = &fit.model.details().standardisation;
    let pair = |v: &[f64]| [v[0], v[1]];
    Geography { shifts: pair(&scaling.input_shift), scales: pair(&scaling.input_scale) }.unit()
}
