//! From a dataset to a fitted model in one call: scaling, kernel, model, inference.

mod chains;
mod climb;
mod found;
mod gaussian;
mod options;
mod particles;
mod starts;

pub use options::{FitOptions, Method};

use crate::dataset::{Dataset, Standardisation};
use crate::inference::{
    ChainDiagnostics, Elbo, ElboReport, MaximumSettings, ModeSummary, PolishSummary, maximise_from,
};
use crate::kernel::{InputColumns, KernelExpression};
use crate::linalg::in_parallel;
use crate::model::{Criterion, Exact, Model, Target};
use crate::parameter::Layout;
use crate::posterior::{Details, FittedModel};
use crate::stein::{Observer, SteinDiagnostics, Trace};
use crate::{Error, Result};
use faer::Par;
use found::Found;

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
    /// Evaluations of value and score, those of mode search and Hessian included.
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
    /// The evidence lower bound at the end, for variational inference.
    pub elbo: Option<Elbo>,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// An exact GP on a dataset in its own units, before inference: scaled, with priors, starts and fixed values set.
///
/// # Errors
/// Errors of the kernel expression, and of priors, starts or fixed values that do not fit.
pub fn build(dataset: &Dataset, options: &FitOptions) -> Result<(Exact, Details)> {
    let standardisation = if options.standardise {
        Standardisation::learn(dataset.x.as_ref(), &dataset.y)
    } else {
        Standardisation::identity(dataset.columns())
    };
    if let Some(column) = standardisation.unusable() {
        let name = dataset.input_names.get(column).unwrap_or(&dataset.target_name);
        return Err(Error::Invalid(format!(
            "column `{name}`: its values are too large to be standardised: divide them by a power of ten"
        )));
    }
    let (mut x, mut y) = (dataset.x.clone(), dataset.y.clone());
    standardisation.apply_inputs(&mut x);
    standardisation.apply_target(&mut y);
    let expression = match &options.kernel {
        Some(expression) => expression.clone(),
        None => "rbf".parse::<KernelExpression>()?,
    };
    let inputs = InputColumns {
        names: dataset.input_names.clone(),
        scales: standardisation.input_scale.clone(),
        groups: options.input_groups.clone(),
    };
    let kernel = expression.resolve(&inputs)?;
    let mut model = Exact::new(x.as_ref(), &y, kernel, options.mean)?;
    let mut told = std::collections::HashSet::new();
    let mut once = |what: &'static str, path: &str, layout: &Layout| -> Result<()> {
        let index = layout.find(path)?;
        if told.insert((what, index)) {
            return Ok(());
        }
        Err(Error::Parameter { path: path.into(), problem: format!("its {what} is given twice") })
    };
    let layout = model.layout_mut();
    for (path, prior) in &options.priors {
        once("prior", path, layout)?;
        layout.set_prior(path, *prior)?;
    }
    for (path, value) in &options.starts {
        once("value", path, layout)?;
        layout.change(path, |p| p.start = *value)?;
    }
    for (path, value) in &options.fixed {
        once("value", path, layout)?;
        layout.change(path, |p| (p.start, p.fixed) = (*value, true))?;
    }
    let details = Details {
        kernel: expression,
        method: options.method.name().into(),
        input_names: dataset.input_names.clone(),
        input_groups: options.input_groups.clone(),
        target_name: dataset.target_name.clone(),
        standardisation,
        encoding: None,
    };
    Ok((model, details))
}

/// Fits an exact GP to a dataset in its own units.
///
/// # Errors
/// Errors of [`build`]; failures of inference where no start works or most particles fail.
pub fn fit(dataset: &Dataset, options: &FitOptions, observer: &mut dyn Observer) -> Result<Fit> {
    if options.particles == 0 {
        return Err(Error::Invalid("a fit needs at least one particle".into()));
    }
    if dataset.rows() < 2 {
        return Err(Error::Invalid(format!("a fit needs at least two rows, found {}", dataset.rows())));
    }
    let (model, details) = build(dataset, options)?;
    let criterion = match options.method {
        Method::Ml => Criterion::LogMarginalLikelihood,
        Method::Map | Method::Svgd | Method::Laplace | Method::Advi | Method::Nuts => Criterion::LogDensity,
    };
    let restarts = options.restarts.unwrap_or(match dataset.rows() {
        0..=500 => 5,
        501..=2000 => 3,
        _ => 1,
    });
    let mut starts = starts::around(model.layout(), 1 + restarts, options.seed);
    // Many points at a time, each sequential, or one point at a time in parallel.
    let one_point = match options.method {
        Method::Map | Method::Ml => true,
        Method::Svgd => options.particles == 1,
        Method::Laplace | Method::Advi | Method::Nuts => false,
    };
    let sequential = !one_point || starts.len() > 1;
    let par = if sequential { Par::Seq } else { in_parallel() };
    let target = Target::new(&model, criterion)?.with_parallelism(par);
    let maximum = MaximumSettings { interrupt: options.interrupt.clone(), ..MaximumSettings::default() };
    // The likelihood alone has many maxima, some of them far out; the posterior's mode lies near the sensible ones.
    let mut first_climb = None;
    if options.method == Method::Ml && model.layout().without_prior().is_none() {
        let posterior = Target::new(&model, Criterion::LogDensity)?.with_parallelism(in_parallel());
        if let Ok(mode) = maximise_from(&posterior, &starts[0], &maximum) {
            starts.insert(1, mode.point);
        }
        first_climb = Some((posterior.evaluations(), posterior.failures()));
    }
    let found = if model.layout().dim() == 0 {
        Found::nothing_to_infer()?
    } else {
        match options.method {
            Method::Ml | Method::Map => climb::climb(&model, &target, &starts, &maximum, options.method)?,
            Method::Svgd => particles::move_particles(&model, &target, &starts, maximum, options, observer)?,
            Method::Laplace => gaussian::laplace(&target, &starts, maximum, options)?,
            Method::Advi => gaussian::advi(&target, &starts, maximum, options, observer)?,
            Method::Nuts => {
                let coordinates = model.layout().gaussian_coordinates();
                chains::nuts(&target, coordinates, &starts, maximum, options, observer)?
            }
        }
    };
    let (before, failed_before) = first_climb.unwrap_or_default();
    let (evaluations, failed_evaluations, max_jitter) =
        (before + target.evaluations(), failed_before + target.failures(), target.max_jitter());
    let mut notices = found.notices;
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
        evaluations,
        failed_evaluations,
        max_jitter,
        objective: found.objective,
        diagnostics: found.diagnostics,
        chains: found.chains,
        modes: found.modes,
        polish: found.polish,
        elbo: found.elbo,
        interrupted,
        notices,
    })
}
