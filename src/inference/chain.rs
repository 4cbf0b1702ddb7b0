//! One Markov chain: nuts-rs on a log density, in whitened coordinates.

use crate::density::LogDensity;
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};
use nuts_rs::{
    Chain as _, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, Settings as _,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::cell::RefCell;
use std::collections::HashMap;

/// How one chain goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainPlan<'w> {
    /// Coordinates in which it moves.
    pub whitening: &'w Whitening,
    /// Draws while step size and metric adapt.
    pub tune: usize,
    /// Draws after that.
    pub draws: usize,
    /// Spread of the start in whitened standard deviations.
    pub spread: f64,
    /// Acceptance that the step size aims at.
    pub target_accept: f64,
    /// Doublings of a trajectory.
    pub max_depth: usize,
    /// Seed of the fit.
    pub seed: u64,
}

/// What one draw reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainReport {
    /// Which chain, from 0.
    pub chain: usize,
    /// Number of the draw, tuning included, from 1.
    pub draw: usize,
    /// Whether step size and metric still adapt.
    pub tuning: bool,
    /// Whether the trajectory diverged or met a point where the density does not exist.
    pub diverging: bool,
    /// Log density at the draw.
    pub log_density: f64,
}

/// What one chain leaves, in the target's coordinates.
#[derive(Debug)]
pub(super) struct ChainRun {
    /// Draws after tuning.
    pub draws: Cloud,
    /// Log density at each.
    pub log_densities: Vec<f64>,
    /// The last point, with its log density: what there is of a chain stopped while tuning.
    pub last: (Vec<f64>, f64),
    /// Divergent transitions after tuning.
    pub divergences: usize,
    /// Evaluations of value and score.
    pub evaluations: usize,
}

/// Attempts at a start where the density exists; each one is nearer to the centre.
const ATTEMPTS: i32 = 20;

/// Runs one chain. Its random numbers depend on the seed and its number only. `go_on` hears of each draw.
pub(super) fn run_chain<D: LogDensity>(
    target: &D,
    plan: &ChainPlan<'_>,
    chain: usize,
    go_on: &mut dyn FnMut(&ChainReport) -> bool,
) -> Result<ChainRun> {
    let dim = target.dim();
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    rng.set_stream(16 + chain as u64);
    let record = RefCell::new(Record::default());
    let mut density = Whitened {
        target,
        whitening: plan.whitening,
        workspace: target.workspace(),
        point: vec![0.0; dim],
        score: vec![0.0; dim],
        record: &record,
    };
    let start = density.start(plan.spread, &mut rng)?;
    let fail = |error: &dyn std::fmt::Display| {
        let known = record.borrow_mut().fatal.take();
        known.unwrap_or_else(|| Error::Invalid(format!("NUTS, chain {chain}: {error}")))
    };
    let mut settings = DiagNutsSettings {
        num_tune: plan.tune as u64,
        num_draws: plan.draws as u64,
        maxdepth: plan.max_depth as u64,
        ..DiagNutsSettings::default()
    };
    settings.adapt_options.step_size_settings.target_accept = plan.target_accept;
    let mut sampler =
        settings.new_chain(chain as u64, CpuMath::new(density), &mut rng).map_err(|e| fail(&e))?;
    sampler.set_position(&start).map_err(|e| fail(&e))?;
    let mut value = record.borrow().value_at(&start).unwrap_or(f64::NAN);
    let mut u = vec![0.0; dim];
    plan.whitening.unwhiten(&start, &mut u);
    let mut run = ChainRun {
        draws: Cloud::zeros(0, dim),
        log_densities: Vec::new(),
        last: (u, value),
        divergences: 0,
        evaluations: 0,
    };
    let mut kept = Vec::new();
    for draw in 0..plan.tune + plan.draws {
        let (z, progress) = sampler.draw().map_err(|e| fail(&e))?;
        // Where the chain stayed, its point is not among those of this trajectory.
        value = record.borrow().value_at(&z).unwrap_or(value);
        record.borrow_mut().visited.clear();
        plan.whitening.unwhiten(&z, &mut run.last.0);
        run.last.1 = value;
        let tuning = draw < plan.tune;
        if !tuning {
            kept.extend_from_slice(&run.last.0);
            run.log_densities.push(value);
            run.divergences += usize::from(progress.diverging);
        }
        let report =
            ChainReport { chain, draw: draw + 1, tuning, diverging: progress.diverging, log_density: value };
        if !go_on(&report) {
            break;
        }
    }
    run.draws = Cloud::from_points(dim, kept.chunks_exact(dim));
    run.evaluations = record.borrow().evaluations;
    Ok(run)
}

/// What the sampler's evaluations leave behind; nuts-rs keeps the density to itself.
#[derive(Default)]
struct Record {
    /// Points of the present trajectory with their values.
    visited: Vec<(Vec<f64>, f64)>,
    /// The error that ended the chain.
    fatal: Option<Error>,
    evaluations: usize,
}

impl Record {
    fn value_at(&self, z: &[f64]) -> Option<f64> {
        self.visited.iter().rev().find(|(point, _)| point == z).map(|(_, value)| *value)
    }
}

/// A log density in whitened coordinates, as nuts-rs wants it.
struct Whitened<'a, D: LogDensity> {
    target: &'a D,
    whitening: &'a Whitening,
    workspace: D::Workspace,
    point: Vec<f64>,
    score: Vec<f64>,
    record: &'a RefCell<Record>,
}

impl<D: LogDensity> Whitened<'_, D> {
    /// An over-dispersed draw from Laplace's Gaussian, whitened.
    fn start(&mut self, spread: f64, rng: &mut ChaCha8Rng) -> Result<Vec<f64>> {
        let dim = self.target.dim();
        let mut score = vec![0.0; dim];
        for attempt in 0..ATTEMPTS {
            let shrunk = spread * 0.8f64.powi(attempt);
            let z: Vec<f64> = (0..dim)
                .map(|_| {
                    let draw: f64 = StandardNormal.sample(rng);
                    shrunk * draw
                })
                .collect();
            match self.evaluate(&z, &mut score) {
                Ok(_) => return Ok(z),
                Err(error) if error.is_recoverable() => {}
                Err(error) => return Err(error),
            }
        }
        // The centre is the mode, where the density is known to exist.
        Ok(vec![0.0; dim])
    }

    fn evaluate(&mut self, z: &[f64], score: &mut [f64]) -> Result<f64> {
        self.record.borrow_mut().evaluations += 1;
        self.whitening.unwhiten(z, &mut self.point);
        let value = self.target.evaluate(&self.point, &mut self.score, &mut self.workspace)?;
        self.whitening.whiten_score(&self.score, score);
        Ok(value)
    }
}

/// A failed evaluation; the error itself stays in the record.
#[derive(Debug, thiserror::Error)]
#[error("the evaluation failed")]
struct Failed {
    recoverable: bool,
}

impl LogpError for Failed {
    fn is_recoverable(&self) -> bool {
        self.recoverable
    }
}

impl<D: LogDensity> HasDims for Whitened<'_, D> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_string(), self.target.dim() as u64)])
    }
}

impl<D: LogDensity> CpuLogpFunc for Whitened<'_, D> {
    type LogpError = Failed;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, Failed> {
        match self.evaluate(position, gradient) {
            Ok(value) => {
                self.record.borrow_mut().visited.push((position.to_vec(), value));
                Ok(value)
            }
            Err(error) => {
                let recoverable = error.is_recoverable();
                if !recoverable {
                    self.record.borrow_mut().fatal = Some(error);
                }
                Err(Failed { recoverable })
            }
        }
    }

    fn expand_vector<R: rand::Rng + ?Sized>(
        &mut self,
        _: &mut R,
        position: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(position.to_vec())
    }
}
