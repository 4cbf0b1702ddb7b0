//! How a run of the engine goes.

use super::{Annealing, CurvatureSource, Method, Optimiser, Schedule, SteinKernel, StepSize};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a run of SVGD goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Kernel between the particles, in whitened coordinates.
    pub kernel: SteinKernel,
    /// What becomes of the Stein force: a gradient step, a Newton step, a draw.
    pub method: Method,
    /// Step rule.
    pub optimiser: Optimiser,
    /// Step size in whitened coordinates, where the target has about unit variance; for a Newton method the share of
    /// the whole step, for Langevin the time of a step. An automatic step size starts there.
    pub learning_rate: f64,
    /// Whether the step size adapts itself.
    pub step_size: StepSize,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Largest number of iterations T.
    pub iterations: usize,
    /// Shares of T after which the coordinates are whitened anew from the particles' own moments.
    pub rewhiten_at: Vec<f64>,
    /// Stops early when the cloud rests: root mean square step (whitened) below this.
    pub tolerance: f64,
    /// α: the repulsion counts 1 + α times, and the cloud goes to p^{1/(1+α)} instead of p (Feng et al. 2017, eq. 21).
    /// Zero is the posterior; more is wider. Above −1.
    pub temperature: f64,
    /// Inverse temperature of the attraction while the run warms up.
    pub annealing: Annealing,
    /// Seed of what is random: particles that are drawn again after failures, and the noise of Langevin steps.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kernel: SteinKernel::default_mixture(),
            method: Method::Gradient,
            optimiser: Optimiser::ADAM,
            learning_rate: 0.2,
            step_size: StepSize::Fixed,
            schedule: Schedule::Cosine,
            iterations: 75,
            rewhiten_at: vec![0.15, 0.3, 0.5, 0.7],
            tolerance: 1e-4,
            temperature: 0.0,
            annealing: Annealing::Off,
            seed: 0,
        }
    }
}

impl Settings {
    /// Stein variational Newton with whole steps: the scale of the target does not matter, and a start far from it
    /// little.
    pub fn newton(curvature: CurvatureSource) -> Self {
        Self {
            method: Method::Newton(curvature),
            optimiser: Optimiser::Plain,
            learning_rate: 1.0,
            schedule: Schedule::Constant,
            rewhiten_at: Vec::new(),
            ..Self::default()
        }
    }

    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// [`Error::Invalid`], which says what to change.
    pub fn check(&self) -> Result<()> {
        let invalid = |text: &str| Err(Error::Invalid(text.into()));
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return invalid("the learning rate must be positive");
        }
        if !(self.temperature > -1.0 && self.temperature.is_finite()) {
            return invalid("the temperature must be above -1: at -1 nothing keeps the particles apart");
        }
        let langevin = matches!(self.method, Method::Langevin { .. });
        if langevin && (self.optimiser != Optimiser::Plain || self.step_size != StepSize::Fixed) {
            return invalid(
                "Langevin noise is made for plain steps: choose the plain optimiser and a fixed step size",
            );
        }
        self.method.check()?;
        self.annealing.check()
    }
}
