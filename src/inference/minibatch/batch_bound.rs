//! The bound of one q(v) on one minibatch as a function of θ, for [`Target`](crate::model::Target) to add priors to.

use super::{MinibatchSettings, Particle};
use crate::Result;
use crate::density::LogDensity;
use crate::model::{
    BoundWorkspace, Held, InducingGaussian, Model, NaturalTarget, SparseModel, Target, TargetWorkspace,
    Wanted,
};
use crate::parameter::Layout;
use crate::rows::Batch;
use faer::{Mat, Par};

/// A model, q(v) and a minibatch whose sum counts `scale` times.
#[derive(Debug)]
pub(super) struct BatchBound<'a> {
    pub model: &'a SparseModel,
    pub q: &'a InducingGaussian,
    pub batch: &'a Batch,
    pub scale: f64,
    /// What of q(v) stays as it is while θ moves.
    pub held: Held,
}

/// Memory of one thread, with what an evaluation leaves besides value and gradient.
#[derive(Debug)]
pub(super) struct BatchWorkspace {
    pub bound: BoundWorkspace,
    /// Where the natural gradient of q(v) points.
    pub target: NaturalTarget,
    /// The gradient in Z, M×D, where it is wanted.
    pub by_inducing: Option<Mat<f64>>,
}

impl BatchWorkspace {
    /// For batches of up to `rows` rows.
    pub fn new(model: &SparseModel, rows: usize, move_inducing: bool, par: Par) -> Self {
        Self {
            bound: model.bound_workspace(rows, par),
            target: NaturalTarget::zeros(model.latents(), model.size()),
            by_inducing: move_inducing.then(|| Mat::zeros(model.size(), model.dim())),
        }
    }
}

impl Model for BatchBound<'_> {
    type Workspace = BatchWorkspace;

    fn layout(&self) -> &Layout {
        self.model.layout()
    }

    fn workspace(&self, par: Par) -> BatchWorkspace {
        BatchWorkspace::new(self.model, self.batch.rows(), false, par)
    }

    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut BatchWorkspace,
    ) -> Result<f64> {
        let BatchWorkspace { bound, target, by_inducing } = workspace;
        let by_inducing = by_inducing.as_mut().map(|g| {
            g.fill(0.0);
            g.as_mut()
        });
        let wanted = Wanted { held: self.held, gradient: Some(gradient), by_inducing, target: Some(target) };
        self.model.bound(theta, self.q, self.batch, self.scale, wanted, bound)
    }

    fn jitter(workspace: &BatchWorkspace) -> f64 {
        workspace.bound.jitter()
    }
}

impl Particle {
    /// Value and score of this particle on a minibatch, after q(v) has followed the last step of θ, which held the function.
    ///
    /// # Errors
    /// Those of the bound.
    pub(super) fn look(
        &mut self,
        model: &SparseModel,
        batch: &Batch,
        scale: f64,
        held: Held,
        (score, workspace): (&mut [f64], &mut TargetWorkspace<BatchWorkspace>),
        settings: &MinibatchSettings,
    ) -> Result<f64> {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&self.z, &mut theta);
        model.follow(&theta, &self.values, &mut self.q, &mut workspace.model_mut().bound)?;
        let bound = BatchBound { model, q: &self.q, batch, scale, held };
        Target::new(&bound, settings.criterion)?.evaluate(&self.z, score, workspace)
    }

    /// A step of q(v) along the natural gradient that the last look found.
    ///
    /// # Errors
    /// A recoverable one where q(v) would lose its factor; then it stays as it is.
    pub(super) fn advance(
        &mut self,
        model: &SparseModel,
        rho: f64,
        workspace: &TargetWorkspace<BatchWorkspace>,
    ) -> Result<()> {
        let known = workspace.model();
        let stepped = self.q.step(rho, &known.target);
        model.function_values(&self.q, &known.bound, &mut self.values);
        stepped
    }
}
