//! From a model's likelihood to the log densities that inference moves on.

use super::Model;
use crate::density::LogDensity;
use crate::linalg::in_parallel;
use crate::parameter::Layout;
use crate::{Error, Result};
use faer::Par;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Which function of the parameters is meant. Two log posteriors differ by the Jacobian: never mix them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criterion {
    /// log p(y|θ) + log p(θ) + log |dθ/dz|: the density of z, for SVGD, NUTS, Laplace and (by default) MAP.
    #[default]
    LogDensity,
    /// log p(y|θ) + log p(θ): the density of θ, whose mode depends on no bijector.
    LogPosterior,
    /// log p(y|θ): maximum likelihood (type II).
    LogMarginalLikelihood,
}

impl Criterion {
    /// What it adds to a log likelihood at z, where the parameters are θ; its gradient in z is added to `score`.
    pub fn add_priors(self, layout: &Layout, z: &[f64], theta: &[f64], score: &mut [f64]) -> f64 {
        if self == Self::LogMarginalLikelihood {
            return 0.0;
        }
        let (mut gradient, mut own) = (vec![0.0; theta.len()], vec![0.0; z.len()]);
        let mut value = layout.log_prior(theta, &mut gradient);
        layout.pull_back(z, &gradient, &mut own);
        if self == Self::LogDensity {
            value += layout.log_jacobian(z, &mut own);
        }
        score.iter_mut().zip(&own).for_each(|(score, own)| *score += own);
        value
    }
}

/// A model's log density over the unconstrained vector z of its free parameters.
///
/// Counts its evaluations, their failures and the jitter they needed.
#[derive(Debug)]
pub struct Target<'m, M> {
    model: &'m M,
    criterion: Criterion,
    par: Par,
    evaluations: AtomicUsize,
    failures: AtomicUsize,
    max_jitter: AtomicU64,
}

/// Workspace of a [`Target`].
#[derive(Debug)]
pub struct TargetWorkspace<W> {
    model: W,
    theta: Vec<f64>,
    gradient: Vec<f64>,
}

impl<W> TargetWorkspace<W> {
    /// For one thread; `par` says how the linear algebra inside one evaluation runs.
    pub fn new<M: Model<Workspace = W>>(model: &M, par: Par) -> Self {
        let count = model.layout().parameters().len();
        Self::with_model(model.workspace(par), count)
    }

    /// Around the workspace of a model with this many parameters, fixed ones included.
    pub fn with_model(model: W, parameters: usize) -> Self {
        Self { model, theta: vec![0.0; parameters], gradient: vec![0.0; parameters] }
    }

    /// The model's own workspace, as the last evaluation left it.
    pub fn model(&self) -> &W {
        &self.model
    }

    /// The same, to work with between evaluations.
    pub fn model_mut(&mut self) -> &mut W {
        &mut self.model
    }
}

impl<'m, M: Model> Target<'m, M> {
    /// A target with sequential linear algebra inside each evaluation.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the criterion is a posterior and a free parameter has no prior, and where
    /// no parameter is free.
    pub fn new(model: &'m M, criterion: Criterion) -> Result<Self> {
        let layout = model.layout();
        if criterion != Criterion::LogMarginalLikelihood
            && let Some(parameter) = layout.without_prior()
        {
            return Err(Error::Parameter {
                path: parameter.path.clone(),
                problem: "it has no prior, so it has no posterior: give it one, fix it, or use \
                          maximum likelihood"
                    .into(),
            });
        }
        Ok(Self {
            model,
            criterion,
            par: Par::Seq,
            evaluations: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            max_jitter: AtomicU64::new(0),
        })
    }

    /// The same target with linear algebra in parallel inside each evaluation: for one particle at a time. Where several threads
    /// evaluate, [`LogDensity::shared_workspace`] decides.
    #[must_use]
    pub fn with_parallelism(mut self, par: Par) -> Self {
        self.par = par;
        self
    }

    /// The model.
    pub fn model(&self) -> &'m M {
        self.model
    }

    /// Evaluations so far, failed ones included.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Failed evaluations so far.
    pub fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }

    /// Largest relative jitter so far.
    pub fn max_jitter(&self) -> f64 {
        f64::from_bits(self.max_jitter.load(Ordering::Relaxed))
    }

    fn try_evaluate(
        &self,
        z: &[f64],
        score: &mut [f64],
        workspace: &mut TargetWorkspace<M::Workspace>,
    ) -> Result<f64> {
        let layout = self.model.layout();
        let TargetWorkspace { model, theta, gradient } = workspace;
        layout.constrain(z, theta);
        gradient.fill(0.0);
        let mut value = self.model.log_likelihood(theta, gradient, model)?;
        // Bits of positive floats are in the order of the floats.
        self.max_jitter.fetch_max(M::jitter(model).to_bits(), Ordering::Relaxed);
        if self.criterion != Criterion::LogMarginalLikelihood {
            value += layout.log_prior(theta, gradient);
        }
        layout.pull_back(z, gradient, score);
        if self.criterion == Criterion::LogDensity {
            value += layout.log_jacobian(z, score);
        }
        if !value.is_finite() || score.iter().any(|s| !s.is_finite()) {
            return Err(Error::NotFiniteValue { what: "log density or its score" });
        }
        Ok(value)
    }
}

impl<M: Model> LogDensity for Target<'_, M> {
    type Workspace = TargetWorkspace<M::Workspace>;

    fn dim(&self) -> usize {
        self.model.layout().dim()
    }

    fn workspace(&self) -> Self::Workspace {
        TargetWorkspace::new(self.model, self.par)
    }

    fn shared_workspace(&self) -> Self::Workspace {
        TargetWorkspace::new(self.model, in_parallel())
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut Self::Workspace) -> Result<f64> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let result = self.try_evaluate(z, score, workspace);
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}
