//! The cells of one column, and how to read them as numbers, booleans, times or texts.
//!
//! | kind | cells | becomes |
//! |---|---|---|
//! | number | `1`, `-2.5e3`; Parquet integers and floats | the number |
//! | boolean | `true`, `false` in any case; Parquet booleans | 1 and 0 |
//! | time | `2020-01-31`, `2020-01-31 13:00`, `2020-01-31T13:00:05.5Z`; Parquet dates | microseconds since 1970 |
//! | text | anything else | a level |
//!
//! Outer spaces do not count. An empty cell, `NA`, `N/A`, `null`, `NULL` and not-a-number in any spelling are missing.

use chrono::{NaiveDate, NaiveTime};
use polars::prelude::StringChunked;
use std::borrow::Cow;

/// A column as it came from the file.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    Text(StringChunked),
    /// Not-a-number where missing.
    Number(Vec<f64>),
    Boolean(Vec<Option<bool>>),
    /// Microseconds since 1970-01-01.
    Time(Vec<Option<i64>>),
    /// A type that cannot become numbers.
    Unsupported {
        dtype: String,
        rows: usize,
    },
}

/// Columns in the order of the file.
pub(super) type NamedCells = Vec<(String, Cells)>;

/// What the cells of a column are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Boolean,
    Time,
    Text,
}

impl Kind {
    /// For messages: "… is not …".
    pub(super) fn expected(self) -> &'static str {
        match self {
            Kind::Number => "a number, as it was on the training rows",
            Kind::Boolean => "true, false, 0 or 1, as it was on the training rows",
            Kind::Time => {
                "a date or time such as 2020-01-31 or 2020-01-31T13:00:00, as it was on the training rows"
            }
            Kind::Text => "a text, as it was on the training rows",
        }
    }
}

/// The values of a column, all of one kind.
#[derive(Debug)]
pub(super) enum Values<'a> {
    /// Numbers and booleans; not-a-number where missing.
    Number(Vec<f64>),
    Time(Vec<Option<i64>>),
    Text(Vec<Option<Cow<'a, str>>>),
}

/// The first cell that is not of the kind asked for.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) row: usize,
    pub(super) value: String,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        match self {
            Cells::Text(cells) => cells.len(),
            Cells::Number(cells) => cells.len(),
            Cells::Boolean(cells) => cells.len(),
            Cells::Time(cells) => cells.len(),
            Cells::Unsupported { rows, .. } => *rows,
        }
    }

    /// The narrowest kind that all cells fit, and their values. A column without values is a number.
    pub(super) fn infer(&self) -> (Kind, Values<'_>) {
        for kind in [Kind::Number, Kind::Boolean, Kind::Time] {
            // A Parquet column keeps its own type: a boolean is not read as a number.
            if matches!((kind, self), (Kind::Number, Cells::Boolean(_)) | (Kind::Boolean, Cells::Number(_))) {
                continue;
            }
            if let Ok(values) = self.read(kind) {
                return (kind, values);
            }
        }
        (Kind::Text, Values::Text(self.texts()))
    }

    /// All cells as values of one kind.
    pub(super) fn read(&self, kind: Kind) -> Result<Values<'_>, Misfit> {
        match kind {
            Kind::Number => collect(self.len(), |row| match self {
                Cells::Text(_) => self.text(row).map_or(Some(f64::NAN), |text| text.parse().ok()),
                Cells::Number(cells) => Some(cells[row]),
                Cells::Boolean(cells) => Some(cells[row].map_or(f64::NAN, f64::from)),
                _ => None,
            })
            .map(Values::Number),
            Kind::Boolean => collect(self.len(), |row| match self {
                Cells::Text(_) => self.text(row).map_or(Some(f64::NAN), |text| parse_boolean(&text)),
                Cells::Number(cells) => Some(cells[row]).filter(|v| v.is_nan() || [0.0, 1.0].contains(v)),
                Cells::Boolean(cells) => Some(cells[row].map_or(f64::NAN, f64::from)),
                _ => None,
            })
            .map(Values::Number),
            Kind::Time => collect(self.len(), |row| match self {
                Cells::Text(_) => self.text(row).map_or(Some(None), |text| parse_time(&text).map(Some)),
                Cells::Time(cells) => Some(cells[row]),
                // A Parquet column without any value may have lost its type.
                Cells::Number(cells) => cells[row].is_nan().then_some(None),
                _ => None,
            })
            .map(Values::Time),
            Kind::Text => Ok(Values::Text(self.texts())),
        }
        .map_err(|row| Misfit { row, value: self.text(row).unwrap_or_default().into_owned() })
    }

    fn texts(&self) -> Vec<Option<Cow<'_, str>>> {
        (0..self.len()).map(|row| self.text(row)).collect()
    }

    /// What a reader of the file sees in a cell, or nothing where the value is missing.
    fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Cells::Text(cells) => {
                cells.get(row).map(str::trim).filter(|cell| !is_missing(cell)).map(Cow::Borrowed)
            }
            Cells::Number(cells) => (!cells[row].is_nan()).then(|| cells[row].to_string().into()),
            Cells::Boolean(cells) => cells[row].map(|b| if b { "true".into() } else { "false".into() }),
            Cells::Time(cells) => cells[row].map(|t| show_time(t).into()),
            Cells::Unsupported { .. } => None,
        }
    }
}

impl Values<'_> {
    pub(super) fn is_missing(&self, row: usize) -> bool {
        match self {
            Values::Number(values) => values[row].is_nan(),
            Values::Time(values) => values[row].is_none(),
            Values::Text(values) => values[row].is_none(),
        }
    }

    /// Whether the values on the rows are all equal; numbers up to 1e-12 of their size. Missing ones do not count.
    pub(super) fn is_constant(&self, rows: &[usize]) -> bool {
        fn all_equal<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
            let first = values.next();
            values.all(|v| Some(&v) == first.as_ref())
        }
        match self {
            Values::Number(values) => is_constant(rows.iter().map(|&row| values[row])),
            Values::Time(values) => all_equal(rows.iter().filter_map(|&row| values[row])),
            Values::Text(values) => all_equal(rows.iter().filter_map(|&row| values[row].as_deref())),
        }
    }

    /// The first of the rows with an infinite value.
    pub(super) fn first_infinite(&self, rows: &[usize]) -> Option<usize> {
        match self {
            Values::Number(values) => rows.iter().copied().find(|&row| values[row].is_infinite()),
            _ => None,
        }
    }
}

pub(super) fn is_constant(values: impl Iterator<Item = f64>) -> bool {
    // min and max pass over not-a-number.
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let spread = high - low;
    low >= high || (spread.is_finite() && spread <= 1e-12 * low.abs().max(high.abs()))
}

/// The value of every row, or the first row without one.
fn collect<T>(rows: usize, mut value: impl FnMut(usize) -> Option<T>) -> Result<Vec<T>, usize> {
    (0..rows).map(|row| value(row).ok_or(row)).collect()
}

fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "N/A" | "null" | "NULL")
        || cell.trim_start_matches(['-', '+']).eq_ignore_ascii_case("nan")
}

fn parse_boolean(cell: &str) -> Option<f64> {
    match cell {
        _ if cell.eq_ignore_ascii_case("true") => Some(1.0),
        _ if cell.eq_ignore_ascii_case("false") => Some(0.0),
        _ => cell.parse().ok().filter(|v| [0.0, 1.0].contains(v)),
    }
}

/// Microseconds since 1970-01-01 of an ISO date, or of a date and time that is taken as UTC.
fn parse_time(cell: &str) -> Option<i64> {
    let cell = cell.strip_suffix('Z').unwrap_or(cell);
    let (date, time) = cell.split_at_checked(10)?;
    let is_date =
        date.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| is_date)?;
    let time = match time.strip_prefix(['T', ' ']) {
        None if time.is_empty() => NaiveTime::MIN,
        None => return None,
        Some(time) => {
            ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|f| NaiveTime::parse_from_str(time, f).ok())?
        }
    };
    Some(date.and_time(time).and_utc().timestamp_micros())
}

fn show_time(microseconds: i64) -> String {
    chrono::DateTime::from_timestamp_micros(microseconds).map_or_else(
        || format!("{microseconds} µs"),
        |t| t.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(cells: &[&str]) -> Cells {
        Cells::Text(cells.iter().map(|c| (!c.is_empty()).then_some(*c)).collect())
    }

    fn kind(cells: &[&str]) -> Kind {
        text(cells).infer().0
    }

    #[test]
    fn the_kind_is_decided_by_every_cell() {
        assert_eq!(kind(&["1", " -2.5e3 ", "", "NA"]), Kind::Number);
        assert_eq!(kind(&["True", "false", ""]), Kind::Boolean);
        assert_eq!(kind(&["2020-01-31", "2020-02-01 13:00"]), Kind::Time);
        assert_eq!(kind(&["1", "2", "abc"]), Kind::Text);
        assert_eq!(kind(&["", "null"]), Kind::Number);
        assert_eq!(kind(&["inf", "1e999"]), Kind::Number);
    }

    #[test]
    fn every_spelling_of_a_missing_value_is_missing() {
        let cells = ["", "NA", "N/A", "NaN", "nan", "-nan", "null", "NULL", "  "];
        let columns = text(&cells);
        let values = columns.read(Kind::Number).unwrap();
        assert!((0..cells.len()).all(|row| values.is_missing(row)));
        assert!(!is_missing("Na") && !is_missing("none"));
    }

    #[test]
    fn iso_times_are_hours_apart() {
        let hour = 3_600_000_000;
        let start = parse_time("2020-02-28").unwrap();
        for (cell, hours) in [
            ("2020-02-29", 24),
            ("2020-02-28 13:00", 13),
            ("2020-02-28T13:00:00", 13),
            ("2020-02-28T13:00:00.000Z", 13),
            ("2020-03-01", 48),
            ("1970-01-01", -439_680),
        ] {
            assert_eq!(parse_time(cell).unwrap() - start, hours * hour, "{cell}");
        }
        assert_eq!(parse_time("2020-02-28T00:00:00.5").unwrap() - start, 500_000);
        for cell in [
            "2020-02-30",
            "2020-2-3",
            "20200203",
            "2020-02-28x",
            "2020-02-28T25:00",
            "+020-02-28",
            "é020-02-28",
        ] {
            assert_eq!(parse_time(cell), None, "{cell}");
        }
    }

    #[test]
    fn the_first_cell_that_does_not_fit_is_named() {
        let misfit = text(&["1", "", "x", "y"]).read(Kind::Number).err().unwrap();
        assert_eq!((misfit.row, misfit.value.as_str()), (2, "x"));
    }

    #[test]
    fn whole_numbers_read_as_text_have_no_point() {
        assert_eq!(Cells::Number(vec![3.0]).text(0).as_deref(), Some("3"));
    }

    #[test]
    fn constant_means_equal_up_to_rounding() {
        assert!(is_constant([2.0, f64::NAN, 2.0].into_iter()));
        assert!(is_constant([1e6, 1e6 + 1e-7].into_iter()));
        assert!(is_constant(std::iter::empty()));
        assert!(!is_constant([0.0, 1e-300].into_iter()));
        assert!(!is_constant([1.0, f64::INFINITY].into_iter()));
    }
}
