//! From the arguments to datasets.

use super::arguments::{LikelihoodArgument, ModelArguments};
use super::output::complain;
use super::{Failure, Outcome};
use crate::dataset::Standardisation;
use crate::table::{
    Encoding, ParquetRows, ParquetTable, Prepared, Split, StreamOptions, Table, TargetUse, TestRows,
};
use faer::Mat;
use std::path::Path;
use std::sync::Arc;

/// Reads, splits and encodes.
pub(super) fn read(arguments: &ModelArguments, split: &Split) -> Outcome<Prepared> {
    let preparation = arguments.common.preparation(&arguments.target);
    if let LikelihoodArgument::Named(family) = arguments.common.likelihood() {
        preparation.check(family).map_err(|e| Failure::Usage(e.to_string()))?;
    }
    Ok(preparation.read(&arguments.table, split)?)
}

/// Rows of a table that were left in its file.
pub(super) struct Streamed {
    pub rows: ParquetRows,
    /// How they come to the model's scale.
    pub scale: Standardisation,
}

/// Rows of a streamed table that inducing points and figures are made from.
const SAMPLE: usize = 20_000;

/// The rows of a Parquet file that stay where they are, with a sample of them in place of the training rows.
pub(super) fn stream(arguments: &ModelArguments, split: &Split) -> Outcome<(Prepared, Streamed)> {
    let LikelihoodArgument::Named(family) = arguments.common.likelihood() else {
        return Err(Failure::Usage(
            "--likelihood auto looks at all targets, which --stream leaves in their file: name the likelihood"
                .into(),
        ));
    };
    let preparation = arguments.common.preparation(&arguments.target);
    let options = preparation.encoding_options(family).map_err(|e| Failure::Usage(e.to_string()))?;
    let table = ParquetTable::open(&arguments.table, &options, StreamOptions::default())?;
    let encoding = table.encoding().clone();
    let mut notices: Vec<String> = table.notices().iter().map(ToString::to_string).collect();
    let likelihood = preparation.build_likelihood(&arguments.table, family, &encoding)?;
    table.check_support(likelihood.as_ref())?;
    let scale = if arguments.common.no_standardise {
        Standardisation::identity(encoding.input_names().len())
    } else {
        table.standardisation(family.scaling())
    };
    let sample = TestRows::new(table.sample(SAMPLE, arguments.common.seed)?).dataset(&encoding)?;
    let test = match split {
        Split::TestTable(path) => {
            let (test, told) = preparation.test_table(path, &encoding, likelihood.as_ref())?;
            notices.extend(told);
            Some(test)
        }
        _ => None,
    };
    notices.dedup();
    let test = test.filter(|test| !test.y.is_empty());
    let data = Prepared { encoding, family, train: sample, test, notices };
    let rows = ParquetRows::new(Arc::new(table), scale.clone())?;
    Ok((data, Streamed { rows, scale }))
}

/// The inducing points of a table in the inputs' own units.
pub(super) fn inducing_points(path: &Path, encoding: &Encoding) -> Outcome<Mat<f64>> {
    Ok(encoding.apply(&Table::read(path)?, TargetUse::Ignore)?.x)
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
