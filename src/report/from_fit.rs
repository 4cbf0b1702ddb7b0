//! A report's contents from a fit.

use super::data::{
    Calibration, CalibrationKind, CalibrationPoint, Counts, Effect, FitCurve, Observed, ObservedPoint,
    ParameterParticles, ParameterRow, ParameterValue, Report, Rows, Score, ScoreFormat, Summary, Support,
    Trace, TracePoint,
};
use super::from_classes as classes;
use super::notices::notices;
use super::trust::from_diagnostics;
use crate::Result;
use crate::dataset::Dataset;
use crate::fit::Fit;
use crate::likelihood::Family;
use crate::parameter::{Parameter, Prior};
use crate::posterior::{
    FittedModel, Metrics, PredictionKind, Predictions, Scores, probability_integral_transform,
    quantile_columns,
};
use faer::{Mat, MatRef};

/// What a report is about.
#[derive(Debug)]
pub struct FitContext<'a> {
    /// File name of the table.
    pub table: String,
    /// The fit.
    pub fit: &'a Fit,
    /// Training rows in their own units.
    pub train: &'a Dataset,
    /// Test inputs and targets in their own units.
    pub test: Option<(MatRef<'a, f64>, &'a [f64])>,
    /// Exposures or numbers of trials of the test rows, where they have some.
    pub test_exposure: Option<&'a [f64]>,
    /// Predictions of the test rows.
    pub predictions: Option<&'a Predictions>,
    /// Scores on the test rows.
    pub scores: Option<&'a Scores>,
    /// Wall time of the fit in seconds.
    pub seconds: f64,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Level of the intervals that are drawn.
const LEVEL: f64 = 0.9;
/// Points of a curve.
const GRID: usize = 120;
/// Inputs whose effect is drawn; more would bury the page.
const MOST_EFFECTS: usize = 36;

/// Collects numbers for all figures. Cost: predictions of the rows shown and of a grid for each input.
///
/// # Errors
/// Those of prediction.
pub fn from_fit(context: &FitContext<'_>) -> Result<Report> {
    let on_training;
    let (rows, y, predictions) = match (context.test, context.predictions) {
        (Some((_, y)), Some(predictions)) => (Rows::Test, y, predictions),
        _ => {
            let train = context.train;
            on_training = context.fit.model.predict_y(train.x.as_ref(), train.exposure.as_deref())?;
            (Rows::Train, train.y.as_slice(), &on_training)
        }
    };
    let one_input = context.train.columns() == 1;
    let classes = classes::classes(context, rows, y, predictions)?;
    let numbers = classes.is_none();
    Ok(Report {
        summary: summary(context),
        scores: context.scores.map(score_lines).unwrap_or_default(),
        notices: notices(context),
        trust: context
            .fit
            .diagnostics
            .as_ref()
            .map(|d| from_diagnostics(d, context.fit.model.posterior().count())),
        parameters: parameter_rows(context),
        particles: parameter_particles(&context.fit.model),
        trace: trace(context.fit),
        observed: numbers.then(|| observed(context, rows, y, predictions)),
        calibration: numbers.then(|| calibration(rows, y, predictions)),
        counts: counts(context, rows, y, predictions),
        effects: if one_input && numbers { Vec::new() } else { effects(context)? },
        fit: if one_input && numbers { Some(curve(context)?) } else { None },
        classes,
    })
}

fn summary(context: &FitContext<'_>) -> Summary {
    let (fit, details) = (context.fit, context.fit.model.details());
    Summary {
        target: details.target_name.clone(),
        table: context.table.clone(),
        rows_train: context.train.rows(),
        rows_test: context.test.map_or(0, |(_, y)| y.len()),
        inputs: details.input_names.clone(),
        kernel: details.kernel.to_string(),
        likelihood: fit.model.model().family().name().into(),
        model: fit.model.model().name().into(),
        method: details.method.to_uppercase(),
        particles: Some(fit.model.posterior().count()),
        iterations: Some(fit.iterations),
        evaluations: Some(fit.evaluations),
        seconds: Some(context.seconds),
    }
}

fn score_lines(scores: &Scores) -> Vec<Score> {
    match scores {
        Scores::Values(metrics) => metric_lines(metrics),
        Scores::Classes(metrics) => super::classes::scores(metrics),
    }
}

fn metric_lines(m: &Metrics) -> Vec<Score> {
    let number = |name: &str, value, standardised| Score {
        name: name.into(),
        value,
        standardised,
        format: ScoreFormat::Number,
    };
    let share = |name: &str, value| Score {
        name: name.into(),
        value,
        standardised: None,
        format: ScoreFormat::Percent,
    };
    vec![
        number("log-likelihood", m.log_likelihood, Some(m.log_likelihood_standardised)),
        number("RMSE", m.rmse, Some(m.rmse_standardised)),
        number("MAE", m.mae, None),
        number("CRPS", m.crps, None),
        share("coverage of 50 % intervals", m.coverage.half),
        share("coverage of 90 % intervals", m.coverage.ninety),
        share("coverage of 95 % intervals", m.coverage.ninety_five),
    ]
}

fn parameter_rows(context: &FitContext<'_>) -> Vec<ParameterRow> {
    let model = &context.fit.model;
    let one = model.posterior().count() == 1;
    (model.model().layout().parameters().iter().zip(model.summary()))
        .map(|(p, s)| ParameterRow {
            path: p.path.clone(),
            column: column_of(context, p),
            transform: p.bijector.name().into(),
            prior: p.prior.map(|prior| prior.to_string()).unwrap_or_default(),
            value: match (p.fixed, one) {
                (true, _) => ParameterValue::Fixed(s.mean),
                (false, true) => ParameterValue::Point(s.mean),
                _ => ParameterValue::Spread { mean: s.mean, sd: s.sd, q05: s.q05, q50: s.q50, q95: s.q95 },
            },
        })
        .collect()
}

fn column_of(context: &FitContext<'_>, parameter: &Parameter) -> Option<String> {
    context.fit.model.input_of(&parameter.path).map(str::to_owned)
}

/// The draws of each free parameter with its prior, on the model's scale.
pub fn parameter_particles(fitted: &FittedModel) -> Vec<ParameterParticles> {
    let (layout, posterior) = (fitted.model().layout(), fitted.posterior());
    let draws: Vec<Vec<f64>> = (0..posterior.count()).map(|j| posterior.theta(layout, j)).collect();
    (layout.free_indices().iter().zip(layout.free()))
        .map(|(&index, p)| {
            let values: Vec<f64> = draws.iter().map(|theta| theta[index]).collect();
            let (low, high) = p.bijector.support();
            let support = if low.is_finite() && high.is_finite() {
                Support::Between(low, high)
            } else if low.is_finite() {
                Support::Positive
            } else {
                Support::Real
            };
            ParameterParticles {
                path: p.path.clone(),
                column: fitted.input_of(&p.path).map(str::to_owned),
                support,
                prior: p.prior.map(|prior| prior_curve(prior, support, &values)).unwrap_or_default(),
                values,
                weights: posterior.weights().to_vec(),
            }
        })
        .collect()
}

/// The prior's density where the particles are and well beyond.
fn prior_curve(prior: Prior, support: Support, values: &[f64]) -> Vec<(f64, f64)> {
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    const POINTS: usize = 400;
    let at = |i: usize| {
        let t = i as f64 / (POINTS - 1) as f64;
        match support {
            Support::Positive => {
                let (a, b) = ((1e-3 * low).max(1e-9).ln(), (10.0 * high).max(10.0).ln());
                (a + t * (b - a)).exp()
            }
            Support::Between(a, b) => a + t * (b - a),
            Support::Real => {
                let reach = 2.0 * (high - low).max(1.0);
                low - reach + t * (high - low + 2.0 * reach)
            }
        }
    };
    (0..POINTS).map(at).map(|v| (v, prior.log_density(v).0.exp())).filter(|(_, d)| d.is_finite()).collect()
}

fn trace(fit: &Fit) -> Option<Trace> {
    if !fit.bounds.is_empty() {
        let points = fit.bounds.iter().map(|r| TracePoint {
            iteration: r.iteration,
            mean: r.elbo,
            low: r.elbo - r.standard_error,
            high: r.elbo + r.standard_error,
        });
        return Some(Trace {
            quantity: "evidence lower bound".into(),
            points: points.collect(),
            band: "one standard error".into(),
            ..Trace::default()
        });
    }
    if fit.trace.is_empty() {
        let points = fit.climb.iter().enumerate().map(|(i, v)| TracePoint {
            iteration: i,
            mean: *v,
            low: f64::NAN,
            high: f64::NAN,
        });
        let points: Vec<_> = points.collect();
        return (points.len() > 1).then(|| Trace {
            quantity: "best log density, by evaluation".into(),
            points,
            ..Trace::default()
        });
    }
    let points = fit.trace.iter().map(|r| TracePoint {
        iteration: r.iteration,
        mean: r.mean_log_density,
        low: r.mean_log_density - r.sd_log_density,
        high: r.mean_log_density + r.sd_log_density,
    });
    let ratio = fit.trace.iter().filter(|r| r.stein_ratio.is_finite());
    Some(Trace {
        quantity: String::new(),
        points: points.collect(),
        band: "one standard deviation over the particles".into(),
        stein_ratio: ratio.map(|r| (r.iteration, r.stein_ratio)).collect(),
    })
}

fn observed(context: &FitContext<'_>, rows: Rows, y: &[f64], predictions: &Predictions) -> Observed {
    let tails = predictions.quantiles(&[0.5 - 0.5 * LEVEL, 0.5 + 0.5 * LEVEL]);
    let points = (0..y.len()).map(|i| ObservedPoint {
        observed: y[i],
        predicted: predictions.row(i).moments().0,
        low: tails[0][i],
        high: tails[1][i],
    });
    Observed { target: context.train.target_name.clone(), rows, level: LEVEL, points: points.collect() }
}

fn calibration(rows: Rows, y: &[f64], predictions: &Predictions) -> Calibration {
    let pit = probability_integral_transform(predictions, y);
    let n = pit.len().max(1) as f64;
    let points = (1..20).map(|k| {
        let nominal = f64::from(k) / 20.0;
        let covered = pit.iter().filter(|p| (**p - 0.5).abs() <= 0.5 * nominal).count() as f64;
        let half = 1.96 * (nominal * (1.0 - nominal) / n).sqrt();
        CalibrationPoint {
            nominal,
            empirical: covered / n,
            low: (nominal - half).max(0.0),
            high: (nominal + half).min(1.0),
        }
    });
    Calibration { kind: CalibrationKind::Coverage, rows, points: points.collect(), pit }
}

/// Observed and predicted frequencies of counts.
fn counts(context: &FitContext<'_>, rows: Rows, y: &[f64], predictions: &Predictions) -> Option<Counts> {
    /// Counts beyond this are no bars any more.
    const MOST: usize = 60;
    let family = context.fit.model.model().family();
    if !matches!(family, Family::Poisson | Family::NegativeBinomial | Family::Binomial) {
        return None;
    }
    let top = y.iter().fold(0.0f64, |most, y| most.max(*y)) as usize;
    if top > MOST {
        return None;
    }
    let mut observed = vec![0.0; top + 2];
    y.iter().for_each(|y| observed[*y as usize] += 1.0);
    let each =
        predictions.map(|row| (0..top + 2).map(|k| row.log_density(k as f64).exp()).collect::<Vec<f64>>());
    let expected = (0..top + 2).map(|k| each.iter().map(|p| p[k]).sum()).collect();
    Some(Counts { target: context.train.target_name.clone(), rows, observed, expected })
}

fn effects(context: &FitContext<'_>) -> Result<Vec<Effect>> {
    let (train, model) = (context.train, &context.fit.model);
    let columns: Vec<Vec<f64>> = (0..train.columns()).map(|d| sorted_column(train, d)).collect();
    let medians: Vec<f64> = columns.iter().map(|c| c[c.len() / 2]).collect();
    let used = model.model().kernel().columns();
    // A linear mean uses every column.
    let uses = |d: &usize| used.contains(d) || model.model().mean() == crate::mean::Mean::Linear;
    (0..train.columns())
        .filter(uses)
        .take(MOST_EFFECTS)
        .map(|d| {
            let grid = grid_of(&columns[d]);
            let x =
                Mat::from_fn(grid.len(), train.columns(), |i, c| if c == d { grid[i] } else { medians[c] });
            let predictions = model.predict(x.as_ref(), PredictionKind::Latent)?;
            let mut q = quantile_columns(&predictions, &[0.05, 0.25, 0.75, 0.95]).into_iter();
            let mut next = || q.next().unwrap_or_default();
            let (q05, q25, q75, q95) = (next(), next(), next(), next());
            Ok(Effect {
                input: train.input_names[d].clone(),
                target: train.target_name.clone(),
                mean: predictions.iter().map(|m| m.mean()).collect(),
                band50: q25.into_iter().zip(q75).collect(),
                band90: q05.into_iter().zip(q95).collect(),
                data: columns[d].clone(),
                grid,
            })
        })
        .collect()
}

fn sorted_column(train: &Dataset, d: usize) -> Vec<f64> {
    let mut values: Vec<f64> = (0..train.rows()).map(|i| train.x[(i, d)]).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The values themselves where there are few, else an even grid over their range.
fn grid_of(sorted: &[f64]) -> Vec<f64> {
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    if distinct.len() <= 6 {
        return distinct;
    }
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    (0..GRID / 2).map(|i| low + (high - low) * i as f64 / (GRID / 2 - 1) as f64).collect()
}

fn curve(context: &FitContext<'_>) -> Result<FitCurve> {
    let (train, model) = (context.train, &context.fit.model);
    let sorted = sorted_column(train, 0);
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let margin = 0.05 * (high - low);
    let points = 2 * GRID;
    let grid: Vec<f64> = (0..points)
        .map(|i| low - margin + (high - low + 2.0 * margin) * i as f64 / (points - 1) as f64)
        .collect();
    let x = Mat::from_fn(points, 1, |i, _| grid[i]);
    let family = model.model().family();
    let latent = model.predict(x.as_ref(), PredictionKind::Latent)?;
    // Everything is shown per unit: data of different exposures compare, and so do observations of a typical one.
    let exposure = train.exposure.as_ref().map(|e| typical(e));
    let unit = exposure.unwrap_or(1.0);
    let observed = model.predict_y(x.as_ref(), Some(&vec![unit; points]))?;
    let ends = [0.5 - 0.5 * LEVEL, 0.5 + 0.5 * LEVEL];
    let band = |quantiles: Vec<Vec<f64>>, shown: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
        let mut q = quantiles.into_iter();
        let (low, high) = (q.next().unwrap_or_default(), q.next().unwrap_or_default());
        low.into_iter().zip(high).map(|(low, high)| (shown(low), shown(high))).collect()
    };
    let natural = |f: f64| family.response(f);
    let pairs = |x: MatRef<'_, f64>, y: &[f64], exposure: Option<&[f64]>| {
        let of = |i: usize| exposure.map_or(1.0, |e| e[i]);
        y.iter().enumerate().map(|(i, y)| (x[(i, 0)], *y / of(i))).collect()
    };
    let count = model.posterior().count();
    let particle_means = if count > 1 {
        (0..count)
            .map(|j| latent.iter().map(|m| m.means.get(j).copied().map_or(f64::NAN, natural)).collect())
            .collect()
    } else {
        Vec::new()
    };
    let target = match family.uses_exposure().filter(|_| exposure.is_some()) {
        Some("trials") => format!("{} per trial", train.target_name),
        Some(_) => format!("{} per unit of exposure", train.target_name),
        None => train.target_name.clone(),
    };
    Ok(FitCurve {
        input: train.input_names[0].clone(),
        target,
        mean: observed.map(|row| row.moments().0 / unit),
        latent: band(quantile_columns(&latent, &ends), &natural),
        observation: band(observed.quantiles(&ends), &|y| y / unit),
        level: LEVEL,
        particle_means,
        particle_weights: model.posterior().weights().to_vec(),
        train: pairs(train.x.as_ref(), &train.y, train.exposure.as_deref()),
        test: context.test.map(|(x, y)| pairs(x, y, context.test_exposure)).unwrap_or_default(),
        exposure,
        grid,
    })
}

/// The median of exposures: one of them, so that trials stay whole.
fn typical(exposures: &[f64]) -> f64 {
    let mut sorted = exposures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(1.0)
}
