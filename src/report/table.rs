//! The tables of the page.

use super::data::{ParameterRow, ParameterValue, Score, ScoreFormat};
use super::number::{percent, significant};
use super::text::escape;

/// Significant digits of every number in a table.
const DIGITS: usize = 4;

/// Scores, with a second column where any has a standardised value.
pub(super) fn scores(scores: &[Score]) -> String {
    let second = scores.iter().any(|s| s.standardised.is_some());
    let write = |score: &Score, value: f64| match score.format {
        ScoreFormat::Number => significant(value, DIGITS),
        ScoreFormat::Percent => percent(value),
    };
    let heading = if second {
        "<th>Score</th><th class=\"n\">original scale</th><th class=\"n\">standardised</th>"
    } else {
        "<th>Score</th><th class=\"n\">value</th>"
    };
    let rows: String = scores
        .iter()
        .map(|s| {
            let standardised = s.standardised.map_or(String::new(), |v| write(s, v));
            let last = if second { cell(&standardised) } else { String::new() };
            format!("<tr><th scope=\"row\">{}</th>{}{last}</tr>\n", escape(&s.name), cell(&write(s, s.value)))
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table class=\"scores\">\n<thead><tr>{heading}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// Parameters with their priors and posterior summaries; one column of values where none has a spread.
pub(super) fn parameters(parameters: &[ParameterRow]) -> String {
    let spread = parameters.iter().any(|p| matches!(p.value, ParameterValue::Spread { .. }));
    let names = if spread { &["mean", "sd", "5 %", "50 %", "95 %"][..] } else { &["value"] };
    let heading: String = names.iter().map(|name| format!("<th class=\"n\">{name}</th>")).collect();
    let rows: String = parameters.iter().map(|p| parameter(p, names.len() - 1)).collect();
    format!(
        "<div class=\"scroll\"><table class=\"parameters\">\n<thead><tr><th>Parameter</th><th>Transform</th><th>Prior</th>\
         {heading}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// `more` columns follow the first value.
fn parameter(row: &ParameterRow, more: usize) -> String {
    let column =
        row.column.as_ref().map_or(String::new(), |c| format!("<span class=\"column\">{}</span>", escape(c)));
    let number = |v: f64| cell(&significant(v, DIGITS));
    let blank = cell("").repeat(more);
    // A fixed parameter has no use for a prior: the column says so.
    let (class, prior, values) = match row.value {
        ParameterValue::Fixed(value) => (" class=\"fixed\"", "fixed".to_owned(), number(value) + &blank),
        ParameterValue::Point(value) => ("", escape(&row.prior), number(value) + &blank),
        ParameterValue::Spread { mean, sd, q05, q50, q95 } => {
            ("", escape(&row.prior), [mean, sd, q05, q50, q95].into_iter().map(number).collect())
        }
    };
    format!(
        "<tr{class}><th scope=\"row\"><code>{}</code>{column}</th><td>{}</td><td>{prior}</td>{values}</tr>\n",
        escape(&row.path),
        escape(&row.transform),
    )
}

fn cell(text: &str) -> String {
    format!("<td class=\"n\">{text}</td>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_parameters_are_marked() {
        let row = ParameterRow {
            path: "white.variance".into(),
            value: ParameterValue::Fixed(1.0),
            ..Default::default()
        };
        assert!(parameters(&[row]).contains("<td>fixed</td><td class=\"n\">1.000</td>"));
    }
}
