//! The Stein force: what moves a particle, and what it would do to any other point.

use super::Cloud;
use super::kernel::{Force, Interaction, ParticleKernel, SteinKernel};
use crate::{Error, Result};

/// The force of a cloud, φ(x) = 1/J Σ_j [ k(z_j, x) g_j + ∇_{z_j} k(z_j, x) ] (Liu & Wang 2016, eq. 8), in its two parts.
#[derive(Debug)]
pub struct SteinForce {
    kernel: Box<dyn ParticleKernel>,
    force: Force,
}

impl SteinForce {
    /// Memory for `count` points in `dim` dimensions; it grows where more are asked for.
    ///
    /// # Errors
    /// Those of [`SteinKernel::build`].
    pub fn new(kernel: &SteinKernel, count: usize, dim: usize) -> Result<Self> {
        Ok(Self { kernel: kernel.build(dim)?, force: Force::zeros(count, dim) })
    }

    /// The force at the particles themselves. Cost: O(J²d), or O(Jd²) for kernels that are moments.
    ///
    /// # Errors
    /// As [`SteinForce::compute_at`].
    pub fn compute(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        self.compute_at(particles, scores, particles)
    }

    /// The force of `particles` at the points `at`.
    ///
    /// # Errors
    /// [`Error::Shape`] for clouds that do not fit each other, and what the kernel cannot take from the cloud.
    pub fn compute_at(&mut self, particles: &Cloud, scores: &Cloud, at: &Cloud) -> Result<()> {
        let dim = self.force.attraction.dim();
        for cloud in [particles, scores, at] {
            if cloud.dim() != dim {
                return Err(Error::Shape {
                    what: "coordinates of a point",
                    expected: dim,
                    found: cloud.dim(),
                });
            }
        }
        if scores.count() != particles.count() {
            let (expected, found) = (particles.count(), scores.count());
            return Err(Error::Shape { what: "scores of the particles", expected, found });
        }
        self.kernel.prepare(particles, scores)?;
        self.force.clear(at.count());
        let share = 1.0 / particles.count().max(1) as f64;
        self.kernel.add(share, &Interaction { particles, scores, at }, &mut self.force);
        Ok(())
    }

    /// 1/J Σ_j k(z_j, x) g_j: to where the density is high.
    pub fn attraction(&self) -> &Cloud {
        &self.force.attraction
    }

    /// 1/J Σ_j ∇_{z_j} k(z_j, x): away from the particles.
    pub fn repulsion(&self) -> &Cloud {
        &self.force.repulsion
    }

    /// The kernel, as the last call left it.
    pub fn kernel(&self) -> &dyn ParticleKernel {
        self.kernel.as_ref()
    }
}

/// Attraction and repulsion of `particles` with `scores` at the points `at`, all in the coordinates in which the
/// kernel sees them. With `at` the particles themselves it is what moves them.
///
/// # Errors
/// Those of [`SteinKernel::build`] and [`SteinForce::compute_at`].
pub fn stein_field(
    kernel: &SteinKernel,
    particles: &Cloud,
    scores: &Cloud,
    at: &Cloud,
) -> Result<(Cloud, Cloud)> {
    let mut force = SteinForce::new(kernel, at.count(), particles.dim())?;
    force.compute_at(particles, scores, at)?;
    Ok((force.force.attraction, force.force.repulsion))
}
