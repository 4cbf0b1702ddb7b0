//! The bilinear kernel of every coordinate by itself: k_c(x, y) = 1 + (x_c − z̄_c)(y_c − z̄_c).
//!
//! At rest it holds E[(z_c − z̄_c) g_c] = −1 in every coordinate: the variance of each marginal on a Gaussian target, with
//! any number of particles above one. The full bilinear kernel asks this of all d² pairs of coordinates, and where J is
//! not many times d it pays for the pairs with marginals that are too wide on a target that is not Gaussian. The sums
//! over particles are moments. Cost: O(Jd).

use super::{Force, Interaction, ParticleKernel};
use crate::Result;
use crate::stein::Cloud;

/// The kernel with the moments of the present cloud.
#[derive(Debug)]
pub(super) struct MarginalKernel {
    mean: Vec<f64>,
    mean_score: Vec<f64>,
    /// 1/J Σ_j g_jc (z_jc − z̄_c).
    moment: Vec<f64>,
}

impl MarginalKernel {
    pub(super) fn new(dim: usize) -> Self {
        Self { mean: vec![0.0; dim], mean_score: vec![0.0; dim], moment: vec![0.0; dim] }
    }
}

impl ParticleKernel for MarginalKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        particles.mean_into(&mut self.mean);
        scores.mean_into(&mut self.mean_score);
        self.moment.fill(0.0);
        let share = 1.0 / particles.count().max(1) as f64;
        for (z, g) in particles.points().zip(scores.points()) {
            for (((moment, z), mean), g) in self.moment.iter_mut().zip(z).zip(&self.mean).zip(g) {
                *moment += share * g * (z - mean);
            }
        }
        Ok(())
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        for (c, mean) in self.mean.iter().enumerate() {
            value[c] += weight * (1.0 + (z[c] - mean) * (x[c] - mean));
            gradient[c] += weight * (x[c] - mean);
        }
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        // The sums of the trait lack the 1/J of the moments.
        let weight = weight * cloud.particles.count() as f64;
        for (i, x) in cloud.at.points().enumerate() {
            let (attraction, repulsion) = (force.attraction.point_mut(i), force.repulsion.point_mut(i));
            for (c, mean) in self.mean.iter().enumerate() {
                attraction[c] += weight * (self.mean_score[c] + self.moment[c] * (x[c] - mean));
                repulsion[c] += weight * (x[c] - mean);
            }
        }
    }

    fn is_scalar(&self) -> bool {
        false
    }
}
