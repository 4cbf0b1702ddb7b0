//! Step sizes that adapt themselves.
//!
//! Successive directions that agree say that the step could be longer; directions that turn back say that it was too
//! long. This is the sign of the hypergradient, the derivative of the objective in the step size (Baydin et al. 2018).

use serde::{Deserialize, Serialize};

/// Whether the step size adapts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepSize {
    /// The learning rate and its schedule.
    Fixed,
    /// From the learning rate up and down by the alignment of successive directions; the schedule comes on top.
    Automatic,
}

/// Factor of the learning rate.
#[derive(Debug, Clone)]
pub struct StepSizeState {
    rule: StepSize,
    factor: f64,
    last: Vec<f64>,
}

/// Change of the logarithm of the step size for directions that agree wholly.
const GAIN: f64 = 0.15;
/// Alignment at which the step size is right: at rest, directions are as often with as against each other.
const BALANCE: f64 = 0.2;
/// Largest factor up or down.
const RANGE: f64 = 1e4;

impl StepSizeState {
    /// For directions of `length` coordinates.
    pub fn new(rule: StepSize, length: usize) -> Self {
        Self { rule, factor: 1.0, last: vec![0.0; length] }
    }

    /// Forgets the last direction: after a change of coordinates it means nothing. The factor stays.
    pub fn reset(&mut self) {
        self.last.fill(0.0);
    }

    /// The factor for the step along `direction`.
    pub fn factor(&mut self, direction: &[f64]) -> f64 {
        if self.rule == StepSize::Automatic {
            let (mut product, mut here, mut there) = (0.0, 0.0, 0.0);
            for (a, b) in direction.iter().zip(&self.last) {
                product += a * b;
                here += a * a;
                there += b * b;
            }
            let norm = (here * there).sqrt();
            if norm > 0.0 && norm.is_finite() {
                let change = GAIN * (product / norm - BALANCE);
                self.factor = (self.factor * change.exp()).clamp(1.0 / RANGE, RANGE);
            }
            self.last.copy_from_slice(direction);
        }
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_while_directions_agree_and_shrink_when_they_turn() {
        let mut state = StepSizeState::new(StepSize::Automatic, 2);
        let first = state.factor(&[1.0, 0.0]);
        let straight = state.factor(&[2.0, 0.0]);
        let back = state.factor(&[-1.0, 0.1]);
        assert!(first == 1.0 && straight > 1.0 && back < straight);
        let mut fixed = StepSizeState::new(StepSize::Fixed, 1);
        assert!((0..3).all(|_| fixed.factor(&[1.0]) == 1.0));
    }
}
