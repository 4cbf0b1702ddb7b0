//! The No-U-Turn Sampler (Hoffman & Gelman 2014) by the crate nuts-rs: the reference for everything faster.
//!
//! Several chains start from over-dispersed draws of Laplace's Gaussian at the best mode and move in its coordinates,
//! so that the metric adapts from close to the identity. An evaluation that fails at a point is a divergence. Cost:
//! some seven evaluations a draw where the posterior is nearly Gaussian in those coordinates, up to 2¹⁰ where it is not.

use super::chain::{ChainPlan, ChainReport, ChainRun, run_chain};
use super::chains::ChainDiagnostics;
use super::maximum::MaximumSettings;
use super::mode::{Mode, best_mode};
use crate::density::LogDensity;
use crate::stein::Cloud;
use crate::{Error, Result};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Settings of a NUTS fit.
#[derive(Debug, Clone)]
pub struct NutsSettings {
    /// Number of chains; R-hat needs two.
    pub chains: usize,
    /// Draws a chain while step size and metric adapt, thrown away afterwards.
    pub tune: usize,
    /// Draws a chain after that.
    pub draws: usize,
    /// Spread of the starts in standard deviations of Laplace's Gaussian: wide, so that R-hat can tell.
    pub initial_spread: f64,
    /// Acceptance that the step size aims at; nearer to 1 against divergences.
    pub target_accept: f64,
    /// Largest number of doublings of a trajectory.
    pub max_depth: usize,
    /// Smallest curvature that counts at the mode: a flatter direction is given this precision.
    pub curvature_floor: f64,
    /// Seed; chain k uses its k-th stream.
    pub seed: u64,
    /// How the mode is looked for. Its interrupt stops the chains as well.
    pub maximum: MaximumSettings,
}

impl Default for NutsSettings {
    fn default() -> Self {
        Self {
            chains: 4,
            tune: 500,
            draws: 1000,
            initial_spread: 2.0,
            target_accept: 0.8,
            max_depth: 10,
            curvature_floor: 0.05,
            seed: 0,
            maximum: MaximumSettings::default(),
        }
    }
}

impl NutsSettings {
    fn check(&self) -> Result<()> {
        let invalid = |text: &str| Err(Error::Invalid(text.into()));
        if self.chains == 0 || self.draws == 0 || self.max_depth == 0 {
            return invalid("NUTS needs at least one chain, one draw and one doubling");
        }
        if !(self.target_accept > 0.0 && self.target_accept < 1.0) {
            return invalid("NUTS: the acceptance to aim at must lie between 0 and 1");
        }
        if !(self.initial_spread >= 0.0 && self.initial_spread.is_finite()) {
            return invalid("NUTS: the spread of the starts must be finite and not negative");
        }
        Ok(())
    }
}

/// What a NUTS fit leaves.
#[derive(Debug, Clone)]
pub struct NutsFit {
    /// The mode around which the chains started.
    pub mode: Mode,
    /// Draws of each chain after tuning, in the target's coordinates.
    pub chains: Vec<Cloud>,
    /// Log densities at the draws.
    pub log_densities: Vec<Vec<f64>>,
    /// Whether the chains agree, and what they are worth.
    pub diagnostics: ChainDiagnostics,
    /// Evaluations by the chains, tuning included, the search for the mode excluded.
    pub evaluations: usize,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
}

impl NutsFit {
    /// At most `keep` draws, evenly spaced over all chains.
    pub fn thinned(&self, keep: usize) -> Cloud {
        let all: Vec<&[f64]> = self.chains.iter().flat_map(Cloud::points).collect();
        let dim = self.chains.first().map_or(0, Cloud::dim);
        if all.len() <= keep {
            return Cloud::from_points(dim, all);
        }
        // The middle of each of `keep` equal stretches.
        let chosen = (0..keep).map(|k| all[(2 * k + 1) * all.len() / (2 * keep)]);
        Cloud::from_points(dim, chosen)
    }

    /// Mean of the log density over all draws.
    pub fn mean_log_density(&self) -> f64 {
        let count: usize = self.log_densities.iter().map(Vec::len).sum();
        self.log_densities.iter().flatten().sum::<f64>() / count.max(1) as f64
    }
}

/// Runs NUTS from the best mode that `starts` lead to. `watch` hears of each draw on the calling thread, in an order that
/// depends on the threads, and may stop the run; what comes out otherwise depends on the seed alone. The chains run on
/// as many threads as the current rayon pool has. A stopped run leaves the draws so far; chains that were still
/// tuning are left out, or, where all were, leave their present points.
///
/// # Errors
/// [`Error::Invalid`] for settings that make no sense and a dimension of zero; failures where no start works;
/// unrecoverable errors of the log density.
pub fn nuts<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &NutsSettings,
    watch: &mut dyn FnMut(&ChainReport) -> ControlFlow<()>,
) -> Result<NutsFit> {
    settings.check()?;
    let mode = best_mode(target, starts, &settings.maximum, settings.curvature_floor)?;
    nuts_around(target, mode, settings, watch)
}

/// As [`nuts`], around a place that is known already, such as the mode of θ with that of the latent values given it: the
/// mode of both at a time lies far from their mass.
///
/// # Errors
/// As [`nuts`].
pub fn nuts_around<D: LogDensity>(
    target: &D,
    mode: Mode,
    settings: &NutsSettings,
    watch: &mut dyn FnMut(&ChainReport) -> ControlFlow<()>,
) -> Result<NutsFit> {
    settings.check()?;
    let plan = ChainPlan {
        whitening: &mode.whitening,
        tune: settings.tune,
        draws: settings.draws,
        spread: settings.initial_spread,
        target_accept: settings.target_accept,
        max_depth: settings.max_depth,
        seed: settings.seed,
    };
    let stop = AtomicBool::new(false);
    let interrupt = settings.maximum.interrupt.as_deref();
    let runs = run_chains(target, &plan, settings.chains, interrupt, &stop, watch)?;
    let interrupted = stop.load(Ordering::Relaxed);
    let evaluations = runs.iter().map(|run| run.evaluations).sum();
    let divergences = runs.iter().map(|run| run.divergences).sum();
    let (chains, log_densities): (Vec<Cloud>, Vec<Vec<f64>>) = if runs.iter().all(|r| r.draws.count() == 0) {
        let last = runs.into_iter().map(|run| run.last);
        last.map(|(point, value)| (Cloud::from_points(point.len(), [&point[..]]), vec![value])).unzip()
    } else {
        let with_draws = runs.into_iter().filter(|run| run.draws.count() > 0);
        with_draws.map(|run| (run.draws, run.log_densities)).unzip()
    };
    let diagnostics = ChainDiagnostics::new(&chains, divergences);
    Ok(NutsFit { mode, chains, log_densities, diagnostics, evaluations, interrupted })
}

/// Each thread takes the next chain that nobody has taken. A chain of nuts-rs cannot move between threads, so the
/// threads are not those of the pool, where the calling thread would have to wait for itself.
fn run_chains<D: LogDensity>(
    target: &D,
    plan: &ChainPlan<'_>,
    count: usize,
    interrupt: Option<&AtomicBool>,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(&ChainReport) -> ControlFlow<()>,
) -> Result<Vec<ChainRun>> {
    let next = AtomicUsize::new(0);
    let (sender, reports) = mpsc::channel();
    let work = |sender: mpsc::Sender<ChainReport>| {
        let mut done = Vec::new();
        loop {
            let chain = next.fetch_add(1, Ordering::Relaxed);
            if chain >= count {
                return done;
            }
            let mut go_on = |report: &ChainReport| {
                // Where nobody listens any more the flag says so.
                let _ = sender.send(*report);
                if interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                    stop.store(true, Ordering::Relaxed);
                }
                !stop.load(Ordering::Relaxed)
            };
            let run = run_chain(target, plan, chain, &mut go_on);
            if run.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            done.push((chain, run));
        }
    };
    let mut runs: Vec<(usize, Result<ChainRun>)> = std::thread::scope(|scope| {
        let work = &work;
        let threads = rayon::current_num_threads().clamp(1, count);
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                let sender = sender.clone();
                scope.spawn(move || work(sender))
            })
            .collect();
        drop(sender);
        for report in reports {
            if watch(&report).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        let panicked = || vec![(0, Err(Error::Invalid("NUTS: a chain ended unexpectedly".into())))];
        handles.into_iter().flat_map(|handle| handle.join().unwrap_or_else(|_| panicked())).collect()
    });
    runs.sort_by_key(|(chain, _)| *chain);
    runs.into_iter().map(|(_, run)| run).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;
    use crate::inference::chains::ess_mean;

    fn quick(seed: u64) -> NutsSettings {
        NutsSettings { tune: 200, draws: 500, seed, curvature_floor: 1e-6, ..NutsSettings::default() }
    }

    fn quiet(_: &ChainReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A standard normal that does not exist where the first coordinate exceeds a bound.
    struct Cut(f64);

    impl LogDensity for Cut {
        type Workspace = ();
        fn dim(&self) -> usize {
            2
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            if z[0] > self.0 {
                return Err(Error::NotFiniteValue { what: "the density beyond its bound" });
            }
            score.iter_mut().zip(z).for_each(|(s, z)| *s = -z);
            Ok(-0.5 * z.iter().map(|v| v * v).sum::<f64>())
        }
    }

    #[test]
    fn a_correlated_gaussian_comes_back_within_its_monte_carlo_error() {
        // Standard deviations 0.01 and 10, correlation 0.9.
        let covariance = [1e-4, 0.09, 0.09, 100.0];
        let determinant = covariance[0] * covariance[3] - covariance[1] * covariance[2];
        let precision =
            [covariance[3], -covariance[1], -covariance[2], covariance[0]].map(|c| c / determinant);
        let target = GaussianTarget::new(vec![3.0, -40.0], precision.to_vec()).unwrap();
        let fit = nuts(&target, &[vec![0.0, 0.0]], &quick(1), &mut quiet).unwrap();
        assert!(fit.diagnostics.r_hat < 1.01 && fit.diagnostics.divergences == 0, "{:?}", fit.diagnostics);
        for c in 0..2 {
            let column: Vec<Vec<f64>> =
                fit.chains.iter().map(|k| k.points().map(|u| u[c]).collect()).collect();
            let (all, sd) = (column.concat(), covariance[3 * c].sqrt());
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
            let error = sd / ess_mean(&column).sqrt();
            assert!((mean - [3.0, -40.0][c]).abs() < 4.0 * error, "mean {mean}, error {error}");
            assert!((variance / (sd * sd) - 1.0).abs() < 0.15, "variance {variance}");
        }
    }

    #[test]
    fn each_draw_carries_the_log_density_at_its_place() {
        let target = GaussianTarget::new(vec![1.0, 2.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap();
        let fit = nuts(&target, &[vec![0.0, 0.0]], &quick(2), &mut quiet).unwrap();
        let mut score = [0.0; 2];
        for (chain, values) in fit.chains.iter().zip(&fit.log_densities) {
            for (u, value) in chain.points().zip(values) {
                assert!((target.evaluate(u, &mut score, &mut ()).unwrap() - value).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_draws_depend_on_the_seed_and_not_on_the_number_of_threads() {
        let target = GaussianTarget::standard(3);
        let at = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| nuts(&target, &[vec![0.5; 3]], &quick(seed), &mut quiet).unwrap().chains)
        };
        let one = at(1, 7);
        assert_eq!(one, at(3, 7));
        assert_ne!(one, at(1, 8));
        assert_ne!(one[0], one[1]);
    }

    #[test]
    fn points_where_the_density_does_not_exist_are_divergences() {
        let fit = nuts(&Cut(1.0), &[vec![0.0, 0.0]], &quick(3), &mut quiet).unwrap();
        assert!(fit.diagnostics.divergences > 0);
        assert!(fit.chains.iter().flat_map(Cloud::points).all(|u| u[0] <= 1.0));
    }

    #[test]
    fn a_watcher_stops_the_chains_and_what_there_is_stays() {
        let target = GaussianTarget::standard(2);
        let mut heard = 0;
        let mut watch = |report: &ChainReport| {
            heard += 1;
            if report.draw > 250 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let settings = NutsSettings { draws: 100_000, ..quick(4) };
        let fit = nuts(&target, &[vec![0.0, 0.0]], &settings, &mut watch).unwrap();
        assert!(fit.interrupted && heard >= 250);
        assert!(fit.thinned(1000).count() >= 50);
    }

    #[test]
    fn thinning_takes_draws_evenly_from_every_chain() {
        let fit = nuts(&GaussianTarget::standard(1), &[vec![0.0]], &quick(5), &mut quiet).unwrap();
        let kept = fit.thinned(200);
        assert_eq!(kept.count(), 200);
        assert_eq!(kept.point(0), fit.chains[0].point(5));
        assert_eq!(kept.point(199), fit.chains[3].point(495));
        assert_eq!(fit.thinned(10_000).count(), 2000);
    }
}
