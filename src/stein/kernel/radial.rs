//! Radial kernels k(x, y) = κ(|x − y|²).
//!
//! Σ_j ∇_{z_j} k(z_j, x) = −2 Σ_j κ′(D_j) (x − z_j): with κ falling it pushes x away from every z_j.

use super::{Bandwidth, Force, Interaction, ParticleKernel};
use crate::stein::Cloud;
use crate::stein::cloud::squared_distance;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Shape κ of a radial kernel, as a function of D/h.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Radial {
    /// exp(−D/h).
    Rbf,
    /// Inverse multiquadric (1 + D/h)^β with −1 < β < 0 (Gorham & Mackey 2017, Theorem 8).
    Imq {
        /// β.
        exponent: f64,
    },
}

impl Radial {
    /// Refuses an exponent that gives no kernel.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an exponent outside (−1, 0).
    pub fn check(self) -> Result<()> {
        match self {
            Radial::Imq { exponent } if !(exponent > -1.0 && exponent < 0.0) => Err(Error::Invalid(format!(
                "the exponent of an inverse multiquadric lies between -1 and 0, not at {exponent}"
            ))),
            _ => Ok(()),
        }
    }

    /// κ and dκ/dD at squared distance D for squared width h.
    pub fn value_and_slope(self, distance: f64, h: f64) -> (f64, f64) {
        match self {
            Radial::Rbf => {
                let k = (-distance / h).exp();
                (k, -k / h)
            }
            Radial::Imq { exponent } => {
                let base = 1.0 + distance / h;
                let k = if exponent == -0.5 { base.sqrt().recip() } else { base.powf(exponent) };
                (k, exponent * k / (base * h))
            }
        }
    }
}

/// A radial kernel with the width that the present cloud gives it.
#[derive(Debug)]
pub(super) struct RadialKernel {
    profile: Radial,
    bandwidth: Bandwidth,
    squared_width: f64,
    pairs: Vec<f64>,
}

impl RadialKernel {
    pub(super) fn new(profile: Radial, bandwidth: Bandwidth) -> Result<Self> {
        profile.check()?;
        bandwidth.check()?;
        Ok(Self { profile, bandwidth, squared_width: 1.0, pairs: Vec::new() })
    }
}

impl ParticleKernel for RadialKernel {
    fn prepare(&mut self, particles: &Cloud, _: &Cloud) -> Result<()> {
        self.pairs.clear();
        if !matches!(self.bandwidth, Bandwidth::Fixed(_)) {
            for i in 1..particles.count() {
                self.pairs.extend((0..i).map(|j| squared_distance(particles.point(i), particles.point(j))));
            }
        }
        self.squared_width = self.bandwidth.squared_width(&mut self.pairs, particles.count());
        Ok(())
    }

    fn add_pair(&self, weight: f64, z: &[f64], x: &[f64], value: &mut [f64], gradient: &mut [f64]) {
        let (k, slope) = self.profile.value_and_slope(squared_distance(z, x), self.squared_width);
        value.iter_mut().for_each(|v| *v += weight * k);
        let factor = 2.0 * weight * slope;
        for ((g, z), x) in gradient.iter_mut().zip(z).zip(x) {
            *g += factor * (z - x);
        }
    }

    fn add(&self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        for i in 0..cloud.at.count() {
            let x = cloud.at.point(i);
            let (attraction, repulsion) = (force.attraction.point_mut(i), force.repulsion.point_mut(i));
            for (z, g) in cloud.particles.points().zip(cloud.scores.points()) {
                let (k, slope) = self.profile.value_and_slope(squared_distance(z, x), self.squared_width);
                let (k, factor) = (weight * k, 2.0 * weight * slope);
                attraction.iter_mut().zip(g).for_each(|(a, g)| *a += k * g);
                for ((r, z), x) in repulsion.iter_mut().zip(z).zip(x) {
                    *r += factor * (z - x);
                }
            }
        }
    }
}
