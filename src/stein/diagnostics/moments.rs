//! Stein's identity on a cloud: is it as wide as the target, and do its scores balance?
//!
//! For a target p with score g = ∇log p, E[(z − μ)ᵀg] = −d and E[g] = 0. Both ask for nothing but particles and scores,
//! which are there already. Cost: O(J d).
//!
//! Weights w_j sum to 1. Σ w_j² stands where 1/J stands for equal weights: J particles of unequal weight are worth
//! 1/Σ w_j².

use crate::stein::Cloud;

/// A number and how far chance moves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub standard_error: f64,
}

/// What Stein's identity says of a weighted cloud.
#[derive(Debug, Clone)]
pub(super) struct SteinMoments {
    /// Stein moment ratio.
    pub ratio: Estimate,
    /// The ratio of each coordinate alone; their mean is the ratio.
    pub coordinate_ratios: Vec<Estimate>,
    /// Weighted mean score of each coordinate over its standard error.
    pub score_z: Vec<f64>,
    /// Whether all scores of a coordinate point the same way: the whole cloud lies to one side.
    pub one_sided: Vec<bool>,
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

impl SteinMoments {
    /// Of particles z and scores g, both J×d, with J weights that sum to 1. NaN for one particle.
    pub fn new(z: &Cloud, g: &Cloud, weights: &[f64]) -> Self {
        let (d, spare) = (z.dim(), 1.0 - squares(weights));
        let (z_mean, g_mean) = (weighted_mean(z, weights), weighted_mean(g, weights));
        // −(z − z̄)(g − ḡ), J×d: minus the weighted sum is the covariance of particles and scores.
        let mut products = z.clone();
        for (product, g) in products.points_mut().zip(g.points()) {
            for c in 0..d {
                product[c] = -(product[c] - z_mean[c]) * (g[c] - g_mean[c]);
            }
        }
        let all: Vec<f64> = products.points().map(|p| p.iter().sum::<f64>() / d as f64).collect();
        let column = |c: usize| products.points().map(|p| p[c]).collect::<Vec<_>>();
        let scores = |c: usize| g.points().map(move |g| g[c]);
        Self {
            ratio: covariance_ratio(&all, weights, spare, d),
            coordinate_ratios: (0..d).map(|c| covariance_ratio(&column(c), weights, spare, 1)).collect(),
            score_z: (0..d).map(|c| z_score(scores(c), g_mean[c], weights, spare)).collect(),
            one_sided: (0..d).map(|c| scores(c).all(|g| g > 0.0) || scores(c).all(|g| g < 0.0)).collect(),
        }
    }

    /// The coordinate whose ratio is farthest from 1 as a factor; one that is not positive is farther than any.
    pub fn worst_coordinate(&self) -> usize {
        let distance = |r: &Estimate| if r.value > 0.0 { r.value.ln().abs() } else { f64::INFINITY };
        largest(self.coordinate_ratios.iter().map(distance))
    }

    /// The coordinate whose mean score is farthest from 0 for its standard error.
    pub fn least_balanced_coordinate(&self) -> usize {
        largest(self.score_z.iter().map(|z| z.abs()))
    }
}

/// A ratio from the products of each particle, with its standard error by the delta method: the influence of
/// particle j on a covariance is its product less the mean product. Few particles know little of their own scatter, so
/// the error is never below that of a Gaussian cloud of this width, R √(2/((J−1)d)).
fn covariance_ratio(products: &[f64], weights: &[f64], spare: f64, dim: usize) -> Estimate {
    let plain: f64 = products.iter().zip(weights).map(|(a, w)| w * a).sum();
    let scatter: f64 = products.iter().zip(weights).map(|(a, w)| (w * (a - plain)).powi(2)).sum();
    let value = plain / spare;
    let gaussian = value.abs() * (2.0 / degrees_of_freedom(weights, dim)).sqrt();
    Estimate { value, standard_error: (scatter / spare.powi(3)).sqrt().max(gaussian) }
}

/// (1/Σ w² − 1) d: the squares that are free in a cloud of d coordinates around its own mean.
pub(super) fn degrees_of_freedom(weights: &[f64], dim: usize) -> f64 {
    (squares(weights).recip() - 1.0) * dim as f64
}

/// ḡ over its standard error √(Σ w²(g − ḡ)²/(1 − Σ w²)), which is s/√J for equal weights.
fn z_score(scores: impl Iterator<Item = f64>, mean: f64, weights: &[f64], spare: f64) -> f64 {
    let scatter: f64 = scores.zip(weights).map(|(g, w)| (w * (g - mean)).powi(2)).sum();
    if mean == 0.0 && spare > 0.0 { 0.0 } else { mean / (scatter / spare).sqrt() * valid(spare) }
}

/// 1 where there is a spread to speak of, else NaN.
fn valid(spare: f64) -> f64 {
    if spare > 0.0 { 1.0 } else { f64::NAN }
}

fn weighted_mean(cloud: &Cloud, weights: &[f64]) -> Vec<f64> {
    let mut mean = vec![0.0; cloud.dim()];
    for (point, w) in cloud.points().zip(weights) {
        mean.iter_mut().zip(point).for_each(|(m, v)| *m += w * v);
    }
    mean
}

pub(super) fn squares(weights: &[f64]) -> f64 {
    weights.iter().map(|w| w * w).sum()
}

/// Index of the largest value; 0 where there is none.
fn largest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, value) in values.enumerate() {
        if value > best.1 {
            best = (i, value);
        }
    }
    best.0
}
