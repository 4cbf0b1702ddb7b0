//! Batches of a table that is read in pieces.

use super::{
    ParquetTable,
    order::Order,
    window::{Key, Window},
};
use crate::dataset::Standardisation;
use crate::rows::{Batch, Place, Rows};
use crate::{Error, Result};
use faer::Mat;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Rows of a Parquet file on the model's scale. While a window is in use, a thread reads the one that follows it; any
/// other is read when it is asked for.
#[derive(Debug)]
pub struct ParquetRows {
    table: Arc<ParquetTable>,
    scale: Arc<Standardisation>,
    /// Seed, epoch and order of the last place.
    order: Option<(u64, u64, Arc<Order>)>,
    current: Option<Window>,
    following: Option<JoinHandle<Result<Window>>>,
}

impl ParquetRows {
    /// Rows of a table on the scale given, such as [`ParquetTable::standardisation`].
    ///
    /// # Errors
    /// [`Error::Shape`] where the scale is for another number of inputs, [`Error::Invalid`] where it is of no use.
    pub fn new(table: Arc<ParquetTable>, scale: Standardisation) -> Result<Self> {
        let names = table.encoding().input_names();
        for found in [scale.input_shift.len(), scale.input_scale.len()] {
            if found != names.len() {
                return Err(Error::Shape { what: "input scales", expected: names.len(), found });
            }
        }
        if let Some(column) = scale.unusable() {
            let name = names.get(column).map_or(table.encoding().target_name(), String::as_str);
            return Err(Error::Invalid(format!(
                "column `{name}`: its values are too large to be standardised: divide them by a power of ten"
            )));
        }
        Ok(Self { table, scale: Arc::new(scale), order: None, current: None, following: None })
    }

    /// The order of an epoch.
    fn arrange(&mut self, seed: u64, epoch: u64) -> Arc<Order> {
        match &self.order {
            Some((known_seed, known_epoch, order)) if (*known_seed, *known_epoch) == (seed, epoch) => {
                Arc::clone(order)
            }
            _ => {
                let order = Arc::new(Order::new(&self.table.pieces, self.table.options.window, seed, epoch));
                self.order = Some((seed, epoch, Arc::clone(&order)));
                order
            }
        }
    }

    /// The window, read now where no thread has read it. The following one is begun.
    fn load(&mut self, key: Key, order: &Order) -> Result<&Window> {
        let window = match self.current.take() {
            Some(window) if window.key == key => window,
            other => {
                // Let go of one window before there is another.
                drop(other);
                let window = match self.following.take().map(join) {
                    Some(Ok(window)) if window.key == key => window,
                    // What went wrong with a window read ahead goes wrong again, or was not asked for.
                    _ => Window::read(&self.table, &self.scale, key)?,
                };
                self.read_ahead(key, order);
                window
            }
        };
        Ok(self.current.insert(window))
    }

    fn read_ahead(&mut self, key: Key, order: &Order) {
        let is_last = key.window + 1 == order.windows();
        let next = if is_last {
            Key { epoch: key.epoch + 1, window: 0, ..key }
        } else {
            Key { window: key.window + 1, ..key }
        };
        let (table, scale) = (Arc::clone(&self.table), Arc::clone(&self.scale));
        let thread = Builder::new().name("rows".into());
        // Without a thread to spare, the window is read when it is asked for.
        self.following = thread.spawn(move || Window::read(&table, &scale, next)).ok();
    }
}

impl Rows for ParquetRows {
    fn count(&self) -> usize {
        self.table.rows()
    }

    fn dim(&self) -> usize {
        self.table.encoding().input_names().len()
    }

    /// # Errors
    /// [`Error::Table`] where the file has changed or can no longer be read; [`Error::Invalid`] for a place behind the
    /// last row.
    fn read(&mut self, seed: u64, place: Place, batch: &mut Batch) -> Result<()> {
        let (count, dim) = (self.count(), self.dim());
        if place.start > place.end || place.end > count {
            let Place { start, end, .. } = place;
            return Err(Error::Invalid(format!("there are {count} rows, and none from {start} to {end}")));
        }
        let order = self.arrange(seed, place.epoch);
        if batch.x.nrows() != place.end - place.start || batch.x.ncols() != dim {
            batch.x = Mat::zeros(place.end - place.start, dim);
        }
        batch.observations.clear();
        let mut row = place.start;
        while row < place.end {
            let number = order.window_of(row);
            let rows = order.rows(number);
            let window = self.load(Key { seed, epoch: place.epoch, window: number }, &order)?;
            let end = place.end.min(rows.end);
            let part = row - rows.start..end - rows.start;
            for (i, x) in window.x[part.start * dim..part.end * dim].chunks_exact(dim).enumerate() {
                x.iter().enumerate().for_each(|(d, v)| batch.x[(row - place.start + i, d)] = *v);
            }
            batch.observations.extend_from_slice(&window.observations[part]);
            row = end;
        }
        Ok(())
    }
}

fn join(thread: JoinHandle<Result<Window>>) -> Result<Window> {
    thread.join().unwrap_or(Err(Error::Invalid("the thread that reads rows has ended".into())))
}
