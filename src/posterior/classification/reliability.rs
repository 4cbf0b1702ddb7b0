//! Whether what is predicted with probability p happens a fraction p of the time (Murphy & Winkler 1977).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The most bins, as is usual for the calibration error.
const MOST_BINS: usize = 15;
/// With fewer rows a bin's frequency says nothing.
const ROWS_A_BIN: usize = 10;
/// Bootstrap samples, and simulations.
const SAMPLES: usize = 200;

/// Rows with similar predicted probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReliabilityBin {
    /// Their number.
    pub rows: usize,
    /// Their mean predicted probability.
    pub predicted: f64,
    /// The share of them where the event happened.
    pub observed: f64,
}

/// Predicted probabilities of events, and whether they happened, in bins of about equally many rows: N/10 bins for N
/// rows, from 1 to 15. Rows with equal probabilities share a bin, which may make fewer and larger ones. Ascending in
/// probability.
pub fn reliability(probability: &[f64], happened: &[bool]) -> Vec<ReliabilityBin> {
    let rows = sorted(probability, happened);
    let mut bins = Vec::new();
    fill_bins(&rows, &vec![1; rows.len()], |bin| bins.push(bin));
    bins
}

/// The expected calibration error and what to hold it against.
#[derive(Debug)]
pub(super) struct CalibrationError {
    /// Σ over bins of their share of the rows × |observed − predicted|.
    pub value: f64,
    /// Standard deviation over bootstrap samples.
    pub standard_error: f64,
    /// Mean where events happen with the predicted probabilities.
    pub floor: f64,
}

impl CalibrationError {
    pub fn new(probability: &[f64], happened: &[bool], seed: u64) -> Self {
        let mut rows = sorted(probability, happened);
        let n = rows.len();
        let once = vec![1; n];
        let value = error(&rows, &once);
        let generator = |stream: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            rng
        };
        let mut rng = generator(0);
        let mut counts = vec![0; n];
        let samples: Vec<f64> = (0..SAMPLES)
            .map(|_| {
                counts.fill(0);
                (0..n).for_each(|_| counts[rng.random_range(0..n)] += 1);
                error(&rows, &counts)
            })
            .collect();
        let mean = samples.iter().sum::<f64>() / SAMPLES as f64;
        let squares: f64 = samples.iter().map(|s| (s - mean).powi(2)).sum();
        let mut rng = generator(1);
        let simulated = (0..SAMPLES).map(|_| {
            rows.iter_mut().for_each(|(p, happened)| *happened = rng.random::<f64>() < *p);
            error(&rows, &once)
        });
        let floor = simulated.sum::<f64>() / SAMPLES as f64;
        Self { value, standard_error: (squares / (SAMPLES - 1) as f64).sqrt(), floor }
    }
}

fn sorted(probability: &[f64], happened: &[bool]) -> Vec<(f64, bool)> {
    let mut rows: Vec<(f64, bool)> = probability.iter().copied().zip(happened.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows
}

fn error(rows: &[(f64, bool)], counts: &[usize]) -> f64 {
    let (mut sum, mut total) = (0.0, 0);
    fill_bins(rows, counts, |bin| {
        sum += bin.rows as f64 * (bin.observed - bin.predicted).abs();
        total += bin.rows;
    });
    sum / total as f64
}

/// Hands over bins of sorted rows, each row taken `counts` times.
fn fill_bins(rows: &[(f64, bool)], counts: &[usize], mut full: impl FnMut(ReliabilityBin)) {
    let total: usize = counts.iter().sum();
    let bins = (total / ROWS_A_BIN).clamp(1, MOST_BINS);
    // Bins that so many rows make: none for less than half a bin's.
    let made_of = |rows: usize| (rows * bins + total / 2) / total.max(1);
    let size = |left: usize| left.div_ceil(made_of(left).max(1));
    let (mut left, mut wanted) = (total, size(total));
    // Rows, sum of probabilities, events.
    let (mut n, mut sum, mut events) = (0, 0.0, 0);
    let bin = |n: usize, sum: f64, events: usize| ReliabilityBin {
        rows: n,
        predicted: sum / n as f64,
        observed: events as f64 / n as f64,
    };
    let mut start = 0;
    while start < rows.len() {
        let probability = rows[start].0;
        while start < rows.len() && rows[start].0 == probability {
            n += counts[start];
            sum += counts[start] as f64 * probability;
            events += if rows[start].1 { counts[start] } else { 0 };
            start += 1;
        }
        if n >= wanted && made_of(left - n) > 0 {
            full(bin(n, sum, events));
            left -= n;
            wanted = size(left);
            (n, sum, events) = (0, 0.0, 0);
        }
    }
    if n > 0 {
        full(bin(n, sum, events));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| rng.random()).collect()
    }

    /// Events that happen with a probability that is a function of the predicted one.
    fn events(probability: &[f64], truth: impl Fn(f64) -> f64) -> Vec<bool> {
        probability.iter().zip(uniform(probability.len(), 77)).map(|(p, u)| u < truth(*p)).collect()
    }

    #[test]
    fn bins_hold_every_row_once_and_about_equally_many() {
        for n in [1, 9, 10, 25, 26, 31, 149, 150, 1000, 1007] {
            let p = uniform(n, 3);
            let bins = reliability(&p, &vec![true; n]);
            assert_eq!(bins.len(), (n / 10).clamp(1, 15), "{n}");
            assert_eq!(bins.iter().map(|b| b.rows).sum::<usize>(), n);
            let (least, most) = bins.iter().fold((n, 0), |(l, m), b| (l.min(b.rows), m.max(b.rows)));
            assert!(most - least <= 1, "{n}: {least} to {most}");
            assert!(bins.windows(2).all(|b| b[0].predicted < b[1].predicted));
        }
    }

    #[test]
    fn equal_probabilities_share_a_bin() {
        // Forty rows make four bins, but 28 of them are one.
        let p: Vec<f64> = (0..40).map(|i| if i < 28 { 0.25 } else { 0.5 + 0.01 * f64::from(i) }).collect();
        let happened: Vec<bool> = (0..40).map(|i| i < 7).collect();
        let bins = reliability(&p, &happened);
        assert_eq!(bins.iter().map(|b| b.rows).collect::<Vec<_>>(), [28, 12]);
        assert_eq!((bins[0].predicted, bins[0].observed), (0.25, 0.25));
        // The order of rows does not matter.
        let reversed = reliability(
            &p.iter().rev().copied().collect::<Vec<_>>(),
            &happened.iter().rev().copied().collect::<Vec<_>>(),
        );
        assert_eq!(reversed[0], bins[0]);
    }

    #[test]
    fn the_error_of_one_probability_is_that_of_a_binomial_share() {
        // 100 rows predicted with 0.8, of which 70 happen.
        let happened: Vec<bool> = (0..100).map(|i| i < 70).collect();
        let found = CalibrationError::new(&[0.8; 100], &happened, 5);
        assert!((found.value - 0.1).abs() < 1e-12);
        // Standard deviation of a share: √(0.7 × 0.3 / 100); the folded tail at zero takes little of it.
        assert!(
            (found.standard_error / 0.21f64.sqrt() * 10.0 - 1.0).abs() < 0.15,
            "{}",
            found.standard_error
        );
        // Mean absolute deviation of Binomial(100, 0.8) / 100: 0.0319.
        assert!((found.floor / 0.0319 - 1.0).abs() < 0.15, "{}", found.floor);
    }

    #[test]
    fn a_calibrated_forecaster_scores_the_floor_and_an_overconfident_one_does_not() {
        let p = uniform(3000, 11);
        let fair = CalibrationError::new(&p, &events(&p, |p| p), 1);
        assert!((fair.value - fair.floor).abs() < 3.0 * fair.standard_error, "{fair:?}");
        let bold = CalibrationError::new(&p, &events(&p, |p| 0.5 + 0.6 * (p - 0.5)), 1);
        // The mean of 0.4 |p − 1/2| is 0.1.
        assert!((bold.value - 0.1).abs() < 0.02 && bold.value > bold.floor + 5.0 * bold.standard_error);
        assert_eq!(bold.floor, fair.floor);
    }

    #[test]
    fn the_floor_falls_as_rows_are_added() {
        let floor = |n: usize| {
            let p = uniform(n, 2);
            CalibrationError::new(&p, &events(&p, |p| p), 1).floor
        };
        // Fifteen bins each: the standard error of a bin's share falls with √N.
        assert!((floor(600) / floor(5400) - 3.0).abs() < 0.3);
    }

    #[test]
    fn the_same_seed_gives_the_same_uncertainty() {
        let p = uniform(90, 4);
        let happened = events(&p, |p| p);
        let of = |seed| {
            let e = CalibrationError::new(&p, &happened, seed);
            (e.standard_error, e.floor)
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
