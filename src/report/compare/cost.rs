//! What quality costs: seconds of the fit against test log-likelihood, a panel a table.

use super::super::axis::Scale;
use super::super::canvas::{self, Stroke};
use super::super::frame::{Axis, Frame};
use super::look::{Look, particles};
use super::page::PANEL;
use crate::Result;
use crate::compare::statistics::Summary;
use crate::compare::{Comparison, Metric};

/// A method on a table.
struct Point<'a> {
    method: &'a str,
    seconds: f64,
    quality: Summary,
}

/// A panel for each table that has results.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where one cannot be drawn.
pub fn svgs(comparison: &Comparison) -> Result<Vec<String>> {
    let panels = comparison.tables.iter().map(|table| {
        let points: Vec<Point<'_>> = (comparison.methods.iter())
            .filter_map(|method| {
                let of = |metric| Summary::new(&comparison.values(metric, &table.name, method).values);
                let seconds = of(Metric::Seconds)?.mean.max(1e-4);
                Some(Point { method, seconds, quality: of(Metric::LogLikelihood)? })
            })
            .collect();
        (!points.is_empty()).then(|| panel(&table.name, &points))
    });
    panels.flatten().collect()
}

fn panel(table: &str, points: &[Point<'_>]) -> Result<String> {
    let x = Scale::log(points.iter().map(|p| p.seconds), 0.08);
    let bounds = |p: &Point<'_>| {
        let error = p.quality.standard_error.unwrap_or(0.0);
        [p.quality.mean - error, p.quality.mean + error]
    };
    let y = Scale::linear(points.iter().flat_map(bounds), 0.08);
    canvas::draw(PANEL, &format!("Seconds and log-likelihood on {table}"), |canvas| {
        let frame = Frame::draw(canvas, PANEL, 0.0, Axis::new("seconds of the fit", x), Axis::new(table, y))?;
        for point in points {
            let look = Look::of(point.method);
            let [low, high] = bounds(point);
            let ends = [frame.at(point.seconds, low), frame.at(point.seconds, high)];
            canvas.line(&ends, Stroke::solid(look.colour, 1.3).opacity(0.6))?;
        }
        // Particles of one kind in the order of their number.
        let mut families: Vec<(&str, usize, &Point<'_>)> = (points.iter())
            .filter_map(|p| particles(p.method).map(|(name, count)| (name, count, p)))
            .collect();
        families.sort_by_key(|(name, count, _)| (*name, *count));
        for pair in families.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let ends = [pair[0].2, pair[1].2].map(|p| (p.seconds, p.quality.mean));
            frame.curve(ends, Stroke::solid(Look::of(pair[0].2.method).colour, 1.0).opacity(0.5))?;
        }
        for point in points {
            Look::of(point.method).draw(canvas, frame.at(point.seconds, point.quality.mean))?;
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption() -> String {
    "Test log-likelihood (standardised) of each table, named above its axis, against seconds of the fit on a logarithmic axis; \
     bars are standard errors over splits. Higher is better, and further left is cheaper: a method with another one above it \
     and to its left is not worth its time. Lines join particles of one kind, whose marks grow with their number."
        .into()
}
