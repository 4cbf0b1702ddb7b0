//! What the command line looks like.

use crate::fit::{FitOptions, Method};
use crate::inference::SteinPreset;
use crate::kernel::KernelExpression;
use crate::mean::Mean;
use crate::parameter::Prior;
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
}

/// Which columns of which table, and what the model is: shared by `fit` and `density`.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Table: .csv, .csv.gz or .parquet.
    pub table: PathBuf,
    /// Column to predict.
    #[arg(long, value_name = "COL")]
    pub target: String,
    /// Input columns; all others where absent.
    #[arg(long, value_delimiter = ',', value_name = "COLS")]
    pub inputs: Option<Vec<String>>,
    /// Columns to leave out.
    #[arg(long, value_delimiter = ',', value_name = "COLS")]
    pub drop: Vec<String>,
    /// What to do with rows that lack a value.
    #[arg(long, value_enum, default_value = "error")]
    pub missing: MissingArgument,
    /// Likelihood of the target.
    #[arg(long, value_enum, default_value = "gaussian")]
    pub likelihood: LikelihoodArgument,
    /// Model; `auto` chooses by likelihood and size.
    #[arg(long, value_enum, default_value = "auto")]
    pub model: ModelArgument,
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
    /// Training rows: 0-based row numbers of TABLE, one a line; the others are test rows.
    #[arg(long, value_name = "FILE")]
    pub train_rows: Option<PathBuf>,
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

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("split").args(["test", "holdout", "train_rows"]))]
pub(crate) struct FitArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Inference method.
    #[arg(long, value_enum, default_value = "svgd")]
    pub method: MethodArgument,
    /// Settings of SVGD: the default engine, or the published ones.
    #[arg(long, value_enum, default_value = "default")]
    pub stein: SteinArgument,
    /// Number of particles.
    #[arg(long, default_value_t = 20, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub particles: u32,
    /// Iterations of SVGD.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub iterations: Option<u32>,
    /// Step size of SVGD.
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Random starts besides the given one.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub restarts: Option<u16>,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MissingArgument {
    /// Refuse the table and count them.
    Error,
    /// Leave those rows out.
    Drop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LikelihoodArgument {
    /// Normal noise.
    Gaussian,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModelArgument {
    /// By likelihood and size.
    Auto,
    /// Exact GP regression.
    Exact,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MethodArgument {
    /// Particles by Stein variational gradient descent.
    Svgd,
    /// The posterior's mode, in unconstrained coordinates.
    Map,
    /// Maximum marginal likelihood.
    Ml,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SteinArgument {
    /// Whitened, inverse multiquadric and bilinear kernel, started at the mode.
    Default,
    /// As published: RBF kernel with median/log J, started from the prior.
    Paper,
}

impl ModelArguments {
    /// Options of the library from these arguments.
    pub(crate) fn options(&self) -> FitOptions {
        FitOptions {
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
}

impl FitArguments {
    /// Options of the library from these arguments.
    pub(crate) fn options(&self) -> FitOptions {
        FitOptions {
            method: match self.method {
                MethodArgument::Svgd => Method::Svgd,
                MethodArgument::Map => Method::Map,
                MethodArgument::Ml => Method::Ml,
            },
            preset: match self.stein {
                SteinArgument::Default => SteinPreset::Default,
                SteinArgument::Paper => SteinPreset::Paper,
            },
            particles: self.particles as usize,
            iterations: self.iterations.map(|t| t as usize),
            learning_rate: self.learning_rate,
            restarts: self.restarts.map(usize::from),
            ..self.model.options()
        }
    }
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
