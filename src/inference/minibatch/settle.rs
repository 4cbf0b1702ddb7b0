//! The last word of each q(v): whole steps along its natural gradient, with many rows.
//!
//! A whole step is Newton's: from far off it can end in the middle of nowhere, as where counts are large and the function has
//! not come near them. Each Gaussian is therefore looked at again on the same rows, and goes back most of the way where its
//! bound has fallen.

use super::Run;
use super::pass::Pass;
use super::state::{Particle, State};
use crate::Result;
use crate::likelihood::Family;
use crate::model::{BoundWorkspace, Held, InducingGaussian, NaturalTarget, SparseModel, Wanted};
use crate::rows::Rows;
use faer::Par;
use std::f64::consts::PI;

/// Share of a step that is left of it where the bound fell.
const LESS: f64 = 0.2;

/// A particle on its way.
struct Settling<'a> {
    particle: &'a mut Particle,
    theta: Vec<f64>,
    /// Where the last step that was good began, and the bound there.
    before: Option<(InducingGaussian, f64)>,
    sums: Sums,
}

/// What rows leave.
struct Sums {
    target: NaturalTarget,
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
        let (_, failures) = settle_particles(self.rows, model, particles, &pass)?;
        state.failures += failures;
        Ok(())
    }
}

/// One whole step where noise is Gaussian, which is the optimum; two for other log-concave likelihoods and three half
/// steps elsewhere, each of which must raise the bound. Returns the bound of each where noise is Gaussian and all rows could
/// be evaluated, and how many steps could not be had.
///
/// # Errors
/// Failures to read rows.
pub(super) fn settle_particles(
    rows: &mut dyn Rows,
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
    let mut slots: Vec<Settling<'_>> = Vec::with_capacity(particles.len());
    for particle in particles {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&particle.z, &mut theta);
        slots.push(Settling { particle, theta, before: None, sums: Sums::nothing(model) });
    }
    let mut failures = 0;
    for _ in 0..steps {
        over_rows(rows, model, pass, true, &mut slots)?;
        slots.iter_mut().for_each(|slot| failures += slot.step(rho));
    }
    if looks_back {
        over_rows(rows, model, pass, false, &mut slots)?;
        slots.iter_mut().for_each(Settling::look_back);
    }
    let count = rows.count() as f64;
    let bound = |slot: &Settling<'_>| (gaussian && slot.sums.whole).then(|| slot.collapsed(model, count));
    Ok((slots.iter().map(bound).collect(), failures))
}

/// The bound of each Gaussian, and where its natural gradient points, where that is wanted: the same rows each time.
fn over_rows(
    rows: &mut dyn Rows,
    model: &SparseModel,
    pass: &Pass,
    wants_target: bool,
    slots: &mut [Settling<'_>],
) -> Result<()> {
    let gaussian = model.likelihood().family() == Family::Gaussian;
    let (scale, share) = (pass.scale(), pass.share());
    let mut lanes = pass.lanes(slots.len(), |_| Sums::nothing(model));
    let workspace = || (model.bound_workspace(pass.largest(), Par::Seq), Sums::nothing(model).target);
    let mut workspaces: Vec<(BoundWorkspace, NaturalTarget)> = Pass::workspaces(lanes.len(), workspace);
    // Half a pass is none, and a run that is interrupted settles as well.
    pass.over(rows, &|| false, &mut lanes, &mut workspaces, &|of, sums, batch, (workspace, one)| {
        if !sums.whole {
            return;
        }
        let Settling { particle: Particle { q, .. }, theta, .. } = &slots[of];
        // With Gaussian noise there is one step, whose bound follows from where it ends.
        let looked = if gaussian {
            let squares = scale * model.squares(theta, batch);
            model.natural_target(theta, q, batch, scale, one, workspace).map(|()| squares)
        } else {
            let target = wants_target.then_some(&mut *one);
            let wanted = Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target };
            model.bound(theta, q, batch, scale, wanted, workspace)
        };
        match looked {
            Ok(value) => {
                sums.bound += share * value;
                if wants_target {
                    sums.target.add(share, one);
                }
            }
            Err(_) => sums.whole = false,
        }
    })?;
    for slot in slots.iter_mut() {
        slot.sums = Sums::nothing(model);
        if !gaussian {
            slot.sums.bound = -slot.particle.q.divergence(Par::Seq);
        }
    }
    for lane in &lanes {
        let to = &mut slots[lane.of].sums;
        to.bound += lane.sums.bound;
        to.whole &= lane.sums.whole;
        to.target.add(1.0, &lane.sums.target);
    }
    Ok(())
}

impl Sums {
    /// Of no row.
    fn nothing(model: &SparseModel) -> Self {
        Self { target: NaturalTarget::zeros(model.latents(), model.size()), bound: 0.0, whole: true }
    }
}

impl Settling<'_> {
    /// A step from a Gaussian that is as good as the one before, and a shorter one from that one otherwise. Returns the
    /// number of steps that could not be had; there the Gaussian stays what it was.
    fn step(&mut self, rho: f64) -> usize {
        if self.is_good() {
            if !self.sums.whole {
                return 1;
            }
            self.before = Some((self.particle.q.clone(), self.sums.bound));
            return usize::from(self.particle.q.step(rho, &self.sums.target).is_err());
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
        -0.5 * (rows * (2.0 * PI * sigma2).ln() + self.sums.bound / sigma2 - traces - explained)
    }

    /// Back to the Gaussian before, where the last step lost.
    fn look_back(&mut self) {
        if let Some((q, _)) = self.before.as_ref().filter(|_| !self.is_good()) {
            self.particle.q.clone_from(q);
        }
    }

    fn is_good(&self) -> bool {
        self.before.as_ref().is_none_or(|(_, bound)| self.sums.whole && self.sums.bound >= *bound)
    }
}
