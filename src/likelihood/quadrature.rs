//! Gauss–Hermite quadrature for expectations, the trapezoidal rule for averages, over one latent value.

use super::{Derivatives, Expectations, LatentGaussian, Likelihood, Observation};

/// Nodes and weights of the 20-point rule for N(0, 1), the positive half: zeros x of the Hermite polynomial He₂₀, weights
/// 20! / (20 He₁₉(x))², computed with 40 digits.
const HERMITE: [(f64, f64); 10] = [
    (0.3469641570813559, 0.2607930634495549),
    (1.0429453488027511, 0.16173933398399995),
    (1.7452473208141268, 0.061506372063976904),
    (2.458663611172368, 0.013997837447101003),
    (3.1890148165533896, 0.0018301031310804928),
    (3.9439673506573163, 0.00012882627996192944),
    (4.734581334046055, 4.402121090230853e-6),
    (5.5787388058932015, 6.127490259982948e-8),
    (6.510590157013654, 2.4820623623151786e-10),
    (7.619048541679758, 1.257800672437927e-13),
];

/// Nodes and weights of the 20-point Gauss–Hermite rule for N(0, 1).
pub(super) fn hermite() -> impl Iterator<Item = (f64, f64)> {
    HERMITE.iter().flat_map(|&(x, w)| [(x, w), (-x, w)])
}

/// Below this standard deviation the slope of the value in the variance is lost to rounding.
const SMALLEST_SD: f64 = 1e-5;

/// Expectations for one latent function by 20-point Gauss–Hermite quadrature.
///
/// `hessian` is E[x ∂ log p / ∂f] / s at the nodes f = m + s x, by Stein's identity E of the second derivative. This way
/// it is exactly the slope of `value` as computed, and an optimiser sees one consistent function.
pub fn default_expectations<M: Likelihood + ?Sized>(
    likelihood: &M,
    theta: &[f64],
    at: Observation,
    q: LatentGaussian<'_>,
    out: &mut Expectations,
) {
    let derivatives = |f, node: &mut Derivatives| likelihood.derivatives(theta, at, &[f], node);
    expectations_of(derivatives, q, out);
}

/// [`default_expectations`] of a function of f, given by its derivatives. A likelihood whose constants take time adds
/// them afterwards.
pub(super) fn expectations_of(
    derivatives: impl Fn(f64, &mut Derivatives),
    q: LatentGaussian<'_>,
    out: &mut Expectations,
) {
    let (mean, sd) = (q.mean[0], q.covariance[0].max(0.0).sqrt());
    let (mut value, mut gradient, mut hessian, mut stein) = (0.0, 0.0, 0.0, 0.0);
    out.value_by.fill(0.0);
    for (x, w) in hermite() {
        derivatives(mean + sd * x, &mut out.node);
        value += w * out.node.value;
        gradient += w * out.node.gradient[0];
        hessian += w * out.node.hessian[0];
        stein += w * x * out.node.gradient[0];
        out.value_by.iter_mut().zip(&out.node.value_by).for_each(|(sum, by)| *sum += w * by);
    }
    out.value = value;
    out.gradient[0] = gradient;
    out.hessian[0] = if sd > SMALLEST_SD { stein / sd } else { hessian };
}

/// First step of a trapezoidal rule, in standard deviations: for a Gaussian its error is 2 exp(−2π²/0.9²) = 5·10⁻¹¹.
pub(super) const FIRST_STEP: f64 = 0.9;

/// A rule stops where the last halving changed less than this: its error is about the square.
pub(super) const LAST_CHANGE: f64 = 1e-6;

/// Halvings at most, for integrands that are not analytic.
pub(super) const HALVINGS: usize = 10;

/// E\[g(f)\] where f ~ N(mean, sd²), for K functions at once, by the trapezoidal rule.
pub(super) fn gaussian_average<const K: usize>(mean: f64, sd: f64, g: impl Fn(f64) -> [f64; K]) -> [f64; K] {
    /// Standard deviations on either side.
    const ENDS: f64 = 9.0;
    if sd <= 0.0 {
        return g(mean);
    }
    let (mut sums, mut mass) = (g(mean), 1.0);
    let mut add = |x: f64, sums: &mut [f64; K]| {
        let weight = (-0.5 * x * x).exp();
        mass += 2.0 * weight;
        let (above, below) = (g(mean + sd * x), g(mean - sd * x));
        sums.iter_mut().enumerate().for_each(|(i, sum)| *sum += weight * (above[i] + below[i]));
        mass
    };
    let (mut step, mut count) = (FIRST_STEP, (ENDS / FIRST_STEP) as usize);
    let total = (1..=count).fold(1.0, |_, k| add(k as f64 * step, &mut sums));
    let mut last = sums.map(|sum| sum / total);
    for _ in 0..HALVINGS {
        (step, count) = (0.5 * step, 2 * count);
        let total = (1..=count).step_by(2).fold(1.0, |_, k| add(k as f64 * step, &mut sums));
        let now = sums.map(|sum| sum / total);
        let changes = now.iter().zip(&last).any(|(n, l)| (n - l).abs() > LAST_CHANGE * n.abs());
        last = now;
        if !changes {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hermite_integrates_powers_up_to_39_exactly() {
        let mut moment = 1.0;
        for power in (0..40).step_by(2) {
            let sum: f64 = hermite().map(|(x, w)| w * x.powi(power)).sum();
            assert!((sum / moment - 1.0).abs() < 1e-12, "power {power}: {sum} against {moment}");
            moment *= f64::from(power + 1);
        }
    }

    #[test]
    fn averages_of_smooth_functions_have_twelve_digits() {
        for (mean, sd) in [(0.3, 0.01), (-2.0, 1.5), (1.0, 3.0)] {
            let [cosine, square, exponential] =
                gaussian_average(mean, sd, |f: f64| [f.cos(), f * f, (0.5 * f).exp()]);
            let decay = (-0.5 * sd * sd).exp();
            assert!((cosine - mean.cos() * decay).abs() < 1e-12);
            assert!((square - mean * mean - sd * sd).abs() < 1e-11);
            assert!((exponential / (0.5 * mean + 0.125 * sd * sd).exp() - 1.0).abs() < 1e-11);
        }
    }
}
