//! `results.csv` and `results.parquet`: one row a table, method and split.

use super::comparison::Comparison;
use super::record::{Measured, Outcome, Record};
use crate::Result;
use crate::table::{TableError, Values, write as write_table};
use std::path::{Path, PathBuf};

/// A column of the results; what a row lacks, or what does not apply to it, is empty.
enum Column {
    Texts(Vec<Option<String>>),
    Counts(Vec<Option<usize>>),
    Numbers(Vec<Option<f64>>),
}

impl Column {
    fn values(&self) -> Values<'_> {
        match self {
            Column::Texts(values) => Values::OptionalTexts(values),
            Column::Counts(values) => Values::OptionalIndices(values),
            Column::Numbers(values) => Values::OptionalNumbers(values),
        }
    }
}

type Number = (&'static str, fn(&Measured) -> Option<f64>);
type Count = (&'static str, fn(&Measured) -> usize);

const SIZES: [Count; 3] =
    [("train_rows", |m| m.train_rows), ("test_rows", |m| m.test_rows), ("inputs", |m| m.inputs)];
const SCORES: [Number; 12] = [
    ("log_likelihood", |m| m.quality.log_likelihood),
    ("log_likelihood_standardised", |m| m.quality.log_likelihood_standardised),
    ("rmse", |m| m.quality.rmse),
    ("rmse_standardised", |m| m.quality.rmse_standardised),
    ("mae", |m| m.quality.mae),
    ("crps", |m| m.quality.crps),
    ("coverage_50", |m| m.quality.coverage_50),
    ("coverage_90", |m| m.quality.coverage_90),
    ("coverage_95", |m| m.quality.coverage_95),
    ("accuracy", |m| m.quality.accuracy),
    ("brier", |m| m.quality.brier),
    ("auc", |m| m.quality.auc),
];
const WORK: [Count; 4] = [
    ("evaluations", |m| m.evaluations),
    ("failed_evaluations", |m| m.failed_evaluations),
    ("iterations", |m| m.iterations),
    ("draws", |m| m.draws),
];
const COSTS: [Number; 4] = [
    ("seconds", |m| Some(m.seconds)),
    ("predict_seconds", |m| Some(m.predict_seconds)),
    ("processor_seconds", |m| m.processor_seconds),
    ("peak_memory_mib", |m| m.peak_memory),
];

fn columns(records: &[Record]) -> Vec<(&'static str, Column)> {
    let texts = |of: &dyn Fn(&Record) -> String| {
        Column::Texts(records.iter().map(|r| Some(of(r)).filter(|text| !text.is_empty())).collect())
    };
    let measured = |of: fn(&Measured) -> &str| {
        texts(&|r: &Record| r.outcome.measured().map_or(String::new(), |m| of(m).to_owned()))
    };
    let counts = |(name, of): &Count| {
        (*name, Column::Counts(records.iter().map(|r| r.outcome.measured().map(of)).collect()))
    };
    let numbers = |(name, of): &Number| {
        (*name, Column::Numbers(records.iter().map(|r| r.outcome.measured().and_then(of)).collect()))
    };
    let message = |r: &Record| match &r.outcome {
        Outcome::Failed { message } => message.clone(),
        Outcome::Done(m) => m.notices.join("; "),
    };
    let mut columns = vec![
        ("table", texts(&|r| r.key.table.clone())),
        ("method", texts(&|r| r.key.method.clone())),
        ("split", Column::Counts(records.iter().map(|r| Some(r.key.split)).collect())),
        ("status", texts(&|r| r.outcome.measured().map_or("failed", |_| "done").to_owned())),
        ("model", measured(|m| &m.model)),
        ("likelihood", measured(|m| &m.likelihood)),
    ];
    columns.extend(SIZES.iter().map(counts));
    columns.extend(SCORES.iter().map(numbers));
    columns.extend(WORK.iter().map(counts));
    columns.extend(COSTS.iter().map(numbers));
    columns.push(("row_seconds", Column::Numbers(records.iter().map(|r| Some(r.elapsed)).collect())));
    columns.push(("verdict", measured(|m| &m.verdict)));
    columns.push(("message", texts(&message)));
    columns
}

/// Writes both files, each replaced in one step.
pub(super) fn write(folder: &Path, comparison: &Comparison) -> Result<()> {
    let columns = columns(&comparison.records);
    let named: Vec<(&str, Values<'_>)> = columns.iter().map(|(name, c)| (*name, c.values())).collect();
    for name in ["results.csv", "results.parquet"] {
        replace(&folder.join(name), |temporary| Ok(write_table(temporary, &named)?))?;
    }
    Ok(())
}

/// Writes a file beside its place and moves it there, so that a reader finds the old one or the new one, whole and on the
/// disk. A file that has these bytes already stays as it is.
pub(super) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary: PathBuf = path.with_file_name(format!(".new-{name}"));
    write(&temporary)?;
    settle(&temporary, path)
        .map_err(|e| TableError::Unwritable { path: path.into(), reason: e.to_string() }.into())
}

fn settle(temporary: &Path, path: &Path) -> std::io::Result<()> {
    if std::fs::read(path).ok() == Some(std::fs::read(temporary)?) {
        return std::fs::remove_file(temporary);
    }
    std::fs::OpenOptions::new().write(true).open(temporary)?.sync_all()?;
    std::fs::rename(temporary, path)
}
