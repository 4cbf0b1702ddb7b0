//! Parquet: polars reads the columns whose types can become numbers; the others are remembered by name.

use super::{
    Result, TableError,
    cells::{Cells, NamedCells},
    guard,
};
use polars::prelude::{
    ArrowDataType, Column, DataType, ParquetReader, PolarsResult, SerReader, Series, TimeUnit,
};
use std::{collections::HashMap, io::Cursor, path::Path};

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// The columns of a Parquet file.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<NamedCells> {
    let broken = |reason: String| TableError::Parquet { path: path.into(), reason };
    if !(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")) {
        return Err(broken("it does not begin and end with PAR1".into()));
    }
    match guard::catch(|| read_columns(bytes)) {
        Some(columns) => columns.map_err(|e| broken(e.to_string())),
        None => Err(broken("it is damaged".into())),
    }
}

fn read_columns(bytes: &[u8]) -> PolarsResult<NamedCells> {
    let schema = ParquetReader::new(Cursor::new(bytes)).schema()?;
    let readable: Vec<usize> = schema
        .iter_values()
        .enumerate()
        .filter(|(_, field)| is_readable(&field.dtype))
        .map(|(position, _)| position)
        .collect();
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let rows = reader.num_rows()?;
    let frame = reader.with_projection(Some(readable)).finish()?;
    let columns: HashMap<&str, &Column> = frame.columns().iter().map(|c| (c.name().as_str(), c)).collect();
    schema
        .iter_values()
        .map(|field| {
            let cells = match columns.get(field.name.as_str()) {
                Some(column) => cells(column.as_materialized_series())?,
                None => Cells::Unsupported { dtype: format!("{:?}", field.dtype), rows },
            };
            Ok((field.name.to_string(), cells))
        })
        .collect()
}

pub(super) fn is_readable(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Null | A::Boolean | A::Float32 | A::Float64 => true,
        A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt8 | A::UInt16 | A::UInt32 | A::UInt64 => true,
        A::Date32 | A::Date64 | A::Timestamp(..) => true,
        _ => is_text(dtype),
    }
}

pub(super) fn is_text(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Utf8 | A::LargeUtf8 | A::Utf8View => true,
        A::Dictionary(_, values, _) => matches!(**values, A::Utf8 | A::LargeUtf8 | A::Utf8View),
        _ => false,
    }
}

pub(super) fn cells(series: &Series) -> PolarsResult<Cells> {
    let cells = match series.dtype() {
        DataType::Null => Cells::Number(vec![f64::NAN; series.len()]),
        DataType::Boolean => Cells::Boolean(series.bool()?.iter().collect()),
        DataType::Date => {
            let days = series.to_physical_repr();
            Cells::Time(days.i32()?.iter().map(|d| d.map(|d| i64::from(d) * MICROSECONDS_PER_DAY)).collect())
        }
        DataType::Datetime(unit, _) => {
            let to_microseconds = |t: i64| match unit {
                TimeUnit::Nanoseconds => t.div_euclid(1000),
                TimeUnit::Microseconds => t,
                TimeUnit::Milliseconds => t.saturating_mul(1000),
            };
            let ticks = series.to_physical_repr();
            Cells::Time(ticks.i64()?.iter().map(|t| t.map(to_microseconds)).collect())
        }
        dtype if dtype.is_primitive_numeric() => {
            let numbers = series.cast(&DataType::Float64)?;
            Cells::Number(numbers.f64()?.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
        }
        _ => Cells::Text(series.cast(&DataType::String)?.str()?.rechunk().into_owned()),
    };
    Ok(cells)
}
