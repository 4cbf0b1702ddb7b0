//! A mark for each class, told apart by shape and fill.

use crate::Result;
use crate::report::canvas::{Anchor, Canvas, Point};
use crate::report::style::{FONT_SIZE, INK, MARGIN, TEXT};
use crate::report::text;
use plotters::style::RGBColor;
use std::f64::consts::{PI, TAU};

const WHITE: RGBColor = RGBColor(255, 255, 255);
/// Shapes, each of which comes filled and hollow.
const SHAPES: usize = 6;
/// Classes with a mark of their own; further ones share one.
pub(super) const MARKS: usize = 2 * SHAPES;
const ROW: f64 = FONT_SIZE * 1.55;

/// Draws the mark of a class.
pub(super) fn draw(canvas: &Canvas<'_>, at: Point, radius: f64, class: usize) -> Result<()> {
    let class = class.min(MARKS - 1);
    // Neighbours differ in fill, then in shape: the first two are a ring and a dot.
    let (shape, filled) = (class / 2, class % 2 == 1);
    let (inner, outer) = if filled { (INK, WHITE) } else { (WHITE, INK) };
    if shape == 0 {
        canvas.dot(at, radius + 1.1, outer, 0.95)?;
        return canvas.dot(at, radius, inner, 1.0);
    }
    canvas.polygon(&outline(shape, at, radius + 1.6), outer, 0.95)?;
    canvas.polygon(&outline(shape, at, radius), inner, 1.0)
}

fn outline(shape: usize, at: Point, radius: f64) -> Vec<Point> {
    if shape == 5 {
        return cross(at, radius);
    }
    // Corners, the first one's direction, size: shapes look equally large where their areas are.
    let (corners, turn, size) = match shape {
        1 => (4, PI / 4.0, 1.25),
        2 => (3, -PI / 2.0, 1.45),
        3 => (4, 0.0, 1.3),
        _ => (3, PI / 2.0, 1.45),
    };
    (0..corners)
        .map(|k| turn + TAU * f64::from(k) / f64::from(corners))
        .map(|angle| (at.0 + size * radius * angle.cos(), at.1 + size * radius * angle.sin()))
        .collect()
}

/// An upright cross with arms a third as wide as the whole.
fn cross(at: Point, radius: f64) -> Vec<Point> {
    let (long, short) = (1.3 * radius, 0.43 * radius);
    let arm = [(short, -long), (short, -short), (long, -short)];
    // A quarter turn takes one arm to the next.
    let quarters: [fn(Point) -> Point; 4] = [|p| p, |p| (-p.1, p.0), |p| (-p.0, -p.1), |p| (p.1, -p.0)];
    quarters.iter().flat_map(|turn| arm.map(turn).map(|p| (at.0 + p.0, at.1 + p.1))).collect()
}

/// A legend of marks from `top` downwards; returns where it ends.
pub(super) fn legend(canvas: &Canvas<'_>, width: f64, top: f64, names: &[String]) -> Result<f64> {
    let (mut x, mut y) = (MARGIN, top + ROW * 0.5);
    let classes = names.len().min(MARKS);
    for (class, name) in names.iter().enumerate().take(MARKS) {
        let name = if class + 1 == classes && names.len() > MARKS { "others" } else { name };
        let name = text::fit(name, FONT_SIZE, width - 40.0);
        let needed = 18.0 + text::width(&name, FONT_SIZE);
        if x > MARGIN && x + needed > width - MARGIN {
            x = MARGIN;
            y += ROW;
        }
        draw(canvas, (x + 7.0, y), 3.6, class)?;
        canvas.text((x + 18.0, y), &name, FONT_SIZE, TEXT, Anchor::Start)?;
        x += needed + 16.0;
    }
    Ok(y + ROW * 0.6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_centred_on_their_point() {
        for shape in 1..SHAPES {
            let corners = outline(shape, (10.0, 20.0), 3.0);
            let n = corners.len() as f64;
            let middle = corners.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
            assert!((middle.0 - 10.0).abs() < 1e-9 && (middle.1 - 20.0).abs() < 1e-9, "{shape}");
        }
        assert_eq!(cross((0.0, 0.0), 1.0).len(), 12);
    }
}
