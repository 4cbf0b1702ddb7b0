//! `steingp show` and `steingp particles`.

use super::arguments::{ParticlesArguments, ShowArguments};
use super::output::{counted, json, number, say, table};
use super::{Failure, Outcome};
use crate::posterior::{FittedModel, ParameterSummary};
use crate::table::{Values, write};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    target: String,
    inputs: Vec<String>,
    kernel: String,
    model: &'static str,
    likelihood: &'static str,
    method: String,
    rows: usize,
    particles: usize,
    parameters: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    transform: &'static str,
    prior: Option<String>,
    fixed: bool,
    #[serde(flatten)]
    summary: ParameterSummary,
}

pub(super) fn show(arguments: &ShowArguments) -> Outcome {
    let fitted = FittedModel::load(&arguments.model)?;
    let details = fitted.details();
    let rows = fitted.model().layout().parameters().iter().zip(fitted.summary()).map(|(p, summary)| Row {
        transform: p.bijector.name(),
        prior: p.prior.map(|prior| prior.to_string()),
        fixed: p.fixed,
        summary,
    });
    let shown = Shown {
        target: details.target_name.clone(),
        inputs: details.input_names.clone(),
        kernel: details.kernel.to_string(),
        model: fitted.model().name(),
        likelihood: fitted.model().family().name(),
        method: details.method.clone(),
        rows: fitted.model().rows(),
        particles: fitted.posterior().count(),
        parameters: rows.collect(),
    };
    if arguments.json {
        return json(&shown);
    }
    let rows: Vec<Vec<String>> = shown
        .parameters
        .iter()
        .map(|r| {
            let prior = if r.fixed { "fixed".into() } else { r.prior.clone().unwrap_or("none".into()) };
            let s = &r.summary;
            let numbers = [s.mean, s.sd, s.q05, s.q50, s.q95].map(number);
            [named(&fitted, &s.path), r.transform.into(), prior].into_iter().chain(numbers).collect()
        })
        .collect();
    say(&format!(
        "{} ~ GP({}), {} by {}: {}, {}\ninputs: {}\n\n{}",
        shown.target,
        shown.kernel,
        shown.model,
        shown.method,
        counted(shown.rows, "row"),
        counted(shown.particles, if shown.method == "svgd" { "particle" } else { "draw" }),
        shown.inputs.join(", "),
        table(&["parameter", "transform", "prior", "mean", "sd", "5 %", "50 %", "95 %"], &rows)
    ))
}

/// Moments and quantiles of parameters, for people; the values of a point estimate, which has no spread.
pub(super) fn summary_table(model: &FittedModel, parameters: &[ParameterSummary]) -> String {
    let rows = |numbers: fn(&ParameterSummary) -> Vec<f64>| -> Vec<Vec<String>> {
        let row = |s: &ParameterSummary| {
            std::iter::once(named(model, &s.path)).chain(numbers(s).into_iter().map(number)).collect()
        };
        parameters.iter().map(row).collect()
    };
    if model.posterior().count() == 1 {
        return table(&["parameter", "value"], &rows(|s| vec![s.mean]));
    }
    table(
        &["parameter", "mean", "sd", "5 %", "50 %", "95 %"],
        &rows(|s| vec![s.mean, s.sd, s.q05, s.q50, s.q95]),
    )
}

/// A parameter's path, and the input that it belongs to: `kernel.lengthscales[1] (age)`.
fn named(model: &FittedModel, path: &str) -> String {
    match model.input_of(path) {
        Some(input) => format!("{path} ({input})"),
        None => path.to_owned(),
    }
}

pub(super) fn particles(arguments: &ParticlesArguments) -> Outcome {
    let fitted = FittedModel::load(&arguments.model)?;
    let (layout, posterior) = (fitted.model().layout(), fitted.posterior());
    if arguments.unconstrained && layout.dim() == 0 {
        return Err(Failure::Data("every parameter is fixed: there are no unconstrained coordinates".into()));
    }
    let (paths, rows): (Vec<&str>, Vec<Vec<f64>>) = if arguments.unconstrained {
        (
            layout.free().map(|p| p.path.as_str()).collect(),
            posterior.draws().points().map(|z| z[..layout.dim()].to_vec()).collect(),
        )
    } else {
        let all = layout.parameters().iter().map(|p| p.path.as_str()).collect();
        (all, (0..posterior.count()).map(|j| posterior.theta(layout, j)).collect())
    };
    let columns: Vec<Vec<f64>> = (0..paths.len()).map(|c| rows.iter().map(|r| r[c]).collect()).collect();
    let named = paths.iter().zip(&columns).map(|(path, values)| (*path, Values::Numbers(values)));
    let all: Vec<_> = named.chain([("weight", Values::Numbers(posterior.weights()))]).collect();
    Ok(write(&arguments.out, &all)?)
}
