//! Counts predicted against counts observed: a hanging rootogram (Tukey 1977; Kleiber & Zeileis 2016).
//!
//! Bars as high as the square root of the observed number of rows hang from the curve of the expected one. Where they end
//! below zero there were more rows than expected, where they end above it fewer. The square root makes deviations
//! comparable: that of a Poisson number has a standard deviation of about one half whatever its mean.

use super::axis::{Scale, span};
use super::canvas::{self, Stroke};
use super::data::Rows;
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::number;
use super::style::{BLUE, INK, LIGHT_BLUE, REFERENCE, WIDE};
use crate::{Error, Result};

/// More bars than this are merged.
const MOST_BARS: usize = 50;
/// Counts at both ends that nobody has and that fewer rows than this are expected to have are left out.
const NEGLIGIBLE: f64 = 0.02;
/// Tukey's warning limits: about two standard deviations of the root of a count.
const LIMIT: f64 = 1.0;

/// How many rows have each count, as observed and as predicted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Name of the target.
    pub target: String,
    /// Which rows these are.
    pub rows: Rows,
    /// Number of rows with count 0, 1, 2, ….
    pub observed: Vec<f64>,
    /// The number to be expected: Σ_i P(Y_i = 0), Σ_i P(Y_i = 1), …; of the same length.
    pub expected: Vec<f64>,
}

/// Neighbouring counts, taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    /// The least and the greatest count.
    counts: (usize, usize),
    observed: f64,
    expected: f64,
}

/// Roots of observed numbers hanging from the roots of expected ones.
///
/// # Errors
/// [`Error::Shape`] where there are not equally many of both; [`Error::Invalid`] where a number is negative or not
/// finite, or where the figure cannot be drawn.
pub fn svg(counts: &Counts) -> Result<String> {
    if counts.observed.len() != counts.expected.len() {
        return Err(Error::Shape {
            what: "expected numbers of rows",
            expected: counts.observed.len(),
            found: counts.expected.len(),
        });
    }
    if counts.observed.iter().chain(&counts.expected).any(|v| !(*v >= 0.0 && v.is_finite())) {
        return Err(Error::Invalid("numbers of rows must be finite and not negative".into()));
    }
    let bars = bars(counts);
    let size = (WIDE.0, 380.0);
    canvas::draw(size, &format!("Rootogram of {}", counts.target), |canvas| {
        let expected = Stroke::solid(BLUE, 2.0);
        let limits = Stroke::dashed(REFERENCE, 1.2);
        let entries = [
            (Mark::Line(expected), "expected".to_owned()),
            (Mark::Band(LIGHT_BLUE, 1.0), "observed, hanging from it".to_owned()),
            (Mark::Line(limits), "limits of chance".to_owned()),
        ];
        let top = legend::draw(canvas, size.0, 0.0, &entries)?;
        let first = bars.first().map_or(0.0, |b| b.counts.0 as f64);
        let last = bars.last().map_or(1.0, |b| b.counts.1 as f64);
        let x = Scale::linear([first - 0.5, last + 0.5], 0.0);
        let ends = bars.iter().flat_map(|b| [b.expected.sqrt(), b.expected.sqrt() - b.observed.sqrt()]);
        let y = Scale::linear(ends.chain([-1.15 * LIMIT, 1.15 * LIMIT]), 0.03);
        let frame =
            Frame::draw(canvas, size, top, Axis::new(&counts.target, x), Axis::new("√ number of rows", y))?;
        for bar in &bars {
            let (low, high) = (bar.counts.0 as f64, bar.counts.1 as f64);
            // A little air between bars.
            let (left, right) = (low - 0.5 + 0.1 * (high - low + 1.0), high + 0.5 - 0.1 * (high - low + 1.0));
            let from = bar.expected.sqrt();
            let corners = (frame.at(left, from), frame.at(right, from - bar.observed.sqrt()));
            canvas.rectangle(corners.0, corners.1, LIGHT_BLUE, 1.0)?;
        }
        let (left, right) = x.ends();
        frame.curve([(left, 0.0), (right, 0.0)], Stroke::solid(INK, 1.2))?;
        for limit in [-LIMIT, LIMIT] {
            frame.curve([(left, limit), (right, limit)], limits)?;
        }
        let middle = |b: &Bar| (0.5 * (b.counts.0 + b.counts.1) as f64, b.expected.sqrt());
        frame.curve(bars.iter().map(middle), expected)?;
        bars.iter().map(middle).try_for_each(|(x, y)| canvas.dot(frame.at(x, y), 2.6, BLUE, 1.0))
    })
}

/// How to read the figure.
pub fn caption(counts: &Counts) -> String {
    let width = width(counts.observed.len());
    let merged =
        if width > 1 { format!(" Each bar holds {width} neighbouring counts.") } else { String::new() };
    let bars = bars(counts);
    let outside = bars.iter().filter(|b| (b.expected.sqrt() - b.observed.sqrt()).abs() > LIMIT).count();
    format!(
        "How often each count occurs in the {}, as square roots: bars for the observed numbers hang from the curve of the \
         expected ones. A bar that ends below zero is a count observed more often than predicted, one that ends above zero less \
         often. Beyond the dashed limits (±1: about two standard deviations) lie {} of {}.{merged}",
        counts.rows.name(),
        number::count(outside),
        number::counted(bars.len(), "bar"),
    )
}

/// Whether there is nothing to see.
pub fn is_empty(counts: &Counts) -> bool {
    span(counts.observed.iter().chain(&counts.expected).copied()).is_none_or(|(_, most)| most <= 0.0)
}

/// Counts in a bar: 1, 2 or 5 times a power of ten.
fn width(counts: usize) -> usize {
    let widths = (0..18).flat_map(|k| [1, 2, 5].map(|m| m * 10usize.pow(k)));
    widths.into_iter().find(|w| counts.div_ceil(*w) <= MOST_BARS).unwrap_or(counts.max(1))
}

/// Bars from the first to the last count that is observed or to be expected.
fn bars(counts: &Counts) -> Vec<Bar> {
    let matters = |y: &usize| counts.observed[*y] > 0.0 || counts.expected[*y] >= NEGLIGIBLE;
    let range = 0..counts.observed.len().min(counts.expected.len());
    let (Some(first), Some(last)) = (range.clone().find(matters), range.rev().find(matters)) else {
        return Vec::new();
    };
    let width = width(last + 1 - first);
    (first / width..=last / width)
        .map(|k| (k * width, (k * width + width - 1).min(last)))
        .map(|(low, high)| Bar {
            counts: (low, high),
            observed: counts.observed[low..=high].iter().sum(),
            expected: counts.expected[low..=high].iter().sum(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_counts_are_merged_until_they_fit() {
        let counts =
            |n: usize| Counts { observed: vec![1.0; n], expected: vec![2.0; n], ..Counts::default() };
        assert_eq!(bars(&counts(3)).len(), 3);
        let merged = bars(&counts(103));
        assert_eq!(merged.len(), 21);
        assert_eq!(merged[0], Bar { counts: (0, 4), observed: 5.0, expected: 10.0 });
        assert_eq!(merged[20], Bar { counts: (100, 102), observed: 3.0, expected: 6.0 });
        assert_eq!(bars(&counts(1_000_000)).len(), 50);
    }

    #[test]
    fn counts_that_nobody_has_or_expects_are_left_out() {
        let counts = Counts {
            observed: vec![0.0, 0.0, 0.0, 4.0, 0.0, 1.0, 0.0],
            expected: vec![0.0, 0.001, 0.1, 3.0, 1.0, 0.01, 0.01],
            ..Counts::default()
        };
        let ends: Vec<usize> = bars(&counts).iter().map(|b| b.counts.0).collect();
        assert_eq!(ends, [2, 3, 4, 5]);
        assert!(bars(&Counts::default()).is_empty());
    }
}
