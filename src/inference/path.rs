//! The way of a climb, for methods that learn from more than its end.

use crate::stein::Cloud;
use argmin::core::observers::Observe;
use argmin::core::{Error, IterState, KV, State as _};
use std::sync::{Arc, Mutex};

/// Where a climb started and all its accepted iterates, with the scores there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// Points, in order.
    pub points: Cloud,
    /// ∇ log p at these.
    pub scores: Cloud,
}

impl Path {
    /// A start with its score.
    pub(super) fn new(start: &[f64], score: &[f64]) -> Self {
        let one = |point: &[f64]| Cloud::from_points(start.len(), [point]);
        Self { points: one(start), scores: one(score) }
    }
}

/// Hears of each iterate from the minimiser of −log p, and writes it to a path.
pub(super) struct Recorder(pub Arc<Mutex<Path>>);

impl Observe<IterState<Vec<f64>, Vec<f64>, (), (), (), f64>> for Recorder {
    fn observe_iter(
        &mut self,
        state: &IterState<Vec<f64>, Vec<f64>, (), (), (), f64>,
        _: &KV,
    ) -> Result<(), Error> {
        // After a line search that found nothing there is no new iterate.
        if let (Some(point), Some(gradient)) = (state.get_param(), state.get_gradient()) {
            let score: Vec<f64> = gradient.iter().map(|g| -g).collect();
            let mut path = self.0.lock().map_err(|_| Error::msg("poisoned"))?;
            let Path { points, scores } = &mut *path;
            points.extend(&Cloud::from_points(point.len(), [&point[..]]));
            scores.extend(&Cloud::from_points(point.len(), [&score[..]]));
        }
        Ok(())
    }
}
