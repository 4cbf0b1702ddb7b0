//! What a pass over a table learns of its columns. A survey is made of each piece, and surveys of pieces are put
//! together in the order of the file, so that the number of threads decides nothing.

use super::super::{
    MissingColumn, Result, Table, TableError, TargetKind,
    cells::{self, Kind, Values},
    encoding::MICROSECONDS_PER_HOUR,
    exposure,
    learn::{check_finite, missing_columns},
    target,
};
use super::{levels::Levels, source::Piece, source::Source};
use crate::dataset::Moments;
use rayon::prelude::*;

/// The columns to look at, by their position in the file.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) inputs: Vec<usize>,
    pub(super) target: usize,
    pub(super) target_kind: TargetKind,
    pub(super) exposure: Option<usize>,
}

impl Columns {
    /// In the order in which a piece holds them.
    pub(super) fn positions(&self) -> Vec<usize> {
        self.inputs.iter().copied().chain([self.target]).chain(self.exposure).collect()
    }
}

/// What is known of the columns, for some rows.
#[derive(Debug)]
pub(super) struct Survey {
    /// All rows.
    pub(super) passed: usize,
    /// Rows with a target and an exposure.
    pub(super) labelled: usize,
    /// Rows with a value in every column.
    pub(super) complete: usize,
    pub(super) inputs: Vec<ColumnSurvey>,
    pub(super) target: ColumnSurvey,
    pub(super) exposure: Option<ColumnSurvey>,
    /// Empty where the target is no classes.
    pub(super) levels: Levels,
}

/// What is known of one column.
#[derive(Debug)]
pub(super) struct ColumnSurvey {
    /// In the file.
    pub(super) position: usize,
    pub(super) kind: Kind,
    /// On all rows.
    pub(super) missing: Option<MissingColumn>,
    /// On labelled rows.
    pub(super) labelled: Extent,
    /// On complete rows, as are all that follow.
    pub(super) complete: Extent,
    /// Of numbers; of times in hours since the first.
    pub(super) moments: Moments,
    pub(super) sum: f64,
    /// The first value that cannot be used.
    pub(super) trouble: Option<TableError>,
}

/// The smallest and the largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Extent {
    Nothing,
    Numbers(f64, f64),
    /// Microseconds since 1970-01-01.
    Times(i64, i64),
}

impl Survey {
    /// Of all pieces, with the number of complete rows of each.
    pub(super) fn of(source: &Source, pieces: &[Piece], columns: &Columns) -> Result<(Self, Vec<usize>)> {
        let positions = columns.positions();
        let surveys: Vec<Result<Self>> = pieces
            .par_iter()
            .map(|piece| Self::of_piece(&source.read(piece, &positions)?, columns))
            .collect();
        let mut kept = Vec::with_capacity(pieces.len());
        let mut whole: Option<Self> = None;
        for survey in surveys {
            let survey = survey?;
            kept.push(survey.complete);
            whole = Some(match whole {
                Some(earlier) => earlier.and(survey),
                None => survey,
            });
        }
        let none = || TableError::NoRows { path: source.path().into() };
        Ok((whole.ok_or_else(none)?, kept))
    }

    fn of_piece(table: &Table, columns: &Columns) -> Result<Self> {
        let count = columns.inputs.len();
        let (target_kind, target) = target::read(table, count, columns.target_kind)?;
        let exposure = columns.exposure.map(|_| exposure::read(table, count + 1)).transpose()?;
        let inputs = (0..count).map(|at| Ok(table.cells(at)?.infer())).collect::<Result<Vec<_>>>()?;
        let labelled: Vec<usize> = (0..table.rows())
            .filter(|&row| !(target.is_missing(row) || exposure.as_ref().is_some_and(|e| e.is_missing(row))))
            .collect();
        let complete: Vec<usize> = labelled
            .iter()
            .copied()
            .filter(|&row| !inputs.iter().any(|(_, values)| values.is_missing(row)))
            .collect();
        let column = |at: usize, position, kind, values: &Values<'_>| {
            let trouble = check_finite(table, at, values, &complete).err();
            ColumnSurvey::of(table, (at, position), kind, values, [&labelled, &complete], trouble)
        };
        let levels = match columns.target_kind {
            TargetKind::Classes => Levels::of(table, &target, &complete),
            TargetKind::Number => Levels::default(),
        };
        Ok(Self {
            passed: table.rows(),
            labelled: labelled.len(),
            complete: complete.len(),
            inputs: (inputs.iter().zip(&columns.inputs).enumerate())
                .map(|(at, ((kind, values), &position))| column(at, position, *kind, values))
                .collect(),
            target: column(count, columns.target, target_kind, &target),
            exposure: columns.exposure.zip(exposure.as_ref()).map(|(position, values)| {
                let trouble = exposure::numbers(table, count + 1, values, &complete).err();
                let at = (count + 1, position);
                ColumnSurvey::of(table, at, Kind::Number, values, [&labelled, &complete], trouble)
            }),
            levels,
        })
    }

    /// Of these rows and later ones.
    fn and(self, later: Self) -> Self {
        Self {
            passed: self.passed + later.passed,
            labelled: self.labelled + later.labelled,
            complete: self.complete + later.complete,
            inputs: self.inputs.into_iter().zip(later.inputs).map(|(a, b)| a.and(b)).collect(),
            target: self.target.and(later.target),
            exposure: self.exposure.zip(later.exposure).map(|(a, b)| a.and(b)),
            levels: self.levels.and(later.levels),
        }
    }

    /// The columns that lack values, in the order inputs, target, exposure.
    pub(super) fn missing(&self) -> Vec<MissingColumn> {
        let columns = self.inputs.iter().chain([&self.target]).chain(&self.exposure);
        columns.filter_map(|column| column.missing.clone()).collect()
    }
}

impl ColumnSurvey {
    /// Of a column at a place in the table and a position in the file, on labelled and complete rows.
    fn of(
        table: &Table,
        (at, position): (usize, usize),
        kind: Kind,
        values: &Values<'_>,
        [labelled, complete]: [&[usize]; 2],
        trouble: Option<TableError>,
    ) -> Self {
        let missing = missing_columns(table, [(at, values)].into_iter()).pop();
        let extent = Extent::of(values, complete);
        let value = |i: usize| match (values, extent) {
            (Values::Number(numbers), _) => numbers[complete[i]],
            (Values::Time(times), Extent::Times(first, _)) => {
                times[complete[i]].map_or(f64::NAN, |time| hours(first, time))
            }
            _ => f64::NAN,
        };
        let moments = Moments::of(complete.len(), value);
        let sum = (0..complete.len()).map(value).sum();
        let labelled = Extent::of(values, labelled);
        Self { position, kind, missing, labelled, complete: extent, moments, sum, trouble }
    }

    fn and(self, later: Self) -> Self {
        let complete = self.complete.and(later.complete);
        // Hours since the first of both.
        let since = |column: &Self| match (complete, column.complete) {
            (Extent::Times(first, _), Extent::Times(own, _)) => column.moments.shifted(hours(first, own)),
            _ => column.moments,
        };
        let moments = since(&self).and(since(&later));
        let missing = match (self.missing, later.missing) {
            (Some(a), Some(b)) => Some(MissingColumn { count: a.count + b.count, ..a }),
            (a, b) => a.or(b),
        };
        Self {
            missing,
            labelled: self.labelled.and(later.labelled),
            complete,
            moments,
            sum: self.sum + later.sum,
            trouble: self.trouble.or(later.trouble),
            ..self
        }
    }

    /// The smallest and the largest value on complete rows; of times in hours since the first.
    pub(super) fn range(&self) -> (f64, f64) {
        match self.complete {
            Extent::Nothing => (f64::NAN, f64::NAN),
            Extent::Numbers(low, high) => (low, high),
            Extent::Times(first, last) => (0.0, hours(first, last)),
        }
    }
}

impl Extent {
    /// Of the values on the rows; missing ones do not count.
    fn of(values: &Values<'_>, rows: &[usize]) -> Self {
        match values {
            Values::Number(numbers) => rows
                .iter()
                .map(|&row| numbers[row])
                .filter(|v| !v.is_nan())
                .fold(Extent::Nothing, |extent, v| extent.and(Extent::Numbers(v, v))),
            Values::Time(times) => rows
                .iter()
                .filter_map(|&row| times[row])
                .fold(Extent::Nothing, |extent, t| extent.and(Extent::Times(t, t))),
            Values::Text(_) => Extent::Nothing,
        }
    }

    /// Of the values of both, which are of one kind.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Extent::Numbers(a, b), Extent::Numbers(c, d)) => Extent::Numbers(a.min(c), b.max(d)),
            (Extent::Times(a, b), Extent::Times(c, d)) => Extent::Times(a.min(c), b.max(d)),
            (Extent::Nothing, extent) | (extent, _) => extent,
        }
    }

    /// As [`Values::is_constant`].
    pub(super) fn is_constant(self) -> bool {
        match self {
            Extent::Nothing => true,
            Extent::Numbers(low, high) => cells::is_constant([low, high].into_iter()),
            Extent::Times(first, last) => first == last,
        }
    }
}

/// From one time to another, as an encoding counts them.
fn hours(from: i64, to: i64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64 / MICROSECONDS_PER_HOUR
}
