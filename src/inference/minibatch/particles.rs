//! Particles over θ with a Gaussian q(v) each, moved by SVGD on minibatches.
//!
//! The first part of the iterations probes the shape of the posterior around the mode ([`ScoreDifferences`]); then the
//! particles are drawn from the Gaussian of that shape, their q(v) follow, and the cloud moves in its coordinates.

use super::Run;
use super::batch_bound::BatchWorkspace;
use super::curvature::ScoreDifferences;
use super::state::{Particle, Stage, State};
use super::warm_up::GIVE_UP;
use crate::evaluation::share_out;
use crate::model::{Held, SparseModel, TargetWorkspace};
use crate::rows::Batch;
use crate::stein::{
    Cloud, IterationReport, IterationView, Optimiser, OptimiserState, Schedule, SteinForce, SteinKernel,
    Whitening,
};
use crate::{Error, Result};
use faer::Par;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;

/// Shares of the iterations: until then the probes' Gaussians only follow; until then their scores are compared; until
/// then the Gaussians of the newly drawn particles only follow.
const FOLLOW: f64 = 0.15;
const COMPARE: f64 = 0.3;
const FOLLOW_AGAIN: f64 = 0.4;
/// Distance of the probes from the mode, in each unconstrained coordinate.
const PROBE: f64 = 0.05;
/// Step of the particles in whitened coordinates.
const RATE: f64 = 0.05;
/// Keeps these draws apart from others with the same seed.
const STREAM: u64 = 11;

/// What an iteration works on: the anchor and all particles.
struct Evaluated<'a> {
    particle: &'a mut Particle,
    score: Vec<f64>,
    value: Result<f64>,
    jitter: f64,
}

impl Run<'_> {
    /// Draws the particles and moves them until the iterations are used up.
    pub(super) fn move_particles(&mut self, model: &SparseModel, state: &mut State) -> Result<()> {
        let settings = self.settings;
        let (d, total) = (model.layout().dim(), settings.iterations()?);
        let threads = rayon::current_num_threads().max(1);
        let workspace = || {
            let own = BatchWorkspace::new(model, self.epochs.largest(), false, Par::Seq);
            TargetWorkspace::with_model(own, model.layout().parameters().len())
        };
        let mut workspaces: Vec<_> = (0..threads).map(|_| workspace()).collect();
        let at = |share: f64| (share * total as f64) as usize;
        let mut force = SteinForce::new(&SteinKernel::default_mixture(), settings.particles, d)?;
        let mut batch = Batch::default();
        while state.of_stage < total {
            let t = state.of_stage;
            if t == 0 {
                self.look_at_anchor(model, state)?;
                self.place_probes(d, state);
            } else if t == at(COMPARE) {
                self.draw(d, state);
            }
            self.rows.read(self.epochs.seed(), self.epochs.place(state.iteration), &mut batch)?;
            let (scores, values) = self.evaluate(model, &batch, &mut workspaces, state)?;
            // A score that is missing would count as a difference.
            if t >= at(FOLLOW) && t < at(COMPARE) && values.iter().all(Option::is_some) {
                let anchor = scores.point(0);
                let differences: Vec<f64> =
                    scores.points().skip(1).flat_map(|s| s.iter().zip(anchor).map(|(s, a)| s - a)).collect();
                state.differences.add(state.iteration, &differences);
            }
            let moving = t >= at(FOLLOW_AGAIN);
            let seen = self.step(moving, (t, total), &scores, &values, &mut force, state)?;
            state.iteration += 1;
            state.of_stage += 1;
            if seen == ControlFlow::Break(()) || settings.interrupted() {
                self.interrupted = true;
                break;
            }
            self.save(state)?;
        }
        state.stage = Stage::Settle;
        state.of_stage = 0;
        Ok(())
    }

    /// Probes around the mode, enough to see its curvature in all directions.
    fn place_probes(&self, d: usize, state: &mut State) {
        let count = self.settings.particles.max(d + 2);
        state.spread = (0..d * d).map(|k| if k / d == k % d { PROBE } else { 0.0 }).collect();
        state.differences = ScoreDifferences::new(count, d);
        self.scatter(count, d, 0, state);
    }

    /// Particles from the Gaussian that the probes saw.
    fn draw(&self, d: usize, state: &mut State) {
        let centre = &state.centre.z;
        let offsets: Vec<f64> =
            state.particles.iter().flat_map(|p| p.z.iter().zip(centre).map(|(z, c)| z - c)).collect();
        state.spread = state.differences.spread(&offsets);
        self.scatter(self.settings.particles, d, 1, state);
        state.optimiser = OptimiserState::new(Optimiser::ADAM, self.settings.particles * d);
    }

    /// `count` particles at centre + spread · w, w standard normal with mean zero.
    fn scatter(&self, count: usize, d: usize, number: u64, state: &mut State) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        rng.set_stream(STREAM + number);
        let mut w: Vec<Vec<f64>> =
            (0..count).map(|_| (0..d).map(|_| StandardNormal.sample(&mut rng)).collect()).collect();
        for a in 0..if count > 1 { d } else { 0 } {
            let mean = w.iter().map(|w| w[a]).sum::<f64>() / count as f64;
            // Without their mean, draws have a little less than unit variance.
            let scale = (count as f64 / (count as f64 - 1.0)).sqrt();
            w.iter_mut().for_each(|w| w[a] = scale * (w[a] - mean));
        }
        let place = |w: &Vec<f64>| {
            let moved = |a: usize| (0..d).map(|b| state.spread[a * d + b] * w[b]).sum::<f64>();
            let z = state.centre.z.iter().enumerate().map(|(a, c)| c + moved(a)).collect();
            Particle { z, q: state.centre.q.clone(), values: state.centre.values.clone() }
        };
        state.particles = w.iter().map(place).collect();
    }

    /// Scores and values of anchor and particles on one minibatch; their Gaussians take a step.
    fn evaluate(
        &self,
        model: &SparseModel,
        batch: &Batch,
        workspaces: &mut [TargetWorkspace<BatchWorkspace>],
        state: &mut State,
    ) -> Result<(Cloud, Vec<Option<f64>>)> {
        let (d, scale, settings) = (state.centre.z.len(), self.scale(), self.settings);
        let slot = |particle| Evaluated { particle, score: vec![0.0; d], value: Ok(0.0), jitter: 0.0 };
        let mut slots: Vec<Evaluated<'_>> =
            std::iter::once(&mut state.centre).chain(&mut state.particles).map(slot).collect();
        share_out(&mut slots, workspaces, &|slot, workspace| {
            let Evaluated { particle, score, value, jitter } = slot;
            *value = (|| {
                let value =
                    particle.look(model, batch, scale, Held::Function, (score, workspace), settings)?;
                particle.advance(model, settings.natural_rate, workspace)?;
                Ok(value)
            })();
            *jitter = workspace.model().bound.jitter();
        });
        let mut scores = Cloud::zeros(slots.len(), d);
        let mut values = Vec::with_capacity(slots.len());
        let (mut failures, mut last, mut max_jitter) = (0, None, state.max_jitter);
        for (slot, to) in slots.into_iter().zip(scores.points_mut()) {
            max_jitter = max_jitter.max(slot.jitter);
            values.push(match slot.value {
                Ok(value) => {
                    to.copy_from_slice(&slot.score);
                    Some(value)
                }
                Err(error) if error.is_recoverable() => {
                    failures += 1;
                    last = Some(error);
                    None
                }
                Err(error) => return Err(error),
            });
        }
        // Without the anchor's there is nothing to compare with: the others are taken to say as much.
        state.max_jitter = max_jitter;
        state.evaluations += values.len();
        state.failures += failures;
        state.failed_in_a_row = if 2 * failures >= values.len() { state.failed_in_a_row + 1 } else { 0 };
        match last {
            Some(error) if state.failed_in_a_row >= GIVE_UP => Err(Error::Invalid(format!(
                "most particles could not be evaluated on {GIVE_UP} minibatches in a row: {error}"
            ))),
            _ => Ok((scores, values)),
        }
    }

    /// Moves the particles whose bound could be evaluated, where they move at all, and reports.
    fn step(
        &mut self,
        moving: bool,
        (t, total): (usize, usize),
        scores: &Cloud,
        values: &[Option<f64>],
        force: &mut SteinForce,
        state: &mut State,
    ) -> Result<ControlFlow<()>> {
        let d = state.centre.z.len();
        let spread = &state.spread;
        let count = state.particles.len();
        let active: Vec<usize> =
            (0..count).filter(|&j| values[j + 1].is_some() && values[0].is_some()).collect();
        let (mut whitened, mut own) = (Cloud::zeros(active.len(), d), Cloud::zeros(active.len(), d));
        let factor = Factor::new(spread, d);
        for (place, &j) in active.iter().enumerate() {
            let offset: Vec<f64> =
                state.particles[j].z.iter().zip(&state.centre.z).map(|(z, c)| z - c).collect();
            whitened.point_mut(place).copy_from_slice(&factor.solve(&offset));
            // What the minibatch says of the anchor leaves; what many rows say of it comes in.
            let score: Vec<f64> =
                (0..d).map(|a| scores.point(j + 1)[a] - scores.point(0)[a] + state.anchor_score[a]).collect();
            for (b, to) in own.point_mut(place).iter_mut().enumerate() {
                *to = (0..d).map(|a| spread[a * d + b] * score[a]).sum();
            }
        }
        let mut steps = Cloud::zeros(count, d);
        if moving && !active.is_empty() {
            force.compute(&whitened, &own)?;
            for (place, &j) in active.iter().enumerate() {
                let parts = force.attraction().point(place).iter().zip(force.repulsion().point(place));
                steps.point_mut(j).iter_mut().zip(parts).for_each(|(to, (a, r))| *to = a + r);
            }
            let begin = (FOLLOW_AGAIN * total as f64) as usize;
            let rate = RATE * Schedule::Cosine.factor(t - begin, total - begin);
            state.optimiser.step(rate, steps.values_mut());
        }
        let nobody = Cloud::zeros(active.len(), d);
        let parts = if moving { (force.attraction(), force.repulsion()) } else { (&nobody, &nobody) };
        let known = active.iter().filter_map(|&j| values[j + 1]);
        let report = IterationReport::new(t + 1, known, (&whitened, &own), parts, &steps);
        let particles = Cloud::from_points(d, state.particles.iter().map(|p| p.z.as_slice()));
        let of_particles = Cloud::from_points(d, scores.points().skip(1));
        let whitening = Whitening::identity(d);
        let told = self.observer.iteration(&IterationView {
            report: &report,
            total,
            particles: &particles,
            scores: &of_particles,
            whitening: &whitening,
        });
        if moving {
            state.trace.push(report);
            for (particle, step) in state.particles.iter_mut().zip(steps.points()) {
                for (a, z) in particle.z.iter_mut().enumerate() {
                    *z += (0..d).map(|b| state.spread[a * d + b] * step[b]).sum::<f64>();
                }
            }
        }
        Ok(told)
    }
}

/// Solves with the symmetric positive definite spread.
struct Factor(faer::linalg::solvers::PartialPivLu<f64>);

impl Factor {
    fn new(spread: &[f64], d: usize) -> Self {
        Self(faer::Mat::from_fn(d, d, |i, j| spread[i * d + j]).partial_piv_lu())
    }

    fn solve(&self, offset: &[f64]) -> Vec<f64> {
        use faer::linalg::solvers::Solve;
        let right = faer::Mat::from_fn(offset.len(), 1, |i, _| offset[i]);
        self.0.solve(&right).col_as_slice(0).to_vec()
    }
}
