//! Products of matrices, full and triangular.

use super::{join, packed, threads};
use faer::linalg::matmul::triangular;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par};

pub(crate) use faer::linalg::matmul::triangular::BlockStructure;

/// Parts of a result for each thread.
const PARTS: usize = 2;
/// The same where some parts take longer than others.
const PARTS_OF_TRIANGLE: usize = 4;
/// Multiplications and additions of a part at least: some thirty times what it takes to hand it to another thread.
const LEAST_WORK: usize = 1 << 20;
/// Parts begin at multiples of this, and so at those of the sides of all tiles.
const TILES: usize = 24;
/// A product with a shorter side, and without weights, is left to faer, which packs no more than it must.
const SHORT: usize = 16;
/// About the rows and columns of a part of what is left to faer.
const LEFT_TO_FAER: usize = 256;

/// `out` ← [`out` +] factor · left · right.
pub(crate) fn multiply(
    out: MatMut<'_, f64>,
    accum: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    factor: f64,
    par: Par,
) {
    let dense = BlockStructure::Rectangular;
    multiply_triangular((out, dense), accum, (left, dense), (right, dense), factor, par);
}

/// The same where any of the three is triangular: what is not of its triangle takes no part and is not written.
pub(crate) fn multiply_triangular(
    (out, of_out): (MatMut<'_, f64>, BlockStructure),
    accum: Accum,
    left: (MatRef<'_, f64>, BlockStructure),
    right: (MatRef<'_, f64>, BlockStructure),
    factor: f64,
    par: Par,
) {
    // A result's columns are what lies together.
    if out.row_stride().unsigned_abs() > out.col_stride().unsigned_abs() {
        let out = (out.transpose_mut(), of_out.transpose());
        return in_parts(out, accum, transposed(right), None, transposed(left), factor, par);
    }
    in_parts((out, of_out), accum, left, None, right, factor, par);
}

/// The lower triangle of `out` ← [`out` +] factor · left · D · rightᵀ, for diagonal D of `weights` where there are any.
pub(crate) fn multiply_lower(
    out: MatMut<'_, f64>,
    accum: Accum,
    left: MatRef<'_, f64>,
    weights: Option<&[f64]>,
    right: MatRef<'_, f64>,
    factor: f64,
    par: Par,
) {
    let dense = BlockStructure::Rectangular;
    let out = (out, BlockStructure::TriangularLower);
    in_parts(out, accum, (left, dense), weights, (right.transpose(), dense), factor, par);
}

fn transposed((matrix, of): (MatRef<'_, f64>, BlockStructure)) -> (MatRef<'_, f64>, BlockStructure) {
    (matrix.transpose(), of.transpose())
}

/// Cut into parts of the result. Its bits depend neither on the parts nor on the threads.
fn in_parts(
    (out, of_out): (MatMut<'_, f64>, BlockStructure),
    accum: Accum,
    left: (MatRef<'_, f64>, BlockStructure),
    weights: Option<&[f64]>,
    right: (MatRef<'_, f64>, BlockStructure),
    factor: f64,
    par: Par,
) {
    let (rows, depth, columns) = (left.0.nrows(), left.0.ncols(), right.0.ncols());
    let short = rows.min(columns).min(depth) < SHORT && weights.is_none();
    let packed = !short && (out.row_stride() == 1 || rows == 1);
    let is_dense = of_out.is_dense() && left.1.is_dense() && right.1.is_dense();
    let parts = if packed {
        let each = if is_dense { PARTS } else { PARTS_OF_TRIANGLE };
        let wanted = if threads(par) > 1 { each * threads(par) } else { 1 };
        wanted.min(rows * columns * depth / LEAST_WORK)
    } else if is_dense {
        // By size alone: faer's bits may depend on it.
        rows.div_ceil(LEFT_TO_FAER) * columns.div_ceil(LEFT_TO_FAER)
    } else {
        1
    };
    Product { of_out, accum, left, weights, right, factor, packed, par }.write(out, (0, 0), parts);
}

struct Product<'a> {
    of_out: BlockStructure,
    accum: Accum,
    left: (MatRef<'a, f64>, BlockStructure),
    weights: Option<&'a [f64]>,
    right: (MatRef<'a, f64>, BlockStructure),
    factor: f64,
    packed: bool,
    par: Par,
}

impl Product<'_> {
    /// Writes what of the result begins at a row and a column, in so many parts.
    fn write(&self, out: MatMut<'_, f64>, (row, column): (usize, usize), parts: usize) {
        let (rows, columns) = out.shape();
        let (above, below) = (row + rows <= column, row >= column + columns);
        if self.of_out.is_lower() && above || self.of_out.is_upper() && below {
            return;
        }
        let length = rows.max(columns);
        let first = (length / 2).next_multiple_of(TILES);
        if parts <= 1 || first >= length {
            return self.write_part(out, (row, column));
        }
        let of_first = parts.div_ceil(2);
        if rows > columns {
            let (upper, lower) = out.split_at_row_mut(first);
            let write_lower = || self.write(lower, (row + first, column), parts - of_first);
            join(self.par, || self.write(upper, (row, column), of_first), write_lower);
        } else {
            let (front, back) = out.split_at_col_mut(first);
            let write_back = || self.write(back, (row, column + first), parts - of_first);
            join(self.par, || self.write(front, (row, column), of_first), write_back);
        }
    }

    fn write_part(&self, mut out: MatMut<'_, f64>, place: (usize, usize)) {
        let Self { of_out, accum, left, weights, right, factor, .. } = *self;
        if let (true, Some(out)) = (self.packed, out.rb_mut().try_as_col_major_mut()) {
            return packed::multiply((out, of_out), place, accum, left, weights, right, factor);
        }
        // Whole where there are triangles.
        let ((left, of_left), (right, of_right)) = (left, right);
        let left = left.subrows(place.0, out.nrows());
        let right = right.subcols(place.1, out.ncols());
        let weighted =
            weights.map(|w| Mat::from_fn(right.nrows(), right.ncols(), |k, j| w[k] * right[(k, j)]));
        let right = weighted.as_ref().map_or(right, Mat::as_ref);
        triangular::matmul(out, of_out, accum, left, of_left, right, of_right, factor, Par::Seq);
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_parallel;
    use super::BlockStructure::{Rectangular, TriangularLower, TriangularUpper};
    use super::*;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Mat<f64> {
        Mat::from_fn(rows, columns, |i, j| ((1 + i * 7 + j * 13 + seed) as f64 * 0.71).sin())
    }

    fn inside(of: BlockStructure, i: usize, j: usize) -> bool {
        !(of.is_lower() && i < j || of.is_upper() && i > j)
    }

    /// Σ_k left_ik right_kj over what the structures let be.
    fn slowly(
        i: usize,
        j: usize,
        left: (&Mat<f64>, BlockStructure),
        right: (&Mat<f64>, BlockStructure),
    ) -> f64 {
        let seen = |k: &usize| inside(left.1, i, *k) && inside(right.1, *k, j);
        (0..left.0.ncols()).filter(seen).map(|k| left.0[(i, k)] * right.0[(k, j)]).sum()
    }

    #[test]
    fn every_structure_gives_the_product_and_leaves_the_other_triangle() {
        let structures = [Rectangular, TriangularLower, TriangularUpper];
        for case in 0..27 {
            let (of_out, of_left, of_right) =
                (structures[case / 9], structures[case / 3 % 3], structures[case % 3]);
            // Sides that no triangle ties together differ, and none is a multiple of a block.
            let n = 149;
            let rows = if of_out == Rectangular && of_left == Rectangular { 40 } else { n };
            let depth = if of_left == Rectangular && of_right == Rectangular { 301 } else { n };
            let columns = if of_out == Rectangular && of_right == Rectangular { 33 } else { n };
            let (left, right) = (matrix(rows, depth, 0), matrix(depth, columns, 5));
            for (accum, before) in [(Accum::Replace, 0.0), (Accum::Add, 1.0)] {
                let start = matrix(rows, columns, 9);
                for (transposed, par) in [(false, Par::Seq), (true, Par::Seq), (false, in_parallel())] {
                    let mut out = if transposed { start.transpose().to_owned() } else { start.clone() };
                    let view = if transposed { out.as_mut().transpose_mut() } else { out.as_mut() };
                    let of = (of_out, of_left, of_right);
                    multiply_triangular(
                        (view, of_out),
                        accum,
                        (left.as_ref(), of_left),
                        (right.as_ref(), of_right),
                        -0.5,
                        par,
                    );
                    let found = if transposed { out.transpose() } else { out.as_ref() };
                    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                        let expected = if inside(of_out, i, j) {
                            before * start[(i, j)] - 0.5 * slowly(i, j, (&left, of_left), (&right, of_right))
                        } else {
                            start[(i, j)]
                        };
                        assert!((found[(i, j)] - expected).abs() < 1e-12, "{of:?} {accum:?} at {i}, {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_do_not_change_a_bit() {
        let structures = [Rectangular, TriangularLower, TriangularUpper];
        let n = 307;
        let (left, right, start) = (matrix(n, n, 0), matrix(n, n, 5), matrix(n, n, 9));
        let weights: Vec<f64> = (0..n).map(|k| (k as f64).cos()).collect();
        for case in 0..54 {
            let (of_out, of_left, of_right) =
                (structures[case / 9 % 3], structures[case / 3 % 3], structures[case % 3]);
            let weights = (case >= 27).then_some(weights.as_slice());
            for accum in [Accum::Replace, Accum::Add] {
                let with =
                    |parts: usize, par: Par| {
                        let (left, right) = ((left.as_ref(), of_left), (right.as_ref(), of_right));
                        let mut out = start.clone();
                        Product { of_out, accum, left, weights, right, factor: -0.5, packed: true, par }
                            .write(out.as_mut(), (0, 0), parts);
                        out.col_iter().flat_map(|c| c.iter().copied()).map(f64::to_bits).collect::<Vec<_>>()
                    };
                let whole = with(1, Par::Seq);
                assert!([2, 3, 7, 40].into_iter().all(|parts| with(parts, in_parallel()) == whole));
            }
        }
    }

    #[test]
    fn weights_stand_between_the_sides() {
        for (rows, depth) in [(149, 301), (40, 7), (300, 20)] {
            let (left, right) = (matrix(rows, depth, 0), matrix(rows, depth, 5));
            let weights: Vec<f64> = (0..depth).map(|k| (k as f64).cos()).collect();
            for (row_major, par) in [(false, Par::Seq), (true, Par::Seq), (false, in_parallel())] {
                let start = matrix(rows, rows, 9);
                let mut out = if row_major { start.transpose().to_owned() } else { start.clone() };
                let view = if row_major { out.as_mut().transpose_mut() } else { out.as_mut() };
                multiply_lower(view, Accum::Add, left.as_ref(), Some(&weights), right.as_ref(), 2.0, par);
                let found = if row_major { out.transpose() } else { out.as_ref() };
                for (i, j) in (0..rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
                    let sum: f64 = (0..depth).map(|k| left[(i, k)] * weights[k] * right[(j, k)]).sum();
                    let expected = start[(i, j)] + if i >= j { 2.0 * sum } else { 0.0 };
                    assert!((found[(i, j)] - expected).abs() < 1e-12, "{rows} × {depth} at {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn sides_longer_than_what_is_packed_at_once_give_the_product() {
        let (rows, depth, columns) = (150, 20, 1031);
        let (left, right) = (matrix(rows, depth, 0), matrix(depth, columns, 5));
        let mut out = Mat::zeros(rows, columns);
        multiply(out.as_mut(), Accum::Replace, left.as_ref(), right.as_ref(), 1.0, Par::Seq);
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let expected = slowly(i, j, (&left, Rectangular), (&right, Rectangular));
            assert!((out[(i, j)] - expected).abs() < 1e-12, "{i}, {j}");
        }
    }
}
