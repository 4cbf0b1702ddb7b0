//! The cloud after 0, 1, … iterations: small multiples, or one figure an iteration.

use super::landscape::Landscape;
use super::plane::{Detail, Plane, TRAIL, heading, heading_height, panel_size};
use crate::report::canvas::{self, Canvas};
use crate::stein::Cloud;
use crate::{Error, Result};
use std::path::Path;

const COLUMNS: usize = 3;
const PANEL: f64 = 232.0;
const GAP: f64 = 14.0;
const FRAME: f64 = 460.0;
/// Iterations whose moves a frame shows.
const TAIL: usize = 5;
/// Files that [`write()`] makes at most.
pub const MOST_FILES: usize = 10_000;

/// At most six iterations out of `last`: the first two and the last, and between them about as many in each part
/// of a logarithmic axis, since the early moves are the largest.
pub fn chosen_iterations(last: usize) -> Vec<usize> {
    let between = (1..=3).map(|k| (last as f64).powf(f64::from(k) / 4.0).round() as usize);
    let mut chosen: Vec<usize> = [0, 1].into_iter().chain(between).chain([last]).collect();
    chosen.retain(|t| *t <= last);
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// The clouds of a few iterations side by side; `clouds` has the start first.
///
/// # Errors
/// [`Error::Invalid`] without a cloud, and where the figure cannot be drawn.
pub fn svg(landscape: &Landscape, clouds: &[Cloud]) -> Result<String> {
    let width = COLUMNS as f64 * PANEL + (COLUMNS - 1) as f64 * GAP;
    let height = height(landscape, PANEL, clouds.len());
    canvas::draw((width, height), "The cloud by iteration", |canvas| panels(canvas, PANEL, landscape, clouds))
}

/// Height in px of the small multiples of that width each.
pub(super) fn height(landscape: &Landscape, width: f64, clouds: usize) -> f64 {
    let rows = chosen_iterations(clouds.saturating_sub(1)).len().div_ceil(COLUMNS);
    rows as f64 * (panel_height(landscape, width) + GAP) - GAP
}

fn panel_height(landscape: &Landscape, width: f64) -> f64 {
    panel_size(landscape, width, Detail::Bare).1 + heading_height(1)
}

pub(super) fn panels(canvas: &Canvas<'_>, width: f64, landscape: &Landscape, clouds: &[Cloud]) -> Result<()> {
    let last = clouds.len().checked_sub(1).ok_or_else(no_cloud)?;
    let size = (width, panel_height(landscape, width));
    for (place, t) in chosen_iterations(last).into_iter().enumerate() {
        let corner = ((place % COLUMNS) as f64 * (size.0 + GAP), (place / COLUMNS) as f64 * (size.1 + GAP));
        let part = canvas.part(corner, size);
        let top = heading(&part, size.0, &format!("t = {t}"), &[])?;
        let plane = Plane::draw(&part, size, top, landscape, Detail::Bare)?;
        plane.dots(&clouds[t], 2.6, TRAIL.colour)?;
    }
    Ok(())
}

/// The cloud after `iteration` iterations, with the ways of the last few.
///
/// # Errors
/// [`Error::Invalid`] where there is no such iteration, and where the figure cannot be drawn.
pub fn frame(landscape: &Landscape, clouds: &[Cloud], iteration: usize) -> Result<String> {
    let cloud = clouds.get(iteration).ok_or_else(no_cloud)?;
    let (width, height) = panel_size(landscape, FRAME, Detail::Axes);
    let size = (width, height + heading_height(1));
    let title = format!("t = {iteration}");
    canvas::draw(size, &title, |canvas| {
        let top = heading(canvas, size.0, &title, &[])?;
        let plane = Plane::draw(canvas, size, top, landscape, Detail::Axes)?;
        plane.trails(&clouds[iteration.saturating_sub(TAIL)..=iteration], TRAIL)?;
        plane.dots(cloud, 3.4, TRAIL.colour)
    })
}

/// Writes one figure an iteration into a folder, made where it does not exist: `frame-0000.svg`, …. Returns their
/// number.
///
/// # Errors
/// [`Error::Invalid`] without a cloud, for more than 10,000 of them, and where a file cannot be written, with its
/// name.
pub fn write(folder: &Path, landscape: &Landscape, clouds: &[Cloud]) -> Result<usize> {
    if clouds.is_empty() {
        return Err(no_cloud());
    }
    if clouds.len() > MOST_FILES {
        return Err(Error::Invalid(format!("{} frames: there may be up to {MOST_FILES}", clouds.len())));
    }
    let failed = |path: &Path, e: std::io::Error| Error::Invalid(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for t in 0..clouds.len() {
        let path = folder.join(format!("frame-{t:04}.svg"));
        std::fs::write(&path, frame(landscape, clouds, t)?).map_err(|e| failed(&path, e))?;
    }
    Ok(clouds.len())
}

fn no_cloud() -> Error {
    Error::Invalid("there is no cloud to draw".into())
}

/// How to read the small multiples.
pub fn caption() -> String {
    "The cloud at the start (t = 0) and after t iterations.".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_chosen_in_order_with_both_ends() {
        assert_eq!(chosen_iterations(0), [0]);
        assert_eq!(chosen_iterations(1), [0, 1]);
        assert_eq!(chosen_iterations(3), [0, 1, 2, 3]);
        assert_eq!(chosen_iterations(200), [0, 1, 4, 14, 53, 200]);
    }
}
