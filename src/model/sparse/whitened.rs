//! The density of parameters and whitened inducing values (θ, v) of a sparse model, from a batch of rows:
//!
//! log p(v) + scale × Σ_batch E_{N(f | m_i, s_i)} log p(y_i | f), with m_i = m(x_i) + a_iᵀv and s_i = k_ii − |a_i|²
//! (Hensman et al. 2015, section 4; Pinder et al., eq. 10). Its prior on v, N(0, I), stands in the layout.
//!
//! With slopes g and D of the expectations in mean and variance, W = L⁻ᵀA and β = L⁻ᵀv: v̄ = A g, C̄ = β gᵀ − 2 W D, and
//! K̄_ZZ = W D Wᵀ plus the adjoint of the mean, which is of rank one and costs O(M²) before its triangular product.
//! Cost: about 0.5 M³ + 1.5 M²B multiplications and additions.

use super::SparseModel;
use super::expectations::Terms;
use super::projection::{OfCross, Projection};
use crate::kernel::Points;
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::products::multiply_lower;
use crate::linalg::threads;
use crate::linalg::triangular::solve_upper;
use crate::model::Model;
use crate::model::cholesky_adjoint::{self, RankOne};
use crate::parameter::{Layout, Parameter, Prior};
use crate::rows::Batch;
use crate::{Error, Result};
use faer::{Accum, Mat, MatMut, Par};
use std::sync::{Arc, PoisonError, RwLock};

/// The density of (θ, v) on the present batch. All evaluations see the same batch until another one is set.
#[derive(Debug)]
pub struct Whitened<'m> {
    model: &'m SparseModel,
    layout: Layout,
    batch: RwLock<Arc<(Batch, f64)>>,
}

/// Memory of one thread.
#[derive(Debug)]
pub struct WhitenedWorkspace {
    projections: Vec<Projection>,
    rows: Vec<Mat<f64>>,
    diagonal: Vec<Vec<f64>>,
    terms: Terms,
    by_diagonal: Vec<f64>,
    by_column: Vec<f64>,
    pulled: Vec<f64>,
    beta: Vec<f64>,
    par: Par,
}

impl<'m> Whitened<'m> {
    /// The density of (θ, v) of a model, on one batch whose sum counts `scale` times; another one follows by
    /// [`Whitened::set_batch`].
    ///
    /// # Errors
    /// Those of a layout.
    pub fn new(model: &'m SparseModel, batch: Batch, scale: f64) -> Result<Self> {
        let latents = model.latents();
        let path = |c: usize, i: usize| {
            if latents == 1 { format!("v[{i}]") } else { format!("v.{c}[{i}]") }
        };
        let values = (0..latents).flat_map(|c| (0..model.size()).map(move |i| (c, i)));
        let standard = Prior::Normal { mean: 0.0, sd: 1.0 };
        let values = values.map(|(c, i)| Parameter::real(path(c, i), 0.0, standard));
        let theta = model.layout().parameters().iter().cloned();
        let layout = Layout::new(theta.chain(values).collect())?;
        Ok(Self { model, layout, batch: RwLock::new(Arc::new((batch, scale))) })
    }

    /// The sparse model.
    pub fn model(&self) -> &'m SparseModel {
        self.model
    }

    /// The number of free parameters among θ: coordinates before those of the inducing values.
    pub fn theta_dim(&self) -> usize {
        self.model.layout().dim()
    }

    /// Puts another batch in place of the present one, whose sum counts `scale` times.
    pub fn set_batch(&self, batch: Batch, scale: f64) {
        *self.batch.write().unwrap_or_else(PoisonError::into_inner) = Arc::new((batch, scale));
    }

    /// The present batch and its scale.
    fn batch(&self) -> Arc<(Batch, f64)> {
        self.batch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl WhitenedWorkspace {
    fn resize(&mut self, model: &SparseModel, rows: usize) {
        self.terms.resize(model.latents(), rows);
        self.by_diagonal.resize(rows, 0.0);
        self.diagonal.iter_mut().for_each(|d| d.resize(rows, 0.0));
        self.by_column.resize(rows, 0.0);
        for a in &mut self.rows {
            if a.ncols() != rows {
                *a = Mat::zeros(model.size(), rows);
            }
        }
    }
}

impl Model for Whitened<'_> {
    type Workspace = WhitenedWorkspace;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn workspace(&self, par: Par) -> WhitenedWorkspace {
        let model = self.model;
        let rows = self.batch().0.rows();
        WhitenedWorkspace {
            projections: (0..model.places()).map(|place| Projection::new(model, place)).collect(),
            rows: (0..model.places()).map(|_| Mat::zeros(model.size(), rows)).collect(),
            diagonal: vec![vec![0.0; rows]; model.places()],
            terms: Terms::default(),
            by_diagonal: vec![0.0; rows],
            by_column: vec![0.0; rows],
            pulled: vec![0.0; model.size() * model.latents()],
            beta: vec![0.0; model.size() * model.latents()],
            par,
        }
    }

    fn log_likelihood(
        &self,
        values: &[f64],
        gradient: &mut [f64],
        workspace: &mut WhitenedWorkspace,
    ) -> Result<f64> {
        let model = self.model;
        let present = self.batch();
        let (batch, scale) = (&present.0, present.1);
        let (b, m, par) = (batch.rows(), model.size(), workspace.par);
        if batch.x.ncols() != model.dim() {
            return Err(Error::Shape {
                what: "input columns",
                expected: model.dim(),
                found: batch.x.ncols(),
            });
        }
        workspace.resize(model, b);
        let (theta, v) = values.split_at(model.layout().parameters().len());
        let (gradient, v_gradient) = gradient.split_at_mut(theta.len());
        let x = Points::of(&batch.x);
        let WhitenedWorkspace { projections, rows, diagonal, terms, .. } = workspace;
        let WhitenedWorkspace { by_diagonal, by_column, pulled, beta, .. } = workspace;
        model.structure.prior_means(theta, x, &mut terms.mean);
        for (place, projection) in projections.iter_mut().enumerate() {
            projection.factorise(model, theta, par)?;
            projection.project(model, theta, x, rows[place].as_mut(), &mut diagonal[place], par);
            for c in model.structure.of_process(place) {
                for (i, prior) in diagonal[place].iter().enumerate().take(b) {
                    let a = rows[place].col_as_slice(i);
                    terms.mean[c * b + i] += dot(a, &v[c * m..(c + 1) * m]);
                    terms.variance[c * b + i] = (prior - dot(a, a)).max(0.0);
                }
            }
        }
        let phi_gradient = &mut gradient[model.structure.of_likelihood.clone()];
        let value = terms.expect(model, theta, batch, scale, phi_gradient, threads(par) > 1)?;

        // v̄ = A g, which is also what the rank-one adjoint needs.
        pulled.fill(0.0);
        for (c, pulled) in pulled.chunks_mut(m).enumerate() {
            let a = &rows[model.structure.place(c)];
            (0..b).for_each(|i| add_scaled(pulled, terms.slope[c * b + i], a.col_as_slice(i)));
        }
        v_gradient.iter_mut().zip(&*pulled).for_each(|(to, from)| *to += from);

        beta.copy_from_slice(v);
        for (place, projection) in projections.iter_mut().enumerate() {
            // β = L⁻ᵀv, and W = L⁻ᵀA in the place of A.
            let functions = model.structure.of_process(place);
            let of_place = &mut beta[functions.start * m..functions.end * m];
            let betas = MatMut::from_column_major_slice_mut(of_place, m, functions.len());
            solve_upper(projection.factor.transpose(), betas, par);
            let solved = &mut rows[place];
            solve_upper(projection.factor.transpose(), solved.as_mut(), par);
            by_diagonal.fill(0.0);
            for c in functions.clone() {
                by_diagonal.iter_mut().zip(&terms.by_variance[c * b..]).for_each(|(to, from)| *to += from);
            }
            // K̄_ZZ: of the means, then W D Wᵀ of the variances. LᵀL̄ has the lower triangle of −v (A g)ᵀ.
            pulled[functions.start * m..functions.end * m].iter_mut().for_each(|p| *p = -*p);
            let of_means: Vec<RankOne<'_>> = functions
                .clone()
                .map(|c| RankOne { whitened: &pulled[c * m..(c + 1) * m], pulled: &v[c * m..(c + 1) * m] })
                .collect();
            let Projection { factor, inverse, product, adjoint, .. } = projection;
            let (inverse, product) = (inverse.as_mut(), product.as_mut());
            cholesky_adjoint::of_rank_one(
                factor.as_ref(),
                &of_means,
                inverse,
                product,
                adjoint.as_mut(),
                par,
            );
            let (adjoint, solved) = (adjoint.as_mut(), solved.as_ref());
            multiply_lower(adjoint, Accum::Add, solved, Some(by_diagonal), solved, 1.0, par);
            // C̄ = β gᵀ − 2 W D
            by_column.iter_mut().zip(&*by_diagonal).for_each(|(to, d)| *to = -2.0 * d);
            let of_means: Vec<_> = functions
                .clone()
                .map(|c| (&beta[c * m..(c + 1) * m], &terms.slope[c * b..(c + 1) * b]))
                .collect();
            let cross = OfCross { full: solved, weights: Some(by_column), rank_ones: &of_means };
            projection.pull_back(model, theta, x, cross, by_diagonal, gradient, None, par);
        }
        for c in 0..model.latents() {
            let placed = &model.structure.processes[model.structure.place(c)];
            let slope = &terms.slope[c * b..(c + 1) * b];
            placed.process.mean.adjoint(x, slope, &mut gradient[placed.mean.clone()]);
        }
        Ok(value)
    }

    fn jitter(workspace: &WhitenedWorkspace) -> f64 {
        workspace.projections.iter().map(|p| p.jitter).fold(0.0, f64::max)
    }
}
