//! What every inference method hands back to a fit.

use super::CorrectionSummary;
use crate::Result;
use crate::inference::{ChainDiagnostics, Elbo, ElboReport, ModeSummary, Optimum, PolishSummary};
use crate::posterior::Posterior;
use crate::stein::{Cloud, IterationReport, IterationView, Observer, SteinDiagnostics, Trace, Whitening};
use std::ops::ControlFlow;

/// What an inference method found.
pub(super) struct Found {
    pub posterior: Posterior,
    pub trace: Trace,
    pub climb: Vec<f64>,
    pub bounds: Vec<ElboReport>,
    pub iterations: usize,
    pub objective: f64,
    pub diagnostics: Option<SteinDiagnostics>,
    pub chains: Option<ChainDiagnostics>,
    pub elbo: Option<Elbo>,
    pub modes: Vec<ModeSummary>,
    pub polish: Option<PolishSummary>,
    pub correction: Option<CorrectionSummary>,
    pub interrupted: bool,
    pub notices: Vec<String>,
}

impl Found {
    /// A posterior and nothing else yet.
    pub(super) fn new(posterior: Posterior) -> Self {
        Self {
            posterior,
            trace: Vec::new(),
            climb: Vec::new(),
            bounds: Vec::new(),
            iterations: 0,
            objective: f64::NAN,
            diagnostics: None,
            chains: None,
            elbo: None,
            modes: Vec::new(),
            polish: None,
            correction: None,
            interrupted: false,
            notices: Vec::new(),
        }
    }

    /// A point estimate.
    pub(super) fn point(optimum: Optimum, notices: Vec<String>) -> Result<Self> {
        Ok(Self {
            climb: optimum.trace,
            iterations: optimum.iterations,
            objective: optimum.value,
            notices,
            ..Self::new(Posterior::point(&optimum.point)?)
        })
    }

    /// What there is where every parameter is fixed.
    pub(super) fn nothing_to_infer() -> Result<Self> {
        let notices = vec!["every parameter is fixed: there was nothing to infer".into()];
        Ok(Self { notices, ..Self::new(Posterior::point(&[])?) })
    }
}

/// Tells an observer of a method without particles: there is no cloud to see, and what only particles have is not a
/// number.
pub(super) fn tell(
    observer: &mut dyn Observer,
    (iteration, total): (usize, usize),
    (mean, sd): (f64, f64),
    failed: usize,
) -> ControlFlow<()> {
    let report = IterationReport {
        iteration,
        mean_log_density: mean,
        sd_log_density: sd,
        stein_ratio: f64::NAN,
        attraction: f64::NAN,
        repulsion: f64::NAN,
        step: f64::NAN,
        failed,
    };
    let (nobody, whitening) = (Cloud::zeros(0, 0), Whitening::identity(0));
    observer.iteration(&IterationView {
        report: &report,
        total,
        particles: &nobody,
        scores: &nobody,
        whitening: &whitening,
    })
}
