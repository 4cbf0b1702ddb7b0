//! Forward substitution in panels: `H` right sides each, whose numbers for one unknown lie together. `C` unknowns at a time are one
//! product with those before them and a substitution in registers.
//!
//! A register holds one unknown of several right sides, so that nothing moves from lane to lane.

use super::super::lanes::Simd;
use super::super::products::BlockStructure;
use super::sides::Side;
use super::tile::{self, Tile};
use faer::MatRef;
use std::ops::Range;

/// Panels of `C` rows of L. In the triangle at the end of each stand the reciprocals of the diagonal and what is below it with its
/// sign changed; unknowns that only fill the last panel have zeros.
#[inline(always)]
pub(super) fn pack_factor<const C: usize>(factor: MatRef<'_, f64>, length: usize, out: &mut [f64]) {
    let n = factor.nrows();
    let side = Side { matrix: factor, of: BlockStructure::TriangularLower };
    side.pack::<C>(0..n, 0..n, length, out);
    for (group, panel) in out.as_chunks_mut::<C>().0.chunks_exact_mut(length).enumerate() {
        for (j, column) in panel[group * C..][..C].iter_mut().enumerate() {
            if group * C + j < n {
                prepare(column, j);
            } else {
                column.fill(0.0);
            }
        }
    }
}

/// Column `j` of a triangle as substitution reads it.
#[inline(always)]
fn prepare<const C: usize>(column: &mut [f64; C], j: usize) {
    column[j] = column[j].recip();
    column[j + 1..].iter_mut().for_each(|l| *l = -*l);
}

/// Solves for the `C` unknowns after those that are `solved` and not zero, with a panel of the factor.
#[inline(always)]
pub(super) fn substitute<S: Simd, const V: usize, const H: usize, const C: usize>(
    simd: S,
    panel: &mut [[f64; H]],
    of_factor: &[[f64; C]],
    solved: Range<usize>,
) {
    let (start, end) = (solved.start, solved.end);
    let (solved, unknowns) = panel[start..end + C].split_at_mut(end - start);
    let (before, triangle) = of_factor[start..end + C].split_at(end - start);
    let sums = remainder::<S, V, H, C>(simd, solved, before, unknowns);
    eliminate::<S, V, H, C>(simd, sums, triangle, unknowns);
}

/// What the unknowns already solved for leave of the right sides.
#[inline(always)]
pub(super) fn remainder<S: Simd, const V: usize, const H: usize, const C: usize>(
    simd: S,
    solved: &[[f64; H]],
    before: &[[f64; C]],
    right_sides: &[[f64; H]],
) -> Tile<S, V, C> {
    let mut sums = tile::product::<S, V, H, C>(simd, solved, before);
    for (sums, right_sides) in sums.iter_mut().zip(right_sides) {
        for (sum, right_side) in sums.iter_mut().zip(S::as_simd_f64s(right_sides).0) {
            *sum = simd.sub_f64s(*right_side, *sum);
        }
    }
    sums
}

/// Solves a triangle of `C` unknowns for what is left of the right sides.
#[inline(always)]
pub(super) fn eliminate<S: Simd, const V: usize, const H: usize, const C: usize>(
    simd: S,
    mut sums: Tile<S, V, C>,
    triangle: &[[f64; C]],
    unknowns: &mut [[f64; H]],
) {
    let (Some(unknowns), Some(triangle)) = (unknowns.first_chunk_mut::<C>(), triangle.first_chunk::<C>())
    else {
        return;
    };
    for j in 0..C {
        let reciprocal = simd.splat_f64s(triangle[j][j]);
        let mut solved = sums[j];
        solved.iter_mut().for_each(|sum| *sum = simd.mul_f64s(*sum, reciprocal));
        S::as_mut_simd_f64s(&mut unknowns[j]).0.copy_from_slice(&solved);
        for i in j + 1..C {
            let minus_l = simd.splat_f64s(triangle[j][i]);
            for v in 0..V {
                sums[i][v] = simd.mul_add_f64s(solved[v], minus_l, sums[i][v]);
            }
        }
    }
}
