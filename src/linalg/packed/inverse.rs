//! `out` ← L⁻¹: the solution with unit vectors for right sides, from their first number that is not zero on.

use super::super::lanes::Simd;
use super::substitution::{pack_factor, substitute};
use super::tile::{Tiled, in_tiles};
use super::{DEPTH, HEIGHT, Packed, pieces, resized, with_packed};
use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};

/// The lower triangle of `out` ← L⁻¹ for lower triangular L of up to [`DEPTH`] rows. The upper triangles take no part.
pub(in super::super) fn invert_lower(out: MatMut<'_, f64>, factor: MatRef<'_, f64>) {
    debug_assert!(factor.nrows() <= DEPTH);
    with_packed(|packed| in_tiles(Inverse { out, factor, packed }));
}

pub(super) struct Inverse<'a> {
    pub out: MatMut<'a, f64>,
    pub factor: MatRef<'a, f64>,
    pub packed: &'a mut Packed,
}

impl Tiled for Inverse<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const C: usize>(self, simd: S) {
        let Self { mut out, factor, packed: [panels, of_factor] } = self;
        let n = factor.nrows();
        // One at least, for the iterators below.
        let length = n.next_multiple_of(C).max(1);
        let of_factor = resized(of_factor, length * length);
        pack_factor::<C>(factor, length, of_factor);
        for columns in pieces(0..n, HEIGHT * S::F64_LANES, H) {
            let panels = resized(panels, columns.len().next_multiple_of(H) * length).as_chunks_mut::<H>().0;
            // The group with the first number that is not zero.
            let first_group = |column: usize| column / C * C;
            for (column, panel) in columns.clone().step_by(H).zip(panels.chunks_exact_mut(length)) {
                panel[first_group(column)..].fill([0.0; H]);
                let ones = panel[column..].iter_mut().enumerate().take(H);
                ones.for_each(|(i, numbers)| numbers[i] = 1.0);
            }
            for (group, of_factor) in of_factor.as_chunks::<C>().0.chunks_exact(length).enumerate() {
                for (column, panel) in columns.clone().step_by(H).zip(panels.chunks_exact_mut(length)) {
                    if first_group(column) <= group * C {
                        let solved = first_group(column)..group * C;
                        substitute::<S, V, H, C>(simd, panel, of_factor, solved);
                    }
                }
            }
            for (column, panel) in columns.clone().step_by(H).zip(panels.chunks_exact(length)) {
                for (i, j) in (column..columns.end.min(column + H)).enumerate() {
                    let target = out.rb_mut().col_mut(j).subrows_mut(j, n - j);
                    target.iter_mut().zip(&panel[j..]).for_each(|(to, from)| *to = from[i]);
                }
            }
        }
    }
}
