//! Sparse models fitted to minibatches: one Gaussian q(v) at the mode of θ, or particles over θ that carry one each.
//!
//! 1. *Warm-up*: θ climbs by Adam while q(v) follows along its natural gradient (Salimbeni et al. 2018). Steps of both are
//!    halved when θ no longer gets anywhere ([`StepControl`]). Part of the way the inducing inputs are chosen again, with the
//!    lengthscales found so far. This alone is variational inference (SVGP), the baseline.
//! 2. *Particles*: J particles around the mode, each with its own q(v): a mixture of SVGPs that moves by Stein variational
//!    gradient descent on the bound. All see the same minibatch, and so does an anchor that stays at the mode: what a
//!    minibatch says of the anchor is subtracted from what it says of a particle, and what all rows say of it is added
//!    instead. What is common to all particles then does not move the cloud, and what is left of the noise
//!    shrinks with the distance from the anchor (control variates at the mode, Baker et al. 2019).
//! 3. *Settling*: each q(v) takes whole steps along its natural gradient with many rows. With Gaussian noise and all
//!    rows that is its optimum.
//!
//! With Gaussian noise q(v) need not be followed: the first two stages then work on the collapsed bound of samples
//! (`search`, `explore`), and the score with all rows says where their mode is.
//!
//! [`joint`] is the published alternative: particles over (θ, v) themselves.
//!
//! Everything an iteration depends on is in its state and its number, so that a run can be stopped anywhere and go on.

mod all_rows;
mod anchor;
mod batch_bound;
mod checkpoint;
mod curvature;
mod explore;
mod held;
pub mod joint;
mod particles;
mod pass;
mod promised;
mod quadratic;
mod search;
mod settle;
mod shape;
mod state;
mod step_control;
#[cfg(test)]
mod tests;
mod warm_up;
mod watched;

pub use checkpoint::Checkpoint;
pub use state::Particle;
pub use step_control::StepControl;

use crate::inducing::{self, Selection};
use crate::inference::PolishSummary;
use crate::likelihood::Family;
use crate::model::{Criterion, SparseModel};
use crate::rows::{Epochs, Rows};
use crate::stein::{IterationReport, Observer, SteinDiagnostics};
use crate::{Error, Result};
use faer::Mat;
use state::{Stage, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Iterations of the particles on minibatches, and how many at least: with fewer they are never drawn.
const ITERATIONS: usize = 200;
const FEWEST: usize = 4;

/// Settings of a minibatched fit.
#[derive(Debug, Clone)]
pub struct MinibatchSettings {
    /// Rows of a minibatch B. With Gaussian noise samples have 8 to 32 times as many rows, or that many
    /// times M, and at least 5,000 to 20,000.
    pub batch: usize,
    /// Particles J; with none the fit ends after the warm-up, with one Gaussian at the mode.
    pub particles: usize,
    /// Most iterations of the warm-up. With Gaussian noise one of L-BFGS takes the place of ten.
    pub warm_up: usize,
    /// Iterations of the particles; 200 where absent, and 16 of the engine with Gaussian noise.
    pub iterations: Option<usize>,
    /// Trajectories of the polish a particle with Gaussian noise; none for 0, 6 where absent.
    pub polish: Option<usize>,
    /// First step of θ in the warm-up, in unconstrained coordinates; on minibatches only, as the next.
    pub learning_rate: f64,
    /// First step along the natural gradient, below 1.
    pub natural_rate: f64,
    /// Whether Z climbs with θ in the warm-up, each with every other minibatch.
    pub move_inducing: bool,
    /// Rows that each q(v) settles on; all where there are fewer.
    pub settle_rows: usize,
    /// With Gaussian noise: multiplications up to which an evaluation takes all rows at once. With more rows their density is a
    /// parabola with exact priors around its mode.
    pub at_once: usize,
    /// Which density of θ: with its prior, or the bound alone.
    pub criterion: Criterion,
    /// Seed of everything random.
    pub seed: u64,
    /// Set from elsewhere to stop early with what there is.
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Default for MinibatchSettings {
    fn default() -> Self {
        Self {
            batch: 256,
            particles: 20,
            warm_up: 3000,
            iterations: None,
            polish: None,
            learning_rate: 0.03,
            natural_rate: 0.1,
            move_inducing: true,
            settle_rows: 1_000_000,
            at_once: 2_000_000_000,
            criterion: Criterion::LogDensity,
            seed: 0,
            interrupt: None,
        }
    }
}

impl MinibatchSettings {
    fn check(&self) -> Result<()> {
        let problem = if self.batch == 0 {
            "a minibatch has at least one row"
        } else if self.warm_up == 0 {
            "the warm-up takes at least one iteration"
        } else if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            "a learning rate is a positive number"
        } else if !(self.natural_rate > 0.0 && self.natural_rate < 1.0) {
            "the step along the natural gradient lies between 0 and 1"
        } else {
            return Ok(());
        };
        Err(Error::Invalid(problem.into()))
    }

    /// Iterations of particles on minibatches.
    fn iterations(&self) -> Result<usize> {
        match self.iterations.unwrap_or(ITERATIONS) {
            found if self.particles > 0 && found < FEWEST => Err(Error::Invalid(format!(
                "particles take at least {FEWEST} iterations, of which the first see the shape of the posterior: found \
                 {found}"
            ))),
            found => Ok(found),
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// How the inducing inputs are chosen again during the warm-up.
#[derive(Debug, Clone)]
pub struct Reselection {
    /// Rows to choose from, n×D, on the model's scale.
    pub sample: Mat<f64>,
    /// How many inducing inputs.
    pub count: usize,
    /// How they are chosen.
    pub selection: Selection,
}

/// What a minibatched fit found.
#[derive(Debug)]
pub struct MinibatchFit {
    /// The particles with their Gaussians: one without Stein's part.
    pub particles: Vec<Particle>,
    /// Reports of the particles' iterations.
    pub trace: Vec<IterationReport>,
    /// The bound, as minibatches saw it, after each iteration of the warm-up.
    pub climb: Vec<f64>,
    /// Iterations of warm-up and particles together.
    pub iterations: usize,
    /// Evaluations of bound and score on a minibatch.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
    /// Largest relative jitter needed.
    pub max_jitter: f64,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
    /// Whether θ came to rest in the warm-up.
    pub settled: bool,
    /// With Gaussian noise: the collapsed bound of all rows at the mode, with priors as the criterion has them.
    pub bound: Option<f64>,
    /// What particles on the collapsed bound left besides themselves.
    pub explored: Option<Explored>,
}

/// What particles on the collapsed bound leave besides themselves.
#[derive(Debug, Clone)]
pub struct Explored {
    /// Weights of the particles; they sum to 1.
    pub weights: Vec<f64>,
    /// What their scores say of them.
    pub diagnostics: SteinDiagnostics,
    /// Their polish.
    pub polish: Option<PolishSummary>,
    /// Where the particles moved on a parabola: the standard deviation, in nats, of what the log density of all rows differs
    /// by from it at the particles.
    pub misfit: Option<f64>,
}

/// Fits a sparse model to rows; its inducing inputs are chosen again during the warm-up where `reselection` says how.
///
/// # Errors
/// Settings that make no sense; failures to read rows or to write a checkpoint; [`Error::Invalid`] where most
/// evaluations fail.
pub fn fit(
    model: &mut SparseModel,
    rows: &mut dyn Rows,
    reselection: Option<&Reselection>,
    settings: &MinibatchSettings,
    checkpoint: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<MinibatchFit> {
    settings.check()?;
    let gaussian = model.likelihood().family() == Family::Gaussian;
    if !gaussian {
        settings.iterations()?;
    }
    // Where nothing is free particles have nothing to differ in.
    let without = MinibatchSettings { particles: 0, ..settings.clone() };
    let settings = if model.layout().dim() == 0 { &without } else { settings };
    if rows.dim() != model.dim() {
        return Err(Error::Shape { what: "input columns", expected: model.dim(), found: rows.dim() });
    }
    let epochs = Epochs::new(rows.count(), settings.batch, settings.seed);
    let mut state = match checkpoint.map(Checkpoint::load).transpose()?.flatten() {
        Some(state) => {
            model.set_inducing(state.inducing.as_ref())?;
            state
        }
        None => State::new(model),
    };
    let mut run = Run { rows, epochs, settings, checkpoint, observer, interrupted: false };
    let climbs = gaussian && model.layout().dim() > 0;
    match state.stage {
        Stage::WarmUp if climbs => run.search(model, reselection, &mut state)?,
        Stage::WarmUp => run.warm_up(model, reselection, &mut state)?,
        _ => {}
    }
    let mut explored = None;
    match state.stage {
        Stage::Particles if climbs => explored = run.explore(model, &mut state)?,
        Stage::Particles => {
            run.move_particles(model, &mut state)?;
            run.settle(model, &mut state)?;
        }
        _ => run.settle(model, &mut state)?,
    }
    let (interrupted, settled) = (run.interrupted, state.settled());
    Ok(MinibatchFit {
        particles: if state.particles.is_empty() { vec![state.centre] } else { state.particles },
        trace: state.trace,
        climb: state.climb,
        iterations: state.iteration as usize,
        evaluations: state.evaluations,
        failed_evaluations: state.failures,
        max_jitter: state.max_jitter,
        interrupted,
        settled,
        bound: state.bound,
        explored,
    })
}

/// What all stages of a fit share.
struct Run<'a> {
    rows: &'a mut dyn Rows,
    epochs: Epochs,
    settings: &'a MinibatchSettings,
    checkpoint: Option<&'a Checkpoint>,
    observer: &'a mut dyn Observer,
    interrupted: bool,
}

impl Run<'_> {
    /// What a minibatch's sum counts.
    fn scale(&self) -> f64 {
        self.epochs.batches() as f64
    }

    fn save(&self, state: &State) -> Result<()> {
        match self.checkpoint {
            Some(checkpoint) if checkpoint.is_due(state.iteration) => checkpoint.save(state),
            _ => Ok(()),
        }
    }
}

impl Reselection {
    /// Inducing inputs for the first latent function's kernel at θ; those of single terms stay.
    ///
    /// # Errors
    /// Those of [`inducing::choose`].
    pub fn choose(&self, model: &SparseModel, theta: &[f64], seed: u64) -> Result<Mat<f64>> {
        let kernel = &model.process(0).kernel;
        let theta = &theta[..kernel.parameter_count()];
        let own = (model.own_inducing(), model.inducing());
        inducing::choose_others(self.sample.as_ref(), kernel, theta, self.count, own, self.selection, seed)
    }
}
