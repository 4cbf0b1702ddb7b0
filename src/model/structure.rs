//! What latent models have in common: processes, likelihood, and where their parameters are in θ.

use super::exact::kernel_parameters;
use crate::kernel::{Kernel, KernelParameter, ParameterRole, Points};
use crate::likelihood::{Family, Likelihood};
use crate::mean::Mean;
use crate::parameter::{Layout, Parameter, Prior};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// A prior of latent functions: kernel and mean.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its kernel.
    pub kernel: Kernel,
    /// Its mean function.
    pub mean: Mean,
}

/// A process and where its parameters are.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub process: Process,
    pub kernel: Range<usize>,
    pub mean: Range<usize>,
}

/// Processes and likelihood with the layout of their parameters: `kernel.…`, `likelihood.…` and `mean.…`; those of a
/// second process begin with `noise.`, those of later ones with `latent2.` and so on.
#[derive(Debug, Clone)]
pub(super) struct Structure {
    pub likelihood: Arc<dyn Likelihood>,
    pub processes: Vec<Placed>,
    pub of_likelihood: Range<usize>,
    pub layout: Layout,
}

impl Structure {
    /// Over `dim` input columns. `processes` has one entry that all latent functions share, or one for each.
    pub fn new(likelihood: Arc<dyn Likelihood>, processes: Vec<Process>, dim: usize) -> Result<Self> {
        let latents = likelihood.latents();
        if processes.len() != 1 && processes.len() != latents {
            return Err(Error::Shape { what: "latent processes", expected: latents, found: processes.len() });
        }
        let (mut parameters, mut placed) = (Vec::new(), Vec::new());
        let mut of_likelihood = 0..0;
        for (place, process) in processes.into_iter().enumerate() {
            if let Some(column) = process.kernel.columns().into_iter().find(|&c| c >= dim) {
                return Err(Error::Invalid(format!(
                    "the kernel uses input column {column}, but there are only {dim} (numbered from 0)"
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
            parameters.extend(below(&prefix, process.mean.parameters(dim)));
            placed.push(Placed { process, kernel, mean: begin..parameters.len() });
        }
        Ok(Self { likelihood, processes: placed, of_likelihood, layout: Layout::new(parameters)? })
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        self.likelihood.latents()
    }

    /// The likelihood's own parameters φ among those of θ.
    pub fn phi<'t>(&self, theta: &'t [f64]) -> &'t [f64] {
        &theta[self.of_likelihood.clone()]
    }

    /// Which process latent function `c` belongs to.
    pub fn place(&self, c: usize) -> usize {
        c.min(self.processes.len() - 1)
    }

    /// The latent functions of a process.
    pub fn of_process(&self, place: usize) -> Range<usize> {
        if self.processes.len() == 1 { 0..self.latents() } else { place..place + 1 }
    }

    /// Prior means at N points: that of latent function c in row i at c N + i.
    pub fn prior_means(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        out.fill(0.0);
        for (c, out) in out.chunks_mut(x.rows().max(1)).enumerate() {
            let placed = &self.processes[self.place(c)];
            placed.process.mean.add(&theta[placed.mean.clone()], x, out);
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
