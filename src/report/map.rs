//! A field over longitude and latitude, with the places where it was measured.

use super::axis::{Scale, span};
use super::canvas::{self, Anchor, Canvas, Point, Stroke};
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::number;
use super::ramp::{self, DEVIATION, LEVEL, Ramp};
use super::sheet::Sheet;
use super::style::{FONT_SIZE, INK, LINE, MARGIN, VERMILLION};
use super::text;
use crate::{Error, Result};
use plotters::style::RGBColor;

/// The longer side of the map itself, in px.
const SIDE: f64 = 400.0;
/// Around a mark, so that it stands out from dark shades.
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// What the shades of a map mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shades {
    /// A quantity, in blue.
    #[default]
    Level,
    /// How uncertain it is, in orange.
    Uncertainty,
}

/// A place where something was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Station {
    /// Degrees east.
    pub longitude: f64,
    /// Degrees north.
    pub latitude: f64,
    /// Whether the model was fitted without it.
    pub held_out: bool,
}

/// A field over a grid of longitudes and latitudes. Place k = j × (number of longitudes) + i lies at (`longitudes[i]`,
/// `latitudes[j]`).
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// What is shown.
    pub title: String,
    /// Name of the values with their unit, above the colour bar.
    pub quantity: String,
    /// What the shades mean.
    pub shades: Shades,
    /// Degrees east, evenly spaced, ascending.
    pub longitudes: Vec<f64>,
    /// Degrees north, evenly spaced, ascending.
    pub latitudes: Vec<f64>,
    /// Values, a row of all longitudes for each latitude; places without a finite one stay blank.
    pub values: Vec<f64>,
    /// Values at both ends of the colour bar, so that maps can share one; those of the field where absent.
    pub range: Option<(f64, f64)>,
    /// Where it was measured.
    pub stations: Vec<Station>,
    /// West, south, east and north of the region held out, in degrees.
    pub region: Option<[f64; 4]>,
}

/// The field in shades with its colour bar, stations on it: filled marks were used, open ones were held out. A kilometre
/// is as long from west to east as from south to north at the middle latitude.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Invalid`] where grid and values do not fit each other; [`Error::Invalid`] where the
/// figure cannot be drawn.
pub fn svg(map: &Map) -> Result<String> {
    check(map)?;
    let [x, y] = [&map.longitudes, &map.latitudes].map(|g| Scale::linear(g.iter().copied(), 0.0));
    let scale = scale(map);
    let (x_axis, y_axis) = (Axis::new("longitude (° E)", x), Axis::new("latitude (° N)", y));
    let entries = entries(map);
    let line = FONT_SIZE * LINE;
    let heading = MARGIN + line;
    let sides = sides(&map.longitudes, &map.latitudes);
    // The legend wraps to the width, and the width is settled by the labels of the axes alone.
    let bar = ramp::bar_width(scale);
    let width = Frame::size_around(sides, heading, x_axis, y_axis).0 + bar;
    let top = heading + legend::height(width, &entries);
    let framed = Frame::size_around(sides, top, x_axis, y_axis);
    let size = (framed.0 + bar, framed.1);
    canvas::draw(size, &map.title, |canvas| {
        let title = text::fit(&map.title, FONT_SIZE, size.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, MARGIN + 0.5 * line), &title, FONT_SIZE, INK, Anchor::Start)?;
        legend::draw(canvas, size.0, heading, &entries)?;
        let frame = Frame::draw(canvas, framed, top, x_axis, y_axis)?;
        let right = frame.x(x.ends().1);
        let quantity = text::fit(&map.quantity, FONT_SIZE, 0.6 * size.0);
        let at = (size.0 - MARGIN, top + 0.5 * line);
        canvas.text(at, &quantity, FONT_SIZE, INK, Anchor::End)?;
        let sheet = Sheet { canvas, frame, x: &map.longitudes, y: &map.latitudes };
        sheet.shade(&map.values, scale, ramp(map))?;
        marks(&sheet, map)?;
        let edges = (sheet.frame.top(), sheet.frame.bottom());
        ramp::bar(canvas, right, edges, scale, ramp(map))
    })
}

/// How to read the figure.
pub fn caption(map: &Map) -> String {
    let held_out = map.stations.iter().filter(|s| s.held_out).count();
    let mut caption = match map.shades {
        Shades::Level => "The darker, the larger.".to_owned(),
        Shades::Uncertainty => "The darker, the less is known.".to_owned(),
    };
    if !map.stations.is_empty() {
        let used = number::counted(map.stations.len() - held_out, "station");
        caption.push_str(&format!(" The model was fitted to the {used} with filled marks"));
        let without = format!("; it has not seen the {} with open ones", number::count(held_out));
        caption.push_str(if held_out > 0 { &without } else { "" });
        caption.push('.');
    }
    caption
}

/// Whether there is nothing to see.
pub fn is_empty(map: &Map) -> bool {
    !map.values.iter().any(|v| v.is_finite())
}

fn check(map: &Map) -> Result<()> {
    let rises = |grid: &[f64]| grid.windows(2).all(|g| g[0] < g[1] && (g[1] - g[0]).is_finite());
    if map.longitudes.len() < 2
        || map.latitudes.len() < 2
        || !rises(&map.longitudes)
        || !rises(&map.latitudes)
    {
        return Err(Error::Invalid("the grid of a map needs two ascending values each way".into()));
    }
    if map.latitudes.iter().any(|l| !(-90.0..=90.0).contains(l)) {
        return Err(Error::Invalid("latitudes of a map lie between −90 and 90 degrees".into()));
    }
    let expected = map.longitudes.len() * map.latitudes.len();
    if map.values.len() != expected {
        return Err(Error::Shape { what: "values of a map", expected, found: map.values.len() });
    }
    Ok(())
}

/// Width and height in px: a degree of longitude is shorter than one of latitude by the cosine of the latitude.
fn sides(longitudes: &[f64], latitudes: &[f64]) -> (f64, f64) {
    let length = |grid: &[f64]| grid[grid.len() - 1] - grid[0];
    let middle = 0.5 * (latitudes[0] + latitudes[latitudes.len() - 1]);
    let east = length(longitudes) * middle.to_radians().cos();
    let north = length(latitudes);
    // Long strips keep room for their labels.
    let px = SIDE / east.max(north);
    ((px * east).max(0.3 * SIDE), (px * north).max(0.3 * SIDE))
}

fn ramp(map: &Map) -> Ramp {
    match map.shades {
        Shades::Level => LEVEL,
        Shades::Uncertainty => DEVIATION,
    }
}

fn scale(map: &Map) -> Scale {
    let (low, high) = map.range.or_else(|| span(map.values.iter().copied())).unwrap_or((0.0, 1.0));
    Scale::linear([low, high], 0.0)
}

fn entries(map: &Map) -> Vec<(Mark, String)> {
    let mut entries = Vec::new();
    if map.stations.iter().any(|s| !s.held_out) {
        entries.push((Mark::Dot(INK, 1.0), "station".to_owned()));
    }
    if map.stations.iter().any(|s| s.held_out) {
        entries.push((Mark::Ring(Stroke::solid(INK, 1.6)), "held-out station".to_owned()));
    }
    if map.region.is_some() {
        entries.push((Mark::Line(region_stroke(map)), "held-out region".to_owned()));
    }
    entries
}

/// On blue shades orange, on orange ones black.
fn region_stroke(map: &Map) -> Stroke {
    Stroke::dashed(if map.shades == Shades::Level { VERMILLION } else { INK }, 1.6)
}

fn marks(sheet: &Sheet<'_, '_, '_>, map: &Map) -> Result<()> {
    if let Some([west, south, east, north]) = map.region {
        let corners = [(west, south), (east, south), (east, north), (west, north), (west, south)];
        sheet.frame.curve(corners, region_stroke(map))?;
    }
    for station in &map.stations {
        if sheet.frame.contains(station.longitude, station.latitude) {
            mark(sheet.canvas, sheet.frame.at(station.longitude, station.latitude), station.held_out)?;
        }
    }
    Ok(())
}

fn mark(canvas: &Canvas<'_>, at: Point, held_out: bool) -> Result<()> {
    if held_out {
        canvas.dot(at, 4.0, WHITE, 1.0)?;
        canvas.ring(at, 4.0, Stroke::solid(INK, 1.6))
    } else {
        canvas.dot(at, 4.4, WHITE, 1.0)?;
        canvas.dot(at, 3.4, INK, 1.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn small() -> Map {
        Map {
            title: "NO2".into(),
            quantity: "µg/m³".into(),
            longitudes: vec![116.0, 116.5, 117.0],
            latitudes: vec![39.5, 40.5],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            stations: vec![
                Station { longitude: 116.2, latitude: 40.0, held_out: false },
                Station { longitude: 116.8, latitude: 40.0, held_out: true },
            ],
            region: Some([116.6, 39.8, 117.0, 40.4]),
            ..Map::default()
        }
    }

    #[test]
    fn a_kilometre_is_as_long_east_as_north() {
        let (width, height) = sides(&[0.0, 2.0], &[59.5, 60.5]);
        assert!((width / height - 1.0).abs() < 1e-12, "at 60° a degree east is half a degree north");
        assert_eq!(width.max(height), SIDE);
    }

    #[test]
    fn the_region_drawn_has_the_sides_asked_for() {
        let map = small();
        let [x, y] = [&map.longitudes, &map.latitudes].map(|g| Scale::linear(g.iter().copied(), 0.0));
        let axes = (Axis::new("x", x), Axis::new("y", y));
        let size = Frame::size_around((300.0, 200.0), 40.0, axes.0, axes.1);
        canvas::draw(size, "", |canvas| {
            let frame = Frame::draw(canvas, size, 40.0, axes.0, axes.1)?;
            let width = frame.x(117.0) - frame.x(116.0);
            assert!((width - 300.0).abs() < 1e-9 && (frame.bottom() - frame.top() - 200.0).abs() < 1e-9);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_map_says_what_its_marks_and_shades_mean() {
        let svg = svg(&small()).unwrap();
        for word in
            ["NO2", "µg/m³", "station", "held-out station", "held-out region", "longitude", "latitude"]
        {
            assert!(svg.contains(word), "{word}");
        }
        assert!(caption(&small()).contains("fitted to the 1 station"));
    }

    #[test]
    fn grids_and_values_that_do_not_fit_are_errors() {
        let too_few = Map { values: vec![1.0; 5], ..small() };
        assert!(matches!(svg(&too_few), Err(Error::Shape { expected: 6, found: 5, .. })));
        let falling = Map { latitudes: vec![41.0, 40.0], ..small() };
        assert!(matches!(svg(&falling), Err(Error::Invalid(_))));
        assert!(is_empty(&Map { values: vec![f64::NAN; 6], ..small() }) && !is_empty(&small()));
    }
}
