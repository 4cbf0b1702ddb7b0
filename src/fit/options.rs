//! What a fit may be told.

use crate::inference::SteinPreset;
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
}

impl Method {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Svgd => "svgd",
            Method::Map => "map",
            Method::Ml => "ml",
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
    /// Number of particles.
    pub particles: usize,
    /// Number of iterations; that of the preset where absent.
    pub iterations: Option<usize>,
    /// Step size; that of the preset where absent.
    pub learning_rate: Option<f64>,
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
