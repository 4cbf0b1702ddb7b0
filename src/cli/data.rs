//! From the arguments to datasets.

use super::arguments::{MissingArgument, ModelArguments};
use super::output::complain;
use super::{Failure, Outcome};
use crate::dataset::Dataset;
use crate::table::{Encoded, Encoding, EncodingOptions, Missing, Split, Table, TargetUse, split};
use faer::Mat;
use std::path::Path;

/// A table cut into training and test rows, as numbers in its own units.
pub(super) struct Data {
    pub encoding: Encoding,
    pub train: Dataset,
    pub test: Option<(Mat<f64>, Vec<f64>)>,
    pub notices: Vec<String>,
}

impl Data {
    /// Reads, splits and encodes.
    pub(super) fn read(arguments: &ModelArguments, split: &Split) -> Outcome<Self> {
        let table = Table::read(&arguments.table)?;
        let (train_rows, test_rows) = split::resolve(split, table.rows())?;
        let options = EncodingOptions {
            target: arguments.target.clone(),
            inputs: arguments.inputs.clone(),
            drop: arguments.drop.clone(),
            missing: match arguments.missing {
                MissingArgument::Error => Missing::Error,
                MissingArgument::Drop => Missing::Drop,
            },
        };
        let (encoding, learnt) = Encoding::learn(&table, &options, &train_rows)?;
        let encoded = encoding.apply(&table, TargetUse::Required)?;
        let mut notices: Vec<String> =
            learnt.iter().chain(&encoded.notices).map(ToString::to_string).collect();
        let train = numbers(encoded.select(&train_rows))?;
        let test = match split {
            Split::TestTable(path) => {
                let rows = encoding.apply(&Table::read(path)?, TargetUse::Required)?;
                notices.extend(rows.notices.iter().map(ToString::to_string));
                Some(numbers(rows)?)
            }
            _ if test_rows.is_empty() => None,
            _ => Some(numbers(encoded.select(&test_rows))?),
        };
        notices.dedup();
        let (x, y) = train;
        let names = encoding.input_names().to_vec();
        let train = Dataset::with_names(x, y, names, encoding.target_name().to_string())?;
        // A split whose test rows all lacked a value has nothing to score.
        let test = test.filter(|(x, _)| x.nrows() > 0);
        Ok(Self { encoding, train, test, notices })
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

fn numbers(encoded: Encoded) -> Outcome<(Mat<f64>, Vec<f64>)> {
    match encoded.y {
        Some(y) => Ok((encoded.x, y)),
        None => Err(Failure::Data("the target has no values".into())),
    }
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
