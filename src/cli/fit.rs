//! `steingp fit`.

use super::arguments::FitArguments;
use super::data::{self, Streamed, file_name, inducing_points, tell};
use super::output::{self, counted, number, say, table, use_threads};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::fit::{CorrectionSummary, Fit, build_sparse, fit, fit_rows};
use crate::inference::{ChainDiagnostics, Elbo, ModeSummary, PolishSummary};
use crate::model::GpModel;
use crate::posterior::{ClassMetrics, Metrics, ParameterSummary, Predictions, Scores};
use crate::report::{self, FitContext};
use crate::stein::SteinDiagnostics;
use crate::table::{Prepared, Split};
use serde::Serialize;
use std::time::Instant;

#[derive(Serialize)]
struct Summary {
    rows: Rows,
    model: &'static str,
    /// Number of inducing points of a sparse model.
    #[serde(skip_serializing_if = "Option::is_none")]
    inducing: Option<usize>,
    likelihood: &'static str,
    /// Names of the classes, where the target has classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<String>>,
    method: String,
    kernel: String,
    inputs: Vec<String>,
    target: String,
    particles: usize,
    iterations: usize,
    evaluations: usize,
    /// Log density of the point estimate or Laplace's mode, or its mean over particles or draws.
    objective: f64,
    interrupted: bool,
    seconds: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Scores>,
    diagnostics: Diagnostics,
    parameters: Vec<ParameterSummary>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Rows {
    train: usize,
    test: usize,
}

#[derive(Serialize)]
struct Seconds {
    load: f64,
    fit: f64,
    predict: f64,
}

#[derive(Serialize)]
struct Diagnostics {
    #[serde(flatten)]
    stein: Stein,
    /// The modes that SVGD found, heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mode_summaries: Vec<ModeSummary>,
    /// Of SVGD.
    #[serde(skip_serializing_if = "Option::is_none")]
    polish: Option<PolishSummary>,
    /// Of SVGD on latent models.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<CorrectionSummary>,
    /// Of NUTS.
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<Chains>,
    /// Of variational inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    elbo: Option<Elbo>,
    failed_evaluations: usize,
    max_jitter: f64,
}

/// What SVGD's particles are worth. What is undefined is null, and so are the first figures of other methods.
#[derive(Serialize)]
#[serde(untagged)]
enum Stein {
    Particles(Box<SteinDiagnostics>),
    None { stein_ratio: Option<f64>, ksd: Option<f64>, mean_score_z: Option<f64> },
}

impl Stein {
    fn new(fitted: &Fit) -> Self {
        match &fitted.diagnostics {
            Some(found) => Self::Particles(Box::new(found.clone())),
            // What minibatches said last, where particles moved on them.
            None => {
                let ratio = fitted.trace.last().map(|report| report.stein_ratio).filter(|r| r.is_finite());
                Self::None { stein_ratio: ratio, ksd: None, mean_score_z: None }
            }
        }
    }
}

/// As [`ChainDiagnostics`], without what is not a number.
#[derive(Serialize)]
struct Chains {
    count: usize,
    r_hat: Option<f64>,
    ess_bulk: Option<f64>,
    ess_tail: Option<f64>,
    divergences: usize,
}

impl Chains {
    fn new(found: &ChainDiagnostics) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        Self {
            count: found.count,
            r_hat: finite(found.r_hat),
            ess_bulk: finite(found.ess_bulk),
            ess_tail: finite(found.ess_tail),
            divergences: found.divergences,
        }
    }
}

pub(super) fn run(arguments: &FitArguments) -> Outcome {
    let unused = arguments.check_method()?;
    use_threads(arguments.model.common.threads)?;
    // Files that cannot be written are better known before hours of work than after.
    check_outputs(arguments)?;
    let clock = Instant::now();
    let split = match (&arguments.test, arguments.holdout, &arguments.model.train_rows) {
        (Some(path), ..) => Split::TestTable(path.clone()),
        (_, Some(fraction), _) => Split::Holdout { fraction, seed: arguments.model.common.seed },
        (.., Some(path)) => Split::TrainRows(path.clone()),
        _ => Split::All,
    };
    let (data, streamed) = if arguments.stream {
        let (data, streamed) = data::stream(&arguments.model, &split)?;
        (data, Some(streamed))
    } else {
        (data::read(&arguments.model, &split)?, None)
    };
    tell(&data.notices, arguments.model.common.quiet);
    let load = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let mut progress = Progress::new(arguments.model.common.quiet);
    let mut options = arguments.options();
    options.likelihood = data.family;
    options.input_groups = data.groups();
    options.check().map_err(|e| Failure::Usage(e.to_string()))?;
    options.interrupt = Some(progress.flag());
    if let Some(path) = &arguments.model.common.inducing_points {
        options.inducing_points = Some(inducing_points(path, &data.encoding)?);
    }
    let fitted = match streamed {
        None => fit(&data.train, &options, &mut progress),
        Some(Streamed { mut rows, scale }) => {
            let file = std::fs::metadata(&arguments.model.table).map_or(0, |m| m.len());
            build_sparse(&data.train, &options, Some(scale))
                .and_then(|problem| fit_rows(problem, &mut rows, file, &options, &mut progress))
        }
    };
    progress.finish();
    let mut fitted = fitted?;
    let encoding =
        serde_json::to_value(&data.encoding).map_err(|e| Failure::Data(format!("encoding: {e}")))?;
    fitted.notices.extend(unused);
    fitted.model.set_encoding(encoding);
    tell(&fitted.notices, arguments.model.common.quiet);
    let fit_seconds = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let (predictions, metrics) = score(&fitted, &data)?;
    let seconds = Seconds { load, fit: fit_seconds, predict: clock.elapsed().as_secs_f64() };

    let saved = arguments.out.as_ref().map_or(Ok(()), |path| fitted.model.save(path));
    let mut reported = Ok(());
    if let Some(path) = &arguments.report {
        let context = FitContext {
            table: file_name(&arguments.model.table),
            fit: &fitted,
            train: &data.train,
            test: data.test.as_ref().map(|test| (test.x.as_ref(), test.y.as_slice())),
            test_exposure: data.test.as_ref().and_then(|test| test.exposure.as_deref()),
            predictions: predictions.as_ref(),
            scores: metrics.as_ref(),
            seconds: fit_seconds,
            notices: data.notices.iter().chain(&fitted.notices).cloned().collect(),
        };
        reported = report::from_fit(&context)
            .and_then(|r| report::page::html(&r))
            .map_err(Failure::from)
            .and_then(|page| {
                std::fs::write(path, page).map_err(|e| Failure::Data(format!("{}: {e}", path.display())))
            });
    }
    // What was found is printed even where a file could not be written.
    let summary = summarise(&fitted, &data, metrics, seconds);
    if arguments.model.common.json {
        output::json(&summary)?
    } else {
        say(&text(&summary, &fitted))?
    }
    saved?;
    reported
}

/// Files that cannot be written, or that would overwrite one another, are better known before hours of work.
fn check_outputs(arguments: &FitArguments) -> Outcome {
    let outputs: Vec<_> =
        [&arguments.out, &arguments.report, &arguments.checkpoint].into_iter().flatten().collect();
    let model = &arguments.model;
    let given = [&arguments.test, &model.train_rows, &model.common.inducing_points].map(Option::as_ref);
    let inputs = [Some(&model.table)].into_iter().chain(given);
    for (place, path) in outputs.iter().enumerate() {
        let others = inputs.clone().flatten().chain(outputs[..place].iter().copied());
        let same = |other: &&std::path::PathBuf| {
            *other == *path || other.canonicalize().is_ok_and(|o| path.canonicalize().is_ok_and(|p| o == p))
        };
        if let Some(other) = others.into_iter().find(same) {
            let text = format!(
                "{}: would overwrite {}, another file of this command: choose another name",
                path.display(),
                other.display()
            );
            return Err(Failure::Usage(text));
        }
        let existed = path.exists();
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|e| Failure::Data(format!("{}: cannot be written: {e}", path.display())))?;
        if !existed {
            // Only a trial; a file that stays empty does no harm.
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

fn score(fitted: &Fit, data: &Prepared) -> Outcome<(Option<Predictions>, Option<Scores>)> {
    let Some(test) = &data.test else { return Ok((None, None)) };
    let predictions = fitted.model.predict_y(test.x.as_ref(), test.exposure.as_deref())?;
    let scores = fitted.model.score(&predictions, &test.y)?;
    Ok((Some(predictions), scores))
}

fn summarise(fitted: &Fit, data: &Prepared, test: Option<Scores>, seconds: Seconds) -> Summary {
    let details = fitted.model.details();
    Summary {
        rows: Rows {
            train: fitted.model.model().rows(),
            test: data.test.as_ref().map_or(0, |test| test.y.len()),
        },
        model: fitted.model.model().name(),
        inducing: match fitted.model.model() {
            GpModel::Sparse(gp) => Some(gp.model.size()),
            _ => None,
        },
        likelihood: fitted.model.model().family().name(),
        classes: details.class_names.clone(),
        method: details.method.clone(),
        kernel: details.kernel.to_string(),
        inputs: details.input_names.clone(),
        target: details.target_name.clone(),
        particles: fitted.model.posterior().count(),
        iterations: fitted.iterations,
        evaluations: fitted.evaluations,
        objective: fitted.objective,
        interrupted: fitted.interrupted,
        seconds,
        test,
        diagnostics: Diagnostics {
            stein: Stein::new(fitted),
            mode_summaries: fitted.modes.clone(),
            polish: fitted.polish,
            correction: fitted.correction.clone(),
            chains: fitted.chains.as_ref().map(Chains::new),
            elbo: fitted.elbo,
            failed_evaluations: fitted.failed_evaluations,
            max_jitter: fitted.max_jitter,
        },
        parameters: fitted.model.summary(),
        notices: data.notices.iter().chain(&fitted.notices).cloned().collect(),
    }
}

/// The summary for people.
fn text(summary: &Summary, fitted: &Fit) -> String {
    let particles = match summary.particles {
        1 => String::new(),
        count if summary.method == "svgd" => format!(", {count} particles"),
        count => format!(", {count} draws"),
    };
    let mut text = format!(
        "{} ~ {}GP({}), {} by {}{particles}\n{}, {}; {}, {}, {:.2} s\n",
        summary.target,
        match summary.model {
            "exact" => String::new(),
            _ => format!("{} of ", summary.likelihood),
        },
        summary.kernel,
        match summary.inducing {
            Some(count) => format!("{} with {}", summary.model, counted(count, "inducing point")),
            None => summary.model.to_owned(),
        },
        summary.method,
        counted(summary.rows.train, "training row"),
        counted(summary.rows.test, "test row"),
        counted(summary.iterations, "iteration"),
        counted(summary.evaluations, "evaluation"),
        summary.seconds.fit,
    );
    if summary.interrupted {
        text += "interrupted: this is what there was at the time\n";
    }
    if let Stein::Particles(found) = &summary.diagnostics.stein {
        text += &format!("{} {}\n", found.explanation, found.advice);
    }
    if let Some(polish) = &summary.diagnostics.polish {
        text += &format!(
            "polished by Metropolis-adjusted moves, {:.0} % accepted, moments from {}\n",
            100.0 * polish.acceptance,
            counted(polish.states, "state")
        );
    }
    if let Some(correction) = &summary.diagnostics.correction {
        text += &format!("{}\n", report::correction(correction));
    }
    if let Some(chains) = &fitted.chains {
        text += &format!("{}\n", report::chains(chains));
    }
    if let Some(bound) = &summary.diagnostics.elbo {
        text += &format!("evidence lower bound {:.2} ± {:.2}\n", bound.value, bound.standard_error);
    }
    text += &format!("\n{}", super::show::summary_table(&fitted.model, &summary.parameters));
    if let Some(test) = &summary.test {
        text += &format!("\n{}", scores_table(test));
    }
    text
}

/// Scores for people.
pub(super) fn scores_table(scores: &Scores) -> String {
    match scores {
        Scores::Values(m) => metrics_table(m),
        Scores::Classes(m) => class_table(m),
    }
}

fn class_table(m: &ClassMetrics) -> String {
    let row = |name: &str, value: String, note: String| vec![name.to_owned(), value, note];
    let base = format!("{} by class shares alone", number(m.base_rate_log_likelihood));
    let floor = format!("± {}; {} if calibrated", number(m.ece_standard_error), number(m.ece_floor));
    table(
        &["on test rows", "", ""],
        &[
            row("log-likelihood", number(m.log_likelihood), base),
            row("accuracy", number(m.accuracy), String::new()),
            row("AUC", m.auc.map_or("–".into(), number), String::new()),
            row("Brier score", number(m.brier), String::new()),
            row("calibration error", number(m.ece), floor),
        ],
    )
}

fn metrics_table(m: &Metrics) -> String {
    let row = |name: &str, value: f64, standardised: Option<f64>| {
        vec![name.into(), number(value), standardised.map_or(String::new(), number)]
    };
    table(
        &["on test rows", "own units", "standardised"],
        &[
            row("log-likelihood", m.log_likelihood, Some(m.log_likelihood_standardised)),
            row("RMSE", m.rmse, Some(m.rmse_standardised)),
            row("MAE", m.mae, None),
            row("CRPS", m.crps, None),
            row("coverage of 50 %", m.coverage.half, None),
            row("coverage of 90 %", m.coverage.ninety, None),
            row("coverage of 95 %", m.coverage.ninety_five, None),
        ],
    )
}
