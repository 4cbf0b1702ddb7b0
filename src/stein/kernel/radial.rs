//! Radial kernels k(x, y) = κ(|x − y|²).
//!
//! Σ_j ∇_{z_j} k(z_j, x) = −2 Σ_j κ′(D_j) (x − z_j): with κ falling it pushes x away from every z_j.

use super::{Bandwidth, Force, Interaction, ParticleKernel};
use crate::linalg::elementwise::{exp, vectorise};
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

/// Pairs whose values are computed together, so that roots and exponentials vectorise.
const TOGETHER: usize = 16;

/// A radial kernel with the width that the present cloud gives it.
#[derive(Debug)]
pub(super) struct RadialKernel {
    profile: Radial,
    bandwidth: Bandwidth,
    squared_width: f64,
    /// Squared distances between the particles, below the diagonal row by row.
    distances: Vec<f64>,
    /// The same, out of order.
    pairs: Vec<f64>,
}

impl RadialKernel {
    pub(super) fn new(profile: Radial, bandwidth: Bandwidth) -> Result<Self> {
        profile.check()?;
        bandwidth.check()?;
        Ok(Self { profile, bandwidth, squared_width: 1.0, distances: Vec::new(), pairs: Vec::new() })
    }

    /// The squared distance of particle `j` from point `i`: known where the points are the particles.
    #[inline(always)]
    fn distance(&self, (i, x): (usize, &[f64]), (j, z): (usize, &[f64]), known: bool) -> f64 {
        let (low, high) = (i.min(j), i.max(j));
        match (known, low == high) {
            (true, true) => 0.0,
            (true, false) => self.distances[high * (high - 1) / 2 + low],
            (false, _) => squared_distance(z, x),
        }
    }

    /// k and 2 ∂k/∂D of some pairs.
    #[inline(always)]
    fn values_and_slopes(&self, distances: &[f64; TOGETHER], weight: f64) -> [[f64; TOGETHER]; 2] {
        let mut out = [[0.0; TOGETHER]; 2];
        let [values, slopes] = &mut out;
        let h = self.squared_width;
        match self.profile {
            Radial::Rbf => {
                for ((k, slope), d) in values.iter_mut().zip(slopes).zip(distances) {
                    *k = weight * exp(-d / h);
                    *slope = -2.0 * *k / h;
                }
            }
            Radial::Imq { exponent: -0.5 } => {
                for ((k, slope), d) in values.iter_mut().zip(slopes).zip(distances) {
                    let base = 1.0 + d / h;
                    *k = weight / base.sqrt();
                    *slope = -*k / (base * h);
                }
            }
            profile @ Radial::Imq { .. } => {
                for ((k, slope), d) in values.iter_mut().zip(slopes).zip(distances) {
                    let (value, change) = profile.value_and_slope(*d, h);
                    (*k, *slope) = (weight * value, 2.0 * weight * change);
                }
            }
        }
        out
    }
}

/// Adds k g and slope (z − x). Dimensions are few and seldom a multiple of a vector: what is left over goes in twos.
#[inline(always)]
fn add_pair(a: &mut [f64], r: &mut [f64], (z, g, x): (&[f64], &[f64], &[f64]), (k, slope): (f64, f64)) {
    let d = a.len().min(r.len()).min(z.len()).min(g.len()).min(x.len());
    let whole = d - d % 8;
    let ((a, a_rest), (r, r_rest)) = (a[..d].split_at_mut(whole), r[..d].split_at_mut(whole));
    let ((z, z_rest), (g, g_rest)) = (z[..d].split_at(whole), g[..d].split_at(whole));
    let (x, x_rest) = x[..d].split_at(whole);
    add_in_steps::<8>(a, r, (z, g, x), (k, slope));
    add_in_steps::<2>(a_rest, r_rest, (z_rest, g_rest, x_rest), (k, slope));
}

#[inline(always)]
fn add_in_steps<const STEP: usize>(
    a: &mut [f64],
    r: &mut [f64],
    (z, g, x): (&[f64], &[f64], &[f64]),
    (k, slope): (f64, f64),
) {
    let (a, a_rest) = a.as_chunks_mut::<STEP>();
    let (r, r_rest) = r.as_chunks_mut::<STEP>();
    let ((z, z_rest), (g, g_rest), (x, x_rest)) =
        (z.as_chunks::<STEP>(), g.as_chunks::<STEP>(), x.as_chunks::<STEP>());
    for ((a, r), ((z, g), x)) in a.iter_mut().zip(r).zip(z.iter().zip(g).zip(x)) {
        for c in 0..STEP {
            a[c] = g[c].mul_add(k, a[c]);
            r[c] = (z[c] - x[c]).mul_add(slope, r[c]);
        }
    }
    let rest = z_rest.iter().zip(g_rest).zip(x_rest);
    for ((a, r), ((z, g), x)) in a_rest.iter_mut().zip(r_rest).zip(rest) {
        *a = g.mul_add(k, *a);
        *r = (z - x).mul_add(slope, *r);
    }
}

impl ParticleKernel for RadialKernel {
    fn prepare(&mut self, particles: &Cloud, _: &Cloud) -> Result<()> {
        let distances = &mut self.distances;
        distances.clear();
        vectorise(
            #[inline(always)]
            || {
                for i in 1..particles.count() {
                    let x = particles.point(i);
                    distances.extend((0..i).map(|j| squared_distance(x, particles.point(j))));
                }
            },
        );
        self.pairs.clear();
        if !matches!(self.bandwidth, Bandwidth::Fixed(_)) {
            self.pairs.extend_from_slice(&self.distances);
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

    fn add(&mut self, weight: f64, cloud: &Interaction<'_>, force: &mut Force) {
        let (particles, scores) = (cloud.particles, cloud.scores);
        let known = std::ptr::eq(cloud.at, particles);
        let count = particles.count();
        vectorise(
            #[inline(always)]
            || {
                for (i, x) in cloud.at.points().enumerate() {
                    let (attraction, repulsion) =
                        (force.attraction.point_mut(i), force.repulsion.point_mut(i));
                    for start in (0..count).step_by(TOGETHER) {
                        let end = (start + TOGETHER).min(count);
                        let mut distances = [0.0; TOGETHER];
                        for (d, j) in distances.iter_mut().zip(start..end) {
                            *d = self.distance((i, x), (j, particles.point(j)), known);
                        }
                        let [values, slopes] = self.values_and_slopes(&distances, weight);
                        for (j, (k, slope)) in (start..end).zip(values.iter().zip(slopes)) {
                            let (z, g) = (particles.point(j), scores.point(j));
                            add_pair(&mut *attraction, &mut *repulsion, (z, g, x), (*k, slope));
                        }
                    }
                }
            },
        );
    }
}
