//! Gaussian sites: what each observation says about its latent values, and where that leads.

use super::gaussian::Gaussian;
use crate::Result;

/// Natural parameters of the sites exp(ηᵀg − ½ gᵀTg), in g = f − m.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sites {
    /// T, an L×L block a row.
    pub precision: Vec<f64>,
    /// η, length n.
    pub shift: Vec<f64>,
}

impl Sites {
    /// Sites that say nothing.
    pub(super) fn none(rows: usize, latents: usize) -> Self {
        Self { precision: vec![0.0; rows * latents * latents], shift: vec![0.0; rows * latents] }
    }

    pub(super) fn copy_from(&mut self, other: &Sites) {
        self.precision.copy_from_slice(&other.precision);
        self.shift.copy_from_slice(&other.shift);
    }

    /// The way from `self` to `other`, a part of it: sums of natural parameters are sites again.
    pub(super) fn move_towards(&mut self, other: &Sites, share: f64) {
        let mix = |a: &mut f64, b: &f64| *a += share * (b - *a);
        self.precision.iter_mut().zip(&other.precision).for_each(|(a, b)| mix(a, b));
        self.shift.iter_mut().zip(&other.shift).for_each(|(a, b)| mix(a, b));
    }
}

/// A Gaussian for the latent values: what the approximations look for, and what predictions need.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub sites: Sites,
    /// a = K⁻¹(mean), length n.
    pub a: Vec<f64>,
    /// Mean of g, length n.
    pub mean: Vec<f64>,
    /// Prior mean m of f, length n.
    pub prior_mean: Vec<f64>,
}

impl State {
    pub(super) fn new(rows: usize, latents: usize) -> Self {
        let size = rows * latents;
        Self {
            sites: Sites::none(rows, latents),
            a: vec![0.0; size],
            mean: vec![0.0; size],
            prior_mean: vec![0.0; size],
        }
    }

    /// Mean and marginal covariances for the present sites.
    pub(super) fn refresh(&mut self, gaussian: &mut Gaussian) -> Result<()> {
        gaussian.set_precision(&self.sites.precision)?;
        gaussian.solve(&self.sites.shift, &mut self.a, &mut self.mean);
        gaussian.marginals();
        Ok(())
    }

    /// Means of the latent values f of row `i`.
    pub(super) fn latent(&self, i: usize, rows: usize, out: &mut [f64]) {
        for (c, o) in out.iter_mut().enumerate() {
            *o = self.prior_mean[c * rows + i] + self.mean[c * rows + i];
        }
    }
}
