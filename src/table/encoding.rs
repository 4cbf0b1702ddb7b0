//! How columns become numbers: learnt once, stored with the model, applied to any table with the same columns.

use super::{
    Encoded, Missing, Notice, Place, Result, Role, Table, TableError,
    cells::{Kind, Values},
    classes::Classes,
    exposure,
    learn::{MAX_LEVELS, check_finite, missing_columns},
};
use faer::{ColMut, Mat};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

pub(super) const MICROSECONDS_PER_HOUR: f64 = 3.6e9;

/// How the columns of a table become inputs and target, learnt on its training rows by [`Encoding::learn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Encoding {
    target: Column,
    exposure: Option<String>,
    inputs: Vec<Column>,
    missing: Missing,
    names: Vec<String>,
}

/// An [`Encoding`] as it is written to a file.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    target: Column,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposure: Option<String>,
    inputs: Vec<Column>,
    missing: Missing,
}

/// A column of the table and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) encoder: Encoder,
}

/// How one column becomes one or more columns of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoder {
    /// The number itself.
    Number,
    /// 1 for true, 0 for false.
    Boolean,
    /// Hours since the first time among the training rows (microseconds since 1970-01-01).
    Hours { origin_microseconds: i64 },
    /// One column a level, 1 where the cell is that level, else 0; sorted.
    Levels { levels: Vec<String> },
    /// The index of a class; for targets.
    Classes(Classes),
}

/// Whether the target is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetUse {
    /// The table must have the target.
    Required,
    /// The target is read where the table has the column and it is not wholly empty.
    IfPresent,
    /// The target is not looked at.
    Ignore,
}

impl Encoder {
    /// For numbers and booleans.
    pub(super) fn numeric(kind: Kind) -> Self {
        if kind == Kind::Boolean { Encoder::Boolean } else { Encoder::Number }
    }

    fn kind(&self) -> Kind {
        match self {
            Encoder::Number => Kind::Number,
            Encoder::Boolean => Kind::Boolean,
            Encoder::Hours { .. } => Kind::Time,
            Encoder::Levels { .. } => Kind::Text,
            Encoder::Classes(classes) => classes.kind(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Encoder::Levels { levels } => levels.len(),
            _ => 1,
        }
    }
}

impl Column {
    fn encoded_names(&self) -> Vec<String> {
        match &self.encoder {
            Encoder::Levels { levels } => {
                levels.iter().map(|level| format!("{}={level}", self.name)).collect()
            }
            _ => vec![self.name.clone()],
        }
    }

    /// The cells of the table's column of this name, as values of the kind learnt.
    fn read<'t>(&self, table: &'t Table, role: Role) -> Result<(usize, Values<'t>)> {
        let position = table.position(&self.name, role)?;
        let kind = self.encoder.kind();
        let values = table.cells(position)?.read(kind).map_err(|misfit| TableError::Mismatch {
            path: table.path().into(),
            column: self.name.clone(),
            place: table.place(misfit.row),
            value: misfit.value,
            expected: kind.expected(),
        })?;
        Ok((position, values))
    }

    /// Writes the values on the rows into the columns of `x` from `start` on.
    fn fill(
        &self,
        table: &Table,
        values: &Values<'_>,
        rows: &[usize],
        x: &mut Mat<f64>,
        start: usize,
    ) -> Result<()> {
        match (&self.encoder, values) {
            (Encoder::Levels { levels }, Values::Text(texts)) => {
                for (i, &row) in rows.iter().enumerate() {
                    let text = texts[row].as_deref().unwrap_or_default();
                    let level = levels
                        .binary_search_by(|level| level.as_str().cmp(text))
                        .map_err(|_| unseen_level(table.path(), table.place(row), self, text, levels))?;
                    x[(i, start + level)] = 1.0;
                }
            }
            (Encoder::Hours { origin_microseconds: origin }, Values::Time(times)) => {
                let origin = i128::from(*origin);
                set(x.col_mut(start), rows, |row| {
                    times[row].map_or(f64::NAN, |t| (i128::from(t) - origin) as f64 / MICROSECONDS_PER_HOUR)
                });
            }
            (_, Values::Number(numbers)) => set(x.col_mut(start), rows, |row| numbers[row]),
            // `Column::read` yields the values that belong to the encoder.
            _ => {}
        }
        Ok(())
    }
}

impl Encoding {
    /// Checks that the columns do not contradict each other, whether they were learnt or come from a file.
    pub(super) fn new(
        target: Column,
        exposure: Option<String>,
        inputs: Vec<Column>,
        missing: Missing,
    ) -> Result<Self> {
        let names: Vec<String> = inputs.iter().flat_map(Column::encoded_names).collect();
        let categories =
            inputs.iter().filter(|c| matches!(c.encoder, Encoder::Levels { .. })).map(|c| &c.name);
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().chain(categories).find(|name| !seen.insert(name.as_str())) {
            return Err(TableError::EncodedNameClash { name: name.clone() });
        }
        let encoding = Self { target, exposure, inputs, missing, names };
        match encoding.contradiction() {
            Some(reason) => Err(TableError::InvalidEncoding { reason }),
            None => Ok(encoding),
        }
    }

    fn contradiction(&self) -> Option<String> {
        if self.inputs.is_empty() {
            return Some("it has no inputs".into());
        }
        let target = &self.target.name;
        match &self.target.encoder {
            Encoder::Number | Encoder::Boolean => {}
            Encoder::Classes(classes) => {
                if let Some(problem) = classes.contradiction() {
                    return Some(format!("the classes of `{target}` {problem}"));
                }
            }
            _ => return Some(format!("the target `{target}` is not numeric")),
        }
        let is_input = |name: &String| self.inputs.iter().any(|input| input.name == *name);
        if is_input(target) {
            return Some(format!("`{target}` is both target and input"));
        }
        if let Some(name) = self.exposure.as_ref().filter(|name| is_input(name) || *name == target) {
            return Some(format!("the exposure `{name}` is also target or input"));
        }
        self.inputs.iter().find_map(|input| match &input.encoder {
            Encoder::Levels { levels } if levels.is_empty() || levels.len() > MAX_LEVELS => {
                Some(format!("`{}` has {} levels", input.name, levels.len()))
            }
            Encoder::Levels { levels } if !levels.is_sorted() => {
                Some(format!("the levels of `{}` are not sorted", input.name))
            }
            Encoder::Classes(_) => Some(format!("the input `{}` is read as classes", input.name)),
            _ => None,
        })
    }

    /// The same encoding with another way to treat rows that lack a value.
    #[must_use]
    pub fn with_missing(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }

    /// The names of the D encoded inputs; a level is named `column=level`.
    pub fn input_names(&self) -> &[String] {
        &self.names
    }

    /// The name of the target.
    pub fn target_name(&self) -> &str {
        &self.target.name
    }

    /// The names of the C classes in the order of their indices, where the target is classes.
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.target.encoder {
            Encoder::Classes(classes) => Some(classes.names()),
            _ => None,
        }
    }

    /// The name of the column that counts are relative to.
    pub fn exposure_name(&self) -> Option<&str> {
        self.exposure.as_deref()
    }

    /// The names of the columns that a table must have.
    pub fn input_columns(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.name.as_str())
    }

    /// The encoded inputs that a name stands for: one for the name of an encoded input, all levels for the name of a
    /// text column, nothing for any other name.
    pub fn expand(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(position) = self.names.iter().position(|encoded| encoded == name) {
            return Some(vec![position]);
        }
        let mut start = 0;
        for input in &self.inputs {
            let width = input.encoder.width();
            if input.name == name {
                return Some((start..start + width).collect());
            }
            start += width;
        }
        None
    }

    /// Turns a table into numbers, in its own units: O(N·D).
    ///
    /// The exposure must be there where the target is required. Elsewhere a table without any value of it is for
    /// predictions, which are then for an exposure of 1, with a notice.
    ///
    /// # Errors
    /// A [`TableError`] where a column is absent or of another type than on the training rows, where values are
    /// missing (unless rows are dropped) or infinite, where an exposure is not positive, and where a text has a level,
    /// or the target a class, that the training rows lack.
    pub fn apply(&self, table: &Table, target: TargetUse) -> Result<Encoded> {
        let inputs =
            self.inputs.iter().map(|input| input.read(table, Role::Input)).collect::<Result<Vec<_>>>()?;
        let is_exposure_required = target == TargetUse::Required;
        let exposure = match &self.exposure {
            Some(name) => exposure::find(table, name, is_exposure_required)?,
            None => None,
        };
        let target = self.read_target(table, target)?;
        let used =
            || inputs.iter().chain(&target).chain(&exposure).map(|(position, values)| (*position, values));

        let missing = missing_columns(table, used());
        let mut notices = Vec::new();
        let rows: Vec<usize> = if missing.is_empty() {
            (0..table.rows()).collect()
        } else if self.missing == Missing::Error {
            return Err(TableError::Missing { path: table.path().into(), columns: missing });
        } else {
            (0..table.rows()).filter(|&row| !used().any(|(_, values)| values.is_missing(row))).collect()
        };
        if rows.is_empty() {
            return Err(TableError::NoCompleteRows { path: table.path().into() });
        }
        if !missing.is_empty() {
            notices.push(Notice::DroppedRows {
                path: table.path().into(),
                dropped: table.rows() - rows.len(),
                rows: table.rows(),
                columns: missing,
            });
        }
        for (position, values) in inputs.iter().chain(&target) {
            check_finite(table, *position, values, &rows)?;
        }

        let mut x = Mat::zeros(rows.len(), self.names.len());
        let mut start = 0;
        for (input, (_, values)) in self.inputs.iter().zip(&inputs) {
            input.fill(table, values, &rows, &mut x, start)?;
            start += input.encoder.width();
        }
        let y = target.map(|(_, values)| self.target_numbers(table, &values, &rows)).transpose()?;
        let exposure = match (&self.exposure, exposure) {
            (None, _) => None,
            (Some(_), Some((position, values))) => Some(exposure::numbers(table, position, &values, &rows)?),
            (Some(name), None) => {
                notices.push(Notice::UnitExposure { path: table.path().into(), column: name.clone() });
                Some(vec![1.0; rows.len()])
            }
        };
        Ok(Encoded { x, y, exposure, rows, notices })
    }

    fn target_numbers(&self, table: &Table, values: &Values<'_>, rows: &[usize]) -> Result<Vec<f64>> {
        match (&self.target.encoder, values) {
            (Encoder::Classes(classes), values) => rows
                .iter()
                .map(|&row| {
                    classes.index(values, row).map(|class| class as f64).map_err(|value| {
                        unseen_level(table.path(), table.place(row), &self.target, &value, classes.names())
                    })
                })
                .collect(),
            (_, Values::Number(values)) => Ok(rows.iter().map(|&row| values[row]).collect()),
            // `Column::read` yields numbers for the other encoders of a target.
            _ => Ok(Vec::new()),
        }
    }

    fn read_target<'t>(&self, table: &'t Table, target: TargetUse) -> Result<Option<(usize, Values<'t>)>> {
        match target {
            TargetUse::Ignore => Ok(None),
            TargetUse::Required => self.target.read(table, Role::Target).map(Some),
            TargetUse::IfPresent if !table.column_names().contains(&self.target.name) => Ok(None),
            TargetUse::IfPresent => {
                let (position, values) = self.target.read(table, Role::Target)?;
                let is_empty = (0..table.rows()).all(|row| values.is_missing(row));
                Ok((!is_empty).then_some((position, values)))
            }
        }
    }
}

fn set(column: ColMut<'_, f64>, rows: &[usize], value: impl Fn(usize) -> f64) {
    column.iter_mut().zip(rows).for_each(|(x, &row)| *x = value(row));
}

fn unseen_level(
    path: &std::path::Path,
    place: Place,
    column: &Column,
    value: &str,
    known: &[String],
) -> TableError {
    TableError::UnseenLevel {
        path: path.into(),
        column: column.name.clone(),
        place,
        value: value.into(),
        known: known.to_vec(),
    }
}

impl TryFrom<Stored> for Encoding {
    type Error = TableError;

    fn try_from(stored: Stored) -> Result<Self> {
        Self::new(stored.target, stored.exposure, stored.inputs, stored.missing)
    }
}

impl From<Encoding> for Stored {
    fn from(encoding: Encoding) -> Self {
        let Encoding { target, exposure, inputs, missing, .. } = encoding;
        Self { target, exposure, inputs, missing }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn column(name: &str, encoder: Encoder) -> Column {
        Column { name: name.into(), encoder }
    }

    fn levels(levels: &[&str]) -> Encoder {
        Encoder::Levels { levels: levels.iter().map(|l| l.to_string()).collect() }
    }

    fn encoding(inputs: Vec<Column>) -> Result<Encoding> {
        Encoding::new(column("y", Encoder::Number), None, inputs, Missing::Error)
    }

    #[test]
    fn a_text_column_expands_to_all_of_its_levels() {
        let inputs = vec![
            column("a", Encoder::Number),
            column("c", levels(&["p", "q"])),
            column("t", Encoder::Number),
        ];
        let encoding = encoding(inputs).unwrap();
        assert_eq!(encoding.input_names(), ["a", "c=p", "c=q", "t"]);
        assert_eq!(encoding.expand("c"), Some(vec![1, 2]));
        assert_eq!(encoding.expand("c=q"), Some(vec![2]));
        assert_eq!(encoding.expand("t"), Some(vec![3]));
        assert_eq!(encoding.expand("y"), None);
    }

    #[test]
    fn an_encoding_survives_storage() {
        let inputs = vec![
            column("t", Encoder::Hours { origin_microseconds: -5 }),
            column("c", levels(&["p", "q"])),
            column("b", Encoder::Boolean),
        ];
        let encoding = encoding(inputs).unwrap();
        let json = serde_json::to_string(&encoding).unwrap();
        assert_eq!(serde_json::from_str::<Encoding>(&json).unwrap(), encoding);
    }

    #[test]
    fn a_stored_encoding_that_contradicts_itself_is_refused() {
        let number = || column("a", Encoder::Number);
        for (inputs, word) in [
            (vec![], "no inputs"),
            (vec![column("c", levels(&["q", "p"]))], "sorted"),
            (vec![column("c", levels(&[]))], "0 levels"),
            (vec![column("y", Encoder::Number)], "both target and input"),
            (vec![number(), number()], "`a`"),
            (vec![column("c", levels(&["p"])), column("c=p", Encoder::Number)], "`c=p`"),
        ] {
            let target = column("y", Encoder::Number);
            let stored = Stored { target, exposure: None, inputs, missing: Missing::Error };
            let json = serde_json::to_string(&stored).unwrap();
            let error = serde_json::from_str::<Encoding>(&json).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
