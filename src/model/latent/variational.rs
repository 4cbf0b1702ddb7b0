//! The Gaussian q(f) with the largest evidence lower bound (Opper & Archambeau 2009).
//!
//! At the optimum q has the form (K⁻¹ + T)⁻¹ with T = −E_q ∂² log p: N numbers instead of N². A natural-gradient step
//! of length ρ moves the sites' natural parameters a share ρ of the way to T* = −E ∂² log p, η* = T* g + E ∂ log p (Khan &
//! Lin 2017, eq. 10), and
//!
//! bound = Σ E log p(y_i | f_i) − ½ [tr B⁻¹ + aᵀKa − n + log |B|].
//!
//! Where E ∂² log p has a positive eigenvalue (likelihoods that are not log-concave), T is held at a floor.

use super::LatentModel;
use super::acceleration::Anderson;
use super::blocks::{Lifted, lift};
use super::gaussian::Gaussian;
use super::sites::{Sites, State};
use crate::likelihood::{Expectations, LatentGaussian};
use crate::{Error, Result};

const MOST_STEPS: usize = 150;
/// Distance from the fixed point, in posterior standard deviations and variances. Since the bound is stationary there, its
/// error is of the square of this, and that of the gradient of this.
const TOLERANCE: f64 = 1e-5;
const SHORTEST_STEP: f64 = 1e-4;
/// Fall of the bound, relative to it, that is rounding.
const ROUNDING: f64 = 1e-7;
/// Distance that is near enough where no step makes the bound larger.
const NEARLY: f64 = 3e-5;
/// Precision that an observation has at the least.
const FLOOR: f64 = 1e-10;

/// Memory of the search.
#[derive(Debug)]
pub(super) struct VariationalScratch {
    at: Expectations,
    f: Vec<f64>,
    target: Sites,
    best: Sites,
    anderson: Anderson,
}

impl VariationalScratch {
    pub(super) fn new(model: &LatentModel) -> Self {
        let (rows, latents) = (model.rows(), model.latents());
        Self {
            at: Expectations::new(latents, model.structure.of_likelihood.len()),
            f: vec![0.0; latents],
            target: Sites::none(rows, latents),
            best: Sites::none(rows, latents),
            anderson: Anderson::new(rows, latents),
        }
    }
}

/// A direction of a row's latent values in which the precision was held at its floor.
#[derive(Debug)]
pub(super) struct Held {
    pub row: usize,
    pub lifted: Lifted,
}

/// The optimum from the present sites, and the bound. `held` lists what the floor held; adds ∂ bound/∂φ.
///
/// # Errors
/// [`Error::NotFiniteValue`] where an expectation is not finite; [`Error::NotSettled`].
pub(super) fn solve(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &mut Gaussian,
    state: &mut State,
    scratch: &mut VariationalScratch,
    held: &mut Vec<Held>,
    phi_gradient: &mut [f64],
) -> Result<f64> {
    let (mut step, mut best) = (1.0f64, f64::NEG_INFINITY);
    scratch.anderson.restart();
    for _ in 0..MOST_STEPS {
        state.refresh(gaussian)?;
        let (bound, distance) = look(model, phi, gaussian, state, scratch, held);
        if !bound.is_finite() {
            if best == f64::NEG_INFINITY {
                return Err(Error::NotFiniteValue { what: "evidence lower bound" });
            }
        } else if distance <= TOLERANCE {
            add_phi(model, phi, gaussian, state, scratch, phi_gradient);
            return Ok(bound);
        }
        if bound.is_finite() && bound >= best - ROUNDING * (1.0 + best.abs()) {
            best = best.max(bound);
            scratch.best.copy_from(&state.sites);
            step = (1.5 * step).min(1.0);
            if step < 1.0 {
                state.sites.move_towards(&scratch.target, step);
            } else {
                scratch.anderson.advance(&mut state.sites, &scratch.target, gaussian);
            }
            continue;
        }
        // Too far: back, and half of it.
        step *= 0.5;
        scratch.anderson.restart();
        state.sites.copy_from(&scratch.best);
        state.refresh(gaussian)?;
        let (bound, distance) = look(model, phi, gaussian, state, scratch, held);
        if step < SHORTEST_STEP {
            // No step helps any more: the bound is as large as rounding lets it be, or the search has gone astray.
            if distance > NEARLY {
                break;
            }
            add_phi(model, phi, gaussian, state, scratch, phi_gradient);
            return Ok(bound);
        }
        state.sites.move_towards(&scratch.target, step);
    }
    Err(Error::NotSettled { what: "variational Gaussian of the latent values", steps: MOST_STEPS })
}

/// The bound at the present sites, the sites that a full step leads to, and how far those are.
fn look(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &Gaussian,
    state: &State,
    scratch: &mut VariationalScratch,
    held: &mut Vec<Held>,
) -> (f64, f64) {
    let (n, l) = (gaussian.rows, gaussian.latents);
    let square = l * l;
    held.clear();
    let (mut bound, mut distance, mut explained) = (0.0, 0.0f64, 0.0);
    for (i, at) in model.observations.iter().enumerate() {
        state.latent(i, n, &mut scratch.f);
        let covariance = &gaussian.covariance[i * square..(i + 1) * square];
        let q = LatentGaussian { mean: &scratch.f, covariance };
        model.structure.likelihood.expectations(phi, *at, q, &mut scratch.at);
        bound += scratch.at.value;
        let target = &mut scratch.target.precision[i * square..(i + 1) * square];
        target.iter_mut().zip(&scratch.at.hessian).for_each(|(t, h)| *t = -h);
        held.extend(lift(target, l, FLOOR).into_iter().map(|lifted| Held { row: i, lifted }));
        let present = &state.sites.precision[i * square..(i + 1) * square];
        explained += present.iter().zip(covariance).map(|(t, s)| t * s).sum::<f64>();
        for c in 0..l {
            let sd = covariance[c * l + c].sqrt();
            let along: f64 = (0..l).map(|d| target[c * l + d] * state.mean[d * n + i]).sum();
            scratch.target.shift[c * n + i] = along + scratch.at.gradient[c];
            distance = distance.max((scratch.at.gradient[c] - state.a[c * n + i]).abs() * sd);
            for d in 0..l {
                let scale = sd * covariance[d * l + d].sqrt();
                distance = distance.max((target[c * l + d] - present[c * l + d]).abs() * scale);
            }
        }
    }
    // tr B⁻¹ = n − tr TΣ.
    let quadratic: f64 = state.a.iter().zip(&state.mean).map(|(a, g)| a * g).sum();
    bound -= 0.5 * (quadratic - explained) + gaussian.half_log_determinant();
    (bound, if distance.is_nan() { f64::INFINITY } else { distance })
}

fn add_phi(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &Gaussian,
    state: &State,
    scratch: &mut VariationalScratch,
    phi_gradient: &mut [f64],
) {
    if phi_gradient.is_empty() {
        return;
    }
    let square = gaussian.latents * gaussian.latents;
    for (i, at) in model.observations.iter().enumerate() {
        state.latent(i, gaussian.rows, &mut scratch.f);
        let covariance = &gaussian.covariance[i * square..(i + 1) * square];
        let q = LatentGaussian { mean: &scratch.f, covariance };
        model.structure.likelihood.expectations(phi, *at, q, &mut scratch.at);
        phi_gradient.iter_mut().zip(&scratch.at.value_by).for_each(|(g, v)| *g += v);
    }
}
