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
mod adjoint;
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

use super::exact::kernel_parameters;
use crate::kernel::{Kernel, KernelParameter, ParameterRole, Points};
use crate::likelihood::{Family, Likelihood, Observation};
use crate::mean::Mean;
use crate::parameter::{Layout, Parameter, Prior};
use crate::{Error, Result};
use faer::{Mat, MatRef};
use std::ops::Range;
use std::sync::Arc;

/// Latent values L N that a model takes: three matrices of their square a thread.
const MOST_LATENTS: usize = 5_000;

/// A prior of latent functions: kernel and mean.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its kernel.
    pub kernel: Kernel,
    /// Its mean function.
    pub mean: Mean,
}

/// A process and where its parameters are.
#[derive(Debug)]
struct Placed {
    process: Process,
    kernel: Range<usize>,
    mean: Range<usize>,
}

/// Data, processes and likelihood of a latent GP model.
#[derive(Debug)]
pub struct LatentModel {
    x: Mat<f64>,
    observations: Vec<Observation>,
    likelihood: Arc<dyn Likelihood>,
    processes: Vec<Placed>,
    of_likelihood: Range<usize>,
    layout: Layout,
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
        if processes.len() != 1 && processes.len() != latents {
            return Err(Error::Shape { what: "latent processes", expected: latents, found: processes.len() });
        }
        if n * latents > MOST_LATENTS {
            return Err(Error::Invalid(format!(
                "{n} rows with {} have {} latent values, and a latent model takes up to {MOST_LATENTS}: its time grows \
                 with their cube. Fit some of the rows (--holdout or --train-rows choose them)",
                likelihood.family().name(),
                n * latents
            )));
        }
        for (row, at) in observations.iter().enumerate() {
            if let Err(problem) = likelihood.check(*at) {
                return Err(Error::Invalid(format!("training row {row}: target {}: {problem}", at.y)));
            }
        }
        let (mut parameters, mut placed) = (Vec::new(), Vec::new());
        let mut of_likelihood = 0..0;
        for (place, process) in processes.into_iter().enumerate() {
            if let Some(column) = process.kernel.columns().into_iter().find(|&c| c >= x.ncols()) {
                return Err(Error::Invalid(format!(
                    "the kernel uses input column {column}, but there are only {} (numbered from 0)",
                    x.ncols()
                )));
            }
            let prefix = match place {
                0 => String::new(),
                1 => "noise.".into(),
                later => format!("latent{later}."),
            };
            let begin = parameters.len();
            parameters.extend(below(&prefix, priors(likelihood.as_ref(), &process.kernel)));
            let kernel = begin..parameters.len();
            if place == 0 {
                parameters.extend(likelihood.parameters());
                of_likelihood = kernel.end..parameters.len();
            }
            let begin = parameters.len();
            parameters.extend(below(&prefix, process.mean.parameters(x.ncols())));
            placed.push(Placed { process, kernel, mean: begin..parameters.len() });
        }
        let layout = Layout::new(parameters)?;
        let x = x.to_owned();
        Ok(Self { x, observations, likelihood, processes: placed, of_likelihood, layout })
    }

    /// The parameters θ, without latents.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
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
        &self.likelihood
    }

    /// The likelihood's own parameters φ among those of θ.
    pub fn likelihood_parameters<'t>(&self, theta: &'t [f64]) -> &'t [f64] {
        &theta[self.of_likelihood.clone()]
    }

    /// The process of latent function `c`.
    pub fn process(&self, c: usize) -> &Process {
        &self.processes[self.place(c)].process
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.observations.len()
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        self.likelihood.latents()
    }

    /// Number of latent values n = L N.
    fn size(&self) -> usize {
        self.rows() * self.latents()
    }

    /// Which process latent function `c` belongs to.
    fn place(&self, c: usize) -> usize {
        c.min(self.processes.len() - 1)
    }

    /// The latent functions of a process.
    fn of_process(&self, place: usize) -> Range<usize> {
        if self.processes.len() == 1 { 0..self.latents() } else { place..place + 1 }
    }

    fn points(&self) -> Points<'_> {
        Points::of(&self.x)
    }

    /// Prior means of all latent values, length n.
    fn prior_means(&self, theta: &[f64], out: &mut [f64]) {
        let n = self.rows();
        out.fill(0.0);
        for (c, out) in out.chunks_mut(n).enumerate() {
            let placed = &self.processes[self.place(c)];
            placed.process.mean.add(&theta[placed.mean.clone()], self.points(), out);
        }
    }
}

/// The parameters of a kernel with their default priors.
///
/// Two standardised rows lie √(2D) apart. Under Gamma(1, 2) for each of many lengthscales any two are unrelated a priori,
/// and where the likelihood says as little as that of classes the posterior stays there: on 60 inputs (sonar) the model
/// learns nothing. The scale of the prior therefore grows as √D, with the inputs of the leaf that the lengthscale is of. With
/// Gaussian noise the priors are those of exact regression.
fn priors(likelihood: &dyn Likelihood, kernel: &Kernel) -> Vec<Parameter> {
    let scale = |p: &KernelParameter| {
        let leaf = p.path.rsplit_once('.').map_or("", |(leaf, _)| leaf);
        let inputs = kernel.at(leaf).map_or(1, |leaf| leaf.columns().len());
        // Two decimals are enough, and readable where priors are shown.
        (200.0 * (inputs as f64).sqrt()).round() / 100.0
    };
    let own = |(p, mut parameter): (KernelParameter, Parameter)| {
        if p.role == ParameterRole::Lengthscale && likelihood.family() != Family::Gaussian {
            parameter.prior = Some(Prior::Gamma { shape: 1.0, scale: scale(&p) });
        }
        parameter
    };
    kernel.parameters().into_iter().zip(kernel_parameters(kernel)).map(own).collect()
}

fn below(prefix: &str, parameters: impl IntoIterator<Item = Parameter>) -> Vec<Parameter> {
    parameters.into_iter().map(|p| Parameter { path: format!("{prefix}{}", p.path), ..p }).collect()
}

/// A whitened latent value: standard normal a priori.
fn whitened(path: String) -> Parameter {
    Parameter::real(path, 0.0, Prior::Normal { mean: 0.0, sd: 1.0 })
}
