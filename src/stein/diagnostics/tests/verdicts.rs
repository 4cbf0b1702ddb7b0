//! The verdicts, on clouds made for each.

use super::*;
use crate::density::GaussianTarget;
use crate::stein::{Engine, Settings};
use rand_distr::Exp1;

#[test]
fn exact_draws_are_fine_in_95_of_100_cases() {
    for (count, dim) in [(2, 10), (3, 1), (5, 1), (5, 10), (20, 1), (20, 3), (20, 10), (100, 10)] {
        let fine = (0..100)
            .filter(|seed| diagnose(&normal_cloud(count, dim, EXACT, *seed)).verdict == Verdict::Fine)
            .count();
        assert!(fine >= 95, "{count} draws in {dim} dimensions: {fine} of 100");
    }
}

#[test]
fn exact_draws_of_a_skewed_target_are_fine_in_90_of_100_cases() {
    // u = log x with x the sum of two exponentials: log p = 2u − eᵘ.
    let diagnose_one = |seed: u64| {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut exponential = || -> f64 { Exp1.sample(&mut rng) };
        let (mut z, mut g) = (Cloud::zeros(20, 3), Cloud::zeros(20, 3));
        for (z, g) in z.values_mut().iter_mut().zip(g.values_mut()) {
            let x = exponential() + exponential();
            (*z, *g) = (x.ln(), 2.0 - x);
        }
        diagnose(&(z, g)).verdict
    };
    let fine = (0..100).filter(|seed| diagnose_one(*seed) == Verdict::Fine).count();
    assert!(fine >= 90, "{fine} of 100");
}

#[test]
fn what_the_engine_leaves_of_a_gaussian_is_fine_by_default_and_collapsed_by_the_median_rbf() {
    let mut precision = vec![0.0; 100];
    precision.iter_mut().step_by(11).for_each(|v| *v = 1.0);
    let target = GaussianTarget::new(vec![0.0; 10], precision).unwrap();
    let run = |kernel: SteinKernel, iterations: usize| {
        let (start, _) = normal_cloud(50, 10, (0.0, 1.2), 3);
        let settings = Settings { kernel: kernel.clone(), iterations, ..Settings::default() };
        let metric = Whitening::identity(10);
        let outcome = Engine::new(&target, start, metric, settings).unwrap().run(&mut ()).unwrap();
        let cloud = Examination::new(&outcome.particles, &outcome.scores, &outcome.whitening);
        Examination { kernel, ..cloud }.diagnose().unwrap()
    };
    let fine = run(SteinKernel::default_mixture(), 75);
    assert_eq!(fine.verdict, Verdict::Fine, "{}", fine.explanation);
    assert!(fine.ksd_z < -1.0, "closer than draws: {}", fine.ksd_z);
    let collapsed = run(SteinKernel::paper(), 300);
    assert_eq!(collapsed.verdict, Verdict::VarianceCollapse, "{}", collapsed.explanation);
    assert!(collapsed.effective_neighbours < 0.5 * fine.effective_neighbours);
}

#[test]
fn a_collapsed_cloud_is_told_from_exact_draws() {
    // What the median RBF leaves of 20 particles in 10 dimensions.
    for seed in 0..20 {
        let cloud = normal_cloud(20, 10, (0.0, 0.27f64.sqrt()), seed);
        let found = diagnose(&cloud);
        assert_eq!(found.verdict, Verdict::VarianceCollapse, "{}", found.explanation);
        let metric = Whitening::identity(10);
        let examination =
            Examination { kernel: SteinKernel::paper(), ..Examination::new(&cloud.0, &cloud.1, &metric) };
        let advice = examination.diagnose().unwrap().advice;
        assert!(advice.contains("default kernel"), "{advice}");
    }
    let found = diagnose(&normal_cloud(8, 10, (0.0, 0.3), 1));
    assert!(found.advice.contains("12 particles"), "{}", found.advice);
}

#[test]
fn clouds_beside_the_target_or_wider_have_not_converged() {
    for (shift, sd) in [(1.0, 1.0), (3.0, 0.5), (0.0, 2.0)] {
        for seed in 0..20 {
            let found = diagnose(&normal_cloud(20, 5, (shift, sd), seed));
            assert_eq!(found.verdict, Verdict::NotConverged, "{shift} {sd}: {}", found.explanation);
        }
    }
    let (z, mut g) = normal_cloud(20, 5, EXACT, 0);
    g.values_mut().iter_mut().for_each(|v| *v = -*v);
    let found = diagnose(&(z, g));
    assert!(found.verdict == Verdict::NotConverged && found.advice.contains("learning rate"));
}

/// ½ N(−4, 1) + ½ N(4, 1) in the first coordinate, N(0, 1) in the second.
fn two_modes(count: usize, seed: u64) -> (Cloud, Cloud) {
    let (mut z, mut g) = normal_cloud(count, 2, EXACT, seed);
    for j in 0..count {
        let centre = if j % 2 == 0 { 4.0 } else { -4.0 };
        let x = z.point(j)[0] + centre;
        z.point_mut(j)[0] = x;
        g.point_mut(j)[0] = -x + 4.0 * (4.0 * x).tanh();
    }
    (z, g)
}

#[test]
fn modes_that_scores_cannot_weigh_are_named() {
    let (z, g) = two_modes(40, 1);
    let metric = Whitening::identity(2);
    let one = Examination::new(&z, &g, &metric);
    assert_eq!(one.diagnose().unwrap().verdict, Verdict::Fine);
    let found = Examination { modes: 2, ..one }.diagnose().unwrap();
    assert_eq!(found.verdict, Verdict::SeveralModes);
    assert!(found.explanation.contains("2 modes") && found.advice.contains("weights"));
}

#[test]
fn particles_in_a_heap_have_collapsed() {
    let found = diagnose(&(Cloud::zeros(6, 2), Cloud::zeros(6, 2)));
    assert_eq!(found.verdict, Verdict::VarianceCollapse, "{}", found.explanation);
}

#[test]
fn one_particle_has_no_spread_to_judge() {
    let (z, g) = normal_cloud(1, 3, EXACT, 0);
    assert!(stein_ratio(&z, &g).is_nan() && ksd_u_statistic(&z, &g).is_nan());
    let found = diagnose(&(z, g));
    assert!(found.stein_ratio.is_nan() && found.ksd.is_nan() && found.mean_score_z.is_nan());
    assert!(found.verdict == Verdict::VarianceCollapse && found.advice.contains("MAP"));
}

#[test]
fn the_keys_are_flat_and_the_verdict_is_a_word() {
    let json = serde_json::to_value(diagnose(&normal_cloud(20, 2, EXACT, 1))).unwrap();
    for key in [
        "stein_ratio",
        "stein_ratio_se",
        "ksd",
        "ksd_v",
        "ksd_null_mean",
        "ksd_null_sd",
        "mean_score_z",
        "attraction",
        "repulsion",
        "effective_neighbours",
    ] {
        assert!(json[key].is_number(), "{key}");
    }
    assert!(json["verdict"] == "fine" && json["explanation"].is_string() && json["advice"].is_string());
    assert_eq!(serde_json::to_value(Verdict::VarianceCollapse).unwrap(), "variance-collapse");
}
