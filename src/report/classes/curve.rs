//! Class probabilities over one input.

use super::{ClassCurve, shape};
use crate::report::axis::Scale;
use crate::report::canvas::{self, Anchor, Stroke};
use crate::report::frame::{Axis, Frame};
use crate::report::number;
use crate::report::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, MAX_RUG, REFERENCE, SMALL, TEXT, WIDE};
use crate::report::text;
use crate::{Error, Result};

/// One of many small figures.
const SMALL_SIZE: (f64, f64) = (SMALL.0, 230.0);
/// Figures of at most so many classes; more would bury the page.
const MOST_CLASSES: usize = 24;
/// Height of the ticks that stand for training rows, in px.
const TICK: f64 = 9.0;

/// The probability with its band: one figure for the second of two classes, else a small one for each class. Ticks
/// above are the training rows of that class, ticks below all others. None where there is [nothing to see](is_empty).
///
/// # Errors
/// [`Error::Shape`] and [`Error::Invalid`] where grid, probabilities and bands do not fit each other;
/// [`Error::Invalid`] where a figure cannot be drawn.
pub fn svgs(curve: &ClassCurve, names: &[String]) -> Result<Vec<String>> {
    if names.len() < 2 {
        return Err(Error::Invalid("figures of classes need the names of at least two".into()));
    }
    shape("probabilities of a curve", curve.grid.len() * names.len(), curve.probabilities.len())?;
    shape("bands of a curve", curve.grid.len() * names.len(), curve.bands.len())?;
    if is_empty(curve) {
        return Ok(Vec::new());
    }
    if let [_, second] = names {
        return Ok(vec![figure(curve, 2, 1, second, WIDE)?]);
    }
    let shown = names.iter().enumerate().take(MOST_CLASSES);
    shown.map(|(class, name)| figure(curve, names.len(), class, name, SMALL_SIZE)).collect()
}

/// How to read the figures.
pub fn caption(curve: &ClassCurve, names: &[String]) -> String {
    let what = match names {
        [_, second] => format!("of {second}"),
        _ => "of each class".to_owned(),
    };
    format!(
        "Predictive probability {what}; the band holds the probability itself, over particles and latent values, with {} \
         probability. Ticks at the upper edge are training rows of the class, ticks at the lower edge all others.",
        number::percent(curve.level)
    )
}

/// Whether there is nothing to see.
pub fn is_empty(curve: &ClassCurve) -> bool {
    curve.grid.len() < 2
}

fn figure(curve: &ClassCurve, classes: usize, class: usize, name: &str, size: (f64, f64)) -> Result<String> {
    let title = format!("Probability of {name}");
    canvas::draw(size, &format!("{title} over {}", curve.input), |canvas| {
        let line = FONT_SIZE * LINE;
        let heading = text::fit(&title, FONT_SIZE, size.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, 0.5 * line), &heading, FONT_SIZE, INK, Anchor::Start)?;
        let x = Scale::linear(curve.grid.iter().copied(), 0.0);
        // Room for the ticks outside of what a probability can be.
        let y = Scale::linear([0.0, 1.0], 0.06);
        let frame = Frame::draw(canvas, size, line, Axis::new(&curve.input, x), Axis::new("", y))?;
        let ends = [curve.grid[0], curve.grid[curve.grid.len() - 1]];
        frame.curve(ends.map(|x| (x, 0.5)), Stroke::dashed(REFERENCE, 1.0))?;
        let of_class = curve.grid.iter().enumerate().map(|(i, x)| (*x, i * classes + class));
        let band = of_class.clone().map(|(x, k)| (x, curve.bands[k].0, curve.bands[k].1));
        frame.band(band, BLUE, 0.27)?;
        frame.curve(of_class.map(|(x, k)| (x, curve.probabilities[k])), Stroke::solid(BLUE, 2.2))?;
        let of = |own: bool| -> Vec<f64> {
            curve.train.iter().filter(|(_, c)| (*c == class) == own).map(|(x, _)| *x).collect()
        };
        let tick = Stroke::solid(TEXT, 1.0).opacity(0.7);
        frame.rug(&of(false), MAX_RUG, TICK, tick)?;
        frame.rug_above(&of(true), MAX_RUG, TICK, tick)
    })
}
