//! The predicted effect of each input, the others held at their medians: small multiples with one vertical axis.

use super::axis::{Scale, span};
use super::canvas::{self, Stroke};
use super::data::Effect;
use super::frame::{Axis, Frame};
use super::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, SMALL};
use super::text;
use crate::Result;

/// Up to this many grid values are categories: dots with bars, not a curve.
const CATEGORIES: usize = 6;
/// Ticks in the rug of an input.
const RUG: usize = 60;

/// One input's figure, with a vertical axis of its own.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(effect: &Effect) -> Result<String> {
    panel(effect, scale(std::slice::from_ref(effect)), name_lines(effect))
}

/// The figures of all inputs with something to see, on one vertical scale, the largest effect first.
///
/// # Errors
/// As [`svg`].
pub fn svgs(effects: &[Effect]) -> Result<Vec<String>> {
    let y = scale(effects);
    let mut shown: Vec<&Effect> = effects.iter().filter(|e| !is_empty(e)).collect();
    let size = |e: &Effect| span(e.mean.iter().copied()).map_or(0.0, |(lo, hi)| hi - lo);
    shown.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let lines = shown.iter().map(|e| name_lines(e)).max().unwrap_or(1);
    shown.into_iter().map(|e| panel(e, y, lines)).collect()
}

/// How to read the figures.
pub fn caption(effects: &[Effect]) -> String {
    let shown = effects.iter().filter(|e| !is_empty(e)).count();
    let mut caption =
        "The prediction as one input varies and all others stay at their medians: mean, 50\u{a0}% band (dark) \
                       and 90\u{a0}% band (light)."
            .to_owned();
    if effects.iter().any(|e| !e.data.is_empty()) {
        caption
            .push_str(" Ticks show where the training rows are; away from them the curve is extrapolation.");
    }
    if shown > 1 {
        caption.push_str(
            " All panels share one vertical scale, and the inputs with the largest effects come first.",
        );
    }
    caption
}

/// Whether there is nothing to see.
pub fn is_empty(effect: &Effect) -> bool {
    !effect.grid.iter().zip(&effect.mean).any(|(x, y)| x.is_finite() && y.is_finite())
}

fn scale(effects: &[Effect]) -> Scale {
    let ends = |band: &[(f64, f64)]| band.iter().flat_map(|(l, h)| [*l, *h]).collect::<Vec<f64>>();
    let values =
        effects.iter().flat_map(|e| e.mean.iter().copied().chain(ends(&e.band50)).chain(ends(&e.band90)));
    Scale::linear(values, 0.04)
}

/// Lines that the input's name takes, with room for a unit such as ` (×10⁶)`.
fn name_lines(effect: &Effect) -> usize {
    text::wrap(&effect.input, FONT_SIZE, SMALL.0 - 2.0 * MARGIN - 48.0).len()
}

fn panel(effect: &Effect, y: Scale, lines: usize) -> Result<String> {
    let title = format!("Predicted {} by {}", effect.target, effect.input);
    let size = (SMALL.0, SMALL.1 + (lines - 1) as f64 * FONT_SIZE * LINE);
    canvas::draw(size, &title, |canvas| {
        let categories = effect.grid.len() <= CATEGORIES;
        let x = Scale::linear(effect.grid.iter().copied(), if categories { 0.25 } else { 0.0 });
        let mut x_axis = Axis::new(&effect.input, x);
        x_axis.lines = lines;
        x_axis.only = categories.then_some(effect.grid.as_slice());
        let frame = Frame::draw(canvas, size, 0.0, x_axis, Axis::new(&effect.target, y))?;
        let banded = |band: &[(f64, f64)]| -> Vec<(f64, f64, f64)> {
            effect.grid.iter().zip(band).map(|(x, (low, high))| (*x, *low, *high)).collect()
        };
        let mean = || effect.grid.iter().copied().zip(effect.mean.iter().copied());
        if categories {
            for (band, width, opacity) in [(&effect.band90, 2.0, 0.45), (&effect.band50, 6.0, 0.55)] {
                for (x, low, high) in banded(band) {
                    frame.curve([(x, low), (x, high)], Stroke::solid(BLUE, width).opacity(opacity))?;
                }
            }
            for (x, y) in mean().filter(|(x, y)| frame.contains(*x, *y)) {
                canvas.dot(frame.at(x, y), 4.0, BLUE, 1.0)?;
            }
            return Ok(());
        }
        frame.band(banded(&effect.band90), BLUE, 0.16)?;
        frame.band(banded(&effect.band50), BLUE, 0.26)?;
        frame.curve(mean(), Stroke::solid(BLUE, 2.0))?;
        frame.rug(&effect.data, RUG, 6.0, Stroke::solid(INK, 0.8).opacity(0.6))
    })
}
