//! Transport and polish of the particles at one mode.

use super::SvgdSettings;
use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::inference::mode::Mode;
use crate::stein::{Cloud, Engine, Observer, Outcome, Polished, States, Stop, Whitening, polish};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// States of the polish that moments are estimated from, at the least: means of as many independent
/// ones would be known to a fifth of what two draws miss, and a few particles cannot carry more.
const STATES: usize = 80;
/// The same where modes are weighed against each other, which their states decide.
const STATES_TO_WEIGH: usize = 160;
/// Trajectories that a cloud of any size needs to forget where it started.
const FEWEST_TRAJECTORIES: usize = 6;
/// Mean acceptance below which the states say nothing.
const LOWEST_ACCEPTANCE: f64 = 0.2;

/// What is known of one mode.
pub(super) struct Explored {
    pub outcome: Outcome,
    pub polished: Option<Polished>,
}

impl Explored {
    /// Points that say where the mode's mass lies.
    pub(super) fn points(&self) -> &Cloud {
        self.polished.as_ref().map_or(&self.outcome.particles, |p| &p.history.points)
    }

    /// The last metric.
    pub(super) fn whitening(&self) -> &Whitening {
        self.polished.as_ref().map_or(&self.outcome.whitening, |p| &p.whitening)
    }

    /// A run of the engine and nothing else.
    pub(super) fn unpolished(outcome: Outcome) -> Self {
        Self { outcome, polished: None }
    }
}

/// Transport and polish of `count` particles at one mode; `alone`: at the only one.
pub(super) fn explore<D: LogDensity>(
    target: &D,
    mode: &Mode,
    count: usize,
    stream: u64,
    alone: bool,
    settings: &SvgdSettings,
    observer: &mut dyn Observer,
) -> Result<Explored> {
    let cloud = first_cloud(mode, count, stream, settings);
    let outcome =
        Engine::new(target, cloud, mode.whitening.clone(), settings.engine.clone())?.run(observer)?;
    let Some(polishing) = &settings.polish else { return Ok(Explored::unpolished(outcome)) };
    if count < 2 || outcome.stop == Stop::Interrupted {
        return Ok(Explored::unpolished(outcome));
    }
    let mut polishing = polishing.clone();
    // A number of trajectories that leaves no choice is taken as it is.
    if polishing.most_trajectories > polishing.trajectories {
        let states = if alone { STATES } else { STATES_TO_WEIGH };
        polishing.trajectories = polishing.trajectories.max(states.div_ceil(count)).max(FEWEST_TRAJECTORIES);
    }
    let interrupted = || {
        let flag = settings.maximum.interrupt.as_ref();
        flag.is_some_and(|flag| flag.load(std::sync::atomic::Ordering::Relaxed))
    };
    let start = States {
        points: outcome.particles.clone(),
        scores: outcome.scores.clone(),
        log_densities: outcome.log_densities.clone(),
    };
    let whitening = outcome.whitening.learn(&outcome.particles, 1.0)?;
    let seed = settings.engine.seed.wrapping_add(stream << 32);
    let polished =
        polish(&mut Evaluator::new(target, count), start, whitening, &polishing, seed, &interrupted)?;
    let trusted = polished.acceptance >= LOWEST_ACCEPTANCE;
    Ok(Explored { outcome, polished: trusted.then_some(polished) })
}

/// Draws from Laplace's Gaussian, wider by the initial spread and centred on the mode.
fn first_cloud(mode: &Mode, count: usize, stream: u64, settings: &SvgdSettings) -> Cloud {
    let dim = mode.optimum.point.len();
    let mut cloud = Cloud::zeros(count, dim);
    if count == 1 {
        cloud.point_mut(0).copy_from_slice(&mode.optimum.point);
        return cloud;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(settings.engine.seed);
    rng.set_stream(1 + (stream << 8));
    for v in cloud.values_mut() {
        let draw: f64 = StandardNormal.sample(&mut rng);
        *v = settings.initial_spread * draw;
    }
    let mean = cloud.mean();
    let mut u = vec![0.0; dim];
    for point in cloud.points_mut() {
        point.iter_mut().zip(&mean).for_each(|(z, m)| *z -= m);
        mode.whitening.unwhiten(point, &mut u);
        point.copy_from_slice(&u);
    }
    cloud
}
