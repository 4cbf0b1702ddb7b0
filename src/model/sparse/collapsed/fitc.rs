//! The fully independent training conditional: each row has a noise of its own, Λ_i = σ² + s_i.

use super::CollapsedWorkspace;
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::products::{multiply, multiply_lower};
use crate::linalg::triangular::solve_upper;
use faer::Accum;

/// AΛ⁻¹Aᵀ into `symmetric` and AΛ⁻¹e into `mean`, from A, e in `residual` and k_ii in `diagonal`. Returns what of the evidence is known
/// by then, but for a constant.
pub(super) fn gather(sigma2: f64, workspace: &mut CollapsedWorkspace) -> f64 {
    let CollapsedWorkspace { projection, rows, diagonal, noise, residual, mean, par, .. } = workspace;
    let weights = &mut workspace.by_spread;
    let mut value = 0.0;
    mean.fill(0.0);
    for (i, (noise, spread)) in noise.iter_mut().zip(diagonal).enumerate() {
        let a = rows.col_as_slice(i);
        *noise = sigma2 + (*spread - dot(a, a)).max(0.0);
        let weight = noise.recip();
        add_scaled(mean, residual[i] * weight, a);
        weights[i] = weight;
        value -= 0.5 * (noise.ln() + residual[i] * residual[i] * weight);
    }
    let (symmetric, a) = (projection.symmetric.as_mut(), rows.as_ref());
    multiply_lower(symmetric, Accum::Replace, a, Some(weights), a, 1.0, *par);
    value
}

/// The adjoints of K_ZZ, K(Z, X) (but for the part of rank one) and k_ii, from B⁻¹ in `factor`. Leaves α in `residual` and L⁻ᵀm in
/// `mean`. Returns the derivative in σ².
pub(super) fn scatter(workspace: &mut CollapsedWorkspace) -> f64 {
    let CollapsedWorkspace {
        projection, rows, adjoint, factor, noise, residual, mean, by_spread, par, ..
    } = workspace;
    let par = *par;
    multiply(adjoint.as_mut(), Accum::Replace, factor.as_ref(), rows.as_ref(), 1.0, par);
    // α, the derivatives w_i = ½ (α_i² − [K̃⁻¹]_ii), and −B⁻¹AΛ⁻¹ − 2 A w.
    let mut by_noise = 0.0;
    for i in 0..residual.len() {
        let (a, inverse_a, weight) = (rows.col_as_slice(i), adjoint.col_as_slice_mut(i), noise[i].recip());
        residual[i] = weight * (residual[i] - dot(a, mean));
        let inverse = weight - weight * weight * dot(a, inverse_a);
        by_spread[i] = 0.5 * (residual[i] * residual[i] - inverse);
        by_noise += by_spread[i];
        inverse_a.iter_mut().for_each(|v| *v *= -weight);
        add_scaled(inverse_a, -2.0 * by_spread[i], a);
    }
    let (symmetric, a) = (projection.symmetric.as_mut(), rows.as_ref());
    multiply_lower(symmetric, Accum::Replace, a, Some(by_spread), a, -2.0, par);
    workspace.adjoint_of_inducing();
    workspace.pull_mean();
    let CollapsedWorkspace { projection, adjoint, .. } = workspace;
    solve_upper(projection.factor.transpose(), adjoint.as_mut(), par);
    by_noise
}
