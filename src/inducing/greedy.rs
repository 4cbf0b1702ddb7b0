//! Greedy conditional variance: the next point is the row whose latent value the points so far leave most open.
//!
//! This is the Cholesky factorisation of K(X, X) with pivots on the largest remaining diagonal entry, stopped after M
//! columns: with L (N×M) the part computed, the remaining diagonal is k(x_i, x_i) − Σ_m L_im², the variance of f(x_i)
//! given the values at the points. The points also approximate the mode of a determinantal point process, and the trace
//! of K − Q that they leave is within a factor of the best that any M columns reach. Source: Burt, Rasmussen &
//! van der Wilk (JMLR 2020), sections 4 and 7; Fine & Scheinberg (JMLR 2001) for the factorisation.
//!
//! Cost: N M²/2 multiplications and additions, N M kernel values and N M numbers of memory. Each column needs all
//! before it, so memory sets the pace. Rows are cut into blocks of [`STRIP`], whose columns lie one after the other: the
//! sums of a block stay in cache, and blocks go to threads without changing a bit.

use crate::kernel::{Features, Kernel, Points, STRIP, Strip};
use crate::linalg::elementwise::vectorise;
use crate::{Error, Result};
use rayon::prelude::*;

/// Points end where the largest conditional variance is this share of the largest variance: beyond lies rounding.
const LEAST_VARIANCE: f64 = 1e-10;

/// Consecutive rows.
struct Block<'a> {
    x: Points<'a>,
    /// Columns of L for these rows, one after the other.
    features: Features,
    factor: Vec<f64>,
    /// Variance of f(x_i) given the points so far.
    variances: Vec<f64>,
    scratch: Vec<f64>,
}

/// Up to `count` rows of X, in the order in which they were chosen; at least one.
pub(super) fn rows(kernel: &Kernel, theta: &[f64], x: Points<'_>, count: usize) -> Result<Vec<usize>> {
    let mut blocks: Vec<Block<'_>> = (0..x.rows().div_ceil(STRIP))
        .into_par_iter()
        .map(|b| {
            let x = x.slice(b * STRIP, STRIP.min(x.rows() - b * STRIP));
            Block::new(kernel, theta, x, count)
        })
        .collect();
    let mut point = vec![0.0; x.dim()];
    let (mut chosen, mut least) = (Vec::new(), 0.0);
    while chosen.len() < count {
        let (row, variance) = largest(&blocks)?;
        if chosen.is_empty() {
            least = LEAST_VARIANCE * variance;
        } else if variance <= least {
            break;
        }
        chosen.push(row);
        if variance <= 0.0 {
            break;
        }
        x.row_into(row, &mut point);
        let (block, i) = (&blocks[row / STRIP], row % STRIP);
        let of_row: Vec<f64> = block.factor.chunks(block.x.rows()).map(|column| column[i]).collect();
        blocks.par_iter_mut().for_each(|block| block.add_point(kernel, theta, &point, &of_row, variance));
        blocks[row / STRIP].variances[i] = 0.0;
    }
    Ok(chosen)
}

/// The row with the largest conditional variance: the first, where several have it.
fn largest(blocks: &[Block<'_>]) -> Result<(usize, f64)> {
    let mut largest = (0, f64::NEG_INFINITY);
    for (i, v) in blocks.iter().flat_map(|b| &b.variances).enumerate() {
        if !v.is_finite() {
            return Err(Error::NotFiniteValue { what: "a variance of the kernel at the inputs" });
        }
        if *v > largest.1 {
            largest = (i, *v);
        }
    }
    Ok(largest)
}

impl<'a> Block<'a> {
    fn new(kernel: &Kernel, theta: &[f64], x: Points<'a>, count: usize) -> Self {
        let mut scratch = vec![0.0; STRIP * kernel.scratch_strips()];
        let (mut variances, mut point) = (vec![0.0; x.rows()], vec![0.0; x.dim()]);
        let (mut features, mut of_point) = (Features::default(), vec![0.0; kernel.feature_count()]);
        let of_rows = features.prepare(kernel, theta, x);
        for (i, variance) in variances.iter_mut().enumerate() {
            x.row_into(i, &mut point);
            of_rows.row_into(i, &mut of_point);
            // The latent function with itself: white noise, which two observations do not share, must not count.
            let features = (of_rows.slice(i, 1), of_point.as_slice());
            let strip = Strip { x: x.slice(i, 1), z: &point, same: None, features };
            kernel.strip(theta, strip, std::slice::from_mut(variance), &mut scratch);
        }
        Self { x, features, factor: Vec::with_capacity(x.rows() * count), variances, scratch }
    }

    /// Adds the column l = (k(X, z) − Σ_m L_m L_zm)/√v of a point z with conditional variance v, where L_z is its own row.
    fn add_point(&mut self, kernel: &Kernel, theta: &[f64], point: &[f64], of_point: &[f64], variance: f64) {
        let (start, rows) = (self.factor.len(), self.x.rows());
        self.factor.resize(start + rows, 0.0);
        let (before, column) = self.factor.split_at_mut(start);
        let mut features = Features::default();
        features.prepare(kernel, theta, Points::columns_of(point, 1, point.len()));
        let features = (self.features.rows(), features.values());
        let strip = Strip { x: self.x, z: point, same: None, features };
        kernel.strip(theta, strip, column, &mut self.scratch);
        let variances = &mut self.variances;
        vectorise(
            #[inline(always)]
            || {
                subtract_products(column, before, of_point);
                let inverse = 1.0 / variance.sqrt();
                for (l, v) in column.iter_mut().zip(variances) {
                    *l *= inverse;
                    *v = (*v - *l * *l).max(0.0);
                }
            },
        );
    }
}

/// out −= Σ_m s_m a_m for columns a_m that lie one after the other: four at a time, so that `out` is read and written a
/// quarter as often.
#[inline(always)]
fn subtract_products(out: &mut [f64], columns: &[f64], s: &[f64]) {
    let n = out.len();
    let (fours, rest) = s.as_chunks::<4>();
    let (of_fours, of_rest) = columns.split_at(4 * fours.len() * n);
    for (s, a) in fours.iter().zip(of_fours.chunks_exact(4 * n)) {
        let (a, b) = a.split_at(2 * n);
        let ((a0, a1), (a2, a3)) = (a.split_at(n), b.split_at(n));
        for ((((o, a0), a1), a2), a3) in out.iter_mut().zip(a0).zip(a1).zip(a2).zip(a3) {
            let first = s[0].mul_add(*a0, s[1] * a1);
            *o -= s[2].mul_add(*a2, s[3].mul_add(*a3, first));
        }
    }
    for (s, a) in rest.iter().zip(of_rest.chunks_exact(n)) {
        for (o, a) in out.iter_mut().zip(a) {
            *o -= s * a;
        }
    }
}
