//! What can go wrong with a table. Variants are data: match on them, not on their text.

use std::{fmt, path::Path};

/// What the functions of this module return.
pub type Result<T, E = TableError> = std::result::Result<T, E>;

/// A row of a table, and where it stands in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 0-based data row; the header is not one.
    pub row: usize,
    /// 1-based line where the row starts, in a text file.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "row {} (line {line} of the file)", self.row),
            None => write!(f, "row {}", self.row),
        }
    }
}

/// Where a column name came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The column to predict.
    Target,
    /// A column to predict from.
    Input,
    /// A column to leave out.
    Drop,
    /// The column that counts are relative to.
    Exposure,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Target => "target",
            Role::Input => "input",
            Role::Drop => "column to drop",
            Role::Exposure => "exposure",
        })
    }
}

/// The missing values of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// Column name.
    pub column: String,
    /// How many of its values are missing.
    pub count: usize,
    /// The first row without a value.
    pub first: Place,
}

/// Everything that can go wrong between a file and numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields are named after what they hold, and the message shows each of them"
)]
pub enum TableError {
    /// No such file.
    #[error("{}: no such file; check the path", .path.display())]
    Absent { path: Box<Path> },
    /// The path is a folder.
    #[error("{}: this is a folder, not a table; name a file in it", .path.display())]
    Folder { path: Box<Path> },
    /// The operating system refused to open or read the file.
    #[error("{}: cannot be read ({source}); check that it is what you meant, and its permissions", .path.display())]
    Unreadable { path: Box<Path>, source: std::io::Error },
    /// The file cannot be written.
    #[error("{}: cannot be written ({reason}); check that the folder exists and may be written to", .path.display())]
    Unwritable { path: Box<Path>, reason: String },
    /// The name ends in nothing known.
    #[error("{}: unknown kind of table; the name must end in .csv, .csv.gz, .gz (holding CSV) or .parquet", .path.display())]
    Extension { path: Box<Path> },
    /// The file has no bytes, or only blank lines.
    #[error("{}: the file is empty; a table needs a header line and rows", .path.display())]
    Empty { path: Box<Path> },
    /// The file has a header and nothing else.
    #[error("{}: the table has a header but no rows; add data below the header", .path.display())]
    NoRows { path: Box<Path> },
    /// The gzip stream is damaged.
    #[error("{}: broken gzip ({reason}); copy or compress the file again", .path.display())]
    Gzip { path: Box<Path>, reason: String },
    /// The file is not a Parquet file, or a damaged one.
    #[error("{}: not a readable Parquet file ({reason}); write it again, or name it .csv if it is one", .path.display())]
    Parquet { path: Box<Path>, reason: String },
    /// The file should be text, but is not.
    #[error("{}: line {line} is not UTF-8 text; save the table as CSV in UTF-8, or as Parquet", .path.display())]
    NotText { path: Box<Path>, line: usize },
    /// A quoted cell is not closed, or goes on after its closing quote.
    #[error(
        "{}: line {line} has a misplaced quote \"; quote a whole cell, and write a quote inside a quoted cell twice",
        .path.display()
    )]
    Quote { path: Box<Path>, line: usize },
    /// A row has more or fewer cells than the header.
    #[error(
        "{}: {place} has {found} cells but the header has {expected}; mend the line, or quote cells that contain commas",
        .path.display()
    )]
    Ragged { path: Box<Path>, place: Place, expected: usize, found: usize },
    /// The header is one cell that looks like several.
    #[error("{}: the columns seem to be separated by {separator:?}; separate them with commas", .path.display())]
    Separator { path: Box<Path>, separator: char },
    /// The CSV reader gave up.
    #[error("{}: not a readable CSV file ({reason}); check its quotes and commas", .path.display())]
    Csv { path: Box<Path>, reason: String },
    /// Two columns share a name.
    #[error("{}: the column name `{column}` stands twice in the header; rename one of them", .path.display())]
    DuplicateColumn { path: Box<Path>, column: String },
    /// A column has no name.
    #[error("{}: column {} has no name; name it in the header", .path.display(), .position + 1)]
    UnnamedColumn { path: Box<Path>, position: usize },
    /// A column was asked for that the table does not have.
    #[error("{}: no column `{column}` ({role}){}; the table has {}", .path.display(), did_you_mean(.suggestion), list(.known))]
    UnknownColumn {
        path: Box<Path>,
        column: String,
        role: Role,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    /// A column is asked for twice, or both as input and as something else.
    #[error("column `{column}` is named {reason}; name it once")]
    Selection { column: String, reason: &'static str },
    /// Nothing to predict from.
    #[error("{}: no input column is left to predict `{target}` from; {reason}", .path.display())]
    NoInputs { path: Box<Path>, target: String, reason: &'static str },
    /// The type of a column cannot be used.
    #[error("{}: column `{column}` has the type {dtype}, which cannot be used; convert it to float64 or drop it", .path.display())]
    Unsupported { path: Box<Path>, column: String, dtype: String },
    /// A column of text in a table that is read in pieces.
    #[error(
        "{}: column `{column}` is text, but a table that is read in pieces takes numbers, booleans and dates; \
         write it as numbers, drop it, or read the table whole",
        .path.display()
    )]
    StreamedText { path: Box<Path>, column: String },
    /// A file was written to while it was read in pieces.
    #[error("{}: the file has changed since it was opened; begin again, and leave it as it is until the end", .path.display())]
    Changed { path: Box<Path> },
    /// A cell is not what its column should hold.
    #[error(
        "{}: column `{column}`, {place}: `{value}` is not {expected}; mend the value or drop the row",
        .path.display()
    )]
    Mismatch { path: Box<Path>, column: String, place: Place, value: String, expected: &'static str },
    /// The target is a text or a date.
    #[error(
        "{}: the target `{column}` is not numeric: {place} holds `{value}`; {advice}",
        .path.display()
    )]
    TargetNotNumeric { path: Box<Path>, column: String, place: Place, value: String, advice: &'static str },
    /// The target cannot be classes.
    #[error("{}: the target `{column}` cannot be classes: {problem}", .path.display())]
    Classes { path: Box<Path>, column: String, problem: ClassProblem },
    /// More classes than the likelihood takes.
    #[error(
        "{}: column `{column}` has {classes} classes and likelihood {likelihood} takes two: use --likelihood softmax, or \
         ordinal where the classes have an order",
        .path.display()
    )]
    TooManyClasses { path: Box<Path>, column: String, classes: usize, likelihood: &'static str },
    /// A target that the likelihood gives no density.
    #[error(
        "{}: column `{column}`, row {row}: target {value}: {problem}; --likelihood auto looks for one that fits",
        .path.display()
    )]
    Support { path: Box<Path>, column: String, row: usize, value: f64, problem: String },
    /// An exposure that is not a positive finite number.
    #[error(
        "{}: the exposure `{column}`, {place}: `{value}` is not a positive finite number; \
         mend the value or drop the row",
        .path.display()
    )]
    Exposure { path: Box<Path>, column: String, place: Place, value: String },
    /// The target has one value on all training rows.
    #[error(
        "{}: the target `{column}` is {value} on all {rows} training rows, so there is nothing to learn; \
         choose another target or other training rows",
        .path.display()
    )]
    TargetConstant { path: Box<Path>, column: String, value: f64, rows: usize },
    /// Cells without a value.
    #[error("{}: missing values in {}; fill them in, drop the columns, or drop the rows with --missing drop", .path.display(), missing_list(.columns))]
    Missing { path: Box<Path>, columns: Vec<MissingColumn> },
    /// Dropping rows with missing values left none.
    #[error("{}: every row lacks a value in one of the columns used; drop the columns with many missing values", .path.display())]
    NoCompleteRows { path: Box<Path> },
    /// Too few training rows.
    #[error("{}: {found} training row(s) with a value in every column used; at least 2 are needed", .path.display())]
    TooFewRows { path: Box<Path>, found: usize },
    /// A row number beyond the table.
    #[error("{}: there is no row {row}; the table has rows 0 to {}", .path.display(), .rows.saturating_sub(1))]
    RowOutOfRange { path: Box<Path>, row: usize, rows: usize },
    /// An infinite value.
    #[error("{}: column `{column}`, {place}: the value is infinite; mend it or drop the row", .path.display())]
    Infinite { path: Box<Path>, column: String, place: Place },
    /// A text column with too many different values to be a category.
    #[error(
        "{}: column `{column}` is text with {levels} different values, more than {}; \
         {place} holds `{value}`, which is neither a number nor an ISO date. Mend the values, or --drop {column}",
        .path.display(),
        super::MAX_LEVELS
    )]
    TooManyLevels { path: Box<Path>, column: String, levels: usize, place: Place, value: String },
    /// A text value that was not among the training rows.
    #[error(
        "{}: column `{column}`, {place}: `{value}` does not occur among the training rows, which have {}; \
         mend the value, drop the row, or fit with rows that have it",
        .path.display(),
        list(.known)
    )]
    UnseenLevel { path: Box<Path>, column: String, place: Place, value: String, known: Vec<String> },
    /// Two encoded columns share a name.
    #[error("two columns become inputs named `{name}`; rename one of the columns or drop it")]
    EncodedNameClash { name: String },
    /// A stored encoding contradicts itself.
    #[error("the stored encoding is not valid: {reason}; fit the model again")]
    InvalidEncoding { reason: String },
    /// The fraction to hold out makes no sense.
    #[error("the fraction of rows to hold out must lie between 0 and 1, not {fraction}")]
    Fraction { fraction: f64 },
    /// The fraction to hold out leaves too little on one side.
    #[error(
        "holding out {fraction} of {rows} rows leaves {train} for training and {test} for testing; \
         at least 2 and 1 are needed: change the fraction or bring more rows"
    )]
    Holdout { fraction: f64, rows: usize, train: usize, test: usize },
    /// A line of a file of row numbers is wrong.
    #[error("{}: line {line}: {problem}; write 0-based row numbers, one a line", .path.display())]
    RowNumbers { path: Box<Path>, line: usize, problem: RowProblem },
    /// A table of splits is not one.
    #[error("{}: {problem}; a table of splits has a row for each row of the table, and columns split0, split1, … with 1 for test rows", .path.display())]
    SplitColumns { path: Box<Path>, problem: String },
    /// The columns to write do not form a table.
    #[error("{}: column `{column}` cannot be written: {reason}", .path.display())]
    WriteColumn { path: Box<Path>, column: String, reason: String },
}

/// What keeps a target from being classes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message shows each field")]
pub enum ClassProblem {
    /// One class on all training rows.
    #[error(
        "it is `{name}` on all {rows} training rows, so there is nothing to learn; \
         choose another target or other training rows"
    )]
    One { name: String, rows: usize },
    /// Too many different numbers.
    #[error(
        "it has {found} different values on the training rows, more than {}; \
         take it as a number with --likelihood gaussian, or as a count with --likelihood poisson",
        super::MAX_LEVELS
    )]
    TooManyNumbers { found: usize },
    /// Too many different numbers to count them all.
    #[error(
        "it has more than {} different values; \
         take it as a number with --likelihood gaussian, or as a count with --likelihood poisson",
        super::MAX_LEVELS
    )]
    UncountedNumbers,
    /// Too many different texts.
    #[error(
        "it has {found} different values on the training rows, more than {}; \
         {place} holds `{value}`, which is not a number: merge classes, or mend the value and use --likelihood gaussian",
        super::MAX_LEVELS
    )]
    TooManyTexts { found: usize, place: Place, value: String },
    /// A number with a fraction.
    #[error(
        "{place} holds `{value}`, which is not a whole number; take it as a number with --likelihood gaussian"
    )]
    NotWhole { place: Place, value: String },
    /// Dates and times.
    #[error(
        "{place} holds the time `{value}`; choose another target, \
         or write it as a number such as hours and use --likelihood gaussian"
    )]
    Time { place: Place, value: String },
}

/// What is wrong with a line of a file of row numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message shows each field")]
pub enum RowProblem {
    /// Not a whole number from 0 up.
    #[error("`{text}` is not a row number")]
    NotARow { text: String },
    /// Beyond the table.
    #[error("there is no row {row}, the table has rows 0 to {}", .rows.saturating_sub(1))]
    OutOfRange { row: usize, rows: usize },
    /// Named before.
    #[error("row {row} was already on line {first_line}")]
    Duplicate { row: usize, first_line: usize },
}

/// At most this many names are listed in a message.
const LISTED: usize = 8;

fn list(names: &[String]) -> String {
    let mut text = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn missing_list(columns: &[MissingColumn]) -> String {
    let mut text = columns
        .iter()
        .take(LISTED)
        .map(|m| format!("`{}` ({} missing, first in {})", m.column, m.count, m.first))
        .collect::<Vec<_>>()
        .join(", ");
    if columns.len() > LISTED {
        text.push_str(&format!(" and {} more columns", columns.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_names_are_cut() {
        let names: Vec<String> = (0..10).map(|i| format!("x{i}")).collect();
        assert!(list(&names).ends_with("`x7` and 2 more"));
        assert_eq!(list(&names[..2]), "`x0`, `x1`");
    }

    #[test]
    fn a_place_names_row_and_line() {
        assert_eq!(Place { row: 3, line: Some(5) }.to_string(), "row 3 (line 5 of the file)");
        assert_eq!(Place { row: 3, line: None }.to_string(), "row 3");
    }
}
