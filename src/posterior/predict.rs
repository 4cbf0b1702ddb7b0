//! Predictions of a posterior: one Gaussian of latent values a draw, mixed with its weight.

use super::{MixtureTable, ObservedTable, Posterior};
use crate::linalg::in_parallel;
use crate::model::{Conditioned, CovarianceForm, Exact, GpModel, Model, condition_latent};
use crate::{Error, Result};
use faer::{Mat, MatRef, Par};
use rayon::prelude::*;
use std::sync::Mutex;

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PredictionKind {
    /// Observations: the latent function with noise (`predict_y`).
    #[default]
    Observed,
    /// The latent function (`predict_f`).
    Latent,
}

/// A model and a posterior of its parameters, ready to predict.
///
/// Draws are conditioned one after the other and forgotten: memory is that of one condition a thread, not a draw.
#[derive(Debug, Clone, Copy)]
pub struct Predictor<'a> {
    model: &'a GpModel,
    posterior: &'a Posterior,
}

impl<'a> Predictor<'a> {
    /// Pairs a model with draws of its parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] where the draws have another dimension.
    pub fn new(model: &'a GpModel, posterior: &'a Posterior) -> Result<Self> {
        let (expected, found) = (model.draw_dim(), posterior.draws().dim());
        if expected != found {
            return Err(Error::Shape { what: "coordinates of a posterior draw", expected, found });
        }
        Ok(Self { model, posterior })
    }

    /// Mixtures at `x` (N*×D), all on the model's scale: of observations for exact regression, of the first latent
    /// function for any model.
    ///
    /// Draws whose covariance matrix cannot be factored are left out; the others take over their weight.
    ///
    /// # Errors
    /// [`Error::Shape`] for a wrong number of columns; the failure where no draw can be conditioned on;
    /// [`Error::Invalid`] where observations of a latent model are asked for, which are no Gaussians: see
    /// [`Predictor::predict_observed`].
    pub fn predict(&self, x: MatRef<'_, f64>, kind: PredictionKind) -> Result<MixtureTable> {
        if !self.model.predicts_mixtures() {
            return match kind {
                PredictionKind::Latent => Ok(self.predict_observed(x, &vec![1.0; x.nrows()])?.latent(0)),
                PredictionKind::Observed => Err(no_mixture()),
            };
        }
        let table = Mutex::new(MixtureTable::zeros(x.nrows(), self.posterior.weights().to_vec()));
        let set = |j: usize, mean: &[f64], variance: &[f64]| {
            if let Ok(mut table) = table.lock() {
                table.set_component(j, mean, variance);
            }
        };
        let noise = match self.model {
            GpModel::Exact(model) => self.for_each_exact(model, |j, conditioned| {
                let p = conditioned.predict_f(x, CovarianceForm::Diagonal)?;
                set(j, &p.mean, &p.variance);
                Ok(conditioned.noise_variance())
            })?,
            GpModel::Sparse(gp) => self.for_each(|j, par| {
                let conditioned = gp.model.condition(self.posterior.draws().point(j), par)?;
                let p = conditioned.predict_f(x)?;
                set(j, &p.mean, &p.covariance);
                Ok(gp.model.likelihood_parameters(conditioned.theta())[0])
            })?,
            GpModel::Latent(..) => return Err(no_mixture()),
        };
        let table = table.into_inner().map_err(|_| thread_failed())?;
        let table = match kind {
            PredictionKind::Latent => table,
            PredictionKind::Observed => {
                let noise: Vec<f64> = noise.iter().map(|n| n.unwrap_or(0.0)).collect();
                table.with_noise(&noise)
            }
        };
        let kept = kept(&noise);
        Ok(if kept.len() == noise.len() { table } else { table.only(&kept) })
    }

    /// Distributions of observations at `x` (N*×D) with these exposures, on the model's scale, for latent models.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; [`Error::Invalid`] for exact regression, whose observations are Gaussian mixtures.
    pub fn predict_observed(&self, x: MatRef<'_, f64>, exposures: &[f64]) -> Result<ObservedTable> {
        let Some(likelihood) = self.model.likelihood() else {
            return Err(Error::Invalid("exact regression predicts Gaussian mixtures".into()));
        };
        if exposures.len() != x.nrows() {
            return Err(Error::Shape { what: "exposures", expected: x.nrows(), found: exposures.len() });
        }
        let count = self.posterior.count();
        let theta = |j: usize| self.posterior.theta(self.model.layout(), j);
        let phi = |theta: &[f64]| match self.model {
            GpModel::Exact(_) => Vec::new(),
            GpModel::Latent(model, _) => model.likelihood_parameters(theta).to_vec(),
            GpModel::Sparse(gp) => gp.model.likelihood_parameters(theta).to_vec(),
        };
        let phis = (0..count).map(|j| phi(&theta(j))).collect();
        let (likelihood, weights) = (likelihood.clone(), self.posterior.weights().to_vec());
        let table = Mutex::new(ObservedTable::new(likelihood, weights, phis, exposures.to_vec()));
        let done = self.for_each(|j, par| {
            let draw = self.posterior.draws().point(j);
            let p = match self.model {
                GpModel::Exact(_) => return Err(no_mixture()),
                GpModel::Latent(model, values) => {
                    condition_latent(model, *values, draw, par)?.predict_f(x)?
                }
                GpModel::Sparse(gp) => gp.model.condition(draw, par)?.predict_f(x)?,
            };
            if let Ok(mut table) = table.lock() {
                table.set_component(j, &p.mean, &p.covariance);
            }
            Ok(())
        })?;
        let table = table.into_inner().map_err(|_| thread_failed())?;
        let kept = kept(&done);
        Ok(if kept.len() == count { table } else { table.only(&kept) })
    }

    /// Mean (N*) and covariance (N*×N*) of the mixture at `x`, with noise on the diagonal for observations.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_full(&self, x: MatRef<'_, f64>, kind: PredictionKind) -> Result<(Vec<f64>, Mat<f64>)> {
        let rows = x.nrows();
        let GpModel::Exact(model) = self.model else {
            let problem = "full covariances are those of exact regression";
            return Err(Error::Invalid(problem.into()));
        };
        let parts = self.for_each_exact(model, |_, conditioned| {
            let p = conditioned.predict_f(x, CovarianceForm::Full)?;
            Ok((p.mean, p.covariance.unwrap_or_else(|| Mat::zeros(rows, rows)), conditioned.noise_variance()))
        })?;
        let total: f64 =
            parts.iter().zip(self.posterior.weights()).filter(|(p, _)| p.is_some()).map(|(_, w)| w).sum();
        let (mut mean, mut covariance) = (vec![0.0; rows], Mat::zeros(rows, rows));
        let weighted = || {
            parts.iter().zip(self.posterior.weights()).filter_map(|(p, w)| p.as_ref().map(|p| (p, w / total)))
        };
        for ((m, _, _), w) in weighted() {
            mean.iter_mut().zip(m).for_each(|(a, b)| *a += w * b);
        }
        for ((m, c, noise), w) in weighted() {
            for j in 0..rows {
                for i in 0..rows {
                    covariance[(i, j)] += w * (c[(i, j)] + (m[i] - mean[i]) * (m[j] - mean[j]));
                }
                if kind == PredictionKind::Observed {
                    covariance[(j, j)] += w * noise;
                }
            }
        }
        Ok((mean, covariance))
    }

    /// Runs `work` on each draw of an exact model, conditioned. `None` for draws that cannot be conditioned on.
    fn for_each_exact<T: Send>(
        &self,
        model: &Exact,
        work: impl Fn(usize, &Conditioned<'_>) -> Result<T> + Sync,
    ) -> Result<Vec<Option<T>>> {
        self.for_each(|j, par| {
            let theta = self.posterior.theta(model.layout(), j);
            model.condition(&theta, par).and_then(|conditioned| work(j, &conditioned))
        })
    }

    /// Runs `work` on each draw: draws in parallel, or the linear algebra where there is one. `None` for draws with a
    /// recoverable failure.
    fn for_each<T: Send>(&self, work: impl Fn(usize, Par) -> Result<T> + Sync) -> Result<Vec<Option<T>>> {
        let count = self.posterior.count();
        let par = if count == 1 { in_parallel() } else { Par::Seq };
        let results: Vec<Result<T>> = (0..count).into_par_iter().map(|j| work(j, par)).collect();
        let mut failure = None;
        let mut kept = Vec::with_capacity(count);
        for result in results {
            match result {
                Ok(value) => kept.push(Some(value)),
                Err(error) if error.is_recoverable() => {
                    failure = failure.or(Some(error));
                    kept.push(None);
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if kept.iter().all(Option::is_none) => Err(error),
            _ => Ok(kept),
        }
    }
}

fn kept<T>(results: &[Option<T>]) -> Vec<usize> {
    (0..results.len()).filter(|&j| results[j].is_some()).collect()
}

fn thread_failed() -> Error {
    Error::Invalid("a prediction thread failed".into())
}

fn no_mixture() -> Error {
    Error::Invalid("observations of a latent model are no Gaussian mixtures: predict them as observed".into())
}
