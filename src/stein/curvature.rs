//! Curvature at the particles, for movers that use it: −∇∇ᵀ log p in whitened coordinates.

use super::cloud::squared_distance;
use super::spectrum::Spectrum;
use super::{Cloud, Whitening};
use crate::density::LogDensity;
use crate::evaluation::Evaluator;
use crate::{Error, Result};
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

/// Negative Hessians at the particles.
pub trait Curvature<D: LogDensity>: Send {
    /// Writes one positive definite d×d matrix a particle, row by row, into `hessians`. Particles and scores are in the
    /// coordinates of `whitening`, and so are the matrices.
    ///
    /// # Errors
    /// Unrecoverable errors of the log density, and [`Error::NotFiniteValue`] for matrices without a spectrum.
    fn negative_hessians(
        &mut self,
        evaluator: &mut Evaluator<'_, D>,
        whitening: &Whitening,
        particles: &Cloud,
        scores: &Cloud,
        hessians: &mut [f64],
    ) -> Result<()>;

    /// Forgets what it knows of other coordinates.
    fn reset(&mut self) {}
}

/// Where the engine has curvature from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CurvatureSource {
    /// Differences of scores: 2d evaluations a particle.
    Differences,
    /// Secants through the particles' own positions and scores: no evaluation.
    Secants,
}

impl CurvatureSource {
    /// The estimate for particles in `dim` dimensions.
    pub fn build<D: LogDensity>(self) -> Box<dyn Curvature<D>> {
        match self {
            CurvatureSource::Differences => Box::new(ScoreDifferences::default()),
            CurvatureSource::Secants => Box::new(LocalSecants::default()),
        }
    }
}

/// Central differences of the score along the whitened axes.
#[derive(Debug)]
pub struct ScoreDifferences {
    points: Cloud,
    scores: Cloud,
    values: Vec<Result<f64>>,
}

impl Default for ScoreDifferences {
    fn default() -> Self {
        Self { points: Cloud::zeros(0, 0), scores: Cloud::zeros(0, 0), values: Vec::new() }
    }
}

impl<D: LogDensity> Curvature<D> for ScoreDifferences {
    fn negative_hessians(
        &mut self,
        evaluator: &mut Evaluator<'_, D>,
        whitening: &Whitening,
        particles: &Cloud,
        _: &Cloud,
        hessians: &mut [f64],
    ) -> Result<()> {
        // Rounding of the score against the third derivative; whitened coordinates are of order one.
        const STEP: f64 = 1e-4;
        let (count, d) = (particles.count(), particles.dim());
        if self.points.dim() != d || self.points.count() != 2 * d * count {
            self.points = Cloud::zeros(2 * d * count, d);
            self.scores = Cloud::zeros(2 * d * count, d);
            self.values = (0..2 * d * count).map(|_| Ok(0.0)).collect();
        }
        let mut moved = vec![0.0; d];
        for (k, point) in self.points.points_mut().enumerate() {
            let (j, axis) = (k / (2 * d), (k / 2) % d);
            moved.copy_from_slice(particles.point(j));
            moved[axis] += if k % 2 == 0 { STEP } else { -STEP };
            whitening.unwhiten(&moved, point);
        }
        evaluator.evaluate_all(&self.points, &mut self.scores, &mut self.values)?;
        hessians.fill(0.0);
        let (mut up, mut down) = (vec![0.0; d], vec![0.0; d]);
        for (j, hessian) in hessians.chunks_mut(d * d).enumerate() {
            for a in 0..d {
                let k = 2 * (j * d + a);
                whitening.whiten_score(self.scores.point(k), &mut up);
                whitening.whiten_score(self.scores.point(k + 1), &mut down);
                let known = self.values[k].is_ok() && self.values[k + 1].is_ok();
                for b in 0..d {
                    // A direction of which nothing is known has the curvature of a whitened one.
                    let unit = f64::from(u8::from(a == b));
                    let entry = if known { (down[b] - up[b]) / (2.0 * STEP) } else { unit };
                    hessian[a * d + b] += 0.5 * entry;
                    hessian[b * d + a] += 0.5 * entry;
                }
            }
            make_positive(hessian, d)?;
        }
        Ok(())
    }
}

/// A linear fit of the score around each particle: g ≈ ḡ − H (z − z̄) by weighted least squares over the particles of
/// this iteration and the last few ones, nearer ones with more weight. Exact on a Gaussian target once the points span
/// all dimensions; elsewhere an average of the curvature around the particle.
#[derive(Debug)]
pub struct LocalSecants {
    points: Vec<(Cloud, Cloud)>,
    next: usize,
    pairs: Vec<f64>,
}

/// Iterations that a secant looks back on, the present one among them.
const MEMORY: usize = 4;
/// Weight of the unit curvature in the fit, relative to the mean variance of the points: it decides in directions
/// that they do not span.
const RIDGE: f64 = 1e-3;

impl Default for LocalSecants {
    fn default() -> Self {
        Self { points: Vec::with_capacity(MEMORY), next: 0, pairs: Vec::new() }
    }
}

impl<D: LogDensity> Curvature<D> for LocalSecants {
    fn negative_hessians(
        &mut self,
        _: &mut Evaluator<'_, D>,
        _: &Whitening,
        particles: &Cloud,
        scores: &Cloud,
        hessians: &mut [f64],
    ) -> Result<()> {
        let present = (particles.clone(), scores.clone());
        if self.points.len() < MEMORY {
            self.points.push(present);
        } else {
            self.points[self.next] = present;
        }
        self.next = (self.next + 1) % MEMORY;
        let d = particles.dim();
        self.pairs.clear();
        for i in 1..particles.count() {
            self.pairs.extend((0..i).map(|j| squared_distance(particles.point(i), particles.point(j))));
        }
        let width = super::Bandwidth::TwiceMedian.squared_width(&mut self.pairs, particles.count());
        for (centre, hessian) in particles.points().zip(hessians.chunks_mut(d * d)) {
            self.fit(centre, width, hessian)?;
            make_positive(hessian, d)?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.points.clear();
        self.next = 0;
    }
}

impl LocalSecants {
    fn fit(&self, centre: &[f64], width: f64, hessian: &mut [f64]) -> Result<()> {
        let d = centre.len();
        let all = || self.points.iter().flat_map(|(z, g)| z.points().zip(g.points()));
        let weight = |z: &[f64]| (-squared_distance(z, centre) / width).exp();
        let (mut total, mut mean, mut mean_score) = (0.0, vec![0.0; d], vec![0.0; d]);
        for (z, g) in all() {
            let w = weight(z);
            total += w;
            mean.iter_mut().zip(z).for_each(|(m, z)| *m += w * z);
            mean_score.iter_mut().zip(g).for_each(|(m, g)| *m += w * g);
        }
        mean.iter_mut().chain(&mut mean_score).for_each(|m| *m /= total);
        let (mut spread, mut cross) = (Mat::<f64>::zeros(d, d), Mat::<f64>::zeros(d, d));
        for (z, g) in all() {
            let w = weight(z) / total;
            for a in 0..d {
                for b in 0..d {
                    spread[(a, b)] += w * (z[a] - mean[a]) * (z[b] - mean[b]);
                    cross[(a, b)] -= w * (z[a] - mean[a]) * (g[b] - mean_score[b]);
                }
            }
        }
        let trace: f64 = (0..d).map(|a| spread[(a, a)]).sum();
        let ridge = (RIDGE * trace / d.max(1) as f64).max(f64::MIN_POSITIVE);
        for a in 0..d {
            spread[(a, a)] += ridge;
            cross[(a, a)] += ridge;
        }
        let factor =
            spread.llt(Side::Lower).map_err(|_| Error::NotFiniteValue { what: "spread of the particles" })?;
        let slope = faer::linalg::solvers::Solve::solve(&factor, &cross);
        for a in 0..d {
            for b in 0..d {
                hessian[a * d + b] = 0.5 * (slope[(a, b)] + slope[(b, a)]);
            }
        }
        Ok(())
    }
}

/// Replaces eigenvalues by their absolute values, no smaller than a share of the largest: where the density curves
/// the wrong way a Newton step must still climb (saddle-free Newton, Dauphin et al. 2014).
fn make_positive(matrix: &mut [f64], d: usize) -> Result<()> {
    /// A step is at most this much longer along one direction than its gradient there asks for along the steepest.
    const LEAST_SHARE: f64 = 1e-3;
    let spectrum = Spectrum::new(matrix, d, "curvature at a particle")?;
    let largest = spectrum.values.iter().map(|v| v.abs()).fold(0.0, f64::max);
    let floor = if largest > 0.0 { LEAST_SHARE * largest } else { 1.0 };
    spectrum.apply(|v| v.abs().max(floor), matrix);
    Ok(())
}
