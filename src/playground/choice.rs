//! What can be chosen by name.

use crate::density::{Start, Toy, unknown};
use crate::stein::kernel::TangentMoments;
use crate::stein::{Bandwidth, CurvatureSource, Method, Optimiser, Radial, Schedule, SteinKernel};
use crate::{Error, Result};
use std::str::FromStr;

/// A kernel between particles, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// `rbf`: the paper's, with h = median/log J.
    #[default]
    Rbf,
    /// `rbf-median`: RBF with h = median, without the logarithm.
    RbfMedian,
    /// `imq`: inverse multiquadric with h = median.
    Imq,
    /// `bilinear`: matches mean and covariance of a Gaussian.
    Bilinear,
    /// `coordinatewise`: each coordinate by an RBF of itself alone.
    Coordinatewise,
    /// `tangent`: that of the Gaussian family, by the cloud's moments.
    Tangent,
    /// `default`: half IMQ, half bilinear, as in fits.
    Mixture,
}

impl KernelChoice {
    const ALL: [Self; 7] = [
        Self::Rbf,
        Self::RbfMedian,
        Self::Imq,
        Self::Bilinear,
        Self::Coordinatewise,
        Self::Tangent,
        Self::Mixture,
    ];

    /// The names there are.
    pub const NAMES: [&'static str; 7] =
        ["rbf", "rbf-median", "imq", "bilinear", "coordinatewise", "tangent", "default"];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rbf => "rbf",
            Self::RbfMedian => "rbf-median",
            Self::Imq => "imq",
            Self::Bilinear => "bilinear",
            Self::Coordinatewise => "coordinatewise",
            Self::Tangent => "tangent",
            Self::Mixture => "default",
        }
    }

    /// The kernel.
    pub fn kernel(self) -> SteinKernel {
        match self {
            Self::Rbf => SteinKernel::paper(),
            Self::RbfMedian => SteinKernel::Rbf(Bandwidth::Median),
            Self::Imq => SteinKernel::imq(Bandwidth::Median),
            Self::Bilinear => SteinKernel::Bilinear,
            Self::Coordinatewise => {
                SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: Bandwidth::MedianOverLog }
            }
            Self::Tangent => SteinKernel::GaussianTangent(TangentMoments::Cloud),
            Self::Mixture => SteinKernel::default_mixture(),
        }
    }
}

impl FromStr for KernelChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|k| k.name() == text);
        found.ok_or_else(|| Error::Invalid(unknown("kernel", text, &Self::NAMES)))
    }
}

/// What becomes of the Stein force, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MoverChoice {
    /// `gradient`: steps along the force, by Adam (Kingma & Ba 2015).
    #[default]
    Gradient,
    /// `newton`: Stein variational Newton (Detommaso et al. 2018), Hessians by differences of scores.
    Newton,
    /// `quasi-newton`: the same with secants through the particles, which cost no evaluation.
    QuasiNewton,
}

impl MoverChoice {
    /// The names there are.
    pub const NAMES: [&'static str; 3] = ["gradient", "newton", "quasi-newton"];

    const ALL: [Self; 3] = [Self::Gradient, Self::Newton, Self::QuasiNewton];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::Newton => "newton",
            Self::QuasiNewton => "quasi-newton",
        }
    }

    /// The engine's method, step rule, step size and schedule. Newton's steps have their own length, of which a share
    /// is taken.
    pub fn steps(self) -> (Method, Optimiser, f64, Schedule) {
        match self {
            Self::Gradient => (Method::Gradient, Optimiser::ADAM, 0.2, Schedule::Cosine),
            Self::Newton => {
                (Method::Newton(CurvatureSource::Differences), Optimiser::Plain, 0.5, Schedule::Constant)
            }
            // Secants change with every step: only shrinking steps come to rest.
            Self::QuasiNewton => {
                (Method::Newton(CurvatureSource::Secants), Optimiser::Plain, 0.5, Schedule::Cosine)
            }
        }
    }
}

impl FromStr for MoverChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|m| m.name() == text);
        found.ok_or_else(|| Error::Invalid(unknown("mover", text, &Self::NAMES)))
    }
}

/// Where the particles start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum StartChoice {
    /// Where the target says.
    #[default]
    Target,
    /// `good`: from where particles find all of the target.
    Good,
    /// `bad`: far from most of it.
    Bad,
    /// Around a point: `x,y,spread`.
    At(Start),
}

impl StartChoice {
    /// The names there are.
    pub const NAMES: [&'static str; 2] = ["good", "bad"];

    /// The Gaussian that particles are drawn from.
    pub fn of(self, toy: &Toy) -> Start {
        match self {
            Self::Target => toy.start(),
            Self::Good => toy.good_start,
            Self::Bad => toy.bad_start,
            Self::At(start) => start,
        }
    }
}

impl FromStr for StartChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "good" => return Ok(Self::Good),
            "bad" => return Ok(Self::Bad),
            _ => {}
        }
        if !text.contains(',') {
            let mut problem = unknown("start", text, &Self::NAMES);
            problem.push_str(" A place is three numbers x,y,spread, such as 0,-2,0.5.");
            return Err(Error::Invalid(problem));
        }
        let numbers: Vec<f64> = text.split(',').filter_map(|t| t.trim().parse().ok()).collect();
        let parts = text.split(',').count();
        match numbers.as_slice() {
            [x, y, spread]
                if parts == 3
                    && numbers.iter().all(|v| v.is_finite() && v.abs() <= 1e6)
                    && *spread >= 0.0 =>
            {
                Ok(Self::At(Start { centre: [*x, *y], spread: *spread }))
            }
            _ => Err(Error::Invalid(format!(
                "start `{text}`: expected three numbers x,y,spread of at most a million, the spread not negative, such \
                 as 0,-2,0.5"
            ))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_and_mover_has_its_name_back() {
        for name in MoverChoice::NAMES {
            assert_eq!(name.parse::<MoverChoice>().unwrap().name(), name);
        }
        let error = "quasi_newton".parse::<MoverChoice>().unwrap_err().to_string();
        assert!(error.contains("Did you mean `quasi-newton`?"), "{error}");
        for name in KernelChoice::NAMES {
            assert_eq!(name.parse::<KernelChoice>().unwrap().name(), name);
        }
        let error = "imk".parse::<KernelChoice>().unwrap_err().to_string();
        assert!(error.contains("Did you mean `imq`?"), "{error}");
    }

    #[test]
    fn a_start_is_a_name_or_three_numbers() {
        let toy = Toy::named("bent").unwrap();
        assert_eq!("good".parse::<StartChoice>().unwrap().of(&toy), toy.good_start);
        assert_eq!("bad".parse::<StartChoice>().unwrap().of(&toy), toy.bad_start);
        assert_eq!(StartChoice::Target.of(&toy), toy.bad_start);
        let start = "1, -2.5,0.1".parse::<StartChoice>().unwrap().of(&toy);
        assert_eq!(start, Start { centre: [1.0, -2.5], spread: 0.1 });
        for rubbish in ["", "goood", "1,2", "1,2,x", "1,2,-1", "1,2,nan", "1,2,3,4", "1e9,0,1", "1,2,3,"] {
            let error = rubbish.parse::<StartChoice>().unwrap_err().to_string();
            assert!(error.contains("x,y,spread"), "{rubbish}: {error}");
        }
    }
}
