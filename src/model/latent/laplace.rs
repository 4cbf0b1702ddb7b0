//! Laplace's approximation: a Gaussian at the mode of p(f | y, θ) with the curvature there.
//!
//! log Z = log p(y | f̂) − ½ âᵀ(f̂ − m) − ½ log |B|, â = K⁻¹(f̂ − m) (Rasmussen & Williams, eq. 3.32, algorithm 3.1).
//! Where the likelihood is not log-concave, the precision is the expected information instead of −∂² log p, which is
//! never negative (Hartmann & Vanhatalo 2019); the way to the mode goes by the observed one.
//!
//! Gradient: f̂ moves with θ. With s = ∂(−½ log |B|)/∂f̂ and u = (I + WK)⁻¹ s, W = −∂² log p,
//! ∂ log Z/∂K = ½ (ââᵀ − R) + ½ (u âᵀ + â uᵀ), ∂ log Z/∂m = â + u (algorithm 5.1, in weights for K).

use super::LatentModel;
use super::blocks::lift;
use super::gaussian::Gaussian;
use super::sites::State;
use crate::likelihood::Derivatives;
use crate::{Error, Result};
use faer::linalg::solvers::Solve;
use faer::{Mat, MatMut};

/// Newton steps before a mode counts as not found.
const MOST_STEPS: usize = 200;
/// Change of a latent value, in posterior standard deviations, below which the mode is found.
const TOLERANCE: f64 = 1e-9;
/// Change that counts as rounding where the density rises no more.
const ROUNDING: f64 = 1e-5;
const MOST_HALVINGS: usize = 30;

/// Memory of the mode search.
#[derive(Debug)]
pub(super) struct LaplaceScratch {
    at: Derivatives,
    f: Vec<f64>,
    gradient: Vec<f64>,
    next_a: Vec<f64>,
    next_mean: Vec<f64>,
    trial: Vec<f64>,
}

impl LaplaceScratch {
    pub(super) fn new(model: &LatentModel) -> Self {
        let zeros = || vec![0.0; model.size()];
        Self {
            at: Derivatives::new(model.latents(), model.structure.of_likelihood.len()),
            f: vec![0.0; model.latents()],
            gradient: zeros(),
            next_a: zeros(),
            next_mean: zeros(),
            trial: zeros(),
        }
    }
}

/// Moves `state` to the mode. The sites are those of Laplace's Gaussian, up to the last step's change.
///
/// # Errors
/// [`Error::NotFiniteValue`] where the likelihood overflows; [`Error::NotSettled`].
pub(super) fn find_mode(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &mut Gaussian,
    state: &mut State,
    scratch: &mut LaplaceScratch,
    tolerance: f64,
) -> Result<()> {
    let mut objective = log_joint(model, phi, state, &state.mean, &state.a, &mut scratch.f);
    if !objective.is_finite() {
        state.mean.fill(0.0);
        state.a.fill(0.0);
        objective = log_joint(model, phi, state, &state.mean, &state.a, &mut scratch.f);
    }
    for _ in 0..MOST_STEPS {
        let (n, l) = (gaussian.rows, gaussian.latents);
        set_sites(model, phi, state, scratch, Curvature::Observed);
        gaussian.set_precision(&state.sites.precision)?;
        gaussian.solve(&state.sites.shift, &mut scratch.next_a, &mut scratch.next_mean);
        // A Newton step can overshoot: halve it until the density rises.
        let mut share = 1.0;
        let mut reached = f64::NEG_INFINITY;
        for _ in 0..MOST_HALVINGS {
            blend(&state.mean, &scratch.next_mean, share, &mut scratch.trial);
            blend(&state.a, &scratch.next_a, share, &mut scratch.gradient);
            reached = log_joint(model, phi, state, &scratch.trial, &scratch.gradient, &mut scratch.f);
            if reached >= objective - 1e-12 * (1.0 + objective.abs()) {
                break;
            }
            share *= 0.5;
        }
        if !reached.is_finite() {
            return Err(Error::NotFiniteValue { what: "log likelihood at the latent mode" });
        }
        let mut change = 0.0f64;
        for (i, block) in state.sites.precision.chunks(l * l).enumerate() {
            for c in 0..l {
                let moved = (scratch.trial[c * n + i] - state.mean[c * n + i]).abs();
                change = change.max(moved * (block[c * l + c] + 1.0 / prior_variance(gaussian, c, i)).sqrt());
            }
        }
        state.mean.copy_from_slice(&scratch.trial);
        state.a.copy_from_slice(&scratch.gradient);
        let risen = reached - objective;
        objective = reached;
        // Of precise observations a latent value has fewer digits than the tolerance asks for.
        let at_rounding = change <= ROUNDING && risen <= 1e-13 * (1.0 + objective.abs());
        if change <= tolerance || at_rounding {
            if !model.structure.likelihood.is_log_concave() {
                set_sites(model, phi, state, scratch, Curvature::OfGaussian);
            }
            return Ok(());
        }
    }
    Err(Error::NotSettled { what: "Newton's method for the mode of the latent values", steps: MOST_STEPS })
}

fn prior_variance(gaussian: &Gaussian, c: usize, i: usize) -> f64 {
    gaussian.grams[c.min(gaussian.grams.len() - 1)][(i, i)].max(1e-300)
}

fn blend(from: &[f64], to: &[f64], share: f64, out: &mut [f64]) {
    for ((o, a), b) in out.iter_mut().zip(from).zip(to) {
        *o = a + share * (b - a);
    }
}

/// log p(y | f) − ½ aᵀ(f − m).
fn log_joint(model: &LatentModel, phi: &[f64], state: &State, mean: &[f64], a: &[f64], f: &mut [f64]) -> f64 {
    let n = model.rows();
    let mut total = 0.0;
    for (i, at) in model.observations.iter().enumerate() {
        for (c, f) in f.iter_mut().enumerate() {
            *f = state.prior_mean[c * n + i] + mean[c * n + i];
        }
        total += model.structure.likelihood.log_density(phi, *at, f);
    }
    total - 0.5 * a.iter().zip(mean).map(|(a, g)| a * g).sum::<f64>()
}

/// Which precision sites take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Curvature {
    /// That of Laplace's Gaussian.
    OfGaussian,
    /// −∂² log p with its negative eigenvalues at nought: what Newton's method needs. Steps by the expected information
    /// of a likelihood that is not log-concave are too long among many inliers, by (ν+3)/ν for Student's t, and swing about
    /// the mode for ever.
    Observed,
}

/// Sites at the present mean: T = W, η = W g + ∂ log p.
fn set_sites(
    model: &LatentModel,
    phi: &[f64],
    state: &mut State,
    scratch: &mut LaplaceScratch,
    curvature: Curvature,
) {
    let (n, l) = (model.rows(), model.latents());
    let likelihood = &model.structure.likelihood;
    // Of a log-concave likelihood both are the same, or the observed one says nothing (Laplace's noise).
    let is_observed = curvature == Curvature::Observed && !likelihood.is_log_concave();
    for (i, at) in model.observations.iter().enumerate() {
        state.latent(i, n, &mut scratch.f);
        likelihood.derivatives(phi, *at, &scratch.f, &mut scratch.at);
        let block = &mut scratch.at.curvature;
        if is_observed {
            block.iter_mut().zip(&scratch.at.hessian).for_each(|(w, h)| *w = -h);
            lift(block, l, 0.0);
        }
        state.sites.precision[i * l * l..(i + 1) * l * l].copy_from_slice(block);
        for c in 0..l {
            let along: f64 = (0..l).map(|d| block[c * l + d] * state.mean[d * n + i]).sum();
            state.sites.shift[c * n + i] = along + scratch.at.gradient[c];
        }
    }
}

/// The mode, the Gaussian there and log Z. `implicit` becomes u; adds ∂ log Z/∂φ to `phi_gradient`.
pub(super) fn solve(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &mut Gaussian,
    state: &mut State,
    scratch: &mut LaplaceScratch,
    implicit: &mut [f64],
    phi_gradient: &mut [f64],
) -> Result<f64> {
    find_mode(model, phi, gaussian, state, scratch, TOLERANCE)?;
    set_sites(model, phi, state, scratch, Curvature::OfGaussian);
    state.refresh(gaussian)?;
    let (n, l) = (gaussian.rows, gaussian.latents);
    let mut value = -0.5 * state.a.iter().zip(&state.mean).map(|(a, g)| a * g).sum::<f64>();
    // s, with the observed W for likelihoods that are not log-concave.
    let mut observed = Vec::new();
    for (i, at) in model.observations.iter().enumerate() {
        state.latent(i, n, &mut scratch.f);
        let at_f = &mut scratch.at;
        model.structure.likelihood.derivatives(phi, *at, &scratch.f, at_f);
        value += at_f.value;
        let block = &gaussian.covariance[i * l * l..(i + 1) * l * l];
        let trace =
            |matrix: &mut dyn Iterator<Item = f64>| -0.5 * matrix.zip(block).map(|(w, s)| w * s).sum::<f64>();
        for c in 0..l {
            implicit[c * n + i] = trace(&mut (0..l * l).map(|k| at_f.curvature_by_f[k * l + c]));
        }
        for (p, gradient) in phi_gradient.iter_mut().enumerate() {
            *gradient +=
                at_f.value_by[p] + trace(&mut at_f.curvature_by[p * l * l..(p + 1) * l * l].iter().copied());
        }
        if !model.structure.likelihood.is_log_concave() {
            observed.extend(at_f.hessian.iter().map(|h| -h));
        }
    }
    value -= gaussian.half_log_determinant();
    if model.structure.likelihood.is_log_concave() {
        // (I + WK)⁻¹ s = s − R K s.
        gaussian.times_k(implicit, &mut scratch.next_mean);
        gaussian.times_r(&scratch.next_mean, &mut scratch.next_a);
        implicit.iter_mut().zip(&scratch.next_a).for_each(|(s, r)| *s -= r);
    } else {
        solve_observed(gaussian, &observed, implicit);
    }
    // φ moves the mode by Σ ∂(∂ log p/∂f)/∂φ.
    if !phi_gradient.is_empty() {
        gaussian.times_k(implicit, &mut scratch.next_mean);
        for (i, at) in model.observations.iter().enumerate() {
            state.latent(i, n, &mut scratch.f);
            model.structure.likelihood.derivatives(phi, *at, &scratch.f, &mut scratch.at);
            for (p, gradient) in phi_gradient.iter_mut().enumerate() {
                *gradient += (0..l)
                    .map(|c| scratch.next_mean[c * n + i] * scratch.at.gradient_by[p * l + c])
                    .sum::<f64>();
            }
        }
    }
    Ok(value)
}

/// (I + WK)⁻¹ s with an indefinite W: the one place where a general factorisation is needed.
fn solve_observed(gaussian: &Gaussian, observed: &[f64], s: &mut [f64]) {
    let (n, l) = (gaussian.rows, gaussian.latents);
    let place = |c: usize| c.min(gaussian.grams.len() - 1);
    let matrix = Mat::from_fn(n * l, n * l, |row, column| {
        let (a, i, b, j) = (row / n, row % n, column / n, column % n);
        let identity = if row == column { 1.0 } else { 0.0 };
        identity + observed[(i * l + a) * l + b] * gaussian.grams[place(b)][(i, j)]
    });
    let size = s.len();
    matrix.partial_piv_lu().solve_in_place(MatMut::from_column_major_slice_mut(s, size, 1));
}
