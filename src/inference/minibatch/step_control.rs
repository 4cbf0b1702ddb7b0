//! How long steps are under the noise of minibatches.
//!
//! Where a gradient says the same from one minibatch to the next, a coordinate gets somewhere: its displacement over a window
//! is about as long as its steps together. Where noise leads, steps cancel. A window in which no coordinate got anywhere
//! halves the step; after enough halvings the point rests.

use serde::{Deserialize, Serialize};

/// Iterations that are looked at together.
const WINDOW: usize = 150;
/// Displacement over length from which on a coordinate gets somewhere. Steps of Adam under noise alone, which
/// remember some ten iterations, have about 0.35.
const PROGRESS: f64 = 0.65;
/// Halvings after which the point rests.
const MOST_HALVINGS: u32 = 6;

/// Halves steps that lead nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepControl {
    from: Vec<f64>,
    lengths: Vec<f64>,
    steps: usize,
    halvings: u32,
}

impl StepControl {
    /// For a path that begins at `start`.
    pub fn new(start: &[f64]) -> Self {
        Self { from: start.to_vec(), lengths: vec![0.0; start.len()], steps: 0, halvings: 0 }
    }

    /// What the first step is multiplied by now: ½ to the number of halvings.
    pub fn factor(&self) -> f64 {
        0.5f64.powi(self.halvings as i32)
    }

    /// Whether the point rests.
    pub fn at_rest(&self) -> bool {
        self.halvings > MOST_HALVINGS
    }

    /// Takes note of a step (length d) that led to `point` (length d).
    pub fn stepped(&mut self, point: &[f64], step: &[f64]) {
        self.lengths.iter_mut().zip(step).for_each(|(l, s)| *l += s.abs());
        self.steps += 1;
        if self.steps < WINDOW {
            return;
        }
        let displacements = point.iter().zip(&self.from).map(|(a, b)| (a - b).abs());
        if displacements.zip(&self.lengths).all(|(d, l)| d <= PROGRESS * l) {
            self.halvings += 1;
        }
        self.from.copy_from_slice(point);
        self.lengths.fill(0.0);
        self.steps = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_cancel_are_halved_until_the_point_rests_and_steps_that_agree_are_not() {
        let (mut back_and_forth, mut onwards) = (StepControl::new(&[0.0]), StepControl::new(&[0.0]));
        let mut windows = 0;
        while !back_and_forth.at_rest() {
            for i in 0..WINDOW {
                back_and_forth.stepped(&[f64::from(u8::from(i % 2 == 0))], &[1.0]);
                onwards.stepped(&[(windows * WINDOW + i + 1) as f64], &[1.0]);
            }
            windows += 1;
        }
        assert_eq!(windows, MOST_HALVINGS as usize + 1);
        assert_eq!(back_and_forth.factor(), 0.5f64.powi(7));
        assert_eq!(onwards.factor(), 1.0);
    }
}
