//! `steingp predict` and `steingp score`.

mod columns;

use super::arguments::{MissingArgument, PredictArguments, ScoreArguments};
use super::fit::scores_table;
use super::output::{json, say, use_threads};
use super::{Failure, Outcome};
use crate::posterior::FittedModel;
use crate::table::{Encoded, Encoding, Missing, Table, TargetUse, Values, check_support, write};
use columns::{columns, quoted};
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
    let columns = columns(&fitted, &rows, arguments)?;
    let named = columns.iter().map(|(name, values)| (name.as_str(), values.as_values()));
    let all: Vec<_> = std::iter::once(("row", Values::Indices(&rows.rows))).chain(named).collect();
    match &arguments.out {
        Some(path) => Ok(write(path, &all)?),
        None => {
            let header: Vec<String> = all.iter().map(|(name, _)| quoted(name)).collect();
            let mut text = format!("{}\n", header.join(","));
            for (i, row) in rows.rows.iter().enumerate() {
                text += &row.to_string();
                columns.iter().for_each(|(_, values)| text += &format!(",{}", values.cell(i)));
                text.push('\n');
            }
            say(&text)
        }
    }
}

pub(super) fn score(arguments: &ScoreArguments) -> Outcome {
    use_threads(arguments.threads)?;
    let fitted = FittedModel::load(&arguments.model)?;
    let rows = encode(&fitted, &arguments.model, &arguments.table, TargetUse::Required, arguments.missing)?;
    let y = rows.y.clone().unwrap_or_default();
    if let Some(likelihood) = fitted.model().likelihood() {
        check_support(likelihood.as_ref(), &rows, &arguments.table, &fitted.details().target_name)?;
    }
    let predictions = fitted.predict_y(rows.x.as_ref(), rows.exposure.as_deref())?;
    let Some(scores) = fitted.score(&predictions, &y)? else {
        return Err(Failure::Data(format!("{}: there is no row to score", arguments.table.display())));
    };
    if arguments.json {
        json(&object!({ "rows": y.len(), "test": scores }))
    } else {
        say(&format!("{} rows\n{}", y.len(), scores_table(&scores)))
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
