//! The evidence lower bound of a Gaussian and its path gradient, from a few draws.

use super::advi::AdviSettings;
use super::curvature::log_evidence;
use super::gaussian::{Variational, VariationalFamily};
use super::mode::Mode;
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::Open01;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::f64::consts::PI;

/// The bound at one iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ElboReport {
    /// Number of the iteration, from 1.
    pub iteration: usize,
    /// Mean of log p − log q over the samples.
    pub elbo: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Mean log density over the samples.
    pub mean_log_density: f64,
    /// Its standard deviation over the samples.
    pub sd_log_density: f64,
    /// Samples whose evaluation failed; they are left out.
    pub failed: usize,
}

/// An evidence lower bound: log ∫ p at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Elbo {
    /// Its estimate, in nats.
    pub value: f64,
    /// The standard error of that.
    pub standard_error: f64,
}

impl Elbo {
    /// The mean of independent estimates, its error from their scatter. Those that failed are left out.
    pub(super) fn mean(estimates: impl Iterator<Item = f64>) -> Self {
        let estimates: Vec<f64> = estimates.filter(|v| v.is_finite()).collect();
        let count = estimates.len() as f64;
        let value = estimates.iter().sum::<f64>() / count;
        let squares: f64 = estimates.iter().map(|v| (v - value).powi(2)).sum();
        Self { value, standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt() }
    }
}

/// A Gaussian on its way, with what an iteration needs.
pub(super) struct Search<'t, D: LogDensity> {
    evaluator: Evaluator<'t, D>,
    pub coordinates: Whitening,
    /// log |L| of the coordinates.
    log_determinant: f64,
    pub q: Variational,
    rng: ChaCha8Rng,
    noise: Cloud,
    points: Cloud,
    scores: Cloud,
    values: Vec<Result<f64>>,
}

impl<'t, D: LogDensity> Search<'t, D> {
    /// The standard normal in the coordinates of Laplace's Gaussian.
    pub(super) fn new(target: &'t D, mode: &Mode, settings: &AdviSettings) -> Result<Self> {
        let (d, samples) = (target.dim(), settings.samples);
        // The mean field is one of the target's own coordinates: they are scaled and not mixed.
        let mut precision = mode.precision.clone();
        if settings.family == VariationalFamily::MeanField {
            (0..d * d).filter(|k| k % (d + 1) != 0).for_each(|k| precision[k] = 0.0);
        }
        let floor = settings.curvature_floor;
        let coordinates = Whitening::from_precision(mode.optimum.point.clone(), &precision, floor)?;
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        rng.set_stream(5);
        Ok(Self {
            evaluator: Evaluator::new(target, samples),
            coordinates,
            // Laplace's evidence is log p + d/2 log 2π + log |L|.
            log_determinant: log_evidence(0.0, &precision, floor) - 0.5 * d as f64 * (2.0 * PI).ln(),
            q: Variational::standard(d, settings.family),
            rng,
            noise: Cloud::zeros(samples, d),
            points: Cloud::zeros(samples, d),
            scores: Cloud::zeros(samples, d),
            values: (0..samples).map(|_| Ok(0.0)).collect(),
        })
    }

    /// Gradient of the bound by the Gaussian's parameters, and the bound.
    pub(super) fn gradient(&mut self, iteration: usize) -> Result<(Vec<f64>, ElboReport)> {
        self.draw_noise();
        for (noise, point) in self.noise.points().zip(self.points.points_mut()) {
            self.coordinates.unwhiten(&self.q.point(noise), point);
        }
        self.evaluator.evaluate_all(&self.points, &mut self.scores, &mut self.values)?;
        let mut gradient = vec![0.0; self.q.parameters.len()];
        let mut score = vec![0.0; self.points.dim()];
        let (mut bounds, mut densities) = (Vec::new(), Vec::new());
        for ((noise, raw), value) in self.noise.points().zip(self.scores.points()).zip(&self.values) {
            let Ok(value) = value else { continue };
            self.coordinates.whiten_score(raw, &mut score);
            self.q.add_gradient(noise, &score, &mut gradient);
            bounds.push(value - self.q.log_density(noise) + self.log_determinant);
            densities.push(*value);
        }
        let worked = bounds.len().max(1) as f64;
        gradient.iter_mut().for_each(|g| *g /= worked);
        let bound = Elbo::mean(bounds.iter().copied());
        let density = Elbo::mean(densities.iter().copied());
        let report = ElboReport {
            iteration,
            elbo: bound.value,
            standard_error: bound.standard_error,
            mean_log_density: density.value,
            sd_log_density: density.standard_error * worked.sqrt(),
            failed: self.values.len() - bounds.len(),
        };
        Ok((gradient, report))
    }

    /// Fills the noise with a Latin hypercube of normal draws: each coordinate has one in each of as many parts of equal
    /// probability as there are samples, so that what the gradient owes to single coordinates has little noise
    /// (McKay, Beckman & Conover 1979).
    fn draw_noise(&mut self) {
        let (samples, normal) = (self.noise.count(), Normal::standard());
        let mut parts: Vec<usize> = (0..samples).collect();
        for k in 0..self.noise.dim() {
            parts.shuffle(&mut self.rng);
            for (noise, part) in self.noise.points_mut().zip(&parts) {
                let within: f64 = self.rng.sample(Open01);
                noise[k] = normal.inverse_cdf((*part as f64 + within) / samples as f64);
            }
        }
    }

    /// The bound from some rounds of samples, with the Gaussian as it is.
    pub(super) fn bound(&mut self, rounds: usize) -> Result<Elbo> {
        let found: Result<Vec<f64>> = (0..rounds).map(|_| Ok(self.gradient(0)?.1.elbo)).collect();
        Ok(Elbo::mean(found?.into_iter()))
    }

    /// The failure of the first sample that failed.
    pub(super) fn first_failure(&mut self) -> Error {
        let failed = self.values.drain(..).find_map(Result::err);
        failed.unwrap_or(Error::NotFiniteValue { what: "log density" })
    }

    /// Mean and covariance in the target's coordinates: those of û + L(m + Cε), column by column of LC.
    pub(super) fn moments(&self) -> (Vec<f64>, Vec<f64>) {
        let d = self.points.dim();
        let at = |noise: &[f64]| {
            let mut u = vec![0.0; d];
            self.coordinates.unwhiten(&self.q.point(noise), &mut u);
            u
        };
        let mean = at(&vec![0.0; d]);
        let mut covariance = vec![0.0; d * d];
        for k in 0..d {
            let mut unit = vec![0.0; d];
            unit[k] = 1.0;
            let column: Vec<f64> = at(&unit).iter().zip(&mean).map(|(u, m)| u - m).collect();
            for i in 0..d {
                for j in 0..d {
                    covariance[i * d + j] += column[i] * column[j];
                }
            }
        }
        (mean, covariance)
    }
}
