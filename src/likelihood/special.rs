//! Functions that likelihoods share: stable logarithms of probabilities, polygammas, distribution functions.

use statrs::function::{beta::ln_beta, gamma};
use std::f64::consts::PI;

/// log(1 + eˣ).
pub(super) fn log1p_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ˣ).
pub(super) fn logistic(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// Beyond this distance from 0 the tails of Φ come from a continued fraction, within it from a series.
const TAIL: f64 = 2.25;

/// Φ(x) for |x| ≤ [`TAIL`]: 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + …) (Abramowitz & Stegun 26.2.11).
fn central_cdf(x: f64) -> f64 {
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * log_normal_density(x, 1.0).exp()
}

/// φ(t)/Φ(−t) − t = 1/(t + 2/(t + 3/(t + …))) for t > [`TAIL`] (Abramowitz & Stegun 26.2.14).
fn mills_excess(t: f64) -> f64 {
    // The error is of order exp(−2√2 t √levels).
    let levels = 8 + (400.0 / (t * t)) as u32;
    (1..=levels).rev().fold(0.0, |tail, k| f64::from(k) / (tail + t))
}

/// Φ(x), with all its digits in the lower tail.
pub(super) fn normal_cdf(x: f64) -> f64 {
    if x.abs() <= TAIL {
        return central_cdf(x);
    }
    let tail = log_normal_density(x, 1.0).exp() / (x.abs() + mills_excess(x.abs()));
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// log N(x | 0, variance).
pub(super) fn log_normal_density(x: f64, variance: f64) -> f64 {
    -0.5 * (x * x / variance + (2.0 * PI * variance).ln())
}

/// log Φ(x) with what its derivatives need, also where Φ underflows.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogNormalCdf {
    /// log Φ(x).
    pub value: f64,
    /// n = φ(x)/Φ(x), the derivative: the inverse Mills ratio.
    pub slope: f64,
    /// n (n + x), minus the second derivative.
    pub curvature: f64,
    /// The derivative of `curvature`.
    pub curvature_slope: f64,
}

impl LogNormalCdf {
    /// At x.
    pub fn at(x: f64) -> Self {
        let (value, slope, excess) = if x < -TAIL {
            let excess = mills_excess(-x);
            let slope = excess - x;
            (log_normal_density(x, 1.0) - slope.ln(), slope, excess)
        } else {
            let value = if x < 1.0 { normal_cdf(x).ln() } else { (-normal_cdf(-x)).ln_1p() };
            let slope = (log_normal_density(x, 1.0) - value).exp();
            (value, slope, slope + x)
        };
        let curvature = slope * excess;
        Self { value, slope, curvature, curvature_slope: slope * (1.0 - curvature) - curvature * excess }
    }
}

/// Bernoulli numbers B₂ … B₁₄.
const BERNOULLI: [f64; 7] =
    [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0];

/// From here on the series in 1/x² hold to rounding.
const ASYMPTOTIC: f64 = 12.0;

/// ψ(x), the derivative of log Γ, for x > 0 (Abramowitz & Stegun 6.3.18 and 6.3.5).
pub(super) fn digamma(x: f64) -> f64 {
    let (x, shift) = shifted(x, |x| -1.0 / x);
    let series: f64 = BERNOULLI.iter().zip(1..).map(|(b, k)| b / (2.0 * f64::from(k)) * x.powi(-2 * k)).sum();
    shift + x.ln() - 0.5 / x - series
}

/// ψ′(x) for x > 0 (Abramowitz & Stegun 6.4.12 and 6.4.6).
pub(super) fn trigamma(x: f64) -> f64 {
    let (x, shift) = shifted(x, |x| x.powi(-2));
    let series: f64 = BERNOULLI.iter().zip(1..).map(|(b, k)| b * x.powi(-2 * k - 1)).sum();
    shift + 1.0 / x + 0.5 * x.powi(-2) + series
}

/// ψ″(x) for x > 0 (Abramowitz & Stegun 6.4.13 and 6.4.6).
pub(super) fn tetragamma(x: f64) -> f64 {
    let (x, shift) = shifted(x, |x| -2.0 * x.powi(-3));
    let series: f64 =
        BERNOULLI.iter().zip(1..).map(|(b, k)| f64::from(2 * k + 1) * b * x.powi(-2 * k - 2)).sum();
    shift - x.powi(-2) - x.powi(-3) - series
}

/// The first x + k beyond [`ASYMPTOTIC`], and the sum of a recurrence's terms on the way.
fn shifted(mut x: f64, term: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut shift = 0.0;
    while x < ASYMPTOTIC {
        shift += term(x);
        x += 1.0;
    }
    (x, shift)
}

/// P(G ≤ x) for G ~ Gamma(shape, 1).
pub(super) fn gamma_cdf(shape: f64, x: f64) -> f64 {
    match x {
        ..=0.0 => 0.0,
        f64::INFINITY => 1.0,
        _ => gamma::checked_gamma_lr(shape, x).unwrap_or(f64::NAN),
    }
}

/// P(G > x) for G ~ Gamma(shape, 1).
pub(super) fn gamma_above(shape: f64, x: f64) -> f64 {
    match x {
        ..=0.0 => 1.0,
        f64::INFINITY => 0.0,
        _ => gamma::checked_gamma_ur(shape, x).unwrap_or(f64::NAN),
    }
}

/// P(B ≤ x) for B ~ Beta(a, b), by the continued fraction 26.5.8 of Abramowitz & Stegun with Lentz's recursion.
pub(super) fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // Beyond such sizes log B(a, b) loses its digits, and the distribution is a gamma one to more digits than are left
    // (Wise 1950: error a²/24b²).
    let huge = |a: f64, b: f64| b > 1e5 * (1.0 + a).powf(1.5);
    if huge(a, b) {
        return gamma_cdf(a, -(b + 0.5 * (a - 1.0)) * (-x).ln_1p());
    }
    if huge(b, a) {
        return gamma_above(b, -(a + 0.5 * (b - 1.0)) * x.ln());
    }
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - beta_left(b, a, 1.0 - x) } else { beta_left(a, b, x) }
}

/// [`beta_cdf`] left of the mean, where the fraction converges within a few times √max(a, b) terms.
fn beta_left(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let nonzero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let terms = 200 + 10 * a.max(b).sqrt() as u32;
    let (mut numerator, mut denominator, mut fraction) = (1.0, 0.0, 1.0);
    for term in 1..=2 * terms {
        let m = f64::from(term / 2);
        let coefficient = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        denominator = nonzero(1.0 + coefficient * denominator).recip();
        numerator = nonzero(1.0 + coefficient / numerator);
        let factor = numerator * denominator;
        fraction *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    (a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b)).exp() / (a * fraction)
}

/// Mean and variance of eᶠ where f ~ N(mean, variance), and E\[e²ᶠ\].
pub(super) fn log_normal_moments(mean: f64, variance: f64) -> (f64, f64, f64) {
    let first = (mean + 0.5 * variance).exp();
    let square = first * first;
    (first, square * variance.exp_m1(), square * variance.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(what: &str, found: f64, expected: f64) {
        let error = (found / expected - 1.0).abs();
        assert!(error < 2e-13, "{what}: {found} against {expected}, relative {error:e}");
    }

    /// From mpmath with 60 digits: x, log Φ, φ/Φ, minus the second derivative, its derivative.
    #[test]
    fn the_normal_distribution_function_keeps_its_digits_in_both_tails() {
        let golden = [
            [-40.0, -804.6084420137538, 40.02496884720726, 0.9993773316214086, -3.101744039648625e-5],
            [-12.5, -81.57596787074388, 12.579007304406977, 0.9938334592368577, -0.0009511413412740846],
            [-5.25, -16.39188001003779, 5.428655388386098, 0.9698585368264037, -0.009642837105109006],
            [-2.5, -5.08164827727869, 2.8227447976639075, 0.9110261985788846, -0.04287863103702551],
            [-2.2, -4.275618447044144, 2.5514961531512084, 0.8968410826127554, -0.05202660964955039],
            [-0.5, -1.1759117615936185, 1.1410777703680646, 0.731519592844121, -0.16260392517612296],
            [0.125, -0.598313068912425, 0.7200475955025254, 0.608474489226784, -0.23227290143556895],
            [0.75, -0.25699426683836524, 0.389382056735927, 0.44365492865984596, -0.28886167696416104],
            [1.25, -0.11165782847292517, 0.20422545889867677, 0.29698986168572106, -0.2883176497905164],
            [3.0, -0.0013508099647481938, 0.004437839042125664, 0.013333211541740806, -0.03568013687657047],
            [
                8.0,
                -6.220960574271786e-16,
                5.052271083536895e-15,
                4.0418168668295186e-14,
                -3.1829307826282504e-13,
            ],
        ];
        for [x, value, slope, curvature, curvature_slope] in golden {
            let found = LogNormalCdf::at(x);
            agrees("log Φ", found.value, value);
            agrees("φ/Φ", found.slope, slope);
            agrees("curvature", found.curvature, curvature);
            agrees("Φ", normal_cdf(x).max(1e-300), value.exp().max(1e-300));
            let error = (found.curvature_slope - curvature_slope).abs();
            assert!(error < 2e-13 * curvature.max(curvature_slope.abs()), "at {x}: {error:e}");
        }
    }

    /// From mpmath with 60 digits.
    #[test]
    fn polygammas_have_thirteen_digits_at_any_size() {
        let golden = [
            [0.001, -1000.5755719318103, 1000001.6425331959, -2000000002.3976323],
            [0.3, -3.502524222200133, 12.24536454610773, -75.27253658872603],
            [1.0, -0.5772156649015329, 1.6449340668482264, -2.4041138063191885],
            [2.5, 0.7031566406452432, 0.49035775610023485, -0.2362040516417274],
            [11.75, 2.4206968934226323, 0.08883052207962387, -0.007885698505907384],
            [12.25, 2.464154655185369, 0.0850551429881632, -0.007230035788993344],
            [1000.0, 6.907255195648812, 0.0010005001666666333, -1.0010004999998333e-6],
            [1000000.0, 13.815510057964191, 1.0000005000001667e-6, -1.0000010000005e-12],
        ];
        for [x, first, second, third] in golden {
            agrees("digamma", digamma(x), first);
            agrees("trigamma", trigamma(x), second);
            agrees("tetragamma", tetragamma(x), third);
        }
    }

    #[test]
    fn logistic_functions_hold_far_out() {
        assert_eq!((log1p_exp(800.0), logistic(800.0)), (800.0, 1.0));
        assert_eq!((log1p_exp(-800.0), logistic(-800.0)), (0.0, 0.0));
        agrees("log(1 + e⁻⁴⁰)", log1p_exp(-40.0), (-40.0_f64).exp());
        agrees("log(1 + e)", log1p_exp(1.0), 1.3132616875182228);
        agrees("logistic", logistic(-30.0), 9.357622968839299e-14);
    }

    /// From SciPy's betainc.
    #[test]
    fn the_beta_distribution_function_is_the_gamma_one_where_one_count_is_huge() {
        let (a, b) = (4.66, 1e15);
        for scale in [0.3, 1.0, 1.2146, 3.0] {
            let x = scale * a / b;
            agrees("huge", beta_cdf(a, b, x), gamma_cdf(a, x * b));
            agrees("mirrored", 1.0 - beta_cdf(b, a, 1.0 - x), gamma_cdf(a, (1.0 - (1.0 - x)) * b));
        }
    }

    #[test]
    fn the_beta_distribution_function_holds_for_large_counts() {
        let golden = [
            (2.5, 0.7, 0.3, 0.029814024845250465),
            (0.001, 4.0, 0.9, 0.9999999727700973),
            (40.0, 3.0, 0.99, 0.9914161462002665),
            (10000.0, 10000.0, 0.503, 0.801927218859508),
            (1e6, 1e6, 0.4999, 0.38864871786231014),
            (300000.0, 2.0, 0.99999, 0.19914528625188233),
        ];
        for (a, b, x, expected) in golden {
            let error = (beta_cdf(a, b, x) - expected).abs();
            assert!(error < 1e-8 * expected, "Beta({a}, {b}) at {x}: {error:e}");
        }
    }
}
