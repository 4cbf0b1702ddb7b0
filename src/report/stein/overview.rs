//! A whole run on one sheet: ways, frames, and what moved the particles at the start and at the end.

use super::comparison::Comparison;
use super::fields::{self, ForceField};
use super::landscape::Landscape;
use super::{comparison, frames, paths};
use crate::Result;
use crate::report::canvas::{self, Anchor, Canvas};
use crate::report::style::{FONT_SIZE, INK, MARGIN};
use crate::report::text;
use crate::stein::Cloud;

const WIDTH: f64 = 960.0;
const GAP: f64 = 14.0;
const LEFT: f64 = 392.0;
const TITLE: f64 = 30.0;
const BETWEEN: f64 = 18.0;
const TITLE_SIZE: f64 = 16.0;

/// What one sheet shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Its title.
    pub title: String,
    /// The density.
    pub landscape: Landscape,
    /// The start, then the cloud after each iteration.
    pub clouds: Vec<Cloud>,
    /// Force fields, a section each.
    pub fields: Vec<FieldSection>,
    /// Runs side by side, a section each.
    pub comparisons: Vec<Comparison>,
}

/// A force field and where it is shown.
#[derive(Debug, Clone)]
pub struct FieldSection {
    /// Its title.
    pub title: String,
    /// The part of the plane shown, with the proportions of the sheet's own.
    pub landscape: Landscape,
    /// The force.
    pub field: ForceField,
}

/// The sheet.
///
/// # Errors
/// Those of [`paths::svg`], [`frames::svg`] and [`fields::svg`].
pub fn svg(overview: &Overview) -> Result<String> {
    let Overview { title, landscape, clouds, fields, comparisons } = overview;
    let small = (WIDTH - LEFT - 3.0 * GAP) / 3.0;
    let quarter = (WIDTH - 3.0 * GAP) / 4.0;
    let way = paths::size(landscape, LEFT);
    let frames_height = frames::height(landscape, small, clouds.len());
    let first = way.1.max(frames_height);
    let row = fields::height(landscape, quarter, 4);
    let fields_height = fields.len() as f64 * (BETWEEN + TITLE + row);
    let compared = comparisons.iter().map(comparison::height);
    let height = TITLE + first + fields_height + compared.map(|h| BETWEEN + TITLE + h).sum::<f64>();
    canvas::draw((WIDTH, height), title, |canvas| {
        section(canvas, 0.0, title)?;
        paths::panel(&canvas.part((0.0, TITLE), way), way, 0.0, landscape, clouds)?;
        let right = canvas.part((LEFT + GAP, TITLE), (WIDTH - LEFT - GAP, frames_height));
        frames::panels(&right, small, landscape, clouds)?;
        let mut top = TITLE + first + BETWEEN;
        for FieldSection { title, landscape, field } in fields {
            section(canvas, top, title)?;
            fields::panels(&canvas.part((0.0, top + TITLE), (WIDTH, row)), quarter, 4, landscape, field)?;
            top += BETWEEN + TITLE + row;
        }
        for compared in comparisons {
            section(canvas, top, &compared.title)?;
            let height = comparison::height(compared);
            comparison::panels(&canvas.part((0.0, top + TITLE), (WIDTH, height)), WIDTH, compared)?;
            top += BETWEEN + TITLE + height;
        }
        Ok(())
    })
}

fn section(canvas: &Canvas<'_>, top: f64, title: &str) -> Result<()> {
    let title = text::fit(title, TITLE_SIZE, WIDTH - 2.0 * MARGIN);
    canvas.text((MARGIN, top + 0.7 * FONT_SIZE), &title, TITLE_SIZE, INK, Anchor::Start)
}

/// How to read the sheet.
pub fn caption() -> String {
    format!("{} {} {} {}", paths::caption(), frames::caption(), fields::caption(), comparison::caption())
}
