//! Ways to 20 particles. u: the target's unconstrained coordinates; v: those in which priors are Gaussian.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use steingp::Result;
use steingp::evaluation::Evaluator;
use steingp::inference::{
    LaplaceSettings, MaximumSettings, PathfinderSettings, SvgdSettings, Warped, laplace, pathfinder, svgd,
};
use steingp::model::{Exact, Model, Target};
use steingp::parameter::MonotoneMap;
use steingp::stein::{
    Annealing, Cloud, ControlVariates, CurvatureSource, Engine, Method, Metric, Moments, PolishSettings,
    Settings, States, Whitening, match_moments, polish, representatives,
};

pub const PARTICLES: usize = 20;
/// Draws that show a Gaussian itself rather than the chance of 20 draws.
const MANY: usize = 2000;

/// A posterior, in both coordinates.
pub struct Problem<'a> {
    pub target: &'a Target<'a, Exact>,
    pub warped: Warped<'a, Target<'a, Exact>>,
    pub start: Vec<f64>,
    maps: Vec<MonotoneMap>,
}

/// Weighted points in u.
pub struct Found {
    pub points: Cloud,
    pub weights: Vec<f64>,
}

impl Found {
    pub fn equal(points: Cloud) -> Self {
        Self { weights: vec![1.0 / points.count() as f64; points.count()], points }
    }
}

impl<'a> Problem<'a> {
    pub fn new(model: &'a Exact, target: &'a Target<'a, Exact>) -> Self {
        let maps = model.layout().gaussian_coordinates();
        Self { target, warped: Warped::new(target, maps.clone()), start: model.layout().start(), maps }
    }

    /// The default fit.
    pub fn svgd(&self, seed: u64) -> SvgdSettings {
        let mut settings = SvgdSettings { coordinates: self.maps.clone(), ..SvgdSettings::new(PARTICLES) };
        settings.engine.seed = seed;
        settings
    }

    /// SVGD alone, 75 iterations long, in v.
    fn long(&self, seed: u64, engine: Settings) -> SvgdSettings {
        let engine = Settings { iterations: 75, seed, ..engine };
        SvgdSettings { engine, polish: None, initial_spread: 1.2, ..self.svgd(seed) }
    }

    fn fit(&self, settings: &SvgdSettings) -> Result<Found> {
        let fit = svgd(self.target, std::slice::from_ref(&self.start), settings, &mut ())?;
        Ok(Found { points: fit.particles, weights: fit.weights })
    }

    /// The given coordinates, the start in them.
    fn coordinates(&self, gaussian: bool) -> (Warped<'a, Target<'a, Exact>>, [Vec<f64>; 1]) {
        let warped = Warped::new(self.target, if gaussian { self.maps.clone() } else { Vec::new() });
        let start = warped.from_target(&self.start);
        (warped, [start])
    }

    fn laplace(&self, gaussian: bool, draws: usize, seed: u64) -> Result<Found> {
        let (warped, start) = self.coordinates(gaussian);
        let settings = LaplaceSettings { draws, seed, maximum: self.climb(), ..LaplaceSettings::default() };
        Ok(Found::equal(warped.cloud_to_target(&laplace(&warped, &start, &settings)?.draws)))
    }

    fn pathfinder(&self, gaussian: bool, draws: usize, seed: u64) -> Result<Found> {
        let (warped, start) = self.coordinates(gaussian);
        let settings =
            PathfinderSettings { draws, seed, maximum: self.climb(), ..PathfinderSettings::default() };
        Ok(Found::equal(warped.cloud_to_target(&pathfinder(&warped, &start, &settings)?.draws)))
    }

    fn climb(&self) -> MaximumSettings {
        self.svgd(0).maximum
    }

    /// Draws from the prior, without any search for a mode.
    fn tempered_from_prior(&self, seed: u64) -> Result<Found> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cloud = Cloud::zeros(PARTICLES, self.start.len());
        cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
        let settings = Settings { annealing: Annealing::Linear { share: 0.5 }, seed, ..Settings::default() };
        let whitening = Whitening::identity(self.start.len());
        let outcome = Engine::new(&self.warped, cloud, whitening, settings)?.run(&mut ())?;
        Ok(Found::equal(self.warped.cloud_to_target(&outcome.particles)))
    }

    /// Pathfinder's draws in place of the modes and the engine, then the polish and its representatives.
    fn pathfinder_polished(&self, seed: u64) -> Result<Found> {
        let (warped, start) = self.coordinates(true);
        let settings = PathfinderSettings { seed, maximum: self.climb(), ..PathfinderSettings::default() };
        let fit = pathfinder(&warped, &start, &settings)?;
        let mut evaluator = Evaluator::new(&warped, PARTICLES);
        let mut scores = fit.draws.clone();
        let mut values: Vec<Result<f64>> = (0..PARTICLES).map(|_| Ok(0.0)).collect();
        evaluator.evaluate_all(&fit.draws, &mut scores, &mut values)?;
        let log_densities = values.into_iter().collect::<Result<Vec<f64>>>()?;
        let states = States { points: fit.draws, scores, log_densities };
        let polished =
            polish(&mut evaluator, states, fit.gaussian, &PolishSettings::default(), seed, &|| false)?;
        let history = &polished.history;
        let n = history.points.count();
        let whitened = polished.whitening.whiten_cloud(&history.points);
        let chosen = representatives(&whitened, (n - PARTICLES..n).collect());
        let all = warped.cloud_to_target(&history.points);
        let variates = ControlVariates::new(&history.points, &history.scores, polished.last.points.count())?;
        let moments: Vec<Moments> = (0..all.dim())
            .map(|c| variates.moments(&all.points().map(|p| p[c]).collect::<Vec<_>>()))
            .collect();
        let mut points = all.select(&chosen);
        match_moments(&mut points, &moments);
        Ok(Found::equal(points))
    }
}

/// A way to particles from a seed.
pub type Variant = fn(&Problem<'_>, u64) -> Result<Found>;

const SECANTS: CurvatureSource = CurvatureSource::Secants;

fn by(method: Method) -> Settings {
    Settings { method, ..Settings::default() }
}

pub const VARIANTS: [(&str, Variant); 21] = [
    ("Laplace in u", |p, seed| p.laplace(false, PARTICLES, seed)),
    ("Laplace in u, the Gaussian itself", |p, seed| p.laplace(false, MANY, seed)),
    ("Laplace in v", |p, seed| p.laplace(true, PARTICLES, seed)),
    ("Laplace in v, the Gaussian itself", |p, seed| p.laplace(true, MANY, seed)),
    ("Pathfinder in u", |p, seed| p.pathfinder(false, PARTICLES, seed)),
    ("Pathfinder in u, the Gaussian itself", |p, seed| p.pathfinder(false, MANY, seed)),
    ("Pathfinder in v", |p, seed| p.pathfinder(true, PARTICLES, seed)),
    ("Pathfinder in v, the Gaussian itself", |p, seed| p.pathfinder(true, MANY, seed)),
    ("SVGD in u, 75 iterations", |p, seed| {
        p.fit(&SvgdSettings { coordinates: Vec::new(), ..p.long(seed, Settings::default()) })
    }),
    ("SVGD in v, 75 iterations", |p, seed| p.fit(&p.long(seed, Settings::default()))),
    ("the same, tempered", |p, seed| {
        let annealing = Annealing::Linear { share: 0.5 };
        p.fit(&p.long(seed, Settings { annealing, ..Settings::default() }))
    }),
    ("the same, tempered, from the prior", |p, seed| p.tempered_from_prior(seed)),
    ("SVGD in v, mean Hessian", |p, seed| {
        p.fit(&p.long(seed, by(Method::Matrix(Metric::MeanHessian(SECANTS)))))
    }),
    ("SVGD in v, local Hessians", |p, seed| {
        p.fit(&p.long(seed, by(Method::Matrix(Metric::LocalHessians(SECANTS)))))
    }),
    ("SVGD in v, quasi-Newton", |p, seed| p.fit(&p.long(seed, Settings::newton(SECANTS)))),
    ("SVGD in v, quasi-Newton, half steps", |p, seed| {
        p.fit(&p.long(seed, Settings { learning_rate: 0.5, ..Settings::newton(SECANTS) }))
    }),
    ("polish alone", |p, seed| {
        let mut settings = p.svgd(seed);
        settings.engine.iterations = 0;
        p.fit(&settings)
    }),
    ("polish alone, spread 1", |p, seed| {
        let mut settings = SvgdSettings { initial_spread: 1.0, ..p.svgd(seed) };
        settings.engine.iterations = 0;
        p.fit(&settings)
    }),
    ("Pathfinder in v and polish", |p, seed| p.pathfinder_polished(seed)),
    ("8 iterations and polish, spread 1", |p, seed| {
        p.fit(&SvgdSettings { initial_spread: 1.0, ..p.svgd(seed) })
    }),
    ("the default: 8 iterations and polish", |p, seed| p.fit(&p.svgd(seed))),
];
