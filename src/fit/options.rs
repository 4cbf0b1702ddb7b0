//! What a fit may be told.

use crate::inducing::{OwnInducing, Selection};
use crate::inference::{SteinPreset, VariationalFamily};
use crate::kernel::KernelExpression;
use crate::likelihood::{Approximation, Family};
use crate::mean::Mean;
use crate::model::CollapsedForm;
use crate::parameter::Prior;
use crate::{Error, Result};
use faer::Mat;
use std::path::PathBuf;
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
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Svgd, Self::Map, Self::Ml, Self::Laplace, Self::Advi, Self::Nuts, Self::Vi];

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
    /// By likelihood and size, see [`FitOptions::choose`].
    #[default]
    Auto,
    /// Exact regression: Gaussian noise only.
    Exact,
    /// Latent functions, with any likelihood.
    Latent,
    /// Inducing points whose values are integrated out, from all rows at a time: Gaussian noise only.
    Sparse,
    /// Inducing points whose values are particles' own, from minibatches: any likelihood.
    SparseLatent,
    /// Inducing points with a Gaussian for their values, from minibatches: any likelihood.
    Svgp,
}

impl ModelChoice {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ModelChoice::Auto => "auto",
            ModelChoice::Exact => "exact",
            ModelChoice::Latent => "latent",
            ModelChoice::Sparse => "sparse",
            ModelChoice::SparseLatent => "sparse-latent",
            ModelChoice::Svgp => "svgp",
        }
    }

    /// Whether it has inducing points.
    pub fn is_sparse(self) -> bool {
        matches!(self, ModelChoice::Sparse | ModelChoice::SparseLatent | ModelChoice::Svgp)
    }
}

/// Rows up to which exact regression is chosen: a posterior takes a thousand evaluations, minutes at this size.
const MOST_EXACT: usize = 2_500;
/// Latent values L N up to which a latent model is chosen.
const MOST_LATENT: usize = 2_000;
/// Rows up to which all rows are passed in each evaluation of a sparse model.
const MOST_COLLAPSED: usize = 10_000;

/// Where and how often a minibatched fit writes its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointOptions {
    /// The file.
    pub path: PathBuf,
    /// Iterations between two writes: what a run that is killed loses at most.
    pub every: u64,
    /// Whether to go on from the state in the file, where there is one.
    pub resume: bool,
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
    /// Number of inducing points M of a sparse model; 500 where absent.
    pub inducing: Option<usize>,
    /// How they are chosen.
    pub selection: Selection,
    /// Inducing points, M×D, in the inputs' own units, instead of those that would be chosen.
    pub inducing_points: Option<Mat<f64>>,
    /// Terms of the kernel whose inducing points stand first among those that are given
    /// ([`SparseModel::own_inducing`](crate::model::SparseModel::own_inducing)).
    pub inducing_terms: Vec<OwnInducing>,
    /// Whether the inducing points climb with the parameters; where absent, those that are not given do in minibatched fits.
    pub optimise_inducing: Option<bool>,
    /// What stands for the evidence where inducing values are integrated out.
    pub collapsed: CollapsedForm,
    /// Rows of a minibatch.
    pub batch: usize,
    /// Most iterations of the search for the mode by minibatches; 3,000 where absent.
    pub warm_up: Option<usize>,
    /// Where a minibatched fit writes its state.
    pub checkpoint: Option<CheckpointOptions>,
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
            inducing: None,
            selection: Selection::default(),
            inducing_points: None,
            inducing_terms: Vec::new(),
            optimise_inducing: None,
            collapsed: CollapsedForm::default(),
            batch: 256,
            warm_up: None,
            checkpoint: None,
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
    /// The model for this many rows, of a likelihood with this many latent functions: the one that was asked for; else exact
    /// regression or a latent model for few rows, a sparse one for many, in minibatches from 10,000 on.
    pub fn choose(&self, rows: usize, latents: usize) -> ModelChoice {
        let gaussian = self.likelihood == Family::Gaussian;
        let asks_for_sparse = self.inducing.is_some() || self.inducing_points.is_some();
        match self.model {
            ModelChoice::Auto if gaussian && rows <= MOST_EXACT && !asks_for_sparse => ModelChoice::Exact,
            ModelChoice::Auto if !gaussian && latents * rows <= MOST_LATENT && !asks_for_sparse => {
                ModelChoice::Latent
            }
            ModelChoice::Auto if gaussian && rows <= MOST_COLLAPSED => ModelChoice::Sparse,
            ModelChoice::Auto if matches!(self.method, Method::Nuts | Method::Laplace | Method::Advi) => {
                match (gaussian, asks_for_sparse) {
                    (true, _) => ModelChoice::Sparse,
                    (false, false) => ModelChoice::Latent,
                    (false, true) if self.method == Method::Nuts => ModelChoice::SparseLatent,
                    (false, true) => ModelChoice::Svgp,
                }
            }
            _ => self.choose_in_batches(),
        }
    }

    /// The model where rows come in minibatches: the one that was asked for; else that of the settings, where they are the
    /// published ones.
    pub(super) fn choose_in_batches(&self) -> ModelChoice {
        match self.model {
            ModelChoice::Auto if self.method == Method::Svgd && self.preset == SteinPreset::Paper => {
                ModelChoice::SparseLatent
            }
            ModelChoice::Auto => ModelChoice::Svgp,
            chosen => chosen,
        }
    }

    /// What is said of settings that the model that was chosen has no use for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a checkpoint that would never be written, and as [`FitOptions::check`] where the model was
    /// chosen by size.
    pub(super) fn unused_by(&self, choice: ModelChoice) -> Result<Vec<String>> {
        Self { model: choice, ..self.clone() }.check()?;
        let defaults = Self::default();
        let by_chains = self.method == Method::Nuts;
        let minibatched = matches!(choice, ModelChoice::Svgp | ModelChoice::SparseLatent) && !by_chains;
        // With Gaussian noise the engine of exact regression moves particles.
        let integrates = choice == ModelChoice::Svgp && self.likelihood == Family::Gaussian;
        let (name, method) = (choice.name(), self.method.name());
        if self.checkpoint.is_some() && !minibatched {
            return Err(Error::Invalid(format!(
                "checkpoints are of minibatched fits, and model {name} by {method} takes all rows at a time: use --model \
                 svgp, or fit without"
            )));
        }
        let paper = self.method == Method::Svgd && self.preset == SteinPreset::Paper;
        let asks_for_sparse = self.inducing.is_some() || self.inducing_points.is_some();
        // Inducing points climb in a warm-up, which neither chains nor the published method have.
        let stays = match choice {
            ModelChoice::SparseLatent => by_chains || paper,
            other => !other.is_sparse(),
        };
        let climbs = matches!(self.method, Method::Map | Method::Ml | Method::Vi);
        let steps = self.iterations.is_some() || self.learning_rate.is_some();
        let settings = [
            (
                "--batch and --warm-up",
                !minibatched && (self.batch != defaults.batch || self.warm_up.is_some()),
            ),
            ("--warm-up", minibatched && paper && self.warm_up.is_some()),
            ("--inducing and --inducing-points", !choice.is_sparse() && asks_for_sparse),
            ("--selection", !choice.is_sparse() && self.selection != defaults.selection),
            ("--optimise-inducing", stays && self.optimise_inducing.is_some()),
            ("--polish", minibatched && !integrates && self.polish.is_some()),
            ("--restarts", minibatched && self.restarts.is_some()),
            ("--approximation", choice.is_sparse() && self.approximation.is_some()),
            ("--approximation fitc", choice != ModelChoice::Sparse && self.collapsed != defaults.collapsed),
            ("--iterations and --learning-rate", !minibatched && climbs && steps),
        ];
        let told = settings.into_iter().filter(|(_, unused)| *unused);
        Ok(told.map(|(setting, _)| format!("model {name} has no use for {setting}")).collect())
    }

    /// Number of inducing points.
    pub fn inducing_count(&self) -> usize {
        self.inducing.unwrap_or(500)
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
        if self.model == ModelChoice::Sparse && family != Family::Gaussian {
            return invalid(format!(
                "inducing values are integrated out with Gaussian noise only: likelihood {name} needs --model svgp"
            ));
        }
        if self.inducing == Some(0) || self.inducing_points.as_ref().is_some_and(|z| z.nrows() == 0) {
            return invalid("a sparse model has at least one inducing point".into());
        }
        if self.batch == 0 {
            return invalid("a minibatch has at least one row".into());
        }
        let methods: &[Method] = match self.model {
            ModelChoice::Svgp => &[Method::Svgd, Method::Vi, Method::Map, Method::Ml],
            ModelChoice::SparseLatent => &[Method::Svgd, Method::Nuts],
            _ => &Method::ALL,
        };
        if !methods.contains(&self.method) {
            let names: Vec<&str> = methods.iter().map(|m| m.name()).collect();
            return invalid(format!(
                "--model {} is fitted by {}, not by {}; --model sparse takes any method where noise is Gaussian",
                self.model.name(),
                names.join(", "),
                self.method.name()
            ));
        }
        if self.model == ModelChoice::Svgp && self.preset == SteinPreset::Paper {
            return invalid(
                "the published settings move inducing values with the parameters: --stein paper is for --model \
                 sparse-latent"
                    .into(),
            );
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
            Some(_) if family == Family::Gaussian && self.model != ModelChoice::Latent => {
                invalid("--approximation is for latent models: exact and sparse regression need none".into())
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

    #[test]
    fn the_chosen_model_can_do_what_was_asked_for() {
        let of = |likelihood, method| FitOptions { likelihood, method, ..FitOptions::default() };
        let paper = FitOptions { preset: SteinPreset::Paper, ..of(Family::Gaussian, Method::Svgd) };
        assert_eq!(paper.choose(20_000, 1), ModelChoice::SparseLatent);
        assert_eq!(paper.choose_in_batches(), ModelChoice::SparseLatent);
        let few = |method| FitOptions { inducing: Some(20), ..of(Family::Bernoulli, method) };
        assert_eq!(few(Method::Nuts).choose(400, 1), ModelChoice::SparseLatent);
        assert_eq!(few(Method::Laplace).choose(400, 1), ModelChoice::Svgp);
        for (options, choice) in [
            (few(Method::Laplace), ModelChoice::Svgp),
            (of(Family::Gaussian, Method::Nuts), ModelChoice::Svgp),
            (paper, ModelChoice::Svgp),
        ] {
            assert!(options.unused_by(choice).is_err(), "{:?}", options.method);
        }
    }

    #[test]
    fn settings_without_a_use_are_told_and_a_checkpoint_is_refused() {
        let told = |options: &FitOptions, choice| options.unused_by(choice).map(|told| told.join("; "));
        let polished = FitOptions { polish: Some(5), ..FitOptions::default() };
        assert_eq!(told(&polished, ModelChoice::Svgp).unwrap(), "");
        assert_eq!(told(&polished, ModelChoice::Sparse).unwrap(), "");
        let classes = FitOptions { likelihood: Family::Bernoulli, ..polished };
        assert!(told(&classes, ModelChoice::Svgp).unwrap().contains("--polish"));
        let path = PathBuf::from("state");
        let checkpoint = Some(CheckpointOptions { path, every: 9, resume: false });
        let by_chains = FitOptions { method: Method::Nuts, checkpoint, ..FitOptions::default() };
        assert!(told(&by_chains, ModelChoice::SparseLatent).is_err());
    }
}
