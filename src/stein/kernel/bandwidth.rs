//! Bandwidths: how a radial kernel finds its squared width from the particles' distances.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a radial kernel finds its squared width h from the particles' squared distances D.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bandwidth {
    /// h = median D / log(J + 1), with the median over all J² distances and so with the J zeros of the diagonal:
    /// the rule of the code published with Pinder et al. (2020).
    Original,
    /// h = median D / log J (Liu & Wang 2016; log 2 for J = 2 and below).
    MedianOverLog,
    /// h = median D, without the logarithm that shrinks it.
    Median,
    /// h = 2 median D: exp(−D/h) = exp(−D/(2 median)).
    TwiceMedian,
    /// A constant h.
    Fixed(f64),
}

impl Bandwidth {
    /// Refuses a constant that is no width.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a constant that is not positive and finite.
    pub fn check(self) -> Result<()> {
        match self {
            Bandwidth::Fixed(h) if !(h > 0.0 && h.is_finite()) => {
                Err(Error::Invalid(format!("a kernel's squared width must be positive, not {h}")))
            }
            _ => Ok(()),
        }
    }

    /// h from the off-diagonal squared distances (each pair once), which are put out of order.
    ///
    /// With no pair, or with most particles at one point, h is 1: where all distances are zero any positive number
    /// does. The median of an even number of distances is the mean of the middle two. Cost: O(J²).
    pub fn squared_width(self, distances: &mut [f64], count: usize) -> f64 {
        let median = match self {
            Bandwidth::Fixed(h) => return h,
            Bandwidth::Original => median_with_diagonal(distances, count),
            _ => median(distances),
        };
        if !(median > 0.0 && median.is_finite()) {
            return 1.0;
        }
        match self {
            Bandwidth::Original => median / (count as f64 + 1.0).ln(),
            Bandwidth::MedianOverLog => median / (count.max(2) as f64).ln(),
            Bandwidth::TwiceMedian => 2.0 * median,
            Bandwidth::Median | Bandwidth::Fixed(_) => median,
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    // With an even number the other one of the middle two is the largest of those below.
    let lower = if n % 2 == 1 { *upper } else { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
    0.5 * (lower + *upper)
}

/// Median over all J² entries of the distance matrix: J zeros and every pair twice.
fn median_with_diagonal(pairs: &mut [f64], count: usize) -> f64 {
    let all = count * count;
    let mut entry = |rank: usize| if rank < count { 0.0 } else { order_statistic(pairs, (rank - count) / 2) };
    if all == 0 { 0.0 } else { 0.5 * (entry((all - 1) / 2) + entry(all / 2)) }
}

fn order_statistic(values: &mut [f64], rank: usize) -> f64 {
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_leaves_out_the_diagonal() {
        // Two particles at distance 3: the only distance is the median.
        assert_eq!(Bandwidth::Median.squared_width(&mut [9.0], 2), 9.0);
        assert_eq!(Bandwidth::MedianOverLog.squared_width(&mut [9.0], 2), 9.0 / 2f64.ln());
        assert_eq!(Bandwidth::TwiceMedian.squared_width(&mut [1.0, 3.0, 8.0, 4.0], 4), 7.0);
        assert_eq!(Bandwidth::Median.squared_width(&mut [], 1), 1.0);
        assert_eq!(Bandwidth::Median.squared_width(&mut [0.0, 0.0, 0.0], 3), 1.0);
    }

    #[test]
    fn the_original_rule_counts_the_zeros_of_the_diagonal() {
        // 0, 0, 9, 9: the median of two particles is half of their one distance.
        assert_eq!(Bandwidth::Original.squared_width(&mut [9.0], 2), 4.5 / 3f64.ln());
        // 0, 0, 0, 1, 1, 4, 4, 6, 6.
        assert_eq!(Bandwidth::Original.squared_width(&mut [6.0, 1.0, 4.0], 3), 1.0 / 4f64.ln());
        assert_eq!(Bandwidth::Original.squared_width(&mut [], 1), 1.0);
    }

    #[test]
    fn a_width_that_is_none_is_refused() {
        for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Bandwidth::Fixed(h).check().is_err());
        }
    }
}
