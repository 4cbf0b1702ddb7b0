//! From explored modes to the final cloud: weights, representatives, diagnostics.

use super::explore::Explored;
use super::{ModeSummary, PolishSummary, SvgdFit, SvgdSettings};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::inference::evidence::log_mass;
use crate::inference::mode::Mode;
use crate::inference::share::{log_normalised, share_out};
use crate::inference::warped::Warped;
use crate::stein::{
    Cloud, ControlVariates, Examination, Moments, Outcome, Polished, SteinKernel, Whitening, match_moments,
    representatives,
};
use crate::{Error, Result};

/// States among which representatives are looked for, at most: the search keeps their distances.
const MOST_CANDIDATES: usize = 2000;

/// Weights of the modes, representatives of each, diagnostics.
pub(super) fn finish<D: LogDensity>(
    target: &Warped<'_, D>,
    mut explored: Vec<Explored>,
    mut found: Vec<Mode>,
    settings: &SvgdSettings,
) -> Result<SvgdFit> {
    if found.len() > 1 {
        claim_states(&mut explored, &mut found);
    }
    // Laplace's masses and those of states are not mixed; with one mode nothing is weighed.
    let polished: Option<Vec<_>> = explored.iter().map(|e| e.polished.as_ref()).collect();
    let log_masses: Vec<f64> = match polished {
        Some(polished) if found.len() > 1 => {
            polished.iter().map(|p| log_mass(&p.history)).collect::<Result<_>>()?
        }
        _ if found.is_empty() => vec![0.0; explored.len()],
        _ => found.iter().map(|mode| mode.log_evidence).collect(),
    };
    let weights = log_normalised(&log_masses);
    let shares = share_out(settings.particles, &weights);
    let mut cloud = Standing::empty(target.dim());
    let mut modes = Vec::new();
    for (place, (explored, share)) in explored.iter().zip(&shares).enumerate() {
        cloud.add(represent(target, explored, *share)?, weights[place]);
        if let Some(mode) = found.get(place) {
            modes.push(ModeSummary {
                weight: weights[place],
                log_evidence: log_masses[place],
                particles: *share,
                maximum: mode.optimum.clone(),
            });
        }
    }
    let first = explored.swap_remove(0);
    describe(target, cloud, modes, first, shares[0], &settings.engine.kernel)
}

/// Particles that stand for the posterior, in the target's coordinates, and where they were taken from.
struct Standing {
    points: Cloud,
    /// The states that they were, in the coordinates of the run, where they are to be fallen back on.
    origins: Vec<Option<(Vec<f64>, f64)>>,
    weights: Vec<f64>,
}

impl Standing {
    fn empty(dim: usize) -> Self {
        Self { points: Cloud::zeros(0, dim), origins: Vec::new(), weights: Vec::new() }
    }

    /// Adds the particles of a mode with this weight.
    fn add(&mut self, other: Standing, weight: f64) {
        let count = other.points.count();
        self.points.extend(&other.points);
        self.origins.extend(other.origins);
        self.weights.extend(std::iter::repeat_n(weight / count.max(1) as f64, count));
    }
}

/// Fall of the log density that a particle may pay for the right moments.
const MOST_LOST: f64 = 4.0;

/// Evaluates the final cloud and judges the heaviest mode's part of it.
fn describe<D: LogDensity>(
    target: &Warped<'_, D>,
    cloud: Standing,
    mut modes: Vec<ModeSummary>,
    first: Explored,
    judged: usize,
    kernel: &SteinKernel,
) -> Result<SvgdFit> {
    let Standing { mut points, origins, mut weights } = cloud;
    let (count, dim) = (points.count(), target.dim());
    let mut moved = target.cloud_from_target(&points);
    let mut scores = Cloud::zeros(count, dim);
    let mut values: Vec<Result<f64>> = (0..count).map(|_| Ok(0.0)).collect();
    let mut evaluator = Evaluator::new(target, count);
    evaluator.evaluate_all(&moved, &mut scores, &mut values)?;
    // A particle that the moments have pushed out of the mass goes back to the state it was.
    for (i, origin) in origins.into_iter().enumerate() {
        let Some((point, before)) = origin else { continue };
        if values[i].as_ref().is_ok_and(|value| *value >= before - MOST_LOST) {
            continue;
        }
        values[i] = evaluator.evaluate(&point, scores.point_mut(i));
        points.point_mut(i).copy_from_slice(&target.to_target(&point));
        moved.point_mut(i).copy_from_slice(&point);
    }
    // A particle without a density stands for nothing.
    for (weight, value) in weights.iter_mut().zip(&values) {
        if value.is_err() {
            *weight = 0.0;
        }
    }
    let total: f64 = weights.iter().sum();
    if total.is_nan() || total <= 0.0 {
        let failure = values.into_iter().find_map(Result::err);
        return Err(failure.unwrap_or(Error::NotFiniteValue { what: "weight of all particles" }));
    }
    weights.iter_mut().for_each(|w| *w /= total);
    let log_densities = (values.iter().zip(moved.points()))
        .map(|(value, v)| value.as_ref().map_or(f64::NAN, |value| value - target.log_slope(v)))
        .collect();
    let indices: Vec<usize> = (0..judged.min(count)).filter(|&i| values[i].is_ok()).collect();
    let (judged, scores) = (moved.select(&indices), scores.select(&indices));
    let cloud = Examination::new(&judged, &scores, first.whitening());
    let diagnostics =
        Examination { kernel: kernel.clone(), modes: modes.len().max(1), ..cloud }.diagnose()?;
    modes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let polish = first.polished.as_ref().map(|p| PolishSummary {
        acceptance: p.acceptance,
        step: p.step,
        states: p.history.points.count(),
    });
    let Outcome { trace, stop, .. } = first.outcome;
    Ok(SvgdFit { particles: points, weights, log_densities, modes, polish, trace, stop, diagnostics })
}

/// `count` points in the target's coordinates that stand for a mode.
fn represent<D: LogDensity>(target: &Warped<'_, D>, explored: &Explored, count: usize) -> Result<Standing> {
    let Some(polished) = &explored.polished else {
        let cloud = target.cloud_to_target(&explored.outcome.particles);
        // Where a mode has to stand for more than its own particles, they come twice.
        let indices: Vec<usize> = (0..count).map(|k| k % cloud.count().max(1)).collect();
        return Ok(Standing {
            points: cloud.select(&indices),
            origins: vec![None; count],
            weights: Vec::new(),
        });
    };
    let history = &polished.history;
    let n = history.points.count();
    let mut chosen = choose(polished, count);
    let different = chosen.len();
    chosen.extend((different..count).map(|k| k % n));
    let all = target.cloud_to_target(&history.points);
    let mut points = all.select(&chosen);
    if count > 1 {
        // States that belong to other modes are gone: a trajectory has fewer left.
        let together = polished.last.points.count().min(n.div_ceil(4));
        let variates = ControlVariates::new(&history.points, &history.scores, together)?;
        let moments: Vec<Moments> = (0..all.dim())
            .map(|c| variates.moments(&all.points().map(|p| p[c]).collect::<Vec<_>>()))
            .collect();
        match_moments(&mut points, &moments);
    }
    let origin = |&i: &usize| Some((history.points.point(i).to_vec(), history.log_densities[i]));
    Ok(Standing { points, origins: chosen.iter().map(origin).collect(), weights: Vec::new() })
}

/// With several modes, states count for the mode whose Laplace Gaussian gives them the higher density, so that no mass
/// is counted twice where clouds have crossed over; a mode that keeps hardly any of its own goes.
fn claim_states(explored: &mut Vec<Explored>, found: &mut Vec<Mode>) {
    /// Share of its cloud's states that a mode must keep.
    const KEPT: f64 = 0.1;
    let whitenings: Vec<Whitening> = found.iter().map(|mode| mode.whitening.clone()).collect();
    let owner = |point: &[f64]| {
        let density: Vec<f64> = whitenings.iter().map(|w| log_gaussian(w, point)).collect();
        (0..density.len()).fold(0, |best, k| if density[k] > density[best] { k } else { best })
    };
    let mut keep = Vec::with_capacity(explored.len());
    for (place, explored) in explored.iter_mut().enumerate() {
        let points = explored.points();
        let own: Vec<usize> = (0..points.count()).filter(|&i| owner(points.point(i)) == place).collect();
        keep.push(own.len() as f64 >= KEPT * points.count() as f64 && own.len() > 1);
        if let Some(polished) = explored.polished.as_mut().filter(|_| keep[place]) {
            polished.history = polished.history.select(&own);
        }
    }
    // Of modes that have all run into one another the first stays.
    if !keep.contains(&true) {
        keep[0] = true;
    }
    let mut kept = keep.iter();
    explored.retain(|_| *kept.next().unwrap_or(&true));
    let mut kept = keep.iter();
    found.retain(|_| *kept.next().unwrap_or(&true));
}

/// Indices of `count` states that stand for all: those of smallest energy distance, or, where that would take more
/// than a blink, the last ones, which are many and therefore good enough.
fn choose(polished: &Polished, count: usize) -> Vec<usize> {
    let n = polished.history.points.count();
    let last: Vec<usize> = (n - count.min(n)..n).collect();
    if n <= MOST_CANDIDATES {
        return representatives(&polished.whitening.whiten_cloud(&polished.history.points), last);
    }
    if 2 * count > MOST_CANDIDATES {
        return last;
    }
    let candidates: Vec<usize> = (0..MOST_CANDIDATES).map(|k| k * n / MOST_CANDIDATES).collect();
    let cloud = polished.whitening.whiten_cloud(&polished.history.points.select(&candidates));
    let start = (MOST_CANDIDATES - count..MOST_CANDIDATES).collect();
    representatives(&cloud, start).into_iter().map(|k| candidates[k]).collect()
}

/// Log density of a whitening's Gaussian, up to a constant.
fn log_gaussian(whitening: &Whitening, point: &[f64]) -> f64 {
    let mut z = vec![0.0; point.len()];
    whitening.whiten(point, &mut z);
    -0.5 * z.iter().map(|v| v * v).sum::<f64>() - whitening.log_determinant()
}
