//! Kernel Stein discrepancy: how far a cloud is from the target, seen through scores alone.
//!
//! k(x, y) = (1 + |x − y|²)^−½: an inverse multiquadric detects non-convergence in any dimension (Gorham & Mackey
//! 2017, Theorem 8), which an RBF does not. With the Stein kernel
//!
//! h(x, y) = k g_xᵀg_y + ∇_x kᵀ g_y + ∇_y kᵀ g_x + tr ∇_x∇_yᵀ k,
//!
//! the squared discrepancy is E[h] over independent pairs. The U-statistic leaves i = j out, and its mean is zero for
//! exact draws; the V-statistic keeps them and is never negative.
//!
//! The U-statistic of exact draws is degenerate (Liu, Lee & Jordan 2016, Theorem 4.1): E[h(x, y) | x] = 0, so pairs
//! are uncorrelated, and its variance is E[h²] times Σ_{i<j} w_i²w_j² / (Σ_{i<j} w_iw_j)²: 2 E[h²]/(J(J−1)) for equal
//! weights. Only E[h²] has to be simulated, once for a dimension and whatever J is.

use super::moments::squares;
use crate::stein::Cloud;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// U- and V-statistic of the squared discrepancy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Discrepancy {
    /// NaN for one particle.
    pub u: f64,
    pub v: f64,
}

impl Discrepancy {
    /// Of whitened particles and scores, J×d, with J weights that sum to 1. Cost: O(J²d).
    pub fn new(particles: &Cloud, scores: &Cloud, weights: &[f64]) -> Self {
        let all = || particles.points().zip(scores.points()).zip(weights);
        let (mut pairs, mut alone) = (0.0, 0.0);
        for (i, ((x, sx), w)) in all().enumerate() {
            for ((y, sy), v) in all().take(i) {
                pairs += w * v * stein_kernel(x, y, sx, sy);
            }
            alone += w * w * stein_kernel(x, x, sx, sx);
        }
        let spare = 1.0 - squares(weights);
        let u = if particles.count() > 1 { 2.0 * pairs / spare } else { f64::NAN };
        Self { u, v: 2.0 * pairs + alone }
    }
}

/// U-statistic of the squared kernel Stein discrepancy with k(x, y) = (1 + |x − y|²)^−½ (Gorham & Mackey 2017).
/// Undefined (NaN) for one particle. Cost: O(J²d).
pub fn ksd_u_statistic(particles: &Cloud, scores: &Cloud) -> f64 {
    let count = particles.count();
    Discrepancy::new(particles, scores, &vec![1.0 / count as f64; count]).u
}

/// h(x, y) of the inverse multiquadric with c = 1 and β = −½.
fn stein_kernel(x: &[f64], y: &[f64], sx: &[f64], sy: &[f64]) -> f64 {
    let (mut r2, mut scores_product, mut differences) = (0.0, 0.0, 0.0);
    for c in 0..x.len() {
        let delta = x[c] - y[c];
        r2 += delta * delta;
        scores_product += sx[c] * sy[c];
        differences += delta * (sx[c] - sy[c]);
    }
    // With q = 1 + r²: ∇_x k = −q^−3/2 Δ, ∇_y k = q^−3/2 Δ, tr ∇_x∇_yᵀ k = d q^−3/2 − 3 r² q^−5/2.
    let q = 1.0 + r2;
    let k = q.sqrt().recip();
    let k3 = k / q;
    k * scores_product + k3 * differences + x.len() as f64 * k3 - 3.0 * r2 * k3 / q
}

/// Standard deviation of the U-statistic over exact draws of a standard normal with these weights, on average over
/// simulations (the mean is zero). Cost: about 4,000 d, and no more than for d = 250 while d stays below 2,000.
pub(super) fn null_sd(weights: &[f64], dim: usize) -> f64 {
    let (second, fourth): (f64, f64) = (squares(weights), weights.iter().map(|w| w.powi(4)).sum());
    // Σ_{i<j} w_i²w_j² and Σ_{i<j} w_iw_j.
    let (numerator, denominator) = (0.5 * (second * second - fourth), 0.5 * (1.0 - second));
    if weights.len() < 2 {
        return f64::NAN;
    }
    (numerator.max(0.0) * mean_square_under_null(dim)).sqrt() / denominator
}

/// E[h(x, y)²] for independent standard normal x and y in R^d, from a fixed stream: within a few per cent.
fn mean_square_under_null(dim: usize) -> f64 {
    let pairs = (1_000_000 / dim.max(1)).clamp(500, 4000);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut draw = |point: &mut [f64], score: &mut [f64]| {
        for (v, s) in point.iter_mut().zip(score) {
            *v = StandardNormal.sample(&mut rng);
            *s = -*v;
        }
    };
    let mut buffers = vec![0.0; 4 * dim];
    let (points, scores) = buffers.split_at_mut(2 * dim);
    let ((x, y), (sx, sy)) = (points.split_at_mut(dim), scores.split_at_mut(dim));
    let mut sum = 0.0;
    for _ in 0..pairs {
        draw(x, sx);
        draw(y, sy);
        sum += stein_kernel(x, y, sx, sy).powi(2);
    }
    sum / pairs as f64
}

/// Divides each coordinate by √(sd z / sd g) and multiplies its scores by it: the unit in which a Gaussian target has
/// variance 1, whatever share of it the cloud covers (for a share v both deviations shrink by √v). The discrepancy
/// then means the same where the metric leaves the coordinates in units of their own.
pub(super) fn to_unit_scale(z: &mut Cloud, g: &mut Cloud) {
    let (z_mean, g_mean) = (z.mean(), g.mean());
    for c in 0..z.dim() {
        let scatter = |cloud: &Cloud, m: f64| cloud.points().map(|p| (p[c] - m).powi(2)).sum::<f64>();
        let scale = (scatter(z, z_mean[c]) / scatter(g, g_mean[c])).sqrt().sqrt();
        if scale > 0.0 && scale.is_finite() {
            z.points_mut().for_each(|p| p[c] /= scale);
            g.points_mut().for_each(|p| p[c] *= scale);
        }
    }
}
