//! Predicted classes: how well they are told apart, and whether their probabilities are true.
//!
//! | Module | Shows |
//! |---|---|
//! | [`confusion`] | observed against predicted classes |
//! | [`roc`] | what a threshold finds against what it finds wrongly |
//! | [`reliability`] | predicted probabilities against observed frequencies |
//! | [`curve`] | probability and its uncertainty over one input |
//! | [`surface`] | probability and its uncertainty over two inputs |
//!
//! [`scores()`] are the lines of the score table. No figure relies on hue: shades run from light to dark, and classes differ
//! in their marks.

pub mod confusion;
pub mod curve;
pub mod reliability;
pub mod roc;
pub mod surface;

mod marks;
mod scores;

pub use scores::scores;

use super::data::Rows;
use crate::posterior::most_probable;
use crate::{Error, Result};

/// Predicted probabilities and observed classes, row by row.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    /// Name of the target.
    pub target: String,
    /// Names of the C classes. Of two, the second is the one whose probability is shown.
    pub names: Vec<String>,
    /// Which rows these are.
    pub rows: Rows,
    /// Predicted probabilities, N×C row by row.
    pub probabilities: Vec<f64>,
    /// Index of the observed class of each row, length N.
    pub labels: Vec<usize>,
    /// The probabilities over the input, where the model has one.
    pub curve: Option<ClassCurve>,
    /// The probabilities over two inputs, where the model has two.
    pub surface: Option<Surface>,
}

/// Class probabilities over one input.
#[derive(Debug, Clone, Default)]
pub struct ClassCurve {
    /// Name of the input.
    pub input: String,
    /// Values of the input, ascending, in the table's units.
    pub grid: Vec<f64>,
    /// Predictive probabilities, a row of C for each value.
    pub probabilities: Vec<f64>,
    /// Band of each of these probabilities (low, high), a row of C for each value.
    pub bands: Vec<(f64, f64)>,
    /// Level of the bands, such as 0.9.
    pub level: f64,
    /// Training rows: the input and the class.
    pub train: Vec<(f64, usize)>,
}

/// Class probabilities over a grid of two inputs. Place k = j × (length of `x`) + i has inputs (`x[i]`, `y[j]`).
#[derive(Debug, Clone, Default)]
pub struct Surface {
    /// Names of the inputs.
    pub inputs: [String; 2],
    /// Evenly spaced values of the first input, ascending, in the table's units.
    pub x: Vec<f64>,
    /// Evenly spaced values of the second input, ascending.
    pub y: Vec<f64>,
    /// Predictive probabilities, a row of C for each place.
    pub probabilities: Vec<f64>,
    /// Standard deviations of these probabilities over particles and latent values, a row of C for each place; empty
    /// leaves the uncertainty out.
    pub deviations: Vec<f64>,
    /// Training rows: both inputs and the class.
    pub train: Vec<(f64, f64, usize)>,
}

impl Classes {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Fails unless names, probabilities and labels fit each other.
    fn check(&self) -> Result<()> {
        if self.names.len() < 2 {
            return Err(Error::Invalid("figures of classes need the names of at least two".into()));
        }
        shape("predicted probabilities", self.labels.len() * self.names.len(), self.probabilities.len())?;
        match self.labels.iter().find(|c| **c >= self.names.len()) {
            Some(label) => Err(Error::Invalid(format!("class {label} has no name"))),
            None => Ok(()),
        }
    }

    fn is_binary(&self) -> bool {
        self.names.len() == 2
    }

    /// Probabilities of one class, one a row.
    fn probability(&self, class: usize) -> Vec<f64> {
        self.probabilities.chunks_exact(self.names.len()).map(|row| row[class]).collect()
    }

    /// The most probable class of each row and its probability.
    fn predicted(&self) -> Vec<(usize, f64)> {
        self.probabilities.chunks_exact(self.names.len()).map(most_probable).collect()
    }
}

fn shape(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Shape { what, expected, found }) }
}
