//! Ranks of methods over tables.
//!
//! Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7. On each of N tables the k methods
//! have ranks r from 1 (best), equals the mean of theirs; R_j is the mean rank of method j. Friedman's statistic, corrected
//! for ties, and the F statistic of Iman & Davenport (1980), which is less conservative:
//!
//! ```text
//! χ² = (k − 1) N² Σ_j (R_j − (k+1)/2)² / Σ_ij (r_ij − (k+1)/2)²
//! F  = (N − 1) χ² / (N (k − 1) − χ²)      with k − 1 and (k − 1)(N − 1) degrees of freedom
//! ```
//!
//! Two methods differ at the 5 % level where their mean ranks do by more than the critical difference of Nemenyi (1963),
//! CD = q √(k (k+1) / 6N), where q is a quantile of the studentised range over √2.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// q for 2, 3, …, 20 methods: the 95 % quantile of the studentised range with infinite degrees of freedom, over √2. Demšar's
/// table 5 has those up to 10 with three digits; these are SciPy's.
const QUANTILES: [f64; 19] = [
    1.959964, 2.343701, 2.569032, 2.727774, 2.849705, 2.948320, 3.030878, 3.101730, 3.163684, 3.218654,
    3.268004, 3.312739, 3.353618, 3.391230, 3.426041, 3.458425, 3.488685, 3.517073, 3.543799,
];

/// Mean ranks of methods over tables, and what can be said of their differences.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranks {
    /// Mean rank of each method, 1 for one that is best everywhere.
    pub means: Vec<f64>,
    /// Number of tables N.
    pub tables: usize,
    /// Iman and Davenport's F; infinite where all tables agree on the order.
    pub f_statistic: f64,
    /// Its p value: the chance of ranks as unlike as these if all methods were alike. Where F is infinite, it is the chance
    /// that every table has the order of the first, one over the number of orders to the power N − 1.
    pub p_value: f64,
    /// Nemenyi's critical difference at the 5 % level; `None` for more than 20 methods.
    pub critical_difference: Option<f64>,
}

impl Ranks {
    /// Of scores, a row of k a table, larger ones better. `None` for fewer than two tables or three methods, for which the
    /// tests say nothing, and for rows of different lengths.
    pub fn new(scores: &[Vec<f64>]) -> Option<Self> {
        let (n, k) = (scores.len(), scores.first()?.len());
        if n < 2 || k < 3 || scores.iter().any(|row| row.len() != k) {
            return None;
        }
        let (tables, methods) = (n as f64, k as f64);
        let middle = 0.5 * (methods + 1.0);
        let rows: Vec<Vec<f64>> = scores.iter().map(|row| ranks(row)).collect();
        let means: Vec<f64> = (0..k).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / tables).collect();
        let between: f64 = means.iter().map(|r| (r - middle).powi(2)).sum();
        let within: f64 = rows.iter().flatten().map(|r| (r - middle).powi(2)).sum();
        // All methods alike on every table: nothing to tell apart.
        let chi = if within > 0.0 { (methods - 1.0) * tables * tables * between / within } else { 0.0 };
        let rest = tables * (methods - 1.0) - chi;
        let f_statistic = if rest > 1e-12 * tables { (tables - 1.0) * chi / rest } else { f64::INFINITY };
        let freedom = (methods - 1.0, (methods - 1.0) * (tables - 1.0));
        let p_value = match f_statistic.is_finite() {
            true => FisherSnedecor::new(freedom.0, freedom.1).map_or(f64::NAN, |f| f.sf(f_statistic)),
            // Every table has the order of the first.
            false => orders(&rows[0]).powf(1.0 - tables).min(1.0),
        };
        let critical_difference =
            QUANTILES.get(k - 2).map(|q| q * (methods * (methods + 1.0) / (6.0 * tables)).sqrt());
        Some(Self { means, tables: n, f_statistic, p_value, critical_difference })
    }

    /// The methods from the best mean rank to the worst.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.means.len()).collect();
        order.sort_by(|a, b| self.means[*a].total_cmp(&self.means[*b]));
        order
    }

    /// The largest groups of methods in which no two differ by the critical difference, as first and last place in
    /// [`Ranks::order`].
    pub fn groups(&self) -> Vec<(usize, usize)> {
        let Some(critical) = self.critical_difference else { return Vec::new() };
        let order = self.order();
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for first in 0..order.len() {
            let is_near = |last: &usize| self.means[order[*last]] - self.means[order[first]] < critical;
            let last = (first..order.len()).rev().find(is_near).unwrap_or(first);
            if last > first && groups.last().is_none_or(|group| last > group.1) {
                groups.push((first, last));
            }
        }
        groups
    }
}

/// How many orders there are with the ties of these ranks: k! over the factorial of each tie's length.
fn orders(ranks: &[f64]) -> f64 {
    let tied = |j: usize| ranks[..=j].iter().filter(|r| **r == ranks[j]).count() as f64;
    (0..ranks.len()).map(|j| (j + 1) as f64 / tied(j)).product()
}

/// Ranks from 1 for the largest score, equals the mean of theirs.
pub fn ranks(scores: &[f64]) -> Vec<f64> {
    let rank = |score: &f64| {
        let better = scores.iter().filter(|s| *s > score).count() as f64;
        let equal = scores.iter().filter(|s| *s == score).count() as f64;
        better + 0.5 * (equal + 1.0)
    };
    scores.iter().map(rank).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Area under the curve of four classifiers on 14 tables: Demšar (2006), table 6. His ranks tell the last two of the
    /// table before the last apart, which are equal to the three digits that he prints.
    const DEMSAR: [[f64; 4]; 14] = [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ];

    #[test]
    fn demsars_example_has_his_ranks_and_critical_difference() {
        let found = Ranks::new(&DEMSAR.map(Vec::from)).unwrap();
        for (mean, published) in found.means.iter().zip([3.143, 2.000, 2.893, 1.964]) {
            assert!((mean - published).abs() < 5e-4, "{mean} {published}");
        }
        // His F of 3.69 has no correction for ties; these are from SciPy's friedmanchisquare, which has.
        assert!((found.f_statistic - 4.1851301115241695).abs() < 1e-9);
        assert!((found.p_value - 0.011620659515310975).abs() < 1e-7);
        assert!((found.critical_difference.unwrap() - 1.25).abs() < 6e-3);
        // Table 5 of the paper.
        for (q, published) in
            QUANTILES.iter().zip([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164])
        {
            assert!((q - published).abs() < 1.1e-3);
        }
    }

    #[test]
    fn friedmans_statistic_without_ties_is_the_textbooks() {
        // Four tables that all have the same order but one: R = (1.25, 1.75, 3), χ² = 12·4/(3·4)·(1.5625 + 3.0625 + 9 − 12).
        let order = [3.0, 2.0, 1.0];
        let scores = [vec![2.0, 3.0, 1.0], order.to_vec(), order.to_vec(), order.to_vec()];
        let found = Ranks::new(&scores).unwrap();
        let chi: f64 = 4.0 * (1.5625 + 3.0625 + 9.0 - 12.0);
        assert!((found.f_statistic - 3.0 * chi / (8.0 - chi)).abs() < 1e-12);
        // With two degrees of freedom above, P(F > f) = (1 + 2f/d)^(−d/2), here with d = 6.
        assert!((found.p_value - (1.0 + 2.0 * found.f_statistic / 6.0).powi(-3)).abs() < 1e-9);
        let same = Ranks::new(&vec![order.to_vec(); 3]).unwrap();
        // Two further tables have the first one's order of six.
        assert!(same.f_statistic.is_infinite() && (same.p_value - 1.0 / 36.0).abs() < 1e-15);
        let tied = Ranks::new(&vec![vec![2.0, 2.0, 1.0]; 2]).unwrap();
        assert!(tied.f_statistic.is_infinite() && (tied.p_value - 1.0 / 3.0).abs() < 1e-15);
        let alike = Ranks::new(&vec![vec![1.0; 3]; 3]).unwrap();
        assert!(alike.f_statistic == 0.0 && alike.p_value == 1.0);
    }

    #[test]
    fn groups_are_the_largest_without_a_critical_difference() {
        let ranks = |means: &[f64]| Ranks {
            means: means.to_vec(),
            tables: 10,
            f_statistic: 1.0,
            p_value: 0.5,
            critical_difference: Some(1.0),
        };
        assert_eq!(ranks(&[3.0, 1.0, 1.9, 2.7]).groups(), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(ranks(&[1.0, 1.5, 1.8, 4.0]).groups(), [(0, 2)]);
        assert_eq!(ranks(&[3.0, 1.0]).order(), [1, 0]);
    }

    #[test]
    fn equals_share_their_ranks_and_few_tables_have_no_test() {
        assert_eq!(ranks(&[0.5, 0.9, 0.5]), [2.5, 1.0, 2.5]);
        assert_eq!(Ranks::new(&[vec![1.0, 2.0, 3.0]]), None);
        assert_eq!(Ranks::new(&[vec![1.0, 2.0], vec![1.0, 2.0]]), None);
    }
}
