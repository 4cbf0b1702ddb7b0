//! Fits of sparse models: all rows at a time with the inducing values integrated out, or minibatches.

mod by_values;
mod collapsed;
mod fingerprint;

use super::build::SparseProblem;
use super::found::Found;
use super::{Counts, Fit, FitOptions, Method, ModelChoice, criterion, finish};
use crate::inference::minibatch::{self, Checkpoint, MinibatchFit, MinibatchSettings, Particle, Reselection};
use crate::likelihood::{Family, Observation};
use crate::model::{GpModel, InducingGaussian, SparseForm, SparseGp, SparseModel};
use crate::posterior::{FittedModel, Posterior};
use crate::rows::{MemoryRows, Rows};
use crate::stein::{Cloud, Observer};
use crate::{Error, Result};
use faer::Mat;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Numbers that draws with a Gaussian each may take: 1.6 GB.
const MOST_NUMBERS: usize = 200_000_000;

/// Fits a sparse model to a dataset's rows.
pub(super) fn fit_sparse(
    problem: SparseProblem,
    choice: ModelChoice,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    if choice == ModelChoice::Sparse {
        return collapsed::fit_collapsed(problem, options, observer);
    }
    let mut rows = MemoryRows::new(problem.x.as_ref(), problem.observations.clone())?;
    let data = fingerprint::of_rows(&problem.x, &problem.observations);
    fit_in_batches(problem, choice, &mut rows, data, options, observer)
}

/// Fits a sparse model to rows from anywhere, in minibatches. `problem` has a sample of them, from which inducing points are
/// chosen; `data` tells these rows from others, for checkpoints.
///
/// # Errors
/// As [`fit`](super::fit); [`Error::Invalid`] for a model that takes all rows at a time.
pub fn fit_rows(
    problem: SparseProblem,
    rows: &mut dyn Rows,
    data: u64,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    options.check()?;
    let choice = options.choose_in_batches();
    let minibatched = match choice {
        ModelChoice::Svgp => true,
        ModelChoice::SparseLatent => options.method == Method::Svgd,
        _ => false,
    };
    if !minibatched {
        return Err(Error::Invalid(format!(
            "rows that stay in their file come in minibatches, and --model {} by {} takes all at a time: use --model svgp",
            choice.name(),
            options.method.name()
        )));
    }
    let unused = options.unused_by(choice)?;
    // A sample and its scaling tell tables of one size apart.
    let mut hasher = DefaultHasher::new();
    (data, fingerprint::of_rows(&problem.x, &problem.observations)).hash(&mut hasher);
    let mut found = fit_in_batches(problem, choice, rows, hasher.finish(), options, observer)?;
    found.notices.extend(unused);
    Ok(found)
}

fn fit_in_batches(
    problem: SparseProblem,
    choice: ModelChoice,
    rows: &mut dyn Rows,
    data: u64,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    let SparseProblem { mut model, x, observations, details } = problem;
    let checkpoint = options.checkpoint.as_ref().map(|c| {
        let fingerprint = fingerprint::of_fit(&model, choice, rows.count(), data, options);
        Checkpoint::new(&c.path, c.every, fingerprint, c.resume)
    });
    let (count, shares) = (rows.count(), class_shares(&observations, details.class_names.as_ref()));
    let (found, counts, form) = if choice == ModelChoice::SparseLatent {
        let (found, counts) =
            by_values::by_values(&mut model, rows, x, checkpoint.as_ref(), options, observer)?;
        (found, counts, SparseForm::Drawn)
    } else {
        let settings = settings(&model, options);
        check_memory(&model, settings.particles)?;
        let reselection = reselection(x, options);
        let fit =
            minibatch::fit(&mut model, rows, reselection.as_ref(), &settings, checkpoint.as_ref(), observer)?;
        let (found, counts) = mixture(&model, fit, &settings)?;
        (found, counts, SparseForm::Gaussian)
    };
    if let (Some(checkpoint), false) = (&checkpoint, found.interrupted) {
        checkpoint.remove();
    }
    let gp = GpModel::Sparse(SparseGp { model, form, rows: count, class_shares: shares });
    finish(gp, details, found, counts, options)
}

/// Refuses more particles, or probes of the posterior's shape, than memory has room for Gaussians.
fn check_memory(model: &SparseModel, particles: usize) -> Result<()> {
    let length = InducingGaussian::packed_length(model.latents(), model.size());
    let count = if particles > 0 { particles.max(model.layout().dim() + 2) } else { 1 };
    if count.saturating_mul(length) > MOST_NUMBERS {
        return Err(Error::Invalid(format!(
            "{count} particles that carry a Gaussian of {length} numbers each are too many for memory: take fewer (--particles, \
             --inducing; --method vi has one), or fewer parameters (`rbf(; shared)`)"
        )));
    }
    Ok(())
}

/// Settings of a minibatched fit from the options.
fn settings(model: &SparseModel, options: &FitOptions) -> MinibatchSettings {
    let defaults = MinibatchSettings::default();
    let free = model.layout().dim() > 0;
    let moves = options.method == Method::Svgd && options.particles > 1 && free;
    // Without particles the iterations are those of the warm-up.
    let of_warm_up = if moves { options.warm_up } else { options.warm_up.or(options.iterations) };
    MinibatchSettings {
        batch: options.batch,
        particles: if moves { options.particles } else { 0 },
        warm_up: of_warm_up.unwrap_or(defaults.warm_up),
        iterations: options.iterations,
        polish: options.polish,
        learning_rate: options.learning_rate.unwrap_or(defaults.learning_rate),
        move_inducing: moves_inducing(options),
        criterion: criterion(options.method),
        seed: options.seed,
        interrupt: options.interrupt.clone(),
        ..defaults
    }
}

/// Whether inducing points climb with the parameters: those that are given stay, unless the user says otherwise.
fn moves_inducing(options: &FitOptions) -> bool {
    options.optimise_inducing.unwrap_or(options.inducing_points.is_none())
}

fn reselection(sample: Mat<f64>, options: &FitOptions) -> Option<Reselection> {
    options.inducing_points.is_none().then(|| Reselection {
        sample,
        count: options.inducing_count(),
        selection: options.selection,
    })
}

/// A posterior of particles with a Gaussian each.
fn mixture(model: &SparseModel, fit: MinibatchFit, settings: &MinibatchSettings) -> Result<(Found, Counts)> {
    let counts =
        Counts { evaluations: fit.evaluations, failures: fit.failed_evaluations, max_jitter: fit.max_jitter };
    let recent = &fit.climb[fit.climb.len().saturating_sub(100)..];
    let mut objective = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
    if let Some(bound) = fit.bound {
        objective = bound;
    }
    if let Some(report) = fit.trace.last() {
        objective = report.mean_log_density;
    }
    let mut notices = Vec::new();
    if model.layout().dim() == 0 {
        notices.push(
            "every parameter is fixed: the Gaussian of the inducing values is all there was to find".into(),
        );
    } else if !fit.settled && !fit.interrupted {
        // Particles go on from where the warm-up ended, but only around it.
        let option = if settings.particles == 0 { "--iterations" } else { "--warm-up" };
        let steps =
            if model.likelihood().family() == Family::Gaussian { "evaluations" } else { "minibatches" };
        notices.push(format!(
            "the parameters were still on their way after {} {steps}: more may help ({option})",
            fit.climb.len()
        ));
    }
    // Log weights that differ by this leave few of ten particles.
    const ROUGH: f64 = 2.0;
    let misfit = fit.explored.as_ref().and_then(|explored| explored.misfit);
    let rough = misfit.filter(|misfit| !fit.interrupted && (misfit.is_nan() || *misfit >= ROUGH));
    if let Some(misfit) = rough {
        notices.push(format!(
            "the parameters' density was taken for a parabola around its mode, with its priors, and all rows differ from it by \
             {misfit:.1} nats (standard deviation) at the particles: their spread is rough"
        ));
    }
    let packed = packed(model, &fit.particles)?;
    let (posterior, diagnostics, polish) = match fit.explored {
        Some(explored) => {
            // The diagnostics are those of the parabola.
            let diagnostics = rough.is_none().then_some(explored.diagnostics);
            (Posterior::weighted(packed, explored.weights)?, diagnostics, explored.polish)
        }
        None => (Posterior::new(packed)?, None, None),
    };
    let found = Found {
        trace: fit.trace,
        climb: fit.climb,
        iterations: fit.iterations,
        objective,
        diagnostics,
        polish,
        interrupted: fit.interrupted,
        notices,
        ..Found::new(posterior)
    };
    Ok((found, counts))
}

/// Draws of θ with a Gaussian each.
fn packed(model: &SparseModel, particles: &[Particle]) -> Result<Cloud> {
    let d = model.layout().dim();
    let length = InducingGaussian::packed_length(model.latents(), model.size());
    let mut draws = Cloud::zeros(particles.len(), d + length);
    for (draw, particle) in draws.points_mut().zip(particles) {
        draw[..d].copy_from_slice(&particle.z);
        particle.q.pack(&mut draw[d..]);
    }
    Ok(draws)
}

/// What the user should know of a model that was chosen by size.
pub(super) fn chosen(fitted: &FittedModel, rows: usize) -> String {
    let model = fitted.model();
    format!(
        "{rows} rows: model {} with {} inducing points (--model and --inducing choose)",
        model.name(),
        model.x().nrows()
    )
}

/// Shares of the classes among the observations.
fn class_shares(observations: &[Observation], names: Option<&Vec<String>>) -> Vec<f64> {
    let mut shares = vec![0.0; names.map_or(0, Vec::len)];
    for at in observations {
        if let Some(share) = shares.get_mut(at.y as usize) {
            *share += 1.0 / observations.len() as f64;
        }
    }
    shares
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::{InputColumns, KernelExpression};
    use crate::mean::Mean;
    use crate::model::Process;

    #[test]
    fn a_rough_parabola_is_told_and_its_verdict_is_not() {
        let x = Mat::from_fn(200, 1, |i, _| (i as f64 * 0.618).rem_euclid(4.0) - 2.0);
        let y = |i: usize| (2.0 * x[(i, 0)]).sin() + 0.3 * ((i * 7919 % 1000) as f64 / 1000.0 - 0.5);
        let observations = (0..200).map(|i| Observation::new(y(i))).collect();
        let kernel = "rbf".parse::<KernelExpression>().unwrap();
        let kernel = kernel.resolve(&InputColumns::unscaled(["a"])).unwrap();
        let process = Process { kernel, mean: Mean::Zero };
        let inducing = Mat::from_fn(9, 1, |i, _| 0.5 * i as f64 - 2.0);
        let mut model =
            SparseModel::new(inducing.as_ref(), Family::Gaussian.build(2).unwrap(), vec![process]).unwrap();
        let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
        let settings = MinibatchSettings { particles: 4, ..MinibatchSettings::default() };
        let mut with = |misfit| {
            let mut fit = minibatch::fit(&mut model, &mut rows, None, &settings, None, &mut ()).unwrap();
            fit.explored.as_mut().unwrap().misfit = misfit;
            let (found, _) = mixture(&model, fit, &settings).unwrap();
            let told = found.notices.iter().any(|notice| notice.contains("parabola"));
            (told, found.diagnostics.is_some())
        };
        assert_eq!(with(None), (false, true));
        assert_eq!(with(Some(0.5)), (false, true));
        assert_eq!(with(Some(7.0)), (true, false));
        assert_eq!(with(Some(f64::NAN)), (true, false));
    }
}
