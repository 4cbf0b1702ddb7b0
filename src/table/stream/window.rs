//! A window: rows of several pieces, shuffled and on the model's scale.

use super::{
    ParquetTable, observations,
    order::{Order, generator},
};
use crate::Result;
use crate::dataset::Standardisation;
use crate::likelihood::Observation;
use rand::seq::SliceRandom;

/// Which window of all epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) window: usize,
}

/// Its rows.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) key: Key,
    /// Row by row: a batch takes whole rows.
    pub(super) x: Vec<f64>,
    pub(super) observations: Vec<Observation>,
}

impl Window {
    /// Reads the pieces one after the other, and puts each row where the shuffled order wants it.
    pub(super) fn read(table: &ParquetTable, scale: &Standardisation, key: Key) -> Result<Self> {
        let order = Order::new(&table.pieces, table.options.window, key.seed, key.epoch);
        let count = order.rows(key.window).len();
        let mut places: Vec<usize> = (0..count).collect();
        places.shuffle(&mut generator(key.seed, key.epoch, 1 + key.window as u64));
        let dim = table.encoding.input_names().len();
        let mut x = vec![0.0; count * dim];
        let mut shuffled = vec![Observation::new(0.0); count];
        let mut first = 0;
        for &piece in order.pieces(key.window) {
            let mut rows = table.read(&table.pieces[piece])?;
            scale.apply_inputs(&mut rows.x);
            let places = &places[first..first + rows.rows.len()];
            first += rows.rows.len();
            for (d, column) in rows.x.col_iter().enumerate() {
                places.iter().zip(column.iter()).for_each(|(place, v)| x[place * dim + d] = *v);
            }
            for (place, at) in places.iter().zip(observations(&rows)) {
                let y = (at.y - scale.target_shift) / scale.target_scale;
                shuffled[*place] = Observation { y, exposure: at.exposure * scale.exposure_scale };
            }
        }
        Ok(Self { key, x, observations: shuffled })
    }
}
