//! One panel: a shaded landscape with its frame, and particles on it.

use super::contours::simplified;
use super::landscape::Landscape;
use crate::Result;
use crate::report::axis::Scale;
use crate::report::canvas::{Anchor, Canvas, Point, Stroke};
use crate::report::frame::{Axis, Frame};
use crate::report::legend::Mark;
use crate::report::style::{AXIS, BLUE, FONT_SIZE, INK, LINE, MARGIN, REFERENCE, TEXT, TICK_SIZE};
use crate::report::text;
use crate::stein::Cloud;
use plotters::style::RGBColor;

/// Each region is shaded by that much over the one around it.
const SHADE: f64 = 0.13;
/// Outlines may be off by this many px.
const TOLERANCE: f64 = 0.15;

/// How much of the axes a panel shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Detail {
    /// Names and ticks.
    Axes,
    /// A frame only.
    Bare,
}

/// A panel to draw on.
pub(super) struct Plane<'c, 'b> {
    pub canvas: &'c Canvas<'b>,
    pub frame: Frame<'c, 'b>,
}

/// Width and height (px) of a panel that shows the plane nearly true to scale: rather off than a sliver.
pub(super) fn panel_size(landscape: &Landscape, width: f64, detail: Detail) -> (f64, f64) {
    let [(left, right), (low, high)] = landscape.window;
    let aspect = ((high - low) / (right - left)).clamp(0.75, 1.15);
    let axes = match detail {
        Detail::Axes => 2.0 * FONT_SIZE * LINE + TICK_SIZE * 1.4,
        Detail::Bare => 8.0,
    };
    (width, (aspect * width + axes).round())
}

/// Heights of a panel's heading with and without a second line.
pub(super) fn heading_height(lines: usize) -> f64 {
    FONT_SIZE * LINE + (lines.saturating_sub(1)) as f64 * TICK_SIZE * LINE + 2.0
}

/// A title, and smaller lines below it, from the upper left corner of a panel. Returns where they end.
pub(super) fn heading(canvas: &Canvas<'_>, width: f64, title: &str, notes: &[String]) -> Result<f64> {
    let room = width - 2.0 * MARGIN;
    let first = FONT_SIZE * LINE;
    canvas.text((MARGIN, 0.5 * first), &text::fit(title, FONT_SIZE, room), FONT_SIZE, INK, Anchor::Start)?;
    for (i, note) in notes.iter().enumerate() {
        let y = first + (i as f64 + 0.5) * TICK_SIZE * LINE;
        canvas.text((MARGIN, y), &text::fit(note, TICK_SIZE, room), TICK_SIZE, TEXT, Anchor::Start)?;
    }
    Ok(heading_height(1 + notes.len()))
}

impl<'c, 'b> Plane<'c, 'b> {
    /// Shades the landscape into a panel of that size, below `top`.
    pub fn draw(
        canvas: &'c Canvas<'b>,
        size: (f64, f64),
        top: f64,
        landscape: &Landscape,
        detail: Detail,
    ) -> Result<Self> {
        let [x, y] = landscape.window.map(|(low, high)| Scale::linear([low, high], 0.0));
        let (x, y) = match detail {
            Detail::Axes => (Axis::new(&landscape.axes[0], x), Axis::new(&landscape.axes[1], y)),
            Detail::Bare => (Axis::bare(x), Axis::bare(y)),
        };
        let frame = Frame::draw(canvas, size, top, x, y)?;
        for outline in landscape.regions().iter().flatten() {
            let pixels: Vec<Point> = outline.iter().map(|(x, y)| frame.at(*x, *y)).collect();
            canvas.polygon(&simplified(&pixels, TOLERANCE), REFERENCE, SHADE)?;
        }
        let [(left, right), (low, high)] = landscape.window;
        let corners = [(left, low), (right, low), (right, high), (left, high), (left, low)];
        canvas.line(&corners.map(|(x, y)| frame.at(x, y)), Stroke::solid(AXIS, 1.0))?;
        Ok(Self { canvas, frame })
    }

    /// Particles as dots with a pale rim, so that those on top of each other are told apart.
    pub fn dots(&self, cloud: &Cloud, radius: f64, colour: RGBColor) -> Result<()> {
        for (x, y) in self.shown(cloud) {
            self.canvas.dot(self.frame.at(x, y), radius + 0.8, RGBColor(255, 255, 255), 0.9)?;
            self.canvas.dot(self.frame.at(x, y), radius, colour, 0.95)?;
        }
        Ok(())
    }

    /// Starts as rings.
    pub fn rings(&self, cloud: &Cloud, radius: f64) -> Result<()> {
        self.shown(cloud).try_for_each(|(x, y)| self.canvas.ring(self.frame.at(x, y), radius, START))
    }

    /// The way of each particle through the clouds.
    pub fn trails(&self, clouds: &[Cloud], stroke: Stroke) -> Result<()> {
        let count = clouds.first().map_or(0, Cloud::count);
        for j in 0..count {
            let way = clouds.iter().filter(|c| j < c.count()).map(|c| c.point(j));
            let pixels: Vec<Point> = way.map(|p| (p[0], p[1])).collect();
            let unit = self.frame.x(1.0) - self.frame.x(0.0);
            let way = simplified(&pixels, 0.3 / unit.abs().max(f64::MIN_POSITIVE));
            self.frame.curve(way, stroke)?;
        }
        Ok(())
    }

    fn shown<'p>(&'p self, cloud: &'p Cloud) -> impl Iterator<Item = (f64, f64)> + 'p {
        cloud.points().map(|p| (p[0], p[1])).filter(|(x, y)| self.frame.contains(*x, *y))
    }
}

/// A particle's start.
const START: Stroke = Stroke { colour: INK, opacity: 0.85, width: 1.1, dash: None };
/// A particle's way.
pub(super) const TRAIL: Stroke = Stroke { colour: BLUE, opacity: 0.55, width: 1.0, dash: None };

/// Legend entries of shading, starts, ways and ends.
pub(super) fn legend_entries(end: &str) -> Vec<(Mark, String)> {
    vec![
        (Mark::Ring(START), "start".to_owned()),
        (Mark::Line(TRAIL), "way".to_owned()),
        (Mark::Dot(BLUE, 0.95), end.to_owned()),
        (Mark::Band(REFERENCE, 0.4), "20, 50, 80, 95, 99\u{a0}% of the mass".to_owned()),
    ]
}
