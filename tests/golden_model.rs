//! The exact model, priors and mixtures against values from GPflow and SciPy (see `golden/make_golden.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use faer::{Mat, Par};
use serde_json::Value;
use steingp::kernel::{InputColumns, KernelExpression};
use steingp::mean::Mean;
use steingp::model::{CovarianceForm, Exact, Model};
use steingp::parameter::Prior;
use steingp::posterior::Mixture;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
}

fn matrix(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: {found} against {expected}"
    );
}

/// The golden files write one variance a column where this language shares it unless told otherwise.
fn expression(text: &str) -> KernelExpression {
    let mut text = text.to_string();
    if !text.contains("linear(x0; shared)") && !text.contains("linear(x0,x1; shared)") {
        text = text.replace("linear(x1)", "linear(x1; ard)").replace("linear(x2)", "linear(x2; ard)");
        text = text.replace("+ linear +", "+ linear(; ard) +");
        if text == "linear" {
            text = "linear(; ard)".into();
        }
        for order in 0..3 {
            text = text
                .replace(&format!("arccosine(order={order})"), &format!("arccosine(; order={order}, ard)"));
        }
        text = text.replace("arccosine(x0,x1; order=1)", "arccosine(x0,x1; order=1, ard)");
    }
    text.parse().unwrap()
}

fn mean(name: &str) -> Mean {
    match name {
        "zero" => Mean::Zero,
        "constant" => Mean::Constant,
        "linear" => Mean::Linear,
        other => panic!("{other}"),
    }
}

fn model(case: &Value, tables: &Value) -> Exact {
    let table = &tables[case["table"].as_str().unwrap()];
    let (x, y) = (matrix(&table["x"]), numbers(&table["y"]));
    let inputs = InputColumns::unscaled((0..x.ncols()).map(|d| format!("x{d}")));
    let kernel = expression(case["kernel"].as_str().unwrap()).resolve(&inputs).unwrap();
    Exact::new(x.as_ref(), &y, kernel, mean(case["mean"].as_str().unwrap())).unwrap()
}

fn theta(model: &Exact, draw: &Value) -> Vec<f64> {
    let given = &draw["parameters"];
    let value = |p: &str| given[p].as_f64().unwrap_or_else(|| panic!("{p} in {given}"));
    model.layout().parameters().iter().map(|p| value(&p.path)).collect()
}

#[test]
fn the_log_marginal_likelihood_and_its_gradient_are_gpflows() {
    let golden = json(include_str!("golden/gpflow_kernels.json"));
    let mut checked = 0;
    for case in golden["cases"].as_array().unwrap() {
        // GPflow pulls the cosine of the order-0 arc-cosine kernel away from 1; exact values are in another file.
        let name = case["kernel"].as_str().unwrap();
        if name.contains("order=0") {
            continue;
        }
        let model = model(case, &golden["tables"]);
        let mut workspace = model.workspace(Par::Seq);
        for draw in case["draws"].as_array().unwrap() {
            let theta = theta(&model, draw);
            let mut gradient = vec![0.0; theta.len()];
            let value = model.log_likelihood(&theta, &mut gradient, &mut workspace).unwrap();
            close(value, draw["log_marginal_likelihood"].as_f64().unwrap(), 1e-10, name);
            for (p, g) in model.layout().parameters().iter().zip(&gradient) {
                close(*g, draw["gradient"][&p.path].as_f64().unwrap(), 1e-8, &format!("{name}: {}", p.path));
            }
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn predictions_are_gpflows() {
    let golden = json(include_str!("golden/gpflow_predict.json"));
    for case in golden["cases"].as_array().unwrap() {
        let model = model(case, &golden["tables"]);
        let x2 = matrix(&golden["tables"][case["table"].as_str().unwrap()]["x2"]);
        let draws = case["draws"].as_array().cloned().unwrap_or_else(|| vec![case.clone()]);
        for draw in &draws {
            let conditioned = model.condition(&theta(&model, draw), Par::Seq).unwrap();
            let full = conditioned.predict_f(x2.as_ref(), CovarianceForm::Full).unwrap();
            let diagonal = conditioned.predict_f(x2.as_ref(), CovarianceForm::Diagonal).unwrap();
            let (means, variances) = (numbers(&draw["predict_f_mean"]), numbers(&draw["predict_f_variance"]));
            let covariance = matrix(&draw["predict_f_covariance"]);
            let found = full.covariance.unwrap();
            let observed = numbers(&draw["predict_y_variance"]);
            for i in 0..x2.nrows() {
                close(diagonal.mean[i], means[i], 1e-9, "mean");
                close(diagonal.variance[i], variances[i], 1e-9, "variance");
                close(diagonal.variance[i] + conditioned.noise_variance(), observed[i], 1e-9, "with noise");
                for j in 0..x2.nrows() {
                    close(found[(i, j)], covariance[(i, j)], 1e-9, "covariance");
                }
            }
        }
    }
}

#[test]
fn prior_densities_are_scipys() {
    let golden = json(include_str!("golden/scipy_priors.json"));
    for case in golden["cases"].as_array().unwrap() {
        let get = |name: &str| case["parameters"][name].as_f64().unwrap();
        let prior = match case["distribution"].as_str().unwrap() {
            "gamma" => Prior::Gamma { shape: get("shape"), scale: get("scale") },
            "inverse_gamma" => Prior::InverseGamma { shape: get("shape"), scale: get("scale") },
            "log_normal" => Prior::LogNormal { mu: get("mu"), sigma: get("sigma") },
            "normal" => Prior::Normal { mean: get("mean"), sd: get("sd") },
            "half_normal" => Prior::HalfNormal { sd: get("sd") },
            "half_cauchy" => Prior::HalfCauchy { scale: get("scale") },
            "uniform" => Prior::Uniform { low: get("low"), high: get("high") },
            other => panic!("{other}"),
        };
        for (at, expected) in numbers(&case["at"]).into_iter().zip(numbers(&case["log_pdf"])) {
            let (found, _) = prior.log_density(at);
            assert!(
                found == expected || (found - expected).abs() < 1e-12 * (1.0 + expected.abs()),
                "{prior} at {at}"
            );
        }
    }
}

#[test]
fn mixture_functions_are_scipys() {
    let golden = json(include_str!("golden/scipy_mixture.json"));
    for case in golden["cases"].as_array().unwrap() {
        let variances: Vec<f64> = numbers(&case["sds"]).iter().map(|s| s * s).collect();
        let (weights, means) = (numbers(&case["weights"]), numbers(&case["means"]));
        let mixture = Mixture { weights: &weights, means: &means, variances: &variances };
        close(mixture.mean(), case["mean"].as_f64().unwrap(), 1e-13, "mean");
        close(mixture.variance(), case["variance"].as_f64().unwrap(), 1e-13, "variance");
        for (k, at) in numbers(&case["at"]).into_iter().enumerate() {
            close(mixture.log_density(at), numbers(&case["log_pdf"])[k], 1e-12, "log density");
            close(mixture.cdf(at), numbers(&case["cdf"])[k], 1e-10, "distribution function");
            close(mixture.crps(at), numbers(&case["crps"])[k], 1e-10, "crps");
        }
        for (level, expected) in numbers(&case["levels"]).into_iter().zip(numbers(&case["quantiles"])) {
            close(mixture.quantile(level), expected, 1e-9, &format!("quantile {level}"));
        }
    }
}
