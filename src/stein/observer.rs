//! What a run shows while it goes on, and who may stop it.

use super::{Cloud, Whitening, stein_ratio};
use crate::linalg::elementwise::dot;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What an observer hears after each iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IterationReport {
    /// Number of the iteration, from 1.
    pub iteration: usize,
    /// Mean log density over the particles.
    pub mean_log_density: f64,
    /// Its standard deviation over the particles.
    pub sd_log_density: f64,
    /// Stein moment ratio.
    pub stein_ratio: f64,
    /// Root mean square of the attraction.
    pub attraction: f64,
    /// Root mean square of the repulsion.
    pub repulsion: f64,
    /// Root mean square step, whitened.
    pub step: f64,
    /// Particles whose evaluation failed.
    pub failed: usize,
}

impl IterationReport {
    /// From the log densities, particles and scores (whitened) of those that could be evaluated, attraction and
    /// repulsion on them, and the steps of all.
    pub(crate) fn new(
        iteration: usize,
        values: impl Iterator<Item = f64> + Clone,
        (particles, scores): (&Cloud, &Cloud),
        (attraction, repulsion): (&Cloud, &Cloud),
        steps: &Cloud,
    ) -> Self {
        let count = particles.count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        Self {
            iteration,
            mean_log_density: mean,
            sd_log_density: variance.sqrt(),
            stein_ratio: stein_ratio(particles, scores),
            attraction: root_mean_square(attraction),
            repulsion: root_mean_square(repulsion),
            step: root_mean_square(steps),
            failed: steps.count() - particles.count(),
        }
    }
}

fn root_mean_square(cloud: &Cloud) -> f64 {
    let n = cloud.values().len().max(1) as f64;
    (dot(cloud.values(), cloud.values()) / n).sqrt()
}

/// One iteration as an observer sees it: the cloud that was evaluated, before its move.
#[derive(Debug, Clone, Copy)]
pub struct IterationView<'a> {
    /// What the iteration found and how far it goes.
    pub report: &'a IterationReport,
    /// Number of iterations there may be.
    pub total: usize,
    /// Particles in the target's coordinates, before the move: the points of which the report speaks. The first
    /// view shows the start; the cloud after the last move is [`Outcome::particles`](super::Outcome::particles).
    pub particles: &'a Cloud,
    /// Scores at these particles, in the target's coordinates. Those of particles that failed are old or zero.
    pub scores: &'a Cloud,
    /// Coordinates in which the kernel sees the particles and the cloud moves.
    pub whitening: &'a Whitening,
}

/// Watches a run; says whether it may go on.
pub trait Observer: Send {
    /// Called in each iteration. After a break the cloud makes the move that was announced, and the run ends.
    fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()>;
}

/// Watches nothing.
impl Observer for () {
    fn iteration(&mut self, _: &IterationView<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Reports of all iterations.
pub type Trace = Vec<IterationReport>;
