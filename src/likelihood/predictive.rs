//! Predictions of an observation whose latent value is Gaussian, for one latent function.

use super::quadrature::gaussian_average;
use super::{LatentGaussian, Likelihood, Observation, Tilted, default_tilted};

/// log ∫ p(y | f) N(f | m, v) df by the rule of [`default_tilted`].
pub fn default_log_density<M: Likelihood + ?Sized>(
    likelihood: &M,
    theta: &[f64],
    at: Observation,
    latent: LatentGaussian<'_>,
) -> f64 {
    let (mean, variance) = (latent.mean[0], latent.covariance[0]);
    if variance <= 0.0 {
        return likelihood.log_density(theta, at, &[mean]);
    }
    let mut tilted = Tilted::new(theta.len());
    default_tilted(likelihood, theta, at, mean, variance, &mut tilted);
    tilted.log_z
}

/// Mean and variance of y by the laws of total expectation and total variance, E\[E\[y | f\]\] and
/// E\[Var\[y | f\]\] + Var\[E\[y | f\]\].
pub fn default_moments<M: Likelihood + ?Sized>(
    likelihood: &M,
    theta: &[f64],
    exposure: f64,
    latent: LatentGaussian<'_>,
) -> (f64, f64) {
    let (mean, sd) = (latent.mean[0], latent.covariance[0].max(0.0).sqrt());
    // Differences from the mean at the centre keep the digits of a small variance.
    let (centre, _) = likelihood.conditional_moments(theta, exposure, &[mean]);
    let [first, second, within] = gaussian_average(mean, sd, |f| {
        let (conditional, variance) = likelihood.conditional_moments(theta, exposure, &[f]);
        let difference = conditional - centre;
        [difference, difference * difference, variance]
    });
    (centre + first, within + second - first * first)
}

/// P(Y ≤ y) as the average of P(Y ≤ y | f).
pub fn default_cdf<M: Likelihood + ?Sized>(
    likelihood: &M,
    theta: &[f64],
    at: Observation,
    latent: LatentGaussian<'_>,
) -> f64 {
    let (mean, sd) = (latent.mean[0], latent.covariance[0].max(0.0).sqrt());
    let [probability] = gaussian_average(mean, sd, |f| [likelihood.conditional_cdf(theta, at, &[f])]);
    probability
}
