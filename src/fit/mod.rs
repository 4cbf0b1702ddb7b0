//! From a dataset to a fitted model in one call: scaling, kernel, model, inference.

mod build;
mod chains;
mod climb;
mod found;
mod gaussian;
mod infer;
mod latent;
mod options;
mod particles;
mod scout;
mod sparse;
mod starts;

pub use build::{SparseProblem, build, build_latent, build_sparse};
pub use latent::CorrectionSummary;
pub use options::{CheckpointOptions, FitOptions, Method, ModelChoice};
pub use sparse::fit_rows;

use crate::dataset::Dataset;
use crate::inference::{
    ChainDiagnostics, Elbo, ElboReport, MaximumSettings, ModeSummary, PolishSummary, maximise_from,
};
use crate::linalg::in_parallel;
use crate::model::{Criterion, Exact, GpModel, Model, Target};
use crate::posterior::{Details, FittedModel};
use crate::stein::{Observer, SteinDiagnostics, Trace, Verdict};
use crate::{Error, Result};
use faer::Par;
use found::Found;
use scout::Starts;

/// A fitted model and how it came about.
#[derive(Debug)]
pub struct Fit {
    /// The model.
    pub model: FittedModel,
    /// SVGD's iterations; empty for other methods.
    pub trace: Trace,
    /// Log density of the best point after each evaluation, for point estimates.
    pub climb: Vec<f64>,
    /// The evidence lower bound at each iteration, for variational inference.
    pub bounds: Vec<ElboReport>,
    /// Iterations done; for NUTS the draws a chain, tuning included.
    pub iterations: usize,
    /// Evaluations of value and score with all rows, those of mode search and Hessian included.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
    /// Largest relative jitter needed.
    pub max_jitter: f64,
    /// Log density at the final point (for Laplace's approximation: the mode), or its mean over particles or draws.
    pub objective: f64,
    /// What scores say about the final particles; `None` for other methods than SVGD.
    pub diagnostics: Option<SteinDiagnostics>,
    /// What the chains say about themselves, for NUTS.
    pub chains: Option<ChainDiagnostics>,
    /// The modes that SVGD found, heaviest first.
    pub modes: Vec<ModeSummary>,
    /// The Metropolis-adjusted polish of SVGD.
    pub polish: Option<PolishSummary>,
    /// How far the Gaussians for latent values are from the truth, for SVGD on latent models.
    pub correction: Option<CorrectionSummary>,
    /// The evidence lower bound at the end, for variational inference.
    pub elbo: Option<Elbo>,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Fit {
    /// What its diagnostics say, in a word or two: of particles their [`Verdict`], of chains whether they agree and are long
    /// enough. `None` for methods that have none.
    pub fn verdict(&self) -> Option<&'static str> {
        let of_chains = |found| if chains::are_good(found) { Verdict::Fine } else { Verdict::NotConverged };
        let of_particles = self.diagnostics.as_ref().map(|found| found.verdict);
        of_particles.or_else(|| self.chains.as_ref().map(of_chains)).map(Verdict::name)
    }
}

/// Fits a Gaussian process to a dataset in its own units.
///
/// # Errors
/// Those of [`FitOptions::check`], [`build`] and [`build_latent`]; failures of inference where no start works or most particles fail.
pub fn fit(dataset: &Dataset, options: &FitOptions, observer: &mut dyn Observer) -> Result<Fit> {
    options.check()?;
    if dataset.rows() < 2 {
        return Err(Error::Invalid(format!("a fit needs at least two rows, found {}", dataset.rows())));
    }
    let latents = options.likelihood.build(build::classes(dataset, options.likelihood).max(2))?.latents();
    let choice = options.choose(dataset.rows(), latents);
    let unused = options.unused_by(choice)?;
    let mut found = match choice {
        ModelChoice::Exact => {
            let (model, details) = build(dataset, options)?;
            fit_exact(model, details, options, observer)?
        }
        ModelChoice::Auto | ModelChoice::Latent => {
            let (model, details) = build_latent(dataset, options)?;
            latent::fit_latent(model, details, options, observer)?
        }
        sparse => sparse::fit_sparse(build_sparse(dataset, options, None)?, sparse, options, observer)?,
    };
    if options.model == ModelChoice::Auto && choice.is_sparse() {
        found.notices.insert(0, sparse::chosen(&found.model, dataset.rows()));
    }
    found.notices.extend(unused);
    Ok(found)
}

fn fit_exact(
    model: Exact,
    details: Details,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    let mut maximum = MaximumSettings { interrupt: options.interrupt.clone(), ..MaximumSettings::default() };
    let mut starts = scout::starts_of(&model, options, &maximum)?;
    if let Starts::Near(near) = &starts {
        maximum.metric.clone_from(&near.metric);
    }
    let par = parallelism(options, starts.points().len());
    let target = Target::new(&model, criterion(options.method))?.with_parallelism(par);
    // The likelihood alone has many maxima, some of them far out; the posterior's mode lies near the sensible ones.
    let mut first = Counts::default();
    if let Starts::Around(points) = &mut starts
        && options.method == Method::Ml
        && model.layout().without_prior().is_none()
    {
        let posterior = Target::new(&model, Criterion::LogDensity)?.with_parallelism(in_parallel());
        if let Ok(mode) = maximise_from(&posterior, &points[0], &maximum) {
            points.insert(1, mode.point);
        }
        first.add(&posterior);
    }
    let found = infer::infer(&model, &target, &starts, maximum, options, observer)?;
    first.add(&target);
    finish(GpModel::Exact(model), details, found, first, options)
}

/// What a method maximises or explores.
fn criterion(method: Method) -> Criterion {
    match method {
        Method::Ml => Criterion::LogMarginalLikelihood,
        _ => Criterion::LogDensity,
    }
}

fn restarts(options: &FitOptions, rows: usize) -> usize {
    options.restarts.unwrap_or(match rows {
        0..=500 => 5,
        501..=2000 => 3,
        _ => 1,
    })
}

/// Many points at a time, each sequential, or one point at a time in parallel.
fn parallelism(options: &FitOptions, starts: usize) -> Par {
    let one_point = match options.method {
        Method::Map | Method::Ml | Method::Vi => true,
        Method::Svgd => options.particles == 1,
        Method::Laplace | Method::Advi | Method::Nuts => false,
    };
    if one_point && starts <= 1 { in_parallel() } else { Par::Seq }
}

/// Evaluations and what they needed, over all targets of a fit.
#[derive(Debug, Default)]
struct Counts {
    evaluations: usize,
    failures: usize,
    max_jitter: f64,
}

impl Counts {
    fn add<M: Model>(&mut self, target: &Target<'_, M>) {
        self.evaluations += target.evaluations();
        self.failures += target.failures();
        self.max_jitter = self.max_jitter.max(target.max_jitter());
    }
}

fn finish(
    model: GpModel,
    details: Details,
    found: Found,
    counts: Counts,
    options: &FitOptions,
) -> Result<Fit> {
    let mut notices = found.notices;
    let max_jitter = counts.max_jitter;
    if max_jitter > 1e-6 {
        notices.push(format!(
            "the covariance matrix needed jitter up to {max_jitter:.0e} of its mean diagonal: inputs that nearly \
             coincide, or a noise variance close to zero"
        ));
    }
    let interrupted = found.interrupted || options.interrupted();
    Ok(Fit {
        model: FittedModel::new(model, found.posterior, details)?,
        trace: found.trace,
        climb: found.climb,
        bounds: found.bounds,
        iterations: found.iterations,
        evaluations: counts.evaluations,
        failed_evaluations: counts.failures,
        max_jitter,
        objective: found.objective,
        diagnostics: found.diagnostics,
        chains: found.chains,
        modes: found.modes,
        polish: found.polish,
        correction: found.correction,
        elbo: found.elbo,
        interrupted,
        notices,
    })
}
