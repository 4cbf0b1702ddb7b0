//! What a run leaves, and when it is over.

use crate::stein::{Cloud, IterationReport, Trace, Whitening};
use serde::Serialize;

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// All iterations done.
    Iterations,
    /// The cloud came to rest.
    Converged,
    /// The observer asked for it.
    Interrupted,
}

/// What a run leaves.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Final particles, in the target's coordinates.
    pub particles: Cloud,
    /// Scores at the final particles.
    pub scores: Cloud,
    /// Log densities at the final particles.
    pub log_densities: Vec<f64>,
    /// Coordinates of the last part of the run.
    pub whitening: Whitening,
    /// All particles at every draw of a Langevin run, in the target's coordinates; empty for other methods.
    pub draws: Cloud,
    /// What happened.
    pub trace: Trace,
    /// Why it stopped.
    pub stop: Stop,
}

/// Iterations that a stop looks back on.
const WINDOW: usize = 10;

/// The cloud rests when its steps are below the tolerance and the mean log density changes by less than its own noise
/// over the last two windows. The tolerance shrinks with the schedule, so that a small step is not taken for rest.
pub(super) fn at_rest(trace: &Trace, tolerance: f64) -> bool {
    let Some(start) = trace.len().checked_sub(2 * WINDOW) else { return false };
    let (earlier, later) = trace[start..].split_at(WINDOW);
    let mean =
        |part: &[IterationReport]| part.iter().map(|r| r.mean_log_density).sum::<f64>() / WINDOW as f64;
    let (a, b) = (mean(earlier), mean(later));
    let noise = (later.iter().map(|r| (r.mean_log_density - b).powi(2)).sum::<f64>() / WINDOW as f64).sqrt();
    let flat = (a - b).abs() <= 2.0 * noise / (WINDOW as f64).sqrt() + 1e-9 * (1.0 + b.abs());
    flat && later.iter().all(|r| r.failed == 0 && r.step < tolerance)
}
