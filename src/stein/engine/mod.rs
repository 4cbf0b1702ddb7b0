//! The iteration: evaluate, move, re-whiten, watch.

mod failures;
mod outcome;

use super::mover::{self, ForceWeights, Scene};
use super::step_size::StepSizeState;
use super::{Cloud, IterationReport, IterationView, Observer, OptimiserState, Settings, Trace, Whitening};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::{Error, Result};
use outcome::at_rest;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;

pub use outcome::{Outcome, Stop};

/// Iterations in a row with most particles failing after which the run fails.
const GIVE_UP: usize = 5;
/// Random stream of the noise of Langevin steps; the one of draws after failures is 0.
const NOISE_STREAM: u64 = 2;

/// SVGD on a log density.
pub struct Engine<'t, D: LogDensity> {
    evaluator: Evaluator<'t, D>,
    settings: Settings,
    whitening: Whitening,
    /// Particles and scores in the target's coordinates.
    particles: Cloud,
    scores: Cloud,
    values: Vec<Result<f64>>,
    failures: Vec<usize>,
    rng: ChaCha8Rng,
}

/// What an iteration works in; kept from one to the next.
struct Scratch {
    /// Particles whose last evaluation succeeded.
    active: Vec<usize>,
    /// These, whitened, with their scores.
    particles: Cloud,
    scores: Cloud,
    direction: Cloud,
    noise: Cloud,
    /// Steps of all particles, zero for those that failed.
    steps: Cloud,
}

impl Scratch {
    fn new(count: usize, dim: usize) -> Self {
        let zeros = Cloud::zeros(count, dim);
        Self {
            active: Vec::with_capacity(count),
            particles: zeros.clone(),
            scores: zeros.clone(),
            direction: zeros.clone(),
            noise: zeros.clone(),
            steps: zeros,
        }
    }
}

impl<'t, D: LogDensity> Engine<'t, D> {
    /// A run from `particles` (target's coordinates), moving in the coordinates of `whitening`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no particle, a dimension of zero or settings that make no sense.
    pub fn new(target: &'t D, particles: Cloud, whitening: Whitening, settings: Settings) -> Result<Self> {
        if particles.count() == 0 || target.dim() == 0 {
            return Err(Error::Invalid("SVGD needs at least one particle and one dimension".into()));
        }
        if particles.dim() != target.dim() || whitening.dim() != target.dim() {
            return Err(Error::Shape {
                what: "coordinates of a particle",
                expected: target.dim(),
                found: particles.dim(),
            });
        }
        settings.check()?;
        let count = particles.count();
        Ok(Self {
            evaluator: Evaluator::new(target, count),
            whitening,
            scores: Cloud::zeros(count, particles.dim()),
            values: (0..count).map(|_| Ok(0.0)).collect(),
            failures: vec![0; count],
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            particles,
            settings,
        })
    }

    /// Runs all iterations, or until the cloud rests or the observer stops it.
    ///
    /// # Errors
    /// The last failure where most particles fail several times in a row; unrecoverable errors at once; what kernel
    /// and method cannot take from the cloud.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let (count, dim, total) = (self.particles.count(), self.particles.dim(), self.settings.iterations);
        let mut mover = mover::build::<D>(&self.settings, count, dim)?;
        let mut optimiser = OptimiserState::new(self.settings.optimiser, count * dim);
        let mut step_size = StepSizeState::new(self.settings.step_size, count * dim);
        let mut noise_rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        noise_rng.set_stream(NOISE_STREAM);
        let mut scratch = Scratch::new(count, dim);
        let mut trace: Trace = Vec::with_capacity(total);
        let mut draws = Cloud::zeros(0, dim);
        let rewhiten: Vec<usize> =
            self.settings.rewhiten_at.iter().map(|share| (share * total as f64) as usize).collect();
        let (mut stop, mut mostly_failed) = (Stop::Iterations, 0);
        for t in 0..total {
            if rewhiten.contains(&t) && t > 0 && count > 1 {
                self.rewhiten()?;
                optimiser.reset();
                step_size.reset();
                mover.reset();
            }
            self.evaluate()?;
            self.gather(&mut scratch);
            mostly_failed = if 2 * scratch.active.len() < count { mostly_failed + 1 } else { 0 };
            if mostly_failed >= GIVE_UP || scratch.active.is_empty() {
                return Err(self.first_failure());
            }
            let weights = ForceWeights {
                attraction: self.settings.annealing.factor(t, total),
                repulsion: 1.0 + self.settings.temperature,
            };
            let mut scene = Scene {
                evaluator: &mut self.evaluator,
                whitening: &self.whitening,
                particles: &scratch.particles,
                scores: &scratch.scores,
                weights,
            };
            mover.direct(&mut scene, &mut scratch.direction)?;
            // A particle that failed stays where it is for this step.
            scratch.steps.values_mut().fill(0.0);
            for (&i, direction) in scratch.active.iter().zip(scratch.direction.points()) {
                scratch.steps.point_mut(i).copy_from_slice(direction);
            }
            let schedule = self.settings.schedule.factor(t, total);
            let rate = self.settings.learning_rate * schedule * step_size.factor(scratch.steps.values());
            optimiser.step(rate, scratch.steps.values_mut());
            if mover.disturb(&scene, rate, &mut noise_rng, &mut scratch.noise)? {
                for (&i, noise) in scratch.active.iter().zip(scratch.noise.points()) {
                    scratch.steps.point_mut(i).iter_mut().zip(noise).for_each(|(s, n)| *s += n);
                }
            }
            let values = scratch.active.iter().filter_map(|&i| self.values[i].as_ref().ok().copied());
            let (z, g) = (&scratch.particles, &scratch.scores);
            let report = IterationReport::new(t + 1, values, (z, g), mover.parts(), &scratch.steps);
            trace.push(report);
            let seen = observer.iteration(&IterationView {
                report: &report,
                total,
                particles: &self.particles,
                scores: &self.scores,
                whitening: &self.whitening,
            });
            self.apply(&mut scratch);
            self.redraw_failed(&scratch.active);
            if self.settings.method.draws_at(t + 1, total) {
                let have = draws.count();
                draws.resize(have + count);
                draws.values_mut()[have * dim..].copy_from_slice(self.particles.values());
            }
            if seen == ControlFlow::Break(()) {
                stop = Stop::Interrupted;
                break;
            }
            if weights.attraction == 1.0 && at_rest(&trace, self.settings.tolerance * schedule) {
                stop = Stop::Converged;
                break;
            }
        }
        self.finish(trace, stop, draws)
    }

    fn evaluate(&mut self) -> Result<()> {
        self.evaluator.evaluate_all(&self.particles, &mut self.scores, &mut self.values)?;
        for (value, failures) in self.values.iter().zip(&mut self.failures) {
            *failures = if value.is_ok() { 0 } else { *failures + 1 };
        }
        Ok(())
    }

    /// Particles that could be evaluated, whitened.
    fn gather(&self, scratch: &mut Scratch) {
        scratch.active.clear();
        scratch.active.extend((0..self.values.len()).filter(|&i| self.values[i].is_ok()));
        scratch.particles.resize(scratch.active.len());
        scratch.scores.resize(scratch.active.len());
        for (place, &i) in scratch.active.iter().enumerate() {
            self.whitening.whiten(self.particles.point(i), scratch.particles.point_mut(place));
            self.whitening.whiten_score(self.scores.point(i), scratch.scores.point_mut(place));
        }
    }

    /// Makes the steps.
    fn apply(&mut self, scratch: &mut Scratch) {
        for (&i, z) in scratch.active.iter().zip(scratch.particles.points_mut()) {
            z.iter_mut().zip(scratch.steps.point(i)).for_each(|(z, s)| *z += s);
            self.whitening.unwhiten(z, self.particles.point_mut(i));
        }
    }

    /// New coordinates from the particles' own moments.
    fn rewhiten(&mut self) -> Result<()> {
        self.whitening = self.whitening.learn(&self.particles, 1.0)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
