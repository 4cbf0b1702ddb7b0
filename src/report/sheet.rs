//! A field over a grid of two inputs, as shades and contours in a frame.

use super::axis::Scale;
use super::canvas::{Canvas, Point};
use super::frame::Frame;
use super::ramp::{Ramp, SHADES};
use super::stein::contours::{Grid, simplified};
use crate::Result;

/// Outlines may be off by this many px.
const TOLERANCE: f64 = 0.2;

/// A frame over a grid, whose values are a row of all `x` for each `y`.
pub(super) struct Sheet<'s, 'c, 'b> {
    pub canvas: &'c Canvas<'b>,
    pub frame: Frame<'c, 'b>,
    /// Ascending, two values at least.
    pub x: &'s [f64],
    /// Ascending, two values at least.
    pub y: &'s [f64],
}

impl Sheet<'_, '_, '_> {
    /// Nested regions, each a shade darker than the one around it. What is not a number stays blank.
    pub fn shade(&self, values: &[f64], scale: Scale, ramp: Ramp) -> Result<()> {
        let positions: Vec<f64> = values.iter().map(|v| scale.position(*v)).collect();
        // The lightest shade goes wherever there is a number, as far as the grid's edge.
        let known: Vec<f64> = positions.iter().map(|p| if p.is_nan() { *p } else { 1.0 }).collect();
        for k in 0..SHADES {
            let (values, level) = if k == 0 { (&known, 0.0) } else { (&positions, k as f64 / SHADES as f64) };
            for outline in self.grid(values).regions(level) {
                self.canvas.polygon(&self.pixels(&outline), ramp.shade(k), 1.0)?;
            }
        }
        Ok(())
    }

    /// Where the values cross a level, in px.
    pub fn contours(&self, values: &[f64], level: f64) -> Vec<Vec<Point>> {
        self.grid(values).lines(level).iter().map(|line| self.pixels(line)).collect()
    }

    fn grid<'v>(&self, values: &'v [f64]) -> Grid<'v> {
        Grid { columns: self.x.len(), rows: self.y.len(), values }
    }

    fn pixels(&self, line: &[Point]) -> Vec<Point> {
        let pixels: Vec<Point> =
            line.iter().map(|(i, j)| self.frame.at(between(self.x, *i), between(self.y, *j))).collect();
        simplified(&pixels, TOLERANCE)
    }
}

/// The value at a place of the grid, with fractions.
fn between(grid: &[f64], place: f64) -> f64 {
    let i = (place as usize).min(grid.len() - 2);
    grid[i] + (place - i as f64) * (grid[i + 1] - grid[i])
}
