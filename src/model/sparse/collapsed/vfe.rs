//! The variational bound: Λ = σ²/n I where each row counts n times, so that everything a sum over rows asks of A is in AAᵀ.
//!
//! Σ s_i = Σ k_ii − tr AAᵀ, Σ a_iᵀB⁻¹a_i/λ = M − tr B⁻¹, and the adjoint of K(Z, X) is one product of an M×M matrix with A, and
//! one of rank one: C̄ = L⁻ᵀ(I − B⁻¹)/λ · A + (L⁻ᵀm) αᵀ.

use super::CollapsedWorkspace;
use crate::linalg::products::{multiply, multiply_lower};
use crate::linalg::triangular::solve_upper;
use faer::{Accum, MatMut, MatRef};

/// AΛ⁻¹Aᵀ into `symmetric` and AΛ⁻¹e into `mean`, from A, e in `residual` and k_ii in `diagonal`. Returns what of the bound is known
/// by then, but for a constant.
pub(super) fn gather(sigma2: f64, count: f64, workspace: &mut CollapsedWorkspace) -> f64 {
    let CollapsedWorkspace { projection, rows, diagonal, noise, residual, mean, spread, par, .. } = workspace;
    let (n, m, weight) = (residual.len(), mean.len(), count / sigma2);
    noise.fill(sigma2 / count);
    let (symmetric, a) = (projection.symmetric.as_mut(), rows.as_ref());
    multiply_lower(symmetric, Accum::Replace, a, None, a, weight, *par);
    let explained = (0..m).map(|i| projection.symmetric[(i, i)]).sum::<f64>() / weight;
    *spread = (diagonal.iter().sum::<f64>() - explained).max(0.0);
    let residuals = MatRef::from_column_major_slice(residual, n, 1);
    let column = MatMut::from_column_major_slice_mut(mean, m, 1);
    multiply(column, Accum::Replace, rows.as_ref(), residuals, weight, *par);
    let squares = residual.iter().map(|e| e * e).sum::<f64>();
    -0.5 * count * (*spread / sigma2 + n as f64 * sigma2.ln()) - 0.5 * weight * squares
}

/// The adjoints of K_ZZ, K(Z, X) (but for the part of rank one) and k_ii, from B in `symmetric` and B⁻¹ in `factor`. Leaves α in
/// `residual` and L⁻ᵀm in `mean`. Returns the derivative in σ².
pub(super) fn scatter(sigma2: f64, count: f64, workspace: &mut CollapsedWorkspace) -> f64 {
    let CollapsedWorkspace { projection, rows, factor, residual, mean, by_spread, spread, par, .. } =
        workspace;
    let (n, m, weight, par) = (residual.len(), mean.len(), count / sigma2, *par);
    // α = (e − Aᵀm)/λ
    residual.iter_mut().for_each(|r| *r *= weight);
    let means = MatRef::from_column_major_slice(mean, m, 1);
    let column = MatMut::from_column_major_slice_mut(residual, n, 1);
    multiply(column, Accum::Add, rows.transpose(), means, -weight, par);
    by_spread.fill(-0.5 * weight);
    let squares = residual.iter().map(|a| a * a).sum::<f64>();
    let traced = weight * (m as f64 - (0..m).map(|i| factor[(i, i)]).sum::<f64>());
    // ½ Σ (α_i² − [K̃⁻¹]_ii) by λ = σ²/n, where [K̃⁻¹]_ii = 1/λ − a_iᵀB⁻¹a_i/λ²; the logarithm counts as often as the row.
    let by_noise = 0.5 * (squares + traced) / count - 0.5 * weight * n as f64
        + 0.5 * count * *spread / (sigma2 * sigma2);
    // −2 A w Aᵀ = AAᵀ/λ = B − I
    (0..m).for_each(|i| projection.symmetric[(i, i)] -= 1.0);
    workspace.adjoint_of_inducing();
    workspace.pull_mean();
    let CollapsedWorkspace { projection, rows, factor, adjoint, .. } = workspace;
    for j in 0..m {
        factor.col_as_slice_mut(j).iter_mut().for_each(|v| *v *= -weight);
        factor[(j, j)] += weight;
    }
    solve_upper(projection.factor.transpose(), factor.as_mut(), par);
    multiply(adjoint.as_mut(), Accum::Replace, factor.as_ref(), rows.as_ref(), 1.0, par);
    by_noise
}
