//! One row in this process: read, split, fit, predict, score.

use super::grid::{Cell, Grid};
use super::meter;
use super::record::{Measured, Quality};
use crate::fit::{FitOptions, fit};
use crate::table::{Table, TargetUse};
use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Runs a row and measures it; the peak memory is for the caller to add, who knows what else the process has held.
///
/// # Errors
/// Where the table cannot be used or the fit fails; [`Error::Invalid`] where a test row has a log-likelihood of −∞.
pub fn run(grid: &Grid, cell: Cell, interrupt: Option<Arc<AtomicBool>>) -> Result<Measured> {
    let table = &grid.tables[cell.table];
    let recipe = &table.recipe;
    let rows = &table.splits[cell.split];
    let prepared = recipe.preparation.prepare(&Table::read(&table.path)?, &rows.train, &rows.test)?;
    let inducing_points = match &recipe.inducing_points {
        Some(path) => Some(prepared.encoding.apply(&Table::read(path)?, TargetUse::Ignore)?.x),
        None => recipe.options.inducing_points.clone(),
    };
    let options = FitOptions {
        likelihood: prepared.family,
        input_groups: prepared.groups(),
        inducing_points,
        interrupt,
        ..grid.methods[cell.method].apply(&recipe.options)
    };
    let test =
        prepared.test.as_ref().ok_or_else(|| Error::Invalid("there is no test row to score".into()))?;

    let (clock, processor) = (Instant::now(), meter::processor_seconds());
    let fitted = fit(&prepared.train, &options, &mut ())?;
    let seconds = clock.elapsed().as_secs_f64();
    let processor_seconds = meter::processor_seconds().zip(processor).map(|(now, then)| now - then);

    let clock = Instant::now();
    let predictions = fitted.model.predict_y(test.x.as_ref(), test.exposure.as_deref())?;
    let scores = fitted.model.score(&predictions, &test.y)?;
    let predict_seconds = clock.elapsed().as_secs_f64();
    let quality = scores.as_ref().map(Quality::new).unwrap_or_default();
    if quality.log_likelihood.is_none() {
        return Err(Error::Invalid(
            "the log-likelihood of the test rows is not finite: a test row has a predictive density of zero"
                .into(),
        ));
    }
    Ok(Measured {
        model: fitted.model.model().name().into(),
        likelihood: prepared.family.name().into(),
        train_rows: prepared.train.rows(),
        test_rows: test.y.len(),
        inputs: prepared.train.columns(),
        quality,
        evaluations: fitted.evaluations,
        failed_evaluations: fitted.failed_evaluations,
        iterations: fitted.iterations,
        draws: fitted.model.posterior().count(),
        seconds,
        predict_seconds,
        processor_seconds,
        peak_memory: None,
        verdict: fitted.verdict().unwrap_or_default().into(),
        notices: prepared.notices.iter().chain(&fitted.notices).cloned().collect(),
    })
}
