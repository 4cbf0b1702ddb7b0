//! All tables of a folder.

use super::SuiteOptions;
use crate::compare::grid::{GridTable, Recipe, table_name};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Every `.csv`, `.csv.gz` and `.parquet` of the folder that is no table of splits, by name.
pub(super) fn tables(recipe: &Recipe, options: &SuiteOptions) -> Result<Vec<GridTable>> {
    let Some(folder) = &options.data else {
        return Err(Error::Invalid("the suite needs the folder with its tables".into()));
    };
    let is_wanted = |path: &PathBuf| options.names.is_empty() || options.names.contains(&table_name(path));
    let found = files(folder)?;
    let paths: Vec<PathBuf> = found.iter().filter(|path| is_wanted(path)).cloned().collect();
    if paths.is_empty() {
        let names: Vec<String> = found.iter().map(|path| table_name(path)).collect();
        return Err(Error::Invalid(format!(
            "{}: there is no table {}here; it has {}",
            folder.display(),
            if options.names.is_empty() {
                String::new()
            } else {
                format!("of {} ", options.names.join(", "))
            },
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        )));
    }
    paths.iter().map(|path| GridTable::read(path, recipe, &options.splits)).collect()
}

/// Whether a name is of splits of another table, as [`Splits::Folder`](crate::compare::Splits::Folder) finds them.
fn has_splits(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    name.ends_with(".splits") || name.rsplit_once(".split").is_some_and(|(_, number)| is_number(number))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| Error::Invalid(format!("{}: cannot be read: {e}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_table = [".csv", ".csv.gz", ".parquet"].iter().any(|ending| name.ends_with(ending));
        if is_table && !has_splits(&table_name(&path)) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
