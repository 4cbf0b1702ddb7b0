//! `steingp density`: value and score at given parameter values, and how long they take.

use super::arguments::DensityArguments;
use super::data::{Data, tell};
use super::output::{json, number, say, table, use_threads};
use super::{Failure, Outcome};
use crate::density::LogDensity;
use crate::fit::build;
use crate::linalg::in_parallel;
use crate::model::{Criterion, Model, Target};
use crate::table::Split;
use faer::Par;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Instant;

#[derive(Serialize)]
struct Density {
    rows: usize,
    model: &'static str,
    kernel: String,
    log_marginal_likelihood: f64,
    log_prior: f64,
    log_density: f64,
    score: BTreeMap<String, f64>,
    seconds_per_evaluation: f64,
    max_jitter: f64,
}

pub(super) fn run(arguments: &DensityArguments) -> Outcome {
    use_threads(arguments.model.threads)?;
    let values = read_values(arguments)?;
    let split = arguments.model.train_rows.clone().map_or(Split::All, Split::TrainRows);
    let data = Data::read(&arguments.model, &split)?;
    tell(&data.notices, arguments.model.quiet);
    let mut options = arguments.model.options();
    options.input_groups = data.groups();
    let (mut model, details) = build(&data.train, &options)?;

    let mut given = vec![false; model.layout().parameters().len()];
    for (path, value) in &values {
        let index = model
            .layout()
            .find(path)
            .map_err(|e| Failure::Data(format!("{}: {e}", arguments.at.display())))?;
        let parameter = &model.layout().parameters()[index];
        let held =
            arguments.model.fix.iter().any(|(fixed, _)| model.layout().find(fixed).is_ok_and(|f| f == index));
        if given[index] || (held && parameter.start != *value) {
            return Err(Failure::Data(format!("{}: `{path}` is given two values", arguments.at.display())));
        }
        given[index] = true;
        model.layout_mut().change(path, |p| p.start = *value)?;
    }
    let parameters = model.layout().parameters().iter();
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

    let z = model.layout().start();
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&z, &mut theta);
    let log_prior = model.layout().log_prior(&theta, &mut vec![0.0; theta.len()]);
    let mut score = vec![0.0; z.len()];
    // One point at a time: the threads go into the linear algebra.
    let par = if rayon::current_num_threads() > 1 { in_parallel() } else { Par::Seq };
    let likelihood = Target::new(&model, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let mut workspace = likelihood.workspace();
    let log_marginal_likelihood = likelihood.evaluate(&z, &mut score, &mut workspace)?;
    let target = Target::new(&model, Criterion::LogDensity)?.with_parallelism(par);
    let mut log_density = target.evaluate(&z, &mut score, &mut workspace)?;
    let mut seconds: Vec<f64> = Vec::with_capacity(arguments.repeat as usize);
    for _ in 0..arguments.repeat {
        let clock = Instant::now();
        log_density = target.evaluate(&z, &mut score, &mut workspace)?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let paths = model.layout().free().map(|p| p.path.clone());
    let density = Density {
        rows: data.train.rows(),
        model: "exact",
        kernel: details.kernel.to_string(),
        log_marginal_likelihood,
        log_prior,
        log_density,
        score: paths.zip(score).collect(),
        seconds_per_evaluation: 0.5 * (seconds[(seconds.len() - 1) / 2] + seconds[seconds.len() / 2]),
        max_jitter: target.max_jitter(),
    };
    if arguments.model.json {
        return json(&density);
    }
    let rows: Vec<Vec<String>> =
        density.score.iter().map(|(path, s)| vec![path.clone(), number(*s)]).collect();
    say(&format!(
        "log marginal likelihood  {}\nlog prior                {}\nlog density              {}\n\
         {:.3e} s an evaluation (median of {})\n\n{}",
        density.log_marginal_likelihood,
        density.log_prior,
        density.log_density,
        density.seconds_per_evaluation,
        arguments.repeat,
        table(&["parameter", "score"], &rows)
    ))
}

/// The values of `--at`: {path: number}, or {path: [numbers]} for `path[0]`, `path[1]`, ….
fn read_values(arguments: &DensityArguments) -> Outcome<Vec<(String, f64)>> {
    let name = arguments.at.display();
    let fail = |problem: &dyn std::fmt::Display| Failure::Data(format!("{name}: {problem}"));
    let mut text = String::new();
    if arguments.at.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(|e| fail(&e))?;
    } else {
        text = std::fs::read_to_string(&arguments.at).map_err(|e| fail(&e))?;
    }
    let values: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).map_err(|e| {
        fail(&format!("expected an object of numbers like {{\"kernel.variance\": 1.5}}: {e}"))
    })?;
    let mut flat = Vec::new();
    for (path, value) in values {
        let number = |v: &serde_json::Value| {
            v.as_f64().ok_or_else(|| fail(&format!("`{path}` is not a number, nor a list of numbers")))
        };
        match value.as_array() {
            Some(list) => {
                for (i, v) in list.iter().enumerate() {
                    flat.push((format!("{path}[{i}]"), number(v)?));
                }
            }
            None => flat.push((path.clone(), number(&value)?)),
        }
    }
    Ok(flat)
}
