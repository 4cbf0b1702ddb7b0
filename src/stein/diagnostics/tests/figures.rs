//! The figures: closed forms, and agreement with simulation.

use super::super::moments::Estimate;
use super::*;
use crate::stein::{Bandwidth, stein_field};

fn moments((z, g): &(Cloud, Cloud), weights: &[f64]) -> SteinMoments {
    SteinMoments::new(z, g, weights)
}

#[test]
fn the_stein_ratio_of_a_gaussian_cloud_is_its_share_of_the_variance() {
    let (z, g) = normal_cloud(4000, 5, EXACT, 3);
    assert!((stein_ratio(&z, &g) - 1.0).abs() < 0.03);
    let (z, g) = normal_cloud(4000, 5, (0.0, 0.5f64.sqrt()), 3);
    assert!((stein_ratio(&z, &g) - 0.5).abs() < 0.02);
}

#[test]
fn the_standard_error_is_the_scatter_of_the_ratio_over_clouds() {
    for weights in [vec![1.0 / 30.0; 30], (0..30).map(|j| f64::from(j) / 435.0).collect()] {
        let runs = 400;
        let found: Vec<Estimate> =
            (0..runs).map(|s| moments(&normal_cloud(30, 3, EXACT, s), &weights).ratio).collect();
        let mean = found.iter().map(|r| r.value).sum::<f64>() / runs as f64;
        let variance = found.iter().map(|r| (r.value - mean).powi(2)).sum::<f64>() / runs as f64;
        let told = found.iter().map(|r| r.standard_error.powi(2)).sum::<f64>() / runs as f64;
        assert!((mean - 1.0).abs() < 4.0 * (variance / runs as f64).sqrt(), "mean {mean}");
        assert!((told / variance).sqrt() > 0.85 && (told / variance).sqrt() < 1.3, "{told} {variance}");
    }
}

#[test]
fn equal_weights_give_the_plain_ratio_and_z_scores() {
    let cloud = normal_cloud(7, 2, (0.4, 0.9), 1);
    let found = moments(&cloud, &[1.0 / 7.0; 7]);
    assert!((found.ratio.value - stein_ratio(&cloud.0, &cloud.1)).abs() < 1e-12);
    let (mean, covariance) = (cloud.1.mean(), cloud.1.covariance());
    for c in 0..2 {
        assert!((found.score_z[c] - mean[c] / (covariance[c * 2 + c] / 7.0).sqrt()).abs() < 1e-12);
    }
    let mean_ratio = 0.5 * (found.coordinate_ratios[0].value + found.coordinate_ratios[1].value);
    assert!((mean_ratio - found.ratio.value).abs() < 1e-12);
}

#[test]
fn a_particle_without_weight_does_not_count() {
    let (z, g) = normal_cloud(8, 3, EXACT, 2);
    let first: Vec<usize> = (0..7).collect();
    let kept = (z.select(&first), g.select(&first));
    let metric = Whitening::identity(3);
    let mut weights = vec![2.0; 8];
    weights[7] = 0.0;
    let all = Examination { weights: Some(&weights), ..Examination::new(&z, &g, &metric) };
    let (a, b) = (all.diagnose().unwrap(), diagnose(&kept));
    for (a, b) in [
        (a.stein_ratio, b.stein_ratio),
        (a.stein_ratio_se, b.stein_ratio_se),
        (a.mean_score_z, b.mean_score_z),
        (a.ksd_null_sd, b.ksd_null_sd),
    ] {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
}

#[test]
fn the_worst_coordinate_is_the_collapsed_one() {
    let (mut z, mut g) = normal_cloud(400, 4, EXACT, 5);
    for cloud in [&mut z, &mut g] {
        cloud.points_mut().for_each(|p| p[2] *= 0.5);
    }
    let found = diagnose(&(z, g));
    assert_eq!(found.worst_coordinate, 2);
    assert!((found.worst_coordinate_ratio - 0.25).abs() < 0.05);
    assert_eq!(found.verdict, Verdict::VarianceCollapse, "{}", found.explanation);
}

#[test]
fn the_discrepancy_is_zero_on_average_for_exact_draws_and_sees_a_shift() {
    let runs = 40;
    let mean: f64 = (0..runs)
        .map(|seed| {
            let (z, g) = normal_cloud(50, 3, EXACT, seed);
            ksd_u_statistic(&z, &g) / runs as f64
        })
        .sum();
    assert!(mean.abs() < 0.02, "mean over exact draws {mean}");
    let (z, g) = normal_cloud(50, 3, (1.0, 1.0), 1);
    assert!(ksd_u_statistic(&z, &g) > 0.5);
}

#[test]
fn the_null_deviation_is_the_scatter_of_the_discrepancy_over_exact_draws() {
    for (count, dim) in [(20, 10), (40, 2)] {
        for weights in [vec![1.0 / count as f64; count], (0..count).map(|j| (1 + j) as f64).collect()] {
            let total: f64 = weights.iter().sum();
            let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
            let runs = 400;
            let squares: f64 = (0..runs)
                .map(|seed| {
                    let (z, g) = normal_cloud(count, dim, EXACT, 1000 + seed);
                    Discrepancy::new(&z, &g, &weights).u.powi(2)
                })
                .sum();
            let (seen, told) = ((squares / runs as f64).sqrt(), discrepancy::null_sd(&weights, dim));
            assert!((seen / told - 1.0).abs() < 0.2, "{count} {dim}: {seen} {told}");
        }
    }
}

#[test]
fn u_and_v_differ_by_the_diagonal() {
    // One coordinate, two particles: h(x, x) = g² + 1.
    let z = Cloud::from_points(1, [&[0.0][..], &[1.0][..]]);
    let g = Cloud::from_points(1, [&[0.5][..], &[-2.0][..]]);
    let found = Discrepancy::new(&z, &g, &[0.5, 0.5]);
    // Δ = −1: k = 2^−½, k³ terms 2^−3/2·(−1·2.5) + 2^−3/2 − 3·2^−5/2.
    let k = 0.5f64.sqrt();
    let h = -k - 2.5 * k / 2.0 + k / 2.0 - 3.0 * k / 4.0;
    assert!((found.u - h).abs() < 1e-12, "{}", found.u);
    assert!((found.v - (0.5 * h + 0.25 * (1.25 + 5.0))).abs() < 1e-12, "{}", found.v);
}

#[test]
fn the_discrepancy_does_not_depend_on_the_units_of_the_coordinates() {
    let (z, g) = normal_cloud(20, 3, (0.3, 0.8), 4);
    let (mut scaled, mut scores) = (z.clone(), g.clone());
    scaled.points_mut().for_each(|p| p[1] *= 1e3);
    scores.points_mut().for_each(|p| p[1] *= 1e-3);
    let (a, b) = (diagnose(&(z.clone(), g.clone())), diagnose(&(scaled, scores)));
    assert!((a.ksd - b.ksd).abs() < 1e-9 && (a.ksd_v - b.ksd_v).abs() < 1e-9);
    assert!((a.ksd - ksd_u_statistic(&z, &g)).abs() < 1e-9);
}

#[test]
fn neighbours_are_all_for_a_wide_kernel_and_none_for_a_narrow_one() {
    let (z, g) = normal_cloud(12, 2, EXACT, 6);
    let metric = Whitening::identity(2);
    let neighbours = |kernel: SteinKernel| {
        let examination = Examination { kernel, ..Examination::new(&z, &g, &metric) };
        examination.diagnose().unwrap().effective_neighbours
    };
    assert!((neighbours(SteinKernel::Rbf(Bandwidth::Fixed(1e9))) - 12.0).abs() < 1e-6);
    assert!((neighbours(SteinKernel::Rbf(Bandwidth::Fixed(1e-9))) - 1.0).abs() < 1e-6);
    let imq = neighbours(SteinKernel::imq(Bandwidth::Median));
    assert_eq!(neighbours(SteinKernel::default_mixture()), imq);
    assert!(neighbours(SteinKernel::Bilinear).is_nan());
}

#[test]
fn forces_are_those_of_the_kernel() {
    let (z, g) = normal_cloud(12, 2, EXACT, 6);
    let (metric, kernel) = (Whitening::identity(2), SteinKernel::paper());
    let (_, repulsion) = stein_field(&kernel, &z, &g, &z).unwrap();
    let expected = (repulsion.values().iter().map(|v| v * v).sum::<f64>() / 24.0).sqrt();
    let found = Examination { kernel, ..Examination::new(&z, &g, &metric) }.diagnose().unwrap();
    assert!((found.repulsion - expected).abs() < 1e-12 && found.attraction > 0.0);
}

#[test]
fn weights_that_are_none_are_refused() {
    let (z, g) = normal_cloud(3, 2, EXACT, 0);
    let metric = Whitening::identity(2);
    for weights in [&[1.0, 1.0][..], &[1.0, -1.0, 1.0], &[0.0; 3], &[f64::NAN, 1.0, 1.0]] {
        let examination = Examination { weights: Some(weights), ..Examination::new(&z, &g, &metric) };
        assert!(examination.diagnose().is_err(), "{weights:?}");
    }
}
