//! One kernel for the first coordinates and another for the rest, k = diag(k₁ I, k₂ I).
//!
//! Hyperparameters and latent values have little in common: a distance over all coordinates is one over the many
//! latents, in which the few hyperparameters drown, and their width with it.

use super::{Force, Interaction, ParticleKernel};
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
    start: usize,
    particles: Cloud,
    scores: Cloud,
    at: Cloud,
    force: Force,
}

impl Block {
    /// A kernel for the `dim` coordinates from `start` on.
    fn new(kernel: Box<dyn ParticleKernel>, start: usize, dim: usize) -> Self {
        let nobody = Cloud::zeros(0, dim);
        let (scores, at) = (nobody.clone(), nobody.clone());
        Self { kernel, start, particles: nobody, scores, at, force: Force::zeros(0, dim) }
    }

    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        copy_coordinates(particles, self.start, &mut self.particles);
        copy_coordinates(scores, self.start, &mut self.scores);
        self.kernel.prepare(&self.particles, &self.scores)
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        let own = std::ptr::eq(cloud.at, cloud.particles);
        if !own {
            copy_coordinates(cloud.at, self.start, &mut self.at);
        }
        let at = if own { &self.particles } else { &self.at };
        self.force.clear(at.count());
        let interaction = Interaction { particles: &self.particles, scores: &self.scores, at };
        self.kernel.add(weight, &interaction, &mut self.force);
        let range = self.start..self.start + at.dim();
        let parts =
            [(&self.force.attraction, &mut force.attraction), (&self.force.repulsion, &mut force.repulsion)];
        for (from, to) in parts {
            for (from, to) in from.points().zip(to.points_mut()) {
                to[range.clone()].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
    }
}

/// The coordinates from `start` on of all points, as many as `to` has.
fn copy_coordinates(from: &Cloud, start: usize, to: &mut Cloud) {
    to.resize(from.count());
    let dim = to.dim();
    for (from, to) in from.points().zip(to.points_mut()) {
        to.copy_from_slice(&from[start..start + dim]);
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
        Ok(Self { first: Block::new(first, 0, split), rest: Block::new(rest, split, dim - split), split })
    }
}

impl ParticleKernel for BlocksKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        self.first.prepare(particles, scores)?;
        self.rest.prepare(particles, scores)
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        let ((z, z_rest), (x, x_rest)) = (z.split_at(self.split), x.split_at(self.split));
        let (value, value_rest) = value.split_at_mut(self.split);
        let (gradient, gradient_rest) = gradient.split_at_mut(self.split);
        self.first.kernel.add_pair(weight, z, x, value, gradient);
        self.rest.kernel.add_pair(weight, z_rest, x_rest, value_rest, gradient_rest);
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        self.first.add(weight, cloud, force);
        self.rest.add(weight, cloud, force);
    }

    fn least_particles(&self) -> usize {
        self.first.kernel.least_particles().max(self.rest.kernel.least_particles())
    }

    fn is_scalar(&self) -> bool {
        false
    }
}
