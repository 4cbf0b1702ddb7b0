//! Claims that hold for kernels and movers whatever the target.

use super::{TwoModes, normal_cloud, run};
use crate::density::{GaussianTarget, LogDensity};
use crate::stein::{
    Annealing, Bandwidth, Cloud, CurvatureSource, Engine, IterationView, Method, Metric, Observer, Optimiser,
    Radial, Schedule, Settings, SteinKernel, Whitening, kernel::TangentMoments,
};
use std::ops::ControlFlow;

fn kernels() -> Vec<SteinKernel> {
    vec![
        SteinKernel::paper(),
        SteinKernel::Rbf(Bandwidth::Original),
        SteinKernel::imq(Bandwidth::Median),
        SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: Bandwidth::Median },
        SteinKernel::Bilinear,
        SteinKernel::Marginal,
        SteinKernel::GaussianTangent(TangentMoments::Cloud),
        SteinKernel::default_mixture(),
    ]
}

fn methods() -> Vec<Method> {
    vec![
        Method::Gradient,
        Method::Matrix(Metric::Given(vec![2.0, 0.1, 0.1, 1.0])),
        Method::Matrix(Metric::Fisher),
        Method::Matrix(Metric::Covariance),
        Method::Matrix(Metric::MeanHessian(CurvatureSource::Differences)),
        Method::Matrix(Metric::LocalHessians(CurvatureSource::Differences)),
        Method::Newton(CurvatureSource::Differences),
        Method::Newton(CurvatureSource::Secants),
        Method::Langevin { burn_in: 0.5, every: 1 },
    ]
}

fn plain(kernel: SteinKernel, learning_rate: f64, iterations: usize) -> Settings {
    Settings {
        kernel,
        optimiser: Optimiser::Plain,
        schedule: Schedule::Constant,
        learning_rate,
        iterations,
        rewhiten_at: Vec::new(),
        tolerance: 0.0,
        ..Settings::default()
    }
}

fn tilted() -> GaussianTarget {
    GaussianTarget::new(vec![1.0, -2.0], vec![2.0, 0.3, 0.3, 0.7]).unwrap()
}

#[test]
fn one_particle_climbs_the_gradient_bit_by_bit() {
    let target = tilted();
    for kernel in kernels() {
        let start = Cloud::from_points(2, [&[5.0, 3.0][..]]);
        let found = run(&target, start, plain(kernel.clone(), 0.1, 25)).unwrap();
        let (mut z, mut g) = ([5.0, 3.0], [0.0; 2]);
        for _ in 0..25 {
            target.evaluate(&z, &mut g, &mut ()).unwrap();
            z.iter_mut().zip(&g).for_each(|(z, g)| *z += 0.1 * g);
        }
        assert_eq!(found.particles.point(0), z, "{kernel:?}");
    }
}

#[test]
fn one_particle_takes_newtons_step() {
    let settings = Settings { iterations: 1, ..Settings::newton(CurvatureSource::Differences) };
    let found = run(&tilted(), Cloud::from_points(2, [&[1.5, -1.8][..]]), settings).unwrap();
    assert!((found.particles.point(0)[0] - 1.0).abs() < 1e-6);
    assert!((found.particles.point(0)[1] + 2.0).abs() < 1e-6);
}

#[test]
fn two_particles_at_one_point_move_and_stay_finite() {
    for method in methods() {
        for kernel in kernels() {
            let settings = Settings { method: method.clone(), ..plain(kernel.clone(), 0.1, 3) };
            let found = run(&tilted(), Cloud::from_points(2, [&[3.0, 1.0][..]; 2]), settings).unwrap();
            assert!(found.particles.values().iter().all(|v| v.is_finite()), "{method:?} {kernel:?}");
            assert_ne!(found.particles.point(0), [3.0, 1.0], "{method:?} {kernel:?}");
        }
    }
}

/// KL(N(m, S) ‖ N(μ, P⁻¹)) − const, with the moments of the particles (divisor J).
struct Divergence {
    mean: [f64; 2],
    precision: [f64; 4],
    path: Vec<f64>,
}

impl Observer for Divergence {
    fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()> {
        let (m, count) = (view.particles.mean(), view.particles.count() as f64);
        let s: Vec<f64> = view.particles.covariance().iter().map(|c| c * (count - 1.0) / count).collect();
        let (p, e) = (&self.precision, [m[0] - self.mean[0], m[1] - self.mean[1]]);
        let trace = p[0] * s[0] + p[1] * s[2] + p[2] * s[1] + p[3] * s[3];
        let distance = p[0] * e[0] * e[0] + (p[1] + p[2]) * e[0] * e[1] + p[3] * e[1] * e[1];
        let log_determinant = (s[0] * s[3] - s[1] * s[2]).ln() + (p[0] * p[3] - p[1] * p[2]).ln();
        self.path.push(0.5 * (trace + distance - 2.0 - log_determinant));
        ControlFlow::Continue(())
    }
}

/// Liu & Wang (2016), Theorem 3.1 and equation 5: the force is the steepest descent of the divergence. A Gaussian cloud
/// moved by an affine force stays Gaussian, so that the divergence is known in closed form.
#[test]
fn the_divergence_from_a_gaussian_target_never_rises_with_small_steps() {
    let target = tilted();
    for kernel in [SteinKernel::Bilinear, SteinKernel::GaussianTangent(TangentMoments::Cloud)] {
        let mut seen = Divergence { mean: [1.0, -2.0], precision: [2.0, 0.3, 0.3, 0.7], path: Vec::new() };
        let settings = plain(kernel.clone(), 0.01, 4000);
        let engine = Engine::new(&target, normal_cloud(30, 2, 3), Whitening::identity(2), settings).unwrap();
        engine.run(&mut seen).unwrap();
        assert!(seen.path.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12), "{kernel:?}");
        let (first, last) = (seen.path[0], seen.path[3999]);
        assert!(first > 1.0 && last < 1e-4, "{kernel:?}: {first} to {last}");
    }
}

#[test]
fn a_temperature_widens_a_gaussian_by_one_plus_alpha() {
    for (temperature, kernel) in [(0.5, SteinKernel::Bilinear), (-0.4, SteinKernel::Bilinear)] {
        let settings = Settings { temperature, ..plain(kernel, 0.1, 1500) };
        let found = run(&GaussianTarget::standard(3), normal_cloud(12, 3, 5), settings).unwrap();
        for (k, c) in found.particles.covariance().iter().enumerate() {
            let expected = if k % 4 == 0 { (1.0 + temperature) * 12.0 / 11.0 } else { 0.0 };
            assert!((c - expected).abs() < 1e-3, "{temperature}: {c}");
        }
    }
    assert!(
        run(&tilted(), normal_cloud(2, 2, 0), Settings { temperature: -1.0, ..Settings::default() }).is_err()
    );
}

#[test]
fn an_annealed_run_finds_the_mode_that_a_plain_run_misses() {
    let found_right = |annealing: Annealing| {
        let mut start = normal_cloud(20, 1, 2);
        start.values_mut().iter_mut().for_each(|z| *z -= 6.0);
        let settings =
            Settings { annealing, iterations: 600, rewhiten_at: Vec::new(), ..Settings::default() };
        let particles = run(&TwoModes { mode: 6.0 }, start, settings).unwrap().particles;
        particles.values().iter().filter(|z| **z > 0.0).count()
    };
    assert_eq!(found_right(Annealing::Off), 0);
    for annealing in
        [Annealing::Cyclic { share: 0.8, cycles: 4, power: 5.0 }, Annealing::Tanh { share: 0.8, power: 4.0 }]
    {
        let right = found_right(annealing);
        assert!((3..=17).contains(&right), "{annealing:?}: {right}");
    }
}
