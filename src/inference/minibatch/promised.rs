//! What a parabola promised of particles, held against what all rows say of them.
//!
//! A climb that ended before its mode leaves a slope, and the parabola's mode lies where nothing was looked at. What all particles
//! are worse by than promised says where the mode is, and nothing of how far they lie apart: such a cloud is moved as a whole.
//! A particle that is worse than the others is taken nearer.

use super::Run;
use super::pass::Pass;
use super::quadratic::{Quadratic, difference, further};
use super::settle::settle_particles;
use super::state::{Particle, State};
use crate::Result;
use crate::density::LogDensity;
use crate::model::SparseModel;

/// Nats that all rows may find a particle worse than promised, beyond what they find the others, before it is taken nearer.
const WORSE: f64 = 3.0;
/// What the difference is to become, and the share of the way that is left where it is not known.
const BETTER: f64 = 1.0;
const FAR: f64 = 0.1;
/// How often particles are moved.
const ROUNDS: usize = 2;

impl Run<'_> {
    /// Settles the particles, and moves those that all rows find much worse than the parabola promised: all of them alike to around
    /// the best place that is known, one of them nearer to it, to where the difference would be small if it grew with the square of
    /// the distance. `mode` is where the search ended, with the bound `at_mode`. Returns the standard deviation of the differences
    /// before that.
    pub(super) fn settle_as_promised(
        &mut self,
        model: &SparseModel,
        parabola: &Quadratic<'_>,
        mode: &[f64],
        at_mode: f64,
        state: &mut State,
    ) -> Result<f64> {
        let (layout, criterion, count) = (model.layout(), self.settings.criterion, state.particles.len());
        let mut workspace = parabola.workspace();
        let mut unused = vec![0.0; mode.len()];
        let mut promised = Vec::with_capacity(count);
        for particle in &state.particles {
            promised.push(parabola.evaluate(&particle.z, &mut unused, &mut workspace)? - at_mode);
        }
        let pass = Pass::new(self.rows.count(), self.settings);
        let mut waiting: Vec<usize> = (0..count).collect();
        let (mut found, mut misfit, mut best) = (vec![0.0; count], 0.0, mode.to_vec());
        for round in 0..=ROUNDS {
            let mut settling: Vec<Particle> = waiting.iter().map(|&j| state.particles[j].clone()).collect();
            let (bounds, failures) = settle_particles(self.rows, model, &mut settling, &pass)?;
            state.failures += failures;
            for ((&j, particle), bound) in waiting.iter().zip(settling).zip(bounds) {
                let mut theta = vec![0.0; layout.parameters().len()];
                layout.constrain(&particle.z, &mut theta);
                let of_priors = criterion.add_priors(layout, &particle.z, &theta, &mut unused);
                found[j] = bound.map_or(f64::NEG_INFINITY, |bound| bound + of_priors - at_mode);
                state.particles[j] = particle;
            }
            let worse: Vec<f64> = promised.iter().zip(&found).map(|(p, f)| p - f).collect();
            let places = std::mem::take(&mut waiting);
            if round == 0 {
                misfit = standard_deviation(&worse);
                if let Some(j) = highest(&found).filter(|&j| found[j] > 0.0) {
                    best.clone_from(&state.particles[j].z);
                }
                // Half of the draws from a Gaussian lie less than d/2 below its mode.
                let depths: Vec<f64> = found.iter().map(|f| -f).collect();
                if middle(&depths) > mode.len() as f64 + 2.0 * WORSE && !self.settings.interrupted() {
                    let from: Vec<Vec<f64>> =
                        state.particles.iter().map(|p| difference(layout, &p.z, &best)).collect();
                    let share = (count as f64).recip();
                    let mean: Vec<f64> =
                        (0..mode.len()).map(|a| share * from.iter().map(|s| s[a]).sum::<f64>()).collect();
                    for (particle, from) in state.particles.iter_mut().zip(from) {
                        let step: Vec<f64> = from.iter().zip(&mean).map(|(s, m)| s - m).collect();
                        particle.z = further(layout, &best, &step)?;
                    }
                    waiting = places;
                    continue;
                }
            }
            // A particle that is moved must settle again.
            if round == ROUNDS || self.settings.interrupted() {
                break;
            }
            let level = middle(&worse);
            for j in places {
                // Not finite where most have no bound at all.
                let more = worse[j] - level;
                if more > WORSE || !worse[j].is_finite() {
                    let share = if more.is_finite() { (BETTER / more).sqrt() } else { FAR };
                    let z = &mut state.particles[j].z;
                    let nearer: Vec<f64> =
                        difference(layout, z, &best).iter().map(|step| share * step).collect();
                    *z = further(layout, &best, &nearer)?;
                    waiting.push(j);
                }
            }
            if waiting.is_empty() {
                break;
            }
        }
        Ok(misfit)
    }
}

fn highest(values: &[f64]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))
}

/// What half of the values, or more, do not exceed.
fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Not finite where a value is not.
fn standard_deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}
