//! The density of θ alone, with the latent values integrated out by a Gaussian: log Z(θ) ≈ log p(y | θ).
//!
//! Exact for a Gaussian likelihood, whichever approximation. All three have the same form of gradient in K, with what is
//! particular to each added to it; it comes back through the kernel's own adjoint.

use super::expectation::{self, ExpectationScratch};
use super::gaussian::Gaussian;
use super::laplace::{self, LaplaceScratch};
use super::sites::{Sites, State};
use super::variational::{self, Held, VariationalScratch};
use super::{LatentConditioned, LatentModel};
use crate::likelihood::Approximation;
use crate::linalg::inverse_from_factor;
use crate::model::Model;
use crate::parameter::Layout;
use crate::{Error, Result};
use faer::Par;
use std::ops::Range;

/// A latent model seen through a Gaussian for its latent values.
#[derive(Debug)]
pub struct Marginal<'m> {
    model: &'m LatentModel,
    approximation: Approximation,
    /// Where the search for the Gaussian starts at every θ: the sites at some θ in the mass. The same for all
    /// evaluations, so that none depends on those before it.
    anchor: Option<Sites>,
}

/// Memory of one thread.
#[derive(Debug)]
pub struct MarginalWorkspace {
    pub(super) gaussian: Gaussian,
    pub(super) state: State,
    laplace: LaplaceScratch,
    variational: VariationalScratch,
    expectation: ExpectationScratch,
    implicit: Vec<f64>,
    held: Vec<Held>,
}

impl<'m> Marginal<'m> {
    /// With an approximation; that of the likelihood where absent.
    pub fn new(model: &'m LatentModel, approximation: Option<Approximation>) -> Self {
        let approximation = approximation.unwrap_or_else(|| model.structure.likelihood.approximation());
        Self { model, approximation, anchor: None }
    }

    /// The latent model.
    pub fn model(&self) -> &'m LatentModel {
        self.model
    }

    /// Which Gaussian.
    pub fn approximation(&self) -> Approximation {
        self.approximation
    }

    /// Lets the searches for the Gaussian start from the one at `theta`, which saves steps where θ is near the mass.
    ///
    /// # Errors
    /// Recoverable ones where there is no Gaussian at `theta`.
    pub fn anchor(&mut self, theta: &[f64]) -> Result<()> {
        let mut workspace = self.workspace(Par::Seq);
        let mut phi = vec![0.0; self.model.structure.of_likelihood.len()];
        self.solve(theta, &mut phi, &mut workspace)?;
        self.anchor = Some(workspace.state.sites);
        Ok(())
    }

    /// log Z(θ) without its gradient.
    ///
    /// # Errors
    /// Recoverable ones where there is no Gaussian at `theta`.
    pub fn evidence(&self, theta: &[f64]) -> Result<f64> {
        let mut phi = vec![0.0; self.model.structure.of_likelihood.len()];
        self.solve(theta, &mut phi, &mut self.workspace(Par::Seq))
    }

    /// The model at one θ with the Gaussian for its latent values, ready to predict.
    ///
    /// # Errors
    /// Recoverable ones where there is no Gaussian at `theta`.
    pub fn condition(&self, theta: &[f64], par: Par) -> Result<LatentConditioned<'m>> {
        let mut workspace = self.workspace(par);
        let mut phi = vec![0.0; self.model.structure.of_likelihood.len()];
        self.solve(theta, &mut phi, &mut workspace)?;
        Ok(LatentConditioned::from_gaussian(self.model, theta, workspace.gaussian, workspace.state))
    }

    /// Finds the Gaussian at θ; returns log Z and adds its gradient in φ.
    pub(super) fn solve(
        &self,
        theta: &[f64],
        phi_gradient: &mut [f64],
        workspace: &mut MarginalWorkspace,
    ) -> Result<f64> {
        let model = self.model;
        let MarginalWorkspace { gaussian, state, laplace, variational, expectation, implicit, held } =
            workspace;
        let phi = model.likelihood_parameters(theta);
        gaussian.set_kernels(model, theta)?;
        model.prior_means(theta, &mut state.prior_mean);
        held.clear();
        implicit.fill(0.0);
        self.start(phi, gaussian, state, laplace)?;
        match self.approximation {
            Approximation::Laplace => {
                laplace::solve(model, phi, gaussian, state, laplace, implicit, phi_gradient)
            }
            Approximation::Variational => {
                variational::solve(model, phi, gaussian, state, variational, held, phi_gradient)
            }
            Approximation::Expectation if model.latents() > 1 => Err(Error::Invalid(format!(
                "expectation propagation is for one latent function, and likelihood {} has {}: choose another \
                 approximation",
                model.structure.likelihood.family().name(),
                model.latents()
            ))),
            Approximation::Expectation => {
                expectation::solve(model, phi, gaussian, state, expectation, phi_gradient)
            }
        }
    }

    /// Sites to start from: the anchor's, else those near the mode.
    fn start(
        &self,
        phi: &[f64],
        gaussian: &mut Gaussian,
        state: &mut State,
        scratch: &mut LaplaceScratch,
    ) -> Result<()> {
        /// The mode need not be known well where it is only a start.
        const ROUGHLY: f64 = 0.1;
        let laplace = self.approximation == Approximation::Laplace;
        match &self.anchor {
            Some(anchor) => {
                state.sites.copy_from(anchor);
                if laplace {
                    gaussian.set_precision(&state.sites.precision)?;
                    gaussian.solve(&state.sites.shift, &mut state.a, &mut state.mean);
                }
            }
            None => {
                state.a.fill(0.0);
                state.mean.fill(0.0);
                state.sites.precision.fill(0.0);
                state.sites.shift.fill(0.0);
                // Newton's method has no use for a kink.
                if !laplace && self.model.structure.likelihood.is_smooth() {
                    laplace::find_mode(self.model, phi, gaussian, state, scratch, ROUGHLY)?;
                }
            }
        }
        Ok(())
    }

    /// ∂/∂θ of the processes: K̄ = ½ (aaᵀ − R) + ½ (uaᵀ + auᵀ) + ½ (I − RK) D (I − KR), m̄ = a + u.
    fn add_process_gradients(&self, theta: &[f64], gradient: &mut [f64], workspace: &mut MarginalWorkspace) {
        let model = self.model;
        let MarginalWorkspace { gaussian, state, implicit, held, .. } = workspace;
        let (n, par) = (gaussian.rows, gaussian.par);
        let directions = held_directions(gaussian, held);
        inverse_from_factor(gaussian.factor.as_mut(), gaussian.work.as_mut(), par);
        // The kernel's workspace is lent out of the Gaussian, which the weights look into.
        for (place, placed) in model.structure.processes.iter().enumerate() {
            let functions = model.of_process(place);
            let mut adjoint = std::mem::take(gaussian.kernel_workspace(place));
            let lent = &*gaussian;
            let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
                out.fill(0.0);
                for c in functions.clone() {
                    let (a, u) = (&state.a[c * n..(c + 1) * n], &implicit[c * n..(c + 1) * n]);
                    add_minus_r(lent, c, j, rows.clone(), out);
                    let (a_j, u_j) = (a[j], u[j]);
                    for ((o, a), u) in out.iter_mut().zip(&a[rows.clone()]).zip(&u[rows.clone()]) {
                        *o += 0.5 * (a * (a_j + u_j) + u * a_j);
                    }
                    for (by, q) in &directions {
                        let q = &q[c * n..(c + 1) * n];
                        let q_j = 0.5 * by * q[j];
                        out.iter_mut().zip(&q[rows.clone()]).for_each(|(o, q)| *o += q_j * q);
                    }
                }
            };
            let kernel = &placed.process.kernel;
            kernel.gram_adjoint(
                &theta[placed.kernel.clone()],
                model.points(),
                &weights,
                &mut gradient[placed.kernel.clone()],
                None,
                &mut adjoint,
                par,
            );
            *gaussian.kernel_workspace(place) = adjoint;
            let mean_gradient = &mut gradient[placed.mean.clone()];
            for c in model.of_process(place) {
                let along = c * n..(c + 1) * n;
                placed.process.mean.adjoint(model.points(), &state.a[along.clone()], mean_gradient);
                placed.process.mean.adjoint(model.points(), &implicit[along], mean_gradient);
            }
        }
    }
}

/// (I − RK) times each held direction, with how much it was lifted. Only likelihoods that are not log-concave have any.
fn held_directions(gaussian: &mut Gaussian, held: &[Held]) -> Vec<(f64, Vec<f64>)> {
    let n = gaussian.rows;
    let size = n * gaussian.latents;
    let (mut product, mut solved) = (vec![0.0; size], vec![0.0; size]);
    held.iter()
        .map(|Held { row, lifted }| {
            let mut q = vec![0.0; size];
            lifted.direction.iter().enumerate().for_each(|(c, d)| q[c * n + row] = *d);
            gaussian.times_k(&q, &mut product);
            gaussian.times_r(&product, &mut solved);
            q.iter_mut().zip(&solved).for_each(|(q, r)| *q -= r);
            (lifted.by, q)
        })
        .collect()
}

/// Adds −½ R_ij for the rows i of column j within latent function c, where `factor` holds B⁻¹ (lower triangle).
fn add_minus_r(gaussian: &Gaussian, c: usize, j: usize, rows: Range<usize>, out: &mut [f64]) {
    let (n, l, roots) = (gaussian.rows, gaussian.latents, &gaussian.roots);
    if l == 1 {
        let (column, scale) = (&gaussian.factor.col_as_slice(j)[rows.clone()], 0.5 * roots[j]);
        for ((o, b), r) in out.iter_mut().zip(column).zip(&roots[rows]) {
            *o -= scale * r * b;
        }
        return;
    }
    let square = l * l;
    for (i, o) in rows.zip(out.iter_mut()) {
        let mut sum = 0.0;
        for a in 0..=c {
            for b in 0..=c {
                let (row, column) = (a * n + i, b * n + j);
                let entry = gaussian.factor[(row.max(column), row.min(column))];
                sum += roots[i * square + c * l + a] * entry * roots[j * square + c * l + b];
            }
        }
        *o -= 0.5 * sum;
    }
}

impl Model for Marginal<'_> {
    type Workspace = MarginalWorkspace;

    fn layout(&self) -> &Layout {
        self.model.layout()
    }

    fn workspace(&self, par: Par) -> MarginalWorkspace {
        let model = self.model;
        MarginalWorkspace {
            gaussian: Gaussian::new(model, par),
            state: State::new(model.rows(), model.latents()),
            laplace: LaplaceScratch::new(model),
            variational: VariationalScratch::new(model),
            expectation: ExpectationScratch::new(model),
            implicit: vec![0.0; model.size()],
            held: Vec::new(),
        }
    }

    fn log_likelihood(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        workspace: &mut MarginalWorkspace,
    ) -> Result<f64> {
        let phi = self.model.structure.of_likelihood.clone();
        let value = self.solve(theta, &mut gradient[phi], workspace)?;
        self.add_process_gradients(theta, gradient, workspace);
        Ok(value)
    }

    /// B needs none.
    fn jitter(_: &MarginalWorkspace) -> f64 {
        0.0
    }
}
