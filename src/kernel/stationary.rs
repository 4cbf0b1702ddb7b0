//! Stationary kernels: functions of the scaled distance r² = Σ_d (x_d − z_d)²/ℓ_d².
//!
//! A new one is a formula: its value, as a factor and an exponential, and its derivative in r². Distances are summed difference by
//! difference of columns in units of lengthscales, not from |x|² + |z|² − 2xᵀz: that costs O(N²D) against O(N³) and loses no digits
//! where points coincide.
//! Source: Rasmussen & Williams, *Gaussian Processes for Machine Learning*, section 4.2.

use super::geography::Geography;
use super::leaf::ParameterRole;
use super::metric::{Euclidean, Metric, Slopes};
use super::{Covariance, Exponential, KernelParameter, Points, Recorded, STRIP, Strip, StripAdjoint};
use crate::linalg::elementwise::{dot, exp_of_negative, or_zero, sum_over, vectorise};

/// The shape of a stationary kernel, with variance 1: k(s) = c(s) exp(e(s)), a function of s = r².
pub trait Radial: std::fmt::Debug + Send + Sync + Default + 'static {
    /// Whether it has a shape parameter `alpha`.
    const HAS_ALPHA: bool = false;

    /// e, c and dk/ds without its exponential.
    fn at(s: f64, alpha: f64) -> Shape;

    /// d log k/dα.
    fn alpha_slope(_s: f64, _alpha: f64) -> f64 {
        0.0
    }
}

/// k = `factor` exp(`exponent`) and dk/ds = `slope` exp(`exponent`) at one distance.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// e ≤ 0.
    pub exponent: f64,
    /// c.
    pub factor: f64,
    /// (dk/ds) exp(−e).
    pub slope: f64,
}

/// k(x, z) = σ² k₁(r²): parameters `variance`, `lengthscales` (one shared, or one a column), `alpha`.
#[derive(Debug, Clone)]
pub struct Stationary<R, M = Euclidean> {
    metric: M,
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
    fn at(s: f64, _: f64) -> Shape {
        Shape { exponent: -0.5 * s, factor: 1.0, slope: -0.5 }
    }
}

impl Radial for Matern12 {
    #[inline(always)]
    fn at(s: f64, _: f64) -> Shape {
        // The slope is infinite at s = 0, where every (x_d − z_d)² that it meets is zero.
        let r = s.sqrt().max(1e-150);
        Shape { exponent: -r, factor: 1.0, slope: -0.5 / r }
    }
}

impl Radial for Matern32 {
    #[inline(always)]
    fn at(s: f64, _: f64) -> Shape {
        let a = (3.0 * s).sqrt();
        Shape { exponent: -a, factor: 1.0 + a, slope: -1.5 }
    }
}

impl Radial for Matern52 {
    #[inline(always)]
    fn at(s: f64, _: f64) -> Shape {
        let a = (5.0 * s).sqrt();
        let factor = a.mul_add(a.mul_add(1.0 / 3.0, 1.0), 1.0);
        Shape { exponent: -a, factor, slope: -5.0 / 6.0 * (1.0 + a) }
    }
}

impl Radial for RationalQuadratic {
    const HAS_ALPHA: bool = true;
    #[inline(always)]
    fn at(s: f64, alpha: f64) -> Shape {
        let t = s / (2.0 * alpha);
        Shape { exponent: -alpha * t.ln_1p(), factor: 1.0, slope: -0.5 / (1.0 + t) }
    }
    #[inline(always)]
    fn alpha_slope(s: f64, alpha: f64) -> f64 {
        let t = s / (2.0 * alpha);
        t / (1.0 + t) - t.ln_1p()
    }
}

impl<R: Radial> Stationary<R> {
    /// On the given input columns, with one lengthscale a column, or one for all where `shared`.
    /// Starts: variance 1, lengthscales √D, α 1.
    pub fn new(columns: Vec<usize>, shared: bool) -> Self {
        Self::with_metric(Euclidean::new(columns, shared))
    }

    /// On a column of longitudes and one of latitudes, projected to the plane in which both are as long as they are at
    /// the latitude's shift (equirectangular): lengthscales in [units](Geography::unit), one east-west and one
    /// north-south or one for both. It does not know that longitudes wrap around.
    pub fn projected(columns: [usize; 2], geography: Geography, shared: bool) -> Self {
        Self::with_metric(Euclidean::stretched(columns, geography.stretches(), shared))
    }
}

impl<R: Radial, M: Metric> Stationary<R, M> {
    const KEEPS_DISTANCES: bool = M::KEEPS_DISTANCES || R::HAS_ALPHA;

    /// With distances of a metric. Starts: variance 1, lengthscales √(number of columns), α 1.
    pub fn with_metric(metric: M) -> Self {
        let lengthscales = KernelParameter::lengthscales(metric.columns().len(), metric.shared());
        let mut parameters = vec![KernelParameter::new("variance", ParameterRole::Variance, 1.0)];
        parameters.extend(lengthscales);
        if R::HAS_ALPHA {
            parameters.push(KernelParameter::new("alpha", ParameterRole::Shape, 1.0));
        }
        Self { metric, parameters, radial: std::marker::PhantomData }
    }

    /// Places of the lengthscales among the parameters.
    #[inline(always)]
    fn lengthscales(&self) -> std::ops::Range<usize> {
        1..self.parameters.len() - usize::from(R::HAS_ALPHA)
    }

    /// Writes the distances of a strip to where slopes are to come, and keeps them where they are asked for again.
    #[inline(always)]
    fn recorded_distances<'r>(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        record: &'r mut [f64],
    ) -> &'r mut [f64] {
        let (slopes, distances) = record.split_at_mut(STRIP);
        let slopes = &mut slopes[..strip.len()];
        self.metric.squared_distances(&theta[self.lengthscales()], strip, slopes);
        if Self::KEEPS_DISTANCES {
            distances[..strip.len()].copy_from_slice(slopes);
        }
        slopes
    }

    #[inline(always)]
    fn alpha(&self, theta: &[f64]) -> f64 {
        if R::HAS_ALPHA { theta[theta.len() - 1] } else { 1.0 }
    }
}

impl<R: Radial, M: Metric> Covariance for Stationary<R, M> {
    fn parameters(&self) -> &[KernelParameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.parameters
    }

    fn columns(&self) -> &[usize] {
        self.metric.columns()
    }

    fn lengthscale(&self, theta: &[f64], column: usize) -> Option<f64> {
        self.metric.lengthscale(&theta[self.lengthscales()], column)
    }

    fn scratch_strips(&self) -> usize {
        1
    }

    /// Slopes, and distances where they are asked for again.
    fn record_strips(&self) -> usize {
        1 + usize::from(Self::KEEPS_DISTANCES)
    }

    fn feature_count(&self) -> usize {
        self.metric.feature_count()
    }

    fn features(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        self.metric.features(&theta[self.lengthscales()], x, out);
    }

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        let (variance, alpha) = (theta[0], self.alpha(theta));
        vectorise(
            #[inline(always)]
            || {
                self.metric.squared_distances(&theta[self.lengthscales()], strip, out);
                for s in out {
                    let Shape { exponent, factor, .. } = R::at(*s, alpha);
                    *s = variance * or_zero(factor * exp_of_negative(exponent));
                }
            },
        );
    }

    fn strip_recorded(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        record: &mut [f64],
        _: &mut [f64],
    ) {
        let (variance, alpha) = (theta[0], self.alpha(theta));
        vectorise(
            #[inline(always)]
            || {
                let slopes = self.recorded_distances(theta, strip, record);
                // A pass of its own over the whole strip: with sums in it, or in short pieces, it would not vectorise.
                for (s, k) in slopes.iter_mut().zip(out) {
                    let Shape { exponent, factor, slope } = R::at(*s, alpha);
                    let exponential = exp_of_negative(exponent);
                    let value = or_zero(factor * exponential);
                    (*k, *s) =
                        (variance * value, if value == 0.0 { 0.0 } else { variance * slope * exponential });
                }
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
        let (variance, alpha) = (theta[0], self.alpha(theta));
        let (recorded_slopes, distances) = recorded.record.split_at(STRIP);
        let distances = if Self::KEEPS_DISTANCES { &distances[..strip.len()] } else { &[] };
        let slopes = &mut scratch[..strip.len()];
        vectorise(
            #[inline(always)]
            || {
                if R::HAS_ALPHA {
                    let last = adjoint.theta.len() - 1;
                    let products = slopes.iter_mut().zip(weights.iter().zip(recorded.values));
                    products.for_each(|(to, (w, k))| *to = w * k);
                    adjoint.theta[last] += sum_over(distances, slopes, |s, product, total| {
                        product.mul_add(R::alpha_slope(s, alpha), total)
                    });
                }
                // ∂L/∂σ² = Σ w k/σ², and ∂L/∂s_i = w_i σ² dk₁/ds.
                adjoint.theta[0] += dot(recorded.values, weights) / variance;
                let each = recorded_slopes.iter().zip(weights);
                slopes.iter_mut().zip(each).for_each(|(to, (slope, w))| *to = slope * w);
                self.metric.adjoint(
                    &theta[self.lengthscales()],
                    strip,
                    Slopes { slopes, distances },
                    &mut adjoint.theta[self.lengthscales()],
                    adjoint.inputs.as_mut(),
                );
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

impl<R: Radial, M: Metric> Exponential for Stationary<R, M> {
    fn factors(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        exponent: &mut [f64],
        record: Option<&mut [f64]>,
    ) {
        let (variance, alpha) = (theta[0], self.alpha(theta));
        vectorise(
            #[inline(always)]
            || match record {
                None => {
                    self.metric.squared_distances(&theta[self.lengthscales()], strip, out);
                    for (s, e) in out.iter_mut().zip(exponent) {
                        let shape = R::at(*s, alpha);
                        *s = variance * shape.factor;
                        *e += shape.exponent;
                    }
                }
                Some(record) => {
                    let slopes = self.recorded_distances(theta, strip, record);
                    for ((s, c), e) in slopes.iter_mut().zip(out).zip(exponent) {
                        let shape = R::at(*s, alpha);
                        (*c, *s) = (variance * shape.factor, variance * shape.slope);
                        *e += shape.exponent;
                    }
                }
            },
        );
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
