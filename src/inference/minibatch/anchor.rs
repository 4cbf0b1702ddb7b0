//! The score of many rows at the mode that a warm-up found.
//!
//! A Gaussian that follows minibatches is never quite the best one: its noise counts as noise of the data, and a score looked
//! at through it leads to larger noise variances (on 28,000 rows by two posterior standard deviations). What pulls the whole
//! cloud is therefore the score of the anchor with its settled Gaussian, as the mean over the rows that it has settled on. With
//! the best q(v) it is the gradient of the best bound (envelope theorem).

use super::Run;
use super::all_rows::AllRows;
use super::batch_bound::{BatchBound, BatchWorkspace};
use super::pass::Pass;
use super::settle::settle_particles;
use super::state::{Particle, State};
use crate::Result;
use crate::density::LogDensity;
use crate::likelihood::Family;
use crate::linalg::in_parallel;
use crate::model::{Held, SparseModel, Target, TargetWorkspace};
use faer::Par;

/// What the rows of a lane say.
struct Seen {
    /// Σ E log p(y | f), without the divergence of q(v), and with what the criterion adds.
    value: f64,
    score: Vec<f64>,
    failure: Option<crate::Error>,
}

impl Run<'_> {
    /// Settles the anchor's q(v) and takes its score; returns the bound (with priors, as the criterion has it). Where it cannot
    /// be evaluated, or the run is interrupted, there is none, and the mode is taken to be one: score zero.
    pub(super) fn look_at_anchor(&mut self, model: &SparseModel, state: &mut State) -> Result<Option<f64>> {
        let mut score = vec![0.0; state.centre.z.len()];
        let looked = if model.likelihood().family() == Family::Gaussian {
            let all = AllRows::new(model, self.rows, self.settings);
            all.evaluate(&state.centre.z.clone(), &mut score, &mut state.centre)
        } else {
            self.settle_and_look(model, state, &mut score)
        };
        state.anchor_score = vec![0.0; score.len()];
        let bound = match looked {
            Ok(bound) => bound,
            Err(error) if error.is_recoverable() => {
                state.failures += usize::from(!self.settings.interrupted());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        state.anchor_score = score;
        // The settled Gaussian is also the one that the anchor goes on from.
        let Particle { z, q, values } = &mut state.centre;
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(z, &mut theta);
        model.place_function(&theta, q, &mut model.bound_workspace(1, in_parallel()), values)?;
        Ok(Some(bound))
    }

    /// For any likelihood, on minibatches' own evaluations.
    fn settle_and_look(&mut self, model: &SparseModel, state: &mut State, score: &mut [f64]) -> Result<f64> {
        let pass = Pass::new(self.rows.count(), self.settings);
        let (_, failures) =
            settle_particles(self.rows, model, std::slice::from_mut(&mut state.centre), &pass)?;
        state.failures += failures;
        let (d, parameters, settings) = (score.len(), model.layout().parameters().len(), self.settings);
        let Particle { z, q, .. } = &state.centre;
        let mut lanes = pass.lanes(1, |_| Seen { value: 0.0, score: vec![0.0; d], failure: None });
        let mut workspaces = Pass::workspaces(lanes.len(), || {
            let own = BatchWorkspace::new(model, pass.largest(), false, Par::Seq);
            (TargetWorkspace::with_model(own, parameters), vec![0.0; d])
        });
        let (scale, share) = (pass.scale(), pass.share());
        let stop = || settings.interrupted();
        let whole =
            pass.over(self.rows, &stop, &mut lanes, &mut workspaces, &|_, seen, batch, (workspace, one)| {
                if seen.failure.is_some() {
                    return;
                }
                let bound = BatchBound { model, q, batch, scale, held: Held::Function };
                match Target::new(&bound, settings.criterion).and_then(|t| t.evaluate(z, one, workspace)) {
                    Ok(value) => {
                        seen.value += share * value;
                        seen.score.iter_mut().zip(&*one).for_each(|(to, from)| *to += share * from);
                    }
                    Err(error) => seen.failure = Some(error),
                }
            })?;
        if !whole {
            return Err(crate::Error::NotFiniteValue { what: "score of an interrupted pass" });
        }
        let mut value = -state.centre.q.divergence(in_parallel());
        for seen in lanes.into_iter().map(|lane| lane.sums) {
            if let Some(error) = seen.failure {
                return Err(error);
            }
            value += seen.value;
            score.iter_mut().zip(&seen.score).for_each(|(to, from)| *to += from);
        }
        Ok(value)
    }
}
