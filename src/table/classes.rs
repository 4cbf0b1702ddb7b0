//! The classes of a target: which there are, and the index of a cell's class.

use super::{
    ClassProblem, MAX_LEVELS, Table,
    cells::{Kind, Values},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The different values of a target on the training rows, each known by its place among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Classes {
    source: Source,
    /// C names: texts sorted, `false` before `true`, numbers ascending and as they print.
    names: Vec<String>,
}

/// What the cells of the column are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    Text,
    Boolean,
    Number,
}

impl Classes {
    /// The classes on the rows, none of which may lack a value: O(N log C).
    pub(super) fn learn(
        table: &Table,
        kind: Kind,
        values: &Values<'_>,
        rows: &[usize],
    ) -> Result<Self, ClassProblem> {
        let source = match kind {
            Kind::Boolean => Source::Boolean,
            Kind::Number => Source::Number,
            _ => Source::Text,
        };
        if let (Source::Number, Values::Number(numbers)) = (source, values)
            && let Some(&row) = rows.iter().find(|&&row| numbers[row].fract() != 0.0)
        {
            let (place, value) = (table.place(row), numbers[row].to_string());
            return Err(ClassProblem::NotWhole { place, value });
        }
        let names = level_names(kind, values, rows);
        match names.as_slice() {
            [name] => Err(ClassProblem::One { name: name.clone(), rows: rows.len() }),
            names if names.len() > MAX_LEVELS => Err(too_many(table, values, rows, names.len())),
            _ => Ok(Self { source, names }),
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn kind(&self) -> Kind {
        match self.source {
            Source::Text => Kind::Text,
            Source::Boolean => Kind::Boolean,
            Source::Number => Kind::Number,
        }
    }

    /// What is wrong with classes from a file: the end of a sentence.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let ascend = match self.source {
            Source::Text => self.names.is_sorted_by(|a, b| a < b),
            Source::Boolean => self.names == ["false", "true"],
            Source::Number => {
                let numbers: Vec<Option<f64>> = self.names.iter().map(|name| name.parse().ok()).collect();
                numbers.iter().all(|n| n.is_some_and(|n| n.fract() == 0.0))
                    && numbers.is_sorted_by(|a, b| a < b)
            }
        };
        if !(2..=MAX_LEVELS).contains(&self.names.len()) {
            Some("are too few or too many")
        } else if ascend {
            None
        } else {
            Some("are not in order")
        }
    }

    /// The index of the class in a row that has a value; the value where it is none of the classes.
    pub(super) fn index(&self, values: &Values<'_>, row: usize) -> Result<usize, String> {
        let name = name(self.kind(), values, row).unwrap_or_default();
        self.names.iter().position(|known| *known == name).ok_or(name)
    }
}

/// The different values on the rows by name, in the order of their indices; missing ones do not count.
pub(super) fn level_names(kind: Kind, values: &Values<'_>, rows: &[usize]) -> Vec<String> {
    match values {
        Values::Number(numbers) => {
            let mut numbers: Vec<(f64, usize)> =
                rows.iter().map(|&row| (numbers[row], row)).filter(|(v, _)| !v.is_nan()).collect();
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
            numbers.dedup_by(|a, b| a.0 == b.0);
            numbers.into_iter().filter_map(|(_, row)| name(kind, values, row)).collect()
        }
        _ => {
            let levels: BTreeSet<String> = rows.iter().filter_map(|&row| name(kind, values, row)).collect();
            levels.into_iter().collect()
        }
    }
}

/// The name of the class that a cell's value is.
fn name(kind: Kind, values: &Values<'_>, row: usize) -> Option<String> {
    match values {
        Values::Number(numbers) if numbers[row].is_nan() => None,
        Values::Number(numbers) if kind == Kind::Boolean => Some((numbers[row] == 1.0).to_string()),
        // Adding 0 takes the sign from −0.
        Values::Number(numbers) => Some((numbers[row] + 0.0).to_string()),
        Values::Text(texts) => texts[row].as_deref().map(str::to_string),
        Values::Time(_) => None,
    }
}

/// Shows the first text that is not a number: often it is one typing error that makes a column text.
fn too_many(table: &Table, values: &Values<'_>, rows: &[usize], found: usize) -> ClassProblem {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let misfit = |&row: &usize| match values {
        Values::Text(texts) => {
            Some((row, texts[row].as_deref().filter(|text| !is_number(text))?.to_string()))
        }
        _ => None,
    };
    match rows.iter().find_map(misfit) {
        Some((row, value)) => ClassProblem::TooManyTexts { found, place: table.place(row), value },
        None => ClassProblem::TooManyNumbers { found },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn classes(source: Source, names: &[&str]) -> Classes {
        Classes { source, names: names.iter().map(|n| n.to_string()).collect() }
    }

    #[test]
    fn numbers_ascend_as_numbers_and_print_without_a_point() {
        let values = Values::Number(vec![10.0, 9.0, -1.0, f64::NAN, 9.0, -0.0]);
        assert_eq!(level_names(Kind::Number, &values, &[0, 1, 2, 3, 4, 5]), ["-1", "0", "9", "10"]);
        let known = classes(Source::Number, &["-1", "0", "9", "10"]);
        assert_eq!(known.contradiction(), None);
        let indices: Vec<_> = [0, 1, 2, 4, 5].iter().map(|&row| known.index(&values, row).unwrap()).collect();
        assert_eq!(indices, [3, 2, 0, 2, 1]);
    }

    #[test]
    fn a_value_without_a_class_is_returned() {
        let values = Values::Number(vec![2.5]);
        assert_eq!(classes(Source::Number, &["0", "1"]).index(&values, 0), Err("2.5".into()));
    }

    #[test]
    fn classes_out_of_order_contradict_themselves() {
        for (source, names) in [
            (Source::Text, &["b", "a"][..]),
            (Source::Text, &["a", "a"]),
            (Source::Text, &["a"]),
            (Source::Text, &[]),
            (Source::Boolean, &["true", "false"]),
            (Source::Boolean, &["no", "yes"]),
            (Source::Number, &["1", "0"]),
            (Source::Number, &["1", "x"]),
            (Source::Number, &["0.5", "1"]),
        ] {
            assert!(classes(source, names).contradiction().is_some(), "{names:?}");
        }
        assert_eq!(classes(Source::Boolean, &["false", "true"]).contradiction(), None);
        assert_eq!(classes(Source::Text, &["a", "b"]).contradiction(), None);
    }
}
