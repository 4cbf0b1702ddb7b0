//! Two-dimensional targets by name, each with what a picture of it needs.

use super::{Banana, Funnel, GaussianMixture, LogDensity, MixtureWorkspace, Neal, Ring};
use crate::model::{ExactWorkspace, TargetWorkspace};
use crate::stein::Cloud;
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A Gaussian that particles are drawn from to start with: N(centre, spread² I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Its mean.
    pub centre: [f64; 2],
    /// Its standard deviation in each coordinate.
    pub spread: f64,
}

impl Start {
    /// `count` draws with that seed.
    pub fn draw(&self, count: usize, seed: u64) -> Cloud {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cloud = Cloud::zeros(count, 2);
        for point in cloud.points_mut() {
            for (v, centre) in point.iter_mut().zip(self.centre) {
                let draw: f64 = StandardNormal.sample(&mut rng);
                *v = centre + self.spread * draw;
            }
        }
        cloud
    }
}

/// Mean and covariance (row by row) of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToyMoments {
    /// Mean.
    pub mean: [f64; 2],
    /// Covariance.
    pub covariance: [f64; 4],
}

/// A two-dimensional target with what a picture of it needs.
#[derive(Debug)]
pub struct Toy {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Names of its coordinates.
    pub axes: [&'static str; 2],
    /// The part of the plane that has nearly all its mass.
    pub window: [(f64, f64); 2],
    /// A start from which particles find all of it.
    pub good_start: Start,
    /// A badly placed start.
    pub bad_start: Start,
    density: Density,
    starts_badly: bool,
}

#[derive(Debug)]
enum Density {
    Mixture(GaussianMixture),
    Banana(Banana),
    Funnel(Funnel),
    Ring(Ring),
    Neal(Neal),
}

/// Workspace of a [`Toy`].
#[derive(Debug)]
pub enum ToyWorkspace {
    /// Closed forms of one Gaussian or ring need none.
    None,
    /// Of a mixture.
    Mixture(MixtureWorkspace),
    /// Of a GP.
    Neal(Box<TargetWorkspace<ExactWorkspace>>),
}

impl Toy {
    /// The names there are.
    pub const NAMES: [&'static str; 6] = ["mixture", "banana", "funnel", "ring", "neal", "bent"];

    /// The target of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another name: says which there are, and which may have been meant.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "mixture" => Self::mixture(),
            "banana" => Self::banana(),
            "funnel" => Self::funnel(),
            "ring" => Self::ring(),
            "neal" => Self::neal(),
            "bent" => Self::bent(),
            other => Err(Error::Invalid(unknown("target", other, &Self::NAMES))),
        }
    }

    fn mixture() -> Result<Self> {
        let covariances = [vec![0.8, 0.35, 0.35, 0.6], vec![0.7, -0.3, -0.3, 0.9]];
        let means = [vec![-1.8, -1.0], vec![1.8, 1.2]];
        Ok(Self {
            name: "mixture",
            summary: "two Gaussians",
            axes: ["z₁", "z₂"],
            window: [(-5.0, 5.0), (-4.5, 4.5)],
            good_start: Start { centre: [0.0, 0.0], spread: 2.5 },
            bad_start: Start { centre: [-4.0, 3.5], spread: 0.5 },
            density: Density::Mixture(GaussianMixture::new(&[0.5, 0.5], &means, &covariances)?),
            starts_badly: false,
        })
    }

    fn banana() -> Result<Self> {
        Ok(Self {
            name: "banana",
            summary: "a twisted Gaussian",
            axes: ["z₁", "z₂"],
            window: [(-6.0, 6.0), (-9.0, 5.0)],
            good_start: Start { centre: [0.0, 0.0], spread: 1.5 },
            bad_start: Start { centre: [-5.0, 3.0], spread: 0.5 },
            density: Density::Banana(Banana::new(4.0, 0.3)?),
            starts_badly: false,
        })
    }

    fn funnel() -> Result<Self> {
        Ok(Self {
            name: "funnel",
            summary: "Neal's funnel with standard deviation 1.5 of the log variance",
            axes: ["v", "x"],
            window: [(-5.0, 5.0), (-7.0, 7.0)],
            good_start: Start { centre: [0.0, 0.0], spread: 1.0 },
            bad_start: Start { centre: [-3.5, 4.0], spread: 0.5 },
            density: Density::Funnel(Funnel::new(2, 1.5)?),
            starts_badly: false,
        })
    }

    fn ring() -> Result<Self> {
        Ok(Self {
            name: "ring",
            summary: "a ring of radius 2.5",
            axes: ["z₁", "z₂"],
            window: [(-4.5, 4.5), (-4.5, 4.5)],
            good_start: Start { centre: [0.0, 0.0], spread: 1.5 },
            bad_start: Start { centre: [3.5, 3.5], spread: 0.3 },
            density: Density::Ring(Ring::new(2.5, 0.4)?),
            starts_badly: false,
        })
    }

    fn neal() -> Result<Self> {
        Ok(Self {
            name: "neal",
            summary: "lengthscale and noise of a GP on ten rows of Neal's example",
            axes: ["log lengthscale", "log noise variance"],
            window: [(-1.8, 3.0), (-9.5, 1.5)],
            good_start: Start { centre: [0.3, -3.0], spread: 1.0 },
            bad_start: Start { centre: [2.5, -6.5], spread: 0.3 },
            // These rows can be read as a short function with little noise or a long one with much.
            density: Density::Neal(Neal::new(10, 23)?),
            starts_badly: false,
        })
    }

    /// A thin, strongly bent banana, with particles that start off its end.
    fn bent() -> Result<Self> {
        Ok(Self {
            name: "bent",
            summary: "a strongly bent banana with a badly placed start",
            window: [(-6.5, 6.5), (-19.0, 6.0)],
            density: Density::Banana(Banana::new(4.0, 0.8)?),
            starts_badly: true,
            ..Self::banana()?
        })
    }

    /// The start that it has where none is chosen.
    pub fn start(&self) -> Start {
        if self.starts_badly { self.bad_start } else { self.good_start }
    }

    /// Mean and covariance, where they are known.
    pub fn moments(&self) -> Option<ToyMoments> {
        let (mean, covariance) = match &self.density {
            Density::Mixture(t) => (t.mean(), t.covariance()),
            Density::Banana(t) => (t.mean().to_vec(), t.covariance().to_vec()),
            Density::Funnel(t) => (t.mean(), t.covariance()),
            Density::Ring(t) => (t.mean().to_vec(), t.covariance().to_vec()),
            Density::Neal(_) => return None,
        };
        Some(ToyMoments { mean: mean.try_into().ok()?, covariance: covariance.try_into().ok()? })
    }

    /// `count` exact draws with that seed, where the target can be drawn from.
    pub fn sample(&self, count: usize, seed: u64) -> Option<Cloud> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cloud = Cloud::zeros(count, 2);
        for point in cloud.points_mut() {
            match &self.density {
                Density::Mixture(t) => t.sample(&mut rng, point),
                Density::Banana(t) => t.sample(&mut rng, point),
                Density::Funnel(t) => t.sample(&mut rng, point),
                Density::Ring(_) | Density::Neal(_) => return None,
            }
        }
        Some(cloud)
    }
}

/// What to say of a name that is not among `names`.
pub(crate) fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    let distance = |n: &str| strsim::osa_distance(n, &name.to_lowercase());
    let nearest = names.iter().min_by_key(|n| distance(n));
    let meant = nearest.filter(|n| distance(n) <= (name.chars().count() / 3).max(1));
    let meant = meant.map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
    format!("there is no {what} `{name}`; there are: {}.{meant}", names.join(", "))
}

impl LogDensity for Toy {
    type Workspace = ToyWorkspace;

    fn dim(&self) -> usize {
        2
    }

    fn workspace(&self) -> ToyWorkspace {
        match &self.density {
            Density::Mixture(t) => ToyWorkspace::Mixture(t.workspace()),
            Density::Neal(t) => ToyWorkspace::Neal(Box::new(t.workspace())),
            Density::Banana(_) | Density::Funnel(_) | Density::Ring(_) => ToyWorkspace::None,
        }
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut ToyWorkspace) -> Result<f64> {
        match (&self.density, workspace) {
            (Density::Mixture(t), ToyWorkspace::Mixture(w)) => t.evaluate(z, score, w),
            (Density::Neal(t), ToyWorkspace::Neal(w)) => t.evaluate(z, score, w),
            (Density::Banana(t), _) => t.evaluate(z, score, &mut ()),
            (Density::Funnel(t), _) => t.evaluate(z, score, &mut ()),
            (Density::Ring(t), _) => t.evaluate(z, score, &mut ()),
            _ => Err(Error::Invalid("the workspace belongs to another target".into())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{by_quadrature, close, score_is_the_gradient};
    use super::*;

    #[test]
    fn every_name_is_a_target_with_a_score_and_nearly_all_its_mass_in_its_window() {
        for name in Toy::NAMES {
            let toy = Toy::named(name).unwrap();
            assert_eq!(toy.name, name);
            score_is_the_gradient(&toy, &[&toy.good_start.centre, &[0.4, -0.6]]);
            if toy.moments().is_some() {
                let (mass, ..) = by_quadrature(&toy, toy.window, 200);
                assert!((0.9..1.0 + 1e-3).contains(&mass), "{name}: {mass}");
            }
        }
    }

    #[test]
    fn exact_draws_have_the_moments_said() {
        for name in ["mixture", "banana", "bent"] {
            let toy = Toy::named(name).unwrap();
            let (cloud, moments) = (toy.sample(20_000, 2).unwrap(), toy.moments().unwrap());
            close(&cloud.mean(), &moments.mean, 0.1);
            let scale = moments.covariance.iter().fold(1.0, |m: f64, c| m.max(*c));
            close(&cloud.covariance(), &moments.covariance, 0.06 * scale);
        }
        assert!(Toy::named("neal").unwrap().moments().is_none());
        assert!(Toy::named("ring").unwrap().sample(3, 0).is_none());
    }

    #[test]
    fn a_name_with_a_slip_is_answered_with_the_name_meant() {
        let error = Toy::named("bananna").unwrap_err().to_string();
        assert!(error.contains("`bananna`") && error.contains("Did you mean `banana`?"), "{error}");
        let error = Toy::named("xyz").unwrap_err().to_string();
        assert!(error.contains("mixture, banana, funnel, ring, neal, bent") && !error.contains("Did you"));
    }

    #[test]
    fn starts_are_drawn_around_their_centre() {
        let start = Start { centre: [3.0, -2.0], spread: 0.5 };
        let cloud = start.draw(4000, 1);
        close(&cloud.mean(), &start.centre, 0.05);
        close(&cloud.covariance(), &[0.25, 0.0, 0.0, 0.25], 0.03);
        assert_eq!(start.draw(5, 1), start.draw(5, 1));
    }
}
