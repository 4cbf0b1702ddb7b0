//! Ordered classes, by a latent value that crosses cut points.
//!
//! P(y ≤ k | f) = Φ(c_k − f) for k = 0 … C−2 (Chu & Ghahramani 2005, "Gaussian processes for ordinal regression", JMLR 6,
//! with unit noise), so that p(y = k | f) is the mass of a standard normal between l = c_{k−1} − f and u = c_k − f. Its
//! derivatives are moments of the normal truncated to [l, u], E and V: ∂ log p/∂f = E and ∂² log p/∂f² = V − 1, which
//! makes it log-concave. A Gaussian latent value only widens the noise, f ~ N(μ, v) to 1 + v: predictions and tilted
//! moments are those of the same mass.

use super::special::{LogNormalCdf, log_normal_density, normal_cdf};
use super::{Approximation, Derivatives, Family, LatentGaussian, Likelihood, Observation, Tilted};
use crate::parameter::{Parameter, Prior};
use rand::Rng;
use rand_distr::Distribution;
use statrs::function::erf::erfc_inv;

/// C ordered classes 0 … C−1 with a probit link.
///
/// Parameters are the first cut point `likelihood.cuts[0]` and the distances `likelihood.gaps[k]` to the next ones,
/// c_{k+1} = c_k + gap_k. At the start all classes are equally likely for a latent value of mean 0 and variance 1.
#[derive(Debug, Clone, Copy)]
pub struct Ordinal {
    classes: usize,
}

impl Ordinal {
    /// With C ≥ 2 classes; fewer are taken as 2.
    pub fn new(classes: usize) -> Self {
        Self { classes: classes.max(2) }
    }

    /// The mass of class `k` for a latent value N(mean, total − 1): `total` is the variance of latent value and noise.
    fn slab(&self, theta: &[f64], k: usize, mean: f64, total: f64) -> Slab {
        let scaled = |cut: f64| (cut - mean) / total.sqrt();
        let low: f64 = theta[..k.min(theta.len())].iter().sum();
        let lower = if k == 0 { f64::NEG_INFINITY } else { scaled(low) };
        let upper = if k + 1 < self.classes { scaled(low + theta[k]) } else { f64::INFINITY };
        let gap = if k > 0 && k + 1 < self.classes { theta[k] / total.sqrt() } else { f64::INFINITY };
        Slab::new(lower, upper, gap)
    }

    fn moments(&self, theta: &[f64], mean: f64, total: f64) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for k in 0..self.classes {
            let (index, probability) = (k as f64, self.slab(theta, k, mean, total).log_mass.exp());
            first += index * probability;
            second += index * index * probability;
        }
        (first, (second - first * first).max(0.0))
    }

    fn cdf(&self, theta: &[f64], y: f64, mean: f64, total: f64) -> f64 {
        if y < 0.0 {
            return 0.0;
        }
        if y >= (self.classes - 1) as f64 {
            return 1.0;
        }
        let cut: f64 = theta[..=y as usize].iter().sum();
        normal_cdf((cut - mean) / total.sqrt())
    }
}

impl Likelihood for Ordinal {
    fn family(&self) -> Family {
        Family::Ordinal
    }

    fn parameters(&self) -> Vec<Parameter> {
        // Latent value and noise together have variance 2.
        let quantile = |p: f64| -2.0 * erfc_inv(2.0 * p);
        let cut = |k: usize| quantile((k + 1) as f64 / self.classes as f64);
        let first = Parameter::real("likelihood.cuts[0]", cut(0), Prior::Normal { mean: 0.0, sd: 2.0 });
        let gaps = (0..self.classes - 2)
            .map(|k| Parameter::positive(format!("likelihood.gaps[{k}]"), cut(k + 1) - cut(k)));
        std::iter::once(first).chain(gaps).collect()
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn approximation(&self) -> Approximation {
        Approximation::Expectation
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        (at.y >= 0.0 && at.y < self.classes as f64 && at.y.fract() == 0.0)
            .then_some(())
            .ok_or_else(|| format!("a class must be a whole number from 0 to {}", self.classes - 1))
    }

    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        self.slab(theta, at.y as usize, f[0], 1.0).log_mass
    }

    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let k = at.y as usize;
        let Slab { log_mass, mean, variance, lower, upper } = self.slab(theta, k, f[0], 1.0);
        let curvature = lower.pull() + upper.pull();
        out.value = log_mass;
        out.gradient[0] = mean;
        out.hessian[0] = -curvature;
        out.curvature[0] = curvature;
        // In u and in l; all three move together with −f.
        let by_upper = upper.density * (variance - upper.distance * upper.distance);
        let by_lower = -lower.density * (variance - lower.distance * lower.distance);
        out.curvature_by_f[0] = -(by_upper + by_lower);
        // A cut point is the sum of the parameters up to its own.
        for p in 0..theta.len() {
            let both = |upper: f64, lower: f64| {
                f64::from(u8::from(p <= k)) * upper + f64::from(u8::from(p < k)) * lower
            };
            out.value_by[p] = both(upper.density, -lower.density);
            out.gradient_by[p] = both(upper.pull(), lower.pull());
            out.curvature_by[p] = both(by_upper, by_lower);
        }
    }

    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        let (k, total) = (at.y as usize, 1.0 + variance);
        let slab = self.slab(theta, k, mean, total);
        out.log_z = slab.log_mass;
        out.slope = slab.mean / total.sqrt();
        out.curvature = -(slab.lower.pull() + slab.upper.pull()) / total;
        for (p, by) in out.log_z_by.iter_mut().enumerate() {
            let upper = if p <= k { slab.upper.density } else { 0.0 };
            let lower = if p < k { slab.lower.density } else { 0.0 };
            *by = (upper - lower) / total.sqrt();
        }
    }

    fn conditional_moments(&self, theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        self.moments(theta, f[0], 1.0)
    }

    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        self.cdf(theta, at.y, f[0], 1.0)
    }

    fn sample(&self, theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let noise: f64 = rand_distr::StandardNormal.sample(rng);
        let mut cut = 0.0;
        let below = theta.iter().take_while(|step| {
            cut += **step;
            cut < f[0] + noise
        });
        below.count() as f64
    }

    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        self.slab(theta, at.y as usize, latent.mean[0], 1.0 + latent.covariance[0].max(0.0)).log_mass
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        self.moments(theta, latent.mean[0], 1.0 + latent.covariance[0].max(0.0))
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        self.cdf(theta, at.y, latent.mean[0], 1.0 + latent.covariance[0].max(0.0))
    }
}

/// A standard normal truncated to [l, u].
struct Slab {
    /// log (Φ(u) − Φ(l)).
    log_mass: f64,
    mean: f64,
    variance: f64,
    lower: End,
    upper: End,
}

/// An end of the interval; nought where it is infinite.
#[derive(Default)]
struct End {
    /// The truncated density there, φ/(Φ(u) − Φ(l)).
    density: f64,
    /// Its distance from the truncated mean.
    distance: f64,
}

impl End {
    /// The end's part in 1 − V.
    fn pull(&self) -> f64 {
        self.density * self.distance
    }
}

/// Positive nodes and weights of the 8-point Gauss–Legendre rule on [−1, 1] (Abramowitz & Stegun, table 25.4).
const LEGENDRE: [(f64, f64); 4] = [
    (0.1834346424956498, 0.362683783378362),
    (0.525532409916329, 0.31370664587788727),
    (0.7966664774136267, 0.22238103445337448),
    (0.9602898564975363, 0.10122853629037626),
];

impl Slab {
    /// `gap` = u − l, which the ends themselves may have lost to rounding.
    fn new(l: f64, u: f64, gap: f64) -> Self {
        let centre = 0.5 * (l + u);
        if gap * centre.abs().max(1.0) < 1.0 {
            return Self::thin(centre, gap);
        }
        // On the side where Φ is small, so that the larger value is not rounded to 1.
        let (low, high) = if l + u > 0.0 { (-u, -l) } else { (l, u) };
        let log_cdf = |x: f64| if x == f64::NEG_INFINITY { x } else { LogNormalCdf::at(x).value };
        let top = log_cdf(high);
        let log_mass = top + (-(log_cdf(low) - top).exp()).ln_1p();
        let density = |x: f64| (log_normal_density(x, 1.0) - log_mass).exp();
        let (at_l, at_u) = (density(l), density(u));
        let mean = at_l - at_u;
        let end = |density: f64, distance: f64| {
            if distance.is_finite() { End { density, distance } } else { End::default() }
        };
        let (lower, upper) = (end(at_l, mean - l), end(at_u, u - mean));
        let variance = 1.0 - lower.pull() - upper.pull();
        Self { log_mass, mean, variance, lower, upper }
    }

    /// Where the density hardly changes, as φ(c) ∫ e^{−ct − t²/2} dt by Gauss–Legendre, exact to rounding: no difference
    /// of nearly equal numbers.
    fn thin(centre: f64, gap: f64) -> Self {
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        for (x, weight) in LEGENDRE.iter().flat_map(|&(x, w)| [(x, w), (-x, w)]) {
            let t = 0.5 * gap * x;
            let weight = 0.5 * weight * (-t * (centre + 0.5 * t)).exp();
            mass += weight;
            first += weight * t;
            second += weight * t * t;
        }
        let (offset, half) = (first / mass, 0.5 * gap);
        let log_mass = log_normal_density(centre, 1.0) + (gap * mass).ln();
        let density = |t: f64| (-t * (centre + 0.5 * t)).exp() / (gap * mass);
        Self {
            log_mass,
            mean: centre + offset,
            variance: second / mass - offset * offset,
            lower: End { density: density(-half), distance: half + offset },
            upper: End { density: density(half), distance: half - offset },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;

    const THETA: [f64; 3] = [-0.8, 0.5, 1.7];

    #[test]
    fn ordinal_is_consistent() {
        for y in 0..4 {
            let points = [vec![0.0], vec![1.2], vec![-4.0], vec![7.5]];
            likelihood_is_consistent(&Ordinal::new(4), &THETA, Observation::new(f64::from(y)), &points);
        }
        likelihood_is_consistent(&Ordinal::new(2), &[0.3], Observation::new(1.0), &[vec![-2.0]]);
        likelihood_is_consistent(&Ordinal::new(3), &[0.3, 0.01], Observation::new(1.0), &[vec![2.0]]);
    }

    #[test]
    fn probabilities_sum_to_one_and_add_up_to_the_distribution() {
        let likelihood = Ordinal::new(4);
        for (mean, variance) in [(0.0, 0.0), (1.5, 2.0), (-9.0, 0.3)] {
            let latent = LatentGaussian { mean: &[mean], covariance: &[variance] };
            let mut p = [0.0; 4];
            likelihood.class_probabilities(&THETA, latent, &mut p);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let mut below = 0.0;
            for (p, k) in p.iter().zip(0..) {
                below += p;
                let cdf = likelihood.predictive_cdf(&THETA, Observation::new(f64::from(k)), latent);
                assert!((cdf - below).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn classes_are_equally_likely_at_the_start() {
        for classes in [2, 3, 7] {
            let likelihood = Ordinal::new(classes);
            let theta: Vec<f64> = likelihood.parameters().iter().map(|p| p.start).collect();
            assert_eq!(theta.len(), classes - 1);
            let mut p = vec![0.0; classes];
            likelihood.class_probabilities(
                &theta,
                LatentGaussian { mean: &[0.0], covariance: &[1.0] },
                &mut p,
            );
            assert!(p.iter().all(|p| (p * classes as f64 - 1.0).abs() < 1e-9), "{p:?}");
        }
    }

    #[test]
    fn both_formulas_of_the_mass_meet() {
        for centre in [0.0, 0.7, -3.0, 25.0, -25.0] {
            for gap in [0.3, 0.9].map(|gap| gap / f64::max(1.0, f64::abs(centre))) {
                let (l, u) = (centre - 0.5 * gap, centre + 0.5 * gap);
                // An infinite gap is what takes the other way.
                let (thin, wide) = (Slab::thin(centre, gap), Slab::new(l, u, f64::INFINITY));
                for (a, b) in [
                    (thin.log_mass, wide.log_mass),
                    (thin.mean, wide.mean),
                    (thin.variance, wide.variance),
                    (thin.lower.pull(), wide.lower.pull()),
                    (thin.upper.pull(), wide.upper.pull()),
                ] {
                    assert!((a - b).abs() < 3e-10 * (1.0 + a.abs()), "{centre} {gap}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn tails_and_tiny_gaps_keep_their_digits() {
        let mut out = Derivatives::new(1, 2);
        // Between 30 and 31 the mass is that above 30: log Φ(−30).
        Ordinal::new(3).derivatives(&[0.0, 1.0], Observation::new(1.0), &[-30.0], &mut out);
        assert!((out.value + 454.321_243_956_323_2).abs() < 1e-10, "{}", out.value);
        // A gap of 1e-6 at distance 20: the density times the gap.
        Ordinal::new(3).derivatives(&[20.0, 1e-6], Observation::new(1.0), &[0.0], &mut out);
        let expected = log_normal_density(20.0, 1.0) + 1e-6_f64.ln() - 1e-5;
        assert!((out.value - expected).abs() < 1e-9);
        assert!((out.gradient[0] - 20.0).abs() < 1e-5 && (out.hessian[0] + 1.0).abs() < 1e-8);
        assert!((out.value_by[1] - 1e6).abs() < 100.0);
    }

    #[test]
    fn two_classes_are_a_probit() {
        let p = Ordinal::new(2).log_density(&[0.4], Observation::new(0.0), &[1.0]).exp();
        assert!((p - normal_cdf(-0.6)).abs() < 1e-15);
    }
}
