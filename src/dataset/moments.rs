//! Mean and standard deviation of a column, whole or in parts.

/// Count, mean and standard deviation (divisor N) of a column.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Number of values N.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
}

impl Moments {
    /// Of `count` values, in two passes.
    pub fn of(count: usize, value: impl Fn(usize) -> f64) -> Self {
        let n = count.max(1) as f64;
        let mean = (0..count).map(|i| value(i) / n).sum::<f64>();
        // Deviations are divided by the largest before they are squared: squares of 1e±200 leave the range of f64.
        let largest = (0..count).map(|i| (value(i) - mean).abs()).fold(0.0, f64::max);
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let sd = unit * ((0..count).map(|i| ((value(i) - mean) / unit).powi(2)).sum::<f64>() / n).sqrt();
        Self { count, mean, sd }
    }

    /// Of the values of both (Chan, Golub & LeVeque 1983, equations 2.1 for deviations instead of their squares, which
    /// may leave the range of f64).
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let count = self.count + other.count;
        if other.count == 0 || self.count == 0 {
            return if other.count == 0 { self } else { other };
        }
        let share = other.count as f64 / count as f64;
        let apart = other.mean - self.mean;
        let within = ((1.0 - share).sqrt() * self.sd).hypot(share.sqrt() * other.sd);
        let sd = within.hypot((share * (1.0 - share)).sqrt() * apart);
        Self { count, mean: self.mean + share * apart, sd }
    }

    /// Of the values plus a number.
    #[must_use]
    pub fn shifted(self, by: f64) -> Self {
        if self.count == 0 { self } else { Self { mean: self.mean + by, ..self } }
    }

    /// What the column is divided by: its standard deviation, or 1 where it has no spread, so that it stays finite.
    pub fn scale(&self) -> f64 {
        if self.sd > f64::EPSILON * self.mean.abs() { self.sd } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        Moments::of(values.len(), |i| values[i])
    }

    #[test]
    fn moments_of_parts_make_the_moments_of_the_whole() {
        for unit in [1.0, 1e200, 1e-200] {
            let values: Vec<f64> = (0..40).map(|i| unit * (5.0 + f64::from(i * i % 17))).collect();
            let whole = of(&values);
            for cut in [0, 1, 7, 40] {
                let joined = of(&values[..cut]).and(of(&values[cut..]));
                assert_eq!(joined.count, 40);
                assert!((joined.mean / whole.mean - 1.0).abs() < 1e-14, "{cut} {unit}");
                assert!((joined.sd / whole.sd - 1.0).abs() < 1e-14, "{cut} {unit}");
            }
        }
    }

    #[test]
    fn a_shift_moves_the_mean_alone_and_nothing_stays_nothing() {
        let moments = of(&[1.0, 3.0]);
        assert_eq!(moments.shifted(10.0), Moments { mean: 12.0, ..moments });
        assert_eq!(Moments::default().shifted(1.0).and(moments), moments);
        assert_eq!(of(&[4.0, 4.0]).scale(), 1.0);
    }
}
