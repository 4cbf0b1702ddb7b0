//! A legend in rows above the plot, where it covers no data.

use super::canvas::{Anchor, Canvas, Stroke};
use super::style::{FONT_SIZE, MARGIN, TEXT};
use super::text;
use crate::Result;
use plotters::style::RGBColor;

/// What stands before an entry's text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Line(Stroke),
    Band(RGBColor, f64),
    /// A band with a line through it.
    BandLine(RGBColor, f64, Stroke),
    Dot(RGBColor, f64),
    Ring(Stroke),
}

const MARK: f64 = 22.0;
const BETWEEN: f64 = 16.0;
const ROW: f64 = FONT_SIZE * 1.55;

/// Where each entry stands in a figure of that width, from its top, and the text that fits there.
fn placed(width: f64, entries: &[(Mark, String)]) -> Vec<(f64, f64, String)> {
    let (mut x, mut y) = (MARGIN, ROW * 0.5);
    let mut places = Vec::with_capacity(entries.len());
    for (_, label) in entries {
        let label = text::fit(label, FONT_SIZE, width - MARK - 14.0);
        let needed = MARK + 6.0 + text::width(&label, FONT_SIZE);
        if x > MARGIN && x + needed > width - MARGIN {
            x = MARGIN;
            y += ROW;
        }
        places.push((x, y, label));
        x += needed + BETWEEN;
    }
    places
}

/// How high the entries stand in a figure of that width.
pub(super) fn height(width: f64, entries: &[(Mark, String)]) -> f64 {
    placed(width, entries).last().map_or(0.0, |(_, y, _)| y + ROW * 0.6)
}

/// Draws the entries from `top` downwards and returns where they end.
pub(super) fn draw(canvas: &Canvas<'_>, width: f64, top: f64, entries: &[(Mark, String)]) -> Result<f64> {
    for ((mark, _), (x, y, label)) in entries.iter().zip(placed(width, entries)) {
        swatch(canvas, *mark, x, top + y)?;
        canvas.text((x + MARK + 6.0, top + y), &label, FONT_SIZE, TEXT, Anchor::Start)?;
    }
    Ok(top + height(width, entries))
}

fn swatch(canvas: &Canvas<'_>, mark: Mark, x: f64, y: f64) -> Result<()> {
    let line = [(x, y), (x + MARK, y)];
    let centre = (x + MARK / 2.0, y);
    match mark {
        Mark::Line(stroke) => canvas.line(&line, stroke),
        Mark::Band(colour, opacity) => canvas.rectangle((x, y - 5.0), (x + MARK, y + 5.0), colour, opacity),
        Mark::BandLine(colour, opacity, stroke) => {
            canvas.rectangle((x, y - 5.0), (x + MARK, y + 5.0), colour, opacity)?;
            canvas.line(&line, stroke)
        }
        Mark::Dot(colour, opacity) => canvas.dot(centre, 3.5, colour, opacity),
        Mark::Ring(stroke) => canvas.ring(centre, 3.5, stroke),
    }
}
