//! What a comparison prints at its end.

use super::super::output::{counted, table};
use crate::compare::statistics::{Assessed, Assessment, Standing, assess};
use crate::compare::{Better, Comparison, Metric, Tally};
use crate::report::compare::spread;
use serde_json::{Value, json};
use std::path::Path;

/// Metrics that the terminal shows, where any row has them.
const SHOWN: [Metric; 5] =
    [Metric::LogLikelihood, Metric::Rmse, Metric::Accuracy, Metric::Coverage90, Metric::Seconds];

pub(super) fn text(folder: &Path, tally: &Tally, comparison: &Comparison) -> String {
    let mut text = String::new();
    for metric in SHOWN.into_iter().filter(|m| comparison.has(*m)) {
        text += &format!("{}\n", metric_table(&assess(comparison, metric)));
    }
    if comparison.has(Metric::LogLikelihood) {
        text += "* the best of its table, or no significant difference from it (docs/compare.md)\n";
    }
    for (key, message) in comparison.failures() {
        text += &format!("failed: {}, {}, split {}: {message}\n", key.table, key.method, key.split);
    }
    text + &format!(
        "{} of {}, {} kept from before, {} failed; {}\n",
        tally.done,
        counted(tally.total, "row"),
        tally.kept,
        tally.failed,
        folder.join("report.html").display()
    )
}

/// Tables down, methods across.
fn metric_table(found: &Assessment) -> String {
    let header: Vec<&str> =
        std::iter::once(found.metric.name()).chain(found.methods.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<String>> = (found.tables.iter())
        .map(|t| {
            let cells = t.methods.iter().map(|cell| cell.as_ref().map_or("–".into(), |c| shown(found, c)));
            std::iter::once(t.table.clone()).chain(cells).collect()
        })
        .collect();
    table(&header, &rows)
}

fn shown(found: &Assessment, cell: &Assessed) -> String {
    let is_cost = Metric::COSTS.contains(&found.metric) || found.metric.better() == Better::Neither;
    let mark = match cell.standing {
        Standing::Best | Standing::Alike if !is_cost => "*",
        _ if is_cost => "",
        _ => " ",
    };
    format!("{}{mark}", spread(&cell.summary))
}

pub(super) fn object(folder: &Path, tally: &Tally, comparison: &Comparison) -> Value {
    let metrics = Metric::QUALITIES.into_iter().chain(Metric::COSTS).filter(|m| comparison.has(*m));
    let metrics: Vec<Value> = metrics.map(|m| metric_object(&assess(comparison, m))).collect();
    let failures: Vec<Value> = (comparison.failures().into_iter())
        .map(|(key, message)| {
            json!({ "table": key.table, "method": key.method, "split": key.split, "message": message })
        })
        .collect();
    json!({
        "out": folder.display().to_string(),
        "rows": { "total": tally.total, "done": tally.done, "kept": tally.kept, "failed": tally.failed },
        "interrupted": tally.interrupted,
        "metrics": metrics,
        "failures": failures,
    })
}

fn metric_object(found: &Assessment) -> Value {
    let of = |table: &str, method: &String, cell: &Assessed| {
        json!({
            "table": table,
            "method": method,
            "splits": cell.summary.count,
            "mean": cell.summary.mean,
            "standard_error": cell.summary.standard_error,
            "behind": cell.behind.map(|d| d.mean),
            "behind_standard_error": cell.behind.and_then(|d| d.standard_error),
            "p_value": cell.p_value,
            "standing": match cell.standing {
                Standing::Best => "best",
                Standing::Alike => "alike",
                Standing::Behind => "behind",
                Standing::Unknown => "unknown",
            },
        })
    };
    let rows: Vec<Value> = (found.tables.iter())
        .flat_map(|t| {
            let cells = found.methods.iter().zip(&t.methods);
            cells.filter_map(|(method, cell)| Some(of(&t.table, method, cell.as_ref()?))).collect::<Vec<_>>()
        })
        .collect();
    let ranks = found.ranks.as_ref().map(|ranked| {
        let names: Vec<&String> = ranked.methods.iter().map(|m| &found.methods[*m]).collect();
        json!({
            "methods": names,
            "tables": ranked.tables,
            "mean_ranks": ranked.ranks.means,
            "p_value": ranked.ranks.p_value,
            "critical_difference": ranked.ranks.critical_difference,
        })
    });
    json!({ "metric": found.metric.name(), "rows": rows, "ranks": ranks })
}
