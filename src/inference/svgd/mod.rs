//! SVGD from start to finish: where to start, in which coordinates to move, what came out.
//!
//! 1. Coordinates: those in which each prior is a standard normal, where the caller knows them.
//! 2. Modes: multi-start maxima, the Hessian there by differences of scores, Laplace's Gaussian and mass.
//! 3. Transport: the particles, shared out between the modes, move from a slightly wide Laplace cloud to the mass by a
//!    few iterations of the engine, which re-whitens from the cloud on the way.
//! 4. Polish: Metropolis-adjusted trajectories; their states say what mean and width are, with Stein's identity as
//!    control variate, and what each mode weighs.
//! 5. Representatives: J of the states that stand best for all, with the moments found.
//!
//! Cost: evaluations of 2 to 4 only; 5 is O(n²d) in the number n of states.

mod assemble;
mod explore;

use super::maximum::{MaximumSettings, Optimum};
use super::mode::modes;
use super::share::{log_normalised, share_out};
use super::warped::Warped;
use crate::density::LogDensity;
use crate::parameter::MonotoneMap;
use crate::stein::{
    Cloud, Engine, Observer, PolishSettings, Settings, SteinDiagnostics, Stop, Trace, Whitening,
};
use crate::{Error, Result};
use assemble::finish;
use explore::{Explored, explore};
use serde::{Deserialize, Serialize};

/// Where the particles start and in which coordinates they move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SteinPreset {
    /// From the modes: multi-start maxima, Hessians there, whitening, the engine, polish.
    #[default]
    Default,
    /// As in the paper: from the prior, no whitening, no polish.
    Paper,
}

/// Settings of a whole SVGD fit.
#[derive(Debug, Clone)]
pub struct SvgdSettings {
    /// Number of particles J.
    pub particles: usize,
    /// Where to start.
    pub preset: SteinPreset,
    /// Maps from the coordinates in which the particles move to those of the target, one a coordinate; the identity
    /// where absent. [`Layout::gaussian_coordinates`](crate::parameter::Layout::gaussian_coordinates) has those of
    /// a model's priors.
    pub coordinates: Vec<MonotoneMap>,
    /// Spread of the first cloud in standard deviations of Laplace's Gaussian: a bit too wide.
    pub initial_spread: f64,
    /// Smallest curvature that counts: a flatter direction is given this precision.
    pub curvature_floor: f64,
    /// The engine's settings.
    pub engine: Settings,
    /// Metropolis-adjusted moves after the engine; none where absent.
    pub polish: Option<PolishSettings>,
    /// How the modes are looked for.
    pub maximum: MaximumSettings,
    /// Climbs from beside the best maximum, besides those from the starts.
    pub hops: usize,
}

/// Share of the mass below which a mode is left out.
const NEGLIGIBLE: f64 = 0.01;
/// Particles that explore a mode, however little it weighs.
const EXPLORERS: usize = 8;

impl SvgdSettings {
    /// The default engine with J particles.
    pub fn new(particles: usize) -> Self {
        let engine = Settings {
            iterations: 8,
            learning_rate: 0.3,
            rewhiten_at: vec![0.2, 0.4, 0.6, 0.8],
            ..Settings::default()
        };
        Self {
            particles,
            preset: SteinPreset::Default,
            coordinates: Vec::new(),
            initial_spread: 1.6,
            curvature_floor: 0.1,
            engine,
            polish: Some(PolishSettings::default()),
            // Where the cloud starts need not be known to many digits.
            maximum: MaximumSettings { value_tolerance: 1e-6, ..MaximumSettings::default() },
            hops: 16,
        }
    }

    /// The paper's settings (Pinder et al. 2020): RBF with median/log J, from the prior, Adam.
    pub fn paper(particles: usize) -> Self {
        let engine = Settings {
            kernel: crate::stein::SteinKernel::paper(),
            learning_rate: 0.05,
            schedule: crate::stein::Schedule::Constant,
            iterations: 1000,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        Self { preset: SteinPreset::Paper, engine, polish: None, ..Self::new(particles) }
    }
}

/// One mode of a fit.
#[derive(Debug, Clone, Serialize)]
pub struct ModeSummary {
    /// Its share of the posterior mass.
    pub weight: f64,
    /// Log of its mass.
    pub log_evidence: f64,
    /// Particles that stand for it.
    pub particles: usize,
    /// Its maximum in the coordinates in which the particles moved.
    #[serde(skip)]
    pub maximum: Optimum,
}

/// The polish of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolishSummary {
    /// Mean acceptance.
    pub acceptance: f64,
    /// Step length, whitened.
    pub step: f64,
    /// States that the moments come from.
    pub states: usize,
}

/// What a fit leaves.
#[derive(Debug, Clone)]
pub struct SvgdFit {
    /// The final cloud, in the target's coordinates.
    pub particles: Cloud,
    /// Weights of the particles; they sum to 1.
    pub weights: Vec<f64>,
    /// Log densities of the target at the particles.
    pub log_densities: Vec<f64>,
    /// The modes found, heaviest first; empty for the paper's preset.
    pub modes: Vec<ModeSummary>,
    /// The polish of the heaviest mode.
    pub polish: Option<PolishSummary>,
    /// What happened to the particles of the heaviest mode.
    pub trace: Trace,
    /// Why its run stopped.
    pub stop: Stop,
    /// Diagnostics of the final cloud of the heaviest mode.
    pub diagnostics: SteinDiagnostics,
}

/// Fits J particles. `starts`: where to look for modes, or (paper) the particles themselves, at least J of them; both
/// in the target's coordinates.
///
/// # Errors
/// Where no start works, and where most particles fail.
pub fn svgd<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &SvgdSettings,
    observer: &mut dyn Observer,
) -> Result<SvgdFit> {
    let dim = target.dim();
    if dim == 0 {
        return Err(Error::Invalid("every parameter is fixed: there is nothing to infer".into()));
    }
    // One particle climbs the target's own density: its mode depends on the coordinates.
    let plain = settings.preset == SteinPreset::Paper || settings.particles == 1;
    let maps = if plain { Vec::new() } else { settings.coordinates.clone() };
    let warped = Warped::new(target, maps);
    let starts: Vec<Vec<f64>> = starts.iter().map(|u| warped.from_target(u)).collect();
    if settings.preset == SteinPreset::Paper {
        let cloud = Cloud::from_points(dim, starts.iter().take(settings.particles).map(Vec::as_slice));
        let engine = Engine::new(&warped, cloud, Whitening::identity(dim), settings.engine.clone())?;
        let explored = Explored::unpolished(engine.run(observer)?);
        return finish(&warped, vec![explored], vec![], settings);
    }
    let mut one = settings.clone();
    if settings.particles == 1 {
        // One particle is the maximum itself: no step improves it.
        one.engine.iterations = 0;
        one.maximum.value_tolerance = MaximumSettings::default().value_tolerance;
    }
    let settings = &one;
    let mut found = modes(&warped, &starts, &settings.maximum, settings.curvature_floor, settings.hops)?;
    let weights = log_normalised(&found.iter().map(|m| m.log_evidence).collect::<Vec<_>>());
    let most = (settings.particles / 2).max(1);
    let kept = weights.iter().take(most).filter(|w| **w >= NEGLIGIBLE).count().max(1);
    found.truncate(kept);
    let shares = share_out(settings.particles, &weights[..kept]);
    let mut explored = Vec::with_capacity(kept);
    for (place, (mode, share)) in found.iter().zip(shares).enumerate() {
        let count = if kept == 1 { settings.particles } else { share.max(EXPLORERS.min(settings.particles)) };
        // Only the heaviest mode is watched: its iterations are those of the run.
        let watch: &mut dyn Observer = if place == 0 { &mut *observer } else { &mut () };
        explored.push(explore(&warped, mode, count, place as u64, kept == 1, settings, watch)?);
        if explored[0].outcome.stop == Stop::Interrupted {
            break;
        }
    }
    found.truncate(explored.len());
    finish(&warped, explored, found, settings)
}

#[cfg(test)]
mod tests;
