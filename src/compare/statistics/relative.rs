//! Costs in multiples of one method's.

use super::super::comparison::Comparison;
use super::super::metric::Metric;
use super::summary::Summary;

/// What a method costs compared with a reference, over tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    /// The method.
    pub method: String,
    /// Mean cost over that of the reference, for each table that has both.
    pub ratios: Vec<(String, f64)>,
    /// Geometric mean of these: of half and twice it is one.
    pub mean: f64,
}

/// A metric of every method in multiples of a reference's, for methods that share a table with it. Table 3 of Pinder et al.
/// (2020) has seconds in multiples of those of two particles.
pub fn relative(comparison: &Comparison, metric: Metric, reference: &str) -> Vec<Relative> {
    let mean = |table: &str, method: &str| {
        Summary::new(&comparison.values(metric, table, method).values)
            .map(|s| s.mean)
            .filter(|mean| *mean > 0.0)
    };
    let of = |method: &String| {
        let ratios: Vec<(String, f64)> = (comparison.tables.iter())
            .filter_map(|t| Some((t.name.clone(), mean(&t.name, method)? / mean(&t.name, reference)?)))
            .collect();
        let logs: f64 = ratios.iter().map(|(_, ratio)| ratio.ln()).sum();
        let mean = (logs / ratios.len() as f64).exp();
        (!ratios.is_empty()).then(|| Relative { method: method.clone(), ratios, mean })
    };
    comparison.methods.iter().filter_map(of).collect()
}

/// The reference where none is named: two particles as in the paper, else the cheapest method that every table has, else the
/// first.
pub fn reference(comparison: &Comparison) -> Option<String> {
    if let Some(two) = comparison.methods.iter().find(|m| *m == "svgd:2") {
        return Some(two.clone());
    }
    let total = |method: &String| -> Option<f64> {
        let of = |t: &super::super::comparison::TableFacts| {
            Summary::new(&comparison.values(Metric::Seconds, &t.name, method).values).map(|s| s.mean)
        };
        comparison.tables.iter().map(of).sum()
    };
    let costs: Vec<(&String, f64)> =
        comparison.methods.iter().filter_map(|m| total(m).map(|seconds| (m, seconds))).collect();
    let cheapest = costs.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(m, _)| (*m).clone());
    cheapest.or_else(|| comparison.methods.first().cloned())
}
