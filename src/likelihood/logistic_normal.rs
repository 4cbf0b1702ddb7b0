//! The logistic function averaged over a Gaussian: Z = ∫ σ(z) N(z | m, v) dz, which has no closed form.
//!
//! The trapezoidal rule on the whole line converges geometrically: the integrand is analytic for |Im z| < π, so that
//! with step h = 0.8 min(1, √v) the error is below exp(−2π²/0.8 + π²/2v) of Z for v ≥ 1 and exp(−2π²/0.64) below it, 3·10⁻⁹
//! at the most (Trefethen & Weideman 2014, theorem 5.1). log σ is concave, so the integrand falls at least as fast
//! from its mode as the Gaussian alone. Cost: 17 √max(v, 1) / 0.8 nodes with two exponentials each, vectorised.

use super::special::{log1p_exp, logistic};
use crate::linalg::elementwise::{exp, vectorise};

/// log Z and its first two derivatives in m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogisticNormal {
    pub log_z: f64,
    pub slope: f64,
    pub curvature: f64,
}

/// Step in units of the narrower of logistic function and Gaussian.
const STEP: f64 = 0.8;
/// Standard deviations from the mode beyond which the integrand is below 10⁻¹⁶ of its largest value.
const REACH: f64 = 8.6;
/// Below this mode σ(z) is e^z to 130 digits.
const EXPONENTIAL: f64 = -300.0;
const LANES: usize = 8;

impl LogisticNormal {
    /// For N(m, v).
    pub(super) fn at(m: f64, v: f64) -> Self {
        if v < 1e-12 {
            let (p, q) = (logistic(m), logistic(-m));
            return Self { log_z: -log1p_exp(-m), slope: q, curvature: -p * q };
        }
        let mode = mode(m, v);
        if mode < EXPONENTIAL {
            return Self { log_z: m + 0.5 * v, slope: 1.0, curvature: 0.0 };
        }
        let step = STEP * v.sqrt().min(1.0);
        let half = (REACH * v.sqrt() / step).ceil();
        let blocks = ((2.0 * half + 1.0) / LANES as f64).ceil() as usize;
        let (scale, from_mean) = (-0.5 / v, mode - m);
        let at_mode = 1.0 + (-mode).exp();
        // Σ w, Σ w q, Σ w q² and Σ w p q with p = σ(z), q = 1 − p: by Stein's identity these are all that moments need.
        // The four sums advance lane by lane together: an iterator over one of them would not vectorise the others.
        #[allow(clippy::needless_range_loop)]
        let sums = vectorise(
            #[inline(always)]
            || {
                let mut sums = [[0.0; LANES]; 4];
                for block in 0..blocks {
                    for lane in 0..LANES {
                        let offset = ((block * LANES + lane) as f64 - half) * step;
                        let inverse_odds = exp(-(mode + offset).max(EXPONENTIAL - 300.0));
                        let p = 1.0 / (1.0 + inverse_odds);
                        let q = inverse_odds * p;
                        let weight = exp(scale * offset * (offset + 2.0 * from_mean)) * at_mode * p;
                        sums[0][lane] += weight;
                        sums[1][lane] += weight * q;
                        sums[2][lane] += weight * q * q;
                        sums[3][lane] += weight * p * q;
                    }
                }
                sums.map(|lanes| lanes.iter().sum::<f64>())
            },
        );
        let [total, q, q_squared, p_q] = sums;
        let slope = q / total;
        let normaliser = (step / (2.0 * std::f64::consts::PI * v).sqrt()).ln();
        Self {
            log_z: total.ln() + normaliser + scale * from_mean * from_mean - at_mode.ln(),
            slope,
            curvature: (q_squared - p_q) / total - slope * slope,
        }
    }
}

/// The mode of σ(z) N(z | m, v), to some digits: it lies between m and m + v.
fn mode(m: f64, v: f64) -> f64 {
    let (mut low, mut high) = (m, m + v);
    // Where σ(z) is e^z the mode is m + v; where it is 1, m.
    let mut z = if m + v < 0.0 { m + v } else { m.max(0.0).min(m + v) };
    for _ in 0..20 {
        let q = logistic(-z);
        let gradient = q - (z - m) / v;
        if gradient > 0.0 {
            low = z
        } else {
            high = z
        }
        let newton = z + gradient / (q * (1.0 - q) + 1.0 / v);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - z).abs() < 1e-3 * v.sqrt() {
            return next;
        }
        z = next;
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fine trapezoidal rule over everything, in logarithms.
    fn brute(m: f64, v: f64) -> f64 {
        let sd = v.sqrt();
        let step = 1e-3 * sd.min(1.0);
        let ends = ((m - 14.0 * sd).min(m + v - 14.0 * sd), (m + v + 14.0 * sd).max(m + 14.0 * sd));
        let count = ((ends.1 - ends.0) / step) as usize;
        let log = |k: usize| {
            let z = ends.0 + k as f64 * step;
            -log1p_exp(-z) - 0.5 * (z - m) * (z - m) / v
        };
        let top = (0..count).map(log).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..count).map(|k| (log(k) - top).exp()).sum();
        top + (sum * step).ln() - 0.5 * (2.0 * std::f64::consts::PI * v).ln()
    }

    #[test]
    fn the_average_and_its_derivatives_are_exact_from_certain_to_hopeless() {
        for v in [1e-4, 0.1, 0.9, 1.1, 4.0, 30.0, 150.0] {
            for m in [-60.0, -12.0, -3.0, -0.4, 0.0, 1.7, 9.0, 45.0] {
                let found = LogisticNormal::at(m, v);
                let exact = brute(m, v);
                assert!(
                    (found.log_z - exact).abs() < 1e-8 * (1.0 + exact.abs()),
                    "{m}, {v}: {found:?}, {exact}"
                );
                let h = 1e-3;
                let (up, down) = (LogisticNormal::at(m + h, v), LogisticNormal::at(m - h, v));
                let slope = (up.log_z - down.log_z) / (2.0 * h);
                assert!((found.slope - slope).abs() < 1e-6, "{m}, {v}: {found:?}, {slope}");
                let curvature = (up.slope - down.slope) / (2.0 * h);
                assert!((found.curvature - curvature).abs() < 1e-6, "{m}, {v}: {found:?}, {curvature}");
            }
        }
        assert_eq!(LogisticNormal::at(-800.0, 2.0).log_z, -799.0);
        assert!((LogisticNormal::at(0.0, 1e-20).log_z + 2f64.ln()).abs() < 1e-15);
    }
}
