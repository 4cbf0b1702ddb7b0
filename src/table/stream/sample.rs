//! Some rows of a table that is read in pieces.

use super::{super::Encoded, ParquetTable, Result, order::generator};
use faer::Mat;
use rayon::prelude::*;

/// Keeps the numbers drawn here apart from those of epochs, which are counted from 0.
const SAMPLE: u64 = u64::MAX;

impl ParquetTable {
    /// `count` of the complete rows, drawn uniformly without replacement, in their own units and in the order of the
    /// file; all of them where there are no more. O(N) time, as every piece that holds a chosen row is read once.
    ///
    /// # Errors
    /// A [`TableError`](super::super::TableError) where the file has changed or can no longer be read.
    pub fn sample(&self, count: usize, seed: u64) -> Result<Encoded> {
        let all = self.rows();
        let mut rng = generator(seed, SAMPLE, 0);
        let mut chosen = rand::seq::index::sample(&mut rng, all, count.min(all)).into_vec();
        chosen.sort_unstable();
        let mut first = 0;
        let mut parts = Vec::new();
        let mut rest = chosen.as_slice();
        for piece in &self.pieces {
            let (here, later) = rest.split_at(rest.partition_point(|&row| row < first + piece.kept));
            if !here.is_empty() {
                parts.push((piece, first, here));
            }
            (first, rest) = (first + piece.kept, later);
        }
        let read: Vec<Result<Encoded>> = parts
            .par_iter()
            .map(|(piece, first, here)| {
                let rows = self.read(piece)?;
                let wanted: Vec<usize> = here.iter().map(|&row| rows.rows[row - first]).collect();
                Ok(rows.select(&wanted))
            })
            .collect();
        Ok(join(read.into_iter().collect::<Result<Vec<_>>>()?, self.encoding.input_names().len()))
    }
}

/// One below the other.
fn join(parts: Vec<Encoded>, columns: usize) -> Encoded {
    let rows: Vec<usize> = parts.iter().flat_map(|part| part.rows.iter().copied()).collect();
    let mut x = Mat::zeros(rows.len(), columns);
    let mut first = 0;
    for part in &parts {
        x.get_mut(first..first + part.rows.len(), ..).copy_from(&part.x);
        first += part.rows.len();
    }
    let gather = |column: fn(&Encoded) -> Option<&Vec<f64>>| -> Option<Vec<f64>> {
        parts
            .iter()
            .map(column)
            .collect::<Option<Vec<_>>>()
            .map(|columns| columns.into_iter().flatten().copied().collect())
    };
    let (y, exposure) = (gather(|part| part.y.as_ref()), gather(|part| part.exposure.as_ref()));
    Encoded { x, y, exposure, rows, notices: Vec::new() }
}
