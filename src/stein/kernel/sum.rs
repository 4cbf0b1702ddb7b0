//! A weighted sum of kernels.

use super::{Force, Interaction, ParticleKernel};
use crate::stein::Cloud;
use crate::{Error, Result};

/// Σ w k. Parts that need more particles than there are stand aside, and the others take over their weight.
#[derive(Debug)]
pub(super) struct SumKernel {
    parts: Vec<(f64, Box<dyn ParticleKernel>)>,
    /// Weights for the present number of particles; zero: stands aside.
    weights: Vec<f64>,
}

impl SumKernel {
    pub(super) fn new(parts: Vec<(f64, Box<dyn ParticleKernel>)>) -> Result<Self> {
        if parts.is_empty() || parts.iter().any(|(w, _)| !(*w > 0.0 && w.is_finite())) {
            return Err(Error::Invalid("a sum of kernels needs parts with positive weights".into()));
        }
        Ok(Self { weights: parts.iter().map(|(w, _)| *w).collect(), parts })
    }

    fn active(&self) -> impl Iterator<Item = (f64, &dyn ParticleKernel)> {
        let parts = self.parts.iter().zip(&self.weights).filter(|(_, w)| **w > 0.0);
        parts.map(|((_, part), w)| (*w, part.as_ref()))
    }
}

impl ParticleKernel for SumKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        // Where all would stand aside, those stay that need least.
        let count = particles.count().max(self.least_particles());
        let total: f64 = self.parts.iter().map(|(w, _)| w).sum();
        let kept: f64 = self.parts.iter().filter(|(_, k)| k.least_particles() <= count).map(|(w, _)| w).sum();
        for ((w, part), weight) in self.parts.iter_mut().zip(&mut self.weights) {
            let takes_part = part.least_particles() <= count;
            *weight = if takes_part { *w * total / kept } else { 0.0 };
            if takes_part {
                part.prepare(particles, scores)?;
            }
        }
        Ok(())
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        self.active().for_each(|(w, part)| part.add_pair(weight * w, z, x, value, gradient));
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        for ((_, part), w) in self.parts.iter_mut().zip(&self.weights).filter(|(_, w)| **w > 0.0) {
            part.add(weight * w, cloud, force);
        }
    }

    fn least_particles(&self) -> usize {
        self.parts.iter().map(|(_, part)| part.least_particles()).min().unwrap_or(1)
    }

    fn is_scalar(&self) -> bool {
        self.parts.iter().all(|(_, part)| part.is_scalar())
    }
}
