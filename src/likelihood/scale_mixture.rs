//! Student's t distribution as a mixture of normals over their precision, and rules for integrals over it.

use super::special::digamma;
use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;
use std::sync::OnceLock;

/// From here on the differences of gamma functions below come from asymptotic series, whose first term left out is
/// below 1e-14; the functions themselves would cancel.
const LARGE: f64 = 20.0;

/// log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(νπ) and its derivative.
pub(super) fn log_constant(nu: f64) -> (f64, f64) {
    let x = 0.5 * nu;
    if x < LARGE {
        let value = ln_gamma(x + 0.5) - ln_gamma(x) - 0.5 * (nu * PI).ln();
        return (value, 0.5 * (digamma(x + 0.5) - digamma(x)) - 0.5 / nu);
    }
    // Tricomi & Erdélyi (1951), for a quotient of gamma functions whose arguments differ by a half.
    let (i, j) = (1.0 / x, 1.0 / (x * x));
    let series = i * (-1.0 / 8.0 + j * (1.0 / 192.0 + j * (-1.0 / 640.0 + j * 17.0 / 14336.0)));
    let slope = j * (1.0 / 8.0 + j * (-3.0 / 192.0 + j * (5.0 / 640.0 - j * 119.0 / 14336.0)));
    (series - 0.5 * (2.0 * PI).ln(), 0.5 * slope)
}

/// Nodes λ and weights of ∫₀^∞ g(λ) e^{−λ} dλ/λ by the trapezoidal rule in log λ, for g that begins as `ratio` × λ where
/// λ is small and stays below 1. The step's error is exp(−π²/step) = 5e-15.
pub(super) fn exponential_rule(ratio: f64) -> &'static [(f64, f64)] {
    const STEP: f64 = 0.3;
    const LAST: i32 = 12;
    const COUNT: i32 = 260;
    static NODES: OnceLock<Vec<(f64, f64)>> = OnceLock::new();
    let nodes = NODES.get_or_init(|| {
        (LAST - COUNT..=LAST)
            .map(|k| (STEP * f64::from(k)).exp())
            .map(|lambda| (lambda, STEP * (-lambda).exp()))
            .collect()
    });
    let first = 1e-14 / ratio.max(1.0);
    &nodes[nodes.partition_point(|&(lambda, _)| lambda < first)..]
}

/// A trapezoidal rule in τ = log λ for the precisions λ ~ Gamma(ν/2, ν/2) of Student's t.
pub(super) struct ScaleMixture {
    /// Half the degrees.
    x: f64,
    /// log of the density of τ at 0, and its derivative in x.
    constant: f64,
    pub(super) constant_by: f64,
    step: f64,
    first: f64,
    last: f64,
}

impl ScaleMixture {
    /// For integrands whose other factor is N(δ | 0, v + s²/λ), `square` = δ²/s².
    ///
    /// In τ the integrand's width is at least 1/√(ν+1), for which the step's error is exp(−2π²/0.7²) = 3e-18; its modes
    /// lie at 1/(1 + δ²/(ν s²)) ≤ λ ≤ 1 or thereabouts, and beyond them it falls off as the Gamma density does.
    pub(super) fn new(nu: f64, square: f64) -> Self {
        let x = 0.5 * nu;
        let (constant, constant_by) = if x < LARGE {
            (x * x.ln() - x - ln_gamma(x), x.ln() - digamma(x))
        } else {
            // Stirling's series.
            let (i, j) = (1.0 / x, 1.0 / (x * x));
            let series = i * (1.0 / 12.0 - j * (1.0 / 360.0 - j * (1.0 / 1260.0 - j / 1680.0)));
            let slope = 0.5 * i + j * (1.0 / 12.0 - j * (1.0 / 120.0 - j * (1.0 / 252.0 - j / 240.0)));
            (0.5 * (x / (2.0 * PI)).ln() - series, slope)
        };
        let step = (0.7 / (nu + 1.0).sqrt()).min(0.25);
        let drop = 40.0 / x;
        let reach = drop + (2.0 * drop).sqrt();
        let first = ((-(square / nu).ln_1p() - reach) / step).floor();
        Self { x, constant, constant_by, step, first, last: (reach.ln_1p() / step).ceil() }
    }

    /// Calls `node` with τ, λ and the log of the weight.
    pub(super) fn nodes(&self, mut node: impl FnMut(f64, f64, f64)) {
        let log_step = self.step.ln();
        let mut k = self.first;
        while k <= self.last {
            let tau = k * self.step;
            node(tau, tau.exp(), log_step + self.constant + self.x * (tau - tau.exp_m1()));
            k += 1.0;
        }
    }
}
