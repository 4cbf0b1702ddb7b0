#![allow(clippy::unwrap_used)]

use super::*;
use crate::stein::{SteinForce, stein_field};

/// Every kernel that a setting can ask for, for two dimensions.
fn kernels() -> Vec<SteinKernel> {
    let median = Bandwidth::Median;
    vec![
        SteinKernel::Rbf(Bandwidth::Original),
        SteinKernel::Rbf(Bandwidth::MedianOverLog),
        SteinKernel::Rbf(median),
        SteinKernel::imq(Bandwidth::TwiceMedian),
        SteinKernel::imq(Bandwidth::Fixed(0.7)),
        SteinKernel::Imq { bandwidth: median, exponent: -0.3 },
        SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: median },
        SteinKernel::Coordinatewise { profile: Radial::Imq { exponent: -0.5 }, bandwidth: median },
        SteinKernel::Bilinear,
        SteinKernel::Marginal,
        SteinKernel::GaussianTangent(TangentMoments::Cloud),
        SteinKernel::default_mixture(),
        SteinKernel::paper_with_latents(1),
    ]
}

fn cloud<const J: usize>(points: [[f64; 2]; J]) -> Cloud {
    Cloud::from_points(2, points.iter().map(|p| &p[..]))
}

fn five() -> (Cloud, Cloud) {
    let particles = cloud([[0.1, 0.4], [-0.7, 1.1], [0.9, -0.3], [0.2, -1.2], [1.5, 0.8]]);
    let scores = cloud([[1.0, -0.2], [0.3, 0.8], [-0.6, 0.4], [0.1, -2.0], [-1.0, 0.7]]);
    (particles, scores)
}

fn force(kernel: &SteinKernel, particles: &Cloud, scores: &Cloud) -> SteinForce {
    let mut force = SteinForce::new(kernel, particles.count(), particles.dim()).unwrap();
    force.compute(particles, scores).unwrap();
    force
}

#[test]
fn with_a_zero_score_two_particles_move_apart() {
    let particles = cloud([[0.0, 0.0], [1.0, 0.5]]);
    let scores = Cloud::zeros(2, 2);
    for kernel in kernels() {
        let force = force(&kernel, &particles, &scores);
        let r = force.repulsion();
        assert!(r.point(0)[0] < 0.0 && r.point(1)[0] > 0.0, "{kernel:?}");
        assert!(r.point(0)[1] < 0.0 && r.point(1)[1] > 0.0, "{kernel:?}");
    }
}

#[test]
fn one_particle_follows_its_score() {
    let (particles, scores) = (cloud([[0.3, -1.0]]), cloud([[2.0, 5.1]]));
    for kernel in kernels() {
        let force = force(&kernel, &particles, &scores);
        assert_eq!(force.attraction().point(0), [2.0, 5.1], "{kernel:?}");
        assert_eq!(force.repulsion().values(), [0.0, 0.0]);
    }
}

#[test]
fn coinciding_particles_are_defined() {
    let (particles, scores) = (cloud([[2.0, 1.0]; 4]), cloud([[1.0, -1.0]; 4]));
    for kernel in kernels() {
        let force = force(&kernel, &particles, &scores);
        for point in force.attraction().points() {
            assert!((point[0] - 1.0).abs() < 1e-15 && (point[1] + 1.0).abs() < 1e-15, "{kernel:?}");
        }
        assert_eq!(force.repulsion().values(), [0.0; 8]);
    }
}

#[test]
fn the_gradient_of_a_pair_is_the_slope_of_its_value() {
    let (particles, scores) = five();
    let step = 1e-6;
    for setting in kernels() {
        let mut kernel = setting.build(2).unwrap();
        kernel.prepare(&particles, &scores).unwrap();
        let (z, x) = (particles.point(1), particles.point(3));
        let pair = |z: &[f64]| {
            let (mut value, mut gradient) = ([0.0; 2], [0.0; 2]);
            kernel.add_pair(1.3, z, x, &mut value, &mut gradient);
            (value, gradient)
        };
        for c in 0..2 {
            let (mut up, mut down) = ([z[0], z[1]], [z[0], z[1]]);
            up[c] += step;
            down[c] -= step;
            let numeric = (pair(&up).0[c] - pair(&down).0[c]) / (2.0 * step);
            assert!((pair(z).1[c] - numeric).abs() < 1e-8, "{setting:?}: {} {numeric}", pair(z).1[c]);
        }
    }
}

#[test]
fn a_force_is_the_sum_of_its_pairs_at_any_point() {
    let (particles, scores) = five();
    let at = cloud([[0.1, 0.4], [3.0, -2.0]]);
    for setting in kernels() {
        let (attraction, repulsion) = stein_field(&setting, &particles, &scores, &at).unwrap();
        let mut kernel = setting.build(2).unwrap();
        kernel.prepare(&particles, &scores).unwrap();
        for (i, x) in at.points().enumerate() {
            let (mut attracted, mut repelled) = ([0.0; 2], [0.0; 2]);
            for (z, g) in particles.points().zip(scores.points()) {
                let mut value = [0.0; 2];
                kernel.add_pair(0.2, z, x, &mut value, &mut repelled);
                (0..2).for_each(|c| attracted[c] += value[c] * g[c]);
            }
            for c in 0..2 {
                assert!((attraction.point(i)[c] - attracted[c]).abs() < 1e-12, "{setting:?}");
                assert!((repulsion.point(i)[c] - repelled[c]).abs() < 1e-12, "{setting:?}");
            }
        }
        // The first point is a particle: the field there is what moves it.
        let moves = force(&setting, &particles, &scores);
        assert_eq!(moves.attraction().point(0), attraction.point(0), "{setting:?}");
        assert_eq!(moves.repulsion().point(0), repulsion.point(0), "{setting:?}");
    }
}

#[test]
fn a_coordinatewise_kernel_moves_a_coordinate_as_if_it_were_alone() {
    let (particles, scores) = five();
    let both = SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: Bandwidth::Median };
    let found = force(&both, &particles, &scores);
    for c in 0..2 {
        let pick = |cloud: &Cloud| {
            Cloud::from_points(1, cloud.values().chunks(2).map(|p| std::slice::from_ref(&p[c])))
        };
        let alone = force(&SteinKernel::Rbf(Bandwidth::Median), &pick(&particles), &pick(&scores));
        for i in 0..5 {
            assert!((found.attraction().point(i)[c] - alone.attraction().point(i)[0]).abs() < 1e-15);
            assert!((found.repulsion().point(i)[c] - alone.repulsion().point(i)[0]).abs() < 1e-15);
        }
    }
}

#[test]
fn a_sum_leaves_out_the_bilinear_kernel_until_the_particles_outnumber_the_dimensions() {
    let imq = SteinKernel::imq(Bandwidth::Median);
    let sum = SteinKernel::Sum(vec![(0.5, imq.clone()), (0.5, SteinKernel::Bilinear)]);
    let (particles, scores) = (cloud([[0.0, 0.0], [1.0, 0.5]]), cloud([[1.0, 2.0], [0.0, 1.0]]));
    let (mixed, alone) = (force(&sum, &particles, &scores), force(&imq, &particles, &scores));
    assert_eq!(mixed.attraction(), alone.attraction());
    let (particles, scores) = (cloud([[0.0, 0.0], [1.0, 0.5], [0.2, 2.0]]), cloud([[1.0, 2.0]; 3]));
    let (mixed, alone) = (force(&sum, &particles, &scores), force(&imq, &particles, &scores));
    assert_ne!(mixed.attraction(), alone.attraction());
}

#[test]
fn settings_that_make_no_kernel_are_refused() {
    for kernel in [
        SteinKernel::Rbf(Bandwidth::Fixed(-1.0)),
        SteinKernel::Imq { bandwidth: Bandwidth::Median, exponent: 0.5 },
        SteinKernel::Sum(Vec::new()),
        SteinKernel::Sum(vec![(0.0, SteinKernel::Bilinear)]),
    ] {
        assert!(kernel.build(2).is_err(), "{kernel:?}");
    }
    let (particles, scores) = five();
    assert!(stein_field(&SteinKernel::Bilinear, &particles, &scores, &Cloud::zeros(1, 3)).is_err());
}
