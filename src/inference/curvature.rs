//! The Hessian of a log density by differences of its score, and Laplace's evidence.

use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::stein::Cloud;
use faer::{Mat, Side};
use std::f64::consts::PI;

/// −∇∇ᵀ log p at `point` (d×d, row by row, symmetric) by central differences of the score: 2d evaluations.
/// Columns whose points fail fall back to the identity: a direction of which nothing is known.
///
/// # Errors
/// Unrecoverable errors of the log density.
pub fn negative_hessian<D: LogDensity>(evaluator: &mut Evaluator<'_, D>, point: &[f64]) -> Result<Vec<f64>> {
    // Rounding of the score against the third derivative; coordinates are of order one.
    const STEP: f64 = 1e-4;
    let d = point.len();
    let mut points = Cloud::zeros(2 * d, d);
    for (k, p) in points.points_mut().enumerate() {
        p.copy_from_slice(point);
        p[k / 2] += if k % 2 == 0 { STEP } else { -STEP };
    }
    let mut scores = Cloud::zeros(2 * d, d);
    let mut values: Vec<_> = (0..2 * d).map(|_| Ok(0.0)).collect();
    evaluator.evaluate_all(&points, &mut scores, &mut values)?;
    let mut hessian = vec![0.0; d * d];
    for i in 0..d {
        let known = values[2 * i].is_ok() && values[2 * i + 1].is_ok();
        for j in 0..d {
            let difference = (scores.point(2 * i + 1)[j] - scores.point(2 * i)[j]) / (2.0 * STEP);
            let entry = if known { difference } else { f64::from(u8::from(i == j)) };
            hessian[i * d + j] += 0.5 * entry;
            hessian[j * d + i] += 0.5 * entry;
        }
    }
    Ok(hessian)
}

/// Laplace's approximation of log ∫ p: log p(ẑ) + d/2 log 2π − ½ log |H| with the eigenvalues of H floored.
pub fn log_evidence(value: f64, hessian: &[f64], floor: f64) -> f64 {
    let d = (hessian.len() as f64).sqrt().round() as usize;
    let matrix = Mat::from_fn(d, d, |i, j| hessian[i * d + j]);
    match matrix.self_adjoint_eigenvalues(Side::Lower) {
        Ok(values) => {
            let log_determinant: f64 = values.iter().map(|v| v.max(floor).ln()).sum();
            value + 0.5 * d as f64 * (2.0 * PI).ln() - 0.5 * log_determinant
        }
        Err(_) => f64::NEG_INFINITY,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn the_hessian_and_the_evidence_of_a_gaussian_are_exact() {
        let precision = vec![2.0, 0.5, 0.5, 1.0];
        let target = GaussianTarget::new(vec![1.0, -1.0], precision.clone()).unwrap();
        let hessian = negative_hessian(&mut Evaluator::new(&target, 4), &[1.0, -1.0]).unwrap();
        assert!(hessian.iter().zip(&precision).all(|(a, b)| (a - b).abs() < 1e-9));
        let exact = (2.0 * PI).ln() - 0.5 * 1.75f64.ln();
        assert!((log_evidence(0.0, &hessian, 1e-6) - exact).abs() < 1e-9);
    }
}
