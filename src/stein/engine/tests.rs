#![allow(clippy::unwrap_used)]

use super::*;
use crate::density::GaussianTarget;
use crate::stein::{Bandwidth, IterationView, Optimiser, Schedule, SteinKernel};
use rand_distr::{Distribution, StandardNormal};

fn normal_cloud(count: usize, dim: usize, seed: u64) -> Cloud {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cloud = Cloud::zeros(count, dim);
    cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
    cloud
}

fn run<D: LogDensity>(target: &D, cloud: Cloud, settings: Settings) -> Result<Outcome> {
    Engine::new(target, cloud, Whitening::identity(target.dim()), settings)?.run(&mut ())
}

#[test]
fn one_particle_climbs_the_gradient_bit_by_bit() {
    let target = GaussianTarget::new(vec![1.0, -2.0], vec![2.0, 0.3, 0.3, 0.7]).unwrap();
    let kernels = [SteinKernel::default_mixture(), SteinKernel::paper(), SteinKernel::Bilinear];
    for kernel in kernels {
        let settings = Settings {
            kernel,
            optimiser: Optimiser::Plain,
            schedule: Schedule::Constant,
            learning_rate: 0.1,
            iterations: 25,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        let found = run(&target, Cloud::from_points(2, [&[5.0, 3.0][..]]), settings).unwrap();
        let (mut z, mut g) = ([5.0, 3.0], [0.0; 2]);
        for _ in 0..25 {
            target.evaluate(&z, &mut g, &mut ()).unwrap();
            z.iter_mut().zip(&g).for_each(|(z, g)| *z += 0.1 * g);
        }
        assert_eq!(found.particles.point(0), z);
    }
}

/// Mean marginal variance of the final cloud on N(0, I).
fn variance(kernel: SteinKernel, count: usize, dim: usize) -> f64 {
    let settings = Settings {
        kernel,
        learning_rate: 0.05,
        iterations: 1500,
        rewhiten_at: Vec::new(),
        tolerance: 0.0,
        ..Settings::default()
    };
    let found = run(&GaussianTarget::standard(dim), normal_cloud(count, dim, 7), settings).unwrap();
    let covariance = found.particles.covariance();
    let trace: f64 = covariance.iter().step_by(dim + 1).sum();
    trace / dim as f64 * (count - 1) as f64 / count as f64
}

#[test]
fn the_papers_rule_collapses_and_the_default_does_not() {
    // Values of an independent implementation in ten dimensions with twenty particles, one random start there
    // and another here.
    for (kernel, expected) in [
        (SteinKernel::paper(), 0.272),
        (SteinKernel::Rbf(Bandwidth::TwiceMedian), 0.905),
        (SteinKernel::imq(Bandwidth::Median), 0.768),
        (SteinKernel::Bilinear, 1.0),
    ] {
        let found = variance(kernel.clone(), 20, 10);
        assert!((found - expected).abs() < 0.04, "{kernel:?}: {found} against {expected}");
    }
    assert!(variance(SteinKernel::default_mixture(), 20, 10) > 0.9);
}

/// A normal that does not exist right of 1.
struct HalfSpace;

impl LogDensity for HalfSpace {
    type Workspace = ();
    fn dim(&self) -> usize {
        1
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        if z[0] > 1.0 {
            return Err(Error::NotFiniteValue { what: "the density right of 1" });
        }
        score[0] = -z[0] - 1.0;
        Ok(-0.5 * (z[0] + 1.0).powi(2))
    }
}

#[test]
fn particles_that_fail_are_drawn_again_and_the_others_go_on() {
    let cloud = Cloud::from_points(1, [&[-1.5][..], &[-1.0][..], &[-0.5][..], &[0.0][..], &[9.0][..]]);
    let found = run(&HalfSpace, cloud, Settings { iterations: 60, ..Settings::default() }).unwrap();
    assert!(found.particles.values().iter().all(|z| *z < 1.0));
    assert_eq!(found.trace[0].failed, 1);
    assert_eq!(found.trace.last().unwrap().failed, 0);
}

#[test]
fn a_run_fails_only_when_most_particles_do() {
    let cloud = Cloud::from_points(1, [&[5.0][..], &[6.0][..], &[7.0][..]]);
    let error = run(&HalfSpace, cloud, Settings::default()).unwrap_err();
    assert!(error.is_recoverable() && error.to_string().contains("right of 1"));
}

#[test]
fn an_observer_sees_the_cloud_from_its_start_and_the_move_that_it_ends_with() {
    struct Watch(Vec<Cloud>, usize);
    impl Observer for Watch {
        fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()> {
            self.0.push(view.particles.clone());
            if view.report.iteration == self.1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let (target, start) = (GaussianTarget::standard(2), normal_cloud(5, 2, 1));
    let watched = |last: usize| {
        let mut watch = Watch(Vec::new(), last);
        let engine = Engine::new(&target, start.clone(), Whitening::identity(2), Settings::default());
        let found = engine.unwrap().run(&mut watch).unwrap();
        assert_eq!((watch.0.len(), found.stop), (last, Stop::Interrupted));
        (watch.0, found.particles)
    };
    let ((shorter, end), (longer, _)) = (watched(3), watched(4));
    assert_eq!(shorter[0], start);
    assert_eq!(shorter[..], longer[..3]);
    assert_eq!(end, longer[3]);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let target = GaussianTarget::standard(4);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&target, normal_cloud(11, 4, 1), Settings::default()).unwrap().particles)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_cloud_at_rest_stops_the_run() {
    let settings = Settings {
        optimiser: Optimiser::Plain,
        kernel: SteinKernel::Bilinear,
        schedule: Schedule::Constant,
        learning_rate: 0.3,
        iterations: 5000,
        rewhiten_at: Vec::new(),
        ..Settings::default()
    };
    let found = run(&GaussianTarget::standard(2), normal_cloud(10, 2, 3), settings).unwrap();
    assert_eq!(found.stop, Stop::Converged);
    assert!(found.trace.len() < 1000, "{}", found.trace.len());
}
