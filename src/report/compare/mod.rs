//! A comparison of methods as a page, and its tables for Markdown and LaTeX.
//!
//! | Module | Shows |
//! |---|---|
//! | [`tables`] | a metric by table and method, differences from the best, relative costs |
//! | [`ranks`] | mean ranks over tables with their critical difference |
//! | [`cost`] | seconds against log-likelihood |
//! | [`runtime`] | seconds in multiples of one method's |
//! | [`growth`] | log-likelihood by number of particles |
//! | [`page`] | all of it |

pub mod cost;
pub mod growth;
pub mod page;
pub mod ranks;
pub mod runtime;
pub mod tables;

mod html;
mod latex;
mod look;
mod markdown;
mod value;

pub use value::spread;

use crate::compare::Comparison;
use crate::{Error, Result};
use std::path::Path;

/// Writes `report.html`, `tables.md` and `tables.tex` into a folder.
///
/// # Errors
/// [`Error::Invalid`] where a figure cannot be drawn or a file cannot be written.
pub fn write(folder: &Path, comparison: &Comparison) -> Result<()> {
    let tables = tables::all(comparison);
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|e| Error::Invalid(format!("{}: cannot be written: {e}", path.display())))
    };
    write("tables.md", markdown::document(&tables))?;
    write("tables.tex", latex::document(&tables))?;
    write("report.html", page::html(comparison)?)
}
