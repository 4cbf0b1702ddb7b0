//! How a cost grows with a size, on logarithmic scales, beside a power of the size.

use super::axis::Scale;
use super::canvas::{self, Anchor, Stroke};
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, REFERENCE, WIDE};
use super::text;
use crate::{Error, Result};

/// A cost measured at several sizes.
#[derive(Debug, Clone, Default)]
pub struct Growth {
    /// What is shown.
    pub title: String,
    /// Name of the size.
    pub size: String,
    /// Name of the cost with its unit.
    pub cost: String,
    /// (size, cost), both positive, sizes ascending.
    pub measured: Vec<(f64, f64)>,
    /// p of the line ∝ sizeᵖ through the last measurement, dashed.
    pub order: f64,
}

/// Measurements as dots on a line, and the power through the last of them: where the two are parallel, cost grows so.
///
/// # Errors
/// [`Error::Invalid`] where a size or a cost is not positive, where there are fewer than two, or where the figure cannot be
/// drawn.
pub fn svg(growth: &Growth) -> Result<String> {
    let positive =
        |(size, cost): &(f64, f64)| *size > 0.0 && *cost > 0.0 && size.is_finite() && cost.is_finite();
    let (Some((largest, most)), true) = (growth.measured.last(), growth.measured.iter().all(positive)) else {
        return Err(Error::Invalid("sizes and costs must be positive numbers".into()));
    };
    if growth.measured.len() < 2 {
        return Err(Error::Invalid("growth shows from two sizes on".into()));
    }
    let power = |size: f64| most * (size / largest).powf(growth.order);
    let reference: Vec<(f64, f64)> = growth.measured.iter().map(|(size, _)| (*size, power(*size))).collect();
    let (solid, dashed) = (Stroke::solid(BLUE, 2.0), Stroke::dashed(REFERENCE, 1.4));
    let entries = [
        (Mark::Line(solid), "measured".to_owned()),
        (Mark::Line(dashed), format!("growth with power {} of the size", growth.order)),
    ];
    canvas::draw(WIDE, &growth.title, |canvas| {
        let line = FONT_SIZE * LINE;
        let title = text::fit(&growth.title, FONT_SIZE, WIDE.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, MARGIN + 0.5 * line), &title, FONT_SIZE, INK, Anchor::Start)?;
        let top = legend::draw(canvas, WIDE.0, MARGIN + line, &entries)?;
        let all = || growth.measured.iter().chain(&reference);
        let x = Scale::log(all().map(|p| p.0), 0.02);
        let y = Scale::log(all().map(|p| p.1), 0.03);
        let frame = Frame::draw(canvas, WIDE, top, Axis::new(&growth.size, x), Axis::new(&growth.cost, y))?;
        frame.curve(reference.iter().copied(), dashed)?;
        frame.curve(growth.measured.iter().copied(), solid)?;
        growth.measured.iter().try_for_each(|p| canvas.dot(frame.at(p.0, p.1), 3.0, BLUE, 1.0))
    })
}

/// How to read the figure.
pub fn caption(growth: &Growth) -> String {
    format!(
        "Both scales are logarithmic: a straight line is a power of the size. The dashed line grows with power {} and \
         passes through the last measurement.",
        growth.order
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cubic() -> Growth {
        Growth {
            title: "Exact".into(),
            size: "rows N".into(),
            cost: "seconds".into(),
            measured: vec![(250.0, 0.003), (1000.0, 0.06), (4000.0, 4.0)],
            order: 3.0,
        }
    }

    #[test]
    fn every_measurement_has_its_dot_and_the_power_its_name() {
        let svg = svg(&cubic()).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        for text in ["Exact", "rows N", "seconds", "growth with power 3"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(caption(&cubic()).contains("power 3"));
    }

    #[test]
    fn what_has_no_logarithm_is_an_error() {
        for measured in
            [vec![], vec![(1.0, 1.0)], vec![(1.0, 0.0), (2.0, 1.0)], vec![(1.0, 1.0), (2.0, f64::NAN)]]
        {
            assert!(svg(&Growth { measured, ..cubic() }).is_err());
        }
    }
}
