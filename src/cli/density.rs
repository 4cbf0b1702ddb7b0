//! `steingp density`: value and score at given parameter values, and how long they take.

mod sparse;
mod values;

use super::arguments::DensityArguments;
use super::data::{inducing_points, read, tell};
use super::output::{json, number, say, table, use_threads};
use super::{Failure, Outcome};
use crate::density::LogDensity;
use crate::fit::{FitOptions, ModelChoice, build, build_latent};
use crate::likelihood::Approximation;
use crate::linalg::in_parallel;
use crate::model::{Criterion, Joint, Marginal, Model, Target};
use crate::parameter::Layout;
use crate::table::{Prepared, Split};
use faer::Par;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use values::Values;

#[derive(Serialize)]
struct Density {
    rows: usize,
    model: &'static str,
    likelihood: &'static str,
    /// Gaussian for the latent values behind `log_marginal_likelihood`.
    #[serde(skip_serializing_if = "Option::is_none")]
    approximation: Option<Approximation>,
    kernel: String,
    /// log p(y | f) at the latents given.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_likelihood: Option<f64>,
    log_marginal_likelihood: f64,
    log_prior: f64,
    log_density: f64,
    score: BTreeMap<String, f64>,
    /// Slope of log marginal likelihood, prior and Jacobian in θ, where latents are integrated out.
    #[serde(skip_serializing_if = "Option::is_none")]
    marginal_score: Option<BTreeMap<String, f64>>,
    /// What belongs to sparse models only.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    sparse: Option<sparse::Details>,
    seconds_per_evaluation: f64,
    max_jitter: f64,
}

pub(super) fn run(arguments: &DensityArguments) -> Outcome {
    use_threads(arguments.model.common.threads)?;
    let values = Values::read(arguments)?;
    let split = arguments.model.train_rows.clone().map_or(Split::All, Split::TrainRows);
    let data = read(&arguments.model, &split)?;
    tell(&data.notices, arguments.model.common.quiet);
    let mut options = arguments.model.common.options();
    options.likelihood = data.family;
    options.input_groups = data.groups();
    options.check().map_err(|e| Failure::Usage(e.to_string()))?;
    if let Some(path) = &arguments.model.common.inducing_points {
        options.inducing_points = Some(inducing_points(path, &data.encoding)?);
    }
    let classes = data.train.class_names.as_ref().map_or(2, Vec::len);
    match options.choose(data.train.rows(), data.family.build(classes)?.latents()) {
        ModelChoice::Exact => {}
        ModelChoice::Auto | ModelChoice::Latent => {
            return latent(arguments, &data, &options, &values.numbers);
        }
        choice => return sparse::density(arguments, &data, &options, choice, values),
    }
    let values = values.numbers;
    let (mut model, details) = build(&data.train, &options)?;
    place(model.layout_mut(), &values, arguments)?;

    let z = model.layout().start();
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&z, &mut theta);
    let log_prior = model.layout().log_prior(&theta, &mut vec![0.0; theta.len()]);
    let mut score = vec![0.0; z.len()];
    // One point at a time: the threads go into the linear algebra.
    let par = if rayon::current_num_threads() > 1 { in_parallel() } else { Par::Seq };
    let likelihood = Target::new(&model, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let log_marginal_likelihood = likelihood.evaluate(&z, &mut score, &mut likelihood.workspace())?;
    let target = Target::new(&model, Criterion::LogDensity)?.with_parallelism(par);
    let (log_density, seconds_per_evaluation) = timed(&target, &z, &mut score, arguments.repeat)?;
    let paths = model.layout().free().map(|p| p.path.clone());
    tell_density(
        arguments,
        &Density {
            rows: data.train.rows(),
            model: "exact",
            likelihood: data.family.name(),
            approximation: None,
            kernel: details.kernel.to_string(),
            log_likelihood: None,
            log_marginal_likelihood,
            log_prior,
            log_density,
            score: paths.zip(score).collect(),
            marginal_score: None,
            sparse: None,
            seconds_per_evaluation,
            max_jitter: target.max_jitter(),
        },
    )
}

/// The joint density of θ and the whitened latents ν, which are zero where they are not given, and beside it the
/// approximate evidence of θ.
fn latent(
    arguments: &DensityArguments,
    data: &Prepared,
    options: &FitOptions,
    values: &[(String, f64)],
) -> Outcome {
    let (mut model, details) = build_latent(&data.train, options)?;
    let is_latent = |path: &str| path.starts_with("latent[") || path.starts_with("latent.");
    let (of_latents, of_theta): (Vec<_>, Vec<_>) =
        values.iter().cloned().partition(|(path, _)| is_latent(path));
    place(model.layout_mut(), &of_theta, arguments)?;
    let par = if rayon::current_num_threads() > 1 { in_parallel() } else { Par::Seq };
    let theta_start = model.layout().start();
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&theta_start, &mut theta);
    let log_prior = model.layout().log_prior(&theta, &mut vec![0.0; theta.len()]);
    let marginal = Marginal::new(&model, options.approximation);
    let mut marginal_score = vec![0.0; theta_start.len()];
    let of_marginal = |criterion| Ok::<_, Failure>(Target::new(&marginal, criterion)?.with_parallelism(par));
    let evidence = of_marginal(Criterion::LogMarginalLikelihood)?;
    let log_marginal_likelihood =
        evidence.evaluate(&theta_start, &mut marginal_score, &mut evidence.workspace())?;
    let posterior = of_marginal(Criterion::LogDensity)?;
    posterior.evaluate(&theta_start, &mut marginal_score, &mut posterior.workspace())?;

    let joint = Joint::new(&model)?;
    let target = Target::new(&joint, Criterion::LogDensity)?.with_parallelism(par);
    let layout = joint.layout();
    let mut z = layout.start();
    let first = joint.theta_dim();
    for (path, value) in &of_latents {
        let index = layout.index(path).ok_or_else(|| {
            let last = &layout.parameters()[layout.parameters().len() - 1].path;
            Failure::Data(format!("{}: there is no `{path}`; latents end at {last}", arguments.at.display()))
        })?;
        z[first + index - theta.len()] = *value;
    }
    let mut score = vec![0.0; z.len()];
    let (mut log_density, seconds_per_evaluation) = timed(&target, &z, &mut score, arguments.repeat)?;
    // −½ |ν|² without its constant, as the model is written.
    log_density += 0.5 * (z.len() - first) as f64 * (2.0 * std::f64::consts::PI).ln();
    let likelihood = Target::new(&joint, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let log_likelihood = likelihood.evaluate(&z, &mut vec![0.0; z.len()], &mut likelihood.workspace())?;
    let free = model.layout().free().map(|p| p.path.clone());
    tell_density(
        arguments,
        &Density {
            rows: data.train.rows(),
            model: "latent",
            likelihood: data.family.name(),
            approximation: Some(marginal.approximation()),
            kernel: details.kernel.to_string(),
            log_likelihood: Some(log_likelihood),
            log_marginal_likelihood,
            log_prior,
            log_density,
            score: layout.free().map(|p| p.path.clone()).zip(score).collect(),
            marginal_score: Some(free.zip(marginal_score).collect()),
            sparse: None,
            seconds_per_evaluation,
            max_jitter: target.max_jitter(),
        },
    )
}

/// Value and score, and the median time of an evaluation.
fn timed<D: LogDensity>(target: &D, z: &[f64], score: &mut [f64], repeat: u32) -> Outcome<(f64, f64)> {
    let mut workspace = target.workspace();
    let mut value = target.evaluate(z, score, &mut workspace)?;
    let mut seconds: Vec<f64> = Vec::with_capacity(repeat as usize);
    for _ in 0..repeat {
        let clock = Instant::now();
        value = target.evaluate(z, score, &mut workspace)?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok((value, 0.5 * (seconds[(seconds.len() - 1) / 2] + seconds[seconds.len() / 2])))
}

/// Puts the given values where fits start; each parameter must have one, and no more.
fn place(layout: &mut Layout, values: &[(String, f64)], arguments: &DensityArguments) -> Outcome {
    let mut given = vec![false; layout.parameters().len()];
    for (path, value) in values {
        let index =
            layout.find(path).map_err(|e| Failure::Data(format!("{}: {e}", arguments.at.display())))?;
        let parameter = &layout.parameters()[index];
        let held =
            arguments.model.common.fix.iter().any(|(fixed, _)| layout.find(fixed).is_ok_and(|f| f == index));
        if given[index] || (held && parameter.start != *value) {
            return Err(Failure::Data(format!("{}: `{path}` is given two values", arguments.at.display())));
        }
        given[index] = true;
        layout.change(path, |p| p.start = *value)?;
    }
    let parameters = layout.parameters().iter();
    let absent: Vec<&str> = parameters
        .zip(&given)
        .filter(|(p, given)| !p.fixed && !**given)
        .map(|(p, _)| p.path.as_str())
        .collect();
    if !absent.is_empty() {
        return Err(Failure::Data(format!(
            "{}: values are missing for {}: give them there, or hold them with --fix",
            arguments.at.display(),
            absent.join(", ")
        )));
    }
    Ok(())
}

fn tell_density(arguments: &DensityArguments, density: &Density) -> Outcome {
    if arguments.model.common.json {
        return json(density);
    }
    // Of latents there is one a row.
    let shown = density.marginal_score.as_ref().unwrap_or(&density.score);
    let rows: Vec<Vec<String>> =
        shown.keys().map(|path| vec![path.clone(), number(density.score[path])]).collect();
    let likelihood =
        density.log_likelihood.map_or(String::new(), |value| format!("log likelihood           {value}\n"));
    say(&format!(
        "log marginal likelihood  {}\n{likelihood}log prior                {}\nlog density              {}\n\
         {:.3e} s an evaluation (median of {})\n\n{}",
        density.log_marginal_likelihood,
        density.log_prior,
        density.log_density,
        density.seconds_per_evaluation,
        arguments.repeat,
        table(&["parameter", "score"], &rows)
    ))
}
