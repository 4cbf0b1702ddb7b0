//! Kernels of the inner product: linear, polynomial and arc-cosine.
//!
//! Sources: Rasmussen & Williams, *Gaussian Processes for Machine Learning*, section 4.2.2; Cho & Saul, *Kernel
//! Methods for Deep Learning* (2009), equations 4 to 7, with weights and a bias as in GPflow.

use super::leaf::ParameterRole;
use super::{Covariance, KernelParameter, Points, Recorded, Strip, StripAdjoint};
use crate::linalg::elementwise::{dot, vectorise};
use std::f64::consts::PI;

/// k(x, z) = Σ_d σ_d² x_d z_d: parameter `variance` (one shared, or one a column).
#[derive(Debug, Clone)]
pub struct Linear {
    columns: Vec<usize>,
    shared: bool,
    parameters: Vec<KernelParameter>,
}

/// k(x, z) = (σ² xᵀz + c)^p: parameters `variance` and `offset`; the degree p is structure.
#[derive(Debug, Clone)]
pub struct Polynomial {
    columns: Vec<usize>,
    degree: u8,
    parameters: [KernelParameter; 2],
}

/// k(x, z) = σ²/π · J(ϑ) (|x̃||z̃|)ⁿ with ϑ the angle between x̃ and z̃: an infinitely wide layer of step
/// functions (n = 0), rectifiers (n = 1) or their squares (n = 2).
///
/// J₀ = π − ϑ, J₁ = sin ϑ + (π − ϑ) cos ϑ, J₂ = 3 sin ϑ cos ϑ + (π − ϑ)(1 + 2 cos² ϑ).
/// x̃ᵀz̃ = Σ_d ω_d x_d z_d + b. Parameters `variance`, `weight_variances` ω (one shared, or one a column),
/// `bias_variance` b. Above order 0 a common factor of ω and b does what `variance` does.
///
/// The angle comes from the difference and the sum of the unit vectors, ϑ = 2 atan(|u − v|/|u + v|), because
/// the cosine of a small angle has lost it: the diagonal is exact here, and off by 1.4·10⁻⁸ in GPflow.
/// At order 0, k falls like |x − z| next to x = z: derivatives count as zero where the points coincide.
#[derive(Debug, Clone)]
pub struct ArcCosine {
    columns: Vec<usize>,
    shared: bool,
    order: ArcCosineOrder,
    parameters: Vec<KernelParameter>,
}

/// Which family of functions an [`ArcCosine`] kernel stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArcCosineOrder {
    /// Step functions.
    Zero,
    /// Rectifiers.
    One,
    /// Squares of rectifiers.
    Two,
}

impl Linear {
    /// On the given input columns, with one variance for all where `shared`, else one a column. Start: 1.
    pub fn new(columns: Vec<usize>, shared: bool) -> Self {
        let role = ParameterRole::Variance;
        let parameters = KernelParameter::per_column("variance", role, 1.0, columns.len(), shared).collect();
        Self { columns, shared, parameters }
    }

    #[inline(always)]
    fn place(&self, d: usize) -> usize {
        if self.shared { 0 } else { d }
    }
}

impl Covariance for Linear {
    fn parameters(&self) -> &[KernelParameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.parameters
    }

    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        vectorise(
            #[inline(always)]
            || {
                out.fill(0.0);
                for (d, &column) in self.columns.iter().enumerate() {
                    let factor = theta[self.place(d)] * strip.z[column];
                    out.iter_mut().zip(strip.x.column(column)).for_each(|(k, x)| *k = x.mul_add(factor, *k));
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
        _: &mut [f64],
    ) {
        vectorise(
            #[inline(always)]
            || {
                for (d, &column) in self.columns.iter().enumerate() {
                    let place = self.place(d);
                    let (x, z) = (strip.x.column(column), strip.z[column]);
                    let moment = dot(x, weights);
                    adjoint.theta[place] += z * moment;
                    if let Some(inputs) = &mut adjoint.inputs {
                        let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
                        let factor = theta[place] * z;
                        x_adjoint.iter_mut().zip(weights).for_each(|(a, w)| *a = w.mul_add(factor, *a));
                        *z_adjoint += theta[place] * moment;
                    }
                }
            },
        );
    }

    fn diagonal(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        out.fill(0.0);
        for (d, &column) in self.columns.iter().enumerate() {
            let variance = theta[self.place(d)];
            out.iter_mut().zip(x.column(column)).for_each(|(k, x)| *k += variance * x * x);
        }
    }
}

impl Polynomial {
    /// On the given input columns, with a degree of at least 1. Starts: variance 1, offset 1.
    pub fn new(columns: Vec<usize>, degree: u8) -> Self {
        let one = |path| KernelParameter::new(path, ParameterRole::Variance, 1.0);
        Self { columns, degree, parameters: [one("variance"), one("offset")] }
    }

    /// σ² xᵀz + c.
    #[inline(always)]
    fn base(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64]) {
        out.fill(theta[1]);
        for &column in &self.columns {
            let factor = theta[0] * strip.z[column];
            out.iter_mut().zip(strip.x.column(column)).for_each(|(k, x)| *k = x.mul_add(factor, *k));
        }
    }
}

impl Covariance for Polynomial {
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
                self.base(theta, strip, out);
                out.iter_mut().for_each(|b| *b = b.powi(self.degree.into()));
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
                self.base(theta, strip, slopes);
                let degree = i32::from(self.degree);
                for (b, w) in slopes.iter_mut().zip(weights) {
                    *b = w * f64::from(degree) * b.powi(degree - 1);
                }
                adjoint.theta[1] += slopes.iter().sum::<f64>();
                for &column in &self.columns {
                    let (x, z) = (strip.x.column(column), strip.z[column]);
                    let moment = dot(x, slopes);
                    adjoint.theta[0] += z * moment;
                    if let Some(inputs) = &mut adjoint.inputs {
                        let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
                        let factor = theta[0] * z;
                        x_adjoint.iter_mut().zip(&*slopes).for_each(|(a, c)| *a = c.mul_add(factor, *a));
                        *z_adjoint += theta[0] * moment;
                    }
                }
            },
        );
    }

    fn diagonal(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        out.fill(theta[1]);
        for &column in &self.columns {
            out.iter_mut().zip(x.column(column)).for_each(|(k, x)| *k += theta[0] * x * x);
        }
        out.iter_mut().for_each(|b| *b = b.powi(self.degree.into()));
    }
}

impl ArcCosine {
    /// On the given input columns, with one weight variance for all where `shared`, else one a column.
    /// Starts: all 1.
    pub fn new(columns: Vec<usize>, shared: bool, order: ArcCosineOrder) -> Self {
        let role = ParameterRole::Variance;
        let weights = KernelParameter::per_column("weight_variances", role, 1.0, columns.len(), shared);
        let mut parameters = vec![KernelParameter::new("variance", role, 1.0)];
        parameters.extend(weights);
        parameters.push(KernelParameter::new("bias_variance", role, 1.0));
        Self { columns, shared, order, parameters }
    }

    #[inline(always)]
    fn place(&self, d: usize) -> usize {
        if self.shared { 1 } else { 1 + d }
    }

    /// 1/|z̃|, summed in the order of [`Self::squared_norms`] so that coinciding points have equal unit vectors.
    fn inverse_norm(&self, theta: &[f64], z: &[f64]) -> f64 {
        let columns = self.columns.iter().enumerate();
        let squares = columns.fold(theta[theta.len() - 1], |sum, (d, &column)| {
            sum + theta[self.place(d)] * z[column] * z[column]
        });
        1.0 / squares.sqrt()
    }

    /// 1/|x̃_i|, |u_i − v|² and |u_i + v|² for the unit vectors u_i = x̃_i/|x̃_i| and v = z̃/|z̃|.
    #[inline(always)]
    fn unit_vectors(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        inverse_norms: &mut [f64],
        differences: &mut [f64],
        sums: &mut [f64],
    ) {
        let bias = theta[theta.len() - 1];
        let z_inverse = self.inverse_norm(theta, strip.z);
        self.squared_norms(theta, strip.x, inverse_norms);
        for ((r, h), p) in inverse_norms.iter_mut().zip(&mut *differences).zip(&mut *sums) {
            *r = 1.0 / r.sqrt();
            *h = bias * (*r - z_inverse) * (*r - z_inverse);
            *p = bias * (*r + z_inverse) * (*r + z_inverse);
        }
        for (d, &column) in self.columns.iter().enumerate() {
            let (weight, v) = (theta[self.place(d)], strip.z[column] * z_inverse);
            let rows = strip.x.column(column).iter().zip(&*inverse_norms);
            for (((x, r), h), p) in rows.zip(&mut *differences).zip(&mut *sums) {
                let u = x * r;
                *h += weight * (u - v) * (u - v);
                *p += weight * (u + v) * (u + v);
            }
        }
    }

    /// |x̃_i|².
    #[inline(always)]
    fn squared_norms(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        out.fill(theta[theta.len() - 1]);
        for (d, &column) in self.columns.iter().enumerate() {
            let weight = theta[self.place(d)];
            out.iter_mut().zip(x.column(column)).for_each(|(k, x)| *k += weight * x * x);
        }
    }
}

impl ArcCosineOrder {
    fn exponent(self) -> f64 {
        match self {
            ArcCosineOrder::Zero => 0.0,
            ArcCosineOrder::One => 1.0,
            ArcCosineOrder::Two => 2.0,
        }
    }

    /// J(ϑ) cⁿ and its derivative in cos ϑ from h = |u − v|², p = |u + v|² and c = |x̃||z̃|.
    #[inline(always)]
    fn value_and_slope(self, h: f64, p: f64, c: f64) -> (f64, f64) {
        // tan(ϑ/2) = √(h/p), and h + p = 4 but for rounding.
        let remaining = 2.0 * p.sqrt().atan2(h.sqrt());
        let (sin, cos) = (2.0 * (h * p).sqrt() / (h + p), (p - h) / (h + p));
        let first = sin + remaining * cos;
        match self {
            ArcCosineOrder::Zero => (remaining, if sin > 0.0 { 1.0 / sin } else { 0.0 }),
            ArcCosineOrder::One => (first * c, remaining * c),
            // dJ₂/dϑ = −4 sin ϑ J₁.
            ArcCosineOrder::Two => {
                ((3.0 * sin * cos + remaining * (1.0 + 2.0 * cos * cos)) * c * c, 4.0 * first * c * c)
            }
        }
    }
}

impl Covariance for ArcCosine {
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

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], scratch: &mut [f64]) {
        let (inverse_norms, sums) = scratch.split_at_mut(super::STRIP);
        let (inverse_norms, sums) = (&mut inverse_norms[..out.len()], &mut sums[..out.len()]);
        let z_inverse = self.inverse_norm(theta, strip.z);
        let scale = theta[0] / PI;
        vectorise(
            #[inline(always)]
            || self.unit_vectors(theta, strip, inverse_norms, out, sums),
        );
        for ((k, r), p) in out.iter_mut().zip(inverse_norms).zip(sums) {
            *k = scale * self.order.value_and_slope(*k, *p, 1.0 / (*r * z_inverse)).0;
        }
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
        let n = strip.len();
        let (inverse_norms, scratch) = scratch.split_at_mut(super::STRIP);
        let (a, b) = scratch.split_at_mut(super::STRIP);
        let (inverse_norms, a, b) = (&mut inverse_norms[..n], &mut a[..n], &mut b[..n]);
        let z_inverse = self.inverse_norm(theta, strip.z);
        let scale = theta[0] / PI;
        vectorise(
            #[inline(always)]
            || self.unit_vectors(theta, strip, inverse_norms, a, b),
        );
        // a = w ∂k/∂cos ϑ, and b = a (1 − cos ϑ) + n w k, where n w k is what the norms do directly.
        let mut variance_adjoint = 0.0;
        for (((a, b), r), w) in a.iter_mut().zip(b.iter_mut()).zip(&*inverse_norms).zip(weights) {
            let one_minus_cos = 2.0 * *a / (*a + *b);
            let (value, slope) = self.order.value_and_slope(*a, *b, 1.0 / (r * z_inverse));
            variance_adjoint += w * value;
            *a = w * scale * slope;
            *b = *a * one_minus_cos + self.order.exponent() * w * scale * value;
        }
        adjoint.theta[0] += variance_adjoint / PI;
        // ∂cos ϑ/∂ω = uv − cos ϑ (u² + v²)/2 = −(u − v)²/2 + (1 − cos ϑ)(u² + v²)/2, ∂ log|x̃|/∂ω = u²/2;
        // the bias is the weight of a column of ones.
        let weight_adjoint =
            |u: f64, v: f64, a: f64, b: f64| 0.5 * (b * (u * u + v * v) - a * (u - v) * (u - v));
        let last = theta.len() - 1;
        for ((r, a), b) in inverse_norms.iter().zip(&*a).zip(&*b) {
            adjoint.theta[last] += weight_adjoint(*r, z_inverse, *a, *b);
        }
        for (d, &column) in self.columns.iter().enumerate() {
            let place = self.place(d);
            let (x, weight, v) = (strip.x.column(column), theta[place], strip.z[column] * z_inverse);
            let mut total = 0.0;
            for (((x, r), a), b) in x.iter().zip(&*inverse_norms).zip(&*a).zip(&*b) {
                total += weight_adjoint(x * r, v, *a, *b);
            }
            adjoint.theta[place] += total;
            if let Some(inputs) = &mut adjoint.inputs {
                let (x_adjoint, z_adjoint) = inputs.column(column, n);
                let rows = x.iter().zip(&*inverse_norms).zip(&*a).zip(&*b);
                for (target, (((x, r), a), b)) in x_adjoint.iter_mut().zip(rows) {
                    let u = x * r;
                    *target += weight * r * (a * (v - u) + b * u);
                    *z_adjoint += weight * z_inverse * (a * (u - v) + b * v);
                }
            }
        }
    }

    fn diagonal(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        match self.order {
            ArcCosineOrder::Zero => out.fill(theta[0]),
            ArcCosineOrder::One => {
                self.squared_norms(theta, x, out);
                out.iter_mut().for_each(|k| *k *= theta[0]);
            }
            ArcCosineOrder::Two => {
                self.squared_norms(theta, x, out);
                out.iter_mut().for_each(|k| *k = 3.0 * theta[0] * *k * *k);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{between, close, cross, kernel_is_consistent, points, theta, view};
    use crate::kernel::{Kernel, KernelWorkspace};
    use faer::{Mat, Par};

    const X: [f64; 2] = [0.4, -1.0];
    const Z: [f64; 2] = [1.1, 0.3];

    #[test]
    fn linear_is_that_of_the_formula() {
        let shared = Kernel::leaf(Linear::new(vec![0, 1], true));
        close(between(&shared, &[1.7], X, Z), 1.7 * (0.44 - 0.3));
        let own = Kernel::leaf(Linear::new(vec![0, 1], false));
        close(between(&own, &[1.7, 0.6], X, Z), 1.7 * 0.44 - 0.6 * 0.3);
        assert_eq!(own.parameters()[1].path, "variance[1]");
        assert_eq!(shared.parameters()[0].path, "variance");
    }

    #[test]
    fn polynomial_is_that_of_the_formula() {
        let kernel = Kernel::leaf(Polynomial::new(vec![0, 1], 3));
        close(between(&kernel, &[1.7, 0.9], X, Z), (1.7 * 0.14 + 0.9_f64).powi(3));
    }

    #[test]
    fn arc_cosine_is_that_of_the_formula() {
        let theta = [1.7, 0.6, 1.4, 0.9];
        let inner = |a: [f64; 2], b: [f64; 2]| 0.6 * a[0] * b[0] + 1.4 * a[1] * b[1] + 0.9;
        let norms = (inner(X, X) * inner(Z, Z)).sqrt();
        let angle = (inner(X, Z) / norms).acos();
        let (sin, cos, rest) = (angle.sin(), angle.cos(), PI - angle);
        for (order, value) in [
            (ArcCosineOrder::Zero, rest),
            (ArcCosineOrder::One, (sin + rest * cos) * norms),
            (ArcCosineOrder::Two, (3.0 * sin * cos + rest * (1.0 + 2.0 * cos * cos)) * norms * norms),
        ] {
            let kernel = Kernel::leaf(ArcCosine::new(vec![0, 1], false, order));
            close(between(&kernel, &theta, X, Z), 1.7 / PI * value);
        }
    }

    #[test]
    fn arc_cosine_of_coinciding_points_is_its_diagonal() {
        let x = points(20, 4);
        for order in [ArcCosineOrder::Zero, ArcCosineOrder::One, ArcCosineOrder::Two] {
            let kernel = Kernel::leaf(ArcCosine::new(vec![0, 1, 2], false, order));
            let theta = theta(&kernel);
            let mut diagonal = vec![0.0; 20];
            kernel.diagonal(&theta, view(&x), &mut diagonal);
            let k = cross(&kernel, &theta, &x, &x);
            (0..20).for_each(|i| close(k[(i, i)] / diagonal[i], 1.0));
        }
    }

    #[test]
    fn arc_cosine_of_order_zero_has_finite_derivatives_next_to_coinciding_points() {
        let kernel = Kernel::leaf(ArcCosine::new(vec![0], true, ArcCosineOrder::Zero));
        let (theta, z) = ([PI, 1.0, 1.0], Mat::from_fn(1, 1, |_, _| 0.5));
        let mut workspace = KernelWorkspace::new(&kernel, 1, 1);
        // ϑ = |atan x − atan z|, so ∂k/∂x = ∓1/(1 + x²) on the two sides and 0 by convention between them.
        for (shift, slope) in [(1e-9, -0.8), (-1e-9, 0.8), (0.0, 0.0)] {
            let x = Mat::from_fn(1, 1, |_, _| 0.5 + shift);
            let (mut from_x, mut from_z, mut from_theta) = (Mat::zeros(1, 1), Mat::zeros(1, 1), [0.0; 3]);
            kernel.cross_adjoint(
                &theta,
                view(&x),
                view(&z),
                &|_, _, w| w.fill(1.0),
                &mut from_theta,
                Some((from_x.as_mut(), from_z.as_mut())),
                &mut workspace,
                Par::Seq,
            );
            assert!((from_x[(0, 0)] - slope).abs() < 1e-6, "{} at {shift}", from_x[(0, 0)]);
            assert!((from_z[(0, 0)] + slope).abs() < 1e-6, "{} at {shift}", from_z[(0, 0)]);
            assert!(from_theta.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn linear_is_consistent() {
        kernel_is_consistent(&Kernel::leaf(Linear::new(vec![0, 1, 2], false)));
        kernel_is_consistent(&Kernel::leaf(Linear::new(vec![2, 0], true)));
    }

    #[test]
    fn polynomial_is_consistent() {
        kernel_is_consistent(&Kernel::leaf(Polynomial::new(vec![0, 1, 2], 3)));
        kernel_is_consistent(&Kernel::leaf(Polynomial::new(vec![2, 0], 1)));
    }

    #[test]
    fn arc_cosine_is_consistent() {
        for order in [ArcCosineOrder::Zero, ArcCosineOrder::One, ArcCosineOrder::Two] {
            kernel_is_consistent(&Kernel::leaf(ArcCosine::new(vec![0, 1, 2], false, order)));
            kernel_is_consistent(&Kernel::leaf(ArcCosine::new(vec![2, 0], true, order)));
        }
    }
}
