//! From a table to training and test rows as datasets: what a fit, and every row of a comparison, begins with.

use super::{
    Encoded, Encoding, EncodingOptions, Missing, Split, Table, TableError, TargetKind, TargetUse,
    choose_likelihood, split,
};
use crate::dataset::Dataset;
use crate::likelihood::{Family, Likelihood, Observation};
use crate::{Error, Result};
use faer::Mat;
use std::path::Path;
use std::sync::Arc;

/// Which columns of a table are what, and the likelihood of its target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preparation {
    /// The column to predict.
    pub target: String,
    /// The columns to predict from; all others where `None`.
    pub inputs: Option<Vec<String>>,
    /// Columns to leave out of the inputs.
    pub drop: Vec<String>,
    /// What to do with rows that lack a value.
    pub missing: Missing,
    /// The likelihood; `None`: the one that the target on the training rows suggests.
    pub likelihood: Option<Family>,
    /// The column that counts are relative to (Poisson, negative binomial).
    pub exposure: Option<String>,
    /// The column with the number of trials of each row (binomial).
    pub trials: Option<String>,
}

/// A table cut into training and test rows, as numbers in its own units.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// How columns became numbers.
    pub encoding: Encoding,
    /// The likelihood of the target.
    pub family: Family,
    /// Training rows.
    pub train: Dataset,
    /// Test rows, where there are some.
    pub test: Option<TestRows>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Rows with known targets that a fit has not seen.
#[derive(Debug, Clone)]
pub struct TestRows {
    /// Inputs, n×D.
    pub x: Mat<f64>,
    /// Targets, length n.
    pub y: Vec<f64>,
    /// Exposures, length n, where counts have some.
    pub exposure: Option<Vec<f64>>,
}

impl Preparation {
    /// Predicts `target` from all other columns, with normal noise.
    pub fn new(target: impl Into<String>) -> Self {
        Self { target: target.into(), likelihood: Some(Family::Gaussian), ..Self::default() }
    }

    /// Reads, splits and encodes a table.
    ///
    /// # Errors
    /// A [`TableError`] where the table, its columns, the split or the test table cannot be used, also for a target that
    /// the likelihood gives no density; [`Preparation::check`].
    pub fn read(&self, path: &Path, split: &Split) -> Result<Prepared> {
        let table = Table::read(path)?;
        let (train_rows, test_rows) = split::resolve(split, table.rows())?;
        let mut prepared = self.prepare(&table, &train_rows, &test_rows)?;
        if let Split::TestTable(path) = split {
            let classes = prepared.encoding.class_names().map_or(2, <[String]>::len);
            let likelihood = prepared.family.build(classes)?;
            let (test, notices) = self.test_table(path, &prepared.encoding, likelihood.as_ref())?;
            prepared.test = Some(test).filter(|test| !test.y.is_empty());
            prepared.notices.extend(notices);
            prepared.notices.dedup();
        }
        Ok(prepared)
    }

    /// Training and test rows of a table in memory; rows in neither list only help to decide the columns' types.
    ///
    /// # Errors
    /// As [`Preparation::read`].
    pub fn prepare(&self, table: &Table, train_rows: &[usize], test_rows: &[usize]) -> Result<Prepared> {
        let mut notices = Vec::new();
        let family = match self.likelihood {
            Some(family) => family,
            None => {
                let (choice, _) = choose_likelihood(table, &self.target, train_rows)?;
                notices.push(format!("likelihood {}: {}", choice.family_name, choice.reason));
                choice.family_name.parse()?
            }
        };
        let (encoding, learnt) = Encoding::learn(table, &self.encoding_options(family)?, train_rows)?;
        let encoded = encoding.apply(table, TargetUse::Required)?;
        notices.extend(learnt.iter().chain(&encoded.notices).map(ToString::to_string));
        let likelihood = self.build_likelihood(table.path(), family, &encoding)?;
        check_support(likelihood.as_ref(), &encoded, table.path(), &self.target)?;
        let train = TestRows::new(encoded.select(train_rows)).dataset(&encoding)?;
        // A split whose test rows all lacked a value has nothing to score.
        let test = TestRows::new(encoded.select(test_rows));
        let test = Some(test).filter(|test| !test.y.is_empty());
        notices.dedup();
        Ok(Prepared { encoding, family, train, test, notices })
    }

    /// What the encoding of a table is to be.
    ///
    /// # Errors
    /// As [`Preparation::check`].
    pub fn encoding_options(&self, family: Family) -> Result<EncodingOptions> {
        self.check(family)?;
        Ok(EncodingOptions {
            inputs: self.inputs.clone(),
            drop: self.drop.clone(),
            missing: self.missing,
            target_kind: if family.has_classes() { TargetKind::Classes } else { TargetKind::Number },
            exposure: self.exposure.clone().or_else(|| self.trials.clone()),
            ..EncodingOptions::new(&self.target)
        })
    }

    /// Whether the likelihood has a use for the columns of exposures and trials, and those that it needs.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has not.
    pub fn check(&self, family: Family) -> Result<()> {
        let wanted = family.uses_exposure();
        for (name, column) in [("exposure", &self.exposure), ("trials", &self.trials)] {
            if column.is_some() && wanted != Some(name) {
                return Err(Error::Invalid(format!(
                    "--{name} has no meaning for likelihood {}",
                    family.name()
                )));
            }
        }
        if family == Family::Binomial && self.trials.is_none() {
            return Err(Error::Invalid(
                "likelihood binomial needs --trials COL, the column with the number of trials of each row"
                    .into(),
            ));
        }
        Ok(())
    }

    /// The likelihood for the classes of an encoding.
    ///
    /// # Errors
    /// [`TableError::TooManyClasses`] where it takes two and there are more.
    pub fn build_likelihood(
        &self,
        path: &Path,
        family: Family,
        encoding: &Encoding,
    ) -> Result<Arc<dyn Likelihood>> {
        let classes = encoding.class_names().map_or(2, <[String]>::len);
        if classes > 2 && matches!(family, Family::Bernoulli | Family::Probit) {
            return Err(Error::Table(TableError::TooManyClasses {
                path: path.into(),
                column: self.target.clone(),
                classes,
                likelihood: family.name(),
            }));
        }
        family.build(classes)
    }

    /// The rows of a test table of their own, and what the user should know.
    ///
    /// # Errors
    /// As [`Encoding::apply`] and [`check_support`].
    pub fn test_table(
        &self,
        path: &Path,
        encoding: &Encoding,
        likelihood: &dyn Likelihood,
    ) -> Result<(TestRows, Vec<String>)> {
        let rows = encoding.apply(&Table::read(path)?, TargetUse::Required)?;
        check_support(likelihood, &rows, path, &self.target)?;
        let notices = rows.notices.iter().map(ToString::to_string).collect();
        Ok((TestRows::new(rows), notices))
    }
}

impl Prepared {
    /// Names that stand for several inputs, with these: text columns.
    pub fn groups(&self) -> Vec<(String, Vec<usize>)> {
        self.encoding
            .input_columns()
            .filter(|name| !self.encoding.input_names().iter().any(|n| n == name))
            .filter_map(|name| Some((name.to_string(), self.encoding.expand(name)?)))
            .collect()
    }
}

impl TestRows {
    /// Rows of an encoding that was applied with its target.
    pub fn new(encoded: Encoded) -> Self {
        Self { x: encoded.x, y: encoded.y.unwrap_or_default(), exposure: encoded.exposure }
    }

    /// The rows with the names of their columns and classes.
    ///
    /// # Errors
    /// As [`Dataset::with_names`].
    pub fn dataset(self, encoding: &Encoding) -> Result<Dataset> {
        let names = encoding.input_names().to_vec();
        let mut dataset = Dataset::with_names(self.x, self.y, names, encoding.target_name().to_string())?;
        if let Some(exposure) = self.exposure {
            dataset = dataset.with_exposure(exposure)?;
        }
        if let Some(names) = encoding.class_names() {
            dataset = dataset.with_class_names(names.to_vec())?;
        }
        Ok(dataset)
    }
}

/// Refuses the first target without a density, by its row in the table.
///
/// # Errors
/// [`TableError::Support`].
pub fn check_support(
    likelihood: &dyn Likelihood,
    rows: &Encoded,
    path: &Path,
    column: &str,
) -> Result<(), TableError> {
    let y = rows.y.as_deref().unwrap_or_default();
    for (i, y) in y.iter().enumerate() {
        let exposure = rows.exposure.as_ref().map_or(1.0, |e| e[i]);
        if let Err(problem) = likelihood.check(Observation { y: *y, exposure }) {
            return Err(TableError::Support {
                path: path.into(),
                column: column.into(),
                row: rows.rows[i],
                value: *y,
                problem,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_neither_list_are_neither_fitted_to_nor_scored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "a,y\n0,1\n1,2\n2,4\n3,8\n4,16\n").unwrap();
        let table = Table::read(&path).unwrap();
        let prepared = Preparation::new("y").prepare(&table, &[0, 3], &[4]).unwrap();
        assert_eq!(prepared.train.y, [1.0, 8.0]);
        assert_eq!(prepared.test.unwrap().y, [16.0]);
    }

    #[test]
    fn a_target_without_a_density_is_named_by_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "a,y\n0,1\n1,-2\n2,4\n").unwrap();
        let counts = Preparation { likelihood: Some(Family::Poisson), ..Preparation::new("y") };
        let told = counts.read(&path, &Split::All).unwrap_err().to_string();
        assert!(told.contains("row 1") && told.contains("target -2"), "{told}");
    }
}
