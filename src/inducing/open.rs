//! What inducing inputs leave open: the mean over rows of the variance of f(x_i) given f(Z), with white noise left out.
//! This times N is the trace of K − Q that bounds the loss of a sparse model.

use crate::Result;
use crate::kernel::{Kernel, KernelWorkspace, Points};
use crate::linalg::elementwise::dot;
use crate::linalg::triangular::solve_lower;
use crate::linalg::{factor_with_jitter, in_parallel};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, Par};

/// Jitter of K_ZZ relative to its mean diagonal: the choice needs no more digits.
const JITTER: f64 = 1e-8;

/// The mean conditional variance of rows, up to a constant that depends on rows and kernel only.
///
/// # Errors
/// Recoverable ones where K_ZZ has no factor.
pub(super) fn mean_variance(kernel: &Kernel, theta: &[f64], x: Points<'_>, z: &Mat<f64>) -> Result<f64> {
    let (n, m) = (x.rows(), z.nrows());
    let mut workspace = KernelWorkspace::new(kernel, m, x.dim());
    let mut factor = Mat::zeros(m, m);
    let fill = |mut out: MatMut<'_, f64>| {
        kernel.gram(theta, Points::of(z), out.rb_mut(), &mut workspace, Par::Seq);
        let mean = (0..m).map(|i| out[(i, i)]).sum::<f64>() / m as f64;
        (0..m).for_each(|i| out[(i, i)] += JITTER * mean);
    };
    factor_with_jitter("K(Z,Z)", factor.as_mut(), fill, in_parallel())?;
    let mut cross = Mat::zeros(m, n);
    kernel.cross(theta, Points::of(z), x, cross.as_mut(), &mut workspace, in_parallel());
    solve_lower(factor.as_ref(), cross.as_mut(), in_parallel());
    let explained = (0..n).map(|i| dot(cross.col_as_slice(i), cross.col_as_slice(i))).sum::<f64>();
    Ok(-explained / n as f64)
}
