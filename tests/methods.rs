//! Every inference method from a dataset to a prediction.
#![allow(clippy::unwrap_used)]

use steingp::inference::VariationalFamily;
use steingp::prelude::*;
use steingp::stein::{IterationView, Observer};

/// Thirty noisy values of a sine.
fn data() -> Dataset {
    let x = faer::Mat::from_fn(30, 1, |i, _| i as f64 / 5.0);
    let y = (0..30).map(|i| (i as f64 / 5.0).sin() + 0.2 * (37.0 * i as f64).sin()).collect();
    Dataset::new(x, y).unwrap()
}

fn options(method: Method, seed: u64) -> FitOptions {
    FitOptions { method, seed, restarts: Some(1), tune: 300, draws: 500, ..FitOptions::default() }
}

fn fitted(options: &FitOptions) -> Fit {
    fit(&data(), options, &mut ()).unwrap()
}

#[test]
fn all_methods_that_carry_a_posterior_predict_nearly_the_same() {
    let at = faer::mat![[2.05], [4.4]];
    let predict = |fit: &Fit| {
        let table = fit.model.predict(at.as_ref(), PredictionKind::Observed).unwrap();
        [
            (table.row(0).mean(), table.row(0).variance().sqrt()),
            (table.row(1).mean(), table.row(1).variance().sqrt()),
        ]
    };
    let reference = fitted(&options(Method::Nuts, 1));
    let chains = reference.chains.as_ref().unwrap();
    assert!(chains.r_hat < 1.02 && chains.ess_bulk > 300.0, "{chains:?}");
    assert_eq!((reference.model.posterior().count(), reference.iterations), (1000, 800));
    let reference = predict(&reference);
    for method in [Method::Svgd, Method::Laplace, Method::Advi] {
        let fit = fitted(&FitOptions { particles: 100, ..options(method, 1) });
        assert_eq!(fit.model.posterior().count(), 100);
        for ((mean, sd), (m, s)) in predict(&fit).into_iter().zip(reference) {
            assert!((mean - m).abs() < 0.15 * s, "{method:?}: {mean} against {m}");
            assert!((sd / s - 1.0).abs() < 0.1, "{method:?}: {sd} against {s}");
        }
    }
}

#[test]
fn the_bound_is_reported_and_that_of_the_mean_field_is_lower() {
    let full = fitted(&options(Method::Advi, 2));
    let settings = FitOptions { family: VariationalFamily::MeanField, ..options(Method::Advi, 2) };
    let (full, mean) = (full.elbo.unwrap(), fitted(&settings).elbo.unwrap());
    let noise = full.standard_error.hypot(mean.standard_error);
    assert!(full.value > mean.value + 2.0 * noise, "{full:?} against {mean:?}");
}

#[test]
fn the_seed_decides_and_the_number_of_threads_does_not() {
    for method in [Method::Laplace, Method::Advi, Method::Nuts] {
        let at = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = FitOptions { draws: 50, tune: 50, iterations: Some(40), ..options(method, seed) };
            pool.install(|| fitted(&options).model.posterior().draws().clone())
        };
        let one = at(1, 3);
        assert!(one == at(2, 3), "{method:?}");
        assert!(one != at(1, 4), "{method:?}");
    }
}

/// Stops after some iterations.
struct Impatient(usize);

impl Observer for Impatient {
    fn iteration(&mut self, view: &IterationView<'_>) -> std::ops::ControlFlow<()> {
        if view.report.iteration >= self.0 {
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    }
}

#[test]
fn an_observer_stops_every_method_with_what_there_is() {
    for method in [Method::Advi, Method::Nuts] {
        let options = FitOptions { draws: 1_000_000, iterations: Some(1_000_000), ..options(method, 5) };
        let fit = fit(&data(), &options, &mut Impatient(5)).unwrap();
        assert!(fit.interrupted, "{method:?}");
        assert!(fit.model.predict(faer::mat![[2.0]].as_ref(), PredictionKind::Latent).is_ok());
    }
}
