//! Shades from light to dark, and the bar that explains them.

use super::axis::Scale;
use super::canvas::{Anchor, Canvas, Stroke};
use super::style::{AXIS, TEXT, TICK_SIZE};
use super::text;
use crate::Result;
use plotters::style::RGBColor;

/// Shades of one hue, evenly spaced and darkening all the way, so that they survive a black-and-white printer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp([RGBColor; 4]);

/// Probabilities and quantities: white to [`BLUE`](crate::report::style::BLUE) and on to navy.
pub(super) const LEVEL: Ramp =
    Ramp([RGBColor(250, 252, 254), RGBColor(158, 200, 225), RGBColor(0, 114, 178), RGBColor(0, 46, 82)]);
/// Uncertainties: white to [`VERMILLION`](crate::report::style::VERMILLION) and on to brown.
pub(super) const DEVIATION: Ramp =
    Ramp([RGBColor(255, 252, 249), RGBColor(246, 190, 150), RGBColor(213, 94, 0), RGBColor(92, 36, 0)]);

impl Ramp {
    /// The shade at a position from 0 (light) to 1 (dark).
    pub fn at(self, position: f64) -> RGBColor {
        let last = self.0.len() - 1;
        let place = position.clamp(0.0, 1.0) * last as f64;
        let i = (place as usize).min(last - 1);
        let t = place - i as f64;
        let between = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
        let (a, b) = (self.0[i], self.0[i + 1]);
        RGBColor(between(a.0, b.0), between(a.1, b.1), between(a.2, b.2))
    }

    /// The k-th of [`SHADES`].
    pub fn shade(self, k: usize) -> RGBColor {
        self.at((k as f64 + 0.5) / SHADES as f64)
    }
}

/// Shades of a figure.
pub(super) const SHADES: usize = 20;

/// Width of the bar.
const BAR: f64 = 13.0;
/// Between the plot and the bar, and between the bar and its labels.
const GAP: f64 = 6.0;

/// Width that the bar takes with its labels.
pub(super) fn bar_width(scale: Scale) -> f64 {
    2.0 * GAP
        + BAR
        + labels(scale, f64::INFINITY).iter().map(|(_, l)| text::width(l, TICK_SIZE)).fold(0.0, f64::max)
}

fn labels(scale: Scale, height: f64) -> Vec<(f64, String)> {
    let ticks = scale.ticks(6, |t| {
        t.at.windows(2).all(|at| (scale.position(at[1]) - scale.position(at[0])) * height >= TICK_SIZE * 2.0)
    });
    ticks.at.into_iter().zip(ticks.labels).collect()
}

/// The bar from `top` to `bottom`, its left end at `left` plus a gap.
pub(super) fn bar(
    canvas: &Canvas<'_>,
    left: f64,
    (top, bottom): (f64, f64),
    scale: Scale,
    ramp: Ramp,
) -> Result<()> {
    let (left, right) = (left + GAP, left + GAP + BAR);
    let y = |position: f64| bottom - position * (bottom - top);
    for k in 0..SHADES {
        let (from, to) = (k as f64 / SHADES as f64, (k + 1) as f64 / SHADES as f64);
        canvas.rectangle((left, y(from)), (right, y(to)), ramp.shade(k), 1.0)?;
    }
    let outline = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    canvas.line(&outline, Stroke::solid(AXIS, 1.0))?;
    for (value, label) in labels(scale, bottom - top) {
        let at = y(scale.position(value));
        canvas.line(&[(right, at), (right + 3.0, at)], Stroke::solid(AXIS, 1.0))?;
        canvas.text((right + GAP, at), &label, TICK_SIZE, TEXT, Anchor::Start)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (Rec. 709, on gamma-compressed values: order is all that matters).
    fn grey(c: RGBColor) -> f64 {
        0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2)
    }

    #[test]
    fn shades_darken_all_the_way() {
        for ramp in [LEVEL, DEVIATION] {
            let greys: Vec<f64> = (0..=20).map(|i| grey(ramp.at(f64::from(i) / 20.0))).collect();
            assert!(greys.windows(2).all(|g| g[1] < g[0] - 3.0), "{greys:?}");
            assert!(greys[0] > 245.0 && greys[20] < 50.0);
        }
    }
}
