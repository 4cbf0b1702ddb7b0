//! Families of distributions as maps of noise, their neural tangent kernel, and black-box variational inference.
//!
//! x = f_φ(ε) with noise ε of a fixed distribution. The ELBO's gradient is an average over noise,
//! ∇_φ L = E[J_φ(ε)ᵀ (∇log p(x) − ∇log q_φ(x))] with J_φ = ∂f_φ/∂φ (Chu et al. 2020, eq. 10), and ascent along it moves
//! the samples by the kernel Θ(ε, ε′) = J_φ(ε) J_φ(ε′)ᵀ (eq. 15).

use super::Cloud;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::{Error, Result};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};

/// A family of distributions given by a map of noise: x = f_φ(ε) (Kingma & Welling 2014).
pub trait Reparameterised {
    /// Dimension d of x.
    fn dim(&self) -> usize;

    /// Number of parameters in φ.
    fn parameter_count(&self) -> usize;

    /// x = f_φ(ε), into `x` (length d).
    fn transform(&self, parameters: &[f64], noise: &[f64], x: &mut [f64]);

    /// ∂f_φ(ε)/∂φ, into `jacobian` (d rows of one entry a parameter).
    fn jacobian(&self, parameters: &[f64], noise: &[f64], jacobian: &mut [f64]);
}

/// The neural tangent kernel Θ(ε, ε′) = J_φ(ε) J_φ(ε′)ᵀ (Chu et al. 2020, eq. 12), d×d row by row.
/// Cost: two Jacobians and O(d²) products of as many terms as φ has entries.
pub fn neural_tangent_kernel<F: Reparameterised>(
    family: &F,
    parameters: &[f64],
    noise: &[f64],
    other: &[f64],
) -> Vec<f64> {
    let (d, p) = (family.dim(), family.parameter_count());
    let (mut here, mut there) = (vec![0.0; d * p], vec![0.0; d * p]);
    family.jacobian(parameters, noise, &mut here);
    family.jacobian(parameters, other, &mut there);
    let mut kernel = Vec::with_capacity(d * d);
    for a in here.chunks(p.max(1)) {
        kernel.extend(there.chunks(p.max(1)).map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()));
    }
    kernel
}

/// The Gaussian family x = μ + Aε (Chu et al. 2020, eq. 17); φ is μ followed by A, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaussianFamily {
    /// Dimension d.
    pub dim: usize,
}

impl Reparameterised for GaussianFamily {
    fn dim(&self) -> usize {
        self.dim
    }

    fn parameter_count(&self) -> usize {
        self.dim + self.dim * self.dim
    }

    fn transform(&self, parameters: &[f64], noise: &[f64], x: &mut [f64]) {
        let (mean, map) = parameters.split_at(self.dim);
        for ((x, m), row) in x.iter_mut().zip(mean).zip(map.chunks(self.dim.max(1))) {
            *x = m + row.iter().zip(noise).map(|(a, e)| a * e).sum::<f64>();
        }
    }

    /// ∂f_i/∂μ_l = δ_il, ∂f_i/∂A_lm = δ_il ε_m (eq. 19).
    fn jacobian(&self, _: &[f64], noise: &[f64], jacobian: &mut [f64]) {
        jacobian.fill(0.0);
        for (i, row) in jacobian.chunks_mut(self.parameter_count().max(1)).enumerate() {
            row[i] = 1.0;
            let start = self.dim + i * self.dim;
            row[start..start + self.dim].copy_from_slice(noise);
        }
    }
}

/// Black-box variational inference with a Gaussian family: ascent of the ELBO in μ and A by reparameterised gradients.
#[derive(Debug, Clone)]
pub struct GaussianBbvi {
    /// μ, length d.
    pub mean: Vec<f64>,
    /// A, d×d row by row: x = μ + Aε.
    pub map: Vec<f64>,
}

impl GaussianBbvi {
    /// The Gaussian with the moments of a cloud (divisor J); A is lower triangular.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] for a cloud that does not span its space.
    pub fn matching(cloud: &Cloud) -> Result<Self> {
        let (d, count) = (cloud.dim(), cloud.count() as f64);
        let covariance = cloud.covariance();
        let matrix = Mat::from_fn(d, d, |i, j| covariance[i * d + j] * (count - 1.0) / count);
        let name = "covariance of the cloud";
        let failed = |_| Error::NotPositiveDefinite { matrix: name, size: d, jitter: 0.0 };
        let factor = matrix.llt(Side::Lower).map_err(failed)?;
        let map = (0..d * d).map(|k| if k % d > k / d { 0.0 } else { factor.L()[(k / d, k % d)] }).collect();
        Ok(Self { mean: cloud.mean(), map })
    }

    /// Σ = AAᵀ, d×d row by row.
    pub fn covariance(&self) -> Vec<f64> {
        let d = self.mean.len();
        let row = |i: usize| &self.map[i * d..(i + 1) * d];
        (0..d * d).map(|k| row(k / d).iter().zip(row(k % d)).map(|(a, b)| a * b).sum()).collect()
    }

    /// The noise ε = A⁻¹(x − μ) of which the points of a cloud are images.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] for a singular A.
    pub fn noise_of(&self, cloud: &Cloud) -> Result<Cloud> {
        let (d, inverse) = (cloud.dim(), self.inverse()?);
        let mut noise = Cloud::zeros(cloud.count(), d);
        for (x, e) in cloud.points().zip(noise.points_mut()) {
            for (a, e) in e.iter_mut().enumerate() {
                *e = (0..d).map(|b| inverse[(a, b)] * (x[b] - self.mean[b])).sum();
            }
        }
        Ok(noise)
    }

    /// A step of length `rate` up the ELBO, averaged over `noise`; with ∇log q(x) = −A⁻ᵀ ε.
    ///
    /// # Errors
    /// The first failure of an evaluation, and [`Error::NotFiniteValue`] for a singular A.
    pub fn step<D: LogDensity>(
        &mut self,
        evaluator: &mut Evaluator<'_, D>,
        noise: &Cloud,
        rate: f64,
    ) -> Result<()> {
        let (d, count) = (self.mean.len(), noise.count());
        let (family, inverse) = (GaussianFamily { dim: d }, self.inverse()?);
        let parameters: Vec<f64> = self.mean.iter().chain(&self.map).copied().collect();
        let (mut points, mut scores) = (Cloud::zeros(count, d), Cloud::zeros(count, d));
        for (e, x) in noise.points().zip(points.points_mut()) {
            family.transform(&parameters, e, x);
        }
        let mut values: Vec<Result<f64>> = (0..count).map(|_| Ok(0.0)).collect();
        evaluator.evaluate_all(&points, &mut scores, &mut values)?;
        values.into_iter().collect::<Result<Vec<f64>>>()?;
        let share = rate / count.max(1) as f64;
        for (e, g) in noise.points().zip(scores.points()) {
            for a in 0..d {
                let pull = share * (g[a] + (0..d).map(|b| inverse[(b, a)] * e[b]).sum::<f64>());
                // J_φ(ε)ᵀ of the Gaussian family (eq. 19).
                self.mean[a] += pull;
                self.map[a * d..(a + 1) * d].iter_mut().zip(e).for_each(|(m, e)| *m += pull * e);
            }
        }
        Ok(())
    }

    fn inverse(&self) -> Result<Mat<f64>> {
        let d = self.mean.len();
        let inverse = Mat::from_fn(d, d, |i, j| self.map[i * d + j]).partial_piv_lu().inverse();
        let finite = (0..d).all(|i| (0..d).all(|j| inverse[(i, j)].is_finite()));
        if finite { Ok(inverse) } else { Err(Error::NotFiniteValue { what: "inverse of the family's map" }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jacobian_is_the_slope_of_its_map() {
        let (family, noise, step) = (GaussianFamily { dim: 2 }, [0.7, -1.1], 1e-6);
        let parameters = [0.5, -1.0, 2.0, 0.5, -0.3, 0.8];
        let mut jacobian = [0.0; 12];
        family.jacobian(&parameters, &noise, &mut jacobian);
        for p in 0..6 {
            let at = |shift: f64| {
                let (mut moved, mut x) = (parameters, [0.0; 2]);
                moved[p] += shift;
                family.transform(&moved, &noise, &mut x);
                x
            };
            let (up, down) = (at(step), at(-step));
            for i in 0..2 {
                assert!((jacobian[i * 6 + p] - (up[i] - down[i]) / (2.0 * step)).abs() < 1e-9);
            }
        }
    }
}
