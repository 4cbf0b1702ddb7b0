//! The iteration: evaluate, move, re-whiten, watch.

use super::{
    Cloud, Optimiser, OptimiserState, Schedule, SteinDirection, SteinKernel, Whitening, stein_ratio,
};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How a run of SVGD goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Kernel between the particles, in whitened coordinates.
    pub kernel: SteinKernel,
    /// Step rule.
    pub optimiser: Optimiser,
    /// Step size in whitened coordinates, where the target has about unit variance.
    pub learning_rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Largest number of iterations T.
    pub iterations: usize,
    /// Shares of T after which the coordinates are whitened anew from the particles' own moments.
    pub rewhiten_at: Vec<f64>,
    /// Stops early when the cloud rests: root mean square step (whitened) below this.
    pub tolerance: f64,
    /// Seed of what is random: particles that are drawn again after failures.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kernel: SteinKernel::default_mixture(),
            optimiser: Optimiser::ADAM,
            learning_rate: 0.2,
            schedule: Schedule::Cosine,
            iterations: 75,
            rewhiten_at: vec![0.15, 0.3, 0.5, 0.7],
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

/// What an observer hears after each iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IterationReport {
    /// Number of the iteration, from 1.
    pub iteration: usize,
    /// Mean log density over the particles.
    pub mean_log_density: f64,
    /// Its standard deviation over the particles.
    pub sd_log_density: f64,
    /// Stein moment ratio.
    pub stein_ratio: f64,
    /// Root mean square of the attraction.
    pub attraction: f64,
    /// Root mean square of the repulsion.
    pub repulsion: f64,
    /// Root mean square step, whitened.
    pub step: f64,
    /// Particles whose evaluation failed.
    pub failed: usize,
}

/// Watches a run; says whether it may go on.
pub trait Observer {
    /// Called after each iteration with the report and the number of iterations there may be.
    fn iteration(&mut self, report: &IterationReport, total: usize) -> std::ops::ControlFlow<()>;
}

/// Watches nothing.
impl Observer for () {
    fn iteration(&mut self, _: &IterationReport, _: usize) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }
}

/// Reports of all iterations.
pub type Trace = Vec<IterationReport>;

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// All iterations done.
    Iterations,
    /// The cloud came to rest.
    Converged,
    /// The observer asked for it.
    Interrupted,
}

/// What a run leaves.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Final particles, in the target's coordinates.
    pub particles: Cloud,
    /// Scores at the final particles.
    pub scores: Cloud,
    /// Log densities at the final particles.
    pub log_densities: Vec<f64>,
    /// Coordinates of the last part of the run.
    pub whitening: Whitening,
    /// What happened.
    pub trace: Trace,
    /// Why it stopped.
    pub stop: Stop,
}

/// Failures in a row after which a particle is drawn again near one that works.
const PATIENCE: usize = 3;
/// Iterations in a row with most particles failing after which the run fails.
const GIVE_UP: usize = 5;
/// Iterations that a stop looks back on.
const WINDOW: usize = 10;

/// SVGD on a log density.
pub struct Engine<'t, D: LogDensity> {
    evaluator: Evaluator<'t, D>,
    settings: Settings,
    whitening: Whitening,
    /// Particles and scores in the target's coordinates.
    particles: Cloud,
    scores: Cloud,
    values: Vec<Result<f64>>,
    failures: Vec<usize>,
    rng: ChaCha8Rng,
}

impl<'t, D: LogDensity> Engine<'t, D> {
    /// A run from `particles` (target's coordinates), moving in the coordinates of `whitening`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no particle, a dimension of zero or settings that make no sense.
    pub fn new(target: &'t D, particles: Cloud, whitening: Whitening, settings: Settings) -> Result<Self> {
        let invalid = |text: &str| Err(Error::Invalid(text.into()));
        if particles.count() == 0 {
            return invalid("SVGD needs at least one particle");
        }
        if particles.dim() != target.dim() || whitening.dim() != target.dim() {
            return Err(Error::Shape {
                what: "coordinates of a particle",
                expected: target.dim(),
                found: particles.dim(),
            });
        }
        if !(settings.learning_rate > 0.0 && settings.learning_rate.is_finite()) {
            return invalid("the learning rate must be positive");
        }
        let count = particles.count();
        Ok(Self {
            evaluator: Evaluator::new(target, count),
            whitening,
            scores: Cloud::zeros(count, particles.dim()),
            values: (0..count).map(|_| Ok(0.0)).collect(),
            failures: vec![0; count],
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            particles,
            settings,
        })
    }

    /// Runs all iterations, or until the cloud rests or the observer stops it.
    ///
    /// # Errors
    /// The last failure where most particles fail several times in a row; unrecoverable errors at once.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let (count, dim, total) = (self.particles.count(), self.particles.dim(), self.settings.iterations);
        let mut state = OptimiserState::new(self.settings.optimiser, count * dim);
        let mut direction = SteinDirection::new(count, dim);
        let mut steps = Cloud::zeros(count, dim);
        let mut trace: Trace = Vec::with_capacity(total);
        let rewhiten: Vec<usize> =
            self.settings.rewhiten_at.iter().map(|share| (share * total as f64) as usize).collect();
        let (mut stop, mut mostly_failed) = (Stop::Iterations, 0);
        for t in 0..total {
            if rewhiten.contains(&t) && t > 0 && count > 1 {
                self.rewhiten()?;
                state.reset();
            }
            self.evaluate()?;
            let active = self.active();
            if 2 * active.len() < count {
                mostly_failed += 1;
                if mostly_failed >= GIVE_UP || active.is_empty() {
                    return Err(self.first_failure());
                }
            } else {
                mostly_failed = 0;
            }
            let z = self.whitening.whiten_cloud(&select(&self.particles, &active));
            let g = self.whitening.whiten_scores(&select(&self.scores, &active));
            if active.len() != direction.attraction.count() {
                direction = SteinDirection::new(active.len(), dim);
            }
            direction.compute(&self.settings.kernel, &z, &g);
            // A particle that failed stays where it is for this step.
            steps.values_mut().fill(0.0);
            for (place, &i) in active.iter().enumerate() {
                let (a, r) = (direction.attraction.point(place), direction.repulsion.point(place));
                steps.point_mut(i).iter_mut().zip(a).zip(r).for_each(|((s, a), r)| *s = a + r);
            }
            let rate = self.settings.learning_rate * self.settings.schedule.factor(t, total);
            state.step(rate, steps.values_mut());
            for &i in &active {
                let mut moved = vec![0.0; dim];
                self.whitening.whiten(self.particles.point(i), &mut moved);
                moved.iter_mut().zip(steps.point(i)).for_each(|(z, s)| *z += s);
                self.whitening.unwhiten(&moved, self.particles.point_mut(i));
            }
            self.redraw_failed(&active);
            trace.push(self.report(t + 1, &active, &z, &g, &direction, &steps));
            if let Some(report) = trace.last()
                && observer.iteration(report, total).is_break()
            {
                stop = Stop::Interrupted;
                break;
            }
            if self.at_rest(&trace, rate) {
                stop = Stop::Converged;
                break;
            }
        }
        self.finish(trace, stop)
    }

    fn evaluate(&mut self) -> Result<()> {
        self.evaluator.evaluate_all(&self.particles, &mut self.scores, &mut self.values)?;
        for (value, failures) in self.values.iter().zip(&mut self.failures) {
            *failures = if value.is_ok() { 0 } else { *failures + 1 };
        }
        Ok(())
    }

    /// Particles whose last evaluation succeeded.
    fn active(&self) -> Vec<usize> {
        (0..self.values.len()).filter(|&i| self.values[i].is_ok()).collect()
    }

    fn first_failure(&mut self) -> Error {
        let first = self.values.iter_mut().find(|v| v.is_err());
        first
            .and_then(|v| std::mem::replace(v, Ok(0.0)).err())
            .unwrap_or(Error::NotFiniteValue { what: "log density" })
    }

    /// Puts particles that keep failing next to a random one that works.
    fn redraw_failed(&mut self, active: &[usize]) {
        let dim = self.particles.dim();
        for i in 0..self.failures.len() {
            if self.failures[i] < PATIENCE || active.is_empty() {
                continue;
            }
            let pick = rand::RngExt::random_range(&mut self.rng, 0..active.len());
            let mut z = vec![0.0; dim];
            self.whitening.whiten(self.particles.point(active[pick]), &mut z);
            for v in &mut z {
                let draw: f64 = StandardNormal.sample(&mut self.rng);
                *v += 0.3 * draw;
            }
            self.whitening.unwhiten(&z, self.particles.point_mut(i));
            self.failures[i] = 0;
        }
    }

    /// New coordinates from the particles' mean and covariance, shrunk towards the old ones: with J particles in
    /// d dimensions the sample covariance is worth J − 1 draws, the old metric counts as d of them.
    fn rewhiten(&mut self) -> Result<()> {
        let z = self.whitening.whiten_cloud(&self.particles);
        let (count, dim) = (z.count() as f64, z.dim());
        let share = (count - 1.0) / (count - 1.0 + dim as f64);
        let mut covariance = z.covariance();
        covariance.iter_mut().for_each(|c| *c *= share);
        covariance.iter_mut().step_by(dim + 1).for_each(|c| *c += 1.0 - share);
        self.whitening = self.whitening.compose(&z.mean(), &covariance)?;
        Ok(())
    }

    fn report(
        &self,
        iteration: usize,
        active: &[usize],
        z: &Cloud,
        g: &Cloud,
        direction: &SteinDirection,
        steps: &Cloud,
    ) -> IterationReport {
        let values: Vec<f64> = active.iter().filter_map(|&i| self.values[i].as_ref().ok().copied()).collect();
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        IterationReport {
            iteration,
            mean_log_density: mean,
            sd_log_density: variance.sqrt(),
            stein_ratio: stein_ratio(z, g),
            attraction: root_mean_square(&direction.attraction),
            repulsion: root_mean_square(&direction.repulsion),
            step: root_mean_square(steps),
            failed: self.values.len() - active.len(),
        }
    }

    /// The cloud rests when its steps, before the schedule shrinks them, are below the tolerance and the mean
    /// log density changes by less than its own noise over the last two windows.
    fn at_rest(&self, trace: &Trace, rate: f64) -> bool {
        let Some(start) = trace.len().checked_sub(2 * WINDOW) else { return false };
        let (earlier, later) = trace[start..].split_at(WINDOW);
        let mean =
            |part: &[IterationReport]| part.iter().map(|r| r.mean_log_density).sum::<f64>() / WINDOW as f64;
        let (a, b) = (mean(earlier), mean(later));
        let noise =
            (later.iter().map(|r| (r.mean_log_density - b).powi(2)).sum::<f64>() / WINDOW as f64).sqrt();
        let flat = (a - b).abs() <= 2.0 * noise / (WINDOW as f64).sqrt() + 1e-9 * (1.0 + b.abs());
        let relative = self.settings.learning_rate / rate.max(f64::MIN_POSITIVE);
        flat && later.iter().all(|r| r.failed == 0 && r.step * relative < self.settings.tolerance)
    }

    /// Evaluates where the particles ended up; what cannot be evaluated there is put on one that can.
    fn finish(mut self, trace: Trace, stop: Stop) -> Result<Outcome> {
        self.evaluate()?;
        let active = self.active();
        let Some(&first) = active.first() else { return Err(self.first_failure()) };
        for i in 0..self.values.len() {
            if self.values[i].is_err() {
                let from = active.get(i % active.len()).copied().unwrap_or(first);
                let (point, score) = (self.particles.point(from).to_vec(), self.scores.point(from).to_vec());
                self.particles.point_mut(i).copy_from_slice(&point);
                self.scores.point_mut(i).copy_from_slice(&score);
                self.values[i] = self.values[from].as_ref().map_or_else(|_| Ok(f64::NAN), |v| Ok(*v));
            }
        }
        Ok(Outcome {
            log_densities: self.values.iter().map(|v| v.as_ref().map_or(f64::NAN, |v| *v)).collect(),
            particles: self.particles,
            scores: self.scores,
            whitening: self.whitening,
            trace,
            stop,
        })
    }
}

fn select(cloud: &Cloud, places: &[usize]) -> Cloud {
    Cloud::from_points(cloud.dim(), places.iter().map(|&i| cloud.point(i)))
}

fn root_mean_square(cloud: &Cloud) -> f64 {
    let n = cloud.values().len().max(1) as f64;
    (cloud.values().iter().map(|v| v * v).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;
    use crate::stein::Bandwidth;

    fn normal_cloud(count: usize, dim: usize, seed: u64) -> Cloud {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cloud = Cloud::zeros(count, dim);
        cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
        cloud
    }

    fn run<D: LogDensity>(target: &D, cloud: Cloud, settings: Settings) -> Result<Outcome> {
        Engine::new(target, cloud, Whitening::identity(target.dim()), settings)?.run(&mut ())
    }

    #[test]
    fn one_particle_climbs_the_gradient_bit_by_bit() {
        let target = GaussianTarget::new(vec![1.0, -2.0], vec![2.0, 0.3, 0.3, 0.7]).unwrap();
        let kernels = [SteinKernel::default_mixture(), SteinKernel::paper(), SteinKernel::Bilinear];
        for kernel in kernels {
            let settings = Settings {
                kernel,
                optimiser: Optimiser::Plain,
                schedule: Schedule::Constant,
                learning_rate: 0.1,
                iterations: 25,
                rewhiten_at: Vec::new(),
                ..Settings::default()
            };
            let found = run(&target, Cloud::from_points(2, [&[5.0, 3.0][..]]), settings).unwrap();
            let (mut z, mut g) = ([5.0, 3.0], [0.0; 2]);
            for _ in 0..25 {
                target.evaluate(&z, &mut g, &mut ()).unwrap();
                z.iter_mut().zip(&g).for_each(|(z, g)| *z += 0.1 * g);
            }
            assert_eq!(found.particles.point(0), z);
        }
    }

    /// Mean marginal variance of the final cloud on N(0, I).
    fn variance(kernel: SteinKernel, count: usize, dim: usize) -> f64 {
        let settings = Settings {
            kernel,
            learning_rate: 0.05,
            iterations: 1500,
            rewhiten_at: Vec::new(),
            tolerance: 0.0,
            ..Settings::default()
        };
        let found = run(&GaussianTarget::standard(dim), normal_cloud(count, dim, 7), settings).unwrap();
        let covariance = found.particles.covariance();
        let trace: f64 = covariance.iter().step_by(dim + 1).sum();
        trace / dim as f64 * (count - 1) as f64 / count as f64
    }

    #[test]
    fn the_papers_rule_collapses_and_the_default_does_not() {
        // Values of an independent implementation in ten dimensions with twenty particles, one random start there
        // and another here.
        for (kernel, expected) in [
            (SteinKernel::paper(), 0.272),
            (SteinKernel::Rbf(Bandwidth::TwiceMedian), 0.905),
            (SteinKernel::Imq(Bandwidth::Median), 0.768),
            (SteinKernel::Bilinear, 1.0),
        ] {
            let found = variance(kernel.clone(), 20, 10);
            assert!((found - expected).abs() < 0.04, "{kernel:?}: {found} against {expected}");
        }
        assert!(variance(SteinKernel::default_mixture(), 20, 10) > 0.9);
    }

    /// A normal that does not exist right of 1.
    struct HalfSpace;

    impl LogDensity for HalfSpace {
        type Workspace = ();
        fn dim(&self) -> usize {
            1
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            if z[0] > 1.0 {
                return Err(Error::NotFiniteValue { what: "the density right of 1" });
            }
            score[0] = -z[0] - 1.0;
            Ok(-0.5 * (z[0] + 1.0).powi(2))
        }
    }

    #[test]
    fn particles_that_fail_are_drawn_again_and_the_others_go_on() {
        let cloud = Cloud::from_points(1, [&[-1.5][..], &[-1.0][..], &[-0.5][..], &[0.0][..], &[9.0][..]]);
        let found = run(&HalfSpace, cloud, Settings { iterations: 60, ..Settings::default() }).unwrap();
        assert!(found.particles.values().iter().all(|z| *z < 1.0));
        assert_eq!(found.trace[0].failed, 1);
        assert_eq!(found.trace.last().unwrap().failed, 0);
    }

    #[test]
    fn a_run_fails_only_when_most_particles_do() {
        let cloud = Cloud::from_points(1, [&[5.0][..], &[6.0][..], &[7.0][..]]);
        let error = run(&HalfSpace, cloud, Settings::default()).unwrap_err();
        assert!(error.is_recoverable() && error.to_string().contains("right of 1"));
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let target = GaussianTarget::standard(4);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&target, normal_cloud(11, 4, 1), Settings::default()).unwrap().particles)
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_cloud_at_rest_stops_the_run() {
        let settings = Settings {
            optimiser: Optimiser::Plain,
            kernel: SteinKernel::Bilinear,
            schedule: Schedule::Constant,
            learning_rate: 0.3,
            iterations: 5000,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        let found = run(&GaussianTarget::standard(2), normal_cloud(10, 2, 3), settings).unwrap();
        assert_eq!(found.stop, Stop::Converged);
        assert!(found.trace.len() < 1000, "{}", found.trace.len());
    }
}
