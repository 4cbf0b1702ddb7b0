//! Choices of inducing inputs: by hand, against each other, and where rows repeat.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::kernel::{InputColumns, KernelExpression};
use rand_distr::{Distribution, StandardNormal};

fn kernel(expression: &str, columns: usize) -> (Kernel, Vec<f64>) {
    let inputs = InputColumns::unscaled((0..columns).map(|d| format!("x{d}")));
    let kernel = expression.parse::<KernelExpression>().unwrap().resolve(&inputs).unwrap();
    let theta = kernel.parameters().iter().map(|p| p.start).collect();
    (kernel, theta)
}

/// Clusters of very different size: most rows lie in the first.
fn clustered(rows: usize, dim: usize) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    Mat::from_fn(rows, dim, |i, d| {
        let cluster = [0, 0, 0, 0, 0, 0, 1, 2, 3 + i % 17][i % 9];
        let noise: f64 = StandardNormal.sample(&mut rng);
        3.0 * (cluster as f64 * 1.7 + 2.0 * d as f64).sin() + 0.15 * noise
    })
}

/// The trace of K(X, X) − K_XZ K_ZZ⁻¹ K_ZX.
fn residual_trace(x: &Mat<f64>, z: &Mat<f64>, kernel: &Kernel, theta: &[f64]) -> f64 {
    use crate::kernel::check::cross;
    use faer::linalg::solvers::Solve;
    let k_zz = kernel.gram_full(theta, Points::of(z));
    let k_zz = Mat::from_fn(z.nrows(), z.nrows(), |i, j| k_zz[(i, j)] + if i == j { 1e-12 } else { 0.0 });
    let k_zx = cross(kernel, theta, z, x);
    let solved = k_zz.llt(faer::Side::Lower).unwrap().solve(&k_zx);
    let mut variances = vec![0.0; x.nrows()];
    kernel.diagonal(theta, Points::of(x), &mut variances);
    let explained = |i: usize| (0..z.nrows()).map(|m| k_zx[(m, i)] * solved[(m, i)]).sum::<f64>();
    (0..x.nrows()).map(|i| variances[i] - explained(i)).sum()
}

#[test]
fn greedy_selection_takes_the_row_that_is_least_known() {
    let (kernel, theta) = kernel("rbf(x0; lengthscales=1)", 1);
    // All variances are equal, so the first row comes first; then the farthest; then the one nearest to the middle.
    let x = faer::mat![[0.0], [0.5], [3.0], [2.0], [1.4]];
    let z = choose(x.as_ref(), &kernel, &theta, 3, Selection::Greedy, 0).unwrap();
    assert_eq!(z, faer::mat![[0.0], [3.0], [1.4]]);
}

#[test]
fn greedy_selection_of_a_linear_kernel_ends_at_its_rank() {
    let (kernel, theta) = kernel("linear", 2);
    // Variances |x|²: 1, 4, 2.25, 2. After (0, 2) the first coordinates are left.
    let x = faer::mat![[1.0, 0.0], [0.0, 2.0], [1.5, 0.0], [1.0, 1.0]];
    let z = choose(x.as_ref(), &kernel, &theta, 3, Selection::Greedy, 0).unwrap();
    assert_eq!(z, faer::mat![[0.0, 2.0], [1.5, 0.0]]);
}

#[test]
fn greedy_points_leave_less_variance_than_random_ones_and_less_the_more_there_are() {
    let x = clustered(600, 2);
    let (kernel, theta) = kernel("matern32(lengthscales=2)", 2);
    let mut last = f64::INFINITY;
    for count in [1, 2, 5, 10, 20, 40, 80] {
        let trace = |selection, seed| {
            let z = choose(x.as_ref(), &kernel, &theta, count, selection, seed).unwrap();
            assert_eq!(z.nrows(), count);
            residual_trace(&x, &z, &kernel, &theta)
        };
        let greedy = trace(Selection::Greedy, 0);
        assert!(greedy < last, "{count} points leave {greedy}, fewer left {last}");
        last = greedy;
        let random = || (0..5).map(|seed| trace(Selection::Random, seed));
        // A few points in the large clusters are worth more than the outliers that the greedy rule takes first; once
        // there are as many points as clusters it wins.
        if count >= 20 {
            let best = random().fold(f64::INFINITY, f64::min);
            assert!(greedy < best, "{count} points: greedy leaves {greedy}, random {best}");
            let (means, random) = (trace(Selection::KMeans, 1), random().sum::<f64>() / 5.0);
            assert!(means < random, "{count} points: k-means leaves {means}, random {random}");
        }
    }
}

#[test]
fn white_noise_does_not_make_a_repeated_row_attractive() {
    let mut x = clustered(200, 1);
    for i in 0..100 {
        x[(100 + i, 0)] = x[(i, 0)];
    }
    let (kernel, theta) = kernel("rbf(lengthscales=0.3) + white", 1);
    let z = choose(x.as_ref(), &kernel, &theta, 60, Selection::Greedy, 0).unwrap();
    let distinct = distinct_rows(z.as_ref(), &[0], 0..z.nrows(), 60);
    assert_eq!(distinct.len(), z.nrows());
    let alone = kernel.at("0").unwrap();
    assert_eq!(z, choose(x.as_ref(), alone, &theta[..2], 60, Selection::Greedy, 0).unwrap());
}

#[test]
fn as_many_points_as_rows_are_the_distinct_rows_in_order() {
    let x = faer::mat![[3.0, 1.0], [1.0, 2.0], [3.0, 1.0], [2.0, 2.0], [1.0, 7.0]];
    let (both, theta) = kernel("rbf", 2);
    let (first, of_first) = kernel("rbf(x0)", 2);
    for selection in Selection::ALL {
        for count in [4, 5, 100] {
            let z = choose(x.as_ref(), &both, &theta, count, selection, 3).unwrap();
            assert_eq!(z, faer::mat![[3.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 7.0]]);
        }
        // The kernel does not see the second column: the last row says nothing that the second does not.
        let z = choose(x.as_ref(), &first, &of_first, 5, selection, 3).unwrap();
        assert_eq!(z.nrows(), 3, "{selection}");
        assert!(choose(x.as_ref(), &both, &theta, 2, selection, 3).unwrap().nrows() == 2);
    }
}

#[test]
fn centres_of_separate_clusters_are_their_means() {
    let x = Mat::from_fn(300, 2, |i, d| if d == 0 { (i % 3) as f64 * 10.0 } else { (i / 3) as f64 });
    // The second column has so long a lengthscale that only the first tells rows apart.
    let (kernel, theta) = kernel("rbf(x0, x1; lengthscales=[1, 1000])", 2);
    let z = choose(x.as_ref(), &kernel, &theta, 3, Selection::KMeans, 5).unwrap();
    let mut centres: Vec<(f64, f64)> = (0..3).map(|i| (z[(i, 0)], z[(i, 1)])).collect();
    centres.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(centres, [(0.0, 49.5), (10.0, 49.5), (20.0, 49.5)]);
}

#[test]
fn choices_depend_on_the_seed_and_not_on_the_number_of_threads() {
    let x = clustered(2000, 3);
    let (kernel, theta) = kernel("matern32(x0, x1) * rbf(x2) + linear", 3);
    for selection in Selection::ALL {
        let run = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| choose(x.as_ref(), &kernel, &theta, 50, selection, seed).unwrap())
        };
        let alone = run(1, 4);
        assert!((2..=3).all(|threads| run(threads, 4) == alone), "{selection}");
        // No row is left out here, so that greedy selection has nothing to draw.
        assert_eq!(run(1, 5) == alone, selection == Selection::Greedy, "{selection}");
    }
}

#[test]
fn a_random_choice_takes_each_row_as_often_as_any_other() {
    let x = Mat::from_fn(10, 1, |i, _| i as f64);
    let (kernel, theta) = kernel("rbf", 1);
    let mut counts = [0; 10];
    for seed in 0..2000 {
        let z = choose(x.as_ref(), &kernel, &theta, 3, Selection::Random, seed).unwrap();
        (0..3).for_each(|i| counts[z[(i, 0)] as usize] += 1);
    }
    // 600 ± 4 standard deviations of a binomial.
    assert!(counts.iter().all(|c| (518..=682).contains(c)), "{counts:?}");
}

#[test]
fn more_rows_than_the_subset_are_drawn_from_by_the_seed() {
    let x = Mat::from_fn(2 * SUBSET, 1, |i, _| (i as f64).sin());
    let (kernel, theta) = kernel("matern12", 1);
    let run = |seed| choose(x.as_ref(), &kernel, &theta, 10, Selection::Greedy, seed).unwrap();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (kernel, theta) = kernel("rbf(x1)", 2);
    let x = clustered(10, 2);
    let run = |x: MatRef<'_, f64>, theta: &[f64], count| {
        choose(x, &kernel, theta, count, Selection::Greedy, 0).unwrap_err().to_string()
    };
    assert!(run(x.as_ref(), &theta, 0).contains("at least 1"));
    assert!(run(x.as_ref(), &theta[..1], 3).contains("parameter values of the kernel: expected 2, found 1"));
    assert!(run(x.as_ref().subcols(0, 1), &theta, 3).contains("columns of inputs: expected 2"));
    assert!(run(Mat::zeros(0, 2).as_ref(), &theta, 3).contains("rows of inputs"));
    assert!(run(x.as_ref(), &[f64::NAN, 1.0], 3).contains("not finite"));
}

#[test]
fn names_round_trip_and_unknown_ones_get_the_known() {
    for selection in Selection::ALL {
        assert_eq!(selection.to_string().parse::<Selection>().unwrap(), selection);
        assert_eq!(serde_json::to_string(&selection).unwrap(), format!("\"{selection}\""));
    }
    assert_eq!("KMeans".parse::<Selection>().unwrap(), Selection::KMeans);
    let message = "gredy".parse::<Selection>().unwrap_err().to_string();
    assert!(message.contains("k-means") && message.contains("Did you mean `greedy`?"), "{message}");
}

#[test]
fn the_best_choice_leaves_no_more_open_than_greedy_or_k_means() {
    for (dim, expression) in [(1, "rbf"), (8, "matern32")] {
        let x = clustered(900, dim);
        let (kernel, theta) = kernel(expression, dim);
        let left = |selection| {
            let z = choose(x.as_ref(), &kernel, &theta, 40, selection, 3).unwrap();
            residual_trace(&x, &z, &kernel, &theta)
        };
        let best = left(Selection::Best);
        assert!(best <= left(Selection::Greedy) * (1.0 + 1e-6) + 1e-9);
        assert!(best <= left(Selection::KMeans) * (1.0 + 1e-6) + 1e-9);
    }
}
