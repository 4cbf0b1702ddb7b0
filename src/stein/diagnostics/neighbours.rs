//! How the particles of a cloud see each other through the kernel that moves them.

use crate::Result;
use crate::stein::{Cloud, SteinKernel, stein_field};

/// Forces on the particles, and how many others each feels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interactions {
    /// Root mean square of the attraction.
    pub attraction: f64,
    /// Root mean square of the repulsion.
    pub repulsion: f64,
    /// Mean over particles of 1/Σ w², with w the kernel's values at all particles, scaled to sum to 1.
    pub effective_neighbours: f64,
}

impl Interactions {
    /// Of whitened particles and scores. Cost: O(J²d).
    ///
    /// # Errors
    /// Those of [`stein_field`].
    pub fn new(kernel: &SteinKernel, z: &Cloud, g: &Cloud) -> Result<Self> {
        let (attraction, repulsion) = stein_field(kernel, z, g, z)?;
        Ok(Self {
            attraction: root_mean_square(&attraction),
            repulsion: root_mean_square(&repulsion),
            effective_neighbours: match local_part(kernel) {
                Some(local) => effective_neighbours(&local, z, g)?,
                None => f64::NAN,
            },
        })
    }

    /// Where nothing can be said.
    pub const UNKNOWN: Self =
        Self { attraction: f64::NAN, repulsion: f64::NAN, effective_neighbours: f64::NAN };
}

/// The part of a kernel that falls with distance. Moment kernels have none: every particle sees the whole cloud.
fn local_part(kernel: &SteinKernel) -> Option<SteinKernel> {
    match kernel {
        SteinKernel::Rbf(_) | SteinKernel::Imq { .. } | SteinKernel::Coordinatewise { .. } => {
            Some(kernel.clone())
        }
        SteinKernel::Blocks { split, kernels } => {
            let parts = local_part(&kernels.0).zip(local_part(&kernels.1))?;
            Some(SteinKernel::Blocks { split: *split, kernels: Box::new(parts) })
        }
        SteinKernel::Sum(parts) => {
            let local: Vec<_> =
                parts.iter().filter_map(|(w, part)| local_part(part).map(|part| (*w, part))).collect();
            (!local.is_empty()).then_some(SteinKernel::Sum(local))
        }
        _ => None,
    }
}

/// Whether a part of the kernel is there to hold the cloud's variance.
pub(super) fn holds_variance(kernel: &SteinKernel) -> bool {
    match kernel {
        SteinKernel::Rbf(_) | SteinKernel::Imq { .. } | SteinKernel::Coordinatewise { .. } => false,
        SteinKernel::Blocks { kernels, .. } => holds_variance(&kernels.0) && holds_variance(&kernels.1),
        SteinKernel::Sum(parts) => parts.iter().any(|(_, part)| holds_variance(part)),
        _ => true,
    }
}

/// (Σ_j k_ij)²/Σ_j k_ij², on average over particles (and coordinates, where each has a kernel of its own): J where all
/// count alike, 1 where each particle sees only itself.
fn effective_neighbours(kernel: &SteinKernel, z: &Cloud, g: &Cloud) -> Result<f64> {
    let d = z.dim();
    let mut kernel = kernel.build(d)?;
    kernel.prepare(z, g)?;
    let (mut value, mut unused) = (vec![0.0; d], vec![0.0; d]);
    let (mut sums, mut squares) = (vec![0.0; d], vec![0.0; d]);
    let mut total = 0.0;
    for x in z.points() {
        sums.fill(0.0);
        squares.fill(0.0);
        for other in z.points() {
            value.fill(0.0);
            kernel.add_pair(1.0, other, x, &mut value, &mut unused);
            for c in 0..d {
                sums[c] += value[c];
                squares[c] += value[c] * value[c];
            }
        }
        total += sums.iter().zip(&squares).map(|(s, q)| s * s / q).sum::<f64>();
    }
    Ok(total / z.values().len() as f64)
}

fn root_mean_square(cloud: &Cloud) -> f64 {
    (cloud.values().iter().map(|v| v * v).sum::<f64>() / cloud.values().len().max(1) as f64).sqrt()
}
