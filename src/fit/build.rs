//! From a dataset in its own units to a model before inference: scaled, with priors, starts and fixed values set.

use super::FitOptions;
use crate::dataset::{Dataset, Standardisation};
use crate::kernel::{InputColumns, Kernel, KernelExpression};
use crate::likelihood::{Family, Likelihood, Observation, Scaling};
use crate::mean::Mean;
use crate::model::{Exact, LatentModel, Process};
use crate::parameter::{Layout, Prior};
use crate::posterior::Details;
use crate::{Error, Result};
use faer::Mat;

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
    options.check()?;
    let family = options.likelihood;
    let classes = match (&dataset.class_names, family.has_classes()) {
        (Some(names), true) => names.len(),
        // Targets that were numbers from the start.
        (None, true) => 1 + dataset.y.iter().fold(0.0f64, |most, y| most.max(*y)) as usize,
        (_, false) => 0,
    };
    let likelihood = family.build(classes.max(2))?;
    check_support(dataset, likelihood.as_ref())?;
    let standardisation = scaling(dataset, family, options.standardise);
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
    let mut model = LatentModel::new(parts.x.as_ref(), observations, likelihood, processes)?;
    if family == Family::Heteroscedastic {
        // The logarithm of a share of the target's variance: from a ten-thousandth to all of it.
        model.layout_mut().set_prior("noise.mean.constant", Some(Prior::Normal { mean: -2.0, sd: 2.0 }))?;
    }
    set_parameters(model.layout_mut(), options)?;
    let mut details = parts.details(dataset, options, noise_kernel);
    if family.has_classes() && details.class_names.is_none() {
        details.class_names = Some((0..classes.max(2)).map(|c| c.to_string()).collect());
    }
    Ok((model, details))
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
    let as_it_is = Standardisation { target_shift: 0.0, target_scale: 1.0, ..learnt.clone() };
    let count = dataset.rows() as f64;
    match family.scaling() {
        Scaling::Standardise => learnt,
        Scaling::None => as_it_is,
        Scaling::Mean => {
            let mean = dataset.y.iter().map(|y| y / count).sum::<f64>();
            Standardisation { target_scale: if mean > 0.0 { mean } else { 1.0 }, ..as_it_is }
        }
        Scaling::Rate => {
            let exposure = dataset.exposure.as_ref().map_or(count, |e| e.iter().sum());
            let rate = dataset.y.iter().sum::<f64>() / exposure;
            Standardisation { exposure_scale: if rate > 0.0 { rate } else { 1.0 }, ..as_it_is }
        }
    }
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
