//! Fits with the inducing values integrated out: any method on the density of θ, from all rows at a time.

use super::{MOST_NUMBERS, moves_inducing, reselection};
use crate::Result;
use crate::fit::build::SparseProblem;
use crate::fit::scout::Starts;
use crate::fit::{Counts, Fit, FitOptions, criterion, finish, infer, parallelism, restarts, starts};
use crate::inference::{MaximumSettings, maximise_from};
use crate::linalg::in_parallel;
use crate::model::{Collapsed, GpModel, InducingGaussian, Model, SparseForm, SparseGp, SparseModel, Target};
use crate::posterior::Posterior;
use crate::stein::{Cloud, Observer};
use faer::{Mat, Par};
use rayon::prelude::*;

/// All rows at a time: any method on the density of θ; each draw then gets the Gaussian of its inducing values.
pub(super) fn fit_collapsed(
    problem: SparseProblem,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    let SparseProblem { mut model, x, observations, details } = problem;
    let y: Vec<f64> = observations.iter().map(|at| at.y).collect();
    let maximum = MaximumSettings { interrupt: options.interrupt.clone(), ..MaximumSettings::default() };
    let mut counts = Counts::default();
    let start = model.layout().start();
    let climbs = moves_inducing(options);
    if model.layout().dim() > 0 && (options.inducing_points.is_none() || climbs) {
        let near = warm_up(&mut model, &x, &y, &maximum, options, &mut counts)?;
        if let Some(near) = near {
            for (index, value) in model.layout().free_indices().to_vec().into_iter().zip(near) {
                let (path, bijector) = {
                    let p = &model.layout().parameters()[index];
                    (p.path.clone(), p.bijector)
                };
                model.layout_mut().change(&path, |p| p.start = bijector.forward(value))?;
            }
        }
    }
    let (found, form) = {
        let collapsed = Collapsed::new(&model, x.as_ref(), &y, options.collapsed)?;
        let starts = starts::around(collapsed.layout(), 1 + restarts(options, y.len()), options.seed);
        let target = Target::new(&collapsed, criterion(options.method))?
            .with_parallelism(parallelism(options, starts.len()));
        let mut found =
            infer::infer(&collapsed, &target, &Starts::Around(starts), maximum, options, observer)?;
        counts.add(&target);
        found.posterior = with_gaussians(&collapsed, &found.posterior, &mut found.notices)?;
        (found, SparseForm::Collapsed(options.collapsed))
    };
    // Where the fit started from is not where the search for inducing points ended.
    restore(&mut model, &start)?;
    let gp = GpModel::Sparse(SparseGp { model, form, rows: y.len(), class_shares: Vec::new() });
    finish(gp, details, found, counts, options)
}

fn restore(model: &mut SparseModel, start: &[f64]) -> Result<()> {
    let free: Vec<usize> = model.layout().free_indices().to_vec();
    for (index, value) in free.into_iter().zip(start) {
        let p = &model.layout().parameters()[index];
        let (path, bijector) = (p.path.clone(), p.bijector);
        model.layout_mut().change(&path, |p| p.start = bijector.forward(*value))?;
    }
    Ok(())
}

/// A rough mode with the inducing points of the start values, then those that belong to it. Returns the mode.
fn warm_up(
    model: &mut SparseModel,
    x: &Mat<f64>,
    y: &[f64],
    maximum: &MaximumSettings,
    options: &FitOptions,
    counts: &mut Counts,
) -> Result<Option<Vec<f64>>> {
    /// A place from which to choose inducing points need not be known to many digits.
    const ROUGHLY: f64 = 1e-3;
    let settings = MaximumSettings { value_tolerance: ROUGHLY, iterations: 30, ..maximum.clone() };
    let near = {
        let collapsed = Collapsed::new(model, x.as_ref(), y, options.collapsed)?;
        let target = Target::new(&collapsed, criterion(options.method))?.with_parallelism(in_parallel());
        let near = maximise_from(&target, &model.layout().start(), &settings);
        counts.add(&target);
        match near {
            Ok(optimum) => optimum.point,
            Err(error) if error.is_recoverable() => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    if let Some(again) = reselection(x.clone(), options) {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&near, &mut theta);
        let chosen = again.choose(model, &theta, options.seed)?;
        model.set_inducing(chosen.as_ref())?;
    }
    if moves_inducing(options) {
        let own =
            crate::inference::WithInducing::new(model, x, y, options.collapsed, criterion(options.method))
                .levelled(&near)?;
        let from = own.point(&near);
        let settings = MaximumSettings { iterations: 200, ..settings };
        let optimum = maximise_from(&own, &from, &settings)?;
        let (theta, inducing) = own.split(&optimum.point);
        counts.evaluations += own.evaluations();
        model.set_inducing(inducing.as_ref())?;
        return Ok(Some(theta));
    }
    Ok(Some(near))
}

/// Every draw of θ with the Gaussian that all rows give the inducing values; draws without one are left out.
fn with_gaussians(
    collapsed: &Collapsed<'_>,
    posterior: &Posterior,
    notices: &mut Vec<String>,
) -> Result<Posterior> {
    let model = collapsed.model();
    let length = InducingGaussian::packed_length(1, model.size());
    let most = (MOST_NUMBERS / length).max(1);
    let every = posterior.count().div_ceil(most);
    if every > 1 {
        notices.push(format!(
            "every draw carries a Gaussian of {length} numbers: one draw of {every} was kept (--keep, --inducing)"
        ));
    }
    let d = model.layout().dim();
    let chosen: Vec<usize> = (0..posterior.count()).step_by(every).collect();
    // Each goes to its place at once: Gaussians that are not packed yet are several times as large.
    let mut draws = Cloud::zeros(chosen.len(), d + length);
    let mut places: Vec<(usize, &mut [f64])> = chosen.iter().copied().zip(draws.points_mut()).collect();
    let fill = |(j, draw): &mut (usize, &mut [f64])| {
        let theta = posterior.theta(model.layout(), *j);
        if d > 0 {
            draw[..d].copy_from_slice(&posterior.draws().point(*j)[..d]);
        }
        collapsed.posterior(&theta, Par::Seq).map(|q| q.pack(&mut draw[d..]))
    };
    let found: Vec<Result<()>> = places.par_iter_mut().map(fill).collect();
    let (mut kept, mut weights, mut failure) = (Vec::new(), Vec::new(), None);
    for (place, result) in found.into_iter().enumerate() {
        match result {
            Ok(()) => {
                kept.push(place);
                weights.push(posterior.weights()[chosen[place]]);
            }
            Err(error) if error.is_recoverable() => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    let total: f64 = weights.iter().sum();
    match failure {
        Some(error) if total <= 0.0 => return Err(error),
        Some(_) => draws = draws.select(&kept),
        None => {}
    }
    weights.iter_mut().for_each(|w| *w /= total);
    Posterior::weighted(draws, weights)
}
