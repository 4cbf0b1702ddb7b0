//! Which rows are for training and which for testing.

use super::{Result, Role, Table, TableError, cells::Values, error::RowProblem};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;
use std::{
    collections::HashMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Words that a file of row numbers may begin with.
const HEADERS: [&str; 4] = ["row", "rows", "train", "index"];

/// How to choose the training rows. Row numbers are those of the file, before any row is dropped.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Split {
    /// Every row is a training row.
    #[default]
    All,
    /// Every row is a training row, and another table holds the test rows.
    TestTable(PathBuf),
    /// A random part of the rows is held out for testing.
    Holdout {
        /// The part held out, between 0 and 1.
        fraction: f64,
        /// Same seed, same rows.
        seed: u64,
    },
    /// A file lists the training rows, 0-based, one a line; the others are test rows.
    TrainRows(PathBuf),
}

/// The training rows and the test rows of a table with `rows` rows.
///
/// A held-out part has ⌊fraction · rows + ½⌋ rows; both parts are ascending. Rows listed in a file keep its order. With
/// [`Split::TestTable`] no row of this table is a test row.
///
/// # Errors
/// A [`TableError`] where the fraction leaves fewer than two training rows or no test row, or where the file of row
/// numbers cannot be read or used.
pub fn resolve(split: &Split, rows: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    match split {
        Split::All | Split::TestTable(_) => Ok(((0..rows).collect(), Vec::new())),
        Split::Holdout { fraction, seed } => hold_out(*fraction, *seed, rows),
        Split::TrainRows(path) => {
            let train = read_rows(path, rows)?;
            if train.len() < 2 {
                return Err(TableError::TooFewRows { path: path.as_path().into(), found: train.len() });
            }
            let mut is_test = vec![true; rows];
            train.iter().for_each(|&row| is_test[row] = false);
            Ok((train, (0..rows).filter(|&row| is_test[row]).collect()))
        }
    }
}

/// The training rows and the test rows of each split that a table lists: one column a split, `split0`, `split1`, …, with 1 for
/// a test row and 0 for a training row of a table with `rows` rows. Other columns are not looked at.
///
/// # Errors
/// A [`TableError`] where the table cannot be read, has another number of rows, no such column, or other values in it, and
/// where a split has fewer than two training rows or no test row.
pub fn from_columns(path: &Path, rows: usize) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    let refuse = |problem: String| Err(TableError::SplitColumns { path: path.into(), problem });
    let table = Table::read(path)?;
    if table.rows() != rows {
        return refuse(format!("it has {} rows and the table that it splits {rows}", table.rows()));
    }
    let mut splits = Vec::new();
    for k in 0.. {
        let name = format!("split{k}");
        if !table.column_names().contains(&name) {
            break;
        }
        let (_, values) = table.cells(table.position(&name, Role::Input)?)?.infer();
        let Values::Number(marks) = values else {
            return refuse(format!("column `{name}` does not hold numbers"));
        };
        if let Some(row) = marks.iter().position(|v| *v != 0.0 && *v != 1.0) {
            return refuse(format!("column `{name}`, row {row}: {} is neither 0 nor 1", marks[row]));
        }
        let (test, train): (Vec<usize>, Vec<usize>) = (0..rows).partition(|row| marks[*row] == 1.0);
        if test.is_empty() || train.len() < 2 {
            return refuse(format!(
                "column `{name}` has {} training rows and {} test rows; at least 2 and 1 are needed",
                train.len(),
                test.len()
            ));
        }
        splits.push((train, test));
    }
    if splits.is_empty() {
        return refuse("it has no column `split0`".into());
    }
    Ok(splits)
}

fn hold_out(fraction: f64, seed: u64, rows: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(TableError::Fraction { fraction });
    }
    let test = ((fraction * rows as f64).round() as usize).min(rows);
    let train = rows - test;
    if test < 1 || train < 2 {
        return Err(TableError::Holdout { fraction, rows, train, test });
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut ChaCha12Rng::seed_from_u64(seed));
    let (test, train) = order.split_at_mut(test);
    test.sort_unstable();
    train.sort_unstable();
    Ok((train.to_vec(), test.to_vec()))
}

fn read_rows(path: &Path, rows: usize) -> Result<Vec<usize>> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => TableError::Absent { path: path.into() },
        _ => TableError::Unreadable { path: path.into(), source },
    })?;
    parse_rows(&text, rows).map_err(|(line, problem)| TableError::RowNumbers {
        path: path.into(),
        line,
        problem,
    })
}

/// The row numbers of a file, or its first wrong line and what is wrong with it.
fn parse_rows(text: &str, rows: usize) -> Result<Vec<usize>, (usize, RowProblem)> {
    let mut first_lines = HashMap::new();
    let mut listed = Vec::new();
    let filled =
        text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty());
    for (nth, (line, entry)) in filled.enumerate() {
        let line = line + 1;
        if nth == 0 && HEADERS.iter().any(|header| entry.eq_ignore_ascii_case(header)) {
            continue;
        }
        let row = entry.parse().map_err(|_| (line, RowProblem::NotARow { text: entry.into() }))?;
        if row >= rows {
            return Err((line, RowProblem::OutOfRange { row, rows }));
        }
        if let Some(first_line) = first_lines.insert(row, line) {
            return Err((line, RowProblem::Duplicate { row, first_line }));
        }
        listed.push(row);
    }
    Ok(listed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_holdout_parts_the_rows_and_repeats_with_its_seed() {
        let split = |seed| resolve(&Split::Holdout { fraction: 0.3, seed }, 20).unwrap();
        let (train, test) = split(1);
        assert_eq!((train.len(), test.len()), (14, 6));
        let mut all = [train.clone(), test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert!(train.is_sorted() && test.is_sorted());
        assert_eq!(split(1), (train.clone(), test));
        assert_ne!(split(2).0, train);
    }

    #[test]
    fn a_holdout_needs_two_training_rows_and_one_test_row() {
        for fraction in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            let split = Split::Holdout { fraction, seed: 0 };
            assert!(matches!(resolve(&split, 10), Err(TableError::Fraction { .. })), "{fraction}");
        }
        for (fraction, rows) in [(0.01, 10), (0.9, 10), (0.5, 2), (0.5, 0)] {
            let split = Split::Holdout { fraction, seed: 0 };
            assert!(matches!(resolve(&split, rows), Err(TableError::Holdout { .. })), "{fraction} of {rows}");
        }
        assert!(resolve(&Split::Holdout { fraction: 0.3, seed: 0 }, 3).is_ok());
    }

    #[test]
    fn listed_rows_keep_their_order_and_may_have_a_header() {
        assert_eq!(parse_rows("Row\n\n3\n 1 \r\n", 4), Ok(vec![3, 1]));
        assert_eq!(parse_rows("0\n2", 3), Ok(vec![0, 2]));
    }

    #[test]
    fn wrong_lines_are_named() {
        let not_a_row = |text: &str| RowProblem::NotARow { text: text.into() };
        for (text, line, problem) in [
            ("rowz\n1", 1, not_a_row("rowz")),
            ("1\nrow\n", 2, not_a_row("row")),
            ("1\n\n-2", 3, not_a_row("-2")),
            ("1.5", 1, not_a_row("1.5")),
            ("0,1", 1, not_a_row("0,1")),
            ("0\n9", 2, RowProblem::OutOfRange { row: 9, rows: 9 }),
            ("4\n1\n4", 3, RowProblem::Duplicate { row: 4, first_line: 1 }),
        ] {
            assert_eq!(parse_rows(text, 9), Err((line, problem)), "{text:?}");
        }
    }

    #[test]
    fn columns_mark_the_test_rows_of_each_split() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.splits.csv");
        std::fs::write(&path, "split0,split1\n1,0\n0,1\n0,0\n").unwrap();
        assert_eq!(from_columns(&path, 3).unwrap(), [(vec![1, 2], vec![0]), (vec![0, 2], vec![1])]);
        assert!(from_columns(&path, 4).unwrap_err().to_string().contains("3 rows"));
        for (text, part) in
            [("a\n1\n0\n0\n", "split0"), ("split0\n2\n0\n0\n", "row 0"), ("split0\n0\n0\n0\n", "0 test")]
        {
            std::fs::write(&path, text).unwrap();
            let told = from_columns(&path, 3).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn all_rows_train_where_nothing_is_held_out() {
        assert_eq!(resolve(&Split::All, 3).unwrap(), (vec![0, 1, 2], vec![]));
        assert_eq!(resolve(&Split::TestTable("t.csv".into()), 2).unwrap(), (vec![0, 1], vec![]));
    }
}
