//! Adjoints of what is made with a Cholesky factor, in K = LLᵀ.
//!
//! In general (Murray 2016, eq. 10) K̄ = ½ L⁻ᵀ (P + Pᵀ) L⁻¹ with P = Φ(LᵀL̄), the lower triangle with half its diagonal.
//!
//! For f = m + Lν, with f̄ = ∂/∂f the adjoint of L is L̄ = tril(f̄ νᵀ), of rank one below the diagonal, so that P = Φ(c νᵀ) with c = Lᵀ f̄ and
//!
//! S = P + Pᵀ has S_ab = c_max(a,b) ν_min(a,b):
//!
//! S X costs O(N²) by running sums instead of O(N³). What is left is a triangular inverse and a triangular product, N³/3
//! multiplications and additions together, as much as the Cholesky factorisation itself takes.

use crate::linalg::elementwise::dot;
use crate::linalg::products::{BlockStructure, multiply_triangular};
use crate::linalg::triangular::invert_lower;
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

/// Whitened latents of one function and c = Lᵀ f̄.
pub(super) struct RankOne<'a> {
    pub whitened: &'a [f64],
    pub pulled: &'a [f64],
}

/// K̄ = ½ L⁻ᵀ S L⁻¹ (lower triangle) into `out`, for S = P + Pᵀ given by its lower triangle in `symmetric`, whose upper one
/// is written. `inverse` takes L⁻¹, `product` is scratch, both N×N. Cost: 1.2 N³ multiplications and additions.
pub(super) fn of_symmetric(
    factor: MatRef<'_, f64>,
    mut symmetric: MatMut<'_, f64>,
    mut inverse: MatMut<'_, f64>,
    mut product: MatMut<'_, f64>,
    out: MatMut<'_, f64>,
    par: Par,
) {
    let n = factor.nrows();
    for j in 0..n {
        for i in 0..j {
            symmetric[(i, j)] = symmetric[(j, i)];
        }
    }
    invert_lower(inverse.rb_mut(), factor, par);
    multiply_triangular(
        (product.rb_mut(), BlockStructure::Rectangular),
        Accum::Replace,
        (symmetric.rb(), BlockStructure::Rectangular),
        (inverse.rb(), BlockStructure::TriangularLower),
        1.0,
        par,
    );
    multiply_triangular(
        (out, BlockStructure::TriangularLower),
        Accum::Replace,
        (inverse.rb().transpose(), BlockStructure::TriangularUpper),
        (product.rb(), BlockStructure::Rectangular),
        0.5,
        par,
    );
}

/// K̄ (lower triangle) into `out` from L in `factor`, summed over the functions that share L, of which there is one at least.
/// `inverse` and `product` are N×N scratch.
pub(super) fn of_rank_one(
    factor: MatRef<'_, f64>,
    functions: &[RankOne<'_>],
    mut inverse: MatMut<'_, f64>,
    mut product: MatMut<'_, f64>,
    mut out: MatMut<'_, f64>,
    par: Par,
) {
    let n = factor.nrows();
    invert_lower(inverse.rb_mut(), factor, par);
    // T = S L⁻¹: only its lower triangle is needed, since L⁻ᵀ is upper triangular and K̄ symmetric.
    for j in 0..n {
        let x = column(inverse.rb_mut(), j, n);
        let t = column(product.rb_mut(), j, n);
        for (function, RankOne { whitened, pulled }) in functions.iter().enumerate() {
            let mut above: f64 = 0.0;
            let mut below = dot(x, &pulled[j..]);
            for (k, (t, x)) in t.iter_mut().zip(x.iter()).enumerate() {
                let (v, c) = (whitened[j + k], pulled[j + k]);
                above += v * x;
                below -= c * x;
                let sum = c * above + v * below;
                *t = if function == 0 { sum } else { *t + sum };
            }
        }
    }
    multiply_triangular(
        (out.rb_mut(), BlockStructure::TriangularLower),
        Accum::Replace,
        (inverse.rb().transpose(), BlockStructure::TriangularUpper),
        (product.rb(), BlockStructure::TriangularLower),
        0.5,
        par,
    );
}

/// Column `j` from its diagonal on.
fn column(matrix: MatMut<'_, f64>, j: usize, n: usize) -> &mut [f64] {
    matrix.col_mut(j).try_as_col_major_mut().map_or(&mut [][..], |c| &mut c.as_slice_mut()[j..n])
}
