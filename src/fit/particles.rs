//! Particles by Stein variational gradient descent.

use super::FitOptions;
use super::found::Found;
use super::scout::Starts;
use super::starts;
use crate::Result;
use crate::inference::{MaximumSettings, SteinPreset, SvgdSettings, svgd};
use crate::model::{Model, Target};
use crate::posterior::Posterior;
use crate::stein::{Observer, PolishSettings, SteinKernel, Stop};

/// Moves particles, by a kernel other than the preset's where one is given, and says what their scores say about them.
pub(super) fn move_particles<M: Model>(
    model: &M,
    target: &Target<'_, M>,
    kernel: Option<SteinKernel>,
    starts: &Starts,
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    let mut settings = match options.preset {
        SteinPreset::Default => SvgdSettings::new(options.particles),
        SteinPreset::Paper => SvgdSettings::paper(options.particles),
    };
    settings.maximum.interrupt = maximum.interrupt;
    settings.maximum.metric = maximum.metric;
    let count = starts.points().len();
    settings.hops = match starts {
        // Each climb beside the best maximum joins it again after some ten evaluations, unless there is another.
        Starts::Around(_) => 3 * (count - 1),
        Starts::Near(_) => 0,
    };
    settings.coordinates = model.layout().gaussian_coordinates();
    if let Some(trajectories) = options.polish {
        settings.polish = (trajectories > 0).then(|| PolishSettings {
            trajectories,
            most_trajectories: trajectories,
            ..PolishSettings::default()
        });
    }
    settings.engine.seed = options.seed;
    if let Some(kernel) = kernel {
        settings.engine.kernel = kernel;
    }
    if let Some(iterations) = options.iterations {
        settings.engine.iterations = iterations;
    }
    if let Some(rate) = options.learning_rate {
        settings.engine.learning_rate = rate;
    }
    let from_prior;
    let starts = match options.preset {
        // One particle is the mode in unconstrained coordinates, as method `map` looks for it.
        SteinPreset::Default if options.particles == 1 || matches!(starts, Starts::Near(_)) => {
            starts.points()
        }
        SteinPreset::Default => {
            from_prior = starts::between_start_and_prior(model.layout(), count, options.seed);
            &from_prior
        }
        SteinPreset::Paper => {
            from_prior = starts::from_prior(model.layout(), options.particles, options.seed)?;
            &from_prior
        }
    };
    let fit = svgd(target, starts, &settings, observer)?;
    let densities = fit.log_densities.iter().zip(&fit.weights);
    let objective = densities.filter(|(_, w)| **w > 0.0).map(|(l, w)| l * w).sum();
    Ok(Found {
        iterations: fit.trace.len(),
        trace: fit.trace,
        objective,
        diagnostics: Some(fit.diagnostics),
        interrupted: fit.stop == Stop::Interrupted,
        modes: fit.modes,
        polish: fit.polish,
        ..Found::new(Posterior::weighted(fit.particles, fit.weights)?)
    })
}
