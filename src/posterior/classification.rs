//! How good predicted class probabilities are, on rows with known classes.
//!
//! Scores: the mean log probability of the observed class and Brier's (1950), both proper; the share of rows whose most
//! probable class is the observed one; the area under the receiver operating characteristic (Hanley & McNeil 1982);
//! the expected calibration error (Naeini et al. 2015). The last is biased upwards by an amount that depends on the
//! number of rows, so it comes with what a calibrated forecaster would score.
//!
//! Cost: O(C N log N), and O(200 N) for the calibration error's uncertainty.

mod reliability;
mod roc;

pub use reliability::{ReliabilityBin, reliability};
pub use roc::Roc;

use crate::{Error, Result};
use reliability::CalibrationError;
use serde::Serialize;

/// Rows of probabilities may be off one by this much.
const TOLERANCE: f64 = 1e-6;

/// Class probabilities, N×C row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassTable {
    classes: usize,
    probabilities: Vec<f64>,
}

impl ClassTable {
    /// Probabilities of `classes` classes, row by row.
    ///
    /// # Errors
    /// [`Error::Invalid`] for fewer than two classes, and for a row with a negative probability or a sum other than
    /// one; [`Error::Shape`] for an incomplete row.
    pub fn new(classes: usize, probabilities: Vec<f64>) -> Result<Self> {
        if classes < 2 {
            return Err(Error::Invalid("a classification needs at least two classes".into()));
        }
        let rows = probabilities.len().div_ceil(classes);
        if probabilities.len() != rows * classes {
            return Err(Error::Shape {
                what: "class probabilities",
                expected: rows * classes,
                found: probabilities.len(),
            });
        }
        for (i, row) in probabilities.chunks_exact(classes).enumerate() {
            let sum: f64 = row.iter().sum();
            if row.iter().any(|p| !(*p >= 0.0 && p.is_finite())) || (sum - 1.0).abs() > TOLERANCE {
                return Err(Error::Invalid(format!(
                    "row {i}: class probabilities must not be negative and must sum to one"
                )));
            }
        }
        Ok(Self { classes, probabilities })
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.probabilities.len() / self.classes
    }

    /// Number of classes C.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The probabilities of one row, length C.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.probabilities[row * self.classes..(row + 1) * self.classes]
    }

    /// All rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.classes)
    }

    /// One class's probability in each row, length N.
    pub fn class(&self, class: usize) -> Vec<f64> {
        self.iter().map(|row| row[class]).collect()
    }

    /// The most probable class of each row, the first of equals, with its probability.
    pub fn predicted(&self) -> Vec<(usize, f64)> {
        self.iter().map(most_probable).collect()
    }
}

/// The first of a row's largest probabilities, and how large it is.
pub(crate) fn most_probable(row: &[f64]) -> (usize, f64) {
    row.iter().enumerate().fold((0, 0.0), |best, (c, p)| if *p > best.1 { (c, *p) } else { best })
}

/// Scores of class probabilities. JSON writes what is infinite or undefined as null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Mean over rows of the log probability of the observed class, natural logarithm.
    pub log_likelihood: f64,
    /// The same for a forecaster who knows only how frequent each class is in the training rows; −∞ where a class
    /// was observed that these do not have.
    pub base_rate_log_likelihood: f64,
    /// Share of rows whose most probable class is the observed one.
    pub accuracy: f64,
    /// Area under the receiver operating characteristic, ties counted as one half. Two classes: of the second against
    /// the first. More: the mean over classes of each against all others, all classes weighted equally. `None` where a
    /// class has no row.
    pub auc: Option<f64>,
    /// Brier score. Two classes: the mean of (p − y)² for the second class, from 0 to 1. More: the mean over rows of
    /// Σ_c (p_c − 1{y = c})², from 0 to 2.
    pub brier: f64,
    /// Expected calibration error: the mean over rows of the distance between confidence and accuracy in the row's
    /// [bin](fn@reliability), where confidence is the probability of the most probable class.
    pub ece: f64,
    /// Its standard error: the standard deviation over 200 bootstrap samples of the rows.
    pub ece_standard_error: f64,
    /// What `ece` would be on average, were these probabilities those by which the classes come about: the mean over
    /// 200 simulations of all rows.
    pub ece_floor: f64,
}

impl ClassMetrics {
    /// Scores of `table` where row i turned out to be of class `labels[i]`. `frequencies` are the training rows'
    /// numbers or shares of each class, length C; `seed` starts bootstrap and simulation. `None` without rows, and where
    /// lengths or labels do not fit the table.
    pub fn new(table: &ClassTable, labels: &[usize], frequencies: &[f64], seed: u64) -> Option<Self> {
        let fits = labels.len() == table.rows()
            && frequencies.len() == table.classes()
            && labels.iter().all(|c| *c < table.classes());
        if labels.is_empty() || !fits {
            return None;
        }
        let n = labels.len() as f64;
        let predicted = table.predicted();
        let right: Vec<bool> = predicted.iter().zip(labels).map(|((c, _), y)| c == y).collect();
        let confidence: Vec<f64> = predicted.iter().map(|(_, p)| *p).collect();
        let calibration = CalibrationError::new(&confidence, &right, seed);
        let total: f64 = frequencies.iter().sum();
        Some(Self {
            log_likelihood: table.iter().zip(labels).map(|(p, y)| p[*y].ln()).sum::<f64>() / n,
            base_rate_log_likelihood: labels.iter().map(|y| (frequencies[*y] / total).ln()).sum::<f64>() / n,
            accuracy: right.iter().filter(|r| **r).count() as f64 / n,
            auc: auc(table, labels),
            brier: brier(table, labels),
            ece: calibration.value,
            ece_standard_error: calibration.standard_error,
            ece_floor: calibration.floor,
        })
    }
}

fn auc(table: &ClassTable, labels: &[usize]) -> Option<f64> {
    let of = |class: usize| {
        let positive: Vec<bool> = labels.iter().map(|y| *y == class).collect();
        Roc::new(&table.class(class), &positive).map(|roc| roc.auc)
    };
    match table.classes() {
        2 => of(1),
        classes => (0..classes).map(of).sum::<Option<f64>>().map(|sum| sum / classes as f64),
    }
}

fn brier(table: &ClassTable, labels: &[usize]) -> f64 {
    let squares = |(p, y): (&[f64], &usize)| -> f64 {
        p.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == *y))).powi(2)).sum()
    };
    let mean = table.iter().zip(labels).map(squares).sum::<f64>() / labels.len() as f64;
    // Of two classes each has the other's square.
    if table.classes() == 2 { 0.5 * mean } else { mean }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn binary(p: &[f64]) -> ClassTable {
        ClassTable::new(2, p.iter().flat_map(|p| [1.0 - p, *p]).collect()).unwrap()
    }

    #[test]
    fn scores_of_four_known_rows() {
        let m = ClassMetrics::new(&binary(&[0.9, 0.6, 0.3, 0.2]), &[1, 0, 1, 0], &[30.0, 10.0], 1).unwrap();
        let log = (0.9f64.ln() + 0.4f64.ln() + 0.3f64.ln() + 0.8f64.ln()) / 4.0;
        assert!((m.log_likelihood - log).abs() < 1e-15);
        assert!((m.base_rate_log_likelihood - 0.5 * (0.25f64.ln() + 0.75f64.ln())).abs() < 1e-15);
        assert_eq!((m.accuracy, m.auc), (0.5, Some(0.75)));
        assert!((m.brier - (0.01 + 0.36 + 0.49 + 0.04) / 4.0).abs() < 1e-15);
        // One bin: the mean confidence is 0.75.
        assert!((m.ece - 0.25).abs() < 1e-15);
    }

    #[test]
    fn a_forecaster_who_knows_nothing_scores_as_its_closed_forms_say() {
        for classes in 2..6 {
            let c = classes as f64;
            let table = ClassTable::new(classes, vec![1.0 / c; 30 * classes]).unwrap();
            let labels: Vec<usize> = (0..30).map(|i| i % classes).collect();
            let m = ClassMetrics::new(&table, &labels, &vec![1.0; classes], 1).unwrap();
            assert!((m.log_likelihood + c.ln()).abs() < 1e-14);
            assert!((m.base_rate_log_likelihood - m.log_likelihood).abs() < 1e-14);
            assert!((m.auc.unwrap() - 0.5).abs() < 1e-15);
            let brier = (1.0 - 1.0 / c) * if classes == 2 { 0.5 } else { 1.0 };
            assert!((m.brier - brier).abs() < 1e-14, "{classes}");
        }
    }

    #[test]
    fn certainty_scores_best_when_right_and_without_bound_when_wrong() {
        let right = ClassMetrics::new(&binary(&[1.0, 0.0]), &[1, 0], &[1.0, 1.0], 1).unwrap();
        assert_eq!((right.log_likelihood, right.brier, right.ece, right.ece_floor), (0.0, 0.0, 0.0, 0.0));
        let wrong = ClassMetrics::new(&binary(&[1.0, 0.0]), &[0, 0], &[1.0, 1.0], 1).unwrap();
        assert_eq!(wrong.log_likelihood, f64::NEG_INFINITY);
        let json = serde_json::to_value(&wrong).unwrap();
        assert!(json["log_likelihood"].is_null() && json["auc"].is_null());
    }

    #[test]
    fn an_absent_class_leaves_the_area_undefined() {
        let table = ClassTable::new(3, [0.5, 0.3, 0.2].repeat(4)).unwrap();
        assert_eq!(ClassMetrics::new(&table, &[0, 1, 0, 1], &[1.0; 3], 1).unwrap().auc, None);
        assert!(ClassMetrics::new(&table, &[0, 1, 2, 1], &[1.0; 3], 1).unwrap().auc.is_some());
    }

    #[test]
    fn what_does_not_fit_has_no_scores() {
        let table = binary(&[0.5, 0.5]);
        assert!(ClassMetrics::new(&table, &[0, 1], &[1.0, 1.0], 1).is_some());
        assert!(ClassMetrics::new(&table, &[0], &[1.0, 1.0], 1).is_none());
        assert!(ClassMetrics::new(&table, &[0, 2], &[1.0, 1.0], 1).is_none());
        assert!(ClassMetrics::new(&table, &[0, 1], &[1.0], 1).is_none());
        assert!(ClassMetrics::new(&binary(&[]), &[], &[1.0, 1.0], 1).is_none());
    }

    #[test]
    fn rows_that_are_not_probabilities_are_refused() {
        for (classes, values) in [
            (1, vec![1.0]),
            (2, vec![0.5, 0.5, 1.0]),
            (2, vec![0.5, 0.6]),
            (2, vec![1.5, -0.5]),
            (2, vec![f64::NAN, 1.0]),
        ] {
            assert!(ClassTable::new(classes, values).is_err());
        }
    }

    #[test]
    fn the_first_of_equally_probable_classes_is_predicted() {
        let table = ClassTable::new(3, vec![0.4, 0.4, 0.2, 0.2, 0.3, 0.5]).unwrap();
        assert_eq!(table.predicted(), [(0, 0.4), (2, 0.5)]);
    }
}
