//! The page of a comparison: one file with its style and its figures inside.

use super::super::number::{counted, duration};
use super::super::page::{Figures, head};
use super::super::text::escape;
use super::look::Look;
use super::tables::{self, ResultTable};
use super::{cost, growth, html, ranks, runtime};
use crate::Result;
use crate::compare::statistics::{assess, relative};
use crate::compare::{Comparison, Key, Metric};

const STYLE: &str = include_str!("page.css");

/// Size of one of several panels.
pub(super) const PANEL: (f64, f64) = (300.0, 230.0);
/// Failures that are named; the others are counted.
const FAILURES: usize = 20;

/// The page.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where a figure cannot be drawn.
pub fn html(comparison: &Comparison) -> Result<String> {
    let title = match comparison.tables.as_slice() {
        [only] => format!("Methods compared on {}", escape(&only.name)),
        tables => format!("Methods compared on {}", counted(tables.len(), "table")),
    };
    let mut figures = Figures::new(format!("{}{}", head(&title, STYLE), summary(comparison)));
    figures.page.push_str(&failures(comparison));
    section(&mut figures.page, &tables::overview(comparison));

    let quality = assess(comparison, Metric::LogLikelihood);
    if let Some(table) = tables::of_metric(comparison, Metric::LogLikelihood) {
        section(&mut figures.page, &table);
    }
    match ranks::svg(&quality)? {
        Some(svg) => figures.section("Ranks over tables", &[("wide", vec![svg], ranks::caption(&quality))]),
        None => {
            let why = escape(&ranks::caption(&quality));
            figures.page.push_str(&format!("<h2>Ranks over tables</h2>\n<p>{why}</p>\n"));
        }
    }
    let marks = key(comparison.methods.iter().map(String::as_str), mark);
    let panels = with_key(marks, cost::svgs(comparison)?);
    figures.section("Cost and quality", &[("panels", panels, cost::caption())]);
    if let Some(reference) = relative::reference(comparison) {
        let found = relative::relative(comparison, Metric::Seconds, &reference);
        let bars = runtime::svg(&found, &reference)?.into_iter().collect();
        figures.section("Time", &[("half", bars, runtime::caption(&reference))]);
    }
    let lines = key(growth::levels(comparison).into_iter(), dash);
    let panels = with_key(lines, growth::svgs(comparison)?);
    figures.section("More particles", &[("panels", panels, growth::caption())]);
    figures.page.push_str("<h2>All tables</h2>\n");
    // Two of them have been shown.
    for table in tables::all(comparison).iter().skip(1).filter(|t| t.title != Metric::LogLikelihood.name()) {
        figures.page.push_str(&format!(
            "<details>\n<summary>{}</summary>\n{}</details>\n",
            escape(&table.title),
            html::table(table)
        ));
    }
    figures.page.push_str(&statistics(comparison));
    figures.page.push_str("</body>\n</html>\n");
    Ok(figures.page)
}

fn section(page: &mut String, table: &ResultTable) {
    page.push_str(&format!("<h2>{}</h2>\n{}", escape(&table.title), html::table(table)));
}

fn summary(comparison: &Comparison) -> String {
    let splits: Vec<usize> = comparison.tables.iter().map(|t| t.split_count).collect();
    let splits = match (splits.iter().min(), splits.iter().max()) {
        (Some(a), Some(b)) if a == b => counted(*a, "split"),
        (Some(a), Some(b)) => format!("{a} to {b} splits"),
        _ => String::new(),
    };
    let seconds: f64 = comparison.records.iter().map(|r| r.elapsed).sum();
    let settings: Vec<String> = (comparison.settings.iter())
        .map(|(name, value)| format!("{} <code>{}</code>", escape(name), escape(value)))
        .collect();
    format!(
        "<p>{} ({}), {splits} each: {} in {}. All methods have the same rows, starts and priors.</p>\n\
         <p>Settings: {}.</p>\n",
        counted(comparison.methods.len(), "method"),
        comparison
            .methods
            .iter()
            .map(|m| format!("<code>{}</code>", escape(m)))
            .collect::<Vec<_>>()
            .join(", "),
        counted(comparison.records.len(), "row"),
        duration(seconds),
        settings.join(", ")
    )
}

fn failures(comparison: &Comparison) -> String {
    let failed = comparison.failures();
    if failed.is_empty() {
        return String::new();
    }
    // What a method cannot do it cannot do on any split: one line for all that failed alike.
    let mut alike: Vec<(&Key, &str, Vec<String>)> = Vec::new();
    for (key, message) in failed {
        match alike
            .iter_mut()
            .find(|(k, m, _)| (&k.table, &k.method, *m) == (&key.table, &key.method, message))
        {
            Some((.., splits)) => splits.push(key.split.to_string()),
            None => alike.push((key, message, vec![key.split.to_string()])),
        }
    }
    let mut items: String = (alike.iter().take(FAILURES))
        .map(|(key, message, splits)| {
            format!(
                "<li class=\"warning\"><b>Failed: {}, {}, split {}.</b> {}</li>\n",
                escape(&key.table),
                escape(&key.method),
                splits.join(", "),
                escape(message)
            )
        })
        .collect();
    if alike.len() > FAILURES {
        items += &format!("<li class=\"warning\">and {} more</li>\n", alike.len() - FAILURES);
    }
    format!("<ul class=\"notices\">\n{items}</ul>\n")
}

/// The key stands before the panels, which may be many.
fn with_key(key: String, panels: Vec<String>) -> Vec<String> {
    if panels.is_empty() { panels } else { std::iter::once(key).chain(panels).collect() }
}

/// Names with their marks, in lines that break where they must.
fn key<'a>(names: impl Iterator<Item = &'a str>, mark: impl Fn(Look) -> String) -> String {
    let items: String =
        names.map(|name| format!("<li>{} {}</li>\n", mark(Look::of(name)), escape(name))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"key\">\n{items}</ul>\n") }
}

fn mark(look: Look) -> String {
    let plotters::style::RGBColor(r, g, b) = look.colour;
    let colour = format!("rgb({r},{g},{b})");
    let fill = if look.is_filled { colour.as_str() } else { "none" };
    format!(
        "<svg width=\"16\" height=\"16\" aria-hidden=\"true\"><circle cx=\"8\" cy=\"8\" r=\"{:.1}\" fill=\"{fill}\" \
         stroke=\"{colour}\" stroke-width=\"1.8\"/></svg>",
        look.radius
    )
}

fn dash(look: Look) -> String {
    let plotters::style::RGBColor(r, g, b) = look.colour;
    format!(
        "<svg width=\"26\" height=\"16\" aria-hidden=\"true\"><path d=\"M1 8H25\" stroke=\"rgb({r},{g},{b})\" \
         stroke-width=\"2\" stroke-dasharray=\"6 4\"/></svg>"
    )
}

/// What the numbers mean, and what they do not.
fn statistics(comparison: &Comparison) -> String {
    let independent = comparison.tables.iter().any(|t| t.independent);
    let drawn = if independent {
        " Where splits are draws of a simulation they share no rows, and the second term is left out."
    } else {
        ""
    };
    format!(
        "<h2>How the statistics are made</h2>\n\
         <p>A standard error is the standard deviation over the splits of a table divided by the root of their number. Splits \
         of one table share rows, so that it is too small as an error over tables like this one.</p>\n\
         <p>Differences are taken split by split. The variance of their mean is (1/K + n<sub>test</sub>/n<sub>train</sub>) s² \
         (Nadeau and Bengio 2003), which allows for training rows that splits share, and p values are those of Student's t \
         with K − 1 degrees of freedom, adjusted by Holm's procedure for the methods of a table.{drawn} The best method is \
         chosen by the same data: take a single star on a single table for a hint.</p>\n\
         <p>A method whose rows failed on some splits is compared on the others, and is not the best of a table on which \
         another one has them all.</p>\n"
    )
}
