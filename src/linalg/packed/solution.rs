//! `b` ← L⁻¹ b.

use super::super::lanes::Simd;
use super::super::products::BlockStructure;
use super::sides::{Side, unpack};
use super::substitution::{pack_factor, substitute};
use super::tile::{Tiled, in_tiles};
use super::{DEPTH, HEIGHT, Packed, pieces, resized, with_packed};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{MatMut, MatRef};

/// `b` ← L⁻¹ b for lower triangular L of up to [`DEPTH`] rows. Its upper triangle takes no part.
pub(in super::super) fn solve_lower(factor: MatRef<'_, f64>, b: MatMut<'_, f64>) {
    debug_assert!(factor.nrows() <= DEPTH);
    with_packed(|packed| in_tiles(Solution { factor, right_sides: b.transpose_mut(), packed }));
}

pub(super) struct Solution<'a> {
    pub factor: MatRef<'a, f64>,
    /// One a row.
    pub right_sides: MatMut<'a, f64>,
    pub packed: &'a mut Packed,
}

impl Tiled for Solution<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const C: usize>(self, simd: S) {
        let Self { factor, mut right_sides, packed: [panels, of_factor] } = self;
        let (n, count) = right_sides.shape();
        // One at least, for the iterators below.
        let length = count.next_multiple_of(C).max(1);
        let of_factor = resized(of_factor, length * length);
        pack_factor::<C>(factor, length, of_factor);
        for tall in pieces(0..n, HEIGHT * S::F64_LANES, H) {
            let panels = resized(panels, tall.len().next_multiple_of(H) * length);
            let side = Side { matrix: right_sides.rb(), of: BlockStructure::Rectangular };
            side.pack::<H>(tall.clone(), 0..count, length, panels);
            let panels = panels.as_chunks_mut::<H>().0;
            for (group, of_factor) in of_factor.as_chunks::<C>().0.chunks_exact(length).enumerate() {
                for panel in panels.chunks_exact_mut(length) {
                    substitute::<S, V, H, C>(simd, panel, of_factor, 0..group * C);
                }
            }
            for (row, panel) in tall.clone().step_by(H).zip(panels.chunks_exact(length)) {
                let rows = H.min(tall.end - row);
                unpack(panel, right_sides.rb_mut().subrows_mut(row, rows));
            }
        }
    }
}
