//! The search for the mode where noise is Gaussian: q(v) is integrated out, and L-BFGS climbs on samples of the rows.
//!
//! The collapsed bound of a sample whose rows stand for all of them is a smooth function of θ and Z together. Where
//! minibatches ask Adam to find 2,000 coordinates through noise, with a q(v) that is always a little behind, a climb
//! has none of either: on 28,000 rows with 500 inducing inputs the log density of held-out rows is 0.32 by climbs and 0.17 by
//! minibatches, which take longer.
//!
//! 1. *Legs* ([`LEGS`]): a climb in θ, then in θ and Z, each on a sample of its own, later ones on larger samples. Columns of Z are
//!    levelled, without which the steepest has the climb to itself: on four years of hours (276,000 rows, 600 inducing inputs) as many
//!    evaluations end 3,400 nats higher.
//! 2. *Refinement*: a climb in θ on all rows: a sample that stands for them lets the inducing values follow its noise, the more so
//!    the fewer rows it has, and neither its mode nor its ridges are theirs. Where the rows are too many to be held at once
//!    an evaluation passes them twice, and the climb begins with their curvature for a metric, as Newton's method would.

use super::all_rows::{AllRows, Known};
use super::quadratic::{Quadratic, difference};
use super::state::{Stage, State};
use super::watched::Watched;
use super::{MinibatchSettings, Reselection, Run};
use crate::Result;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::inference::curvature::negative_hessian;
use crate::inference::{MaximumSettings, Optimum, WithInducing, maximise_from};
use crate::linalg::in_parallel;
use crate::model::{Collapsed, CollapsedForm, SparseModel, Target};
use crate::rows::{Batch, Epochs};
use crate::stein::{Observer, Whitening};
use faer::Mat;

/// A climb on one sample.
struct Leg {
    /// Rows of the sample, in multiples of M or B, whichever is larger, and at least.
    rows: (usize, usize),
    /// Share of the iterations.
    share: f64,
    /// Whether each row of the sample counts as often as makes all rows.
    stands_for_all: bool,
    /// Whether the inducing inputs climb with the parameters, where they may.
    moves_inducing: bool,
}

impl Leg {
    /// Iterations of L-BFGS at most.
    fn iterations(&self, settings: &MinibatchSettings) -> usize {
        (self.share * settings.warm_up as f64 / MINIBATCHES as f64).ceil() as usize
    }
}

/// The climbs of a search. After the first the inducing inputs are chosen again.
const LEGS: [Leg; 3] = [
    Leg { rows: (8, 5_000), share: 0.10, stands_for_all: false, moves_inducing: false },
    Leg { rows: (16, 10_000), share: 0.20, stands_for_all: true, moves_inducing: true },
    Leg { rows: (32, 20_000), share: 0.30, stands_for_all: true, moves_inducing: true },
];
/// Minibatches of a warm-up that one iteration of L-BFGS takes the place of.
const MINIBATCHES: usize = 10;
/// Relative gain of an iteration below which a climb ends: the next sample will differ by more.
const ROUGHLY: f64 = 1e-6;
/// So many rows are all taken at once in any case.
const LAST: usize = 5_000;
/// What a row costs besides the M² multiplications of its products, in multiples of M.
const BESIDE: usize = 64;
/// Places of an epoch that a sample is taken from.
const PIECES: usize = 32;
/// Numbers in a matrix of inducing inputs by rows that a climb holds two of: 400 MB.
const MOST_NUMBERS: usize = 50_000_000;
/// Iterations and relative gain of the climb in θ on the last sample.
const LAST_CLIMB: usize = 200;
const FINELY: f64 = 1e-8;
/// How often the curvature is looked at, iterations of a climb with it, and the gain in nats a parameter below which they end.
const SHAPES: usize = 2;
const PASSES: usize = 6;
const SMALL: f64 = 0.1;
/// Least curvature of the climb's coordinates, in unconstrained ones.
const FLATTEST: f64 = 0.1;
/// The longest step of the logarithm of a parameter that the curvature is trusted for, and the first damping of longer ones.
const LONGEST: f64 = 1.0;
const LEAST_DAMPING: f64 = 1.0;
const MOST_DAMPING: f64 = 1e12;
/// Keeps these samples apart from minibatches and passes.
const SEED: u64 = 0x5a3b_1e5e;

/// Rows that stand for all.
pub(super) struct Sample {
    pub x: Mat<f64>,
    pub y: Vec<f64>,
    /// How many rows each stands for.
    pub weight: f64,
}

/// Where a climb of a log density ends; whether it was interrupted is noted.
fn climb_to<D: LogDensity>(
    target: &D,
    from: &[f64],
    maximum: MaximumSettings,
    observer: &mut dyn Observer,
    (settings, interrupted): (&MinibatchSettings, &mut bool),
    state: &mut State,
) -> Result<Optimum> {
    let expected = LEGS.iter().map(|leg| leg.iterations(settings)).sum::<usize>() + LAST_CLIMB;
    let watched = Watched::new(target, observer, settings, (state.iteration, expected));
    let maximum = MaximumSettings { interrupt: Some(watched.interrupt()), ..maximum };
    let optimum = maximise_from(&watched, from, &maximum)?;
    let seen = watched.seen();
    *interrupted |= seen.interrupted;
    state.iteration += optimum.iterations as u64;
    state.evaluations += seen.evaluations;
    state.failures += seen.failures;
    state.climb.extend(&optimum.trace);
    Ok(optimum)
}

impl Run<'_> {
    /// Climbs to the mode of the bound with all rows. At the end the centre's q(v) is the best one there, and its score
    /// with all rows is known.
    pub(super) fn search(
        &mut self,
        model: &mut SparseModel,
        reselection: Option<&Reselection>,
        state: &mut State,
    ) -> Result<()> {
        while state.of_stage < LEGS.len() && !self.interrupted {
            if state.of_stage == 1
                && let Some(reselection) = reselection
            {
                self.choose_again(model, reselection, state)?;
            }
            self.climb_leg(model, state.of_stage, state)?;
            if self.interrupted {
                break;
            }
            state.of_stage += 1;
            if let Some(checkpoint) = self.checkpoint {
                checkpoint.save(state)?;
            }
        }
        if !self.interrupted {
            self.refine(model, state)?;
        }
        state.of_stage = 0;
        let moves = self.settings.particles > 0 && !self.interrupted;
        state.stage = if moves { Stage::Particles } else { Stage::Settle };
        match self.checkpoint {
            Some(checkpoint) if !self.interrupted => checkpoint.save(state),
            _ => Ok(()),
        }
    }

    fn climb_leg(&mut self, model: &mut SparseModel, number: usize, state: &mut State) -> Result<()> {
        let leg = &LEGS[number];
        let sample = self.sample(model, leg.rows, number as u64)?;
        let weight = if leg.stands_for_all { sample.weight } else { 1.0 };
        let roughly = MaximumSettings {
            iterations: leg.iterations(self.settings),
            value_tolerance: ROUGHLY,
            ..MaximumSettings::default()
        };
        let (z, criterion) = (state.centre.z.clone(), self.settings.criterion);
        if leg.moves_inducing && self.settings.move_inducing {
            let with_inducing = WithInducing::new(model, &sample.x, &sample.y, CollapsedForm::Vfe, criterion)
                .counting(weight)
                .levelled(&z)?;
            state.evaluations += 1;
            let from = with_inducing.point(&z);
            let reached = climb_to(
                &with_inducing,
                &from,
                roughly,
                self.observer,
                (self.settings, &mut self.interrupted),
                state,
            )?;
            let (z, inducing) = with_inducing.split(&reached.point);
            state.centre.z = z;
            model.set_inducing(inducing.as_ref())?;
            state.inducing = inducing;
        } else {
            let collapsed = Collapsed::of_sample(model, sample.x.as_ref(), &sample.y, weight)?;
            let target = Target::new(&collapsed, criterion)?.with_parallelism(in_parallel());
            let reached =
                climb_to(&target, &z, roughly, self.observer, (self.settings, &mut self.interrupted), state)?;
            state.max_jitter = state.max_jitter.max(target.max_jitter());
            state.centre.z = reached.point;
        }
        Ok(())
    }

    /// To the mode of all rows: by a climb on them where they are not too many, and by Newton's steps where they are.
    pub(super) fn refine(&mut self, model: &SparseModel, state: &mut State) -> Result<()> {
        state.earlier = Vec::new();
        match self.all_rows(model)? {
            Some(all) => {
                let collapsed = Collapsed::of_sample(model, all.x.as_ref(), &all.y, all.weight)?;
                let target =
                    Target::new(&collapsed, self.settings.criterion)?.with_parallelism(in_parallel());
                let from = state.centre.z.clone();
                let finely = MaximumSettings {
                    iterations: LAST_CLIMB,
                    value_tolerance: FINELY,
                    ..MaximumSettings::default()
                };
                let optimum = climb_to(
                    &target,
                    &from,
                    finely,
                    self.observer,
                    (self.settings, &mut self.interrupted),
                    state,
                )?;
                state.max_jitter = state.max_jitter.max(target.max_jitter());
                if optimum.iterations < LAST_CLIMB {
                    state.earlier.clone_from(&optimum.point);
                }
                state.centre.z = optimum.point;
                state.bound = self.look_at_anchor(model, state)?;
            }
            None => self.climb_in_passes(model, state)?,
        }
        self.interrupted |= self.settings.interrupted();
        state.average.clone_from(&state.centre.z);
        Ok(())
    }

    /// Climbs on passes over all rows, in coordinates in which their curvature is one; the curvature is left where it is that of
    /// the place where the climbs end.
    fn climb_in_passes(&mut self, model: &SparseModel, state: &mut State) -> Result<()> {
        state.curvature.clear();
        let Some(mut best) = self.look_at_anchor(model, state)? else { return Ok(()) };
        (state.bound, state.evaluations) = (Some(best), state.evaluations + 1);
        let small = SMALL * state.centre.z.len() as f64;
        for _ in 0..SHAPES {
            let Some(precision) = self.curvature(model, state)? else { return Ok(()) };
            state.curvature = precision;
            let (parabola, gain) = self.promise(model, state, best)?;
            if gain < small {
                state.earlier.clone_from(&state.centre.z);
                return Ok(());
            }
            let from = state.centre.z.clone();
            let metric = negative_hessian(&mut Evaluator::new(&parabola, 2 * from.len()), &from)?;
            let metric = Whitening::from_precision(from.clone(), &metric, FLATTEST)?;
            let settings = MaximumSettings {
                iterations: PASSES,
                value_tolerance: small / (1.0 + best.abs()),
                metric: Some(metric),
                ..MaximumSettings::default()
            };
            let (particle, score) = (state.centre.clone(), state.anchor_score.clone());
            let all = AllRows::new(model, self.rows, self.settings);
            let all = all.knowing(Known { particle, value: best, score });
            climb_to(&all, &from, settings, self.observer, (self.settings, &mut self.interrupted), state)?;
            let Some(Known { particle, value, score }) = all.best() else { return Ok(()) };
            (state.centre, state.anchor_score) = (particle, score);
            let gained = value - best;
            (best, state.bound) = (value, Some(value));
            state.curvature.clear();
            if self.interrupted || gained < small {
                state.earlier.clone_from(&state.centre.z);
                return Ok(());
            }
        }
        Ok(())
    }

    /// The parabola around the centre, with the smallest damping of a few with which no parameter moves far to its mode, and what
    /// it promises there. Where a direction is flat a slope says little of how far its maximum is, and the steep ones are to go
    /// all the way.
    fn promise<'m>(&self, model: &'m SparseModel, state: &State, bound: f64) -> Result<(Quadratic<'m>, f64)> {
        let at = &state.centre.z;
        let mut parabola = self.parabola(model, state, bound, &state.curvature)?;
        loop {
            let settings = MaximumSettings { value_tolerance: 1e-12, ..MaximumSettings::default() };
            let reached = maximise_from(&parabola, at, &settings)?;
            let step = difference(model.layout(), &reached.point, at);
            let longest = step.iter().fold(0.0, |most: f64, step| most.max(step.abs()));
            if longest <= LONGEST || parabola.damping > MOST_DAMPING {
                return Ok((parabola, reached.value - bound));
            }
            parabola.damping = (4.0 * parabola.damping).max(LEAST_DAMPING);
        }
    }

    /// All rows, where an evaluation on them is not too dear.
    pub(super) fn all_rows(&mut self, model: &SparseModel) -> Result<Option<Sample>> {
        let (m, all) = (model.size(), self.rows.count());
        let most = LAST.max(self.settings.at_once / (m * (m + BESIDE))).min(MOST_NUMBERS / m);
        if all > most {
            return Ok(None);
        }
        self.sample(model, (0, all), LEGS.len() as u64).map(Some)
    }

    /// Sample `number`, of about so many times M or B rows and at least so many; all rows where there are not twice as many.
    fn sample(&mut self, model: &SparseModel, (times, least): (usize, usize), number: u64) -> Result<Sample> {
        let wanted = (times * model.size().max(self.settings.batch)).max(least);
        let wanted = wanted.min(MOST_NUMBERS / model.size()).max(1);
        let all = self.rows.count();
        let pieces = if 2 * wanted > all { 1 } else { PIECES };
        let rows = if pieces == 1 { all } else { wanted.div_ceil(pieces) };
        let epochs = Epochs::new(all, rows, self.settings.seed ^ SEED);
        // From all over the epoch: in a file that is sorted, rows that are read together are neighbours.
        let apart = (epochs.batches() / pieces).max(1) as u64;
        let (mut batch, mut y) = (Batch::default(), Vec::new());
        let mut columns = vec![Vec::new(); model.dim()];
        for piece in 0..pieces as u64 {
            let place = epochs.place(piece * apart + number % apart);
            self.rows.read(epochs.seed(), place, &mut batch)?;
            y.extend(batch.observations.iter().map(|at| at.y));
            columns.iter_mut().zip(batch.x.col_iter()).for_each(|(to, from)| to.extend(from.iter()));
        }
        let x = Mat::from_fn(y.len(), model.dim(), |i, d| columns[d][i]);
        let weight = all as f64 / y.len() as f64;
        Ok(Sample { x, y, weight })
    }
}
