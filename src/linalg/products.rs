//! Products of matrices, full and triangular, cut into blocks that stay in cache.
//!
//! faer's product packs the whole of its left side up to 512 columns deep: with some hundred rows that fills a cache of 2 MiB, and the
//! rate falls to half. Pieces of [`BLOCK`] rows and columns keep it (docs/performance.md).

use super::join;
use faer::linalg::matmul::{matmul, triangular};
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};

pub(crate) use faer::linalg::matmul::triangular::BlockStructure;

/// Rows and columns of the left side that are multiplied at a time: half a megabyte.
const BLOCK: usize = 256;
/// Triangular matrices of up to so many rows are left to faer.
const SMALL: usize = 64;

/// `out` ← [`out` +] factor · left · right.
pub(crate) fn multiply(
    out: MatMut<'_, f64>,
    accum: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    factor: f64,
    par: Par,
) {
    // Where rows are what lies together, faer multiplies the transposes.
    if out.row_stride().unsigned_abs() > out.col_stride().unsigned_abs() {
        return in_tiles(out.transpose_mut(), accum, right.transpose(), left.transpose(), factor, par);
    }
    in_tiles(out, accum, left, right, factor, par);
}

/// In parallel: pieces of up to [`BLOCK`] rows and columns of the result, whatever the number of threads.
fn in_tiles(
    out: MatMut<'_, f64>,
    accum: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    factor: f64,
    par: Par,
) {
    let (rows, columns) = out.shape();
    if par == Par::Seq || rows.max(columns) <= BLOCK {
        return by_blocks(out, accum, left, right, factor);
    }
    if rows > columns {
        let h = half(rows);
        let (above, below) = out.split_at_row_mut(h);
        let (first, second) = left.split_at_row(h);
        return join(
            par,
            || in_tiles(above, accum, first, right, factor, par),
            || in_tiles(below, accum, second, right, factor, par),
        );
    }
    let h = half(columns);
    let (before, after) = out.split_at_col_mut(h);
    let (first, second) = right.split_at_col(h);
    join(
        par,
        || in_tiles(before, accum, left, first, factor, par),
        || in_tiles(after, accum, left, second, factor, par),
    );
}

fn by_blocks(
    mut out: MatMut<'_, f64>,
    accum: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    factor: f64,
) {
    let (rows, depth) = left.shape();
    if rows <= BLOCK && depth <= BLOCK {
        return matmul(out, accum, left, right, factor, Par::Seq);
    }
    let mut accum = accum;
    for k in (0..depth).step_by(BLOCK) {
        let deep = BLOCK.min(depth - k);
        for i in (0..rows).step_by(BLOCK) {
            let high = BLOCK.min(rows - i);
            let left = left.submatrix(i, k, high, deep);
            matmul(out.rb_mut().subrows_mut(i, high), accum, left, right.subrows(k, deep), factor, Par::Seq);
        }
        accum = Accum::Add;
    }
    if depth == 0 && accum == Accum::Replace {
        out.fill(0.0);
    }
}

/// The same where any of the three is triangular: what is not of its triangle is neither read nor written.
pub(crate) fn multiply_triangular(
    out: (MatMut<'_, f64>, BlockStructure),
    accum: Accum,
    left: (MatRef<'_, f64>, BlockStructure),
    right: (MatRef<'_, f64>, BlockStructure),
    factor: f64,
    par: Par,
) {
    let ((out, of_out), (left, of_left), (right, of_right)) = (out, left, right);
    if of_out.is_dense() && of_left.is_dense() && of_right.is_dense() {
        return multiply(out, accum, left, right, factor, par);
    }
    let (rows, depth, columns) = (left.nrows(), left.ncols(), right.ncols());
    // A triangle is cut along both of its sides; a side that none has stays whole.
    let cut_rows = !of_out.is_dense() || !of_left.is_dense();
    let cut_depth = !of_left.is_dense() || !of_right.is_dense();
    let cut_columns = !of_out.is_dense() || !of_right.is_dense();
    let sides = [(rows, cut_rows), (depth, cut_depth), (columns, cut_columns)];
    if sides.iter().all(|(length, cut)| !cut || *length <= SMALL) {
        return triangular::matmul(out, of_out, accum, left, of_left, right, of_right, factor, Par::Seq);
    }
    let [rows, depth, columns] = sides.map(|(length, cut)| halves(length, cut));
    let block = |i: usize, j: usize, mut out: MatMut<'_, f64>| {
        let Some(of_out) = part(of_out, i, j) else { return };
        let ((row, high), (column, wide)) = (rows[i], columns[j]);
        let mut accum = accum;
        for (k, (level, deep)) in depth.into_iter().enumerate() {
            let (Some(of_left), Some(of_right)) = (part(of_left, i, k), part(of_right, k, j)) else {
                continue;
            };
            let left = (left.submatrix(row, level, high, deep), of_left);
            let right = (right.submatrix(level, column, deep, wide), of_right);
            multiply_triangular((out.rb_mut(), of_out), accum, left, right, factor, par);
            accum = Accum::Add;
        }
        if accum == Accum::Replace {
            // The whole sum lies where one of the two is zero.
            out.fill(0.0);
        }
    };
    let (first, right_of, below, last) = out.split_at_mut(rows[1].0, columns[1].0);
    join(
        par,
        || join(par, || block(0, 0, first), || block(1, 1, last)),
        || join(par, || block(1, 0, below), || block(0, 1, right_of)),
    );
}

/// Beginnings and lengths of both halves of a side, or of the whole and of nothing.
fn halves(length: usize, cut: bool) -> [(usize, usize); 2] {
    let first = if cut { half(length) } else { length };
    [(0, first), (first, length - first)]
}

/// The first half of a side, in whole vectors.
pub(super) fn half(length: usize) -> usize {
    (length / 2).next_multiple_of(8).min(length)
}

/// The structure of block (i, j) of a matrix in two by two blocks; none where it is zero.
fn part(of: BlockStructure, i: usize, j: usize) -> Option<BlockStructure> {
    match (i == j, of.is_lower() && i < j || of.is_upper() && i > j) {
        (_, true) => None,
        (true, _) => Some(of),
        _ => Some(BlockStructure::Rectangular),
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_parallel;
    use super::BlockStructure::{Rectangular, TriangularLower, TriangularUpper};
    use super::*;
    use faer::Mat;

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
}
