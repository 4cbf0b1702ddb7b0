//! Scores of any model: of numbers or of classes.

use super::{ClassMetrics, ClassTable, FittedModel, Metrics, Predictions};
use crate::Result;
use serde::Serialize;

/// Seed of the bootstrap behind the standard error of a calibration error.
const SEED: u64 = 0;

/// Scores on rows with known targets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scores {
    /// Of predicted numbers.
    Values(Metrics),
    /// Of predicted classes.
    Classes(ClassMetrics),
}

impl FittedModel {
    /// Scores of predictions of this model, targets in the table's own units (indices of classes); `None` without rows.
    ///
    /// # Errors
    /// Where probabilities are not finite.
    pub fn score(&self, predictions: &Predictions, y: &[f64]) -> Result<Option<Scores>> {
        let Some(table) = self.class_table(predictions)? else {
            let scale = self.details.standardisation.target_scale;
            return Ok(Metrics::new(predictions, y, scale).map(Scores::Values));
        };
        let labels: Vec<usize> = y.iter().map(|y| *y as usize).collect();
        Ok(ClassMetrics::new(&table, &labels, &self.class_frequencies(table.classes()), SEED)
            .map(Scores::Classes))
    }

    /// Probabilities of the classes, where the target has classes.
    ///
    /// # Errors
    /// Where probabilities are not finite.
    pub fn class_table(&self, predictions: &Predictions) -> Result<Option<ClassTable>> {
        let Some(names) = &self.details.class_names else { return Ok(None) };
        let rows = predictions.map(|row| row.class_probabilities(names.len()));
        ClassTable::new(names.len(), rows.concat()).map(Some)
    }

    /// Shares of the classes among the training rows.
    pub fn class_frequencies(&self, classes: usize) -> Vec<f64> {
        let mut shares = vec![0.0; classes];
        self.model.class_shares(&mut shares);
        shares
    }
}
