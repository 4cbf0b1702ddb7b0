//! What tells one fit from another, for checkpoints.

use crate::fit::{FitOptions, ModelChoice};
use crate::likelihood::Observation;
use crate::model::SparseModel;
use faer::Mat;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Of rows, on the model's scale.
pub(super) fn of_rows(x: &Mat<f64>, observations: &[Observation]) -> u64 {
    let mut hasher = DefaultHasher::new();
    x.col_iter().for_each(|c| c.iter().for_each(|v| v.to_bits().hash(&mut hasher)));
    for at in observations {
        (at.y.to_bits(), at.exposure.to_bits()).hash(&mut hasher);
    }
    hasher.finish()
}

/// All that the result of a minibatched fit depends on, in one line.
pub(super) fn of_fit(
    model: &SparseModel,
    choice: ModelChoice,
    rows: usize,
    data: u64,
    options: &FitOptions,
) -> String {
    let mut hasher = DefaultHasher::new();
    let told = FitOptions { interrupt: None, checkpoint: None, ..options.clone() };
    format!("{told:?}{:?}", model.layout().parameters()).hash(&mut hasher);
    model.inducing().col_iter().for_each(|c| c.iter().for_each(|v| v.to_bits().hash(&mut hasher)));
    model.own_inducing().hash(&mut hasher);
    let version = env!("CARGO_PKG_VERSION");
    format!("{version} {} {rows} rows {data:016x} {:016x}", choice.name(), hasher.finish())
}
