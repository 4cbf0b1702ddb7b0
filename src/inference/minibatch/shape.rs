//! The shape of the log likelihood of all rows around the mode, by differences of its score.

use super::Run;
use super::held::held_gradients;
use super::pass::Pass;
use super::quadratic::{Quadratic, further, score_in_w};
use super::settle::settle_particles;
use super::state::{Particle, State};
use crate::Result;
use crate::model::SparseModel;

/// Length of a probe, in logarithms of positive parameters.
const PROBE: f64 = 0.02;
/// Rows that each probe has its q(v) from, in multiples of M, and at least: so many that it follows little of their noise.
const SETTLED: (usize, usize) = (128, 50_000);
/// Rows on which scores are compared, likewise. They are the same for all probes, so that their noise shrinks with the probes'
/// length.
const COMPARED: (usize, usize) = (32, 20_000);

impl Run<'_> {
    /// −∂²ℓ/∂w² at the centre: d×d, row by row. None where the run was interrupted. Directions that could not be
    /// evaluated count as straight.
    pub(super) fn curvature(&mut self, model: &SparseModel, state: &mut State) -> Result<Option<Vec<f64>>> {
        let (layout, d) = (model.layout(), state.centre.z.len());
        let mut probes = Vec::with_capacity(d + 1);
        for a in 0..d {
            let step: Vec<f64> = (0..d).map(|b| if a == b { PROBE } else { 0.0 }).collect();
            probes.push(Particle { z: further(layout, &state.centre.z, &step)?, ..state.centre.clone() });
        }
        probes.push(state.centre.clone());
        let rows = |(times, least): (usize, usize)| least.max(times * model.size());
        let pass = Pass::of(self.rows.count(), rows(SETTLED), self.settings);
        let (settled, failures) = settle_particles(self.rows, model, &mut probes, &pass)?;
        state.failures += failures;
        let pass = Pass::of(self.rows.count(), rows(COMPARED), self.settings);
        let looks = held_gradients(self.rows, model, &probes, &pass, false, self.settings)?;
        let Some(looks) = looks else { return Ok(None) };
        let score = |place: usize| {
            let (z, mut score) = (&probes[place].z, vec![0.0; d]);
            let gradient = looks[place].as_ref().filter(|_| settled[place].is_some())?;
            layout.pull_back(z, gradient, &mut score);
            Some(score_in_w(layout, z, &score))
        };
        let here = score(d);
        let mut precision = vec![0.0; d * d];
        for a in 0..d {
            let (Some(there), Some(here)) = (score(a), &here) else { continue };
            for (b, (there, here)) in there.iter().zip(here).enumerate() {
                let half = 0.5 * (here - there) / PROBE;
                precision[a * d + b] += half;
                precision[b * d + a] += half;
            }
        }
        Ok(Some(precision))
    }

    /// The parabola around the centre, whose bound and score with all rows are known.
    pub(super) fn parabola<'m>(
        &self,
        model: &'m SparseModel,
        state: &State,
        bound: f64,
        precision: &[f64],
    ) -> Result<Quadratic<'m>> {
        let (layout, z, criterion) = (model.layout(), &state.centre.z, self.settings.criterion);
        let mut theta = vec![0.0; layout.parameters().len()];
        layout.constrain(z, &mut theta);
        let mut of_priors = vec![0.0; z.len()];
        let value = bound - criterion.add_priors(layout, z, &theta, &mut of_priors);
        let score: Vec<f64> =
            state.anchor_score.iter().zip(&of_priors).map(|(all, prior)| all - prior).collect();
        Quadratic::new(layout, criterion, z, (value, &score), precision)
    }
}
