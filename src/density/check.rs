//! What every toy target is held to.

#![allow(clippy::unwrap_used)]

use super::LogDensity;
use crate::stein::Cloud;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The score against fourth-order differences of the value.
pub(super) fn score_is_the_gradient<D: LogDensity>(target: &D, points: &[&[f64]]) {
    let mut workspace = target.workspace();
    for point in points {
        let (mut score, mut unused) = (vec![0.0; point.len()], vec![0.0; point.len()]);
        target.evaluate(point, &mut score, &mut workspace).unwrap();
        for i in 0..point.len() {
            let mut at = |step: f64| {
                let mut moved = point.to_vec();
                moved[i] += step;
                target.evaluate(&moved, &mut unused, &mut workspace).unwrap()
            };
            let h = 1e-3;
            let numeric = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let error = (score[i] - numeric).abs() / (1.0 + numeric.abs());
            assert!(error < 1e-7, "{point:?}, coordinate {i}: {} against {numeric}", score[i]);
        }
    }
}

/// Mass, mean and covariance (row by row) of a two-dimensional density over a box, by the midpoint rule.
pub(super) fn by_quadrature<D: LogDensity>(
    target: &D,
    window: [(f64, f64); 2],
    n: usize,
) -> (f64, [f64; 2], [f64; 4]) {
    let (mut workspace, mut unused) = (target.workspace(), [0.0; 2]);
    let step = window.map(|(low, high)| (high - low) / n as f64);
    let (mut mass, mut first, mut second) = (0.0, [0.0; 2], [0.0; 4]);
    for i in 0..n * n {
        let z = [i / n, i % n];
        let z = [0, 1].map(|c| window[c].0 + (z[c] as f64 + 0.5) * step[c]);
        let p = target.evaluate(&z, &mut unused, &mut workspace).unwrap().exp() * step[0] * step[1];
        mass += p;
        for a in 0..2 {
            first[a] += p * z[a];
            for b in 0..2 {
                second[2 * a + b] += p * z[a] * z[b];
            }
        }
    }
    let mean = first.map(|f| f / mass);
    let covariance =
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| second[2 * a + b] / mass - mean[a] * mean[b]);
    (mass, mean, covariance)
}

/// `count` draws with a fixed seed.
pub(super) fn draws(dim: usize, count: usize, sample: impl Fn(&mut ChaCha8Rng, &mut [f64])) -> Cloud {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut cloud = Cloud::zeros(count, dim);
    cloud.points_mut().for_each(|point| sample(&mut rng, point));
    cloud
}

/// Every pair differs by at most `tolerance`.
pub(super) fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= tolerance);
    assert!(near, "{found:?} against {expected:?}");
}
