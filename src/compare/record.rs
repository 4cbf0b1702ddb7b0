//! One row of a comparison: a method on one split of a table, and what came of it.

use crate::posterior::Scores;
use serde::{Deserialize, Serialize};

/// Which row it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Name of the table.
    pub table: String,
    /// The method as it is written.
    pub method: String,
    /// Number of the split, from 0.
    pub split: usize,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which row it is.
    #[serde(flatten)]
    pub key: Key,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Wall time of the row in seconds, start of its process and reading of its table included.
    pub elapsed: f64,
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was fitted and scored.
    Done(Box<Measured>),
    /// It could not be.
    Failed {
        /// Why.
        message: String,
    },
}

impl Outcome {
    /// A failure with its reason.
    pub fn failed(message: impl Into<String>) -> Self {
        Outcome::Failed { message: message.into() }
    }

    /// What was measured, where it was.
    pub fn measured(&self) -> Option<&Measured> {
        match self {
            Outcome::Done(measured) => Some(measured),
            Outcome::Failed { .. } => None,
        }
    }
}

/// What was measured of a row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// The model that was fitted, by its name.
    pub model: String,
    /// The likelihood, by its name.
    pub likelihood: String,
    /// Training rows.
    pub train_rows: usize,
    /// Test rows.
    pub test_rows: usize,
    /// Encoded input columns D.
    pub inputs: usize,
    /// Scores on the test rows.
    pub quality: Quality,
    /// Evaluations of value and score.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
    /// Iterations of the method.
    pub iterations: usize,
    /// Particles or draws of the posterior.
    pub draws: usize,
    /// Wall time of the fit in seconds.
    pub seconds: f64,
    /// Wall time of predicting and scoring the test rows in seconds.
    pub predict_seconds: f64,
    /// Processor time of the fit in seconds, of all threads; `None` where the system does not say.
    pub processor_seconds: Option<f64>,
    /// The most memory that the row's process held, in MiB; `None` where the rows shared one process, or where the system
    /// does not say.
    pub peak_memory: Option<f64>,
    /// What the diagnostics say; empty where the method has none.
    pub verdict: String,
    /// What else the fit had to say.
    pub notices: Vec<String>,
}

/// Scores on test rows; `None` where a score is not of this kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Mean log predictive density, natural logarithm, per unit of the target; for classes the log probability.
    pub log_likelihood: Option<f64>,
    /// The same per standard deviation of the training target.
    pub log_likelihood_standardised: Option<f64>,
    /// Root mean square error of the predictive mean.
    pub rmse: Option<f64>,
    /// The same in standard deviations of the training target.
    pub rmse_standardised: Option<f64>,
    /// Mean absolute error of the predictive median.
    pub mae: Option<f64>,
    /// Mean continuous ranked probability score.
    pub crps: Option<f64>,
    /// Share of rows inside the central 50 % interval.
    pub coverage_50: Option<f64>,
    /// Share of rows inside the central 90 % interval.
    pub coverage_90: Option<f64>,
    /// Share of rows inside the central 95 % interval.
    pub coverage_95: Option<f64>,
    /// Share of rows whose most probable class is the observed one.
    pub accuracy: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
    /// Area under the receiver operating characteristic.
    pub auc: Option<f64>,
}

impl Quality {
    /// From the scores of a fitted model. What is not finite counts as missing.
    pub fn new(scores: &Scores) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        match scores {
            Scores::Values(m) => Self {
                log_likelihood: finite(m.log_likelihood),
                log_likelihood_standardised: finite(m.log_likelihood_standardised),
                rmse: finite(m.rmse),
                rmse_standardised: finite(m.rmse_standardised),
                mae: finite(m.mae),
                crps: finite(m.crps),
                coverage_50: finite(m.coverage.half),
                coverage_90: finite(m.coverage.ninety),
                coverage_95: finite(m.coverage.ninety_five),
                ..Self::default()
            },
            Scores::Classes(m) => Self {
                log_likelihood: finite(m.log_likelihood),
                accuracy: finite(m.accuracy),
                brier: finite(m.brier),
                auc: m.auc.and_then(finite),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_from_its_line() {
        let key = Key { table: "servo".into(), method: "svgd:2".into(), split: 3 };
        let quality = Quality { log_likelihood: Some(-0.1 - 0.2), rmse: Some(1e-300), ..Quality::default() };
        let measured = Measured { model: "exact".into(), quality, seconds: 0.25, ..Measured::default() };
        for outcome in [Outcome::Done(Box::new(measured)), Outcome::failed("a \"reason\"\nof two lines")] {
            let record = Record { key: key.clone(), outcome, elapsed: 1.5 };
            let line = serde_json::to_string(&record).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        }
    }
}
