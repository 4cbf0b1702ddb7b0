//! CSV: an outline pass that checks quotes and row lengths, then polars splits the cells in parallel.
//!
//! Polars fills short rows with nulls, renames equal column names and types a column by its first rows, all without
//! a word. So the outline finds the header, the line of each row, and every row that is ragged; polars reads each cell
//! as text.

use super::{
    Place, Result, TableError,
    cells::{Cells, NamedCells},
    guard,
};
use polars::prelude::{CsvReadOptions, DataFrame, DataType, Field, PolarsResult, Schema, SerReader};
use std::{borrow::Cow, io::Cursor, ops::Range, path::Path, sync::Arc};

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// The columns of a CSV as text cells, and the 1-based line where each row starts.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(NamedCells, Vec<usize>)> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = check_text(path, bytes)?;
    let outline = Outline::of(path, text)?;
    if outline.lines.is_empty() {
        return Err(TableError::NoRows { path: path.into() });
    }
    let broken = |reason: String| TableError::Csv { path: path.into(), reason };
    let frame = guard::catch(|| split_cells(&outline.body, outline.header.len()))
        .ok_or_else(|| broken("it cannot be split into cells".into()))?
        .map_err(|e| broken(e.to_string()))?;
    if frame.height() != outline.lines.len() {
        return Err(broken(format!(
            "{} rows were found where {} were counted",
            frame.height(),
            outline.lines.len()
        )));
    }
    let columns = outline
        .header
        .into_iter()
        .zip(frame.columns())
        .map(|(name, column)| Ok((name, Cells::Text(column.str()?.clone()))))
        .collect::<PolarsResult<_>>()
        .map_err(|e| broken(e.to_string()))?;
    Ok((columns, outline.lines))
}

fn check_text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    let not_text = |at: usize| TableError::NotText { path: path.into(), line: 1 + newlines(&bytes[..at]) };
    let text = std::str::from_utf8(bytes).map_err(|e| not_text(e.valid_up_to()))?;
    text.find('\0').map_or(Ok(text), |at| Err(not_text(at)))
}

/// Reads `body`, which begins with the line end of the header, as text columns.
fn split_cells(body: &[u8], columns: usize) -> PolarsResult<DataFrame> {
    let schema: Schema = (0..columns).map(|i| Field::new(format!("{i}").into(), DataType::String)).collect();
    CsvReadOptions::default()
        .with_has_header(false)
        // Polars takes text that begins with `x^` for zlib. The header's line end in front of the first row keeps it
        // from looking, and is skipped here.
        .with_skip_lines(1)
        .with_schema(Some(Arc::new(schema)))
        .with_infer_schema_length(Some(0))
        .with_rechunk(true)
        .into_reader_with_file_handle(Cursor::new(body))
        .finish()
}

/// What stands where in a CSV.
struct Outline<'a> {
    header: Vec<String>,
    /// All rows without blank lines, preceded by a line end.
    body: Cow<'a, [u8]>,
    /// The 1-based line where each row starts.
    lines: Vec<usize>,
}

impl<'a> Outline<'a> {
    fn of(path: &Path, text: &'a str) -> Result<Self> {
        let bytes = text.as_bytes();
        let mut records = Records { bytes, at: 0, line: 1 };
        let mut cells = Vec::new();
        let misplaced = |line: usize| TableError::Quote { path: path.into(), line };
        let header: Vec<String> = match records.next_filled(&mut cells).map_err(misplaced)? {
            None => return Err(TableError::Empty { path: path.into() }),
            Some(_) => cells.iter().map(|cell| unquote(&text[cell.clone()])).collect(),
        };
        if let [only] = header.as_slice()
            && let Some(separator) = only.chars().find(|c| matches!(c, ';' | '\t' | '|'))
        {
            return Err(TableError::Separator { path: path.into(), separator });
        }

        let body_start = records.at.saturating_sub(1);
        let mut body = Cow::Borrowed(&bytes[body_start..]);
        let mut previous_end = records.at;
        let mut lines = Vec::new();
        while let Some(record) = records.next_filled(&mut cells).map_err(misplaced)? {
            if cells.len() != header.len() {
                let place = Place { row: lines.len(), line: Some(record.line) };
                let (expected, found) = (header.len(), cells.len());
                return Err(TableError::Ragged { path: path.into(), place, expected, found });
            }
            lines.push(record.line);
            // From the first blank line on, the rows are copied without the blank lines.
            if record.bytes.start != previous_end && matches!(body, Cow::Borrowed(_)) {
                body = Cow::Owned(bytes[body_start..previous_end].to_vec());
            }
            if let Cow::Owned(copy) = &mut body {
                copy.extend_from_slice(&bytes[record.bytes.clone()]);
            }
            previous_end = record.bytes.end;
        }
        if let Cow::Borrowed(whole) = body {
            body = Cow::Borrowed(&whole[..previous_end - body_start]);
        }
        Ok(Self { header, body, lines })
    }
}

/// A record: its bytes with its line end, and the 1-based line where it starts.
struct Record {
    bytes: Range<usize>,
    line: usize,
}

/// Walks over the records of a CSV (RFC 4180).
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Records<'_> {
    /// The next record that is not a blank line; `cells` receives the range of each cell, quotes included.
    /// A misplaced quote is an error that holds its line.
    fn next_filled(&mut self, cells: &mut Vec<Range<usize>>) -> Result<Option<Record>, usize> {
        while self.at < self.bytes.len() {
            let (start, line) = (self.at, self.line);
            self.walk(cells)?;
            let blank = cells.len() == 1 && self.bytes[cells[0].clone()].iter().all(u8::is_ascii_whitespace);
            if !blank {
                return Ok(Some(Record { bytes: start..self.at, line }));
            }
        }
        Ok(None)
    }

    fn walk(&mut self, cells: &mut Vec<Range<usize>>) -> Result<(), usize> {
        cells.clear();
        loop {
            let start = self.at;
            if self.bytes.get(start) == Some(&b'"') {
                self.skip_quoted()?;
            }
            let rest = &self.bytes[self.at..];
            let length = rest.iter().position(|b| matches!(b, b',' | b'\n')).unwrap_or(rest.len());
            let (tail, end) = (&rest[..length], self.at + length);
            let closed = self.at > start;
            let carriage_return = tail.last() == Some(&b'\r') && rest.get(length) != Some(&b',');
            let tail = if carriage_return { &tail[..length - 1] } else { tail };
            if tail.contains(&b'"') || (closed && !tail.is_empty()) {
                return Err(self.line);
            }
            cells.push(start..end - usize::from(carriage_return));
            self.at = (end + 1).min(self.bytes.len());
            match rest.get(length) {
                Some(b',') => {}
                Some(_) => {
                    self.line += 1;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    /// Moves behind the closing quote.
    fn skip_quoted(&mut self) -> Result<(), usize> {
        let opened = self.line;
        let mut at = self.at + 1;
        loop {
            match (self.bytes.get(at), self.bytes.get(at + 1)) {
                (None, _) => return Err(opened),
                (Some(b'"'), Some(b'"')) => at += 2,
                (Some(b'"'), _) => break,
                (Some(b), _) => {
                    self.line += usize::from(*b == b'\n');
                    at += 1;
                }
            }
        }
        self.at = at + 1;
        Ok(())
    }
}

fn unquote(cell: &str) -> String {
    match cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => cell.to_string(),
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b == b'\n').count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(String, Vec<Option<String>>)> {
        let (columns, _) = read(Path::new("t.csv"), text.as_bytes()).unwrap();
        columns
            .into_iter()
            .map(|(name, cells)| match cells {
                Cells::Text(text) => (name, text.iter().map(|c| c.map(str::to_string)).collect()),
                _ => unreachable!("a CSV holds text cells"),
            })
            .collect()
    }

    fn column(text: &str, index: usize) -> Vec<Option<String>> {
        cells(text).swap_remove(index).1
    }

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|v| Some(v.to_string())).collect()
    }

    #[test]
    fn quoted_cells_may_hold_commas_quotes_and_line_ends() {
        let text = "\"a,\"\"1\"\"\",b\r\n\"x\ny\",1\r\n\"p \"\"q\"\"\",2\r\n";
        assert_eq!(cells(text)[0].0, "a,\"1\"");
        assert_eq!(column(text, 0), some(&["x\ny", "p \"q\""]));
        assert_eq!(column(text, 1), some(&["1", "2"]));
    }

    #[test]
    fn lines_count_blank_lines_and_line_ends_in_quotes() {
        let text = "\na,b\n\n1,\"x\ny\"\n  \n2,z";
        let (_, lines) = read(Path::new("t.csv"), text.as_bytes()).unwrap();
        assert_eq!(lines, [4, 7]);
        assert_eq!(column(text, 0), some(&["1", "2"]));
    }

    #[test]
    fn text_that_polars_would_take_for_zlib_is_text() {
        assert_eq!(column("a,b\nx^2y,1\n", 0), some(&["x^2y"]));
        assert_eq!(cells("x^2,b\n1,1\n")[0].0, "x^2");
    }

    #[test]
    fn empty_cells_at_the_end_of_a_row_are_cells() {
        assert_eq!(column("a,b\n1,\n2,\n", 1), [None, None]);
        assert_eq!(column("a,b\n1,2\n2,", 1), [Some("2".into()), None]);
    }

    #[test]
    fn short_and_long_rows_are_ragged() {
        for (text, row, line, found) in
            [("a,b\n1,2\n3\n", 1, 3, 1), ("a,b\n1,2,3\n", 0, 2, 3), ("a,b\n\n1,2\n3,4,\n", 1, 4, 3)]
        {
            match read(Path::new("t.csv"), text.as_bytes()) {
                Err(TableError::Ragged { place, expected: 2, found: f, .. }) => {
                    assert_eq!((place.row, place.line, f), (row, Some(line), found));
                }
                other => unreachable!("{text:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn misplaced_quotes_name_their_line() {
        for (text, line) in [("a,b\n1,\"2\n3,4\n", 2), ("a,b\n1,2\"\n", 2), ("a\n1\n\"2\"x\n", 3)] {
            let error = read(Path::new("t.csv"), text.as_bytes());
            assert!(
                matches!(error, Err(TableError::Quote { line: l, .. }) if l == line),
                "{text:?}: {error:?}"
            );
        }
    }

    #[test]
    fn other_separators_are_named() {
        let error = read(Path::new("t.csv"), b"a;b\n1;2\n");
        assert!(matches!(error, Err(TableError::Separator { separator: ';', .. })));
    }

    #[test]
    fn many_rows_keep_their_order_across_parallel_chunks() {
        let mut text = String::from("n,t\n");
        for i in 0..50_000 {
            text.push_str(&format!("{i},\"line {i}\nnext, \"\"one\"\"\"\n"));
        }
        let numbers = column(&text, 0);
        assert_eq!(numbers.len(), 50_000);
        assert!(numbers.iter().enumerate().all(|(i, n)| n.as_deref() == Some(i.to_string().as_str())));
    }

    /// The cells of all rows as the outline sees them.
    fn outlined(text: &str) -> Vec<Vec<String>> {
        let mut records = Records { bytes: text.as_bytes(), at: 0, line: 1 };
        let (mut cells, mut rows) = (Vec::new(), Vec::new());
        while records.next_filled(&mut cells).unwrap().is_some() {
            rows.push(cells.iter().map(|cell| unquote(&text[cell.clone()])).collect());
        }
        rows.split_off(1)
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

        #[test]
        fn polars_and_the_outline_see_the_same_cells(
            body in proptest::collection::vec(
                ("([ax^1é ]{0,3}|\"([ax,\r\n é]|\"\"){0,4}\"),([ax^ ]{0,3}|\"([ax,\n]|\"\"){0,4}\")", "\n|\r\n|\n\n|\n \n"),
                1..6,
            ),
            last_line_ends: bool,
        ) {
            let mut text = String::from("a,b\n");
            body.iter().for_each(|(row, end)| text.push_str(&format!("{row}{end}")));
            let text = if last_line_ends { text.as_str() } else { text.trim_end_matches(['\n', '\r', ' ']) };
            let columns = cells(text);
            for (i, row) in outlined(text).iter().enumerate() {
                for (cell, (_, column)) in row.iter().zip(&columns) {
                    let found = column[i].as_deref().unwrap_or_default();
                    proptest::prop_assert_eq!(found.trim(), cell.trim(), "{:?}", text);
                }
            }
        }

        #[test]
        fn any_text_is_a_table_or_an_error(text in "[ab,\"\n\r ^;1]{0,40}") {
            if let Ok((columns, lines)) = read(Path::new("t.csv"), text.as_bytes()) {
                proptest::prop_assert!(columns.iter().all(|(_, cells)| cells.len() == lines.len()));
            }
        }
    }
}
