//! Pathfinder: the best of the Gaussians along the way to the mode (Zhang, Carpenter, Gelman & Vehtari 2022,
//! *Pathfinder: Parallel quasi-Newton variational inference*, JMLR 23(306)).
//!
//! A climb by L-BFGS knows at each iterate u_l, with score g_l, an estimate H_l of the inverse negative Hessian, and with
//! it the local Gaussian N(u_l + H_l g_l, H_l) (section 2.2). K draws of each say what its evidence lower bound is,
//!
//!   ELBO(q) = E_q[log p(u) − log q(u)] = log ∫ p − KL(q ‖ p);
//!
//! the largest one wins. On the way to a skewed mode this is a Gaussian nearer to the mass than Laplace's, and none needs
//! a Hessian. Cost: the climb and K evaluations an iterate; O(d³) an iterate for the square root of H_l.

use super::inverse_hessian::InverseHessian;
use super::laplace::gaussian_draws;
use super::maximum::{MaximumSettings, Optimum, climb};
use super::path::Path;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Settings of Pathfinder.
#[derive(Debug, Clone)]
pub struct PathfinderSettings {
    /// Number of draws from the Gaussian found.
    pub draws: usize,
    /// K: draws that the ELBO of each iterate is estimated from.
    pub elbo_draws: usize,
    /// Steps that the inverse Hessian is estimated from.
    pub memory: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// How the modes are climbed to.
    pub maximum: MaximumSettings,
}

impl Default for PathfinderSettings {
    /// K and the memory of the paper.
    fn default() -> Self {
        Self { draws: 20, elbo_draws: 5, memory: 6, seed: 0, maximum: MaximumSettings::default() }
    }
}

/// What Pathfinder leaves.
#[derive(Debug, Clone)]
pub struct PathfinderFit {
    /// The Gaussian with the largest ELBO: its mean is the centre, its covariance LLᵀ.
    pub gaussian: Whitening,
    /// Its ELBO, estimated from K draws.
    pub elbo: f64,
    /// Estimated ELBO of each iterate of its climb; −∞ where the density of a draw does not exist.
    pub elbos: Vec<f64>,
    /// Where its climb ended.
    pub optimum: Optimum,
    /// Draws from the Gaussian, equally weighted, in the target's coordinates.
    pub draws: Cloud,
}

/// Random stream of the draws that leave; the noise of the k-th path has stream k + 1 beyond it.
const STREAM: u64 = 16;

/// The Gaussian with the largest ELBO along the climbs from all `starts` (target's coordinates). Starts where the log
/// density does not exist are left out.
///
/// # Errors
/// [`Error::Invalid`] for no draws, a dimension of zero, and where every start is a maximum already;
/// [`Error::NotFiniteValue`] where no Gaussian has a finite ELBO; the failure of the first start where every start fails;
/// unrecoverable errors of the log density.
pub fn pathfinder<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &PathfinderSettings,
) -> Result<PathfinderFit> {
    if settings.draws == 0 || settings.elbo_draws == 0 {
        return Err(Error::Invalid("Pathfinder needs at least one draw of each kind".into()));
    }
    if target.dim() == 0 {
        return Err(Error::Invalid("every parameter is fixed: there is nothing to infer".into()));
    }
    // A path tells of the target's own coordinates.
    let raw = MaximumSettings { metric: None, ..settings.maximum.clone() };
    let climbs: Vec<Result<(Optimum, Path)>> =
        starts.par_iter().map(|start| climb(target, start, &raw)).collect();
    let mut evaluator = Evaluator::new(target, settings.elbo_draws);
    let mut best: Option<PathfinderFit> = None;
    let (mut failure, mut climbed) = (None, false);
    for (index, climb) in climbs.into_iter().enumerate() {
        let (optimum, path) = match climb {
            Ok((optimum, path)) => (Optimum { start: index, ..optimum }, path),
            Err(error) if error.is_recoverable() => {
                failure = failure.or(Some(error));
                continue;
            }
            Err(error) => return Err(error),
        };
        climbed |= path.points.count() > 1;
        let gaussians = local_gaussians(&path, settings.memory)?;
        let mut rng = generator(settings, 1 + index as u64);
        let elbos = estimate_elbos(&mut evaluator, &gaussians, settings.elbo_draws, &mut rng)?;
        for (gaussian, elbo) in gaussians.into_iter().zip(elbos.iter().copied()) {
            if elbo.is_finite() && best.as_ref().is_none_or(|best| elbo > best.elbo) {
                let draws = Cloud::zeros(0, target.dim());
                let (elbos, optimum) = (elbos.clone(), optimum.clone());
                best = Some(PathfinderFit { gaussian, elbo, elbos, optimum, draws });
            }
        }
    }
    match (best, failure) {
        (Some(mut best), _) => {
            let mut rng = generator(settings, 0);
            best.draws = gaussian_draws(&best.gaussian, settings.draws, &mut rng, <[f64]>::to_vec);
            Ok(best)
        }
        (None, _) if climbed => Err(Error::NotFiniteValue { what: "ELBO of the Gaussians along the climb" }),
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(Error::Invalid("there is no start from which to climb".into())),
    }
}

fn generator(settings: &PathfinderSettings, path: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(STREAM + path);
    rng
}

/// N(u_l + H_l g_l, H_l) for each iterate after the start (algorithm 1 of the paper, lines 4 to 6).
fn local_gaussians(path: &Path, memory: usize) -> Result<Vec<Whitening>> {
    /// Smallest variance relative to the mean one: rounding must not make the covariance singular.
    const FLOOR: f64 = 1e-12;
    let d = path.points.dim();
    let mut estimate = InverseHessian::new(d, memory);
    (1..path.points.count())
        .map(|l| {
            let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
            let (point, score) = (path.points.point(l), path.scores.point(l));
            let step = difference(point, path.points.point(l - 1));
            estimate.learn(step, difference(path.scores.point(l - 1), score));
            let covariance = estimate.matrix();
            let newton =
                covariance.chunks(d).map(|row| row.iter().zip(score).map(|(h, g)| h * g).sum::<f64>());
            let mean = point.iter().zip(newton).map(|(u, step)| u + step).collect();
            let mean_variance = covariance.iter().step_by(d + 1).sum::<f64>() / d as f64;
            Whitening::from_covariance(mean, &covariance, FLOOR * mean_variance, f64::INFINITY)
        })
        .collect()
}

/// Mean of log p(u) − log q(u) over `count` draws of each Gaussian q.
fn estimate_elbos<D: LogDensity>(
    evaluator: &mut Evaluator<'_, D>,
    gaussians: &[Whitening],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<f64>> {
    let d = evaluator.target().dim();
    let (mut points, mut scores) = (Cloud::zeros(count * gaussians.len(), d), Cloud::zeros(0, d));
    scores.resize(points.count());
    let mut log_densities = Vec::with_capacity(points.count());
    let mut noise = vec![0.0; d];
    for (k, point) in points.points_mut().enumerate() {
        let gaussian = &gaussians[k / count];
        noise.iter_mut().for_each(|v| *v = StandardNormal.sample(rng));
        gaussian.unwhiten(&noise, point);
        let squares: f64 = noise.iter().map(|v| v * v).sum();
        let constant = d as f64 * (2.0 * std::f64::consts::PI).ln();
        log_densities.push(-0.5 * (squares + constant) - gaussian.log_determinant());
    }
    let mut values: Vec<Result<f64>> = log_densities.iter().map(|_| Ok(0.0)).collect();
    evaluator.evaluate_all(&points, &mut scores, &mut values)?;
    let gaps: Vec<f64> = (values.iter().zip(&log_densities))
        .map(|(p, q)| p.as_ref().map_or(f64::NEG_INFINITY, |p| p - q))
        .collect();
    Ok(gaps.chunks(count).map(|gaps| gaps.iter().sum::<f64>() / count as f64).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::{Funnel, GaussianTarget};
    use crate::inference::{LaplaceSettings, laplace};
    use std::f64::consts::PI;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn on_a_gaussian_target_mean_covariance_and_evidence_are_found() {
        let precision = [4.0, 1.0, 0.5, 1.0, 2.0, -0.3, 0.5, -0.3, 0.25];
        let target = GaussianTarget::new(vec![1.0, -2.0, 5.0], precision.to_vec()).unwrap();
        let maximum =
            MaximumSettings { gradient_tolerance: 1e-9, value_tolerance: 0.0, ..MaximumSettings::default() };
        let settings =
            PathfinderSettings { draws: 7, elbo_draws: 100, maximum, ..PathfinderSettings::default() };
        let fit = pathfinder(&target, &[vec![0.0; 3]], &settings).unwrap();
        for (found, exact) in fit.gaussian.centre().iter().zip([1.0, -2.0, 5.0]) {
            assert!((found - exact).abs() < 0.02, "{fit:?}");
        }
        // In the Gaussian's own coordinates the target's precision is the identity, LPL = I, but for what inexact line
        // searches leave to learn.
        let mut columns = Vec::new();
        for axis in 0..3 {
            let (mut unit, mut column, mut out) = ([0.0; 3], [0.0; 3], [0.0; 3]);
            unit[axis] = 1.0;
            fit.gaussian.stretch(&unit, &mut column);
            let product: Vec<f64> =
                precision.chunks(3).map(|row| row.iter().zip(&column).map(|(p, c)| p * c).sum()).collect();
            fit.gaussian.whiten_score(&product, &mut out);
            columns.push(out);
        }
        for (i, column) in columns.iter().enumerate() {
            for (j, entry) in column.iter().enumerate() {
                assert!((entry - f64::from(u8::from(i == j))).abs() < 0.3, "{columns:?}");
            }
        }
        let determinant = 4.0 * (2.0 * 0.25 - 0.09) - (0.25 + 0.15) + 0.5 * (-0.3 - 1.0);
        assert!((fit.elbo - (1.5 * (2.0 * PI).ln() - 0.5 * f64::ln(determinant))).abs() < 0.1, "{fit:?}");
        assert_eq!(fit.draws.count(), 7);
    }

    /// ELBO of q on Neal's funnel with sd = 1, in closed form: E[x² e⁻ᵛ] = e^(−m + s²/2) ((m_x − c)² + s_x²) with c the
    /// covariance of x and v.
    fn elbo_on_the_funnel(q: &Whitening) -> f64 {
        let d = q.dim();
        let column = |axis: usize| {
            let (mut unit, mut out) = (vec![0.0; d], vec![0.0; d]);
            unit[axis] = 1.0;
            q.stretch(&unit, &mut out);
            out
        };
        let (first, mean) = (column(0), q.centre());
        let variance: f64 = first.iter().map(|l| l * l).sum();
        let factor = (0.5 * variance - mean[0]).exp();
        let squares: f64 = (1..d)
            .map(|i| {
                let with_first: f64 = column(i).iter().zip(&first).map(|(a, b)| a * b).sum();
                factor * ((mean[i] - with_first).powi(2) + q.standard_deviation(i).powi(2))
            })
            .sum();
        let count = (d - 1) as f64;
        let entropy = 0.5 * d as f64 + q.log_determinant();
        entropy - 0.5 * (mean[0].powi(2) + variance) - 0.5 * count * mean[0] - 0.5 * squares
    }

    #[test]
    fn on_a_skewed_target_its_gaussian_is_nearer_than_laplaces() {
        let target = Funnel::new(10, 1.0).unwrap();
        let start = [vec![1.0, 0.5, -0.5, 1.0, -1.5, 0.2, 1.2, -0.8, 0.4, -1.0]];
        let at_mode = laplace(&target, &start, &LaplaceSettings::default()).unwrap().mode.whitening;
        for seed in 0..5 {
            let settings = PathfinderSettings { seed, ..PathfinderSettings::default() };
            let fit = pathfinder(&target, &start, &settings).unwrap();
            let (found, laplaces) = (elbo_on_the_funnel(&fit.gaussian), elbo_on_the_funnel(&at_mode));
            assert!(found > laplaces + 5.0, "{found} {laplaces}");
        }
    }

    /// The funnel, counting its evaluations.
    struct Counted(Funnel, AtomicUsize);

    impl LogDensity for Counted {
        type Workspace = ();
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.evaluate(z, score, &mut ())
        }
    }

    #[test]
    fn each_iterate_costs_its_draws_and_the_seed_decides_the_fit() {
        let (target, start) = (Counted(Funnel::new(4, 1.0).unwrap(), AtomicUsize::new(0)), [vec![1.0; 4]]);
        let settings = PathfinderSettings::default();
        let fit = pathfinder(&target, &start, &settings).unwrap();
        let all = target.1.swap(0, Ordering::Relaxed);
        climb(&target, &start[0], &settings.maximum).unwrap();
        assert_eq!(all, target.1.load(Ordering::Relaxed) + 5 * fit.elbos.len());
        assert_eq!(fit.elbo, fit.elbos.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        assert_eq!(fit.draws, pathfinder(&target, &start, &settings).unwrap().draws);
        let other = PathfinderSettings { seed: 1, ..settings };
        assert_ne!(fit.draws, pathfinder(&target, &start, &other).unwrap().draws);
    }

    #[test]
    fn a_start_without_a_way_to_climb_is_refused() {
        let target = GaussianTarget::standard(2);
        assert!(pathfinder(&target, &[vec![0.0; 2]], &PathfinderSettings::default()).is_err());
        let none = PathfinderSettings { elbo_draws: 0, ..PathfinderSettings::default() };
        assert!(pathfinder(&target, &[vec![1.0; 2]], &none).is_err());
    }
}
