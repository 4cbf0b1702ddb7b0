//! The published method: SVGD over parameters and whitened inducing values together, on shared minibatches (Pinder et al.,
//! section 4.3). Its few particles leave little of the variance of many inducing values; it is here to compare with.

use super::MinibatchSettings;
use super::checkpoint::Checkpoint;
use crate::evaluation::Evaluator;
use crate::model::{Target, Whitened};
use crate::rows::{Batch, Epochs, Rows};
use crate::stein::{
    Cloud, IterationReport, IterationView, Observer, Optimiser, OptimiserState, Schedule, SteinForce,
    SteinKernel, Whitening,
};
use crate::{Error, Result};
use faer::Mat;
use std::ops::ControlFlow;

/// Failures of all particles in a row after which the fit gives up.
const GIVE_UP: usize = 20;

/// The state between two iterations.
#[derive(Debug, Clone)]
pub struct JointState {
    /// Particles (θ, v), unconstrained.
    pub particles: Cloud,
    pub(super) optimiser: OptimiserState,
    /// Iterations so far: also the number of the next minibatch.
    pub iteration: u64,
    /// One report an iteration.
    pub trace: Vec<IterationReport>,
    /// Evaluations that failed.
    pub failures: usize,
    /// The inducing inputs (M×D), where a warm-up chose them.
    pub inducing: Option<Mat<f64>>,
}

impl JointState {
    /// Before the first iteration, with Adam's own constants.
    pub fn new(particles: Cloud, inducing: Option<Mat<f64>>) -> Self {
        let length = particles.values().len();
        let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.999 };
        let optimiser = OptimiserState::new(adam, length);
        Self { particles, optimiser, iteration: 0, trace: Vec::new(), failures: 0, inducing }
    }
}

/// Moves particles over (θ, v). Returns whether it was stopped before its time.
///
/// # Errors
/// As [`fit`](super::fit).
pub fn move_jointly(
    density: &Whitened<'_>,
    rows: &mut dyn Rows,
    state: &mut JointState,
    (kernel, schedule): (&SteinKernel, Schedule),
    settings: &MinibatchSettings,
    checkpoint: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<bool> {
    let epochs = Epochs::new(rows.count(), settings.batch, settings.seed);
    let target = Target::new(density, settings.criterion)?;
    let (count, dim) = (state.particles.count(), state.particles.dim());
    let mut evaluator = Evaluator::new(&target, count);
    let mut force = SteinForce::new(kernel, count, dim)?;
    let (mut scores, mut steps) = (Cloud::zeros(count, dim), Cloud::zeros(count, dim));
    let mut values: Vec<Result<f64>> = (0..count).map(|_| Ok(0.0)).collect();
    let whitening = Whitening::identity(dim);
    let mut failed_in_a_row = 0;
    let total = settings.iterations()?;
    while (state.iteration as usize) < total {
        let t = state.iteration as usize;
        let mut batch = Batch::default();
        rows.read(epochs.seed(), epochs.place(state.iteration), &mut batch)?;
        density.set_batch(batch, epochs.batches() as f64);
        evaluator.evaluate_all(&state.particles, &mut scores, &mut values)?;
        let active: Vec<usize> = (0..count).filter(|&j| values[j].is_ok()).collect();
        state.failures += count - active.len();
        failed_in_a_row = if active.is_empty() { failed_in_a_row + 1 } else { 0 };
        if failed_in_a_row >= GIVE_UP {
            let first = values.into_iter().find_map(Result::err);
            return Err(first.unwrap_or(Error::NotFiniteValue { what: "log density" }));
        }
        let (particles, own) = (state.particles.select(&active), scores.select(&active));
        steps.values_mut().fill(0.0);
        if !active.is_empty() {
            force.compute(&particles, &own)?;
            for (place, &j) in active.iter().enumerate() {
                let parts = force.attraction().point(place).iter().zip(force.repulsion().point(place));
                steps.point_mut(j).iter_mut().zip(parts).for_each(|(to, (a, r))| *to = a + r);
            }
        }
        state.optimiser.step(settings.learning_rate * schedule.factor(t, total), steps.values_mut());
        let known = active.iter().filter_map(|&j| values[j].as_ref().ok().copied());
        let parts = (force.attraction(), force.repulsion());
        let report = IterationReport::new(t + 1, known, (&particles, &own), parts, &steps);
        state.trace.push(report);
        let seen = observer.iteration(&IterationView {
            report: &report,
            total,
            particles: &state.particles,
            scores: &scores,
            whitening: &whitening,
        });
        state.particles.values_mut().iter_mut().zip(steps.values()).for_each(|(z, s)| *z += s);
        state.iteration += 1;
        if let Some(checkpoint) = checkpoint.filter(|c| c.is_due(state.iteration)) {
            checkpoint.save_joint(state)?;
        }
        if seen == ControlFlow::Break(()) || settings.interrupted() {
            return Ok(true);
        }
    }
    Ok(false)
}
