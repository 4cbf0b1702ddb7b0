//! From a dataset in its own units to a model before inference: scaled, with priors, starts and fixed values set.

use super::FitOptions;
use crate::dataset::{Dataset, Standardisation};
use crate::inducing;
use crate::kernel::{InputColumns, Kernel, KernelExpression};
use crate::likelihood::{Family, Likelihood, Observation};
use crate::mean::Mean;
use crate::model::{Exact, LatentModel, Process, SparseModel};
use crate::parameter::{Layout, Prior};
use crate::posterior::Details;
use crate::{Error, Result};
use faer::Mat;
use std::sync::Arc;

/// An exact GP on a dataset.
///
/// # Errors
/// Errors of the kernel expression, and of priors, starts or fixed values that do not fit.
pub fn build(dataset: &Dataset, options: &FitOptions) -> Result<(Exact, Details)> {
    let standardisation = if options.standardise {
        Standardisation::learn(dataset.x.as_ref(), &dataset.y)
    } else {
        Standardisation::identity(dataset.columns())
    };
    let parts = Parts::new(dataset, options, standardisation)?;
    let mut y = dataset.y.clone();
    parts.standardisation.apply_target(&mut y);
    let mut model = Exact::new(parts.x.as_ref(), &y, parts.kernel.clone(), options.mean)?;
    set_parameters(model.layout_mut(), options)?;
    Ok((model, parts.details(dataset, options, None)))
}

/// A latent model on a dataset.
///
/// # Errors
/// Those of [`FitOptions::check`], and as [`build`]; [`Error::Support`] where a target lies outside the likelihood's support.
pub fn build_latent(dataset: &Dataset, options: &FitOptions) -> Result<(LatentModel, Details)> {
    let Prepared { x, observations, likelihood, processes, details } = prepare(dataset, options, None)?;
    let mut model = LatentModel::new(x.as_ref(), observations, likelihood, processes)?;
    set_latent_parameters(model.layout_mut(), options)?;
    Ok((model, details))
}

/// A sparse model with the rows that it is for.
#[derive(Debug)]
pub struct SparseProblem {
    /// The model; its inducing inputs are those of the start values.
    pub model: SparseModel,
    /// Inputs N×D, on the model's scale.
    pub x: Mat<f64>,
    /// The N observations, on the model's scale.
    pub observations: Vec<Observation>,
    /// Names, scaling, kernel and method.
    pub details: Details,
}

/// A sparse model on a dataset, or on a sample of one whose scaling is known. Its inducing inputs are those of the options,
/// or are chosen for the parameters' start values.
///
/// # Errors
/// As [`build_latent`], and those of [`choose`](crate::inducing::choose).
pub fn build_sparse(
    dataset: &Dataset,
    options: &FitOptions,
    known: Option<Standardisation>,
) -> Result<SparseProblem> {
    let Prepared { x, observations, likelihood, processes, details } = prepare(dataset, options, known)?;
    let given = match &options.inducing_points {
        Some(points) if points.ncols() != x.ncols() => {
            let (expected, found) = (x.ncols(), points.ncols());
            return Err(Error::Shape { what: "columns of the inducing points", expected, found });
        }
        Some(points) => {
            let mut points = points.clone();
            details.standardisation.apply_inputs(&mut points);
            Some(points)
        }
        None => None,
    };
    let shared = processes.len() == 1;
    let first = Mat::from_fn(1, x.ncols(), |_, d| x[(0, d)]);
    let mut model = SparseModel::new(given.as_ref().unwrap_or(&first).as_ref(), likelihood, processes)?;
    set_latent_parameters(model.layout_mut(), options)?;
    if let Some(points) = &given {
        model.set_inducing_by_terms(points.as_ref(), &options.inducing_terms)?;
    } else {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&model.layout().start(), &mut theta);
        let kernel = &model.process(0).kernel;
        let theta = &theta[..kernel.parameter_count()];
        let (count, selection, seed) = (options.inducing_count(), options.selection, options.seed);
        if shared {
            let chosen = inducing::choose_by_terms(x.as_ref(), kernel, theta, count, selection, seed)?;
            model.set_inducing_by_terms(chosen.inputs.as_ref(), &chosen.own)?;
        } else {
            // A process of its own for each latent function would need terms of its own.
            let chosen = inducing::choose(x.as_ref(), kernel, theta, count, selection, seed)?;
            model.set_inducing(chosen.as_ref())?;
        }
    }
    Ok(SparseProblem { model, x, observations, details })
}

/// Rows, likelihood and processes on the model's scale.
struct Prepared {
    x: Mat<f64>,
    observations: Vec<Observation>,
    likelihood: Arc<dyn Likelihood>,
    processes: Vec<Process>,
    details: Details,
}

/// Brings a dataset to the model's scale: that which is known, else that of its own rows.
fn prepare(dataset: &Dataset, options: &FitOptions, known: Option<Standardisation>) -> Result<Prepared> {
    options.check()?;
    let family = options.likelihood;
    let classes = classes(dataset, family);
    let likelihood = family.build(classes.max(2))?;
    check_support(dataset, likelihood.as_ref())?;
    let standardisation = known.unwrap_or_else(|| scaling(dataset, family, options.standardise));
    let parts = Parts::new(dataset, options, standardisation)?;
    let scale = &parts.standardisation;
    let exposure = |i: usize| dataset.exposure.as_ref().map_or(1.0, |e| e[i]);
    let observations = (dataset.y.iter().enumerate())
        .map(|(i, y)| Observation {
            y: (y - scale.target_shift) / scale.target_scale,
            exposure: exposure(i) * scale.exposure_scale,
        })
        .collect();
    let mut processes = vec![Process { kernel: parts.kernel.clone(), mean: options.mean }];
    let mut noise_kernel = None;
    if family == Family::Heteroscedastic {
        let expression = options.noise_kernel.clone().unwrap_or_else(|| parts.expression.clone());
        processes.push(Process { kernel: expression.resolve(&parts.inputs)?, mean: Mean::Constant });
        noise_kernel = Some(expression);
    }
    let x = parts.x.clone();
    let mut details = parts.details(dataset, options, noise_kernel);
    if family.has_classes() && details.class_names.is_none() {
        details.class_names = Some((0..classes.max(2)).map(|c| c.to_string()).collect());
    }
    Ok(Prepared { x, observations, likelihood, processes, details })
}

/// Number of classes of a dataset's target, where the likelihood has classes; else 0.
pub(super) fn classes(dataset: &Dataset, family: Family) -> usize {
    match (&dataset.class_names, family.has_classes()) {
        (Some(names), true) => names.len(),
        // Targets that were numbers from the start.
        (None, true) => 1 + dataset.y.iter().fold(0.0f64, |most, y| most.max(*y)) as usize,
        (_, false) => 0,
    }
}

/// Priors, starts and fixed values of a model with a likelihood.
fn set_latent_parameters(layout: &mut Layout, options: &FitOptions) -> Result<()> {
    if options.likelihood == Family::Heteroscedastic {
        // The logarithm of a share of the target's variance: from a ten-thousandth to all of it.
        layout.set_prior("noise.mean.constant", Some(Prior::Normal { mean: -2.0, sd: 2.0 }))?;
    }
    set_parameters(layout, options)
}

/// Every target in its own units, so that the error shows what the table has.
fn check_support(dataset: &Dataset, likelihood: &dyn Likelihood) -> Result<()> {
    for (row, y) in dataset.y.iter().enumerate() {
        let exposure = dataset.exposure.as_ref().map_or(1.0, |e| e[row]);
        if let Err(problem) = likelihood.check(Observation { y: *y, exposure }) {
            return Err(Error::Support { column: dataset.target_name.clone(), row, value: *y, problem });
        }
    }
    Ok(())
}

/// How a likelihood's targets and exposures come to the model's scale.
fn scaling(dataset: &Dataset, family: Family, standardise: bool) -> Standardisation {
    if !standardise {
        return Standardisation::identity(dataset.columns());
    }
    let learnt = Standardisation::learn(dataset.x.as_ref(), &dataset.y);
    let count = dataset.rows() as f64;
    let mean = dataset.y.iter().map(|y| y / count).sum::<f64>();
    let exposure: f64 = dataset.exposure.as_ref().map_or(count, |e| e.iter().sum());
    let rate = dataset.y.iter().sum::<f64>() / exposure;
    learnt.for_targets(family.scaling(), mean, rate)
}

/// What both models are made of.
struct Parts {
    x: Mat<f64>,
    standardisation: Standardisation,
    expression: KernelExpression,
    inputs: InputColumns,
    kernel: Kernel,
}

impl Parts {
    fn new(dataset: &Dataset, options: &FitOptions, standardisation: Standardisation) -> Result<Self> {
        if let Some(column) = standardisation.unusable() {
            let name = dataset.input_names.get(column).unwrap_or(&dataset.target_name);
            return Err(Error::Invalid(format!(
                "column `{name}`: its values are too large to be standardised: divide them by a power of ten"
            )));
        }
        let mut x = dataset.x.clone();
        standardisation.apply_inputs(&mut x);
        let expression = match &options.kernel {
            Some(expression) => expression.clone(),
            None => "rbf".parse::<KernelExpression>()?,
        };
        let inputs = InputColumns {
            names: dataset.input_names.clone(),
            shifts: standardisation.input_shift.clone(),
            scales: standardisation.input_scale.clone(),
            groups: options.input_groups.clone(),
        };
        let kernel = expression.resolve(&inputs)?;
        Ok(Self { x, standardisation, expression, inputs, kernel })
    }

    fn details(
        self,
        dataset: &Dataset,
        options: &FitOptions,
        noise_kernel: Option<KernelExpression>,
    ) -> Details {
        Details {
            kernel: self.expression,
            noise_kernel,
            method: options.method.name().into(),
            input_names: dataset.input_names.clone(),
            input_groups: options.input_groups.clone(),
            target_name: dataset.target_name.clone(),
            class_names: dataset.class_names.clone(),
            standardisation: self.standardisation,
            encoding: None,
        }
    }
}

fn set_parameters(layout: &mut Layout, options: &FitOptions) -> Result<()> {
    for (path, prior) in one_by_one(layout, "prior", &options.priors)? {
        layout.set_prior(&path, prior)?;
    }
    let of_start = options.starts.iter().map(|(path, value)| (path.clone(), (*value, false)));
    let of_fixed = options.fixed.iter().map(|(path, value)| (path.clone(), (*value, true)));
    let values: Vec<(String, (f64, bool))> = of_start.chain(of_fixed).collect();
    for (path, (value, fixed)) in one_by_one(layout, "value", &values)? {
        layout.change(&path, |p| (p.start, p.fixed) = (value, fixed || p.fixed))?;
    }
    Ok(())
}

/// What is given for each parameter: for a list first, which single paths then override.
fn one_by_one<T: Copy>(layout: &Layout, what: &str, given: &[(String, T)]) -> Result<Vec<(String, T)>> {
    let mut settings: Vec<(String, bool, T)> = Vec::new();
    for (path, setting) in given {
        let paths = layout.find_all(path)?;
        let single = paths.len() == 1;
        for path in paths {
            match settings.iter_mut().find(|(known, ..)| *known == path) {
                Some((_, known, _)) if *known == single => {
                    return Err(Error::Parameter { path, problem: format!("its {what} is given twice") });
                }
                Some(known) if single => (known.1, known.2) = (true, *setting),
                Some(_) => {}
                None => settings.push((path, single, *setting)),
            }
        }
    }
    Ok(settings.into_iter().map(|(path, _, setting)| (path, setting)).collect())
}
