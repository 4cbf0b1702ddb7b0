//! Products of matrices, full and triangular.

use super::{join, packed};
use faer::linalg::matmul::triangular;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par};

pub(crate) use faer::linalg::matmul::triangular::BlockStructure;

/// Rows and columns of the pieces that threads share.
const SHARED: usize = 256;
/// A product with a shorter side is left to faer, which packs no more than it must.
const SHORT: usize = 16;

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
        return in_pieces(out, accum, transposed(right), None, transposed(left), factor, par);
    }
    in_pieces((out, of_out), accum, left, None, right, factor, par);
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
    in_pieces(out, accum, (left, dense), weights, (right.transpose(), dense), factor, par);
}

fn transposed((matrix, of): (MatRef<'_, f64>, BlockStructure)) -> (MatRef<'_, f64>, BlockStructure) {
    (matrix.transpose(), of.transpose())
}

/// In parallel: pieces of up to [`SHARED`] rows and columns, whatever the number of threads.
fn in_pieces(
    (mut out, of_out): (MatMut<'_, f64>, BlockStructure),
    accum: Accum,
    left: (MatRef<'_, f64>, BlockStructure),
    weights: Option<&[f64]>,
    right: (MatRef<'_, f64>, BlockStructure),
    factor: f64,
    par: Par,
) {
    let ((left, of_left), (right, of_right)) = (left, right);
    let (rows, depth, columns) = (left.nrows(), left.ncols(), right.ncols());
    if par == Par::Seq || rows.max(columns) <= SHARED {
        let short = rows.min(columns).min(depth) < SHORT;
        match (out.rb_mut().try_as_col_major_mut(), weights) {
            (Some(out), _) if !short || weights.is_some() => {
                packed::multiply((out, of_out), accum, (left, of_left), weights, (right, of_right), factor);
            }
            (_, None) => {
                triangular::matmul(out, of_out, accum, left, of_left, right, of_right, factor, Par::Seq);
            }
            (_, Some(weights)) => {
                let right = Mat::from_fn(depth, columns, |k, j| weights[k] * right[(k, j)]);
                triangular::matmul(out, of_out, accum, left, of_left, &right, of_right, factor, Par::Seq);
            }
        }
        return;
    }
    // A triangle is cut along both of its sides.
    let dense = of_out.is_dense();
    let cut_rows = !dense || rows > SHARED || !of_left.is_dense();
    let cut_depth = !of_left.is_dense() || !of_right.is_dense();
    let cut_columns = !dense || columns > SHARED || !of_right.is_dense();
    let sides = [(rows, cut_rows), (depth, cut_depth), (columns, cut_columns)];
    let [rows, depth, columns] = sides.map(|(length, cut)| halves(length, cut));
    let block = |i: usize, j: usize, mut out: MatMut<'_, f64>| {
        let Some(of_out) = part(of_out, i, j) else { return };
        let ((row, high), (column, wide)) = (rows[i], columns[j]);
        if high == 0 || wide == 0 {
            return;
        }
        let mut accum = accum;
        for (k, (level, deep)) in depth.into_iter().enumerate() {
            let (Some(of_left), Some(of_right)) = (part(of_left, i, k), part(of_right, k, j)) else {
                continue;
            };
            if deep == 0 {
                continue;
            }
            let left = (left.submatrix(row, level, high, deep), of_left);
            let right = (right.submatrix(level, column, deep, wide), of_right);
            let weights = weights.map(|w| &w[level..level + deep]);
            in_pieces((out.rb_mut(), of_out), accum, left, weights, right, factor, par);
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
