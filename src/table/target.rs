//! The target: numbers, or the classes of a text, boolean or whole-number column.

use super::{
    ClassProblem, Result, Role, Table, TableError,
    cells::{Kind, Values},
    classes::{Classes, level_names},
    encoding::Encoder,
    learn::{check_finite, check_rows},
};
use crate::likelihood::auto::{Choice, TargetValues, choose};

/// What a target becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// The number itself; 1 for true and 0 for false.
    #[default]
    Number,
    /// Indices 0, 1, …, C−1 of the C classes on the training rows: texts in sorted order, false before true, whole
    /// numbers in ascending order.
    Classes,
}

/// What `--likelihood auto` chooses for a target, judged by its values on the training rows, and what the target
/// becomes for that. The column is only looked at: O(N log N).
///
/// # Errors
/// A [`TableError`] where there is no such column or row, and where the column holds dates or infinite numbers.
pub fn choose_likelihood(
    table: &Table,
    target: &str,
    training_rows: &[usize],
) -> Result<(Choice, TargetKind)> {
    check_rows(table, training_rows)?;
    let position = table.position(target, Role::Target)?;
    let (kind, values) = table.cells(position)?.infer();
    check_finite(table, position, &values, training_rows)?;
    let choice = match (kind, &values) {
        (Kind::Time, _) => return Err(not_numeric(table, position, DATES)?),
        (Kind::Number, Values::Number(numbers)) => {
            let present = training_rows.iter().map(|&row| numbers[row]).filter(|v| !v.is_nan());
            choose(TargetValues::Numbers(&present.collect::<Vec<_>>()))
        }
        _ => choose(TargetValues::Classes { names: &level_names(kind, &values, training_rows) }),
    };
    let target_kind = if choice.takes_classes() { TargetKind::Classes } else { TargetKind::Number };
    Ok((choice, target_kind))
}

const DATES: &str = "choose a numeric target, or write the dates as numbers";
const TEXTS: &str = "choose a numeric target, mend the value, \
                     or take the values as classes with --likelihood auto (or bernoulli, softmax)";

/// The cells of the target, where they can become what is wanted.
pub(super) fn read(table: &Table, position: usize, wanted: TargetKind) -> Result<(Kind, Values<'_>)> {
    let (kind, values) = table.cells(position)?.infer();
    match (wanted, kind) {
        (_, Kind::Number | Kind::Boolean) | (TargetKind::Classes, Kind::Text) => Ok((kind, values)),
        (TargetKind::Number, Kind::Text) => Err(not_numeric(table, position, TEXTS)?),
        (TargetKind::Number, Kind::Time) => Err(not_numeric(table, position, DATES)?),
        (TargetKind::Classes, Kind::Time) => {
            let (row, value) = first_misfit(table, position)?;
            let place = table.place(row);
            Err(class_error(table, position, ClassProblem::Time { place, value }))
        }
    }
}

/// How the target becomes numbers, learnt on rows that all have a value.
///
/// # Errors
/// A [`TableError`] where a number is infinite, where all rows have one value, and where the values are no classes.
pub(super) fn encode(
    table: &Table,
    position: usize,
    wanted: TargetKind,
    kind: Kind,
    values: &Values<'_>,
    rows: &[usize],
) -> Result<Encoder> {
    check_finite(table, position, values, rows)?;
    match wanted {
        TargetKind::Classes => Classes::learn(table, kind, values, rows)
            .map(Encoder::Classes)
            .map_err(|problem| class_error(table, position, problem)),
        TargetKind::Number if values.is_constant(rows) => {
            let value = match values {
                Values::Number(values) => rows.first().map_or(f64::NAN, |&row| values[row]),
                _ => f64::NAN,
            };
            let column = table.column_names()[position].clone();
            let path = table.path().into();
            Err(TableError::TargetConstant { path, column, value, rows: rows.len() })
        }
        TargetKind::Number => Ok(Encoder::numeric(kind)),
    }
}

pub(super) fn class_error(table: &Table, position: usize, problem: ClassProblem) -> TableError {
    let column = table.column_names()[position].clone();
    TableError::Classes { path: table.path().into(), column, problem }
}

/// The first cell that is not a number.
fn first_misfit(table: &Table, position: usize) -> Result<(usize, String)> {
    let misfit = table.cells(position)?.read(Kind::Number).err();
    Ok(misfit.map_or((0, String::new()), |misfit| (misfit.row, misfit.value)))
}

fn not_numeric(table: &Table, position: usize, advice: &'static str) -> Result<TableError> {
    let (row, value) = first_misfit(table, position)?;
    let column = table.column_names()[position].clone();
    let (path, place) = (table.path().into(), table.place(row));
    Ok(TableError::TargetNotNumeric { path, column, place, value, advice })
}
