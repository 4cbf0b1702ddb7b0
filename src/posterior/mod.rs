//! Posteriors: weighted draws, the mixtures that they predict with, how good those are, and files.
//!
//! Every inference method returns a [`Posterior`]; prediction, metrics, plots and files know nothing else.

mod classification;
mod draws;
mod file;
mod fitted;
mod metrics;
mod mixture;
mod observed;
mod predict;
mod predictions;
mod scores;

#[cfg(feature = "report")]
pub(crate) use classification::most_probable;
pub use classification::{ClassMetrics, ClassTable, ReliabilityBin, Roc, reliability};
pub use draws::{ParameterSummary, Posterior};
pub use file::{ModelFileError, ModelFileProblem};
pub use fitted::{Details, FittedModel, quantile_columns};
pub use metrics::{Coverage, Metrics, probability_integral_transform};
pub use mixture::{Mixture, MixtureTable};
pub use observed::{ObservedRow, ObservedTable};
pub use predict::{PredictionKind, Predictor};
pub use predictions::{PredictedRow, Predictions};
pub use scores::Scores;
