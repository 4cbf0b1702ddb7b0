//! Expectation propagation, all sites at a time (Minka 2001; Rasmussen & Williams, section 3.6).
//!
//! Each site is the Gaussian that gives the tilted distribution p(y_i | f_i) q_{−i}(f_i) its first two moments. With
//! Φ(η, τ) = ½ (η²/τ − log τ), cavities (η₋, τ₋) and marginals,
//!
//! log Z = ½ ηᵀΣη − ½ log |B| + Σ [log Ẑ_i + Φ(cavity_i) − Φ(marginal_i)].
//!
//! At the fixed point log Z is stationary in the sites (Seeger 2005), so that its gradient is that at fixed sites:
//! ∂/∂K = ½ (aaᵀ − R), ∂/∂m = a, ∂/∂φ = Σ ∂ log Ẑ_i/∂φ.

use super::LatentModel;
use super::acceleration::Anderson;
use super::gaussian::Gaussian;
use super::sites::{Sites, State};
use crate::likelihood::Tilted;
use crate::{Error, Result};

const MOST_STEPS: usize = 150;
/// Distance from the fixed point, in posterior standard deviations and variances. Since log Z is stationary there, its
/// error is of the square of this, and that of the gradient of this.
const TOLERANCE: f64 = 1e-5;
/// Precision that an observation has at the least.
const FLOOR: f64 = 1e-10;
const SHORTEST_STEP: f64 = 0.02;

/// Memory of the search.
#[derive(Debug)]
pub(super) struct ExpectationScratch {
    at: Tilted,
    target: Sites,
    anderson: Anderson,
    phi: Vec<f64>,
}

impl ExpectationScratch {
    pub(super) fn new(model: &LatentModel) -> Self {
        let parameters = model.structure.of_likelihood.len();
        Self {
            at: Tilted::new(parameters),
            target: Sites::none(model.rows(), model.latents()),
            anderson: Anderson::new(model.rows(), model.latents()),
            phi: vec![0.0; parameters],
        }
    }
}

/// The fixed point from the present sites, and log Z there; adds ∂ log Z/∂φ.
///
/// # Errors
/// [`Error::NotFiniteValue`] where a moment is not finite; [`Error::NotSettled`].
pub(super) fn solve(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &mut Gaussian,
    state: &mut State,
    scratch: &mut ExpectationScratch,
    phi_gradient: &mut [f64],
) -> Result<f64> {
    let (mut step, mut last) = (1.0f64, f64::INFINITY);
    scratch.anderson.restart();
    for _ in 0..MOST_STEPS {
        state.refresh(gaussian)?;
        let (value, distance) = look(model, phi, gaussian, state, scratch);
        if !distance.is_finite() {
            return Err(Error::NotFiniteValue { what: "moments of expectation propagation" });
        }
        if distance <= TOLERANCE {
            phi_gradient.iter_mut().zip(&scratch.phi).for_each(|(g, p)| *g += p);
            return Ok(value);
        }
        if distance < last {
            scratch.anderson.advance(&mut state.sites, &scratch.target, gaussian);
        } else {
            // Parallel updates can swing: shorter steps do not.
            step = (0.7 * step).max(SHORTEST_STEP);
            scratch.anderson.restart();
            state.sites.move_towards(&scratch.target, step);
        }
        last = distance;
    }
    Err(Error::NotSettled { what: "expectation propagation", steps: MOST_STEPS })
}

/// log Z at the present sites, the sites that match the tilted moments, and how far those are.
fn look(
    model: &LatentModel,
    phi: &[f64],
    gaussian: &Gaussian,
    state: &State,
    scratch: &mut ExpectationScratch,
) -> (f64, f64) {
    let log_partition = |shift: f64, precision: f64| 0.5 * (shift * shift / precision - precision.ln());
    scratch.phi.fill(0.0);
    let sites = &state.sites;
    let (mut value, mut distance) = (0.0, 0.0f64);
    for (i, at) in model.observations.iter().enumerate() {
        let (variance, mean) = (gaussian.covariance[i], state.mean[i]);
        let (precision, shift) = (1.0 / variance, mean / variance);
        // The cavity is never wider than the prior.
        let cavity = (precision - sites.precision[i]).max(1.0 / gaussian.grams[0][(i, i)]);
        let cavity_shift = shift - sites.shift[i];
        let (cavity_mean, cavity_variance) = (cavity_shift / cavity, 1.0 / cavity);
        let tilted = &mut scratch.at;
        model.structure.likelihood.tilted(
            phi,
            *at,
            cavity_mean + state.prior_mean[i],
            cavity_variance,
            tilted,
        );
        value += tilted.log_z + log_partition(cavity_shift, cavity) - log_partition(shift, precision);
        scratch.phi.iter_mut().zip(&tilted.log_z_by).for_each(|(p, z)| *p += z);
        // Matched moments: variance v + v²c, mean μ + v s.
        let shrunk = (1.0 + cavity_variance * tilted.curvature).max(1e-10);
        let target = (-tilted.curvature / shrunk).max(FLOOR);
        let matched = cavity_mean + cavity_variance * tilted.slope;
        let target_shift = matched * (target + cavity) - cavity_shift;
        distance = worst(distance, (target - sites.precision[i]).abs() * variance);
        distance = worst(
            distance,
            (target_shift - sites.shift[i] - (target - sites.precision[i]) * mean).abs() * variance.sqrt(),
        );
        scratch.target.precision[i] = target;
        scratch.target.shift[i] = target_shift;
    }
    value += 0.5 * sites.shift.iter().zip(&state.mean).map(|(s, m)| s * m).sum::<f64>();
    value -= gaussian.half_log_determinant();
    (value, if value.is_finite() { distance } else { f64::INFINITY })
}

/// The larger of the two; not a number if either is not.
fn worst(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}
