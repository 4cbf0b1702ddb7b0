//! A table in memory: named columns of cells, all of the same length.

use super::{
    Place, Result, Role, TableError,
    cells::{Cells, NamedCells},
    csv, parquet,
};
use flate2::read::MultiGzDecoder;
use std::{
    borrow::Cow,
    collections::HashSet,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

/// The first bytes of a gzip stream.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// The first (and last) bytes of a Parquet file.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// A CSV or Parquet file, read whole.
#[derive(Debug, Clone)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Cells>,
    rows: usize,
    /// The 1-based line of a text file where each row starts.
    lines: Option<Vec<usize>>,
    /// The row of the file that comes first here: more than 0 where this is a piece of a larger table.
    first_row: usize,
}

impl Table {
    /// Reads a table: `.csv`, `.csv.gz`, `.gz` that holds CSV, or `.parquet`.
    ///
    /// What the bytes are counts for more than the name: gzip is unpacked and Parquet is recognised under any of
    /// these names. A CSV has a header line, commas, UTF-8 and quotes as in RFC 4180; blank lines are skipped.
    ///
    /// # Errors
    /// A [`TableError`] where the file cannot be read, is empty, damaged or ragged, or where its header has empty or
    /// equal names.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = load(path)?;
        let name = file_name(path);
        if !has_extension(&name, &["csv", "gz", "parquet"]) {
            return Err(TableError::Extension { path: path.into() });
        }
        if bytes.is_empty() {
            return Err(TableError::Empty { path: path.into() });
        }
        let bytes = unpack(path, bytes)?;
        let (columns, lines) = if bytes.starts_with(PARQUET_MAGIC) || has_extension(&name, &["parquet"]) {
            (parquet::read(path, &bytes)?, None)
        } else {
            let (columns, lines) = csv::read(path, &bytes)?;
            (columns, Some(lines))
        };
        Self::from_columns(path, columns, lines)
    }

    fn from_columns(path: &Path, columns: NamedCells, lines: Option<Vec<usize>>) -> Result<Self> {
        let (names, columns): (Vec<String>, Vec<Cells>) = columns.into_iter().unzip();
        check_names(path, &names)?;
        match columns.first().map(Cells::len) {
            None => Err(TableError::Empty { path: path.into() }),
            Some(0) => Err(TableError::NoRows { path: path.into() }),
            Some(rows) => Ok(Self { path: path.into(), names, columns, rows, lines, first_row: 0 }),
        }
    }

    /// Some consecutive rows of a file from `first_row` on; there may be none.
    pub(super) fn piece(path: &Path, columns: NamedCells, first_row: usize) -> Result<Self> {
        let (names, columns): (Vec<String>, Vec<Cells>) = columns.into_iter().unzip();
        check_names(path, &names)?;
        let rows = columns.first().map_or(0, Cells::len);
        Ok(Self { path: path.into(), names, columns, rows, lines: None, first_row })
    }

    /// Number of rows, the header not counted.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of all columns, in the order of the file.
    pub fn column_names(&self) -> &[String] {
        &self.names
    }

    /// Where the table was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Row number `row` with the line where it starts.
    pub fn place(&self, row: usize) -> Place {
        Place {
            row: self.first_row + row,
            line: self.lines.as_ref().and_then(|lines| lines.get(row).copied()),
        }
    }

    /// The position of a column.
    ///
    /// # Errors
    /// [`TableError::UnknownColumn`] with the closest name there is.
    pub fn position(&self, column: &str, role: Role) -> Result<usize> {
        self.names.iter().position(|name| name == column).ok_or_else(|| TableError::UnknownColumn {
            path: self.path.as_path().into(),
            column: column.into(),
            role,
            suggestion: closest(column, &self.names),
            known: self.names.clone(),
        })
    }

    /// The cells of the column at `position`.
    pub(super) fn cells(&self, position: usize) -> Result<&Cells> {
        match &self.columns[position] {
            Cells::Unsupported { dtype, .. } => Err(TableError::Unsupported {
                path: self.path.as_path().into(),
                column: self.names[position].clone(),
                dtype: dtype.clone(),
            }),
            cells => Ok(cells),
        }
    }
}

fn load(path: &Path) -> Result<Vec<u8>> {
    refuse_folder(path)?;
    std::fs::read(path).map_err(|source| unreadable(path, source))
}

pub(super) fn refuse_folder(path: &Path) -> Result<()> {
    match std::fs::metadata(path).map_err(|source| unreadable(path, source))?.is_dir() {
        true => Err(TableError::Folder { path: path.into() }),
        false => Ok(()),
    }
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> TableError {
    match source.kind() {
        ErrorKind::NotFound => TableError::Absent { path: path.into() },
        _ => TableError::Unreadable { path: path.into(), source },
    }
}

fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if !bytes.starts_with(GZIP_MAGIC) {
        return if has_extension(&file_name(path), &["gz"]) {
            Err(TableError::Gzip { path: path.into(), reason: "it does not begin like one".into() })
        } else {
            Ok(bytes)
        };
    }
    let mut unpacked = Vec::with_capacity(4 * bytes.len());
    match MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked) {
        Ok(_) => Ok(unpacked),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(TableError::Gzip { path: path.into(), reason: "it ends too early".into() })
        }
        Err(error) => Err(TableError::Gzip { path: path.into(), reason: error.to_string() }),
    }
}

pub(super) fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().map_or(Cow::Borrowed(""), |name| name.to_string_lossy())
}

/// Whether the file name ends in one of the extensions, in any case.
pub(super) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| extensions.iter().any(|e| found.eq_ignore_ascii_case(e)))
}

fn check_names(path: &Path, names: &[String]) -> Result<()> {
    if let Some(position) = names.iter().position(|name| name.trim().is_empty()) {
        return Err(TableError::UnnamedColumn { path: path.into(), position });
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(column) => Err(TableError::DuplicateColumn { path: path.into(), column: column.clone() }),
        None => Ok(()),
    }
}

/// The known name that was probably meant: equal but for case and outer spaces, else the most similar one.
fn closest(name: &str, known: &[String]) -> Option<String> {
    let plain = |s: &str| s.trim().to_lowercase();
    let name = plain(name);
    known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&name, &plain(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn the_closest_name_ignores_case_and_outer_spaces() {
        let known = names(&[" x1", "price", "Temperature"]);
        assert_eq!(closest("x1", &known).as_deref(), Some(" x1"));
        assert_eq!(closest("temprature", &known).as_deref(), Some("Temperature"));
        assert_eq!(closest("zzz", &known), None);
    }

    #[test]
    fn extensions_are_recognised_in_any_case() {
        assert!(has_extension("a.CSV", &["csv"]) && has_extension("a.csv.gz", &["gz"]));
        assert!(!has_extension("csv", &["csv"]) && !has_extension("a.csv.bak", &["csv"]));
    }

    #[test]
    fn equal_and_empty_names_are_refused() {
        let path = Path::new("t.csv");
        assert!(
            matches!(check_names(path, &names(&["a", "b", "a"])), Err(TableError::DuplicateColumn { column, .. }) if column == "a")
        );
        assert!(matches!(
            check_names(path, &names(&["a", " "])),
            Err(TableError::UnnamedColumn { position: 1, .. })
        ));
    }
}
