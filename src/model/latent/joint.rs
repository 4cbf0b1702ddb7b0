//! The density of (θ, ν): log p(y | m + Lν) + log N(ν; 0, I) + log p(θ) (DESIGN of the whitened latent model; Pinder et
//! al. 2020, section 3.2).
//!
//! Cost: Cholesky, triangular inverse and triangular product, N³ multiplications and additions in all where each
//! takes N³/6; O(N²D) for the kernel. Memory: four N×N matrices a process and thread.

use super::{LatentConditioned, LatentModel, Marginal, whitened};
use crate::Result;
use crate::kernel::KernelWorkspace;
use crate::likelihood::Derivatives;
use crate::linalg::elementwise::{add_scaled, dot};
use crate::linalg::factor_with_jitter;
use crate::linalg::triangular::solve_lower;
use crate::model::Model;
use crate::model::cholesky_adjoint::{self, RankOne};
use crate::parameter::{Layout, Parameter};
use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, Par};
use std::ops::Range;

/// Jitter that K always has, relative to its mean diagonal: the density is a smooth function of θ only where the jitter
/// does not come and go.
const JITTER: f64 = 1e-8;

/// A latent model with its whitened latents as parameters: θ first, then `latent[i]` (`latent.1[i]` for a second
/// function, and so on).
#[derive(Debug)]
pub struct Joint<'m> {
    model: &'m LatentModel,
    layout: Layout,
}

/// Memory of one thread.
#[derive(Debug)]
pub struct JointWorkspace {
    processes: Vec<Factored>,
    at: Derivatives,
    f: Vec<f64>,
    values: Vec<f64>,
    adjoint: Vec<f64>,
    pulled: Vec<f64>,
    jitter: f64,
    par: Par,
}

#[derive(Debug)]
struct Factored {
    factor: Mat<f64>,
    inverse: Mat<f64>,
    product: Mat<f64>,
    adjoint: Mat<f64>,
    kernel: KernelWorkspace,
}

impl<'m> Joint<'m> {
    /// The joint density of a model.
    ///
    /// # Errors
    /// Those of a layout.
    pub fn new(model: &'m LatentModel) -> Result<Self> {
        let (n, latents) = (model.rows(), model.latents());
        let path = |c: usize, i: usize| {
            if latents == 1 { format!("latent[{i}]") } else { format!("latent.{c}[{i}]") }
        };
        let of_latents = (0..latents).flat_map(|c| (0..n).map(move |i| (c, i)));
        let latents = of_latents.map(|(c, i)| whitened(path(c, i)));
        let theta: Vec<Parameter> = model.structure.layout.parameters().to_vec();
        Ok(Self { model, layout: Layout::new(theta.into_iter().chain(latents).collect())? })
    }

    /// The latent model.
    pub fn model(&self) -> &'m LatentModel {
        self.model
    }

    /// The number of free parameters among θ: coordinates before those of the latents.
    pub fn theta_dim(&self) -> usize {
        self.model.structure.layout.dim()
    }

    /// The Gaussian for ν given θ that `marginal` finds: its mean, and its precision I + LᵀTL (n×n) with the sites' T.
    ///
    /// # Errors
    /// Recoverable ones where there is no Gaussian at `theta` or K has no factor.
    pub fn gaussian(&self, marginal: &Marginal<'_>, theta: &[f64]) -> Result<(Vec<f64>, Mat<f64>)> {
        let (model, n, l) = (self.model, self.model.rows(), self.model.latents());
        let mut workspace = marginal.workspace(Par::Seq);
        marginal.solve(theta, &mut vec![0.0; model.structure.of_likelihood.len()], &mut workspace)?;
        let factors = self.factors(theta, Par::Seq)?;
        let state = &workspace.state;
        let mut nu = state.mean.clone();
        for (c, nu) in nu.chunks_mut(n).enumerate() {
            let column = MatMut::from_column_major_slice_mut(nu, n, 1);
            solve_lower(factors[model.place(c)].as_ref(), column, Par::Seq);
        }
        // T L, block by block, then Lᵀ of it.
        let mut precision = Mat::identity(n * l, n * l);
        for a in 0..l {
            for b in 0..l {
                let (left, right) = (&factors[model.place(a)], &factors[model.place(b)]);
                let weight = |i: usize| state.sites.precision[(i * l + a) * l + b];
                let lower = |m: &Mat<f64>, i: usize, j: usize| if i >= j { m[(i, j)] } else { 0.0 };
                let weighted = Mat::from_fn(n, n, |i, j| weight(i) * lower(right, i, j));
                let left = Mat::from_fn(n, n, |i, j| lower(left, i, j));
                let block = precision.as_mut().submatrix_mut(a * n, b * n, n, n);
                matmul(block, Accum::Add, left.transpose(), weighted, 1.0, Par::Seq);
            }
        }
        Ok((nu, precision))
    }

    /// L of each process at θ.
    fn factors(&self, theta: &[f64], par: Par) -> Result<Vec<Mat<f64>>> {
        let n = self.model.rows();
        (0..self.model.structure.processes.len())
            .map(|place| {
                let kernel = &self.model.structure.processes[place].process.kernel;
                let mut workspace = KernelWorkspace::new(kernel, n, self.model.x.ncols());
                let mut factor = Mat::zeros(n, n);
                factorise(self.model, theta, place, factor.as_mut(), &mut workspace, par)?;
                Ok(factor)
            })
            .collect()
    }

    /// The model at one (θ, ν), ready to predict.
    ///
    /// # Errors
    /// [`crate::Error::NotPositiveDefinite`] where K has no Cholesky factor.
    pub fn condition(&self, values: &[f64], par: Par) -> Result<LatentConditioned<'m>> {
        let (theta, nu) = values.split_at(self.model.structure.layout.parameters().len());
        let factors = self.factors(theta, par)?;
        Ok(LatentConditioned::from_whitened(self.model, theta, factors, nu))
    }
}

/// K + jitter = LLᵀ of one process; the jitter relative to the mean diagonal.
fn factorise(
    model: &LatentModel,
    theta: &[f64],
    place: usize,
    factor: MatMut<'_, f64>,
    workspace: &mut KernelWorkspace,
    par: Par,
) -> Result<f64> {
    let placed = &model.structure.processes[place];
    let fill = |mut out: MatMut<'_, f64>| {
        let theta = &theta[placed.kernel.clone()];
        placed.process.kernel.gram(theta, model.points(), out.rb_mut(), workspace, par);
        let n = out.nrows();
        let mean_diagonal = (0..n).map(|i| out[(i, i)]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| out[(i, i)] += JITTER * mean_diagonal);
    };
    Ok(JITTER + factor_with_jitter("K(X,X)", factor, fill, par)?.jitter)
}

impl Model for Joint<'_> {
    type Workspace = JointWorkspace;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn workspace(&self, par: Par) -> JointWorkspace {
        let (n, latents) = (self.model.rows(), self.model.latents());
        let square = || Mat::zeros(n, n);
        let factored = |kernel| Factored {
            factor: square(),
            inverse: square(),
            product: square(),
            adjoint: square(),
            kernel: KernelWorkspace::new(kernel, n, self.model.x.ncols()),
        };
        JointWorkspace {
            processes: self.model.structure.processes.iter().map(|p| factored(&p.process.kernel)).collect(),
            at: Derivatives::new(latents, self.model.structure.of_likelihood.len()),
            f: vec![0.0; latents],
            values: vec![0.0; n * latents],
            adjoint: vec![0.0; n * latents],
            pulled: vec![0.0; n * latents],
            jitter: 0.0,
            par,
        }
    }

    fn log_likelihood(
        &self,
        values: &[f64],
        gradient: &mut [f64],
        workspace: &mut JointWorkspace,
    ) -> Result<f64> {
        let model = self.model;
        let (n, latents) = (model.rows(), model.latents());
        let (theta, nu) = values.split_at(model.structure.layout.parameters().len());
        let (theta_gradient, nu_gradient) = gradient.split_at_mut(theta.len());
        let JointWorkspace { processes, at, f, values, adjoint, pulled, jitter, par } = workspace;
        *jitter = 0.0;
        for (place, p) in processes.iter_mut().enumerate() {
            let needed = factorise(model, theta, place, p.factor.as_mut(), &mut p.kernel, *par)?;
            *jitter = jitter.max(needed);
        }
        // f = m + Lν
        model.prior_means(theta, values);
        for c in 0..latents {
            let along = c * n..(c + 1) * n;
            add_lower_times(&processes[model.place(c)].factor, &nu[along.clone()], &mut values[along]);
        }
        // log p(y | f), f̄ and φ̄
        let phi = model.likelihood_parameters(theta);
        let mut total = 0.0;
        for (i, observation) in model.observations.iter().enumerate() {
            (0..latents).for_each(|c| f[c] = values[c * n + i]);
            model.structure.likelihood.derivatives(phi, *observation, f, at);
            total += at.value;
            (0..latents).for_each(|c| adjoint[c * n + i] = at.gradient[c]);
            let phi_gradient = &mut theta_gradient[model.structure.of_likelihood.clone()];
            phi_gradient.iter_mut().zip(&at.value_by).for_each(|(g, v)| *g += v);
        }
        // ν̄ = Lᵀ f̄ (that of its prior is the layout's)
        for c in 0..latents {
            let along = c * n..(c + 1) * n;
            let factor = &processes[model.place(c)].factor;
            lower_transposed_times(factor, &adjoint[along.clone()], &mut pulled[along]);
        }
        nu_gradient.iter_mut().zip(&*pulled).for_each(|(g, c)| *g += c);
        for (place, p) in processes.iter_mut().enumerate() {
            let functions: Vec<RankOne<'_>> = (model.of_process(place))
                .map(|c| RankOne { whitened: &nu[c * n..(c + 1) * n], pulled: &pulled[c * n..(c + 1) * n] })
                .collect();
            let (inverse, product) = (p.inverse.as_mut(), p.product.as_mut());
            cholesky_adjoint::of_rank_one(
                p.factor.as_ref(),
                &functions,
                inverse,
                product,
                p.adjoint.as_mut(),
                *par,
            );
            // The jitter is a share of the mean diagonal.
            let lifted = *jitter / n as f64 * (0..n).map(|i| p.adjoint[(i, i)]).sum::<f64>();
            (0..n).for_each(|i| p.adjoint[(i, i)] += lifted);
            let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
                out.copy_from_slice(&p.adjoint.col_as_slice(j)[rows]);
            };
            let placed = &model.structure.processes[place];
            let kernel_theta = &theta[placed.kernel.clone()];
            let kernel_gradient = &mut theta_gradient[placed.kernel.clone()];
            let kernel = &placed.process.kernel;
            kernel.gram_adjoint(
                kernel_theta,
                model.points(),
                &weights,
                kernel_gradient,
                None,
                &mut p.kernel,
                *par,
            );
            let mean_gradient = &mut theta_gradient[placed.mean.clone()];
            for c in model.of_process(place) {
                placed.process.mean.adjoint(model.points(), &adjoint[c * n..(c + 1) * n], mean_gradient);
            }
        }
        Ok(total)
    }

    fn jitter(workspace: &JointWorkspace) -> f64 {
        workspace.jitter
    }
}

/// `out` += L v, column by column.
fn add_lower_times(factor: &Mat<f64>, v: &[f64], out: &mut [f64]) {
    for (j, v) in v.iter().enumerate() {
        let column = &factor.col_as_slice(j)[j..];
        add_scaled(&mut out[j..], *v, column);
    }
}

/// `out` = Lᵀ v.
fn lower_transposed_times(factor: &Mat<f64>, v: &[f64], out: &mut [f64]) {
    for (j, o) in out.iter_mut().enumerate() {
        let column = &factor.col_as_slice(j)[j..];
        *o = dot(column, &v[j..]);
    }
}
