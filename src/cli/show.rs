//! `steingp show` and `steingp particles`.

use super::arguments::{ParticlesArguments, ShowArguments};
use super::output::{json, number, say, table};
use super::{Failure, Outcome};
use crate::model::Model;
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
        model: "exact",
        likelihood: "gaussian",
        method: details.method.clone(),
        rows: fitted.model().y().len(),
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
            [s.path.clone(), r.transform.into(), prior].into_iter().chain(numbers).collect()
        })
        .collect();
    say(&format!(
        "{} ~ GP({}), {} by {}: {} rows, {} particle(s)\ninputs: {}\n\n{}",
        shown.target,
        shown.kernel,
        shown.model,
        shown.method,
        shown.rows,
        shown.particles,
        shown.inputs.join(", "),
        table(&["parameter", "transform", "prior", "mean", "sd", "5 %", "50 %", "95 %"], &rows)
    ))
}

/// Moments and quantiles of parameters, for people.
pub(super) fn summary_table(parameters: &[ParameterSummary]) -> String {
    let rows: Vec<Vec<String>> = parameters
        .iter()
        .map(|s| {
            std::iter::once(s.path.clone()).chain([s.mean, s.sd, s.q05, s.q50, s.q95].map(number)).collect()
        })
        .collect();
    table(&["parameter", "mean", "sd", "5 %", "50 %", "95 %"], &rows)
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
            posterior.draws().points().map(<[f64]>::to_vec).collect(),
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
