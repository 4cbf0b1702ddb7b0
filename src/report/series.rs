//! Predictions along time, of one or several models, with what was observed.

use super::axis::Scale;
use super::canvas::{self, Anchor, Stroke};
use super::frame::{Axis, Frame, thinned};
use super::legend::{self, Mark};
use super::number;
use super::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, MAX_POINTS, VERMILLION, WIDE};
use super::text;
use crate::{Error, Result};

/// One model's predictions.
#[derive(Debug, Clone, Default)]
pub struct Band {
    /// Name of the model or method.
    pub name: String,
    /// Mean at each time.
    pub mean: Vec<f64>,
    /// Lower end of the band at each time.
    pub low: Vec<f64>,
    /// Upper end of the band at each time.
    pub high: Vec<f64>,
}

/// Predictions at the same T times.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// What is shown.
    pub title: String,
    /// Name of the times with their unit.
    pub time: String,
    /// Name of the target with its unit.
    pub target: String,
    /// T times, ascending.
    pub times: Vec<f64>,
    /// Each with T values; the first is filled, the others are outlined.
    pub bands: Vec<Band>,
    /// Level of all bands, such as 0.9.
    pub level: f64,
    /// Observations (time, target); those at other times are left out.
    pub observed: Vec<(f64, f64)>,
}

/// Observations as dots; the first model's mean as a line in its filled band, the others' as dashed lines between thin ones.
///
/// # Errors
/// [`Error::Shape`] where a band has not T values; [`Error::Invalid`] where the figure cannot be drawn.
pub fn svg(series: &Series) -> Result<String> {
    for band in &series.bands {
        for values in [&band.mean, &band.low, &band.high] {
            let (expected, found) = (series.times.len(), values.len());
            if expected != found {
                return Err(Error::Shape { what: "values of a band", expected, found });
            }
        }
    }
    canvas::draw(WIDE, &series.title, |canvas| {
        let line = FONT_SIZE * LINE;
        let title = text::fit(&series.title, FONT_SIZE, WIDE.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, MARGIN + 0.5 * line), &title, FONT_SIZE, INK, Anchor::Start)?;
        let top = legend::draw(canvas, WIDE.0, MARGIN + line, &entries(series))?;
        let x = Scale::linear(series.times.iter().copied(), 0.005);
        let frame = Frame::draw(
            canvas,
            WIDE,
            top,
            Axis::new(&series.time, x),
            Axis::new(&series.target, scale(series)),
        )?;
        let along = |values: &[f64]| -> Vec<(f64, f64)> {
            series.times.iter().copied().zip(values.iter().copied()).collect()
        };
        for (k, band) in series.bands.iter().enumerate() {
            if k == 0 {
                let ends = band.low.iter().zip(&band.high);
                let points = series.times.iter().zip(ends).map(|(t, (low, high))| (*t, *low, *high));
                frame.band(points, BLUE, FILL)?;
            } else {
                frame.curve(along(&band.low), edge(k))?;
                frame.curve(along(&band.high), edge(k))?;
            }
        }
        for (k, band) in series.bands.iter().enumerate() {
            frame.curve(along(&band.mean), mean(k))?;
        }
        for (t, y) in thinned(&inside(series), MAX_POINTS) {
            canvas.dot(frame.at(*t, *y), 2.2, INK, 0.75)?;
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption(series: &Series) -> String {
    let mut caption = String::from("Dots are observations");
    let observed = inside(series).len();
    if observed > MAX_POINTS {
        let (shown, all) = (number::count(MAX_POINTS), number::count(observed));
        caption.push_str(&format!(", {shown} of {all}"));
    }
    caption.push_str(&format!("; {} of them should lie within each band.", number::percent(series.level)));
    caption
}

/// Whether there is nothing to see.
pub fn is_empty(series: &Series) -> bool {
    !series.bands.iter().any(|band| band.mean.iter().any(|v| v.is_finite()))
}

/// Opacity of the first band.
const FILL: f64 = 0.2;

fn mean(k: usize) -> Stroke {
    if k == 0 { Stroke::solid(BLUE, 2.0) } else { Stroke::dashed(VERMILLION, 1.8) }
}

fn edge(k: usize) -> Stroke {
    Stroke::solid(if k == 0 { BLUE } else { VERMILLION }, 0.9)
}

fn entries(series: &Series) -> Vec<(Mark, String)> {
    let level = number::percent(series.level);
    let mut entries = Vec::new();
    if !series.observed.is_empty() {
        entries.push((Mark::Dot(INK, 0.75), "observed".to_owned()));
    }
    for (k, band) in series.bands.iter().enumerate() {
        if k == 0 {
            entries.push((Mark::BandLine(BLUE, FILL, mean(k)), format!("{}: mean and {level}", band.name)));
        } else {
            entries.push((Mark::Line(mean(k)), format!("{}: mean", band.name)));
            entries.push((Mark::Line(edge(k)), format!("{}: {level}", band.name)));
        }
    }
    entries
}

/// Observations between the first and the last time.
fn inside(series: &Series) -> Vec<(f64, f64)> {
    let shown = |t: f64| series.times.first() <= Some(&t) && Some(&t) <= series.times.last();
    series.observed.iter().copied().filter(|(t, y)| shown(*t) && y.is_finite()).collect()
}

fn scale(series: &Series) -> Scale {
    let observed = inside(series).into_iter().map(|p| p.1);
    let bands = series.bands.iter().flat_map(|b| b.low.iter().chain(&b.high).copied());
    Scale::linear(observed.chain(bands), 0.03)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn two_bands() -> Series {
        let band = |name: &str, half: f64| Band {
            name: name.into(),
            mean: vec![0.0, 1.0, 0.0],
            low: vec![-half; 3],
            high: vec![half; 3],
        };
        Series {
            title: "At Dingling".into(),
            time: "day".into(),
            target: "NO2".into(),
            times: vec![0.0, 1.0, 2.0],
            bands: vec![band("SVGD", 2.0), band("VI", 3.0)],
            level: 0.9,
            observed: vec![(0.5, 1.0), (40.0, 900.0)],
        }
    }

    #[test]
    fn each_band_is_named_with_its_level() {
        let svg = svg(&two_bands()).unwrap();
        for text in ["At Dingling", "SVGD: mean and 90", "VI: mean", "observed"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(caption(&two_bands()).contains("90"));
    }

    #[test]
    fn observations_outside_the_times_are_left_out() {
        assert_eq!(inside(&two_bands()), [(0.5, 1.0)]);
        let (low, high) = scale(&two_bands()).ends();
        assert!(low < -3.0 && high > 3.0 && high < 4.0);
    }

    #[test]
    fn a_band_of_another_length_is_an_error() {
        let mut series = two_bands();
        series.bands[1].low.pop();
        assert!(matches!(svg(&series), Err(Error::Shape { expected: 3, found: 2, .. })));
        assert!(is_empty(&Series::default()) && !is_empty(&two_bands()));
    }
}
