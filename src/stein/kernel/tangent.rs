//! Tangent kernels: SVGD as black-box variational inference (Chu et al. 2020).
//!
//! A family of distributions is a map x = f_φ(ε) of fixed noise. Gradient ascent of the ELBO in φ moves its samples as
//! SVGD does with the neural tangent kernel Θ(ε, ε′) = J_φ(ε) J_φ(ε′)ᵀ, J_φ = ∂f_φ/∂φ (eq. 12–16). For the Gaussian
//! family f = μ + Aε it is (1 + (x − μ)ᵀ Σ⁻¹ (y − μ)) I with Σ = AAᵀ (eq. 18): a kernel on the particles alone.

use super::bilinear::BilinearKernel;
use super::{Force, Interaction, ParticleKernel};
use crate::stein::Cloud;
use crate::stein::spectrum::Spectrum;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Whose mean and covariance the Gaussian tangent kernel has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TangentMoments {
    /// Those of the present cloud (covariance with divisor J): k follows q, as in BBVI.
    Cloud,
    /// Given ones.
    Given {
        /// μ, length d.
        mean: Vec<f64>,
        /// Σ, d×d row by row, positive definite.
        covariance: Vec<f64>,
    },
}

/// 1 + (x − μ)ᵀ Σ⁻¹ (y − μ) with the moments of the present cloud.
#[derive(Debug)]
pub(super) struct CloudTangentKernel {
    bilinear: BilinearKernel,
    precision: Vec<f64>,
}

impl CloudTangentKernel {
    pub(super) fn new(dim: usize) -> Self {
        Self { bilinear: BilinearKernel::centred(dim), precision: vec![0.0; dim * dim] }
    }
}

impl ParticleKernel for CloudTangentKernel {
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()> {
        let count = particles.count().max(1) as f64;
        let mut covariance = particles.covariance();
        covariance.iter_mut().for_each(|c| *c *= (count - 1.0) / count);
        pseudo_inverse(&covariance, particles.dim(), &mut self.precision)?;
        self.bilinear.set_precision(&self.precision);
        self.bilinear.prepare(particles, scores)
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        self.bilinear.add_pair(weight, z, x, value, gradient);
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        self.bilinear.add(weight, cloud, force);
    }

    fn least_particles(&self) -> usize {
        self.bilinear.least_particles()
    }
}

/// The kernel with given moments.
///
/// # Errors
/// [`Error::Shape`] for moments of another dimension; [`Error::NotPositiveDefinite`] for a singular covariance.
pub(super) fn with_given_moments(mean: &[f64], covariance: &[f64], dim: usize) -> Result<BilinearKernel> {
    for (what, expected, found) in [
        ("mean of the tangent kernel", dim, mean.len()),
        ("covariance of the tangent kernel", dim * dim, covariance.len()),
    ] {
        if expected != found {
            return Err(Error::Shape { what, expected, found });
        }
    }
    let mut precision = vec![0.0; dim * dim];
    if pseudo_inverse(covariance, dim, &mut precision)? < dim {
        let matrix = "covariance of the tangent kernel";
        return Err(Error::NotPositiveDefinite { matrix, size: dim, jitter: 0.0 });
    }
    Ok(BilinearKernel::fixed(mean.to_vec(), precision))
}

/// The inverse of a symmetric matrix on the space that it spans; returns that space's dimension. A cloud of J ≤ d
/// particles has no covariance elsewhere, and does not leave its space by this kernel.
fn pseudo_inverse(matrix: &[f64], d: usize, out: &mut [f64]) -> Result<usize> {
    /// Eigenvalues below this share of the largest one are rounding.
    const RANK_TOLERANCE: f64 = 1e-12;
    let spectrum = Spectrum::new(matrix, d, "covariance of the tangent kernel")?;
    let least = RANK_TOLERANCE * spectrum.values.iter().copied().fold(0.0, f64::max);
    spectrum.apply(|v| if v > least { v.recip() } else { 0.0 }, out);
    let rank = spectrum.values.iter().filter(|v| **v > least).count();
    Ok(rank)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stein::{GaussianFamily, Reparameterised, neural_tangent_kernel};

    #[test]
    fn the_tangent_kernel_of_the_gaussian_family_is_its_closed_form() {
        // μ, then A; Σ = AAᵀ = [[4.25, 0.2], [0.2, 0.73]].
        let parameters = [0.5, -1.0, 2.0, 0.5, -0.3, 0.8];
        let family = GaussianFamily { dim: 2 };
        let covariance = [4.25, -0.6 + 0.4, -0.6 + 0.4, 0.09 + 0.64];
        let kernel = with_given_moments(&parameters[..2], &covariance, 2).unwrap();
        let (e, w) = ([0.7, -1.1], [-0.4, 0.9]);
        let (mut x, mut y) = ([0.0; 2], [0.0; 2]);
        family.transform(&parameters, &e, &mut x);
        family.transform(&parameters, &w, &mut y);
        let (mut value, mut gradient) = ([0.0; 2], [0.0; 2]);
        kernel.add_pair(1.0, &y, &x, &mut value, &mut gradient);
        let general = neural_tangent_kernel(&family, &parameters, &e, &w);
        let exact = 1.0 + e[0] * w[0] + e[1] * w[1];
        for (found, expected) in general.iter().zip([exact, 0.0, 0.0, exact]) {
            assert!((found - expected).abs() < 1e-14);
        }
        assert!((value[0] - exact).abs() < 1e-12 && (value[1] - exact).abs() < 1e-12, "{value:?} {exact}");
    }

    #[test]
    fn given_moments_must_fit_and_be_positive_definite() {
        assert!(with_given_moments(&[0.0], &[1.0], 2).is_err());
        assert!(with_given_moments(&[0.0; 2], &[1.0, 1.0, 1.0, 1.0], 2).is_err());
    }
}
