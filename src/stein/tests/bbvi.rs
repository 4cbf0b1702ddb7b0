//! SVGD with the Gaussian tangent kernel is Gaussian black-box variational inference (Chu et al. 2020, Figure 1).

use super::{TwoHills, normal_cloud, run};
use crate::evaluation::Evaluator;
use crate::stein::{Cloud, GaussianBbvi, Optimiser, Schedule, Settings, SteinKernel, TangentMoments};

/// Time over which the two are compared: the Gaussian has come to rest.
const TIME: f64 = 3.0;

fn start(mut cloud: Cloud) -> Cloud {
    for point in cloud.points_mut() {
        (point[0], point[1]) = (0.6 * point[0] - 1.0, 0.4 * point[1] + 0.3 * point[0] + 2.0);
    }
    cloud
}

/// Normal points that fill the plane evenly: the two-dimensional golden sequence through Box and Muller's map. They
/// stand for the Gaussian better than as many draws, whose own chance is 1/√n.
fn even_cloud(count: usize) -> Cloud {
    const GOLDEN: f64 = 1.324_717_957_244_746;
    let mut cloud = Cloud::zeros(count, 2);
    for (i, point) in cloud.points_mut().enumerate() {
        let (u, v) =
            ((0.5 + (i + 1) as f64 / GOLDEN).fract(), (0.5 + (i + 1) as f64 / (GOLDEN * GOLDEN)).fract());
        let (radius, angle) = ((-2.0 * u.ln()).sqrt(), std::f64::consts::TAU * v);
        (point[0], point[1]) = (radius * angle.cos(), radius * angle.sin());
    }
    cloud
}

fn svgd(start: &Cloud, rate: f64) -> (Vec<f64>, Vec<f64>) {
    let settings = Settings {
        kernel: SteinKernel::GaussianTangent(TangentMoments::Cloud),
        optimiser: Optimiser::Plain,
        schedule: Schedule::Constant,
        learning_rate: rate,
        iterations: (TIME / rate).round() as usize,
        rewhiten_at: Vec::new(),
        tolerance: 0.0,
        ..Settings::default()
    };
    let cloud = run(&TwoHills, start.clone(), settings).unwrap().particles;
    let count = cloud.count() as f64;
    (cloud.mean(), cloud.covariance().iter().map(|c| c * (count - 1.0) / count).collect())
}

/// From the moments of `start`; noise drawn anew for each step, or that of `start` for all.
fn bbvi(start: &Cloud, rate: f64, fresh: bool) -> (Vec<f64>, Vec<f64>) {
    let mut family = GaussianBbvi::matching(start).unwrap();
    let own = family.noise_of(start).unwrap();
    let mut evaluator = Evaluator::new(&TwoHills, 1);
    for t in 0..(TIME / rate).round() as u64 {
        let drawn = if fresh { normal_cloud(start.count(), 2, 1000 + t) } else { Cloud::zeros(0, 2) };
        family.step(&mut evaluator, if fresh { &drawn } else { &own }, rate).unwrap();
    }
    (family.mean.clone(), family.covariance())
}

/// Distances of means in standard deviations and of covariances in their norm; the larger one.
fn gap((mean, covariance): &(Vec<f64>, Vec<f64>), (other, reference): &(Vec<f64>, Vec<f64>)) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    let means = norm(&mut mean.iter().zip(other).map(|(a, b)| a - b)) / (reference[0] + reference[3]).sqrt();
    let covariances = norm(&mut covariance.iter().zip(reference).map(|(a, b)| a - b))
        / norm(&mut reference.iter().copied());
    means.max(covariances)
}

#[test]
fn a_thousand_particles_follow_the_variational_gaussian_within_two_percent() {
    let start = start(even_cloud(1000));
    let (svgd, bbvi) = (svgd(&start, 1e-3), bbvi(&start, 1e-3, true));
    assert!(gap(&svgd, &bbvi) <= 0.02, "{}", gap(&svgd, &bbvi));
}

#[test]
fn with_the_noise_of_its_own_particles_the_two_are_one_at_any_step_size() {
    let start = start(normal_cloud(50, 2, 2));
    for rate in [0.1, 0.01] {
        assert!(gap(&svgd(&start, rate), &bbvi(&start, rate, false)) < 1e-9);
    }
}

#[test]
fn the_gap_shrinks_with_the_number_of_particles_and_with_the_step() {
    let mean_gap = |count| {
        (0..6)
            .map(|seed| {
                let start = start(normal_cloud(count, 2, seed));
                gap(&svgd(&start, 0.01), &bbvi(&start, 0.01, true)) / 6.0
            })
            .sum::<f64>()
    };
    let (few, many) = (mean_gap(100), mean_gap(1600));
    // 1/√n: a quarter, with what six starts leave of chance.
    assert!(many < 0.5 * few, "{few} {many}");
    let start = start(normal_cloud(50, 2, 3));
    let limit = bbvi(&start, 1e-4, false);
    let (long, short) = (gap(&svgd(&start, 0.04), &limit), gap(&svgd(&start, 0.01), &limit));
    assert!(short < 0.5 * long, "{long} {short}");
}
