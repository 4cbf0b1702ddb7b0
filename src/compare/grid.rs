//! Tables × splits × methods: what a comparison is made of, and in which order.

use super::estimate;
use super::fingerprint;
use super::method::MethodSpec;
use super::record::Key;
use super::splits::{SplitRows, Splits};
use crate::fit::FitOptions;
use crate::table::{Preparation, Table};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// How a table is fitted, whatever the method.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Which columns are what, and the likelihood.
    pub preparation: Preparation,
    /// Options of the fit; the method and its number of particles come from the [`MethodSpec`].
    pub options: FitOptions,
    /// Table of inducing points, with the input columns.
    pub inducing_points: Option<PathBuf>,
}

/// A table of the grid.
#[derive(Debug, Clone)]
pub struct GridTable {
    /// Its name in results: the file's name without its ending.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Rows of the file.
    pub rows: usize,
    /// Columns of the file that are neither target nor left out.
    pub inputs: usize,
    /// Hash of the file's bytes.
    pub content: u64,
    /// Its splits.
    pub splits: Vec<SplitRows>,
    /// Whether the splits share no rows: draws of a simulation rather than parts of one table.
    pub independent: bool,
    /// How it is fitted.
    pub recipe: Recipe,
}

/// What is compared.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Tables, in the order of results.
    pub tables: Vec<GridTable>,
    /// Methods, in the order of results.
    pub methods: Vec<MethodSpec>,
    /// How tables are fitted unless one says otherwise.
    pub recipe: Recipe,
}

/// One row of a grid, by its places in tables, methods and the table's splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Place of the table.
    pub table: usize,
    /// Place of the method.
    pub method: usize,
    /// Number of the split.
    pub split: usize,
}

impl GridTable {
    /// Looks at a table: its size, its content and its splits.
    ///
    /// # Errors
    /// Where the table cannot be read or lacks the target, and as [`Splits::resolve`].
    pub fn read(path: &Path, recipe: &Recipe, splits: &Splits) -> Result<Self> {
        let table = Table::read(path)?;
        let preparation = &recipe.preparation;
        table.position(&preparation.target, crate::table::Role::Target)?;
        let name = table_name(path);
        let splits = splits.resolve(&name, table.rows(), recipe.options.seed)?;
        let left_out = 1 + preparation.drop.len();
        let inputs =
            preparation.inputs.as_ref().map_or(table.column_names().len().saturating_sub(left_out), Vec::len);
        Ok(Self {
            name,
            path: path.into(),
            rows: table.rows(),
            inputs,
            content: fingerprint::of_file(path)?,
            splits,
            independent: false,
            recipe: recipe.clone(),
        })
    }
}

/// The name of a table in results: its file's without `.csv`, `.csv.gz` or `.parquet`.
pub fn table_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let without = |name: &str, ending: &str| name.strip_suffix(ending).map(str::to_owned);
    let plain = without(&file, ".gz").unwrap_or_else(|| file.clone());
    without(&plain, ".csv").or_else(|| without(&plain, ".parquet")).unwrap_or(plain)
}

impl Grid {
    /// A grid of these tables and methods.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no table or method, where two tables have one name, and where two methods are the
    /// same.
    pub fn new(tables: Vec<GridTable>, methods: &[MethodSpec], recipe: Recipe) -> Result<Self> {
        let methods: Vec<MethodSpec> = methods.iter().map(|m| m.resolved(&recipe.options)).collect();
        if tables.is_empty() || methods.is_empty() {
            return Err(Error::Invalid("a comparison needs a table and a method".into()));
        }
        for (k, method) in methods.iter().enumerate() {
            let is_same = |other: &&MethodSpec| other.is_same(*method, &recipe.options);
            if let Some(other) = methods[..k].iter().find(is_same) {
                return Err(Error::Invalid(format!(
                    "method `{method}` stands twice (`{other}` is the same): name it once"
                )));
            }
        }
        for (k, table) in tables.iter().enumerate() {
            if let Some(other) = tables[..k].iter().find(|other| other.name == table.name) {
                return Err(Error::Invalid(format!(
                    "{} and {} would both be `{}` in the results: rename one of them",
                    other.path.display(),
                    table.path.display(),
                    table.name
                )));
            }
        }
        Ok(Self { tables, methods, recipe })
    }

    /// Every row, in the order in which they run: all methods on the first split of every table, tables that cost little
    /// first, then the second split, and so on. What there is after a part of the time is then a comparison.
    pub fn cells(&self) -> Vec<Cell> {
        let mut order: Vec<usize> = (0..self.tables.len()).collect();
        let cost = |t: &usize| -> f64 {
            (0..self.methods.len())
                .map(|method| estimate::prior_seconds(self, Cell { table: *t, method, split: 0 }))
                .sum()
        };
        order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        let most = self.tables.iter().map(|t| t.splits.len()).max().unwrap_or(0);
        let mut cells = Vec::new();
        for split in 0..most {
            for &table in order.iter().filter(|t| split < self.tables[**t].splits.len()) {
                cells.extend((0..self.methods.len()).map(|method| Cell { table, method, split }));
            }
        }
        cells
    }

    /// The names of a row.
    pub fn key(&self, cell: Cell) -> Key {
        Key {
            table: self.tables[cell.table].name.clone(),
            method: self.methods[cell.method].to_string(),
            split: cell.split,
        }
    }

    /// Hash of the table and the rows of the split: another one where either has changed since the grid was made.
    pub fn content(&self, cell: Cell) -> String {
        let table = &self.tables[cell.table];
        let rows = table.splits.get(cell.split).map_or(0, fingerprint::of_split);
        format!("{:016x}-{rows:016x}", table.content)
    }

    /// The row of these names.
    pub fn find(&self, key: &Key) -> Option<Cell> {
        let table = self.tables.iter().position(|t| t.name == key.table)?;
        let method = self.methods.iter().position(|m| m.to_string() == key.method)?;
        (key.split < self.tables[table].splits.len()).then_some(Cell { table, method, split: key.split })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_named_after_their_files() {
        for (path, name) in
            [("a/servo.csv.gz", "servo"), ("b.x.csv", "b.x"), ("c.parquet", "c"), ("d.gz", "d")]
        {
            assert_eq!(table_name(Path::new(path)), name);
        }
    }
}
