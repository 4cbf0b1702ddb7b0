//! What a run is made of.

use super::{KernelChoice, MoverChoice, StartChoice};
use crate::stein::Settings;
use crate::{Error, Result};

/// Most particles, so that the J² pairs of one iteration fit into memory and a second.
const MOST_PARTICLES: usize = 2000;
/// Most numbers that the clouds on record hold: 0.8 GB.
const MOST_NUMBERS: usize = 100_000_000;
/// Greatest temperature: p^{1/1001} is flat as far as particles can get.
const MOST_TEMPERATURE: f64 = 1000.0;

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// Number of particles J.
    pub particles: usize,
    /// Number of iterations T.
    pub iterations: usize,
    /// Kernel between the particles.
    pub kernel: KernelChoice,
    /// Whether particles move in the coordinates of the Hessian at the mode, whitened anew on the way, as in fits; plain
    /// SVGD moves in the target's own.
    pub whiten: bool,
    /// What becomes of the force.
    pub mover: MoverChoice,
    /// α: the repulsion counts 1 + α times, and the cloud goes to p^{1/(1+α)} (Feng et al. 2017, eq. 21). Above −1, at most 1000.
    pub temperature: f64,
    /// Step size; the mover's own where absent.
    pub learning_rate: Option<f64>,
    /// Where the particles start.
    pub start: StartChoice,
    /// Seed of the start, and of particles drawn again after failures.
    pub seed: u64,
}

impl Default for Play {
    fn default() -> Self {
        Self {
            particles: 50,
            iterations: 200,
            kernel: KernelChoice::default(),
            whiten: true,
            mover: MoverChoice::default(),
            temperature: 0.0,
            learning_rate: None,
            start: StartChoice::default(),
            seed: 0,
        }
    }
}

impl Play {
    /// Refuses numbers that make no sense.
    ///
    /// # Errors
    /// [`Error::Invalid`], which says which number and what is allowed.
    pub fn check(&self) -> Result<()> {
        let invalid = |text: String| Err(Error::Invalid(text));
        if !(1..=MOST_PARTICLES).contains(&self.particles) {
            return invalid(format!("{} particles: there may be 1 to {MOST_PARTICLES}", self.particles));
        }
        let most = MOST_NUMBERS / (2 * self.particles);
        if !(1..=most).contains(&self.iterations) {
            let (t, j) = (self.iterations, self.particles);
            return invalid(format!("{t} iterations: with {j} particles there may be 1 to {most}"));
        }
        if !(self.temperature > -1.0 && self.temperature <= MOST_TEMPERATURE) {
            return invalid(format!(
                "temperature {}: it must be above -1, where nothing keeps the particles apart, and at most \
                 {MOST_TEMPERATURE}",
                self.temperature
            ));
        }
        self.settings().check()
    }

    /// Those of the engine.
    pub(super) fn settings(&self) -> Settings {
        let (method, optimiser, rate, schedule) = self.mover.steps();
        let defaults = Settings::default();
        Settings {
            kernel: self.kernel.kernel(),
            method,
            optimiser,
            schedule,
            learning_rate: self.learning_rate.unwrap_or(rate),
            iterations: self.iterations,
            rewhiten_at: if self.whiten { defaults.rewhiten_at.clone() } else { Vec::new() },
            temperature: self.temperature,
            seed: self.seed,
            ..defaults
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn counts_out_of_range_are_refused_with_what_is_allowed() {
        let refused = |p: Play| p.check().unwrap_err().to_string();
        assert!(refused(Play { particles: 0, ..Play::default() }).contains("1 to 2000"));
        assert!(refused(Play { particles: 2001, ..Play::default() }).contains("2001 particles"));
        assert!(refused(Play { iterations: 0, ..Play::default() }).contains("1 to 1000000"));
        assert!(refused(Play { learning_rate: Some(-1.0), ..Play::default() }).contains("learning rate"));
        for temperature in [-1.0, 1001.0, f64::INFINITY, f64::NAN] {
            let refusal = refused(Play { temperature, ..Play::default() });
            assert!(refusal.contains("above -1") && refusal.contains("at most 1000"), "{refusal}");
        }
    }
}
