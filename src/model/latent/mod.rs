//! Latent GP models: y_i ~ p(y | f(x_i)) with one or several latent functions and any likelihood.
//!
//! Two views of one model. [`Joint`] keeps the latents, whitened as f = m + Lν with K = LLᵀ, and is the density of (θ, ν):
//! what chains and the paper's joint SVGD move on. [`Marginal`] integrates them out by a Gaussian for ν | θ
//! ([`Approximation`]) and is the density of θ alone, with the exact gradient of the approximate evidence.
//!
//! L latent functions share one process (softmax) or have one each (heteroscedastic noise). Vectors over latents have
//! length n = L N with latent c of row i at c N + i; blocks over rows have L×L numbers a row.
//!
//! Cost: O(n³) an evaluation. Memory: three n×n matrices (and one N×N a process) a thread, none a particle.

mod acceleration;
mod blocks;
mod conditioned;
mod correction;
mod expectation;
mod gaussian;
mod joint;
mod laplace;
mod marginal;
mod sites;
#[cfg(test)]
mod tests;
mod variational;

pub use conditioned::{LatentConditioned, LatentPrediction};
pub use correction::Correction;
pub use joint::{Joint, JointWorkspace};
pub use marginal::{Marginal, MarginalWorkspace};

use super::structure::{Process, Structure};
use crate::kernel::Points;
use crate::likelihood::{Likelihood, Observation};
use crate::parameter::{Layout, Parameter, Prior};
use crate::{Error, Result};
use faer::{Mat, MatRef};
use std::ops::Range;
use std::sync::Arc;

/// Latent values L N that a model takes: three matrices of their square a thread.
const MOST_LATENTS: usize = 5_000;

/// Data, processes and likelihood of a latent GP model.
#[derive(Debug)]
pub struct LatentModel {
    x: Mat<f64>,
    observations: Vec<Observation>,
    structure: Structure,
}

impl LatentModel {
    /// A model of N observations at inputs `x` (N×D), with the default priors and start values. `processes` has one
    /// entry that all latent functions share, or one for each.
    ///
    /// Parameters are `kernel.…`, `likelihood.…` and `mean.…`; those of a second process begin with `noise.`, those of
    /// later ones with `latent2.` and so on.
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths disagree or there is no row; [`Error::Invalid`] where a kernel uses columns that
    /// `x` does not have, an observation lies outside the support, or there are more than 5,000 latent values.
    pub fn new(
        x: MatRef<'_, f64>,
        observations: Vec<Observation>,
        likelihood: Arc<dyn Likelihood>,
        processes: Vec<Process>,
    ) -> Result<Self> {
        let (n, latents) = (observations.len(), likelihood.latents());
        if x.nrows() != n || n == 0 {
            return Err(Error::Shape { what: "targets", expected: x.nrows().max(1), found: n });
        }
        if n * latents > MOST_LATENTS {
            return Err(Error::Invalid(format!(
                "{n} rows with {} have {} latent values, and a latent model takes up to {MOST_LATENTS}: its time grows \
                 with their cube. Inducing points stand for many rows: use --model svgp",
                likelihood.family().name(),
                n * latents
            )));
        }
        for (row, at) in observations.iter().enumerate() {
            if let Err(problem) = likelihood.check(*at) {
                return Err(Error::Invalid(format!("training row {row}: target {}: {problem}", at.y)));
            }
        }
        let structure = Structure::new(likelihood, processes, x.ncols())?;
        Ok(Self { x: x.to_owned(), observations, structure })
    }

    /// The parameters θ, without latents.
    pub fn layout(&self) -> &Layout {
        &self.structure.layout
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.structure.layout
    }

    /// Training inputs, N×D.
    pub fn x(&self) -> MatRef<'_, f64> {
        self.x.as_ref()
    }

    /// The N observations.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// The likelihood.
    pub fn likelihood(&self) -> &Arc<dyn Likelihood> {
        &self.structure.likelihood
    }

    /// The likelihood's own parameters φ among those of θ.
    pub fn likelihood_parameters<'t>(&self, theta: &'t [f64]) -> &'t [f64] {
        self.structure.phi(theta)
    }

    /// The process of latent function `c`.
    pub fn process(&self, c: usize) -> &Process {
        &self.structure.processes[self.place(c)].process
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.observations.len()
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        self.structure.latents()
    }

    /// Number of latent values n = L N.
    fn size(&self) -> usize {
        self.rows() * self.latents()
    }

    /// Which process latent function `c` belongs to.
    fn place(&self, c: usize) -> usize {
        self.structure.place(c)
    }

    /// The latent functions of a process.
    fn of_process(&self, place: usize) -> Range<usize> {
        self.structure.of_process(place)
    }

    fn points(&self) -> Points<'_> {
        Points::of(&self.x)
    }

    /// Prior means of all latent values, length n.
    fn prior_means(&self, theta: &[f64], out: &mut [f64]) {
        self.structure.prior_means(theta, self.points(), out);
    }
}

/// A whitened latent value: standard normal a priori.
fn whitened(path: String) -> Parameter {
    Parameter::real(path, 0.0, Prior::Normal { mean: 0.0, sd: 1.0 })
}
