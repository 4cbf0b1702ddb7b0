//! The score at the mode that the warm-up found, with many rows.
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
use crate::linalg::in_parallel;
use crate::model::{Held, SparseModel, Target, TargetWorkspace};
use crate::rows::Batch;

impl Run<'_> {
    /// Settles the anchor's q(v) and takes its score; returns the bound (with priors, as the criterion has it). Where it cannot
    /// be evaluated, or the run is interrupted, there is none, and the mode is taken to be one: score zero.
    pub(super) fn look_at_anchor(&mut self, model: &SparseModel, state: &mut State) -> Result<Option<f64>> {
        self.settle(model, state)?;
        let d = state.centre.z.len();
        state.anchor_score = vec![0.0; d];
        let pass = Pass::new(self.rows.count(), self.settings);
        let own = BatchWorkspace::new(model, pass.epochs.largest(), false, in_parallel());
        let mut workspace = TargetWorkspace::with_model(own, model.layout().parameters().len());
        let mut total = -state.centre.q.divergence(in_parallel());
        let (mut batch, mut score, mut sum) = (Batch::default(), vec![0.0; d], vec![0.0; d]);
        let Particle { z, q, values } = &mut state.centre;
        for number in 0..pass.used {
            if self.settings.interrupted() {
                return Ok(None);
            }
            self.rows.read(pass.epochs.seed(), pass.place(number), &mut batch)?;
            let (scale, held) = (pass.scale(), Held::Function);
            let bound = BatchBound { model, q, batch: &batch, scale, held };
            match Target::new(&bound, self.settings.criterion)?.evaluate(z, &mut score, &mut workspace) {
                Ok(value) => {
                    total += pass.share() * value;
                    sum.iter_mut().zip(&score).for_each(|(to, from)| *to += pass.share() * from);
                }
                Err(error) if error.is_recoverable() => {
                    state.failures += 1;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        // The settled Gaussian is also the one that the anchor goes on from.
        model.function_values(q, &workspace.model().bound, values);
        state.anchor_score = sum;
        Ok(Some(total))
    }
}
