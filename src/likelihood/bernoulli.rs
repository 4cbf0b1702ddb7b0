//! Two classes, 0 and 1, with the probability of 1 through a link.
//!
//! With the probit link the tilted moments are in closed form (Rasmussen & Williams, eq. 3.82 and 3.84).

use super::logistic_normal::LogisticNormal;
use super::special::{LogNormalCdf, log1p_exp, logistic, normal_cdf};
use super::{Approximation, Derivatives, Family, LatentGaussian, Likelihood, Observation, Tilted};
use rand::Rng;
use rand_distr::Distribution;

/// How the probability of class 1 follows from the latent value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// 1/(1 + e⁻ᶠ).
    Logit,
    /// Φ(f).
    Probit,
}

/// P(y = 1 | f) through a link. No parameters.
#[derive(Debug, Clone, Copy)]
pub struct Bernoulli {
    /// The link.
    pub link: Link,
}

impl Bernoulli {
    /// P(y = 1 | f).
    fn probability(self, f: f64) -> f64 {
        match self.link {
            Link::Logit => logistic(f),
            Link::Probit => normal_cdf(f),
        }
    }
}

/// +1 for class 1, −1 for class 0.
fn sign(at: Observation) -> f64 {
    if at.y > 0.5 { 1.0 } else { -1.0 }
}

/// P(Y ≤ y) where P(Y = 0) is `rest`.
fn cdf(at: Observation, rest: f64) -> f64 {
    if at.y >= 1.0 {
        1.0
    } else if at.y >= 0.0 {
        rest
    } else {
        0.0
    }
}

/// f ↦ f/√(1 + v): Φ averaged over N(f | m, v) is Φ at the scaled mean.
fn probit_mean(latent: LatentGaussian<'_>) -> f64 {
    latent.mean[0] / (1.0 + latent.covariance[0]).sqrt()
}

impl Likelihood for Bernoulli {
    fn family(&self) -> Family {
        match self.link {
            Link::Logit => Family::Bernoulli,
            Link::Probit => Family::Probit,
        }
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
    }

    fn check(&self, at: Observation) -> Result<(), String> {
        (at.y == 0.0 || at.y == 1.0).then_some(()).ok_or("a class must be 0 or 1".into())
    }

    fn log_density(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        let z = sign(at) * f[0];
        match self.link {
            Link::Logit => -log1p_exp(-z),
            Link::Probit => LogNormalCdf::at(z).value,
        }
    }

    fn derivatives(&self, _theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives) {
        let sign = sign(at);
        let z = sign * f[0];
        match self.link {
            Link::Logit => {
                let (other, own) = (logistic(-z), logistic(z));
                let curvature = own * other;
                out.set_concave(-log1p_exp(-z), sign * other, curvature, sign * curvature * (other - own));
            }
            Link::Probit => {
                let log = LogNormalCdf::at(z);
                out.set_concave(log.value, sign * log.slope, log.curvature, sign * log.curvature_slope);
            }
        }
    }

    fn approximation(&self) -> Approximation {
        Approximation::Expectation
    }

    fn tilted(&self, _theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        match self.link {
            Link::Logit => {
                let found = LogisticNormal::at(sign(at) * mean, variance);
                out.log_z = found.log_z;
                out.slope = sign(at) * found.slope;
                out.curvature = found.curvature;
            }
            Link::Probit => {
                let scale = (1.0 + variance).sqrt().recip();
                let log = LogNormalCdf::at(sign(at) * mean * scale);
                out.log_z = log.value;
                out.slope = sign(at) * scale * log.slope;
                out.curvature = -scale * scale * log.curvature;
            }
        }
    }

    fn conditional_moments(&self, _theta: &[f64], _exposure: f64, f: &[f64]) -> (f64, f64) {
        (self.probability(f[0]), self.probability(f[0]) * self.probability(-f[0]))
    }

    fn conditional_cdf(&self, _theta: &[f64], at: Observation, f: &[f64]) -> f64 {
        cdf(at, self.probability(-f[0]))
    }

    fn sample(&self, _theta: &[f64], _exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64 {
        let uniform: f64 = rand_distr::Open01.sample(rng);
        if uniform < self.probability(f[0]) { 1.0 } else { 0.0 }
    }

    fn predictive_log_density(&self, _theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        match self.link {
            Link::Logit => LogisticNormal::at(sign(at) * latent.mean[0], latent.covariance[0]).log_z,
            Link::Probit => LogNormalCdf::at(sign(at) * probit_mean(latent)).value,
        }
    }

    fn predictive_moments(&self, theta: &[f64], _exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        let probability = |y: f64| self.predictive_log_density(theta, Observation::new(y), latent).exp();
        (probability(1.0), probability(1.0) * probability(0.0))
    }

    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        cdf(at, self.predictive_log_density(theta, Observation::new(0.0), latent).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::likelihood_is_consistent;
    use super::*;
    use crate::likelihood::default_tilted;

    #[test]
    fn both_links_are_consistent() {
        for link in [Link::Logit, Link::Probit] {
            for y in [0.0, 1.0] {
                let points = [vec![0.4], vec![-2.5], vec![7.0]];
                likelihood_is_consistent(&Bernoulli { link }, &[], Observation::new(y), &points);
            }
            assert!(Bernoulli { link }.check(Observation::new(2.0)).is_err());
        }
    }

    #[test]
    fn the_default_rule_finds_the_closed_form_of_the_probit() {
        let probit = Bernoulli { link: Link::Probit };
        for (y, mean, variance) in [(1.0, 0.3, 1e-4), (0.0, 1.0, 1.0), (1.0, -8.0, 4.0), (0.0, 3.0, 100.0)] {
            let (mut exact, mut found) = (Tilted::new(0), Tilted::new(0));
            probit.tilted(&[], Observation::new(y), mean, variance, &mut exact);
            default_tilted(&probit, &[], Observation::new(y), mean, variance, &mut found);
            assert!((found.log_z - exact.log_z).abs() < 1e-10);
            assert!((found.slope - exact.slope).abs() < 1e-9 * exact.slope.abs());
            assert!((found.curvature - exact.curvature).abs() < 1e-8 * exact.curvature.abs());
        }
    }
}
