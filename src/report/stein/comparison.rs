//! Clouds of several runs side by side, with what each had cost.

use super::landscape::Landscape;
use super::plane::{Detail, Plane, TRAIL, heading, heading_height, legend_entries, panel_size};
use crate::report::canvas::{self, Canvas, Stroke};
use crate::report::style::BLUE;
use crate::report::{legend, number};
use crate::stein::Cloud;
use crate::{Error, Result};

const WIDTH: f64 = 960.0;
const GAP: f64 = 14.0;
const LEGEND: f64 = 26.0;
/// A panel is no wider than this.
const WIDEST: f64 = 380.0;

/// One run as a panel shows it.
#[derive(Debug, Clone)]
pub struct Contender {
    /// Name of the run.
    pub name: String,
    /// The start, then the cloud after each iteration.
    pub clouds: Vec<Cloud>,
    /// Evaluations of the log density so far.
    pub evaluations: usize,
    /// What else to say of it; may be empty.
    pub note: String,
}

/// Runs on one landscape.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Title of the figure.
    pub title: String,
    /// The density.
    pub landscape: Landscape,
    /// The runs, from left to right.
    pub contenders: Vec<Contender>,
}

/// The runs side by side.
///
/// # Errors
/// [`Error::Invalid`] without a contender or with one that has no cloud, and where the figure cannot be drawn.
pub fn svg(comparison: &Comparison) -> Result<String> {
    let count = comparison.contenders.len();
    let whole = (count.max(1) as f64 * (panel_width(count) + GAP) - GAP, height(comparison));
    canvas::draw(whole, &comparison.title, |canvas| panels(canvas, whole.0, comparison))
}

fn panel_width(count: usize) -> f64 {
    ((WIDTH + GAP) / count.max(1) as f64 - GAP).min(WIDEST)
}

/// Height in px of the panels with their legend.
pub(super) fn height(comparison: &Comparison) -> f64 {
    let Comparison { landscape, contenders, .. } = comparison;
    let lines = 3 + usize::from(contenders.iter().any(|c| !c.note.is_empty()));
    LEGEND + panel_size(landscape, panel_width(contenders.len()), Detail::Bare).1 + heading_height(lines)
}

pub(super) fn panels(canvas: &Canvas<'_>, room: f64, comparison: &Comparison) -> Result<()> {
    let Comparison { landscape, contenders, .. } = comparison;
    if contenders.is_empty() || contenders.iter().any(|c| c.clouds.is_empty()) {
        return Err(Error::Invalid("there is no cloud to compare".into()));
    }
    let width = panel_width(contenders.len());
    let size = (width, height(comparison) - LEGEND);
    legend::draw(canvas, room, 0.0, &legend_entries("end"))?;
    for (place, contender) in contenders.iter().enumerate() {
        let part = canvas.part((place as f64 * (width + GAP), LEGEND), size);
        heading(&part, width, &contender.name, &notes(landscape, contender))?;
        // Panels of one row begin at one height, whatever is said above them.
        let top = size.1 - panel_size(landscape, width, Detail::Bare).1;
        let plane = Plane::draw(&part, size, top, landscape, Detail::Bare)?;
        plane.trails(&contender.clouds, Stroke::solid(BLUE, 0.8).opacity(0.35))?;
        if let (Some(first), Some(last)) = (contender.clouds.first(), contender.clouds.last()) {
            plane.rings(first, 2.8)?;
            plane.dots(last, 3.0, TRAIL.colour)?;
        }
    }
    Ok(())
}

fn notes(landscape: &Landscape, contender: &Contender) -> Vec<String> {
    let iterations = number::counted(contender.clouds.len() - 1, "iteration");
    let evaluations = number::counted(contender.evaluations, "evaluation");
    let last = contender.clouds.last().map(|c| (landscape.outside(c), c.count()));
    let (left, count) = last.unwrap_or((0, 0));
    let mut notes = vec![
        format!("{iterations}, {evaluations}"),
        format!("{left} of {count} outside the region of 99\u{a0}%"),
    ];
    notes.extend((!contender.note.is_empty()).then(|| contender.note.clone()));
    notes
}

/// How to read the figure.
pub fn caption() -> String {
    "Rings are where the particles started, dots where they ended, lines their ways. The outermost shade holds 99 % of the \
     mass: of exact draws one in a hundred would lie outside it. Variance ratios are those of the cloud to the exact variances, by \
     coordinate."
        .to_owned()
}
