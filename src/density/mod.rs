//! The seam between models and inference: an unnormalised log density on R^d with its score.
//!
//! Beside it stand targets whose answers are known in closed form, to test inference on and to look at. [`Toy`] names
//! the two-dimensional ones.

mod banana;
mod funnel;
mod gaussian;
#[cfg(test)]
pub(crate) mod log_gamma;
mod mixture;
mod neal;
mod ring;
mod toy;

pub use banana::Banana;
pub use funnel::Funnel;
pub use gaussian::GaussianTarget;
pub use mixture::{GaussianMixture, MixtureWorkspace};
pub use neal::{Neal, neal_function, neal_rows};
pub use ring::Ring;
pub(crate) use toy::unknown;
pub use toy::{Start, Toy, ToyMoments, ToyWorkspace};

use crate::Result;

/// An unnormalised log density on R^d with its score (gradient).
///
/// GP models, toy targets and other people's models all offer it; every inference method consumes nothing
/// else. Evaluations at different points may run in parallel, each with a workspace of its own.
pub trait LogDensity: Sync {
    /// Everything an evaluation needs, allocated once per thread.
    type Workspace: Send;

    /// Dimension d.
    fn dim(&self) -> usize;

    /// A workspace for one thread.
    fn workspace(&self) -> Self::Workspace;

    /// A workspace for one of several threads, whose evaluations may hand parts of their work to threads that have run out of points.
    fn shared_workspace(&self) -> Self::Workspace {
        self.workspace()
    }

    /// Log density at `z` (length d); writes its gradient into `score` (length d).
    ///
    /// # Errors
    /// [`crate::Error::is_recoverable`] says whether the failure concerns this point only.
    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut Self::Workspace) -> Result<f64>;
}

#[cfg(test)]
mod check;
