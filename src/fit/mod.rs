//! From a dataset to a fitted model in one call: scaling, kernel, model, inference.

mod options;
mod starts;

pub use options::{FitOptions, Method};

use crate::dataset::{Dataset, Standardisation};
use crate::inference::{MaximumSettings, Optimum, SteinPreset, SvgdSettings, maximise, maximise_from, svgd};
use crate::kernel::{InputColumns, KernelExpression};
use crate::linalg::in_parallel;
use crate::model::{Criterion, Exact, Model, Target};
use crate::parameter::Layout;
use crate::posterior::{Details, FittedModel, Posterior};
use crate::stein::{Observer, SteinDiagnostics, Stop, Trace};
use crate::{Error, Result};
use faer::Par;

/// A fitted model and how it came about.
#[derive(Debug)]
pub struct Fit {
    /// The model.
    pub model: FittedModel,
    /// SVGD's iterations; empty for point estimates.
    pub trace: Trace,
    /// Log density of the best point after each evaluation, for point estimates.
    pub climb: Vec<f64>,
    /// Iterations done.
    pub iterations: usize,
    /// Evaluations of value and score, those of mode search and Hessian included.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
    /// Largest relative jitter needed.
    pub max_jitter: f64,
    /// Log density at the final point, or its mean over the particles.
    pub objective: f64,
    /// What scores say about the final particles; `None` for point estimates.
    pub diagnostics: Option<SteinDiagnostics>,
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
        return Err(Error::Invalid("SVGD needs at least one particle".into()));
    }
    if dataset.rows() < 2 {
        return Err(Error::Invalid(format!("a fit needs at least two rows, found {}", dataset.rows())));
    }
    let (model, details) = build(dataset, options)?;
    let criterion = match options.method {
        Method::Ml => Criterion::LogMarginalLikelihood,
        Method::Map | Method::Svgd => Criterion::LogDensity,
    };
    let restarts = options.restarts.unwrap_or(match dataset.rows() {
        0..=500 => 5,
        501..=2000 => 3,
        _ => 1,
    });
    let mut starts = starts::around(model.layout(), 1 + restarts, options.seed);
    let sequential = options.method == Method::Svgd && options.particles > 1 || starts.len() > 1;
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
            Method::Ml | Method::Map => climb(&model, &target, &starts, &maximum, options.method)?,
            Method::Svgd => move_particles(&model, &target, &starts, maximum, options, observer)?,
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
        iterations: found.iterations,
        evaluations,
        failed_evaluations,
        max_jitter,
        objective: found.objective,
        diagnostics: found.diagnostics,
        interrupted,
        notices,
    })
}

/// What an inference method found.
struct Found {
    posterior: Posterior,
    trace: Trace,
    climb: Vec<f64>,
    iterations: usize,
    objective: f64,
    diagnostics: Option<SteinDiagnostics>,
    interrupted: bool,
    notices: Vec<String>,
}

impl Found {
    fn point(optimum: Optimum, notices: Vec<String>) -> Result<Self> {
        Ok(Self {
            posterior: Posterior::point(&optimum.point)?,
            trace: Vec::new(),
            climb: optimum.trace,
            iterations: optimum.iterations,
            objective: optimum.value,
            diagnostics: None,
            interrupted: false,
            notices,
        })
    }

    fn nothing_to_infer() -> Result<Self> {
        let optimum = Optimum {
            point: Vec::new(),
            value: f64::NAN,
            gradient_norm: 0.0,
            iterations: 0,
            trace: Vec::new(),
            start: 0,
        };
        Self::point(optimum, vec!["every parameter is fixed: there was nothing to infer".into()])
    }
}

/// Noise variances below this, on the model's scale, reproduce the training targets: ten times the floor.
const INTERPOLATES: f64 = 1e-5;

fn climb(
    model: &Exact,
    target: &Target<'_, Exact>,
    starts: &[Vec<f64>],
    settings: &MaximumSettings,
    method: Method,
) -> Result<Found> {
    let optima = maximise(target, starts, settings)?;
    let mut notices = Vec::new();
    // Maximum likelihood has optima without noise that interpolate the training rows and predict nothing; a
    // posterior has its priors against them.
    let noise = model.layout().index("likelihood.variance").unwrap_or(0);
    let mut theta = vec![0.0; model.layout().parameters().len()];
    let mut interpolates = |optimum: &Optimum| {
        model.layout().constrain(&optimum.point, &mut theta);
        method == Method::Ml && theta[noise] < INTERPOLATES
    };
    let pick = optima.iter().position(|o| !interpolates(o)).unwrap_or(0);
    if pick > 0 {
        notices.push(format!(
            "{pick} of {} maxima had a higher likelihood but no noise at all (they interpolate the training rows); \
             they were set aside",
            optima.len()
        ));
    }
    match optima.into_iter().nth(pick) {
        Some(optimum) => Found::point(optimum, notices),
        None => Err(Error::Invalid("there is no start to climb from".into())),
    }
}

fn move_particles(
    model: &Exact,
    target: &Target<'_, Exact>,
    starts: &[Vec<f64>],
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    let mut settings = match options.preset {
        SteinPreset::Default => SvgdSettings::new(options.particles),
        SteinPreset::Paper => SvgdSettings::paper(options.particles),
    };
    settings.maximum = maximum;
    settings.engine.seed = options.seed;
    if let Some(iterations) = options.iterations {
        settings.engine.iterations = iterations;
    }
    if let Some(rate) = options.learning_rate {
        settings.engine.learning_rate = rate;
    }
    let from_prior;
    let starts = match options.preset {
        SteinPreset::Default => starts,
        SteinPreset::Paper => {
            from_prior = starts::from_prior(model.layout(), options.particles, options.seed)?;
            &from_prior
        }
    };
    let fit = svgd(target, starts, &settings, observer)?;
    let (count, dim) = (options.particles, model.layout().dim());
    let mut notices = Vec::new();
    let ratio = fit.diagnostics.stein_ratio;
    if count > 1 && !(-1.0..10.0).contains(&ratio) {
        notices.push(format!(
            "the particles have diverged (Stein ratio {ratio:.1e}): use a smaller learning rate than {}",
            settings.engine.learning_rate
        ));
    } else if count > 1 && ratio < 0.7 {
        let more = if count <= dim + 1 {
            format!("{count} particles cannot fill {dim} dimensions: use --particles {} or more", dim + 2)
        } else {
            "use more particles or iterations".to_string()
        };
        notices
            .push(format!("the particles spread less than the posterior (Stein ratio {ratio:.2}): {more}"));
    } else if ratio > 1.4 {
        notices.push(format!(
            "the particles have not come to rest (Stein ratio {ratio:.2}): use more iterations"
        ));
    }
    let mean = fit.outcome.log_densities.iter().sum::<f64>() / count as f64;
    Ok(Found {
        posterior: Posterior::new(fit.outcome.particles)?,
        iterations: fit.outcome.trace.len(),
        trace: fit.outcome.trace,
        climb: Vec::new(),
        objective: mean,
        diagnostics: Some(fit.diagnostics),
        interrupted: fit.outcome.stop == Stop::Interrupted,
        notices,
    })
}
