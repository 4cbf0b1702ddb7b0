//! Learning an [`Encoding`]: which columns to use, and how each becomes numbers. Only training rows are looked at,
//! except that a column's type is decided by all of its cells.

use super::{
    MissingColumn, Notice, Result, Role, Table, TableError, TargetKind,
    cells::{Kind, Values},
    dates,
    encoding::{Column, Encoder, Encoding},
    exposure, target,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A text column with more different values than this is not taken for a category.
pub const MAX_LEVELS: usize = 50;

/// What to do with rows that lack a value in a column that is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Refuse the table.
    #[default]
    Error,
    /// Leave the rows out, with a notice.
    Drop,
}

/// Which columns an [`Encoding`] is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodingOptions {
    /// The column to predict.
    pub target: String,
    /// What the target becomes.
    pub target_kind: TargetKind,
    /// The column that counts are relative to (time watched, people at risk): positive numbers, no input.
    pub exposure: Option<String>,
    /// The columns to predict from, in this order; all but the target and the exposure where `None`.
    pub inputs: Option<Vec<String>>,
    /// Columns to leave out of the inputs.
    pub drop: Vec<String>,
    /// What to do with missing values.
    pub missing: Missing,
}

impl EncodingOptions {
    /// Predicts `target` from all other columns.
    pub fn new(target: impl Into<String>) -> Self {
        Self { target: target.into(), ..Self::default() }
    }
}

/// An input column while the encoding is learnt.
struct Candidate<'a> {
    position: usize,
    kind: Kind,
    values: Values<'a>,
}

impl Encoding {
    /// Learns from the training rows of a table how its columns become numbers.
    ///
    /// Constant columns are left out with a notice. With [`Missing::Drop`] the training rows that lack a value do not
    /// take part.
    ///
    /// # Errors
    /// A [`TableError`] where a column does not exist or cannot be used, where values are missing (in any row, unless
    /// rows are dropped) or infinite, where an exposure is not positive, where the target cannot be what is asked for,
    /// and where fewer than two training rows, no input or a constant target remain.
    pub fn learn(
        table: &Table,
        options: &EncodingOptions,
        training_rows: &[usize],
    ) -> Result<(Encoding, Vec<Notice>)> {
        check_rows(table, training_rows)?;
        let target_position = table.position(&options.target, Role::Target)?;
        let exposure_position =
            options.exposure.as_ref().map(|name| table.position(name, Role::Exposure)).transpose()?;
        let inputs = select_inputs(table, options, target_position, exposure_position)?;
        let (cells_kind, target) = target::read(table, target_position, options.target_kind)?;
        let exposure = exposure_position.map(|position| exposure::read(table, position)).transpose()?;
        let mut candidates = inputs
            .into_iter()
            .map(|position| {
                let (kind, values) = table.cells(position)?.infer();
                Ok(Candidate { position, kind, values })
            })
            .collect::<Result<Vec<_>>>()?;

        if options.missing == Missing::Error {
            let used = candidates
                .iter()
                .map(|c| (c.position, &c.values))
                .chain([(target_position, &target)])
                .chain(exposure_position.zip(exposure.as_ref()));
            let columns = missing_columns(table, used);
            if !columns.is_empty() {
                return Err(TableError::Missing { path: table.path().into(), columns });
            }
        }

        let is_labelled =
            |row| !(target.is_missing(row) || exposure.as_ref().is_some_and(|values| values.is_missing(row)));
        let labelled: Vec<usize> = training_rows.iter().copied().filter(|&row| is_labelled(row)).collect();
        check_enough(table, labelled.len())?;
        let mut notices = Vec::new();
        let rows = drop_constant(table, &mut candidates, &labelled, &mut notices)?;
        let encoder =
            target::encode(table, target_position, options.target_kind, cells_kind, &target, &rows)?;
        if let Some((position, values)) = exposure_position.zip(exposure.as_ref()) {
            exposure::numbers(table, position, values, &rows)?;
        }
        if candidates.is_empty() {
            let reason = "every column is constant on the training rows or dropped";
            return Err(TableError::NoInputs {
                path: table.path().into(),
                target: options.target.clone(),
                reason,
            });
        }

        let columns = candidates.iter().map(|c| encode(table, c, &rows)).collect::<Result<Vec<_>>>()?;
        let unread = candidates.iter().filter(|c| c.kind == Kind::Text);
        notices.extend(unread.filter_map(|c| dates::unread(table, c.position, &c.values, &rows)));
        let target = Column { name: options.target.clone(), encoder };
        Ok((Encoding::new(target, options.exposure.clone(), columns, options.missing)?, notices))
    }
}

pub(super) fn check_rows(table: &Table, rows: &[usize]) -> Result<()> {
    match rows.iter().find(|&&row| row >= table.rows()) {
        Some(&row) => Err(TableError::RowOutOfRange { path: table.path().into(), row, rows: table.rows() }),
        None => Ok(()),
    }
}

pub(super) fn check_enough(table: &Table, found: usize) -> Result<()> {
    if found < 2 { Err(TableError::TooFewRows { path: table.path().into(), found }) } else { Ok(()) }
}

/// The positions of the input columns, in the order asked for.
pub(super) fn select_inputs(
    table: &Table,
    options: &EncodingOptions,
    target: usize,
    exposure: Option<usize>,
) -> Result<Vec<usize>> {
    let twice = |column: &str, reason| TableError::Selection { column: column.into(), reason };
    if let Some(name) = options.exposure.as_ref().filter(|_| exposure == Some(target)) {
        return Err(twice(name, "both as the target and as the exposure"));
    }
    let mut dropped = Vec::new();
    for name in &options.drop {
        let position = table.position(name, Role::Drop)?;
        if position == target {
            return Err(twice(name, "both as the target and as a column to drop"));
        }
        if exposure == Some(position) {
            return Err(twice(name, "both as the exposure and as a column to drop"));
        }
        dropped.push(position);
    }
    let mut inputs: Vec<usize> = Vec::new();
    match &options.inputs {
        None => inputs.extend(
            (0..table.column_names().len())
                .filter(|&position| position != target && exposure != Some(position)),
        ),
        Some(names) => {
            for name in names {
                let position = table.position(name, Role::Input)?;
                if position == target {
                    return Err(twice(name, "both as the target and as an input"));
                }
                if exposure == Some(position) {
                    return Err(twice(name, "both as the exposure and as an input"));
                }
                if inputs.contains(&position) {
                    return Err(twice(name, "twice among the inputs"));
                }
                inputs.push(position);
            }
        }
    }
    inputs.retain(|position| !dropped.contains(position));
    if inputs.is_empty() {
        let reason = "the table needs a second column, or fewer columns must be dropped";
        return Err(TableError::NoInputs {
            path: table.path().into(),
            target: options.target.clone(),
            reason,
        });
    }
    Ok(inputs)
}

/// The columns that lack values, with their counts.
pub(super) fn missing_columns<'a>(
    table: &Table,
    columns: impl Iterator<Item = (usize, &'a Values<'a>)>,
) -> Vec<MissingColumn> {
    columns
        .filter_map(|(position, values)| {
            let mut missing = (0..table.rows()).filter(|&row| values.is_missing(row));
            let first = table.place(missing.next()?);
            Some(MissingColumn {
                column: table.column_names()[position].clone(),
                count: 1 + missing.count(),
                first,
            })
        })
        .collect()
}

/// Removes candidates that are constant, and returns the rows where all others have a value.
///
/// Leaving out rows can make a further column constant, and leaving out a column can bring rows back, so both are
/// repeated until nothing changes. Each round removes a column, so there are at most D rounds.
fn drop_constant(
    table: &Table,
    candidates: &mut Vec<Candidate<'_>>,
    labelled: &[usize],
    notices: &mut Vec<Notice>,
) -> Result<Vec<usize>> {
    let (mut empty, mut constant) = (Vec::new(), Vec::new());
    let name = |candidate: &Candidate| table.column_names()[candidate.position].clone();
    candidates.retain(|candidate| {
        let is_empty = labelled.iter().all(|&row| candidate.values.is_missing(row));
        let is_constant = !is_empty && candidate.values.is_constant(labelled);
        if is_empty {
            empty.push(name(candidate));
        } else if is_constant {
            constant.push(name(candidate));
        }
        !(is_empty || is_constant)
    });
    let rows = loop {
        let complete: Vec<usize> = labelled
            .iter()
            .copied()
            .filter(|&row| !candidates.iter().any(|c| c.values.is_missing(row)))
            .collect();
        if complete.is_empty() {
            return Err(TableError::NoCompleteRows { path: table.path().into() });
        }
        check_enough(table, complete.len())?;
        let before = candidates.len();
        candidates.retain(|candidate| {
            let is_constant = candidate.values.is_constant(&complete);
            if is_constant {
                constant.push(name(candidate));
            }
            !is_constant
        });
        if candidates.len() == before {
            break complete;
        }
    };
    if !empty.is_empty() {
        notices.push(Notice::EmptyColumns { columns: empty });
    }
    if !constant.is_empty() {
        notices.push(Notice::ConstantColumns { columns: constant });
    }
    Ok(rows)
}

pub(super) fn check_finite(
    table: &Table,
    position: usize,
    values: &Values<'_>,
    rows: &[usize],
) -> Result<()> {
    match values.first_infinite(rows) {
        Some(row) => Err(TableError::Infinite {
            path: table.path().into(),
            column: table.column_names()[position].clone(),
            place: table.place(row),
        }),
        None => Ok(()),
    }
}

fn encode(table: &Table, candidate: &Candidate<'_>, rows: &[usize]) -> Result<Column> {
    check_finite(table, candidate.position, &candidate.values, rows)?;
    let name = table.column_names()[candidate.position].clone();
    let encoder = match &candidate.values {
        Values::Number(_) => Encoder::numeric(candidate.kind),
        Values::Time(times) => {
            let origin = rows.iter().filter_map(|&row| times[row]).min().unwrap_or_default();
            Encoder::Hours { origin_microseconds: origin }
        }
        Values::Text(texts) => {
            let levels: BTreeSet<&str> = rows.iter().filter_map(|&row| texts[row].as_deref()).collect();
            if levels.len() > MAX_LEVELS {
                return Err(too_many_levels(table, candidate.position, levels.len())?);
            }
            Encoder::Levels { levels: levels.into_iter().map(str::to_string).collect() }
        }
    };
    Ok(Column { name, encoder })
}

/// Shows the cell that keeps the column from being numbers or times, whichever it was for longer: often it is one
/// typing error that makes a column text.
fn too_many_levels(table: &Table, position: usize, levels: usize) -> Result<TableError> {
    let cells = table.cells(position)?;
    let misfits = [Kind::Number, Kind::Time].into_iter().filter_map(|kind| cells.read(kind).err());
    let (row, value) = misfits
        .max_by_key(|misfit| misfit.row)
        .map_or((0, String::new()), |misfit| (misfit.row, misfit.value));
    let column = table.column_names()[position].clone();
    Ok(TableError::TooManyLevels {
        path: table.path().into(),
        column,
        levels,
        place: table.place(row),
        value,
    })
}
