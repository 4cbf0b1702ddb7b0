//! `out` ← [`out` +] factor · left · right, with weights between the two if there are any.

use super::super::lanes::Simd;
use super::super::products::BlockStructure;
use super::sides::{Side, common};
use super::tile::{self, Tile, Tiled, in_tiles};
use super::{DEPTH, HEIGHT, Packed, pieces, resized, with_packed};
use faer::prelude::ReborrowMut;
use faer::{Accum, ContiguousFwd, MatMut, MatRef};
use std::ops::Range;

/// Columns of the right side that are packed at a time.
const WIDTH: usize = 1024;

/// `out` ← [`out` +] factor · left · D · right for diagonal D of `weights`, of ones where there are none. What is not of a matrix's
/// triangle takes no part and is not written.
///
/// `out` is the part of the result that begins at `place`, a row and a column. Each of its numbers is the same, to the last bit,
/// whatever the parts are: sums run over the same columns in the same order, but for zeros outside of triangles.
pub(in super::super) fn multiply(
    (out, of_out): (MatMut<'_, f64, usize, usize, ContiguousFwd>, BlockStructure),
    place: (usize, usize),
    accum: Accum,
    left: (MatRef<'_, f64>, BlockStructure),
    weights: Option<&[f64]>,
    right: (MatRef<'_, f64>, BlockStructure),
    factor: f64,
) {
    let (left, right) = (Side::left(left), Side::right(right));
    with_packed(|packed| {
        in_tiles(Product { out, of_out, place, accum, left, weights, right, factor, packed })
    });
}

pub(super) struct Product<'a> {
    pub out: MatMut<'a, f64, usize, usize, ContiguousFwd>,
    pub of_out: BlockStructure,
    pub place: (usize, usize),
    pub accum: Accum,
    pub left: Side<'a>,
    pub weights: Option<&'a [f64]>,
    pub right: Side<'a>,
    pub factor: f64,
    pub packed: &'a mut Packed,
}

impl Tiled for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const C: usize>(self, simd: S) {
        let Self { mut out, of_out, place, accum, left, weights, right, factor, packed } = self;
        let [tall_packed, wide_packed] = packed;
        let (rows, columns) = (place.0..place.0 + out.nrows(), place.1..place.1 + out.ncols());
        for wide in pieces(columns, WIDTH, C) {
            for deep in pieces(0..left.matrix.ncols(), DEPTH, 1) {
                let wide_packed = resized(wide_packed, wide.len().next_multiple_of(C) * deep.len());
                right.pack::<C>(wide.clone(), deep.clone(), deep.len(), wide_packed);
                if let Some(weights) = weights {
                    weigh::<C>(wide_packed, &weights[deep.clone()]);
                }
                let add = deep.start > 0 || accum == Accum::Add;
                for tall in pieces(rows.clone(), HEIGHT * S::F64_LANES, H) {
                    let tall_packed = resized(tall_packed, tall.len().next_multiple_of(H) * deep.len());
                    left.pack::<H>(tall.clone(), deep.clone(), deep.len(), tall_packed);
                    let out = out.rb_mut().subrows_mut(tall.start - place.0, tall.len());
                    let out = out.subcols_mut(wide.start - place.1, wide.len());
                    Block { left, right, of_out, add, factor, tall, wide: wide.clone(), deep: deep.clone() }
                        .add_to::<S, V, H, C>(simd, out, tall_packed, wide_packed);
                }
            }
        }
    }
}

/// Multiplies the columns of each panel by the weights.
#[inline(always)]
fn weigh<const W: usize>(panels: &mut [f64], weights: &[f64]) {
    for panel in panels.as_chunks_mut::<W>().0.chunks_exact_mut(weights.len().max(1)) {
        for (column, weight) in panel.iter_mut().zip(weights) {
            column.iter_mut().for_each(|value| *value *= weight);
        }
    }
}

/// The part of a product that the packed sides give.
struct Block<'a> {
    left: Side<'a>,
    right: Side<'a>,
    of_out: BlockStructure,
    add: bool,
    factor: f64,
    tall: Range<usize>,
    wide: Range<usize>,
    deep: Range<usize>,
}

impl Block<'_> {
    #[inline(always)]
    fn add_to<S: Simd, const V: usize, const H: usize, const C: usize>(
        self,
        simd: S,
        mut out: MatMut<'_, f64, usize, usize, ContiguousFwd>,
        tall_packed: &[f64],
        wide_packed: &[f64],
    ) {
        let Self { left, right, of_out, add, factor, tall, wide, deep } = self;
        let (tall_packed, wide_packed) = (tall_packed.as_chunks::<H>().0, wide_packed.as_chunks::<C>().0);
        let length = deep.len();
        for (index, column) in wide.clone().step_by(C).enumerate() {
            let columns = &wide_packed[index * length..][..length];
            let seen_columns = common(&deep, &right.seen(column, C));
            let count = C.min(wide.end - column);
            let mut targets: [&mut [f64]; C] = std::array::from_fn(|_| Default::default());
            let found = out.rb_mut().subcols_mut(column - wide.start, count).col_iter_mut();
            targets.iter_mut().zip(found).for_each(|(target, found)| *target = found.as_slice_mut());
            for (index, row) in tall.clone().step_by(H).enumerate() {
                let place = (row..tall.end.min(row + H), column..column + count);
                let Some(of) = part(of_out, &place) else { continue };
                let seen = common(&seen_columns, &left.seen(row, H));
                if add && seen.is_empty() {
                    continue;
                }
                let (start, end) = (seen.start - deep.start, seen.end - deep.start);
                let rows = &tall_packed[index * length + start..index * length + end];
                let sums = tile::product::<S, V, H, C>(simd, rows, &columns[start..end]);
                let first = row - tall.start;
                write::<S, V, H, C>(simd, &mut targets, first, place, of, (add, factor), sums);
            }
        }
    }
}

/// The structure of a tile of a matrix; none where it has nothing of the triangle.
#[inline(always)]
fn part(of: BlockStructure, (rows, columns): &(Range<usize>, Range<usize>)) -> Option<BlockStructure> {
    let (above, below) = (rows.end <= columns.start, rows.start >= columns.end);
    if of.is_lower() && above || of.is_upper() && below {
        return None;
    }
    Some(if above || below { BlockStructure::Rectangular } else { of })
}

/// Writes a tile into columns of the result, from number `first` on.
#[inline(always)]
fn write<S: Simd, const V: usize, const H: usize, const C: usize>(
    simd: S,
    out: &mut [&mut [f64]; C],
    first: usize,
    (rows, columns): (Range<usize>, Range<usize>),
    of: BlockStructure,
    (add, factor): (bool, f64),
    sums: Tile<S, V, C>,
) {
    if rows.len() == H && columns.len() == C && of.is_dense() {
        let factor = simd.splat_f64s(factor);
        for (out, sums) in out.iter_mut().zip(sums) {
            let out = S::as_mut_simd_f64s(&mut out[first..first + H]).0;
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if add { simd.mul_add_f64s(sum, factor, *out) } else { simd.mul_f64s(sum, factor) };
            }
        }
        return;
    }
    for ((j, out), sums) in columns.zip(out).zip(sums) {
        let mut numbers = [0.0; H];
        S::as_mut_simd_f64s(&mut numbers).0.copy_from_slice(&sums);
        for ((i, out), number) in rows.clone().zip(&mut out[first..]).zip(numbers) {
            if !(of.is_lower() && i < j || of.is_upper() && i > j) {
                // As above, zeros and their signs included.
                *out = if add { number.mul_add(factor, *out) } else { number * factor };
            }
        }
    }
}
