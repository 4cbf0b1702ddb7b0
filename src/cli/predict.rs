//! `steingp predict` and `steingp score`.

use super::arguments::{MissingArgument, PredictArguments, ScoreArguments};
use super::fit::metrics_table;
use super::output::{json, say, use_threads};
use super::{Failure, Outcome};
use crate::posterior::{FittedModel, MixtureTable, PredictionKind, quantile_columns};
use crate::table::{Encoded, Encoding, Missing, Table, TargetUse, Values, write};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json as object;
use std::path::Path;

pub(super) fn run(arguments: &PredictArguments) -> Outcome {
    if let Some(level) = arguments.quantiles.iter().find(|q| !(**q > 0.0 && **q < 1.0)) {
        return Err(Failure::Usage(format!("--quantiles: {level} does not lie between 0 and 1")));
    }
    let twice = |(i, q): (usize, &f64)| arguments.quantiles[..i].contains(q);
    if arguments.quantiles.iter().enumerate().any(twice) {
        return Err(Failure::Usage("--quantiles: a level is given twice".into()));
    }
    use_threads(arguments.threads)?;
    let fitted = FittedModel::load(&arguments.model)?;
    let rows = encode(&fitted, &arguments.model, &arguments.table, TargetUse::Ignore, arguments.missing)?;
    let kind = if arguments.latent { PredictionKind::Latent } else { PredictionKind::Observed };
    let predictions = fitted.predict(rows.x.as_ref(), kind)?;
    let columns = columns(&predictions, arguments);
    let named = columns.iter().map(|(name, values)| (name.as_str(), Values::Numbers(values)));
    let all: Vec<_> = std::iter::once(("row", Values::Indices(&rows.rows))).chain(named).collect();
    match &arguments.out {
        Some(path) => Ok(write(path, &all)?),
        None => {
            let header: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            let mut text = format!("{}\n", header.join(","));
            for (i, row) in rows.rows.iter().enumerate() {
                text += &row.to_string();
                columns.iter().for_each(|(_, values)| text += &format!(",{}", values[i]));
                text.push('\n');
            }
            say(&text)
        }
    }
}

/// Mean, standard deviation, quantiles and draws, one column each.
fn columns(predictions: &MixtureTable, arguments: &PredictArguments) -> Vec<(String, Vec<f64>)> {
    let mut columns = vec![
        ("mean".to_string(), predictions.iter().map(|m| m.mean()).collect()),
        ("sd".to_string(), predictions.iter().map(|m| m.variance().sqrt()).collect()),
    ];
    let quantiles = quantile_columns(predictions, &arguments.quantiles);
    columns.extend(arguments.quantiles.iter().map(|q| format!("q{q}")).zip(quantiles));
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    for k in 0..arguments.samples {
        if arguments.per_particle {
            for j in 0..predictions.weights().len() {
                let draws = predictions.iter().map(|m| m.sample_component(j, &mut rng)).collect();
                columns.push((format!("sample{k}.particle{j}"), draws));
            }
        } else {
            columns.push((format!("sample{k}"), predictions.iter().map(|m| m.sample(&mut rng)).collect()));
        }
    }
    columns
}

pub(super) fn score(arguments: &ScoreArguments) -> Outcome {
    use_threads(arguments.threads)?;
    let fitted = FittedModel::load(&arguments.model)?;
    let rows = encode(&fitted, &arguments.model, &arguments.table, TargetUse::Required, arguments.missing)?;
    let y = rows.y.unwrap_or_default();
    let Some(metrics) = fitted.score(rows.x.as_ref(), &y)? else {
        return Err(Failure::Data(format!("{}: there is no row to score", arguments.table.display())));
    };
    if arguments.json {
        json(&object!({ "rows": y.len(), "test": metrics }))
    } else {
        say(&format!("{} rows\n{}", y.len(), metrics_table(&metrics)))
    }
}

fn encode(
    fitted: &FittedModel,
    model: &Path,
    path: &Path,
    target: TargetUse,
    missing: Option<MissingArgument>,
) -> Outcome<Encoded> {
    let damaged =
        |problem: &str| Failure::Data(format!("{}: damaged model file: {problem}", model.display()));
    let stored = fitted.details().encoding.clone().ok_or_else(|| {
        Failure::Data("the model was fitted from arrays: it does not know the columns of a table".into())
    })?;
    let encoding: Encoding = serde_json::from_value(stored).map_err(|e| damaged(&e.to_string()))?;
    if encoding.input_names() != fitted.details().input_names {
        return Err(damaged("its columns are not those of its model"));
    }
    let encoding = match missing {
        None => encoding,
        Some(MissingArgument::Error) => encoding.with_missing(Missing::Error),
        Some(MissingArgument::Drop) => encoding.with_missing(Missing::Drop),
    };
    let encoded = encoding.apply(&Table::read(path)?, target)?;
    encoded.notices.iter().for_each(|n| super::output::complain(&format!("notice: {n}")));
    Ok(encoded)
}
