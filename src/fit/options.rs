//! What a fit may be told.

use crate::inference::{SteinPreset, VariationalFamily};
use crate::kernel::KernelExpression;
use crate::likelihood::{Approximation, Family};
use crate::mean::Mean;
use crate::parameter::Prior;
use crate::{Error, Result};
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
    /// The mode of the posterior with the evidence lower bound in place of the evidence: the latent values have the best
    /// Gaussian. With Gaussian noise the bound is the evidence.
    Vi,
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
            Method::Vi => "vi",
        }
    }
}

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelChoice {
    /// Exact for Gaussian noise, latent for every other likelihood.
    #[default]
    Auto,
    /// Exact regression: Gaussian noise only.
    Exact,
    /// Latent functions, with any likelihood.
    Latent,
}

/// Options of [`fit`](super::fit); the defaults are those of the command line.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Likelihood.
    pub likelihood: Family,
    /// Model.
    pub model: ModelChoice,
    /// Gaussian that stands for latent values given the parameters; the likelihood's own choice where absent.
    pub approximation: Option<Approximation>,
    /// Kernel of the second latent function (the logarithm of the noise variance); as the first where absent.
    pub noise_kernel: Option<KernelExpression>,
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
            likelihood: Family::Gaussian,
            model: ModelChoice::Auto,
            approximation: None,
            noise_kernel: None,
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
    /// Whether the model is exact regression.
    pub fn is_exact(&self) -> bool {
        self.likelihood == Family::Gaussian && self.model != ModelChoice::Latent
    }

    /// Whether the options agree with one another: what is wrong here is wrong with any data.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what contradicts what, and what to do.
    pub fn check(&self) -> Result<()> {
        let invalid = |problem: String| Err(Error::Invalid(problem));
        let (family, name) = (self.likelihood, self.likelihood.name());
        if self.particles == 0 {
            return invalid("a fit needs at least one particle".into());
        }
        if self.model == ModelChoice::Exact && family != Family::Gaussian {
            return invalid(format!(
                "exact regression has Gaussian noise: likelihood {name} needs --model latent"
            ));
        }
        if self.noise_kernel.is_some() && family != Family::Heteroscedastic {
            return invalid(format!(
                "--noise-kernel is the kernel of a noise that varies: it is for likelihood heteroscedastic, not {name}"
            ));
        }
        // Two classes have all that more have.
        let likelihood = family.build(2)?;
        if likelihood.latents() > 1 && family != Family::Heteroscedastic && self.mean != Mean::Zero {
            return invalid(format!(
                "{name} takes no mean function: the same mean for all of its latent functions changes no probability"
            ));
        }
        match self.approximation {
            Some(_) if self.is_exact() => {
                invalid("--approximation is for latent models: exact regression needs none".into())
            }
            Some(Approximation::Expectation) if likelihood.latents() > 1 => invalid(format!(
                "expectation propagation takes one latent function, and {name} has several: --approximation \
                 variational or laplace takes any number"
            )),
            Some(Approximation::Expectation) if !likelihood.is_log_concave() => invalid(format!(
                "expectation propagation takes log-concave likelihoods, and {name} is not: --approximation variational \
                 or laplace takes any"
            )),
            Some(Approximation::Laplace) if !likelihood.is_smooth() => invalid(format!(
                "Laplace's approximation needs a curvature at the mode, and likelihood {name} has a kink there: \
                 --approximation expectation or variational needs none"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn options_that_contradict_one_another_say_what_to_do() {
        let of = |likelihood| FitOptions { likelihood, ..FitOptions::default() };
        let under =
            |likelihood, approximation| FitOptions { approximation: Some(approximation), ..of(likelihood) };
        let cases = [
            (FitOptions { particles: 0, ..of(Family::Gaussian) }, "particle"),
            (FitOptions { model: ModelChoice::Exact, ..of(Family::Poisson) }, "--model latent"),
            (FitOptions { mean: Mean::Constant, ..of(Family::Softmax) }, "no mean function"),
            (
                FitOptions { noise_kernel: Some("rbf".parse().unwrap()), ..of(Family::Poisson) },
                "heteroscedastic",
            ),
            (under(Family::Gaussian, Approximation::Laplace), "--approximation"),
            (under(Family::Softmax, Approximation::Expectation), "one latent function"),
            (under(Family::Heteroscedastic, Approximation::Expectation), "one latent function"),
            (under(Family::StudentT, Approximation::Expectation), "log-concave"),
            (under(Family::Laplace, Approximation::Laplace), "curvature"),
        ];
        for (options, part) in cases {
            let told = options.check().unwrap_err().to_string();
            assert!(told.contains(part), "`{part}` is not in: {told}");
        }
        for family in Family::ALL {
            assert!(of(family).check().is_ok(), "{family}");
        }
    }
}
