//! Stein variational Newton (Detommaso et al. 2018), in its block form.
//!
//! Each particle solves (1/J Σ_j [ k(z_j, z_i)² H_j + ∇k(z_j, z_i) ∇k(z_j, z_i)ᵀ ]) s_i = φ(z_i): the diagonal blocks of
//! the second variation of the divergence (eq. 13–17 of the paper), H_j the negative Hessian at particle j. One particle
//! takes Newton's step. Cost: O(J²d² + Jd³) beside the curvature.

use super::{Mover, Scene};
use crate::Result;
use crate::density::LogDensity;
use crate::linalg::factor_with_jitter;
use crate::stein::{Cloud, Curvature, CurvatureSource, SteinForce, SteinKernel};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, Par};

/// Newton steps for the particles.
pub(super) struct Newton<D: LogDensity> {
    force: SteinForce,
    curvature: Box<dyn Curvature<D>>,
    hessians: Vec<f64>,
    block: Vec<f64>,
    value: Vec<f64>,
    gradient: Vec<f64>,
    factor: Mat<f64>,
    step: Mat<f64>,
}

/// Longest step of a particle in whitened standard deviations a coordinate: a quadratic model is not believed
/// further away.
const TRUST: f64 = 1.0;

impl<D: LogDensity> Newton<D> {
    pub(super) fn new(
        kernel: &SteinKernel,
        source: CurvatureSource,
        count: usize,
        dim: usize,
    ) -> Result<Self> {
        Ok(Self {
            force: SteinForce::new(kernel, count, dim)?,
            curvature: source.build(),
            hessians: vec![0.0; count * dim * dim],
            block: vec![0.0; dim * dim],
            value: vec![0.0; dim],
            gradient: vec![0.0; dim],
            factor: Mat::zeros(dim, dim),
            step: Mat::zeros(dim, 1),
        })
    }

    /// The block of the particle at `x`.
    fn fill_block(&mut self, particles: &Cloud, x: &[f64], attraction: f64) {
        let (d, share) = (particles.dim(), 1.0 / particles.count() as f64);
        self.block.fill(0.0);
        for (z, hessian) in particles.points().zip(self.hessians.chunks(d * d)) {
            self.value.fill(0.0);
            self.gradient.fill(0.0);
            self.force.kernel().add_pair(1.0, z, x, &mut self.value, &mut self.gradient);
            for a in 0..d {
                for b in 0..=a {
                    let curved = attraction * self.value[a] * self.value[b] * hessian[a * d + b];
                    self.block[a * d + b] += share * (curved + self.gradient[a] * self.gradient[b]);
                }
            }
        }
    }
}

impl<D: LogDensity> Mover<D> for Newton<D> {
    fn direct(&mut self, scene: &mut Scene<'_, '_, D>, direction: &mut Cloud) -> Result<()> {
        let (z, g, d) = (scene.particles, scene.scores, scene.particles.dim());
        self.hessians.resize(z.count() * d * d, 0.0);
        self.curvature.negative_hessians(scene.evaluator, scene.whitening, z, g, &mut self.hessians)?;
        self.force.compute(z, g)?;
        scene.weights.combine(self.force.attraction(), self.force.repulsion(), direction);
        for (x, out) in z.points().zip(direction.points_mut()) {
            self.fill_block(z, x, scene.weights.attraction);
            let block = &self.block;
            let fill = |mut target: faer::MatMut<'_, f64>| {
                for a in 0..d {
                    for b in 0..=a {
                        target[(a, b)] = block[a * d + b];
                    }
                }
            };
            let name = "second variation at a particle";
            factor_with_jitter(name, self.factor.as_mut(), fill, Par::Seq)?;
            (0..d).for_each(|a| self.step[(a, 0)] = out[a]);
            solve_lower_triangular_in_place(self.factor.as_ref(), self.step.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(self.factor.transpose(), self.step.as_mut(), Par::Seq);
            let length = (0..d).map(|a| self.step[(a, 0)].powi(2)).sum::<f64>().sqrt();
            let share = (TRUST * (d as f64).sqrt() / length).min(1.0);
            (0..d).for_each(|a| out[a] = share * self.step[(a, 0)]);
        }
        Ok(())
    }

    fn parts(&self) -> (&Cloud, &Cloud) {
        (self.force.attraction(), self.force.repulsion())
    }

    fn reset(&mut self) {
        self.curvature.reset();
    }
}
