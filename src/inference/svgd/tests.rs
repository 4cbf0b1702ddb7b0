#![allow(clippy::unwrap_used)]

use super::*;
use crate::density::log_gamma::LogGamma;
use crate::density::{GaussianMixture, GaussianTarget};

#[test]
fn a_correlated_gaussian_comes_back_with_its_mean_and_covariance() {
    // Precision with correlation 0.9 and scales 0.01 and 10.
    let covariance = [1e-4, 0.09, 0.09, 100.0];
    let determinant = covariance[0] * covariance[3] - covariance[1] * covariance[2];
    let precision = [covariance[3], -covariance[1], -covariance[2], covariance[0]].map(|c| c / determinant);
    let target = GaussianTarget::new(vec![3.0, -40.0], precision.to_vec()).unwrap();
    let settings = SvgdSettings { curvature_floor: 1e-6, ..SvgdSettings::new(20) };
    let fit = svgd(&target, &[vec![0.0, 0.0]], &settings, &mut ()).unwrap();
    let (mean, found) = (fit.particles.mean(), fit.particles.covariance());
    assert!((mean[0] - 3.0).abs() < 1e-4 && (mean[1] + 40.0).abs() < 0.1, "{mean:?}");
    for (f, c) in found.iter().zip(covariance) {
        assert!((f / c - 1.0).abs() < 0.15, "{found:?}");
    }
    assert!(fit.modes.len() == 1 && (fit.diagnostics.stein_ratio - 1.0).abs() < 0.2);
}

/// Two Gaussians 8 standard deviations apart in each of five coordinates' first, with weights 0.8 and 0.2.
fn two_modes() -> GaussianMixture {
    let identity: Vec<f64> = (0..25).map(|k| f64::from(u8::from(k % 6 == 0))).collect();
    let (mut a, mut b) = (vec![0.0; 5], vec![0.0; 5]);
    (a[0], b[0]) = (-4.0, 4.0);
    GaussianMixture::new(&[0.8, 0.2], &[a, b], &[identity.clone(), identity]).unwrap()
}

#[test]
fn two_modes_are_found_from_several_starts_and_weighed() {
    let target = two_modes();
    let starts: Vec<Vec<f64>> =
        [-6.0, 5.0, -1.0, 2.0].iter().map(|x| vec![*x, 1.0, -1.0, 0.5, 0.0]).collect();
    for seed in 0..5 {
        let mut settings = SvgdSettings::new(20);
        settings.engine.seed = seed;
        let fit = svgd(&target, &starts, &settings, &mut ()).unwrap();
        assert_eq!(fit.modes.len(), 2);
        assert!((fit.modes[0].weight - 0.8).abs() < 0.05, "seed {seed}: {:?}", fit.modes[0].weight);
        let right: f64 =
            fit.particles.points().zip(&fit.weights).filter(|(p, _)| p[0] > 0.0).map(|(_, w)| w).sum();
        assert!((right - 0.2).abs() < 0.05, "seed {seed}: mass on the right {right}");
        assert!((fit.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn one_particle_is_the_mode_in_the_targets_own_coordinates() {
    let target = GaussianTarget::new(vec![1.5], vec![4.0]).unwrap();
    let coordinates = vec![MonotoneMap::gaussianising(|u| u - u.exp())];
    let settings = SvgdSettings { coordinates, ..SvgdSettings::new(1) };
    let fit = svgd(&target, &[vec![0.0]], &settings, &mut ()).unwrap();
    assert!((fit.particles.point(0)[0] - 1.5).abs() < 1e-4);
}

#[test]
fn a_skewed_target_has_its_moments_within_a_fraction_of_what_twenty_draws_would_miss() {
    // ψ(1) = −γ, ψ′(1) = π²/6.
    let (exact, variance) = (-0.577_215_664_9, std::f64::consts::PI.powi(2) / 6.0);
    let (mut bias, mut ratio) = (0.0, 0.0);
    for seed in 0..5 {
        let mut settings = SvgdSettings::new(20);
        settings.engine.seed = seed;
        let fit = svgd(&LogGamma { dim: 3 }, &[vec![0.0; 3]], &settings, &mut ()).unwrap();
        for c in 0..3 {
            let values: Vec<f64> = fit.particles.points().map(|p| p[c]).collect();
            let mean = values.iter().sum::<f64>() / 20.0;
            bias += (mean - exact).abs() / variance.sqrt() / 15.0;
            ratio += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20.0 / variance / 15.0;
        }
    }
    // Twenty draws: 0.18.
    assert!(bias < 0.1, "mean |bias| {bias}");
    assert!((ratio - 1.0).abs() < 0.15, "mean variance ratio {ratio}");
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let fit = pool
            .install(|| svgd(&two_modes(), &[vec![-5.0; 5], vec![5.0; 5]], &SvgdSettings::new(12), &mut ()));
        let fit = fit.unwrap();
        (fit.particles, fit.weights)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn modes_that_particles_cross_between_keep_their_mass() {
    // 5.4 standard deviations apart: trajectories change sides.
    let identity = vec![1.0];
    let target =
        GaussianMixture::new(&[0.2, 0.8], &[vec![2.7], vec![-2.7]], &[identity.clone(), identity]).unwrap();
    for polish in [Some(PolishSettings::default()), None] {
        let mut mean = 0.0;
        for seed in 0..5 {
            let mut settings = SvgdSettings { polish: polish.clone(), ..SvgdSettings::new(20) };
            settings.engine.seed = seed;
            let fit = svgd(&target, &[vec![3.0], vec![-2.0]], &settings, &mut ()).unwrap();
            assert_eq!((fit.particles.count(), fit.weights.len()), (20, 20));
            mean += fit.particles.points().zip(&fit.weights).map(|(p, w)| p[0] * w).sum::<f64>() / 5.0;
        }
        assert!((mean + 1.62).abs() < 0.35, "mean {mean} with polish {polish:?}");
    }
}
