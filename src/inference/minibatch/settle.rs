//! The last word of each q(v): whole steps along its natural gradient, with many rows.
//!
//! A whole step is Newton's: from far off it can end in the middle of nowhere, as where counts are large and the function has
//! not come near them. Each Gaussian is therefore looked at again on the same rows, and goes back most of the way where its
//! bound has fallen.

use super::state::{Particle, State};
use super::{MinibatchSettings, Run};
use crate::Result;
use crate::evaluation::share_out;
use crate::likelihood::Family;
use crate::linalg::in_parallel;
use crate::model::{BoundWorkspace, Held, InducingGaussian, NaturalTarget, SparseModel, Wanted};
use crate::rows::{Batch, Epochs, Place};
use faer::Par;
use std::f64::consts::PI;

/// Rows read at a time: more than in a minibatch, so that products of large matrices do the work.
const ROWS: usize = 2048;
/// Keeps the order of these rows apart from that of minibatches.
const SEED: u64 = 0x5e77_1e00;
/// Share of a step that is left of it where the bound fell.
const LESS: f64 = 0.2;

/// The batches of one pass over many rows.
pub(super) struct Pass {
    pub epochs: Epochs,
    /// How many of an epoch's batches are read.
    pub used: usize,
}

impl Pass {
    /// Over all of `rows` rows, or as many as the settings allow.
    pub fn new(rows: usize, settings: &MinibatchSettings) -> Self {
        Self::of(rows, settings.settle_rows, settings)
    }

    /// Over `rows` rows, but no more than about `most`.
    pub fn of(rows: usize, most: usize, settings: &MinibatchSettings) -> Self {
        let epochs = Epochs::new(rows, ROWS, settings.seed ^ SEED);
        let used = epochs.batches().min(most.min(settings.settle_rows).div_ceil(epochs.largest()).max(1));
        Self { epochs, used }
    }

    /// Where batch `number` of those that are read is: they lie all over the epoch, because in a file that is sorted
    /// batches that follow one another are neighbours.
    pub fn place(&self, number: usize) -> Place {
        self.epochs.place((number * (self.epochs.batches() / self.used)) as u64)
    }

    /// What a batch's sum counts.
    pub fn scale(&self) -> f64 {
        self.epochs.batches() as f64
    }

    /// What a batch counts in the mean over the pass.
    pub fn share(&self) -> f64 {
        1.0 / self.used as f64
    }
}

/// A particle on its way.
struct Settling<'a> {
    particle: &'a mut Particle,
    theta: Vec<f64>,
    /// Where the last step that was good began, and the bound there.
    before: Option<(InducingGaussian, f64)>,
    sum: NaturalTarget,
    /// With Gaussian noise Σ (e_i² + k_ii).
    bound: f64,
    /// Whether all rows could be evaluated.
    whole: bool,
}

impl Run<'_> {
    /// Settles all particles, or the centre where there are none.
    pub(super) fn settle(&mut self, model: &SparseModel, state: &mut State) -> Result<()> {
        let particles = if state.particles.is_empty() {
            std::slice::from_mut(&mut state.centre)
        } else {
            &mut state.particles
        };
        let pass = Pass::new(self.rows.count(), self.settings);
        let (_, failures) = self.settle_particles(model, particles, &pass)?;
        state.failures += failures;
        Ok(())
    }

    /// One whole step where noise is Gaussian, which is the optimum; two for other log-concave likelihoods and three half
    /// steps elsewhere, each of which must raise the bound. Returns the bound of each where noise is Gaussian and all rows could
    /// be evaluated, and how many steps could not be had.
    pub(super) fn settle_particles(
        &mut self,
        model: &SparseModel,
        particles: &mut [Particle],
        pass: &Pass,
    ) -> Result<(Vec<Option<f64>>, usize)> {
        let likelihood = model.likelihood();
        let gaussian = likelihood.family() == Family::Gaussian;
        let (steps, rho, looks_back) = match (gaussian, likelihood.is_log_concave()) {
            (true, _) => (1, 1.0, false),
            (_, true) => (2, 1.0, true),
            (_, false) => (3, 0.5, true),
        };
        let mut slots: Vec<Settling<'_>> = particles
            .iter_mut()
            .map(|particle| {
                let mut theta = vec![0.0; model.layout().parameters().len()];
                model.layout().constrain(&particle.z, &mut theta);
                let sum = NaturalTarget::zeros(model.latents(), model.size());
                Settling { particle, theta, before: None, sum, bound: 0.0, whole: true }
            })
            .collect();
        let mut failures = 0;
        for _ in 0..steps {
            self.pass(model, pass, true, &mut slots)?;
            slots.iter_mut().for_each(|slot| failures += slot.step(rho));
        }
        if looks_back {
            self.pass(model, pass, false, &mut slots)?;
            slots.iter_mut().for_each(Settling::look_back);
        }
        let rows = self.rows.count() as f64;
        let bound = |slot: &Settling<'_>| (gaussian && slot.whole).then(|| slot.collapsed(model, rows));
        Ok((slots.iter().map(bound).collect(), failures))
    }

    /// The bound of each Gaussian, and where its natural gradient points, where that is wanted: the same rows each time.
    fn pass(
        &mut self,
        model: &SparseModel,
        pass: &Pass,
        wants_target: bool,
        slots: &mut [Settling<'_>],
    ) -> Result<()> {
        let epochs = &pass.epochs;
        let threads = rayon::current_num_threads().clamp(1, slots.len());
        // Of one Gaussian alone the threads go into the linear algebra.
        let par = if slots.len() == 1 { in_parallel() } else { Par::Seq };
        let zeros = || NaturalTarget::zeros(model.latents(), model.size());
        let mut workspaces: Vec<(BoundWorkspace, NaturalTarget)> =
            (0..threads).map(|_| (model.bound_workspace(epochs.largest(), par), zeros())).collect();
        for slot in slots.iter_mut() {
            slot.sum.clear();
            (slot.bound, slot.whole) = (0.0, true);
        }
        let gaussian = model.likelihood().family() == Family::Gaussian;
        let mut batch = Batch::default();
        let (scale, share) = (pass.scale(), pass.share());
        for number in 0..pass.used {
            self.rows.read(epochs.seed(), pass.place(number), &mut batch)?;
            let batch = &batch;
            share_out(slots, &mut workspaces, &|slot, (workspace, one)| {
                if !slot.whole {
                    return;
                }
                // With Gaussian noise there is one step, whose bound follows from where it ends.
                let looked = if gaussian {
                    let q = &slot.particle.q;
                    let squares = scale * model.squares(&slot.theta, batch);
                    model.natural_target(&slot.theta, q, batch, scale, one, workspace).map(|()| squares)
                } else {
                    let target = wants_target.then_some(&mut *one);
                    let wanted = Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target };
                    model.bound(&slot.theta, &slot.particle.q, batch, scale, wanted, workspace)
                };
                match looked {
                    Ok(value) => {
                        slot.bound += share * value;
                        if wants_target {
                            slot.sum.add(share, one);
                        }
                    }
                    Err(_) => slot.whole = false,
                }
            });
        }
        if !gaussian {
            slots.iter_mut().for_each(|slot| slot.bound -= slot.particle.q.divergence(Par::Seq));
        }
        Ok(())
    }
}

impl Settling<'_> {
    /// A step from a Gaussian that is as good as the one before, and a shorter one from that one otherwise. Returns the
    /// number of steps that could not be had; there the Gaussian stays what it was.
    fn step(&mut self, rho: f64) -> usize {
        if self.is_good() {
            if !self.whole {
                return 1;
            }
            self.before = Some((self.particle.q.clone(), self.bound));
            return usize::from(self.particle.q.step(rho, &self.sum).is_err());
        }
        let tried = self.particle.q.clone();
        self.look_back();
        let latents = 0..tried.latents();
        let towards = NaturalTarget {
            precision: latents.map(|c| tried.precision(c).clone()).collect(),
            shift: tried.shift().to_vec(),
        };
        usize::from(self.particle.q.step(LESS, &towards).is_err())
    }

    /// The collapsed bound of `rows` rows, once q(v) is at its optimum: with Λ = I + S/σ² and η = Λm it is
    /// −½ (N log 2πσ² + Σ (e_i² + k_ii)/σ² − tr (Λ − I) − mᵀη + log |Λ|).
    fn collapsed(&self, model: &SparseModel, rows: f64) -> f64 {
        let (sigma2, q) = (model.likelihood_parameters(&self.theta)[0], &self.particle.q);
        let (precision, factor) = (q.precision(0), q.factor(0));
        let traces: f64 = (0..q.size()).map(|i| precision[(i, i)] - 1.0 - 2.0 * factor[(i, i)].ln()).sum();
        let explained: f64 = q.mean(0).iter().zip(q.shift()).map(|(m, eta)| m * eta).sum();
        -0.5 * (rows * (2.0 * PI * sigma2).ln() + self.bound / sigma2 - traces - explained)
    }

    /// Back to the Gaussian before, where the last step lost.
    fn look_back(&mut self) {
        if let Some((q, _)) = self.before.as_ref().filter(|_| !self.is_good()) {
            self.particle.q.clone_from(q);
        }
    }

    fn is_good(&self) -> bool {
        self.before.as_ref().is_none_or(|(_, bound)| self.whole && self.bound >= *bound)
    }
}
