//! One Gaussian at the mode of θ: stochastic variational inference with natural gradients.

use super::batch_bound::BatchWorkspace;
use super::state::{Particle, Stage, State};
use super::{Reselection, Run, StepControl};
use crate::linalg::in_parallel;
use crate::model::{Held, InducingGaussian, SparseModel, TargetWorkspace};
use crate::rows::Batch;
use crate::stein::{Cloud, IterationReport, IterationView, Optimiser, OptimiserState, Whitening};
use crate::{Error, Result};
use std::f64::consts::PI;
use std::ops::ControlFlow;

/// Share of the warm-up after which Z is chosen again.
const CHOOSE_AGAIN: f64 = 0.3;
/// Share of the warm-up over which steps shrink, and to what.
const TAIL: f64 = 0.3;
const LAST: f64 = 0.05;
/// Share of the warm-up after which θ should not move any more.
const LATE: f64 = 0.9;
/// Distance in an unconstrained coordinate that is no movement.
const AT_REST: f64 = 0.05;
/// Weight of the newest θ in its moving average.
const NEWEST: f64 = 0.02;
/// Failures in a row after which the fit gives up.
pub(super) const GIVE_UP: usize = 20;

impl Run<'_> {
    /// Climbs until θ rests or the iterations are used up.
    pub(super) fn warm_up(
        &mut self,
        model: &mut SparseModel,
        reselection: Option<&Reselection>,
        state: &mut State,
    ) -> Result<()> {
        let settings = self.settings;
        let again = (CHOOSE_AGAIN * settings.warm_up as f64) as usize;
        let mut batch = Batch::default();
        let mut workspace = self.climber_workspace(model);
        // Who rests before the inducing inputs are chosen again rests with those of the start values.
        let chosen = |state: &State| reselection.is_none() || state.of_stage > again;
        while state.of_stage < settings.warm_up && !(state.step.at_rest() && chosen(state)) {
            if state.of_stage == again
                && let Some(reselection) = reselection
            {
                self.choose_again(model, reselection, state)?;
                workspace = self.climber_workspace(model);
            }
            self.rows.read(self.epochs.seed(), self.epochs.place(state.iteration), &mut batch)?;
            self.climb(model, &batch, &mut workspace, state)?;
            if state.of_stage == (LATE * settings.warm_up as f64) as usize {
                state.earlier.clone_from(&state.average);
            }
            state.iteration += 1;
            state.of_stage += 1;
            if self.tell(state)? == ControlFlow::Break(()) || settings.interrupted() {
                self.interrupted = true;
                break;
            }
            self.save(state)?;
        }
        state.centre.z.copy_from_slice(&state.average);
        state.of_stage = 0;
        state.stage =
            if settings.particles > 0 && !self.interrupted { Stage::Particles } else { Stage::Settle };
        Ok(())
    }

    fn climber_workspace(&self, model: &SparseModel) -> TargetWorkspace<BatchWorkspace> {
        let moves = self.settings.move_inducing;
        let own = BatchWorkspace::new(model, self.epochs.largest(), moves, in_parallel());
        TargetWorkspace::with_model(own, model.layout().parameters().len())
    }

    /// One iteration: θ (and Z) along the score, q(v) along its natural gradient, both as this minibatch sees them.
    fn climb(
        &self,
        model: &mut SparseModel,
        batch: &Batch,
        workspace: &mut TargetWorkspace<BatchWorkspace>,
        state: &mut State,
    ) -> Result<()> {
        let settings = self.settings;
        let mut direction = vec![0.0; state.centre.z.len()];
        // In turn: parameters with the function held, and inducing inputs, which take the function with them.
        let of_inducing = settings.move_inducing && state.of_stage % 2 == 1;
        let held = if of_inducing { Held::Whitened } else { Held::Function };
        let value =
            state.centre.look(model, batch, self.scale(), held, (&mut direction, workspace), settings);
        state.evaluations += 1;
        state.max_jitter = state.max_jitter.max(workspace.model().bound.jitter());
        match value {
            Ok(value) => {
                state.failed_in_a_row = 0;
                state.climb.push(value);
            }
            Err(error) if error.is_recoverable() => return state.failed(error),
            Err(error) => return Err(error),
        }
        // A mean over all minibatches at first, then one that forgets.
        state.of_gaussian += 1;
        let factor = state.step.factor() * tail(state.of_stage, settings.warm_up);
        let rho = (settings.natural_rate * factor).max(1.0 / (1.0 + state.of_gaussian as f64));
        if let Err(error) = state.centre.advance(model, rho, workspace) {
            if !error.is_recoverable() {
                return Err(error);
            }
            state.failures += 1;
        }
        let rate = settings.learning_rate * factor;
        if of_inducing {
            return self.move_inducing(model, rate, workspace, state);
        }
        if direction.is_empty() {
            return Ok(());
        }
        state.optimiser.step(rate, &mut direction);
        state.centre.z.iter_mut().zip(&direction).for_each(|(z, s)| *z += s);
        state.step.stepped(&state.centre.z, &direction);
        let newest = NEWEST.max(1.0 / (1.0 + state.of_stage as f64));
        state.average.iter_mut().zip(&state.centre.z).for_each(|(a, z)| *a += newest * (z - *a));
        Ok(())
    }

    /// A step of the inducing inputs along the gradient that the last look found.
    fn move_inducing(
        &self,
        model: &mut SparseModel,
        rate: f64,
        workspace: &mut TargetWorkspace<BatchWorkspace>,
        state: &mut State,
    ) -> Result<()> {
        let Some(by_inducing) = &workspace.model().by_inducing else { return Ok(()) };
        let mut steps: Vec<f64> =
            by_inducing.col_iter().flat_map(|c| c.iter().copied().collect::<Vec<f64>>()).collect();
        state.of_inducing.step(rate, &mut steps);
        let before = model.inducing().to_owned();
        let mut moved = before.clone();
        for (column, steps) in moved.col_iter_mut().zip(steps.chunks(model.size())) {
            column.iter_mut().zip(steps).for_each(|(z, s)| *z += s);
        }
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&state.centre.z, &mut theta);
        let Particle { q, values, .. } = &mut state.centre;
        let placed = model
            .set_inducing(moved.as_ref())
            .and_then(|()| model.place_function(&theta, q, &mut workspace.model_mut().bound, values));
        match placed {
            Ok(()) => state.inducing = moved,
            Err(error) if error.is_recoverable() => {
                model.set_inducing(before.as_ref())?;
                state.failures += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// New inducing inputs for the present θ; q(v) begins again, θ goes on.
    pub(super) fn choose_again(
        &self,
        model: &mut SparseModel,
        reselection: &Reselection,
        state: &mut State,
    ) -> Result<()> {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&state.centre.z, &mut theta);
        let inducing = reselection.choose(model, &theta, self.settings.seed)?;
        model.set_inducing(inducing.as_ref())?;
        state.centre.q = InducingGaussian::prior(model.latents(), model.size());
        state.centre.values = vec![0.0; model.latents() * model.size()];
        state.of_gaussian = 0;
        state.optimiser = OptimiserState::new(Optimiser::ADAM, state.centre.z.len());
        state.of_inducing = OptimiserState::new(Optimiser::ADAM, model.size() * model.dim());
        // What the steps had come to was for other inducing inputs.
        state.step = StepControl::new(&state.centre.z);
        state.inducing = inducing;
        Ok(())
    }

    fn tell(&mut self, state: &State) -> Result<ControlFlow<()>> {
        let of_particles = if self.settings.particles > 0 { self.settings.iterations()? } else { 0 };
        let total = self.settings.warm_up + of_particles;
        let report = IterationReport {
            iteration: state.of_stage,
            mean_log_density: state.climb.last().copied().unwrap_or(f64::NAN),
            sd_log_density: 0.0,
            stein_ratio: f64::NAN,
            attraction: f64::NAN,
            repulsion: f64::NAN,
            step: self.settings.learning_rate
                * state.step.factor()
                * tail(state.of_stage, self.settings.warm_up),
            failed: 0,
        };
        let (nobody, whitening) = (Cloud::zeros(0, 0), Whitening::identity(0));
        Ok(self.observer.iteration(&IterationView {
            report: &report,
            total,
            particles: &nobody,
            scores: &nobody,
            whitening: &whitening,
        }))
    }
}

/// Factor of steps towards the end: from 1 down to [`LAST`] by half a cosine.
fn tail(iteration: usize, total: usize) -> f64 {
    let begin = ((1.0 - TAIL) * total as f64) as usize;
    if iteration < begin {
        return 1.0;
    }
    let share = (iteration - begin) as f64 / (total - begin).max(1) as f64;
    LAST + (1.0 - LAST) * 0.5 * (1.0 + (PI * share).cos())
}

impl State {
    /// Whether θ had come to rest when the warm-up ended.
    pub(super) fn settled(&self) -> bool {
        let moved = self.average.iter().zip(&self.earlier).any(|(a, b)| (a - b).abs() > AT_REST);
        self.step.at_rest() || (!self.earlier.is_empty() && !moved)
    }

    /// Counts an iteration in which nothing could be evaluated, and retreats half a step's way to the average.
    pub(super) fn failed(&mut self, error: Error) -> Result<()> {
        self.failures += 1;
        self.failed_in_a_row += 1;
        if self.failed_in_a_row >= GIVE_UP {
            return Err(Error::Invalid(format!(
                "the bound could not be evaluated on {GIVE_UP} minibatches in a row: {error}"
            )));
        }
        self.centre.z.iter_mut().zip(&self.average).for_each(|(z, a)| *z = 0.5 * (*z + a));
        Ok(())
    }
}
