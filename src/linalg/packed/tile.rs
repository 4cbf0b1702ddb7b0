//! The innermost loop of a product, a tile of the result that stays in registers, and the choice of its size.

use super::super::lanes::{Simd, WithSimd, with_simd};

/// A tile of `V` registers by `C` columns.
pub(super) type Tile<S, const V: usize, const C: usize> = [[<S as Simd>::f64s; V]; C];

/// Σ_k a_k b_kᵀ for packed sides: `V` registers, that is `H` numbers, of rows and `C` columns for each k.
#[inline(always)]
pub(super) fn product<S: Simd, const V: usize, const H: usize, const C: usize>(
    simd: S,
    rows: &[[f64; H]],
    columns: &[[f64; C]],
) -> Tile<S, V, C> {
    let mut sums = [[simd.splat_f64s(0.0); V]; C];
    for (rows, columns) in rows.iter().zip(columns) {
        let rows = S::as_simd_f64s(rows).0;
        for (sums, column) in sums.iter_mut().zip(columns) {
            let column = simd.splat_f64s(*column);
            for (sum, rows) in sums.iter_mut().zip(rows) {
                *sum = simd.mul_add_f64s(*rows, column, *sum);
            }
        }
    }
    sums
}

/// Work in tiles of `V` registers, that is `H` rows, by `C` columns.
pub(super) trait Tiled {
    type Output;

    fn run<S: Simd, const V: usize, const H: usize, const C: usize>(self, simd: S) -> Self::Output;
}

/// Does `work` with tiles that fill the registers there are: 16, or 32 with AVX-512.
#[inline(always)]
pub(super) fn in_tiles<W: Tiled>(work: W) -> W::Output {
    with_simd(Dispatched(work))
}

/// A choice that is left to the registers.
pub(super) struct Dispatched<W>(pub W);

impl<W: Tiled> WithSimd for Dispatched<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        match S::F64_LANES {
            8 => self.0.run::<S, 3, 24, 8>(simd),
            4 => self.0.run::<S, 2, 8, 6>(simd),
            2 => self.0.run::<S, 2, 4, 6>(simd),
            _ => self.0.run::<S, 2, 2, 6>(simd),
        }
    }
}
