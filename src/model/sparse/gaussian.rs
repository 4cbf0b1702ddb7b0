//! The Gaussian q(v) of a sparse model: one for each latent function, in the coordinates of its natural gradient.
//!
//! q(v) = N(m, Λ⁻¹) with natural parameters Λ and η = Λm (the prior has Λ = I, η = 0). A step of length ρ along the natural
//! gradient of the evidence lower bound moves both towards a target by the share ρ (Hensman et al. 2013, eq. 9 and 10, for
//! any likelihood Khan & Lin 2017): Λ ← (1−ρ)Λ + ρ(I + Σ w_i a_i a_iᵀ) and η ← (1−ρ)η + ρ Σ a_i (g_i + w_i a_iᵀm), with
//! slopes g_i and curvatures −w_i of the expected log likelihood in the function's value. With Gaussian noise and all rows
//! ρ = 1 is the optimum.

use crate::linalg::triangular::{solve_lower, solve_upper};
use crate::linalg::{factor_with_jitter, inverse_from_factor};
use crate::{Error, Result};
use faer::{Mat, MatMut, Par};

/// q(v) of L latent functions with M inducing values each.
#[derive(Debug, Clone)]
pub struct InducingGaussian {
    size: usize,
    /// Λ, lower triangles.
    precision: Vec<Mat<f64>>,
    /// R with Λ = RRᵀ.
    factor: Vec<Mat<f64>>,
    /// η, length L M.
    shift: Vec<f64>,
    /// m = Λ⁻¹η, length L M.
    mean: Vec<f64>,
}

/// Where the natural gradient points: what a step of length 1 would make of Λ and η.
#[derive(Debug, Clone)]
pub struct NaturalTarget {
    /// I + Σ w_i a_i a_iᵀ, lower triangles.
    pub precision: Vec<Mat<f64>>,
    /// Σ a_i (g_i + w_i a_iᵀm), length L M.
    pub shift: Vec<f64>,
}

impl NaturalTarget {
    /// Zeros for L latent functions with M inducing values.
    pub fn zeros(latents: usize, size: usize) -> Self {
        Self {
            precision: (0..latents).map(|_| Mat::zeros(size, size)).collect(),
            shift: vec![0.0; latents * size],
        }
    }

    /// Adds `share` times another one.
    pub fn add(&mut self, share: f64, other: &NaturalTarget) {
        for (to, from) in self.precision.iter_mut().zip(&other.precision) {
            lower(to, from, |to, from| *to += share * from);
        }
        self.shift.iter_mut().zip(&other.shift).for_each(|(to, from)| *to += share * from);
    }

    /// Back to zero.
    pub fn clear(&mut self) {
        self.precision.iter_mut().for_each(|p| p.fill(0.0));
        self.shift.fill(0.0);
    }
}

/// Changes the lower triangle of `to` by that of `from`.
fn lower(to: &mut Mat<f64>, from: &Mat<f64>, change: impl Fn(&mut f64, f64)) {
    for j in 0..to.ncols() {
        let (to, from) = (&mut to.col_as_slice_mut(j)[j..], &from.col_as_slice(j)[j..]);
        to.iter_mut().zip(from).for_each(|(to, from)| change(to, *from));
    }
}

impl InducingGaussian {
    /// The prior N(0, I) of `latents` functions with `size` inducing values each.
    pub fn prior(latents: usize, size: usize) -> Self {
        let identity = || (0..latents).map(|_| Mat::identity(size, size)).collect();
        let zeros = vec![0.0; latents * size];
        Self { size, precision: identity(), factor: identity(), shift: zeros.clone(), mean: zeros }
    }

    /// From natural parameters: Λ of each function (lower triangles) and η.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths disagree; recoverable ones where a Λ is not positive definite.
    pub fn from_natural(precision: Vec<Mat<f64>>, shift: Vec<f64>) -> Result<Self> {
        let size = precision.first().map_or(0, Mat::nrows);
        if shift.len() != precision.len() * size || precision.iter().any(|p| p.ncols() != size) {
            let expected = precision.len() * size;
            return Err(Error::Shape { what: "inducing values", expected, found: shift.len() });
        }
        let factor = precision.clone();
        let mut q = Self { size, precision, factor, mean: shift.clone(), shift };
        q.refresh()?;
        Ok(q)
    }

    /// From means (length L M) and factors S = FFᵀ of the covariances (lower triangles, M×M): what GPflow calls `q_mu` and
    /// `q_sqrt`.
    ///
    /// # Errors
    /// As [`InducingGaussian::from_natural`].
    pub fn from_moments(mean: &[f64], factors: &[Mat<f64>]) -> Result<Self> {
        let (mut precision, mut shift) = (Vec::new(), vec![0.0; mean.len()]);
        for factor in factors {
            let mut inverse = factor.clone();
            let mut work = Mat::zeros(factor.nrows(), factor.nrows());
            if (0..factor.nrows()).any(|i| factor[(i, i)] == 0.0) {
                return Err(Error::NotPositiveDefinite {
                    matrix: "covariance of q(v)",
                    size: factor.nrows(),
                    jitter: 0.0,
                });
            }
            inverse_from_factor(inverse.as_mut(), work.as_mut(), Par::Seq);
            precision.push(inverse);
        }
        let size = precision.first().map_or(0, Mat::nrows);
        for ((precision, mean), shift) in
            precision.iter().zip(mean.chunks(size.max(1))).zip(shift.chunks_mut(size.max(1)))
        {
            times_symmetric(precision, mean, shift);
        }
        Self::from_natural(precision, shift)
    }

    /// Number of inducing values M of a function.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Number of functions L.
    pub fn latents(&self) -> usize {
        self.precision.len()
    }

    /// Means m of function `c`, length M.
    pub fn mean(&self, c: usize) -> &[f64] {
        &self.mean[c * self.size..(c + 1) * self.size]
    }

    /// Λ of function `c`, lower triangle.
    pub fn precision(&self, c: usize) -> &Mat<f64> {
        &self.precision[c]
    }

    /// η of all functions, length L M.
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// R with Λ = RRᵀ of function `c`, lower triangle.
    pub fn factor(&self, c: usize) -> &Mat<f64> {
        &self.factor[c]
    }

    /// Another mean (length L M), with the same precision.
    pub fn set_mean(&mut self, mean: &[f64]) {
        self.mean.copy_from_slice(mean);
        let of_functions = self.mean.chunks(self.size).zip(self.shift.chunks_mut(self.size));
        for (precision, (mean, shift)) in self.precision.iter().zip(of_functions) {
            times_symmetric(precision, mean, shift);
        }
    }

    /// A step of length ρ ≤ 1 along the natural gradient. Where Λ would lose its factor nothing changes.
    ///
    /// # Errors
    /// A recoverable one in that case.
    pub fn step(&mut self, rho: f64, target: &NaturalTarget) -> Result<()> {
        let mix = |to: &mut f64, from: f64| *to += rho * (from - *to);
        let before = (self.precision.clone(), self.shift.clone(), self.mean.clone());
        for (to, from) in self.precision.iter_mut().zip(&target.precision) {
            lower(to, from, mix);
        }
        self.shift.iter_mut().zip(&target.shift).for_each(|(to, from)| mix(to, *from));
        let result = self.refresh();
        if result.is_err() {
            let mean;
            (self.precision, self.shift, mean) = before;
            // The factors of one function may be those of the step already.
            self.refresh()?;
            self.mean = mean;
        }
        result
    }

    /// Factors and means from Λ and η, on one thread: how linear algebra is cut decides the rounding, and what is made
    /// again from natural parameters must be what it was.
    fn refresh(&mut self) -> Result<()> {
        if self.shift.iter().any(|v| !v.is_finite()) {
            return Err(Error::NotFiniteValue { what: "natural parameters of q(v)" });
        }
        for (factor, precision) in self.factor.iter_mut().zip(&self.precision) {
            let fill = |mut out: MatMut<'_, f64>| out.copy_from(precision);
            factor_with_jitter("precision of q(v)", factor.as_mut(), fill, Par::Seq)?;
        }
        self.mean.copy_from_slice(&self.shift);
        for (factor, mean) in self.factor.iter().zip(self.mean.chunks_mut(self.size.max(1))) {
            let mut column = MatMut::from_column_major_slice_mut(mean, self.size, 1);
            solve_lower(factor.as_ref(), column.as_mut(), Par::Seq);
            solve_upper(factor.transpose(), column, Par::Seq);
        }
        Ok(())
    }

    /// KL(q(v) ‖ N(0, I)), all functions together. Cost: M³/6 multiplications and additions a function.
    pub fn divergence(&self, par: Par) -> f64 {
        let m = self.size;
        let mut inverse = Mat::zeros(m, m);
        let of = |c: usize, inverse: &mut Mat<f64>| {
            let factor = &self.factor[c];
            crate::linalg::triangular::invert_lower(inverse.as_mut(), factor.as_ref(), par);
            // tr Λ⁻¹ is the squared norm of R⁻¹.
            let trace: f64 =
                (0..m).map(|j| inverse.col_as_slice(j)[j..].iter().map(|v| v * v).sum::<f64>()).sum();
            let log_determinant: f64 = (0..m).map(|i| 2.0 * factor[(i, i)].ln()).sum();
            let square: f64 = self.mean(c).iter().map(|v| v * v).sum();
            0.5 * (trace + square - m as f64 + log_determinant)
        };
        (0..self.latents()).map(|c| of(c, &mut inverse)).sum()
    }

    /// The factors F of the covariances S = FFᵀ (lower triangles), as GPflow's `q_sqrt`.
    ///
    /// # Errors
    /// Recoverable ones where a covariance has no factor.
    pub fn covariance_factors(&self, par: Par) -> Result<Vec<Mat<f64>>> {
        let m = self.size;
        let mut work = Mat::zeros(m, m);
        (0..self.latents())
            .map(|c| {
                let mut covariance = self.factor[c].clone();
                inverse_from_factor(covariance.as_mut(), work.as_mut(), par);
                let mut factor = Mat::zeros(m, m);
                let fill = |mut out: MatMut<'_, f64>| out.copy_from(&covariance);
                factor_with_jitter("covariance of q(v)", factor.as_mut(), fill, par)?;
                for j in 0..m {
                    factor.col_as_slice_mut(j)[..j].fill(0.0);
                }
                Ok(factor)
            })
            .collect()
    }

    /// How many numbers [`InducingGaussian::pack`] writes.
    pub fn packed_length(latents: usize, size: usize) -> usize {
        latents * (size + size * (size + 1) / 2)
    }

    /// Means, then the factors R column by column from the diagonal on.
    pub fn pack(&self, out: &mut [f64]) {
        let (means, mut rest) = out.split_at_mut(self.mean.len());
        means.copy_from_slice(&self.mean);
        for factor in &self.factor {
            for j in 0..self.size {
                let (column, later) = rest.split_at_mut(self.size - j);
                column.copy_from_slice(&factor.col_as_slice(j)[j..]);
                rest = later;
            }
        }
    }
}

/// A x for a symmetric A given by its lower triangle.
fn times_symmetric(lower: &Mat<f64>, x: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for j in 0..lower.ncols() {
        let column = lower.col_as_slice(j);
        out[j] += column[j] * x[j];
        for i in j + 1..lower.nrows() {
            out[i] += column[i] * x[j];
            out[j] += column[i] * x[i];
        }
    }
}
