//! What each mover is for.

use super::{Banana, normal_cloud, run};
use crate::density::{GaussianTarget, LogDensity};
use crate::evaluation::Evaluator;
use crate::stein::{
    Bandwidth, Cloud, CurvatureSource, Method, Metric, Optimiser, Outcome, Schedule, Settings, SteinKernel,
    StepSize, Whitening,
};

#[test]
fn time_averages_of_stochastic_svgd_have_the_targets_variance() {
    let settings = Settings {
        kernel: SteinKernel::Rbf(Bandwidth::Fixed(5.0)),
        method: Method::Langevin { burn_in: 0.1, every: 5 },
        optimiser: Optimiser::Plain,
        schedule: Schedule::Constant,
        learning_rate: 0.3,
        iterations: 20_000,
        rewhiten_at: Vec::new(),
        ..Settings::default()
    };
    let found = run(&GaussianTarget::standard(5), normal_cloud(10, 5, 1), settings).unwrap();
    assert_eq!(found.draws.count(), 10 * 18_000 / 5);
    let covariance = found.draws.covariance();
    for variance in covariance.iter().step_by(6) {
        assert!((0.9..1.1).contains(variance), "{variance}");
    }
}

/// A cloud of thirty far outside the banana, beyond the tip of one arm.
fn misplaced_on_a_banana(method: Method, optimiser: Optimiser, learning_rate: f64) -> Outcome {
    let mut start = normal_cloud(30, 2, 4);
    for point in start.points_mut() {
        (point[0], point[1]) = (point[0] - 8.0, point[1] + 30.0);
    }
    let settings = Settings {
        kernel: SteinKernel::paper(),
        method,
        optimiser,
        schedule: Schedule::Constant,
        learning_rate,
        iterations: 200,
        rewhiten_at: Vec::new(),
        ..Settings::default()
    };
    run(&Banana { sd: 2.0, bend: 0.5 }, start, settings).unwrap()
}

/// Particles where a draw of the banana is with a probability of 0.0025.
fn left_behind(outcome: &Outcome) -> usize {
    outcome.log_densities.iter().filter(|value| **value < -6.0).count()
}

#[test]
fn newton_brings_home_the_particles_that_gradients_leave_behind() {
    for (optimiser, rate) in [(Optimiser::Plain, 0.01), (Optimiser::Plain, 0.1), (Optimiser::ADAM, 0.05)] {
        let plain = misplaced_on_a_banana(Method::Gradient, optimiser, rate);
        assert!(left_behind(&plain) >= 15, "{optimiser:?} {rate}: {}", left_behind(&plain));
    }
    let newton = misplaced_on_a_banana(Method::Newton(CurvatureSource::Differences), Optimiser::Plain, 1.0);
    assert_eq!(left_behind(&newton), 0);
    // The target's mean is 0 and its variances are 4 and 9; the kernel keeps less.
    let (mean, covariance) = (newton.particles.mean(), newton.particles.covariance());
    assert!(
        mean.iter().all(|m| m.abs() < 0.6) && covariance[0] > 3.0 && covariance[3] > 4.0,
        "{covariance:?}"
    );
    // No evaluation but those of the particles themselves.
    let secants = misplaced_on_a_banana(Method::Newton(CurvatureSource::Secants), Optimiser::Plain, 1.0);
    assert!(left_behind(&secants) <= 1, "{}", left_behind(&secants));
}

#[test]
fn curvature_on_a_gaussian_is_its_precision_in_whitened_coordinates() {
    let precision = [2.0, 0.3, 0.3, 0.7];
    let target = GaussianTarget::new(vec![1.0, -2.0], precision.to_vec()).unwrap();
    let whitening = Whitening::from_covariance(vec![3.0, 0.0], &[4.0, 0.5, 0.5, 1.0], 1e-9, 1e9).unwrap();
    let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
    whitening.whiten_score(&[1.0, 0.0], &mut a);
    whitening.whiten_score(&[0.0, 1.0], &mut b);
    let quadratic = |x: &[f64; 2], y: &[f64; 2]| {
        x[0] * (precision[0] * y[0] + precision[1] * y[1])
            + x[1] * (precision[2] * y[0] + precision[3] * y[1])
    };
    let expected = [quadratic(&a, &a), quadratic(&a, &b), quadratic(&b, &a), quadratic(&b, &b)];
    let particles = normal_cloud(6, 2, 8);
    let (mut u, mut g, mut scores) = ([0.0; 2], [0.0; 2], Cloud::zeros(6, 2));
    for (z, score) in particles.points().zip(scores.points_mut()) {
        whitening.unwhiten(z, &mut u);
        target.evaluate(&u, &mut g, &mut ()).unwrap();
        whitening.whiten_score(&g, score);
    }
    // The secants' ridge towards the unit costs them a little.
    for (source, tolerance) in [(CurvatureSource::Differences, 1e-6), (CurvatureSource::Secants, 0.02)] {
        let mut hessians = vec![0.0; 6 * 4];
        let mut evaluator = Evaluator::new(&target, 6);
        let mut curvature = source.build();
        curvature.negative_hessians(&mut evaluator, &whitening, &particles, &scores, &mut hessians).unwrap();
        for hessian in hessians.chunks(4) {
            for (h, e) in hessian.iter().zip(expected) {
                assert!((h - e).abs() < tolerance * 4.0, "{source:?}: {hessian:?}, not {expected:?}");
            }
        }
    }
}

/// Wang et al. (2019): with the target's own metric the particles do not know how it is scaled.
#[test]
fn a_matrix_valued_kernel_moves_on_any_gaussian_as_on_the_standard_one() {
    let precision = [1e4, 10.0, 10.0, 0.02];
    let target = GaussianTarget::new(vec![0.0; 2], precision.to_vec()).unwrap();
    let map = Whitening::from_precision(vec![0.0; 2], &precision, 1e-12).unwrap();
    let settings = |method| Settings {
        method,
        optimiser: Optimiser::Plain,
        schedule: Schedule::Constant,
        learning_rate: 0.3,
        iterations: 100,
        rewhiten_at: Vec::new(),
        ..Settings::default()
    };
    let start = normal_cloud(12, 2, 9);
    let standard = run(&GaussianTarget::standard(2), start.clone(), settings(Method::Gradient)).unwrap();
    let mut stretched = start.clone();
    start.points().zip(stretched.points_mut()).for_each(|(z, u)| map.unwhiten(z, u));
    let found = run(&target, stretched, settings(Method::Matrix(Metric::Given(precision.to_vec())))).unwrap();
    let back = map.whiten_cloud(&found.particles);
    for (a, b) in back.values().iter().zip(standard.particles.values()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    let no_metric = Method::Matrix(Metric::Given(vec![1.0, 2.0, 2.0, 1.0]));
    assert!(run(&target, start, settings(no_metric)).is_err());
}

#[test]
fn metrics_from_the_cloud_find_a_badly_scaled_gaussian() {
    // Standard deviations of 0.1 and 3.
    let target = GaussianTarget::new(vec![0.5, -2.0], vec![100.0, 0.0, 0.0, 1.0 / 9.0]).unwrap();
    let source = CurvatureSource::Secants;
    for metric in
        [Metric::Fisher, Metric::Covariance, Metric::MeanHessian(source), Metric::LocalHessians(source)]
    {
        let settings = Settings {
            method: Method::Matrix(metric.clone()),
            iterations: 400,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        let found = run(&target, normal_cloud(20, 2, 6), settings).unwrap().particles;
        let (mean, covariance) = (found.mean(), found.covariance());
        let off = [(mean[0] - 0.5) / 0.1, (mean[1] + 2.0) / 3.0];
        let ratio = [covariance[0] / 0.01, covariance[3] / 9.0];
        assert!(off.iter().all(|o| o.abs() < 0.05), "{metric:?}: {off:?}");
        assert!(ratio.iter().all(|r| (0.9..1.15).contains(r)), "{metric:?}: {ratio:?}");
    }
}

#[test]
fn an_automatic_step_size_makes_up_for_a_wrong_rate() {
    let found = |step_size, learning_rate| {
        let mut start = normal_cloud(20, 10, 7);
        start.values_mut().iter_mut().for_each(|z| *z += 5.0);
        let settings = Settings {
            step_size,
            learning_rate,
            iterations: 300,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        let cloud = run(&GaussianTarget::standard(10), start, settings).unwrap().particles;
        let off = cloud.mean().iter().map(|m| m.abs()).fold(0.0, f64::max);
        let variance = cloud.covariance().iter().step_by(11).sum::<f64>() / 10.0 * 19.0 / 20.0;
        (off, variance)
    };
    for rate in [0.005, 0.05, 0.5] {
        let (off, variance) = found(StepSize::Automatic, rate);
        assert!(off < 0.05 && (variance - 1.0).abs() < 0.05, "{rate}: {off} {variance}");
    }
    assert!(found(StepSize::Fixed, 0.005).0 > 1.0);
}
