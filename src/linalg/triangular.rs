//! Factors, inverses and solutions of triangular systems, cut into blocks whose products are [`multiply`]'s.

use super::join;
use super::products::{BlockStructure, half, multiply, multiply_triangular};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

/// Matrices of up to so many rows are left to faer, and so many right sides are solved for at a time where threads share them.
const SMALL: usize = 128;

/// `b` ← L⁻¹ b, for lower triangular L.
pub(crate) fn solve_lower(factor: MatRef<'_, f64>, b: MatMut<'_, f64>, par: Par) {
    in_columns(b, par, &|mut b| {
        let n = factor.nrows();
        if n <= SMALL || b.ncols() == 1 {
            return solve_lower_triangular_in_place(factor, b, Par::Seq);
        }
        let h = half(n);
        let (mut first, mut rest) = b.rb_mut().split_at_row_mut(h);
        solve_lower(factor.submatrix(0, 0, h, h), first.rb_mut(), Par::Seq);
        multiply(rest.rb_mut(), Accum::Add, factor.submatrix(h, 0, n - h, h), first.rb(), -1.0, Par::Seq);
        solve_lower(factor.submatrix(h, h, n - h, n - h), rest, Par::Seq);
    });
}

/// `b` ← U⁻¹ b, for upper triangular U.
pub(crate) fn solve_upper(factor: MatRef<'_, f64>, b: MatMut<'_, f64>, par: Par) {
    in_columns(b, par, &|mut b| {
        let n = factor.nrows();
        if n <= SMALL || b.ncols() == 1 {
            return solve_upper_triangular_in_place(factor, b, Par::Seq);
        }
        let h = half(n);
        let (mut first, mut rest) = b.rb_mut().split_at_row_mut(h);
        solve_upper(factor.submatrix(h, h, n - h, n - h), rest.rb_mut(), Par::Seq);
        multiply(first.rb_mut(), Accum::Add, factor.submatrix(0, h, h, n - h), rest.rb(), -1.0, Par::Seq);
        solve_upper(factor.submatrix(0, 0, h, h), first, Par::Seq);
    });
}

/// Does `work` on up to [`SMALL`] columns at a time where they are shared, on all of them where they are not.
fn in_columns(b: MatMut<'_, f64>, par: Par, work: &(impl Fn(MatMut<'_, f64>) + Sync)) {
    if par == Par::Seq || b.ncols() <= SMALL {
        return work(b);
    }
    let h = half(b.ncols());
    let (first, second) = b.split_at_col_mut(h);
    join(par, || in_columns(first, par, work), || in_columns(second, par, work));
}

/// `out` ← L⁻¹ for lower triangular L. The upper triangles are neither read nor written.
pub(crate) fn invert_lower(mut out: MatMut<'_, f64>, factor: MatRef<'_, f64>, par: Par) {
    let n = factor.nrows();
    if n <= SMALL {
        return invert_lower_triangular(out, factor, Par::Seq);
    }
    let h = half(n);
    let (mut first, _, mut below, mut last) = out.rb_mut().split_at_mut(h, h);
    let (head, corner) = (factor.submatrix(0, 0, h, h), factor.submatrix(h, h, n - h, n - h));
    join(par, || invert_lower(first.rb_mut(), head, par), || invert_lower(last.rb_mut(), corner, par));
    // −L₂₂⁻¹ (L₂₁ L₁₁⁻¹)
    let left = (factor.submatrix(h, 0, n - h, h), BlockStructure::Rectangular);
    let right = (first.rb(), BlockStructure::TriangularLower);
    multiply_triangular(
        (below.rb_mut(), BlockStructure::Rectangular),
        Accum::Replace,
        left,
        right,
        -1.0,
        par,
    );
    solve_lower(corner, below, par);
}

/// `a` ← L with LLᵀ = A, from and to the lower triangle; `small` factors blocks of up to [`SMALL`] rows.
///
/// # Errors
/// Those of `small`, for a block without a factor.
pub(super) fn factor_lower<E>(
    mut a: MatMut<'_, f64>,
    small: &mut impl FnMut(MatMut<'_, f64>) -> Result<(), E>,
    par: Par,
) -> Result<(), E> {
    let n = a.nrows();
    if n <= SMALL {
        return small(a);
    }
    let h = half(n);
    let (mut first, _, mut below, mut last) = a.rb_mut().split_at_mut(h, h);
    factor_lower(first.rb_mut(), small, par)?;
    solve_lower(first.rb(), below.rb_mut().transpose_mut(), par);
    let below = below.rb();
    multiply_triangular(
        (last.rb_mut(), BlockStructure::TriangularLower),
        Accum::Add,
        (below, BlockStructure::Rectangular),
        (below.transpose(), BlockStructure::Rectangular),
        -1.0,
        par,
    );
    factor_lower(last, small, par)
}

#[cfg(test)]
mod tests {
    use super::super::in_parallel;
    use super::*;
    use faer::Mat;

    /// A lower triangular matrix with rubbish above its diagonal.
    fn lower(n: usize) -> Mat<f64> {
        Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Greater => 0.3 * ((i * 5 + j * 3) as f64).sin() / (1.0 + (i - j) as f64),
            std::cmp::Ordering::Equal => 1.0 + 0.5 * (i as f64).cos(),
            std::cmp::Ordering::Less => 1e9,
        })
    }

    /// L x, from the lower triangle.
    fn times(l: &Mat<f64>, x: MatRef<'_, f64>) -> Mat<f64> {
        Mat::from_fn(x.nrows(), x.ncols(), |i, j| (0..=i).map(|k| l[(i, k)] * x[(k, j)]).sum())
    }

    fn close(a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        for (i, j) in (0..a.nrows()).flat_map(|i| (0..a.ncols()).map(move |j| (i, j))) {
            assert!((a[(i, j)] - b[(i, j)]).abs() < 1e-11, "({i}, {j}): {} {}", a[(i, j)], b[(i, j)]);
        }
    }

    const N: usize = 307;
    const WIDE: usize = 141;

    #[test]
    fn solutions_solve_in_both_orders_of_memory() {
        let l = lower(N);
        let x = Mat::from_fn(N, WIDE, |i, j| ((i + 3 * j) as f64 * 0.37).sin());
        let y = times(&l, x.as_ref());
        for par in [Par::Seq, in_parallel()] {
            let mut solved = y.clone();
            solve_lower(l.as_ref(), solved.as_mut(), par);
            close(solved.as_ref(), x.as_ref());
        }
        let mut by_rows = y.transpose().to_owned();
        solve_lower(l.as_ref(), by_rows.as_mut().transpose_mut(), Par::Seq);
        close(by_rows.transpose(), x.as_ref());
        // U = Lᵀ: with U u = y, Lᵀ u is y again.
        for par in [Par::Seq, in_parallel()] {
            let mut solved = y.clone();
            solve_upper(l.transpose(), solved.as_mut(), par);
            let back = Mat::from_fn(N, WIDE, |i, j| (i..N).map(|k| l[(k, i)] * solved[(k, j)]).sum::<f64>());
            close(back.as_ref(), y.as_ref());
        }
    }

    #[test]
    fn the_inverse_is_one_and_leaves_the_upper_triangle() {
        let l = lower(N);
        for par in [Par::Seq, in_parallel()] {
            let mut inverse = Mat::from_fn(N, N, |_, _| 7.0);
            invert_lower(inverse.as_mut(), l.as_ref(), par);
            assert!((0..N).all(|j| (0..j).all(|i| inverse[(i, j)] == 7.0)));
            let below = Mat::from_fn(N, N, |i, j| if i < j { 0.0 } else { inverse[(i, j)] });
            close(times(&l, below.as_ref()).as_ref(), Mat::<f64>::identity(N, N).as_ref());
        }
    }
}
