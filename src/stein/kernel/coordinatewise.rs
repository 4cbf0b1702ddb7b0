//! A kernel of its own for every coordinate: k = diag(k_1, …, k_d) with k_c(x, y) = κ((x_c − y_c)²/h_c).
//!
//! What the cloud keeps of each marginal does not depend on d, where a radial kernel collapses as d grows: the
//! widths are those of one coordinate. Correlations are not seen, so the coordinates should be whitened. These are
//! the local kernels of message-passing SVGD (Zhuo et al. 2018; Wang et al. 2018) with single coordinates as cliques.

use super::{Bandwidth, Force, Interaction, ParticleKernel, Radial};
use crate::Result;
use crate::linalg::elementwise::{exp, vectorise};
use crate::stein::Cloud;

/// Kernels of single coordinates with the widths that the present cloud gives them.
#[derive(Debug)]
pub(super) struct CoordinatewiseKernel {
    profile: Radial,
    bandwidth: Bandwidth,
    squared_widths: Vec<f64>,
    /// One coordinate of all particles.
    coordinate: Vec<f64>,
    pairs: Vec<f64>,
}

impl CoordinatewiseKernel {
    pub(super) fn new(profile: Radial, bandwidth: Bandwidth, dim: usize) -> Result<Self> {
        profile.check()?;
        bandwidth.check()?;
        Ok(Self {
            profile,
            bandwidth,
            squared_widths: vec![1.0; dim],
            coordinate: Vec::new(),
            pairs: Vec::new(),
        })
    }
}

impl CoordinatewiseKernel {
    /// What one particle z with score g adds at x. `value_and_slope`: of the squared distance in one coordinate and its width.
    #[inline(always)]
    fn add_particle(
        &self,
        (z, g): (&[f64], &[f64]),
        x: &[f64],
        (attraction, repulsion): (&mut [f64], &mut [f64]),
        value_and_slope: impl Fn(f64, f64) -> (f64, f64),
    ) {
        let sums = attraction.iter_mut().zip(repulsion);
        for ((((a, r), (z, g)), x), h) in sums.zip(z.iter().zip(g)).zip(x).zip(&self.squared_widths) {
            let difference = z - x;
            let (k, slope) = value_and_slope(difference * difference, *h);
            *a += k * g;
            *r += 2.0 * slope * difference;
        }
    }
}

impl ParticleKernel for CoordinatewiseKernel {
    fn prepare(&mut self, particles: &Cloud, _: &Cloud) -> Result<()> {
        for (c, h) in self.squared_widths.iter_mut().enumerate() {
            self.coordinate.clear();
            self.coordinate.extend(particles.points().map(|z| z[c]));
            self.pairs.clear();
            for (i, here) in self.coordinate.iter().enumerate() {
                self.pairs.extend(self.coordinate[..i].iter().map(|there| (here - there) * (here - there)));
            }
            *h = self.bandwidth.squared_width(&mut self.pairs, particles.count());
        }
        Ok(())
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        for (c, h) in self.squared_widths.iter().enumerate() {
            let difference = z[c] - x[c];
            let (k, slope) = self.profile.value_and_slope(difference * difference, *h);
            value[c] += weight * k;
            gradient[c] += 2.0 * weight * slope * difference;
        }
    }

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        for (i, x) in cloud.at.points().enumerate() {
            let (attraction, repulsion) = (force.attraction.point_mut(i), force.repulsion.point_mut(i));
            for (z, g) in cloud.particles.points().zip(cloud.scores.points()) {
                vectorise(
                    #[inline(always)]
                    || match self.profile {
                        // exp(−D/h) and its slope −k/h.
                        Radial::Rbf => {
                            self.add_particle((z, g), x, (&mut *attraction, &mut *repulsion), |d, h| {
                                let k = weight * exp(-d / h);
                                (k, -k / h)
                            })
                        }
                        profile => {
                            self.add_particle((z, g), x, (&mut *attraction, &mut *repulsion), |d, h| {
                                let (k, slope) = profile.value_and_slope(d, h);
                                (weight * k, weight * slope)
                            })
                        }
                    },
                );
            }
        }
    }

    fn is_scalar(&self) -> bool {
        false
    }
}
