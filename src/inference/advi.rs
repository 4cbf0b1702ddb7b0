//! Automatic differentiation variational inference (Kucukelbir et al. 2017): the Gaussian with the largest evidence lower
//! bound.
//!
//! ELBO(q) = E_q[log p(u) − log q(u)] ≤ log ∫ p, climbed by Adam with reparameterised gradients. The gradients are path
//! gradients ("sticking the landing", Roeder, Wu & Duvenaud 2017): they have no variance where q is exact. Draws are Latin
//! hypercubes. The search starts at Laplace's Gaussian: the full-rank family in its coordinates, the mean field in the
//! target's own coordinates, scaled by the curvature along each. Where the bound no longer rises beyond its noise the step is
//! cut, a few times, and the parameters are averaged from there on. Cost: a few evaluations an iteration, some hundred
//! iterations.

use super::elbo::{Elbo, ElboReport, Search};
use super::gaussian::VariationalFamily;
use super::laplace::gaussian_draws;
use super::maximum::MaximumSettings;
use super::mode::{Mode, best_mode};
use crate::density::LogDensity;
use crate::stein::{Cloud, Optimiser, OptimiserState};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;

/// Settings of variational inference.
#[derive(Debug, Clone)]
pub struct AdviSettings {
    /// Which Gaussians are allowed.
    pub family: VariationalFamily,
    /// Draws an iteration over which the gradient is averaged: a Latin hypercube.
    pub samples: usize,
    /// Largest number of iterations.
    pub iterations: usize,
    /// First step size, in standard deviations of Laplace's Gaussian.
    pub learning_rate: f64,
    /// Number of draws from the Gaussian that was found.
    pub draws: usize,
    /// Smallest curvature that counts at the mode: a flatter direction is given this precision.
    pub curvature_floor: f64,
    /// Seed.
    pub seed: u64,
    /// How the mode is looked for.
    pub maximum: MaximumSettings,
}

impl Default for AdviSettings {
    fn default() -> Self {
        Self {
            family: VariationalFamily::FullRank,
            samples: 10,
            iterations: 2000,
            learning_rate: 0.1,
            draws: 20,
            curvature_floor: 0.05,
            seed: 0,
            maximum: MaximumSettings::default(),
        }
    }
}

impl AdviSettings {
    fn check(&self) -> Result<()> {
        let invalid = |text: &str| Err(Error::Invalid(text.into()));
        if self.samples < 2 || self.iterations == 0 || self.draws == 0 {
            return invalid("variational inference needs two samples, one iteration and one draw at least");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return invalid("the learning rate must be positive");
        }
        Ok(())
    }
}

/// What variational inference leaves.
#[derive(Debug, Clone)]
pub struct AdviFit {
    /// The mode it started from.
    pub mode: Mode,
    /// Mean of the Gaussian, length d, in the target's coordinates.
    pub mean: Vec<f64>,
    /// Its covariance, d×d, row by row.
    pub covariance: Vec<f64>,
    /// The bound of this Gaussian, or of the last iterations where it was interrupted.
    pub elbo: Elbo,
    /// The bound at each iteration.
    pub trace: Vec<ElboReport>,
    /// Draws from the Gaussian, equally weighted.
    pub draws: Cloud,
    /// Whether the bound came to rest within the iterations.
    pub converged: bool,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
}

/// Gradient, in nats a standard deviation of Laplace's Gaussian, below which a step is proportional to it. Path gradients have no noise
/// where the Gaussian is exact: the search stays there if it begins there.
const FLOOR: f64 = 0.3;
/// Iterations whose mean bound is compared with what there was before.
const WINDOW: usize = 20;
/// What the step is multiplied with at a plateau, and how often before the search rests. Averages do the rest.
const SHORTER: f64 = 0.3;
const PLATEAUS: usize = 2;
/// Iterations in a row with most samples failing after which the fit fails.
const GIVE_UP: usize = 5;
/// Rounds of samples that estimate the bound in the end.
const ROUNDS: usize = 10;
/// A gain of the bound that is worth another window, in nats.
const WORTHWHILE: f64 = 1e-3;

/// Fits the Gaussian. `watch` hears of each iteration and may stop.
///
/// # Errors
/// [`Error::Invalid`] for settings that make no sense and a dimension of zero; failures where no start works or most
/// samples fail; unrecoverable errors of the log density.
pub fn advi<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &AdviSettings,
    watch: &mut dyn FnMut(&ElboReport) -> ControlFlow<()>,
) -> Result<AdviFit> {
    settings.check()?;
    let mode = best_mode(target, starts, &settings.maximum, settings.curvature_floor)?;
    let mut search = Search::new(target, &mode, settings)?;
    let mut state = OptimiserState::new(Optimiser::ADAM, search.q.parameters.len()).with_floor(FLOOR);
    let mut schedule = Plateau { rate: settings.learning_rate, plateaus: 0, best: None };
    let mut average = Average { sum: vec![0.0; search.q.parameters.len()], count: 0 };
    let (mut trace, mut mostly_failed, mut interrupted) = (Vec::new(), 0, false);
    while trace.len() < settings.iterations && schedule.plateaus < PLATEAUS && !interrupted {
        let (mut gradient, report) = search.gradient(trace.len() + 1)?;
        mostly_failed = if 2 * report.failed > settings.samples { mostly_failed + 1 } else { 0 };
        if mostly_failed >= GIVE_UP {
            return Err(search.first_failure());
        }
        trace.push(report);
        interrupted = watch(&report).is_break();
        state.step(schedule.rate, &mut gradient);
        search.q.parameters.iter_mut().zip(&gradient).for_each(|(p, step)| *p += step);
        if schedule.plateaus > 0 {
            average.add(&search.q.parameters);
        }
        if trace.len() % WINDOW == 0 {
            schedule.look(window_mean(&trace));
        }
    }
    if average.count > 0 {
        search.q.parameters = average.mean();
    }
    // An interrupted fit is not kept waiting for more evaluations.
    let elbo = if interrupted { window_mean(&trace) } else { search.bound(ROUNDS)? };
    let (mean, covariance) = search.moments();
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(6);
    let draws = gaussian_draws(&search.coordinates, settings.draws, &mut rng, |noise| search.q.point(noise));
    let converged = schedule.plateaus >= PLATEAUS;
    Ok(AdviFit { mode, mean, covariance, elbo, trace, draws, converged, interrupted })
}

/// Mean bound over the last window.
fn window_mean(trace: &[ElboReport]) -> Elbo {
    let window = &trace[trace.len().saturating_sub(WINDOW)..];
    Elbo::mean(window.iter().map(|report| report.elbo))
}

/// A step size that is cut whenever a window's bound is not above all before it beyond the noise of both.
struct Plateau {
    rate: f64,
    plateaus: usize,
    best: Option<Elbo>,
}

impl Plateau {
    fn look(&mut self, now: Elbo) {
        if let Some(best) = self.best {
            let noise = best.standard_error.hypot(now.standard_error).max(WORTHWHILE);
            if now.value - best.value < noise {
                self.rate *= SHORTER;
                self.plateaus += 1;
            }
        }
        if self.best.is_none_or(|best| now.value > best.value) {
            self.best = Some(now);
        }
    }
}

/// The mean of the parameters since the first plateau: what the noise of the gradients moves back and forth cancels
/// (Polyak & Juditsky 1992; Dhaka et al. 2020 for variational inference).
struct Average {
    sum: Vec<f64>,
    count: usize,
}

impl Average {
    fn add(&mut self, parameters: &[f64]) {
        self.sum.iter_mut().zip(parameters).for_each(|(s, p)| *s += p);
        self.count += 1;
    }

    fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.count as f64).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;
    use std::f64::consts::PI;

    const PRECISION: [f64; 9] = [2.0, 1.2, 0.0, 1.2, 3.0, -0.5, 0.0, -0.5, 0.25];

    fn target() -> GaussianTarget {
        GaussianTarget::new(vec![1.0, -2.0, 5.0], PRECISION.to_vec()).unwrap()
    }

    /// Skewed: u₁ is standard normal, u₂ has mean u₁² / 2 and a standard deviation of one half.
    struct Banana;

    impl LogDensity for Banana {
        type Workspace = ();
        fn dim(&self) -> usize {
            2
        }
        fn workspace(&self) {}
        fn evaluate(&self, u: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            let off = u[1] - 0.5 * u[0] * u[0];
            score[0] = -u[0] + 4.0 * off * u[0];
            score[1] = -4.0 * off;
            // Normalised: log ∫ p = 0.
            Ok(-0.5 * u[0] * u[0] - 2.0 * off * off - (2.0 * PI).ln() + 2f64.ln())
        }
    }

    fn quiet(_: &ElboReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn full_rank_recovers_a_correlated_gaussian_and_its_evidence() {
        let fit = advi(&target(), &[vec![0.0; 3]], &AdviSettings::default(), &mut quiet).unwrap();
        assert!(fit.converged);
        let identity = |i: usize, j: usize| {
            (0..3).map(|k| fit.covariance[i * 3 + k] * PRECISION[k * 3 + j]).sum::<f64>()
        };
        for i in 0..3 {
            assert!((fit.mean[i] - [1.0, -2.0, 5.0][i]).abs() < 5e-3, "{:?}", fit.mean);
            for j in 0..3 {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((identity(i, j) - expected).abs() < 5e-3, "{:?}", fit.covariance);
            }
        }
        // |Λ| = 2(0.75 − 0.25) − 1.2·0.3.
        let evidence = 1.5 * (2.0 * PI).ln() - 0.5 * 0.64f64.ln();
        assert!(
            (fit.elbo.value - evidence).abs() < 1e-4 && fit.elbo.standard_error < 1e-4,
            "{}",
            fit.elbo.value
        );
    }

    #[test]
    fn the_mean_field_has_the_inverse_of_the_precisions_diagonal_for_variances() {
        let settings = AdviSettings { family: VariationalFamily::MeanField, ..AdviSettings::default() };
        let fit = advi(&target(), &[vec![0.0; 3]], &settings, &mut quiet).unwrap();
        for i in 0..3 {
            let variance = 1.0 / PRECISION[4 * i];
            assert!((fit.covariance[4 * i] / variance - 1.0).abs() < 0.05, "{:?}", fit.covariance);
            assert!((fit.mean[i] - [1.0, -2.0, 5.0][i]).abs() < 0.1 * variance.sqrt(), "{:?}", fit.mean);
        }
        assert!(fit.covariance[1].abs() < 1e-12);
        // It falls short of log ∫ p by ½ (Σ log Λ_ii − log |Λ|).
        let evidence = 1.5 * (2.0 * PI).ln() - 0.5 * 1.5f64.ln();
        assert!(
            (fit.elbo.value - evidence).abs() < 5.0 * fit.elbo.standard_error + 0.01,
            "{}",
            fit.elbo.value
        );
    }

    /// The best Gaussian is q = N(0, a) N(a/2, ¼) with 4a² + a = 1; its bound is ½ − a/2 − a² + ½ log a = −0.318. Laplace's
    /// Gaussian, with a = 1 and the mean at 0, has −1.5.
    #[test]
    fn the_best_gaussian_of_a_skewed_target_is_the_one_of_the_closed_form() {
        let fit = advi(&Banana, &[vec![0.3, 0.3]], &AdviSettings::default(), &mut quiet).unwrap();
        let a = (17f64.sqrt() - 1.0) / 8.0;
        assert!(fit.converged && fit.trace.len() < 600, "{}", fit.trace.len());
        assert!((fit.covariance[0] / a - 1.0).abs() < 0.08, "{:?}", fit.covariance);
        assert!((fit.covariance[3] / 0.25 - 1.0).abs() < 0.08, "{:?}", fit.covariance);
        assert!((fit.mean[1] - 0.5 * a).abs() < 0.02 && fit.mean[0].abs() < 0.03, "{:?}", fit.mean);
        let bound = 0.5 - 0.5 * a - a * a + 0.5 * a.ln();
        assert!(
            (fit.elbo.value - bound).abs() < 4.0 * fit.elbo.standard_error,
            "{} against {bound}",
            fit.elbo.value
        );
        assert!(fit.elbo.standard_error < 0.1);
    }

    #[test]
    fn the_seed_decides_and_a_watcher_may_stop() {
        let at = |seed: u64| {
            let settings = AdviSettings { seed, iterations: 30, ..AdviSettings::default() };
            advi(&Banana, &[vec![0.3, 0.3]], &settings, &mut quiet).unwrap()
        };
        assert_eq!(at(1).draws, at(1).draws);
        assert_ne!(at(1).mean, at(2).mean);
        let mut stop = |report: &ElboReport| {
            if report.iteration == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let fit = advi(&Banana, &[vec![0.3, 0.3]], &AdviSettings::default(), &mut stop).unwrap();
        assert!(fit.interrupted && !fit.converged && fit.trace.len() == 3);
    }
}
