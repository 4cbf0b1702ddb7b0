//! Increasing maps of one coordinate, and the one that turns a density into a standard normal.
//!
//! In the unconstrained coordinate u a Gamma prior falls like e^u on one side and like e^(−u/2) on the other, and so
//! does the posterior of every lengthscale that the data say little about: its mode lies at one end of its mass. In
//! v = Φ⁻¹(F(u)), with F the prior's distribution function, the prior is N(0, 1) and what the data leave of it is
//! close to a Gaussian. The map is a twice differentiable spline through exact values: any smooth increasing map is
//! a valid change of coordinates, so the spline's own slope goes into the Jacobian and nothing is approximated.

use statrs::distribution::{ContinuousCDF, Normal};

/// An increasing, twice continuously differentiable map u = t(v) of R onto R: cubic between equally spaced knots,
/// linear outside of them.
#[derive(Debug, Clone, PartialEq)]
pub struct MonotoneMap {
    /// First knot.
    start: f64,
    /// Distance between knots.
    step: f64,
    /// u at the knots; empty for the identity.
    values: Vec<f64>,
    /// d²u/dv² at the knots; zero at both ends.
    curvatures: Vec<f64>,
}

/// A point on a map: u, its slope du/dv > 0 and its curvature d²u/dv².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapPoint {
    /// u = t(v).
    pub value: f64,
    /// du/dv.
    pub slope: f64,
    /// d²u/dv².
    pub curvature: f64,
}

/// Knots reach this many standard deviations to both sides.
const REACH: f64 = 6.0;
/// Distance between knots, in standard deviations.
const STEP: f64 = 0.25;
/// Points on which the density is summed.
const GRID: usize = 6000;
/// Share of the mass that may lie beyond the ends of the grid.
const MOST_BEYOND: f64 = 1e-6;
/// Log density below its maximum at which a tail ends.
const NEGLIGIBLE: f64 = 60.0;

impl MonotoneMap {
    /// u = v.
    pub fn identity() -> Self {
        Self { start: 0.0, step: 1.0, values: Vec::new(), curvatures: Vec::new() }
    }

    /// The map from a standard normal v to a coordinate u of this (unnormalised) log density, so that t(v) has the
    /// density where v ~ N(0, 1). The identity where the density has no
    /// finite mass between −300 and 300, or more than a millionth of it outside.
    pub fn gaussianising(log_density: impl Fn(f64) -> f64) -> Self {
        Self::try_gaussianising(log_density).unwrap_or_else(Self::identity)
    }

    fn try_gaussianising(log_density: impl Fn(f64) -> f64) -> Option<Self> {
        let (low, high, peak) = bulk(&log_density)?;
        let width = (high - low) / (GRID - 1) as f64;
        let density: Vec<f64> =
            (0..GRID).map(|i| (log_density(low + i as f64 * width) - peak).exp()).collect();
        // Mass to the left and to the right of each grid point (trapezium rule), each summed from its own tail, so
        // that both keep their relative precision.
        let mut left = vec![0.0; GRID];
        let mut right = vec![0.0; GRID];
        for i in 1..GRID {
            left[i] = left[i - 1] + 0.5 * (density[i - 1] + density[i]);
            let j = GRID - 1 - i;
            right[j] = right[j + 1] + 0.5 * (density[j] + density[j + 1]);
        }
        let total = left[GRID - 1];
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        // What lies beyond the ends, for a tail that falls like a power: a map that ends before its density does would
        // keep everything from going there.
        let beyond = density[0] * low.abs() + density[GRID - 1] * high.abs();
        if beyond > MOST_BEYOND * total * width {
            return None;
        }
        let normal = Normal::standard();
        let count = (2.0 * REACH / STEP) as usize + 1;
        let quantile = |v: f64| {
            let mass = normal.cdf(-v.abs()) * total;
            let at = if v <= 0.0 {
                cross(&left, mass)?
            } else {
                // The right tail, read from its end.
                (GRID - 1) as f64 - cross_reversed(&right, mass)?
            };
            Some(low + at * width)
        };
        let values: Option<Vec<f64>> = (0..count).map(|k| quantile(-REACH + k as f64 * STEP)).collect();
        Self::through(-REACH, STEP, values?)
    }

    /// The natural cubic spline through these values; `None` where it does not increase.
    fn through(start: f64, step: f64, values: Vec<f64>) -> Option<Self> {
        let n = values.len();
        if n < 3 || values.iter().any(|v| !v.is_finite()) {
            return None;
        }
        // Tridiagonal system of the second derivatives, c_{k−1} + 4 c_k + c_{k+1} = 6 Δ²u_k / step², by elimination.
        let mut curvatures = vec![0.0; n];
        let mut factors = vec![0.0; n];
        for k in 1..n - 1 {
            let second = (values[k + 1] - 2.0 * values[k] + values[k - 1]) * 6.0 / (step * step);
            let pivot = 4.0 - factors[k - 1];
            factors[k] = 1.0 / pivot;
            curvatures[k] = (second - curvatures[k - 1]) / pivot;
        }
        for k in (1..n - 1).rev() {
            curvatures[k] -= factors[k] * curvatures[k + 1];
        }
        let map = Self { start, step, values, curvatures };
        let increasing = (0..4 * n).all(|i| map.at(start + i as f64 * step / 4.0).slope > 0.0);
        increasing.then_some(map)
    }

    /// u, du/dv and d²u/dv² at `v`.
    pub fn at(&self, v: f64) -> MapPoint {
        let n = self.values.len();
        if n == 0 {
            return MapPoint { value: v, slope: 1.0, curvature: 0.0 };
        }
        let place = (v - self.start) / self.step;
        let last = (n - 1) as f64;
        if place < 0.0 || place > last || place.is_nan() {
            let (end, k) = if place > last { (last, n - 2) } else { (0.0, 0) };
            let edge = self.inside(k, if end > 0.0 { 1.0 } else { 0.0 });
            let value = edge.value + edge.slope * (place - end) * self.step;
            return MapPoint { value, slope: edge.slope, curvature: 0.0 };
        }
        let k = (place as usize).min(n - 2);
        self.inside(k, place - k as f64)
    }

    /// In piece `k`, at the share `b` of its length.
    fn inside(&self, k: usize, b: f64) -> MapPoint {
        let (a, h) = (1.0 - b, self.step);
        let (u, c) = (&self.values[k..k + 2], &self.curvatures[k..k + 2]);
        MapPoint {
            value: a * u[0] + b * u[1] + h * h / 6.0 * ((a * a * a - a) * c[0] + (b * b * b - b) * c[1]),
            slope: (u[1] - u[0]) / h + h / 6.0 * ((1.0 - 3.0 * a * a) * c[0] + (3.0 * b * b - 1.0) * c[1]),
            curvature: a * c[0] + b * c[1],
        }
    }

    /// v with t(v) = `u`, by Newton's method kept inside the piece that holds it.
    pub fn inverse(&self, u: f64) -> f64 {
        let n = self.values.len();
        if n == 0 {
            return u;
        }
        let end = |k: usize| self.start + k as f64 * self.step;
        if u <= self.values[0] || u >= self.values[n - 1] {
            let k = if u <= self.values[0] { 0 } else { n - 1 };
            return end(k) + (u - self.values[k]) / self.at(end(k)).slope;
        }
        let k = self.values.partition_point(|value| *value <= u).clamp(1, n - 1) - 1;
        let (mut low, mut high) = (end(k), end(k + 1));
        let mut v = 0.5 * (low + high);
        for _ in 0..60 {
            let point = self.at(v);
            let error = point.value - u;
            if error > 0.0 {
                high = v;
            } else {
                low = v;
            }
            let newton = v - error / point.slope;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - v).abs() <= 1e-15 * (1.0 + v.abs()) {
                return next;
            }
            v = next;
        }
        v
    }
}

/// Where the density counts: both ends, and its maximum on the way.
fn bulk(log_density: &impl Fn(f64) -> f64) -> Option<(f64, f64, f64)> {
    const LIMIT: f64 = 300.0;
    const COARSE: usize = 6001;
    let at = |i: usize| -LIMIT + 2.0 * LIMIT * i as f64 / (COARSE - 1) as f64;
    let values: Vec<f64> = (0..COARSE).map(|i| log_density(at(i))).collect();
    let peak = values.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let counts = |v: &f64| *v > peak - NEGLIGIBLE;
    let (first, last) = (values.iter().position(counts)?, values.iter().rposition(counts)?);
    // A density that peaks between two points of the coarse grid is seen from its neighbours.
    Some((at(first.saturating_sub(1)), at((last + 1).min(COARSE - 1)), peak))
}

/// Place at which an increasing sequence of masses reaches `mass`, log-linear between points.
fn cross(masses: &[f64], mass: f64) -> Option<f64> {
    let k = masses.partition_point(|m| *m < mass);
    if k == 0 || k >= masses.len() {
        return None;
    }
    let (a, b) = (masses[k - 1], masses[k]);
    let share = if a > 0.0 { (mass / a).ln() / (b / a).ln() } else { mass / b };
    Some((k - 1) as f64 + share)
}

/// As [`cross`], counted from the end of a falling sequence.
fn cross_reversed(masses: &[f64], mass: f64) -> Option<f64> {
    let k = masses.iter().rev().position(|m| *m >= mass)?;
    if k == 0 {
        return None;
    }
    let n = masses.len();
    let (a, b) = (masses[n - k], masses[n - 1 - k]);
    let share = if a > 0.0 { (mass / a).ln() / (b / a).ln() } else { mass / b };
    Some((k - 1) as f64 + share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::{Bijector, Prior};

    fn gamma_in_softplus(u: f64) -> f64 {
        let b = Bijector::POSITIVE;
        let prior: Prior = "gamma(1,2)".parse().unwrap_or(Prior::Normal { mean: 0.0, sd: 1.0 });
        prior.log_density(b.forward(u)).0 + b.log_slope(u).0
    }

    #[test]
    fn a_gaussian_maps_to_itself() {
        let map = MonotoneMap::gaussianising(|u| -0.5 * (u - 3.0) * (u - 3.0) / 4.0);
        for v in [-5.5, -2.0, 0.1, 1.7, 5.9] {
            let point = map.at(v);
            assert!((point.value - (3.0 + 2.0 * v)).abs() < 1e-3, "{v} {point:?}");
            assert!((point.slope - 2.0).abs() < 2e-3 && point.curvature.abs() < 0.02, "{v} {point:?}");
        }
    }

    #[test]
    fn the_prior_of_a_lengthscale_becomes_a_standard_normal() {
        let map = MonotoneMap::gaussianising(gamma_in_softplus);
        // Up to a constant, log p(t(v)) + log t'(v) = −v²/2.
        let log = |v: f64| {
            let p = map.at(v);
            gamma_in_softplus(p.value) + p.slope.ln()
        };
        for v in [-4.0, -2.3, -0.6, 0.4, 1.9, 4.1] {
            assert!((log(v) - log(0.0) + 0.5 * v * v).abs() < 0.01, "{v}: {}", log(v) - log(0.0));
        }
        // The median of Gamma(1, 2) is 2 log 2.
        let median = Bijector::POSITIVE.forward(map.at(0.0).value);
        assert!((median - 2.0 * 2f64.ln()).abs() < 1e-3);
    }

    #[test]
    fn slope_and_curvature_are_derivatives_and_the_inverse_inverts() {
        let map = MonotoneMap::gaussianising(gamma_in_softplus);
        for v in [-9.0, -5.99, -1.37, 0.0, 0.26, 3.3, 5.9, 7.5] {
            let h = 1e-5;
            let (a, b, p) = (map.at(v - h), map.at(v + h), map.at(v));
            assert!((p.slope - (b.value - a.value) / (2.0 * h)).abs() < 1e-7 * (1.0 + p.slope));
            assert!((p.curvature - (b.slope - a.slope) / (2.0 * h)).abs() < 1e-4);
            assert!((map.inverse(p.value) - v).abs() < 1e-9 * (1.0 + v.abs()), "{v}");
        }
    }

    #[test]
    fn a_prior_that_reaches_beyond_the_grid_keeps_its_own_coordinate() {
        let b = Bijector::POSITIVE;
        for prior in ["half-cauchy(1000)", "gamma(2,1000000)", "log-normal(0,20)"] {
            let prior: Prior = prior.parse().unwrap_or(Prior::Normal { mean: 0.0, sd: 1.0 });
            let map = MonotoneMap::gaussianising(|u| prior.log_density(b.forward(u)).0 + b.log_slope(u).0);
            assert_eq!(map, MonotoneMap::identity(), "{prior}");
        }
        let far = MonotoneMap::gaussianising(|u| -0.5 * ((u - 5000.0) / 500.0).powi(2));
        assert_eq!(far, MonotoneMap::identity());
    }

    #[test]
    fn a_density_without_finite_mass_gives_the_identity() {
        assert_eq!(MonotoneMap::gaussianising(|_| f64::NAN), MonotoneMap::identity());
        assert_eq!(MonotoneMap::identity().inverse(2.5), 2.5);
    }
}
