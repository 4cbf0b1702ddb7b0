//! How a matrix is cut into parts that are filled, or pulled back, one by one: the unit of parallel work.
//!
//! A Gram matrix is cut by rows, a cross matrix by its longer side. How depends on the matrix only and not on the number of
//! threads, so that sums over parts always come in the same order.

use super::STRIP;
use crate::linalg::join;
use faer::{MatMut, Par};
use std::ops::Range;

/// Shares of a cross matrix with few rows: its columns are cut, so that strips stay long and no thread waits for the last one.
pub(super) const SHARES: usize = 8;

/// Rows of a share of a Gram matrix at least.
const LEAST: usize = 128;

/// How the rows or the columns of a matrix are cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub of_rows: bool,
    /// Rows or columns in all, and of a share.
    total: usize,
    each: usize,
}

impl Shares {
    pub fn by_rows(rows: usize) -> Self {
        Self { of_rows: true, total: rows, each: STRIP }
    }

    /// Of the lower triangle of a Gram matrix, whose last rows are the longest: enough shares that no thread waits long.
    pub fn of_triangle(rows: usize) -> Self {
        let each = rows.div_ceil(SHARES).next_multiple_of(LEAST).min(STRIP);
        Self { each, ..Self::by_rows(rows) }
    }

    /// Of a matrix of K(X, Z): rows where there are many, else columns.
    pub fn of_cross(rows: usize, columns: usize) -> Self {
        if rows >= SHARES * STRIP {
            Self::by_rows(rows)
        } else {
            Self { of_rows: false, total: columns, each: columns.div_ceil(SHARES).max(1) }
        }
    }

    pub fn count(self) -> usize {
        self.total.div_ceil(self.each)
    }

    pub fn range(self, index: usize) -> Range<usize> {
        index * self.each..((index + 1) * self.each).min(self.total)
    }

    /// Rows and columns of a share.
    pub fn of_both(self, index: usize, rows: usize, columns: usize) -> (Range<usize>, Range<usize>) {
        if self.of_rows { (self.range(index), 0..columns) } else { (0..rows, self.range(index)) }
    }
}

/// First row and number of rows of each strip of so many rows.
pub(super) fn strips(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(STRIP).map(move |start| (start, STRIP.min(rows - start)))
}

/// Runs `work(part of out, block, its first row or column)` for each share.
pub(super) fn for_each_part<'m, B: Send>(
    out: MatMut<'m, f64>,
    shares: Shares,
    blocks: &mut [B],
    start: usize,
    par: Par,
    work: &(impl Fn(MatMut<'m, f64>, &mut B, usize) + Sync),
) {
    let length = if shares.of_rows { out.nrows() } else { out.ncols() };
    if length <= shares.each {
        if let Some(block) = blocks.first_mut() {
            work(out, block, start);
        }
        return;
    }
    let half = length.div_ceil(shares.each).div_ceil(2);
    let at = half * shares.each;
    let (front, back) = if shares.of_rows { out.split_at_row_mut(at) } else { out.split_at_col_mut(at) };
    let (first, second) = blocks.split_at_mut(half);
    join(
        par,
        || for_each_part(front, shares, first, start, par, work),
        || for_each_part(back, shares, second, start + at, par, work),
    );
}

/// Runs `work(block, index)` for each block.
pub(super) fn for_each_index<B: Send>(
    blocks: &mut [B],
    start: usize,
    par: Par,
    work: &(impl Fn(&mut B, usize) + Sync),
) {
    match blocks {
        [] => {}
        [block] => work(block, start),
        _ => {
            let half = blocks.len() / 2;
            let (first, second) = blocks.split_at_mut(half);
            join(
                par,
                || for_each_index(first, start, par, work),
                || for_each_index(second, start + half, par, work),
            );
        }
    }
}
