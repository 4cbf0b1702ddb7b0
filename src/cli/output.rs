//! What goes to the terminal.

use super::{Failure, Outcome};
use serde::Serialize;
use std::io::Write;

/// A line on standard error; where that is closed there is nobody left to tell.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Text on standard output. A reader that has gone away (`| head`) is no failure.
pub(super) fn say(text: &str) -> Outcome {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Data(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// One JSON object and a line end on standard output.
pub(super) fn json(value: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::Data(format!("JSON: {e}")))?;
    say(&format!("{text}\n"))
}

/// A table with columns of equal width: the first column to the left, the others to the right.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |c: usize| {
        rows.iter().map(|r| r[c].chars().count()).chain([header[c].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells
            .zip(&widths)
            .enumerate()
            .map(|(c, (cell, w))| if c == 0 { format!("{cell:<w$}") } else { format!("{cell:>w$}") });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(&mut header.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// A count with its noun: `1 row`, `2 rows`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A number with four significant digits.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        format!("{value:.*}", (3.0 - magnitude).clamp(0.0, 8.0) as usize)
    } else {
        format!("{value:.3e}")
    }
}

/// Threads where nothing else is asked for.
pub(super) fn all_threads() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX))
}

/// Sets the number of threads for everything that follows.
pub(super) fn use_threads(threads: Option<u16>) -> Outcome {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|e| Failure::Data(format!("--threads: {e}")))
}
