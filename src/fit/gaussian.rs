//! Gaussian approximations: Laplace's, and the one of variational inference.

use super::FitOptions;
use super::found::{Found, tell};
use crate::Result;
use crate::density::LogDensity;
use crate::inference::{AdviSettings, ElboReport, LaplaceSettings, MaximumSettings};
use crate::posterior::Posterior;
use crate::stein::Observer;
use std::ops::ControlFlow;

/// Draws from the Gaussian at the mode.
pub(super) fn laplace<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    maximum: MaximumSettings,
    options: &FitOptions,
) -> Result<Found> {
    let settings = LaplaceSettings {
        draws: options.particles,
        seed: options.seed,
        maximum,
        ..LaplaceSettings::default()
    };
    let fit = crate::inference::laplace(target, starts, &settings)?;
    Ok(Found {
        climb: fit.mode.optimum.trace,
        iterations: fit.mode.optimum.iterations,
        objective: fit.mode.optimum.value,
        ..Found::new(Posterior::new(fit.draws)?)
    })
}

/// Draws from the Gaussian with the largest evidence lower bound.
pub(super) fn advi<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    let defaults = AdviSettings::default();
    let settings = AdviSettings {
        family: options.family,
        iterations: options.iterations.unwrap_or(defaults.iterations),
        learning_rate: options.learning_rate.unwrap_or(defaults.learning_rate),
        draws: options.particles,
        seed: options.seed,
        // Where the search starts need not be known to many digits.
        maximum: MaximumSettings { value_tolerance: 1e-6, ..maximum },
        ..defaults
    };
    let mut watch = |at: &ElboReport| {
        if options.interrupted() {
            return ControlFlow::Break(());
        }
        let progress = (at.iteration, settings.iterations);
        tell(observer, progress, (at.mean_log_density, at.sd_log_density), at.failed)
    };
    let fit = crate::inference::advi(target, starts, &settings, &mut watch)?;
    let mut notices = Vec::new();
    if !fit.converged && !fit.interrupted {
        notices.push(format!(
            "the evidence lower bound had not come to rest after {} iterations: use more (--iterations)",
            fit.trace.len()
        ));
    }
    Ok(Found {
        iterations: fit.trace.len(),
        objective: fit.trace.last().map_or(f64::NAN, |at| at.mean_log_density),
        bounds: fit.trace,
        elbo: Some(fit.elbo),
        interrupted: fit.interrupted,
        notices,
        ..Found::new(Posterior::new(fit.draws)?)
    })
}
