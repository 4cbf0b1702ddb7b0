//! Calibration of the predictive distributions: coverage of central intervals (or reliability of
//! probabilities) and the histogram of the probability integral transform (Dawid 1984).

use super::axis::Scale;
use super::canvas::{self, Stroke};
use super::data::{Calibration, CalibrationKind};
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::style::{BLUE, HALF, LIGHT_BLUE, REFERENCE};
use crate::Result;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Legend of the reference in both figures.
const EXPECTED: &str = "expected, with 95 % band";

/// Empirical against nominal coverage, or observed frequency against predicted probability.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(calibration: &Calibration) -> Result<String> {
    let (title, x_name, y_name) = match calibration.kind {
        CalibrationKind::Coverage => {
            ("Coverage of central intervals", "nominal coverage (%)", "rows inside the interval (%)")
        }
        CalibrationKind::Probability => {
            ("Reliability of predicted probabilities", "predicted probability (%)", "observed frequency (%)")
        }
    };
    let points = || {
        let finite = calibration.points.iter().filter(|p| p.nominal.is_finite() && p.empirical.is_finite());
        finite.map(|p| (100.0 * p.nominal, 100.0 * p.empirical))
    };
    canvas::draw(HALF, title, |canvas| {
        let diagonal = Stroke::dashed(REFERENCE, 1.4);
        let entries = [
            (Mark::Line(Stroke::solid(BLUE, 1.8)), "these rows".to_owned()),
            (Mark::BandLine(REFERENCE, 0.16, diagonal), EXPECTED.to_owned()),
        ];
        let top = legend::draw(canvas, HALF.0, 0.0, &entries)?;
        let scale = Scale::linear([0.0, 100.0], 0.0);
        let frame = Frame::draw(canvas, HALF, top, Axis::new(x_name, scale), Axis::new(y_name, scale))?;
        let band = calibration.points.iter().map(|p| (100.0 * p.nominal, 100.0 * p.low, 100.0 * p.high));
        if calibration.kind == CalibrationKind::Coverage {
            // Nothing and everything are covered for sure.
            let ends = |v: f64| std::iter::once((v, v, v));
            frame.band(ends(0.0).chain(band).chain(ends(100.0)), REFERENCE, 0.16)?;
        } else {
            frame.band(band, REFERENCE, 0.16)?;
        }
        frame.curve([(0.0, 0.0), (100.0, 100.0)], diagonal)?;
        frame.curve(points(), Stroke::solid(BLUE, 1.8))?;
        for (x, y) in points().filter(|(x, y)| frame.contains(*x, *y)) {
            canvas.dot(frame.at(x, y), 3.0, BLUE, 1.0)?;
        }
        Ok(())
    })
}

/// Histogram of the probability integral transform.
///
/// # Errors
/// As [`svg`].
pub fn pit_svg(calibration: &Calibration) -> Result<String> {
    let (counts, total) = histogram(&calibration.pit);
    let bins = counts.len() as f64;
    let expected = total as f64 / bins;
    let (low, high) = binomial_band(total, 1.0 / bins);
    canvas::draw(HALF, "Histogram of the probability integral transform", |canvas| {
        let flat = Stroke::dashed(REFERENCE, 1.4);
        let entries = [
            (Mark::Band(LIGHT_BLUE, 1.0), "these rows".to_owned()),
            (Mark::BandLine(REFERENCE, 0.18, flat), EXPECTED.to_owned()),
        ];
        let top = legend::draw(canvas, HALF.0, 0.0, &entries)?;
        let x = Scale::linear([0.0, 1.0], 0.0);
        let highest = counts.iter().fold(high, |m: f64, c| m.max(*c as f64));
        let y = Scale::linear([0.0, 1.05 * highest.max(1.0)], 0.0);
        let x_axis = Axis::new("predicted probability of a lower value", x);
        let frame = Frame::draw(canvas, HALF, top, x_axis, Axis::new("rows", y))?;
        frame.band([(0.0, low, high), (1.0, low, high)], REFERENCE, 0.18)?;
        for (i, count) in counts.iter().enumerate() {
            // A little air between bars lets the band show behind them.
            let (left, right) = (frame.x((i as f64 + 0.1) / bins), frame.x((i as f64 + 0.9) / bins));
            canvas.rectangle((left, frame.y(*count as f64)), (right, frame.bottom()), LIGHT_BLUE, 1.0)?;
        }
        frame.curve([(0.0, expected), (1.0, expected)], flat)
    })
}

/// How to read the figures that there are.
pub fn caption(calibration: &Calibration) -> String {
    let rows = calibration.rows.name();
    let mut sentences = Vec::new();
    if has_curve(calibration) {
        sentences.push(match calibration.kind {
            CalibrationKind::Coverage => format!(
                "Coverage on the {rows}: above the diagonal intervals are wider than they need to be, below it they \
                 are too narrow; within the grey band the difference may be chance."
            ),
            CalibrationKind::Probability => format!(
                "Reliability on the {rows}: on the diagonal, events predicted with probability p happen a fraction p \
                 of the time; within the grey band the difference may be chance."
            ),
        });
    }
    if has_pit(calibration) {
        sentences.push(
            "The histogram counts where observations fall within their predictive distributions: it should be flat; \
             a U shape means intervals too narrow, a hump too wide, a slope a bias."
                .to_owned(),
        );
    }
    sentences.join(" ")
}

/// Whether there is a curve to see.
pub fn has_curve(calibration: &Calibration) -> bool {
    calibration.points.iter().any(|p| p.nominal.is_finite() && p.empirical.is_finite())
}

/// Whether there is a histogram to see.
pub fn has_pit(calibration: &Calibration) -> bool {
    calibration.pit.iter().any(|p| p.is_finite())
}

/// Counts in equal bins over [0, 1], and their total. About ten rows a bin, 5 to 20 bins.
fn histogram(pit: &[f64]) -> (Vec<usize>, usize) {
    let values: Vec<f64> = pit.iter().copied().filter(|p| p.is_finite()).collect();
    let bins = (values.len() / 10).clamp(5, 20);
    let mut counts = vec![0; bins];
    for value in &values {
        let bin = (value.clamp(0.0, 1.0) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    (counts, values.len())
}

/// 2.5 % and 97.5 % quantiles of a binomial count.
fn binomial_band(trials: usize, probability: f64) -> (f64, f64) {
    let Ok(binomial) = Binomial::new(probability, trials as u64) else {
        return (f64::NAN, f64::NAN);
    };
    let quantile = |level: f64| {
        let (mut below, mut reached) = (0, trials as u64);
        while below < reached {
            let middle = below + (reached - below) / 2;
            if binomial.cdf(middle) >= level { reached = middle } else { below = middle + 1 }
        }
        reached as f64
    };
    (quantile(0.025), quantile(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_quantiles_match_tables() {
        // R: qbinom(c(0.025, 0.975), 100, 0.1) = 5, 16; qbinom(c(0.025, 0.975), 20, 0.5) = 6, 14.
        assert_eq!(binomial_band(100, 0.1), (5.0, 16.0));
        assert_eq!(binomial_band(20, 0.5), (6.0, 14.0));
        assert_eq!(binomial_band(0, 0.5), (0.0, 0.0));
    }

    #[test]
    fn the_histogram_counts_every_finite_value_once() {
        let (counts, total) = histogram(&[0.0, 1.0, 0.5, f64::NAN, 2.0]);
        assert_eq!((counts, total), (vec![1, 0, 1, 0, 2], 4));
    }
}
