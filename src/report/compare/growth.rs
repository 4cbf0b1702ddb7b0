//! What more particles gain: test log-likelihood by their number, a panel a table. Table 2 of the paper as figures.

use super::super::axis::Scale;
use super::super::canvas::{self, Stroke};
use super::super::frame::{Axis, Frame};
use super::look::{Look, particles};
use super::page::PANEL;
use crate::Result;
use crate::compare::statistics::Summary;
use crate::compare::{Comparison, Metric};

/// Methods without particles that are drawn as level lines.
const LEVELS: [&str; 2] = ["ml", "nuts"];

/// Particles of one kind by their number.
struct Family<'a> {
    method: &'a str,
    points: Vec<(usize, Summary)>,
}

/// A panel for each table with results of at least two numbers of particles.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where one cannot be drawn.
pub fn svgs(comparison: &Comparison) -> Result<Vec<String>> {
    let panels = comparison.tables.iter().map(|table| {
        let of = |method: &str| {
            Summary::new(&comparison.values(Metric::LogLikelihood, &table.name, method).values)
        };
        let mut families: Vec<(&str, Family<'_>)> = Vec::new();
        for method in &comparison.methods {
            let Some(((name, count), summary)) = particles(method).zip(of(method)) else { continue };
            match families.iter_mut().find(|(known, _)| *known == name) {
                Some((_, family)) => family.points.push((count, summary)),
                None => families.push((name, Family { method, points: vec![(count, summary)] })),
            }
        }
        families.iter_mut().for_each(|(_, family)| family.points.sort_by_key(|(count, _)| *count));
        let levels: Vec<(&str, f64)> =
            LEVELS.iter().filter_map(|method| of(method).map(|s| (*method, s.mean))).collect();
        let is_growth = families.iter().any(|(_, family)| family.points.len() > 1);
        is_growth.then(|| panel(&table.name, &families, &levels))
    });
    panels.flatten().collect()
}

/// The level lines that any panel may have.
pub(super) fn levels(comparison: &Comparison) -> Vec<&'static str> {
    LEVELS.into_iter().filter(|level| comparison.methods.iter().any(|m| m == level)).collect()
}

fn panel(table: &str, families: &[(&str, Family<'_>)], levels: &[(&str, f64)]) -> Result<String> {
    let points = || families.iter().flat_map(|(_, family)| &family.points);
    let mut counts: Vec<f64> = points().map(|(count, _)| *count as f64).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    let x = Scale::log(counts.iter().copied(), 0.08);
    let bounds = |summary: &Summary| {
        let error = summary.standard_error.unwrap_or(0.0);
        [summary.mean - error, summary.mean + error]
    };
    let shown = points().flat_map(|(_, summary)| bounds(summary)).chain(levels.iter().map(|(_, v)| *v));
    let y = Scale::linear(shown, 0.08);
    canvas::draw(PANEL, &format!("Log-likelihood by number of particles on {table}"), |canvas| {
        let axis = Axis { only: Some(&counts), ..Axis::new("particles", x) };
        let frame = Frame::draw(canvas, PANEL, 0.0, axis, Axis::new(table, y))?;
        let (first, last) = x.ends();
        for (method, level) in levels {
            frame.curve([(first, *level), (last, *level)], Stroke::dashed(Look::of(method).colour, 1.4))?;
        }
        for (_, family) in families {
            let colour = Look::of(family.method).colour;
            let means = family.points.iter().map(|(count, s)| (*count as f64, s.mean));
            frame.curve(means, Stroke::solid(colour, 1.8))?;
            for (count, summary) in &family.points {
                let ends = bounds(summary).map(|value| frame.at(*count as f64, value));
                canvas.line(&ends, Stroke::solid(colour, 1.3).opacity(0.6))?;
                canvas.dot(frame.at(*count as f64, summary.mean), 3.2, colour, 1.0)?;
            }
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption() -> String {
    "Test log-likelihood (standardised) of each table, named above its axis, by number of particles, with standard errors over \
     splits. A line that has levelled off says that more particles would gain nothing; dashed lines are other methods."
        .into()
}
