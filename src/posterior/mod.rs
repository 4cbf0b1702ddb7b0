//! Posteriors: weighted draws, the mixtures that they predict with, how good those are, and files.
//!
//! Every inference method returns a [`Posterior`]; prediction, metrics, plots and files know nothing else.

mod draws;
mod file;
mod fitted;
mod metrics;
mod mixture;
mod predict;

pub use draws::{ParameterSummary, Posterior};
pub use file::{ModelFileError, ModelFileProblem};
pub use fitted::{Details, FittedModel, quantile_columns};
pub use metrics::{Coverage, Metrics, probability_integral_transform};
pub use mixture::{Mixture, MixtureTable};
pub use predict::{PredictionKind, Predictor};
