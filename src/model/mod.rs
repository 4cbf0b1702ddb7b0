//! Models: what turns data, kernel and likelihood into a log density over parameters.

mod cholesky_adjoint;
mod conditioning;
mod exact;
mod kind;
mod latent;
mod sparse;
mod structure;
mod target;

pub use conditioning::{Conditioned, CovarianceForm, GaussianPrediction};
pub use exact::{Exact, ExactWorkspace};
pub use kind::{GpModel, LatentValues, SparseForm, SparseGp, condition_latent};
pub use latent::{
    Correction, Joint, JointWorkspace, LatentConditioned, LatentModel, LatentPrediction, Marginal,
    MarginalWorkspace,
};
pub use sparse::{
    BoundWorkspace, Collapsed, CollapsedForm, CollapsedWorkspace, Held, HeldScore, HeldSums, HeldWorkspace,
    InducingGaussian, NaturalTarget, SparseConditioned, SparseModel, Wanted, Whitened, WhitenedWorkspace,
};
pub use structure::Process;
pub use target::{Criterion, Target, TargetWorkspace};

use crate::Result;
use crate::parameter::Layout;
use faer::Par;

/// A model as inference sees it: a likelihood of constrained parameter values.
///
/// [`Target`] adds priors and the Jacobian of the bijectors, once for all models.
pub trait Model: Sync {
    /// Everything an evaluation needs, allocated once per thread.
    type Workspace: Send;

    /// Its parameters.
    fn layout(&self) -> &Layout;

    /// A workspace; `par` says how the linear algebra inside one evaluation runs.
    fn workspace(&self, par: Par) -> Self::Workspace;

    /// log p(y | θ); adds its gradient in θ to `gradient`.
    ///
    /// # Errors
    /// Recoverable ones for numerical failures at this θ.
    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut Self::Workspace,
    ) -> Result<f64>;

    /// Largest relative jitter that the last evaluation with this workspace needed.
    fn jitter(workspace: &Self::Workspace) -> f64;
}
