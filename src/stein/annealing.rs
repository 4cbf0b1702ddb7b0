//! Annealing: early on the attraction counts less, so that the cloud spreads and finds far modes before it settles.
//!
//! β_t multiplies the score, after D'Angelo & Fortuin (2021), Annealed Stein variational gradient descent, section 3.
//! It finds modes; it does not weigh them. Every schedule ends at β = 1, the posterior.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the attraction's factor β_t goes from 0 to 1 over the first part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Annealing {
    /// β = 1 throughout.
    Off,
    /// β = s, with s the share of the warm-up that is over.
    Linear {
        /// Share of the run that the warm-up takes.
        share: f64,
    },
    /// β = tanh((1.3 s)^p) / tanh(1.3^p).
    Tanh {
        /// Share of the run that the warm-up takes.
        share: f64,
        /// p.
        power: f64,
    },
    /// β = (C s − ⌊C s⌋)^p: C times from 0 to 1, with explosions between.
    Cyclic {
        /// Share of the run that the warm-up takes.
        share: f64,
        /// C.
        cycles: usize,
        /// p.
        power: f64,
    },
}

impl Annealing {
    /// β at iteration `t` of `total` (from 0).
    pub fn factor(self, t: usize, total: usize) -> f64 {
        let share = match self {
            Annealing::Off => return 1.0,
            Annealing::Linear { share } | Annealing::Tanh { share, .. } | Annealing::Cyclic { share, .. } => {
                share
            }
        };
        let s = t as f64 / (share * total as f64);
        if s >= 1.0 {
            return 1.0;
        }
        match self {
            Annealing::Off => 1.0,
            Annealing::Linear { .. } => s,
            Annealing::Tanh { power, .. } => (1.3 * s).powf(power).tanh() / 1.3f64.powf(power).tanh(),
            Annealing::Cyclic { cycles, power, .. } => (cycles as f64 * s).fract().powf(power),
        }
    }

    /// Refuses schedules that never reach β = 1.
    pub(super) fn check(self) -> Result<()> {
        let (share, cycles, power) = match self {
            Annealing::Off => return Ok(()),
            Annealing::Linear { share } => (share, 1, 1.0),
            Annealing::Tanh { share, power } => (share, 1, power),
            Annealing::Cyclic { share, cycles, power } => (share, cycles, power),
        };
        if share > 0.0 && share < 1.0 && cycles > 0 && power > 0.0 {
            return Ok(());
        }
        let text =
            "annealing takes a share of the run between 0 and 1, at least one cycle and a positive power";
        Err(Error::Invalid(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Annealing; 3] = [
        Annealing::Linear { share: 0.8 },
        Annealing::Tanh { share: 0.8, power: 3.0 },
        Annealing::Cyclic { share: 0.8, cycles: 4, power: 2.0 },
    ];

    #[test]
    fn every_schedule_starts_at_zero_and_ends_at_one() {
        for annealing in ALL {
            assert_eq!(annealing.factor(0, 100), 0.0);
            assert!((80..100).all(|t| annealing.factor(t, 100) == 1.0), "{annealing:?}");
            assert!((0..80).all(|t| (0.0..1.0).contains(&annealing.factor(t, 100))), "{annealing:?}");
        }
        assert_eq!(Annealing::Off.factor(0, 100), 1.0);
    }

    #[test]
    fn a_cycle_begins_anew_after_its_share() {
        let cyclic = Annealing::Cyclic { share: 0.8, cycles: 4, power: 2.0 };
        assert!(cyclic.factor(19, 100) > 0.8 && cyclic.factor(20, 100) < 1e-6);
        assert!((cyclic.factor(30, 100) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn schedules_that_never_end_are_refused() {
        assert!(ALL.iter().all(|a| a.check().is_ok()));
        assert!(Annealing::Linear { share: 1.0 }.check().is_err());
        assert!(Annealing::Cyclic { share: 0.5, cycles: 0, power: 1.0 }.check().is_err());
    }
}
