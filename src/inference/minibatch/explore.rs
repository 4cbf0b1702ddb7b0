//! Particles where noise is Gaussian: θ has a density of its own, with q(v) integrated out, and the engine of exact regression
//! moves particles on it.
//!
//! The density is that of a sample, moved to the mode of all rows ([`Translated`]). Each particle gets its q(v) from all rows
//! when it settles.

use super::state::{Particle, Stage, State};
use super::translated::Translated;
use super::{Explored, Run};
use crate::Result;
use crate::inference::coordinates::straightest;
use crate::inference::{SvgdSettings, svgd};
use crate::model::{Collapsed, InducingGaussian, SparseModel, Target};
use crate::stein::{PolishSettings, Stop};

/// Trajectories of the polish a particle.
const TRAJECTORIES: usize = 6;
/// Iterations of the engine.
const ITERATIONS: usize = 16;
/// Spread of the first cloud, in standard deviations of Laplace's Gaussian, in unconstrained coordinates. Many rows leave
/// ridges, thousandths wide along a variance and its lengthscale: of a cloud that begins wide most particles are thousands
/// of nats off them.
const SPREAD_ON_RIDGES: f64 = 1.0;

impl Run<'_> {
    /// Moves particles around the mode that the search has found.
    pub(super) fn explore(&mut self, model: &SparseModel, state: &mut State) -> Result<Explored> {
        let sample = self.last_sample(model)?;
        let collapsed = Collapsed::of_sample(model, sample.x.as_ref(), &sample.y, sample.weight)?;
        let target = Target::new(&collapsed, self.settings.criterion)?;
        let density = Translated::new(&target, &state.sample_mode, &state.centre.z);
        let defaults = SvgdSettings::new(self.settings.particles);
        let trajectories = self.settings.polish.unwrap_or(TRAJECTORIES);
        let mut settings = SvgdSettings {
            polish: (trajectories > 0).then(|| PolishSettings {
                trajectories,
                most_trajectories: trajectories,
                ..PolishSettings::default()
            }),
            hops: 0,
            ..defaults
        };
        settings.maximum.interrupt.clone_from(&self.settings.interrupt);
        // The search has been at the mode.
        settings.maximum.iterations = 30;
        let mut candidates = [model.layout().gaussian_coordinates(), Vec::new()];
        let (floor, seed) = (settings.curvature_floor, self.settings.seed);
        let start = &state.centre.z;
        let chosen = straightest(&density, start, &candidates, &settings.maximum, floor, seed)?;
        settings.coordinates = std::mem::take(&mut candidates[chosen]);
        if settings.coordinates.is_empty() {
            settings.initial_spread = SPREAD_ON_RIDGES;
        }
        settings.engine.seed = seed;
        settings.engine.iterations = self.settings.iterations.unwrap_or(ITERATIONS);
        let fit = svgd(&density, std::slice::from_ref(start), &settings, self.observer)?;
        self.interrupted |= fit.stop == Stop::Interrupted;
        state.evaluations += target.evaluations();
        state.failures += target.failures();
        state.max_jitter = state.max_jitter.max(target.max_jitter());
        state.iteration += fit.trace.len() as u64;
        state.trace = fit.trace;
        let around = |z: &[f64]| Particle {
            z: z.to_vec(),
            q: InducingGaussian::prior(model.latents(), model.size()),
            values: vec![0.0; model.latents() * model.size()],
        };
        state.particles = fit.particles.points().map(around).collect();
        state.stage = Stage::Settle;
        Ok(Explored { weights: fit.weights, diagnostics: fit.diagnostics, polish: fit.polish })
    }
}
