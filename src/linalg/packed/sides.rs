//! Sides of a product copied into panels: of `W` rows each, whose numbers for one column lie together.

use super::super::products::BlockStructure;
use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};
use std::ops::Range;

/// A matrix whose rows are those of the result, or its columns where `matrix` is the right side's transpose.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub matrix: MatRef<'a, f64>,
    pub of: BlockStructure,
}

impl<'a> Side<'a> {
    /// The left side of a product.
    pub(super) fn left((matrix, of): (MatRef<'a, f64>, BlockStructure)) -> Self {
        Self { matrix, of }
    }

    /// The right side of a product.
    pub(super) fn right((matrix, of): (MatRef<'a, f64>, BlockStructure)) -> Self {
        Self { matrix: matrix.transpose(), of: of.transpose() }
    }

    /// Columns of which rows `first..first + width` have any.
    #[inline(always)]
    pub(super) fn seen(&self, first: usize, width: usize) -> Range<usize> {
        let depth = self.matrix.ncols();
        if self.of.is_lower() {
            0..depth.min(first + width)
        } else if self.of.is_upper() {
            first.min(depth)..depth
        } else {
            0..depth
        }
    }

    /// Panels of the rows, with these columns, one after the other into `out`, each with room for `length` columns. What a panel
    /// has no columns of is left as it is.
    #[inline(always)]
    pub(super) fn pack<const W: usize>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        length: usize,
        out: &mut [f64],
    ) {
        let out = out.as_chunks_mut::<W>().0;
        for (first, panel) in rows.clone().step_by(W).zip(out.chunks_exact_mut(length.max(1))) {
            let seen = common(&columns, &self.seen(first, W));
            let panel = &mut panel[seen.start - columns.start..seen.end - columns.start];
            let high = W.min(rows.end - first);
            copy(self.matrix.submatrix(first, seen.start, high, seen.len()), panel);
            self.clear(first, seen, panel);
        }
    }

    /// Zeros for what lies outside the triangle.
    #[inline(always)]
    fn clear<const W: usize>(&self, first: usize, columns: Range<usize>, panel: &mut [[f64; W]]) {
        let (lower, upper) = (self.of.is_lower(), self.of.is_upper());
        if lower || upper {
            for k in common(&columns, &(first..first + W)) {
                let (column, diagonal) = (&mut panel[k - columns.start], k - first);
                if lower { column[..diagonal].fill(0.0) } else { column[diagonal + 1..].fill(0.0) }
            }
        }
    }
}

/// Copies up to `W` rows into a panel, with zeros for those that there are not.
#[inline(always)]
fn copy<const W: usize>(rows: MatRef<'_, f64>, panel: &mut [[f64; W]]) {
    let high = rows.nrows();
    if let Some(rows) = rows.try_as_col_major() {
        for (from, to) in rows.col_iter().zip(panel) {
            let from = from.as_slice();
            if let Some(from) = from.first_chunk() {
                *to = *from;
            } else {
                to[..high].copy_from_slice(from);
                to[high..].fill(0.0);
            }
        }
        return;
    }
    if high < W {
        panel.fill([0.0; W]);
    }
    let mut first = 0;
    while let Some([a, b, c, d]) = contiguous(rows, first) {
        for ((((to, a), b), c), d) in panel.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            to[first..first + 4].copy_from_slice(&[*a, *b, *c, *d]);
        }
        first += 4;
    }
    for i in first..high {
        match contiguous(rows, i) {
            Some([row]) => panel.iter_mut().zip(row).for_each(|(to, from)| to[i] = *from),
            None => panel.iter_mut().zip(rows.row(i).iter()).for_each(|(to, from)| to[i] = *from),
        }
    }
}

/// `R` rows from number `first` on, where there are as many and the numbers of each lie together.
#[inline(always)]
fn contiguous<'a, const R: usize>(rows: MatRef<'a, f64>, first: usize) -> Option<[&'a [f64]; R]> {
    if first + R > rows.nrows() {
        return None;
    }
    let rows = rows.subrows(first, R).try_as_row_major()?;
    let mut found = [&[][..]; R];
    for (i, found) in found.iter_mut().enumerate() {
        *found = rows.row(i).as_slice();
    }
    Some(found)
}

/// Copies a panel back to where its rows are from.
#[inline(always)]
pub(super) fn unpack<const W: usize>(panel: &[[f64; W]], mut rows: MatMut<'_, f64>) {
    let high = rows.nrows();
    if let Some(rows) = rows.rb_mut().try_as_col_major_mut() {
        for (to, from) in rows.col_iter_mut().zip(panel) {
            let to = to.as_slice_mut();
            match to.first_chunk_mut() {
                Some(to) => *to = *from,
                None => to.copy_from_slice(&from[..high]),
            }
        }
        return;
    }
    for i in 0..high {
        let from = panel.iter().map(|column| column[i]);
        match rows.rb_mut().row_mut(i).try_as_row_major_mut() {
            Some(to) => to.as_slice_mut().iter_mut().zip(from).for_each(|(to, from)| *to = from),
            None => rows.rb_mut().row_mut(i).iter_mut().zip(from).for_each(|(to, from)| *to = from),
        }
    }
}

/// What two ranges share; empty, and within the first, where nothing.
#[inline(always)]
pub(super) fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start).min(a.end);
    start..a.end.min(b.end).max(start)
}
