//! The score table of a classification.

use crate::posterior::ClassMetrics;
use crate::report::data::{Score, ScoreFormat};

/// Lines of the score table.
pub fn scores(m: &ClassMetrics) -> Vec<Score> {
    let line = |name: &str, value: f64, format: ScoreFormat| Score {
        name: name.into(),
        value,
        standardised: None,
        format,
    };
    let number = |name: &str, value: f64| line(name, value, ScoreFormat::Number);
    let mut lines = vec![
        number("log-likelihood", m.log_likelihood),
        number("log-likelihood of the training frequencies alone", m.base_rate_log_likelihood),
        line("accuracy", m.accuracy, ScoreFormat::Percent),
    ];
    lines.extend(m.auc.map(|auc| number("area under the ROC curve", auc)));
    lines.extend([
        number("Brier score", m.brier),
        number("expected calibration error (ECE)", m.ece),
        number("standard error of the ECE", m.ece_standard_error),
        number("ECE if the probabilities were true", m.ece_floor),
    ]);
    lines
}
