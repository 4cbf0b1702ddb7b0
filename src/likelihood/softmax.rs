//! Unordered classes, each with a latent function of its own.
//!
//! log p(y | f) = f_y − log Σ_c e^{f_c} (Rasmussen & Williams 2006, section 3.5). Log-concave, with curvature
//! diag(π) − ππᵀ.
//!
//! Only the differences d_j = f_j − f_{C−1} matter, so that an integral under f ~ N(m, S) is one over C − 1 dimensions,
//! with d ~ N(μ, Σ), Σ = LLᵀ and the nodes d = μ + Lε of a cubature. Its derivatives are those of the sum itself: with
//! g = ∂ log p/∂d and L̄ = Σ w g εᵀ, 2 ∂/∂Σ = L⁻ᵀ (P + Pᵀ) L⁻¹ where P is the lower triangle of LᵀL̄ with half its
//! diagonal (Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10).

use super::cubature::{Cubature, by_covariance, cholesky};
use super::{Approximation, Derivatives, Expectations, Family, LatentGaussian, Likelihood, Observation};
use rand::{Rng, RngExt};

/// C unordered classes 0 … C−1 with C latent functions and no parameters.
///
/// Expectations of log p and probabilities are off by less than 3e-8 with two or three classes and latent standard
/// deviations of 1, by 5e-4 where these are 3. From four classes on it is 5e-5 at deviations of 0.5, 3e-4 at 1 and 2e-3
/// at 3, while gradient and Hessian remain the derivatives of the value as computed. An evaluation costs O(nodes × C²),
/// with 20 and some 200 nodes for two and three classes and 1021 for more.
///
/// The index of a class has no order; moments and distribution function of the index are defined, and of little use.
#[derive(Debug)]
pub struct Softmax {
    classes: usize,
    cubature: Cubature,
}

/// Added to the variances of the differences, so that a certain latent value has a Cholesky factor, too. Expectations
/// change by as much at the most.
const JITTER: f64 = 1e-12;

impl Softmax {
    /// With C ≥ 2 classes; fewer are taken as 2.
    pub fn new(classes: usize) -> Self {
        let classes = classes.max(2);
        Self { classes, cubature: Cubature::new(classes - 1) }
    }

    fn moments(probabilities: &[f64]) -> (f64, f64) {
        let mean: f64 = probabilities.iter().zip(0..).map(|(p, k)| p * f64::from(k)).sum();
        let variance = probabilities.iter().zip(0..).map(|(p, k)| p * (f64::from(k) - mean).powi(2)).sum();
        (mean, variance)
    }

    fn cdf(probabilities: &[f64], y: f64) -> f64 {
        let below = probabilities.iter().zip(0..).take_while(|&(_, k)| f64::from(k) <= y);
        below.map(|(p, _)| p).sum::<f64>().clamp(0.0, 1.0)
    }

    fn predictive(&self, latent: LatentGaussian<'_>) -> Vec<f64> {
        let mut out = vec![0.0; self.classes];
        self.class_probabilities(&[], latent, &mut out);
        out
    }
}

impl Likelihood for Softmax {
    fn family(&self) -> Family {
        Family::Softmax
    }

    fn latents(&self) -> usize {
        self.classes
    }

    fn approximation(&self) -> Approximation {
        Approximation::Variational
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        (at.y >= 0.0 && at.y < self.classes as f64 && at.y.fract() == 0.0)
            .then_some(())
            .ok_or_else(|| format!("a class must be a whole number from 0 to {}", self.classes - 1))
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let top = f.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
        f[at.y as usize] - top - f.iter().map(|x| (x - top).exp()).sum::<f64>().ln()
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let n = self.classes;
        out.value = self.log_density(theta, at, f);
        let mut p = f.to_vec();
        softmax(&mut p);
        for a in 0..n {
            out.gradient[a] = delta(a, at.y as usize) - p[a];
            for b in 0..n {
                let ab = a * n + b;
                // 1 − p without cancellation: near certainty the block stays positive semidefinite.
                let others = || (0..n).filter(|c| *c != a).map(|c| p[c]).sum::<f64>();
                out.curvature[ab] = if a == b { p[a] * others() } else { -p[a] * p[b] };
                out.hessian[ab] = -out.curvature[ab];
                for c in 0..n {
                    let own = delta(a, b) * p[a] * (delta(a, c) - p[c]);
                    let other = p[a] * p[b] * (delta(a, c) + delta(b, c) - 2.0 * p[c]);
                    out.curvature_by_f[ab * n + c] = own - other;
                }
            }
        }
    }

    fn expectations(&self, _theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        let (n, y) = (self.classes - 1, at.y as usize);
        let differences = Differences::new(q);
        let (mut gradient, mut by_factor) = (vec![0.0; n], vec![0.0; n * n]);
        out.value = 0.0;
        differences.nodes(&self.cubature, |node, weight, d| {
            let at_y = d[y];
            out.value += weight * (at_y - softmax(d));
            for a in 0..n {
                let g = weight * (delta(a, y) - d[a]);
                gradient[a] += g;
                for b in 0..=a {
                    by_factor[a * n + b] += g * node[b];
                }
            }
        });
        let hessian = by_covariance(&differences.factor, &by_factor, n);
        // Back from the differences: every row and column of the result sums to nought.
        out.hessian.fill(0.0);
        for a in 0..n {
            out.gradient[a] = gradient[a];
            for b in 0..n {
                let entry = hessian[a * n + b];
                for (row, column, sign) in [(a, b, 1.0), (a, n, -1.0), (n, b, -1.0), (n, n, 1.0)] {
                    out.hessian[row * (n + 1) + column] += sign * entry;
                }
            }
        }
        out.gradient[n] = -gradient.iter().sum::<f64>();
    }

    fn conditional_moments(&self, _theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        let mut p = f.to_vec();
        softmax(&mut p);
        Self::moments(&p)
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let mut p = f.to_vec();
        softmax(&mut p);
        Self::cdf(&p, at.y)
    }

    fn sample(&self, _theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let mut p = f.to_vec();
        softmax(&mut p);
        let mut rest: f64 = rng.random();
        let below = p[..self.classes - 1].iter().take_while(|p| {
            rest -= **p;
            rest >= 0.0
        });
        below.count() as f64
    }

    fn predictive_log_density(&self, _theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        let (mut top, mut mass) = (f64::NEG_INFINITY, 0.0);
        Differences::new(latent).nodes(&self.cubature, |_, weight, d| {
            let log = d[at.y as usize] - softmax(d);
            if log > top {
                mass *= (top - log).exp();
                top = log;
            }
            mass += weight * (log - top).exp();
        });
        top + mass.ln()
    }

    fn predictive_moments(&self, _theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        Self::moments(&self.predictive(latent))
    }

    fn predictive_cdf(&self, _theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        Self::cdf(&self.predictive(latent), at.y)
    }

    fn class_probabilities(&self, _theta: &[f64], latent: LatentGaussian<'_>, out: &mut [f64]) {
        out.fill(0.0);
        Differences::new(latent).nodes(&self.cubature, |_, weight, d| {
            softmax(d);
            out.iter_mut().zip(&*d).for_each(|(sum, p)| *sum += weight * p);
        });
    }
}

/// Kronecker's δ.
fn delta(a: usize, b: usize) -> f64 {
    f64::from(u8::from(a == b))
}

/// From latent values to probabilities, in place; returns log Σ eˣ.
fn softmax(x: &mut [f64]) -> f64 {
    let top = x.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
    let mut sum = 0.0;
    for x in x.iter_mut() {
        *x = (*x - top).exp();
        sum += *x;
    }
    x.iter_mut().for_each(|x| *x /= sum);
    top + sum.ln()
}

/// The Gaussian of the differences to the last latent value.
struct Differences {
    mean: Vec<f64>,
    factor: Vec<f64>,
}

impl Differences {
    fn new(q: LatentGaussian<'_>) -> Self {
        let (latents, n) = (q.mean.len(), q.mean.len() - 1);
        let s = |a: usize, b: usize| q.covariance[a * latents + b];
        let mut covariance = vec![0.0; n * n];
        for a in 0..n {
            for b in 0..n {
                covariance[a * n + b] = s(a, b) - s(a, n) - s(n, b) + s(n, n) + JITTER * delta(a, b);
            }
        }
        let mean = q.mean[..n].iter().map(|m| m - q.mean[n]).collect();
        Self { mean, factor: cholesky(&covariance, n, JITTER) }
    }

    /// Calls `g` with ε, its weight and the latent values (d, 0), which it may overwrite.
    fn nodes(&self, cubature: &Cubature, mut g: impl FnMut(&[f64], f64, &mut [f64])) {
        let n = self.mean.len();
        let mut d = vec![0.0; n + 1];
        for (node, weight) in cubature.iter() {
            for (a, (d, mean)) in d.iter_mut().zip(&self.mean).enumerate() {
                let row = &self.factor[a * n..=a * n + a];
                *d = mean + row.iter().zip(node).map(|(l, e)| l * e).sum::<f64>();
            }
            d[n] = 0.0;
            g(node, weight, &mut d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn softmax_is_consistent() {
        for classes in [2, 3, 5] {
            let likelihood = Softmax::new(classes);
            let points = [0.0, 1.0, 6.0]
                .map(|size| (0..classes).map(|c| size * (1.0 + 2.0 * c as f64).sin()).collect::<Vec<f64>>());
            for y in [0, classes - 1] {
                likelihood_is_consistent(&likelihood, &[], Observation::new(y as f64), &points);
            }
        }
    }

    /// A covariance with this standard deviation and correlations between −0.3 and 0.3.
    fn covariance(classes: usize, sd: f64) -> Vec<f64> {
        let entry = |a: usize, b: usize| match a == b {
            true => sd * sd * (1.0 + 0.1 * a as f64),
            false => 0.3 * sd * sd * (1.0 + (a * b + a + b) as f64).sin() / (classes - 1) as f64,
        };
        (0..classes * classes).map(|i| entry(i / classes, i % classes)).collect()
    }

    /// E log p(y | f) and P(y) by a product of fine trapezoidal rules in the differences.
    fn reference(q: LatentGaussian<'_>, y: usize) -> (f64, f64) {
        let differences = Differences::new(q);
        let n = differences.mean.len();
        let (half, step): (i32, f64) = (30, 0.25);
        let count = (2 * half + 1) as usize;
        let (mut value, mut probability) = (0.0, 0.0);
        for i in 0..count.pow(n as u32) {
            let node: Vec<f64> =
                (0..n).map(|a| step * ((i / count.pow(a as u32) % count) as f64 - f64::from(half))).collect();
            let weight: f64 = node.iter().map(|e| step * (-0.5 * e * e).exp() / (2.0 * PI).sqrt()).product();
            let mut d: Vec<f64> = (0..n)
                .map(|a| {
                    differences.mean[a]
                        + (0..=a).map(|b| differences.factor[a * n + b] * node[b]).sum::<f64>()
                })
                .collect();
            d.push(0.0);
            let at_y = d[y];
            value += weight * (at_y - softmax(&mut d));
            probability += weight * d[y];
        }
        (value, probability)
    }

    #[test]
    fn cubature_is_as_accurate_as_documented() {
        for (classes, sd, allowed) in [
            (2, 0.5, 1e-12),
            (2, 1.0, 1e-8),
            (2, 3.0, 5e-4),
            (3, 0.5, 1e-8),
            (3, 1.0, 3e-8),
            (3, 3.0, 5e-4),
            (4, 0.5, 5e-5),
            (4, 1.0, 3e-4),
            (4, 3.0, 2e-3),
        ] {
            let mean: Vec<f64> = (0..classes).map(|c| (3.0 * c as f64).sin()).collect();
            let s = covariance(classes, sd);
            let q = LatentGaussian { mean: &mean, covariance: &s };
            let likelihood = Softmax::new(classes);
            let mut found = Expectations::new(classes, 0);
            likelihood.expectations(&[], Observation::new(1.0), q, &mut found);
            let mut p = vec![0.0; classes];
            likelihood.class_probabilities(&[], q, &mut p);
            let (value, probability) = reference(q, 1);
            let errors = ((found.value - value).abs(), (p[1] - probability).abs());
            assert!(errors.0 < allowed && errors.1 < allowed, "{classes} classes, sd {sd}: {errors:?}");
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_agree_with_the_predictive_density() {
        for classes in [2, 3, 6] {
            let mean: Vec<f64> = (0..classes).map(|c| (3.0 * c as f64).sin()).collect();
            let s = covariance(classes, 2.0);
            let latent = LatentGaussian { mean: &mean, covariance: &s };
            let likelihood = Softmax::new(classes);
            let mut p = vec![0.0; classes];
            likelihood.class_probabilities(&[], latent, &mut p);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (p, k) in p.iter().zip(0..) {
                let log = likelihood.predictive_log_density(&[], Observation::new(f64::from(k)), latent);
                assert!((log.exp() - p).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn two_classes_are_a_logistic_function_of_the_difference() {
        let likelihood = Softmax::new(2);
        for f in [-40.0, -1.0, 3.0, 800.0] {
            let found = likelihood.log_density(&[], Observation::new(1.0), &[0.5, 0.5 + f]);
            let expected = -super::super::special::log1p_exp(-f);
            assert!((found - expected).abs() < 1e-13 * (1.0 + expected.abs()));
        }
    }

    #[test]
    fn near_certainty_every_row_of_the_curvature_sums_to_nought_to_its_own_digits() {
        let likelihood = Softmax::new(3);
        let mut node = Derivatives::new(3, 0);
        likelihood.derivatives(&[], Observation::new(0.0), &[33.0, 0.0, -2.0], &mut node);
        for row in node.curvature.chunks(3) {
            let largest = row.iter().fold(0.0f64, |m, c| m.max(c.abs()));
            assert!(row.iter().sum::<f64>().abs() < 1e-15 * largest, "{row:?}");
        }
    }

    #[test]
    fn a_certain_latent_value_gives_the_density_itself() {
        let (f, at) = ([0.3, -1.0, 2.0, 0.0], Observation::new(2.0));
        let likelihood = Softmax::new(4);
        let mut node = Derivatives::new(4, 0);
        likelihood.derivatives(&[], at, &f, &mut node);
        let mut found = Expectations::new(4, 0);
        let q = LatentGaussian { mean: &f, covariance: &[0.0; 16] };
        likelihood.expectations(&[], at, q, &mut found);
        assert!((found.value - node.value).abs() < 1e-11);
        for (found, node) in found.gradient.iter().zip(&node.gradient) {
            assert!((found - node).abs() < 1e-11);
        }
        for (found, node) in found.hessian.iter().zip(&node.hessian) {
            assert!((found - node).abs() < 1e-6, "{found} {node}");
        }
    }
}
