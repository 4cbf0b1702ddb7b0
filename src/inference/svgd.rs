//! SVGD from start to finish: where to start, in which coordinates to move, what came out.

use super::curvature::{log_evidence, negative_hessian};
use super::maximum::{MaximumSettings, Optimum, maximise};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::stein::{Cloud, Engine, Observer, Outcome, Settings, SteinDiagnostics, Whitening};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Where the particles start and in which coordinates they move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SteinPreset {
    /// From the mode: multi-start maximum, Hessian there, whitening, then the engine.
    #[default]
    Default,
    /// As in the paper: from the prior, no whitening.
    Paper,
}

/// Settings of a whole SVGD fit.
#[derive(Debug, Clone)]
pub struct SvgdSettings {
    /// Number of particles J.
    pub particles: usize,
    /// Where to start.
    pub preset: SteinPreset,
    /// Spread of the first cloud in standard deviations of Laplace's Gaussian: a bit too wide.
    pub initial_spread: f64,
    /// Smallest curvature that counts: a flatter direction is given this precision.
    pub curvature_floor: f64,
    /// The engine's settings.
    pub engine: Settings,
    /// How the modes are looked for.
    pub maximum: MaximumSettings,
}

impl SvgdSettings {
    /// The default engine with J particles.
    pub fn new(particles: usize) -> Self {
        Self {
            particles,
            preset: SteinPreset::Default,
            initial_spread: 1.2,
            curvature_floor: 0.05,
            engine: Settings::default(),
            maximum: MaximumSettings::default(),
        }
    }

    /// The paper's settings (Pinder et al. 2020): RBF with median/log J, from the prior, Adam.
    pub fn paper(particles: usize) -> Self {
        let engine = Settings {
            kernel: crate::stein::SteinKernel::paper(),
            learning_rate: 0.05,
            schedule: crate::stein::Schedule::Constant,
            iterations: 1000,
            rewhiten_at: Vec::new(),
            ..Settings::default()
        };
        Self { preset: SteinPreset::Paper, engine, ..Self::new(particles) }
    }
}

/// What a fit leaves.
#[derive(Debug, Clone)]
pub struct SvgdFit {
    /// The final cloud and its trace.
    pub outcome: Outcome,
    /// The mode it started from, if it did.
    pub mode: Option<Optimum>,
    /// Diagnostics of the final cloud.
    pub diagnostics: SteinDiagnostics,
}

/// Fits J particles. `starts`: where to look for modes, or (paper) the particles themselves, at least J of them.
///
/// # Errors
/// Where no start works, and where most particles fail.
pub fn svgd<D: LogDensity>(
    target: &D,
    starts: &[Vec<f64>],
    settings: &SvgdSettings,
    observer: &mut dyn Observer,
) -> Result<SvgdFit> {
    let dim = target.dim();
    if dim == 0 {
        return Err(Error::Invalid("every parameter is fixed: there is nothing to infer".into()));
    }
    let (mode, cloud, whitening) = match settings.preset {
        SteinPreset::Paper => {
            let points = starts.iter().take(settings.particles).map(Vec::as_slice);
            (None, Cloud::from_points(dim, points), Whitening::identity(dim))
        }
        SteinPreset::Default => start_at_mode(target, starts, settings)?,
    };
    let outcome = Engine::new(target, cloud, whitening, settings.engine.clone())?.run(observer)?;
    let diagnostics = SteinDiagnostics::new(&outcome.particles, &outcome.scores, &outcome.whitening);
    Ok(SvgdFit { outcome, mode, diagnostics })
}

type Start = (Option<Optimum>, Cloud, Whitening);

/// The maximum with the largest Laplace evidence, its Gaussian, and draws from it.
fn start_at_mode<D: LogDensity>(target: &D, starts: &[Vec<f64>], settings: &SvgdSettings) -> Result<Start> {
    let dim = target.dim();
    let mut evaluator = Evaluator::new(target, 2 * dim.max(settings.particles));
    let mut best: Option<(f64, Optimum, Vec<f64>)> = None;
    for optimum in distinct(maximise(target, starts, &settings.maximum)?) {
        let hessian = negative_hessian(&mut evaluator, &optimum.point)?;
        let evidence = log_evidence(optimum.value, &hessian, settings.curvature_floor);
        if best.as_ref().is_none_or(|(most, _, _)| evidence > *most) {
            best = Some((evidence, optimum, hessian));
        }
    }
    let Some((_, mode, hessian)) = best else {
        return Err(Error::Invalid("there is no start to climb from".into()));
    };
    let whitening = Whitening::from_precision(mode.point.clone(), &hessian, settings.curvature_floor)?;
    let mut cloud = Cloud::zeros(settings.particles, dim);
    if settings.particles == 1 {
        cloud.point_mut(0).copy_from_slice(&mode.point);
    } else {
        let mut rng = ChaCha8Rng::seed_from_u64(settings.engine.seed);
        rng.set_stream(1);
        let mut z = vec![0.0; dim];
        for point in cloud.points_mut() {
            for v in &mut z {
                let draw: f64 = StandardNormal.sample(&mut rng);
                *v = settings.initial_spread * draw;
            }
            whitening.unwhiten(&z, point);
        }
    }
    Ok((Some(mode), cloud, whitening))
}

/// Maxima that differ by more than rounding; the same optimum reached twice counts once.
fn distinct(optima: Vec<Optimum>) -> Vec<Optimum> {
    let mut kept: Vec<Optimum> = Vec::new();
    for optimum in optima {
        let same = |other: &Optimum| {
            (other.value - optimum.value).abs() < 1e-2
                && other.point.iter().zip(&optimum.point).all(|(a, b)| (a - b).abs() < 0.1)
        };
        if !kept.iter().any(same) {
            kept.push(optimum);
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn a_correlated_gaussian_comes_back_with_its_mean_and_covariance() {
        // Precision with correlation 0.9 and scales 0.01 and 10.
        let covariance = [1e-4, 0.09, 0.09, 100.0];
        let determinant = covariance[0] * covariance[3] - covariance[1] * covariance[2];
        let precision =
            [covariance[3], -covariance[1], -covariance[2], covariance[0]].map(|c| c / determinant);
        let target = GaussianTarget::new(vec![3.0, -40.0], precision.to_vec()).unwrap();
        let settings = SvgdSettings { curvature_floor: 1e-6, ..SvgdSettings::new(20) };
        let fit = svgd(&target, &[vec![0.0, 0.0]], &settings, &mut ()).unwrap();
        let (mean, found) = (fit.outcome.particles.mean(), fit.outcome.particles.covariance());
        assert!((mean[0] - 3.0).abs() < 1e-3 && (mean[1] + 40.0).abs() < 1.0, "{mean:?}");
        for (f, c) in found.iter().zip(covariance) {
            assert!((f / c - 1.0).abs() < 0.15, "{found:?}");
        }
        assert!((fit.diagnostics.stein_ratio - 1.0).abs() < 0.15);
    }

    #[test]
    fn equal_maxima_count_once() {
        let at = |x: f64, value: f64| Optimum {
            point: vec![x],
            value,
            gradient_norm: 0.0,
            iterations: 0,
            trace: Vec::new(),
            start: 0,
        };
        assert_eq!(distinct(vec![at(0.0, 1.0), at(0.001, 1.0), at(3.0, 1.0)]).len(), 2);
    }
}
