//! Nodes for integrals over several latent values, ε ~ N(0, I).
//!
//! Up to two dimensions, products of the 20-point Gauss–Hermite rule without those of negligible weight. Beyond, a rank-1 lattice of 1021 points, mapped by
//! the normal quantile; its generating vector is found component by component (Dick, Kuo & Sloan 2013, "High-dimensional
//! integration: the quasi-Monte Carlo way", Acta Numerica 22, section 5). With ε there is −ε, and a linear map makes the
//! second moments those of N(0, I), so that polynomials up to third order are integrated exactly.

use super::quadrature::hermite;
use statrs::function::erf::erfc_inv;
use std::f64::consts::{PI, SQRT_2};

/// Nodes ε and weights w with Σ w = 1, Σ w ε = 0 and Σ w εεᵀ = I.
pub(super) struct Cubature {
    dimension: usize,
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl std::fmt::Debug for Cubature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cubature({} nodes in {} dimensions)", self.weights.len(), self.dimension)
    }
}

impl Cubature {
    pub(super) fn new(dimension: usize) -> Self {
        match dimension {
            0 => Self { dimension, nodes: Vec::new(), weights: vec![1.0] },
            1 => {
                let (nodes, weights) = hermite().unzip();
                Self { dimension, nodes, weights }
            }
            2 => {
                let all = hermite().flat_map(|a| hermite().map(move |b| ([a.0, b.0], a.1 * b.1)));
                let kept: Vec<_> = all.filter(|(_, weight)| *weight > NEGLIGIBLE).collect();
                let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
                // Stretched, so that the second moments are those of N(0, I) again.
                let second =
                    kept.iter().map(|(node, weight)| weight * node[0] * node[0]).sum::<f64>() / total;
                let nodes = kept.iter().flat_map(|(node, _)| node.map(|e| e / second.sqrt())).collect();
                Self { dimension, nodes, weights: kept.iter().map(|(_, weight)| weight / total).collect() }
            }
            _ => Self::lattice(dimension),
        }
    }

    fn lattice(dimension: usize) -> Self {
        let count = POINTS as usize;
        let generator = generating_vector(dimension);
        let mut nodes = Vec::with_capacity(count * dimension);
        for k in 0..POINTS {
            for z in &generator {
                // Shifted by a half: a point and its mirror image (−k) stay together and none lies on 0.
                let x = ((k * z) % POINTS) as f64 / POINTS as f64;
                let x = if x < 0.5 { x + 0.5 } else { x - 0.5 };
                nodes.push(-SQRT_2 * erfc_inv(2.0 * x));
            }
        }
        let mut second = vec![0.0; dimension * dimension];
        for node in nodes.chunks_exact(dimension) {
            for (a, row) in second.chunks_exact_mut(dimension).enumerate() {
                row.iter_mut().zip(node).for_each(|(sum, b)| *sum += node[a] * b / count as f64);
            }
        }
        let factor = cholesky(&second, dimension, 0.0);
        for node in nodes.chunks_exact_mut(dimension) {
            for a in 0..dimension {
                let known: f64 = (0..a).map(|b| factor[a * dimension + b] * node[b]).sum();
                node[a] = (node[a] - known) / factor[a * dimension + a];
            }
        }
        Self { dimension, nodes, weights: vec![1.0 / count as f64; count] }
    }

    /// Nodes, each of the length of the dimension, and weights.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[f64], f64)> {
        // A chunk cannot have length 0; in no dimension the one node is empty.
        let d = self.dimension;
        self.weights.iter().enumerate().map(move |(i, w)| (&self.nodes[i * d..(i + 1) * d], *w))
    }
}

/// Weight of a product below which its node is left out, which half of them are.
const NEGLIGIBLE: f64 = 1e-9;

/// Points of the lattice: a prime.
const POINTS: u64 = 1021;

/// Component by component, the generator with the smallest worst-case error in the Korobov space of smoothness 2 with
/// weights 1/j for the j-th dimension.
fn generating_vector(dimension: usize) -> Vec<u64> {
    let kernel: Vec<f64> = (0..POINTS)
        .map(|i| i as f64 / POINTS as f64)
        .map(|x| 2.0 * PI * PI * (x * x - x + 1.0 / 6.0))
        .collect();
    let mut products = vec![1.0; POINTS as usize];
    let mut generator = Vec::with_capacity(dimension);
    for j in 0..dimension {
        let weight = 1.0 / (j + 1) as f64;
        let factor = |k: u64, z: u64| 1.0 + weight * kernel[((k * z) % POINTS) as usize];
        let error = |z: u64| (0..POINTS).map(|k| products[k as usize] * factor(k, z)).sum::<f64>();
        // The kernel is symmetric: z and −z are the same.
        let mut best = (f64::INFINITY, 1);
        for z in (1..=POINTS / 2).filter(|z| !generator.contains(z)) {
            let candidate = error(z);
            if candidate < best.0 {
                best = (candidate, z);
            }
        }
        products.iter_mut().zip(0..).for_each(|(p, k)| *p *= factor(k, best.1));
        generator.push(best.1);
    }
    generator
}

/// Lower Cholesky factor of a matrix of `n` rows; pivots are at least `floor`.
pub(super) fn cholesky(matrix: &[f64], n: usize, floor: f64) -> Vec<f64> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            factor[i * n + j] = if i == j { rest.max(floor).sqrt() } else { rest / factor[j * n + j] };
        }
    }
    factor
}

/// 2 ∂/∂Σ from ∂/∂L where Σ = LLᵀ, for matrices of `n` rows.
pub(super) fn by_covariance(factor: &[f64], by_factor: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    // P + Pᵀ: the lower triangle of LᵀL̄ and its mirror image, with the diagonal once.
    for a in 0..n {
        for b in 0..=a {
            let entry: f64 = (a..n).map(|k| factor[k * n + a] * by_factor[k * n + b]).sum();
            out[a * n + b] = entry;
            out[b * n + a] = entry;
        }
    }
    // L⁻ᵀ from the left, then its transpose from the right: the second as the first, on the transposed matrix.
    for _ in 0..2 {
        for column in 0..n {
            for row in (0..n).rev() {
                let known: f64 = (row + 1..n).map(|k| factor[k * n + row] * out[k * n + column]).sum();
                out[row * n + column] = (out[row * n + column] - known) / factor[row * n + row];
            }
        }
        for a in 0..n {
            for b in 0..a {
                out.swap(a * n + b, b * n + a);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_second_and_third_moments_are_those_of_the_normal() {
        for dimension in [1, 2, 3, 9] {
            let rule = Cubature::new(dimension);
            let average = |g: &dyn Fn(&[f64]) -> f64| rule.iter().map(|(e, w)| w * g(e)).sum::<f64>();
            assert!((average(&|_| 1.0) - 1.0).abs() < 1e-13);
            for a in 0..dimension {
                assert!(average(&|e| e[a]).abs() < 1e-12);
                assert!(average(&|e| e[a].powi(3)).abs() < 1e-11);
                for b in 0..dimension {
                    let expected = f64::from(u8::from(a == b));
                    assert!((average(&|e| e[a] * e[b]) - expected).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_matrix() {
        let matrix = [4.0, 2.0, -1.0, 2.0, 3.0, 0.5, -1.0, 0.5, 2.0];
        let l = cholesky(&matrix, 3, 0.0);
        for i in 0..3 {
            for j in 0..3 {
                let entry: f64 = (0..3).map(|k| l[i * 3 + k] * l[j * 3 + k]).sum();
                assert!((entry - matrix[i * 3 + j]).abs() < 1e-14);
            }
        }
    }
}
