//! What methods are compared by.

use super::record::{Measured, Quality};

/// A number that every row has, or every row of one kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Mean log predictive density per standard deviation of the training target, or mean log probability of classes.
    LogLikelihood,
    /// Mean log predictive density per unit of the target.
    LogLikelihoodOwnUnits,
    /// Root mean square error in standard deviations of the training target.
    Rmse,
    /// Root mean square error in the target's units.
    RmseOwnUnits,
    /// Mean absolute error of the predictive median.
    Mae,
    /// Mean continuous ranked probability score.
    Crps,
    /// Share of rows inside the central 50 % interval.
    Coverage50,
    /// Share of rows inside the central 90 % interval.
    Coverage90,
    /// Share of rows inside the central 95 % interval.
    Coverage95,
    /// Share of rows whose most probable class is the observed one.
    Accuracy,
    /// Brier score.
    Brier,
    /// Area under the receiver operating characteristic.
    Auc,
    /// Evaluations of value and score.
    Evaluations,
    /// Wall time of the fit in seconds.
    Seconds,
    /// Processor time of the fit in seconds.
    ProcessorSeconds,
    /// Peak memory in MiB.
    PeakMemory,
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Larger ones.
    Larger,
    /// Smaller ones.
    Smaller,
    /// Those nearer to a nominal value: not compared, only shown.
    Neither,
}

impl Metric {
    /// Those that say how good predictions are, in the order of reports.
    pub const QUALITIES: [Self; 12] = [
        Self::LogLikelihood,
        Self::LogLikelihoodOwnUnits,
        Self::Rmse,
        Self::RmseOwnUnits,
        Self::Mae,
        Self::Crps,
        Self::Coverage50,
        Self::Coverage90,
        Self::Coverage95,
        Self::Accuracy,
        Self::Brier,
        Self::Auc,
    ];

    /// Those that say what it cost.
    pub const COSTS: [Self; 4] = [Self::Seconds, Self::ProcessorSeconds, Self::PeakMemory, Self::Evaluations];

    /// The value in a row.
    pub fn of(self, row: &Measured) -> Option<f64> {
        let Quality { log_likelihood, log_likelihood_standardised, .. } = row.quality;
        match self {
            // Classes have no units to be standardised.
            Metric::LogLikelihood => {
                log_likelihood_standardised.or(log_likelihood.filter(|_| row.has_classes()))
            }
            Metric::LogLikelihoodOwnUnits => log_likelihood.filter(|_| !row.has_classes()),
            Metric::Rmse => row.quality.rmse_standardised,
            Metric::RmseOwnUnits => row.quality.rmse,
            Metric::Mae => row.quality.mae,
            Metric::Crps => row.quality.crps,
            Metric::Coverage50 => row.quality.coverage_50,
            Metric::Coverage90 => row.quality.coverage_90,
            Metric::Coverage95 => row.quality.coverage_95,
            Metric::Accuracy => row.quality.accuracy,
            Metric::Brier => row.quality.brier,
            Metric::Auc => row.quality.auc,
            Metric::Evaluations => Some(row.evaluations as f64),
            Metric::Seconds => Some(row.seconds),
            Metric::ProcessorSeconds => row.processor_seconds,
            Metric::PeakMemory => row.peak_memory,
        }
    }

    /// Name in headings.
    pub fn name(self) -> &'static str {
        match self {
            Metric::LogLikelihood => "Test log-likelihood",
            Metric::LogLikelihoodOwnUnits => "Test log-likelihood, own units",
            Metric::Rmse => "RMSE, standardised",
            Metric::RmseOwnUnits => "RMSE, own units",
            Metric::Mae => "MAE",
            Metric::Crps => "CRPS",
            Metric::Coverage50 => "Coverage of 50 % intervals",
            Metric::Coverage90 => "Coverage of 90 % intervals",
            Metric::Coverage95 => "Coverage of 95 % intervals",
            Metric::Accuracy => "Accuracy",
            Metric::Brier => "Brier score",
            Metric::Auc => "AUC",
            Metric::Evaluations => "Evaluations",
            Metric::Seconds => "Seconds of the fit",
            Metric::ProcessorSeconds => "Processor seconds of the fit",
            Metric::PeakMemory => "Peak memory (MiB)",
        }
    }

    /// Which values are better.
    pub fn better(self) -> Better {
        match self {
            Metric::LogLikelihood | Metric::LogLikelihoodOwnUnits | Metric::Accuracy | Metric::Auc => {
                Better::Larger
            }
            Metric::Coverage50 | Metric::Coverage90 | Metric::Coverage95 => Better::Neither,
            _ => Better::Smaller,
        }
    }
}

impl Measured {
    /// Whether the target has classes.
    pub fn has_classes(&self) -> bool {
        self.quality.accuracy.is_some()
    }
}
