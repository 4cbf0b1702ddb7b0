//! Tables of `data/` as datasets.

use super::Outcome;
use std::path::Path;
use steingp::prelude::*;
use steingp::table::{Encoding, EncodingOptions, Split, Table, TargetKind, TargetUse, split};

/// Training rows and, where a share is held out, test rows of a table.
pub fn read(file: &str, target: &str, kind: TargetKind, holdout: Option<f64>) -> Outcome<(Dataset, Dataset)> {
    let table = Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file))?;
    let split = holdout.map_or(Split::All, |fraction| Split::Holdout { fraction, seed: 0 });
    let (train, test) = split::resolve(&split, table.rows())?;
    let options = EncodingOptions { target_kind: kind, ..EncodingOptions::new(target) };
    let (encoding, _) = Encoding::learn(&table, &options, &train)?;
    let encoded = encoding.apply(&table, TargetUse::Required)?;
    let dataset = |rows: &[usize]| -> Outcome<Dataset> {
        let part = encoded.select(rows);
        let (x, y) = (part.x, part.y.unwrap_or_default());
        let data = Dataset::with_names(x, y, encoding.input_names().to_vec(), target.into())?;
        Ok(match encoding.class_names() {
            Some(names) => data.with_class_names(names.to_vec())?,
            None => data,
        })
    };
    Ok((dataset(&train)?, dataset(&test)?))
}
