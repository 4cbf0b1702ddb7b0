//! Which rows of a table train and which test, several times over.

use crate::table::{Split, split};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Training rows and test rows, as 0-based row numbers of the table's file; a row may be neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SplitRows {
    /// Rows that are fitted to.
    pub train: Vec<usize>,
    /// Rows that are scored.
    pub test: Vec<usize>,
}

/// Where the splits of tables come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Splits {
    /// Split k is the hold-out of [`Split::Holdout`] with the seed `seed + k`.
    Random {
        /// Number of splits K.
        count: usize,
        /// Share of the rows that train, between 0 and 1.
        train_fraction: f64,
    },
    /// For the table NAME a folder has NAME.split0.csv, NAME.split1.csv, … with the training rows, one a line, or
    /// NAME.splits.csv (also .csv.gz or .parquet) with a column a split as [`split::from_columns`] reads them.
    Folder(PathBuf),
    /// The columns of one table, as [`split::from_columns`] reads them.
    Table(PathBuf),
}

impl Default for Splits {
    /// Five random splits with 70 % of the rows for training, as in Pinder et al. (2020).
    fn default() -> Self {
        Self::Random { count: 5, train_fraction: 0.7 }
    }
}

impl Splits {
    /// The splits of the table of that name with that many rows.
    ///
    /// # Errors
    /// As [`split::resolve`] and [`split::from_columns`]; [`Error::Invalid`] for no split, and for a folder without any of
    /// this table.
    pub fn resolve(&self, name: &str, rows: usize, seed: u64) -> Result<Vec<SplitRows>> {
        match self {
            Splits::Random { count: 0, .. } => {
                Err(Error::Invalid("a comparison needs at least one split".into()))
            }
            Splits::Random { count, train_fraction } => (0..*count)
                .map(|k| {
                    let seed = seed.wrapping_add(k as u64);
                    // What is left of 0.7 is 0.3, as `fit --holdout` has it, without the rounding of the difference.
                    let fraction = ((1.0 - train_fraction) * 1e12).round() / 1e12;
                    let (train, test) = split::resolve(&Split::Holdout { fraction, seed }, rows)
                        .map_err(|error| Error::Invalid(format!("{name}: {error}")))?;
                    Ok(SplitRows { train, test })
                })
                .collect(),
            Splits::Table(path) => of_columns(path, rows),
            Splits::Folder(folder) => in_folder(folder, name, rows),
        }
    }
}

fn of_columns(path: &Path, rows: usize) -> Result<Vec<SplitRows>> {
    let splits = split::from_columns(path, rows)?;
    Ok(splits.into_iter().map(|(train, test)| SplitRows { train, test }).collect())
}

fn in_folder(folder: &Path, name: &str, rows: usize) -> Result<Vec<SplitRows>> {
    let mut splits = Vec::new();
    for k in 0.. {
        let path = folder.join(format!("{name}.split{k}.csv"));
        if !path.exists() {
            break;
        }
        let (train, test) = split::resolve(&Split::TrainRows(path.clone()), rows)?;
        if test.is_empty() {
            return Err(Error::Invalid(format!("{}: it leaves no row to test", path.display())));
        }
        splits.push(SplitRows { train, test });
    }
    if !splits.is_empty() {
        return Ok(splits);
    }
    let endings = ["csv", "csv.gz", "parquet"];
    let table =
        endings.map(|ending| folder.join(format!("{name}.splits.{ending}"))).into_iter().find(|p| p.exists());
    match table {
        Some(path) => of_columns(&path, rows),
        None => Err(Error::Invalid(format!(
            "{}: there are no splits of `{name}`: neither {name}.split0.csv (training rows, one a line) nor \
             {name}.splits.csv (columns split0, split1, … with 1 for test rows)",
            folder.display()
        ))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn random_splits_are_holdouts_of_consecutive_seeds() {
        let splits = Splits::default().resolve("t", 20, 7).unwrap();
        assert_eq!(splits.len(), 5);
        for (k, rows) in splits.iter().enumerate() {
            let holdout = Split::Holdout { fraction: 0.3, seed: 7 + k as u64 };
            assert_eq!((rows.train.clone(), rows.test.clone()), split::resolve(&holdout, 20).unwrap());
            assert_eq!(rows.train.len(), 14);
        }
        assert!(Splits::Random { count: 0, train_fraction: 0.7 }.resolve("t", 20, 0).is_err());
    }

    #[test]
    fn a_folder_has_splits_by_the_names_of_tables() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.split0.csv", "0\n2\n");
        write("a.split1.csv", "3\n1\n0\n");
        write("b.splits.csv", "split0\n0\n1\n0\n");
        let splits = Splits::Folder(folder.path().into());
        let rows = splits.resolve("a", 4, 0).unwrap();
        assert_eq!((rows[0].test.clone(), rows[1].train.clone()), (vec![1, 3], vec![3, 1, 0]));
        assert_eq!(splits.resolve("b", 3, 0).unwrap()[0].test, [1]);
        let told = splits.resolve("c", 3, 0).unwrap_err().to_string();
        assert!(told.contains("c.split0.csv"), "{told}");
        write("a.split1.csv", "0\n1\n2\n3\n");
        assert!(splits.resolve("a", 4, 0).unwrap_err().to_string().contains("no row to test"));
    }
}
