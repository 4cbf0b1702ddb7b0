//! What many rows say of particles where noise is Gaussian: scores with q(u) held.

use super::MinibatchSettings;
use super::pass::Pass;
use super::state::Particle;
use crate::Result;
use crate::evaluation::share_out;
use crate::model::{HeldScore, HeldSums, HeldWorkspace, SparseModel};
use crate::rows::Rows;
use faer::Par;

/// A particle on its way.
struct Held<'a> {
    particle: &'a Particle,
    score: Option<HeldScore<'a>>,
    sums: Option<HeldSums>,
    gradient: Option<Vec<f64>>,
}

/// ∂/∂θ (length p) of the bound of each particle with its q(u) as it is and priors left out, and none where K_ZZ has no factor.
/// `is_optimal`: each q(v) has settled on the rows of this very pass. None at all where the run was interrupted.
///
/// # Errors
/// Failures to read rows.
pub(super) fn held_gradients(
    rows: &mut dyn Rows,
    model: &SparseModel,
    particles: &[Particle],
    pass: &Pass,
    is_optimal: bool,
    settings: &MinibatchSettings,
) -> Result<Option<Vec<Option<Vec<f64>>>>> {
    let parameters = model.layout().parameters().len();
    let start = |particle| Held { particle, score: None, sums: None, gradient: None };
    let mut slots: Vec<Held<'_>> = particles.iter().map(start).collect();
    let mut lanes = pass.lanes(slots.len(), |_| None);
    let mut workspaces =
        Pass::workspaces(lanes.len(), || HeldWorkspace::new(model, pass.largest(), Par::Seq));
    share_out(&mut slots, &mut workspaces, &|Held { particle, score, .. }, workspace| {
        let mut theta = vec![0.0; parameters];
        model.layout().constrain(&particle.z, &mut theta);
        *score = HeldScore::new(model, &theta, &particle.q, is_optimal, workspace).ok();
    });
    lanes.iter_mut().for_each(|lane| lane.sums = slots[lane.of].score.as_ref().map(HeldScore::nothing));
    let weight = pass.scale() * pass.share();
    let stop = || settings.interrupted();
    let whole = pass.over(rows, &stop, &mut lanes, &mut workspaces, &|of, sums, batch, workspace| {
        if let (Some(so_far), Some(score)) = (&mut *sums, &slots[of].score)
            && score.add(batch, weight, so_far, workspace).is_err()
        {
            *sums = None;
        }
    })?;
    if !whole {
        return Ok(None);
    }
    for lane in lanes {
        let Held { score, sums, .. } = &mut slots[lane.of];
        match (sums.as_mut(), lane.sums) {
            (None, first) => *sums = first,
            (Some(total), Some(more)) => total.add(&more),
            (Some(_), None) => *score = None,
        }
    }
    share_out(&mut slots, &mut workspaces, &|Held { score, sums, gradient, .. }, workspace| {
        if let (Some(score), Some(sums)) = (score, sums) {
            let mut found = vec![0.0; parameters];
            let finished = score.finish(sums, &mut found, workspace);
            *gradient = (finished.is_ok() && found.iter().all(|g| g.is_finite())).then_some(found);
        }
    });
    Ok(Some(slots.into_iter().map(|slot| slot.gradient).collect()))
}
