//! Matrix-valued SVGD: the force as a metric sees it (Wang et al. 2019).

use super::{Mover, Scene};
use crate::density::LogDensity;
use crate::stein::kernel::MetricForce;
use crate::stein::{Cloud, Curvature, CurvatureSource, SteinKernel};
use crate::{Error, Result};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

/// Where the metric Q of a matrix-valued kernel comes from. All are in whitened coordinates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// A given positive definite precision matrix, d×d row by row: a Hessian or a Fisher matrix that somebody knows.
    Given(Vec<f64>),
    /// 1/J Σ_j g_j g_jᵀ: on draws of the target it has the mean of the Hessian.
    Fisher,
    /// The inverse of the particles' covariance, shrunk towards I by what d dimensions weigh against J particles.
    Covariance,
    /// Mean of the negative Hessians at the particles.
    MeanHessian(CurvatureSource),
    /// Mixture of the negative Hessians at the particles, each in its own region (section 3.2 of the paper).
    LocalHessians(CurvatureSource),
}

/// The force in the coordinates of a metric.
pub(super) struct Matrix<D: LogDensity> {
    metric: Metric,
    force: MetricForce,
    curvature: Option<Box<dyn Curvature<D>>>,
    hessians: Vec<f64>,
    precision: Vec<f64>,
}

/// Smallest eigenvalue of an estimated metric, relative to the mean of its diagonal: it bounds the longest step.
const FLOOR: f64 = 1e-3;

impl<D: LogDensity> Matrix<D> {
    pub(super) fn new(kernel: &SteinKernel, metric: &Metric, count: usize, dim: usize) -> Result<Self> {
        let mut precision = vec![0.0; dim * dim];
        if let Metric::Given(matrix) = metric {
            if matrix.len() != dim * dim {
                return Err(Error::Shape { what: "metric", expected: dim * dim, found: matrix.len() });
            }
            let failed = |_| Error::NotPositiveDefinite { matrix: "metric", size: dim, jitter: 0.0 };
            Mat::from_fn(dim, dim, |i, j| matrix[i * dim + j]).llt(Side::Lower).map_err(failed)?;
            precision.copy_from_slice(matrix);
        }
        let curvature = match metric {
            Metric::MeanHessian(source) | Metric::LocalHessians(source) => Some(source.build()),
            _ => None,
        };
        let force = MetricForce::new(kernel, count, dim)?;
        Ok(Self { metric: metric.clone(), force, curvature, hessians: Vec::new(), precision })
    }

    fn find_precision(&mut self, scene: &mut Scene<'_, '_, D>) -> Result<()> {
        let (z, g) = (scene.particles, scene.scores);
        let (d, count) = (z.dim(), z.count() as f64);
        match &self.metric {
            Metric::Given(_) => {}
            Metric::Fisher => {
                self.precision.fill(0.0);
                for g in g.points() {
                    for (row, a) in self.precision.chunks_mut(d).zip(g) {
                        row.iter_mut().zip(g).for_each(|(q, b)| *q += a * b / count);
                    }
                }
            }
            Metric::Covariance => {
                let share = (count - 1.0) / (count - 1.0 + d as f64);
                self.precision = shrunk_inverse(&z.covariance(), share, d)?;
            }
            Metric::MeanHessian(_) | Metric::LocalHessians(_) => {
                self.hessians.resize(z.count() * d * d, 0.0);
                if let Some(curvature) = &mut self.curvature {
                    curvature.negative_hessians(
                        scene.evaluator,
                        scene.whitening,
                        z,
                        g,
                        &mut self.hessians,
                    )?;
                }
                self.precision.fill(0.0);
                for hessian in self.hessians.chunks(d * d) {
                    self.precision.iter_mut().zip(hessian).for_each(|(q, h)| *q += h / count);
                }
            }
        }
        Ok(())
    }
}

/// (share·Σ + (1 − share) I)⁻¹.
fn shrunk_inverse(covariance: &[f64], share: f64, d: usize) -> Result<Vec<f64>> {
    let unit = |i, j| if i == j { 1.0 - share } else { 0.0 };
    let shrunk = Mat::from_fn(d, d, |i, j| share * covariance[i * d + j] + unit(i, j));
    let matrix = "covariance of the particles";
    let failed = |_| Error::NotPositiveDefinite { matrix, size: d, jitter: 0.0 };
    let inverse = shrunk.llt(Side::Lower).map_err(failed)?.inverse();
    Ok((0..d * d).map(|k| inverse[(k / d, k % d)]).collect())
}

impl<D: LogDensity> Mover<D> for Matrix<D> {
    fn direct(&mut self, scene: &mut Scene<'_, '_, D>, direction: &mut Cloud) -> Result<()> {
        self.find_precision(scene)?;
        let (z, g, d) = (scene.particles, scene.scores, scene.particles.dim());
        let force = if matches!(self.metric, Metric::LocalHessians(_)) {
            self.force.compute_mixture(z, &self.hessians, z, g, z)?
        } else {
            let mean_diagonal = self.precision.iter().step_by(d + 1).sum::<f64>() / d as f64;
            // A given metric is positive definite and known to be meant.
            let share = if matches!(self.metric, Metric::Given(_)) { 0.0 } else { FLOOR };
            let floor = (share * mean_diagonal).max(f64::MIN_POSITIVE);
            self.force.compute(&self.precision, floor, z, g, z)?
        };
        scene.weights.combine(&force.attraction, &force.repulsion, direction);
        Ok(())
    }

    fn parts(&self) -> (&Cloud, &Cloud) {
        let force = self.force.last();
        (&force.attraction, &force.repulsion)
    }

    fn reset(&mut self) {
        if let Some(curvature) = &mut self.curvature {
            curvature.reset();
        }
    }
}
