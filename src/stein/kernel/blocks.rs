//! One kernel for the first coordinates and another for the rest, k = diag(k₁ I, k₂ I).
//!
//! Hyperparameters and latent values have little in common: a distance over all coordinates is one over the many
//! latents, in which the few hyperparameters drown, and their width with it.

use super::ParticleKernel;
use crate::stein::Cloud;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct BlocksKernel {
    first: Block,
    rest: Block,
    split: usize,
}

#[derive(Debug)]
struct Block {
    kernel: Box<dyn ParticleKernel>,
    particles: Cloud,
    scores: Cloud,
}

impl Block {
    fn new(kernel: Box<dyn ParticleKernel>, dim: usize) -> Self {
        Self { kernel, particles: Cloud::zeros(0, dim), scores: Cloud::zeros(0, dim) }
    }

    /// Copies the coordinates from `start` on and prepares the kernel for them.
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud, start: usize) -> Result<()> {
        for (from, to) in [(particles, &mut self.particles), (scores, &mut self.scores)] {
            to.resize(from.count());
            let dim = to.dim();
            for (from, to) in from.points().zip(to.points_mut()) {
                to.copy_from_slice(&from[start..start + dim]);
            }
        }
        self.kernel.prepare(&self.particles, &self.scores)
    }
}

impl BlocksKernel {
    /// `first` for coordinates below `split`, `rest` for those from it on.
    pub(super) fn new(
        split: usize,
        dim: usize,
        first: Box<dyn ParticleKernel>,
        rest: Box<dyn ParticleKernel>,
    ) -> Result<Self> {
        if split == 0 || split >= dim {
            return Err(Error::Invalid(format!(
                "a kernel in blocks must cut {dim} coordinates into two parts, not at {split}"
            )));
        }
        Ok(Self { first: Block::new(first, split), rest: Block::new(rest, dim - split), split })
    }
}

impl ParticleKernel for BlocksKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        self.first.prepare(particles, scores, 0)?;
        self.rest.prepare(particles, scores, self.split)
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        let ((z, z_rest), (x, x_rest)) = (z.split_at(self.split), x.split_at(self.split));
        let (value, value_rest) = value.split_at_mut(self.split);
        let (gradient, gradient_rest) = gradient.split_at_mut(self.split);
        self.first.kernel.add_pair(weight, z, x, value, gradient);
        self.rest.kernel.add_pair(weight, z_rest, x_rest, value_rest, gradient_rest);
    }

    fn least_particles(&self) -> usize {
        self.first.kernel.least_particles().max(self.rest.kernel.least_particles())
    }

    fn is_scalar(&self) -> bool {
        false
    }
}
