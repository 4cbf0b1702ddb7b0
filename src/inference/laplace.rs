//! Laplace's approximation: the Gaussian at the best mode whose precision is the curvature there.
//!
//! q = N(û, H⁻¹) with H = −∇∇ᵀ log p(û) (MacKay 2003, *Information Theory, Inference, and Learning Algorithms*, chapter
//! 27). Exact for a Gaussian; blind to skewness and to other modes. Cost: the search for the mode and 2d evaluations.

use super::maximum::MaximumSettings;
use super::mode::{Mode, best_mode};
use crate::density::LogDensity;
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Settings of Laplace's approximation.
#[derive(Debug, Clone)]
pub struct LaplaceSettings {
    /// Number of draws from the Gaussian.
    pub draws: usize,
    /// Smallest curvature that counts: a flatter direction is given this precision.
    pub curvature_floor: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// How the modes are looked for.
    pub maximum: MaximumSettings,
}

impl Default for LaplaceSettings {
    fn default() -> Self {
        Self { draws: 20, curvature_floor: 0.05, seed: 0, maximum: MaximumSettings::default() }
    }
}

/// What Laplace's approximation leaves.
#[derive(Debug, Clone)]
pub struct LaplaceFit {
    /// The mode with its curvature, evidence and whitening, which is the Gaussian.
    pub mode: Mode,
    /// Draws from the Gaussian, equally weighted, in the target's coordinates.
    pub draws: Cloud,
}

/// The Gaussian at the mode of the largest Laplace evidence among those that `starts` lead to, and draws from it.
///
/// # Errors
/// [`Error::Invalid`] for no draws and a dimension of zero; failures where no start works.
pub fn laplace<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &LaplaceSettings,
) -> Result<LaplaceFit> {
    if settings.draws == 0 {
        return Err(Error::Invalid("Laplace's approximation needs at least one draw".into()));
    }
    let mode = best_mode(target, starts, &settings.maximum, settings.curvature_floor)?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(4);
    let draws = gaussian_draws(&mode.whitening, settings.draws, &mut rng, <[f64]>::to_vec);
    Ok(LaplaceFit { mode, draws })
}

/// Draws û + L·map(ε) with ε ~ N(0, I).
pub(super) fn gaussian_draws(
    whitening: &Whitening,
    count: usize,
    rng: &mut ChaCha8Rng,
    map: impl Fn(&[f64]) -> Vec<f64>,
) -> Cloud {
    let mut cloud = Cloud::zeros(count, whitening.dim());
    let mut noise = vec![0.0; whitening.dim()];
    for point in cloud.points_mut() {
        noise.iter_mut().for_each(|v| *v = StandardNormal.sample(rng));
        whitening.unwhiten(&map(&noise), point);
    }
    cloud
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn draws_have_the_mean_and_covariance_of_a_gaussian_target() {
        let covariance = [1.0, 0.6, 0.6, 4.0];
        let determinant = covariance[0] * covariance[3] - covariance[1] * covariance[2];
        let precision =
            [covariance[3], -covariance[1], -covariance[2], covariance[0]].map(|c| c / determinant);
        let target = GaussianTarget::new(vec![3.0, -4.0], precision.to_vec()).unwrap();
        let settings = LaplaceSettings { draws: 20_000, ..LaplaceSettings::default() };
        let fit = laplace(&target, &[vec![0.0, 0.0]], &settings).unwrap();
        let (mean, found) = (fit.draws.mean(), fit.draws.covariance());
        // Five standard errors of 20,000 draws.
        assert!((mean[0] - 3.0).abs() < 0.036 && (mean[1] + 4.0).abs() < 0.072, "{mean:?}");
        for (f, c) in found.iter().zip(covariance) {
            assert!((f / c - 1.0).abs() < 0.12, "{found:?}");
        }
        let exact = (2.0 * std::f64::consts::PI).ln() + 0.5 * determinant.ln();
        assert!((fit.mode.log_evidence - exact).abs() < 1e-6);
    }

    #[test]
    fn flat_directions_get_the_floor_and_the_seed_decides_the_draws() {
        let target = GaussianTarget::new(vec![0.0; 2], vec![1.0, 0.0, 0.0, 1e-9]).unwrap();
        let at = |seed: u64| {
            let settings = LaplaceSettings { draws: 2000, seed, ..LaplaceSettings::default() };
            laplace(&target, &[vec![0.0, 0.0]], &settings).unwrap().draws
        };
        let draws = at(1);
        assert!((draws.covariance()[3] * 0.05 - 1.0).abs() < 0.2);
        assert_eq!(draws, at(1));
        assert_ne!(draws, at(2));
    }
}
