//! Stationary kernels: functions of the scaled distance r² = Σ_d (x_d − z_d)²/ℓ_d².
//!
//! A new one is a formula: its value and its derivative in r². Distances are summed difference by difference,
//! not from |x|² + |z|² − 2xᵀz: that costs O(N²D) against O(N³) and loses no digits where points coincide.
//! Source: Rasmussen & Williams, *Gaussian Processes for Machine Learning*, section 4.2.

use super::leaf::ParameterRole;
use super::{Covariance, KernelParameter, Points, Strip, StripAdjoint};
use crate::linalg::elementwise::{exp, sum_over, vectorise};

/// The shape of a stationary kernel, with variance 1.
pub trait Radial: std::fmt::Debug + Send + Sync + Default + 'static {
    /// Whether it has a shape parameter `alpha`.
    const HAS_ALPHA: bool = false;

    /// k as a function of s = r².
    fn value(s: f64, alpha: f64) -> f64;

    /// k and dk/ds.
    fn value_and_slope(s: f64, alpha: f64) -> (f64, f64);

    /// dk/dα.
    fn alpha_slope(_s: f64, _alpha: f64) -> f64 {
        0.0
    }
}

/// k(x, z) = σ² k₁(r²): parameters `variance`, `lengthscales` (one shared, or one a column), `alpha`.
#[derive(Debug, Clone)]
pub struct Stationary<R> {
    columns: Vec<usize>,
    shared: bool,
    parameters: Vec<KernelParameter>,
    radial: std::marker::PhantomData<R>,
}

/// exp(−r²/2).
#[derive(Debug, Default, Clone, Copy)]
pub struct Rbf;
/// exp(−r).
#[derive(Debug, Default, Clone, Copy)]
pub struct Matern12;
/// (1 + √3 r) exp(−√3 r).
#[derive(Debug, Default, Clone, Copy)]
pub struct Matern32;
/// (1 + √5 r + 5r²/3) exp(−√5 r).
#[derive(Debug, Default, Clone, Copy)]
pub struct Matern52;
/// (1 + r²/(2α))^−α.
#[derive(Debug, Default, Clone, Copy)]
pub struct RationalQuadratic;

impl Radial for Rbf {
    #[inline(always)]
    fn value(s: f64, _: f64) -> f64 {
        exp(-0.5 * s)
    }
    #[inline(always)]
    fn value_and_slope(s: f64, _: f64) -> (f64, f64) {
        let k = exp(-0.5 * s);
        (k, -0.5 * k)
    }
}

impl Radial for Matern12 {
    #[inline(always)]
    fn value(s: f64, _: f64) -> f64 {
        exp(-s.sqrt())
    }
    #[inline(always)]
    fn value_and_slope(s: f64, _: f64) -> (f64, f64) {
        // The slope is infinite at s = 0, where every (x_d − z_d)² that it meets is zero.
        let r = s.sqrt().max(1e-150);
        let k = exp(-r);
        (k, -0.5 * k / r)
    }
}

impl Radial for Matern32 {
    #[inline(always)]
    fn value(s: f64, _: f64) -> f64 {
        let a = (3.0 * s).sqrt();
        (1.0 + a) * exp(-a)
    }
    #[inline(always)]
    fn value_and_slope(s: f64, _: f64) -> (f64, f64) {
        let a = (3.0 * s).sqrt();
        let e = exp(-a);
        ((1.0 + a) * e, -1.5 * e)
    }
}

impl Radial for Matern52 {
    #[inline(always)]
    fn value(s: f64, _: f64) -> f64 {
        let a = (5.0 * s).sqrt();
        (1.0 + a + a * a / 3.0) * exp(-a)
    }
    #[inline(always)]
    fn value_and_slope(s: f64, _: f64) -> (f64, f64) {
        let a = (5.0 * s).sqrt();
        let e = exp(-a);
        ((1.0 + a + a * a / 3.0) * e, -5.0 / 6.0 * (1.0 + a) * e)
    }
}

impl Radial for RationalQuadratic {
    const HAS_ALPHA: bool = true;
    #[inline(always)]
    fn value(s: f64, alpha: f64) -> f64 {
        exp(-alpha * (s / (2.0 * alpha)).ln_1p())
    }
    #[inline(always)]
    fn value_and_slope(s: f64, alpha: f64) -> (f64, f64) {
        let k = Self::value(s, alpha);
        (k, -0.5 * k / (1.0 + s / (2.0 * alpha)))
    }
    #[inline(always)]
    fn alpha_slope(s: f64, alpha: f64) -> f64 {
        let t = s / (2.0 * alpha);
        Self::value(s, alpha) * (t / (1.0 + t) - t.ln_1p())
    }
}

impl<R: Radial> Stationary<R> {
    /// On the given input columns, with one lengthscale a column, or one for all where `shared`.
    /// Starts: variance 1, lengthscales √D, α 1.
    pub fn new(columns: Vec<usize>, shared: bool) -> Self {
        let lengthscales = KernelParameter::lengthscales(columns.len(), shared);
        let mut parameters = vec![KernelParameter::new("variance", ParameterRole::Variance, 1.0)];
        parameters.extend(lengthscales);
        if R::HAS_ALPHA {
            parameters.push(KernelParameter::new("alpha", ParameterRole::Shape, 1.0));
        }
        Self { columns, shared, parameters, radial: std::marker::PhantomData }
    }

    #[inline(always)]
    fn lengthscale(&self, theta: &[f64], d: usize) -> f64 {
        theta[if self.shared { 1 } else { 1 + d }]
    }

    #[inline(always)]
    fn alpha(&self, theta: &[f64]) -> f64 {
        if R::HAS_ALPHA { theta[theta.len() - 1] } else { 1.0 }
    }

    /// s_i = r² between the strip's rows and its point.
    #[inline(always)]
    fn squared_distances(&self, theta: &[f64], strip: Strip<'_>, s: &mut [f64]) {
        s.fill(0.0);
        for (d, &column) in self.columns.iter().enumerate() {
            let inverse = 1.0 / self.lengthscale(theta, d);
            let z = strip.z[column];
            for (s, x) in s.iter_mut().zip(strip.x.column(column)) {
                let t = (x - z) * inverse;
                *s = t.mul_add(t, *s);
            }
        }
    }
}

impl<R: Radial> Covariance for Stationary<R> {
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
        let (variance, alpha) = (theta[0], self.alpha(theta));
        vectorise(
            #[inline(always)]
            || {
                self.squared_distances(theta, strip, out);
                out.iter_mut().for_each(|s| *s = variance * R::value(*s, alpha));
            },
        );
    }

    fn strip_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    ) {
        let (variance, alpha) = (theta[0], self.alpha(theta));
        let slopes = &mut scratch[..strip.len()];
        vectorise(
            #[inline(always)]
            || {
                self.squared_distances(theta, strip, slopes);
                if R::HAS_ALPHA {
                    let last = adjoint.theta.len() - 1;
                    adjoint.theta[last] += sum_over(slopes, weights, |s, w, total| {
                        (w * variance).mul_add(R::alpha_slope(s, alpha), total)
                    });
                }
                // ∂L/∂σ² = Σ w k₁, and w_i σ² dk₁/ds in place of s_i.
                let mut from_variance = [0.0; 8];
                let (chunks, rest) = slopes.as_chunks_mut::<8>();
                let (weight_chunks, weight_rest) = weights.as_chunks::<8>();
                for (s, w) in chunks.iter_mut().zip(weight_chunks) {
                    for l in 0..8 {
                        let (k, slope) = R::value_and_slope(s[l], alpha);
                        from_variance[l] = w[l].mul_add(k, from_variance[l]);
                        s[l] = w[l] * variance * slope;
                    }
                }
                for (s, w) in rest.iter_mut().zip(weight_rest) {
                    let (k, slope) = R::value_and_slope(*s, alpha);
                    from_variance[0] += w * k;
                    *s = w * variance * slope;
                }
                adjoint.theta[0] += from_variance.iter().sum::<f64>();
                // ∂s/∂ℓ_d = −2 (x_d − z_d)²/ℓ_d³ and ∂s/∂x_d = 2 (x_d − z_d)/ℓ_d² = −∂s/∂z_d.
                for (d, &column) in self.columns.iter().enumerate() {
                    let (z, inverse) = (strip.z[column], 1.0 / self.lengthscale(theta, d));
                    let x = strip.x.column(column);
                    let moment = sum_over(x, slopes, |x, c, total| {
                        let t = x - z;
                        (t * t).mul_add(c, total)
                    });
                    let place = if self.shared { 1 } else { 1 + d };
                    adjoint.theta[place] -= 2.0 * moment * inverse * inverse * inverse;
                    if let Some(inputs) = &mut adjoint.inputs {
                        let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
                        for ((a, x), c) in x_adjoint.iter_mut().zip(x).zip(&*slopes) {
                            let g = 2.0 * c * (x - z) * inverse * inverse;
                            *a += g;
                            *z_adjoint -= g;
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
    use crate::kernel::check::{between, close, cross, kernel_is_consistent, points};

    /// r² = (3/2)² + (4/2)² = 2.5² for these.
    const X: [f64; 2] = [1.0, -1.0];
    const Z: [f64; 2] = [4.0, 3.0];

    #[test]
    fn values_are_those_of_the_formulas() {
        let (s3, s5) = (3.0_f64.sqrt() * 2.5, 5.0_f64.sqrt() * 2.5);
        let theta = [1.7, 2.0, 0.8];
        let value = |kernel, theta: &[f64]| between(&kernel, theta, X, Z);
        close(
            value(Kernel::leaf(Stationary::<Rbf>::new(vec![0, 1], true)), &theta[..2]),
            1.7 * (-3.125_f64).exp(),
        );
        close(
            value(Kernel::leaf(Stationary::<Matern12>::new(vec![0, 1], true)), &theta[..2]),
            1.7 * (-2.5_f64).exp(),
        );
        close(
            value(Kernel::leaf(Stationary::<Matern32>::new(vec![0, 1], true)), &theta[..2]),
            1.7 * (1.0 + s3) * (-s3).exp(),
        );
        close(
            value(Kernel::leaf(Stationary::<Matern52>::new(vec![0, 1], true)), &theta[..2]),
            1.7 * (1.0 + s5 + s5 * s5 / 3.0) * (-s5).exp(),
        );
        close(
            value(Kernel::leaf(Stationary::<RationalQuadratic>::new(vec![0, 1], true)), &theta),
            1.7 * (1.0 + 6.25 / 1.6_f64).powf(-0.8),
        );
    }

    #[test]
    fn every_column_has_its_own_lengthscale_unless_they_share_one() {
        let own = Kernel::leaf(Stationary::<Rbf>::new(vec![1, 0], false));
        // Lengthscales follow the order in which the columns were given.
        close(between(&own, &[1.0, 4.0, 3.0], X, Z), (-1.0_f64).exp());
        let paths: Vec<String> = own.parameters().into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["variance", "lengthscales[0]", "lengthscales[1]"]);
        assert_eq!(own.parameters()[1].start, 2.0_f64.sqrt());
        assert_eq!(Stationary::<Rbf>::new(vec![0, 1], true).parameters()[1].path, "lengthscales");
    }

    #[test]
    fn columns_that_are_not_named_do_not_matter() {
        let kernel = Kernel::leaf(Stationary::<Matern52>::new(vec![2], false));
        let (x, z) = (points(5, 1), points(4, 2));
        let (mut other_x, mut other_z) = (x.clone(), z.clone());
        other_x.col_mut(0).fill(9.0);
        other_z.col_mut(1).fill(-9.0);
        assert_eq!(cross(&kernel, &[1.0, 1.0], &x, &z), cross(&kernel, &[1.0, 1.0], &other_x, &other_z));
        assert_eq!(kernel.columns(), [2]);
    }

    fn consistent<R: Radial>() {
        kernel_is_consistent(&Kernel::leaf(Stationary::<R>::new(vec![0, 1, 2], false)));
        kernel_is_consistent(&Kernel::leaf(Stationary::<R>::new(vec![2, 0], true)));
    }

    #[test]
    fn rbf_is_consistent() {
        consistent::<Rbf>();
    }

    #[test]
    fn matern12_is_consistent() {
        consistent::<Matern12>();
    }

    #[test]
    fn matern32_is_consistent() {
        consistent::<Matern32>();
    }

    #[test]
    fn matern52_is_consistent() {
        consistent::<Matern52>();
    }

    #[test]
    fn rational_quadratic_is_consistent() {
        consistent::<RationalQuadratic>();
    }
}
