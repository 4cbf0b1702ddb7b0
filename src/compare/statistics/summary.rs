//! Mean and standard error over splits.

/// Of K values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of values K.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// s/√K with the sample standard deviation s; `None` for one value.
    ///
    /// Splits of one table share rows, so that the values are not independent: as an error of the mean over tables like this
    /// one it is too small. It says how much splits differ.
    pub standard_error: Option<f64>,
}

impl Summary {
    /// `None` without values.
    pub fn new(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let standard_error = (count > 1).then(|| (variance(values, mean) / count as f64).sqrt());
        (count > 0).then_some(Self { count, mean, standard_error })
    }
}

/// Sample variance, with K − 1.
pub(super) fn variance(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_error_of_known_values() {
        let found = Summary::new(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((found.count, found.mean), (3, 3.0));
        // s² = (4 + 1 + 9)/2 = 7.
        assert!((found.standard_error.unwrap() - (7.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Summary::new(&[4.0]).unwrap().standard_error, None);
        assert_eq!(Summary::new(&[]), None);
    }
}
