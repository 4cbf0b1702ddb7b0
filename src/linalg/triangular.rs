//! Factors, inverses and solutions of triangular systems, cut into blocks whose products are [`multiply`]'s.

use super::packed::{self, NoFactor};
use super::products::{BlockStructure, multiply, multiply_triangular};
use super::{join, threads};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

/// Right sides that are solved for at a time where threads share them.
const SHARED: usize = 128;
/// Fewer right sides are left to faer.
const FEW: usize = 4;

/// `b` ← L⁻¹ b, for lower triangular L.
pub(crate) fn solve_lower(factor: MatRef<'_, f64>, b: MatMut<'_, f64>, par: Par) {
    in_columns(b, par, &|mut b| {
        let n = factor.nrows();
        if b.ncols() < FEW {
            return solve_lower_triangular_in_place(factor, b, Par::Seq);
        }
        if n <= packed::DEPTH {
            return packed::solve_lower(factor, b);
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
        if b.ncols() < FEW {
            return solve_upper_triangular_in_place(factor, b, Par::Seq);
        }
        if n <= packed::DEPTH {
            // From the last unknown to the first, which then is the first.
            return packed::solve_lower(factor.reverse_rows_and_cols(), b.reverse_rows_mut());
        }
        let h = half(n);
        let (mut first, mut rest) = b.rb_mut().split_at_row_mut(h);
        solve_upper(factor.submatrix(h, h, n - h, n - h), rest.rb_mut(), Par::Seq);
        multiply(first.rb_mut(), Accum::Add, factor.submatrix(0, h, h, n - h), rest.rb(), -1.0, Par::Seq);
        solve_upper(factor.submatrix(0, 0, h, h), first, Par::Seq);
    });
}

/// Does `work` on up to [`SHARED`] columns at a time where they are shared, on all of them where they are not.
fn in_columns(b: MatMut<'_, f64>, par: Par, work: &(impl Fn(MatMut<'_, f64>) + Sync)) {
    if threads(par) == 1 || b.ncols() <= SHARED {
        return work(b);
    }
    let h = half(b.ncols());
    let (first, second) = b.split_at_col_mut(h);
    join(par, || in_columns(first, par, work), || in_columns(second, par, work));
}

/// `out` ← L⁻¹ for lower triangular L. The upper triangles are neither read nor written.
pub(crate) fn invert_lower(mut out: MatMut<'_, f64>, factor: MatRef<'_, f64>, par: Par) {
    let n = factor.nrows();
    if n <= packed::DEPTH {
        return packed::invert_lower(out, factor);
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

/// `a` ← L with LLᵀ = A, from and to the lower triangle.
///
/// # Errors
/// [`NoFactor`] where A is not positive definite; `a` is lost then.
pub(super) fn factor_lower(mut a: MatMut<'_, f64>, par: Par) -> Result<(), NoFactor> {
    let n = a.nrows();
    if n <= packed::DEPTH {
        return packed::factor_lower(a);
    }
    let h = half(n);
    let (mut first, _, mut below, mut last) = a.rb_mut().split_at_mut(h, h);
    factor_lower(first.rb_mut(), par)?;
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
    factor_lower(last, par)
}

/// The first half of a side, in whole vectors.
fn half(length: usize) -> usize {
    (length / 2).next_multiple_of(8).min(length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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
            assert!((a[(i, j)] - b[(i, j)]).abs() < 1e-10, "({i}, {j}): {} {}", a[(i, j)], b[(i, j)]);
        }
    }

    /// Of one block and of several, none a multiple of a tile.
    const SIZES: [usize; 5] = [1, 5, 13, 149, 307];

    #[test]
    fn factors_give_the_matrix_back_and_leave_the_upper_triangle() {
        for n in SIZES {
            let l = lower(n);
            let product = |l: &Mat<f64>, i: usize, j: usize| (0..=j).map(|k| l[(i, k)] * l[(j, k)]).sum();
            let a = Mat::from_fn(n, n, |i, j| if i < j { f64::NAN } else { product(&l, i, j) });
            for par in [Par::Seq, in_parallel()] {
                let mut by_columns = a.clone();
                factor_lower(by_columns.as_mut(), par).unwrap();
                let mut by_rows = a.transpose().to_owned();
                factor_lower(by_rows.as_mut().transpose_mut(), par).unwrap();
                for found in [by_columns.as_ref(), by_rows.transpose()] {
                    assert!((0..n).all(|j| (0..j).all(|i| found[(i, j)].is_nan())));
                    close(clean(found).as_ref(), clean(l.as_ref()).as_ref());
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for (n, at) in SIZES.into_iter().flat_map(|n| [(n, 0), (n, n / 2), (n, n - 1)]) {
            for wrong in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
                let mut a = Mat::<f64>::identity(n, n);
                a[(at, at)] = wrong;
                assert!(factor_lower(a.as_mut(), Par::Seq).is_err(), "{wrong} at {at} of {n}");
            }
        }
    }

    #[test]
    fn nothing_has_a_factor_an_inverse_and_a_solution() {
        let mut nothing = Mat::<f64>::zeros(0, 0);
        factor_lower(nothing.as_mut(), Par::Seq).unwrap();
        invert_lower(nothing.as_mut(), Mat::zeros(0, 0).as_ref(), Par::Seq);
        solve_lower(nothing.as_ref(), Mat::zeros(0, 9).as_mut(), Par::Seq);
    }

    /// With zeros above the diagonal.
    fn clean(l: MatRef<'_, f64>) -> Mat<f64> {
        Mat::from_fn(l.nrows(), l.ncols(), |i, j| if i < j { 0.0 } else { l[(i, j)] })
    }

    #[test]
    fn solutions_solve_in_both_orders_of_memory() {
        for (n, wide) in SIZES.into_iter().flat_map(|n| [(n, 1), (n, 5), (n, 141)]) {
            let l = lower(n);
            let x = Mat::from_fn(n, wide, |i, j| ((i + 3 * j) as f64 * 0.37).sin());
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
                let back =
                    Mat::from_fn(n, wide, |i, j| (i..n).map(|k| l[(k, i)] * solved[(k, j)]).sum::<f64>());
                close(back.as_ref(), y.as_ref());
            }
        }
    }

    #[test]
    fn the_inverse_is_one_and_leaves_the_upper_triangle() {
        for n in SIZES {
            let l = lower(n);
            for par in [Par::Seq, in_parallel()] {
                let mut inverse = Mat::from_fn(n, n, |_, _| 7.0);
                invert_lower(inverse.as_mut(), l.as_ref(), par);
                assert!((0..n).all(|j| (0..j).all(|i| inverse[(i, j)] == 7.0)));
                let below = clean(inverse.as_ref());
                close(times(&l, below.as_ref()).as_ref(), Mat::<f64>::identity(n, n).as_ref());
            }
        }
    }
}
