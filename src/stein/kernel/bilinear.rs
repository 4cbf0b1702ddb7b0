//! The bilinear kernel k(x, y) = 1 + (x − μ)ᵀ P (y − μ), with μ and P as the present cloud or the caller has them.
//!
//! With P = I and μ = z̄ it holds mean and covariance exactly on a Gaussian target (Liu & Wang 2018). With P = Σ⁻¹ it
//! is the tangent kernel of the Gaussian family, see [`tangent`](super::tangent). It is linear in each argument, so
//! that the sums over particles are moments:
//!
//! 1/J Σ_j k(z_j, x) g_j = ḡ + M P (x − μ) with M = 1/J Σ_j g_j (z_j − μ)ᵀ,
//! 1/J Σ_j ∇_{z_j} k(z_j, x) = P (x − μ), with μ and P held.
//!
//! Cost: O(J d²) rather than the O(J² d) of pairs.

use super::{Force, Interaction, ParticleKernel};
use crate::Result;
use crate::stein::Cloud;

/// A bilinear kernel with the moments of the present cloud.
#[derive(Debug)]
pub(super) struct BilinearKernel {
    /// Whether μ is the cloud's mean.
    follows_cloud: bool,
    mean: Vec<f64>,
    /// P, d×d row by row; none: the identity.
    precision: Option<Vec<f64>>,
    mean_score: Vec<f64>,
    /// M P, d×d row by row.
    moment: Vec<f64>,
    work: Vec<f64>,
}

impl BilinearKernel {
    /// P = I and μ = z̄.
    pub(super) fn centred(dim: usize) -> Self {
        Self {
            follows_cloud: true,
            mean: vec![0.0; dim],
            precision: None,
            mean_score: vec![0.0; dim],
            moment: vec![0.0; dim * dim],
            work: vec![0.0; dim * dim],
        }
    }

    /// Given μ and P.
    pub(super) fn fixed(mean: Vec<f64>, precision: Vec<f64>) -> Self {
        let dim = mean.len();
        Self { follows_cloud: false, mean, precision: Some(precision), ..Self::centred(dim) }
    }

    /// P for the next sums.
    pub(super) fn set_precision(&mut self, precision: &[f64]) {
        let own = self.precision.get_or_insert_with(Vec::new);
        own.clear();
        own.extend_from_slice(precision);
    }

    /// (P (x − μ))_a.
    fn dual(&self, a: usize, x: &[f64]) -> f64 {
        match &self.precision {
            None => x[a] - self.mean[a],
            Some(p) => {
                let row = &p[a * x.len()..(a + 1) * x.len()];
                row.iter().zip(x).zip(&self.mean).map(|((p, x), m)| p * (x - m)).sum()
            }
        }
    }
}

impl ParticleKernel for BilinearKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        let (d, share) = (particles.dim().max(1), 1.0 / particles.count().max(1) as f64);
        if self.follows_cloud {
            particles.mean_into(&mut self.mean);
        }
        scores.mean_into(&mut self.mean_score);
        let product = if self.precision.is_some() { &mut self.work } else { &mut self.moment };
        product.fill(0.0);
        for (z, g) in particles.points().zip(scores.points()) {
            for (row, g) in product.chunks_mut(d).zip(g) {
                for ((m, z), mean) in row.iter_mut().zip(z).zip(&self.mean) {
                    *m += share * g * (z - mean);
                }
            }
        }
        if let Some(precision) = &self.precision {
            for (out, row) in self.moment.chunks_mut(d).zip(self.work.chunks(d)) {
                out.fill(0.0);
                for (m, p) in row.iter().zip(precision.chunks(d)) {
                    out.iter_mut().zip(p).for_each(|(o, p)| *o += m * p);
                }
            }
        }
        Ok(())
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        let mut k = 1.0;
        for (a, g) in gradient.iter_mut().enumerate() {
            let dual = self.dual(a, x);
            k += (z[a] - self.mean[a]) * dual;
            *g += weight * dual;
        }
        value.iter_mut().for_each(|v| *v += weight * k);
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        // The sums of the trait lack the 1/J of the moments.
        let weight = weight * cloud.particles.count() as f64;
        let d = cloud.at.dim();
        for i in 0..cloud.at.count() {
            let x = cloud.at.point(i);
            for (a, out) in force.attraction.point_mut(i).iter_mut().enumerate() {
                let row = &self.moment[a * d..(a + 1) * d];
                let product: f64 = row.iter().zip(x).zip(&self.mean).map(|((m, x), c)| m * (x - c)).sum();
                *out += weight * (self.mean_score[a] + product);
            }
            for (a, out) in force.repulsion.point_mut(i).iter_mut().enumerate() {
                *out += weight * self.dual(a, x);
            }
        }
    }

    /// The centred cloud must span all d dimensions: a kernel that holds moments asks of those that it spans the
    /// variance of all.
    fn least_particles(&self) -> usize {
        self.mean.len() + 1
    }
}
