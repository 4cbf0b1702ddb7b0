//! Expected log likelihood of a batch's observations, with its slopes.

use super::SparseModel;
use crate::likelihood::{Expectations, LatentGaussian};
use crate::rows::Batch;
use crate::{Error, Result};
use rayon::prelude::*;

/// Rows whose sums are made together: the same for any number of threads.
const SHARE: usize = 64;

/// What the observations say of the latent values behind them, each multiplied by the scale of the batch.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// Means of the latent values, in; length L B.
    pub mean: Vec<f64>,
    /// Their variances, in.
    pub variance: Vec<f64>,
    /// ∂/∂mean.
    pub slope: Vec<f64>,
    /// ∂/∂variance: half the expected second derivative.
    pub by_variance: Vec<f64>,
}

impl Terms {
    /// Room for L latent values of B rows.
    pub fn resize(&mut self, latents: usize, rows: usize) {
        for numbers in [&mut self.mean, &mut self.variance, &mut self.slope, &mut self.by_variance] {
            numbers.resize(latents * rows, 0.0);
        }
    }

    /// Fills in the slopes; returns scale × Σ E log p(y_i | f) and adds its slope in φ.
    pub fn expect(
        &mut self,
        model: &SparseModel,
        theta: &[f64],
        batch: &Batch,
        scale: f64,
        phi_gradient: &mut [f64],
        parallel: bool,
    ) -> Result<f64> {
        let (latents, rows, parameters) = (model.latents(), batch.rows(), phi_gradient.len());
        let (likelihood, phi) = (model.likelihood().as_ref(), model.likelihood_parameters(theta));
        let (mean, variance) = (&self.mean, &self.variance);
        let share = |number: usize| {
            let mut at = Expectations::new(latents, parameters);
            let (mut own_mean, mut own_covariance) = (vec![0.0; latents], vec![0.0; latents * latents]);
            let (mut value, mut by_phi) = (0.0, vec![0.0; parameters]);
            let range = number * SHARE..((number + 1) * SHARE).min(rows);
            let mut slopes = Vec::with_capacity(2 * latents * range.len());
            for i in range {
                for c in 0..latents {
                    own_mean[c] = mean[c * rows + i];
                    own_covariance[c * latents + c] = variance[c * rows + i];
                }
                let q = LatentGaussian { mean: &own_mean, covariance: &own_covariance };
                likelihood.expectations(phi, batch.observations[i], q, &mut at);
                value += at.value;
                by_phi.iter_mut().zip(&at.value_by).for_each(|(to, from)| *to += from);
                for c in 0..latents {
                    slopes.push((at.gradient[c], 0.5 * at.hessian[c * latents + c]));
                }
            }
            (value, by_phi, slopes)
        };
        let shares = rows.div_ceil(SHARE);
        let done: Vec<_> = if parallel {
            (0..shares).into_par_iter().map(share).collect()
        } else {
            (0..shares).map(share).collect()
        };
        let mut total = 0.0;
        for (number, (value, by_phi, slopes)) in done.into_iter().enumerate() {
            total += value;
            phi_gradient.iter_mut().zip(&by_phi).for_each(|(to, from)| *to += scale * from);
            for (place, (slope, by_variance)) in slopes.into_iter().enumerate() {
                let to = (place % latents) * rows + number * SHARE + place / latents;
                self.slope[to] = scale * slope;
                self.by_variance[to] = scale * by_variance;
            }
        }
        if !total.is_finite() {
            return Err(Error::NotFiniteValue { what: "expected log likelihood" });
        }
        Ok(scale * total)
    }
}
