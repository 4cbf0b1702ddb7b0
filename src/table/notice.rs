//! What a user should know about a table, but that stops nothing.

use super::{MissingColumn, Place};
use std::{fmt, path::PathBuf};

/// Something that the user should know, but that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Columns with one value on all training rows were left out.
    ConstantColumns {
        /// Their names.
        columns: Vec<String>,
    },
    /// Columns without any value on the training rows were left out.
    EmptyColumns {
        /// Their names.
        columns: Vec<String>,
    },
    /// Rows without a value in some column were left out.
    DroppedRows {
        /// The table.
        path: PathBuf,
        /// How many rows were left out.
        dropped: usize,
        /// How many rows the table has.
        rows: usize,
        /// The columns that lack values.
        columns: Vec<MissingColumn>,
    },
    /// A text column looks like dates, but is taken as levels.
    UnreadDates {
        /// Its name.
        column: String,
        /// The first cell that is not an ISO date.
        place: Place,
        /// What it holds.
        value: String,
    },
    /// The table lacks the exposure that the model was fitted with.
    UnitExposure {
        /// The table.
        path: PathBuf,
        /// The exposure.
        column: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::ConstantColumns { columns } => {
                write!(f, "left out, constant on the training rows: {}", quoted(columns.iter()))
            }
            Notice::EmptyColumns { columns } => {
                write!(f, "left out, without any value on the training rows: {}", quoted(columns.iter()))
            }
            Notice::DroppedRows { path, dropped, rows, columns } => {
                let names = quoted(columns.iter().map(|c| &c.column));
                write!(
                    f,
                    "{}: {dropped} of {rows} rows dropped for missing values in {names}",
                    path.display()
                )
            }
            Notice::UnreadDates { column, place, value } => write!(
                f,
                "`{column}` looks like dates but is taken as text, because {place} holds `{value}`; \
                 write dates as 2020-01-31 or 2020-01-31T13:00:00"
            ),
            Notice::UnitExposure { path, column } => write!(
                f,
                "{}: no values of the exposure `{column}`; predictions are for an exposure of 1 in every row",
                path.display()
            ),
        }
    }
}

fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_name_columns_and_counts() {
        let constant = Notice::ConstantColumns { columns: vec!["a".into(), "b=x".into()] };
        assert_eq!(constant.to_string(), "left out, constant on the training rows: `a`, `b=x`");
        let dates = Notice::UnreadDates {
            column: "when".into(),
            place: Place { row: 2, line: Some(4) },
            value: "31/01/2020".into(),
        };
        assert!(dates.to_string().contains("row 2 (line 4 of the file) holds `31/01/2020`"));
    }
}
