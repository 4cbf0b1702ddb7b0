//! What the command line looks like.

mod compare;

pub(crate) use compare::CompareArguments;

use crate::fit::{FitOptions, ModelChoice};
use crate::inducing::Selection;
use crate::kernel::KernelExpression;
use crate::likelihood::{Approximation, Family};
use crate::mean::Mean;
use crate::model::CollapsedForm;
use crate::parameter::Prior;
use crate::playground::{KernelChoice, MoverChoice, StartChoice};
use crate::table::{Missing, Preparation};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Gaussian processes whose hyperparameters carry a posterior, found by Stein variational gradient descent.
#[derive(Debug, Parser)]
#[command(name = "steingp", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fit a Gaussian process to a table.
    Fit(Box<FitArguments>),
    /// Predict the rows of a table with a fitted model.
    Predict(PredictArguments),
    /// Score a fitted model on a table with known targets.
    Score(ScoreArguments),
    /// Show the parameters of a fitted model: path, transform, prior, mean, sd, quantiles.
    Show(ShowArguments),
    /// Write the particles of a fitted model: a row a particle, a column a parameter, and the weight.
    Particles(ParticlesArguments),
    /// Evaluate log density and score at given parameter values.
    Density(Box<DensityArguments>),
    /// Compare methods on tables: what each gains, and what it costs.
    Compare(Box<CompareArguments>),
    /// Watch SVGD move particles over a target in the plane.
    Stein(SteinArguments),
}

/// Which columns of which table, and what the model is: shared by `fit` and `density`.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Table: .csv, .csv.gz or .parquet.
    pub table: PathBuf,
    /// Column to predict.
    #[arg(long, value_name = "COL")]
    pub target: String,
    #[command(flatten)]
    pub common: CommonArguments,
    /// Training rows: 0-based row numbers of TABLE, one a line; the others are test rows.
    #[arg(long, value_name = "FILE")]
    pub train_rows: Option<PathBuf>,
}

/// What inputs, likelihood and model are, whatever the table: shared by `fit`, `density` and `compare`.
#[derive(Debug, Args)]
pub(crate) struct CommonArguments {
    /// Input columns; all others where absent.
    #[arg(long, value_delimiter = ',', value_name = "COLS")]
    pub inputs: Option<Vec<String>>,
    /// Columns to leave out.
    #[arg(long, value_delimiter = ',', value_name = "COLS")]
    pub drop: Vec<String>,
    /// What to do with rows that lack a value.
    #[arg(long, value_enum, default_value = "error")]
    pub missing: MissingArgument,
    /// Likelihood of the target: gaussian, bernoulli (logit), probit, binomial, poisson, negative-binomial, student-t,
    /// laplace, exponential, gamma, beta, log-normal, ordinal, softmax or heteroscedastic; `auto` looks at the target [default: gaussian].
    #[arg(long, value_name = "NAME", value_parser = parse_likelihood)]
    pub likelihood: Option<LikelihoodArgument>,
    /// Column with the exposure of each count (poisson, negative-binomial).
    #[arg(long, value_name = "COL")]
    pub exposure: Option<String>,
    /// Column with the number of trials of each row (binomial).
    #[arg(long, value_name = "COL", conflicts_with = "exposure")]
    pub trials: Option<String>,
    /// Gaussian that stands for the latent values of a latent model (the likelihood's own choice where absent), or what
    /// stands for the evidence of --model sparse (vfe where absent).
    #[arg(long, value_enum)]
    pub approximation: Option<ApproximationArgument>,
    /// Kernel of the noise's logarithm (heteroscedastic); as --kernel where absent.
    #[arg(long, value_name = "EXPR", value_parser = parse_kernel)]
    pub noise_kernel: Option<KernelExpression>,
    /// Model; `auto` chooses by likelihood and size [default: auto].
    #[arg(long, value_enum)]
    pub model: Option<ModelArgument>,
    /// Inducing points of a sparse model [default: 500].
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub inducing: Option<u32>,
    /// How inducing points are chosen: greedy (largest conditional variance), k-means, the best of these two, or random
    /// [default: best].
    #[arg(long, value_name = "HOW", value_parser = parse_named::<Selection>)]
    pub selection: Option<Selection>,
    /// Table of inducing points, with the input columns, instead of those that would be chosen.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["inducing", "selection"])]
    pub inducing_points: Option<PathBuf>,
    /// Kernel expression, such as "matern32(lon,lat) * matern12(t) + white"; `rbf` over all inputs where absent.
    #[arg(long, value_name = "EXPR", value_parser = parse_kernel)]
    pub kernel: Option<KernelExpression>,
    /// Mean function.
    #[arg(long, value_enum, default_value = "zero")]
    pub mean: MeanArgument,
    /// Prior of a parameter on the model's scale, such as kernel.variance=gamma(1,2); `none` takes it away.
    #[arg(long, value_name = "PATH=DIST", value_parser = parse_prior)]
    pub prior: Vec<(String, Option<Prior>)>,
    /// Start value of a parameter, on the model's scale.
    #[arg(long, value_name = "PATH=VALUE", value_parser = parse_value)]
    pub start: Vec<(String, f64)>,
    /// Value at which a parameter is held, on the model's scale.
    #[arg(long, value_name = "PATH=VALUE", value_parser = parse_value)]
    pub fix: Vec<(String, f64)>,
    /// Keep inputs and target in their own units.
    #[arg(long)]
    pub no_standardise: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads; all cores where absent. What a fit finds does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    pub json: bool,
    /// No progress and no notices.
    #[arg(long)]
    pub quiet: bool,
}

/// How inference goes about it: shared by `fit` and `compare`.
#[derive(Debug, Args)]
pub(crate) struct InferenceArguments {
    /// Settings of SVGD: the default engine, or the published ones [default: default].
    #[arg(long, value_enum)]
    pub stein: Option<SteinArgument>,
    /// Particles of SVGD; draws from the Gaussian of laplace or advi [default: 20].
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub particles: Option<u32>,
    /// Iterations of SVGD or advi.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub iterations: Option<u32>,
    /// Step size of SVGD or advi.
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Gaussians that advi may choose from [default: full-rank].
    #[arg(long, value_enum)]
    pub advi: Option<FamilyArgument>,
    /// Chains of nuts [default: 4].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub chains: Option<u32>,
    /// Draws a chain of nuts while it tunes [default: 500].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub tune: Option<u32>,
    /// Draws a chain of nuts after tuning [default: 1000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub draws: Option<u32>,
    /// Draws of nuts that the model keeps, evenly thinned from all chains [default: 1000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub keep: Option<u32>,
    /// Acceptance that nuts aims at; nearer to 1 against divergences [default: 0.8].
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = parse_fraction)]
    pub target_accept: Option<f64>,
    /// Metropolis-adjusted trajectories a particle after SVGD; 0 leaves the particles where SVGD put them [default: as
    /// many as the states need, 10 to 14; none with --stein paper].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub polish: Option<u16>,
    /// Random starts besides the given one.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub restarts: Option<u16>,
    /// Rows of a minibatch (svgp, sparse-latent); with Gaussian noise samples have 8 to 32 times as many, or as there are
    /// inducing points [default: 256].
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: Option<u32>,
    /// Most minibatches of the search for the mode (svgp, sparse-latent); with Gaussian noise an iteration on a sample counts
    /// as ten [default: 3000].
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub warm_up: Option<u32>,
    /// Whether the inducing points climb with the parameters (sparse, svgp, sparse-latent) [default: yes, unless they are
    /// given].
    #[arg(long, value_name = "YES|NO", value_parser = parse_yes)]
    pub optimise_inducing: Option<bool>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("split").args(["test", "holdout", "train_rows"]))]
pub(crate) struct FitArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Inference method.
    #[arg(long, value_enum, default_value = "svgd")]
    pub method: MethodArgument,
    #[command(flatten)]
    pub inference: InferenceArguments,
    /// Where a minibatched fit (svgp, sparse-latent) writes its state, to be resumed if it is stopped.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Minibatches between two checkpoints; with Gaussian noise there is one after each sample.
    #[arg(long, value_name = "K", default_value_t = 100, requires = "checkpoint",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub checkpoint_every: u32,
    /// Go on from the checkpoint, where there is one.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Leave the rows of a Parquet TABLE in their file and read them in minibatches, so that it may be larger than memory.
    #[arg(long, conflicts_with_all = ["holdout", "train_rows"])]
    pub stream: bool,
    /// Table of test rows.
    #[arg(long, value_name = "TABLE")]
    pub test: Option<PathBuf>,
    /// Share of the rows held out for testing.
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true, value_parser = parse_fraction)]
    pub holdout: Option<f64>,
    /// Where to write the fitted model.
    #[arg(long, value_name = "MODEL")]
    pub out: Option<PathBuf>,
    /// Where to write a report with figures.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Model written by `fit --out`.
    pub model: PathBuf,
    /// Table with the model's input columns.
    pub table: PathBuf,
    /// What to do with rows that lack a value; as in the fit where absent.
    #[arg(long, value_enum)]
    pub missing: Option<MissingArgument>,
    /// Where to write the predictions (.csv, .csv.gz or .parquet); standard output where absent.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Predict the latent function, without noise.
    #[arg(long)]
    pub latent: bool,
    /// Levels of the quantiles.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0.05,0.5,0.95",
        value_name = "LEVELS",
        allow_negative_numbers = true
    )]
    pub quantiles: Vec<f64>,
    /// Draws a row from the predictive mixture.
    #[arg(long, default_value_t = 0, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub samples: u32,
    /// Take the K draws from each particle instead (Algorithm 2 of Pinder et al.).
    #[arg(long, requires = "samples")]
    pub per_particle: bool,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads; all cores where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// Model written by `fit --out`.
    pub model: PathBuf,
    /// Table with the model's inputs and its target.
    pub table: PathBuf,
    /// What to do with rows that lack a value; as in the fit where absent.
    #[arg(long, value_enum)]
    pub missing: Option<MissingArgument>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Threads; all cores where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Model written by `fit --out`.
    pub model: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ParticlesArguments {
    /// Model written by `fit --out`.
    pub model: PathBuf,
    /// Where to write the particles (.csv, .csv.gz or .parquet).
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The free parameters in unconstrained coordinates instead of all in their own.
    #[arg(long)]
    pub unconstrained: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DensityArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// JSON object of constrained values: {"kernel.variance": 1.5, ...}; `-` for standard input.
    #[arg(long, value_name = "FILE.json")]
    pub at: PathBuf,
    /// Timed evaluations; the median is reported.
    #[arg(long, default_value_t = 1, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub repeat: u32,
}

#[derive(Debug, Args)]
pub(crate) struct SteinArguments {
    /// Target: mixture, banana, funnel, ring, neal (a GP's lengthscale and noise) or bent (with a badly placed start).
    #[arg(value_parser = parse_toy)]
    pub target: String,
    /// Number of particles.
    #[arg(long, default_value_t = 50, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub particles: u32,
    /// Iterations.
    #[arg(long, default_value_t = 200, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub iterations: u32,
    /// Kernel: rbf (median/log J), rbf-median, imq, bilinear, coordinatewise, tangent or default (as in fits).
    #[arg(long, default_value = "rbf", value_parser = parse_named::<KernelChoice>)]
    pub kernel: KernelChoice,
    /// What becomes of the force: gradient, newton or quasi-newton.
    #[arg(long, default_value = "gradient", value_parser = parse_named::<MoverChoice>)]
    pub mover: MoverChoice,
    /// Move in the target's own coordinates, without whitening.
    #[arg(long)]
    pub plain: bool,
    /// The repulsion counts 1 + A times; above -1, at most 1000.
    #[arg(long, default_value_t = 0.0, value_name = "A", allow_negative_numbers = true)]
    pub temperature: f64,
    /// Where the particles start: good, bad, or x,y,spread such as 0,-2,0.5; where the target says if absent.
    #[arg(long, value_name = "START", allow_hyphen_values = true, value_parser = parse_named::<StartChoice>)]
    pub start: Option<StartChoice>,
    /// Seed of the start.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where to write a figure of the run.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Folder for one figure an iteration.
    #[arg(long, value_name = "DIR")]
    pub frames: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    pub json: bool,
    /// No notices.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MissingArgument {
    /// Refuse the table and count them.
    Error,
    /// Leave those rows out.
    Drop,
}

/// A likelihood by name, or the one that the target suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LikelihoodArgument {
    Auto,
    Named(Family),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApproximationArgument {
    /// At the mode, with the curvature there.
    Laplace,
    /// With the largest evidence lower bound.
    Variational,
    /// By expectation propagation: one latent function and a log-concave likelihood.
    Expectation,
    /// Of --model sparse: the variational bound (Titsias 2009).
    Vfe,
    /// Of --model sparse: the fully independent training conditional (Snelson & Ghahramani 2006).
    Fitc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelArgument {
    /// By likelihood and size.
    Auto,
    /// Exact GP regression.
    Exact,
    /// Latent functions behind any likelihood.
    Latent,
    /// Inducing points integrated out, from all rows at a time: Gaussian noise.
    Sparse,
    /// Inducing points with values of their own, from minibatches: any likelihood, as published.
    SparseLatent,
    /// Inducing points with a Gaussian for their values, from minibatches: any likelihood.
    Svgp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MeanArgument {
    /// m(x) = 0.
    Zero,
    /// m(x) = c.
    Constant,
    /// m(x) = wᵀx + c.
    Linear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodArgument {
    /// Particles by Stein variational gradient descent.
    Svgd,
    /// The posterior's mode, in unconstrained coordinates.
    Map,
    /// Maximum marginal likelihood.
    Ml,
    /// Draws from the Gaussian at the mode, with the curvature there.
    Laplace,
    /// Draws from the Gaussian of variational inference, with the largest evidence lower bound.
    Advi,
    /// Markov chains by the No-U-Turn Sampler.
    Nuts,
    /// The posterior's mode with the evidence lower bound for the evidence, and the best Gaussian for latent values.
    Vi,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FamilyArgument {
    /// A variance for each parameter, no correlations.
    MeanField,
    /// Any covariance.
    FullRank,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SteinArgument {
    /// Whitened, inverse multiquadric and bilinear kernel, started at the mode.
    Default,
    /// As published: RBF kernel with median/log J, started from the prior.
    Paper,
}

impl ModelArgument {
    pub(crate) fn choice(self) -> ModelChoice {
        match self {
            ModelArgument::Auto => ModelChoice::Auto,
            ModelArgument::Exact => ModelChoice::Exact,
            ModelArgument::Latent => ModelChoice::Latent,
            ModelArgument::Sparse => ModelChoice::Sparse,
            ModelArgument::SparseLatent => ModelChoice::SparseLatent,
            ModelArgument::Svgp => ModelChoice::Svgp,
        }
    }

    /// Name on the command line.
    pub(crate) fn name(self) -> &'static str {
        self.choice().name()
    }
}

impl CommonArguments {
    /// Options of the library from these arguments.
    pub(crate) fn options(&self) -> FitOptions {
        FitOptions {
            model: self.model().choice(),
            approximation: self.approximation.and_then(|approximation| match approximation {
                ApproximationArgument::Laplace => Some(Approximation::Laplace),
                ApproximationArgument::Variational => Some(Approximation::Variational),
                ApproximationArgument::Expectation => Some(Approximation::Expectation),
                ApproximationArgument::Vfe | ApproximationArgument::Fitc => None,
            }),
            collapsed: match self.approximation {
                Some(ApproximationArgument::Fitc) => CollapsedForm::Fitc,
                _ => CollapsedForm::Vfe,
            },
            inducing: self.inducing.map(|m| m as usize),
            selection: self.selection.unwrap_or_default(),
            noise_kernel: self.noise_kernel.clone(),
            kernel: self.kernel.clone(),
            mean: match self.mean {
                MeanArgument::Zero => Mean::Zero,
                MeanArgument::Constant => Mean::Constant,
                MeanArgument::Linear => Mean::Linear,
            },
            seed: self.seed,
            standardise: !self.no_standardise,
            priors: self.prior.clone(),
            starts: self.start.clone(),
            fixed: self.fix.clone(),
            ..FitOptions::default()
        }
    }

    /// The likelihood, the Gaussian one where none is asked for.
    pub(crate) fn likelihood(&self) -> LikelihoodArgument {
        self.likelihood.unwrap_or(LikelihoodArgument::Named(Family::Gaussian))
    }

    /// The model, by likelihood and size where none is asked for.
    pub(crate) fn model(&self) -> ModelArgument {
        self.model.unwrap_or(ModelArgument::Auto)
    }

    /// How a table with that target becomes numbers.
    pub(crate) fn preparation(&self, target: &str) -> Preparation {
        Preparation {
            target: target.to_owned(),
            inputs: self.inputs.clone(),
            drop: self.drop.clone(),
            missing: match self.missing {
                MissingArgument::Error => Missing::Error,
                MissingArgument::Drop => Missing::Drop,
            },
            likelihood: match self.likelihood() {
                LikelihoodArgument::Auto => None,
                LikelihoodArgument::Named(family) => Some(family),
            },
            exposure: self.exposure.clone(),
            trials: self.trials.clone(),
        }
    }
}

fn parse_likelihood(text: &str) -> Result<LikelihoodArgument, String> {
    if text == "auto" {
        return Ok(LikelihoodArgument::Auto);
    }
    text.parse().map(LikelihoodArgument::Named).map_err(|e: crate::Error| e.to_string())
}

fn parse_toy(text: &str) -> Result<String, String> {
    crate::density::Toy::named(text).map(|toy| toy.name.to_owned()).map_err(|e| e.to_string())
}

fn parse_named<T: std::str::FromStr<Err = crate::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: crate::Error| e.to_string())
}

fn parse_kernel(text: &str) -> Result<KernelExpression, String> {
    text.parse().map_err(|e: crate::kernel::ExpressionError| e.to_string())
}

fn split_path(text: &str) -> Result<(String, &str), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=…, such as kernel.variance=…")?;
    Ok((path.trim().to_string(), value.trim()))
}

fn parse_prior(text: &str) -> Result<(String, Option<Prior>), String> {
    let (path, value) = split_path(text)?;
    if value.eq_ignore_ascii_case("none") {
        return Ok((path, None));
    }
    Ok((path, Some(value.parse().map_err(|e: crate::parameter::PriorError| e.to_string())?)))
}

fn parse_yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

fn parse_fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(fraction),
        _ => Err(format!("`{text}` is not a number between 0 and 1")),
    }
}

fn parse_value(text: &str) -> Result<(String, f64), String> {
    let (path, value) = split_path(text)?;
    match value.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((path, number)),
        _ => Err(format!("`{value}` is not a finite number")),
    }
}
