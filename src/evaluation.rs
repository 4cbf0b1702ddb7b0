//! Many points, few threads: evaluations of a log density in parallel.
//!
//! Each thread keeps one workspace and takes the next point that nobody has taken, so that no core waits while
//! another has work left. Results go to the place of their point: they do not depend on who computed them.

use crate::density::LogDensity;
use crate::stein::Cloud;
use crate::{Error, Result};
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A log density with one workspace a thread.
pub struct Evaluator<'t, D: LogDensity> {
    target: &'t D,
    workspaces: Vec<D::Workspace>,
}

impl<'t, D: LogDensity> Evaluator<'t, D> {
    /// With as many workspaces as threads of the current pool, but no more than `points`.
    pub fn new(target: &'t D, points: usize) -> Self {
        let threads = rayon::current_num_threads().min(points).max(1);
        Self { target, workspaces: (0..threads).map(|_| target.workspace()).collect() }
    }

    /// The log density.
    pub fn target(&self) -> &'t D {
        self.target
    }

    /// One evaluation, on this thread.
    ///
    /// # Errors
    /// Those of the log density.
    pub fn evaluate(&mut self, z: &[f64], score: &mut [f64]) -> Result<f64> {
        self.target.evaluate(z, score, &mut self.workspaces[0])
    }

    /// Log density and score at each point; recoverable failures stay with their point.
    ///
    /// # Errors
    /// The first error that is not recoverable.
    pub fn evaluate_all(
        &mut self,
        points: &Cloud,
        scores: &mut Cloud,
        values: &mut [Result<f64>],
    ) -> Result<()> {
        let target = self.target;
        if let [workspace] = self.workspaces.as_mut_slice() {
            // One thread needs no list of who does what, and allocates nothing.
            for ((point, score), value) in points.points().zip(scores.points_mut()).zip(values.iter_mut()) {
                *value = finite(target.evaluate(point, score, workspace), score);
            }
        } else {
            let mut slots: Vec<(&[f64], &mut [f64], &mut Result<f64>)> =
                (points.points().zip(scores.points_mut()))
                    .zip(values.iter_mut())
                    .map(|((point, score), value)| (point, score, value))
                    .collect();
            share_out(&mut slots, &mut self.workspaces, &|(point, score, value), workspace| {
                **value = finite(target.evaluate(point, score, workspace), score);
            });
        }
        match values.iter_mut().find(|v| v.as_ref().is_err_and(|e| !e.is_recoverable())) {
            Some(value) => Err(std::mem::replace(value, Err(Error::NotFiniteValue { what: "log density" }))
                .err()
                .unwrap_or(Error::NotFiniteValue { what: "log density" })),
            None => Ok(()),
        }
    }
}

/// Does `work` on each item, with one workspace a thread.
pub(crate) fn share_out<T: Send, W: Send>(
    items: &mut [T],
    workspaces: &mut [W],
    work: &(impl Fn(&mut T, &mut W) + Sync),
) {
    if let [workspace] = workspaces {
        items.iter_mut().for_each(|item| work(item, workspace));
        return;
    }
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<&mut T>> = items.iter_mut().map(Mutex::new).collect();
    workspaces.par_iter_mut().for_each(|workspace| {
        // Each index is taken once, so the lock is never contended nor poisoned.
        while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Ok(mut item) = slot.lock() {
                work(&mut item, workspace);
            }
        }
    });
}

/// A density or score that is not finite is a failure at this point, whoever made it.
fn finite(value: Result<f64>, score: &[f64]) -> Result<f64> {
    match value {
        Ok(v) if !v.is_finite() => Err(Error::NotFiniteValue { what: "log density" }),
        Ok(_) if score.iter().any(|g| !g.is_finite()) => Err(Error::NotFiniteValue { what: "score" }),
        other => other,
    }
}
