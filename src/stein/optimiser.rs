//! Step rules: how a direction becomes a step.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A step rule on all J·d coordinates at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// ε φ.
    Plain,
    /// Nesterov's momentum: v ← μ v + φ, then ε (φ + μ v), which looks one step ahead (Sutskever et al. 2013). The
    /// length of a step grows to ε φ / (1 − μ) where directions agree.
    Nesterov {
        /// μ, below 1.
        momentum: f64,
    },
    /// Kingma & Ba (2015), with bias correction.
    Adam {
        /// Decay of the mean of φ.
        beta1: f64,
        /// Decay of the mean of φ².
        beta2: f64,
    },
    /// ε φ / √(Σ φ²) (Duchi et al. 2011).
    AdaGrad,
    /// ε φ / √(decayed mean of φ²) (Hinton), with bias correction of the first steps.
    RmsProp {
        /// Decay of the mean of φ².
        decay: f64,
    },
}

impl Optimiser {
    /// Adam with β = (0.9, 0.99): the second moment forgets fast enough for a hundred iterations.
    pub const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.99 };
}

/// How the step size ε changes over a run of T iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// ε throughout.
    Constant,
    /// ε ½ (1 + cos πt/T): the cloud settles at the end.
    Cosine,
}

impl Schedule {
    /// Factor of the step size at iteration `t` of `total` (from 0).
    pub fn factor(self, t: usize, total: usize) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.5 * (1.0 + (PI * t as f64 / total.max(1) as f64).cos()),
        }
    }
}

/// Memory of a step rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OptimiserState {
    optimiser: Optimiser,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
    #[serde(default = "tiny")]
    floor: f64,
}

/// Keeps a coordinate whose direction has always been zero from dividing by zero.
const TINY: f64 = 1e-8;

fn tiny() -> f64 {
    TINY
}

impl OptimiserState {
    /// For vectors of `length` coordinates.
    pub fn new(optimiser: Optimiser, length: usize) -> Self {
        Self { optimiser, first: vec![0.0; length], second: vec![0.0; length], steps: 0, floor: TINY }
    }

    /// Directions well below `floor` take plain steps, rate/floor times as long as they are, instead of steps as long as all
    /// others: a search that begins where it should end stays there. In the direction's units.
    #[must_use]
    pub fn with_floor(self, floor: f64) -> Self {
        Self { floor: floor.max(TINY), ..self }
    }

    /// Forgets everything: after a change of coordinates old moments mean nothing.
    pub fn reset(&mut self) {
        self.first.fill(0.0);
        self.second.fill(0.0);
        self.steps = 0;
    }

    /// Turns the direction φ into the step, in place.
    pub fn step(&mut self, rate: f64, direction: &mut [f64]) {
        self.steps += 1;
        let floor = self.floor;
        match self.optimiser {
            Optimiser::Plain => direction.iter_mut().for_each(|v| *v *= rate),
            Optimiser::Nesterov { momentum } => {
                for (v, m) in direction.iter_mut().zip(&mut self.first) {
                    *m = momentum * *m + *v;
                    *v = rate * (*v + momentum * *m);
                }
            }
            Optimiser::Adam { beta1, beta2 } => {
                let (c1, c2) = (1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps));
                for ((v, m), s) in direction.iter_mut().zip(&mut self.first).zip(&mut self.second) {
                    *m = beta1 * *m + (1.0 - beta1) * *v;
                    *s = beta2 * *s + (1.0 - beta2) * *v * *v;
                    *v = rate * (*m / c1) / ((*s / c2).sqrt() + floor);
                }
            }
            Optimiser::AdaGrad => {
                for (v, s) in direction.iter_mut().zip(&mut self.second) {
                    *s += *v * *v;
                    *v *= rate / (s.sqrt() + floor);
                }
            }
            Optimiser::RmsProp { decay } => {
                let c = 1.0 - decay.powi(self.steps);
                for (v, s) in direction.iter_mut().zip(&mut self.second) {
                    *s = decay * *s + (1.0 - decay) * *v * *v;
                    *v *= rate / ((*s / c).sqrt() + floor);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_floor_steps_are_plain_and_above_it_as_long_as_the_rate() {
        let mut state = OptimiserState::new(Optimiser::ADAM, 2).with_floor(0.5);
        let mut direction = [1e-6, -1e3];
        state.step(0.1, &mut direction);
        assert!(
            (direction[0] / 2e-7 - 1.0).abs() < 1e-4 && (direction[1] + 0.1).abs() < 1e-4,
            "{direction:?}"
        );
    }

    #[test]
    fn the_first_step_of_every_adaptive_rule_has_the_length_of_the_rate() {
        for rule in [Optimiser::ADAM, Optimiser::AdaGrad, Optimiser::RmsProp { decay: 0.9 }] {
            let mut direction = [40.0, -0.03];
            OptimiserState::new(rule, 2).step(0.1, &mut direction);
            assert!((direction[0] - 0.1).abs() < 1e-6 && (direction[1] + 0.1).abs() < 1e-6, "{rule:?}");
        }
    }

    #[test]
    fn momentum_reaches_the_bottom_of_a_narrow_valley_sooner() {
        // φ = −(x, y/100): a plain step is bounded by the steep direction and crawls along the flat one.
        let rest = |rule| {
            let (mut state, mut z) = (OptimiserState::new(rule, 2), [1.0, 1.0]);
            for _ in 0..200 {
                let mut direction = [-z[0], -0.01 * z[1]];
                state.step(0.9, &mut direction);
                z.iter_mut().zip(direction).for_each(|(z, s)| *z += s);
            }
            z[0].hypot(z[1])
        };
        let (plain, nesterov) = (rest(Optimiser::Plain), rest(Optimiser::Nesterov { momentum: 0.9 }));
        assert!(nesterov < 0.01 * plain, "{nesterov} against {plain}");
    }

    #[test]
    fn adagrad_steps_shrink_with_the_square_root_of_time() {
        let mut state = OptimiserState::new(Optimiser::AdaGrad, 1);
        let mut last = [0.0];
        for _ in 0..100 {
            last = [3.0];
            state.step(1.0, &mut last);
        }
        assert!((last[0] - 0.1).abs() < 1e-6);
    }

    #[test]
    fn cosine_falls_from_one_to_zero() {
        assert_eq!(Schedule::Cosine.factor(0, 10), 1.0);
        assert!((Schedule::Cosine.factor(5, 10) - 0.5).abs() < 1e-12);
        assert!(Schedule::Cosine.factor(10, 10) < 1e-12);
    }
}
