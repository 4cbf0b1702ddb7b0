//! Densities of sparse models: the collapsed bound, the bound with a Gaussian, the density with given inducing values.

use super::super::arguments::DensityArguments;
use super::super::{Failure, Outcome};
use super::values::Values;
use super::{Density, place, tell_density, timed};
use crate::density::LogDensity;
use crate::fit::{FitOptions, ModelChoice, build_sparse};
use crate::likelihood::Family;
use crate::linalg::in_parallel;
use crate::model::{
    BoundWorkspace, Collapsed, CollapsedForm, Criterion, Held, InducingGaussian, Model, NaturalTarget,
    SparseModel, Target, Wanted, Whitened,
};
use crate::parameter::Layout;
use crate::rows::Batch;
use crate::table::Prepared;
use faer::{Mat, MatRef, Par};
use serde::Serialize;

/// Whole steps along the natural gradient at most, where q(v) is to be found.
const STEPS: usize = 100;
/// Change of the bound, relative, from which on q(v) is found.
const FOUND: f64 = 1e-12;

#[derive(Serialize)]
pub(super) struct Details {
    /// What stands for the evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<CollapsedForm>,
    /// Inducing inputs on the model's scale, one list a point.
    #[serde(rename = "Z")]
    inducing: Vec<Vec<f64>>,
    /// Means of q(v), one list a latent function.
    #[serde(skip_serializing_if = "Option::is_none")]
    q_mu: Option<Vec<Vec<f64>>>,
    /// Factors of the covariances of q(v), one matrix a latent function.
    #[serde(skip_serializing_if = "Option::is_none")]
    q_sqrt: Option<Vec<Vec<Vec<f64>>>>,
}

/// What a density is of and what it came to.
struct Found<'a> {
    choice: ModelChoice,
    target: (&'a Layout, Vec<f64>, f64, f64),
    log_likelihood: Option<f64>,
    bound: f64,
    jitter: f64,
    details: Details,
}

pub(super) fn density(
    arguments: &DensityArguments,
    data: &Prepared,
    options: &FitOptions,
    choice: ModelChoice,
    values: Values,
) -> Outcome {
    let problem = build_sparse(&data.train, options, None)?;
    let (mut model, kernel) = (problem.model, problem.details.kernel.to_string());
    if let Some(inducing) = &values.inducing {
        model.set_inducing(inducing.as_ref())?;
    }
    let is_value = |path: &str| path.starts_with("v[") || path.starts_with("v.");
    let (of_v, of_theta): (Vec<_>, Vec<_>) = values.numbers.into_iter().partition(|(path, _)| is_value(path));
    place(model.layout_mut(), &of_theta, arguments)?;
    for (name, given, fits) in [
        ("v", !of_v.is_empty(), choice == ModelChoice::SparseLatent),
        ("q_mu", values.q_mu.is_some(), choice == ModelChoice::Svgp),
        ("q_sqrt", values.q_sqrt.is_some(), choice == ModelChoice::Svgp),
    ] {
        if given && !fits {
            let text = format!("{}: `{name}` is not of --model {}", arguments.at.display(), choice.name());
            return Err(Failure::Data(text));
        }
    }
    let par = if rayon::current_num_threads() > 1 { in_parallel() } else { Par::Seq };
    let batch = Batch { x: problem.x, observations: problem.observations };
    match choice {
        ModelChoice::Sparse => collapsed(arguments, data, options, &model, &batch, kernel, par),
        ModelChoice::Svgp => {
            let q = gaussian(arguments, &model, values.q_mu, values.q_sqrt)?;
            svgp(arguments, data, &model, &batch, q, kernel, par)
        }
        _ => at_values(arguments, data, &model, batch, &of_v, kernel, par),
    }
}

fn collapsed(
    arguments: &DensityArguments,
    data: &Prepared,
    options: &FitOptions,
    model: &SparseModel,
    batch: &Batch,
    kernel: String,
    par: Par,
) -> Outcome {
    let y: Vec<f64> = batch.observations.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::new(model, batch.x.as_ref(), &y, options.collapsed)?;
    let z = model.layout().start();
    let mut score = vec![0.0; z.len()];
    let evidence = Target::new(&collapsed, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let bound = evidence.evaluate(&z, &mut score, &mut evidence.workspace())?;
    let target = Target::new(&collapsed, Criterion::LogDensity)?.with_parallelism(par);
    let (log_density, seconds) = timed(&target, &z, &mut score, arguments.repeat)?;
    let details =
        Details { form: Some(options.collapsed), inducing: rows(model.inducing()), q_mu: None, q_sqrt: None };
    let found = Found {
        choice: ModelChoice::Sparse,
        target: (model.layout(), score, log_density, seconds),
        log_likelihood: None,
        bound,
        jitter: target.max_jitter(),
        details,
    };
    tell(arguments, data, model, kernel, found)
}

/// The bound of a given q(v), or of the best one, as a model for [`Target`].
struct Bound<'a> {
    model: &'a SparseModel,
    batch: &'a Batch,
    q: InducingGaussian,
    divergence: f64,
}

impl Model for Bound<'_> {
    type Workspace = BoundWorkspace;

    fn layout(&self) -> &Layout {
        self.model.layout()
    }

    fn workspace(&self, par: Par) -> BoundWorkspace {
        self.model.bound_workspace(self.batch.rows(), par)
    }

    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut BoundWorkspace,
    ) -> crate::Result<f64> {
        let wanted =
            Wanted { held: Held::Whitened, gradient: Some(gradient), by_inducing: None, target: None };
        Ok(self.model.bound(theta, &self.q, self.batch, 1.0, wanted, workspace)? - self.divergence)
    }

    fn jitter(workspace: &BoundWorkspace) -> f64 {
        workspace.jitter()
    }
}

fn svgp(
    arguments: &DensityArguments,
    data: &Prepared,
    model: &SparseModel,
    batch: &Batch,
    given: Option<InducingGaussian>,
    kernel: String,
    par: Par,
) -> Outcome {
    let z = model.layout().start();
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&z, &mut theta);
    let was_given = given.is_some();
    let q = match given {
        Some(q) => q,
        None => best(model, &theta, batch, par)?,
    };
    let (means, factors) = (0..model.latents())
        .map(|c| q.mean(c).to_vec())
        .zip(q.covariance_factors(par)?.iter().map(|f| rows(f.as_ref())))
        .unzip();
    let divergence = q.divergence(par);
    let bound = Bound { model, batch, q, divergence };
    let mut score = vec![0.0; z.len()];
    let alone = Target::new(&bound, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let value = alone.evaluate(&z, &mut score, &mut alone.workspace())?;
    let target = Target::new(&bound, Criterion::LogDensity)?.with_parallelism(par);
    let (log_density, seconds) = timed(&target, &z, &mut score, arguments.repeat)?;
    let details = Details {
        form: None,
        inducing: rows(model.inducing()),
        q_mu: (!was_given).then_some(means),
        q_sqrt: (!was_given).then_some(factors),
    };
    let found = Found {
        choice: ModelChoice::Svgp,
        target: (model.layout(), score, log_density, seconds),
        log_likelihood: Some(value + divergence),
        bound: value,
        jitter: target.max_jitter(),
        details,
    };
    tell(arguments, data, model, kernel, found)
}

/// The q(v) with the largest bound at θ.
fn best(model: &SparseModel, theta: &[f64], batch: &Batch, par: Par) -> Outcome<InducingGaussian> {
    let mut q = InducingGaussian::prior(model.latents(), model.size());
    let mut workspace = model.bound_workspace(batch.rows(), par);
    let mut target = NaturalTarget::zeros(model.latents(), model.size());
    let rho = if model.likelihood().is_log_concave() { 1.0 } else { 0.5 };
    let mut last = f64::NEG_INFINITY;
    for _ in 0..STEPS {
        let wanted =
            Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target: Some(&mut target) };
        let value = model.bound(theta, &q, batch, 1.0, wanted, &mut workspace)? - q.divergence(par);
        if (value - last).abs() < FOUND * (1.0 + value.abs()) {
            break;
        }
        last = value;
        q.step(rho, &target)?;
        if model.likelihood().family() == Family::Gaussian {
            break;
        }
    }
    Ok(q)
}

fn gaussian(
    arguments: &DensityArguments,
    model: &SparseModel,
    q_mu: Option<Vec<f64>>,
    q_sqrt: Option<Vec<Mat<f64>>>,
) -> Outcome<Option<InducingGaussian>> {
    let (m, latents) = (model.size(), model.latents());
    let fail = |text: String| Failure::Data(format!("{}: {text}", arguments.at.display()));
    let (Some(mean), Some(mut factors)) = (q_mu.as_ref(), q_sqrt.clone()) else {
        return match (q_mu, q_sqrt) {
            (None, None) => Ok(None),
            _ => Err(fail("`q_mu` and `q_sqrt` go together: give both, or none for the best q(v)".into())),
        };
    };
    if mean.len() != latents * m || factors.len() != latents {
        return Err(fail(format!(
            "q(v) has {m} values for each of {latents} latent function(s): found {} means and {} factors",
            mean.len(),
            factors.len()
        )));
    }
    if factors.iter().any(|f| f.nrows() != m || f.ncols() != m) {
        return Err(fail(format!("`q_sqrt` is {m}×{m} for each latent function")));
    }
    for factor in &mut factors {
        (0..m).for_each(|j| factor.col_as_slice_mut(j)[..j].fill(0.0));
    }
    Ok(Some(InducingGaussian::from_moments(mean, &factors)?))
}

/// The density of parameters and whitened inducing values, which are zero where they are not given.
fn at_values(
    arguments: &DensityArguments,
    data: &Prepared,
    model: &SparseModel,
    batch: Batch,
    of_v: &[(String, f64)],
    kernel: String,
    par: Par,
) -> Outcome {
    let density = Whitened::new(model, batch, 1.0)?;
    let (layout, first) = (density.layout(), density.theta_dim());
    let mut z = layout.start();
    let parameters = model.layout().parameters().len();
    for (path, value) in of_v {
        let index = layout.index(path).ok_or_else(|| {
            let last = &layout.parameters()[layout.parameters().len() - 1].path;
            Failure::Data(format!("{}: there is no `{path}`; values end at {last}", arguments.at.display()))
        })?;
        z[first + index - parameters] = *value;
    }
    let target = Target::new(&density, Criterion::LogDensity)?.with_parallelism(par);
    let mut score = vec![0.0; z.len()];
    let (mut log_density, seconds) = timed(&target, &z, &mut score, arguments.repeat)?;
    // −½ |v|² without its constant, as the model is written.
    let constant = 0.5 * (z.len() - first) as f64 * (2.0 * std::f64::consts::PI).ln();
    log_density += constant;
    let likelihood = Target::new(&density, Criterion::LogMarginalLikelihood)?.with_parallelism(par);
    let value = likelihood.evaluate(&z, &mut vec![0.0; z.len()], &mut likelihood.workspace())?;
    let details = Details { form: None, inducing: rows(model.inducing()), q_mu: None, q_sqrt: None };
    let found = Found {
        choice: ModelChoice::SparseLatent,
        target: (layout, score, log_density, seconds),
        log_likelihood: Some(value),
        bound: value,
        jitter: target.max_jitter(),
        details,
    };
    tell(arguments, data, model, kernel, found)
}

fn tell(
    arguments: &DensityArguments,
    data: &Prepared,
    model: &SparseModel,
    kernel: String,
    found: Found<'_>,
) -> Outcome {
    let Found {
        choice,
        target: (layout, score, log_density, seconds),
        log_likelihood,
        bound,
        jitter,
        details,
    } = found;
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&model.layout().start(), &mut theta);
    let log_prior = model.layout().log_prior(&theta, &mut vec![0.0; theta.len()]);
    let paths = layout.free().map(|p| p.path.clone());
    let own: Vec<String> = model.layout().free().map(|p| p.path.clone()).collect();
    let score: std::collections::BTreeMap<String, f64> = paths.zip(score).collect();
    let shown = (choice == ModelChoice::SparseLatent)
        .then(|| own.into_iter().filter_map(|path| Some((path.clone(), *score.get(&path)?))).collect());
    tell_density(
        arguments,
        &Density {
            rows: data.train.rows(),
            model: choice.name(),
            likelihood: data.family.name(),
            approximation: None,
            kernel,
            log_likelihood,
            log_marginal_likelihood: bound,
            log_prior,
            log_density,
            score,
            marginal_score: shown,
            sparse: Some(details),
            seconds_per_evaluation: seconds,
            max_jitter: jitter,
        },
    )
}

fn rows(matrix: MatRef<'_, f64>) -> Vec<Vec<f64>> {
    (0..matrix.nrows()).map(|i| (0..matrix.ncols()).map(|j| matrix[(i, j)]).collect()).collect()
}
