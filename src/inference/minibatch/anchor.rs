//! Scores with many rows: at the mode that a warm-up found, and around it.
//!
//! A Gaussian that follows minibatches is never quite the best one: its noise counts as noise of the data, and a score looked
//! at through it leads to larger noise variances (on 28,000 rows by two posterior standard deviations). What pulls the whole
//! cloud is therefore the score of the anchor with its settled Gaussian, as the mean over the rows that it has settled on. With
//! the best q(v) it is the gradient of the best bound (envelope theorem).

use super::Run;
use super::batch_bound::{BatchBound, BatchWorkspace};
use super::settle::Pass;
use super::state::{Particle, State};
use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::share_out;
use crate::linalg::in_parallel;
use crate::model::{Criterion, Held, SparseModel, Target, TargetWorkspace};
use crate::rows::Batch;
use faer::Par;

/// What many rows say of a particle.
pub(super) struct Look<'a> {
    particle: &'a Particle,
    /// Σ E log p(y | f), without the divergence of q(v), and with what the criterion adds.
    pub value: f64,
    pub score: Vec<f64>,
    /// What failed, if something did.
    failure: Option<crate::Error>,
}

impl<'a> Look<'a> {
    pub fn at(particle: &'a Particle) -> Self {
        Self { particle, value: 0.0, score: vec![0.0; particle.z.len()], failure: None }
    }

    /// Whether all rows could be evaluated.
    pub fn is_whole(&self) -> bool {
        self.failure.is_none()
    }
}

impl Run<'_> {
    /// Settles the anchor's q(v) and takes its score; returns the bound (with priors, as the criterion has it). Where it cannot
    /// be evaluated, or the run is interrupted, there is none, and the mode is taken to be one: score zero.
    pub(super) fn look_at_anchor(&mut self, model: &SparseModel, state: &mut State) -> Result<Option<f64>> {
        let pass = Pass::new(self.rows.count(), self.settings);
        let (_, failures) = self.settle_particles(model, std::slice::from_mut(&mut state.centre), &pass)?;
        state.failures += failures;
        state.anchor_score = vec![0.0; state.centre.z.len()];
        let mut looks = [Look::at(&state.centre)];
        if !self.look(model, &mut looks, &pass, self.settings.criterion)? {
            return Ok(None);
        }
        let [Look { value, score, failure, .. }] = looks;
        if failure.is_some() {
            state.failures += 1;
            return Ok(None);
        }
        state.anchor_score = score;
        let bound = value - state.centre.q.divergence(in_parallel());
        // The settled Gaussian is also the one that the anchor goes on from.
        let Particle { z, q, values } = &mut state.centre;
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(z, &mut theta);
        model.place_function(&theta, q, &mut model.bound_workspace(1, in_parallel()), values)?;
        Ok(Some(bound))
    }

    /// Looks at particles with the rows of a pass, each with its q(v) as it is and the function held. False where the run was
    /// interrupted.
    ///
    /// # Errors
    /// Failures to read rows, and errors of the bound that are not recoverable.
    pub(super) fn look(
        &mut self,
        model: &SparseModel,
        looks: &mut [Look<'_>],
        pass: &Pass,
        criterion: Criterion,
    ) -> Result<bool> {
        // Of one alone the threads go into the linear algebra.
        let par = if looks.len() == 1 { in_parallel() } else { Par::Seq };
        let threads = rayon::current_num_threads().clamp(1, looks.len().max(1));
        let workspace = || {
            let own = BatchWorkspace::new(model, pass.epochs.largest(), false, par);
            let workspace = TargetWorkspace::with_model(own, model.layout().parameters().len());
            (workspace, vec![0.0; model.layout().dim()])
        };
        let mut workspaces: Vec<_> = (0..threads).map(|_| workspace()).collect();
        let mut batch = Batch::default();
        for number in 0..pass.used {
            if self.settings.interrupted() {
                return Ok(false);
            }
            self.rows.read(pass.epochs.seed(), pass.place(number), &mut batch)?;
            let (batch, scale, share) = (&batch, pass.scale(), pass.share());
            share_out(looks, &mut workspaces, &|look, (workspace, score)| {
                if look.failure.is_some() {
                    return;
                }
                let Particle { z, q, .. } = look.particle;
                let bound = BatchBound { model, q, batch, scale, held: Held::Function };
                match Target::new(&bound, criterion).and_then(|t| t.evaluate(z, score, workspace)) {
                    Ok(value) => {
                        look.value += share * value;
                        look.score.iter_mut().zip(&*score).for_each(|(to, from)| *to += share * from);
                    }
                    Err(error) => look.failure = Some(error),
                }
            });
        }
        let fatal = |look: &mut Look<'_>| look.failure.take_if(|error| !error.is_recoverable());
        looks.iter_mut().find_map(fatal).map_or(Ok(true), Err)
    }
}
