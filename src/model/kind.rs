//! A model of any kind, as fits, files and predictions hold it.

use super::{Exact, Joint, LatentConditioned, LatentModel, Marginal};
use crate::Result;
use crate::kernel::Kernel;
use crate::likelihood::{Approximation, Family};
use crate::mean::Mean;
use crate::parameter::Layout;
use faer::{MatRef, Par};

/// What a draw of the posterior says about the latent values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatentValues {
    /// Nothing: a Gaussian stands for them, found again wherever it is needed.
    Gaussian(Approximation),
    /// It has them, whitened, behind its parameters.
    Drawn,
}

/// A model of any kind.
#[derive(Debug)]
pub enum GpModel {
    /// Exact regression.
    Exact(Exact),
    /// Latent functions behind a likelihood.
    Latent(LatentModel, LatentValues),
}

impl GpModel {
    /// Name on the command line and in files.
    pub fn name(&self) -> &'static str {
        match self {
            GpModel::Exact(_) => "exact",
            GpModel::Latent(..) => "latent",
        }
    }

    /// Which likelihood.
    pub fn family(&self) -> Family {
        match self {
            GpModel::Exact(_) => Family::Gaussian,
            GpModel::Latent(model, _) => model.likelihood().family(),
        }
    }

    /// The parameters θ.
    pub fn layout(&self) -> &Layout {
        match self {
            GpModel::Exact(model) => super::Model::layout(model),
            GpModel::Latent(model, _) => model.layout(),
        }
    }

    /// The parameters, to change their priors, start values or what is fixed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        match self {
            GpModel::Exact(model) => model.layout_mut(),
            GpModel::Latent(model, _) => model.layout_mut(),
        }
    }

    /// Coordinates of a draw of its posterior.
    pub fn draw_dim(&self) -> usize {
        let latents = match self {
            GpModel::Latent(model, LatentValues::Drawn) => model.rows() * model.latents(),
            _ => 0,
        };
        self.layout().dim() + latents
    }

    /// Training inputs, N×D.
    pub fn x(&self) -> MatRef<'_, f64> {
        match self {
            GpModel::Exact(model) => model.x(),
            GpModel::Latent(model, _) => model.x(),
        }
    }

    /// Number of training rows N.
    pub fn rows(&self) -> usize {
        self.x().nrows()
    }

    /// Number of latent functions L.
    pub fn latents(&self) -> usize {
        match self {
            GpModel::Exact(_) => 1,
            GpModel::Latent(model, _) => model.latents(),
        }
    }

    /// The kernel of the first latent function.
    pub fn kernel(&self) -> &Kernel {
        match self {
            GpModel::Exact(model) => model.kernel(),
            GpModel::Latent(model, _) => &model.process(0).kernel,
        }
    }

    /// The mean function of the first latent function.
    pub fn mean(&self) -> Mean {
        match self {
            GpModel::Exact(model) => model.mean(),
            GpModel::Latent(model, _) => model.process(0).mean,
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
