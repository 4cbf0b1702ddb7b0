//! The direction is the force.

use super::{Mover, Scene};
use crate::Result;
use crate::density::LogDensity;
use crate::stein::{Cloud, SteinForce, SteinKernel};

/// φ itself (Liu & Wang 2016).
pub(super) struct Gradient {
    force: SteinForce,
}

impl Gradient {
    pub(super) fn new(kernel: &SteinKernel, count: usize, dim: usize) -> Result<Self> {
        Ok(Self { force: SteinForce::new(kernel, count, dim)? })
    }
}

impl<D: LogDensity> Mover<D> for Gradient {
    fn direct(&mut self, scene: &mut Scene<'_, '_, D>, direction: &mut Cloud) -> Result<()> {
        self.force.compute(scene.particles, scene.scores)?;
        scene.weights.combine(self.force.attraction(), self.force.repulsion(), direction);
        Ok(())
    }

    fn parts(&self) -> (&Cloud, &Cloud) {
        (self.force.attraction(), self.force.repulsion())
    }
}
