//! A log density that counts.

use crate::Result;
use crate::density::LogDensity;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the evaluations of another log density, and how many failed.
#[derive(Debug)]
pub(super) struct Counted<'t, D> {
    target: &'t D,
    evaluations: AtomicUsize,
    failures: AtomicUsize,
}

impl<'t, D> Counted<'t, D> {
    pub fn new(target: &'t D) -> Self {
        Self { target, evaluations: AtomicUsize::new(0), failures: AtomicUsize::new(0) }
    }

    /// Evaluations so far, failed ones included.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Failed evaluations so far.
    pub fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }
}

impl<D: LogDensity> LogDensity for Counted<'_, D> {
    type Workspace = D::Workspace;

    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn workspace(&self) -> D::Workspace {
        self.target.workspace()
    }

    fn shared_workspace(&self) -> D::Workspace {
        self.target.shared_workspace()
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut D::Workspace) -> Result<f64> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let result = self.target.evaluate(z, score, workspace);
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}
