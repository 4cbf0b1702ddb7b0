//! The fit over the data, for one input.

use super::axis::{Scale, span};
use super::canvas::{self, Stroke};
use super::data::FitCurve;
use super::frame::{Axis, Frame, thinned};
use super::legend::{self, Mark};
use super::number;
use super::style::{BLUE, INK, MAX_POINTS, VERMILLION, WIDE};
use crate::Result;

/// Opacity of the line of a particle with its share of the weight.
const THIN: f64 = 0.55;

/// Data, latent mean, band of the latent function and band of new observations; `point` is what each thin mean's
/// parameters are called, such as `particle`.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(fit: &FitCurve, point: &str) -> Result<String> {
    let mean = Stroke::solid(BLUE, 2.2);
    let thin = Stroke::solid(BLUE, 0.9).opacity(THIN);
    canvas::draw(WIDE, &format!("Fit of {} over {}", fit.target, fit.input), |canvas| {
        let top = legend::draw(canvas, WIDE.0, 0.0, &entries(fit, mean, thin, point))?;
        let x = Scale::linear(fit.grid.iter().copied().chain(data(fit).map(|p| p.0)), 0.01);
        let frame =
            Frame::draw(canvas, WIDE, top, Axis::new(&fit.input, x), Axis::new(&fit.target, scale(fit)))?;
        let banded = |band: &[(f64, f64)]| -> Vec<(f64, f64, f64)> {
            fit.grid.iter().zip(band).map(|(x, (low, high))| (*x, *low, *high)).collect()
        };
        frame.band(banded(&fit.observation), BLUE, 0.13)?;
        frame.band(banded(&fit.latent), BLUE, 0.27)?;
        for (j, curve) in fit.particle_means.iter().enumerate() {
            let stroke = thin.opacity(THIN * relative_weight(fit, j));
            frame.curve(fit.grid.iter().copied().zip(curve.iter().copied()), stroke)?;
        }
        frame.curve(fit.grid.iter().copied().zip(fit.mean.iter().copied()), mean)?;
        let many = fit.train.len() > 300;
        for (x, y) in thinned(&fit.train, MAX_POINTS).filter(|(x, y)| frame.contains(*x, *y)) {
            canvas.dot(frame.at(*x, *y), if many { 1.8 } else { 2.6 }, INK, if many { 0.45 } else { 0.7 })?;
        }
        for (x, y) in thinned(&fit.test, MAX_POINTS).filter(|(x, y)| frame.contains(*x, *y)) {
            canvas.ring(frame.at(*x, *y), 3.1, Stroke::solid(VERMILLION, 1.5))?;
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption(fit: &FitCurve, point: &str) -> String {
    let level = number::percent(fit.level);
    let mut caption = format!("The dark band holds the underlying curve with {level} probability");
    if fit.observation.is_empty() {
        caption.push('.');
    } else {
        caption.push_str(&format!(
            ", the light band a new observation: about {level} of the dots should lie in it."
        ));
    }
    if !fit.particle_means.is_empty() {
        caption.push_str(&format!(
            " Each thin line is one {point}'s mean: where they part, the hyperparameters matter."
        ));
        if (0..fit.particle_means.len()).any(|j| relative_weight(fit, j) < 0.5) {
            caption.push_str(" Faint lines weigh little.");
        }
    }
    if let Some(exposure) = fit.exposure {
        caption.push_str(&format!(
            " Dots and bands are divided by their exposure or number of trials; the light band is that of observations with \
             {}.",
            number::short(exposure)
        ));
    }
    if fit.train.len() > MAX_POINTS || fit.test.len() > MAX_POINTS {
        caption.push_str(&format!(
            " Of {} and {} the figure shows at most {} each, evenly spaced in the table.",
            number::counted(fit.train.len(), "training row"),
            number::counted(fit.test.len(), "test row"),
            number::count(MAX_POINTS)
        ));
    }
    caption
}

/// Whether there is nothing to see.
pub fn is_empty(fit: &FitCurve) -> bool {
    !fit.grid.iter().zip(&fit.mean).any(|(x, y)| x.is_finite() && y.is_finite())
}

/// A particle's weight over that of equal ones, at most 1.
fn relative_weight(fit: &FitCurve, j: usize) -> f64 {
    fit.particle_weights.get(j).map_or(1.0, |w| (w * fit.particle_means.len() as f64).min(1.0))
}

fn data(fit: &FitCurve) -> impl Iterator<Item = &(f64, f64)> {
    fit.train.iter().chain(&fit.test)
}

fn entries(fit: &FitCurve, mean: Stroke, thin: Stroke, point: &str) -> Vec<(Mark, String)> {
    let level = number::percent(fit.level);
    let mut entries = Vec::new();
    if !fit.train.is_empty() {
        entries.push((Mark::Dot(INK, 0.7), "training rows".to_owned()));
    }
    if !fit.test.is_empty() {
        entries.push((Mark::Ring(Stroke::solid(VERMILLION, 1.5)), "test rows".to_owned()));
    }
    entries.push((Mark::Line(mean), "mean".to_owned()));
    if !fit.latent.is_empty() {
        entries.push((Mark::Band(BLUE, 0.4), format!("{level} of curves")));
    }
    if !fit.observation.is_empty() {
        entries.push((Mark::Band(BLUE, 0.13), format!("{level} of observations")));
    }
    if !fit.particle_means.is_empty() {
        entries.push((Mark::Line(thin), format!("each {point}")));
    }
    entries
}

/// All data and the latent band; of the band of observations as much as does not flatten them.
fn scale(fit: &FitCurve) -> Scale {
    let core = data(fit)
        .map(|p| p.1)
        .chain(fit.mean.iter().copied())
        .chain(fit.latent.iter().flat_map(|(l, h)| [*l, *h]));
    let Some((lo, hi)) = span(core) else {
        return Scale::linear([], 0.0);
    };
    let (low, high) = span(fit.observation.iter().flat_map(|(l, h)| [*l, *h])).unwrap_or((lo, hi));
    let room = if hi > lo { hi - lo } else { f64::INFINITY };
    Scale::linear([lo, hi, low.max(lo - room), high.min(hi + room)], 0.03)
}
