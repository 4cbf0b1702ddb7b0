//! Kernels between particles.
//!
//! A kernel is a [`SteinKernel`], a description that can be stored; [`SteinKernel::build`] makes of it the
//! [`ParticleKernel`] that computes. All of these are diagonal, k = diag(k_1, …, k_d), and most have k_c equal for
//! all coordinates. What depends on the present cloud (bandwidths, means, covariances) is taken from it once an
//! iteration and held while gradients are taken, as in Liu & Wang (2016) and Chu et al. (2020, eq. 31).

mod bandwidth;
mod bilinear;
mod blocks;
mod coordinatewise;
mod marginal;
mod metric;
mod moments;
mod radial;
mod sum;
mod tangent;

use super::Cloud;
use crate::Result;
use serde::{Deserialize, Serialize};

pub use bandwidth::Bandwidth;
pub use metric::MetricForce;
pub use radial::Radial;
pub use tangent::TangentMoments;

/// A kernel between particles, ready to compute.
pub trait ParticleKernel: Send + std::fmt::Debug {
    /// Takes from the present cloud what the kernel depends on: bandwidths, mean, covariance. The scores are there
    /// for kernels whose sums are moments.
    ///
    /// # Errors
    /// Where the cloud has no such moments, see the kernel.
    fn prepare(&mut self, particles: &Cloud, scores: &Cloud) -> Result<()>;

    /// Adds `weight`·k_c(z, x) to `value[c]` and `weight`·∂k_c(z, x)/∂z_c to `gradient[c]`, for all c.
    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]);

    /// Adds `weight`·Σ_j k(z_j, x) g_j and `weight`·Σ_j ∇_{z_j} k(z_j, x) for every point x where the force is asked for.
    /// Cost of pairs: O(J d) a point.
    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        for i in 0..cloud.at.count() {
            let x = cloud.at.point(i);
            for (z, g) in cloud.particles.points().zip(cloud.scores.points()) {
                force.value.fill(0.0);
                self.add_pair(weight, z, x, &mut force.value, force.repulsion.point_mut(i));
                let attraction = force.attraction.point_mut(i).iter_mut();
                attraction.zip(&force.value).zip(g).for_each(|((a, k), g)| *a += k * g);
            }
        }
    }

    /// Number of particles from which on the kernel belongs in a sum.
    fn least_particles(&self) -> usize {
        1
    }

    /// Whether k_c is the same for all coordinates.
    fn is_scalar(&self) -> bool {
        true
    }
}

/// Particles with their scores, and the points at which their force is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Interaction<'a> {
    /// z_1..z_J.
    pub particles: &'a Cloud,
    /// g_1..g_J.
    pub scores: &'a Cloud,
    /// Points x.
    pub at: &'a Cloud,
}

/// Sums of a force, one point for each point where it is asked for.
#[derive(Debug, Clone)]
pub struct Force {
    /// Σ_j k(z_j, x) g_j, weighted.
    pub attraction: Cloud,
    /// Σ_j ∇_{z_j} k(z_j, x), weighted.
    pub repulsion: Cloud,
    value: Vec<f64>,
}

impl Force {
    /// Zero at `count` points in `dim` dimensions.
    pub fn zeros(count: usize, dim: usize) -> Self {
        let zeros = Cloud::zeros(count, dim);
        Self { attraction: zeros.clone(), repulsion: zeros, value: vec![0.0; dim] }
    }

    /// Zero at `count` points.
    pub fn clear(&mut self, count: usize) {
        for sum in [&mut self.attraction, &mut self.repulsion] {
            sum.resize(count);
            sum.values_mut().fill(0.0);
        }
    }
}

/// A kernel between particles, as a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteinKernel {
    /// exp(−D/h).
    Rbf(Bandwidth),
    /// Inverse multiquadric (1 + D/h)^β: its tail reaches particles that the RBF has lost.
    Imq {
        /// How h is found.
        bandwidth: Bandwidth,
        /// β, between −1 and 0.
        exponent: f64,
    },
    /// 1 + (x − z̄)ᵀ(y − z̄): holds mean and covariance exactly on a Gaussian target (Liu & Wang 2018) where the
    /// particles outnumber the dimensions; with J ≤ d a sum leaves it out.
    Bilinear,
    /// diag(1 + (x_c − z̄_c)(y_c − z̄_c)): holds the mean and the variance of each marginal on a Gaussian target, with any
    /// number of particles.
    Marginal,
    /// [`SteinKernel::Bilinear`] with J ≥ 4d particles, [`SteinKernel::Marginal`] with fewer.
    Moments,
    /// diag(k_1, …, k_d): every coordinate moves by a kernel of itself alone, with a width of its own.
    Coordinatewise {
        /// Shape of each.
        profile: Radial,
        /// How their widths are found.
        bandwidth: Bandwidth,
    },
    /// 1 + (x − μ)ᵀ Σ⁻¹ (y − μ), the tangent kernel of the Gaussian family: the cloud follows black-box variational
    /// inference with a full covariance (Chu et al. 2020, eq. 18).
    GaussianTangent(TangentMoments),
    /// One kernel for the first coordinates and another for the rest: hyperparameters and latent values.
    Blocks {
        /// Number of coordinates of the first.
        split: usize,
        /// The kernel of each part.
        kernels: Box<(SteinKernel, SteinKernel)>,
    },
    /// Σ w k with positive weights.
    Sum(Vec<(f64, SteinKernel)>),
}

impl SteinKernel {
    /// The inverse multiquadric with β = −½.
    pub const fn imq(bandwidth: Bandwidth) -> Self {
        SteinKernel::Imq { bandwidth, exponent: -0.5 }
    }

    /// Half IMQ with the plain median and half moments: the default, for whitened particles.
    pub fn default_mixture() -> Self {
        SteinKernel::Sum(vec![(0.5, Self::imq(Bandwidth::Median)), (0.5, SteinKernel::Moments)])
    }

    /// The paper's: RBF with h = median / log J.
    pub fn paper() -> Self {
        SteinKernel::Rbf(Bandwidth::MedianOverLog)
    }

    /// The paper's for hyperparameters, and for latent values one coordinate by coordinate, whose force does not fade
    /// with their number.
    pub fn paper_with_latents(hyperparameters: usize) -> Self {
        let of_latents =
            SteinKernel::Coordinatewise { profile: Radial::Rbf, bandwidth: Bandwidth::MedianOverLog };
        SteinKernel::Blocks { split: hyperparameters, kernels: Box::new((Self::paper(), of_latents)) }
    }

    /// The kernel for particles in `dim` dimensions.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for widths, exponents or weights that make no kernel.
    pub fn build(&self, dim: usize) -> Result<Box<dyn ParticleKernel>> {
        Ok(match self {
            SteinKernel::Rbf(bandwidth) => Box::new(radial::RadialKernel::new(Radial::Rbf, *bandwidth)?),
            SteinKernel::Imq { bandwidth, exponent } => {
                Box::new(radial::RadialKernel::new(Radial::Imq { exponent: *exponent }, *bandwidth)?)
            }
            SteinKernel::Moments => Box::new(moments::MomentsKernel::new(dim)),
            SteinKernel::Marginal => Box::new(marginal::MarginalKernel::new(dim)),
            SteinKernel::Bilinear => Box::new(bilinear::BilinearKernel::centred(dim)),
            SteinKernel::Coordinatewise { profile, bandwidth } => {
                Box::new(coordinatewise::CoordinatewiseKernel::new(*profile, *bandwidth, dim)?)
            }
            SteinKernel::GaussianTangent(TangentMoments::Cloud) => {
                Box::new(tangent::CloudTangentKernel::new(dim))
            }
            SteinKernel::GaussianTangent(TangentMoments::Given { mean, covariance }) => {
                Box::new(tangent::with_given_moments(mean, covariance, dim)?)
            }
            SteinKernel::Blocks { split, kernels } => {
                let (first, rest) = (kernels.0.build(*split)?, kernels.1.build(dim.saturating_sub(*split))?);
                Box::new(blocks::BlocksKernel::new(*split, dim, first, rest)?)
            }
            SteinKernel::Sum(parts) => {
                let build = |(weight, kernel): &(f64, SteinKernel)| Ok((*weight, kernel.build(dim)?));
                Box::new(sum::SumKernel::new(parts.iter().map(build).collect::<Result<_>>()?)?)
            }
        })
    }
}

#[cfg(test)]
mod tests;
