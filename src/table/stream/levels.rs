//! The different values of a target of classes.

use super::super::{
    ClassProblem, MAX_LEVELS, Place, Table,
    cells::{Kind, Values},
    classes::Classes,
};

/// Different whole numbers, as far as they may be classes.
#[derive(Debug, Default)]
pub(super) struct Levels {
    /// Ascending; one more than there may be at the most.
    values: Vec<f64>,
    /// The first number that is not whole.
    fraction: Option<(Place, f64)>,
}

impl Levels {
    /// Of the rows given, none of which lacks a value.
    pub(super) fn of(table: &Table, values: &Values<'_>, rows: &[usize]) -> Self {
        let Values::Number(numbers) = values else { return Self::default() };
        let mut levels = Self::default();
        for &row in rows {
            if numbers[row].fract() == 0.0 {
                levels.insert(numbers[row]);
            } else if levels.fraction.is_none() {
                levels.fraction = Some((table.place(row), numbers[row]));
            }
        }
        levels
    }

    fn insert(&mut self, value: f64) {
        // Adding 0 takes the sign from −0.
        let value = value + 0.0;
        if let Err(place) = self.values.binary_search_by(|known| known.total_cmp(&value))
            && self.values.len() <= MAX_LEVELS
        {
            self.values.insert(place, value);
        }
    }

    /// Of these rows and later ones.
    pub(super) fn and(mut self, later: Self) -> Self {
        later.values.into_iter().for_each(|value| self.insert(value));
        self.fraction = self.fraction.or(later.fraction);
        self
    }

    /// The classes that [`Classes::learn`] finds on all `rows` rows.
    pub(super) fn classes(self, head: &Table, kind: Kind, rows: usize) -> Result<Classes, ClassProblem> {
        if let Some((place, value)) = self.fraction {
            return Err(ClassProblem::NotWhole { place, value: value.to_string() });
        }
        if self.values.len() > MAX_LEVELS {
            return Err(ClassProblem::UncountedNumbers);
        }
        let all: Vec<usize> = (0..self.values.len()).collect();
        Classes::learn(head, kind, &Values::Number(self.values), &all).map_err(|problem| match problem {
            ClassProblem::One { name, .. } => ClassProblem::One { name, rows },
            problem => problem,
        })
    }
}
