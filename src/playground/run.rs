//! A run that keeps every cloud.

use super::Play;
use super::counted::Counted;
use crate::density::{LogDensity, Toy};
use crate::evaluation::Evaluator;
use crate::inference::{MaximumSettings, maximise, negative_hessian};
use crate::stein::{Cloud, Engine, IterationView, Observer, Outcome, Whitening, stein_field};
use crate::{Error, Result};
use std::ops::ControlFlow;

/// Smallest curvature that counts in the whitening, as in fits.
const CURVATURE_FLOOR: f64 = 0.05;

/// A moment of a run at which its force is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The first iteration, t = 1.
    First,
    /// After the last.
    End,
}

/// A run on record.
#[derive(Debug)]
pub struct Run {
    /// What was played.
    pub play: Play,
    /// The start, then the cloud after each iteration.
    pub clouds: Vec<Cloud>,
    /// What the engine left.
    pub outcome: Outcome,
    /// Evaluations of the log density, those that looked for the mode included.
    pub evaluations: usize,
    /// Those of them that failed.
    pub failures: usize,
    first_scores: Cloud,
    first_whitening: Whitening,
}

/// Keeps what it sees.
struct Recorder {
    clouds: Vec<Cloud>,
    first: Option<(Cloud, Whitening)>,
}

impl Observer for Recorder {
    fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()> {
        self.first.get_or_insert_with(|| (view.scores.clone(), view.whitening.clone()));
        self.clouds.push(view.particles.clone());
        ControlFlow::Continue(())
    }
}

/// Runs SVGD on a target in the plane and keeps every cloud. Same seed, same run.
///
/// # Errors
/// [`Error::Invalid`] for numbers that make no sense: says which and what is allowed. Those of the engine.
pub fn play(toy: &Toy, play: &Play) -> Result<Run> {
    play.check()?;
    let target = Counted::new(toy);
    let start = play.start.of(toy).draw(play.particles, play.seed);
    let whitening = if play.whiten { at_mode(&target, &start)? } else { Whitening::identity(2) };
    let mut recorder = Recorder { clouds: Vec::with_capacity(play.iterations + 1), first: None };
    let outcome = Engine::new(&target, start, whitening, play.settings())?.run(&mut recorder)?;
    let Recorder { mut clouds, first } = recorder;
    clouds.push(outcome.particles.clone());
    let (first_scores, first_whitening) =
        first.unwrap_or_else(|| (outcome.scores.clone(), outcome.whitening.clone()));
    Ok(Run {
        play: play.clone(),
        clouds,
        outcome,
        evaluations: target.evaluations(),
        failures: target.failures(),
        first_scores,
        first_whitening,
    })
}

/// Coordinates in which the target has unit curvature at the mode that the first particles lead to.
fn at_mode<D: LogDensity>(target: &D, start: &Cloud) -> Result<Whitening> {
    let starts: Vec<Vec<f64>> =
        std::iter::once(start.mean()).chain(start.points().take(4).map(<[f64]>::to_vec)).collect();
    let optima = maximise(target, &starts, &MaximumSettings::default())?;
    let Some(mode) = optima.into_iter().max_by(|a, b| a.value.total_cmp(&b.value)) else {
        return Err(Error::Invalid("there is no start to climb from".into()));
    };
    let hessian = negative_hessian(&mut Evaluator::new(target, 4), &mode.point)?;
    Whitening::from_precision(mode.point, &hessian, CURVATURE_FLOOR)
}

impl Run {
    /// Attraction and repulsion (1 + α times) at the points `at`, as moves in the target's coordinates; what a mover
    /// makes of them is its own business.
    ///
    /// # Errors
    /// [`Error::Shape`] for points that are not in the plane.
    pub fn force(&self, moment: Moment, at: &Cloud) -> Result<(Cloud, Cloud)> {
        let outcome = &self.outcome;
        let (particles, scores, whitening) = match moment {
            Moment::First => (&self.clouds[0], &self.first_scores, &self.first_whitening),
            Moment::End => (&outcome.particles, &outcome.scores, &outcome.whitening),
        };
        let (z, g) = (whitening.whiten_cloud(particles), whitening.whiten_scores(scores));
        let (attraction, mut repulsion) =
            stein_field(&self.play.kernel.kernel(), &z, &g, &whitening.whiten_cloud(at))?;
        repulsion.values_mut().iter_mut().for_each(|r| *r *= 1.0 + self.play.temperature);
        Ok((carried_back(whitening, &attraction), carried_back(whitening, &repulsion)))
    }

    /// The particles that exert the force at that moment.
    pub fn cloud(&self, moment: Moment) -> &Cloud {
        match moment {
            Moment::First => &self.clouds[0],
            Moment::End => &self.outcome.particles,
        }
    }
}

/// Moves in whitened coordinates as moves in the target's: L φ.
fn carried_back(whitening: &Whitening, moves: &Cloud) -> Cloud {
    let mut back = Cloud::zeros(moves.count(), moves.dim());
    for (from, to) in moves.points().zip(back.points_mut()) {
        whitening.unwhiten(from, to);
        to.iter_mut().zip(whitening.centre()).for_each(|(v, c)| *v -= c);
    }
    back
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{MoverChoice, StartChoice};
    use super::*;
    use crate::density::Start;

    fn played(name: &str, play_: &Play) -> (Toy, Run) {
        let toy = Toy::named(name).unwrap();
        let run = play(&toy, play_).unwrap();
        (toy, run)
    }

    #[test]
    fn fifty_particles_find_both_modes_of_the_mixture() {
        for whiten in [true, false] {
            let (toy, run) = played("mixture", &Play { whiten, ..Play::default() });
            let summary = run.summary(&toy);
            let right = run.outcome.particles.points().filter(|p| p[0] + p[1] > 0.0).count();
            assert!((15..=35).contains(&right), "whiten {whiten}: {right}");
            assert!(summary.mean.iter().all(|m| m.abs() < 0.6), "{summary:?}");
            let exact = summary.exact_variance.unwrap();
            assert!(
                summary.variance.iter().zip(exact).all(|(v, e)| (0.6..1.3).contains(&(v / e))),
                "{summary:?}"
            );
        }
    }

    #[test]
    fn one_particle_ends_at_the_mode() {
        let plain = Play { particles: 1, iterations: 400, whiten: false, ..Play::default() };
        let (toy, run) = played("banana", &plain);
        let mut score = [0.0; 2];
        toy.evaluate(run.outcome.particles.point(0), &mut score, &mut toy.workspace()).unwrap();
        assert!(score[0].hypot(score[1]) < 1e-2, "{score:?}");
        let summary = run.summary(&toy);
        assert!(summary.stein_ratio.is_none() && summary.variance == [0.0; 2]);
        assert_eq!(summary.repulsion, 0.0);
    }

    #[test]
    fn the_force_on_the_particles_is_what_moved_them_first() {
        let start = StartChoice::At(Start { centre: [0.5, 0.5], spread: 1.0 });
        for whiten in [true, false] {
            let play = Play { whiten, start, particles: 12, iterations: 1, ..Play::default() };
            let (_, run) = played("mixture", &play);
            let (attraction, repulsion) = run.force(Moment::First, &run.clouds[0]).unwrap();
            // Adam's first step has the sign of the force in whitened coordinates, and the size of the step.
            let w = &run.first_whitening;
            let [before, after] = [0, 1].map(|t| w.whiten_cloud(&run.clouds[t]));
            let mut total = attraction.clone();
            total.values_mut().iter_mut().zip(repulsion.values()).for_each(|(t, r)| *t += r);
            for j in 0..12 {
                let u: Vec<f64> = total.point(j).iter().zip(w.centre()).map(|(t, c)| t + c).collect();
                let mut z = [0.0; 2];
                w.whiten(&u, &mut z);
                for ((after, before), force) in after.point(j).iter().zip(before.point(j)).zip(z) {
                    let moved = after - before;
                    assert!(
                        (moved - 0.2 * force.signum()).abs() < 1e-6,
                        "whiten {whiten}: {moved} against {force}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_mover_takes_the_cloud_to_the_target() {
        for mover in [MoverChoice::Gradient, MoverChoice::Newton, MoverChoice::QuasiNewton] {
            let (toy, run) = played("banana", &Play { mover, whiten: false, ..Play::default() });
            let summary = run.summary(&toy);
            assert!(summary.mean.iter().all(|m| m.abs() < 0.8), "{mover:?}: {summary:?}");
            assert!((0.7..1.2).contains(&summary.stein_ratio.unwrap()), "{mover:?}: {summary:?}");
        }
    }

    #[test]
    fn a_warmer_cloud_is_wider() {
        let variance = |temperature| {
            let (toy, run) = played("mixture", &Play { temperature, ..Play::default() });
            run.summary(&toy).variance.iter().sum::<f64>()
        };
        assert!(variance(-0.5) < 0.9 * variance(0.0) && variance(2.0) > 1.3 * variance(0.0));
    }

    #[test]
    fn from_a_bad_start_newton_finds_both_arms_where_the_gradient_stays_in_one() {
        // The same number of evaluations: Newton's Hessians cost four a particle.
        let in_right_arm = |mover, iterations| {
            let (_, run) = played("bent", &Play { mover, iterations, whiten: false, ..Play::default() });
            assert_eq!(run.evaluations, 10_050);
            run.outcome.particles.points().filter(|p| p[0] > 1.0).count()
        };
        let (gradient, newton) =
            (in_right_arm(MoverChoice::Gradient, 200), in_right_arm(MoverChoice::Newton, 40));
        assert!(gradient <= 2 && newton >= 10, "{gradient} and {newton} of 50");
    }

    #[test]
    fn every_cloud_is_on_record_from_the_start_to_the_end() {
        let (_, run) =
            played("ring", &Play { particles: 7, iterations: 12, whiten: false, ..Play::default() });
        assert_eq!(run.clouds.len(), run.outcome.trace.len() + 1);
        assert_eq!(run.clouds.last(), Some(&run.outcome.particles));
        assert_eq!(run.evaluations, 7 * 13);
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let last =
            |seed| played("neal", &Play { particles: 6, iterations: 8, seed, ..Play::default() }).1.clouds;
        assert_eq!(last(3), last(3));
        assert_ne!(last(3), last(4));
    }
}
