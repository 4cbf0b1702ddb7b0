//! Kernels that repeat: the periodic kernel and the cosine.
//!
//! Sources: MacKay, *Introduction to Gaussian processes* (1998), equation 47, with GPflow's convention that the
//! factor 4 is part of the lengthscales; the cosine is GPflow's.

use super::leaf::ParameterRole;
use super::{Covariance, Exponential, KernelParameter, Points, Recorded, STRIP, Strip, StripAdjoint};
use crate::linalg::elementwise::{
    dot, exp_of_negative, or_zero, sin_cos_half_turns, sum, sum_over, vectorise,
};
use std::f64::consts::PI;

/// k(x, z) = σ² exp(−½ Σ_d sin²(π(x_d − z_d)/p)/ℓ_d²): parameters `variance`, `lengthscales` (one shared, or
/// one a column), `period` (one for all columns).
#[derive(Debug, Clone)]
pub struct Periodic {
    columns: Vec<usize>,
    shared: bool,
    parameters: Vec<KernelParameter>,
}

/// k(x, z) = σ² cos(2π Σ_d (x_d − z_d)/ℓ_d): parameters `variance`, `lengthscales` (one shared, or one a column).
#[derive(Debug, Clone)]
pub struct Cosine {
    columns: Vec<usize>,
    shared: bool,
    parameters: Vec<KernelParameter>,
}

fn variance_and_lengthscales(columns: usize, shared: bool) -> Vec<KernelParameter> {
    let variance = KernelParameter::new("variance", ParameterRole::Variance, 1.0);
    std::iter::once(variance).chain(KernelParameter::lengthscales(columns, shared)).collect()
}

/// Where the lengthscale of the d-th column is among the parameters.
#[inline(always)]
fn place(shared: bool, d: usize) -> usize {
    if shared { 1 } else { 1 + d }
}

/// Sines and cosines of πx/p for the d-th column of a strip's rows, and of its point.
#[inline(always)]
fn turns<'a>(strip: Strip<'a>, d: usize) -> (&'a [f64], &'a [f64], [f64; 2]) {
    let (rows, point) = strip.features;
    (rows.column(2 * d), rows.column(2 * d + 1), [point[2 * d], point[2 * d + 1]])
}

/// Sine and cosine of the difference of two angles.
#[inline(always)]
fn difference(a: [f64; 2], b: [f64; 2]) -> (f64, f64) {
    (a[0].mul_add(b[1], -(a[1] * b[0])), a[0].mul_add(b[0], a[1] * b[1]))
}

impl Periodic {
    /// On the given input columns, with one lengthscale a column, or one for all where `shared`.
    /// Starts: variance 1, lengthscales √D, period 1.
    pub fn new(columns: Vec<usize>, shared: bool) -> Self {
        let mut parameters = variance_and_lengthscales(columns.len(), shared);
        parameters.push(KernelParameter::new("period", ParameterRole::Period, 1.0));
        Self { columns, shared, parameters }
    }

    /// Σ_d sin²(π(x_d − z_d)/p)/ℓ_d², into `out`.
    #[inline(always)]
    fn distances(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64]) {
        out.fill(0.0);
        for d in 0..self.columns.len() {
            let inverse = 1.0 / theta[place(self.shared, d)];
            let (sines, cosines, of_point) = turns(strip, d);
            for (s, (sin, cos)) in out.iter_mut().zip(sines.iter().zip(cosines)) {
                let t = difference([*sin, *cos], of_point).0 * inverse;
                *s = t.mul_add(t, *s);
            }
        }
    }
}

impl Covariance for Periodic {
    fn parameters(&self) -> &[KernelParameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.parameters
    }

    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn scratch_strips(&self) -> usize {
        3
    }

    fn feature_count(&self) -> usize {
        2 * self.columns.len()
    }

    fn features(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        let frequency = 1.0 / theta[theta.len() - 1];
        for (column, out) in self.columns.iter().zip(out.chunks_mut(2 * x.rows().max(1))) {
            let (sines, cosines) = out.split_at_mut(x.rows());
            let written = sines.iter_mut().zip(cosines).zip(x.column(*column));
            // Outside of it every fused product would be a call.
            vectorise(
                #[inline(always)]
                || {
                    for ((sin, cos), x) in written {
                        // Signs are those of the angle's half turns, and drop out of products of two rows.
                        (*sin, *cos) = sin_cos_half_turns(x * frequency);
                    }
                },
            );
        }
    }

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        vectorise(
            #[inline(always)]
            || {
                self.distances(theta, strip, out);
                out.iter_mut().for_each(|s| *s = theta[0] * or_zero(exp_of_negative(-0.5 * *s)));
            },
        );
    }

    fn strip_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        recorded: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    ) {
        let (weighted, scratch) = scratch.split_at_mut(STRIP);
        let (squares, products) = scratch.split_at_mut(STRIP);
        let n = strip.len();
        let (weighted, squares, products) = (&mut weighted[..n], &mut squares[..n], &mut products[..n]);
        let last = theta.len() - 1;
        let frequency = 1.0 / theta[last];
        vectorise(
            #[inline(always)]
            || {
                adjoint.theta[0] += dot(weights, recorded.values) / theta[0];
                let products_of = weights.iter().zip(recorded.values);
                weighted.iter_mut().zip(products_of).for_each(|(to, (w, k))| *to = w * k);
                // With a = π(x − z)/p: ∂k/∂ℓ = k sin²a/ℓ³, ∂k/∂x = −k sin a cos a π/(pℓ²) = −∂k/∂z and
                // ∂k/∂p = k sin a cos a π(x − z)/(p²ℓ²).
                for (d, &column) in self.columns.iter().enumerate() {
                    let place = place(self.shared, d);
                    let (x, z, inverse) = (strip.x.column(column), strip.z[column], 1.0 / theta[place]);
                    // A pass that only writes, over the whole strip: with sums in it, it would not vectorise.
                    let (sines, cosines, of_point) = turns(strip, d);
                    for (((square, product), (sin, cos)), c) in squares
                        .iter_mut()
                        .zip(products.iter_mut())
                        .zip(sines.iter().zip(cosines))
                        .zip(&*weighted)
                    {
                        let (sin, cos) = difference([*sin, *cos], of_point);
                        (*square, *product) = (c * sin * sin, c * sin * cos);
                    }
                    adjoint.theta[place] += sum(squares) * inverse * inverse * inverse;
                    let factor = PI * frequency * inverse * inverse;
                    let moment = sum_over(x, products, |x, g, total| (x - z).mul_add(g, total));
                    adjoint.theta[last] += factor * frequency * moment;
                    if let Some(inputs) = &mut adjoint.inputs {
                        let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
                        x_adjoint.iter_mut().zip(&*products).for_each(|(a, g)| *a -= factor * g);
                        *z_adjoint += factor * sum(products);
                    }
                }
            },
        );
    }

    fn diagonal(&self, theta: &[f64], _: Points<'_>, out: &mut [f64]) {
        out.fill(theta[0]);
    }

    fn exponential(&self) -> Option<&dyn Exponential> {
        Some(self)
    }
}

impl Exponential for Periodic {
    fn factors(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        exponent: &mut [f64],
        _: Option<&mut [f64]>,
    ) {
        vectorise(
            #[inline(always)]
            || {
                self.distances(theta, strip, out);
                for (s, e) in out.iter_mut().zip(exponent) {
                    *e = (-0.5_f64).mul_add(*s, *e);
                    *s = theta[0];
                }
            },
        );
    }
}

impl Cosine {
    /// On the given input columns, with one lengthscale a column, or one for all where `shared`.
    /// Starts: variance 1, lengthscales √D.
    pub fn new(columns: Vec<usize>, shared: bool) -> Self {
        let parameters = variance_and_lengthscales(columns.len(), shared);
        Self { columns, shared, parameters }
    }

    /// Σ_d (x_d − z_d)/ℓ_d, the number of whole turns.
    #[inline(always)]
    fn turns(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64]) {
        out.fill(0.0);
        for (d, &column) in self.columns.iter().enumerate() {
            let (z, lengthscale) = (strip.z[column], theta[place(self.shared, d)]);
            out.iter_mut().zip(strip.x.column(column)).for_each(|(q, x)| *q += (x - z) / lengthscale);
        }
    }
}

impl Covariance for Cosine {
    fn parameters(&self) -> &[KernelParameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.parameters
    }

    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn scratch_strips(&self) -> usize {
        1
    }

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        vectorise(
            #[inline(always)]
            || {
                self.turns(theta, strip, out);
                for q in out {
                    // cos 2a = 1 − 2 sin²a.
                    let sin = sin_cos_half_turns(*q).0;
                    *q = theta[0] * (-2.0 * sin).mul_add(sin, 1.0);
                }
            },
        );
    }

    fn strip_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        _: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    ) {
        let slopes = &mut scratch[..strip.len()];
        vectorise(
            #[inline(always)]
            || {
                self.turns(theta, strip, slopes);
                adjoint.theta[0] += sum_over(slopes, weights, |q, w, total| {
                    let sin = sin_cos_half_turns(q).0;
                    w.mul_add((-2.0 * sin).mul_add(sin, 1.0), total)
                });
                // w ∂k/∂q = −2πσ² w sin 2πq, with sin 2a = 2 sin a cos a.
                for (q, w) in slopes.iter_mut().zip(weights) {
                    let (sin, cos) = sin_cos_half_turns(*q);
                    *q = -4.0 * PI * theta[0] * sin * cos * w;
                }
                for (d, &column) in self.columns.iter().enumerate() {
                    let place = place(self.shared, d);
                    let (x, z, inverse) = (strip.x.column(column), strip.z[column], 1.0 / theta[place]);
                    let moment = sum_over(x, slopes, |x, c, total| (x - z).mul_add(c, total));
                    adjoint.theta[place] -= moment * inverse * inverse;
                    if let Some(inputs) = &mut adjoint.inputs {
                        let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
                        for (a, c) in x_adjoint.iter_mut().zip(&*slopes) {
                            *a += c * inverse;
                            *z_adjoint -= c * inverse;
                        }
                    }
                }
            },
        );
    }

    fn diagonal(&self, theta: &[f64], _: Points<'_>, out: &mut [f64]) {
        out.fill(theta[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;
    use crate::kernel::check::{between, close, kernel_is_consistent};

    const X: [f64; 2] = [0.4, -1.0];
    const Z: [f64; 2] = [1.1, 0.3];

    #[test]
    fn periodic_is_that_of_the_formula() {
        let kernel = Kernel::leaf(Periodic::new(vec![0, 1], false));
        let sine = |t: f64| (PI * t / 1.9).sin();
        let s = (sine(0.7) / 0.6).powi(2) + (sine(1.3) / 1.4).powi(2);
        close(between(&kernel, &[1.7, 0.6, 1.4, 1.9], X, Z), 1.7 * (-0.5 * s).exp());
        let paths: Vec<String> = kernel.parameters().into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["variance", "lengthscales[0]", "lengthscales[1]", "period"]);
    }

    #[test]
    fn periodic_repeats_after_a_million_periods() {
        let kernel = Kernel::leaf(Periodic::new(vec![0], false));
        let theta = [1.0, 0.8, 0.25];
        let near = between(&kernel, &theta, [0.0625, 0.0], [0.0, 0.0]);
        close(between(&kernel, &theta, [250_000.062_5, 0.0], [0.0, 0.0]), near);
    }

    #[test]
    fn cosine_is_that_of_the_formula() {
        let kernel = Kernel::leaf(Cosine::new(vec![0, 1], false));
        let turns = -0.7 / 0.6 - 1.3 / 1.4;
        close(between(&kernel, &[1.7, 0.6, 1.4], X, Z), 1.7 * (2.0 * PI * turns).cos());
    }

    #[test]
    fn periodic_is_consistent() {
        kernel_is_consistent(&Kernel::leaf(Periodic::new(vec![0, 1, 2], false)));
        kernel_is_consistent(&Kernel::leaf(Periodic::new(vec![2, 0], true)));
    }

    #[test]
    fn cosine_is_consistent() {
        kernel_is_consistent(&Kernel::leaf(Cosine::new(vec![0, 1, 2], false)));
        kernel_is_consistent(&Kernel::leaf(Cosine::new(vec![2, 0], true)));
    }
}
