//! Tables as HTML.

use super::super::text::escape;
use super::tables::{ResultCell, ResultTable};

/// The table with its note, without its title.
pub(super) fn table(table: &ResultTable) -> String {
    let heading: String =
        table.columns.iter().map(|name| format!("<th class=\"n\">{}</th>", escape(name))).collect();
    let rows: String = (table.rows.iter())
        .map(|row| {
            let cells: String = row.cells.iter().map(cell).collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&row.name))
        })
        .collect();
    format!(
        "<p>{} {}</p>\n<div class=\"scroll\"><table class=\"results\">\n<thead><tr><th>{}</th>{heading}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n",
        escape(&table.note),
        escape(&table.below),
        escape(&table.corner)
    )
}

fn cell(cell: &ResultCell) -> String {
    let error = cell.error.as_ref().map_or(String::new(), |e| format!(" ± {}", escape(e)));
    let value = format!("{}{error}", escape(&cell.value));
    let value = if cell.is_bold { format!("<b>{value}</b>") } else { value };
    let line = |text: String| format!("<span class=\"behind\">{}</span>", escape(&text));
    let behind = cell.behind.clone().map_or(String::new(), line);
    let part = cell.part.map_or(String::new(), |(some, all)| line(format!("{some} of {all} splits")));
    format!("<td class=\"n\">{value}{behind}{part}</td>")
}
