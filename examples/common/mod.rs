//! What the examples share: where figures go, tables as datasets, scores as lines.
#![allow(dead_code)]

use faer::Mat;
use std::path::{Path, PathBuf};
use steingp::fit::Fit;
use steingp::posterior::{Predictions, Scores};
use steingp::prelude::*;
use steingp::report::{FitContext, data::Report, from_fit};

pub type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The folder of the first argument, else a temporary one of the example's name.
pub fn folder(example: &str) -> Outcome<PathBuf> {
    let folder = match std::env::args().nth(1) {
        Some(folder) => folder.into(),
        None => std::env::temp_dir().join(format!("steingp-{example}")),
    };
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Writes a figure or page and says where it is.
pub fn write(folder: &Path, name: &str, text: &str) -> Outcome {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Some rows of a dataset.
pub fn rows(data: &Dataset, rows: &[usize]) -> Dataset {
    Dataset {
        x: Mat::from_fn(rows.len(), data.columns(), |i, d| data.x[(rows[i], d)]),
        y: rows.iter().map(|&i| data.y[i]).collect(),
        exposure: data.exposure.as_ref().map(|e| rows.iter().map(|&i| e[i]).collect()),
        ..data.clone()
    }
}

/// What a fit predicts of rows that it has not seen, and how good that is.
pub fn score(fit: &Fit, test: &Dataset) -> Outcome<(Predictions, Scores)> {
    let predictions = fit.model.predict_y(test.x.as_ref(), test.exposure.as_deref())?;
    let scores = fit.model.score(&predictions, &test.y)?.ok_or("there are no rows to score")?;
    Ok((predictions, scores))
}

/// All figures of a fit, with those of unseen rows where there are some.
pub fn report(
    table: &str,
    fit: &Fit,
    train: &Dataset,
    seen: Option<(&Dataset, &Predictions, &Scores)>,
) -> Result<Report> {
    from_fit(&FitContext {
        table: table.into(),
        fit,
        train,
        test: seen.map(|(test, ..)| (test.x.as_ref(), test.y.as_slice())),
        test_exposure: seen.and_then(|(test, ..)| test.exposure.as_deref()),
        predictions: seen.map(|(_, predictions, _)| predictions),
        scores: seen.map(|(.., scores)| scores),
        seconds: 0.0,
        notices: fit.notices.clone(),
    })
}
