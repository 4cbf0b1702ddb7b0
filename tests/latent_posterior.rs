//! Latent models: particles with Gaussians against chains on parameters and latent values, and against exact regression.

#![allow(clippy::unwrap_used)]

use faer::Mat;
use steingp::fit::ModelChoice;
use steingp::likelihood::Family;
use steingp::posterior::Predictions;
use steingp::prelude::*;

fn inputs(n: usize) -> Mat<f64> {
    Mat::from_fn(n, 1, |i, _| 6.0 * ((i as f64 * 0.618_034).fract() - 0.5))
}

fn wave(x: f64) -> f64 {
    1.5 * (1.4 * x).sin() + 0.3 * x
}

/// Classes or counts that follow the wave, with noise from a fixed sequence.
fn dataset(family: Family) -> Dataset {
    let n = 60;
    let x = inputs(n);
    let y = (0..n).map(|i| {
        let uniform = (i as f64 * 0.754_877_67).fract();
        let f = wave(x[(i, 0)]);
        match family {
            Family::Poisson => {
                // Inversion of the distribution function.
                let (rate, mut count, mut term) = (f.exp(), 0.0, (-f.exp()).exp());
                let mut sum = term;
                while sum < uniform && count < 100.0 {
                    count += 1.0;
                    term *= rate / count;
                    sum += term;
                }
                count
            }
            Family::Gaussian => f + 0.3 * (2.0 * uniform - 1.0),
            _ => f64::from(u8::from(uniform < 1.0 / (1.0 + (-f).exp()))),
        }
    });
    Dataset::new(x.clone(), y.collect()).unwrap()
}

fn grid() -> Mat<f64> {
    Mat::from_fn(13, 1, |i, _| -3.6 + 0.6 * i as f64)
}

/// Mean and standard deviation of observations over the grid.
fn predicted(family: Family, options: FitOptions) -> Vec<(f64, f64)> {
    let fitted = fit(&dataset(family), &FitOptions { likelihood: family, ..options }, &mut ()).unwrap();
    let predictions: Predictions = fitted.model.predict_y(grid().as_ref(), None).unwrap();
    predictions.map(|row| row.moments()).into_iter().map(|(mean, variance)| (mean, variance.sqrt())).collect()
}

#[test]
fn particles_with_gaussians_predict_as_chains_on_parameters_and_latent_values_do() {
    for (family, tolerance) in [(Family::Bernoulli, 0.03), (Family::Poisson, 0.12)] {
        let particles = predicted(family, FitOptions::default());
        // So many draws that what is compared is not their scatter: it is 0.01 of a probability with 1,600 of them.
        let chains = predicted(
            family,
            FitOptions {
                method: Method::Nuts,
                chains: 4,
                tune: 500,
                draws: 4_000,
                keep: 2_000,
                ..FitOptions::default()
            },
        );
        for (k, (a, b)) in particles.iter().zip(&chains).enumerate() {
            // Counts are compared in units of their own scatter.
            let unit = if family == Family::Poisson { b.1 } else { 1.0 };
            assert!((a.0 - b.0).abs() < tolerance * unit, "{family:?} at point {k}: {a:?}, {b:?}");
        }
    }
}

#[test]
fn gaussian_noise_through_a_latent_model_predicts_as_exact_regression_does() {
    for (method, tolerance) in [(Method::Map, 1e-4), (Method::Svgd, 0.03)] {
        let of = |model| predicted(Family::Gaussian, FitOptions { method, model, ..FitOptions::default() });
        let (latent, exact) = (of(ModelChoice::Latent), of(ModelChoice::Exact));
        for (a, b) in latent.iter().zip(&exact) {
            assert!((a.0 - b.0).abs() < tolerance * b.1, "{method:?}: {a:?}, {b:?}");
            assert!((a.1 / b.1 - 1.0).abs() < tolerance, "{method:?}: {a:?}, {b:?}");
        }
    }
}
