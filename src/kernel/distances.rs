//! Squared distances of a strip and their adjoint, in vector registers.

use super::FeatureRows;
use crate::linalg::lanes::{Simd, WithSimd, sum_of_pairs};

/// s_i = Σ_d (x_id − z_d)² between the features of rows and those of a point.
pub(super) struct SquaredDistances<'a> {
    pub rows: FeatureRows<'a>,
    pub point: &'a [f64],
    pub out: &'a mut [f64],
}

impl WithSimd for SquaredDistances<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, point, out } = self;
        let (registers, rest) = S::as_mut_simd_f64s(out);
        let whole = registers.len() * S::F64_LANES;
        // Many registers at a time: what a column costs apart from its arithmetic is shared among them.
        let (eights, registers) = registers.as_chunks_mut::<8>();
        let (fours, ones) = registers.as_chunks_mut::<4>();
        let mut row = 0;
        for out in eights {
            *out = registers_from(simd, rows, point, row);
            row += 8 * S::F64_LANES;
        }
        for out in fours {
            *out = registers_from(simd, rows, point, row);
            row += 4 * S::F64_LANES;
        }
        for out in ones {
            [*out] = registers_from(simd, rows, point, row);
            row += S::F64_LANES;
        }
        if !rest.is_empty() {
            let mut sum = simd.splat_f64s(0.0);
            for (d, z) in point.iter().enumerate() {
                let x = simd.partial_load_f64s(rows.some(d, whole, rest.len()));
                sum = add_square(simd, x, simd.splat_f64s(*z), sum);
            }
            simd.partial_store_f64s(rest, sum);
        }
    }
}

/// Distances of `N` registers of rows from row `first` on, which stay in registers from the first column to the last.
#[inline(always)]
fn registers_from<S: Simd, const N: usize>(
    simd: S,
    rows: FeatureRows<'_>,
    point: &[f64],
    first: usize,
) -> [S::f64s; N] {
    let mut sums = [simd.splat_f64s(0.0); N];
    for (d, z) in point.iter().enumerate() {
        let z = simd.splat_f64s(*z);
        let x = S::as_simd_f64s(rows.some(d, first, N * S::F64_LANES)).0;
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = add_square(simd, *x, z, *sum);
        }
    }
    sums
}

#[inline(always)]
fn add_square<S: Simd>(simd: S, x: S::f64s, z: S::f64s, sum: S::f64s) -> S::f64s {
    let t = simd.sub_f64s(z, x);
    simd.mul_add_f64s(t, t, sum)
}

/// Gives `each` Σ_i c_i (x_id − z_d)² for all columns d.
pub(super) struct Moments<'a, F> {
    pub rows: FeatureRows<'a>,
    pub point: &'a [f64],
    pub slopes: &'a [f64],
    pub each: F,
}

impl<F: FnMut(usize, f64)> WithSimd for Moments<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, point, slopes, mut each } = self;
        for (d, z) in point.iter().enumerate() {
            let z = simd.splat_f64s(*z);
            let moment = sum_of_pairs(
                simd,
                rows.column(d),
                slopes,
                #[inline(always)]
                |x, c, sum| {
                    let t = simd.sub_f64s(z, x);
                    simd.mul_add_f64s(simd.mul_f64s(t, t), c, sum)
                },
            );
            each(d, moment);
        }
    }
}

/// Σ_i c_i (x_id − z_d) of column d.
pub(super) struct FirstMoment<'a> {
    pub x: &'a [f64],
    pub z: f64,
    pub slopes: &'a [f64],
}

impl WithSimd for FirstMoment<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let z = simd.splat_f64s(self.z);
        sum_of_pairs(
            simd,
            self.x,
            self.slopes,
            #[inline(always)]
            |x, c, sum| simd.mul_add_f64s(simd.sub_f64s(x, z), c, sum),
        )
    }
}
