//! One metric of a comparison: each method on each table, and against the best there.
//!
//! Methods are compared on the splits that all of them have attempted, so that one that has more rows to run is not taken for
//! one that failed. One that failed on some of these is neither the best of its table nor ranked there: it would win by
//! leaving out what is hard.
//!
//! The best of k methods is chosen by the same data, so that any pair may come to be tested. The p values of the k − 1
//! differences from it are therefore adjusted as some of k (k − 1)/2: times k/2, then by Holm's procedure.

use super::super::comparison::{Comparison, Values};
use super::super::metric::{Better, Metric};
use super::holm;
use super::paired::Difference;
use super::ranks::Ranks;
use super::summary::Summary;

/// Level of significance.
pub const LEVEL: f64 = 0.05;

/// One metric on all tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The metric.
    pub metric: Metric,
    /// Methods, in the comparison's order.
    pub methods: Vec<String>,
    /// Tables on which any method has a value.
    pub tables: Vec<TableAssessment>,
    /// Ranks over tables, where there are enough.
    pub ranks: Option<RankedMethods>,
}

/// One metric on one table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableAssessment {
    /// Name of the table.
    pub table: String,
    /// Number of its splits.
    pub splits: usize,
    /// A method each; `None` where no row has a value.
    pub methods: Vec<Option<Assessed>>,
}

/// One metric of a method on a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessed {
    /// Mean and standard error over all of its splits.
    pub summary: Summary,
    /// Mean over the splits that all methods have attempted; `None` where another method has a value on more of them.
    pub compared_mean: Option<f64>,
    /// How it stands to the best.
    pub standing: Standing,
    /// By how much the best is better, positive, on the splits that all have attempted and both have; `None` for the best
    /// itself, and where the metric has no better.
    pub behind: Option<Difference>,
    /// p value of that, adjusted for all pairs of this table's methods.
    pub p_value: Option<f64>,
}

/// How a method stands to the best of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has the best mean on the splits that all have attempted.
    Best,
    /// No significant difference from the best.
    Alike,
    /// Significantly behind the best.
    Behind,
    /// Not compared: the metric has no better, there are too few splits, or differences have no spread.
    Unknown,
}

/// Mean ranks, and of which methods.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedMethods {
    /// Places of the ranked methods among all.
    pub methods: Vec<usize>,
    /// Names of the tables on which all of them can be compared.
    pub tables: Vec<String>,
    /// Their ranks.
    pub ranks: Ranks,
}

/// Assesses a metric.
pub fn assess(comparison: &Comparison, metric: Metric) -> Assessment {
    let tables: Vec<TableAssessment> = (comparison.tables.iter())
        .filter_map(|table| {
            let values: Vec<Values> =
                comparison.methods.iter().map(|m| comparison.values(metric, &table.name, m)).collect();
            let shared = comparison.shared_splits(&table.name);
            let methods = assess_table(&values, &shared, metric.better(), table.independent);
            methods.iter().any(Option::is_some).then(|| TableAssessment {
                table: table.name.clone(),
                splits: table.split_count,
                methods,
            })
        })
        .collect();
    let ranks = rank(&tables, metric.better(), comparison.methods.len());
    Assessment { metric, methods: comparison.methods.clone(), tables, ranks }
}

fn assess_table(
    values: &[Values],
    shared: &[usize],
    better: Better,
    independent: bool,
) -> Vec<Option<Assessed>> {
    let compared: Vec<Values> = values.iter().map(|v| v.on(shared)).collect();
    let means = compared_means(&compared);
    let best = best_of(&means, better);
    let mut found: Vec<Option<Assessed>> = (values.iter().enumerate())
        .map(|(k, all)| {
            let summary = Summary::new(&all.values)?;
            let behind = best.filter(|b| *b != k).and_then(|b| {
                let ratio = if independent { 0.0 } else { all.test_ratio };
                Difference::new(&differences(&compared[b], &compared[k], better), ratio)
            });
            let standing = if best == Some(k) { Standing::Best } else { Standing::Unknown };
            Some(Assessed { summary, compared_mean: means[k], standing, behind, p_value: None })
        })
        .collect();
    let tested: Vec<(usize, f64)> =
        (found.iter().enumerate()).filter_map(|(k, a)| Some((k, a.as_ref()?.behind?.p_value?))).collect();
    let half = 0.5 * (tested.len() + 1) as f64;
    let adjusted = holm::adjusted(&tested.iter().map(|(_, p)| (half * p).min(1.0)).collect::<Vec<_>>());
    for ((k, _), p) in tested.iter().zip(adjusted) {
        if let Some(assessed) = &mut found[*k] {
            assessed.p_value = Some(p);
            // A method may be behind on the splits that both have, yet ahead on its own: that is no loss.
            let is_behind = p < LEVEL && assessed.behind.is_some_and(|d| d.mean > 0.0);
            assessed.standing = if is_behind { Standing::Behind } else { Standing::Alike };
        }
    }
    found
}

/// Means of those that have values on most splits.
fn compared_means(values: &[Values]) -> Vec<Option<f64>> {
    let most = values.iter().map(|v| v.values.len()).max().unwrap_or(0);
    let mean = |v: &Values| Summary::new(&v.values).filter(|s| s.count == most).map(|s| s.mean);
    values.iter().map(mean).collect()
}

/// The method with the best mean.
fn best_of(means: &[Option<f64>], better: Better) -> Option<usize> {
    let sign = sign(better)?;
    (means.iter().enumerate())
        .filter_map(|(k, mean)| mean.map(|mean| (k, sign * mean)))
        // The first of equals.
        .fold(None, |best: Option<(usize, f64)>, found| match best {
            Some(best) if best.1 >= found.1 => Some(best),
            _ => Some(found),
        })
        .map(|(k, _)| k)
}

fn sign(better: Better) -> Option<f64> {
    match better {
        Better::Larger => Some(1.0),
        Better::Smaller => Some(-1.0),
        Better::Neither => None,
    }
}

/// By how much the first is better, on each split that both have.
fn differences(first: &Values, second: &Values, better: Better) -> Vec<f64> {
    let sign = sign(better).unwrap_or(0.0);
    let of = |split: &usize| {
        let place = second.splits.iter().position(|s| s == split)?;
        Some(second.values[place])
    };
    (first.splits.iter().zip(&first.values)).filter_map(|(s, a)| of(s).map(|b| sign * (a - b))).collect()
}

/// Ranks of the methods that can be compared on most tables, over the tables on which all of these can.
fn rank(tables: &[TableAssessment], better: Better, count: usize) -> Option<RankedMethods> {
    let sign = sign(better)?;
    let mean = |table: &TableAssessment, method: usize| table.methods[method].as_ref()?.compared_mean;
    let has = |table: &TableAssessment, method: usize| mean(table, method).is_some();
    let methods: Vec<usize> =
        (0..count).filter(|m| 2 * tables.iter().filter(|t| has(t, *m)).count() > tables.len()).collect();
    let ranked: Vec<&TableAssessment> =
        tables.iter().filter(|t| methods.iter().all(|m| has(t, *m))).collect();
    let scores: Vec<Vec<f64>> =
        (ranked.iter()).map(|t| methods.iter().filter_map(|m| Some(sign * mean(t, *m)?)).collect()).collect();
    let ranks = Ranks::new(&scores)?;
    Some(RankedMethods { methods, tables: ranked.iter().map(|t| t.table.clone()).collect(), ranks })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Splits that have been attempted.
    const ALL: [usize; 5] = [0, 1, 2, 3, 4];

    fn values(values: &[f64]) -> Values {
        Values { splits: (0..values.len()).collect(), values: values.to_vec(), test_ratio: 3.0 / 7.0 }
    }

    #[test]
    fn the_best_is_told_from_those_behind_and_those_alike() {
        let noise = [0.00, 0.02, -0.01, 0.01, -0.02];
        let of = |level: f64, scale: f64| values(&noise.map(|e| level + scale * e));
        let found =
            assess_table(&[of(-1.0, 1.0), of(-0.5, 1.5), of(-0.505, -1.0)], &ALL, Better::Larger, false);
        let standing: Vec<Standing> = found.iter().map(|a| a.as_ref().unwrap().standing).collect();
        assert_eq!(standing, [Standing::Behind, Standing::Best, Standing::Alike]);
        assert!((found[0].as_ref().unwrap().behind.unwrap().mean - 0.5).abs() < 1e-12);
        let smaller = assess_table(&[of(1.0, 1.0), of(0.5, 1.5)], &ALL, Better::Smaller, false);
        assert_eq!(smaller[1].as_ref().unwrap().standing, Standing::Best);
        let neither = assess_table(&[of(1.0, 1.0), of(0.5, 1.5)], &ALL, Better::Neither, false);
        assert!(neither.iter().all(|a| a.as_ref().unwrap().standing == Standing::Unknown));
    }

    #[test]
    fn a_method_that_failed_on_a_split_is_not_the_best() {
        let all = values(&[1.0, 1.0, -5.0]);
        let easy = values(&[1.1, 1.2]);
        let found = assess_table(&[all, easy, values(&[])], &ALL, Better::Larger, false);
        assert_eq!(found[0].as_ref().unwrap().standing, Standing::Best);
        assert_eq!(found[1].as_ref().unwrap().compared_mean, None);
        // On the splits that both have it is ahead, which is no reason to call it behind.
        assert_eq!(found[1].as_ref().unwrap().standing, Standing::Alike);
        assert_eq!(found[1].as_ref().unwrap().behind.unwrap().pairs, 2);
        assert_eq!(found[2], None);
    }

    #[test]
    fn a_row_that_has_not_run_is_no_failure() {
        let (better, worse) = (values(&[0.8]), values(&[0.2, 0.16]));
        let found = assess_table(&[better, worse], &[0], Better::Larger, false);
        let of = |k: usize| found[k].as_ref().unwrap();
        assert_eq!((of(0).standing, of(1).standing), (Standing::Best, Standing::Unknown));
        assert_eq!((of(1).summary.count, of(1).compared_mean), (2, Some(0.2)));
        assert!((of(1).behind.unwrap().mean - 0.6).abs() < 1e-12);
    }

    #[test]
    fn p_values_are_adjusted_for_all_pairs() {
        let noise = [0.00, 0.02, -0.01, 0.01, -0.02];
        let of = |level: f64, scale: f64| values(&noise.map(|e| level + scale * e));
        let one = of(0.05, -1.0);
        let two = assess_table(&[of(0.0, 1.0), one.clone()], &ALL, Better::Larger, false);
        let three = assess_table(&[of(0.0, 1.0), one, of(-9.0, 1.5)], &ALL, Better::Larger, false);
        let p = |found: &[Option<Assessed>]| found[0].as_ref().unwrap().p_value.unwrap();
        // The larger of two p values counts once in Holm's procedure, and as three pairs are to two: 3/2.
        assert!((p(&three) - 1.5 * p(&two)).abs() < 1e-12, "{} {}", p(&three), p(&two));
    }

    #[test]
    fn ranks_leave_out_methods_that_most_tables_lack() {
        let table = |means: [Option<f64>; 4]| TableAssessment {
            table: "t".into(),
            splits: 1,
            methods: means
                .iter()
                .map(|mean| {
                    let summary = Summary::new(&[(*mean)?])?;
                    Some(Assessed {
                        summary,
                        compared_mean: Some(summary.mean),
                        standing: Standing::Unknown,
                        behind: None,
                        p_value: None,
                    })
                })
                .collect(),
        };
        let tables = [
            table([Some(1.0), Some(2.0), Some(3.0), None]),
            table([Some(1.0), Some(2.0), Some(3.0), Some(9.0)]),
            table([Some(1.0), None, Some(3.0), None]),
        ];
        let found = rank(&tables, Better::Larger, 4).unwrap();
        assert_eq!((found.methods, found.tables.len()), (vec![0, 1, 2], 2));
        assert_eq!(found.ranks.means, [3.0, 2.0, 1.0]);
    }
}
