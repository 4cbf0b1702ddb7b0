//! A verdict on a cloud in plain words: what was seen, what follows, what to do.
//!
//! What counts is what chance cannot explain. A ratio of variances is tested as one: ν R/v is about χ² with
//! ν = 2 R²/SE² degrees of freedom (Satterthwaite 1946), exactly so for a Gaussian cloud, where v is the share of the
//! target's variance that the cloud has. Mean scores are tested by Student's t, with the level shared among the d
//! coordinates (Bonferroni).

use super::moments::{Estimate, SteinMoments, squares};
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

/// Shares of the target's variance that pass: standard deviations within a fifth of the posterior's.
const PASSES: (f64, f64) = (0.7, 1.4);
/// Chance of exceeding two standard errors on one side.
const TWO_STANDARD_ERRORS: f64 = 0.0228;
/// Chance that the mean scores of exact draws are called off centre.
const OFF_CENTRE: f64 = 0.01;
/// Null standard deviations of the discrepancy that pass: its null is skewed, and normal targets are an approximation.
const DISCREPANCY_PASSES: f64 = 4.0;

/// What a cloud is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against the cloud.
    Fine,
    /// The cloud is narrower than the target, or has no spread at all.
    VarianceCollapse,
    /// The cloud is beside the target or wider than it: it has not come to rest.
    NotConverged,
    /// Nothing speaks against the cloud, but the target has several modes, and scores cannot weigh them.
    SeveralModes,
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Fine => "Fine",
            Verdict::VarianceCollapse => "Variance collapse",
            Verdict::NotConverged => "Not converged",
            Verdict::SeveralModes => "Several modes",
        }
    }
}

/// What a verdict rests on.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub moments: &'a SteinMoments,
    /// U-statistic of the discrepancy in null standard deviations.
    pub ksd_z: f64,
    pub weights: &'a [f64],
    pub dim: usize,
    pub modes: usize,
    /// Whether a part of the kernel is there to hold the variance.
    pub holds_variance: bool,
}

/// What was seen, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    OnePoint,
    Diverged,
    TooWide,
    TooNarrow,
    NarrowCoordinate(usize),
    OffCentre(usize),
    Discrepant,
    Modes,
    Nothing,
}

impl Finding {
    pub fn of(evidence: &Evidence<'_>) -> Self {
        let moments = evidence.moments;
        let (ratio, d) = (moments.ratio, evidence.dim as f64);
        let balance = moments.least_balanced_coordinate();
        let off_centre = evidence.is_off_centre(balance);
        let width = |c: &usize| moments.coordinate_ratios[*c];
        let narrowest = (0..evidence.dim)
            .filter(|c| is_narrow(width(c), TWO_STANDARD_ERRORS / d))
            .min_by(|a, b| width(a).value.total_cmp(&width(b).value));
        if evidence.weights.len() < 2 {
            return Finding::OnePoint;
        }
        if ratio.value.is_nan() || ratio.value < 0.0 {
            return Finding::Diverged;
        }
        // Where all particles lie on one side of the mode, their spread is not yet worth a word.
        if off_centre && moments.one_sided[balance] && ratio.value > 0.0 {
            return Finding::OffCentre(balance);
        }
        match narrowest {
            _ if is_wide(ratio) => Finding::TooWide,
            _ if is_narrow(ratio, TWO_STANDARD_ERRORS) => Finding::TooNarrow,
            Some(coordinate) => Finding::NarrowCoordinate(coordinate),
            None if off_centre => Finding::OffCentre(balance),
            None if evidence.ksd_z > DISCREPANCY_PASSES => Finding::Discrepant,
            None if evidence.modes > 1 => Finding::Modes,
            None => Finding::Nothing,
        }
    }

    pub fn verdict(self) -> Verdict {
        match self {
            Finding::OnePoint | Finding::TooNarrow | Finding::NarrowCoordinate(_) => {
                Verdict::VarianceCollapse
            }
            Finding::Diverged | Finding::TooWide | Finding::OffCentre(_) | Finding::Discrepant => {
                Verdict::NotConverged
            }
            Finding::Modes => Verdict::SeveralModes,
            Finding::Nothing => Verdict::Fine,
        }
    }

    /// What was seen, in figures.
    pub fn explanation(self, evidence: &Evidence<'_>) -> String {
        let moments = evidence.moments;
        let ratio = format!("Stein ratio {}", plus_minus(moments.ratio));
        match self {
            Finding::OnePoint => "One particle is a point estimate: it has no spread.".into(),
            Finding::Diverged => format!("The scores do not point back to the particles' centre: {ratio}."),
            Finding::TooWide => format!("The particles are spread wider than the posterior: {ratio}."),
            Finding::TooNarrow => format!("The particles are narrower than the posterior: {ratio}."),
            Finding::NarrowCoordinate(c) => format!(
                "The particles are narrower than the posterior in coordinate {c}: Stein ratio {} there, {} over all.",
                plus_minus(moments.coordinate_ratios[c]),
                plus_minus(moments.ratio)
            ),
            Finding::OffCentre(c) => format!(
                "The particles are off the posterior's centre: the mean score of coordinate {c} is {:.1} standard \
                 errors from zero.",
                moments.score_z[c].abs()
            ),
            Finding::Discrepant => format!(
                "The kernel Stein discrepancy is {:.1} standard deviations above that of {} exact draws.",
                evidence.ksd_z,
                evidence.weights.len()
            ),
            Finding::Modes => format!(
                "The particles fit where they are ({ratio}), but the posterior has {} modes, and scores do not say how \
                 much each weighs.",
                evidence.modes
            ),
            Finding::Nothing => format!(
                "The particles' spread agrees with the posterior's ({ratio}), and so does their centre (mean scores within \
                 {:.1} standard errors of zero).",
                moments.score_z[moments.least_balanced_coordinate()].abs()
            ),
        }
    }

    /// What to do.
    pub fn advice(self, evidence: &Evidence<'_>) -> String {
        match self {
            Finding::OnePoint => format!(
                "Take MAP where a point suffices: it costs less. For a posterior use at least {} particles.",
                evidence.dim + 2
            ),
            Finding::Diverged => "Use a smaller learning rate, then more iterations.".into(),
            Finding::TooWide | Finding::OffCentre(_) | Finding::Discrepant => {
                "Use more iterations; where twice as many do not help, another learning rate.".into()
            }
            Finding::TooNarrow | Finding::NarrowCoordinate(_) => evidence.how_to_widen(),
            Finding::Modes => "Look at the weights of the modes: runs with other seeds should agree on them, and a long run \
                               of NUTS settles them."
                .into(),
            Finding::Nothing => "Use the particles as they are.".into(),
        }
    }
}

impl Evidence<'_> {
    fn how_to_widen(&self) -> String {
        let (count, dim) = (self.weights.len(), self.dim);
        let kernel = "the default kernel, which holds the variance";
        match (count < dim + 2, self.holds_variance) {
            (true, true) => {
                format!("Use at least {} particles: {count} do not fill {dim} dimensions.", dim + 2)
            }
            (true, false) => format!(
                "Use {kernel}, and at least {} particles: {count} do not fill {dim} dimensions.",
                dim + 2
            ),
            (false, true) => format!("Use more iterations, or {} particles.", 2 * count),
            (false, false) => {
                format!("Use {kernel}: with this one even many times {count} particles stay too narrow.")
            }
        }
    }

    /// Whether the mean score of a coordinate is farther from zero than the largest of d is by chance.
    fn is_off_centre(&self, coordinate: usize) -> bool {
        let z = self.moments.score_z.get(coordinate).map_or(f64::NAN, |z| z.abs());
        let freedom = squares(self.weights).recip() - 1.0;
        let Ok(student) = StudentsT::new(0.0, 1.0, freedom) else { return false };
        z.is_infinite() || z.is_finite() && 2.0 * student.cdf(-z) < OFF_CENTRE / self.dim as f64
    }
}

/// Whether a cloud with the least share of variance that passes would have so small a ratio with at most this chance.
fn is_narrow(ratio: Estimate, level: f64) -> bool {
    ratio.value == 0.0
        || chi_squared(ratio).is_some_and(|(chi, freedom)| chi.cdf(freedom * ratio.value / PASSES.0) < level)
}

/// Whether a cloud with the largest share of variance that passes would have so large a ratio with two standard errors'
/// chance at most.
fn is_wide(ratio: Estimate) -> bool {
    chi_squared(ratio)
        .is_some_and(|(chi, freedom)| chi.sf(freedom * ratio.value / PASSES.1) < TWO_STANDARD_ERRORS)
}

/// The distribution of ν R/v; none for a ratio that is no variance.
fn chi_squared(ratio: Estimate) -> Option<(ChiSquared, f64)> {
    let freedom = 2.0 * (ratio.value / ratio.standard_error).powi(2);
    let positive = ratio.value > 0.0 && freedom.is_finite();
    ChiSquared::new(freedom).ok().filter(|_| positive).map(|chi| (chi, freedom))
}

fn plus_minus(estimate: Estimate) -> String {
    format!("{:.2} ± {:.2}", estimate.value, estimate.standard_error)
}
