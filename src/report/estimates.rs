//! One parameter's particles against its prior and the estimates of other methods.

use super::axis::Scale;
use super::canvas::{self, Stroke};
use super::data::ParameterParticles;
use super::density::Density;
use super::frame::{Axis, Frame};
use super::legend::{self, Mark};
use super::style::{BLUE, HALF, INK, MAX_RUG, REFERENCE, VERMILLION};
use crate::Result;

/// Values spread over more than this factor have a logarithmic axis.
const LOG_RATIO: f64 = 30.0;

/// The density of the particles with a tick for each, the prior, and a line for each estimate (name, value); `name` stands
/// below the axis in place of the parameter's path.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where the figure cannot be drawn.
pub fn svg(name: &str, parameter: &ParameterParticles, estimates: &[(String, f64)]) -> Result<String> {
    let density = Density::new(parameter.support, &parameter.values, &parameter.weights);
    let x = scale(parameter, estimates);
    let posterior: Vec<(f64, f64)> =
        density.iter().flat_map(|d| x.grid(401).into_iter().map(|v| (v, d.at(v)))).collect();
    let highest = posterior.iter().filter(|p| p.1.is_finite()).fold(0.0, |most: f64, p| most.max(p.1));
    let y = Scale::linear([0.0, if highest > 0.0 { 1.08 * highest } else { 1.0 }], 0.0);
    let lines = [Stroke::solid(VERMILLION, 2.0), Stroke::dashed(INK, 1.8)];
    let mut entries = vec![(Mark::BandLine(BLUE, 0.22, Stroke::solid(BLUE, 1.8)), "particles".to_owned())];
    if !parameter.prior.is_empty() {
        entries.push((Mark::Line(Stroke::dashed(REFERENCE, 1.4)), "prior".to_owned()));
    }
    for (k, (method, _)) in estimates.iter().enumerate() {
        entries.push((Mark::Line(lines[k.min(1)]), method.clone()));
    }
    canvas::draw(HALF, name, |canvas| {
        let top = legend::draw(canvas, HALF.0, 0.0, &entries)?;
        let y_axis = Axis { name: "density", ..Axis::bare(y) };
        let frame = Frame::draw(canvas, HALF, top, Axis::new(name, x), y_axis)?;
        frame.band(posterior.iter().map(|(v, d)| (*v, 0.0, *d)), BLUE, 0.22)?;
        frame.curve(parameter.prior.iter().copied(), Stroke::dashed(REFERENCE, 1.4))?;
        frame.curve(posterior, Stroke::solid(BLUE, 1.8))?;
        frame.rug(&parameter.values, MAX_RUG, 11.0, Stroke::solid(INK, 1.0).opacity(0.75))?;
        for (k, (_, value)) in estimates.iter().enumerate().filter(|(_, e)| x.contains(e.1)) {
            let px = frame.x(*value);
            canvas.line(&[(px, frame.bottom()), (px, frame.top())], lines[k.min(1)])?;
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption(estimates: &[(String, f64)]) -> String {
    let mut caption =
        "Each tick is a particle and the filled curve their density; the dashed curve is the prior."
            .to_owned();
    if !estimates.is_empty() {
        caption.push_str(" An upright line is another method's single value.");
    }
    caption
}

/// All particles and estimates, with as much again of the axis around them.
fn scale(parameter: &ParameterParticles, estimates: &[(String, f64)]) -> Scale {
    let values = || parameter.values.iter().copied().chain(estimates.iter().map(|e| e.1));
    let positive = values().all(|v| v > 0.0);
    let (low, high) = super::axis::span(values()).unwrap_or((0.0, 1.0));
    if positive && high > LOG_RATIO * low {
        return Scale::log([low, high], 0.3);
    }
    let scale = Scale::linear([low, high], 0.5);
    if positive { scale.within(0.0, f64::INFINITY) } else { scale }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::data::Support;
    use super::*;

    #[test]
    fn particles_and_estimates_are_all_on_the_axis() {
        let lengthscale = ParameterParticles {
            path: "kernel.lengthscales".into(),
            support: Support::Positive,
            values: vec![20.0, 22.0, 25.0],
            ..ParameterParticles::default()
        };
        let estimates = [("variational inference".to_owned(), 31.0)];
        let x = scale(&lengthscale, &estimates);
        assert!(lengthscale.values.iter().all(|v| x.contains(*v)) && x.contains(31.0) && x.ends().0 > 0.0);
        let svg = svg("lengthscale (km)", &lengthscale, &estimates).unwrap();
        for text in ["lengthscale (km)", "particles", "variational inference"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains(">prior<"), "there is none");
    }

    #[test]
    fn values_over_decades_have_a_logarithmic_axis() {
        let parameter = ParameterParticles { values: vec![1.0, 200.0], ..ParameterParticles::default() };
        let (low, high) = scale(&parameter, &[]).ends();
        assert!(low > 0.0 && low < 1.0 && high > 200.0);
    }

    #[test]
    fn particles_that_agree_are_drawn_all_the_same() {
        let parameter = ParameterParticles { values: vec![2.0; 3], ..ParameterParticles::default() };
        assert!(svg("x", &parameter, &[("ML".into(), f64::NAN)]).is_ok());
    }
}
