//! What scores say about a cloud: is it as wide as the target, how far from it, and can it be trusted?
//!
//! Particles and their scores are all it takes: no reference, no further evaluation. The moments test width and centre
//! ([`stein_ratio`]), the discrepancy tests the rest ([`ksd_u_statistic`]), and the forces tell how the cloud hangs
//! together. A cloud whose points are chosen to represent the target lies closer to it than exact draws do: a
//! discrepancy far *below* that of draws is what SVGD is for. Scores do not see how much a mode weighs.

mod discrepancy;
mod moments;
mod neighbours;
mod verdict;

use super::{Cloud, SteinKernel, Whitening};
use crate::{Error, Result};
use discrepancy::Discrepancy;
use moments::SteinMoments;
use neighbours::Interactions;
use serde::Serialize;
use verdict::{Evidence, Finding};

pub use discrepancy::ksd_u_statistic;
pub use moments::stein_ratio;
pub use verdict::Verdict;

/// Diagnostics of a final cloud. What is undefined for it is NaN.
#[derive(Debug, Clone, Serialize)]
pub struct SteinDiagnostics {
    /// Stein moment ratio: 1 for exact draws, below 1 for a cloud that has collapsed.
    pub stein_ratio: f64,
    /// Its standard error, as if the particles were independent.
    pub stein_ratio_se: f64,
    /// The coordinate (unconstrained, whitened by a symmetric map) whose own ratio is farthest from 1.
    pub worst_coordinate: usize,
    /// That ratio.
    pub worst_coordinate_ratio: f64,
    /// Largest |z-score| of the mean score over the coordinates: a mean that is off shows here.
    pub mean_score_z: f64,
    /// The coordinate where it is.
    pub mean_score_coordinate: usize,
    /// Kernel Stein discrepancy: U-statistic of the squared discrepancy, inverse multiquadric with c = 1 and
    /// β = −½, in whitened coordinates. Zero on average for exact draws; may be negative.
    pub ksd: f64,
    /// The V-statistic of the same, never negative.
    pub ksd_v: f64,
    /// Mean of `ksd` over as many exact draws of a standard normal: zero, as the U-statistic has no bias.
    pub ksd_null_mean: f64,
    /// Its standard deviation over such draws.
    pub ksd_null_sd: f64,
    /// `ksd` in these standard deviations. Negative: closer to the target than draws. Large: not yet there.
    pub ksd_z: f64,
    /// Root mean square of the Stein force's attraction at the particles, whitened.
    pub attraction: f64,
    /// Root mean square of its repulsion; at rest the two balance.
    pub repulsion: f64,
    /// Particles that a particle feels through the part of the kernel that falls with distance: J where all count
    /// alike, 1 where each sees only itself.
    pub effective_neighbours: f64,
    /// Modes known to be there.
    pub modes: usize,
    /// What the cloud is worth.
    pub verdict: Verdict,
    /// What was seen, in figures: a sentence.
    pub explanation: String,
    /// What to do: a sentence or two.
    pub advice: String,
}

/// A cloud to examine, and what is known about it.
#[derive(Debug, Clone)]
pub struct Examination<'a> {
    /// J particles in the target's coordinates.
    pub particles: &'a Cloud,
    /// Their scores, in the target's coordinates.
    pub scores: &'a Cloud,
    /// Coordinates in which the kernel sees the particles.
    pub metric: &'a Whitening,
    /// J weights of any sum; none: all alike. The forces take no notice of them.
    pub weights: Option<&'a [f64]>,
    /// The kernel that moved the particles.
    pub kernel: SteinKernel,
    /// Modes known to be there.
    pub modes: usize,
}

impl<'a> Examination<'a> {
    /// Equal weights, the default kernel, one mode.
    pub fn new(particles: &'a Cloud, scores: &'a Cloud, metric: &'a Whitening) -> Self {
        Self { particles, scores, metric, weights: None, kernel: SteinKernel::default_mixture(), modes: 1 }
    }

    /// The diagnostics. Cost: O(J²d), and some milliseconds for what exact draws would give.
    ///
    /// # Errors
    /// [`Error::Shape`] where scores or weights are not one a particle; [`Error::Invalid`] for weights that are
    /// negative or all zero; what the kernel cannot take from the cloud.
    pub fn diagnose(&self) -> Result<SteinDiagnostics> {
        let count = self.particles.count();
        if self.scores.count() != count {
            let found = self.scores.count();
            return Err(Error::Shape { what: "scores of the particles", expected: count, found });
        }
        let weights = self.normalised_weights()?;
        let (z, g) = self.whitened();
        let interactions = Interactions::new(&self.kernel, &z, &g)?;
        Ok(self.assemble(&weights, z, g, interactions))
    }

    fn whitened(&self) -> (Cloud, Cloud) {
        (self.metric.whiten_cloud(self.particles), self.metric.whiten_scores(self.scores))
    }

    fn normalised_weights(&self) -> Result<Vec<f64>> {
        let count = self.particles.count();
        let Some(weights) = self.weights else { return Ok(equal_weights(count)) };
        if weights.len() != count {
            return Err(Error::Shape { what: "weights", expected: count, found: weights.len() });
        }
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|w| w.is_nan() || *w < 0.0) || !(total > 0.0 && total.is_finite()) {
            return Err(Error::Invalid("weights must not be negative and must not all be zero".into()));
        }
        Ok(weights.iter().map(|w| w / total).collect())
    }

    fn assemble(
        &self,
        weights: &[f64],
        mut z: Cloud,
        mut g: Cloud,
        interactions: Interactions,
    ) -> SteinDiagnostics {
        let moments = SteinMoments::new(&z, &g, weights);
        discrepancy::to_unit_scale(&mut z, &mut g);
        let ksd = Discrepancy::new(&z, &g, weights);
        let ksd_null_sd = discrepancy::null_sd(weights, z.dim());
        let evidence = Evidence {
            moments: &moments,
            ksd_z: ksd.u / ksd_null_sd,
            weights,
            dim: z.dim(),
            modes: self.modes,
            holds_variance: neighbours::holds_variance(&self.kernel),
        };
        let finding = Finding::of(&evidence);
        let (worst, balance) = (moments.worst_coordinate(), moments.least_balanced_coordinate());
        let at = |values: &[f64], c: usize| values.get(c).map_or(f64::NAN, |v| v.abs());
        SteinDiagnostics {
            stein_ratio: moments.ratio.value,
            stein_ratio_se: moments.ratio.standard_error,
            worst_coordinate: worst,
            worst_coordinate_ratio: moments.coordinate_ratios.get(worst).map_or(f64::NAN, |r| r.value),
            mean_score_z: at(&moments.score_z, balance),
            mean_score_coordinate: balance,
            ksd: ksd.u,
            ksd_v: ksd.v,
            ksd_null_mean: 0.0,
            ksd_null_sd,
            ksd_z: evidence.ksd_z,
            attraction: interactions.attraction,
            repulsion: interactions.repulsion,
            effective_neighbours: interactions.effective_neighbours,
            modes: self.modes,
            verdict: finding.verdict(),
            explanation: finding.explanation(&evidence),
            advice: finding.advice(&evidence),
        }
    }
}

impl SteinDiagnostics {
    /// From J particles of equal weight and their scores in the target's coordinates, with the default kernel and one
    /// mode; `metric` makes the coordinates comparable. Scores that are not one a particle are a programmer's error.
    pub fn new(particles: &Cloud, scores: &Cloud, metric: &Whitening) -> Self {
        let examination = Examination::new(particles, scores, metric);
        let (z, g) = examination.whitened();
        let interactions = Interactions::new(&examination.kernel, &z, &g).unwrap_or(Interactions::UNKNOWN);
        examination.assemble(&equal_weights(particles.count()), z, g, interactions)
    }
}

fn equal_weights(count: usize) -> Vec<f64> {
    vec![1.0 / count as f64; count]
}

#[cfg(test)]
mod tests;
