//! A plotting region with its axes: where data become px.

use super::axis::{Scale, Ticks};
use super::canvas::{Anchor, Canvas, Point, Stroke};
use super::style::{AXIS, FONT_SIZE, GRID, INK, LINE, MARGIN, TEXT, TICK_SIZE};
use super::text;
use crate::Result;

/// An axis before it has a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis<'a> {
    /// Shown next to the axis; cut in the middle when it does not fit.
    pub name: &'a str,
    pub scale: Scale,
    /// Whether ticks and grid lines are drawn.
    pub ticks: bool,
    /// Lines kept free for the name of a horizontal axis; a longer name is cut in its middle.
    pub lines: usize,
    /// Ticks at these values only.
    pub only: Option<&'a [f64]>,
}

impl<'a> Axis<'a> {
    pub fn new(name: &'a str, scale: Scale) -> Self {
        Self { name, scale, ticks: true, lines: 1, only: None }
    }

    pub fn bare(scale: Scale) -> Self {
        Self { name: "", scale, ticks: false, lines: 0, only: None }
    }
}

/// A plotting region with its axes.
pub(super) struct Frame<'c, 'b> {
    canvas: &'c Canvas<'b>,
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

const GAP: f64 = 7.0;

/// Where a figure of some size has room for its plotting region, in px, and the ticks that fit there.
struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Ticks,
    y_ticks: Ticks,
}

impl Place {
    fn new(size: (f64, f64), top: f64, x: Axis<'_>, y: Axis<'_>) -> Self {
        let line = FONT_SIZE * LINE;
        let upper = if y.name.is_empty() { top + 4.0 } else { top + line + 9.0 };
        let below = if x.ticks { TICK_SIZE * 1.4 + GAP } else { 2.0 };
        let lines = if x.name.is_empty() { 0.0 } else { x.lines as f64 };
        let bottom = size.1 - MARGIN - below - lines * line;
        let y_ticks = vertical_ticks(y, bottom - upper);
        let labels = if y.ticks { y_ticks.label_width(TICK_SIZE) + GAP } else { 0.0 };
        // Labels at the ends of the horizontal axis stick out by half their width at most.
        let guess = horizontal_ticks(x, size.0 - labels - 2.0 * MARGIN);
        let overhang = if x.ticks { guess.label_width(TICK_SIZE) / 2.0 } else { 0.0 };
        let left = MARGIN + labels.max(overhang);
        let right = size.0 - MARGIN - overhang.max(4.0);
        let x_ticks = horizontal_ticks(x, right - left);
        Self { left, right, top: upper, bottom, x_ticks, y_ticks }
    }
}

impl<'c, 'b> Frame<'c, 'b> {
    /// Draws axes, ticks and grid into a figure of that size, below `top`. The name of the vertical axis stands
    /// upright above its upper end, where long names have room.
    pub fn draw(
        canvas: &'c Canvas<'b>,
        size: (f64, f64),
        top: f64,
        x: Axis<'_>,
        y: Axis<'_>,
    ) -> Result<Self> {
        let Place { left, right, top: plot_top, bottom, x_ticks, y_ticks } = Place::new(size, top, x, y);
        let frame = Self { canvas, x: x.scale, y: y.scale, left, right, top: plot_top, bottom };
        frame.grid(x, &x_ticks, y, &y_ticks)?;
        frame.names(size, top, x, &x_ticks, y, &y_ticks)?;
        Ok(frame)
    }

    /// The size of a figure whose region has these sides (px).
    pub fn size_around(region: (f64, f64), top: f64, x: Axis<'_>, y: Axis<'_>) -> (f64, f64) {
        // Margins depend on labels only, and these on the sides of the region: a second look settles both.
        let mut size = (region.0 + 60.0, region.1 + top + 60.0);
        for _ in 0..2 {
            let place = Place::new(size, top, x, y);
            size.0 += region.0 - (place.right - place.left);
            size.1 += region.1 - (place.bottom - place.top);
        }
        size
    }

    fn grid(&self, x: Axis<'_>, x_ticks: &Ticks, y: Axis<'_>, y_ticks: &Ticks) -> Result<()> {
        let faint = Stroke::solid(GRID, 1.0);
        let axis = Stroke::solid(AXIS, 1.0);
        if y.ticks {
            for (value, label) in y_ticks.at.iter().zip(&y_ticks.labels) {
                let py = self.y(*value);
                self.canvas.line(&[(self.left, py), (self.right, py)], faint)?;
                self.canvas.text((self.left - GAP + 1.0, py), label, TICK_SIZE, TEXT, Anchor::End)?;
            }
        }
        if x.ticks {
            for (value, label) in x_ticks.at.iter().zip(&x_ticks.labels) {
                let px = self.x(*value);
                if y.ticks {
                    self.canvas.line(&[(px, self.top), (px, self.bottom)], faint)?;
                }
                self.canvas.line(&[(px, self.bottom), (px, self.bottom + 4.0)], axis)?;
                let below = self.bottom + GAP + TICK_SIZE * 0.5;
                self.canvas.text((px, below), label, TICK_SIZE, TEXT, Anchor::Middle)?;
            }
        }
        self.canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], axis)
    }

    fn names(
        &self,
        size: (f64, f64),
        top: f64,
        x: Axis<'_>,
        x_ticks: &Ticks,
        y: Axis<'_>,
        y_ticks: &Ticks,
    ) -> Result<()> {
        let room = size.0 - 2.0 * MARGIN;
        if !y.name.is_empty() {
            let name = named(y.name, &y_ticks.unit, room);
            let at = (MARGIN, top + FONT_SIZE * LINE / 2.0);
            self.canvas.text(at, &name, FONT_SIZE, INK, Anchor::Start)?;
        }
        if x.name.is_empty() {
            return Ok(());
        }
        let lines = if x.lines > 1 {
            text::wrap(&format!("{}{}", x.name, x_ticks.unit), FONT_SIZE, room)
        } else {
            vec![named(x.name, &x_ticks.unit, room)]
        };
        let line = FONT_SIZE * LINE;
        let mut y = size.1 - MARGIN - x.lines as f64 * line + line / 2.0;
        for name in lines {
            // Centred under the axis where it fits there, else moved so that nothing is cut off.
            let half = text::width(&name, FONT_SIZE) / 2.0;
            let centre = ((self.left + self.right) / 2.0).min(size.0 - MARGIN - half).max(MARGIN + half);
            self.canvas.text((centre, y), &name, FONT_SIZE, INK, Anchor::Middle)?;
            y += line;
        }
        Ok(())
    }

    /// Horizontal px of a value.
    pub fn x(&self, value: f64) -> f64 {
        self.left + self.x.position(value) * (self.right - self.left)
    }

    /// Vertical px of a value.
    pub fn y(&self, value: f64) -> f64 {
        self.bottom - self.y.position(value) * (self.bottom - self.top)
    }

    /// Lower edge of the region in px.
    pub fn bottom(&self) -> f64 {
        self.bottom
    }

    /// Upper edge of the region in px.
    pub fn top(&self) -> f64 {
        self.top
    }

    /// Px of a point.
    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.x(x), self.y(y))
    }

    /// Whether the region shows the point.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.x.contains(x) && self.y.contains(y)
    }

    /// A curve, cut off at the edges and interrupted where a value is not finite.
    pub fn curve(&self, points: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) -> Result<()> {
        let pixels: Vec<Point> = points.into_iter().map(|(x, y)| self.at(x, y)).collect();
        let mut run: Vec<Point> = Vec::new();
        for ends in pixels.windows(2) {
            let Some((a, b)) = self.clip(ends[0], ends[1]) else {
                self.canvas.line(&std::mem::take(&mut run), stroke)?;
                continue;
            };
            if run.last() != Some(&a) {
                self.canvas.line(&std::mem::take(&mut run), stroke)?;
                run.push(a);
            }
            run.push(b);
        }
        self.canvas.line(&run, stroke)
    }

    /// The part of a segment inside the region (Liang and Barsky 1984).
    fn clip(&self, a: Point, b: Point) -> Option<(Point, Point)> {
        let d = (b.0 - a.0, b.1 - a.1);
        if !(a.0.is_finite() && a.1.is_finite() && d.0.is_finite() && d.1.is_finite()) {
            return None;
        }
        let (mut enter, mut leave): (f64, f64) = (0.0, 1.0);
        let edges = [
            (-d.0, a.0 - self.left),
            (d.0, self.right - a.0),
            (-d.1, a.1 - self.top),
            (d.1, self.bottom - a.1),
        ];
        for (p, q) in edges {
            if p == 0.0 {
                if q < -1e-6 {
                    return None;
                }
            } else if p < 0.0 {
                enter = enter.max(q / p);
            } else {
                leave = leave.min(q / p);
            }
        }
        let point = |t: f64| {
            if t == 0.0 {
                a
            } else if t == 1.0 {
                b
            } else {
                (a.0 + t * d.0, a.1 + t * d.1)
            }
        };
        (enter <= leave).then(|| (point(enter), point(leave)))
    }

    /// The region between two curves given as (x, low, high), in runs where all three are finite.
    pub fn band(
        &self,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
        colour: plotters::style::RGBColor,
        opacity: f64,
    ) -> Result<()> {
        let mut lower: Vec<Point> = Vec::new();
        let mut upper: Vec<Point> = Vec::new();
        let fill = |lower: &mut Vec<Point>, upper: &mut Vec<Point>| {
            let outline: Vec<Point> = lower.drain(..).chain(upper.drain(..).rev()).collect();
            self.canvas.polygon(&outline, colour, opacity)
        };
        for (x, low, high) in points {
            let (px, l, h) = (self.x(x), self.y(low), self.y(high));
            if px.is_finite() && l.is_finite() && h.is_finite() {
                let px = px.clamp(self.left, self.right);
                lower.push((px, l.clamp(self.top, self.bottom)));
                upper.push((px, h.clamp(self.top, self.bottom)));
            } else {
                fill(&mut lower, &mut upper)?;
            }
        }
        fill(&mut lower, &mut upper)
    }

    /// Ticks of that height (px) that stand on the horizontal axis; of many, evenly spaced order statistics.
    pub fn rug(&self, values: &[f64], most: usize, height: f64, stroke: Stroke) -> Result<()> {
        self.ticks_at(values, most, (self.bottom - 1.0, self.bottom - 1.0 - height), stroke)
    }

    /// The same hanging from the upper edge.
    pub fn rug_above(&self, values: &[f64], most: usize, height: f64, stroke: Stroke) -> Result<()> {
        self.ticks_at(values, most, (self.top + 1.0, self.top + 1.0 + height), stroke)
    }

    fn ticks_at(&self, values: &[f64], most: usize, ends: (f64, f64), stroke: Stroke) -> Result<()> {
        let mut shown: Vec<f64> = values.iter().copied().filter(|v| self.x.contains(*v)).collect();
        shown.sort_by(f64::total_cmp);
        for value in thinned(&shown, most) {
            let px = self.x(*value);
            self.canvas.line(&[(px, ends.0), (px, ends.1)], stroke)?;
        }
        Ok(())
    }
}

/// At most `most` of the items, evenly spaced, first and last among them.
pub(super) fn thinned<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let n = items.len();
    let shown = n.min(most);
    (0..shown).map(move |i| if shown < 2 { &items[0] } else { &items[i * (n - 1) / (shown - 1)] })
}

fn named(name: &str, unit: &str, room: f64) -> String {
    let unit_width = text::width(unit, FONT_SIZE);
    format!("{}{unit}", text::fit(name, FONT_SIZE, (room - unit_width).max(0.0)))
}

fn horizontal_ticks(axis: Axis<'_>, length: f64) -> Ticks {
    if !axis.ticks {
        return Ticks::default();
    }
    let fits = |t: &Ticks| {
        t.at.windows(2).zip(t.labels.windows(2)).all(|(at, labels)| {
            let gap = (axis.scale.position(at[1]) - axis.scale.position(at[0])) * length;
            gap >= (text::width(&labels[0], TICK_SIZE) + text::width(&labels[1], TICK_SIZE)) / 2.0 + 10.0
        })
    };
    // Values such as standardised codes have labels too long to stand side by side.
    let only = axis.only.map(|values| Ticks::at_values(values.to_vec()));
    only.filter(|t| fits(t)).unwrap_or_else(|| axis.scale.ticks(9, fits))
}

fn vertical_ticks(axis: Axis<'_>, length: f64) -> Ticks {
    if !axis.ticks {
        return Ticks::default();
    }
    let most = if length > 300.0 { 9 } else { 7 };
    axis.scale.ticks(most, |t| {
        t.at.windows(2)
            .all(|at| (axis.scale.position(at[1]) - axis.scale.position(at[0])) * length >= TICK_SIZE * 2.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        let items: Vec<usize> = (0..1000).collect();
        let kept: Vec<usize> = thinned(&items, 5).copied().collect();
        assert_eq!((kept[0], kept[4], kept.len()), (0, 999, 5));
        assert_eq!(thinned(&items[..2], 5).count(), 2);
        assert_eq!(thinned(&items[..0], 5).count(), 0);
    }
}
