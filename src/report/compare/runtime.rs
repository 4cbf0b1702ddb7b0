//! Seconds of the fit in multiples of one method's: table 3 of the paper as a figure.

use super::super::axis::Scale;
use super::super::canvas::{self, Anchor, Stroke};
use super::super::frame::{Axis, Frame};
use super::super::style::{FONT_SIZE, INK, MARGIN, REFERENCE};
use super::super::text;
use super::look::Look;
use crate::Result;
use crate::compare::statistics::relative::Relative;

/// Width in px: that of a narrow screen.
const WIDTH: f64 = 380.0;
/// Height of a method in px.
const ROW: f64 = 24.0;

/// The figure; `None` where there is nothing to compare with.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where it cannot be drawn.
pub fn svg(found: &[Relative], reference: &str) -> Result<Option<String>> {
    if found.len() < 2 {
        return Ok(None);
    }
    let widest = found.iter().map(|r| text::width(&r.method, FONT_SIZE)).fold(0.0, f64::max);
    let left = MARGIN + widest.min(0.4 * WIDTH) + 8.0;
    let height = ROW * found.len() as f64 + 48.0;
    let all = found.iter().flat_map(|r| r.ratios.iter().map(|(_, ratio)| *ratio).chain([r.mean]));
    let x = Scale::log(all, 0.05);
    let y = Scale::linear([0.0, found.len() as f64], 0.0);
    let name = format!("seconds in multiples of {reference}");
    let svg = canvas::draw((WIDTH, height), &name, |canvas| {
        let size = (WIDTH - left, height);
        let inner = canvas.part((left, 0.0), size);
        let frame = Frame::draw(&inner, size, 0.0, Axis::new(&name, x), Axis::bare(y))?;
        let one = frame.x(1.0);
        inner.line(&[(one, frame.top()), (one, frame.bottom())], Stroke::dashed(REFERENCE, 1.2))?;
        for (k, relative) in found.iter().enumerate() {
            let row = found.len() as f64 - k as f64 - 0.5;
            let look = Look::of(&relative.method);
            for (_, ratio) in &relative.ratios {
                inner.dot(frame.at(*ratio, row), 2.6, look.colour, 0.45)?;
            }
            let (px, py) = frame.at(relative.mean, row);
            inner.line(&[(px, py - 8.0), (px, py + 8.0)], Stroke::solid(INK, 2.6))?;
            let name = text::fit(&relative.method, FONT_SIZE, left - MARGIN - 8.0);
            canvas.text((left - 8.0, py), &name, FONT_SIZE, INK, Anchor::End)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// How to read the figure.
pub fn caption(reference: &str) -> String {
    format!(
        "A dot is a table: mean seconds of a method over those of {reference}, on a logarithmic axis. The upright stroke is the \
         geometric mean over tables; left of the dashed line is faster than {reference}."
    )
}
