//! Everything that the next iteration depends on.

use super::StepControl;
use super::curvature::ScoreDifferences;
use crate::model::{InducingGaussian, SparseModel};
use crate::stein::{IterationReport, Optimiser, OptimiserState};
use faer::Mat;
use serde::{Deserialize, Serialize};

/// A point θ with a Gaussian for the inducing values.
#[derive(Debug, Clone)]
pub struct Particle {
    /// Free parameters, unconstrained, length d.
    pub z: Vec<f64>,
    /// q(v).
    pub q: InducingGaussian,
    /// The mean of the function at Z without its prior mean, length L M: what a step of θ leaves as it is.
    pub values: Vec<f64>,
}

/// What a fit does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    WarmUp,
    Particles,
    Settle,
}

/// The state between two iterations.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub stage: Stage,
    /// Iterations so far, over all stages: also the number of the next minibatch.
    pub iteration: u64,
    /// Iterations of this stage so far.
    pub of_stage: usize,
    pub inducing: Mat<f64>,
    /// The climbing point, later the anchor.
    pub centre: Particle,
    pub particles: Vec<Particle>,
    /// Of the centre in the warm-up, of all particles later.
    pub optimiser: OptimiserState,
    /// Of the inducing inputs.
    pub of_inducing: OptimiserState,
    pub step: StepControl,
    /// Iterations since q(v) of the centre began at the prior.
    pub of_gaussian: usize,
    /// Moving average of the centre's θ.
    pub average: Vec<f64>,
    /// The average when a tenth of the warm-up was left.
    pub earlier: Vec<f64>,
    /// The anchor's score with many rows.
    pub anchor_score: Vec<f64>,
    /// The bound with all rows at the mode, where noise is Gaussian.
    pub bound: Option<f64>,
    /// −∂²ℓ/∂w² near the mode (d×d, row by row), where it was looked at.
    pub curvature: Vec<f64>,
    pub differences: ScoreDifferences,
    /// Spread of the coordinates in which particles move, d×d row by row: z = centre + spread · whitened.
    pub spread: Vec<f64>,
    pub trace: Vec<IterationReport>,
    pub climb: Vec<f64>,
    pub evaluations: usize,
    pub failures: usize,
    /// Iterations in a row in which nothing could be evaluated.
    pub failed_in_a_row: usize,
    pub max_jitter: f64,
}

impl State {
    /// Before the first iteration.
    pub fn new(model: &SparseModel) -> Self {
        let z = model.layout().start();
        let d = z.len();
        Self {
            stage: Stage::WarmUp,
            iteration: 0,
            of_stage: 0,
            inducing: model.inducing().to_owned(),
            step: StepControl::new(&z),
            bound: None,
            curvature: Vec::new(),
            average: z.clone(),
            earlier: Vec::new(),
            centre: Particle {
                z,
                q: InducingGaussian::prior(model.latents(), model.size()),
                values: vec![0.0; model.latents() * model.size()],
            },
            particles: Vec::new(),
            optimiser: OptimiserState::new(Optimiser::ADAM, d),
            of_inducing: OptimiserState::new(Optimiser::ADAM, model.size() * model.dim()),
            of_gaussian: 0,
            anchor_score: vec![0.0; d],
            differences: ScoreDifferences::new(0, d),
            spread: Vec::new(),
            trace: Vec::new(),
            climb: Vec::new(),
            evaluations: 0,
            failures: 0,
            failed_in_a_row: 0,
            max_jitter: 0.0,
        }
    }
}
