#![allow(clippy::unwrap_used)]

use super::*;
use crate::density::LogDensity;
use crate::inference::{MaximumSettings, maximise_from};
use crate::kernel::{InputColumns, Kernel, KernelExpression};
use crate::likelihood::{Approximation, Family};
use crate::mean::Mean;
use crate::model::{Criterion, Exact, Model, Target};
use faer::Par;

const EVERY: [Approximation; 3] =
    [Approximation::Laplace, Approximation::Variational, Approximation::Expectation];

fn inputs(n: usize) -> Mat<f64> {
    Mat::from_fn(n, 2, |i, d| ((i * (2 * d + 3)) as f64 * 0.61).sin() * 1.5)
}

fn kernel(expression: &str) -> Kernel {
    let columns = InputColumns::unscaled(["a", "b"]);
    expression.parse::<KernelExpression>().unwrap().resolve(&columns).unwrap()
}

fn process(expression: &str, mean: Mean) -> Process {
    Process { kernel: kernel(expression), mean }
}

/// Targets in the support of a likelihood.
fn targets(family: Family, n: usize) -> Vec<Observation> {
    let wave = |i: usize| (1.3 * i as f64).sin() + 0.4 * (2.9 * i as f64).cos();
    (0..n)
        .map(|i| {
            let w = wave(i);
            let exposure = if family.uses_exposure().is_some() { 3.0 + (i % 3) as f64 } else { 1.0 };
            let y = match family {
                Family::Bernoulli | Family::Probit => f64::from(u8::from(w > 0.1)),
                Family::Binomial => ((w + 1.5).max(0.0)).floor().min(exposure),
                Family::Poisson | Family::NegativeBinomial => (2.0 * w).exp().floor().min(12.0),
                Family::Exponential | Family::Gamma | Family::LogNormal => (0.8 * w).exp(),
                Family::Beta => 1.0 / (1.0 + (-w).exp()),
                Family::Ordinal | Family::Softmax => {
                    f64::from(u8::from(w > -0.3)) + f64::from(u8::from(w > 0.5))
                }
                _ => w,
            };
            Observation { y, exposure }
        })
        .collect()
}

pub(super) fn model(family: Family, n: usize, mean: Mean) -> LatentModel {
    let mut processes = vec![process("rbf(a, b) + linear(a)", mean)];
    if family == Family::Heteroscedastic {
        processes.push(process("matern32(a)", Mean::Constant));
    }
    LatentModel::new(inputs(n).as_ref(), targets(family, n), family.build(3).unwrap(), processes).unwrap()
}

fn gradient_is_the_slope<M: Model>(model: &M, what: &str, tolerance: f64) {
    let target = Target::new(model, Criterion::LogDensity).unwrap();
    let mut workspace = target.workspace();
    let start = model.layout().start();
    let d = start.len();
    let z: Vec<f64> = start.iter().enumerate().map(|(i, s)| s + 0.4 * (1.7 * i as f64).cos()).collect();
    let mut score = vec![0.0; d];
    target.evaluate(&z, &mut score, &mut workspace).unwrap();
    // A few latent values stand for all.
    for c in (0..d).filter(|c| *c < 8 || c % 7 == 0) {
        let mut at = |step: f64| {
            let mut moved = z.clone();
            moved[c] += step;
            target.evaluate(&moved, &mut vec![0.0; d], &mut workspace).unwrap()
        };
        const H: f64 = 1e-4;
        let slope = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H);
        let path = &model.layout().parameters()[model.layout().free_indices()[c]].path;
        let error = (slope - score[c]).abs();
        assert!(error < tolerance * (1.0 + slope.abs()), "{what}, {path}: {} against {slope}", score[c]);
    }
}

#[test]
fn gaussian_noise_gives_the_evidence_of_exact_regression_by_any_approximation() {
    for mean in [Mean::Zero, Mean::Linear] {
        let latent = model(Family::Gaussian, 25, mean);
        let y: Vec<f64> = latent.observations.iter().map(|at| at.y).collect();
        let exact = Exact::new(inputs(25).as_ref(), &y, kernel("rbf(a, b) + linear(a)"), mean).unwrap();
        let reference = Target::new(&exact, Criterion::LogDensity).unwrap();
        let z: Vec<f64> = (0..exact.layout().dim()).map(|i| 0.3 * (i as f64).sin()).collect();
        let mut expected = vec![0.0; z.len()];
        let value = reference.evaluate(&z, &mut expected, &mut reference.workspace()).unwrap();
        for approximation in EVERY {
            let marginal = Marginal::new(&latent, Some(approximation));
            let target = Target::new(&marginal, Criterion::LogDensity).unwrap();
            let mut score = vec![0.0; z.len()];
            let found = target.evaluate(&z, &mut score, &mut target.workspace()).unwrap();
            assert!((found - value).abs() < 1e-8 * value.abs(), "{approximation:?}: {found}, {value}");
            for (a, b) in score.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{approximation:?}: {score:?}, {expected:?}");
            }
        }
    }
}

#[test]
fn gaussian_noise_has_the_map_of_exact_regression() {
    let latent = model(Family::Gaussian, 25, Mean::Constant);
    let y: Vec<f64> = latent.observations.iter().map(|at| at.y).collect();
    let exact = Exact::new(inputs(25).as_ref(), &y, kernel("rbf(a, b) + linear(a)"), Mean::Constant).unwrap();
    let settings =
        MaximumSettings { value_tolerance: 1e-15, gradient_tolerance: 1e-9, ..MaximumSettings::default() };
    let start = exact.layout().start();
    let reference =
        maximise_from(&Target::new(&exact, Criterion::LogDensity).unwrap(), &start, &settings).unwrap();
    for approximation in EVERY {
        let marginal = Marginal::new(&latent, Some(approximation));
        let target = Target::new(&marginal, Criterion::LogDensity).unwrap();
        let found = maximise_from(&target, &start, &settings).unwrap();
        for (a, b) in found.point.iter().zip(&reference.point) {
            assert!((a - b).abs() < 1e-6, "{approximation:?}: {:?}, {:?}", found.point, reference.point);
        }
    }
}

#[test]
fn the_gradient_of_the_approximate_evidence_is_exact() {
    for family in Family::ALL {
        let Ok(likelihood) = family.build(3) else { continue };
        let model = model(family, 21, if likelihood.latents() > 1 { Mean::Zero } else { Mean::Constant });
        for approximation in EVERY {
            let single = likelihood.latents() == 1 && likelihood.is_log_concave();
            let possible = match approximation {
                Approximation::Laplace => likelihood.is_smooth(),
                Approximation::Variational => true,
                Approximation::Expectation => single,
            };
            if !possible {
                continue;
            }
            // Precisions of the second function are held at their floor here, and the search need not settle.
            if approximation == Approximation::Variational && family == Family::Heteroscedastic {
                continue;
            }
            let marginal = Marginal::new(&model, Some(approximation));
            gradient_is_the_slope(&marginal, &format!("{family:?} {approximation:?}"), 2e-5);
        }
    }
}

#[test]
fn the_score_of_the_joint_density_is_exact() {
    for family in Family::ALL {
        let Ok(likelihood) = family.build(3) else { continue };
        let model = model(family, 21, if likelihood.latents() > 1 { Mean::Zero } else { Mean::Constant });
        gradient_is_the_slope(&Joint::new(&model).unwrap(), &format!("{family:?}"), 2e-6);
    }
}

#[test]
fn with_fixed_parameters_and_a_log_concave_likelihood_laplaces_mode_is_that_of_the_joint_density() {
    for family in [Family::Bernoulli, Family::Poisson] {
        let mut model = model(family, 30, Mean::Zero);
        let paths: Vec<String> = model.layout().parameters().iter().map(|p| p.path.clone()).collect();
        for path in &paths {
            model.layout_mut().change(path, |p| p.fixed = true).unwrap();
        }
        let joint = Joint::new(&model).unwrap();
        let target = Target::new(&joint, Criterion::LogDensity).unwrap();
        let theta: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
        let (mode, precision) =
            joint.gaussian(&Marginal::new(&model, Some(Approximation::Laplace)), &theta).unwrap();
        let mut score = vec![0.0; mode.len()];
        target.evaluate(&mode, &mut score, &mut target.workspace()).unwrap();
        assert!(score.iter().all(|s| s.abs() < 1e-4), "{family:?}: {score:?}");
        // Its precision is the joint density's curvature there.
        let mut workspace = target.workspace();
        let mut slope = |step: f64| {
            let mut at = mode.clone();
            at[3] += step;
            let mut score = vec![0.0; at.len()];
            target.evaluate(&at, &mut score, &mut workspace).unwrap();
            score
        };
        let (up, down) = (slope(1e-5), slope(-1e-5));
        for i in 0..mode.len() {
            let curvature = (down[i] - up[i]) / 2e-5;
            assert!((curvature - precision[(i, 3)]).abs() < 1e-6, "{family:?}: {curvature}");
        }
    }
}

#[test]
fn an_anchor_changes_where_the_search_starts_and_not_where_it_ends() {
    let model = model(Family::Probit, 40, Mean::Zero);
    let theta: Vec<f64> = model.layout().parameters().iter().map(|p| 1.5 * p.start).collect();
    let start: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
    for approximation in EVERY {
        let mut marginal = Marginal::new(&model, Some(approximation));
        let value = |marginal: &Marginal<'_>| {
            let mut gradient = vec![0.0; theta.len()];
            let value =
                marginal.log_likelihood(&theta, &mut gradient, &mut marginal.workspace(Par::Seq)).unwrap();
            (value, gradient)
        };
        let before = value(&marginal);
        marginal.anchor(&start).unwrap();
        let after = value(&marginal);
        assert!((before.0 - after.0).abs() < 1e-8 * before.0.abs(), "{approximation:?}");
        for (a, b) in before.1.iter().zip(&after.1) {
            assert!((a - b).abs() < 1e-5, "{approximation:?}: {a}, {b}");
        }
    }
}

#[test]
fn importance_draws_find_nothing_to_correct_where_the_gaussian_is_the_truth() {
    let model = model(Family::Gaussian, 20, Mean::Constant);
    let theta: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
    let correction = Marginal::new(&model, Some(Approximation::Laplace)).correction(&theta, 50, 1).unwrap();
    assert!(correction.log_evidence.abs() < 1e-6 && correction.efficiency > 1.0 - 1e-9, "{correction:?}");
}

#[test]
fn expectation_propagation_needs_less_correction_than_laplace_and_both_lead_to_one_evidence() {
    let model = model(Family::Probit, 30, Mean::Zero);
    let theta: Vec<f64> = model.layout().parameters().iter().map(|p| 3.0 * p.start).collect();
    let evidence = |approximation| {
        let marginal = Marginal::new(&model, Some(approximation));
        let mut gradient = vec![0.0; theta.len()];
        let value =
            marginal.log_likelihood(&theta, &mut gradient, &mut marginal.workspace(Par::Seq)).unwrap();
        (value, marginal.correction(&theta, 20_000, 3).unwrap())
    };
    let (laplace, propagation) = (evidence(Approximation::Laplace), evidence(Approximation::Expectation));
    let truth = |(value, c): &(f64, Correction)| (value + c.log_evidence, c.standard_error);
    let ((a, from_a), (b, from_b)) = (truth(&laplace), truth(&propagation));
    assert!((a - b).abs() < 4.0 * (from_a + from_b) && from_b < 0.02, "{laplace:?}, {propagation:?}");
    let (near, far) = (propagation.1.log_evidence.abs(), laplace.1.log_evidence.abs());
    assert!(near < 0.2 * far, "{near}, {far}");
    // The bound lies below the truth.
    let bound = evidence(Approximation::Variational);
    assert!(bound.1.log_evidence > 0.0 && bound.1.log_evidence < laplace.1.log_evidence.abs(), "{bound:?}");
}

#[test]
fn the_prior_of_a_lengthscale_widens_with_the_inputs_of_its_leaf_except_with_gaussian_noise() {
    let scale = |family: Family, path: &str| {
        let model = model(family, 10, Mean::Zero);
        let index = model.layout().find(path).unwrap();
        match model.layout().parameters()[index].prior {
            Some(Prior::Gamma { scale, .. }) => scale,
            _ => f64::NAN,
        }
    };
    let path = "kernel.0.lengthscales[1]";
    assert_eq!(scale(Family::Bernoulli, path), 2.83);
    assert_eq!(scale(Family::Gaussian, path), 2.0);
    assert_eq!(scale(Family::Heteroscedastic, "noise.kernel.lengthscales"), 2.0);
    assert_eq!(scale(Family::Bernoulli, "kernel.0.variance"), 2.0);
}

#[test]
fn targets_outside_the_support_and_too_many_rows_are_refused() {
    let build = |y: Vec<f64>, family: Family| {
        let observations: Vec<Observation> = y.into_iter().map(Observation::new).collect();
        let x = Mat::zeros(observations.len(), 2);
        let processes = vec![process("rbf", Mean::Zero)];
        LatentModel::new(x.as_ref(), observations, family.build(2).unwrap(), processes)
            .unwrap_err()
            .to_string()
    };
    let message = build(vec![1.0, 2.0, -1.0], Family::Poisson);
    assert!(message.contains("row 2") && message.contains("-1"), "{message}");
    let message = build(vec![0.0; 6000], Family::Bernoulli);
    assert!(message.contains("6000 rows") && message.contains("5000"), "{message}");
}

#[test]
fn expectation_propagation_refuses_several_latent_functions() {
    for family in [Family::Softmax, Family::Heteroscedastic] {
        let latent = model(family, 6, Mean::Zero);
        let theta: Vec<f64> = latent.layout().parameters().iter().map(|p| p.start).collect();
        let error =
            Marginal::new(&latent, Some(Approximation::Expectation)).condition(&theta, Par::Seq).unwrap_err();
        assert!(!error.is_recoverable() && error.to_string().contains(family.name()), "{error}");
    }
}

#[test]
fn the_latent_mode_is_found_under_heavy_tails() {
    // Little noise on most rows, gross errors on some, and few degrees of freedom.
    let wave = |i: usize| (0.9 * i as f64).sin() + 0.02 * (7.7 * i as f64).cos();
    let y = (0..60).map(|i| wave(i) + if i % 9 == 4 { 2.0 } else { 0.0 });
    let x = Mat::from_fn(60, 2, |i, d| if d == 0 { 0.9 * i as f64 } else { 0.0 });
    let observations = y.map(Observation::new).collect();
    let likelihood = Family::StudentT.build(0).unwrap();
    let latent =
        LatentModel::new(x.as_ref(), observations, likelihood, vec![process("rbf(a)", Mean::Zero)]).unwrap();
    let marginal = Marginal::new(&latent, Some(Approximation::Laplace));
    let paths: Vec<&str> = latent.layout().parameters().iter().map(|p| p.path.as_str()).collect();
    for degrees in [1.2, 2.0, 3.0, 4.0] {
        for scale in [0.02, 0.1, 0.3] {
            let theta: Vec<f64> = (paths.iter())
                .map(|path| match *path {
                    "likelihood.degrees" => degrees,
                    "likelihood.scale" => scale,
                    _ => 1.0,
                })
                .collect();
            let found = marginal.condition(&theta, Par::Seq);
            assert!(found.is_ok(), "{degrees} degrees of freedom, scale {scale}: {:?}", found.err());
        }
    }
}

#[test]
fn counts_of_any_size_have_a_gaussian_for_their_rates() {
    for size in [1e2, 1e4, 1e6] {
        let observations = (0..40)
            .map(|i| {
                let rate: f64 = (1.3 * f64::from(i)).sin();
                Observation { y: (size * rate.exp()).floor(), exposure: size }
            })
            .collect();
        let processes = vec![process("rbf(a, b)", Mean::Zero)];
        let model =
            LatentModel::new(inputs(40).as_ref(), observations, Family::Poisson.build(2).unwrap(), processes);
        let model = model.unwrap();
        let theta: Vec<f64> = model.layout().parameters().iter().map(|p| p.start).collect();
        let at = |approximation| {
            let marginal = Marginal::new(&model, Some(approximation));
            marginal.log_likelihood(&theta, &mut [0.0; 3], &mut marginal.workspace(Par::Seq)).unwrap()
        };
        let [mode, bound] = [Approximation::Laplace, Approximation::Variational].map(at);
        // The more counts, the more Gaussian.
        assert!((mode - bound).abs() < 1.0 / size.sqrt() + 1e-3, "{size}: {mode} {bound}");
    }
}
