//! Particles that cannot be evaluated where they are.

use super::{Engine, Outcome, Stop};
use crate::density::LogDensity;
use crate::stein::{Cloud, Trace};
use crate::{Error, Result};
use rand_distr::{Distribution, StandardNormal};

/// Failures in a row after which a particle is drawn again near one that works.
const PATIENCE: usize = 3;
/// How near, in whitened standard deviations.
const NEAR: f64 = 0.3;

impl<D: LogDensity> Engine<'_, D> {
    pub(super) fn first_failure(&mut self) -> Error {
        let first = self.values.iter_mut().find(|v| v.is_err());
        first
            .and_then(|v| std::mem::replace(v, Ok(0.0)).err())
            .unwrap_or(Error::NotFiniteValue { what: "log density" })
    }

    /// Puts particles that keep failing next to a random one that works.
    pub(super) fn redraw_failed(&mut self, active: &[usize]) {
        for i in 0..self.failures.len() {
            if self.failures[i] < PATIENCE || active.is_empty() {
                continue;
            }
            let pick = rand::RngExt::random_range(&mut self.rng, 0..active.len());
            let mut z = vec![0.0; self.particles.dim()];
            self.whitening.whiten(self.particles.point(active[pick]), &mut z);
            for v in &mut z {
                let draw: f64 = StandardNormal.sample(&mut self.rng);
                *v += NEAR * draw;
            }
            self.whitening.unwhiten(&z, self.particles.point_mut(i));
            self.failures[i] = 0;
        }
    }

    /// Evaluates where the particles ended up; what cannot be evaluated there is put on one that can.
    pub(super) fn finish(mut self, trace: Trace, stop: Stop, draws: Cloud) -> Result<Outcome> {
        self.evaluate()?;
        let active: Vec<usize> = (0..self.values.len()).filter(|&i| self.values[i].is_ok()).collect();
        let Some(&first) = active.first() else { return Err(self.first_failure()) };
        for i in 0..self.values.len() {
            if self.values[i].is_err() {
                let from = active.get(i % active.len()).copied().unwrap_or(first);
                let (point, score) = (self.particles.point(from).to_vec(), self.scores.point(from).to_vec());
                self.particles.point_mut(i).copy_from_slice(&point);
                self.scores.point_mut(i).copy_from_slice(&score);
                self.values[i] = self.values[from].as_ref().map_or_else(|_| Ok(f64::NAN), |v| Ok(*v));
            }
        }
        Ok(Outcome {
            log_densities: self.values.iter().map(|v| v.as_ref().map_or(f64::NAN, |v| *v)).collect(),
            particles: self.particles,
            scores: self.scores,
            whitening: self.whitening,
            draws,
            trace,
            stop,
        })
    }
}
