//! In which order an epoch passes the pieces of a table, and where its windows begin.

use super::source::Piece;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// One epoch: pieces in a random order, cut into windows of consecutive ones.
#[derive(Debug)]
pub(super) struct Order {
    /// Numbers of pieces.
    pieces: Vec<usize>,
    /// The pieces of each window, as places in `pieces`.
    windows: Vec<Range<usize>>,
    /// The first row of each window in the epoch's order, and the number of rows behind them.
    starts: Vec<usize>,
}

impl Order {
    /// The order of an epoch, with windows of about equal size and, but for a piece, at least `window` rows.
    pub(super) fn new(pieces: &[Piece], window: usize, seed: u64, epoch: u64) -> Self {
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        order.shuffle(&mut generator(seed, epoch, 0));
        let rows: usize = pieces.iter().map(|piece| piece.kept).sum();
        let count = (rows / window).max(1) as u128;
        let (mut windows, mut starts) = (Vec::new(), vec![0]);
        let (mut first, mut passed) = (0, 0);
        for (place, &piece) in order.iter().enumerate() {
            passed += pieces[piece].kept;
            // A window ends with the piece that reaches the next of `count` equal parts.
            let part = |row: usize| row as u128 * count / rows.max(1) as u128;
            if part(passed) > starts.last().map_or(0, |&start| part(start)) {
                windows.push(first..place + 1);
                starts.push(passed);
                first = place + 1;
            }
        }
        Self { pieces: order, windows, starts }
    }

    /// Number of windows.
    pub(super) fn windows(&self) -> usize {
        self.windows.len()
    }

    /// The window that holds a row of the epoch.
    pub(super) fn window_of(&self, row: usize) -> usize {
        self.starts.partition_point(|&start| start <= row).saturating_sub(1)
    }

    /// The rows of a window in the epoch's order.
    pub(super) fn rows(&self, window: usize) -> Range<usize> {
        self.starts[window]..self.starts[window + 1]
    }

    /// The numbers of a window's pieces.
    pub(super) fn pieces(&self, window: usize) -> &[usize] {
        &self.pieces[self.windows[window].clone()]
    }
}

/// Random numbers of their own for each seed, epoch and purpose: 0 for the order of the pieces, 1 + w for the rows of
/// window w.
pub(super) fn generator(seed: u64, epoch: u64, purpose: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, number) in key.chunks_exact_mut(8).zip([seed, epoch, purpose]) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(kept: impl Iterator<Item = usize>) -> Vec<Piece> {
        kept.map(|kept| Piece { row_group: 0, start: 0, first_row: 0, rows: kept, kept }).collect()
    }

    #[test]
    fn windows_hold_every_piece_once_and_are_of_about_the_size_asked_for() {
        let uneven = pieces((0..500).map(|i| 1 + i * i % 40));
        let rows: usize = uneven.iter().map(|piece| piece.kept).sum();
        for window in [40, 100, 1000, rows, 2 * rows] {
            let order = Order::new(&uneven, window, 1, 2);
            let mut seen: Vec<usize> = (0..order.windows()).flat_map(|w| order.pieces(w).to_vec()).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..uneven.len()).collect::<Vec<_>>());
            for w in 0..order.windows() {
                let (range, size) = (order.rows(w), order.rows(w).len());
                assert_eq!(size, order.pieces(w).iter().map(|&piece| uneven[piece].kept).sum::<usize>());
                assert!(size + 40 >= window.min(rows) && size <= 2 * window + 40, "{size} for {window}");
                assert!(range.clone().all(|row| order.window_of(row) == w));
            }
        }
    }

    #[test]
    fn a_piece_larger_than_a_window_is_a_window_and_none_is_empty() {
        let order = Order::new(&pieces([3, 50, 2, 4].into_iter()), 5, 7, 0);
        assert!((0..order.windows()).all(|w| !order.rows(w).is_empty()));
        assert_eq!(order.rows(order.windows() - 1).end, 59);
    }

    #[test]
    fn seeds_epochs_and_purposes_have_orders_of_their_own() {
        let equal = pieces(std::iter::repeat_n(1, 100));
        let orders =
            [(1, 0), (1, 1), (2, 0), (2, 1)].map(|(seed, epoch)| Order::new(&equal, 100, seed, epoch).pieces);
        assert_eq!(Order::new(&equal, 100, 2, 1).pieces, orders[3]);
        assert!((0..4).all(|i| orders[..i].iter().all(|earlier| *earlier != orders[i])));
    }
}
