//! How far Markov chains agree, and how many independent draws they are worth.
//!
//! Rank-normalised split R-hat, bulk and tail effective sample size (Vehtari, Gelman, Simpson, Carpenter & Bürkner
//! 2021, *Bayesian Analysis* 16(2)). Chains are cut in halves, so that a drift within a chain counts as a disagreement;
//! ranks in place of values make all of it meaningful for heavy tails. Cost: O(S log S) for the ranks of S draws, and
//! O(S) for each lag until the autocorrelation has died away.

use crate::stein::Cloud;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

/// Fewest draws a chain of which anything can be said.
const FEWEST: usize = 4;

/// What the chains of one fit say about themselves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainDiagnostics {
    /// Number of chains.
    pub count: usize,
    /// Largest R-hat over the coordinates; NaN for fewer than two chains or four draws.
    pub r_hat: f64,
    /// Smallest bulk effective sample size over the coordinates.
    pub ess_bulk: f64,
    /// Smallest tail effective sample size over the coordinates.
    pub ess_tail: f64,
    /// Divergent transitions after tuning.
    pub divergences: usize,
}

impl ChainDiagnostics {
    /// Of chains in R^d; where their lengths differ, of what they all have.
    pub fn new(chains: &[Cloud], divergences: usize) -> Self {
        let dim = chains.first().map_or(0, Cloud::dim);
        let length = chains.iter().map(Cloud::count).min().unwrap_or(0);
        let mut found = Self {
            count: chains.len(),
            r_hat: f64::NEG_INFINITY,
            ess_bulk: f64::INFINITY,
            ess_tail: f64::INFINITY,
            divergences,
        };
        for c in 0..dim {
            let column: Vec<Vec<f64>> =
                chains.iter().map(|chain| chain.points().take(length).map(|z| z[c]).collect()).collect();
            // One coordinate of which nothing is known leaves nothing known of the whole.
            let worst = |a: f64, b: f64, pick: fn(f64, f64) -> f64| {
                if a.is_nan() || b.is_nan() { f64::NAN } else { pick(a, b) }
            };
            found.r_hat = worst(found.r_hat, r_hat(&column), f64::max);
            found.ess_bulk = worst(found.ess_bulk, ess_bulk(&column), f64::min);
            found.ess_tail = worst(found.ess_tail, ess_tail(&column), f64::min);
        }
        if dim == 0 {
            (found.r_hat, found.ess_bulk, found.ess_tail) = (f64::NAN, f64::NAN, f64::NAN);
        }
        found
    }
}

/// Rank-normalised split R-hat of chains of equal length: the larger of that of the values and that of their distances
/// from the median (Vehtari et al. 2021, section 4.1). NaN for fewer than two chains or four draws.
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    if chains.len() < 2 || !usable(chains) {
        return f64::NAN;
    }
    let halves = split(chains);
    let mut pooled = halves.concat();
    pooled.sort_by(f64::total_cmp);
    let middle = quantile(&pooled, 0.5);
    let folded: Vec<Vec<f64>> =
        halves.iter().map(|c| c.iter().map(|v| (v - middle).abs()).collect()).collect();
    plain_r_hat(&normal_scores(&halves)).max(plain_r_hat(&normal_scores(&folded)))
}

/// Bulk effective sample size: that of the normal scores of the ranks (Vehtari et al. 2021, section 4.3).
pub fn ess_bulk(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    effective_size(&normal_scores(&split(chains)))
}

/// Tail effective sample size: the smaller of those of the 5 % and the 95 % quantile (Vehtari et al. 2021, section 4.3).
pub fn ess_tail(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    let mut pooled = chains.concat();
    pooled.sort_by(f64::total_cmp);
    let at = |level: f64| {
        let bound = quantile(&pooled, level);
        let below: Vec<Vec<f64>> =
            chains.iter().map(|c| c.iter().map(|v| f64::from(u8::from(*v <= bound))).collect()).collect();
        effective_size(&split(&below))
    };
    at(0.05).min(at(0.95))
}

/// Effective sample size for the mean: what divides the variance in the squared Monte Carlo error of the mean.
pub fn ess_mean(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    effective_size(&split(chains))
}

fn usable(chains: &[Vec<f64>]) -> bool {
    let length = chains.first().map_or(0, Vec::len);
    length >= FEWEST && chains.iter().all(|c| c.len() == length && c.iter().all(|v| v.is_finite()))
}

/// First and second half of each chain; of an odd number of draws the middle one is left out.
fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let half = chains.first().map_or(0, |c| c.len() / 2);
    chains.iter().flat_map(|c| [c[..half].to_vec(), c[c.len() - half..].to_vec()]).collect()
}

/// Linear between the order statistics.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Φ⁻¹((r − 3/8) / (S + 1/4)) of the ranks r among all S draws (Blom); equal values share their mean rank.
fn normal_scores(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = chains.first().map_or(0, Vec::len);
    let pooled = chains.concat();
    let mut order: Vec<usize> = (0..pooled.len()).collect();
    order.sort_by(|a, b| pooled[*a].total_cmp(&pooled[*b]));
    let normal = Normal::standard();
    let mut scores = vec![vec![0.0; length]; chains.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| pooled[*a] == pooled[*b]) {
        let rank = first as f64 + 0.5 * (tied.len() + 1) as f64;
        let score = normal.inverse_cdf((rank - 0.375) / (pooled.len() as f64 + 0.25));
        for index in tied {
            scores[index / length][index % length] = score;
        }
        first += tied.len();
    }
    scores
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// With divisor n − 1.
fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// √(((n − 1)/n W + B/n) / W): variance within chains and of their means (Gelman & Rubin 1992).
fn plain_r_hat(chains: &[Vec<f64>]) -> f64 {
    let n = chains.first().map_or(0, Vec::len) as f64;
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<_>>());
    let between = variance(&chains.iter().map(|c| mean(c)).collect::<Vec<_>>());
    (between / within + (n - 1.0) / n).sqrt()
}

/// S / τ with τ from Geyer's initial monotone sequence of autocorrelations, averaged over the chains (Vehtari et al.
/// 2021, equations 10 to 13).
fn effective_size(chains: &[Vec<f64>]) -> f64 {
    let n = chains.first().map_or(0, Vec::len);
    let total = (chains.len() * n) as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    // Mean over chains of the autocovariance at a lag, with divisor n at every lag.
    let autocovariance = |lag: usize| {
        let one = |(chain, centre): (&Vec<f64>, &f64)| {
            chain.iter().zip(&chain[lag..]).map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>() / n as f64
        };
        chains.iter().zip(&means).map(one).sum::<f64>() / chains.len() as f64
    };
    // Draws that do not vary are as good as independent ones.
    let first = chains.first().map_or(0.0, |c| c[0]);
    if chains.iter().flatten().all(|v| *v == first) {
        return total;
    }
    let within = autocovariance(0) * n as f64 / (n as f64 - 1.0);
    let between = if chains.len() > 1 { variance(&means) } else { 0.0 };
    let pooled = autocovariance(0) + between;
    let rho = |lag: usize| 1.0 - (within - autocovariance(lag)) / pooled;
    // For a reversible chain the sums of neighbouring pairs are positive and do not grow: noise ends the sequence. Of
    // the pair that ends it the even one counts once, where it is positive.
    let (mut lag, mut sum, mut smallest) = (0, 0.0, f64::INFINITY);
    let (mut even, mut odd) = (1.0, rho(1));
    while even + odd > 0.0 && lag + 4 < n {
        smallest = f64::min(smallest, even + odd);
        sum += smallest;
        lag += 2;
        (even, odd) = (rho(lag), rho(lag + 1));
    }
    let tau = -1.0 + 2.0 * sum + f64::max(even, 0.0);
    total / tau.max(1.0 / total.log10())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Chains of autoregressions and their diagnostics by ArviZ 0.22 (`tests/golden/make_chains.py`).
    #[derive(serde::Deserialize)]
    struct Golden {
        what: String,
        chains: Vec<Vec<f64>>,
        r_hat: f64,
        ess_bulk: f64,
        ess_tail: f64,
        ess_mean: f64,
    }

    #[test]
    fn chains_good_and_bad_have_the_diagnostics_that_arviz_gives_them() {
        let cases: Vec<Golden> =
            serde_json::from_str(include_str!("../../tests/golden/arviz_chains.json")).unwrap();
        assert!(cases.len() >= 6);
        for case in &cases {
            let check = |name: &str, found: f64, expected: f64| {
                assert!((found / expected - 1.0).abs() < 1e-6, "{} {name}: {found}, {expected}", case.what);
            };
            check("R-hat", r_hat(&case.chains), case.r_hat);
            check("bulk", ess_bulk(&case.chains), case.ess_bulk);
            check("tail", ess_tail(&case.chains), case.ess_tail);
            check("mean", ess_mean(&case.chains), case.ess_mean);
        }
    }

    #[test]
    fn the_worst_coordinate_counts_and_too_few_draws_say_nothing() {
        let chain = |shift: f64| {
            let points: Vec<[f64; 2]> =
                (0..50).map(|i| [f64::from(i * 37 % 50), f64::from(i * 17 % 50) + shift]).collect();
            Cloud::from_points(2, points.iter().map(<[f64; 2]>::as_slice))
        };
        let apart = ChainDiagnostics::new(&[chain(0.0), chain(100.0)], 3);
        assert!(apart.r_hat > 1.5 && apart.divergences == 3, "{apart:?}");
        let short = Cloud::zeros(3, 2);
        let unknown = ChainDiagnostics::new(&[short.clone(), short], 0);
        assert!(unknown.r_hat.is_nan() && unknown.ess_bulk.is_nan());
    }
}
