//! `a` ← L with LLᵀ = A: rows of L are the solutions with L for rows of A, as far as L is known.

use super::super::lanes::Simd;
use super::super::products::BlockStructure;
use super::sides::Side;
use super::substitution::{eliminate, remainder, substitute};
use super::tile::{Tiled, in_tiles};
use super::{DEPTH, Packed, resized, with_packed};
use faer::MatMut;
use faer::prelude::{Reborrow, ReborrowMut};
use std::ops::Range;

/// A matrix of which some pivot is not positive, or not finite.
#[derive(Debug)]
pub(in super::super) struct NoFactor;

/// The lower triangle of `a` ← that of its Cholesky factor, for up to [`DEPTH`] rows. The upper triangle takes no part.
///
/// # Errors
/// [`NoFactor`], with `a` as it was.
pub(in super::super) fn factor_lower(a: MatMut<'_, f64>) -> Result<(), NoFactor> {
    debug_assert!(a.nrows() <= DEPTH);
    with_packed(|packed| in_tiles(Factorisation { a, packed }))
}

pub(super) struct Factorisation<'a> {
    pub a: MatMut<'a, f64>,
    pub packed: &'a mut Packed,
}

impl Tiled for Factorisation<'_> {
    type Output = Result<(), NoFactor>;

    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const C: usize>(self, simd: S) -> Result<(), NoFactor> {
        let Self { mut a, packed: [panels, of_factor] } = self;
        let n = a.nrows();
        // A panel has room for the group that its last row is in.
        let length = n.next_multiple_of(C).max(1);
        let panels = resized(panels, n.next_multiple_of(H) * length);
        let side = Side { matrix: a.rb(), of: BlockStructure::TriangularLower };
        side.pack::<H>(0..n, 0..n, length, panels);
        let panels = panels.as_chunks_mut::<H>().0;
        for (p, panel) in panels.chunks_exact_mut(length).enumerate() {
            panel[n.min((p + 1) * H)..length.min((p + 1) * H + C)].fill([0.0; H]);
        }
        let of_factor = resized(of_factor, C * length).as_chunks_mut::<C>().0;
        for start in (0..n).step_by(C) {
            let rows = start..n.min(start + C);
            gather(panels, length, rows.clone(), of_factor);
            let (first, last) = (start / H, (rows.end - 1) / H);
            // The rows of this group first, which give the triangle that all others need.
            for panel in panels[first * length..(last + 1) * length].chunks_exact_mut(length) {
                let (solved, unknowns) = panel[..start + C].split_at_mut(start);
                let sums = remainder::<S, V, H, C>(simd, solved, &of_factor[..start], unknowns);
                for (unknown, sum) in unknowns.iter_mut().zip(sums) {
                    S::as_mut_simd_f64s(unknown).0.copy_from_slice(&sum);
                }
            }
            let Some(triangle) = of_factor[start..].first_chunk_mut::<C>() else { return Err(NoFactor) };
            *triangle = std::array::from_fn(|j| std::array::from_fn(|i| f64::from(u8::from(i == j))));
            for (i, row) in rows.clone().enumerate() {
                let of_row = &panels[row / H * length..][start..start + C];
                (0..=i).for_each(|j| triangle[j][i] = of_row[j][row % H]);
            }
            factor_triangle(triangle)?;
            for (p, panel) in panels.chunks_exact_mut(length).enumerate().skip(first) {
                if p > last {
                    substitute::<S, V, H, C>(simd, panel, of_factor, 0..start);
                    continue;
                }
                let unknowns = &mut panel[start..start + C];
                let sums = remainder::<S, V, H, C>(simd, &[], &[], unknowns);
                eliminate::<S, V, H, C>(simd, sums, &of_factor[start..], unknowns);
            }
        }
        for (k, mut column) in a.rb_mut().col_iter_mut().enumerate() {
            for (p, panel) in panels.chunks_exact(length).enumerate().skip(k / H) {
                let rows = k.max(p * H)..n.min((p + 1) * H);
                let from = &panel[k][rows.start - p * H..rows.end - p * H];
                let mut to = column.rb_mut().subrows_mut(rows.start, rows.len());
                match to.rb_mut().try_as_col_major_mut() {
                    Some(to) => to.as_slice_mut().copy_from_slice(from),
                    None => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
                }
            }
        }
        Ok(())
    }
}

/// Copies what is known of some rows of L out of its panels.
#[inline(always)]
fn gather<const H: usize, const C: usize>(
    panels: &[[f64; H]],
    length: usize,
    rows: Range<usize>,
    out: &mut [[f64; C]],
) {
    let start = rows.start;
    if rows.len() < C {
        out[..start].fill([0.0; C]);
    }
    for (j, row) in rows.enumerate() {
        let panel = &panels[row / H * length..][..start];
        out.iter_mut().zip(panel).for_each(|(to, from)| to[j] = from[row % H]);
    }
}

/// A triangle, column by column, ← its factor as substitution reads it.
#[inline(always)]
fn factor_triangle<const C: usize>(triangle: &mut [[f64; C]; C]) -> Result<(), NoFactor> {
    for j in 0..C {
        let squared = triangle[j][j];
        if !(squared > 0.0 && squared.is_finite()) {
            return Err(NoFactor);
        }
        let reciprocal = squared.sqrt().recip();
        let column = &mut triangle[j];
        column[j] = reciprocal;
        column[j + 1..].iter_mut().for_each(|l| *l *= -reciprocal);
        let column = *column;
        for (k, later) in triangle.iter_mut().enumerate().skip(j + 1) {
            for (to, minus_l) in later[k..].iter_mut().zip(&column[k..]) {
                *to = minus_l.mul_add(-column[k], *to);
            }
        }
    }
    Ok(())
}
