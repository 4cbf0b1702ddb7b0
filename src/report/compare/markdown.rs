//! Tables as Markdown (GitHub's dialect).

use super::tables::{ResultCell, ResultTable};

/// All tables with their headings.
pub(super) fn document(tables: &[ResultTable]) -> String {
    let one = |t: &ResultTable| {
        let note = format!("{} {}", t.note, t.below).replace('*', "\\*");
        format!("## {}\n\n{}\n\n{}", t.title, note.trim_end(), table(t))
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn table(table: &ResultTable) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let heading = std::iter::once(&table.corner).chain(&table.columns).map(|text| escape(text)).collect();
    let rule = std::iter::once("---".to_owned()).chain(table.columns.iter().map(|_| "---:".to_owned()));
    let rows = table
        .rows
        .iter()
        .map(|row| line(std::iter::once(escape(&row.name)).chain(row.cells.iter().map(cell)).collect()));
    format!("{}{}{}", line(heading), line(rule.collect()), rows.collect::<String>())
}

fn cell(cell: &ResultCell) -> String {
    let error = cell.error.as_ref().map_or(String::new(), |e| format!(" ± {e}"));
    let value = escape(&format!("{}{error}", cell.value));
    let value = if cell.is_bold { format!("**{value}**") } else { value };
    let behind = cell.behind.as_ref().map_or(String::new(), |text| format!("<br>{}", escape(text)));
    let part = cell.part.map_or(String::new(), |(some, all)| format!("<br>{some} of {all} splits"));
    format!("{value}{behind}{part}")
}

/// Names must not break a cell or become markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '\\' | '[' | ']' | '&') {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tables::ResultRow;
    use super::*;

    #[test]
    fn a_table_has_as_many_cells_in_each_line() {
        let table = ResultTable {
            title: "A".into(),
            note: "B".into(),
            below: String::new(),
            corner: "table".into(),
            columns: vec!["ml".into(), "a|b&lt;".into()],
            rows: vec![ResultRow {
                name: "wine_quality".into(),
                cells: vec![
                    ResultCell {
                        value: "−1.0".into(),
                        error: Some("0.1".into()),
                        is_bold: true,
                        ..ResultCell::default()
                    },
                    ResultCell {
                        value: "2".into(),
                        behind: Some("3 behind **".into()),
                        ..ResultCell::default()
                    },
                ],
            }],
        };
        let text = document(&[table]);
        assert!(text.contains("| wine\\_quality | **−1.0 ± 0.1** | 2<br>3 behind \\*\\* |"), "{text}");
        assert!(text.contains("| table | ml | a\\|b\\&lt; |\n| --- | ---: | ---: |"), "{text}");
    }
}
