//! The shape of the posterior near the mode, from what minibatches say of probes around it.
//!
//! Probes and the anchor see the same minibatches, so that the noise of score differences shrinks with the distance. Their
//! least-squares slope is the Hessian of the bound with each q(v) at its optimum (a secant, as quasi-Newton methods have it).
//! Odd and even minibatches give two slopes; what these disagree about is noise, and no eigenvalue of the precision
//! is taken to be smaller than it: directions that minibatches cannot resolve stay narrow rather than wild.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef, Side};
use serde::{Deserialize, Serialize};

/// Sums of score differences of each probe, over even and over odd minibatches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ScoreDifferences {
    sums: [Vec<f64>; 2],
    counts: [f64; 2],
    dim: usize,
}

/// Largest standard deviation of a direction, in unconstrained coordinates.
const WIDEST: f64 = 1.5;
/// Share of a probe's own distance that regularises the slope.
const RIDGE: f64 = 1e-6;

impl ScoreDifferences {
    /// For `probes` probes in `dim` dimensions.
    pub fn new(probes: usize, dim: usize) -> Self {
        Self { sums: [vec![0.0; probes * dim], vec![0.0; probes * dim]], counts: [0.0; 2], dim }
    }

    /// Adds score minus anchor's score of all probes (length probes × d), as minibatch number `number` sees them.
    pub fn add(&mut self, number: u64, differences: &[f64]) {
        let half = (number % 2) as usize;
        self.counts[half] += 1.0;
        self.sums[half].iter_mut().zip(differences).for_each(|(to, from)| *to += from);
    }

    /// A matrix F (d×d, row by row) such that the posterior near the mode is about mode + F w with w ~ N(0, I); `offsets` are
    /// those of the probes from the mode, probes × d.
    pub fn spread(&self, offsets: &[f64]) -> Vec<f64> {
        let d = self.dim;
        let halves: Vec<Mat<f64>> = (0..2).map(|half| self.precision(half, offsets)).collect();
        let mean = Mat::from_fn(d, d, |i, j| 0.5 * (halves[0][(i, j)] + halves[1][(i, j)]));
        let noise = Mat::from_fn(d, d, |i, j| 0.5 * (halves[0][(i, j)] - halves[1][(i, j)]));
        let Ok(eigen) = mean.self_adjoint_eigen(Side::Lower) else { return narrow(d) };
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        let mut spread = vec![0.0; d * d];
        for e in 0..d {
            let uncertainty = quadratic(noise.as_ref(), vectors, e).abs();
            let precision = values[e].max(2.0 * uncertainty).max(WIDEST.powi(-2));
            let sd = precision.sqrt().recip();
            for i in 0..d {
                for j in 0..d {
                    // The symmetric root: coordinates keep their meaning.
                    spread[i * d + j] += sd * vectors[(i, e)] * vectors[(j, e)];
                }
            }
        }
        if spread.iter().all(|v| v.is_finite()) { spread } else { narrow(d) }
    }

    /// −slope of the differences in the offsets, symmetrised.
    fn precision(&self, half: usize, offsets: &[f64]) -> Mat<f64> {
        let (d, count) = (self.dim, self.counts[half].max(1.0));
        let probes = offsets.len() / d.max(1);
        let at = |values: &[f64], j: usize, a: usize| values[j * d + a];
        let mut gram = Mat::from_fn(d, d, |a, b| {
            (0..probes).map(|j| at(offsets, j, a) * at(offsets, j, b)).sum::<f64>()
        });
        let trace = (0..d).map(|a| gram[(a, a)]).sum::<f64>() / d.max(1) as f64;
        (0..d).for_each(|a| gram[(a, a)] += RIDGE * trace);
        let sums = &self.sums[half];
        let right = Mat::from_fn(d, d, |a, b| {
            (0..probes).map(|j| at(offsets, j, a) * at(sums, j, b) / count).sum::<f64>()
        });
        let slope = gram.partial_piv_lu().solve(&right);
        Mat::from_fn(d, d, |a, b| -0.5 * (slope[(a, b)] + slope[(b, a)]))
    }
}

/// eᵀ A e for eigenvector number `e`.
fn quadratic(a: MatRef<'_, f64>, vectors: MatRef<'_, f64>, e: usize) -> f64 {
    let d = a.nrows();
    (0..d)
        .flat_map(|i| (0..d).map(move |j| (i, j)))
        .map(|(i, j)| vectors[(i, e)] * a[(i, j)] * vectors[(j, e)])
        .sum()
}

fn narrow(d: usize) -> Vec<f64> {
    (0..d * d).map(|k| if k / d == k % d { 0.01 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_score_gives_its_covariance_and_noise_makes_it_no_wider() {
        // Precision [[4, 1], [1, 2]] and probes on a few places.
        let score = |z: &[f64]| [-(4.0 * z[0] + z[1]), -(z[0] + 2.0 * z[1])];
        let offsets = [0.1, 0.0, -0.1, 0.05, 0.0, 0.2, 0.07, -0.11];
        let exact: Vec<f64> = offsets.chunks(2).flat_map(score).collect();
        let mut differences = ScoreDifferences::new(4, 2);
        (0..4).for_each(|number| differences.add(number, &exact));
        let spread = differences.spread(&offsets);
        // F Fᵀ is the inverse: [[2, −1], [−1, 4]] / 7.
        let product = |i: usize, j: usize| (0..2).map(|k| spread[2 * i + k] * spread[2 * j + k]).sum::<f64>();
        assert!((product(0, 0) - 2.0 / 7.0).abs() < 1e-4 && (product(1, 0) + 1.0 / 7.0).abs() < 1e-4);
        assert!((product(1, 1) - 4.0 / 7.0).abs() < 1e-4);
        // Minibatches that disagree by ±100 about each slope.
        let mut noisy = ScoreDifferences::new(4, 2);
        for number in 0..4 {
            let sign = if number % 2 == 0 { 100.0 } else { -100.0 };
            let moved: Vec<f64> = exact.iter().zip(&offsets).map(|(s, z)| s + sign * z).collect();
            noisy.add(number, &moved);
        }
        let cautious = noisy.spread(&offsets);
        assert!((0..2).all(|i| cautious[3 * i] < 0.08 && cautious[3 * i] > 0.06), "{cautious:?}");
    }
}
