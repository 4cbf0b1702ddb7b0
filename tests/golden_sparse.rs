//! Sparse models against GPflow's (see `origin` in `tests/golden/sparse.json` and `golden/make_sparse.py`).
#![allow(clippy::unwrap_used, clippy::panic)]

use faer::{Mat, Par};
use serde::Deserialize;
use std::collections::BTreeMap;
use steingp::kernel::{InputColumns, KernelExpression};
use steingp::likelihood::{Family, Observation};
use steingp::mean::Mean;
use steingp::model::{
    Collapsed, CollapsedForm, Held, InducingGaussian, Model, NaturalTarget, Process, SparseModel, Wanted,
    Whitened,
};
use steingp::rows::Batch;

#[derive(Deserialize)]
struct Golden {
    tables: BTreeMap<String, Table>,
    collapsed: Vec<CollapsedCase>,
    svgp: Vec<SvgpCase>,
}

#[derive(Deserialize)]
struct Table {
    x: Vec<Vec<f64>>,
    z: Vec<Vec<f64>>,
    x2: Vec<Vec<f64>>,
    y: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct CollapsedCase {
    kernel: String,
    table: String,
    parameters: BTreeMap<String, f64>,
    vfe: Evidence,
    fitc: Evidence,
    q_mean: Vec<f64>,
    q_factor: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Evidence {
    value: f64,
    gradient: BTreeMap<String, f64>,
    by_inducing: Vec<Vec<f64>>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

#[derive(Deserialize)]
struct SvgpCase {
    kernel: String,
    table: String,
    likelihood: Family,
    rows: usize,
    parameters: BTreeMap<String, f64>,
    q_mean: Vec<f64>,
    q_factor: Vec<Vec<f64>>,
    elbo: f64,
    divergence: f64,
    gradient: BTreeMap<String, f64>,
    by_inducing: Vec<Vec<f64>>,
    by_q_mean: Vec<f64>,
    by_q_factor: Vec<Vec<f64>>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// Relative. GPflow's expectations are by 100 nodes and those of a class by 20 here, which takes most of it.
const TOLERANCE: f64 = 2e-8;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/sparse.json")).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs() / (1.0 + expected.abs());
    assert!(error < TOLERANCE, "{what}: {found}, GPflow {expected}, relative {error:e}");
}

fn all_close(found: impl IntoIterator<Item = f64>, expected: &[f64], what: &str) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    found.iter().zip(expected).for_each(|(found, expected)| close(*found, *expected, what));
}

fn matrices_close(found: &Mat<f64>, expected: &[Vec<f64>], what: &str) {
    assert_eq!(found.nrows(), expected.len(), "{what}");
    for (i, row) in expected.iter().enumerate() {
        all_close((0..found.ncols()).map(|j| found[(i, j)]), row, what);
    }
}

fn model(kernel: &str, table: &Table, family: Family) -> SparseModel {
    let inputs = InputColumns::unscaled((0..table.x[0].len()).map(|d| format!("x{d}")));
    let kernel = kernel.parse::<KernelExpression>().unwrap().resolve(&inputs).unwrap();
    let process = Process { kernel, mean: Mean::Constant };
    SparseModel::new(matrix(&table.z).as_ref(), family.build(2).unwrap(), vec![process]).unwrap()
}

fn theta(model: &SparseModel, parameters: &BTreeMap<String, f64>) -> Vec<f64> {
    assert_eq!(model.layout().parameters().len(), parameters.len(), "{parameters:?}");
    model.layout().parameters().iter().map(|p| parameters[&p.path]).collect()
}

/// GPflow holds the degrees of freedom of Student's t fixed, so that they have no slope.
fn gradients_close(model: &SparseModel, found: &[f64], expected: &BTreeMap<String, f64>, what: &str) {
    for (parameter, found) in model.layout().parameters().iter().zip(found) {
        match expected.get(&parameter.path) {
            Some(expected) => close(*found, *expected, &format!("{what}: {}", parameter.path)),
            None => assert_eq!(parameter.path, "likelihood.degrees"),
        }
    }
}

fn predictions_are(
    model: &SparseModel,
    theta: &[f64],
    q: &InducingGaussian,
    x2: &[Vec<f64>],
    (mean, variance): (&[f64], &[f64]),
    what: &str,
) {
    // A draw is unconstrained and leaves out what the kernel fixed.
    let mut draw = model.layout().unconstrain(theta).unwrap();
    let start = draw.len();
    draw.resize(start + InducingGaussian::packed_length(1, model.size()), 0.0);
    q.pack(&mut draw[start..]);
    let found = model.condition(&draw, Par::Seq).unwrap().predict_f(matrix(x2).as_ref()).unwrap();
    all_close(found.mean, mean, &format!("{what}: predicted mean"));
    all_close(found.covariance, variance, &format!("{what}: predicted variance"));
}

#[test]
fn collapsed_bounds_with_their_gradients_and_predictions_are_gpflows() {
    let golden = golden();
    assert_eq!(golden.collapsed.len(), 4);
    for case in &golden.collapsed {
        let table = &golden.tables[&case.table];
        let model = model(&case.kernel, table, Family::Gaussian);
        let (x, theta) = (matrix(&table.x), theta(&model, &case.parameters));
        for (form, expected) in [(CollapsedForm::Vfe, &case.vfe), (CollapsedForm::Fitc, &case.fitc)] {
            let what = format!("{} {form:?}", case.kernel);
            let collapsed = Collapsed::new(&model, x.as_ref(), &table.y["gaussian"], form).unwrap();
            let (mut gradient, mut by_inducing) =
                (vec![0.0; theta.len()], Mat::zeros(model.size(), model.dim()));
            let mut workspace = collapsed.workspace(Par::Seq);
            let inducing = Some(by_inducing.as_mut());
            let value = collapsed.bound(&theta, &mut gradient, inducing, &mut workspace).unwrap();
            assert_eq!(Collapsed::jitter(&workspace), 0.0, "{what}");
            close(value, expected.value, &what);
            gradients_close(&model, &gradient, &expected.gradient, &what);
            matrices_close(&by_inducing, &expected.by_inducing, &format!("{what}: inducing inputs"));
            let q = collapsed.posterior(&theta, Par::Seq).unwrap();
            predictions_are(&model, &theta, &q, &table.x2, (&expected.mean, &expected.variance), &what);
            if form == CollapsedForm::Vfe {
                all_close(q.mean(0).iter().copied(), &case.q_mean, &format!("{what}: mean of q(v)"));
                let factor = &q.covariance_factors(Par::Seq).unwrap()[0];
                matrices_close(factor, &case.q_factor, &format!("{what}: factor of q(v)"));
            }
        }
    }
}

/// The rows of a case, and what a row counts.
fn batch(case: &SvgpCase, table: &Table) -> (Batch, f64) {
    let targets = match case.likelihood {
        Family::Probit => "bernoulli",
        family => family.name(),
    };
    let observations = table.y[targets][..case.rows].iter().map(|y| Observation::new(*y)).collect();
    let batch = Batch { x: matrix(&table.x[..case.rows]), observations };
    (batch, table.x.len() as f64 / case.rows as f64)
}

#[test]
fn bounds_with_their_gradients_and_predictions_are_gpflows() {
    let golden = golden();
    assert_eq!(golden.svgp.len(), 20);
    for case in &golden.svgp {
        let table = &golden.tables[&case.table];
        let model = model(&case.kernel, table, case.likelihood);
        let what = format!("{}, {}", case.kernel, case.likelihood);
        let ((batch, scale), theta) = (batch(case, table), theta(&model, &case.parameters));
        let q = InducingGaussian::from_moments(&case.q_mean, &[matrix(&case.q_factor)]).unwrap();
        close(q.divergence(Par::Seq), case.divergence, &format!("{what}: divergence"));
        let (mut gradient, mut by_inducing) = (vec![0.0; theta.len()], Mat::zeros(model.size(), model.dim()));
        let mut target = NaturalTarget::zeros(1, model.size());
        let wanted = Wanted {
            held: Held::Whitened,
            gradient: Some(&mut gradient),
            by_inducing: Some(by_inducing.as_mut()),
            target: Some(&mut target),
        };
        let mut workspace = model.bound_workspace(batch.rows(), Par::Seq);
        let value = model.bound(&theta, &q, &batch, scale, wanted, &mut workspace).unwrap();
        assert_eq!(workspace.jitter(), 0.0, "{what}");
        close(value - q.divergence(Par::Seq), case.elbo, &what);
        gradients_close(&model, &gradient, &case.gradient, &what);
        matrices_close(&by_inducing, &case.by_inducing, &format!("{what}: inducing inputs"));
        predictions_are(&model, &theta, &q, &table.x2, (&case.mean, &case.variance), &what);
        natural_target_is(case, &q, &target, &what);
    }
}

/// The natural target against GPflow's slopes in q: with Λ* and η* the target, the bound's slope in m is η* − Λ*m, and in
/// S it is ½(S⁻¹ − Λ*), so that its slope in the factor F is (S⁻¹ − Λ*) F.
fn natural_target_is(case: &SvgpCase, q: &InducingGaussian, target: &NaturalTarget, what: &str) {
    // Where the curvature of a row has the wrong sign the target leaves it out, and so is no slope.
    if case.likelihood == Family::StudentT {
        return;
    }
    let m = q.size();
    let symmetric = |lower: &Mat<f64>| Mat::from_fn(m, m, |i, j| lower[(i.max(j), i.min(j))]);
    let precision = symmetric(&target.precision[0]);
    let slope =
        (0..m).map(|i| target.shift[i] - (0..m).map(|j| precision[(i, j)] * q.mean(0)[j]).sum::<f64>());
    all_close(slope, &case.by_q_mean, &format!("{what}: mean of q(v)"));
    let by_factor = (symmetric(q.precision(0)) - &precision) * matrix(&case.q_factor);
    let lower = Mat::from_fn(m, m, |i, j| if i >= j { by_factor[(i, j)] } else { 0.0 });
    matrices_close(&lower, &case.by_q_factor, &format!("{what}: factor of q(v)"));
}

/// With q(v) a point the bound's first part is the density of (θ, v) without its priors: here it is the limit of GPflow's
/// bound, which the bound above is already compared with.
#[test]
fn the_density_of_inducing_values_is_the_bound_of_a_q_without_spread() {
    let golden = golden();
    for case in &golden.svgp {
        let table = &golden.tables[&case.table];
        let model = model(&case.kernel, table, case.likelihood);
        let what = format!("{}, {}", case.kernel, case.likelihood);
        let ((batch, scale), theta) = (batch(case, table), theta(&model, &case.parameters));
        let m = model.size();
        let point = Mat::from_fn(m, m, |i, j| if i == j { 1e-7 } else { 0.0 });
        let q = InducingGaussian::from_moments(&case.q_mean, &[point]).unwrap();
        let mut expected = vec![0.0; theta.len()];
        let wanted =
            Wanted { held: Held::Whitened, gradient: Some(&mut expected), by_inducing: None, target: None };
        let mut workspace = model.bound_workspace(batch.rows(), Par::Seq);
        let bound = model.bound(&theta, &q, &batch, scale, wanted, &mut workspace).unwrap();
        let density = Whitened::new(&model, batch, scale).unwrap();
        let values = [&theta[..], &case.q_mean].concat();
        let mut gradient = vec![0.0; values.len()];
        let mut workspace = density.workspace(Par::Seq);
        let found = density.log_likelihood(&values, &mut gradient, &mut workspace).unwrap();
        close(found, bound, &what);
        all_close(gradient[..theta.len()].iter().copied(), &expected, &what);
    }
}
