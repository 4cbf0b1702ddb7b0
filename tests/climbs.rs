//! How many evaluations a climb to the posterior's mode takes, against SciPy's L-BFGS-B from the same start on the same
//! densities (see `golden/make_climbs.py`).
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use faer::Mat;
use serde_json::Value;
use std::path::Path;
use steingp::inference::{MaximumSettings, maximise_from};
use steingp::kernel::{Kernel, Rbf, Stationary};
use steingp::mean::Mean;
use steingp::model::{Criterion, Exact, Model, Target};

/// Every so many rows of a table in `data/`, standardised: inputs and target.
fn table(name: &str, target: &str, rows: usize) -> (Mat<f64>, Vec<f64>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(format!("{name}.csv"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let all: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let step = (all.len() / rows).max(1);
    let all: Vec<Vec<f64>> = all.into_iter().step_by(step).take(rows).collect();
    let standardised = |c: usize| -> Vec<f64> {
        let n = all.len() as f64;
        let mean = all.iter().map(|row| row[c]).sum::<f64>() / n;
        let sd = (all.iter().map(|row| (row[c] - mean).powi(2)).sum::<f64>() / n).sqrt();
        all.iter().map(|row| (row[c] - mean) / sd).collect()
    };
    let y = standardised(names.iter().position(|n| *n == target).unwrap());
    let inputs: Vec<Vec<f64>> = (0..names.len()).filter(|&c| names[c] != target).map(standardised).collect();
    (Mat::from_fn(y.len(), inputs.len(), |i, d| inputs[d][i]), y)
}

#[test]
fn a_climb_takes_no_more_evaluations_than_scipys() {
    let golden: Value = serde_json::from_str(include_str!("golden/scipy_climbs.json")).unwrap();
    let (rows, within) = (golden["rows"].as_u64().unwrap() as usize, golden["within"].as_f64().unwrap());
    let (mut ours, mut theirs) = (0, 0);
    for (name, expected) in golden["tables"].as_object().unwrap() {
        let (x, y) = table(name, expected["target"].as_str().unwrap(), rows);
        let kernel = Kernel::leaf(Stationary::<Rbf>::new((0..x.ncols()).collect(), false));
        let model = Exact::new(x.as_ref(), &y, kernel, Mean::Zero).unwrap();
        let target = Target::new(&model, Criterion::LogDensity).unwrap();
        let settings = MaximumSettings { value_tolerance: 1e-14, ..MaximumSettings::default() };
        let found = maximise_from(&target, &model.layout().start(), &settings).unwrap();
        let best = expected["best"].as_f64().unwrap();
        let close = best - within * (1.0 + best.abs());
        let took = found.trace.iter().position(|v| *v >= close).map(|k| k + 1);
        let memories = ["10", "20"].map(|m| expected["evaluations"][m].as_u64().unwrap());
        println!("{name}: {took:?} against {memories:?}, {} against {best}", found.value);
        let took = took.unwrap_or_else(|| panic!("{name}: {} is short of {best}", found.value)) as u64;
        // Single problems differ by a step of the line search or two; all together must not.
        assert!(took <= memories[0] + 3, "{name}: {took} against {memories:?}");
        (ours, theirs) = (ours + took, theirs + memories[0]);
    }
    assert!(ours <= theirs, "{ours} against {theirs}");
}
