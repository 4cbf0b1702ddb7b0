//! The folder of a comparison: settings, journal and results.

use super::comparison::{Comparison, TableFacts};
use super::fingerprint::{self, Settings, differences};
use super::grid::{Grid, GridTable};
use super::journal::Journal;
use super::record::{Key, Record};
use super::results;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A folder in which a comparison is at work.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    journal: Journal,
    known: Known,
    records: Vec<Record>,
}

/// A folder that no other process can work in.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    journal: Journal,
    written: Vec<Record>,
}

/// What results in a folder depend on, and the order of their tables and methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    version: String,
    settings: Settings,
    methods: Vec<String>,
    tables: Vec<KnownTable>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KnownTable {
    #[serde(flatten)]
    facts: TableFacts,
    /// Hash of the file.
    content: String,
    /// Hash of each split's rows.
    splits: Vec<String>,
    /// Settings that are not those of all tables.
    settings: Settings,
}

const SETTINGS: &str = "settings.json";
const JOURNAL: &str = "journal.jsonl";
/// What a comparison writes besides its settings.
const WRITTEN: [&str; 6] =
    [JOURNAL, "results.csv", "results.parquet", "report.html", "tables.md", "tables.tex"];

impl Claim {
    /// Claims a folder, which is made where there is none. What is in it stays as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the folder has files that a comparison would replace and that are not of one, where the
    /// journal is damaged or cannot be written, and where another process is at work there.
    pub fn new(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::Invalid(format!("{}: {e}", path.display()));
        std::fs::create_dir_all(path).map_err(failed)?;
        if Known::read(path)?.is_none() {
            let is_filled = |file: &PathBuf| std::fs::metadata(file).is_ok_and(|found| found.len() > 0);
            if let Some(file) = WRITTEN.iter().map(|name| path.join(name)).find(is_filled) {
                return Err(Error::Invalid(format!(
                    "{}: is not of a comparison: choose another folder",
                    file.display()
                )));
            }
        }
        let (journal, written) = Journal::open(&path.join(JOURNAL))?;
        Ok(Self { path: path.into(), journal, written })
    }

    /// Opens the folder for a grid.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open(self, grid: &Grid) -> Result<Folder> {
        let Self { path, journal, written } = self;
        refuse_own_files(&path, grid)?;
        let asked = Known::new(grid)?;
        let known = match Known::read(&path)? {
            Some(known) => known.extended(asked, &path)?,
            None => asked,
        };
        let file = path.join(SETTINGS);
        let text = serde_json::to_string_pretty(&known)
            .map_err(|e| Error::Invalid(format!("{}: {e}", file.display())))?;
        results::replace(&file, |temporary| {
            std::fs::write(temporary, &text)
                .map_err(|e| Error::Invalid(format!("{}: cannot be written: {e}", file.display())))
        })?;
        let mut folder = Folder { path, journal, known, records: Vec::new() };
        written.into_iter().for_each(|record| folder.keep(record));
        Ok(folder)
    }
}

/// Refuses tables that the results would replace.
fn refuse_own_files(folder: &Path, grid: &Grid) -> Result<()> {
    let own: Vec<PathBuf> = (WRITTEN.iter().chain(&[SETTINGS]))
        .filter_map(|name| std::fs::canonicalize(folder.join(name)).ok())
        .collect();
    let tables = grid.tables.iter().map(|table| &table.path).chain(&grid.recipe.inducing_points);
    for table in tables {
        if std::fs::canonicalize(table).is_ok_and(|path| own.contains(&path)) {
            return Err(Error::Invalid(format!(
                "{}: the results would take its place: choose another folder",
                table.display()
            )));
        }
    }
    Ok(())
}

impl Folder {
    /// Opens the folder of a comparison, which is made where there is none. A folder that has results of the same settings
    /// keeps them; tables, methods and splits may be added.
    ///
    /// # Errors
    /// As [`Claim::new`]; [`Error::Invalid`] with all that differs where the folder's results have other settings, where a
    /// table has changed since, where a table is a file that the results replace, and where a file is damaged or cannot be
    /// written.
    pub fn open(path: &Path, grid: &Grid) -> Result<Self> {
        Claim::new(path)?.open(grid)
    }

    /// The record of a row, where it has run.
    pub fn find(&self, key: &Key) -> Option<&Record> {
        self.records.iter().find(|record| record.key == *key)
    }

    /// Adds a record, in place of an earlier one of the same row; on the disk when this returns.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn add(&mut self, record: Record) -> Result<()> {
        self.journal.append(&record)?;
        self.keep(record);
        Ok(())
    }

    fn keep(&mut self, record: Record) {
        match self.records.iter_mut().find(|known| known.key == record.key) {
            Some(known) => *known = record,
            None => self.records.push(record),
        }
    }

    /// All that the folder has, in the order in which tables and methods were first asked for.
    pub fn comparison(&self) -> Comparison {
        let tables = self.known.tables.iter().map(|table| table.facts.clone()).collect();
        Comparison::new(tables, self.known.methods.clone(), self.known.told(), self.records.clone())
    }

    /// Writes `results.csv` and `results.parquet`, each replaced in one step.
    ///
    /// # Errors
    /// A [`TableError`](crate::table::TableError) where they cannot be written.
    pub fn write_results(&self) -> Result<()> {
        results::write(&self.path, &self.comparison())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Known {
    /// What the folder says of itself, where it says anything.
    fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(SETTINGS);
        match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| {
                Error::Invalid(format!("{}: damaged ({e}): choose another folder", file.display()))
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::Invalid(format!("{}: cannot be read: {e}", file.display()))),
        }
    }

    fn new(grid: &Grid) -> Result<Self> {
        let mut settings = fingerprint::of_recipe(&grid.recipe)?;
        let tables =
            grid.tables.iter().map(|table| KnownTable::new(table, &settings)).collect::<Result<_>>()?;
        // No score depends on it, but what a row takes does.
        settings.insert("threads".into(), rayon::current_num_threads().to_string());
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            settings,
            methods: grid.methods.iter().map(ToString::to_string).collect(),
            tables,
        })
    }

    /// These with what else is asked for.
    fn extended(mut self, asked: Known, path: &Path) -> Result<Self> {
        let mut problems = Vec::new();
        if self.version != asked.version {
            problems.push(format!("version: {} there, {} here", self.version, asked.version));
        }
        problems.extend(differences(&self.settings, &asked.settings));
        for method in asked.methods {
            if !self.methods.contains(&method) {
                self.methods.push(method);
            }
        }
        for table in asked.tables {
            match self.tables.iter_mut().find(|known| known.facts.name == table.facts.name) {
                Some(known) => problems.extend(known.take(table)),
                None => self.tables.push(table),
            }
        }
        match problems.is_empty() {
            true => Ok(self),
            false => Err(Error::Invalid(format!(
                "{}: the results there are of other settings ({}): choose another folder with --out, or the same settings",
                path.display(),
                problems.join("; ")
            ))),
        }
    }

    /// Settings for people.
    fn told(&self) -> Vec<(String, String)> {
        self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl KnownTable {
    fn new(table: &GridTable, common: &Settings) -> Result<Self> {
        Ok(Self {
            facts: TableFacts {
                name: table.name.clone(),
                rows: table.rows,
                inputs: table.inputs,
                split_count: table.splits.len(),
                independent: table.independent,
            },
            content: format!("{:016x}", table.content),
            splits: table.splits.iter().map(|s| format!("{:016x}", fingerprint::of_split(s))).collect(),
            settings: fingerprint::of_table(table, common)?,
        })
    }

    /// Takes further splits of the same table; says what is not the same.
    fn take(&mut self, asked: KnownTable) -> Vec<String> {
        let name = &self.facts.name;
        let mut problems = differences(&self.settings, &asked.settings);
        if self.content != asked.content {
            problems.push("the table has changed".into());
        } else if self.splits.iter().zip(&asked.splits).any(|(a, b)| a != b) {
            problems.push("its splits have other rows".into());
        }
        let problems = problems.into_iter().map(|problem| format!("{name}: {problem}")).collect();
        if asked.splits.len() > self.splits.len() {
            *self = asked;
        }
        problems
    }
}
