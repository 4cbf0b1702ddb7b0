//! Each parameter's particles against its prior: small multiples.

use super::axis::{Scale, span};
use super::canvas::{self, Anchor, Canvas, Stroke};
use super::data::{ParameterParticles, Support};
use super::density::{Density, central_interval};
use super::frame::{Axis, Frame};
use super::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, MAX_RUG, REFERENCE, SMALL, TEXT, TICK_SIZE};
use super::text;
use crate::Result;

/// Positive particles that spread over more than this factor have a logarithmic axis.
const LOG_RATIO: f64 = 30.0;

/// One parameter's figure.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(parameter: &ParameterParticles) -> Result<String> {
    panel(parameter, column_lines(parameter).len())
}

/// The figures of all parameters that have a finite particle, with equal room for their titles.
///
/// # Errors
/// As [`svg`].
pub fn svgs(parameters: &[ParameterParticles]) -> Result<Vec<String>> {
    let lines = parameters.iter().map(|p| column_lines(p).len()).max().unwrap_or(0);
    let shown = parameters.iter().filter(|p| p.values.iter().any(|v| v.is_finite()));
    shown.map(|p| panel(p, lines)).collect()
}

/// How to read the figures; `point` is what one of the values is called, such as `particle`.
pub fn caption(parameters: &[ParameterParticles], point: &str) -> String {
    let single = parameters.iter().all(|p| p.values.len() < 2);
    let prior = parameters.iter().any(|p| !p.prior.is_empty());
    let mut caption = match (single, prior) {
        (true, true) => "Each line is a parameter's estimate, each dashed curve its prior.".to_owned(),
        (true, false) => "Each line is a parameter's estimate.".to_owned(),
        (false, true) => format!(
            "Each tick is a {point} and the filled curve their density; the dashed curve is the prior. The further \
             the two curves differ, the more the data had to say; each panel shows the prior near the {point}s only."
        ),
        (false, false) => format!("Each tick is a {point} and the filled curve their density."),
    };
    if parameters.iter().any(is_log) {
        caption.push_str(
            " Axes with values that spread widely are logarithmic, and densities are per decade there.",
        );
    }
    caption
}

fn is_log(parameter: &ParameterParticles) -> bool {
    parameter.support == Support::Positive
        && span(parameter.values.iter().copied().filter(|v| *v > 0.0))
            .is_some_and(|(lo, hi)| hi / lo > LOG_RATIO)
}

fn panel(parameter: &ParameterParticles, lines: usize) -> Result<String> {
    let title = match &parameter.column {
        Some(column) => format!("{} ({column})", parameter.path),
        None => parameter.path.clone(),
    };
    let height = SMALL.1 + lines.saturating_sub(1) as f64 * TICK_SIZE * LINE;
    canvas::draw((SMALL.0, height), &title, |canvas| {
        let top = heading(canvas, parameter, lines)?;
        contents(canvas, height, top, parameter)
    })
}

const ROOM: f64 = SMALL.0 - 2.0 * MARGIN;

fn column_lines(parameter: &ParameterParticles) -> Vec<String> {
    parameter.column.as_ref().map_or(Vec::new(), |column| text::wrap(column, TICK_SIZE, ROOM))
}

fn heading(canvas: &Canvas<'_>, parameter: &ParameterParticles, lines: usize) -> Result<f64> {
    let path = text::fit(&parameter.path, FONT_SIZE, ROOM);
    canvas.text((MARGIN, FONT_SIZE * LINE / 2.0), &path, FONT_SIZE, INK, Anchor::Start)?;
    let top = FONT_SIZE * LINE;
    let line = TICK_SIZE * LINE;
    for (i, text) in column_lines(parameter).iter().enumerate() {
        let y = top + (i as f64 + 0.5) * line;
        canvas.text((MARGIN, y), text, TICK_SIZE, TEXT, Anchor::Start)?;
    }
    Ok(top + lines as f64 * line)
}

fn contents(canvas: &Canvas<'_>, height: f64, top: f64, parameter: &ParameterParticles) -> Result<()> {
    let log = is_log(parameter);
    let density = Density::new(parameter.support, &parameter.values, &parameter.weights);
    let x = window(parameter, density.is_some());
    // A density per unit of log value is the density times the value.
    let per_axis = |value: f64, density: f64| if log { density * value } else { density };
    let posterior: Vec<(f64, f64)> = match &density {
        Some(d) => x.grid(181).into_iter().map(|v| (v, per_axis(v, d.at(v)))).collect(),
        None => Vec::new(),
    };
    let prior: Vec<(f64, f64)> = parameter.prior.iter().map(|(v, d)| (*v, per_axis(*v, *d))).collect();
    let y = Scale::linear([0.0, 1.08 * peak(x, &posterior, &prior)], 0.0);
    let frame = Frame::draw(canvas, (SMALL.0, height), top, Axis::new("", x), Axis::bare(y))?;
    if !posterior.is_empty() {
        frame.band(posterior.iter().map(|(v, d)| (*v, 0.0, *d)), BLUE, 0.22)?;
    }
    frame.curve(prior, Stroke::dashed(REFERENCE, 1.4))?;
    if density.is_some() {
        frame.curve(posterior, Stroke::solid(BLUE, 1.6))?;
        frame.rug(&parameter.values, MAX_RUG, 11.0, Stroke::solid(INK, 1.0).opacity(0.75))
    } else if let Some((value, _)) = span(parameter.values.iter().copied()) {
        let px = frame.x(value);
        canvas.line(&[(px, frame.bottom()), (px, frame.top())], Stroke::solid(BLUE, 2.2))
    } else {
        Ok(())
    }
}

/// The stretch of axis shown: all particles, and of the prior's central 90 % so much that the particles keep at
/// least a third of the width.
fn window(parameter: &ParameterParticles, spread: bool) -> Scale {
    let log = is_log(parameter);
    let to = |v: f64| if log { v.log10() } else { v };
    let from = |v: f64| if log { 10f64.powf(v) } else { v };
    let finite = parameter.values.iter().copied().filter(|v| !log || *v > 0.0);
    let Some((low, high)) = span(finite) else {
        return Scale::linear([], 0.0);
    };
    let (low, high) = (to(low), to(high));
    let prior = central_interval(&parameter.prior, 0.9).map(|(a, b)| (to(a), to(b)));
    let (lo, hi) = if spread {
        let width = high - low;
        let (a, b) = prior.unwrap_or((low, high));
        (low - (low - a).clamp(0.35 * width, 0.8 * width), high + (b - high).clamp(0.35 * width, 0.8 * width))
    } else {
        let (a, b) = prior.unwrap_or((low, high));
        let pad = 0.1 * (high.max(b) - low.min(a));
        (low.min(a) - pad, high.max(b) + pad)
    };
    let scale = if log { Scale::log([from(lo), from(hi)], 0.0) } else { Scale::linear([lo, hi], 0.0) };
    match parameter.support {
        Support::Real => scale,
        Support::Positive => scale.within(0.0, f64::INFINITY),
        Support::Between(a, b) => scale.within(a, b),
    }
}

/// The highest density shown. A prior that rises above the particles (or without bound) is cut off.
fn peak(x: Scale, posterior: &[(f64, f64)], prior: &[(f64, f64)]) -> f64 {
    let highest = |curve: &[(f64, f64)]| {
        curve.iter().filter(|(v, d)| x.contains(*v) && d.is_finite()).fold(0.0, |m: f64, p| m.max(p.1))
    };
    let (posterior, prior) = (highest(posterior), highest(prior));
    match (posterior > 0.0, prior > 0.0) {
        (true, _) => posterior.max(prior.min(1.5 * posterior)),
        (false, true) => prior,
        (false, false) => 1.0,
    }
}
