//! Differences of two methods on the same splits.
//!
//! Training sets of random splits overlap, so that differences on them are correlated and the plain paired t test finds
//! differences where there are none. Nadeau & Bengio (2003), "Inference for the generalization error", Machine Learning 52,
//! section 3, correct the variance of the mean of K differences with sample variance s²:
//!
//! ```text
//! (1/K + n_test/n_train) s²
//! ```
//!
//! The corrected resampled t test takes t with K − 1 degrees of freedom. Splits that share no rows (draws of a simulation)
//! need no correction.

use super::summary::variance;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A standard error of no more than this share of the mean is rounding.
const NO_SPREAD: f64 = 1e-10;

/// How much better one method is than another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Splits on which both have a value.
    pub pairs: usize,
    /// Mean difference.
    pub mean: f64,
    /// Its corrected standard error; `None` for fewer than two pairs.
    pub standard_error: Option<f64>,
    /// Two-sided p value of the corrected resampled t test; `None` for fewer than two pairs, and for differences that are all
    /// the same but not zero: their spread is not known.
    pub p_value: Option<f64>,
}

impl Difference {
    /// Of the differences on K splits, whose test rows are `test_ratio` times their training rows; 0 for splits that share no
    /// rows. `None` without differences.
    pub fn new(differences: &[f64], test_ratio: f64) -> Option<Self> {
        let pairs = differences.len();
        if pairs == 0 {
            return None;
        }
        let count = pairs as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let standard_error =
            (pairs > 1).then(|| ((count.recip() + test_ratio) * variance(differences, mean)).sqrt());
        let p_value = standard_error.and_then(|error| {
            if mean == 0.0 {
                return Some(1.0);
            }
            // Scores with few values, such as accuracy, may differ by the same amount on a few splits by chance.
            if error <= NO_SPREAD * mean.abs() {
                return None;
            }
            let student = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
            Some(2.0 * student.sf((mean / error).abs()))
        });
        Some(Self { pairs, mean, standard_error, p_value })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_correction_adds_the_share_of_test_rows() {
        let differences = [0.1, 0.3, 0.2, 0.5, 0.4];
        let plain = Difference::new(&differences, 0.0).unwrap();
        let corrected = Difference::new(&differences, 3.0 / 7.0).unwrap();
        // s² = 0.1/4 = 0.025.
        assert!((plain.standard_error.unwrap() - (0.025f64 / 5.0).sqrt()).abs() < 1e-15);
        assert!((corrected.standard_error.unwrap() - (0.025f64 * (0.2 + 3.0 / 7.0)).sqrt()).abs() < 1e-15);
        assert!(corrected.p_value > plain.p_value);
    }

    #[test]
    fn the_p_value_is_that_of_students_t() {
        // Mean 2.5 with a standard error of 1, four degrees of freedom: scipy.stats.t.sf(2.5, 4) · 2.
        let spread = 2.5f64.sqrt();
        let differences = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|z: f64| 2.5 + z * 5f64.sqrt() / spread);
        let found = Difference::new(&differences, 0.0).unwrap();
        assert!((found.standard_error.unwrap() - 1.0).abs() < 1e-12);
        assert!((found.p_value.unwrap() - 0.06676654481198814).abs() < 1e-9);
    }

    #[test]
    fn equal_methods_do_not_differ_and_without_a_spread_nothing_is_certain() {
        assert_eq!(Difference::new(&[0.0; 4], 0.4).unwrap().p_value, Some(1.0));
        assert_eq!(Difference::new(&[1.0], 0.4).unwrap().p_value, None);
        // 0.3 − 0.2 and 0.1 differ by rounding alone.
        assert_eq!(Difference::new(&[0.1, 0.3 - 0.2, 0.1], 0.4).unwrap().p_value, None);
        assert_eq!(Difference::new(&[], 0.4), None);
    }
}
