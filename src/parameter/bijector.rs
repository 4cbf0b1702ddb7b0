//! Bijectors: smooth increasing maps from R to the support of a parameter.

use serde::{Deserialize, Serialize};

/// Smallest value of a positive parameter: softplus(u) + 1e-6, as in GPflow's Gaussian likelihood.
pub const FLOOR: f64 = 1e-6;

/// A map θ = b(u) from R to the support of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bijector {
    /// θ = u.
    Identity,
    /// θ = log(1 + eᵘ) + floor: linear for large u, so that large values cost small steps.
    Softplus {
        /// Smallest value.
        floor: f64,
    },
    /// θ = eᵘ.
    Exp,
    /// θ = low + (high − low)/(1 + e⁻ᵘ).
    Interval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl Bijector {
    /// The default for positive parameters.
    pub const POSITIVE: Bijector = Bijector::Softplus { floor: FLOOR };

    /// θ = b(u).
    pub fn forward(self, u: f64) -> f64 {
        match self {
            Bijector::Identity => u,
            Bijector::Softplus { floor } => softplus(u) + floor,
            Bijector::Exp => u.exp(),
            Bijector::Interval { low, high } => low + (high - low) * logistic(u),
        }
    }

    /// u = b⁻¹(θ); `None` where θ lies outside the support.
    pub fn inverse(self, theta: f64) -> Option<f64> {
        let u = match self {
            Bijector::Identity => theta,
            Bijector::Softplus { floor } => {
                let s = theta - floor;
                // log(eˢ − 1), written so that neither a small nor a large s loses digits.
                s + (-(-s).exp_m1()).ln()
            }
            Bijector::Exp => theta.ln(),
            Bijector::Interval { low, high } => ((theta - low) / (high - theta)).ln(),
        };
        u.is_finite().then_some(u)
    }

    /// dθ/du.
    pub fn slope(self, u: f64) -> f64 {
        match self {
            Bijector::Identity => 1.0,
            Bijector::Softplus { .. } => logistic(u),
            Bijector::Exp => u.exp(),
            Bijector::Interval { low, high } => (high - low) * logistic(u) * logistic(-u),
        }
    }

    /// log dθ/du and its derivative in u.
    pub fn log_slope(self, u: f64) -> (f64, f64) {
        match self {
            Bijector::Identity => (0.0, 0.0),
            Bijector::Softplus { .. } => (-softplus(-u), logistic(-u)),
            Bijector::Exp => (u, 1.0),
            Bijector::Interval { low, high } => {
                ((high - low).ln() - softplus(u) - softplus(-u), 1.0 - 2.0 * logistic(u))
            }
        }
    }

    /// Smallest and largest value that the map reaches.
    pub fn support(self) -> (f64, f64) {
        match self {
            Bijector::Identity => (f64::NEG_INFINITY, f64::INFINITY),
            Bijector::Softplus { floor } => (floor, f64::INFINITY),
            Bijector::Exp => (0.0, f64::INFINITY),
            Bijector::Interval { low, high } => (low, high),
        }
    }

    /// Short name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Bijector::Identity => "identity",
            Bijector::Softplus { .. } => "softplus",
            Bijector::Exp => "exp",
            Bijector::Interval { .. } => "interval",
        }
    }
}

/// log(1 + eᵘ) without overflow.
fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ᵘ) without overflow.
fn logistic(u: f64) -> f64 {
    let e = (-u.abs()).exp();
    if u >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Bijector; 4] =
        [Bijector::Identity, Bijector::POSITIVE, Bijector::Exp, Bijector::Interval { low: -2.0, high: 5.0 }];

    proptest! {
        #[test]
        fn inverse_undoes_forward(u in -12.0..12.0f64) {
            for b in ALL {
                let back = b.inverse(b.forward(u)).unwrap();
                prop_assert!((back - u).abs() < 1e-6 * (1.0 + u.abs()), "{b:?}: {u} came back as {back}");
            }
        }

        #[test]
        fn slopes_are_derivatives(u in -8.0..8.0f64) {
            let h = 1e-5;
            for b in ALL {
                let numeric = (b.forward(u + h) - b.forward(u - h)) / (2.0 * h);
                prop_assert!((b.slope(u) - numeric).abs() < 1e-8 * (1.0 + numeric.abs()));
                let (value, slope) = b.log_slope(u);
                prop_assert!((value - b.slope(u).ln()).abs() < 1e-10);
                let numeric = (b.log_slope(u + h).0 - b.log_slope(u - h).0) / (2.0 * h);
                prop_assert!((slope - numeric).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn values_outside_the_support_have_no_inverse() {
        assert_eq!(Bijector::POSITIVE.inverse(0.0), None);
        assert_eq!(Bijector::Exp.inverse(-1.0), None);
        assert_eq!(Bijector::Interval { low: 0.0, high: 1.0 }.inverse(1.0), None);
        assert!(Bijector::POSITIVE.inverse(1e5).is_some());
    }
}
