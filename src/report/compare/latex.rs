//! Tables as LaTeX: a document of its own, whose tables (package `booktabs`) can be taken out of it.

use super::tables::{ResultCell, ResultTable};

/// Columns of methods from which on a table is turned on its side.
const WIDE: usize = 6;

/// All tables.
pub(super) fn document(tables: &[ResultTable]) -> String {
    let body: String = tables.iter().map(table).collect();
    format!(
        "\\documentclass{{article}}\n\\usepackage[T1]{{fontenc}}\n\\usepackage[utf8]{{inputenc}}\n\
         \\usepackage{{textcomp}}\n\\usepackage{{booktabs}}\n\\usepackage{{graphicx}}\n\
         \\usepackage[margin=2cm]{{geometry}}\n\\begin{{document}}\n{body}\\end{{document}}\n"
    )
}

fn table(table: &ResultTable) -> String {
    let columns = "r".repeat(table.columns.len());
    // The end of a line and the rules take what begins with these for an option of theirs.
    let guard = |cells: &[String]| cells.first().is_some_and(|c| c.starts_with(['[', '*']));
    let line = |cells: Vec<String>| {
        format!("    {}{} \\\\\n", if guard(&cells) { "{}" } else { "" }, cells.join(" & "))
    };
    let heading =
        line(std::iter::once(&table.corner).chain(&table.columns).map(|text| escape(text)).collect());
    let rows: String = (table.rows.iter())
        .map(|row| line(std::iter::once(escape(&row.name)).chain(row.cells.iter().map(cell)).collect()))
        .collect();
    // Many columns shrink to the width of the text rather than leave the page.
    let (before, after) =
        if table.columns.len() >= WIDE { ("  \\resizebox{\\textwidth}{!}{%\n", "  }\n") } else { ("", "") };
    format!(
        "\\begin{{table}}[htbp]\n  \\centering\n  \\caption{{{}. {}}}\n{before}  \\begin{{tabular}}{{l{columns}}}\n    \
         \\toprule\n{heading}    \\midrule\n{rows}    \\bottomrule\n  \\end{{tabular}}\n{after}\\end{{table}}\n\
         \\clearpage\n\n",
        escape(&table.title),
        escape(&table.note)
    )
}

/// Differences stay in the other formats: a paper's table has one line a row, and a star where a method is behind.
fn cell(cell: &ResultCell) -> String {
    let is_number = cell.value.trim_start_matches('−').starts_with(|c: char| c.is_ascii_digit())
        && !cell.value.contains(' ');
    if !is_number {
        return escape(&cell.value);
    }
    let number = |text: &str| escape_math(text);
    let error = cell.error.as_ref().map_or(String::new(), |e| format!(" \\pm {}", number(e)));
    let value = format!("{}{error}", number(&cell.value));
    let value = if cell.is_bold { format!("$\\mathbf{{{value}}}$") } else { format!("${value}$") };
    match cell.part {
        Some((some, all)) => format!("{value} ({some}/{all})"),
        None => value,
    }
}

/// A number as [`fixed`](super::super::number::fixed) or [`significant`](super::super::number::significant) writes it.
fn escape_math(text: &str) -> String {
    let mut written = String::new();
    let mut power = String::new();
    for c in text.chars() {
        match c {
            '−' => written.push('-'),
            ',' => written.push_str("{,}"),
            '×' => written.push_str(" \\times "),
            '∞' => written.push_str("\\infty"),
            '⁻' => power.push('-'),
            '⁰'..='⁹' | '¹' | '²' | '³' => power.push(digit(c)),
            c => written.push(c),
        }
    }
    if power.is_empty() { written } else { format!("{written}^{{{power}}}") }
}

fn digit(superscript: char) -> char {
    match superscript {
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        c => char::from_digit((c as u32).wrapping_sub('⁰' as u32), 10).unwrap_or('0'),
    }
}

/// Text outside of formulas.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '±' => escaped.push_str("$\\pm$"),
            '−' => escaped.push_str("$-$"),
            '–' => escaped.push_str("--"),
            '\u{a0}' => escaped.push('~'),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tables::ResultRow;
    use super::*;

    #[test]
    fn special_characters_do_not_break_the_document() {
        let cells = vec![
            ResultCell {
                value: "−1.5".into(),
                error: Some("0.1".into()),
                is_bold: true,
                ..ResultCell::default()
            },
            ResultCell { value: "2.50×10⁻⁷".into(), part: Some((3, 5)), ..ResultCell::default() },
            ResultCell { value: "–".into(), ..ResultCell::default() },
        ];
        let share = ResultCell { value: "3 of 3".into(), ..ResultCell::default() };
        let table = ResultTable {
            title: "50 % & more".into(),
            note: "p < 0.05".into(),
            below: String::new(),
            corner: "table".into(),
            columns: vec!["a_b".into(), "c".into(), "d".into()],
            rows: vec![
                ResultRow { name: "wine_quality#{1}\\".into(), cells },
                ResultRow { name: "[a]".into(), cells: vec![share] },
            ],
        };
        let text = document(&[table]);
        for part in [
            "50 \\% \\& more",
            "p \\textless{} 0.05",
            "    {}[a] & 3 of 3 \\\\",
            "wine\\_quality\\#\\{1\\}\\textbackslash{} & $\\mathbf{-1.5 \\pm 0.1}$ & $2.50 \\times 10^{-7}$ (3/5) & --",
        ] {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert_eq!(text.matches("\\begin{").count(), text.matches("\\end{").count());
    }
}
