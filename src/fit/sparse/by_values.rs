//! Fits of parameters and inducing values together: particles on minibatches, or chains with all rows.

use super::{reselection, settings};
use crate::fit::found::Found;
use crate::fit::{Counts, FitOptions, Method, chains, criterion, starts};
use crate::inference::minibatch::joint::{JointState, move_jointly};
use crate::inference::minibatch::{self, Checkpoint, MinibatchSettings, Particle};
use crate::inference::{MaximumSettings, SteinPreset};
use crate::model::{Model, SparseModel, Target, Whitened};
use crate::posterior::Posterior;
use crate::rows::{Batch, Epochs, Rows};
use crate::stein::{Cloud, Observer, Schedule, SteinKernel};
use crate::{Error, Result};
use faer::{Mat, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Rows for which every evaluation of the density of inducing values passes all of them.
const MOST_AT_ONCE: usize = 20_000;
/// Iterations of the published method, and its step.
const PAPER: (usize, f64) = (1000, 1e-3);
/// Iterations of particles over inducing values that start from a Gaussian, and their step.
const JOINT: (usize, f64) = (500, 0.01);

/// SVGD over parameters and inducing values on minibatches, or chains on them with all rows.
pub(super) fn by_values(
    model: &mut SparseModel,
    rows: &mut dyn Rows,
    x: Mat<f64>,
    checkpoint: Option<&Checkpoint>,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<(Found, Counts)> {
    let paper = options.preset == SteinPreset::Paper;
    let epochs = Epochs::new(rows.count(), options.batch, options.seed);
    let mut batch = Batch::default();
    if options.method == Method::Nuts {
        return by_chains(model, rows, options, observer);
    }
    let (iterations, rate) = if paper { PAPER } else { JOINT };
    let settings = MinibatchSettings {
        iterations: Some(options.iterations.unwrap_or(iterations)),
        learning_rate: options.learning_rate.unwrap_or(rate),
        ..settings(model, options)
    };
    let mut resumed = checkpoint.map(Checkpoint::load_joint).transpose()?.flatten();
    let mut counts = Counts::default();
    let mut stopped = false;
    let start = match resumed.take() {
        Some(state) => {
            // The warm-up's part of the state are its inducing inputs.
            if let Some(inducing) = &state.inducing {
                model.set_inducing(inducing.as_ref())?;
            }
            state
        }
        None if paper => JointState::new(from_prior(model, options)?, None),
        None => {
            let warm = MinibatchSettings { particles: 0, ..settings.clone() };
            let again = reselection(x, options);
            let fit = minibatch::fit(model, rows, again.as_ref(), &warm, None, observer)?;
            counts.evaluations += fit.evaluations;
            counts.failures += fit.failed_evaluations;
            counts.max_jitter = fit.max_jitter;
            // Particles around a mode that was not reached are no state to go on from.
            stopped = fit.interrupted;
            JointState::new(around(model, &fit.particles[0], options), Some(model.inducing().to_owned()))
        }
    };
    rows.read(epochs.seed(), epochs.place(0), &mut batch)?;
    let density = Whitened::new(model, batch, epochs.batches() as f64)?;
    let split = density.theta_dim();
    let kernel =
        if split > 0 { SteinKernel::paper_with_latents(split) } else { SteinKernel::default_mixture() };
    let schedule = if paper { Schedule::Constant } else { Schedule::Cosine };
    let mut state = start;
    let how = (&kernel, schedule);
    let interrupted =
        stopped || move_jointly(&density, rows, &mut state, how, &settings, checkpoint, observer)?;
    counts.evaluations += state.iteration as usize * state.particles.count();
    counts.failures += state.failures;
    let found = Found {
        iterations: state.iteration as usize,
        objective: state.trace.last().map_or(f64::NAN, |r| r.mean_log_density),
        trace: state.trace,
        interrupted,
        ..Found::new(Posterior::new(state.particles)?)
    };
    Ok((found, counts))
}

/// θ from the prior, v standard normal: as published.
fn from_prior(model: &SparseModel, options: &FitOptions) -> Result<Cloud> {
    let thetas = starts::from_prior(model.layout(), options.particles, options.seed)?;
    let mut rng = values_rng(options.seed);
    let values = model.latents() * model.size();
    let points: Vec<Vec<f64>> = thetas
        .into_iter()
        .map(|theta| theta.into_iter().chain((0..values).map(|_| StandardNormal.sample(&mut rng))).collect())
        .collect();
    Ok(Cloud::from_points(model.layout().dim() + values, points.iter().map(Vec::as_slice)))
}

/// θ near the mode and v from its Gaussian there.
fn around(model: &SparseModel, mode: &Particle, options: &FitOptions) -> Cloud {
    /// Spread of θ, unconstrained.
    const SPREAD: f64 = 0.05;
    let (d, m) = (model.layout().dim(), model.size());
    let mut rng = values_rng(options.seed);
    let mut draws = Cloud::zeros(options.particles, d + model.latents() * m);
    for draw in draws.points_mut() {
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        draw.iter_mut().zip(&mode.z).for_each(|(to, z)| *to = z + SPREAD * normal());
        for c in 0..model.latents() {
            let mut v: Vec<f64> = (0..m).map(|_| normal()).collect();
            let column = faer::MatMut::from_column_major_slice_mut(&mut v, m, 1);
            let factor = mode.q.factor(c).transpose();
            crate::linalg::triangular::solve_upper(factor, column, Par::Seq);
            let to = &mut draw[d + c * m..d + (c + 1) * m];
            to.iter_mut().zip(v.iter().zip(mode.q.mean(c))).for_each(|(to, (v, mean))| *to = mean + v);
        }
    }
    draws
}

fn values_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(13);
    rng
}

/// Chains on (θ, v) with all rows in each evaluation.
fn by_chains(
    model: &SparseModel,
    rows: &mut dyn Rows,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<(Found, Counts)> {
    let count = rows.count();
    if count > MOST_AT_ONCE {
        return Err(Error::Invalid(format!(
            "chains pass all {count} rows in each of many thousand evaluations, and are run for up to {MOST_AT_ONCE}: use \
             --method svgd"
        )));
    }
    let mut batch = Batch::default();
    rows.read(options.seed, Epochs::new(count, count, options.seed).place(0), &mut batch)?;
    let density = Whitened::new(model, batch, 1.0)?;
    let target = Target::new(&density, criterion(options.method))?;
    let maximum = MaximumSettings { interrupt: options.interrupt.clone(), ..MaximumSettings::default() };
    let starts = starts::around(density.layout(), 1, options.seed);
    let coordinates = density.layout().gaussian_coordinates();
    let found = chains::nuts(&target, coordinates, &starts, maximum, options, observer)?;
    let mut counts = Counts::default();
    counts.add(&target);
    Ok((found, counts))
}
