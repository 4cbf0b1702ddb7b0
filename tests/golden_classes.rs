//! Scores of class probabilities against scikit-learn's (see `origin` in `tests/golden/sklearn_classes.json`).
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use steingp::posterior::{ClassMetrics, ClassTable};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    classes: usize,
    probabilities: Vec<Vec<f64>>,
    labels: Vec<usize>,
    accuracy: f64,
    log_loss: f64,
    brier: f64,
    auc: f64,
}

#[test]
fn scores_agree_with_scikit_learn() {
    let golden: Golden = serde_json::from_str(include_str!("golden/sklearn_classes.json")).unwrap();
    assert_eq!(golden.cases.len(), 4);
    for case in golden.cases {
        let table = ClassTable::new(case.classes, case.probabilities.concat()).unwrap();
        let found = ClassMetrics::new(&table, &case.labels, &vec![1.0; case.classes], 1).unwrap();
        for (name, found, expected) in [
            ("accuracy", found.accuracy, case.accuracy),
            ("log loss", -found.log_likelihood, case.log_loss),
            ("Brier score", found.brier, case.brier),
            ("area under the curve", found.auc.unwrap(), case.auc),
        ] {
            assert!((found - expected).abs() < 1e-12, "{name}: {found}, scikit-learn {expected}");
        }
    }
}
