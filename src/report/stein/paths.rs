//! Where the particles went: each one's way from its start to its end.

use super::landscape::Landscape;
use super::plane::{Detail, Plane, TRAIL, legend_entries, panel_size};
use crate::report::canvas::{self, Canvas};
use crate::report::{legend, number};
use crate::stein::Cloud;
use crate::{Error, Result};

const WIDTH: f64 = 560.0;

/// The ways through `clouds`: the start, then the cloud after each iteration.
///
/// # Errors
/// [`Error::Invalid`] without a cloud, and where the figure cannot be drawn.
pub fn svg(landscape: &Landscape, clouds: &[Cloud]) -> Result<String> {
    let size = size(landscape, WIDTH);
    canvas::draw(size, "Where the particles went", |canvas| panel(canvas, size, 0.0, landscape, clouds))
}

/// Width and height of the figure in px.
pub(super) fn size(landscape: &Landscape, width: f64) -> (f64, f64) {
    let (width, height) = panel_size(landscape, width, Detail::Axes);
    (width, height + 42.0)
}

pub(super) fn panel(
    canvas: &Canvas<'_>,
    size: (f64, f64),
    top: f64,
    landscape: &Landscape,
    clouds: &[Cloud],
) -> Result<()> {
    let (Some(first), Some(last)) = (clouds.first(), clouds.last()) else {
        return Err(Error::Invalid("there is no cloud to draw".into()));
    };
    let end = format!("after {}", number::counted(clouds.len() - 1, "iteration"));
    let top = legend::draw(canvas, size.0, top, &legend_entries(&end))?;
    let plane = Plane::draw(canvas, size, top, landscape, Detail::Axes)?;
    plane.trails(clouds, TRAIL)?;
    plane.rings(first, 3.4)?;
    plane.dots(last, 3.4, TRAIL.colour)
}

/// How to read the figure.
pub fn caption() -> String {
    "Each ring is where a particle started, the line its way and the dot where it ended. The shading holds 20, 50, 80, 95 \
     and 99 % of the target's mass, from dark to light."
        .to_owned()
}
