//! A fitted model: everything that prediction needs, from the table's own units and back to them.

use super::{
    MixtureTable, ObservedTable, ParameterSummary, Posterior, PredictionKind, Predictions, Predictor,
};
use crate::dataset::Standardisation;
use crate::kernel::{Kernel, KernelExpression};
use crate::likelihood::Scaling;
use crate::model::GpModel;
use crate::{Error, Result};
use faer::{Mat, MatRef};
use rayon::prelude::*;

/// A model with the posterior of its parameters, the scaling of its data and the names of its columns.
#[derive(Debug)]
pub struct FittedModel {
    pub(crate) model: GpModel,
    pub(crate) posterior: Posterior,
    pub(crate) details: Details,
}

/// What a fitted model knows besides its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// Kernel expression, in the columns' own units.
    pub kernel: KernelExpression,
    /// Method that found the posterior: `svgd`, `map` or `ml`.
    pub method: String,
    /// Names of the D inputs.
    pub input_names: Vec<String>,
    /// Names that stand for several inputs, such as a text column for its 0/1 columns.
    pub input_groups: Vec<(String, Vec<usize>)>,
    /// Name of the target.
    pub target_name: String,
    /// From the table's units to the model's scale.
    pub standardisation: Standardisation,
    /// Kernel expression of the second latent function, where it has one of its own.
    pub noise_kernel: Option<KernelExpression>,
    /// Names of the classes, where the target has classes.
    pub class_names: Option<Vec<String>>,
    /// How a table's columns become inputs, as the table module stored it.
    pub encoding: Option<serde_json::Value>,
}

impl FittedModel {
    /// Pairs a model with draws of its parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] where the draws or names do not fit the model.
    pub fn new(model: GpModel, posterior: Posterior, details: Details) -> Result<Self> {
        Predictor::new(&model, &posterior)?;
        let (expected, found) = (model.x().ncols(), details.input_names.len());
        let scales = &details.standardisation;
        if expected != found || scales.input_scale.len() != expected || scales.input_shift.len() != expected {
            return Err(Error::Shape { what: "input names and scales", expected, found });
        }
        Ok(Self { model, posterior, details })
    }

    /// The model, on its own scale.
    pub fn model(&self) -> &GpModel {
        &self.model
    }

    /// Draws of its parameters.
    pub fn posterior(&self) -> &Posterior {
        &self.posterior
    }

    /// Names, scaling, kernel and method.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Remembers how a table's columns become inputs.
    pub fn set_encoding(&mut self, encoding: serde_json::Value) {
        self.details.encoding = Some(encoding);
    }

    /// Mixtures at `x` (N*×D), inputs and target in the table's own units: of observations for exact regression, of the
    /// first latent function for any model. A latent function that is the logarithm of a rate or scale is that of the
    /// target's own units, per unit of exposure.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict(&self, x: MatRef<'_, f64>, kind: PredictionKind) -> Result<MixtureTable> {
        let x = self.standardised(x)?;
        let table = Predictor::new(&self.model, &self.posterior)?.predict(x.as_ref(), kind)?;
        let scaling = &self.details.standardisation;
        Ok(match self.model.family().scaling() {
            Scaling::Standardise => table.rescaled(scaling.target_shift, scaling.target_scale),
            Scaling::Mean => table.rescaled(scaling.target_scale.ln(), 1.0),
            Scaling::Rate => table.rescaled(scaling.exposure_scale.ln(), 1.0),
            Scaling::None => table,
        })
    }

    /// Distributions of observations of a latent model at `x` (N*×D), with exposures where counts have them (1 where
    /// absent), all in the table's own units.
    ///
    /// # Errors
    /// As [`Predictor::predict_observed`].
    pub fn predict_observed(&self, x: MatRef<'_, f64>, exposures: Option<&[f64]>) -> Result<ObservedTable> {
        let x = self.standardised(x)?;
        let scaling = &self.details.standardisation;
        let mut exposures = exposures.map_or_else(|| vec![1.0; x.nrows()], <[f64]>::to_vec);
        if self.model.family().scaling() == Scaling::Rate {
            exposures.iter_mut().for_each(|e| *e *= scaling.exposure_scale);
        }
        let table = Predictor::new(&self.model, &self.posterior)?.predict_observed(x.as_ref(), &exposures)?;
        Ok(table.rescaled(scaling.target_shift, scaling.target_scale))
    }

    /// What is predicted of observations, by any model.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_y(&self, x: MatRef<'_, f64>, exposures: Option<&[f64]>) -> Result<Predictions> {
        Ok(if self.model.predicts_mixtures() {
            Predictions::Mixtures(self.predict(x, PredictionKind::Observed)?)
        } else {
            Predictions::Observed(self.predict_observed(x, exposures)?)
        })
    }

    /// Mean (N*) and full covariance (N*×N*) at `x`, in the table's own units.
    ///
    /// # Errors
    /// As [`Predictor::predict_full`].
    pub fn predict_full(&self, x: MatRef<'_, f64>, kind: PredictionKind) -> Result<(Vec<f64>, Mat<f64>)> {
        let x = self.standardised(x)?;
        let predictor = Predictor::new(&self.model, &self.posterior)?;
        let (mut mean, mut covariance) = predictor.predict_full(x.as_ref(), kind)?;
        let Standardisation { target_shift, target_scale, .. } = self.details.standardisation;
        mean.iter_mut().for_each(|m| *m = target_shift + target_scale * *m);
        covariance *= faer::Scale(target_scale * target_scale);
        Ok((mean, covariance))
    }

    /// Moments and quantiles of each parameter, constrained, on the model's scale.
    pub fn summary(&self) -> Vec<ParameterSummary> {
        self.posterior.summary(self.model.layout())
    }

    /// Name of the input that a parameter with an index belongs to, such as `kernel.lengthscales[2]` or
    /// `mean.weights[2]`; `None` for parameters of no one input.
    pub fn input_of(&self, path: &str) -> Option<&str> {
        let index: usize = path.strip_suffix(']')?.rsplit_once('[')?.1.parse().ok()?;
        let column = if path.starts_with("mean.") {
            index
        } else {
            let leaf = path.strip_prefix("kernel.")?.rsplit_once('.').map_or("", |(leaf, _)| leaf);
            // A sum's or product's columns are sorted; a leaf's are in the order of its lengthscales.
            let Kernel::Leaf(leaf) = self.model.kernel().at(leaf)? else { return None };
            *leaf.columns().get(index)?
        };
        self.details.input_names.get(column).map(String::as_str)
    }

    fn standardised(&self, x: MatRef<'_, f64>) -> Result<Mat<f64>> {
        let (expected, found) = (self.model.x().ncols(), x.ncols());
        if expected != found {
            return Err(Error::Shape { what: "input columns", expected, found });
        }
        let mut x = x.to_owned();
        self.details.standardisation.apply_inputs(&mut x);
        Ok(x)
    }
}

/// Quantiles of each row at the given levels, one vector a level.
pub fn quantile_columns(predictions: &MixtureTable, levels: &[f64]) -> Vec<Vec<f64>> {
    levels
        .iter()
        .map(|level| {
            (0..predictions.rows()).into_par_iter().map(|i| predictions.row(i).quantile(*level)).collect()
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::dataset::Dataset;
    use crate::fit::{FitOptions, Method, fit};
    use crate::mean::Mean;

    #[test]
    fn a_parameter_with_an_index_belongs_to_its_kernels_column() {
        let x = faer::Mat::from_fn(6, 3, |i, d| (i as f64 + 0.7 * d as f64).sin());
        let mut dataset = Dataset::new(x, (0..6).map(|i| f64::from(i % 4)).collect()).unwrap();
        dataset.input_names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let kernel = Some("rbf(a) + matern32(c, b)".parse().unwrap());
        let options = FitOptions { kernel, mean: Mean::Linear, method: Method::Map, ..FitOptions::default() };
        let model = fit(&dataset, &options, &mut ()).unwrap().model;
        assert_eq!(model.input_of("kernel.0.lengthscales[0]"), Some("a"));
        assert_eq!(model.input_of("kernel.1.lengthscales[0]"), Some("c"));
        assert_eq!(model.input_of("kernel.1.lengthscales[1]"), Some("b"));
        assert_eq!(model.input_of("mean.weights[2]"), Some("c"));
        for none in ["kernel.1.variance", "kernel.1.lengthscales[2]", "likelihood.variance", "mean.constant"]
        {
            assert_eq!(model.input_of(none), None, "{none}");
        }
    }
}
