//! What attracts and what repels: the two parts of the Stein force as arrows.
//!
//! φ(x) = 1/J Σ_j k(z_j, x) ∇log p(z_j) + 1/J Σ_j ∇_{z_j} k(z_j, x) (Liu & Wang 2016, eq. 8). Repulsion is often so
//! much weaker that one scale for both shows nothing of it, and a scale of its own hides how weak it is: so both.

use super::landscape::Landscape;
use super::plane::{Detail, Plane, heading, heading_height, panel_size};
use crate::report::canvas::{self, Canvas, Stroke};
use crate::report::number;
use crate::report::style::{BLUE, INK, VERMILLION};
use crate::stein::Cloud;
use crate::{Error, Result};
use plotters::style::RGBColor;

/// Arrows across a panel.
const ACROSS: usize = 15;
/// The longest arrow in distances between arrows.
const LONGEST: f64 = 1.35;
/// Arrows shorter than this (px) are left out.
const SHORTEST: f64 = 1.5;
/// Arrows shorter than this (px) are no more than specks.
const VISIBLE: f64 = 3.0;
const PANEL: f64 = 380.0;
const GAP: f64 = 14.0;

/// The force of a cloud on a grid of points.
#[derive(Debug, Clone)]
pub struct ForceField {
    /// The particles that exert it.
    pub particles: Cloud,
    /// Where it is known.
    pub at: Cloud,
    /// 1/J Σ_j k(z_j, x) g_j at those points.
    pub attraction: Cloud,
    /// 1/J Σ_j ∇_{z_j} k(z_j, x) at those points.
    pub repulsion: Cloud,
}

impl ForceField {
    /// Points on a square grid that covers the window: where to evaluate a force that is to be drawn.
    pub fn grid(window: [(f64, f64); 2]) -> Cloud {
        let [(left, right), (low, high)] = window;
        let across = (right - left) / ACROSS as f64;
        let aspect = ((high - low) / (right - left)).clamp(0.75, 1.15);
        let rows = (ACROSS as f64 * aspect).round().max(1.0) as usize;
        let up = (high - low) / rows as f64;
        let points: Vec<[f64; 2]> = (0..rows * ACROSS)
            .map(|k| (k % ACROSS, k / ACROSS))
            .map(|(i, j)| [left + (i as f64 + 0.5) * across, low + (j as f64 + 0.5) * up])
            .collect();
        Cloud::from_points(2, points.iter().map(<[f64; 2]>::as_slice))
    }
}

/// Attraction and repulsion, each on its own scale (above) and both on a common one (below).
///
/// # Errors
/// [`Error::Shape`] where the field's clouds differ in size; [`Error::Invalid`] where the figure cannot be drawn.
pub fn svg(landscape: &Landscape, field: &ForceField) -> Result<String> {
    let size = (2.0 * PANEL + GAP, height(landscape, PANEL, 2));
    canvas::draw(size, "Attraction and repulsion", |canvas| panels(canvas, PANEL, 2, landscape, field))
}

/// Height in px of the four panels in that many columns.
pub(super) fn height(landscape: &Landscape, width: f64, columns: usize) -> f64 {
    (4 / columns) as f64 * (panel_height(landscape, width) + GAP) - GAP
}

fn panel_height(landscape: &Landscape, width: f64) -> f64 {
    panel_size(landscape, width, Detail::Bare).1 + heading_height(2)
}

pub(super) fn panels(
    canvas: &Canvas<'_>,
    width: f64,
    columns: usize,
    landscape: &Landscape,
    field: &ForceField,
) -> Result<()> {
    for (what, cloud) in
        [("attraction at points", &field.attraction), ("repulsion at points", &field.repulsion)]
    {
        if cloud.count() != field.at.count() {
            return Err(Error::Shape { what, expected: field.at.count(), found: cloud.count() });
        }
    }
    let size = (width, panel_height(landscape, width));
    let parts = [("Attraction", &field.attraction, BLUE), ("Repulsion", &field.repulsion, VERMILLION)];
    let common = longest(&field.attraction).max(longest(&field.repulsion));
    for (row, scale) in ["own scale", "common scale"].into_iter().enumerate() {
        for (column, (name, vectors, colour)) in parts.into_iter().enumerate() {
            let place = 2 * row + column;
            let corner =
                ((place % columns) as f64 * (size.0 + GAP), (place / columns) as f64 * (size.1 + GAP));
            let most = if row == 0 { longest(vectors) } else { common };
            let note = note(longest(vectors), LONGEST * width / ACROSS as f64 / most);
            let part = canvas.part(corner, size);
            let top = heading(&part, size.0, &format!("{name}, {scale}"), &[note])?;
            let plane = Plane::draw(&part, size, top, landscape, Detail::Bare)?;
            plane.dots(&field.particles, 2.0, INK)?;
            arrows(&plane, field, vectors, most, colour)?;
        }
    }
    Ok(())
}

/// What to say of the longest arrow, drawn with that many px a unit.
fn note(longest: f64, scale: f64) -> String {
    let length = number::significant(longest, 3);
    if longest == 0.0 {
        "zero everywhere".to_owned()
    } else if longest * scale < VISIBLE {
        format!("longest: {length}, too short to see")
    } else {
        format!("longest arrow: {length}")
    }
}

/// Length of the longest vector.
fn longest(vectors: &Cloud) -> f64 {
    vectors.points().map(|v| v[0].hypot(v[1])).filter(|l| l.is_finite()).fold(0.0, f64::max)
}

/// Arrows centred on their points, so that neighbours meet half way; `most` is drawn at full length. They
/// point along the force where the panel is true to scale, and follow the panel's own scale where it is not.
fn arrows(
    plane: &Plane<'_, '_>,
    field: &ForceField,
    vectors: &Cloud,
    most: f64,
    colour: RGBColor,
) -> Result<()> {
    if most <= 0.0 {
        return Ok(());
    }
    let frame = &plane.frame;
    let (unit_x, unit_y) = (frame.x(1.0) - frame.x(0.0), frame.y(1.0) - frame.y(0.0));
    let spacing = match (field.at.points().next(), field.at.points().nth(1)) {
        (Some(a), Some(b)) => (frame.x(b[0]) - frame.x(a[0])).abs(),
        _ => return Ok(()),
    };
    // The longest arrow has its full length in whatever direction it points.
    let scale = LONGEST * spacing / (most * unit_x.abs().max(unit_y.abs()));
    let stroke = Stroke::solid(colour, 1.2);
    for (at, v) in field.at.points().zip(vectors.points()) {
        let (x, y) = frame.at(at[0], at[1]);
        let (dx, dy) = (0.5 * scale * v[0] * unit_x, 0.5 * scale * v[1] * unit_y);
        if 2.0 * dx.hypot(dy) >= SHORTEST {
            plane.canvas.arrow((x - dx, y - dy), (x + dx, y + dy), 5.5, stroke)?;
        }
    }
    Ok(())
}

/// How to read the figure.
pub fn caption() -> String {
    "Arrows show what would move a particle that stood there; dots are the particles that exert the force. With their own \
     scales each panel's longest arrow has the same length; with a common scale lengths can be compared between the \
     panels. Arrows too short to be seen are left out."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_lies_inside_the_window_with_equal_gaps() {
        let grid = ForceField::grid([(-3.0, 3.0), (0.0, 6.0)]);
        assert_eq!(grid.count(), ACROSS * ACROSS);
        assert!(grid.points().all(|p| p[0].abs() < 3.0 && p[1] > 0.0 && p[1] < 6.0));
        let gap = grid.point(1)[0] - grid.point(0)[0];
        assert!((grid.point(ACROSS)[1] - grid.point(0)[1] - gap).abs() < 1e-12);
    }
}
