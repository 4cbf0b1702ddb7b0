//! What L-BFGS knows of the inverse negative Hessian of a log density after a few steps.

use std::collections::VecDeque;

/// Curvature yᵀs/|y|² of a step below which it says nothing (Zhang et al. 2022, algorithm 3).
const LEAST_CURVATURE: f64 = 1e-12;

/// A diagonal, learnt from all steps, and the last few steps s with their falls of the score y = −Δg.
#[derive(Debug, Clone)]
pub(super) struct InverseHessian {
    diagonal: Vec<f64>,
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
    memory: usize,
}

impl InverseHessian {
    /// The identity, before any step. `memory`: steps to remember.
    pub(super) fn new(dim: usize, memory: usize) -> Self {
        Self { diagonal: vec![1.0; dim], pairs: VecDeque::with_capacity(memory + 1), memory }
    }

    /// Learns from a step s along which the score fell by y. A step along which the density curves the wrong way
    /// is left out.
    pub(super) fn learn(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let curvature = dot(&y, &s);
        if curvature.is_nan() || curvature <= LEAST_CURVATURE * dot(&y, &y) {
            return;
        }
        // Gilbert & Lemaréchal (1989), eq. 4.9: the diagonal of the BFGS update of the Hessian, scaled so that it has
        // the right curvature along y.
        let a: f64 = y.iter().zip(&self.diagonal).map(|(y, d)| y * y * d).sum();
        let c: f64 = s.iter().zip(&self.diagonal).map(|(s, d)| s * s / d).sum();
        for (d, (s, y)) in self.diagonal.iter_mut().zip(s.iter().zip(&y)) {
            let precision = a / (curvature * *d) + y * y / curvature - a * s * s / (curvature * c * *d * *d);
            *d = precision.recip();
        }
        self.pairs.push_back((s, y));
        if self.pairs.len() > self.memory {
            self.pairs.pop_front();
        }
    }

    /// H, d×d, row by row, symmetric and positive definite: BFGS updates of the diagonal by the steps remembered
    /// (Nocedal & Wright 2006, eq. 6.17). Cost: O(memory · d²).
    pub(super) fn matrix(&self) -> Vec<f64> {
        let d = self.diagonal.len();
        let mut h = vec![0.0; d * d];
        h.iter_mut().step_by(d + 1).zip(&self.diagonal).for_each(|(h, d)| *h = *d);
        for (s, y) in &self.pairs {
            let rho = dot(y, s).recip();
            let hy: Vec<f64> = h.chunks(d.max(1)).map(|row| dot(row, y)).collect();
            let factor = rho * (1.0 + rho * dot(y, &hy));
            // H ← (I − ρsyᵀ) H (I − ρysᵀ) + ρssᵀ
            for (i, row) in h.chunks_mut(d.max(1)).enumerate() {
                for (j, entry) in row.iter_mut().enumerate() {
                    *entry += factor * s[i] * s[j] - rho * (s[i] * hy[j] + hy[i] * s[j]);
                }
            }
        }
        h
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Falls of the score of N(0, P⁻¹) with P = [[4, 1], [1, 2]].
    fn fall(s: [f64; 2]) -> Vec<f64> {
        vec![4.0 * s[0] + s[1], s[0] + 2.0 * s[1]]
    }

    #[test]
    fn the_last_step_is_explained_and_the_matrix_is_positive_definite() {
        let mut estimate = InverseHessian::new(2, 2);
        for s in [[1.0, 0.0], [0.3, -2.0], [0.2, 0.1]] {
            estimate.learn(s.to_vec(), fall(s));
            let (h, y) = (estimate.matrix(), fall(s));
            assert!((h[0] * y[0] + h[1] * y[1] - s[0]).abs() < 1e-12, "{h:?}");
            assert!((h[2] * y[0] + h[3] * y[1] - s[1]).abs() < 1e-12, "{h:?}");
            assert!(h[0] > 0.0 && h[0] * h[3] - h[1] * h[2] > 0.0, "{h:?}");
        }
    }

    #[test]
    fn conjugate_steps_give_the_inverse_exactly() {
        let mut estimate = InverseHessian::new(2, 5);
        // [1, −4] has no curvature in common with [1, 0].
        for s in [[1.0, 0.0], [1.0, -4.0]] {
            estimate.learn(s.to_vec(), fall(s));
        }
        for (h, exact) in estimate.matrix().iter().zip([2.0 / 7.0, -1.0 / 7.0, -1.0 / 7.0, 4.0 / 7.0]) {
            assert!((h - exact).abs() < 1e-12, "{h} {exact}");
        }
    }

    #[test]
    fn without_a_memory_a_step_along_an_axis_sets_the_scale_of_all() {
        let mut estimate = InverseHessian::new(2, 0);
        estimate.learn(vec![1.0, 0.0], vec![9.0, 0.0]);
        for (h, exact) in estimate.matrix().iter().zip([1.0 / 9.0, 0.0, 0.0, 1.0 / 9.0]) {
            assert!((h - exact).abs() < 1e-12);
        }
        // Both directions at once: B = a/b − (a/b) s²/sᵀs + y²/b of a step from there, with a = yᵀDy, b = yᵀs.
        estimate.learn(vec![1.0, 1.0], vec![9.0, 0.5]);
        let (a, b): (f64, f64) = (81.25 / 9.0, 9.5);
        for (h, y) in estimate.matrix().iter().step_by(3).zip([9.0, 0.5]) {
            assert!((h.recip() - (4.5 * a / b + y * y / b)).abs() < 1e-9, "{h}");
        }
    }

    #[test]
    fn a_step_along_which_the_density_curves_the_wrong_way_changes_nothing() {
        let mut estimate = InverseHessian::new(2, 3);
        estimate.learn(vec![1.0, 0.5], vec![-1.0, 0.2]);
        assert_eq!(estimate.matrix(), [1.0, 0.0, 0.0, 1.0]);
    }
}
