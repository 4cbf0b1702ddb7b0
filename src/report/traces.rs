//! How inference went: log density and Stein ratio by iteration.

use super::axis::{Scale, span};
use super::canvas::{self, Stroke};
use super::data::{Trace, TracePoint};
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::style::{BLUE, HALF, REFERENCE};
use crate::Result;

/// Mean log density of the particles by iteration, with its band.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn log_density_svg(trace: &Trace) -> Result<String> {
    let quantity = quantity(trace);
    let line = Stroke::solid(BLUE, 1.8);
    let banded = trace.points.iter().any(|p| p.low.is_finite() && p.high.is_finite());
    canvas::draw(HALF, &format!("{quantity} by iteration"), |canvas| {
        let mut entries = Vec::new();
        if banded {
            entries.push((Mark::Line(line), "mean over particles".to_owned()));
            entries.push((Mark::Band(BLUE, 0.2), trace.band.clone()));
        }
        let top = legend::draw(canvas, HALF.0, 0.0, &entries)?;
        let x = iterations(trace.points.iter().map(|p| p.iteration));
        let y = log_density_scale(&trace.points);
        let frame = Frame::draw(canvas, HALF, top, Axis::new("iteration", x), Axis::new(quantity, y))?;
        frame.band(trace.points.iter().map(|p| (p.iteration as f64, p.low, p.high)), BLUE, 0.2)?;
        frame.curve(trace.points.iter().map(|p| (p.iteration as f64, p.mean)), line)
    })
}

/// Stein ratio by iteration, with the value 1 that particles of the right spread have.
///
/// # Errors
/// As [`log_density_svg`].
pub fn stein_ratio_svg(trace: &Trace) -> Result<String> {
    let points = || trace.stein_ratio.iter().map(|(i, r)| (*i as f64, *r));
    canvas::draw(HALF, "Stein ratio by iteration", |canvas| {
        let target = Stroke::dashed(REFERENCE, 1.4);
        let entries = [
            (Mark::Line(Stroke::solid(BLUE, 1.8)), "Stein ratio".to_owned()),
            (Mark::BandLine(REFERENCE, 0.16, target), "target 1, within 10 %".to_owned()),
        ];
        let top = legend::draw(canvas, HALF.0, 0.0, &entries)?;
        let x = iterations(trace.stein_ratio.iter().map(|p| p.0));
        let y = stein_ratio_scale(trace);
        let frame = Frame::draw(canvas, HALF, top, Axis::new("iteration", x), Axis::new("Stein ratio", y))?;
        let (from, to) = x.ends();
        frame.band([(from, 0.9, 1.1), (to, 0.9, 1.1)], REFERENCE, 0.16)?;
        frame.curve([(from, 1.0), (to, 1.0)], target)?;
        frame.curve(points(), Stroke::solid(BLUE, 1.8))
    })
}

/// How to read the figures that there are.
pub fn caption(trace: &Trace) -> String {
    let mut sentences = Vec::new();
    if has_log_density(trace) {
        let quantity = quantity(trace);
        sentences.push(format!(
            "The {quantity} should rise and then level off: if it is still rising at the end, more iterations would help."
        ));
        let hidden = hidden_iterations(&trace.points);
        if hidden > 0 {
            sentences.push(format!(
                "The first {} below the frame.",
                match hidden {
                    1 => "iteration lies".to_owned(),
                    n => format!("{n} iterations lie"),
                }
            ));
        }
    }
    if has_stein_ratio(trace) {
        sentences.push(
            "The Stein ratio compares the spread of the particles with the posterior's: 1 is right, below 1 they are \
             packed too tightly and intervals are too narrow, above 1 they are spread too widely."
                .to_owned(),
        );
    }
    sentences.join(" ")
}

/// Whether there is anything to see of the log density.
pub fn has_log_density(trace: &Trace) -> bool {
    trace.points.iter().filter(|p| p.mean.is_finite()).count() > 1
}

/// Whether there is anything to see of the Stein ratio.
pub fn has_stein_ratio(trace: &Trace) -> bool {
    trace.stein_ratio.iter().filter(|p| p.1.is_finite()).count() > 1
}

fn quantity(trace: &Trace) -> &str {
    if trace.quantity.is_empty() { "log density" } else { &trace.quantity }
}

fn iterations(values: impl Iterator<Item = usize>) -> Scale {
    Scale::linear(values.map(|i| i as f64), 0.0)
}

/// The first iterations often lie orders of magnitude below the rest; where they would flatten it they are
/// left out of the range.
fn log_density_scale(points: &[TracePoint]) -> Scale {
    let all = || points.iter().flat_map(|p| [p.low, p.mean, p.high]);
    match settled(points) {
        Some((floor, top)) => Scale::linear([floor, top], 0.04),
        None => Scale::linear(all(), 0.04),
    }
}

/// Four times the range of the second half of the iterations, but ten nats at least, where the whole range is
/// wider: differences of a small part of a nat are no news.
fn settled(points: &[TracePoint]) -> Option<(f64, f64)> {
    let half = &points[points.len() / 2..];
    let (low, high) = span(half.iter().flat_map(|p| [p.low, p.mean, p.high]))?;
    let (lowest, highest) = span(points.iter().flat_map(|p| [p.low, p.mean, p.high]))?;
    let room = (4.0 * (high - low)).max(10.0);
    (lowest < high - room).then_some((high - room, highest.min(high + room)))
}

fn hidden_iterations(points: &[TracePoint]) -> usize {
    let scale = log_density_scale(points);
    points.iter().take_while(|p| !(p.mean.is_finite() && scale.contains(p.mean))).count()
}

fn stein_ratio_scale(trace: &Trace) -> Scale {
    let values = || trace.stein_ratio.iter().map(|p| p.1).chain([0.9, 1.1]);
    let positive = span(values()).is_some_and(|(lo, hi)| lo > 0.0 && hi / lo > 30.0);
    if positive {
        return Scale::log(values(), 0.05);
    }
    let scale = Scale::linear(values().chain([0.0]), 0.06);
    if values().all(|v| v.is_nan() || v >= 0.0) { scale.starting_at_zero() } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_start_does_not_flatten_the_rest() {
        let points: Vec<TracePoint> = (0..50)
            .map(|i| TracePoint {
                iteration: i,
                mean: if i == 0 { -1e7 } else { -100.0 + f64::from(i as u32) },
                low: f64::NAN,
                high: f64::NAN,
            })
            .collect();
        assert!(log_density_scale(&points).ends().0 > -200.0);
        assert_eq!(hidden_iterations(&points), 1);
        let trace = Trace { points, ..Trace::default() };
        assert!(caption(&trace).contains("The first iteration lies below the frame."));
    }
}
