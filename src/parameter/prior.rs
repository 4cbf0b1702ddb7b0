//! Priors on constrained values.
//!
//! Log densities are normalised: the evidence that compares modes and models needs the constants.

use rand::Rng;
use rand_distr::Distribution;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// A prior density on a constrained parameter value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Prior {
    /// θ^(shape−1) exp(−θ/scale).
    Gamma {
        /// Shape, positive.
        shape: f64,
        /// Scale, positive.
        scale: f64,
    },
    /// θ^(−shape−1) exp(−scale/θ).
    InverseGamma {
        /// Shape, positive.
        shape: f64,
        /// Scale, positive.
        scale: f64,
    },
    /// log θ is normal.
    LogNormal {
        /// Mean of log θ.
        mu: f64,
        /// Standard deviation of log θ, positive.
        sigma: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation, positive.
        sd: f64,
    },
    /// |Normal(0, sd)|.
    HalfNormal {
        /// Standard deviation of the normal, positive.
        sd: f64,
    },
    /// |Cauchy(0, scale)|.
    HalfCauchy {
        /// Scale, positive.
        scale: f64,
    },
    /// Constant between two ends.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

/// Why a text is not a prior.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("prior `{text}`: {reason}; known: {known}")]
pub struct PriorError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    known: &'static str,
}

const KNOWN: &str = "gamma(shape,scale), inverse-gamma(shape,scale), log-normal(mu,sigma), normal(mean,sd), \
                     half-normal(sd), half-cauchy(scale), uniform(low,high), none";

impl Prior {
    /// The default of lengthscales and variances: Gamma(shape 1, scale 2), as in Pinder et al. (2020).
    pub const SCALE: Prior = Prior::Gamma { shape: 1.0, scale: 2.0 };

    /// Log density at θ and its derivative; −∞ outside the support.
    pub fn log_density(self, theta: f64) -> (f64, f64) {
        let (low, high) = self.support();
        if theta < low || theta > high || theta.is_nan() {
            return (f64::NEG_INFINITY, 0.0);
        }
        match self {
            Prior::Gamma { shape, scale } => (
                (shape - 1.0) * theta.ln() - theta / scale - ln_gamma(shape) - shape * scale.ln(),
                (shape - 1.0) / theta - 1.0 / scale,
            ),
            Prior::InverseGamma { shape, scale } => (
                shape * scale.ln() - ln_gamma(shape) - (shape + 1.0) * theta.ln() - scale / theta,
                -(shape + 1.0) / theta + scale / (theta * theta),
            ),
            Prior::LogNormal { mu, sigma } => {
                let t = (theta.ln() - mu) / sigma;
                let value = -0.5 * t * t - theta.ln() - sigma.ln() - 0.5 * (2.0 * PI).ln();
                (value, -(1.0 + t / sigma) / theta)
            }
            Prior::Normal { mean, sd } => {
                let t = (theta - mean) / sd;
                (-0.5 * t * t - sd.ln() - 0.5 * (2.0 * PI).ln(), -t / sd)
            }
            Prior::HalfNormal { sd } => {
                let t = theta / sd;
                (-0.5 * t * t - sd.ln() + 0.5 * (2.0 / PI).ln(), -t / sd)
            }
            Prior::HalfCauchy { scale } => {
                let t = theta / scale;
                ((2.0 / PI).ln() - scale.ln() - (t * t).ln_1p(), -2.0 * t / (scale * (1.0 + t * t)))
            }
            Prior::Uniform { low, high } => (-(high - low).ln(), 0.0),
        }
    }

    /// Smallest and largest value with positive density.
    pub fn support(self) -> (f64, f64) {
        match self {
            Prior::Normal { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Prior::Uniform { low, high } => (low, high),
            _ => (0.0, f64::INFINITY),
        }
    }

    /// A draw.
    pub fn sample(self, rng: &mut impl Rng) -> f64 {
        let normal: f64 = rand_distr::StandardNormal.sample(rng);
        match self {
            Prior::Gamma { shape, scale } => gamma_draw(shape, scale, rng),
            Prior::InverseGamma { shape, scale } => scale / gamma_draw(shape, 1.0, rng),
            Prior::LogNormal { mu, sigma } => (mu + sigma * normal).exp(),
            Prior::Normal { mean, sd } => mean + sd * normal,
            Prior::HalfNormal { sd } => sd * normal.abs(),
            Prior::HalfCauchy { scale } => scale * (PI / 2.0 * open_uniform(rng)).tan(),
            Prior::Uniform { low, high } => low + (high - low) * open_uniform(rng),
        }
    }

    fn validate(self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            (value.is_finite() && value > 0.0).then_some(()).ok_or(format!("{name} must be positive"))
        };
        let finite =
            |name: &str, value: f64| value.is_finite().then_some(()).ok_or(format!("{name} must be finite"));
        match self {
            Prior::Gamma { shape, scale } | Prior::InverseGamma { shape, scale } => {
                positive("shape", shape).and(positive("scale", scale))
            }
            Prior::LogNormal { mu, sigma } => finite("mu", mu).and(positive("sigma", sigma)),
            Prior::Normal { mean, sd } => finite("mean", mean).and(positive("sd", sd)),
            Prior::HalfNormal { sd } => positive("sd", sd),
            Prior::HalfCauchy { scale } => positive("scale", scale),
            Prior::Uniform { low, high } => {
                finite("low", low).and(finite("high", high))?;
                (low < high).then_some(()).ok_or("low must lie below high".into())
            }
        }
    }
}

fn gamma_draw(shape: f64, scale: f64, rng: &mut impl Rng) -> f64 {
    // A Prior is valid by construction, so the sampler exists; its tiniest draws underflow to zero.
    rand_distr::Gamma::new(shape, scale).map_or(f64::NAN, |g| g.sample(rng)).max(f64::MIN_POSITIVE)
}

fn open_uniform(rng: &mut impl Rng) -> f64 {
    rand_distr::Open01.sample(rng)
}

impl fmt::Display for Prior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prior::Gamma { shape, scale } => write!(f, "gamma({shape},{scale})"),
            Prior::InverseGamma { shape, scale } => write!(f, "inverse-gamma({shape},{scale})"),
            Prior::LogNormal { mu, sigma } => write!(f, "log-normal({mu},{sigma})"),
            Prior::Normal { mean, sd } => write!(f, "normal({mean},{sd})"),
            Prior::HalfNormal { sd } => write!(f, "half-normal({sd})"),
            Prior::HalfCauchy { scale } => write!(f, "half-cauchy({scale})"),
            Prior::Uniform { low, high } => write!(f, "uniform({low},{high})"),
        }
    }
}

impl FromStr for Prior {
    type Err = PriorError;

    fn from_str(text: &str) -> Result<Self, PriorError> {
        let fail = |reason: String| PriorError { text: text.into(), reason, known: KNOWN };
        let (name, rest) =
            text.trim().split_once('(').ok_or_else(|| fail("expected NAME(numbers)".into()))?;
        let inner = rest.trim_end().strip_suffix(')').ok_or_else(|| fail("missing `)`".into()))?;
        let numbers: Vec<f64> = inner
            .split(',')
            .map(|n| n.trim().parse().map_err(|_| fail(format!("`{}` is not a number", n.trim()))))
            .collect::<Result<_, _>>()?;
        let name = name.trim().to_ascii_lowercase().replace(['_', '-'], "");
        let prior = match (name.as_str(), numbers.as_slice()) {
            ("gamma", &[shape, scale]) => Prior::Gamma { shape, scale },
            ("inversegamma", &[shape, scale]) => Prior::InverseGamma { shape, scale },
            ("lognormal", &[mu, sigma]) => Prior::LogNormal { mu, sigma },
            ("normal", &[mean, sd]) => Prior::Normal { mean, sd },
            ("halfnormal", &[sd]) => Prior::HalfNormal { sd },
            ("halfcauchy", &[scale]) => Prior::HalfCauchy { scale },
            ("uniform", &[low, high]) => Prior::Uniform { low, high },
            (
                "gamma" | "inversegamma" | "lognormal" | "normal" | "halfnormal" | "halfcauchy" | "uniform",
                n,
            ) => {
                return Err(fail(format!("it does not take {} number(s)", n.len())));
            }
            _ => return Err(fail("no such distribution".into())),
        };
        prior.validate().map_err(fail)?;
        Ok(prior)
    }
}

impl From<Prior> for String {
    fn from(prior: Prior) -> String {
        prior.to_string()
    }
}

impl TryFrom<String> for Prior {
    type Error = PriorError;
    fn try_from(text: String) -> Result<Self, PriorError> {
        text.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const ALL: [&str; 7] = [
        "gamma(1.5,2)",
        "inverse-gamma(3,2)",
        "log-normal(0.3,0.7)",
        "normal(-1,2)",
        "half-normal(1.5)",
        "half-cauchy(0.8)",
        "uniform(0.5,4)",
    ];

    #[test]
    fn text_round_trips() {
        for text in ALL {
            assert_eq!(text.parse::<Prior>().unwrap().to_string(), text);
        }
        assert_eq!("Half_Normal( 2 )".parse::<Prior>().unwrap(), Prior::HalfNormal { sd: 2.0 });
    }

    #[test]
    fn bad_texts_say_what_is_wrong() {
        for (text, part) in [
            ("gamma", "expected NAME(numbers)"),
            ("gamma(1,2", "missing `)`"),
            ("gamma(1)", "does not take 1"),
            ("gamma(1,-2)", "scale must be positive"),
            ("gamma(1,x)", "`x` is not a number"),
            ("uniform(2,1)", "low must lie below high"),
            ("beta(1,2)", "no such distribution"),
            ("normal(nan,1)", "mean must be finite"),
        ] {
            let message = text.parse::<Prior>().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn slopes_are_derivatives_and_densities_integrate_to_one() {
        for text in ALL {
            let prior: Prior = text.parse().unwrap();
            for theta in [0.6, 1.0, 2.5, 3.9] {
                let h = 1e-6;
                let numeric = (prior.log_density(theta + h).0 - prior.log_density(theta - h).0) / (2.0 * h);
                assert!((prior.log_density(theta).1 - numeric).abs() < 1e-7, "{text} at {theta}");
            }
            // Substituting θ = tan t maps the line to (−π/2, π/2).
            let n = 200_000;
            let total: f64 = (0..n)
                .map(|i| {
                    let t = PI * ((i as f64 + 0.5) / n as f64 - 0.5);
                    prior.log_density(t.tan()).0.exp() / t.cos().powi(2) * PI / n as f64
                })
                .sum();
            assert!((total - 1.0).abs() < 1e-4, "{text} integrates to {total}");
        }
    }

    #[test]
    fn draws_have_the_median_of_the_density() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for (text, median) in [
            ("gamma(1,2)", 2.0 * 2f64.ln()),
            ("half-cauchy(0.8)", 0.8),
            ("uniform(1,3)", 2.0),
            ("log-normal(0.3,0.7)", 0.3f64.exp()),
            ("normal(-1,2)", -1.0),
        ] {
            let prior: Prior = text.parse().unwrap();
            let below = (0..20_000).filter(|_| prior.sample(&mut rng) < median).count();
            assert!((below as f64 / 20_000.0 - 0.5).abs() < 0.015, "{text}: {below} of 20000 below");
        }
    }
}
