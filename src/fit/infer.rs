//! Which inference method, for any model.

use super::found::Found;
use super::scout::Starts;
use super::{FitOptions, Method, chains, climb, gaussian, particles};
use crate::Result;
use crate::inference::MaximumSettings;
use crate::model::{Model, Target};
use crate::stein::Observer;

/// Runs the method that the options name.
pub(super) fn infer<M: Model>(
    model: &M,
    target: &Target<'_, M>,
    starts: &Starts,
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    if model.layout().dim() == 0 {
        return Found::nothing_to_infer();
    }
    let points = starts.points();
    match options.method {
        Method::Ml | Method::Map | Method::Vi => {
            climb::climb(model, target, points, &maximum, options.method)
        }
        Method::Svgd => particles::move_particles(model, target, None, starts, maximum, options, observer),
        Method::Laplace => gaussian::laplace(target, points, maximum, options),
        Method::Advi => gaussian::advi(target, points, maximum, options, observer),
        Method::Nuts => {
            let coordinates = model.layout().gaussian_coordinates();
            chains::nuts(target, coordinates, points, maximum, options, observer)
        }
    }
}
