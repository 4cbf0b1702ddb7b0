//! SVGD with the tangent kernel of the Gaussian family is black-box variational inference (Chu et al. 2020, Figure 1).
//!
//! `cargo run --release --no-default-features --example bbvi_is_svgd`; with `--features report` after it, the figure is
//! written to `docs/bbvi_is_svgd.svg`.
//!
//! A thousand particles and a Gaussian start with equal moments and move to a two-dimensional density with two hills:
//! the particles by SVGD, the Gaussian up the gradient of its ELBO, averaged over a thousand new draws a step.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use steingp::Result;
use steingp::density::LogDensity;
use steingp::evaluation::Evaluator;
use steingp::stein::{
    Cloud, Engine, GaussianBbvi, IterationView, Observer, Optimiser, Schedule, Settings, SteinKernel,
    TangentMoments, Whitening,
};

/// 0.6 N((−1.5, 0), I) + 0.4 N((1.5, 1), I).
struct TwoHills;

impl LogDensity for TwoHills {
    type Workspace = ();

    fn dim(&self) -> usize {
        2
    }

    fn workspace(&self) {}

    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let hill =
            |weight: f64, a: f64, b: f64| weight.ln() - 0.5 * ((z[0] - a).powi(2) + (z[1] - b).powi(2));
        let (left, right) = (hill(0.6, -1.5, 0.0), hill(0.4, 1.5, 1.0));
        let share = 1.0 / (1.0 + (right - left).exp());
        score[0] = 1.5 * (1.0 - 2.0 * share) - z[0];
        score[1] = (1.0 - share) - z[1];
        let largest = left.max(right);
        Ok(largest + ((left - largest).exp() + (right - largest).exp()).ln())
    }
}

/// Time that both move.
const TIME: f64 = 3.0;

/// Mean and covariance (row by row) at one moment.
#[derive(Clone)]
struct Moments {
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

/// The moments of the cloud at every iteration.
struct Path(Vec<Moments>);

impl Observer for Path {
    fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()> {
        self.0.push(moments(view.particles));
        ControlFlow::Continue(())
    }
}

fn moments(cloud: &Cloud) -> Moments {
    let count = cloud.count() as f64;
    let covariance = cloud.covariance().iter().map(|c| c * (count - 1.0) / count).collect();
    Moments { mean: cloud.mean(), covariance }
}

fn normal_cloud(count: usize, seed: u64) -> Cloud {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cloud = Cloud::zeros(count, 2);
    cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
    cloud
}

/// Normal points that fill the plane evenly: the two-dimensional golden sequence through Box and Muller's map. They
/// stand for the Gaussian better than as many draws, whose own chance is 1/√n.
fn even_cloud(count: usize) -> Cloud {
    const GOLDEN: f64 = 1.324_717_957_244_746;
    let mut cloud = Cloud::zeros(count, 2);
    for (i, point) in cloud.points_mut().enumerate() {
        let place = (i + 1) as f64;
        let (u, v) = ((0.5 + place / GOLDEN).fract(), (0.5 + place / (GOLDEN * GOLDEN)).fract());
        let (radius, angle) = ((-2.0 * u.ln()).sqrt(), std::f64::consts::TAU * v);
        (point[0], point[1]) = (radius * angle.cos(), radius * angle.sin());
    }
    cloud
}

/// A narrow Gaussian beside the left hill, from standard normal points.
fn start(mut cloud: Cloud) -> Cloud {
    for point in cloud.points_mut() {
        (point[0], point[1]) = (0.6 * point[0] - 1.0, 0.3 * point[0] + 0.4 * point[1] + 2.0);
    }
    cloud
}

fn steps(rate: f64) -> usize {
    (TIME / rate).round() as usize
}

fn svgd(start: &Cloud, rate: f64) -> Result<Vec<Moments>> {
    let settings = Settings {
        kernel: SteinKernel::GaussianTangent(TangentMoments::Cloud),
        optimiser: Optimiser::Plain,
        schedule: Schedule::Constant,
        learning_rate: rate,
        iterations: steps(rate),
        rewhiten_at: Vec::new(),
        tolerance: 0.0,
        ..Settings::default()
    };
    let mut path = Path(Vec::new());
    let found = Engine::new(&TwoHills, start.clone(), Whitening::identity(2), settings)?.run(&mut path)?;
    path.0.push(moments(&found.particles));
    Ok(path.0)
}

/// Where the noise of the variational gradient comes from.
#[derive(Clone, Copy)]
enum Noise {
    /// New draws for every step, as many as there are particles.
    New { seed: u64 },
    /// Those of which the particles of the start are images, for every step.
    OfTheParticles,
}

fn bbvi(start: &Cloud, rate: f64, noise: Noise) -> Result<Vec<Moments>> {
    let mut family = GaussianBbvi::matching(start)?;
    let own = family.noise_of(start)?;
    let mut evaluator = Evaluator::new(&TwoHills, start.count());
    let now = |family: &GaussianBbvi| Moments { mean: family.mean.clone(), covariance: family.covariance() };
    let mut path = vec![now(&family)];
    for t in 0..steps(rate) {
        match noise {
            Noise::New { seed } => {
                let draws = normal_cloud(start.count(), (seed + 1) << 32 | t as u64);
                family.step(&mut evaluator, &draws, rate)?;
            }
            Noise::OfTheParticles => family.step(&mut evaluator, &own, rate)?,
        }
        path.push(now(&family));
    }
    Ok(path)
}

/// Distance of the means in standard deviations, and of the covariances relative to the second one's norm.
fn gap(a: &Moments, b: &Moments) -> (f64, f64) {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let norm = distance(&b.covariance, &[0.0; 4]);
    let sd = (b.covariance[0] + b.covariance[3]).sqrt();
    (distance(&a.mean, &b.mean) / sd, distance(&a.covariance, &b.covariance) / norm)
}

/// The larger of both distances at the end.
fn final_gap(a: &[Moments], b: &[Moments]) -> f64 {
    a.last().zip(b.last()).map_or(f64::NAN, |(a, b)| {
        let (mean, covariance) = gap(a, b);
        mean.max(covariance)
    })
}

fn main() -> Result<()> {
    let cloud = start(even_cloud(1000));
    let (particles, gaussian) = (svgd(&cloud, 1e-3)?, bbvi(&cloud, 1e-3, Noise::New { seed: 1 })?);
    println!("1000 particles, steps of 0.001\n");
    println!("time   mean of SVGD     of BBVI          covariance of SVGD      of BBVI                 gap");
    let mut largest = 0.0f64;
    for (t, (a, b)) in particles.iter().zip(&gaussian).enumerate() {
        let (mean, covariance) = gap(a, b);
        largest = largest.max(mean).max(covariance);
        if t % 300 == 0 {
            let [p, q] = [&a.mean, &b.mean].map(|m| format!("({:6.3}, {:6.3})", m[0], m[1]));
            let [s, r] =
                [&a.covariance, &b.covariance].map(|c| format!("({:6.3}, {:6.3}, {:6.3})", c[0], c[1], c[3]));
            let percent = 100.0 * mean.max(covariance);
            println!("{:4.1}  {p}  {q}  {s}  {r}  {percent:4.2} %", t as f64 * 1e-3);
        }
    }
    println!("\nlargest distance along the path: {:.2} %", 100.0 * largest);
    #[cfg(feature = "report")]
    figure::write("docs/bbvi_is_svgd.svg", &[("SVGD, tangent kernel", &particles), ("BBVI", &gaussian)])?;

    println!("\nparticles   gap at the end (mean of six starts, steps of 0.01)   × √n");
    for count in [100, 400, 1600, 6400] {
        let mut sum = 0.0;
        for seed in 0..6 {
            let cloud = start(normal_cloud(count, seed));
            sum += final_gap(&svgd(&cloud, 0.01)?, &bbvi(&cloud, 0.01, Noise::New { seed })?) / 6.0;
        }
        println!("{count:9}   {:5.2} %   {:.2}", 100.0 * sum, sum * (count as f64).sqrt());
    }

    // With the particles' own noise nothing is left to chance: the same step gives the same moments, and the distance
    // from the limit of small steps is that of Euler's method.
    let cloud = start(normal_cloud(100, 1));
    let limit = bbvi(&cloud, 1e-4, Noise::OfTheParticles)?;
    println!("\nstep     gap to BBVI with the same noise   gap to its limit of small steps");
    for rate in [0.1, 0.03, 0.01, 0.003] {
        let found = svgd(&cloud, rate)?;
        let same = final_gap(&found, &bbvi(&cloud, rate, Noise::OfTheParticles)?);
        println!(
            "{rate:5}    {same:8.1e}                          {:.3} %",
            100.0 * final_gap(&found, &limit)
        );
    }
    Ok(())
}

/// Both paths over the two hills, as ellipses.
#[cfg(feature = "report")]
mod figure {
    use super::{Moments, TwoHills};
    use steingp::report::stein::Landscape;
    use steingp::report::stein::gaussians::{GaussianSequence, PlaneGaussian, gaussian_sequences};
    use steingp::{Error, Result};

    pub(super) fn write(file: &str, paths: &[(&str, &[Moments])]) -> Result<()> {
        let landscape = Landscape::new(&TwoHills, ["z₁", "z₂"], [(-4.6, 4.8), (-3.0, 4.0)])?;
        let gaussian = |m: &Moments| PlaneGaussian {
            mean: [m.mean[0], m.mean[1]],
            covariance: [m.covariance[0], m.covariance[1], m.covariance[2], m.covariance[3]],
        };
        let sequences: Vec<GaussianSequence> = paths
            .iter()
            .map(|(name, path)| GaussianSequence {
                name: (*name).to_owned(),
                gaussians: path.iter().map(gaussian).collect(),
            })
            .collect();
        std::fs::write(file, gaussian_sequences(&landscape, &sequences)?)
            .map_err(|e| Error::Invalid(format!("{file}: {e}")))?;
        println!("the figure is in {file}");
        Ok(())
    }
}
