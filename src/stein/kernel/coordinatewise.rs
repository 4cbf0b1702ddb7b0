//! A kernel of its own for every coordinate: k = diag(k_1, …, k_d) with k_c(x, y) = κ((x_c − y_c)²/h_c).
//!
//! What the cloud keeps of each marginal does not depend on d, where a radial kernel collapses as d grows: the
//! widths are those of one coordinate. Correlations are not seen, so the coordinates should be whitened. These are
//! the local kernels of message-passing SVGD (Zhuo et al. 2018; Wang et al. 2018) with single coordinates as cliques.

use super::{Bandwidth, ParticleKernel, Radial};
use crate::Result;
use crate::stein::Cloud;

/// Kernels of single coordinates with the widths that the present cloud gives them.
#[derive(Debug)]
pub(super) struct CoordinatewiseKernel {
    profile: Radial,
    bandwidth: Bandwidth,
    squared_widths: Vec<f64>,
    pairs: Vec<f64>,
}

impl CoordinatewiseKernel {
    pub(super) fn new(profile: Radial, bandwidth: Bandwidth, dim: usize) -> Result<Self> {
        profile.check()?;
        bandwidth.check()?;
        Ok(Self { profile, bandwidth, squared_widths: vec![1.0; dim], pairs: Vec::new() })
    }
}

impl ParticleKernel for CoordinatewiseKernel {
    fn prepare(&mut self, particles: &Cloud, _: &Cloud) -> Result<()> {
        for (c, h) in self.squared_widths.iter_mut().enumerate() {
            self.pairs.clear();
            for i in 1..particles.count() {
                let here = particles.point(i)[c];
                self.pairs.extend((0..i).map(|j| (here - particles.point(j)[c]).powi(2)));
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

    fn is_scalar(&self) -> bool {
        false
    }
}
