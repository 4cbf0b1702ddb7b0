//! Products, solutions, inverses and Cholesky factors in one thread: matrices are packed into panels, of which the innermost loop reads
//! what their triangles let be.
//!
//! Source of the loops: K. Goto and R. A. van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM TOMS 34 (2008).

mod factor;
mod inverse;
mod product;
mod sides;
mod solution;
mod substitution;
mod tile;

pub(super) use factor::{NoFactor, factor_lower};
pub(super) use inverse::invert_lower;
pub(super) use product::multiply;
pub(super) use solution::solve_lower;
use std::cell::RefCell;
use std::ops::Range;

/// Columns of the left side that are packed at a time: a panel of them, and one of the right side, fit the first cache.
pub(super) const DEPTH: usize = 256;
/// Rows of registers of the left side that are packed at a time: with AVX2 half of a second cache of 512 KiB.
const HEIGHT: usize = 32;
/// Numbers in a line of the cache.
const LINE: usize = 8;

/// Room for panels of the left side or of right sides, and for those of the right side or of a factor.
type Packed = [Vec<f64>; 2];

thread_local! {
    /// Kept from one piece of work to the next.
    static PACKED: RefCell<Packed> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

fn with_packed<R>(work: impl FnOnce(&mut Packed) -> R) -> R {
    PACKED.with_borrow_mut(work)
}

/// At least one piece, all of about equal length: of up to `most`, and but for the last in multiples of `unit`.
#[inline(always)]
fn pieces(range: Range<usize>, most: usize, unit: usize) -> impl Iterator<Item = Range<usize>> {
    let count = range.len().div_ceil(most).max(1);
    let length = range.len().div_ceil(count).next_multiple_of(unit);
    (0..count).map(move |i| {
        let start = range.end.min(range.start + i * length);
        start..range.end.min(start + length)
    })
}

/// So many numbers, whatever they were, from where a line of the cache begins.
fn resized(buffer: &mut Vec<f64>, length: usize) -> &mut [f64] {
    if buffer.len() < length + LINE {
        buffer.resize(length + LINE, 0.0);
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
    &mut buffer[start..start + length]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Tiles of other processors than the one at hand.

    use super::super::lanes::Simd;
    use super::super::products::BlockStructure::{Rectangular, TriangularLower};
    use super::factor::Factorisation;
    use super::inverse::Inverse;
    use super::product::Product;
    use super::sides::Side;
    use super::solution::Solution;
    use super::tile::Dispatched;
    use super::with_packed;
    use faer::{Accum, Mat};

    const N: usize = 149;

    /// A factor, its inverse, a solution and a product with a triangle on its left.
    fn all<S: Simd>(simd: S) -> [Mat<f64>; 4] {
        let near = |i: usize, j: usize| ((i * j + 1) as f64).sin() / (3 + i + j) as f64;
        let a = Mat::from_fn(N, N, |i, j| if i == j { 3.0 } else { near(i, j) });
        let b = Mat::from_fn(N, 77, |i, j| ((3 * i + 7 * j) as f64).sin());
        let (mut l, mut inverse, mut solved) = (a.clone(), Mat::zeros(N, N), b.clone());
        let mut product = Mat::zeros(N, 77);
        with_packed(|packed| {
            simd.vectorize(Dispatched(Factorisation { a: l.as_mut(), packed })).unwrap();
            simd.vectorize(Dispatched(Inverse { out: inverse.as_mut(), factor: l.as_ref(), packed }));
            let right_sides = solved.as_mut().transpose_mut();
            simd.vectorize(Dispatched(Solution { factor: l.as_ref(), right_sides, packed }));
            let left = Side::left((l.as_ref(), TriangularLower));
            let right = Side::right((b.as_ref(), Rectangular));
            let out = product.as_mut().try_as_col_major_mut().unwrap();
            let (of_out, place, accum, factor) = (Rectangular, (0, 0), Accum::Replace, 1.0);
            simd.vectorize(Dispatched(Product {
                out,
                of_out,
                place,
                accum,
                left,
                weights: None,
                right,
                factor,
                packed,
            }));
        });
        [l, inverse, solved, product]
    }

    #[test]
    fn tiles_of_every_width_of_registers_give_the_same() {
        let narrow = all(pulp::Scalar);
        for wide in [all(pulp::Scalar128b), all(pulp::Scalar256b), all(pulp::Scalar512b)] {
            for (narrow, wide) in narrow.iter().zip(wide) {
                assert!((narrow - wide).norm_max() < 1e-12);
            }
        }
    }
}
