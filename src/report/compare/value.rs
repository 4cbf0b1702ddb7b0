//! A mean with its standard error, with as many digits as the error allows.

use super::super::number::fixed;
use crate::compare::statistics::Summary;

/// Digits of the standard error that are shown.
const DIGITS: i32 = 2;
/// Digits of a mean without one.
const ALONE: i32 = 4;
/// Most decimals.
const DECIMALS: i32 = 5;

/// The mean, and the standard error where there is one, to the same decimals.
pub(super) fn parts(mean: f64, error: Option<f64>) -> (String, Option<String>) {
    let decimals = decimals(mean, error);
    (fixed(mean, decimals), error.map(|e| fixed(e, decimals)))
}

fn decimals(mean: f64, error: Option<f64>) -> usize {
    let (size, digits) = match error {
        Some(error) if error > 0.0 => (error, DIGITS),
        _ => (mean.abs(), ALONE),
    };
    if size > 0.0 && size.is_finite() {
        (digits - 1 - size.log10().floor() as i32).clamp(0, DECIMALS) as usize
    } else {
        2
    }
}

/// `−0.512 ± 0.034`.
pub fn spread(summary: &Summary) -> String {
    match parts(summary.mean, summary.standard_error) {
        (mean, Some(error)) => format!("{mean} ± {error}"),
        (mean, None) => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_decides_the_digits() {
        let shown = |mean, error| spread(&Summary { count: 2, mean, standard_error: error });
        assert_eq!(shown(-0.51234, Some(0.0342)), "−0.512 ± 0.034");
        assert_eq!(shown(1234.5678, Some(21.0)), "1235 ± 21");
        assert_eq!(shown(0.123456, None), "0.1235");
        assert_eq!(shown(3.5, Some(0.0)), "3.500 ± 0.000");
        assert_eq!(shown(0.0, Some(0.0)), "0.00 ± 0.00");
        assert_eq!(shown(1e-9, Some(1e-12)), "0.00000 ± 0.00000");
    }
}
