//! Writing columns to CSV or Parquet.

use super::{
    Result, TableError,
    read::{file_name, has_extension},
};
use flate2::{Compression, write::GzEncoder};
use polars::prelude::{Column, CsvWriter, DataFrame, ParquetWriter, PolarsResult, SerWriter};
use std::{
    collections::HashSet,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// The values of a column to write.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Numbers; they read back as exactly the same `f64`.
    Numbers(&'a [f64]),
    /// Row numbers and counts.
    Indices(&'a [usize]),
    /// Texts.
    Texts(&'a [String]),
    /// Numbers that some rows lack: empty cells of a CSV, nulls of a Parquet file.
    OptionalNumbers(&'a [Option<f64>]),
    /// Counts that some rows lack.
    OptionalIndices(&'a [Option<usize>]),
    /// Texts that some rows lack.
    OptionalTexts(&'a [Option<String>]),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Numbers(values) => values.len(),
            Values::Indices(values) => values.len(),
            Values::Texts(values) => values.len(),
            Values::OptionalNumbers(values) => values.len(),
            Values::OptionalIndices(values) => values.len(),
            Values::OptionalTexts(values) => values.len(),
        }
    }

    fn column(&self, name: &str) -> Column {
        match self {
            Values::Numbers(values) => Column::new(name.into(), *values),
            Values::Indices(values) => {
                Column::new(name.into(), values.iter().map(|&v| v as u64).collect::<Vec<u64>>())
            }
            Values::Texts(values) => Column::new(name.into(), *values),
            Values::OptionalNumbers(values) => Column::new(name.into(), *values),
            Values::OptionalIndices(values) => {
                let values: Vec<Option<u64>> = values.iter().map(|v| v.map(|v| v as u64)).collect();
                Column::new(name.into(), values)
            }
            Values::OptionalTexts(values) => Column::new(name.into(), *values),
        }
    }
}

/// Writes named columns of equal length to `.csv`, `.csv.gz` or `.parquet`, replacing the file.
///
/// # Errors
/// A [`TableError`] for another extension, for columns of different lengths or equal names, and where the file cannot
/// be written.
pub fn write(path: impl AsRef<Path>, columns: &[(&str, Values<'_>)]) -> Result<()> {
    let path = path.as_ref();
    let name = file_name(path).to_lowercase();
    let is_gzip = name.ends_with(".csv.gz");
    let is_parquet = has_extension(&name, &["parquet"]);
    if !(is_gzip || is_parquet || has_extension(&name, &["csv"])) {
        return Err(TableError::Extension { path: path.into() });
    }
    check(path, columns)?;
    let unwritable = |reason: String| TableError::Unwritable { path: path.into(), reason };
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    let columns = columns.iter().map(|(name, values)| values.column(name)).collect();
    let mut frame = DataFrame::new(rows, columns).map_err(|e| unwritable(e.to_string()))?;

    let mut file = BufWriter::new(File::create(path).map_err(|e| unwritable(e.to_string()))?);
    let written: PolarsResult<()> = if is_parquet {
        ParquetWriter::new(&mut file).finish(&mut frame).map(|_| ())
    } else if is_gzip {
        let mut gzip = GzEncoder::new(&mut file, Compression::default());
        CsvWriter::new(&mut gzip).finish(&mut frame).and_then(|()| Ok(gzip.finish().map(|_| ())?))
    } else {
        CsvWriter::new(&mut file).finish(&mut frame)
    };
    written.map_err(|e| unwritable(e.to_string()))?;
    file.flush().map_err(|e| unwritable(e.to_string()))
}

fn check(path: &Path, columns: &[(&str, Values<'_>)]) -> Result<()> {
    let refuse = |column: &str, reason: String| {
        Err(TableError::WriteColumn { path: path.into(), column: column.into(), reason })
    };
    let mut seen = HashSet::new();
    let Some((_, first)) = columns.first() else {
        return Ok(());
    };
    for (name, values) in columns {
        if !seen.insert(name) {
            return refuse(name, "another column has this name".into());
        }
        if values.len() != first.len() {
            return refuse(
                name,
                format!("it has {} values, the first column has {}", values.len(), first.len()),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::table::Table;

    #[test]
    fn columns_of_other_lengths_or_equal_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        for columns in [
            [("a", Values::Numbers(&[1.0])), ("b", Values::Numbers(&[1.0, 2.0]))],
            [("a", Values::Numbers(&[1.0])), ("a", Values::Indices(&[1]))],
        ] {
            assert!(matches!(write(&path, &columns), Err(TableError::WriteColumn { .. })));
        }
        assert!(!path.exists(), "nothing is written before the check");
    }

    #[test]
    fn every_format_reads_back_with_its_names_and_rows() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["a,b".to_string(), "say \"x\"".to_string()];
        for name in ["t.csv", "t.csv.gz", "t.parquet"] {
            let path = folder.path().join(name);
            let columns = [
                ("row", Values::Indices(&[7, 9])),
                ("m,1", Values::Numbers(&[0.1, -1e300])),
                ("t", Values::Texts(&texts)),
                ("some", Values::OptionalNumbers(&[None, Some(0.5)])),
                ("few", Values::OptionalIndices(&[Some(3), None])),
                ("no", Values::OptionalTexts(&[None, Some("x".into())])),
            ];
            write(&path, &columns).unwrap();
            let table = Table::read(&path).unwrap();
            if name == "t.csv" {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains(",,3,\n") && text.contains(",0.5,,x\n"), "{text}");
            }
            assert_eq!(
                (table.rows(), table.column_names()),
                (2, &["row", "m,1", "t", "some", "few", "no"].map(String::from)[..])
            );
        }
    }
}
