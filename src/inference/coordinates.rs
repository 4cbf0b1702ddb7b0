//! Which coordinates suit a density: those in which Laplace's Gaussian is nearest to it.
//!
//! Where data say little, a parameter has the shape of its prior, and coordinates in which priors are normal suit. Where
//! data say much, what is left are ridges between scale parameters (a variance and its lengthscale): straight in their
//! logarithms, bent in those coordinates, and with many rows so narrow that a bend matters.

use super::maximum::MaximumSettings;
use super::mode::best_mode;
use super::warped::Warped;
use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::parameter::MonotoneMap;
use crate::stein::Cloud;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Pairs of draws ±ε, which leave out what is odd around the mode.
const PAIRS: usize = 8;

/// Of the candidates (maps from coordinates to those of the target, as in [`Warped`]) the place of the one whose Laplace
/// Gaussian has the greatest evidence lower bound. All use the same draws. Cost: as many climbs from `start`, Hessians and
/// 16 evaluations.
///
/// # Errors
/// Where no climb works, and errors of the log density that are not recoverable.
pub(super) fn straightest<D: LogDensity>(
    target: &D,
    start: &[f64],
    candidates: &[Vec<MonotoneMap>],
    maximum: &MaximumSettings,
    floor: f64,
    seed: u64,
) -> Result<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(6);
    let mut noise = Cloud::zeros(2 * PAIRS, target.dim());
    for pair in noise.values_mut().chunks_exact_mut(2 * target.dim()) {
        let (one, other) = pair.split_at_mut(target.dim());
        one.iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
        other.iter_mut().zip(one).for_each(|(other, one)| *other = -*one);
    }
    let mut best = (0, f64::NEG_INFINITY);
    for (place, maps) in candidates.iter().enumerate() {
        let warped = Warped::new(target, maps.clone());
        let bound = laplace_bound(&warped, start, &noise, maximum, floor)?;
        if bound > best.1 {
            best = (place, bound);
        }
    }
    Ok(best.0)
}

/// E_q[log p − log q] of Laplace's Gaussian, but for what all coordinates share. `start` is in the target's coordinates.
fn laplace_bound<D: LogDensity>(
    warped: &Warped<'_, D>,
    start: &[f64],
    noise: &Cloud,
    maximum: &MaximumSettings,
    floor: f64,
) -> Result<f64> {
    let mode = best_mode(warped, &[warped.from_target(start)], maximum, floor)?;
    let mut draws = Cloud::zeros(noise.count(), noise.dim());
    for (draw, noise) in draws.points_mut().zip(noise.points()) {
        mode.whitening.unwhiten(noise, draw);
    }
    let mut scores = draws.clone();
    let mut values: Vec<_> = (0..draws.count()).map(|_| Ok(0.0)).collect();
    Evaluator::new(warped, draws.count()).evaluate_all(&draws, &mut scores, &mut values)?;
    // Where a draw fails the Gaussian reaches outside of what can be evaluated.
    let sum: f64 = values.into_iter().map(|v| v.unwrap_or(f64::NEG_INFINITY)).sum();
    Ok(sum / draws.count() as f64 + mode.whitening.log_determinant())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Two logarithms of unit exponentials that are to be equal: log p(u) = Σ (u_i − e^{u_i}) − (steepness·(u_0 − u_1))²/2.
    struct Ridge {
        steepness: f64,
    }

    impl LogDensity for Ridge {
        type Workspace = ();

        fn dim(&self) -> usize {
            2
        }

        fn workspace(&self) {}

        fn evaluate(&self, u: &[f64], score: &mut [f64], _: &mut ()) -> Result<f64> {
            let off = self.steepness * (u[0] - u[1]);
            score[0] = 1.0 - u[0].exp() - self.steepness * off;
            score[1] = 1.0 - u[1].exp() + self.steepness * off;
            Ok(u[0] - u[0].exp() + u[1] - u[1].exp() - 0.5 * off * off)
        }
    }

    #[test]
    fn what_the_prior_decides_is_straight_where_it_is_normal_and_a_narrow_ridge_in_logarithms() {
        // The second coordinate has a prior of another scale: a straight ridge bends in coordinates that make both normal.
        let maps = || {
            vec![
                MonotoneMap::gaussianising(|u| u - u.exp()),
                MonotoneMap::gaussianising(|u| 9.0 * (u - u.exp())),
            ]
        };
        let candidates = [Vec::new(), maps()];
        let at = |steepness: f64| {
            let target = Ridge { steepness };
            straightest(&target, &[0.0, 0.0], &candidates, &MaximumSettings::default(), 1e-3, 1).unwrap()
        };
        assert_eq!(at(1e-3), 1);
        assert_eq!(at(300.0), 0);
    }
}
