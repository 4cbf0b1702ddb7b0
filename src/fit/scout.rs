//! Where to climb, asked of a sample of the rows first.
//!
//! Most climbs of a fit end where another has ended before. The maxima of all rows lie near those of a sample, whose
//! evaluations cost next to nothing: random starts and the climbs beside the best maximum are left to the sample, and only
//! what they find is climbed with all rows.

use super::{FitOptions, Method, criterion, restarts, starts};
use crate::Result;
use crate::evaluation::Evaluator;
use crate::inference::{
    MaximumSettings, SteinPreset, Warped, maxima, maximise, maximise_from, negative_hessian,
};
use crate::model::{Criterion, Exact, Model, Target};
use crate::stein::Whitening;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// Rows of the sample.
const ROWS: usize = 256;
/// Rows from which on a sample is worth its climbs: an evaluation of it takes an eighth of the time.
const WORTH_IT: usize = 2 * ROWS;
/// Maxima of the sample that are climbed with all rows, at most.
const MOST: usize = 3;
/// Nats by which a maximum of the sample may be below its best: as a rule more rows add to that.
const WITHIN: f64 = 10.0;
/// Climbs of the sample besides those from the starts.
const HOPS: usize = 16;
/// Smallest curvature that counts.
const FLOOR: f64 = 0.1;

/// Points that climbs begin at.
#[derive(Debug)]
pub(super) enum Starts {
    /// The layout's own and random ones: the search is still to be done.
    Around(Vec<Vec<f64>>),
    /// Near the maxima that a search has found.
    Near(Near),
}

/// What a sample says of where all rows have their maxima.
#[derive(Debug)]
pub(super) struct Near {
    points: Vec<Vec<f64>>,
    /// Coordinates for climbs with all rows: the curvature at the sample's best maximum, times as many as there are rows more.
    pub metric: Option<Whitening>,
}

impl Starts {
    pub(super) fn points(&self) -> &[Vec<f64>] {
        match self {
            Self::Around(points) => points,
            Self::Near(near) => &near.points,
        }
    }
}

/// Starts for a fit of `model`, unconstrained.
pub(super) fn starts_of(model: &Exact, options: &FitOptions, maximum: &MaximumSettings) -> Result<Starts> {
    let (rows, layout) = (model.y().len(), model.layout());
    let count = 1 + restarts(options, rows);
    let around = starts::around(layout, count, options.seed);
    let from_prior = options.method == Method::Svgd && options.preset == SteinPreset::Paper;
    if rows < WORTH_IT || count == 1 || layout.dim() == 0 || from_prior {
        return Ok(Starts::Around(around));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(7);
    let mut chosen = sample(&mut rng, rows, ROWS).into_vec();
    chosen.sort_unstable();
    let few = model.subset(&chosen)?;
    let more = rows as f64 / ROWS as f64;
    let found = match options.method {
        Method::Ml => of_likelihood(&few, &around, more, maximum),
        _ => of_posterior(&few, count, more, options, maximum),
    };
    match found {
        Ok(near) if !near.points.is_empty() => Ok(Starts::Near(near)),
        Err(error) if !error.is_recoverable() => Err(error),
        // What fails with some rows may work with all.
        _ => Ok(Starts::Around(around)),
    }
}

/// Maxima of the posterior, in the coordinates in which the method looks for them.
fn of_posterior(
    few: &Exact,
    count: usize,
    more: f64,
    options: &FitOptions,
    maximum: &MaximumSettings,
) -> Result<Near> {
    let target = Target::new(few, criterion(options.method))?;
    let moves = options.method == Method::Nuts || options.method == Method::Svgd && options.particles > 1;
    let maps = if moves { few.layout().gaussian_coordinates() } else { Vec::new() };
    let warped = Warped::new(&target, maps);
    let starts = starts::between_start_and_prior(few.layout(), count, options.seed);
    let starts: Vec<Vec<f64>> = starts.iter().map(|u| warped.from_target(u)).collect();
    let found = maxima(&warped, &starts, maximum, FLOOR, HOPS)?;
    let best = found.first().map_or(f64::NAN, |mode| mode.log_evidence);
    let near = found.iter().filter(|mode| mode.log_evidence > best - WITHIN).take(MOST);
    let points = near.map(|mode| warped.to_target(&mode.optimum.point)).collect();
    let metric = found.first().and_then(|mode| metric(&mode.optimum.point, &mode.precision, more));
    Ok(Near { points, metric })
}

/// Coordinates around a maximum of the sample for a log density of `more` times its rows.
fn metric(point: &[f64], precision: &[f64], more: f64) -> Option<Whitening> {
    let precision: Vec<f64> = precision.iter().map(|h| more * h).collect();
    Whitening::from_precision(point.to_vec(), &precision, FLOOR).ok()
}

/// The posterior's mode, near which the sensible maxima of the likelihood lie, and its highest ones.
fn of_likelihood(few: &Exact, around: &[Vec<f64>], more: f64, maximum: &MaximumSettings) -> Result<Near> {
    /// Maxima whose values differ by less are one.
    const SAME: f64 = 1e-2;
    let mut points = Vec::new();
    if few.layout().without_prior().is_none() {
        let posterior = Target::new(few, Criterion::LogDensity)?;
        points.extend(maximise_from(&posterior, &around[0], maximum).map(|mode| mode.point));
    }
    let likelihood = Target::new(few, Criterion::LogMarginalLikelihood)?;
    let starts: Vec<Vec<f64>> = points.iter().chain(around).cloned().collect();
    let mut last = f64::INFINITY;
    let optima = maximise(&likelihood, &starts, maximum)?;
    // The highest maximum may be one without noise, which is like no other.
    let sensible = &optima.iter().find(|optimum| optimum.start == 0).unwrap_or(&optima[0]).point;
    let precision = negative_hessian(&mut Evaluator::new(&likelihood, 2 * sensible.len()), sensible)?;
    let metric = metric(sensible, &precision, more);
    for optimum in optima {
        if points.len() < MOST && last - optimum.value > SAME {
            last = optimum.value;
            points.push(optimum.point);
        }
    }
    Ok(Near { points, metric })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::{InputColumns, KernelExpression};
    use crate::mean::Mean;
    use faer::Mat;

    /// y = sin(2a) + a bit of b, with noise; c does nothing.
    fn model(rows: usize) -> Exact {
        let x = Mat::from_fn(rows, 3, |i, d| 2.0 * ((i * (d + 2)) as f64 * 0.737 + d as f64).sin());
        let noise = |i: usize| 0.2 * (i as f64 * 12.9898).sin();
        let y: Vec<f64> = (0..rows).map(|i| (2.0 * x[(i, 0)]).sin() + 0.3 * x[(i, 1)] + noise(i)).collect();
        let kernel: KernelExpression = "rbf".parse().unwrap();
        let kernel = kernel.resolve(&InputColumns::unscaled(["a", "b", "c"])).unwrap();
        Exact::new(x.as_ref(), &y, kernel, Mean::Constant).unwrap()
    }

    #[test]
    fn climbs_from_a_sample_end_where_those_of_all_rows_do_in_fewer_evaluations() {
        let model = model(WORTH_IT + 40);
        let settings = MaximumSettings::default();
        for method in [Method::Map, Method::Ml] {
            let options = FitOptions { method, ..FitOptions::default() };
            let Starts::Near(near) = starts_of(&model, &options, &settings).unwrap() else {
                unreachable!("no sample was asked")
            };
            assert!((1..=MOST).contains(&near.points.len()));
            let climb = |starts: &[Vec<f64>], metric: Option<&Whitening>| {
                let target = Target::new(&model, criterion(method)).unwrap();
                let settings = MaximumSettings { metric: metric.cloned(), ..settings.clone() };
                let best = maximise(&target, starts, &settings).unwrap()[0].value;
                (best, target.evaluations())
            };
            let count = 1 + restarts(&options, model.y().len());
            let (from_sample, few) = climb(&near.points, near.metric.as_ref());
            let (from_all, many) = climb(&starts::around(model.layout(), count, 0), None);
            let (_, raw) = climb(&near.points, None);
            assert!(from_sample > from_all - 1e-4, "{method:?}: {from_sample} below {from_all}");
            assert!(few < raw && 10 * few < 8 * many, "{method:?}: {few} evaluations, {raw}, {many}");
        }
    }

    #[test]
    fn few_rows_one_start_and_starts_from_the_prior_are_left_as_they_are() {
        let (few, many) = (model(60), model(WORTH_IT));
        let paper = FitOptions { preset: SteinPreset::Paper, ..FitOptions::default() };
        let single = FitOptions { restarts: Some(0), ..FitOptions::default() };
        for (model, options) in [(&few, &FitOptions::default()), (&many, &paper), (&many, &single)] {
            let starts = starts_of(model, options, &MaximumSettings::default()).unwrap();
            assert!(matches!(starts, Starts::Around(_)));
        }
    }
}
