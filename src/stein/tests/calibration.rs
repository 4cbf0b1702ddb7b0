//! How much of an isotropic Gaussian's variance the kernels keep, against an independent implementation.
//!
//! Mean marginal variance (divisor J) of the cloud on N(0, I), from a standard normal start. The values were measured with
//! another program from one random start of its own. The last approach to rest is slow, and where the other program was
//! on it is not known: with the inverse multiquadric in ten dimensions twenty particles have 0.75 of the variance after 400
//! iterations, 0.77 in the table, and 0.80 at rest.

use super::{normal_cloud, run};
use crate::density::GaussianTarget;
use crate::density::log_gamma::LogGamma;
use crate::stein::{Bandwidth, Radial, Settings, SteinKernel};

/// Mean over `starts` random starts: a small cloud at rest still knows a little of where it came from.
fn variance(kernel: &SteinKernel, dim: usize, count: usize, starts: u64) -> f64 {
    let (learning_rate, iterations) = match dim * count {
        ..=60 => (0.05, 600),
        61..=200 => (0.02, 600),
        _ => (0.02, 400),
    };
    let settings = Settings {
        kernel: kernel.clone(),
        learning_rate,
        iterations,
        rewhiten_at: Vec::new(),
        tolerance: 0.0,
        ..Settings::default()
    };
    let target = GaussianTarget::standard(dim);
    let kept = |seed| {
        let particles = run(&target, normal_cloud(count, dim, seed), settings.clone()).unwrap().particles;
        let trace: f64 = particles.covariance().iter().step_by(dim + 1).sum();
        trace / dim as f64 * (count - 1) as f64 / count as f64
    };
    (0..starts).map(kept).sum::<f64>() / starts as f64
}

/// d, J, and the variance kept with five rules: that of the published code, median/log J, twice the median, the
/// inverse multiquadric with the median, bilinear.
const TABLE: [(usize, usize, [f64; 5]); 8] = [
    (1, 20, [0.876, 0.883, 0.972, 0.953, 1.000]),
    (3, 5, [0.343, 0.386, 0.761, 0.622, 1.000]),
    (3, 20, [0.637, 0.648, 0.953, 0.904, 1.000]),
    (10, 20, [0.263, 0.272, 0.905, 0.768, 1.000]),
    (10, 100, [0.428, 0.438, 0.971, 0.934, 1.000]),
    (40, 20, [0.072, 0.075, 0.366, 0.287, 0.475]),
    (40, 100, [0.111, 0.112, 0.896, 0.799, 1.000]),
    (100, 20, [0.029, 0.030, 0.146, 0.115, 0.190]),
];

#[test]
fn five_rules_keep_the_share_of_the_variance_that_another_program_measured() {
    let rules = [
        SteinKernel::Rbf(Bandwidth::Original),
        SteinKernel::Rbf(Bandwidth::MedianOverLog),
        SteinKernel::Rbf(Bandwidth::TwiceMedian),
        SteinKernel::imq(Bandwidth::Median),
        SteinKernel::Bilinear,
    ];
    let mut wrong = Vec::new();
    for (dim, count, expected) in TABLE {
        for (rule, expected) in rules.iter().zip(expected) {
            let found = variance(rule, dim, count, if dim * count <= 200 { 4 } else { 1 });
            if (found - expected).abs() > 0.03 {
                wrong.push(format!("d={dim} J={count} {rule:?}: {found:.3}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_default_keeps_nine_tenths_wherever_the_particles_outnumber_the_dimensions() {
    let kernel = SteinKernel::default_mixture();
    for (dim, count) in [
        (1, 2),
        (1, 20),
        (3, 4),
        (3, 5),
        (3, 20),
        (10, 11),
        (10, 12),
        (10, 20),
        (10, 100),
        (40, 41),
        (40, 100),
    ] {
        let found = variance(&kernel, dim, count, 1);
        assert!(found >= 0.9, "d={dim} J={count}: {found:.3}");
    }
}

#[test]
fn what_a_coordinatewise_kernel_keeps_does_not_depend_on_the_dimension() {
    let kernel = SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: Bandwidth::MedianOverLog };
    let found = [2, 10, 40].map(|dim| variance(&kernel, dim, 10, 1));
    // 0.795 for ten particles, by another program.
    assert!(found.iter().all(|v| (v - 0.795).abs() < 0.03), "{found:?}");
}

#[test]
fn with_few_particles_a_dimension_the_default_does_not_stretch_a_skewed_target() {
    let kept = |kernel: SteinKernel, count, dim| {
        let settings = Settings {
            kernel,
            iterations: 300,
            learning_rate: 0.1,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        let cloud = run(&LogGamma { dim }, normal_cloud(count, dim, 0), settings).unwrap().particles;
        let trace: f64 = cloud.covariance().iter().step_by(dim + 1).sum();
        trace / dim as f64 / (std::f64::consts::PI.powi(2) / 6.0)
    };
    for (count, dim) in [(11, 10), (16, 15), (20, 15)] {
        let parts = vec![(0.5, SteinKernel::imq(Bandwidth::Median)), (0.5, SteinKernel::Bilinear)];
        let bilinear = kept(SteinKernel::Sum(parts), count, dim);
        let default = kept(SteinKernel::default_mixture(), count, dim);
        assert!((0.8..2.0).contains(&default) && bilinear > 3.0, "d={dim} J={count}: {default}, {bilinear}");
    }
}
