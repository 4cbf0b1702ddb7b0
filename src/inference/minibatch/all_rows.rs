//! The collapsed density of all rows, however many: two passes over them, in the memory of a few batches.

use super::MinibatchSettings;
use super::held::held_gradients;
use super::pass::Pass;
use super::settle::settle_particles;
use super::state::Particle;
use crate::density::LogDensity;
use crate::model::{InducingGaussian, SparseModel};
use crate::rows::Rows;
use crate::{Error, Result};
use std::sync::{Mutex, PoisonError};

/// A sparse model with Gaussian noise and all rows, or as many as the settings let a pass have. Evaluations are dear, so the best
/// one is kept.
pub(super) struct AllRows<'a> {
    model: &'a SparseModel,
    pass: Pass,
    settings: &'a MinibatchSettings,
    /// With the best evaluation so far.
    rows: Mutex<(&'a mut dyn Rows, Option<Known>)>,
}

/// An evaluation.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// With the best q(v) at its z.
    pub particle: Particle,
    pub value: f64,
    pub score: Vec<f64>,
}

impl<'a> AllRows<'a> {
    pub fn new(model: &'a SparseModel, rows: &'a mut dyn Rows, settings: &'a MinibatchSettings) -> Self {
        let pass = Pass::new(rows.count(), settings);
        Self { model, pass, settings, rows: Mutex::new((rows, None)) }
    }

    /// The same with an evaluation that was made before.
    #[must_use]
    pub fn knowing(self, known: Known) -> Self {
        let Self { model, pass, settings, rows } = self;
        let (rows, _) = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { model, pass, settings, rows: Mutex::new((rows, Some(known))) }
    }

    /// The best evaluation, where there is one.
    pub fn best(self) -> Option<Known> {
        self.rows.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }

    /// The density at a particle's z with its score; the particle's q(v) becomes the best one.
    ///
    /// # Errors
    /// Recoverable ones where a matrix has no factor and where the run was interrupted; failures to read rows.
    fn look(&self, rows: &mut dyn Rows, particle: &mut Particle, score: &mut [f64]) -> Result<f64> {
        let (layout, criterion) = (self.model.layout(), self.settings.criterion);
        let problem = || Error::NotFiniteValue { what: "bound of all rows" };
        let one = std::slice::from_mut(particle);
        let (bounds, failures) = settle_particles(rows, self.model, one, &self.pass)?;
        let bound = bounds[0].filter(|_| failures == 0).ok_or_else(problem)?;
        let gradients = held_gradients(rows, self.model, one, &self.pass, true, self.settings)?;
        let gradient = gradients.and_then(|mut found| found.swap_remove(0)).ok_or_else(problem)?;
        let mut theta = vec![0.0; layout.parameters().len()];
        layout.constrain(&particle.z, &mut theta);
        layout.pull_back(&particle.z, &gradient, score);
        let value = bound + criterion.add_priors(layout, &particle.z, &theta, score);
        let finite = value.is_finite() && score.iter().all(|s| s.is_finite());
        if finite { Ok(value) } else { Err(problem()) }
    }
}

impl LogDensity for AllRows<'_> {
    type Workspace = Particle;

    fn dim(&self) -> usize {
        self.model.layout().dim()
    }

    fn workspace(&self) -> Particle {
        let (latents, m) = (self.model.latents(), self.model.size());
        let q = InducingGaussian::prior(latents, m);
        Particle { z: vec![0.0; self.dim()], q, values: vec![0.0; latents * m] }
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], particle: &mut Particle) -> Result<f64> {
        let (rows, best) = &mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = best.as_ref().filter(|known| known.particle.z == z) {
            score.copy_from_slice(&known.score);
            return Ok(known.value);
        }
        particle.z.copy_from_slice(z);
        let value = self.look(&mut **rows, particle, score)?;
        if best.as_ref().is_none_or(|known| value > known.value) {
            *best = Some(Known { particle: particle.clone(), value, score: score.to_vec() });
        }
        Ok(value)
    }
}
