//! A Parquet file that is read a few rows at a time.

use super::super::{
    Result, Table, TableError,
    cells::Cells,
    guard,
    parquet::{cells, is_readable, is_text},
    read::{refuse_folder, unreadable},
};
use polars::prelude::{
    ArrowSchema, FileMetadata, FileMetadataRef, ParallelStrategy, ParquetReader, PolarsResult, SerReader,
    StringChunked,
};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

const MAGIC: &[u8; 4] = b"PAR1";

/// Consecutive rows of one row group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) row_group: usize,
    /// The first row, counted in the row group.
    pub(super) start: usize,
    /// The first row, counted in the file.
    pub(super) first_row: usize,
    pub(super) rows: usize,
    /// How many of them are complete.
    pub(super) kept: usize,
}

/// An open file and its footer.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: File,
    /// Length and time of the last change.
    state: (u64, Option<SystemTime>),
    schema: Arc<ArrowSchema>,
    footer: FileMetadataRef,
}

impl Source {
    /// Reads the footer.
    pub(super) fn open(path: &Path) -> Result<Self> {
        refuse_folder(path)?;
        let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
        let state = state(&file).map_err(|source| unreadable(path, source))?;
        if state.0 == 0 {
            return Err(TableError::Empty { path: path.into() });
        }
        let broken = |reason: &str| TableError::Parquet { path: path.into(), reason: reason.into() };
        if !has_magic(&mut file).map_err(|source| unreadable(path, source))? {
            return Err(broken("it does not begin and end with PAR1, and only Parquet is read in pieces"));
        }
        let (schema, footer) = match guard::catch(|| read_footer(&file)) {
            Some(read) => read.map_err(|e| broken(&e.to_string()))?,
            None => return Err(broken("it is damaged")),
        };
        let source = Self { path: path.into(), file, state, schema, footer };
        if source.schema.is_empty() {
            return Err(TableError::Empty { path: path.into() });
        }
        match source.rows() {
            Some(0) => Err(TableError::NoRows { path: path.into() }),
            Some(_) => Ok(source),
            None => Err(broken("its row groups contradict its number of rows")),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of rows, where the footer does not contradict itself.
    fn rows(&self) -> Option<usize> {
        let sum =
            self.footer.row_groups.iter().try_fold(0usize, |sum, group| sum.checked_add(group.num_rows()));
        sum.filter(|rows| *rows == self.footer.num_rows)
    }

    /// A table of the file's columns without any row.
    pub(super) fn head(&self) -> Result<Table> {
        let columns = self.schema.iter_values().map(|field| {
            let cells = if is_text(&field.dtype) {
                Cells::Text(StringChunked::from_iter(std::iter::empty::<&str>()))
            } else if is_readable(&field.dtype) {
                Cells::Number(Vec::new())
            } else {
                Cells::Unsupported { dtype: format!("{:?}", field.dtype), rows: 0 }
            };
            (field.name.to_string(), cells)
        });
        Table::piece(&self.path, columns.collect(), 0)
    }

    /// All rows in pieces of at most `largest` rows, nearly equal within a row group.
    pub(super) fn pieces(&self, largest: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut first_row = 0;
        for (row_group, group) in self.footer.row_groups.iter().enumerate() {
            let rows = group.num_rows();
            let parts = rows.div_ceil(largest);
            // In 128 bits: the product may leave 64.
            let cut = |part: usize| (rows as u128 * part as u128 / parts.max(1) as u128) as usize;
            pieces.extend((0..parts).map(|part| {
                let (start, end) = (cut(part), cut(part + 1));
                Piece { row_group, start, first_row: first_row + start, rows: end - start, kept: 0 }
            }));
            first_row += rows;
        }
        pieces
    }

    /// The columns at the positions given, in this order.
    ///
    /// The file is mapped into memory, so that nothing but the pages of these columns and rows is read. A file that has
    /// changed is refused; one that is cut short in the middle of a read ends the process, as with any mapped file.
    pub(super) fn read(&self, piece: &Piece, columns: &[usize]) -> Result<Table> {
        let is_same = state(&self.file).map_err(|source| unreadable(&self.path, source))? == self.state;
        if !is_same {
            return Err(self.changed());
        }
        let broken = |reason: String| TableError::Parquet { path: self.path.as_path().into(), reason };
        let read = guard::catch(|| self.read_columns(piece, columns));
        let table = match read {
            Some(columns) => columns.map_err(|e| broken(e.to_string()))?,
            None => return Err(broken("it is damaged".into())),
        };
        if table.iter().any(|(_, cells)| cells.len() != piece.rows) {
            return Err(broken("a column has fewer rows than its row group".into()));
        }
        Table::piece(&self.path, table, piece.first_row)
    }

    pub(super) fn changed(&self) -> TableError {
        TableError::Changed { path: self.path.as_path().into() }
    }

    fn read_columns(&self, piece: &Piece, columns: &[usize]) -> PolarsResult<Vec<(String, Cells)>> {
        let mut reader = ParquetReader::new(BufReader::new(&self.file));
        reader.set_metadata(self.footer_of(piece.row_group));
        // In the calling thread: who reads decides how many pieces are in memory.
        let frame = reader
            .read_parallel(ParallelStrategy::None)
            .with_projection(Some(columns.to_vec()))
            .with_slice(Some((piece.start, piece.rows)))
            .finish()?;
        frame
            .columns()
            .iter()
            .map(|column| Ok((column.name().to_string(), cells(column.as_materialized_series())?)))
            .collect()
    }

    /// The footer of a file with one row group. With the whole one, a read would take time for each row group.
    fn footer_of(&self, row_group: usize) -> FileMetadataRef {
        let whole = &self.footer;
        let group = whole.row_groups[row_group].clone();
        Arc::new(FileMetadata {
            version: whole.version,
            num_rows: group.num_rows(),
            max_row_group_height: group.num_rows(),
            created_by: whole.created_by.clone(),
            row_groups: vec![group],
            key_value_metadata: whole.key_value_metadata.clone(),
            schema_descr: whole.schema_descr.clone(),
            column_orders: whole.column_orders.clone(),
            footer_buf: whole.footer_buf.clone(),
        })
    }
}

fn state(file: &File) -> std::io::Result<(u64, Option<SystemTime>)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified().ok()))
}

fn has_magic(file: &mut File) -> std::io::Result<bool> {
    let mut ends = [[0; 4]; 2];
    if file.metadata()?.len() < 2 * MAGIC.len() as u64 {
        return Ok(false);
    }
    file.read_exact(&mut ends[0])?;
    file.seek(SeekFrom::End(-(MAGIC.len() as i64)))?;
    file.read_exact(&mut ends[1])?;
    file.rewind()?;
    Ok(ends == [*MAGIC; 2])
}

fn read_footer(file: &File) -> PolarsResult<(Arc<ArrowSchema>, FileMetadataRef)> {
    let mut reader = ParquetReader::new(BufReader::new(file));
    let schema = reader.schema()?;
    Ok((schema, reader.get_metadata()?.clone()))
}
