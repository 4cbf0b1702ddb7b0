//! Weighted draws of the parameters.

use crate::parameter::Layout;
use crate::stein::Cloud;
use crate::{Error, Result};
use serde::Serialize;

/// J draws in R^d (unconstrained) with weights that sum to 1. A point estimate is J = 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    draws: Cloud,
    weights: Vec<f64>,
}

impl Posterior {
    /// Draws of equal weight.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no draw; [`Error::NotFiniteValue`] where a coordinate is not finite.
    pub fn new(draws: Cloud) -> Result<Self> {
        let count = draws.count();
        Self::weighted(draws, vec![1.0; count])
    }

    /// Draws with weights, which are scaled to sum to 1.
    ///
    /// # Errors
    /// As [`Posterior::new`]; also where a weight is negative or all are zero.
    pub fn weighted(draws: Cloud, mut weights: Vec<f64>) -> Result<Self> {
        if weights.is_empty() || draws.count() != weights.len() {
            return Err(Error::Shape {
                what: "weights",
                expected: draws.count().max(1),
                found: weights.len(),
            });
        }
        if draws.values().iter().any(|v| !v.is_finite()) {
            return Err(Error::NotFiniteValue { what: "a posterior draw" });
        }
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|w| w.is_nan() || *w < 0.0) || !(total > 0.0 && total.is_finite()) {
            return Err(Error::Invalid("weights must not be negative and must not all be zero".into()));
        }
        // Weights that sum to 1 but for rounding stay bit for bit: a file must give back what was put in.
        if (total - 1.0).abs() > 1e-12 {
            weights.iter_mut().for_each(|w| *w /= total);
        }
        Ok(Self { draws, weights })
    }

    /// One point.
    ///
    /// # Errors
    /// As [`Posterior::new`].
    pub fn point(z: &[f64]) -> Result<Self> {
        Self::weighted(Cloud::from_points(z.len(), [z]), vec![1.0])
    }

    /// The draws, unconstrained.
    pub fn draws(&self) -> &Cloud {
        &self.draws
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Number of draws J.
    pub fn count(&self) -> usize {
        self.weights.len()
    }

    /// Draw `j` as constrained values of all parameters, fixed ones included.
    pub fn theta(&self, layout: &Layout, j: usize) -> Vec<f64> {
        let mut theta = vec![0.0; layout.parameters().len()];
        // With no free parameter a cloud has no coordinates to take a point from.
        let z = if layout.dim() == 0 { &[][..] } else { self.draws.point(j) };
        layout.constrain(z, &mut theta);
        theta
    }

    /// Mean, standard deviation and quantiles of each parameter, constrained.
    pub fn summary(&self, layout: &Layout) -> Vec<ParameterSummary> {
        let draws: Vec<Vec<f64>> = (0..self.count()).map(|j| self.theta(layout, j)).collect();
        (layout.parameters().iter().enumerate())
            .map(|(p, parameter)| {
                let mut values: Vec<(f64, f64)> =
                    draws.iter().zip(&self.weights).map(|(theta, w)| (theta[p], *w)).collect();
                values.sort_by(|a, b| a.0.total_cmp(&b.0));
                let mean: f64 = values.iter().map(|(v, w)| v * w).sum();
                let squares: f64 = values.iter().map(|(v, w)| w * (v - mean).powi(2)).sum();
                // Divisor J − 1 for equal weights.
                let effective = 1.0 - self.weights.iter().map(|w| w * w).sum::<f64>();
                let varies = self.count() > 1 && !parameter.fixed;
                ParameterSummary {
                    path: parameter.path.clone(),
                    mean: if varies { mean } else { values[0].0 },
                    sd: if varies && effective > 0.0 { (squares / effective).sqrt() } else { 0.0 },
                    q05: weighted_quantile(&values, 0.05),
                    q50: weighted_quantile(&values, 0.5),
                    q95: weighted_quantile(&values, 0.95),
                }
            })
            .collect()
    }
}

/// Moments and quantiles of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterSummary {
    /// Path.
    pub path: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// 5 % quantile.
    pub q05: f64,
    /// Median.
    pub q50: f64,
    /// 95 % quantile.
    pub q95: f64,
}

/// Quantile of sorted (value, weight) pairs: linear between the middles of the weights.
fn weighted_quantile(sorted: &[(f64, f64)], level: f64) -> f64 {
    let mut before = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for &(value, weight) in sorted {
        let middle = before + 0.5 * weight;
        if level <= middle {
            return match previous {
                Some((p, v)) if middle > p => v + (value - v) * (level - p) / (middle - p),
                _ => value,
            };
        }
        previous = Some((middle, value));
        before += weight;
    }
    previous.map_or(f64::NAN, |(_, v)| v)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_equal_weights_are_between_the_order_statistics() {
        let values: Vec<(f64, f64)> = (1..=4).map(|v| (f64::from(v), 0.25)).collect();
        assert_eq!(weighted_quantile(&values, 0.5), 2.5);
        assert_eq!(weighted_quantile(&values, 0.0), 1.0);
        assert_eq!(weighted_quantile(&values, 1.0), 4.0);
    }

    #[test]
    fn bad_weights_are_refused() {
        let cloud = Cloud::from_points(1, [&[1.0][..], &[2.0][..]]);
        assert!(Posterior::weighted(cloud.clone(), vec![1.0, -1.0]).is_err());
        assert!(Posterior::weighted(cloud.clone(), vec![0.0, 0.0]).is_err());
        assert_eq!(Posterior::weighted(cloud, vec![3.0, 1.0]).unwrap().weights(), [0.75, 0.25]);
    }
}
