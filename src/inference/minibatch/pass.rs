//! Passes over many rows for several particles at once.
//!
//! Particles are shared out over threads. Where there are fewer of them than lanes each has several, that take turns with the
//! batches; their sums are put together in order, so that no number depends on that of the threads.

use super::MinibatchSettings;
use crate::Result;
use crate::evaluation::share_out;
use crate::rows::{Batch, Epochs, Place, Rows};

/// Rows of a batch: more than in a minibatch, so that products of large matrices do the work.
const ROWS: usize = 2048;
/// Keeps the order of these rows apart from that of minibatches.
const SEED: u64 = 0x5e77_1e00;
/// Batches that are read at a time, and lanes that all particles have together at least.
const GROUP: usize = 8;

/// The batches of one pass over many rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    epochs: Epochs,
    /// How many of an epoch's batches are read.
    used: usize,
}

/// What one lane of a particle gathers.
pub(super) struct Lane<T> {
    /// Place of the particle.
    pub of: usize,
    number: usize,
    count: usize,
    pub sums: T,
}

impl Pass {
    /// Over all of `rows` rows, or as many as the settings allow.
    pub fn new(rows: usize, settings: &MinibatchSettings) -> Self {
        Self::of(rows, settings.settle_rows, settings)
    }

    /// Over `rows` rows, but no more than about `most`.
    pub fn of(rows: usize, most: usize, settings: &MinibatchSettings) -> Self {
        let epochs = Epochs::new(rows, ROWS, settings.seed ^ SEED);
        let used = epochs.batches().min(most.min(settings.settle_rows).div_ceil(epochs.largest()).max(1));
        Self { epochs, used }
    }

    /// Where batch `number` of those that are read is: they lie all over the epoch, because in a file that is sorted
    /// batches that follow one another are neighbours.
    fn place(&self, number: usize) -> Place {
        self.epochs.place((number * (self.epochs.batches() / self.used)) as u64)
    }

    /// Rows of the largest batch.
    pub fn largest(&self) -> usize {
        self.epochs.largest()
    }

    /// What a batch's sum counts.
    pub fn scale(&self) -> f64 {
        self.epochs.batches() as f64
    }

    /// What a batch counts in the mean over the pass.
    pub fn share(&self) -> f64 {
        1.0 / self.used as f64
    }

    /// Lanes for `particles` particles, each with sums of its own.
    pub fn lanes<T>(&self, particles: usize, nothing: impl Fn(usize) -> T) -> Vec<Lane<T>> {
        let count = GROUP.div_ceil(particles.max(1)).min(self.used);
        let lane = |k: usize| Lane { of: k / count, number: k % count, count, sums: nothing(k / count) };
        (0..particles * count).map(lane).collect()
    }

    /// One workspace a thread for so many items.
    pub fn workspaces<W>(items: usize, workspace: impl Fn() -> W) -> Vec<W> {
        (0..rayon::current_num_threads().clamp(1, items.max(1))).map(|_| workspace()).collect()
    }

    /// Does `work` for each lane with each of its batches. False where it was interrupted before the end.
    ///
    /// # Errors
    /// Failures to read rows.
    pub fn over<T: Send, W: Send>(
        &self,
        rows: &mut dyn Rows,
        interrupted: &dyn Fn() -> bool,
        lanes: &mut [Lane<T>],
        workspaces: &mut [W],
        work: &(impl Fn(usize, &mut T, &Batch, &mut W) + Sync),
    ) -> Result<bool> {
        let mut batches: Vec<Batch> = (0..GROUP.min(self.used)).map(|_| Batch::default()).collect();
        for first in (0..self.used).step_by(GROUP) {
            if interrupted() {
                return Ok(false);
            }
            let group = &mut batches[..GROUP.min(self.used - first)];
            for (k, batch) in group.iter_mut().enumerate() {
                rows.read(self.epochs.seed(), self.place(first + k), batch)?;
            }
            let group = &*group;
            share_out(lanes, workspaces, &|lane, workspace| {
                for batch in group.iter().skip(lane.number).step_by(lane.count) {
                    work(lane.of, &mut lane.sums, batch, workspace);
                }
            });
        }
        Ok(true)
    }
}
