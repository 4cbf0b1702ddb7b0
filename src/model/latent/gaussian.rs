//! Linear algebra of a Gaussian for latent values g = f − m: prior N(0, K), sites exp(ηᵀg − ½ gᵀTg).
//!
//! With T = CCᵀ block by block (one L×L block a row) and B = I + CᵀKC (Rasmussen & Williams, eq. 3.26 and 3.27):
//!
//! R = (K + T⁻¹)⁻¹ = C B⁻¹ Cᵀ,  Σ = (K⁻¹ + T)⁻¹ = K − K R K,  a = K⁻¹Ση = η − R K η,  mean = K a.
//!
//! B is well conditioned whatever K is, so nothing here needs jitter nor a factor of K. Cost: one Cholesky of B for the
//! mean; a triangular inverse more for marginal variances.

use super::{LatentModel, blocks};
use crate::kernel::KernelWorkspace;
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::factor_with_jitter;
use crate::linalg::triangular::{invert_lower, solve_lower, solve_upper};
use crate::{Error, Result};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef, Par};

/// Memory of one thread, and what the last factorisation left in it.
#[derive(Debug)]
pub(super) struct Gaussian {
    /// N rows, L latent functions.
    pub rows: usize,
    pub latents: usize,
    /// K of each process, both triangles.
    pub grams: Vec<Mat<f64>>,
    /// Which of them belongs to latent function c.
    places: Vec<usize>,
    /// C, block by block.
    pub roots: Vec<f64>,
    /// Cholesky factor of B, lower.
    pub factor: Mat<f64>,
    /// n×n scratch; after [`Gaussian::marginals`] with one latent function it holds the factor's inverse.
    pub work: Mat<f64>,
    /// Marginal covariances, a block a row.
    pub covariance: Vec<f64>,
    kernels: Vec<KernelWorkspace>,
    first: Vec<f64>,
    second: Vec<f64>,
    pub par: Par,
}

impl Gaussian {
    pub(super) fn new(model: &LatentModel, par: Par) -> Self {
        let (rows, latents, size) = (model.rows(), model.latents(), model.size());
        let processes = || model.structure.processes.iter().map(|p| &p.process.kernel);
        Self {
            rows,
            latents,
            grams: processes().map(|_| Mat::zeros(rows, rows)).collect(),
            places: (0..latents).map(|c| model.place(c)).collect(),
            roots: vec![0.0; rows * latents * latents],
            factor: Mat::zeros(size, size),
            work: Mat::zeros(size, size),
            covariance: vec![0.0; rows * latents * latents],
            kernels: processes().map(|k| KernelWorkspace::new(k, rows, model.x.ncols())).collect(),
            first: vec![0.0; size],
            second: vec![0.0; size],
            par,
        }
    }

    /// Fills K for θ.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] where a variance overflows.
    pub(super) fn set_kernels(&mut self, model: &LatentModel, theta: &[f64]) -> Result<()> {
        let parts = self.grams.iter_mut().zip(&mut self.kernels).zip(&model.structure.processes);
        for ((gram, workspace), placed) in parts {
            let theta = &theta[placed.kernel.clone()];
            placed.process.kernel.gram(theta, model.points(), gram.as_mut(), workspace, self.par);
            if (0..self.rows).any(|i| !gram[(i, i)].is_finite()) {
                return Err(Error::NotFiniteValue { what: "K(X,X)" });
            }
            mirror(gram.as_mut());
        }
        Ok(())
    }

    pub(super) fn kernel_workspace(&mut self, place: usize) -> &mut KernelWorkspace {
        &mut self.kernels[place]
    }

    /// `out` = K v, length n.
    pub(super) fn times_k(&self, v: &[f64], out: &mut [f64]) {
        for (c, (v, out)) in v.chunks(self.rows).zip(out.chunks_mut(self.rows)).enumerate() {
            symmetric_times(self.grams[self.places[c]].as_ref(), v, out);
        }
    }

    /// Takes site precisions T (a block a row) and factors B.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] where a block is indefinite or not finite; [`Error::NotPositiveDefinite`] where B has no
    /// factor.
    pub(super) fn set_precision(&mut self, precision: &[f64]) -> Result<()> {
        let l = self.latents;
        let square = l * l;
        for (block, root) in precision.chunks(square).zip(self.roots.chunks_mut(square)) {
            if !blocks::factor(block, l, root) {
                return Err(Error::NotFiniteValue { what: "precision of a latent value" });
            }
        }
        let Self { rows, grams, places, roots, factor, par, .. } = self;
        let fill = |out: MatMut<'_, f64>| fill_b(*rows, l, grams, places, roots, out);
        factor_with_jitter("I + CᵀKC", factor.as_mut(), fill, *par)?;
        Ok(())
    }

    /// ½ log |B|.
    pub(super) fn half_log_determinant(&self) -> f64 {
        (0..self.factor.nrows()).map(|i| self.factor[(i, i)].ln()).sum()
    }

    /// `out` = R v. Cost: O(n²).
    pub(super) fn times_r(&mut self, v: &[f64], out: &mut [f64]) {
        let mut half = std::mem::take(&mut self.first);
        self.roots_transposed(v, &mut half);
        let column = MatMut::from_column_major_slice_mut(&mut half, v.len(), 1);
        solve_lower(self.factor.as_ref(), column, self.par);
        let column = MatMut::from_column_major_slice_mut(&mut half, v.len(), 1);
        solve_upper(self.factor.transpose(), column, self.par);
        self.roots_times(&half, out);
        self.first = half;
    }

    /// `a` = η − R K η and `mean` = K a for shifts η.
    pub(super) fn solve(&mut self, shift: &[f64], a: &mut [f64], mean: &mut [f64]) {
        if self.latents == 1 {
            return self.solve_one(shift, a, mean);
        }
        let mut product = std::mem::take(&mut self.second);
        self.times_k(shift, &mut product);
        self.times_r(&product, a);
        a.iter_mut().zip(shift).for_each(|(a, s)| *a = s - *a);
        self.times_k(a, mean);
        self.second = product;
    }

    /// [`Gaussian::solve`] with one latent function. Where an observation is precise, a is small against η = T g + ∂ log p
    /// and the difference would lose its digits: with counts of 10⁷ all that a search needs. Since
    /// (I + TK)⁻¹ = C B⁻¹ C⁻¹, shifts of such rows η₁ take another way, and only the others η₂ that one:
    ///
    /// a = η₂ + C B⁻¹ (C⁻¹ η₁ − Cᵀ K η₂).
    fn solve_one(&mut self, shift: &[f64], a: &mut [f64], mean: &mut [f64]) {
        let mut vague = std::mem::take(&mut self.second);
        for (i, (v, s)) in vague.iter_mut().zip(shift).enumerate() {
            let is_precise = self.roots[i] * self.roots[i] * self.grams[0][(i, i)] > 1.0;
            *v = if is_precise { 0.0 } else { *s };
        }
        self.times_k(&vague, a);
        for (i, a) in a.iter_mut().enumerate() {
            let (root, precise) = (self.roots[i], shift[i] - vague[i]);
            *a = if precise == 0.0 { 0.0 } else { precise / root } - root * *a;
        }
        let size = a.len();
        let column = MatMut::from_column_major_slice_mut(a, size, 1);
        solve_lower(self.factor.as_ref(), column, self.par);
        let column = MatMut::from_column_major_slice_mut(a, size, 1);
        solve_upper(self.factor.transpose(), column, self.par);
        for (i, a) in a.iter_mut().enumerate() {
            *a = vague[i] + self.roots[i] * *a;
        }
        self.times_k(a, mean);
        self.second = vague;
    }

    /// `out` = Cᵀ v.
    pub(super) fn roots_transposed(&self, v: &[f64], out: &mut [f64]) {
        let (n, l) = (self.rows, self.latents);
        for (i, root) in self.roots.chunks(l * l).enumerate() {
            for a in 0..l {
                out[a * n + i] = (a..l).map(|c| root[c * l + a] * v[c * n + i]).sum();
            }
        }
    }

    /// `out` = C v.
    fn roots_times(&self, v: &[f64], out: &mut [f64]) {
        let (n, l) = (self.rows, self.latents);
        for (i, root) in self.roots.chunks(l * l).enumerate() {
            for c in 0..l {
                out[c * n + i] = (0..=c).map(|a| root[c * l + a] * v[a * n + i]).sum();
            }
        }
    }

    /// Marginal covariances of the latent values into `covariance`.
    pub(super) fn marginals(&mut self) {
        if self.latents == 1 { self.variances() } else { self.covariance_blocks() }
    }

    /// With one latent function Σ_ii = (1 − (B⁻¹)_ii) / T_ii: no product with K. Where the site says next to nothing this
    /// difference is all rounding, and Σ_ii = K_ii − |L_B⁻¹ Cᵀ k_i|² takes its place, O(n²) a row.
    fn variances(&mut self) {
        /// T_ii K_ii below which the difference has lost six of its digits.
        const VAGUE: f64 = 1e-6;
        let n = self.rows;
        let mut explained = std::mem::take(&mut self.first);
        invert_lower(self.work.as_mut(), self.factor.as_ref(), self.par);
        for i in 0..n {
            let column = &self.work.col_as_slice(i)[i..];
            let of_inverse = dot(column, column);
            let gram = self.grams[0][(i, i)];
            let precision = self.roots[i] * self.roots[i];
            let variance = if precision * gram > VAGUE {
                (1.0 - of_inverse) / precision
            } else {
                explained.fill(0.0);
                for (j, (k, root)) in self.grams[0].col_as_slice(i).iter().zip(&self.roots).enumerate() {
                    add_scaled(&mut explained[j..], k * root, &self.work.col_as_slice(j)[j..]);
                }
                gram - dot(&explained, &explained)
            };
            self.covariance[i] = variance.clamp(1e-14 * gram, gram);
        }
        self.first = explained;
    }

    /// K − VᵀV with V = L_B⁻¹ Cᵀ K.
    fn covariance_blocks(&mut self) {
        let (n, l) = (self.rows, self.latents);
        for (c, &place) in self.places.iter().enumerate() {
            let gram = &self.grams[place];
            for j in 0..n {
                let column = self.work.col_as_slice_mut(c * n + j);
                let gram = gram.col_as_slice(j);
                for (i, root) in self.roots.chunks(l * l).enumerate() {
                    for a in 0..l {
                        column[a * n + i] = root[c * l + a] * gram[i];
                    }
                }
            }
        }
        solve_lower(self.factor.as_ref(), self.work.as_mut(), self.par);
        for i in 0..n {
            for c in 0..l {
                for d in 0..=c {
                    let (of_c, of_d) = (self.work.col_as_slice(c * n + i), self.work.col_as_slice(d * n + i));
                    let explained = dot(of_c, of_d);
                    let prior = if c == d { self.grams[self.places[c]][(i, i)] } else { 0.0 };
                    let value = if c == d { (prior - explained).max(1e-14 * prior) } else { -explained };
                    self.covariance[(i * l + c) * l + d] = value;
                    self.covariance[(i * l + d) * l + c] = value;
                }
            }
        }
    }
}

/// The lower triangle of B = I + CᵀKC.
fn fill_b(n: usize, l: usize, grams: &[Mat<f64>], places: &[usize], roots: &[f64], mut out: MatMut<'_, f64>) {
    if l == 1 {
        for j in 0..n {
            let (gram, scale) = (&grams[0].col_as_slice(j)[j..], roots[j]);
            let column = column_from(out.rb_mut(), j, j);
            for ((o, k), r) in column.iter_mut().zip(gram).zip(&roots[j..]) {
                *o = scale * r * k;
            }
            column[0] += 1.0;
        }
        return;
    }
    let square = l * l;
    for b in 0..l {
        for j in 0..n {
            let of_j = &roots[j * square..(j + 1) * square];
            for a in b..l {
                let first = if a == b { j } else { 0 };
                let column = column_from(out.rb_mut(), b * n + j, a * n + first);
                for (i, o) in (first..n).zip(column.iter_mut()) {
                    let of_i = &roots[i * square..(i + 1) * square];
                    *o = (a..l)
                        .map(|c| of_i[c * l + a] * of_j[c * l + b] * grams[places[c]].col_as_slice(j)[i])
                        .sum();
                }
            }
            out[(b * n + j, b * n + j)] += 1.0;
        }
    }
}

/// The entries of column `j` from row `first` on. Every matrix here is column-major.
fn column_from(matrix: MatMut<'_, f64>, j: usize, first: usize) -> &mut [f64] {
    matrix.col_mut(j).try_as_col_major_mut().map_or(&mut [][..], |c| &mut c.as_slice_mut()[first..])
}

/// Copies the lower triangle to the upper one, in tiles that fit the cache.
pub(super) fn mirror(mut matrix: MatMut<'_, f64>) {
    const TILE: usize = 32;
    let n = matrix.nrows();
    for jb in (0..n).step_by(TILE) {
        for ib in (jb..n).step_by(TILE) {
            for j in jb..(jb + TILE).min(n) {
                for i in ib.max(j + 1)..(ib + TILE).min(n) {
                    matrix[(j, i)] = matrix[(i, j)];
                }
            }
        }
    }
}

/// `out` = M v for a symmetric M with both triangles: one dot product a column.
fn symmetric_times(matrix: MatRef<'_, f64>, v: &[f64], out: &mut [f64]) {
    for (j, o) in out.iter_mut().enumerate() {
        let column = matrix.col(j).try_as_col_major().map_or(&[][..], |c| c.as_slice());
        *o = dot(column, v);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::model;
    use super::*;
    use crate::likelihood::Family;
    use crate::mean::Mean;

    #[test]
    fn variances_of_vague_and_of_precise_rows_are_those_of_the_whole_covariance() {
        let model = model(Family::Bernoulli, 30, Mean::Zero);
        let theta: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
        let mut gaussian = Gaussian::new(&model, Par::Seq);
        gaussian.set_kernels(&model, &theta).unwrap();
        // From nothing at all to a thousand times the prior's precision.
        let precision: Vec<f64> =
            (0..30).map(|i| if i == 3 { 0.0 } else { 10f64.powi(i % 16 - 12) }).collect();
        gaussian.set_precision(&precision).unwrap();
        gaussian.variances();
        let short = gaussian.covariance.clone();
        gaussian.covariance_blocks();
        for (i, (a, b)) in short.iter().zip(&gaussian.covariance).enumerate() {
            assert!((a / b - 1.0).abs() < 1e-7, "row {i}, precision {}: {a}, {b}", precision[i]);
        }
    }
}
