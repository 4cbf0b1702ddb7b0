//! Point estimates: the highest maximum that predicts.

use super::Method;
use super::found::Found;
use crate::inference::{MaximumSettings, Optimum, maximise};
use crate::model::{Model, Target};
use crate::{Error, Result};

/// Noise variances below this, on the model's scale, reproduce the training targets: ten times the floor.
const INTERPOLATES: f64 = 1e-5;

/// The best of the maxima that the starts lead to.
pub(super) fn climb<M: Model>(
    model: &M,
    target: &Target<'_, M>,
    starts: &[Vec<f64>],
    settings: &MaximumSettings,
    method: Method,
) -> Result<Found> {
    let optima = maximise(target, starts, settings)?;
    let mut notices = Vec::new();
    // Maximum likelihood has optima without noise that interpolate the training rows and predict nothing; a
    // posterior has its priors against them.
    let noise = model.layout().index("likelihood.variance");
    let mut theta = vec![0.0; model.layout().parameters().len()];
    let mut interpolates = |optimum: &Optimum| {
        model.layout().constrain(&optimum.point, &mut theta);
        method == Method::Ml && noise.is_some_and(|noise| theta[noise] < INTERPOLATES)
    };
    let pick = optima.iter().position(|o| !interpolates(o)).unwrap_or(0);
    if pick > 0 {
        notices.push(format!(
            "{pick} of {} maxima had a higher likelihood but no noise at all (they interpolate the training rows); \
             they were set aside",
            optima.len()
        ));
    }
    match optima.into_iter().nth(pick) {
        Some(optimum) => Found::point(optimum, notices),
        None => Err(Error::Invalid("there is no start to climb from".into())),
    }
}
