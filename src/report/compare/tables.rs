//! Tables of a comparison, before they are HTML, Markdown or LaTeX.

use super::super::number::{fixed, significant};
use super::value::parts;
use crate::compare::statistics::{Assessed, Assessment, Standing, assess, relative};
use crate::compare::{Better, Comparison, Metric};

/// A table with a heading row.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultTable {
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub note: String,
    /// How to read the second line of its cells; empty where they have none.
    pub below: String,
    /// Heading of the first column.
    pub corner: String,
    /// Headings of the others.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<ResultRow>,
}

/// A row with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// First cell.
    pub name: String,
    /// The other cells.
    pub cells: Vec<ResultCell>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultCell {
    /// The number, or a text.
    pub value: String,
    /// Its standard error.
    pub error: Option<String>,
    /// Whether it is the best of its row, or not significantly behind the best.
    pub is_bold: bool,
    /// How far it is behind the best, with stars for significance.
    pub behind: Option<String>,
    /// Rows that it stands for, of how many, where some failed.
    pub part: Option<(usize, usize)>,
}

const BELOW: &str = "The second line is how far a method is behind the best on the same splits: * p < 0.05, ** p < 0.01, \
                     *** p < 0.001, adjusted for all pairs of the table's methods.";

/// Metrics whose differences from the best are worth a line of their own.
const QUALITIES: [Metric; 9] = [
    Metric::LogLikelihood,
    Metric::Rmse,
    Metric::Crps,
    Metric::Accuracy,
    Metric::Brier,
    Metric::Auc,
    Metric::Coverage50,
    Metric::Coverage90,
    Metric::Coverage95,
];
const OWN_UNITS: [Metric; 3] = [Metric::LogLikelihoodOwnUnits, Metric::RmseOwnUnits, Metric::Mae];

/// What a reader wants to know first: ranks, wins and costs of each method over all tables.
pub fn overview(comparison: &Comparison) -> ResultTable {
    let found = assess(comparison, Metric::LogLikelihood);
    let reference = relative::reference(comparison).unwrap_or_default();
    let costs = relative::relative(comparison, Metric::Seconds, &reference);
    let text = |value: String| ResultCell { value, ..ResultCell::default() };
    let count = |method: usize, wanted: &[Standing]| {
        let cells = found.tables.iter().filter_map(|t| t.methods[method].as_ref());
        let (mut all, mut those) = (0, 0);
        for cell in cells {
            all += 1;
            those += usize::from(wanted.contains(&cell.standing));
        }
        text(if all == 0 { "–".into() } else { format!("{those} of {all}") })
    };
    let rank = |method: usize| {
        let ranked = found.ranks.as_ref()?;
        let place = ranked.methods.iter().position(|m| *m == method)?;
        Some(text(fixed(ranked.ranks.means[place], 2)))
    };
    let failed = |method: &str| {
        text(fixed(comparison.failures().iter().filter(|(key, _)| key.method == method).count() as f64, 0))
    };
    let row = |(k, method): (usize, &String)| ResultRow {
        name: method.clone(),
        cells: vec![
            rank(k).unwrap_or_else(missing),
            count(k, &[Standing::Best]),
            count(k, &[Standing::Best, Standing::Alike]),
            count(k, &[Standing::Behind]),
            costs.iter().find(|c| c.method == *method).map_or_else(missing, |c| text(significant(c.mean, 3))),
            failed(method),
        ],
    };
    ResultTable {
        title: "At a glance".into(),
        note: "By test log-likelihood: mean rank over tables (1 is best), tables on which a method has the best mean, on which \
               it has no significant difference from the best, and on which it is significantly behind; seconds of the fit in \
               multiples of the reference, geometric mean over tables."
            .into(),
        below: String::new(),
        corner: "method".into(),
        columns: vec![
            "mean rank".into(),
            "best".into(),
            "best or alike".into(),
            "behind".into(),
            format!("seconds / {reference}"),
            "failed rows".into(),
        ],
        rows: comparison.methods.iter().enumerate().map(row).collect(),
    }
}

/// All tables, the most important first.
pub fn all(comparison: &Comparison) -> Vec<ResultTable> {
    let quality = QUALITIES.into_iter().chain(OWN_UNITS);
    let mut tables = vec![overview(comparison)];
    tables.extend(quality.filter_map(|metric| of_metric(comparison, metric)));
    tables.extend(relative_seconds(comparison));
    tables.extend(Metric::COSTS.into_iter().filter_map(|metric| of_metric(comparison, metric)));
    tables.extend(verdicts(comparison));
    tables
}

/// A metric: tables down, methods across. `None` where no row has it.
pub fn of_metric(comparison: &Comparison, metric: Metric) -> Option<ResultTable> {
    comparison.has(metric).then(|| from_assessment(&assess(comparison, metric)))
}

fn from_assessment(found: &Assessment) -> ResultTable {
    let is_compared = !Metric::COSTS.contains(&found.metric) && found.metric.better() != Better::Neither;
    let rows = (found.tables.iter())
        .map(|table| ResultRow {
            name: table.table.clone(),
            cells: (table.methods.iter())
                .map(|cell| cell.as_ref().map_or_else(missing, |c| assessed(c, table.splits, is_compared)))
                .collect(),
        })
        .collect();
    ResultTable {
        title: found.metric.name().into(),
        note: note(found.metric, is_compared),
        below: if is_compared { BELOW.into() } else { String::new() },
        corner: "table".into(),
        columns: found.methods.clone(),
        rows,
    }
}

fn missing() -> ResultCell {
    ResultCell { value: "–".into(), ..ResultCell::default() }
}

fn assessed(cell: &Assessed, splits: usize, is_compared: bool) -> ResultCell {
    let summary = &cell.summary;
    let (value, error) = parts(summary.mean, summary.standard_error);
    let behind = cell.behind.filter(|_| is_compared).map(|d| {
        // The difference counts how much better the best is: shown as what this method is behind.
        let (value, error) = parts(d.mean, d.standard_error);
        let sign = if d.mean < 0.0 { "ahead" } else { "behind" };
        let value = value.trim_start_matches('−');
        let stars = stars(cell.p_value);
        match error {
            Some(error) => format!("{value} ± {error} {sign}{stars}"),
            None => format!("{value} {sign}"),
        }
    });
    ResultCell {
        value,
        error,
        is_bold: is_compared && matches!(cell.standing, Standing::Best | Standing::Alike),
        behind,
        part: (summary.count < splits).then_some((summary.count, splits)),
    }
}

fn stars(p_value: Option<f64>) -> &'static str {
    match p_value {
        Some(p) if p < 0.001 => " ***",
        Some(p) if p < 0.01 => " **",
        Some(p) if p < 0.05 => " *",
        _ => "",
    }
}

fn note(metric: Metric, is_compared: bool) -> String {
    let what = match metric {
        Metric::LogLikelihood => {
            "Mean log predictive density of test rows per standard deviation of the training target, or mean log probability \
             of the observed class; larger is better."
        }
        Metric::LogLikelihoodOwnUnits => {
            "Mean log predictive density of test rows per unit of the target; larger is better."
        }
        Metric::Rmse => {
            "Root mean square error in standard deviations of the training target; smaller is better."
        }
        Metric::RmseOwnUnits => "Root mean square error in the target's units; smaller is better.",
        Metric::Mae => {
            "Mean absolute error of the predictive median, in the target's units; smaller is better."
        }
        Metric::Crps => "Mean continuous ranked probability score, in the target's units; smaller is better.",
        Metric::Coverage50 => "Share of test rows inside the central 50 % interval; nearer to 0.5 is better.",
        Metric::Coverage90 => "Share of test rows inside the central 90 % interval; nearer to 0.9 is better.",
        Metric::Coverage95 => {
            "Share of test rows inside the central 95 % interval; nearer to 0.95 is better."
        }
        Metric::Accuracy => {
            "Share of test rows whose most probable class is the observed one; larger is better."
        }
        Metric::Brier => "Brier score; smaller is better.",
        Metric::Auc => "Area under the receiver operating characteristic; larger is better.",
        Metric::Evaluations => "Evaluations of value and gradient of the density.",
        Metric::Seconds => "Wall time of the fit, prediction not included.",
        Metric::ProcessorSeconds => "Processor time of the fit, of all threads.",
        Metric::PeakMemory => "The most memory that the row's process held, the program itself included.",
    };
    let bold = if is_compared { " Bold: the best, or no significant difference from it." } else { "" };
    format!("{what} Mean ± standard error over splits.{bold}")
}

/// Seconds in multiples of one method's, as in table 3 of the paper.
pub fn relative_seconds(comparison: &Comparison) -> Option<ResultTable> {
    let reference = relative::reference(comparison)?;
    let found = relative::relative(comparison, Metric::Seconds, &reference);
    if found.len() < 2 {
        return None;
    }
    let number = |ratio: f64| ResultCell { value: significant(ratio, 3), ..ResultCell::default() };
    let row = |name: &str, of: &dyn Fn(&relative::Relative) -> Option<f64>| ResultRow {
        name: name.to_owned(),
        cells: found.iter().map(|r| of(r).map_or_else(missing, number)).collect(),
    };
    let ratio = |r: &relative::Relative, table: &str| {
        r.ratios.iter().find(|(name, _)| name == table).map(|(_, ratio)| *ratio)
    };
    let named = comparison.tables.iter().map(|t| t.name.as_str());
    let mut rows: Vec<ResultRow> = named
        .filter(|t| found.iter().any(|r| ratio(r, t).is_some()))
        .map(|t| row(t, &|r| ratio(r, t)))
        .collect();
    rows.push(row("all (geometric mean)", &|r| Some(r.mean)));
    Some(ResultTable {
        title: format!("Seconds of the fit relative to {reference}"),
        note: format!("Mean over splits in multiples of that of {reference} on the same table."),
        below: String::new(),
        corner: "table".into(),
        columns: found.iter().map(|r| r.method.clone()).collect(),
        rows,
    })
}

/// How often the diagnostics of a method said what.
pub fn verdicts(comparison: &Comparison) -> Option<ResultTable> {
    let measured = |method: &str| -> Vec<&str> {
        let of_method = comparison.records.iter().filter(move |r| r.key.method == method);
        of_method.filter_map(|r| r.outcome.measured()).map(|m| m.verdict.as_str()).collect()
    };
    let mut words: Vec<&str> = (comparison.records.iter())
        .filter_map(|r| r.outcome.measured())
        .map(|m| m.verdict.as_str())
        .filter(|verdict| !verdict.is_empty())
        .collect();
    words.sort_unstable();
    words.dedup();
    let judged: Vec<&String> =
        comparison.methods.iter().filter(|m| measured(m).iter().any(|v| !v.is_empty())).collect();
    let count = |method: &str, word: &str| {
        let n = measured(method).iter().filter(|v| **v == word).count();
        ResultCell { value: fixed(n as f64, 0), ..ResultCell::default() }
    };
    let rows = judged.iter().map(|method| ResultRow {
        name: (*method).clone(),
        cells: words.iter().map(|word| count(method, word)).collect(),
    });
    (!words.is_empty()).then(|| ResultTable {
        title: "What the diagnostics say".into(),
        note: "Number of rows with each verdict, for methods that have diagnostics of their own. One particle or a few in \
               many dimensions collapse by their number."
            .into(),
        below: String::new(),
        corner: "method".into(),
        columns: words.iter().map(|word| (*word).to_owned()).collect(),
        rows: rows.collect(),
    })
}
