//! Movers: what becomes of the Stein force.
//!
//! A mover turns kernel, particles and scores into a direction for each particle; the optimiser and the step size
//! decide how far. All of it happens in whitened coordinates.

mod gradient;
mod langevin;
mod matrix;
mod newton;

use super::{Cloud, CurvatureSource, Settings, Whitening};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use matrix::Metric;

/// What becomes of the Stein force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The direction is the force (Liu & Wang 2016).
    Gradient,
    /// A matrix-valued kernel: the force as a metric sees it (Wang et al. 2019).
    Matrix(Metric),
    /// Stein variational Newton in its block form (Detommaso et al. 2018).
    Newton(CurvatureSource),
    /// Stochastic SVGD: noise with the kernel's own covariance makes the particles a Markov chain on all of them
    /// together, whose time average goes to the target (Gallego & Insua 2018). Exact in the limit of small steps for
    /// radial kernels of fixed width; a width that follows the cloud costs a little. The chain's draws are in
    /// [`Outcome::draws`](super::Outcome::draws).
    Langevin {
        /// Share of the run before the first draw.
        burn_in: f64,
        /// Iterations from one draw of all particles to the next.
        every: usize,
    },
}

impl Method {
    /// Refuses what cannot run.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Method::Langevin { burn_in, every } if !(0.0..1.0).contains(burn_in) || *every == 0 => {
                let text = "Langevin draws begin after a share of the run below 1 and come every 1 or more iterations";
                Err(Error::Invalid(text.into()))
            }
            _ => Ok(()),
        }
    }

    /// Whether iteration `t` (from 1) of `total` leaves draws.
    pub(super) fn draws_at(&self, t: usize, total: usize) -> bool {
        match self {
            Method::Langevin { burn_in, every } => {
                let start = (burn_in * total as f64) as usize;
                t > start && (t - start).is_multiple_of(*every)
            }
            _ => false,
        }
    }
}

/// The particles that could be evaluated, in whitened coordinates, and what a mover may ask of the target.
pub(super) struct Scene<'a, 't, D: LogDensity> {
    pub evaluator: &'a mut Evaluator<'t, D>,
    pub whitening: &'a Whitening,
    pub particles: &'a Cloud,
    pub scores: &'a Cloud,
    pub weights: ForceWeights,
}

/// How much each part of the force counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ForceWeights {
    /// β of the annealing.
    pub attraction: f64,
    /// 1 + α of the temperature.
    pub repulsion: f64,
}

impl ForceWeights {
    /// β · attraction + (1 + α) · repulsion, into `direction`.
    fn combine(self, attraction: &Cloud, repulsion: &Cloud, direction: &mut Cloud) {
        direction.resize(attraction.count());
        let parts = attraction.values().iter().zip(repulsion.values());
        for (out, (a, r)) in direction.values_mut().iter_mut().zip(parts) {
            *out = self.attraction * a + self.repulsion * r;
        }
    }
}

/// Turns the force into directions.
pub(super) trait Mover<D: LogDensity>: Send {
    /// A direction for each particle of the scene, into `direction`, which takes their number.
    fn direct(&mut self, scene: &mut Scene<'_, '_, D>, direction: &mut Cloud) -> Result<()>;

    /// Attraction and repulsion that the last directions came from.
    fn parts(&self) -> (&Cloud, &Cloud);

    /// The random part of a step of length `rate`, into `noise`; false where there is none.
    fn disturb(&mut self, _: &Scene<'_, '_, D>, _: f64, _: &mut ChaCha8Rng, _: &mut Cloud) -> Result<bool> {
        Ok(false)
    }

    /// Forgets what it knows of other coordinates.
    fn reset(&mut self) {}
}

/// The mover that the settings ask for.
pub(super) fn build<'d, D: LogDensity + 'd>(
    settings: &Settings,
    count: usize,
    dim: usize,
) -> Result<Box<dyn Mover<D> + 'd>> {
    let kernel = &settings.kernel;
    Ok(match &settings.method {
        Method::Gradient => Box::new(gradient::Gradient::new(kernel, count, dim)?),
        Method::Matrix(metric) => Box::new(matrix::Matrix::new(kernel, metric, count, dim)?),
        Method::Newton(source) => Box::new(newton::Newton::new(kernel, *source, count, dim)?),
        Method::Langevin { .. } => Box::new(langevin::Langevin::new(kernel, count, dim)?),
    })
}
