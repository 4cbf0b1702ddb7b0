//! Maxima of a log density by L-BFGS from several starts.

use super::line_search::WolfeSearch;
use super::path::{Path, Recorder};
use crate::density::LogDensity;
use crate::stein::Whitening;
use crate::{Error, Result};
use argmin::core::observers::ObserverMode;
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::quasinewton::LBFGS;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// How maxima are looked for.
#[derive(Debug, Clone)]
pub struct MaximumSettings {
    /// Largest number of L-BFGS iterations a start.
    pub iterations: usize,
    /// Stops when the norm of the gradient falls below this.
    pub gradient_tolerance: f64,
    /// Stops when an iteration gains less than this, relative to 1 + |value|.
    pub value_tolerance: f64,
    /// Set from elsewhere to stop with the best point so far.
    pub interrupt: Option<Arc<AtomicBool>>,
    /// Maxima that are known already: a climb that comes close to one of them stops.
    pub known: Vec<Basin>,
    /// Coordinates in which the log density is about as steep in all directions, where something is known of them: a climb in
    /// them needs not learn its metric first. They change how a maximum is reached, not which points are maxima.
    pub metric: Option<Whitening>,
}

/// The neighbourhood of a known maximum, where the log density is about value − ½ (z − ẑ)ᵀH(z − ẑ).
#[derive(Debug, Clone, PartialEq)]
pub struct Basin {
    /// ẑ, length d.
    pub point: Vec<f64>,
    /// Log density at ẑ.
    pub value: f64,
    /// H, d×d, row by row.
    pub precision: Vec<f64>,
}

impl Basin {
    /// Whether a point with this log density lies where the maximum's own mass lies and is no better than the
    /// quadratic says there.
    fn holds(&self, z: &[f64], value: f64) -> bool {
        let d = z.len();
        let mut distance = 0.0;
        for (i, row) in self.precision.chunks(d.max(1)).enumerate() {
            let product: f64 = row.iter().zip(z).zip(&self.point).map(|((h, z), m)| h * (z - m)).sum();
            distance += product * (z[i] - self.point[i]);
        }
        distance <= (d as f64).max(4.0) && (value - (self.value - 0.5 * distance)).abs() < 1.0
    }
}

impl Default for MaximumSettings {
    fn default() -> Self {
        Self {
            iterations: 500,
            gradient_tolerance: 1e-5,
            value_tolerance: 1e-9,
            interrupt: None,
            known: Vec::new(),
            metric: None,
        }
    }
}

/// A local maximum.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// Where, length d.
    pub point: Vec<f64>,
    /// Log density there.
    pub value: f64,
    /// Norm of the gradient there.
    pub gradient_norm: f64,
    /// L-BFGS iterations.
    pub iterations: usize,
    /// Log density of the best point so far, after each evaluation.
    pub trace: Vec<f64>,
    /// Place of its start among the starts.
    pub start: usize,
    /// Whether the climb stopped because it came close to a known maximum.
    pub joined: bool,
}

/// Pairs that L-BFGS remembers.
const MEMORY: usize = 20;

/// The log density with its sign turned, remembering the last evaluation: L-BFGS asks for the cost and for the
/// gradient at the same point in two calls.
struct Cost<'a, D: LogDensity> {
    target: &'a D,
    memory: &'a Mutex<Memory<D::Workspace>>,
    settings: &'a MaximumSettings,
}

/// The last evaluation: `point` and `slope` in the coordinates of the climb, `place` and `score` in the target's.
struct Memory<W> {
    workspace: W,
    point: Vec<f64>,
    slope: Vec<f64>,
    place: Vec<f64>,
    value: f64,
    score: Vec<f64>,
    best: Optimum,
    fatal: Option<Error>,
}

impl<D: LogDensity> Cost<'_, D> {
    fn at<T>(&self, z: &[f64], read: impl Fn(f64, &[f64]) -> T) -> Result<T, argmin::core::Error> {
        let mut guard = self.memory.lock().map_err(|_| argmin::core::Error::msg("poisoned"))?;
        let memory = &mut *guard;
        if memory.point != z {
            if memory.best.joined {
                return Err(argmin::core::Error::msg("joined a known maximum"));
            }
            if self.settings.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(argmin::core::Error::msg("interrupted"));
            }
            memory.point.clear();
            memory.point.extend_from_slice(z);
            match &self.settings.metric {
                Some(metric) => metric.unwhiten(z, &mut memory.place),
                None => memory.place.copy_from_slice(z),
            }
            match self.target.evaluate(&memory.place, &mut memory.score, &mut memory.workspace) {
                Ok(value) => {
                    memory.value = value;
                    self.settings.slope(&memory.score, &mut memory.slope);
                    if value > memory.best.value {
                        memory.best.value = value;
                        memory.best.gradient_norm = norm(&memory.score);
                        memory.best.point.clone_from(&memory.place);
                        let place = &memory.place;
                        memory.best.joined =
                            self.settings.known.iter().any(|basin| basin.holds(place, value));
                    }
                    memory.best.trace.push(memory.best.value);
                }
                Err(error) if error.is_recoverable() => memory.value = f64::NEG_INFINITY,
                Err(error) => {
                    memory.fatal = Some(error);
                    return Err(argmin::core::Error::msg("evaluation failed"));
                }
            }
        }
        Ok(read(memory.value, &memory.slope))
    }
}

impl MaximumSettings {
    /// The score in the coordinates of the climb.
    fn slope(&self, score: &[f64], slope: &mut [f64]) {
        match &self.metric {
            Some(metric) => metric.whiten_score(score, slope),
            None => slope.copy_from_slice(score),
        }
    }
}

impl<D: LogDensity> CostFunction for Cost<'_, D> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, z: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        self.at(z, |value, _| -value)
    }
}

impl<D: LogDensity> Gradient for Cost<'_, D> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, z: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        self.at(z, |_, slope| slope.iter().map(|g| -g).collect())
    }
}

/// Climbs from one start.
///
/// # Errors
/// Where the log density does not exist at the start, and for unrecoverable errors on the way.
pub fn maximise_from<D: LogDensity>(
    target: &D,
    start: &[f64],
    settings: &MaximumSettings,
) -> Result<Optimum> {
    climb(target, start, settings).map(|(optimum, _)| optimum)
}

/// As [`maximise_from`], with the way there, in the coordinates of the climb.
pub(super) fn climb<D: LogDensity>(
    target: &D,
    start: &[f64],
    settings: &MaximumSettings,
) -> Result<(Optimum, Path)> {
    let mut workspace = target.workspace();
    let mut score = vec![0.0; start.len()];
    let value = target.evaluate(start, &mut score, &mut workspace)?;
    let (mut point, mut slope) = (start.to_vec(), vec![0.0; start.len()]);
    if let Some(metric) = &settings.metric {
        if metric.dim() != start.len() {
            return Err(Error::Shape { what: "metric", expected: start.len(), found: metric.dim() });
        }
        metric.whiten(start, &mut point);
    }
    settings.slope(&score, &mut slope);
    let gradient_norm = norm(&score);
    let best = Optimum {
        point: start.to_vec(),
        value,
        gradient_norm,
        iterations: 0,
        trace: vec![value],
        start: 0,
        joined: false,
    };
    let path = Path::new(&point, &slope);
    if start.is_empty() || gradient_norm < settings.gradient_tolerance {
        return Ok((best, path));
    }
    let path = Arc::new(Mutex::new(path));
    let place = start.to_vec();
    let known = Memory { workspace, point: point.clone(), slope, place, value, score, best, fatal: None };
    let memory = Mutex::new(known);
    let internal = |e: argmin::core::Error| Error::Invalid(format!("L-BFGS: {e}"));
    let solver = LBFGS::new(WolfeSearch::new(), MEMORY)
        .with_tolerance_grad(settings.gradient_tolerance)
        .and_then(|s| s.with_tolerance_cost(settings.value_tolerance * (1.0 + value.abs())))
        .map_err(internal)?;
    let result = Executor::new(Cost { target, memory: &memory, settings }, solver)
        // The solver's own first evaluation is answered from memory.
        .configure(|state| state.param(point).max_iters(settings.iterations as u64))
        .add_observer(Recorder(Arc::clone(&path)), ObserverMode::Always)
        .ctrlc(false)
        .run();
    // A line search that finds no improvement ends the climb; the best point is remembered either way.
    let iterations = result.map_or(0, |r| r.state.get_iter() as usize);
    let memory = memory.into_inner().map_err(|_| Error::Invalid("L-BFGS: poisoned".into()))?;
    if let Some(error) = memory.fatal {
        return Err(error);
    }
    let path = path.lock().map_err(|_| Error::Invalid("L-BFGS: poisoned".into()))?.clone();
    Ok((Optimum { iterations, ..memory.best }, path))
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Climbs from each start, in parallel, and returns the maxima, best first. Starts where the log density does not
/// exist are left out. The order does not depend on the number of threads.
///
/// # Errors
/// The failure of the first start where every start fails; unrecoverable errors at once.
pub fn maximise<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &MaximumSettings,
) -> Result<Vec<Optimum>> {
    let interrupted = || settings.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
    let results: Vec<(usize, Result<Optimum>)> = (starts.par_iter().enumerate())
        .filter(|(index, _)| *index == 0 || !interrupted())
        .map(|(index, start)| (index, maximise_from(target, start, settings)))
        .collect();
    let mut optima = Vec::new();
    let mut failure = None;
    for (index, result) in results {
        match result {
            Ok(optimum) => optima.push(Optimum { start: index, ..optimum }),
            Err(error) if !error.is_recoverable() => return Err(error),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    optima.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.start.cmp(&b.start)));
    match failure {
        Some(error) if optima.is_empty() => Err(error),
        _ if optima.is_empty() => Err(Error::Invalid("there is no start to climb from".into())),
        _ => Ok(optima),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Minus Rosenbrock's function, which does not exist left of −2; counts its evaluations.
    struct Rosenbrock(AtomicUsize);

    impl LogDensity for Rosenbrock {
        type Workspace = ();
        fn dim(&self) -> usize {
            2
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if z[0] < -2.0 {
                return Err(Error::NotFiniteValue { what: "the function left of −2" });
            }
            let (a, b) = (1.0 - z[0], z[1] - z[0] * z[0]);
            score[0] = 2.0 * a + 400.0 * z[0] * b;
            score[1] = -200.0 * b;
            Ok(-a * a - 100.0 * b * b)
        }
    }

    #[test]
    fn a_curved_valley_takes_few_evaluations() {
        let target = Rosenbrock(AtomicUsize::new(0));
        let found = maximise_from(&target, &[-1.2, 1.0], &MaximumSettings::default()).unwrap();
        assert!(found.point.iter().all(|v| (v - 1.0).abs() < 1e-4), "{found:?}");
        assert!(target.0.load(Ordering::Relaxed) < 80);
        assert!(found.trace.windows(2).all(|w| w[1] >= w[0]));
    }

    #[test]
    fn a_climb_survives_points_where_the_density_does_not_exist() {
        let target = Rosenbrock(AtomicUsize::new(0));
        // The first gradient points far left, out of the domain.
        let found = maximise_from(&target, &[-1.9, 3.9], &MaximumSettings::default()).unwrap();
        assert!(found.value > -1e-6, "{found:?}");
    }

    #[test]
    fn starts_that_fail_are_left_out_unless_all_do() {
        let target = Rosenbrock(AtomicUsize::new(0));
        let settings = MaximumSettings::default();
        let optima = maximise(&target, &[vec![-3.0, 0.0], vec![0.0, 0.0]], &settings).unwrap();
        assert_eq!((optima.len(), optima[0].start), (1, 1));
        assert!(maximise(&target, &[vec![-3.0, 0.0]], &settings).unwrap_err().is_recoverable());
    }

    #[test]
    fn a_climb_stops_where_it_joins_a_known_maximum() {
        let target = Rosenbrock(AtomicUsize::new(0));
        let known =
            vec![Basin { point: vec![1.0, 1.0], value: 0.0, precision: vec![802.0, -400.0, -400.0, 200.0] }];
        let settings = MaximumSettings { known, ..MaximumSettings::default() };
        let found = maximise_from(&target, &[-1.2, 1.0], &settings).unwrap();
        assert!(found.joined && found.point[0] > 0.2, "{found:?}");
        let joined = target.0.swap(0, Ordering::Relaxed);
        maximise_from(&target, &[-1.2, 1.0], &MaximumSettings::default()).unwrap();
        assert!(joined < target.0.load(Ordering::Relaxed) - 3);
    }

    #[test]
    fn a_climb_in_a_metric_takes_fewer_evaluations_to_the_same_maximum() {
        let target = Rosenbrock(AtomicUsize::new(0));
        let climb = |metric: Option<Whitening>| {
            target.0.store(0, Ordering::Relaxed);
            let settings = MaximumSettings { metric, ..MaximumSettings::default() };
            let found = maximise_from(&target, &[1.1, 1.15], &settings).unwrap();
            (found, target.0.load(Ordering::Relaxed))
        };
        let precision = [802.0, -400.0, -400.0, 200.0];
        let metric = Whitening::from_precision(vec![0.9, 0.8], &precision, 1e-6).unwrap();
        let ((raw, many), (found, few)) = (climb(None), climb(Some(metric)));
        assert!(found.point.iter().zip(&raw.point).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        assert!((found.value - raw.value).abs() < 1e-8 && few < many, "{few} and {many}");
        // The best point and its gradient are in the target's coordinates.
        let mut score = [0.0; 2];
        target.evaluate(&found.point, &mut score, &mut ()).unwrap();
        assert!((norm(&score) - found.gradient_norm).abs() < 1e-9);
        let settings = MaximumSettings { metric: Some(Whitening::identity(3)), ..MaximumSettings::default() };
        assert!(matches!(maximise_from(&target, &[0.0, 0.0], &settings), Err(Error::Shape { .. })));
    }

    #[test]
    fn an_interrupted_climb_returns_the_best_point_so_far() {
        let target = Rosenbrock(AtomicUsize::new(0));
        let interrupt = Some(Arc::new(AtomicBool::new(true)));
        let settings = MaximumSettings { interrupt, ..MaximumSettings::default() };
        assert_eq!(maximise_from(&target, &[0.0, 0.0], &settings).unwrap().point, [0.0, 0.0]);
    }
}
