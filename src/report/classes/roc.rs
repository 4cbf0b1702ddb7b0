//! Receiver operating characteristics: what a threshold finds against what it finds wrongly.
//!
//! Two classes have one curve. More have one each against all others, in small figures that show the other classes' curves
//! in grey: a name above each figure is easier to follow than ten colours in one.

use super::Classes;
use crate::Result;
use crate::posterior::Roc;
use crate::report::axis::Scale;
use crate::report::canvas::{self, Anchor, Canvas, Stroke};
use crate::report::frame::{Axis, Frame};
use crate::report::number;
use crate::report::stein::contours::simplified;
use crate::report::style::{BLUE, FONT_SIZE, INK, LINE, MARGIN, REFERENCE, SMALL, SQUARE, TEXT};
use crate::report::text;
use plotters::style::RGBColor;

/// One of many small figures: nearly square below its name.
const SMALL_SIZE: (f64, f64) = (SMALL.0, 262.0);
/// Curves of other classes.
const OTHERS: RGBColor = RGBColor(190, 190, 190);
/// Curves may be off by this many percentage points: less than half a px.
const TOLERANCE: f64 = 0.1;
/// Name of the horizontal axis.
const WRONG: &str = "false positive rate (%)";
/// Figures of at most so many classes; more would bury the page.
const MOST_CLASSES: usize = 24;

/// One figure for two classes, else one for each class that some rows have and some have not.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) and [`Error::Invalid`](crate::Error::Invalid) where names, probabilities and
/// labels do not fit each other; [`Error::Invalid`](crate::Error::Invalid) where a figure cannot be drawn.
pub fn svgs(classes: &Classes) -> Result<Vec<String>> {
    classes.check()?;
    let curves = curves(classes);
    if classes.is_binary() {
        return curves.iter().map(|(class, roc)| single(&classes.names[*class], roc)).collect();
    }
    let shown = curves.iter().take(MOST_CLASSES);
    shown.map(|(class, roc)| small(&classes.names[*class], roc, &curves)).collect()
}

/// How to read the figures.
pub fn caption(classes: &Classes) -> String {
    let rows = classes.rows.name();
    let mut caption = format!(
        "Receiver operating characteristic on the {rows}: as the threshold falls, more of the class's rows are found (true \
         positives) and more of the others with them (false positives). The area under the curve (AUC) is the probability \
         that a row of the class is given a higher probability than another row; the diagonal is chance."
    );
    if !classes.is_binary() {
        caption.push_str(" Each class against all others, whose curves are grey.");
        let (shown, all) = (curves(classes).len().min(MOST_CLASSES), classes.names.len());
        if shown < all {
            caption.push_str(&format!(
                " {} of {all} classes are shown; a class needs rows, and at most {MOST_CLASSES} fit.",
                number::count(shown)
            ));
        }
    }
    caption
}

/// The curve of each class that has one.
fn curves(classes: &Classes) -> Vec<(usize, Roc)> {
    let shown = if classes.is_binary() { 1..2 } else { 0..classes.names.len() };
    shown
        .filter_map(|class| {
            let positive: Vec<bool> = classes.labels.iter().map(|c| *c == class).collect();
            Some((class, Roc::new(&classes.probability(class), &positive)?))
        })
        .collect()
}

fn single(name: &str, roc: &Roc) -> Result<String> {
    canvas::draw(SQUARE, &format!("Receiver operating characteristic of {name}"), |canvas| {
        let frame = axes(canvas, SQUARE, 0.0, &format!("true positive rate of {name} (%)"), WRONG)?;
        curve(&frame, roc, Stroke::solid(BLUE, 2.2))?;
        // Below the diagonal nothing is drawn by anyone who does better than chance.
        let at = (frame.x(97.0), frame.y(8.0));
        canvas.text(at, &area(roc), FONT_SIZE + 1.0, INK, Anchor::End)
    })
}

fn small(name: &str, roc: &Roc, all: &[(usize, Roc)]) -> Result<String> {
    canvas::draw(SMALL_SIZE, &format!("Receiver operating characteristic of {name}"), |canvas| {
        let line = FONT_SIZE * LINE;
        let heading = text::fit(name, FONT_SIZE, SMALL_SIZE.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, 0.5 * line), &heading, FONT_SIZE, INK, Anchor::Start)?;
        let frame = axes(canvas, SMALL_SIZE, line, "true positive rate (%)", WRONG)?;
        all.iter().try_for_each(|(_, other)| curve(&frame, other, Stroke::solid(OTHERS, 1.0)))?;
        curve(&frame, roc, Stroke::solid(BLUE, 2.2))?;
        canvas.text((frame.x(97.0), frame.y(9.0)), &area(roc), FONT_SIZE, TEXT, Anchor::End)
    })
}

fn area(roc: &Roc) -> String {
    format!("AUC {}", number::fixed(roc.auc, 3))
}

/// A frame from 0 to 100 % in which chance is the diagonal.
fn axes<'c, 'b>(
    canvas: &'c Canvas<'b>,
    size: (f64, f64),
    top: f64,
    found: &str,
    wrong: &str,
) -> Result<Frame<'c, 'b>> {
    let scale = Scale::linear([0.0, 100.0], 0.0);
    let frame = Frame::draw(canvas, size, top, Axis::new(wrong, scale), Axis::new(found, scale))?;
    frame.curve([(0.0, 0.0), (100.0, 100.0)], Stroke::dashed(REFERENCE, 1.3))?;
    Ok(frame)
}

fn curve(frame: &Frame<'_, '_>, roc: &Roc, stroke: Stroke) -> Result<()> {
    let percent: Vec<(f64, f64)> = roc.points.iter().map(|(x, y)| (100.0 * x, 100.0 * y)).collect();
    frame.curve(simplified(&percent, TOLERANCE), stroke)
}
