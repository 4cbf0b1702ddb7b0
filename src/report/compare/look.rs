//! Colour and mark of each method, the same in every figure.

use super::super::canvas::{Canvas, Point, Stroke};
use super::super::style::{BLUE, INK, VERMILLION};
use crate::Result;
use crate::compare::MethodSpec;
use crate::fit::Method;
use crate::inference::SteinPreset;
use plotters::style::RGBColor;

/// Of Okabe and Ito (2008), as the others.
const SKY: RGBColor = RGBColor(86, 180, 233);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// How a method is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub colour: RGBColor,
    pub is_filled: bool,
    pub radius: f64,
}

/// Radius of a method without a number of particles, in px.
const RADIUS: f64 = 4.0;

impl Look {
    /// Of a method by its name.
    pub fn of(name: &str) -> Self {
        let Ok(spec) = name.parse::<MethodSpec>() else {
            return Self { colour: INK, is_filled: false, radius: RADIUS };
        };
        let (colour, is_filled) = match spec.method {
            Method::Svgd if spec.preset == Some(SteinPreset::Paper) => (SKY, true),
            Method::Svgd => (BLUE, true),
            Method::Ml => (VERMILLION, false),
            Method::Map => (VERMILLION, true),
            Method::Vi => (GREEN, false),
            Method::Advi => (GREEN, true),
            Method::Laplace => (PURPLE, true),
            Method::Nuts => (ORANGE, true),
        };
        // More particles, a larger mark.
        let radius = match (spec.method, spec.count) {
            (Method::Svgd, Some(count)) => 2.0 + 2.6 * (count as f64).log10().clamp(0.0, 2.0),
            _ => RADIUS,
        };
        Self { colour, is_filled, radius }
    }

    pub fn draw(self, canvas: &Canvas<'_>, at: Point) -> Result<()> {
        if self.is_filled {
            canvas.dot(at, self.radius, self.colour, 0.9)
        } else {
            canvas.ring(at, self.radius, Stroke::solid(self.colour, 1.8))
        }
    }
}

/// Number of particles of methods that differ by it only, and which they are: `svgd` or `svgd-paper`.
pub(super) fn particles(name: &str) -> Option<(&'static str, usize)> {
    let spec = name.parse::<MethodSpec>().ok().filter(|spec| spec.method == Method::Svgd)?;
    Some((spec.name(), spec.count?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_may_be_compared_look_different() {
        let names = ["ml", "map", "vi", "advi", "laplace", "svgd:2", "svgd:20", "svgd-paper:20", "nuts"];
        for (k, name) in names.iter().enumerate() {
            for other in &names[..k] {
                assert_ne!(Look::of(name), Look::of(other), "{name} {other}");
            }
        }
        assert_eq!(particles("svgd:5"), Some(("svgd", 5)));
        assert_eq!((particles("ml"), particles("laplace:5")), (None, None));
    }
}
