//! The page of a comparison on made-up results. Set `STEINGP_REPORT_OUT` to a folder to look at the pages.

#![cfg(all(feature = "report", feature = "table"))]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use steingp::compare::{Comparison, Key, Measured, Outcome, Quality, Record, TableFacts};
use steingp::report::compare::{page, tables, write};

const METHODS: [&str; 10] =
    ["ml", "map", "vi", "advi", "laplace", "svgd:2", "svgd:5", "svgd:10", "svgd:20", "nuts"];
/// What each gains over maximum likelihood, and what it costs.
const GAINS: [(f64, f64); 10] = [
    (0.0, 1.0),
    (0.15, 0.6),
    (0.15, 0.7),
    (0.24, 6.0),
    (0.2, 1.2),
    (0.2, 3.0),
    (0.24, 3.5),
    (0.26, 4.2),
    (0.27, 6.0),
    (0.28, 90.0),
];

/// A number from −1 to 1 that depends on nothing but its arguments.
fn noise(seed: usize) -> f64 {
    let mixed =
        (seed as u64 + 1).wrapping_mul(6364136223846793005).rotate_left(29).wrapping_mul(1442695040888963407);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn facts(name: &str, rows: usize, splits: usize) -> TableFacts {
    TableFacts { name: name.into(), rows, inputs: 8, split_count: splits, independent: false }
}

fn done(table: usize, method: usize, split: usize, name: &str) -> Record {
    let (gain, cost) = GAINS[method];
    let size = 1.5f64.powi(table as i32);
    let level = noise(table) - 0.5 + gain * (1.0 + 0.5 * noise(31 * table + method));
    let log_likelihood =
        level + 0.1 * noise(7 * split + table) + 0.02 * noise(100 * table + 10 * method + split);
    let quality = Quality {
        log_likelihood: Some(log_likelihood - 1.0),
        log_likelihood_standardised: Some(log_likelihood),
        rmse: Some((-level).exp()),
        rmse_standardised: Some(0.5 * (-level).exp()),
        mae: Some(0.4 * (-level).exp()),
        crps: Some(0.3 * (-level).exp()),
        coverage_50: Some(0.5 + 0.05 * noise(split)),
        coverage_90: Some(0.88 + 0.02 * noise(method)),
        coverage_95: Some(0.94),
        ..Quality::default()
    };
    let measured = Measured {
        model: "exact".into(),
        likelihood: "gaussian".into(),
        train_rows: 70,
        test_rows: 30,
        inputs: 8,
        quality,
        evaluations: (300.0 * cost) as usize,
        draws: 20,
        seconds: 0.02 * size * cost * (1.0 + 0.2 * noise(split + method)),
        processor_seconds: Some(0.03 * size * cost),
        peak_memory: Some(20.0 + size),
        verdict: if method >= 5 { "Fine".into() } else { String::new() },
        ..Measured::default()
    };
    let key = Key { table: name.into(), method: METHODS[method].into(), split };
    Record { key, outcome: Outcome::Done(Box::new(measured)), elapsed: 0.05 + 0.02 * size * cost }
}

/// Twenty tables, ten methods, five splits, some failures.
fn large() -> Comparison {
    let names: Vec<String> = (0..20)
        .map(|t| match t {
            3 => "a rather long name of a table_with & odd <signs>".to_owned(),
            _ => format!("table{t}"),
        })
        .collect();
    let mut records = Vec::new();
    for (t, name) in names.iter().enumerate() {
        for (m, method) in METHODS.iter().enumerate() {
            for split in 0..5 {
                let fails = t == 7 && m == 9 && split > 1 || t == 9 && m == 4;
                records.push(match fails {
                    true => Record {
                        key: Key { table: name.clone(), method: (*method).into(), split },
                        outcome: Outcome::failed(
                            "K (700×700) is not positive definite, even with jitter <1e-4>",
                        ),
                        elapsed: 1.0,
                    },
                    false => done(t, m, split, name),
                });
            }
        }
    }
    let tables = names.iter().enumerate().map(|(t, name)| facts(name, 100 + 80 * t, 5)).collect();
    let settings = vec![("kernel".to_owned(), "rbf(a<b)".to_owned()), ("seed".to_owned(), "0".to_owned())];
    Comparison::new(tables, METHODS.map(str::to_owned).to_vec(), settings, records)
}

fn keep(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("STEINGP_REPORT_OUT") {
        std::fs::write(Path::new(&folder).join(name), html).unwrap();
    }
}

/// What every page must be: whole, self-contained and free of what is not a number.
fn check(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    let without = html.replace("http://www.w3.org/2000/svg", "");
    for banned in ["http://", "https://", "<script", "src=", "NaN", "inf"] {
        assert!(!without.contains(banned), "{banned}");
    }
    for tag in ["div", "figure", "table", "details", "tr", "td", "th", "ul", "svg", "p", "li"] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn twenty_tables_and_ten_methods_make_a_page() {
    let comparison = large();
    let html = page::html(&comparison).unwrap();
    keep("compare_large.html", &html);
    check(&html);
    for part in [
        "Methods compared on 20 tables",
        "10 methods",
        "1000 rows",
        "a rather long name of a table_with &amp; odd &lt;signs&gt;",
        "Failed: table7, nuts, split 2, 3, 4.",
        "2 of 5 splits",
        "critical difference",
        "seconds in multiples of svgd:2",
        "jitter &lt;1e-4&gt;",
    ] {
        assert!(html.contains(part), "`{part}` is not in the page");
    }
    // A panel a table for cost and for growth, one diagram of ranks, one of time, and the key's marks.
    assert_eq!(html.matches("<svg xmlns").count(), 20 + 20 + 1 + 1);
}

#[test]
fn ranks_and_stars_follow_the_results() {
    let comparison = large();
    let found = tables::all(&comparison);
    let overview = &found[0];
    let rank = |method: &str| -> f64 {
        let row = overview.rows.iter().find(|r| r.name == method).unwrap();
        row.cells[0].value.parse().unwrap()
    };
    assert!(rank("svgd:20") < rank("map") && rank("map") < rank("ml"));
    let quality = found.iter().find(|t| t.title == "Test log-likelihood").unwrap();
    let first = &quality.rows[0].cells;
    assert!(!first[0].is_bold && first[0].behind.as_ref().unwrap().contains('*'), "{:?}", first[0]);
    assert!(first.iter().any(|c| c.is_bold && c.behind.is_none()));
    assert_eq!(quality.rows[9].cells[4].value, "–");
}

#[test]
fn little_to_compare_makes_a_page_too() {
    let of = |tables: Vec<TableFacts>, methods: &[&str], records: Vec<Record>| {
        Comparison::new(tables, methods.iter().map(|m| (*m).to_owned()).collect(), vec![], records)
    };
    let failed = Record {
        key: Key { table: "t".into(), method: "ml".into(), split: 0 },
        outcome: Outcome::failed("no"),
        elapsed: 0.1,
    };
    for (name, comparison) in [
        ("none", of(vec![facts("t", 10, 1)], &["ml"], vec![])),
        ("failed", of(vec![facts("t", 10, 1)], &["ml"], vec![failed])),
        ("one", of(vec![facts("t", 10, 1)], &["ml"], vec![done(0, 0, 0, "t")])),
        (
            "pair",
            of(vec![facts("t", 10, 2)], &["ml", "map"], (0..4).map(|k| done(0, k / 2, k % 2, "t")).collect()),
        ),
    ] {
        let html = page::html(&comparison).unwrap();
        keep(&format!("compare_{name}.html"), &html);
        check(&html);
        assert!(html.contains("Ranks need at least two tables"), "{name}");
    }
}

#[test]
fn markdown_and_latex_have_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let comparison = large();
    write(folder.path(), &comparison).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (markdown, latex) = (read("tables.md"), read("tables.tex"));
    let found = tables::all(&comparison);
    assert_eq!(markdown.matches("\n## ").count() + 1, found.len());
    assert_eq!(latex.matches("\\begin{table}").count(), found.len());
    assert_eq!(latex.matches("\\begin{").count(), latex.matches("\\end{").count());
    assert!(latex.contains("a rather long name of a table\\_with \\& odd \\textless{}signs\\textgreater{}"));
    for c in ['−', '±', '–', '×', '\u{a0}'] {
        assert!(!latex.contains(c), "{c} is left in the LaTeX");
    }
    for line in latex.lines().filter(|l| l.ends_with("\\\\")) {
        assert!(line.matches('$').count() % 2 == 0, "{line}");
    }
    for line in markdown.lines().filter(|l| l.starts_with("| table5 ")) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), METHODS.len() + 2, "{line}");
    }
}
