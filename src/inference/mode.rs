//! The mode where an inference method starts, and the Gaussian there.

use super::curvature::{log_evidence, negative_hessian};
use super::maximum::{Basin, MaximumSettings, Optimum, maximise};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};

/// A maximum, the curvature there and Laplace's Gaussian.
#[derive(Debug, Clone)]
pub struct Mode {
    /// The maximum.
    pub optimum: Optimum,
    /// −∇∇ᵀ log p there, d×d, row by row.
    pub precision: Vec<f64>,
    /// Laplace's approximation of log ∫ p around it.
    pub log_evidence: f64,
    /// Coordinates in which Laplace's Gaussian is a standard normal.
    pub whitening: Whitening,
}

/// The maximum with the largest Laplace evidence among those that the starts lead to. `floor`: smallest curvature that
/// counts; a flatter direction is given this precision.
///
/// # Errors
/// As [`modes`].
pub fn best_mode<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    maximum: &MaximumSettings,
    floor: f64,
) -> Result<Mode> {
    let found = modes(target, starts, maximum, floor, 0)?;
    found.into_iter().next().ok_or_else(|| Error::Invalid("there is no start to climb from".into()))
}

/// Starts that climb to the top; the later ones stop where they join a maximum that these found.
const FIRST_WAVE: usize = 2;
/// Fall of the log density between two maxima below which they are one mode: a cloud crosses it.
const LOWEST_BARRIER: f64 = 1.0;
/// Points between two maxima at which the log density is looked at.
const BETWEEN: usize = 3;

/// Shortest hop from a maximum in search of others, and its length in standard deviations of Laplace's Gaussian.
const HOP: (f64, f64) = (1.0, 3.0);

/// All maxima that the starts lead to and that a fall of the log density divides, by Laplace evidence, largest first.
///
/// # Errors
/// Those of [`maxima`].
pub fn modes<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    maximum: &MaximumSettings,
    floor: f64,
    hops: usize,
) -> Result<Vec<Mode>> {
    let found = maxima(target, starts, maximum, floor, hops)?;
    let mut evaluator = Evaluator::new(target, BETWEEN);
    let mut kept: Vec<Mode> = Vec::new();
    for mode in found {
        let mut apart = true;
        for other in &kept {
            apart = apart && barrier(&mut evaluator, &mode.optimum, &other.optimum)? > LOWEST_BARRIER;
        }
        if apart {
            kept.push(mode);
        }
    }
    Ok(kept)
}

/// All maxima that the starts lead to, each once, by Laplace evidence, largest first.
///
/// Random starts tend to fall into the widest basin. From the maximum with the most mass the search therefore climbs
/// again from `hops` points beside it, each with one coordinate out of its range: another maximum of a GP's posterior
/// often differs by one input that matters instead of another. The best determined coordinates come first.
///
/// # Errors
/// [`Error::Invalid`] for a dimension of zero; failures where no start works.
pub fn maxima<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    maximum: &MaximumSettings,
    floor: f64,
    hops: usize,
) -> Result<Vec<Mode>> {
    if target.dim() == 0 {
        return Err(Error::Invalid("every parameter is fixed: there is nothing to infer".into()));
    }
    let mut evaluator = Evaluator::new(target, 2 * target.dim());
    let mut search = Search { target, settings: maximum.clone(), floor, found: Vec::new() };
    let (first, rest) = starts.split_at(FIRST_WAVE.min(starts.len()));
    let failure = search.climb(first, &mut evaluator, 0)?;
    search.climb(rest, &mut evaluator, first.len())?;
    let Some(best) = search.best() else {
        return Err(failure.unwrap_or_else(|| Error::Invalid("there is no start to climb from".into())));
    };
    let beside = beside(best, hops);
    search.climb(&beside, &mut evaluator, starts.len())?;
    let mut found = search.found;
    found.sort_by(|a, b| b.log_evidence.total_cmp(&a.log_evidence));
    Ok(found)
}

/// What a search has found so far.
struct Search<'t, D> {
    target: &'t D,
    settings: MaximumSettings,
    floor: f64,
    found: Vec<Mode>,
}

impl<D: LogDensity> Search<'_, D> {
    /// Climbs from each start and keeps what is new; the failure where all fail.
    fn climb(
        &mut self,
        starts: &[Vec<f64>],
        evaluator: &mut Evaluator<'_, D>,
        numbered_from: usize,
    ) -> Result<Option<Error>> {
        if starts.is_empty() {
            return Ok(None);
        }
        let optima = match maximise(self.target, starts, &self.settings) {
            Ok(optima) => optima,
            Err(error) if error.is_recoverable() => return Ok(Some(error)),
            Err(error) => return Err(error),
        };
        for mut optimum in optima {
            optimum.start += numbered_from;
            if optimum.joined || self.found.iter().any(|mode| near(&mode.optimum, &optimum)) {
                continue;
            }
            let precision = negative_hessian(evaluator, &optimum.point)?;
            let log_evidence = log_evidence(optimum.value, &precision, self.floor);
            // A maximum without a finite Hessian is no place to start from.
            let Ok(whitening) = Whitening::from_precision(optimum.point.clone(), &precision, self.floor)
            else {
                continue;
            };
            let (point, value) = (optimum.point.clone(), optimum.value);
            self.settings.known.push(Basin { point, value, precision: precision.clone() });
            self.found.push(Mode { optimum, precision, log_evidence, whitening });
        }
        Ok(None)
    }

    fn best(&self) -> Option<&Mode> {
        self.found.iter().max_by(|a, b| a.log_evidence.total_cmp(&b.log_evidence))
    }
}

/// Points beside a mode, each with one coordinate moved out of its range, up and down.
fn beside(mode: &Mode, count: usize) -> Vec<Vec<f64>> {
    let d = mode.optimum.point.len();
    let mut widths: Vec<(f64, usize)> = (0..d).map(|c| (mode.whitening.standard_deviation(c), c)).collect();
    widths.sort_by(|a, b| a.0.total_cmp(&b.0));
    let moves = widths.iter().flat_map(|&(sd, c)| [1.0, -1.0].map(|sign| (c, sign * HOP.0.max(HOP.1 * sd))));
    let moved = |(c, shift): (usize, f64)| {
        let mut point = mode.optimum.point.clone();
        point[c] += shift;
        point
    };
    moves.take(count).map(moved).collect()
}

/// The same maximum, reached twice.
fn near(a: &Optimum, b: &Optimum) -> bool {
    (a.value - b.value).abs() < 1e-2 && a.point.iter().zip(&b.point).all(|(a, b)| (a - b).abs() < 0.1)
}

/// How far the log density falls on the straight way between two maxima, below the lower of them. A point without a
/// density counts as infinitely low.
fn barrier<D: LogDensity>(evaluator: &mut Evaluator<'_, D>, a: &Optimum, b: &Optimum) -> Result<f64> {
    let d = a.point.len();
    let mut points = Cloud::zeros(BETWEEN, d);
    for (k, point) in points.points_mut().enumerate() {
        let share = (k + 1) as f64 / (BETWEEN + 1) as f64;
        for (p, (a, b)) in point.iter_mut().zip(a.point.iter().zip(&b.point)) {
            *p = (1.0 - share) * a + share * b;
        }
    }
    let mut values: Vec<Result<f64>> = (0..BETWEEN).map(|_| Ok(0.0)).collect();
    evaluator.evaluate_all(&points, &mut Cloud::zeros(BETWEEN, d), &mut values)?;
    let lowest =
        values.iter().map(|v| v.as_ref().map_or(f64::NEG_INFINITY, |v| *v)).fold(f64::INFINITY, f64::min);
    Ok(a.value.min(b.value) - lowest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Two Gaussian bumps on the line: a tall narrow one at −4 and a low broad one at 4 with twenty times its mass.
    struct TwoBumps;

    impl LogDensity for TwoBumps {
        type Workspace = ();
        fn dim(&self) -> usize {
            1
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            let bump =
                |centre: f64, sd: f64, mass: f64| mass / sd * (-0.5 * ((z[0] - centre) / sd).powi(2)).exp();
            let (a, b) = (bump(-4.0, 0.02, 1.0), bump(4.0, 1.0, 20.0));
            let value = a + b + 1e-300;
            score[0] = (-a * (z[0] + 4.0) / 0.0004 - b * (z[0] - 4.0)) / value;
            Ok(value.ln())
        }
    }

    #[test]
    fn the_mode_with_more_mass_wins_over_the_higher_one() {
        let starts = [vec![-4.01], vec![3.5]];
        let mode = best_mode(&TwoBumps, &starts, &MaximumSettings::default(), 1e-6).unwrap();
        assert!((mode.optimum.point[0] - 4.0).abs() < 1e-3, "{mode:?}");
        assert!((mode.log_evidence - (20.0 * (2.0 * std::f64::consts::PI).sqrt()).ln()).abs() < 1e-3);
    }

    #[test]
    fn maxima_with_a_valley_between_them_are_modes_of_their_own_and_come_once() {
        let starts = [vec![-4.01], vec![3.5], vec![5.0], vec![4.3]];
        let found = modes(&TwoBumps, &starts, &MaximumSettings::default(), 1e-6, 0).unwrap();
        assert_eq!(found.len(), 2);
        assert!((found[1].optimum.point[0] + 4.0).abs() < 1e-3);
    }

    #[test]
    fn a_hop_beside_a_maximum_finds_the_other() {
        let found =
            |hops| modes(&TwoWells, &[vec![1.2]], &MaximumSettings::default(), 1e-6, hops).unwrap().len();
        assert_eq!((found(0), found(2)), (1, 2));
    }

    /// Maxima at ±0.8 with a valley of depth 4.1 between them.
    struct TwoWells;

    impl LogDensity for TwoWells {
        type Workspace = ();
        fn dim(&self) -> usize {
            1
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            let beyond = z[0] * z[0] - 0.64;
            score[0] = -40.0 * z[0] * beyond;
            Ok(-10.0 * beyond * beyond)
        }
    }

    /// A flat top with two maxima, a fall of 0.25 between them.
    struct Saddle;

    impl LogDensity for Saddle {
        type Workspace = ();
        fn dim(&self) -> usize {
            1
        }
        fn workspace(&self) {}
        fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
            let x = z[0];
            score[0] = x - x * x * x;
            Ok(0.5 * x * x - 0.25 * x.powi(4))
        }
    }

    #[test]
    fn maxima_that_a_cloud_covers_at_once_are_one_mode() {
        let found = modes(&Saddle, &[vec![-0.5], vec![0.5]], &MaximumSettings::default(), 1e-6, 0).unwrap();
        assert_eq!(found.len(), 1);
    }
}
