//! How far the Gaussian for ν | θ is from the truth, and what that does to the weight of θ.
//!
//! With draws f_s from the Gaussian q, the ratio of the true evidence to the approximate one is the mean of
//! exp(w_s), w_s = Σ [log p(y_i | f_si) − log site_i(f_si)] + log Z_sites − log Z: both densities hold the same prior
//! N(f; m, K), which cancels. O(N) a draw once it is there; a draw costs O(n²) (Matheron's rule: a prior draw, moved to
//! the sites).

use super::marginal::{Marginal, MarginalWorkspace};
use crate::Result;
use crate::linalg::elementwise::add_scaled;
use crate::linalg::factor_with_jitter;
use crate::model::Model;
use faer::{Mat, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

/// What importance sampling says about the Gaussian at one θ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correction {
    /// log Z, the approximate evidence.
    pub log_z: f64,
    /// log (true evidence / approximate evidence).
    pub log_evidence: f64,
    /// Standard error of it.
    pub standard_error: f64,
    /// Share of the draws that count: (Σ w)² / (S Σ w²).
    pub efficiency: f64,
}

impl Marginal<'_> {
    /// The correction at θ from `draws` draws. Cost: one fit of the Gaussian, one Cholesky a process, O(n²) a draw.
    ///
    /// # Errors
    /// Recoverable ones where there is no Gaussian at `theta` or K has no factor.
    pub fn correction(&self, theta: &[f64], draws: usize, seed: u64) -> Result<Correction> {
        let model = self.model();
        let mut workspace = self.workspace(Par::Seq);
        let mut phi_gradient = vec![0.0; model.structure.of_likelihood.len()];
        let log_z = self.solve(theta, &mut phi_gradient, &mut workspace)?;
        let MarginalWorkspace { gaussian, state, .. } = &mut workspace;
        // The approximations end within rounding of their fixed point; what follows must be one Gaussian exactly.
        state.refresh(gaussian)?;
        let (n, l) = (model.rows(), model.latents());
        let of_sites = 0.5 * state.sites.shift.iter().zip(&state.mean).map(|(s, m)| s * m).sum::<f64>()
            - gaussian.half_log_determinant();
        let mut factors = Vec::new();
        for gram in &gaussian.grams {
            let mut factor = Mat::zeros(n, n);
            let fill = |mut out: faer::MatMut<'_, f64>| out.copy_from(gram);
            factor_with_jitter("K(X,X)", factor.as_mut(), fill, Par::Seq)?;
            factors.push(factor);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let phi = model.likelihood_parameters(theta);
        let (mut noise, mut g, mut pulled) = (vec![0.0; n * l], vec![0.0; n * l], vec![0.0; n * l]);
        let (mut solved, mut back) = (vec![0.0; n * l], vec![0.0; n * l]);
        let mut f = vec![0.0; l];
        let mut logs = Vec::with_capacity(draws);
        for _ in 0..draws {
            noise.iter_mut().for_each(|e| *e = normal());
            for c in 0..l {
                let factor = &factors[model.place(c)];
                let out = &mut g[c * n..(c + 1) * n];
                out.fill(0.0);
                for j in 0..n {
                    add_scaled(&mut out[j..], noise[c * n + j], &factor.col_as_slice(j)[j..]);
                }
            }
            // g + Σ (η − T g − C ε), Σ v = K (v − R K v).
            noise.iter_mut().for_each(|e| *e = normal());
            for i in 0..n {
                let (root, block) = (&gaussian.roots[i * l * l..], &state.sites.precision[i * l * l..]);
                for c in 0..l {
                    let spread: f64 = (0..=c).map(|a| root[c * l + a] * noise[a * n + i]).sum();
                    let along: f64 = (0..l).map(|d| block[c * l + d] * g[d * n + i]).sum();
                    pulled[c * n + i] = state.sites.shift[c * n + i] - along - spread;
                }
            }
            gaussian.solve(&pulled, &mut solved, &mut back);
            g.iter_mut().zip(&back).for_each(|(g, b)| *g += b);
            let mut log_weight = of_sites - log_z;
            for (i, at) in model.observations.iter().enumerate() {
                (0..l).for_each(|c| f[c] = state.prior_mean[c * n + i] + g[c * n + i]);
                log_weight += model.structure.likelihood.log_density(phi, *at, &f);
                for c in 0..l {
                    let along: f64 =
                        (0..l).map(|d| state.sites.precision[(i * l + c) * l + d] * g[d * n + i]).sum();
                    log_weight -= g[c * n + i] * (state.sites.shift[c * n + i] - 0.5 * along);
                }
            }
            logs.push(log_weight);
        }
        Ok(summary(log_z, &logs))
    }
}

fn summary(log_z: f64, logs: &[f64]) -> Correction {
    let count = logs.len() as f64;
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (sum, squares) = logs.iter().fold((0.0, 0.0), |(sum, squares), log| {
        let weight = (log - largest).exp();
        (sum + weight, squares + weight * weight)
    });
    let efficiency = sum * sum / (count * squares);
    // Delta method: Var(log mean w) = Var(w) / (S mean²).
    let standard_error = ((1.0 / efficiency - 1.0).max(0.0) / count).sqrt();
    Correction { log_z, log_evidence: largest + (sum / count).ln(), standard_error, efficiency }
}
