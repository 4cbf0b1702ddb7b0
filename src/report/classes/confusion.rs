//! Observed against predicted classes: how many rows of each class were taken for which.

use super::Classes;
use crate::Result;
use crate::report::canvas::{self, Anchor, Canvas, Point, Stroke};
use crate::report::number;
use crate::report::style::{AXIS, BLUE, FONT_SIZE, HALF, INK, LINE, MARGIN, TEXT, TICK_SIZE, WIDE};
use crate::report::text;
use plotters::style::RGBColor;

/// Up to so many classes fit a figure of half the page's width.
const FEW: usize = 5;
/// The widest and highest cell.
const CELL: (f64, f64) = (96.0, 62.0);
/// Cells less wide than this hold no percentage below their count.
const ROOM_FOR_SHARE: f64 = 40.0;
/// Cells less wide than this hold no text.
const ROOM_FOR_COUNT: f64 = 22.0;
/// Row names take at most this share of the width.
const NAMES: f64 = 0.3;
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Where everything is, in px.
struct Layout {
    /// Upper left corner of the cells.
    corner: Point,
    cell: (f64, f64),
    /// Names of columns and rows, cut to fit.
    columns: Vec<String>,
    rows: Vec<String>,
    size: (f64, f64),
}

/// Counts and shares of the observed class's rows in each cell, shaded by share.
///
/// # Errors
/// As [`roc::svgs`](super::roc::svgs).
pub fn svg(classes: &Classes) -> Result<String> {
    classes.check()?;
    let counts = counts(classes);
    let layout = Layout::new(&classes.names, if is_wide(classes) { WIDE.0 } else { HALF.0 });
    canvas::draw(layout.size, "Observed against predicted classes", |canvas| {
        layout.names(canvas)?;
        for (observed, row) in counts.iter().enumerate() {
            let total: usize = row.iter().sum();
            for (predicted, count) in row.iter().enumerate() {
                layout.cell(canvas, (observed, predicted), *count, total)?;
            }
        }
        for class in 0..counts.len() {
            // What was right is framed, so that it is found without looking at names.
            let (left, top) = layout.at(class, class);
            let (right, bottom) = (left + layout.cell.0, top + layout.cell.1);
            let frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
            canvas.line(&frame, Stroke::solid(INK, 1.4))?;
        }
        Ok(())
    })
}

/// Whether the figure needs the page's whole width.
pub fn is_wide(classes: &Classes) -> bool {
    classes.names.len() > FEW
}

/// How to read the figure.
pub fn caption(classes: &Classes) -> String {
    let right = classes.predicted().iter().zip(&classes.labels).filter(|((c, _), y)| c == *y).count();
    format!(
        "Each of the {} {} by its observed class (down) and its most probable one (across). Percentages and shades are shares \
         of the observed class's rows; framed cells are right: {} of all rows.",
        number::count(classes.labels.len()),
        classes.rows.name(),
        number::percent(right as f64 / classes.labels.len().max(1) as f64),
    )
}

/// Rows of each observed class by their predicted one.
fn counts(classes: &Classes) -> Vec<Vec<usize>> {
    let c = classes.names.len();
    let mut counts = vec![vec![0; c]; c];
    for ((predicted, _), observed) in classes.predicted().into_iter().zip(&classes.labels) {
        counts[*observed][predicted] += 1;
    }
    counts
}

impl Layout {
    fn new(names: &[String], width: f64) -> Self {
        let widest = |names: &[String]| names.iter().map(|n| text::width(n, FONT_SIZE)).fold(0.0, f64::max);
        let cells = |rows: &[String]| {
            let left = (widest(rows) + 10.0).min(NAMES * width);
            (left, ((width - left - 2.0 * MARGIN) / names.len() as f64).min(CELL.0))
        };
        let (left, cell) = cells(names);
        // Columns too narrow for their names have numbers, which rows carry before theirs.
        let numbered = widest(names) > cell - 6.0;
        let rows: Vec<String> = match numbered {
            true => names.iter().enumerate().map(|(c, name)| format!("{} {name}", c + 1)).collect(),
            false => names.to_vec(),
        };
        let (left, cell) = if numbered { cells(&rows) } else { (left, cell) };
        let columns = match numbered {
            true => (1..=names.len()).map(|c| c.to_string()).collect(),
            false => names.to_vec(),
        };
        let height = (0.75 * cell).clamp(20.0, CELL.1);
        let corner = (MARGIN + left, MARGIN + 2.0 * FONT_SIZE * LINE + 4.0);
        Self {
            corner,
            cell: (cell, height),
            columns,
            rows: rows.iter().map(|n| text::fit(n, FONT_SIZE, left - 10.0)).collect(),
            size: (width, (corner.1 + height * names.len() as f64 + 2.0 * MARGIN).ceil()),
        }
    }

    fn at(&self, observed: usize, predicted: usize) -> Point {
        (self.corner.0 + predicted as f64 * self.cell.0, self.corner.1 + observed as f64 * self.cell.1)
    }

    fn names(&self, canvas: &Canvas<'_>) -> Result<()> {
        let line = FONT_SIZE * LINE;
        let above = MARGIN + line / 2.0;
        canvas.text((MARGIN, above + line), "observed", FONT_SIZE, TEXT, Anchor::Start)?;
        canvas.text((self.corner.0, above), "predicted", FONT_SIZE, TEXT, Anchor::Start)?;
        for (c, (column, row)) in self.columns.iter().zip(&self.rows).enumerate() {
            let (left, top) = self.at(c, c);
            let middle = (left + self.cell.0 / 2.0, above + line);
            canvas.text(middle, column, FONT_SIZE, INK, Anchor::Middle)?;
            let beside = (self.corner.0 - 7.0, top + self.cell.1 / 2.0);
            canvas.text(beside, row, FONT_SIZE, INK, Anchor::End)?;
        }
        Ok(())
    }

    fn cell(
        &self,
        canvas: &Canvas<'_>,
        (observed, predicted): (usize, usize),
        count: usize,
        total: usize,
    ) -> Result<()> {
        let (left, top) = self.at(observed, predicted);
        let (right, bottom) = (left + self.cell.0, top + self.cell.1);
        let share = count as f64 / total.max(1) as f64;
        canvas.rectangle((left, top), (right, bottom), BLUE, 0.03 + 0.97 * share)?;
        let frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        canvas.line(&frame, Stroke::solid(AXIS, 0.6).opacity(0.6))?;
        if self.cell.0 < ROOM_FOR_COUNT {
            return Ok(());
        }
        // Zeros would hide what is not zero.
        let colour = match (count, share > 0.55) {
            (0, _) => AXIS,
            (_, true) => WHITE,
            (_, false) => INK,
        };
        let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let room = self.cell.0 - 3.0;
        let text = |y: f64, words: &str, size: f64| {
            let size = size.min(size * room / text::width(words, size));
            canvas.text((x, y), words, size, colour, Anchor::Middle)
        };
        if count == 0 || self.cell.0 < ROOM_FOR_SHARE {
            return text(y, &number::count(count), FONT_SIZE);
        }
        let apart = 0.6 * FONT_SIZE;
        text(y - apart, &number::count(count), FONT_SIZE)?;
        text(y + apart, &number::percent(share), TICK_SIZE - 1.0)
    }
}
