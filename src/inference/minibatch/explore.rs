//! Particles where noise is Gaussian: θ has a density of its own, with q(v) integrated out, and the engine of exact regression
//! moves particles on it.
//!
//! Where all rows can be taken at once that is their density. Where they cannot it is a parabola with exact priors
//! ([`Quadratic`]), and what all rows say of each particle when it settles is compared with what that promised.

use super::pass::Pass;
use super::quadratic::{Quadratic, difference, further};
use super::settle::settle_particles;
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
/// Nats that all rows may find a particle worse than promised before it is taken nearer to the mode, and how often it is.
const WORSE: f64 = 3.0;
/// What the difference is to become, and the share of the way that is left where it is not known.
const BETTER: f64 = 1.0;
const FAR: f64 = 0.1;
const ROUNDS: usize = 2;

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

    /// Settles the particles; those that all rows find much worse than the parabola promised go towards the mode, to where the
    /// difference would be small if it grew with the square of the distance. Returns the standard deviation of the differences
    /// before that.
    pub(super) fn settle_as_promised(
        &mut self,
        model: &SparseModel,
        parabola: &Quadratic<'_>,
        mode: &[f64],
        at_mode: f64,
        state: &mut State,
    ) -> Result<f64> {
        let (layout, criterion) = (model.layout(), self.settings.criterion);
        let mut workspace = parabola.workspace();
        let mut unused = vec![0.0; mode.len()];
        let mut promised = Vec::with_capacity(state.particles.len());
        for particle in &state.particles {
            promised.push(parabola.evaluate(&particle.z, &mut unused, &mut workspace)? - at_mode);
        }
        let pass = Pass::new(self.rows.count(), self.settings);
        let mut waiting: Vec<usize> = (0..state.particles.len()).collect();
        let (mut allowed, mut misfit) = (None, 0.0);
        for round in 0..=ROUNDS {
            let mut settling: Vec<Particle> = waiting.iter().map(|&j| state.particles[j].clone()).collect();
            let (bounds, failures) = settle_particles(self.rows, model, &mut settling, &pass)?;
            state.failures += failures;
            let mut worse = Vec::with_capacity(settling.len());
            for ((&j, particle), bound) in waiting.iter().zip(&settling).zip(bounds) {
                let mut theta = vec![0.0; layout.parameters().len()];
                layout.constrain(&particle.z, &mut theta);
                let of_priors = criterion.add_priors(layout, &particle.z, &theta, &mut unused);
                let found = bound.map_or(f64::NEG_INFINITY, |bound| bound + of_priors - at_mode);
                worse.push(promised[j] - found);
            }
            if round == 0 {
                misfit = standard_deviation(&worse);
            }
            // What all are worse by says that the mode is, and nothing of their spread.
            let allowed = *allowed.get_or_insert_with(|| WORSE + median(&worse).clamp(0.0, WORSE));
            let places = std::mem::take(&mut waiting);
            for ((j, particle), worse) in places.into_iter().zip(settling).zip(worse) {
                state.particles[j] = particle;
                if round < ROUNDS && worse > allowed {
                    let share = if worse.is_finite() { (BETTER / worse).sqrt() } else { FAR };
                    let z = &mut state.particles[j].z;
                    let nearer: Vec<f64> =
                        difference(layout, z, mode).iter().map(|step| share * step).collect();
                    *z = further(layout, mode, &nearer)?;
                    waiting.push(j);
                }
            }
            if waiting.is_empty() || self.settings.interrupted() {
                break;
            }
        }
        Ok(misfit)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Not finite where a value is not.
fn standard_deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}
