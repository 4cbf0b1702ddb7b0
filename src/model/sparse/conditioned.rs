//! Predictions of a sparse model at one θ, with values v of the inducing points or a Gaussian for them:
//! f* has mean m(x*) + a*ᵀm and variance k** − |a*|² + |R⁻¹a*|² (Hensman et al. 2015, eq. 7), the last term only with a
//! Gaussian of precision Λ = RRᵀ.

use super::SparseModel;
use super::projection::Projection;
use crate::kernel::{Points, STRIP};
use crate::linalg::elementwise::dot;
use crate::linalg::triangular::solve_lower;
use crate::model::LatentPrediction;
use crate::{Error, Result};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatRef, Par};

/// Rows predicted at a time: bounds the memory at M × this.
const CHUNK: usize = 2 * STRIP;

/// A sparse model at one draw, ready to predict. Memory: a few M×M matrices.
#[derive(Debug)]
pub struct SparseConditioned<'m> {
    model: &'m SparseModel,
    theta: Vec<f64>,
    mean: Vec<f64>,
    /// R of each latent function; none where values are given.
    factor: Vec<Mat<f64>>,
    par: Par,
}

impl SparseModel {
    /// Whether a draw of this many coordinates has values v only, or a Gaussian; `None` where it is neither.
    pub fn draw_has_gaussian(&self, coordinates: usize) -> Option<bool> {
        let theta = self.layout().dim();
        let (m, latents) = (self.size(), self.latents());
        match coordinates.checked_sub(theta)? {
            values if values == latents * m => Some(false),
            packed if packed == super::InducingGaussian::packed_length(latents, m) => Some(true),
            _ => None,
        }
    }

    /// The model at one draw: free parameters of θ (unconstrained), then v, or a packed
    /// [`InducingGaussian`](super::InducingGaussian).
    ///
    /// # Errors
    /// [`Error::Shape`] for a draw of another length.
    pub fn condition(&self, draw: &[f64], par: Par) -> Result<SparseConditioned<'_>> {
        let dim = self.layout().dim();
        let (m, latents) = (self.size(), self.latents());
        let Some(gaussian) = self.draw_has_gaussian(draw.len()) else {
            let expected = dim + latents * m;
            return Err(Error::Shape { what: "coordinates of a draw", expected, found: draw.len() });
        };
        let mut theta = vec![0.0; self.layout().parameters().len()];
        self.layout().constrain(&draw[..dim], &mut theta);
        let (mean, mut rest) = draw[dim..].split_at(latents * m);
        let mut factor = Vec::new();
        for _ in 0..if gaussian { latents } else { 0 } {
            let mut lower = Mat::zeros(m, m);
            for j in 0..m {
                let (column, later) = rest.split_at(m - j);
                lower.col_as_slice_mut(j)[j..].copy_from_slice(column);
                rest = later;
            }
            factor.push(lower);
        }
        Ok(SparseConditioned { model: self, theta, mean: mean.to_vec(), factor, par })
    }
}

impl SparseConditioned<'_> {
    /// The parameters θ.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// The latent functions at `x` (N*×D), on the model's scale. Cost: O(M²) a row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` does not have D columns; recoverable ones where K_ZZ has no factor.
    pub fn predict_f(&self, x: MatRef<'_, f64>) -> Result<LatentPrediction> {
        let model = self.model;
        if x.ncols() != model.dim() {
            return Err(Error::Shape { what: "input columns", expected: model.dim(), found: x.ncols() });
        }
        let (rows, l, m, par) = (x.nrows(), model.latents(), model.size(), self.par);
        let owned = x.to_owned();
        let points = Points::of(&owned);
        let mut out = LatentPrediction { mean: vec![0.0; rows * l], covariance: vec![0.0; rows * l * l] };
        let most = rows.min(CHUNK);
        let (mut a, mut solved) = (Mat::zeros(m, most), Mat::zeros(m, most));
        let (mut diagonal, mut means) = (vec![0.0; most], vec![0.0; most]);
        for place in 0..model.places() {
            let mut projection = Projection::new(model, place);
            projection.factorise(model, &self.theta, par)?;
            let placed = &model.structure.processes[place];
            for start in (0..rows).step_by(CHUNK) {
                let count = CHUNK.min(rows - start);
                let chunk = points.slice(start, count);
                let block = a.as_mut().subcols_mut(0, count);
                projection.project(model, &self.theta, chunk, block, &mut diagonal[..count], par);
                for c in model.structure.of_process(place) {
                    means.fill(0.0);
                    placed.process.mean.add(&self.theta[placed.mean.clone()], chunk, &mut means[..count]);
                    let of_function = &self.mean[c * m..(c + 1) * m];
                    if let Some(factor) = self.factor.get(c) {
                        let mut block = solved.as_mut().subcols_mut(0, count);
                        block.copy_from(a.as_ref().subcols(0, count));
                        solve_lower(factor.as_ref(), block.rb_mut(), par);
                    }
                    for j in 0..count {
                        let (column, spread) = (a.col_as_slice(j), solved.col_as_slice(j));
                        let left = (diagonal[j] - dot(column, column)).max(0.0);
                        let own = if self.factor.is_empty() { 0.0 } else { dot(spread, spread) };
                        out.mean[(start + j) * l + c] = means[j] + dot(column, of_function);
                        out.covariance[((start + j) * l + c) * l + c] = left + own;
                    }
                }
            }
        }
        Ok(out)
    }
}
