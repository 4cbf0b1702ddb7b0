//! What a fit may be told.

use crate::inference::{SteinPreset, VariationalFamily};
use crate::kernel::KernelExpression;
use crate::mean::Mean;
use crate::parameter::Prior;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Inference method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Particles by Stein variational gradient descent.
    #[default]
    Svgd,
    /// The mode of the posterior in unconstrained coordinates.
    Map,
    /// Maximum marginal likelihood.
    Ml,
    /// Draws from Laplace's approximation: the Gaussian at the mode.
    Laplace,
    /// Draws from the Gaussian with the largest evidence lower bound.
    Advi,
    /// Markov chains by the No-U-Turn Sampler.
    Nuts,
}

impl Method {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Svgd => "svgd",
            Method::Map => "map",
            Method::Ml => "ml",
            Method::Laplace => "laplace",
            Method::Advi => "advi",
            Method::Nuts => "nuts",
        }
    }
}

/// Options of [`fit`](super::fit); the defaults are those of the command line.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Kernel; ARD RBF over all inputs where absent.
    pub kernel: Option<KernelExpression>,
    /// Mean function.
    pub mean: Mean,
    /// Inference method.
    pub method: Method,
    /// Settings of SVGD.
    pub preset: SteinPreset,
    /// Number of particles of SVGD, and of draws from the Gaussian of Laplace's approximation or variational inference.
    pub particles: usize,
    /// Number of iterations of SVGD or variational inference; that of the method or preset where absent.
    pub iterations: Option<usize>,
    /// Step size of SVGD or variational inference; that of the method or preset where absent.
    pub learning_rate: Option<f64>,
    /// Which Gaussians variational inference allows.
    pub family: VariationalFamily,
    /// Chains of NUTS.
    pub chains: usize,
    /// Draws a chain of NUTS while it tunes.
    pub tune: usize,
    /// Draws a chain of NUTS after tuning.
    pub draws: usize,
    /// Draws of NUTS that the posterior keeps, evenly thinned from all chains.
    pub keep: usize,
    /// Acceptance that NUTS aims at.
    pub target_accept: f64,
    /// Metropolis-adjusted trajectories after SVGD; those of the preset where absent, none where zero.
    pub polish: Option<usize>,
    /// Random starts besides the given one; by the number of rows where absent.
    pub restarts: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether inputs and target are brought to mean 0 and standard deviation 1 on the training rows.
    pub standardise: bool,
    /// Priors by path, on the model's scale; `None` takes a prior away.
    pub priors: Vec<(String, Option<Prior>)>,
    /// Start values by path, on the model's scale.
    pub starts: Vec<(String, f64)>,
    /// Fixed values by path, on the model's scale.
    pub fixed: Vec<(String, f64)>,
    /// Names that stand for several inputs in kernel expressions.
    pub input_groups: Vec<(String, Vec<usize>)>,
    /// Set from elsewhere to stop early with what there is.
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            kernel: None,
            mean: Mean::Zero,
            method: Method::Svgd,
            preset: SteinPreset::Default,
            particles: 20,
            iterations: None,
            learning_rate: None,
            family: VariationalFamily::FullRank,
            chains: 4,
            tune: 500,
            draws: 1000,
            keep: 1000,
            target_accept: 0.8,
            polish: None,
            restarts: None,
            seed: 0,
            standardise: true,
            priors: Vec::new(),
            starts: Vec::new(),
            fixed: Vec::new(),
            input_groups: Vec::new(),
            interrupt: None,
        }
    }
}

impl FitOptions {
    pub(super) fn interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}
