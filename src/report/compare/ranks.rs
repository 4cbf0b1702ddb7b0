//! Mean ranks on a line, with bars over methods that no critical difference separates: figure 1 of Demšar (2006).

use super::super::canvas::{self, Anchor, Canvas, Stroke};
use super::super::number::fixed;
use super::super::style::{AXIS, FONT_SIZE, INK, MARGIN, TEXT, TICK_SIZE, VERMILLION, WIDE};
use super::super::text;
use crate::Result;
use crate::compare::statistics::Assessment;
use crate::compare::statistics::assess::RankedMethods;

const WIDTH: f64 = WIDE.0;
/// Between two names.
const LINE: f64 = 19.0;
/// Between two bars.
const BAR: f64 = 8.0;
/// Height of the axis below the upper edge: room for its labels and the critical difference.
const AXIS_AT: f64 = 64.0;

/// The figure; `None` without ranks.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where it cannot be drawn.
pub fn svg(found: &Assessment) -> Result<Option<String>> {
    found.ranks.as_ref().map(|ranked| draw(found, ranked)).transpose()
}

/// Where ranks are on the axis.
struct Line {
    left: f64,
    right: f64,
    highest: f64,
}

impl Line {
    fn x(&self, rank: f64) -> f64 {
        self.left + (rank - 1.0) / (self.highest - 1.0) * (self.right - self.left)
    }
}

fn draw(found: &Assessment, ranked: &RankedMethods) -> Result<String> {
    let ranks = &ranked.ranks;
    let order = ranks.order();
    let names: Vec<String> = (order.iter())
        .map(|k| format!("{}  {}", found.methods[ranked.methods[*k]], fixed(ranks.means[*k], 2)))
        .collect();
    let widest = names.iter().map(|n| text::width(n, FONT_SIZE)).fold(0.0, f64::max);
    let side = (widest + 16.0).min(0.35 * WIDTH);
    let line = Line { left: side, right: WIDTH - side, highest: order.len() as f64 };
    let groups = ranks.groups();
    let first_name = AXIS_AT + 14.0 + BAR * groups.len() as f64 + 12.0;
    let left_count = order.len().div_ceil(2);
    let height = first_name + LINE * left_count as f64;
    canvas::draw((WIDTH, height), "Mean ranks and their critical difference", |canvas| {
        scale(canvas, &line)?;
        if let Some(critical) = ranks.critical_difference {
            critical_bar(canvas, &line, critical)?;
        }
        for (k, (first, last)) in groups.iter().enumerate() {
            let y = AXIS_AT + 12.0 + BAR * k as f64;
            let ends = [line.x(ranks.means[order[*first]]) - 4.0, line.x(ranks.means[order[*last]]) + 4.0];
            canvas.line(&ends.map(|x| (x, y)), Stroke::solid(VERMILLION, 3.5))?;
        }
        for (place, name) in names.iter().enumerate() {
            let (is_left, row) =
                if place < left_count { (true, place) } else { (false, order.len() - 1 - place) };
            let (x, y) = (line.x(ranks.means[order[place]]), first_name + LINE * row as f64);
            let edge = if is_left { side - 8.0 } else { WIDTH - side + 8.0 };
            canvas.line(&[(x, AXIS_AT), (x, y), (edge, y)], Stroke::solid(INK, 1.1))?;
            let (at, anchor) = if is_left { (edge - 5.0, Anchor::End) } else { (edge + 5.0, Anchor::Start) };
            let room = side - 8.0 - 5.0 - MARGIN;
            canvas.text((at, y), &text::fit(name, FONT_SIZE, room), FONT_SIZE, INK, anchor)?;
        }
        Ok(())
    })
}

/// The axis with a tick at each whole rank.
fn scale(canvas: &Canvas<'_>, line: &Line) -> Result<()> {
    let axis = Stroke::solid(AXIS, 1.2);
    canvas.line(&[(line.left, AXIS_AT), (line.right, AXIS_AT)], axis)?;
    for rank in 1..=line.highest as usize {
        let x = line.x(rank as f64);
        canvas.line(&[(x, AXIS_AT - 6.0), (x, AXIS_AT)], axis)?;
        canvas.text((x, AXIS_AT - 15.0), &rank.to_string(), TICK_SIZE, TEXT, Anchor::Middle)?;
    }
    let name = "mean rank (1 is best)";
    canvas.text((MARGIN, AXIS_AT - 34.0 - 20.0), name, FONT_SIZE, INK, Anchor::Start)
}

/// How far apart two mean ranks must be.
fn critical_bar(canvas: &Canvas<'_>, line: &Line, critical: f64) -> Result<()> {
    let (y, start) = (AXIS_AT - 36.0, line.left);
    let end = line.x(1.0 + critical).min(WIDTH - MARGIN - 2.0);
    let stroke = Stroke::solid(INK, 1.4);
    canvas.line(&[(start, y), (end, y)], stroke)?;
    for x in [start, end] {
        canvas.line(&[(x, y - 4.0), (x, y + 4.0)], stroke)?;
    }
    let label = format!("critical difference {}", fixed(critical, 2));
    let width = text::width(&label, TICK_SIZE);
    if end + 8.0 + width < WIDTH {
        canvas.text((end + 8.0, y), &label, TICK_SIZE, INK, Anchor::Start)
    } else {
        canvas.text((end, y - 12.0), &label, TICK_SIZE, INK, Anchor::End)
    }
}

/// How to read the figure.
pub fn caption(found: &Assessment) -> String {
    let Some(ranked) = &found.ranks else { return missing(found) };
    let ranks = &ranked.ranks;
    let verdict = if ranks.p_value < 0.05 {
        "the methods are not all alike"
    } else {
        "which does not tell the methods apart, whatever the bars say"
    };
    let left_out = found.methods.len() - ranked.methods.len();
    let without = match left_out {
        0 => String::new(),
        1 => " One method that most tables lack is left out.".to_owned(),
        n => format!(" {n} methods that most tables lack are left out."),
    };
    format!(
        "Each method stands at its mean rank by test log-likelihood over {} tables. A bar joins methods whose ranks do not \
         differ by the critical difference (Nemenyi's test at the 5 % level). Friedman's test, as corrected by Iman and \
         Davenport, has F = {} and p {}: {verdict}.{without}",
        ranks.tables,
        if ranks.f_statistic.is_finite() { fixed(ranks.f_statistic, 2) } else { "∞".into() },
        if ranks.p_value < 1e-4 { "< 0.0001".to_owned() } else { format!("= {}", fixed(ranks.p_value, 4)) },
    )
}

/// Why there is no figure.
fn missing(found: &Assessment) -> String {
    format!(
        "Ranks need at least two tables on which at least three methods have results; here {} and {}.",
        super::super::number::counted(found.tables.len(), "table"),
        super::super::number::counted(found.methods.len(), "method")
    )
}
