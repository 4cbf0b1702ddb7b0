//! Particles where noise is Gaussian: θ has a density of its own, with q(v) integrated out, and the engine of exact regression
//! moves particles on it.
//!
//! Where all rows can be taken at once that is their density. Where they cannot it is a parabola with exact priors
//! ([`Quadratic`]), and what all rows say of each particle when it settles is compared with what that promised (`promised.rs`).

use super::state::{Particle, Stage, State};
use super::{Explored, Run};
use crate::density::LogDensity;
use crate::inference::coordinates::straightest;
use crate::inference::{SvgdFit, SvgdSettings, svgd};
use crate::model::{Collapsed, InducingGaussian, SparseModel, Target};
use crate::stein::{PolishSettings, Stop};
use crate::{Error, Result};

/// Trajectories of the polish a particle, and iterations of the engine, where evaluations are dear.
const TRAJECTORIES: usize = 6;
const ITERATIONS: usize = 16;
/// Trajectories where they cost nothing.
const PATIENT: usize = 100;
/// Spread of the first cloud, in standard deviations of Laplace's Gaussian, in unconstrained coordinates. Many rows leave
/// ridges, thousandths wide along a variance and its lengthscale: of a cloud that begins wide most particles are thousands
/// of nats off them.
const SPREAD_ON_RIDGES: f64 = 1.0;

impl Run<'_> {
    /// Moves particles around the mode that the search has found, and settles them; the mode alone where the run was interrupted
    /// before.
    pub(super) fn explore(&mut self, model: &SparseModel, state: &mut State) -> Result<Option<Explored>> {
        let start = state.centre.z.clone();
        if let Some(all) = self.all_rows(model)? {
            let collapsed = Collapsed::of_sample(model, all.x.as_ref(), &all.y, all.weight)?;
            let target = Target::new(&collapsed, self.settings.criterion)?;
            let fit = self.move_on(&target, model, &start, true, state)?;
            state.evaluations += target.evaluations();
            state.failures += target.failures();
            state.max_jitter = state.max_jitter.max(target.max_jitter());
            self.settle(model, state)?;
            return Ok(Some(fit));
        }
        let Some(bound) = state.bound else {
            return Err(Error::Invalid(
                "where samples of the rows led, the bound of all rows cannot be evaluated: other starts or priors may lead \
                 elsewhere"
                    .into(),
            ));
        };
        if state.curvature.is_empty() {
            match self.curvature(model, state)? {
                Some(curvature) => state.curvature = curvature,
                None => {
                    self.interrupted = true;
                    self.settle(model, state)?;
                    return Ok(None);
                }
            }
        }
        let parabola = self.parabola(model, state, bound, &state.curvature)?;
        let mut fit = self.move_on(&parabola, model, &start, false, state)?;
        fit.misfit = Some(self.settle_as_promised(model, &parabola, &start, bound, state)?);
        Ok(Some(fit))
    }

    /// Particles on a density of θ.
    fn move_on<D: LogDensity>(
        &mut self,
        density: &D,
        model: &SparseModel,
        start: &[f64],
        is_dear: bool,
        state: &mut State,
    ) -> Result<Explored> {
        let mut settings = SvgdSettings { hops: 0, ..SvgdSettings::new(self.settings.particles) };
        let trajectories = self.settings.polish.unwrap_or(if is_dear { TRAJECTORIES } else { PATIENT });
        settings.polish = (trajectories > 0).then(|| PolishSettings {
            trajectories,
            most_trajectories: trajectories,
            ..PolishSettings::default()
        });
        settings.maximum.interrupt.clone_from(&self.settings.interrupt);
        if is_dear {
            // The search has been at the mode.
            settings.maximum.iterations = 30;
            settings.engine.iterations = ITERATIONS;
        }
        let mut candidates = [model.layout().gaussian_coordinates(), Vec::new()];
        let (floor, seed) = (settings.curvature_floor, self.settings.seed);
        let chosen = straightest(density, start, &candidates, &settings.maximum, floor, seed)?;
        settings.coordinates = std::mem::take(&mut candidates[chosen]);
        if settings.coordinates.is_empty() {
            settings.initial_spread = SPREAD_ON_RIDGES;
        }
        settings.engine.seed = seed;
        settings.engine.iterations = self.settings.iterations.unwrap_or(settings.engine.iterations);
        let SvgdFit { particles, weights, diagnostics, polish, trace, stop, .. } =
            svgd(density, &[start.to_vec()], &settings, self.observer)?;
        self.interrupted |= stop == Stop::Interrupted;
        state.iteration += trace.len() as u64;
        state.trace = trace;
        let around = |z: &[f64]| Particle {
            z: z.to_vec(),
            q: InducingGaussian::prior(model.latents(), model.size()),
            values: vec![0.0; model.latents() * model.size()],
        };
        state.particles = particles.points().map(around).collect();
        state.stage = Stage::Settle;
        Ok(Explored { weights, diagnostics, polish, misfit: None })
    }
}
