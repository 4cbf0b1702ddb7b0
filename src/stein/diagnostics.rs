//! What scores say about a cloud: is it as wide as the target, and how far from it?

use super::{Cloud, Whitening};
use serde::Serialize;

/// Diagnostics of a final cloud.
#[derive(Debug, Clone, Serialize)]
pub struct SteinDiagnostics {
    /// Stein moment ratio: 1 for exact draws, below 1 for a cloud that has collapsed.
    pub stein_ratio: f64,
    /// Kernel Stein discrepancy: U-statistic of the squared discrepancy, inverse multiquadric with c = 1 and
    /// β = −½, in whitened coordinates. Zero on average for exact draws; may be negative.
    pub ksd: f64,
    /// Largest |z-score| of the mean score over the coordinates: a mean that is off shows here.
    pub mean_score_z: f64,
}

impl SteinDiagnostics {
    /// From particles and scores in the target's coordinates; `metric` makes them comparable.
    pub fn new(particles: &Cloud, scores: &Cloud, metric: &Whitening) -> Self {
        let (z, g) = (metric.whiten_cloud(particles), metric.whiten_scores(scores));
        Self {
            stein_ratio: stein_ratio(&z, &g),
            ksd: ksd_u_statistic(&z, &g),
            mean_score_z: mean_score_z(&g),
        }
    }
}

/// −1/((J−1) d) Σ_j (z_j − z̄)ᵀ g_j. By Stein's identity E[(z − μ)ᵀ∇log p] = −d, so exact draws give 1 on average;
/// a cloud with a fraction v of a Gaussian target's variance gives v. Undefined (NaN) for one particle.
pub fn stein_ratio(particles: &Cloud, scores: &Cloud) -> f64 {
    let (count, mean) = (particles.count(), particles.mean());
    if count < 2 {
        return f64::NAN;
    }
    let sum: f64 = (particles.points().zip(scores.points()))
        .map(|(z, g)| z.iter().zip(&mean).zip(g).map(|((z, m), g)| (z - m) * g).sum::<f64>())
        .sum();
    -sum / ((count - 1) * particles.dim()) as f64
}

/// U-statistic of the squared kernel Stein discrepancy with k(x, y) = (1 + |x − y|²)^−½ (Gorham & Mackey 2017).
/// Undefined (NaN) for one particle. Cost: O(J²d).
pub fn ksd_u_statistic(particles: &Cloud, scores: &Cloud) -> f64 {
    let (count, d) = (particles.count(), particles.dim() as f64);
    if count < 2 {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for i in 0..count {
        for j in 0..i {
            let (x, y, sx, sy) = (particles.point(i), particles.point(j), scores.point(i), scores.point(j));
            let (mut r2, mut scores_product, mut differences) = (0.0, 0.0, 0.0);
            for c in 0..particles.dim() {
                let delta = x[c] - y[c];
                r2 += delta * delta;
                scores_product += sx[c] * sy[c];
                differences += delta * (sx[c] - sy[c]);
            }
            // With q = 1 + r²: ∇_x k = −q^−3/2 Δ, ∇_y k = q^−3/2 Δ, tr ∇_x∇_yᵀ k = d q^−3/2 − 3 r² q^−5/2.
            let q = 1.0 + r2;
            let k = q.powf(-0.5);
            let k3 = k / q;
            sum += k * scores_product + k3 * differences + d * k3 - 3.0 * r2 * k3 / q;
        }
    }
    2.0 * sum / (count * (count - 1)) as f64
}

fn mean_score_z(scores: &Cloud) -> f64 {
    let (count, mean, covariance) = (scores.count() as f64, scores.mean(), scores.covariance());
    let d = scores.dim();
    (0..d).map(|c| (mean[c] / (covariance[c * d + c] / count).sqrt()).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn normal_cloud(count: usize, dim: usize, sd: f64, seed: u64) -> (Cloud, Cloud) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut z = Cloud::zeros(count, dim);
        z.values_mut().iter_mut().for_each(|v| {
            let draw: f64 = StandardNormal.sample(&mut rng);
            *v = sd * draw;
        });
        let mut scores = z.clone();
        scores.values_mut().iter_mut().for_each(|v| *v = -*v);
        (z, scores)
    }

    #[test]
    fn the_stein_ratio_of_a_gaussian_cloud_is_its_share_of_the_variance() {
        let (z, g) = normal_cloud(4000, 5, 1.0, 3);
        assert!((stein_ratio(&z, &g) - 1.0).abs() < 0.03);
        let (z, g) = normal_cloud(4000, 5, 0.5f64.sqrt(), 3);
        assert!((stein_ratio(&z, &g) - 0.5).abs() < 0.02);
    }

    #[test]
    fn the_discrepancy_is_zero_on_average_for_exact_draws_and_sees_a_shift() {
        let runs = 40;
        let mean: f64 = (0..runs)
            .map(|seed| {
                let (z, g) = normal_cloud(50, 3, 1.0, seed);
                ksd_u_statistic(&z, &g) / runs as f64
            })
            .sum();
        assert!(mean.abs() < 0.02, "mean over exact draws {mean}");
        let (mut z, _) = normal_cloud(50, 3, 1.0, 1);
        z.values_mut().iter_mut().for_each(|v| *v += 1.0);
        let mut g = z.clone();
        g.values_mut().iter_mut().for_each(|v| *v = -*v);
        assert!(ksd_u_statistic(&z, &g) > 0.5);
    }

    #[test]
    fn one_particle_has_no_spread_to_judge() {
        let (z, g) = normal_cloud(1, 3, 1.0, 0);
        assert!(stein_ratio(&z, &g).is_nan() && ksd_u_statistic(&z, &g).is_nan());
    }
}
