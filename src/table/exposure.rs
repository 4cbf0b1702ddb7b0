//! The exposure of counts: the column that says how long or among how many was counted.

use super::{
    Result, Role, Table, TableError,
    cells::{Kind, Values},
};

/// The cells of the column as numbers.
pub(super) fn read(table: &Table, position: usize) -> Result<Values<'_>> {
    table
        .cells(position)?
        .read(Kind::Number)
        .map_err(|misfit| refuse(table, position, misfit.row, misfit.value))
}

/// The cells of the column of this name. Where it is not required, a table without the column, or without any value in
/// it, has none.
pub(super) fn find<'t>(
    table: &'t Table,
    name: &str,
    is_required: bool,
) -> Result<Option<(usize, Values<'t>)>> {
    if !is_required && !table.column_names().iter().any(|column| column == name) {
        return Ok(None);
    }
    let position = table.position(name, Role::Exposure)?;
    let values = read(table, position)?;
    let is_empty = (0..table.rows()).all(|row| values.is_missing(row));
    Ok((is_required || !is_empty).then_some((position, values)))
}

/// The exposures on the rows, none of which may lack a value.
///
/// # Errors
/// [`TableError::Exposure`] for the first that is not positive and finite.
pub(super) fn numbers(
    table: &Table,
    position: usize,
    values: &Values<'_>,
    rows: &[usize],
) -> Result<Vec<f64>> {
    // `read` yields nothing but numbers.
    let Values::Number(values) = values else { return Ok(Vec::new()) };
    rows.iter()
        .map(|&row| match values[row] {
            value if value > 0.0 && value.is_finite() => Ok(value),
            value => Err(refuse(table, position, row, value.to_string())),
        })
        .collect()
}

fn refuse(table: &Table, position: usize, row: usize, value: String) -> TableError {
    TableError::Exposure {
        path: table.path().into(),
        column: table.column_names()[position].clone(),
        place: table.place(row),
        value,
    }
}
