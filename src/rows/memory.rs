//! Rows in memory.

use super::{Batch, Place, Rows};
use crate::likelihood::Observation;
use crate::{Error, Result};
use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Rows in memory; each epoch is a random order of all of them.
#[derive(Debug)]
pub struct MemoryRows {
    /// Row by row: a batch gathers whole rows.
    x: Vec<f64>,
    dim: usize,
    observations: Vec<Observation>,
    order: Vec<u32>,
    /// Seed and epoch of `order`.
    ordered: Option<(u64, u64)>,
}

impl MemoryRows {
    /// Copies inputs (N×D) and takes N observations, on the model's scale.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths disagree or there is no row; [`Error::Invalid`] for more than 2³² rows.
    pub fn new(x: MatRef<'_, f64>, observations: Vec<Observation>) -> Result<Self> {
        let (n, dim) = (x.nrows(), x.ncols());
        if observations.len() != n || n == 0 {
            return Err(Error::Shape { what: "targets", expected: n.max(1), found: observations.len() });
        }
        let last =
            u32::try_from(n).map_err(|_| Error::Invalid(format!("{n} rows are too many for memory")))?;
        let x = (0..n).flat_map(|i| (0..dim).map(move |d| x[(i, d)])).collect();
        Ok(Self { x, dim, observations, order: (0..last).collect(), ordered: None })
    }

    /// The order of an epoch.
    fn arrange(&mut self, seed: u64, epoch: u64) {
        if self.ordered == Some((seed, epoch)) {
            return;
        }
        // From the same order each time, so that an epoch does not depend on the one before.
        self.order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        self.order.shuffle(&mut rng);
        self.ordered = Some((seed, epoch));
    }
}

impl Rows for MemoryRows {
    fn count(&self) -> usize {
        self.observations.len()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn read(&mut self, seed: u64, place: Place, batch: &mut Batch) -> Result<()> {
        self.arrange(seed, place.epoch);
        let chosen = &self.order[place.start..place.end];
        if batch.x.nrows() != chosen.len() || batch.x.ncols() != self.dim {
            batch.x = Mat::zeros(chosen.len(), self.dim);
        }
        batch.observations.clear();
        for (i, &row) in chosen.iter().enumerate() {
            let row = row as usize;
            for (d, v) in self.x[row * self.dim..(row + 1) * self.dim].iter().enumerate() {
                batch.x[(i, d)] = *v;
            }
            batch.observations.push(self.observations[row]);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rows::Epochs;

    fn rows(n: usize) -> MemoryRows {
        let x = Mat::from_fn(n, 2, |i, d| (10 * i + d) as f64);
        MemoryRows::new(x.as_ref(), (0..n).map(|i| Observation::new(i as f64)).collect()).unwrap()
    }

    fn epoch(rows: &mut MemoryRows, epochs: Epochs, number: u64) -> Vec<f64> {
        let (mut batch, mut seen) = (Batch::default(), Vec::new());
        let count = epochs.batches() as u64;
        for iteration in number * count..(number + 1) * count {
            rows.read(epochs.seed(), epochs.place(iteration), &mut batch).unwrap();
            assert!(batch.rows().abs_diff(epochs.largest()) <= 1);
            for (i, at) in batch.observations.iter().enumerate() {
                assert_eq!((batch.x[(i, 0)], batch.x[(i, 1)]), (10.0 * at.y, 10.0 * at.y + 1.0));
                seen.push(at.y);
            }
        }
        seen
    }

    #[test]
    fn an_epoch_passes_every_row_once_in_batches_of_nearly_equal_size() {
        for (n, size) in [(1, 5), (7, 3), (100, 16), (101, 101), (64, 200)] {
            let epochs = Epochs::new(n, size, 3);
            let mut seen = epoch(&mut rows(n), epochs, 2);
            seen.sort_by(f64::total_cmp);
            assert_eq!(seen, (0..n).map(|i| i as f64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_batch_depends_on_seed_and_iteration_and_on_nothing_before() {
        let epochs = Epochs::new(50, 8, 9);
        let mut walked = rows(50);
        let first = epoch(&mut walked, epochs, 0);
        let second = epoch(&mut walked, epochs, 1);
        assert_ne!(first, second);
        assert_eq!(epoch(&mut rows(50), epochs, 1), second);
        assert_ne!(epoch(&mut rows(50), Epochs::new(50, 8, 10), 1), second);
    }
}
