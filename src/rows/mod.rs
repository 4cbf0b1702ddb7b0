//! Training rows as minibatched methods see them: batches of a shuffled epoch, from memory or from a file.
//!
//! An epoch passes every row once, in an order of its own. It is cut into batches whose sizes differ by at most one, and
//! a sum over a batch counts as many times as there are batches: so the mean over an epoch of what batches estimate is
//! exactly the sum over all rows. Which rows a batch holds depends on seed, epoch and number of the batch alone,
//! so that a run that was stopped can go on where it was.

mod memory;

pub use memory::MemoryRows;

use crate::Result;
use crate::likelihood::Observation;
use faer::Mat;

/// Some rows, on the model's scale.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Inputs, B×D.
    pub x: Mat<f64>,
    /// The B observations.
    pub observations: Vec<Observation>,
}

impl Default for Batch {
    /// No row.
    fn default() -> Self {
        Self { x: Mat::new(), observations: Vec::new() }
    }
}

impl Batch {
    /// Number of rows B.
    pub fn rows(&self) -> usize {
        self.observations.len()
    }
}

/// How an epoch is cut into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epochs {
    rows: usize,
    batches: usize,
    seed: u64,
}

/// One batch among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which epoch, from 0.
    pub epoch: u64,
    /// The batch's rows in the epoch's order: from this one.
    pub start: usize,
    /// To this one, excluded.
    pub end: usize,
}

impl Epochs {
    /// Epochs of `rows` rows in batches of about `size` rows: at most that many, and at least one.
    pub fn new(rows: usize, size: usize, seed: u64) -> Self {
        Self { rows, batches: rows.div_ceil(size.max(1)).max(1), seed }
    }

    /// Number of batches in an epoch: what a batch's sum counts.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Number of rows in an epoch N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Seed of all orders.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows of the largest batch.
    pub fn largest(&self) -> usize {
        self.rows.div_ceil(self.batches)
    }

    /// The batch of an iteration, counted from 0 over all epochs.
    pub fn place(&self, iteration: u64) -> Place {
        let count = self.batches as u64;
        let number = (iteration % count) as usize;
        // In 128 bits: rows times batches may leave 64.
        let cut = |number: usize| ((self.rows as u128 * number as u128) / self.batches as u128) as usize;
        Place { epoch: iteration / count, start: cut(number), end: cut(number + 1) }
    }
}

/// Where training rows come from.
pub trait Rows: Send {
    /// Number of rows N.
    fn count(&self) -> usize;

    /// Number of input columns D.
    fn dim(&self) -> usize;

    /// Writes the rows at a place of a seed's epochs into `batch`, reusing its memory. Every row is at one place of an
    /// epoch, and the same arguments always give the same rows in the same order.
    ///
    /// # Errors
    /// Where a file can no longer be read.
    fn read(&mut self, seed: u64, place: Place, batch: &mut Batch) -> Result<()>;
}
