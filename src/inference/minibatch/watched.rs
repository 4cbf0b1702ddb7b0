//! A log density that is watched.

use super::MinibatchSettings;
use crate::Result;
use crate::density::LogDensity;
use crate::stein::{Cloud, IterationReport, IterationView, Observer, Whitening};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A log density that tells an observer of each evaluation, and stops where the observer or the user wants.
pub(super) struct Watched<'a, D> {
    target: &'a D,
    watch: Mutex<Watch<'a>>,
    stop: Arc<AtomicBool>,
    users: Option<Arc<AtomicBool>>,
}

struct Watch<'a> {
    observer: &'a mut dyn Observer,
    total: usize,
    before: u64,
    seen: Seen,
}

/// What happened under watch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub evaluations: usize,
    pub failures: usize,
    pub interrupted: bool,
}

impl<'a, D: LogDensity> Watched<'a, D> {
    /// `before`: iterations before these, of about `total`.
    pub fn new(
        target: &'a D,
        observer: &'a mut dyn Observer,
        settings: &MinibatchSettings,
        (before, total): (u64, usize),
    ) -> Self {
        let watch = Watch { observer, total, before, seen: Seen::default() };
        let stop = Arc::new(AtomicBool::new(false));
        Self { target, watch: Mutex::new(watch), stop, users: settings.interrupt.clone() }
    }

    /// Set when the climb is to stop.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// What happened so far.
    pub fn seen(self) -> Seen {
        // A panic elsewhere leaves counts that are still true.
        self.watch.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).seen
    }
}

impl<D: LogDensity> LogDensity for Watched<'_, D> {
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
        let value = self.target.evaluate(z, score, workspace);
        let mut watch = self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        watch.seen.evaluations += 1;
        watch.seen.failures += usize::from(value.is_err());
        let users = self.users.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        if watch.tell(value.as_ref().map_or(f64::NAN, |value| *value)) == ControlFlow::Break(()) || users {
            watch.seen.interrupted = true;
            self.stop.store(true, Ordering::Relaxed);
        }
        value
    }
}

impl Watch<'_> {
    fn tell(&mut self, value: f64) -> ControlFlow<()> {
        let report = IterationReport {
            iteration: self.before as usize + self.seen.evaluations,
            mean_log_density: value,
            sd_log_density: 0.0,
            stein_ratio: f64::NAN,
            attraction: f64::NAN,
            repulsion: f64::NAN,
            step: f64::NAN,
            failed: self.seen.failures,
        };
        let (nobody, whitening) = (Cloud::zeros(0, 0), Whitening::identity(0));
        let view = IterationView {
            report: &report,
            total: self.total,
            particles: &nobody,
            scores: &nobody,
            whitening: &whitening,
        };
        self.observer.iteration(&view)
    }
}
