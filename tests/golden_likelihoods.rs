//! Likelihoods against SciPy's, mpmath's and GPflow's values (see `tests/golden/make_likelihoods.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use steingp::likelihood::{Expectations, Family, LatentGaussian, Likelihood, Observation};

#[derive(Deserialize)]
struct Record {
    family: Family,
    classes: usize,
    theta: BTreeMap<String, f64>,
    y: f64,
    exposure: f64,
    #[serde(default)]
    f: Vec<f64>,
    #[serde(default)]
    mean: f64,
    #[serde(default)]
    variance: f64,
    what: String,
    value: f64,
}

impl Record {
    fn found(&self, likelihood: &dyn Likelihood) -> f64 {
        let paths = likelihood.parameters();
        assert_eq!(paths.len(), self.theta.len(), "{}", self.family);
        let theta: Vec<f64> = paths.iter().map(|p| self.theta[&p.path]).collect();
        let at = Observation { y: self.y, exposure: self.exposure };
        let latent = LatentGaussian { mean: &[self.mean], covariance: &[self.variance] };
        match self.what.as_str() {
            "log_density" => likelihood.log_density(&theta, at, &self.f),
            "cdf" => likelihood.conditional_cdf(&theta, at, &self.f),
            "expectation" => {
                let mut out = Expectations::new(1, theta.len());
                likelihood.expectations(&theta, at, latent, &mut out);
                out.value
            }
            "predictive_log_density" => likelihood.predictive_log_density(&theta, at, latent),
            "predictive_mean" => likelihood.predictive_moments(&theta, self.exposure, latent).0,
            "predictive_variance" => likelihood.predictive_moments(&theta, self.exposure, latent).1,
            other => panic!("no such quantity: {other}"),
        }
    }
}

/// The largest error of every quantity of a family, relative to 1 + its size.
fn largest_errors(records: &[Record], family: Family) -> BTreeMap<&str, f64> {
    let mut errors = BTreeMap::new();
    for record in records.iter().filter(|r| r.family == family) {
        let likelihood = family.build(record.classes).unwrap();
        let found = record.found(likelihood.as_ref());
        let error = (found - record.value).abs() / (1.0 + record.value.abs());
        assert!(
            error < 1e-8,
            "{family}, {} of y = {} at {:?} or N({}, {}): {found} against {}, relative {error:e}",
            record.what,
            record.y,
            record.f,
            record.mean,
            record.variance,
            record.value
        );
        let largest: &mut f64 = errors.entry(record.what.as_str()).or_default();
        *largest = largest.max(error);
    }
    errors
}

#[test]
fn densities_expectations_and_predictions_agree_with_scipy_and_mpmath() {
    let text = include_str!("golden/scipy_likelihoods.json");
    let records: Vec<Record> = serde_json::from_str(text).unwrap();
    let families: BTreeSet<&str> = records.iter().map(|r| r.family.name()).collect();
    assert_eq!(families.len(), Family::ALL.len(), "every likelihood has records");
    for family in Family::ALL {
        println!("{family}: {:?}", largest_errors(&records, family));
    }
}
