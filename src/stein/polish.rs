//! Metropolis-adjusted moves of a cloud that is nearly right.
//!
//! SVGD brings the cloud to the mass and gives it about the right width; where the target is far from a Gaussian,
//! J particles at rest still miss its mean and width a little. A few Hamiltonian trajectories per particle in the
//! whitened coordinates (Duane et al. 1987; Neal 2011) leave the target invariant, and the states on the way
//! say what its moments are. All particles take one leapfrog step at a time, so that their scores are computed in
//! parallel; the step length is tuned to the cloud's mean acceptance, and the metric is learnt anew from the states.
//! What is tuned follows the states, which costs exactness where the cloud is small: variances 5 % too narrow with two
//! particles, nothing to be seen with twenty.

use super::{Cloud, Whitening};
use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How the cloud is polished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolishSettings {
    /// Trajectories a particle, at the least.
    pub trajectories: usize,
    /// Trajectories a particle, at most: as long as the states do not yet meet Stein's identity.
    pub most_trajectories: usize,
    /// The states meet Stein's identity where mean scores and widths are right to within this, root mean square over
    /// the coordinates in standard deviations.
    pub tolerance: f64,
    /// Lengths of the trajectories in whitened time, taken in turn; a quarter turn of a standard normal is π/2. Each takes as many
    /// leapfrog steps, evaluations of the score, as the step length asks for. Short ones decorrelate the narrow directions,
    /// long ones reach into the tails.
    pub lengths: Vec<f64>,
    /// Trajectories whose states are left out of the history.
    pub burn_in: usize,
    /// Mean acceptance that the step length is tuned to.
    pub acceptance: f64,
    /// Shares of the trajectories after which the metric is learnt anew.
    pub rewhiten_at: Vec<f64>,
}

impl Default for PolishSettings {
    fn default() -> Self {
        Self {
            trajectories: 9,
            most_trajectories: 13,
            tolerance: 0.1,
            lengths: vec![1.2, 2.4, 4.8],
            burn_in: 1,
            acceptance: 0.8,
            rewhiten_at: vec![0.25, 0.5, 0.75, 1.0, 1.5],
        }
    }
}

/// Points with what was found there.
#[derive(Debug, Clone)]
pub struct States {
    /// Points in the target's coordinates.
    pub points: Cloud,
    /// Scores there.
    pub scores: Cloud,
    /// Log densities there.
    pub log_densities: Vec<f64>,
}

impl States {
    /// No state yet.
    pub fn empty(dim: usize) -> Self {
        Self { points: Cloud::zeros(0, dim), scores: Cloud::zeros(0, dim), log_densities: Vec::new() }
    }

    fn zeros(count: usize, dim: usize) -> Self {
        Self {
            points: Cloud::zeros(count, dim),
            scores: Cloud::zeros(count, dim),
            log_densities: vec![0.0; count],
        }
    }

    /// The states with these numbers.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            points: self.points.select(indices),
            scores: self.scores.select(indices),
            log_densities: indices.iter().map(|&i| self.log_densities[i]).collect(),
        }
    }

    /// Adds the states of another set.
    pub fn extend(&mut self, other: &States) {
        self.points.extend(&other.points);
        self.scores.extend(&other.scores);
        self.log_densities.extend_from_slice(&other.log_densities);
    }
}

/// What a polish leaves.
#[derive(Debug, Clone)]
pub struct Polished {
    /// States of all particles after the burn-in and the first quarter of what followed, trajectory by trajectory.
    pub history: States,
    /// Where the particles ended.
    pub last: States,
    /// Metric of the last trajectories.
    pub whitening: Whitening,
    /// Mean acceptance after the burn-in.
    pub acceptance: f64,
    /// Last step length, whitened.
    pub step: f64,
}

/// Longest step in whitened coordinates; beyond 2 the leapfrog diverges on a Gaussian.
const LONGEST: f64 = 1.7;
/// Leapfrog steps of a trajectory at most, however short they have to be.
const MOST_STEPS: usize = 8;
/// Relative spread of the step lengths of one cloud: no trajectory length fits all directions.
const JITTER: f64 = 0.2;

/// Polishes `start` (points that all have a density) in place of further SVGD. `stop` is asked before each trajectory.
///
/// # Errors
/// Unrecoverable errors of the log density. Points that fail are rejected proposals.
pub fn polish<D: LogDensity>(
    evaluator: &mut Evaluator<'_, D>,
    start: States,
    whitening: Whitening,
    settings: &PolishSettings,
    seed: u64,
    stop: &dyn Fn() -> bool,
) -> Result<Polished> {
    let (count, dim) = (start.points.count(), start.points.dim());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(4);
    let mut chain = Chain { current: start, proposal: States::zeros(count, dim), whitening };
    let mut history = States::empty(dim);
    let mut step = (1.5 * (dim as f64).powf(-0.25)).min(LONGEST);
    let rewhiten: Vec<usize> =
        settings.rewhiten_at.iter().map(|s| (s * settings.trajectories as f64).round() as usize).collect();
    let (mut accepted, mut counted) = (0.0, 0);
    for t in 0..settings.most_trajectories.max(settings.trajectories) {
        if stop() {
            break;
        }
        if t >= settings.trajectories && t % PAUSE == 0 {
            // What was on the way to the mass is left behind.
            let moving = history.points.count() / count / 4 * count;
            if stein_residual(&history, moving, &chain.whitening) < settings.tolerance {
                break;
            }
        }
        if rewhiten.contains(&t) && history.points.count() > 1 {
            // States of one particle follow one another: each pair counts as one draw.
            chain.whitening = chain.whitening.learn(&history.points, 0.5)?;
        }
        let length = settings.lengths.get(t % settings.lengths.len().max(1)).copied().unwrap_or(step);
        let steps = ((length / step).round() as usize).clamp(1, MOST_STEPS);
        let mean = chain.trajectory(evaluator, steps, step, &mut rng)?;
        step = (step * (0.8 * (mean - settings.acceptance)).exp()).min(LONGEST);
        if t >= settings.burn_in {
            history.extend(&chain.current);
            accepted += mean;
            counted += 1;
        }
    }
    if counted == 0 {
        history.extend(&chain.current);
    }
    let moving = history.points.count() / count / 4 * count;
    let history = history.select(&(moving..history.points.count()).collect::<Vec<_>>());
    Ok(Polished {
        history,
        last: chain.current,
        whitening: chain.whitening,
        acceptance: accepted / f64::from(counted.max(1)),
        step,
    })
}

/// Trajectories between two looks at the states.
const PAUSE: usize = 2;

/// Root mean square over the coordinates, whitened, of the mean score E[g] = 0 and of E[z g] + 1 = 0, over the states
/// from number `first` on: how far they are from draws of the target, be it for lack of time or by chance.
fn stein_residual(states: &States, first: usize, whitening: &Whitening) -> f64 {
    let (n, d) = (states.points.count() - first, states.points.dim());
    let (mut centre, mut score_mean, mut products) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
    let (mut z, mut g) = (vec![0.0; d], vec![0.0; d]);
    for i in first..first + n {
        whitening.whiten(states.points.point(i), &mut z);
        whitening.whiten_score(states.scores.point(i), &mut g);
        for c in 0..d {
            centre[c] += z[c] / n as f64;
            score_mean[c] += g[c] / n as f64;
            products[c] += z[c] * g[c] / n as f64;
        }
    }
    let squares = (0..d).map(|c| {
        let width = products[c] - centre[c] * score_mean[c] + 1.0;
        0.5 * (score_mean[c].powi(2) + 0.5 * width.powi(2))
    });
    (squares.sum::<f64>() / d as f64).sqrt()
}

struct Chain {
    current: States,
    proposal: States,
    whitening: Whitening,
}

impl Chain {
    /// One trajectory of every particle; mean probability of acceptance.
    fn trajectory<D: LogDensity>(
        &mut self,
        evaluator: &mut Evaluator<'_, D>,
        steps: usize,
        length: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<f64> {
        let (count, dim) = (self.current.points.count(), self.current.points.dim());
        let mut momenta = Cloud::zeros(count, dim);
        momenta.values_mut().iter_mut().for_each(|p| *p = StandardNormal.sample(rng));
        let lengths: Vec<f64> =
            (0..count).map(|_| length * (1.0 + JITTER * (2.0 * rng.random::<f64>() - 1.0))).collect();
        let choices: Vec<f64> = (0..count).map(|_| rng.random::<f64>()).collect();
        let energy = |momentum: &[f64], value: f64| value - 0.5 * momentum.iter().map(|p| p * p).sum::<f64>();
        let before: Vec<f64> =
            (0..count).map(|i| energy(momenta.point(i), self.current.log_densities[i])).collect();

        let mut values: Vec<Result<f64>> = self.current.log_densities.iter().map(|v| Ok(*v)).collect();
        let mut alive = vec![true; count];
        self.proposal.points.values_mut().copy_from_slice(self.current.points.values());
        self.proposal.scores.values_mut().copy_from_slice(self.current.scores.values());
        let (mut force, mut shift, mut scaled) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
        for _ in 0..steps {
            for i in (0..count).filter(|&i| alive[i]) {
                self.whitening.whiten_score(self.proposal.scores.point(i), &mut force);
                let momentum = momenta.point_mut(i);
                momentum.iter_mut().zip(&force).for_each(|(p, f)| *p += 0.5 * lengths[i] * f);
                scaled.iter_mut().zip(momentum.iter()).for_each(|(s, p)| *s = lengths[i] * p);
                self.whitening.stretch(&scaled, &mut shift);
                self.proposal.points.point_mut(i).iter_mut().zip(&shift).for_each(|(x, s)| *x += s);
            }
            evaluator.evaluate_all(&self.proposal.points, &mut self.proposal.scores, &mut values)?;
            for i in 0..count {
                if !alive[i] {
                    continue;
                }
                if !values[i].as_ref().is_ok_and(|v| v.is_finite()) {
                    // The rest of the trajectory stays at the start, which costs nothing but its evaluations.
                    alive[i] = false;
                    self.proposal.points.point_mut(i).copy_from_slice(self.current.points.point(i));
                    continue;
                }
                self.whitening.whiten_score(self.proposal.scores.point(i), &mut force);
                let momentum = momenta.point_mut(i);
                momentum.iter_mut().zip(&force).for_each(|(p, f)| *p += 0.5 * lengths[i] * f);
            }
        }
        let mut total = 0.0;
        for i in (0..count).filter(|&i| alive[i]) {
            let value = values[i].as_ref().map_or(f64::NEG_INFINITY, |v| *v);
            let gain = energy(momenta.point(i), value) - before[i];
            if gain.is_nan() {
                continue;
            }
            let probability = gain.exp().min(1.0);
            total += probability;
            if choices[i] < probability {
                self.current.points.point_mut(i).copy_from_slice(self.proposal.points.point(i));
                self.current.scores.point_mut(i).copy_from_slice(self.proposal.scores.point(i));
                self.current.log_densities[i] = value;
            }
        }
        Ok(total / count as f64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::log_gamma::LogGamma;
    use rand_distr::Gumbel;

    #[test]
    fn exact_draws_stay_exact_draws() {
        const COUNT: usize = 4000;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut points = Cloud::zeros(COUNT, 2);
        let gumbel = Gumbel::new(0.0, 1.0).unwrap();
        points.values_mut().iter_mut().for_each(|v| {
            let draw: f64 = gumbel.sample(&mut rng);
            *v = -draw;
        });
        let mut start = States { points, ..States::zeros(COUNT, 2) };
        let mut evaluator = Evaluator::new(&LogGamma { dim: 2 }, COUNT);
        for i in 0..COUNT {
            let value = evaluator.evaluate(start.points.point(i), start.scores.point_mut(i));
            start.log_densities[i] = value.unwrap();
        }
        let settings = PolishSettings { trajectories: 7, most_trajectories: 7, ..PolishSettings::default() };
        let whitening = Whitening::identity(2).learn(&start.points, 1.0).unwrap();
        let before = start.points.clone();
        let found = polish(&mut evaluator, start, whitening, &settings, 1, &|| false).unwrap();
        assert!(found.acceptance > 0.7, "{}", found.acceptance);
        // The points are new ones.
        let moved = found.last.points.points().zip(before.points()).filter(|(a, b)| a != b).count();
        assert!(moved > COUNT * 95 / 100, "{moved}");
        let variance = std::f64::consts::PI.powi(2) / 6.0;
        for c in 0..2 {
            let values: Vec<f64> = found.last.points.points().map(|p| p[c]).collect();
            let mean = values.iter().sum::<f64>() / COUNT as f64;
            let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / COUNT as f64;
            // Four standard errors; of the variance's, the kurtosis is 27/5.
            assert!((mean + 0.577_215_664_9).abs() < 4.0 * (variance / COUNT as f64).sqrt(), "{mean}");
            assert!((spread / variance - 1.0).abs() < 4.0 * (4.4 / COUNT as f64).sqrt(), "{spread}");
        }
    }
}
