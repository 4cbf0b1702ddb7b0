//! Fits of latent models: a Gaussian for the latent values at each θ, or the latent values themselves.
//!
//! The default moves particles over θ by the approximate evidence, then asks by importance sampling how far each
//! particle's Gaussian is from the truth, and lets the weights follow where the answer is certain enough.

use super::found::Found;
use super::scout::Starts;
use super::{
    Counts, Fit, FitOptions, Method, chains, criterion, finish, infer, parallelism, particles, restarts,
    starts,
};
use crate::inference::{MaximumSettings, SteinPreset, maximise_from};
use crate::likelihood::Approximation;
use crate::model::{Correction, GpModel, Joint, LatentModel, LatentValues, Marginal, Model, Target};
use crate::posterior::{Details, Posterior};
use crate::stein::{Observer, SteinKernel};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;

/// Importance draws a particle.
const DRAWS: usize = 200;
/// Standard error of a particle's log evidence from which on its weight stays as it is.
const MOST_UNCERTAIN: f64 = 0.5;

/// Spread of log evidence over particles that is no difference.
const NEGLIGIBLE: f64 = 1e-3;

/// How far the Gaussians for the latent values are from the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorrectionSummary {
    /// Importance draws a particle.
    pub draws: usize,
    /// Mean over particles of log (true evidence / approximate evidence).
    pub mean_log_ratio: f64,
    /// Its standard deviation over particles: only what differs between particles moves their weights.
    pub sd_log_ratio: f64,
    /// Median standard error of one of them.
    pub standard_error: f64,
    /// Median share of the draws that count: 1 where the Gaussian is the truth.
    pub efficiency: f64,
    /// Whether the weights of the particles were corrected.
    pub applied: bool,
}

/// Fits a latent model.
pub(super) fn fit_latent(
    model: LatentModel,
    details: Details,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    let joint = match options.method {
        Method::Nuts => true,
        Method::Svgd => options.preset == SteinPreset::Paper,
        _ => false,
    };
    let mut counts = Counts::default();
    let maximum = MaximumSettings { interrupt: options.interrupt.clone(), ..MaximumSettings::default() };
    if joint {
        let found = match options.method {
            Method::Nuts => by_chains(&model, maximum, options, observer, &mut counts)?,
            _ => by_joint_particles(&model, maximum, options, observer, &mut counts)?,
        };
        return finish(GpModel::Latent(model, LatentValues::Drawn), details, found, counts, options);
    }
    let approximation = match options.method {
        Method::Vi => Approximation::Variational,
        Method::Laplace => at_the_mode(&model),
        _ => options.approximation.unwrap_or_else(|| model.likelihood().approximation()),
    };
    check_approximation(&model, approximation)?;
    let exploring = exploration(&model, approximation, options);
    let (marginal, near) = anchored(&model, exploring, &maximum, options, &mut counts)?;
    let mut starts = starts::around(model.layout(), 1 + restarts(options, model.rows()), options.seed);
    starts[0] = near;
    let target = Target::new(&marginal, criterion(options.method))?
        .with_parallelism(parallelism(options, starts.len()));
    let mut found = infer::infer(&marginal, &target, &Starts::Around(starts), maximum, options, observer)?;
    counts.add(&target);
    if options.method == Method::Svgd && !found.interrupted && model.layout().dim() > 0 {
        let carried = Marginal::new(&model, Some(approximation));
        correct(&marginal, &carried, &mut found, options)?;
    }
    if let Some(notice) = nothing_learnt(&marginal, &found.posterior) {
        found.notices.push(notice);
    }
    drop(marginal);
    finish(GpModel::Latent(model, LatentValues::Gaussian(approximation)), details, found, counts, options)
}

/// The Gaussian that particles are moved by. The variational one of several latent functions takes many times as long as
/// Laplace's, and what it has over that is mostly in the predictions: particles move by Laplace's and carry the other.
fn exploration(model: &LatentModel, carried: Approximation, options: &FitOptions) -> Approximation {
    let slow = carried == Approximation::Variational && model.latents() > 1 && model.likelihood().is_smooth();
    let own_choice = options.method == Method::Svgd && options.approximation.is_none();
    if slow && own_choice { Approximation::Laplace } else { carried }
}

/// Not every Gaussian can be had for every likelihood.
fn check_approximation(model: &LatentModel, approximation: Approximation) -> Result<()> {
    let (likelihood, name) = (model.likelihood(), model.likelihood().family().name());
    match approximation {
        Approximation::Laplace if !likelihood.is_smooth() => Err(Error::Invalid(format!(
            "likelihood {name} has a kink, and Laplace's method takes derivatives at the mode, which sits on it: use svgd, \
             vi or --approximation expectation"
        ))),
        Approximation::Expectation if likelihood.latents() > 1 || !likelihood.is_log_concave() => {
            Err(Error::Invalid(format!(
                "expectation propagation takes one latent function and a log-concave likelihood, which {name} has not: use \
                 --approximation variational"
            )))
        }
        _ => Ok(()),
    }
}

/// A notice where the evidence of a classification is no larger than that of the classes' shares alone.
fn nothing_learnt(marginal: &Marginal<'_>, posterior: &Posterior) -> Option<String> {
    let model = marginal.model();
    let classes = model.likelihood().classes()?;
    let mut counts = vec![0.0f64; classes];
    model.observations().iter().for_each(|at| counts[(at.y as usize).min(classes - 1)] += 1.0);
    let total = model.rows() as f64;
    let of_shares: f64 = counts.iter().filter(|c| **c > 0.0).map(|c| c * (c / total).ln()).sum();
    let best =
        (0..posterior.count()).max_by(|a, b| posterior.weights()[*a].total_cmp(&posterior.weights()[*b]))?;
    let theta = posterior.theta(model.layout(), best);
    let evidence = marginal.evidence(&theta).ok()?;
    if evidence > of_shares {
        return None;
    }
    Some(format!(
        "the inputs explain nothing: the evidence (log {evidence:.1}) is below that of the classes' shares alone (log \
         {of_shares:.1}): try another kernel, such as --kernel \"linear\" or --kernel \"rbf(;shared)\""
    ))
}

/// Laplace's approximation, where the likelihood has a curvature for it.
fn at_the_mode(model: &LatentModel) -> Approximation {
    let likelihood = model.likelihood();
    if likelihood.is_smooth() { Approximation::Laplace } else { likelihood.approximation() }
}

/// The density of θ, anchored near its mode, and that place. The way there is Laplace's where there is one:
/// its steps are cheapest.
fn anchored<'m>(
    model: &'m LatentModel,
    approximation: Approximation,
    maximum: &MaximumSettings,
    options: &FitOptions,
    counts: &mut Counts,
) -> Result<(Marginal<'m>, Vec<f64>)> {
    /// An anchor need not be known to many digits.
    const ROUGHLY: f64 = 1e-3;
    let layout = model.layout();
    let mut near = layout.start();
    if layout.dim() > 0 {
        let rough = Marginal::new(model, Some(at_the_mode(model)));
        let target =
            Target::new(&rough, criterion(options.method))?.with_parallelism(parallelism(options, 1));
        let settings = MaximumSettings { value_tolerance: ROUGHLY, iterations: 50, ..maximum.clone() };
        match maximise_from(&target, &near, &settings) {
            Ok(optimum) => near = optimum.point,
            // The start may be out of reach for one Gaussian and not for another.
            Err(error) if error.is_recoverable() => {}
            Err(error) => return Err(error),
        }
        counts.add(&target);
    }
    let mut theta = vec![0.0; layout.parameters().len()];
    layout.constrain(&near, &mut theta);
    let mut marginal = Marginal::new(model, Some(approximation));
    match marginal.anchor(&theta) {
        Err(error) if !error.is_recoverable() => Err(error),
        _ => Ok((marginal, near)),
    }
}

/// Asks of every particle how far its Gaussian is from the truth, and reweights them: from the evidence that they were
/// moved by to the true one.
fn correct(
    moved: &Marginal<'_>,
    carried: &Marginal<'_>,
    found: &mut Found,
    options: &FitOptions,
) -> Result<()> {
    let posterior = &found.posterior;
    let layout = moved.model().layout();
    let one = |j: usize| {
        let theta = posterior.theta(layout, j);
        // The same noise for all: only what differs between particles moves their weights.
        let mut correction = carried.correction(&theta, DRAWS, options.seed).ok()?;
        if moved.approximation() != carried.approximation() {
            correction.log_evidence += correction.log_z - moved.evidence(&theta).ok()?;
        }
        correction.log_evidence.is_finite().then_some(correction)
    };
    let corrections: Vec<Option<Correction>> = (0..posterior.count()).into_par_iter().map(one).collect();
    let Some(summary) = summarise(&corrections) else { return Ok(()) };
    found.correction = Some(summary.clone());
    if !summary.applied || posterior.count() < 2 {
        return Ok(());
    }
    let mean = summary.mean_log_ratio;
    let ratio = |c: &Option<Correction>| c.map_or(1.0, |c| (c.log_evidence - mean).exp());
    let weights: Vec<f64> = posterior.weights().iter().zip(&corrections).map(|(w, c)| w * ratio(c)).collect();
    let total: f64 = weights.iter().sum();
    let weights = weights.into_iter().map(|w| w / total).collect();
    found.posterior = Posterior::weighted(posterior.draws().clone(), weights)?;
    Ok(())
}

fn summarise(corrections: &[Option<Correction>]) -> Option<CorrectionSummary> {
    let known: Vec<Correction> = corrections.iter().flatten().copied().collect();
    if known.is_empty() {
        return None;
    }
    let count = known.len() as f64;
    let mean = known.iter().map(|c| c.log_evidence / count).sum::<f64>();
    let variance = known.iter().map(|c| (c.log_evidence - mean).powi(2) / count).sum::<f64>();
    let median = |of: fn(&Correction) -> f64| {
        let mut values: Vec<f64> = known.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let standard_error = median(|c| c.standard_error);
    Some(CorrectionSummary {
        draws: DRAWS,
        mean_log_ratio: mean,
        sd_log_ratio: variance.sqrt(),
        standard_error,
        efficiency: median(|c| c.efficiency),
        // The spread that is seen has the noise of each in it.
        applied: standard_error <= MOST_UNCERTAIN
            && variance > 2.0 * standard_error * standard_error
            && variance > NEGLIGIBLE * NEGLIGIBLE,
    })
}

/// The paper's SVGD over (θ, ν), with a kernel for each.
fn by_joint_particles(
    model: &LatentModel,
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
    counts: &mut Counts,
) -> Result<Found> {
    let joint = Joint::new(model)?;
    let target = Target::new(&joint, criterion(options.method))?.with_parallelism(parallelism(options, 1));
    let split = joint.theta_dim();
    let kernel = (split > 0).then(|| SteinKernel::paper_with_latents(split));
    // The paper starts from the prior; one start is enough to say so.
    let starts = Starts::Around(vec![joint.layout().start()]);
    let found = particles::move_particles(&joint, &target, kernel, &starts, maximum, options, observer)?;
    counts.add(&target);
    Ok(found)
}

/// Chains on (θ, ν), started and scaled by Gaussians at the mode of θ.
fn by_chains(
    model: &LatentModel,
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
    counts: &mut Counts,
) -> Result<Found> {
    let (marginal, near) = anchored(model, at_the_mode(model), &maximum, options, counts)?;
    let joint = Joint::new(model)?;
    let target = Target::new(&joint, criterion(options.method))?;
    let found = chains::nuts_with_latents(&marginal, &joint, &target, &near, maximum, options, observer)?;
    counts.add(&target);
    Ok(found)
}
