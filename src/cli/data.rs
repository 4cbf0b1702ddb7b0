//! From the arguments to datasets.

use super::arguments::{LikelihoodArgument, MissingArgument, ModelArguments};
use super::output::complain;
use super::{Failure, Outcome};
use crate::dataset::{Dataset, Standardisation};
use crate::likelihood::{Family, Likelihood, Observation};
use crate::table::{
    Encoded, Encoding, EncodingOptions, Missing, ParquetRows, ParquetTable, Split, StreamOptions, Table,
    TargetKind, TargetUse, choose_likelihood, split,
};
use faer::Mat;
use std::path::Path;
use std::sync::Arc;

/// A table cut into training and test rows, as numbers in its own units.
pub(super) struct Data {
    pub encoding: Encoding,
    pub family: Family,
    pub train: Dataset,
    pub test: Option<TestRows>,
    pub notices: Vec<String>,
}

/// Rows with known targets that a fit has not seen.
pub(super) struct TestRows {
    pub x: Mat<f64>,
    pub y: Vec<f64>,
    pub exposure: Option<Vec<f64>>,
}

impl Data {
    /// Reads, splits and encodes.
    pub(super) fn read(arguments: &ModelArguments, split: &Split) -> Outcome<Self> {
        let table = Table::read(&arguments.table)?;
        let (train_rows, test_rows) = split::resolve(split, table.rows())?;
        let mut notices = Vec::new();
        let family = match arguments.likelihood {
            LikelihoodArgument::Named(family) => family,
            LikelihoodArgument::Auto => {
                let (choice, _) = choose_likelihood(&table, &arguments.target, &train_rows)?;
                notices.push(format!("likelihood {}: {}", choice.family_name, choice.reason));
                choice.family_name.parse()?
            }
        };
        let options = encoding_options(arguments, family)?;
        let (encoding, learnt) = Encoding::learn(&table, &options, &train_rows)?;
        let encoded = encoding.apply(&table, TargetUse::Required)?;
        notices.extend(learnt.iter().chain(&encoded.notices).map(ToString::to_string));
        let likelihood = build_likelihood(arguments, family, &encoding)?;
        check_support(likelihood.as_ref(), &encoded, &arguments.table, &arguments.target)?;
        let train = numbers(encoded.select(&train_rows))?;
        let test = match split {
            Split::TestTable(path) => {
                Some(test_table(path, &encoding, likelihood.as_ref(), arguments, &mut notices)?)
            }
            _ if test_rows.is_empty() => None,
            _ => Some(numbers(encoded.select(&test_rows))?),
        };
        notices.dedup();
        let dataset = dataset(train, &encoding)?;
        // A split whose test rows all lacked a value has nothing to score.
        let test = test.filter(|test| test.x.nrows() > 0);
        Ok(Self { encoding, family, train: dataset, test, notices })
    }

    /// The rows of a Parquet file that stay where they are, with a sample of them in place of the training rows.
    pub(super) fn stream(arguments: &ModelArguments, split: &Split) -> Outcome<(Self, Streamed)> {
        let LikelihoodArgument::Named(family) = arguments.likelihood else {
            return Err(Failure::Usage(
                "--likelihood auto looks at all targets, which --stream leaves in their file: name the likelihood".into(),
            ));
        };
        let options = encoding_options(arguments, family)?;
        let table = ParquetTable::open(&arguments.table, &options, StreamOptions::default())?;
        let encoding = table.encoding().clone();
        let mut notices: Vec<String> = table.notices().iter().map(ToString::to_string).collect();
        let likelihood = build_likelihood(arguments, family, &encoding)?;
        table.check_support(likelihood.as_ref())?;
        let scale = if arguments.no_standardise {
            Standardisation::identity(encoding.input_names().len())
        } else {
            table.standardisation(family.scaling())
        };
        let sample = dataset(numbers(table.sample(SAMPLE, arguments.seed)?)?, &encoding)?;
        let test = match split {
            Split::TestTable(path) => {
                Some(test_table(path, &encoding, likelihood.as_ref(), arguments, &mut notices)?)
            }
            _ => None,
        };
        notices.dedup();
        let test = test.filter(|test| test.x.nrows() > 0);
        let data = Self { encoding, family, train: sample, test, notices };
        let rows = ParquetRows::new(Arc::new(table), scale.clone())?;
        Ok((data, Streamed { rows, scale }))
    }

    /// Names that stand for several inputs: text columns.
    pub(super) fn groups(&self) -> Vec<(String, Vec<usize>)> {
        self.encoding
            .input_columns()
            .filter(|name| !self.encoding.input_names().iter().any(|n| n == name))
            .filter_map(|name| Some((name.to_string(), self.encoding.expand(name)?)))
            .collect()
    }
}

/// Rows of a table that were left in its file.
pub(super) struct Streamed {
    pub rows: ParquetRows,
    /// How they come to the model's scale.
    pub scale: Standardisation,
}

/// Rows of a streamed table that inducing points and figures are made from.
const SAMPLE: usize = 20_000;

/// The inducing points of a table in the inputs' own units.
pub(super) fn inducing_points(path: &Path, encoding: &Encoding) -> Outcome<Mat<f64>> {
    Ok(encoding.apply(&Table::read(path)?, TargetUse::Ignore)?.x)
}

/// What the encoding of a table is to be.
fn encoding_options(arguments: &ModelArguments, family: Family) -> Outcome<EncodingOptions> {
    Ok(EncodingOptions {
        inputs: arguments.inputs.clone(),
        drop: arguments.drop.clone(),
        missing: match arguments.missing {
            MissingArgument::Error => Missing::Error,
            MissingArgument::Drop => Missing::Drop,
        },
        target_kind: if family.has_classes() { TargetKind::Classes } else { TargetKind::Number },
        exposure: exposure_column(arguments, family)?,
        ..EncodingOptions::new(&arguments.target)
    })
}

/// The likelihood for the classes of an encoding.
fn build_likelihood(
    arguments: &ModelArguments,
    family: Family,
    encoding: &Encoding,
) -> Outcome<Arc<dyn Likelihood>> {
    let classes = encoding.class_names().map_or(2, <[String]>::len);
    if classes > 2 && matches!(family, Family::Bernoulli | Family::Probit) {
        return Err(Failure::Data(format!(
            "{}: column `{}` has {classes} classes and likelihood {} takes two: use --likelihood softmax, or ordinal \
             where the classes have an order",
            arguments.table.display(),
            arguments.target,
            family.name()
        )));
    }
    Ok(family.build(classes)?)
}

/// The rows of a table of their own.
fn test_table(
    path: &Path,
    encoding: &Encoding,
    likelihood: &dyn Likelihood,
    arguments: &ModelArguments,
    notices: &mut Vec<String>,
) -> Outcome<TestRows> {
    let rows = encoding.apply(&Table::read(path)?, TargetUse::Required)?;
    check_support(likelihood, &rows, path, &arguments.target)?;
    notices.extend(rows.notices.iter().map(ToString::to_string));
    numbers(rows)
}

/// Rows with the names of their columns and classes.
fn dataset(rows: TestRows, encoding: &Encoding) -> Outcome<Dataset> {
    let names = encoding.input_names().to_vec();
    let mut dataset = Dataset::with_names(rows.x, rows.y, names, encoding.target_name().to_string())?;
    if let Some(exposure) = rows.exposure {
        dataset = dataset.with_exposure(exposure)?;
    }
    if let Some(names) = encoding.class_names() {
        dataset = dataset.with_class_names(names.to_vec())?;
    }
    Ok(dataset)
}

fn numbers(encoded: Encoded) -> Outcome<TestRows> {
    match encoded.y {
        Some(y) => Ok(TestRows { x: encoded.x, y, exposure: encoded.exposure }),
        None => Err(Failure::Data("the target has no values".into())),
    }
}

/// The column of exposures or trials, where the likelihood has a use for it.
fn exposure_column(arguments: &ModelArguments, family: Family) -> Outcome<Option<String>> {
    let wanted = family.uses_exposure();
    for (flag, column) in [("exposure", &arguments.exposure), ("trials", &arguments.trials)] {
        if column.is_some() && wanted != Some(flag) {
            return Err(Failure::Usage(format!("--{flag} has no meaning for likelihood {}", family.name())));
        }
    }
    if family == Family::Binomial && arguments.trials.is_none() {
        return Err(Failure::Usage(
            "likelihood binomial needs --trials COL, the column with the number of trials of each row".into(),
        ));
    }
    Ok(arguments.exposure.clone().or_else(|| arguments.trials.clone()))
}

/// Refuses the first target without a density, by its row in the table.
pub(super) fn check_support(
    likelihood: &dyn Likelihood,
    rows: &Encoded,
    path: &Path,
    column: &str,
) -> Outcome {
    let y = rows.y.as_deref().unwrap_or_default();
    for (i, y) in y.iter().enumerate() {
        let exposure = rows.exposure.as_ref().map_or(1.0, |e| e[i]);
        if let Err(problem) = likelihood.check(Observation { y: *y, exposure }) {
            return Err(Failure::Data(format!(
                "{}: column `{column}`, row {}: target {y}: {problem}; --likelihood auto looks for one that fits",
                path.display(),
                rows.rows[i]
            )));
        }
    }
    Ok(())
}

/// Prints notices to standard error.
pub(super) fn tell(notices: &[String], quiet: bool) {
    if !quiet {
        notices.iter().for_each(|n| complain(&format!("notice: {n}")));
    }
}

/// A file name for people: its last part.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
