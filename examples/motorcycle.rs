//! The README's picture: twenty particles on the motorcycle data.
//!
//! `cargo run --release --example motorcycle -- docs/motorcycle.svg`

use faer::Mat;
use std::path::Path;
use steingp::fit::{FitOptions, fit};
use steingp::posterior::PredictionKind;
use steingp::prelude::*;
use steingp::report::{self, FitContext};
use steingp::table::{Encoding, EncodingOptions, Table, TargetUse};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "motorcycle.svg".into());
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/motorcycle.csv"))?;
    let rows: Vec<usize> = (0..table.rows()).collect();
    let (encoding, _) = Encoding::learn(&table, &EncodingOptions::new("accel"), &rows)?;
    let encoded = encoding.apply(&table, TargetUse::Required)?;
    let y = encoded.y.unwrap_or_default();
    let names = encoding.input_names().to_vec();
    let train = Dataset::with_names(encoded.x, y, names, "accel".into())?;

    let fit = fit(&train, &FitOptions::default(), &mut ())?;
    let at_30_ms = fit.model.predict(Mat::full(1, 1, 30.0).as_ref(), PredictionKind::Latent)?;
    println!(
        "at 30 ms: {:.1} g, 90 % within {:.1} to {:.1} g",
        at_30_ms.row(0).mean(),
        at_30_ms.row(0).quantile(0.05),
        at_30_ms.row(0).quantile(0.95)
    );

    let context = FitContext {
        table: "motorcycle.csv".into(),
        fit: &fit,
        train: &train,
        test: None,
        test_exposure: None,
        predictions: None,
        scores: None,
        seconds: 0.0,
        notices: Vec::new(),
    };
    if let Some(curve) = report::from_fit(&context)?.fit {
        std::fs::write(&out, report::fit::svg(&curve, "particle")?)?;
        println!("wrote {out}");
    }
    Ok(())
}
