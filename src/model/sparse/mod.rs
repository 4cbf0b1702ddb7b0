//! Sparse GP models: M inducing inputs Z stand for all rows.
//!
//! The latent function at Z is u = m(Z) + L v with K_ZZ = LLᵀ and v ~ N(0, I); with a_i = L⁻¹ k(Z, x_i) the function at a row
//! given v is Gaussian with mean m(x_i) + a_iᵀv and variance s_i = k_ii − |a_i|². Three views of one model:
//!
//! - [`Collapsed`]: Gaussian noise, v integrated out with its best Gaussian (Titsias 2009) or under FITC: a density of θ.
//! - [`Whitened`]: the density of (θ, v) (Hensman et al. 2015), any likelihood, rows in batches.
//! - [`SparseModel::bound`]: the evidence lower bound with a Gaussian q(v) for each latent function (Hensman et al. 2013),
//!   any likelihood, rows in batches, with the step of q(v) along its natural gradient.
//!
//! A model holds no rows: a fit reads them, and what it found is θ and v or q(v), from which predictions follow.
//! Vectors over latent functions and rows have latent c of row i at c B + i; those over inducing values at c M + i.
//!
//! Cost of an evaluation on B rows: O(M³ + M²B). Memory: a few M×M and M×B matrices a thread.

mod bound;
mod collapsed;
mod conditioned;
mod expectations;
mod gaussian;
mod held;
mod inducing_kernel;
mod projection;
#[cfg(test)]
mod tests;
mod whitened;

pub use bound::{BoundWorkspace, Held, Wanted};
pub use collapsed::{Collapsed, CollapsedForm, CollapsedWorkspace};
pub use conditioned::SparseConditioned;
pub use gaussian::{InducingGaussian, NaturalTarget};
pub use held::{HeldScore, HeldSums, HeldWorkspace};
pub use whitened::{Whitened, WhitenedWorkspace};

use super::structure::{Process, Structure};
use crate::inducing::OwnInducing;
use crate::kernel::Points;
use crate::likelihood::Likelihood;
use crate::parameter::Layout;
use crate::{Error, Result};
use faer::{Mat, MatRef};
use std::sync::Arc;

/// Inducing inputs that a model takes: a matrix of their square has 200 MB.
const MOST_INDUCING: usize = 5_000;

/// Inducing inputs, processes and likelihood of a sparse GP model.
#[derive(Debug, Clone)]
pub struct SparseModel {
    inducing: Mat<f64>,
    own: Vec<OwnInducing>,
    /// Changes with the inducing inputs.
    version: u64,
    structure: Structure,
}

impl SparseModel {
    /// A model with inducing inputs Z (M×D) that all latent functions share, and the default priors and start values.
    /// `processes` has one entry that all latent functions share, or one for each; parameters are named as in
    /// [`LatentModel`](super::LatentModel).
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no inducing input or `processes` has another length; [`Error::Invalid`] where a
    /// kernel uses columns that Z does not have, a coordinate is not finite, and for more than 5,000 inducing inputs.
    pub fn new(
        inducing: MatRef<'_, f64>,
        likelihood: Arc<dyn Likelihood>,
        processes: Vec<Process>,
    ) -> Result<Self> {
        let (m, dim) = (inducing.nrows(), inducing.ncols());
        if m == 0 {
            return Err(Error::Shape { what: "inducing inputs", expected: 1, found: 0 });
        }
        if m > MOST_INDUCING {
            return Err(Error::Invalid(format!(
                "{m} inducing inputs: a sparse model takes up to {MOST_INDUCING}, its time grows with their cube"
            )));
        }
        if inducing.col_iter().any(|c| c.iter().any(|v| !v.is_finite())) {
            return Err(Error::NotFiniteValue { what: "inducing inputs" });
        }
        let structure = Structure::new(likelihood, processes, dim)?;
        Ok(Self { inducing: inducing.to_owned(), own: Vec::new(), version: 0, structure })
    }

    /// The same model with other inducing inputs Z (M×D), of which the first are those of single terms of the kernel, a sum
    /// ([`choose_by_terms`](crate::inducing::choose_by_terms)): all of `own[0]`, all of `own[1]`, …; the others are those of the
    /// other terms together. Inputs of single terms have no gradient: they are where rows are.
    ///
    /// # Errors
    /// As [`SparseModel::set_inducing`]; [`Error::Invalid`] where terms are not ascending or not those of the kernel, where a
    /// number is zero or Z has other rows than these and, for other terms, at least one; and for several processes.
    pub fn set_inducing_by_terms(&mut self, inducing: MatRef<'_, f64>, own: &[OwnInducing]) -> Result<()> {
        let terms = self.process(0).kernel.terms().len();
        let ascend = own.windows(2).all(|pair| pair[0].term < pair[1].term);
        let exist = own.iter().all(|own| own.term < terms && own.count > 0);
        if !ascend || !exist || (!own.is_empty() && self.places() > 1) {
            return Err(Error::Invalid(format!(
                "inducing inputs of single terms: {own:?} of a kernel with {terms} terms and {} processes",
                self.places()
            )));
        }
        let before = std::mem::replace(&mut self.own, own.to_vec());
        let set = self.set_inducing(inducing);
        if set.is_err() {
            self.own = before;
        }
        set
    }

    /// The same model with other inducing inputs.
    ///
    /// # Errors
    /// As [`SparseModel::new`]; [`Error::Shape`] for another number of columns.
    pub fn set_inducing(&mut self, inducing: MatRef<'_, f64>) -> Result<()> {
        let (expected, found) = (self.dim(), inducing.ncols());
        if found != expected {
            return Err(Error::Shape { what: "columns of the inducing inputs", expected, found });
        }
        if inducing.nrows() == 0 || inducing.nrows() > MOST_INDUCING {
            return Err(Error::Invalid(format!(
                "{} inducing inputs: there must be 1 to {MOST_INDUCING}",
                inducing.nrows()
            )));
        }
        let of_terms: usize = self.own.iter().map(|own| own.count).sum();
        let are_all = self.own.len() == self.process(0).kernel.terms().len();
        if inducing.nrows() < of_terms || (inducing.nrows() == of_terms) != are_all {
            return Err(Error::Invalid(format!(
                "{} inducing inputs, of which {of_terms} are those of single terms",
                inducing.nrows()
            )));
        }
        if inducing.col_iter().any(|c| c.iter().any(|v| !v.is_finite())) {
            return Err(Error::NotFiniteValue { what: "inducing inputs" });
        }
        self.inducing = inducing.to_owned();
        self.version += 1;
        Ok(())
    }

    /// The parameters θ.
    pub fn layout(&self) -> &Layout {
        &self.structure.layout
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.structure.layout
    }

    /// Inducing inputs Z, M×D.
    pub fn inducing(&self) -> MatRef<'_, f64> {
        self.inducing.as_ref()
    }

    /// Terms of the kernel whose inducing inputs stand first in Z.
    pub fn own_inducing(&self) -> &[OwnInducing] {
        &self.own
    }

    /// Number of inducing inputs M.
    pub fn size(&self) -> usize {
        self.inducing.nrows()
    }

    /// Number of input columns D.
    pub fn dim(&self) -> usize {
        self.inducing.ncols()
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        self.structure.latents()
    }

    /// The likelihood.
    pub fn likelihood(&self) -> &Arc<dyn Likelihood> {
        &self.structure.likelihood
    }

    /// The likelihood's own parameters φ among those of θ.
    pub fn likelihood_parameters<'t>(&self, theta: &'t [f64]) -> &'t [f64] {
        self.structure.phi(theta)
    }

    /// The process of latent function `c`.
    pub fn process(&self, c: usize) -> &Process {
        &self.structure.processes[self.structure.place(c)].process
    }

    /// Number of processes: 1 where all latent functions share one.
    fn places(&self) -> usize {
        self.structure.processes.len()
    }

    fn points(&self) -> Points<'_> {
        Points::of(&self.inducing)
    }
}
