//! Predicted against observed targets, row by row.

use super::axis::{Scale, span};
use super::canvas::{self, Stroke};
use super::data::{Observed, ObservedPoint};
use super::frame::{Axis, Frame, thinned};
use super::legend::{self, Mark};
use super::number;
use super::style::{BLUE, MAX_POINTS, REFERENCE, SQUARE, VERMILLION};
use crate::Result;

/// Predictions with their intervals against observations.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(observed: &Observed) -> Result<String> {
    let points = shown(observed);
    let scale = common_scale(&points);
    let (x_name, y_name) =
        (format!("observed {}", observed.target), format!("predicted {}", observed.target));
    let diagonal = Stroke::solid(REFERENCE, 1.2);
    // Many points overlap: lighter ones show where they are dense.
    let ink = (250.0 / points.len().max(1) as f64).sqrt().clamp(0.35, 0.85);
    let radius = if points.len() > 300 { 2.2 } else { 3.0 };
    canvas::draw(SQUARE, &format!("{y_name} against {x_name}"), |canvas| {
        let level = number::percent(observed.level);
        let entries = [
            (Mark::Dot(BLUE, 0.9), format!("inside its {level} interval")),
            (Mark::Dot(VERMILLION, 0.9), "outside".to_owned()),
            (Mark::Line(diagonal), "equal".to_owned()),
        ];
        let top = legend::draw(canvas, SQUARE.0, 0.0, &entries)?;
        let frame = Frame::draw(canvas, SQUARE, top, Axis::new(&x_name, scale), Axis::new(&y_name, scale))?;
        let (lo, hi) = scale.ends();
        frame.curve([(lo, lo), (hi, hi)], diagonal)?;
        // Points outside their interval are few and come last, so that nothing hides them.
        for outside in [false, true] {
            let colour = if outside { VERMILLION } else { BLUE };
            for p in points.iter().filter(|p| is_outside(p) == outside) {
                let bar = [(p.observed, p.low), (p.observed, p.high)];
                frame.curve(bar, Stroke::solid(colour, 1.1).opacity(0.5 * ink))?;
            }
            for p in points.iter().filter(|p| is_outside(p) == outside) {
                canvas.dot(frame.at(p.observed, p.predicted), radius, colour, ink)?;
            }
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption(observed: &Observed) -> String {
    let points = finite(observed);
    let outside = points.iter().filter(|p| is_outside(p)).count();
    let mut caption = format!(
        "Each of the {} is a dot with its {} predictive interval; perfect predictions lie on the diagonal. Intervals \
         that miss the observation are orange: {}, where {} would be expected.",
        number::counted(points.len(), observed.rows.name().trim_end_matches('s')),
        number::percent(observed.level),
        number::percent(outside as f64 / points.len().max(1) as f64),
        number::percent(1.0 - observed.level),
    );
    if points.len() > MAX_POINTS {
        caption.push_str(&format!(
            " The figure shows {} of them, evenly spaced in the table.",
            number::count(MAX_POINTS)
        ));
    }
    caption
}

/// Whether there is anything to see.
pub fn is_empty(observed: &Observed) -> bool {
    finite(observed).is_empty()
}

fn is_outside(point: &ObservedPoint) -> bool {
    point.observed < point.low || point.observed > point.high
}

fn finite(observed: &Observed) -> Vec<ObservedPoint> {
    observed.points.iter().copied().filter(|p| p.observed.is_finite() && p.predicted.is_finite()).collect()
}

fn shown(observed: &Observed) -> Vec<ObservedPoint> {
    thinned(&finite(observed), MAX_POINTS).copied().collect()
}

/// One scale for both axes: all dots, and of the intervals as much as does not shrink the dots below a third.
fn common_scale(points: &[ObservedPoint]) -> Scale {
    let Some((lo, hi)) = span(points.iter().flat_map(|p| [p.observed, p.predicted])) else {
        return Scale::linear([], 0.0);
    };
    let (low, high) = span(points.iter().flat_map(|p| [p.low, p.high])).unwrap_or((lo, hi));
    let room = if hi > lo { hi - lo } else { f64::INFINITY };
    Scale::linear([lo, hi, low.max(lo - room), high.min(hi + room)], 0.03)
}
