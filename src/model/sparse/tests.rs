#![allow(clippy::unwrap_used)]

use super::*;
use crate::density::LogDensity;
use crate::kernel::{InputColumns, KernelExpression};
use crate::likelihood::{Family, Observation};
use crate::mean::Mean;
use crate::model::{CovarianceForm, Criterion, Exact, Model, Target};
use crate::rows::{Batch, Epochs, MemoryRows, Rows};
use faer::{MatMut, Par};

fn inputs(n: usize, phase: f64) -> Mat<f64> {
    Mat::from_fn(n, 2, |i, d| ((i * (2 * d + 3)) as f64 * 0.61 + phase).sin() * 1.5)
}

fn process(expression: &str, mean: Mean) -> Process {
    let columns = InputColumns::unscaled(["a", "b"]);
    let kernel = expression.parse::<KernelExpression>().unwrap().resolve(&columns).unwrap();
    Process { kernel, mean }
}

/// Targets in the support of a likelihood.
fn targets(family: Family, n: usize) -> Vec<Observation> {
    let wave = |i: usize| (1.3 * i as f64).sin() + 0.4 * (2.9 * i as f64).cos();
    let one = |i: usize| {
        let w = wave(i);
        let exposure = if family.uses_exposure().is_some() { 3.0 + (i % 3) as f64 } else { 1.0 };
        let y = match family {
            Family::Bernoulli | Family::Probit => f64::from(u8::from(w > 0.1)),
            Family::Binomial => ((w + 1.5).max(0.0)).floor().min(exposure),
            Family::Poisson | Family::NegativeBinomial => (2.0 * w).exp().floor().min(12.0),
            Family::Exponential | Family::Gamma | Family::LogNormal => (0.8 * w).exp(),
            Family::Beta => 1.0 / (1.0 + (-w).exp()),
            Family::Ordinal | Family::Softmax => f64::from(u8::from(w > -0.3)) + f64::from(u8::from(w > 0.5)),
            _ => w,
        };
        Observation { y, exposure }
    };
    (0..n).map(one).collect()
}

fn model(family: Family, inducing: usize, mean: Mean) -> SparseModel {
    let mut processes = vec![process("rbf(a, b) + linear(a)", mean)];
    if family == Family::Heteroscedastic {
        processes.push(process("matern32(a)", Mean::Constant));
    }
    SparseModel::new(inputs(inducing, 0.3).as_ref(), family.build(3).unwrap(), processes).unwrap()
}

fn batch(family: Family, n: usize) -> Batch {
    Batch { x: inputs(n, 0.0), observations: targets(family, n) }
}

/// Free parameters a little away from their start.
fn point(model: &SparseModel) -> Vec<f64> {
    let moved = |(i, s): (usize, &f64)| s + 0.3 * (1.7 * i as f64).cos();
    model.layout().start().iter().enumerate().map(moved).collect()
}

fn constrained(model: &SparseModel, z: &[f64]) -> Vec<f64> {
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(z, &mut theta);
    theta
}

/// A q(v) without structure.
fn gaussian(model: &SparseModel) -> InducingGaussian {
    let (m, l) = (model.size(), model.latents());
    let mean: Vec<f64> = (0..l * m).map(|i| 0.7 * (2.3 * i as f64).sin()).collect();
    let entry = |c: usize, i: usize, j: usize| {
        let wave = 0.1 * ((i * 3 + j * 5 + c) as f64).sin();
        if i == j { 0.8 + wave } else { wave }
    };
    let factor = |c| Mat::from_fn(m, m, |i, j| if i >= j { entry(c, i, j) } else { 0.0 });
    let factors: Vec<Mat<f64>> = (0..l).map(factor).collect();
    InducingGaussian::from_moments(&mean, &factors).unwrap()
}

/// Slope of f at 0, to fourth order.
fn slope(mut f: impl FnMut(f64) -> f64) -> f64 {
    const H: f64 = 1e-4;
    (8.0 * (f(H) - f(-H)) - (f(2.0 * H) - f(-2.0 * H))) / (12.0 * H)
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(error < tolerance * (1.0 + expected.abs()), "{what}: {found} against {expected}");
}

fn value_only<'a>() -> Wanted<'a> {
    Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target: None }
}

#[test]
fn every_row_an_inducing_point_is_exact_regression() {
    let (n, noise_free) = (25, inputs(25, 0.0));
    let y: Vec<f64> = targets(Family::Gaussian, n).iter().map(|at| at.y).collect();
    let process = process("matern32(a, b) + linear(a)", Mean::Constant);
    let exact = Exact::new(noise_free.as_ref(), &y, process.kernel.clone(), process.mean).unwrap();
    let sparse =
        SparseModel::new(noise_free.as_ref(), Family::Gaussian.build(2).unwrap(), vec![process]).unwrap();
    let theta = constrained(&sparse, &point(&sparse));
    let mut of_exact = vec![0.0; theta.len()];
    let evidence = exact.log_likelihood(&theta, &mut of_exact, &mut exact.workspace(Par::Seq)).unwrap();
    let x = inputs(9, 1.1);
    let told = exact.condition(&theta, Par::Seq).unwrap();
    let told = told.predict_f(x.as_ref(), CovarianceForm::Diagonal).unwrap();
    for form in [CollapsedForm::Vfe, CollapsedForm::Fitc] {
        let collapsed = Collapsed::new(&sparse, noise_free.as_ref(), &y, form).unwrap();
        let mut gradient = vec![0.0; theta.len()];
        let mut workspace = collapsed.workspace(Par::Seq);
        let bound = collapsed.log_likelihood(&theta, &mut gradient, &mut workspace).unwrap();
        near(bound, evidence, 1e-8, "bound");
        for (a, b) in gradient.iter().zip(&of_exact) {
            near(*a, *b, 1e-6, "gradient");
        }
        let q = collapsed.posterior(&theta, Par::Seq).unwrap();
        let found = predict(&sparse, &q, x.as_ref());
        for i in 0..9 {
            near(found.0[i], told.mean[i], 1e-7, "mean");
            near(found.1[i], told.variance[i], 1e-7, "variance");
        }
    }
}

fn predict(model: &SparseModel, q: &InducingGaussian, x: MatRef<'_, f64>) -> (Vec<f64>, Vec<f64>) {
    let mut draw = point(model);
    let start = draw.len();
    draw.resize(start + InducingGaussian::packed_length(model.latents(), model.size()), 0.0);
    q.pack(&mut draw[start..]);
    let p = model.condition(&draw, Par::Seq).unwrap().predict_f(x).unwrap();
    (p.mean, p.covariance)
}

#[test]
fn the_collapsed_score_is_the_slope_in_parameters_and_inducing_inputs() {
    for form in [CollapsedForm::Vfe, CollapsedForm::Fitc] {
        let mut sparse = model(Family::Gaussian, 7, Mean::Linear);
        let rows = batch(Family::Gaussian, 300);
        let y: Vec<f64> = rows.observations.iter().map(|at| at.y).collect();
        let theta = constrained(&sparse, &point(&sparse));
        let (mut gradient, mut by_inducing) = (vec![0.0; theta.len()], Mat::zeros(7, 2));
        {
            let collapsed = Collapsed::new(&sparse, rows.x.as_ref(), &y, form).unwrap();
            let mut workspace = collapsed.workspace(Par::Seq);
            let inducing = Some(by_inducing.as_mut());
            collapsed.bound(&theta, &mut gradient, inducing, &mut workspace).unwrap();
            for p in 0..theta.len() {
                let numeric = slope(|h| {
                    let mut moved = theta.clone();
                    moved[p] += h;
                    collapsed.bound(&moved, &mut vec![0.0; theta.len()], None, &mut workspace).unwrap()
                });
                near(gradient[p], numeric, 1e-7, &sparse.layout().parameters()[p].path);
            }
        }
        let inducing = sparse.inducing().to_owned();
        for (i, d) in [(0, 0), (3, 1), (6, 0)] {
            let numeric = slope(|h| {
                let mut moved = inducing.clone();
                moved[(i, d)] += h;
                sparse.set_inducing(moved.as_ref()).unwrap();
                let collapsed = Collapsed::new(&sparse, rows.x.as_ref(), &y, form).unwrap();
                let mut workspace = collapsed.workspace(Par::Seq);
                collapsed.bound(&theta, &mut vec![0.0; theta.len()], None, &mut workspace).unwrap()
            });
            near(by_inducing[(i, d)], numeric, 1e-7, "inducing input");
            sparse.set_inducing(inducing.as_ref()).unwrap();
        }
    }
}

#[test]
fn rows_that_count_three_times_are_three_copies_of_them() {
    let model = model(Family::Gaussian, 8, Mean::Constant);
    let (x, n) = (inputs(30, 0.0), 30);
    let y: Vec<f64> = targets(Family::Gaussian, n).iter().map(|at| at.y).collect();
    let copies = Mat::from_fn(3 * n, 2, |i, d| x[(i % n, d)]);
    let of_copies: Vec<f64> = (0..3 * n).map(|i| y[i % n]).collect();
    let theta = constrained(&model, &point(&model));
    let at = |collapsed: Collapsed<'_>| {
        let (mut gradient, mut by_inducing) = (vec![0.0; theta.len()], Mat::zeros(8, 2));
        let mut workspace = collapsed.workspace(Par::Seq);
        let value =
            collapsed.bound(&theta, &mut gradient, Some(by_inducing.as_mut()), &mut workspace).unwrap();
        let columns = by_inducing.col_iter().flat_map(|c| c.iter().copied().collect::<Vec<f64>>());
        let mean = collapsed.posterior(&theta, Par::Seq).unwrap().mean(0).to_vec();
        std::iter::once(value).chain(gradient).chain(columns).chain(mean).collect::<Vec<f64>>()
    };
    let counted = at(Collapsed::of_sample(&model, x.as_ref(), &y, 3.0).unwrap());
    let copied = at(Collapsed::new(&model, copies.as_ref(), &of_copies, CollapsedForm::Vfe).unwrap());
    for (i, (counted, copied)) in counted.iter().zip(&copied).enumerate() {
        near(*counted, *copied, 1e-10, &format!("number {i}"));
    }
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let told = Collapsed::of_sample(&model, x.as_ref(), &y, weight).unwrap_err().to_string();
        assert!(told.contains("positive number of times"), "{told}");
    }
}

#[test]
fn one_natural_step_with_gaussian_noise_and_all_rows_is_the_collapsed_optimum() {
    let sparse = model(Family::Gaussian, 8, Mean::Constant);
    let rows = batch(Family::Gaussian, 70);
    let y: Vec<f64> = rows.observations.iter().map(|at| at.y).collect();
    let theta = constrained(&sparse, &point(&sparse));
    let collapsed = Collapsed::new(&sparse, rows.x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
    let mut of_collapsed = vec![0.0; theta.len()];
    let optimum =
        collapsed.log_likelihood(&theta, &mut of_collapsed, &mut collapsed.workspace(Par::Seq)).unwrap();
    let mut q = gaussian(&sparse);
    let mut workspace = sparse.bound_workspace(10, Par::Seq);
    let mut target = NaturalTarget::zeros(1, 8);
    let wanted =
        Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target: Some(&mut target) };
    let before = sparse.bound(&theta, &q, &rows, 1.0, wanted, &mut workspace).unwrap();
    assert!(before - q.divergence(Par::Seq) < optimum - 1.0);
    let mut alone = NaturalTarget::zeros(1, 8);
    sparse.natural_target(&theta, &q, &rows, 1.0, &mut alone, &mut workspace).unwrap();
    assert!(alone.shift == target.shift && alone.precision == target.precision);
    q.step(1.0, &target).unwrap();
    let mut gradient = vec![0.0; theta.len()];
    let wanted =
        Wanted { held: Held::Whitened, gradient: Some(&mut gradient), by_inducing: None, target: None };
    let value = sparse.bound(&theta, &q, &rows, 1.0, wanted, &mut workspace).unwrap();
    near(value - q.divergence(Par::Seq), optimum, 1e-10, "bound");
    // The collapsed score is that of the bound where q(v) is at its optimum.
    for (a, b) in gradient.iter().zip(&of_collapsed) {
        near(*a, *b, 1e-8, "gradient");
    }
    let exactly = collapsed.posterior(&theta, Par::Seq).unwrap();
    let (x, told) = (inputs(5, 2.0), exactly.covariance_factors(Par::Seq).unwrap());
    assert_eq!(predict(&sparse, &q, x.as_ref()).0.len(), 5);
    let found = q.covariance_factors(Par::Seq).unwrap();
    for j in 0..8 {
        near(q.mean(0)[j], exactly.mean(0)[j], 1e-9, "mean");
        for i in 0..8 {
            near(found[0][(i, j)], told[0][(i, j)], 1e-9, "covariance");
        }
    }
}

#[test]
fn the_score_of_the_bound_is_its_slope_for_every_likelihood() {
    for family in Family::ALL {
        let mut sparse =
            model(family, 6, if family == Family::Softmax { Mean::Zero } else { Mean::Constant });
        let (rows, q) = (batch(family, 90), gaussian(&sparse));
        let theta = constrained(&sparse, &point(&sparse));
        let mut workspace = sparse.bound_workspace(90, Par::Seq);
        let (mut gradient, mut by_inducing) = (vec![0.0; theta.len()], Mat::zeros(6, 2));
        let of_z: Option<MatMut<'_, f64>> = Some(by_inducing.as_mut());
        let wanted =
            Wanted { held: Held::Whitened, gradient: Some(&mut gradient), by_inducing: of_z, target: None };
        sparse.bound(&theta, &q, &rows, 1.7, wanted, &mut workspace).unwrap();
        // Cubature of several latent values is good to a few digits, and so are its slopes.
        let tolerance = if sparse.latents() > 1 { 2e-4 } else { 1e-6 };
        for p in 0..theta.len() {
            let numeric = slope(|h| {
                let mut moved = theta.clone();
                moved[p] += h;
                sparse.bound(&moved, &q, &rows, 1.7, value_only(), &mut workspace).unwrap()
            });
            near(
                gradient[p],
                numeric,
                tolerance,
                &format!("{family} {}", sparse.layout().parameters()[p].path),
            );
        }
        let inducing = sparse.inducing().to_owned();
        let numeric = slope(|h| {
            let mut moved = inducing.clone();
            moved[(2, 0)] += h;
            sparse.set_inducing(moved.as_ref()).unwrap();
            sparse.bound(&theta, &q, &rows, 1.7, value_only(), &mut workspace).unwrap()
        });
        near(by_inducing[(2, 0)], numeric, tolerance, &format!("{family} inducing input"));
    }
}

#[test]
fn the_score_with_the_function_held_is_the_slope_of_the_bound_with_its_divergence() {
    for family in [Family::Gaussian, Family::Poisson, Family::Heteroscedastic] {
        let sparse = model(family, 6, Mean::Constant);
        let (rows, q) = (batch(family, 90), gaussian(&sparse));
        let theta = constrained(&sparse, &point(&sparse));
        let mut workspace = sparse.bound_workspace(90, Par::Seq);
        let mut gradient = vec![0.0; theta.len()];
        let wanted =
            Wanted { held: Held::Function, gradient: Some(&mut gradient), by_inducing: None, target: None };
        sparse.bound(&theta, &q, &rows, 1.7, wanted, &mut workspace).unwrap();
        let factor = |theta: &[f64], c: usize| {
            let process = &sparse.structure.processes[sparse.structure.place(c)];
            let k = process.process.kernel.gram_full(&theta[process.kernel.clone()], sparse.points());
            k.llt(faer::Side::Lower).unwrap().L().to_owned()
        };
        let tolerance = if sparse.latents() > 1 { 2e-4 } else { 1e-6 };
        for p in 0..theta.len() {
            let numeric = slope(|h| {
                let mut moved = theta.clone();
                moved[p] += h;
                // u stays: v ↦ L'⁻¹L v.
                let (mut means, mut factors) = (Vec::new(), Vec::new());
                let spreads = q.covariance_factors(Par::Seq).unwrap();
                for (c, spread) in spreads.iter().enumerate() {
                    let turn = factor(&moved, c).partial_piv_lu();
                    use faer::linalg::solvers::Solve;
                    let turn = turn.solve(factor(&theta, c));
                    let mean = Mat::from_fn(6, 1, |i, _| q.mean(c)[i]);
                    means.extend((&turn * &mean).col_as_slice(0));
                    factors.push(&turn * spread);
                }
                let q = InducingGaussian::from_moments(&means, &factors).unwrap();
                let value = sparse.bound(&moved, &q, &rows, 1.7, value_only(), &mut workspace).unwrap();
                value - q.divergence(Par::Seq)
            });
            let path = &sparse.layout().parameters()[p].path;
            near(gradient[p], numeric, tolerance, &format!("{family} {path}"));
        }
    }
}

#[test]
fn a_gaussian_that_follows_has_the_same_function_at_the_inducing_inputs() {
    let sparse = model(Family::Gaussian, 6, Mean::Constant);
    let (rows, mut q) = (batch(Family::Gaussian, 30), gaussian(&sparse));
    let theta = constrained(&sparse, &point(&sparse));
    let mut workspace = sparse.bound_workspace(30, Par::Seq);
    sparse.bound(&theta, &q, &rows, 1.0, value_only(), &mut workspace).unwrap();
    let mut values = vec![0.0; 6];
    sparse.function_values(&q, &workspace, &mut values);
    let mut moved = theta.clone();
    moved[0] *= 1.7;
    sparse.follow(&moved, &values, &mut q, &mut workspace).unwrap();
    let mut again = vec![0.0; 6];
    sparse.function_values(&q, &workspace, &mut again);
    values.iter().zip(&again).for_each(|(a, b)| near(*a, *b, 1e-12, "value"));
}

#[test]
fn the_score_of_parameters_and_inducing_values_is_the_slope_for_every_likelihood() {
    for family in Family::ALL {
        let sparse = model(family, 6, if family == Family::Softmax { Mean::Zero } else { Mean::Linear });
        let whitened = Whitened::new(&sparse, batch(family, 80), 1.3).unwrap();
        let target = Target::new(&whitened, Criterion::LogDensity).unwrap();
        let mut workspace = target.workspace();
        let mut z = point(&sparse);
        z.extend(gaussian(&sparse).shift().iter().map(|v| 0.5 * v));
        let mut score = vec![0.0; z.len()];
        target.evaluate(&z, &mut score, &mut workspace).unwrap();
        let tolerance = if sparse.latents() > 1 { 2e-4 } else { 1e-6 };
        for c in 0..z.len() {
            let numeric = slope(|h| {
                let mut moved = z.clone();
                moved[c] += h;
                target.evaluate(&moved, &mut vec![0.0; z.len()], &mut workspace).unwrap()
            });
            let path = &whitened.layout().parameters()[whitened.layout().free_indices()[c]].path;
            near(score[c], numeric, tolerance, &format!("{family} {path}"));
        }
    }
}

#[test]
fn the_mean_over_an_epoch_of_what_batches_say_is_what_all_rows_say() {
    for family in [Family::Gaussian, Family::Bernoulli, Family::Poisson] {
        let (sparse, all) = (model(family, 6, Mean::Constant), batch(family, 101));
        let theta = constrained(&sparse, &point(&sparse));
        let q = gaussian(&sparse);
        let mut rows = MemoryRows::new(all.x.as_ref(), all.observations.clone()).unwrap();
        let epochs = Epochs::new(101, 16, 5);
        let scale = epochs.batches() as f64;
        let mut workspace = sparse.bound_workspace(16, Par::Seq);
        let mut evaluate = |batch: &Batch, scale: f64| {
            let (mut gradient, mut target) = (vec![0.0; theta.len()], NaturalTarget::zeros(1, 6));
            let wanted = Wanted {
                held: Held::Whitened,
                gradient: Some(&mut gradient),
                by_inducing: None,
                target: Some(&mut target),
            };
            let value = sparse.bound(&theta, &q, batch, scale, wanted, &mut workspace).unwrap();
            let precision = &target.precision[0];
            let lower = (0..6).flat_map(|j| precision.col_as_slice(j)[j..].to_vec());
            let numbers: Vec<f64> = lower.chain(target.shift.iter().copied()).collect();
            [value].into_iter().chain(gradient).chain(numbers).collect::<Vec<f64>>()
        };
        let full = evaluate(&all, 1.0);
        let mut density: Vec<f64> = Vec::new();
        let whitened = Whitened::new(&sparse, all.clone(), 1.0).unwrap();
        let target = Target::new(&whitened, Criterion::LogDensity).unwrap();
        let mut z = point(&sparse);
        z.extend(q.mean(0));
        let joint = || {
            let mut score = vec![0.0; z.len()];
            let value = target.evaluate(&z, &mut score, &mut target.workspace()).unwrap();
            [value].into_iter().chain(score).collect::<Vec<f64>>()
        };
        let all_of_joint = joint();
        let mut mean = vec![0.0; full.len()];
        let mut batch = Batch::default();
        for iteration in 0..epochs.batches() as u64 {
            rows.read(5, epochs.place(iteration), &mut batch).unwrap();
            mean.iter_mut().zip(evaluate(&batch, scale)).for_each(|(m, v)| *m += v / scale);
            whitened.set_batch(batch.clone(), scale);
            let one = joint();
            density.resize(one.len(), 0.0);
            density.iter_mut().zip(one).for_each(|(m, v)| *m += v / scale);
        }
        for (a, b) in mean.iter().zip(&full).chain(density.iter().zip(&all_of_joint)) {
            near(*a, *b, 1e-12, family.name());
        }
    }
}

#[test]
fn a_gaussian_of_no_spread_predicts_as_given_values_do() {
    let sparse = model(Family::Gaussian, 6, Mean::Constant);
    let values: Vec<f64> = (0..6).map(|i| (i as f64).cos()).collect();
    let tiny = Mat::from_fn(6, 6, |i, j| if i == j { 1e-6 } else { 0.0 });
    let q = InducingGaussian::from_moments(&values, &[tiny]).unwrap();
    let x = inputs(7, 0.9);
    let (mean, variance) = predict(&sparse, &q, x.as_ref());
    let mut draw = point(&sparse);
    draw.extend(&values);
    let given = sparse.condition(&draw, Par::Seq).unwrap().predict_f(x.as_ref()).unwrap();
    for i in 0..7 {
        near(mean[i], given.mean[i], 1e-9, "mean");
        near(variance[i], given.covariance[i], 1e-9, "variance");
    }
}

#[test]
fn moments_and_natural_parameters_of_a_gaussian_agree() {
    let sparse = model(Family::Softmax, 5, Mean::Zero);
    let q = gaussian(&sparse);
    let factors = q.covariance_factors(Par::Seq).unwrap();
    let mean: Vec<f64> = (0..3).flat_map(|c| q.mean(c).to_vec()).collect();
    let again = InducingGaussian::from_moments(&mean, &factors).unwrap();
    near(again.divergence(Par::Seq), q.divergence(Par::Seq), 1e-10, "divergence");
    // KL of one dimension: ½ (s² + m² − 1 − ln s²).
    let one = Mat::from_fn(1, 1, |_, _| 0.5);
    let q = InducingGaussian::from_moments(&[0.3], &[one]).unwrap();
    near(q.divergence(Par::Seq), 0.5 * (0.25 + 0.09 - 1.0 - 0.25f64.ln()), 1e-12, "divergence");
}

#[test]
fn a_natural_step_that_fails_leaves_the_gaussian_as_it_was() {
    let precision = faer::mat![[2.0, 0.0], [0.3, 1.0]];
    let q = InducingGaussian::from_natural(vec![precision], vec![0.5, -1.0]).unwrap();
    let bits = |q: &InducingGaussian| {
        let mut packed = vec![0.0; InducingGaussian::packed_length(1, 2)];
        q.pack(&mut packed);
        packed.iter().chain(q.shift()).map(|v| v.to_bits()).collect::<Vec<u64>>()
    };
    let indefinite =
        NaturalTarget { precision: vec![faer::mat![[4.0, 0.0], [90.0, 1.0]]], shift: vec![0.0; 2] };
    let infinite = NaturalTarget { precision: vec![Mat::identity(2, 2)], shift: vec![f64::INFINITY, 0.0] };
    for target in [indefinite, infinite] {
        for rho in [0.3, 1.0] {
            let mut stepped = q.clone();
            assert!(stepped.step(rho, &target).is_err());
            assert_eq!(bits(&stepped), bits(&q));
        }
    }
}

/// The gradient of rows that are passed in batches and count 2.5 times each.
fn held_gradient(model: &SparseModel, q: &InducingGaussian, batches: &[Batch], is_optimal: bool) -> Vec<f64> {
    let theta = constrained(model, &point(model));
    let mut workspace = HeldWorkspace::new(model, 8, Par::Seq);
    let score = HeldScore::new(model, &theta, q, is_optimal, &mut workspace).unwrap();
    let mut total = score.nothing();
    for batch in batches {
        let mut sums = score.nothing();
        score.add(batch, 2.5, &mut sums, &mut workspace).unwrap();
        total.add(&sums);
    }
    let mut gradient = vec![0.0; theta.len()];
    score.finish(&total, &mut gradient, &mut workspace).unwrap();
    gradient
}

fn cut(batch: &Batch, at: usize) -> [Batch; 2] {
    [0..at, at..batch.rows()].map(|rows| Batch {
        x: batch.x.as_ref().subrows(rows.start, rows.len()).to_owned(),
        observations: batch.observations[rows].to_vec(),
    })
}

#[test]
fn rows_in_one_pass_say_of_any_gaussian_what_they_say_together() {
    let model = model(Family::Gaussian, 7, Mean::Constant);
    let (q, rows) = (gaussian(&model), batch(Family::Gaussian, 31));
    let mut expected = vec![0.0; model.layout().parameters().len()];
    let wanted =
        Wanted { held: Held::Function, gradient: Some(&mut expected), by_inducing: None, target: None };
    let theta = constrained(&model, &point(&model));
    model.bound(&theta, &q, &rows, 2.5, wanted, &mut model.bound_workspace(31, Par::Seq)).unwrap();
    let found = held_gradient(&model, &q, &cut(&rows, 19), false);
    found.iter().zip(&expected).for_each(|(a, b)| near(*a, *b, 1e-11, "gradient"));
}

#[test]
fn the_best_gaussian_has_the_score_of_the_collapsed_bound() {
    let model = model(Family::Gaussian, 7, Mean::Constant);
    let rows = batch(Family::Gaussian, 31);
    let y: Vec<f64> = rows.observations.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::of_sample(&model, rows.x.as_ref(), &y, 2.5).unwrap();
    let theta = constrained(&model, &point(&model));
    let q = collapsed.posterior(&theta, Par::Seq).unwrap();
    let mut expected = vec![0.0; theta.len()];
    collapsed.log_likelihood(&theta, &mut expected, &mut collapsed.workspace(Par::Seq)).unwrap();
    for is_optimal in [true, false] {
        let found = held_gradient(&model, &q, &cut(&rows, 8), is_optimal);
        found.iter().zip(&expected).for_each(|(a, b)| near(*a, *b, 1e-10, "gradient"));
    }
}
