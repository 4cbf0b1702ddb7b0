//! Stochastic SVGD (Gallego & Insua 2018; Leviyev et al. 2022).
//!
//! z ← z + ε φ(z) + √(2ε/J) C ξ with CCᵀ = K, the J×J matrix of the kernel in each coordinate and ξ standard normal: a
//! Langevin step on all particles together whose metric is the kernel. Because drift and noise share K the target (a
//! product of J copies) stays invariant; independent noise would not do. Cost: O(J³) beside the force.

use super::{Mover, Scene};
use crate::Result;
use crate::density::LogDensity;
use crate::linalg::factor_with_jitter;
use crate::stein::{Cloud, SteinForce, SteinKernel};
use faer::{Mat, Par};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The force and noise that belongs to it.
pub(super) struct Langevin {
    force: SteinForce,
    /// Lower factor of K, for the present number of particles.
    factor: Mat<f64>,
    value: Vec<f64>,
    gradient: Vec<f64>,
    draws: Vec<f64>,
}

impl Langevin {
    pub(super) fn new(kernel: &SteinKernel, count: usize, dim: usize) -> Result<Self> {
        Ok(Self {
            force: SteinForce::new(kernel, count, dim)?,
            factor: Mat::zeros(count, count),
            value: vec![0.0; dim],
            gradient: vec![0.0; dim],
            draws: vec![0.0; count],
        })
    }

    /// Factors K of coordinate `c`.
    fn factor(&mut self, particles: &Cloud, c: usize) -> Result<()> {
        let count = particles.count();
        if self.factor.nrows() != count {
            self.factor = Mat::zeros(count, count);
        }
        let (kernel, value, gradient) = (self.force.kernel(), &mut self.value, &mut self.gradient);
        let fill = |mut target: faer::MatMut<'_, f64>| {
            for j in 0..count {
                for i in j..count {
                    value.fill(0.0);
                    kernel.add_pair(1.0, particles.point(j), particles.point(i), value, gradient);
                    target[(i, j)] = value[c];
                }
            }
        };
        factor_with_jitter("kernel of the particles", self.factor.as_mut(), fill, Par::Seq)?;
        Ok(())
    }
}

impl<D: LogDensity> Mover<D> for Langevin {
    fn direct(&mut self, scene: &mut Scene<'_, '_, D>, direction: &mut Cloud) -> Result<()> {
        self.force.compute(scene.particles, scene.scores)?;
        scene.weights.combine(self.force.attraction(), self.force.repulsion(), direction);
        Ok(())
    }

    fn parts(&self) -> (&Cloud, &Cloud) {
        (self.force.attraction(), self.force.repulsion())
    }

    fn disturb(
        &mut self,
        scene: &Scene<'_, '_, D>,
        rate: f64,
        rng: &mut ChaCha8Rng,
        noise: &mut Cloud,
    ) -> Result<bool> {
        let (count, dim) = (scene.particles.count(), scene.particles.dim());
        noise.resize(count);
        let scale = (2.0 * rate * scene.weights.repulsion / count as f64).sqrt();
        for c in 0..dim {
            if c == 0 || !self.force.kernel().is_scalar() {
                self.factor(scene.particles, c)?;
            }
            self.draws.resize(count, 0.0);
            self.draws.iter_mut().for_each(|d| *d = StandardNormal.sample(rng));
            for i in 0..count {
                let sum: f64 = (0..=i).map(|j| self.factor[(i, j)] * self.draws[j]).sum();
                noise.point_mut(i)[c] = scale * sum;
            }
        }
        Ok(true)
    }
}
