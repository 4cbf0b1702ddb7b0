//! A drawing surface in px, on the SVG backend of plotters.
//!
//! That backend rounds coordinates to integers. A tenth of a px is its unit here, and the view box scales
//! back, so that curves are smooth and strokes may be 1.4 px wide.

use super::style::FONT;
use super::text;
use crate::{Error, Result};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle};

/// Units of the backend in a px.
const UNITS: f64 = 10.0;

/// A point in px from the upper left corner.
pub(super) type Point = (f64, f64);

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub colour: RGBColor,
    pub opacity: f64,
    pub width: f64,
    /// Length of dashes and of the gaps between them; none for a solid line.
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    pub fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour, opacity: 1.0, width, dash: None }
    }

    pub fn dashed(colour: RGBColor, width: f64) -> Self {
        Self { dash: Some((5.0, 3.5)), ..Self::solid(colour, width) }
    }

    pub fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

/// Which part of a text its position is, horizontally; vertically it is always the middle.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A surface to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws a figure of that size (px) and gives it back as SVG. `title` describes it to screen readers.
pub(super) fn draw(
    size: (f64, f64),
    title: &str,
    figure: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<String> {
    let mut buffer = String::new();
    let units = ((size.0 * UNITS) as u32, (size.1 * UNITS) as u32);
    {
        let area = SVGBackend::with_string(&mut buffer, units).into_drawing_area();
        let canvas = Canvas { area };
        figure(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    let body = buffer.split_once('>').map_or("", |(_, body)| body);
    let title = text::escape(title);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {} {}\">\n<title>{title}</title>{body}",
        size.0, size.1, units.0, units.1
    ))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("a figure could not be drawn: {error}"))
}

fn units(point: Point) -> (i32, i32) {
    ((point.0 * UNITS).round() as i32, (point.1 * UNITS).round() as i32)
}

impl Canvas<'_> {
    /// A part of this surface, with its own upper left corner: one panel of many.
    pub fn part(&self, corner: Point, size: (f64, f64)) -> Self {
        Self { area: self.area.clone().shrink(units(corner), units(size)) }
    }

    pub fn line(&self, points: &[Point], stroke: Stroke) -> Result<()> {
        if points.len() < 2 {
            return Ok(());
        }
        let pieces = match stroke.dash {
            Some((dash, gap)) => dashes(points, dash, gap),
            None => vec![points.to_vec()],
        };
        let style =
            ShapeStyle::from(stroke.colour.mix(stroke.opacity)).stroke_width((stroke.width * UNITS) as u32);
        for piece in pieces {
            let path: Vec<(i32, i32)> = piece.into_iter().map(units).collect();
            self.area.draw(&PathElement::new(path, style)).map_err(failed)?;
        }
        Ok(())
    }

    pub fn polygon(&self, points: &[Point], colour: RGBColor, opacity: f64) -> Result<()> {
        if points.len() < 3 {
            return Ok(());
        }
        let path: Vec<(i32, i32)> = points.iter().copied().map(units).collect();
        self.area.draw(&Polygon::new(path, colour.mix(opacity))).map_err(failed)
    }

    pub fn rectangle(&self, corner: Point, opposite: Point, colour: RGBColor, opacity: f64) -> Result<()> {
        let corners = [
            units((corner.0.min(opposite.0), corner.1.min(opposite.1))),
            units((corner.0.max(opposite.0), corner.1.max(opposite.1))),
        ];
        self.area.draw(&Rectangle::new(corners, colour.mix(opacity).filled())).map_err(failed)
    }

    pub fn dot(&self, centre: Point, radius: f64, colour: RGBColor, opacity: f64) -> Result<()> {
        let radius = (radius * UNITS).round() as i32;
        self.area.draw(&Circle::new(units(centre), radius, colour.mix(opacity).filled())).map_err(failed)
    }

    pub fn ring(&self, centre: Point, radius: f64, stroke: Stroke) -> Result<()> {
        let radius = (radius * UNITS).round() as i32;
        let style =
            ShapeStyle::from(stroke.colour.mix(stroke.opacity)).stroke_width((stroke.width * UNITS) as u32);
        self.area.draw(&Circle::new(units(centre), radius, style)).map_err(failed)
    }

    /// An arrow as wide as the stroke, whose head is up to that long (px).
    pub fn arrow(&self, from: Point, to: Point, head: f64, stroke: Stroke) -> Result<()> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if !(length > 0.0 && length.is_finite()) {
            return Ok(());
        }
        let (ux, uy) = (dx / length, dy / length);
        let head = head.min(0.6 * length);
        let neck = (to.0 - head * ux, to.1 - head * uy);
        let beside = |at: Point, off: f64| (at.0 - off * uy, at.1 + off * ux);
        let (half, wing) = (0.5 * stroke.width.min(0.5 * head), 0.42 * head);
        let outline = [
            beside(from, half),
            beside(neck, half),
            beside(neck, wing),
            to,
            beside(neck, -wing),
            beside(neck, -half),
            beside(from, -half),
        ];
        self.polygon(&outline, stroke.colour, stroke.opacity)
    }

    pub fn text(&self, at: Point, text: &str, size: f64, colour: RGBColor, anchor: Anchor) -> Result<()> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend divides font sizes by 1.24 to turn line heights into em.
        let style =
            (FONT, size * UNITS * 1.24).into_font().color(&colour).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), units(at), style)).map_err(failed)
    }
}

/// A polyline cut into dashes by arc length.
fn dashes(points: &[Point], dash: f64, gap: f64) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let mut inked = true;
    let mut left = dash;
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if !length.is_finite() || length < left {
                left -= if length.is_finite() { length } else { 0.0 };
                if inked {
                    piece.push(to);
                }
                break;
            }
            let t = left / length;
            from = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            if inked {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            inked = !inked;
            left = if inked { dash } else { gap };
        }
    }
    if inked && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_the_line_from_its_start() {
        let pieces = dashes(&[(0.0, 0.0), (4.0, 0.0), (9.0, 0.0)], 3.0, 2.0);
        let ends: Vec<(f64, f64)> =
            pieces.iter().map(|p| (p[0].0, p.last().map_or(f64::NAN, |q| q.0))).collect();
        assert_eq!(ends, vec![(0.0, 3.0), (5.0, 8.0)]);
    }

    #[test]
    fn a_figure_has_a_title_and_one_root() {
        let svg = draw((100.0, 50.0), "a < b", |c| c.dot((5.0, 5.0), 2.0, RGBColor(0, 0, 0), 1.0)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("<title>a &lt; b</title>") && svg.contains("viewBox=\"0 0 1000 500\""));
        assert_eq!(svg.matches("<svg").count(), 1);
    }
}
