//! Numbers ready for a model: inputs X (N×D), targets y (N), their names and their scaling.
//!
//! A dataset is on the scale that the model sees. [`Standardisation`] remembers how to get there from the
//! table's own units and back; it is learnt on training rows only, so that nothing leaks from the test rows.

mod moments;

pub use moments::Moments;

use crate::likelihood::Scaling;
use crate::{Error, Result};
use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};

/// Inputs and targets, N rows, D input columns.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Inputs, N×D, column-major.
    pub x: Mat<f64>,
    /// Targets, length N: numbers, counts, or indices of classes.
    pub y: Vec<f64>,
    /// D input names.
    pub input_names: Vec<String>,
    /// Name of the target.
    pub target_name: String,
    /// What each count is relative to, length N, positive; 1 everywhere where `None`.
    pub exposure: Option<Vec<f64>>,
    /// C names of classes, where the targets are their indices.
    pub class_names: Option<Vec<String>>,
}

impl Dataset {
    /// A dataset from inputs (N×D) and targets (N) with the names `x0`, `x1`, … and `y`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of rows differs, [`Error::NotFinite`] where a value is not finite.
    pub fn new(x: Mat<f64>, y: Vec<f64>) -> Result<Self> {
        let input_names = (0..x.ncols()).map(|d| format!("x{d}")).collect();
        Self::with_names(x, y, input_names, "y".into())
    }

    /// As [`Dataset::new`], with names.
    ///
    /// # Errors
    /// As [`Dataset::new`]; also [`Error::Shape`] where the number of names is not D.
    pub fn with_names(
        x: Mat<f64>,
        y: Vec<f64>,
        input_names: Vec<String>,
        target_name: String,
    ) -> Result<Self> {
        if x.nrows() != y.len() {
            return Err(Error::Shape { what: "targets", expected: x.nrows(), found: y.len() });
        }
        if x.ncols() != input_names.len() {
            return Err(Error::Shape { what: "input names", expected: x.ncols(), found: input_names.len() });
        }
        for (d, name) in input_names.iter().enumerate() {
            if let Some(row) = x.col(d).iter().position(|v| !v.is_finite()) {
                return Err(Error::NotFinite { column: name.clone(), row });
            }
        }
        if let Some(row) = y.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { column: target_name, row });
        }
        Ok(Self { x, y, input_names, target_name, exposure: None, class_names: None })
    }

    /// The same rows with an exposure each (N).
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not N of them, [`Error::Invalid`] where one is not positive and finite.
    pub fn with_exposure(self, exposure: Vec<f64>) -> Result<Self> {
        if exposure.len() != self.rows() {
            return Err(Error::Shape { what: "exposures", expected: self.rows(), found: exposure.len() });
        }
        match exposure.iter().position(|e| !(*e > 0.0 && e.is_finite())) {
            Some(row) => Err(Error::Invalid(format!(
                "row {row}: the exposure {} is not a positive finite number",
                exposure[row]
            ))),
            None => Ok(Self { exposure: Some(exposure), ..self }),
        }
    }

    /// The same rows, whose targets are the indices 0, 1, …, C−1 of classes with these names.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there are fewer than two names, where two are equal, or where a target is no index.
    pub fn with_class_names(self, names: Vec<String>) -> Result<Self> {
        if names.len() < 2 {
            return Err(Error::Invalid(format!(
                "`{}` has {} class(es); at least 2 are needed",
                self.target_name,
                names.len()
            )));
        }
        if let Some(name) = names.iter().enumerate().find_map(|(i, n)| names[..i].contains(n).then_some(n)) {
            return Err(Error::Invalid(format!("two classes of `{}` are named `{name}`", self.target_name)));
        }
        let is_index = |y: f64| y >= 0.0 && y.fract() == 0.0 && y < names.len() as f64;
        match self.y.iter().position(|y| !is_index(*y)) {
            Some(row) => Err(Error::Invalid(format!(
                "column `{}`, row {row}: {} is not the index of one of {} classes",
                self.target_name,
                self.y[row],
                names.len()
            ))),
            None => Ok(Self { class_names: Some(names), ..self }),
        }
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.y.len()
    }

    /// Number of input columns D.
    pub fn columns(&self) -> usize {
        self.x.ncols()
    }
}

/// Shift and scale of each input and of the target: model value = (table value − shift) / scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardisation {
    /// D shifts of the inputs.
    pub input_shift: Vec<f64>,
    /// D scales of the inputs, positive.
    pub input_scale: Vec<f64>,
    /// Shift of the target.
    pub target_shift: f64,
    /// Scale of the target, positive.
    pub target_scale: f64,
    /// What exposures of counts are multiplied by, positive: the overall rate, so that a latent function of zero stands
    /// for it.
    #[serde(default = "one")]
    pub exposure_scale: f64,
}

fn one() -> f64 {
    1.0
}

impl Standardisation {
    /// Leaves everything in its own units.
    pub fn identity(columns: usize) -> Self {
        Self {
            input_shift: vec![0.0; columns],
            input_scale: vec![1.0; columns],
            target_shift: 0.0,
            target_scale: 1.0,
            exposure_scale: 1.0,
        }
    }

    /// Mean 0 and standard deviation 1 (divisor N) on the rows given.
    /// A column without spread keeps scale 1, so that it stays finite.
    pub fn learn(x: MatRef<'_, f64>, y: &[f64]) -> Self {
        let inputs: Vec<Moments> = (0..x.ncols()).map(|d| Moments::of(x.nrows(), |i| x[(i, d)])).collect();
        Self::from_moments(&inputs, Moments::of(y.len(), |i| y[i]))
    }

    /// Mean 0 and standard deviation 1 for columns with these moments.
    pub fn from_moments(inputs: &[Moments], target: Moments) -> Self {
        Self {
            input_shift: inputs.iter().map(|m| m.mean).collect(),
            input_scale: inputs.iter().map(Moments::scale).collect(),
            target_shift: target.mean,
            target_scale: target.scale(),
            exposure_scale: 1.0,
        }
    }

    /// The same inputs, with targets and exposures as a likelihood's scaling wants them. `mean` is the target's, `rate`
    /// the sum of targets over the sum of exposures; where one that is needed is not positive, the scale is 1.
    #[must_use]
    pub fn for_targets(self, scaling: Scaling, mean: f64, rate: f64) -> Self {
        let positive = |scale: f64| if scale > 0.0 { scale } else { 1.0 };
        let as_they_are = |learnt| Self { target_shift: 0.0, target_scale: 1.0, ..learnt };
        match scaling {
            Scaling::Standardise => self,
            Scaling::None => as_they_are(self),
            Scaling::Mean => Self { target_scale: positive(mean), ..as_they_are(self) },
            Scaling::Rate => Self { exposure_scale: positive(rate), ..as_they_are(self) },
        }
    }

    /// Whether every shift is finite and every scale positive: of those read from a file this is not certain.
    pub fn is_valid(&self) -> bool {
        self.unusable().is_none()
    }

    /// The first column whose shift or scale is of no use, as an index into the inputs; D stands for the target.
    pub fn unusable(&self) -> Option<usize> {
        let shifts = self.input_shift.iter().chain([&self.target_shift]);
        let mut columns = shifts.zip(self.input_scale.iter().chain([&self.target_scale]));
        columns.position(|(shift, scale)| !(shift.is_finite() && scale.is_finite() && *scale > 0.0))
    }

    /// Inputs in the table's units to the model's scale, in place.
    pub fn apply_inputs(&self, x: &mut Mat<f64>) {
        for d in 0..x.ncols() {
            let (shift, scale) = (self.input_shift[d], self.input_scale[d]);
            x.col_mut(d).iter_mut().for_each(|v| *v = (*v - shift) / scale);
        }
    }

    /// Targets in the table's units to the model's scale, in place.
    pub fn apply_target(&self, y: &mut [f64]) {
        y.iter_mut().for_each(|v| *v = (*v - self.target_shift) / self.target_scale);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn standardised_columns_have_mean_zero_and_sd_one() {
        let mut x = faer::mat![[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]];
        let mut y = vec![10.0, 20.0, 60.0];
        let s = Standardisation::learn(x.as_ref(), &y);
        s.apply_inputs(&mut x);
        s.apply_target(&mut y);
        let sd = |v: &[f64]| (v.iter().map(|a| a * a).sum::<f64>() / v.len() as f64).sqrt();
        assert!((sd(&y) - 1.0).abs() < 1e-12 && y.iter().sum::<f64>().abs() < 1e-12);
        let column: Vec<f64> = x.col(0).iter().copied().collect();
        assert!((sd(&column) - 1.0).abs() < 1e-12);
        assert!(x.col(1).iter().all(|v| *v == 0.0), "a constant column becomes zero, not NaN");
    }

    #[test]
    fn values_whose_squares_overflow_or_vanish_are_scaled_all_the_same() {
        for unit in [1e200, 1e-200] {
            let x = faer::mat![[0.0], [unit], [2.0 * unit]];
            let s = Standardisation::learn(x.as_ref(), &[0.0, unit, 2.0 * unit]);
            assert!((s.input_scale[0] / unit - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
            assert!(s.is_valid());
        }
    }

    fn three_rows(y: [f64; 3]) -> Dataset {
        Dataset::new(Mat::zeros(3, 1), y.to_vec()).unwrap()
    }

    #[test]
    fn exposures_are_positive_and_one_for_each_row() {
        let data = three_rows([0.0, 1.0, 4.0]);
        assert_eq!((&data.exposure, &data.class_names), (&None, &None));
        assert!(matches!(
            data.clone().with_exposure(vec![1.0; 2]),
            Err(Error::Shape { expected: 3, found: 2, .. })
        ));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = data.clone().with_exposure(vec![1.0, wrong, 1.0]).unwrap_err().to_string();
            assert!(error.contains("row 1") && error.contains(&wrong.to_string()), "{error}");
        }
        assert_eq!(data.with_exposure(vec![0.5, 1.0, 2.0]).unwrap().exposure, Some(vec![0.5, 1.0, 2.0]));
    }

    #[test]
    fn targets_of_classes_are_indices_of_different_names() {
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let data = three_rows([0.0, 2.0, 1.0]);
        for (y, classes, word) in [
            ([0.0, 2.0, 1.0], names(&["a", "b"]), "row 1"),
            ([0.0, 1.0, 0.5], names(&["a", "b"]), "row 2"),
            ([-1.0, 1.0, 0.0], names(&["a", "b"]), "row 0"),
            ([0.0, 1.0, 1.0], names(&["a", "a"]), "`a`"),
            ([0.0; 3], names(&["a"]), "at least 2"),
        ] {
            let error = three_rows(y).with_class_names(classes).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let named = data.with_class_names(names(&["a", "b", "c"])).unwrap();
        assert_eq!(named.class_names, Some(names(&["a", "b", "c"])));
    }

    #[test]
    fn wrong_shapes_are_refused() {
        assert!(matches!(Dataset::new(Mat::zeros(3, 1), vec![0.0; 2]), Err(Error::Shape { .. })));
    }
}
