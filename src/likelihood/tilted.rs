//! Moments of a tilted density p(y | f) N(f | μ, v), by a trapezoidal rule that is refined until it holds.
//!
//! Such a density may fall off on the scale of the likelihood on one side and on that of the
//! Gaussian on the other. Gauss–Hermite converges slowly there, however its nodes are scaled: with a logistic likelihood
//! and v = 100 it takes hundreds of nodes. The trapezoidal rule on the whole line converges geometrically for analytic
//! integrands (Trefethen & Weideman 2014, "The exponentially convergent trapezoidal rule", SIAM Review 56), and halving
//! its step squares its error, so that the last change says how good it is.

use super::quadrature::{FIRST_STEP, HALVINGS, LAST_CHANGE};
use super::{Derivatives, Likelihood, Observation, Tilted};

/// A tail ends where its log density lies this far below the largest.
const DROP: f64 = 40.0;

/// Nodes at most on either side before the first halving.
const REACH: usize = 20_000;

/// Tilted moments of a likelihood that is twice differentiable in f, by the trapezoidal rule around the tilted mode.
///
/// `slope` is (tilted mean − μ)/v and `curvature` (tilted variance − v)/v², but where the likelihood says less than the
/// Gaussian these lose digits, and the equal E\[g\] and E\[h + g²\] − E\[g\]² are taken (g, h: derivatives of log p).
pub fn default_tilted<M: Likelihood + ?Sized>(
    likelihood: &M,
    theta: &[f64],
    at: Observation,
    mean: f64,
    variance: f64,
    out: &mut Tilted,
) {
    let derivatives = |f, node: &mut Derivatives| likelihood.derivatives(theta, at, &[f], node);
    tilted_of(derivatives, mean, variance, out);
}

/// [`default_tilted`] of a function of f, given by its derivatives.
pub(super) fn tilted_of(
    derivatives: impl Fn(f64, &mut Derivatives),
    mean: f64,
    variance: f64,
    out: &mut Tilted,
) {
    let tilted = TiltedDensity { derivatives, mean, variance };
    let (mode, width) = tilted.mode(&mut out.node);
    let mut sums = Sums::new(mode);
    out.log_z_by.fill(0.0);

    let mut step = FIRST_STEP * width;
    tilted.add(0.0, &mut sums, out);
    let mut ends = [0; 2];
    for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
        while *end < REACH {
            *end += 1;
            if tilted.add(sign * *end as f64 * step, &mut sums, out) < sums.top - DROP {
                break;
            }
        }
    }
    let mut last = sums.moments(step);
    for _ in 0..HALVINGS {
        step *= 0.5;
        for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
            *end *= 2;
            for k in (1..*end).step_by(2) {
                tilted.add(sign * k as f64 * step, &mut sums, out);
            }
        }
        let now = sums.moments(step);
        let change = (now.log_z - last.log_z).abs()
            + (now.offset - last.offset).abs() / width
            + (now.variance - last.variance).abs() / now.variance;
        last = now;
        // A rule that sees no mass has nothing to refine.
        if change < LAST_CHANGE || change.is_nan() {
            break;
        }
    }

    let slope = sums.gradient / sums.mass;
    (out.slope, out.curvature) = if last.variance > 0.5 * variance {
        (slope, sums.square / sums.mass - slope * slope)
    } else {
        ((mode + last.offset - mean) / variance, (last.variance - variance) / (variance * variance))
    };
    out.log_z = last.log_z - 0.5 * (2.0 * std::f64::consts::PI * variance).ln();
    out.log_z_by.iter_mut().for_each(|by| *by /= sums.mass);
}

/// p(y | f) N(f | μ, v) without the constant of the Gaussian.
struct TiltedDensity<D> {
    derivatives: D,
    mean: f64,
    variance: f64,
}

impl<D: Fn(f64, &mut Derivatives)> TiltedDensity<D> {
    /// The log density; the likelihood's derivatives stay in `node`.
    fn evaluate(&self, f: f64, node: &mut Derivatives) -> f64 {
        (self.derivatives)(f, node);
        let value = node.value - 0.5 * (f - self.mean).powi(2) / self.variance;
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }

    /// A mode by Newton steps, halved until they climb, and the standard deviation that the curvature there gives. It
    /// only places nodes and needs few digits.
    fn mode(&self, node: &mut Derivatives) -> (f64, f64) {
        const EVALUATIONS: usize = 100;
        let newton = |f: f64, node: &Derivatives| {
            let precision = 1.0 / self.variance + node.curvature[0].max(0.0);
            let step = (node.gradient[0] - (f - self.mean) / self.variance) / precision;
            (step, precision.sqrt().recip())
        };
        let mut f = self.mean;
        let mut value = self.evaluate(f, node);
        let (mut step, mut width) = newton(f, node);
        for _ in 0..EVALUATIONS {
            if step.abs() <= 1e-2 * width || step.is_nan() {
                break;
            }
            let there = self.evaluate(f + step, node);
            if there > value {
                (f, value) = (f + step, there);
                (step, width) = newton(f, node);
            } else {
                step *= 0.5;
            }
        }
        (f, width)
    }

    /// Adds the node at the mode + `offset` and returns its log density.
    fn add(&self, offset: f64, sums: &mut Sums, out: &mut Tilted) -> f64 {
        let f = sums.mode + offset;
        let value = self.evaluate(f, &mut out.node);
        if value > sums.top {
            let shrink = (sums.top - value).exp();
            sums.shrink(shrink);
            out.log_z_by.iter_mut().for_each(|by| *by *= shrink);
            sums.top = value;
        }
        let weight = (value - sums.top).exp();
        if weight > 0.0 {
            let (gradient, hessian) = (out.node.gradient[0], out.node.hessian[0]);
            sums.mass += weight;
            sums.first += weight * offset;
            sums.second += weight * offset * offset;
            sums.gradient += weight * gradient;
            sums.square += weight * (hessian + gradient * gradient);
            out.log_z_by.iter_mut().zip(&out.node.value_by).for_each(|(sum, by)| *sum += weight * by);
        }
        value
    }
}

/// Sums over nodes, each times exp(−`top`), the largest log density so far.
struct Sums {
    mode: f64,
    top: f64,
    mass: f64,
    first: f64,
    second: f64,
    gradient: f64,
    square: f64,
}

struct Moments {
    log_z: f64,
    /// Mean less the mode.
    offset: f64,
    variance: f64,
}

impl Sums {
    fn new(mode: f64) -> Self {
        Self { mode, top: f64::NEG_INFINITY, mass: 0.0, first: 0.0, second: 0.0, gradient: 0.0, square: 0.0 }
    }

    fn shrink(&mut self, factor: f64) {
        for sum in [&mut self.mass, &mut self.first, &mut self.second, &mut self.gradient, &mut self.square] {
            *sum *= factor;
        }
    }

    fn moments(&self, step: f64) -> Moments {
        let offset = self.first / self.mass;
        let variance = self.second / self.mass - offset * offset;
        Moments { log_z: self.top + (self.mass * step).ln(), offset, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;

    /// Of a log-concave likelihood the tilted variance lies between 0 and v (Brascamp & Lieb 1976).
    #[test]
    fn tilted_moments_are_sound_from_narrow_to_wide_gaussians() {
        let likelihoods = Family::ALL.into_iter().filter_map(|family| family.build(3).ok());
        for likelihood in likelihoods.filter(|l| l.latents() == 1 && l.is_log_concave()) {
            let theta: Vec<f64> = likelihood.parameters().iter().map(|p| p.start).collect();
            let at = [1.0, 0.4].map(Observation::new).into_iter().find(|at| likelihood.check(*at).is_ok());
            let (at, mut out) = (at.unwrap_or(Observation::new(0.0)), Tilted::new(theta.len()));
            for variance in [1e-10, 1e-4, 1.0, 100.0, 1e4] {
                for mean in [-30.0, -3.0, 0.0, 3.0, 30.0] {
                    likelihood.tilted(&theta, at, mean, variance, &mut out);
                    let shrunk = -out.curvature * variance;
                    let context = format!("{likelihood:?}, N({mean}, {variance}): {out:?}");
                    assert!(out.log_z.is_finite() && out.slope.is_finite(), "{context}");
                    assert!((-1e-9..1.0 + 1e-9).contains(&shrunk), "{context}");
                }
            }
        }
    }
}
