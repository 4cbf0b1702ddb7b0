//! A model of any kind, as fits, files and predictions hold it.

use super::{
    CollapsedForm, Exact, InducingGaussian, Joint, LatentConditioned, LatentModel, Marginal, SparseModel,
};
use crate::Result;
use crate::kernel::Kernel;
use crate::likelihood::{Approximation, Family, Likelihood};
use crate::mean::Mean;
use crate::parameter::Layout;
use faer::{MatRef, Par};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a draw of the posterior says about the latent values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatentValues {
    /// Nothing: a Gaussian stands for them, found again wherever it is needed.
    Gaussian(Approximation),
    /// It has them, whitened, behind its parameters.
    Drawn,
}

/// How the inducing values of a sparse model are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SparseForm {
    /// Integrated out: a draw has the Gaussian that all training rows give them.
    Collapsed(CollapsedForm),
    /// A draw has a Gaussian for them.
    Gaussian,
    /// A draw has their values, whitened.
    Drawn,
}

/// A sparse model, and what is left of the rows that it was fitted to.
#[derive(Debug)]
pub struct SparseGp {
    /// The model.
    pub model: SparseModel,
    /// What a draw says about the inducing values.
    pub form: SparseForm,
    /// Number of training rows N.
    pub rows: usize,
    /// Shares of the classes among them, where the target has classes.
    pub class_shares: Vec<f64>,
}

/// A model of any kind.
#[derive(Debug)]
pub enum GpModel {
    /// Exact regression.
    Exact(Exact),
    /// Latent functions behind a likelihood.
    Latent(LatentModel, LatentValues),
    /// Inducing points behind any likelihood.
    Sparse(SparseGp),
}

impl GpModel {
    /// Name on the command line and in files.
    pub fn name(&self) -> &'static str {
        match self {
            GpModel::Exact(_) => "exact",
            GpModel::Latent(..) => "latent",
            GpModel::Sparse(gp) => match gp.form {
                SparseForm::Collapsed(_) => "sparse",
                SparseForm::Gaussian => "svgp",
                SparseForm::Drawn => "sparse-latent",
            },
        }
    }

    /// Which likelihood.
    pub fn family(&self) -> Family {
        match self {
            GpModel::Exact(_) => Family::Gaussian,
            GpModel::Latent(model, _) => model.likelihood().family(),
            GpModel::Sparse(gp) => gp.model.likelihood().family(),
        }
    }

    /// The likelihood; none for exact regression, which has Gaussian noise.
    pub fn likelihood(&self) -> Option<&Arc<dyn Likelihood>> {
        match self {
            GpModel::Exact(_) => None,
            GpModel::Latent(model, _) => Some(model.likelihood()),
            GpModel::Sparse(gp) => Some(gp.model.likelihood()),
        }
    }

    /// Whether observations are predicted as mixtures of Gaussians: the noise is Gaussian and so is the function at each draw.
    pub fn predicts_mixtures(&self) -> bool {
        match self {
            GpModel::Exact(_) => true,
            GpModel::Latent(..) => false,
            GpModel::Sparse(_) => self.family() == Family::Gaussian,
        }
    }

    /// Shares of the classes among the training rows, into `shares`.
    pub fn class_shares(&self, shares: &mut [f64]) {
        match self {
            GpModel::Exact(_) => {}
            GpModel::Latent(model, _) => {
                let share = 1.0 / model.rows() as f64;
                for at in model.observations() {
                    if let Some(s) = shares.get_mut(at.y as usize) {
                        *s += share;
                    }
                }
            }
            GpModel::Sparse(gp) => shares.iter_mut().zip(&gp.class_shares).for_each(|(to, from)| *to = *from),
        }
    }

    /// The parameters θ.
    pub fn layout(&self) -> &Layout {
        match self {
            GpModel::Exact(model) => super::Model::layout(model),
            GpModel::Latent(model, _) => model.layout(),
            GpModel::Sparse(gp) => gp.model.layout(),
        }
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        match self {
            GpModel::Exact(model) => model.layout_mut(),
            GpModel::Latent(model, _) => model.layout_mut(),
            GpModel::Sparse(gp) => gp.model.layout_mut(),
        }
    }

    /// Coordinates of a draw of its posterior.
    pub fn draw_dim(&self) -> usize {
        let latents = match self {
            GpModel::Latent(model, LatentValues::Drawn) => model.rows() * model.latents(),
            GpModel::Sparse(gp) => match gp.form {
                SparseForm::Drawn => gp.model.size() * gp.model.latents(),
                _ => InducingGaussian::packed_length(gp.model.latents(), gp.model.size()),
            },
            _ => 0,
        };
        self.layout().dim() + latents
    }

    /// The inputs that predictions stand on: training inputs, N×D, or inducing inputs, M×D.
    pub fn x(&self) -> MatRef<'_, f64> {
        match self {
            GpModel::Exact(model) => model.x(),
            GpModel::Latent(model, _) => model.x(),
            GpModel::Sparse(gp) => gp.model.inducing(),
        }
    }

    /// Number of training rows N.
    pub fn rows(&self) -> usize {
        match self {
            GpModel::Sparse(gp) => gp.rows,
            _ => self.x().nrows(),
        }
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        match self {
            GpModel::Exact(_) => 1,
            GpModel::Latent(model, _) => model.latents(),
            GpModel::Sparse(gp) => gp.model.latents(),
        }
    }

    /// The kernel of the first latent function.
    pub fn kernel(&self) -> &Kernel {
        match self {
            GpModel::Exact(model) => model.kernel(),
            GpModel::Latent(model, _) => &model.process(0).kernel,
            GpModel::Sparse(gp) => &gp.model.process(0).kernel,
        }
    }

    /// The mean function of the first latent function.
    pub fn mean(&self) -> Mean {
        match self {
            GpModel::Exact(model) => model.mean(),
            GpModel::Latent(model, _) => model.process(0).mean,
            GpModel::Sparse(gp) => gp.model.process(0).mean,
        }
    }
}

/// A latent model and one draw of its posterior, ready to predict.
///
/// # Errors
/// Recoverable ones where the draw has no Gaussian or no factor.
pub fn condition_latent<'m>(
    model: &'m LatentModel,
    values: LatentValues,
    draw: &[f64],
    par: Par,
) -> Result<LatentConditioned<'m>> {
    match values {
        LatentValues::Gaussian(approximation) => {
            let mut theta = vec![0.0; model.layout().parameters().len()];
            model.layout().constrain(draw, &mut theta);
            Marginal::new(model, Some(approximation)).condition(&theta, par)
        }
        LatentValues::Drawn => {
            let mut all = vec![0.0; model.layout().parameters().len()];
            model.layout().constrain(draw, &mut all);
            all.extend_from_slice(&draw[model.layout().dim()..]);
            Joint::new(model)?.condition(&all, par)
        }
    }
}
