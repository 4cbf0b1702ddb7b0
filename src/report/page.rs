//! The HTML page: one file with its style and its figures inside, readable on paper and on narrow screens.

use super::classes::{Classes, confusion, curve, reliability, roc, surface};
use super::data::{Notice, Report, Severity, Summary};
use super::number::{count, counted, duration};
use super::text::escape;
use super::{calibration, effects, fit, observed, particles, rootogram, table, traces, trust};
use crate::Result;

const STYLE: &str = include_str!("page.css");

/// Inputs that the summary names; further ones are counted.
const NAMED_INPUTS: usize = 12;

/// The page.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where a figure cannot be drawn.
pub fn html(report: &Report) -> Result<String> {
    let title = title(&report.summary);
    let mut page = head(&title, "");
    page.push_str(&summary(&report.summary));
    page.push_str(&notices(&report.notices));
    if !report.scores.is_empty() {
        page.push_str(&table::scores(&report.scores));
    }
    if let Some(found) = &report.trust {
        page.push_str(&trust::html(found));
    }
    if !report.parameters.is_empty() {
        page.push_str("<h2>Parameters</h2>\n");
        page.push_str(&table::parameters(&report.parameters));
    }
    let mut figures = Figures::new(page);
    let point = report.summary.point_name();
    let posterior = particles::svgs(&report.particles)?;
    let heading = if report.particles.iter().any(|p| p.values.len() > 1) {
        match point {
            "particle" => "Particles and priors",
            _ => "Draws and priors",
        }
    } else {
        "Estimates and priors"
    };
    figures.section(heading, &[("small", posterior, particles::caption(&report.particles, point))]);
    if let Some(trace) = &report.trace {
        let mut svgs = Vec::new();
        if traces::has_log_density(trace) {
            svgs.push(traces::log_density_svg(trace)?);
        }
        if traces::has_stein_ratio(trace) {
            svgs.push(traces::stein_ratio_svg(trace)?);
        }
        figures.section("Convergence", &[("half", svgs, traces::caption(trace))]);
    }
    figures.section("Predictions", &predictions(report)?);
    if let Some(counts) = report.counts.as_ref().filter(|c| !rootogram::is_empty(c)) {
        figures.section("Counts", &[("wide", vec![rootogram::svg(counts)?], rootogram::caption(counts))]);
    }
    if let Some(classes) = report.classes.as_ref().filter(|c| !c.is_empty()) {
        for (heading, groups) in class_sections(classes)? {
            figures.section(heading, &groups);
        }
    }
    let effect_figures = effects::svgs(&report.effects)?;
    figures.section("Effects of the inputs", &[("small", effect_figures, effects::caption(&report.effects))]);
    if let Some(curve) = report.fit.as_ref().filter(|f| !fit::is_empty(f)) {
        figures.section("The fit", &[("wide", vec![fit::svg(curve, point)?], fit::caption(curve, point))]);
    }
    figures.page.push_str("</body>\n</html>\n");
    Ok(figures.page)
}

/// The beginning of a page, up to its heading; `title` is HTML, `style` comes on top of what all pages share.
pub(super) fn head(title: &str, style: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
}

/// Class of the layout, figures, caption.
pub(super) type Group = (&'static str, Vec<String>, String);

fn predictions(report: &Report) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    if let Some(rows) = report.observed.as_ref().filter(|o| !observed::is_empty(o)) {
        groups.push(("half", vec![observed::svg(rows)?], observed::caption(rows)));
    }
    if let Some(calibrated) = &report.calibration {
        let mut svgs = Vec::new();
        if calibration::has_curve(calibrated) {
            svgs.push(calibration::svg(calibrated)?);
        }
        if calibration::has_pit(calibrated) {
            svgs.push(calibration::pit_svg(calibrated)?);
        }
        groups.push(("half", svgs, calibration::caption(calibrated)));
    }
    Ok(groups)
}

/// Small figures stand side by side; large ones have a section of their own.
fn class_sections(classes: &Classes) -> Result<Vec<(&'static str, Vec<Group>)>> {
    let matrix = |layout| -> Result<Group> {
        Ok((layout, vec![confusion::svg(classes)?], confusion::caption(classes)))
    };
    let reliable = ("half", vec![reliability::svg(classes)?], reliability::caption(classes));
    let curves = |layout| -> Result<Group> { Ok((layout, roc::svgs(classes)?, roc::caption(classes))) };
    let mut sections = if classes.names.len() == 2 {
        vec![("Predicted classes", vec![curves("half")?, reliable, matrix("half")?])]
    } else if confusion::is_wide(classes) {
        vec![
            ("Predicted classes", vec![matrix("wide")?]),
            ("Calibration of the probabilities", vec![reliable]),
            ("Each class against all others", vec![curves("small")?]),
        ]
    } else {
        vec![
            ("Predicted classes", vec![matrix("half")?, reliable]),
            ("Each class against all others", vec![curves("small")?]),
        ]
    };
    if let Some(found) = classes.curve.as_ref().filter(|c| !curve::is_empty(c)) {
        let figures = curve::svgs(found, &classes.names)?;
        let layout = if classes.names.len() == 2 { "wide" } else { "small" };
        sections.push((
            "Probability over the input",
            vec![(layout, figures, curve::caption(found, &classes.names))],
        ));
    }
    if let Some(found) = classes.surface.as_ref().filter(|s| !surface::is_empty(s)) {
        let figures = surface::svgs(found, &classes.names)?;
        let caption = surface::caption(found, &classes.names);
        sections.push(("Probability over the inputs", vec![("half", figures, caption)]));
    }
    Ok(sections)
}

/// The page so far, and how many figures it has.
pub(super) struct Figures {
    pub page: String,
    count: usize,
}

impl Figures {
    pub fn new(page: String) -> Self {
        Self { page, count: 0 }
    }

    /// A section with those groups that have figures, two of them side by side; nothing where none has.
    pub fn section(&mut self, heading: &str, groups: &[Group]) {
        let shown: Vec<&Group> = groups.iter().filter(|(_, svgs, _)| !svgs.is_empty()).collect();
        if shown.is_empty() {
            return;
        }
        let class = if shown.len() > 1 { " class=\"pair\"" } else { "" };
        self.page.push_str(&format!("<h2>{heading}</h2>\n<div{class}>\n"));
        for (class, svgs, caption) in shown {
            self.count += 1;
            self.page.push_str(&format!(
                "<figure>\n<div class=\"{class}\">\n{}</div>\n<figcaption><b>Figure {}.</b> {}</figcaption>\n</figure>\n",
                svgs.concat(),
                self.count,
                escape(caption)
            ));
        }
        self.page.push_str("</div>\n");
    }
}

fn title(summary: &Summary) -> String {
    match (summary.target.as_str(), summary.table.as_str()) {
        ("", "") => "Gaussian process".to_owned(),
        (target, "") => escape(target),
        ("", table) => escape(table),
        (target, table) => format!("{} in {}", escape(target), escape(table)),
    }
}

fn summary(s: &Summary) -> String {
    let mut sentences = Vec::new();
    let mut rows = format!("{} for training", counted(s.rows_train, "row"));
    if s.rows_test > 0 {
        rows.push_str(&format!(" and {} for testing", count(s.rows_test)));
    }
    let named: Vec<String> =
        s.inputs.iter().take(NAMED_INPUTS).map(|name| format!("<code>{}</code>", escape(name))).collect();
    let more = s.inputs.len().saturating_sub(NAMED_INPUTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let inputs = match s.inputs.len() {
        0 => String::new(),
        1 => format!(" from {}", named.concat()),
        n => format!(" from {n} inputs ({}{more})", named.join(", ")),
    };
    sentences
        .push(format!("A Gaussian process predicts <code>{}</code>{inputs}; {rows}.", escape(&s.target)));
    let parts: Vec<String> = [("Kernel", &s.kernel), ("likelihood", &s.likelihood), ("model", &s.model)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} <code>{}</code>", escape(value)))
        .collect();
    if !parts.is_empty() {
        sentences.push(format!("{}.", parts.join(", ")));
    }
    let amounts: Vec<String> =
        [(s.particles, s.point_name()), (s.iterations, "iteration"), (s.evaluations, "evaluation")]
            .into_iter()
            .filter_map(|(n, noun)| n.map(|n| counted(n, noun)))
            .chain(s.seconds.map(duration))
            .collect();
    if !s.method.is_empty() {
        let with = if amounts.is_empty() { String::new() } else { format!(": {}", amounts.join(", ")) };
        sentences.push(format!("Inference by {}{with}.", escape(&s.method)));
    }
    format!("<p>{}</p>\n", sentences.join(" "))
}

/// Text in which backticks set names apart.
fn code(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escape).collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let set =
        |(i, part): (usize, &String)| if i % 2 == 1 { format!("<code>{part}</code>") } else { part.clone() };
    parts.iter().enumerate().map(set).collect()
}

fn notices(notices: &[Notice]) -> String {
    if notices.is_empty() {
        return String::new();
    }
    let items: String = notices
        .iter()
        .map(|notice| match notice.severity {
            Severity::Notice => format!("<li>{}</li>\n", code(&notice.text)),
            Severity::Warning => {
                format!("<li class=\"warning\"><b>Warning.</b> {}</li>\n", code(&notice.text))
            }
        })
        .collect();
    format!("<ul class=\"notices\">\n{items}</ul>\n")
}
