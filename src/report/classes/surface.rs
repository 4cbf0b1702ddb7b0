//! Class probabilities over two inputs, and beside them how uncertain they are.

use super::marks;
use super::{Surface, shape};
use crate::posterior::most_probable;
use crate::report::axis::{Scale, span};
use crate::report::canvas::{self, Anchor, Canvas, Point, Stroke};
use crate::report::frame::{Axis, Frame, thinned};
use crate::report::number;
use crate::report::ramp::{self, DEVIATION, LEVEL, Ramp};
use crate::report::sheet::Sheet;
use crate::report::style::{AXIS, FONT_SIZE, INK, LINE, MARGIN};
use crate::report::text;
use crate::{Error, Result};
use plotters::style::RGBColor;

/// Width and height of each of the two figures.
const SIZE: (f64, f64) = (460.0, 440.0);
/// More training rows than this are thinned: their marks hide the surface.
const MOST_MARKS: usize = 400;
/// A class's name stands where its probability is at least this share of its largest.
const NEARLY: f64 = 0.8;
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// The probability, and its standard deviation over draws of the latent values where that is known. Of two classes it is the second
/// one's probability with its contour at 1/2; of more it is that of the most probable class, with the lines where
/// another takes over.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Invalid`] where grid, probabilities and labels do not fit each other; [`Error::Invalid`]
/// where a figure cannot be drawn.
pub fn svgs(surface: &Surface, names: &[String]) -> Result<Vec<String>> {
    check(surface, names)?;
    let values = shown(surface, names.len(), &surface.probabilities);
    let least = if names.len() == 2 { 0.0 } else { 1.0 / names.len() as f64 };
    let about = match names {
        [_, second] => format!("probability of {second}"),
        _ => "probability of the most probable class".to_owned(),
    };
    let (what, uncertainty) = (about.replacen('p', "P", 1), format!("Standard deviation of the {about}"));
    let scale = Scale::linear([least, 1.0], 0.0);
    let mut figures = vec![figure(surface, names, &what, &values, scale, LEVEL)?];
    if !surface.deviations.is_empty() {
        let values = shown(surface, names.len(), &surface.deviations);
        let most = span(values.iter().copied()).map_or(0.0, |(_, most)| most);
        // Where all particles agree there is still an axis.
        let scale = Scale::linear([0.0, most.max(1e-3)], 0.0);
        figures.push(figure(surface, names, &uncertainty, &values, scale, DEVIATION)?);
    }
    Ok(figures)
}

/// How to read the figures.
pub fn caption(surface: &Surface, names: &[String]) -> String {
    let lines = if names.len() == 2 {
        "the line is where both classes are equally probable"
    } else {
        "lines are where another class becomes the most probable one, and each class is named where it is probable"
    };
    let mut caption =
        format!("Predictive probability over both inputs; {lines}. Marks are the training rows");
    if surface.train.len() > MOST_MARKS {
        caption.push_str(&format!(", {MOST_MARKS} of {}", number::count(surface.train.len())));
    }
    caption.push('.');
    if !surface.deviations.is_empty() {
        caption.push_str(
            " The second figure has a scale of its own: it is dark where the probability itself is uncertain, over particles \
             and latent values, which more rows would mend; a probability near one half where it is light is the data's own doubt.",
        );
    }
    caption
}

/// Whether there is nothing to see.
pub fn is_empty(surface: &Surface) -> bool {
    surface.probabilities.is_empty()
}

fn check(surface: &Surface, names: &[String]) -> Result<()> {
    let places = surface.x.len() * surface.y.len();
    if names.len() < 2 || surface.x.len() < 2 || surface.y.len() < 2 {
        return Err(Error::Invalid("a surface needs two classes and two grid values of each input".into()));
    }
    let rises = |grid: &[f64]| grid.windows(2).all(|g| g[0] < g[1] && (g[1] - g[0]).is_finite());
    if !rises(&surface.x) || !rises(&surface.y) {
        return Err(Error::Invalid("the grid of a surface must ascend".into()));
    }
    shape("probabilities of a surface", places * names.len(), surface.probabilities.len())?;
    if !surface.deviations.is_empty() {
        shape("deviations of a surface", places * names.len(), surface.deviations.len())?;
    }
    Ok(())
}

/// The value of the class that each place is about.
fn shown(surface: &Surface, classes: usize, values: &[f64]) -> Vec<f64> {
    let about = |p: &[f64]| if classes == 2 { 1 } else { most_probable(p).0 };
    let rows = surface.probabilities.chunks_exact(classes).zip(values.chunks_exact(classes));
    rows.map(|(p, v)| v[about(p)]).collect()
}

fn figure(
    surface: &Surface,
    names: &[String],
    what: &str,
    values: &[f64],
    scale: Scale,
    ramp: Ramp,
) -> Result<String> {
    canvas::draw(SIZE, what, |canvas| {
        let line = FONT_SIZE * LINE;
        let heading = text::fit(what, FONT_SIZE, SIZE.0 - 2.0 * MARGIN);
        canvas.text((MARGIN, MARGIN + 0.5 * line), &heading, FONT_SIZE, INK, Anchor::Start)?;
        let top = marks::legend(canvas, SIZE.0, MARGIN + line, names)?;
        let size = (SIZE.0 - ramp::bar_width(scale), SIZE.1);
        let [x, y] = [&surface.x, &surface.y].map(|g| Scale::linear(g.iter().copied(), 0.0));
        let [x_name, y_name] = &surface.inputs;
        let frame = Frame::draw(canvas, size, top, Axis::new(x_name, x), Axis::new(y_name, y))?;
        let sheet = Sheet { canvas, frame, x: &surface.x, y: &surface.y };
        sheet.shade(values, scale, ramp)?;
        boundaries(&sheet, surface, names.len())?;
        let inside = |p: &&(f64, f64, usize)| sheet.frame.contains(p.0, p.1);
        let train: Vec<&(f64, f64, usize)> = surface.train.iter().filter(inside).collect();
        let radius = if train.len() > 120 { 2.4 } else { 3.2 };
        let mut places = Vec::new();
        for (x, y, class) in thinned(&train, MOST_MARKS) {
            let at = sheet.frame.at(*x, *y);
            marks::draw(canvas, at, radius, *class)?;
            places.push(at);
        }
        if names.len() > 2 {
            labels(&sheet, surface, names, &places)?;
        }
        let (_, right) = x.ends();
        let edges = (sheet.frame.top(), sheet.frame.bottom());
        ramp::bar(canvas, sheet.frame.x(right), edges, scale, ramp)
    })
}

/// Where a class becomes the most probable one.
fn boundaries(sheet: &Sheet<'_, '_, '_>, surface: &Surface, classes: usize) -> Result<()> {
    // What one of two classes wins the other loses.
    let winners = if classes == 2 { 1..2 } else { 0..classes };
    for class in winners {
        let lead: Vec<f64> = (surface.probabilities.chunks_exact(classes))
            .map(|row| {
                let rest = row.iter().enumerate().filter(|(c, _)| *c != class).map(|(_, p)| *p);
                row[class] - rest.fold(f64::NEG_INFINITY, f64::max)
            })
            .collect();
        for pixels in sheet.contours(&lead, 0.0) {
            sheet.canvas.line(&pixels, Stroke::solid(WHITE, 3.6).opacity(0.7))?;
            sheet.canvas.line(&pixels, Stroke::solid(INK, 1.6))?;
        }
    }
    Ok(())
}

/// Each class's name where it is probable and where the name hides the fewest of the marks.
fn labels(sheet: &Sheet<'_, '_, '_>, surface: &Surface, names: &[String], marks: &[Point]) -> Result<()> {
    let columns = surface.x.len();
    let (left, right) = (sheet.frame.x(surface.x[0]), sheet.frame.x(surface.x[columns - 1]));
    let mut taken: Vec<Label> = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let name = text::fit(name, FONT_SIZE, 0.5 * (right - left));
        let half = (0.5 * text::width(&name, FONT_SIZE) + 4.0, 0.5 * FONT_SIZE * LINE);
        let rows = surface.probabilities.chunks_exact(names.len()).enumerate();
        let own: Vec<(usize, f64)> =
            rows.filter(|(_, row)| most_probable(row).0 == class).map(|(k, row)| (k, row[class])).collect();
        let most = own.iter().fold(0.0, |most: f64, (_, p)| most.max(*p));
        let places = own.iter().filter(|(_, p)| *p >= NEARLY * most).map(|(k, p)| {
            let at = sheet.frame.at(surface.x[k % columns], surface.y[k / columns]);
            let x = at.0.min(right - half.0 - 2.0).max(left + half.0 + 2.0);
            let y = at.1.min(sheet.frame.bottom() - half.1 - 2.0).max(sheet.frame.top() + half.1 + 2.0);
            let label = Label { at: (x, y), half };
            let names_hidden = taken.iter().filter(|other| label.overlaps(other)).count();
            let hidden = marks.iter().filter(|mark| label.hides(**mark)).count();
            (label, names_hidden * marks.len().max(1) + hidden, *p)
        });
        let best = places.min_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)));
        let Some((label, _, _)) = best else { continue };
        label.draw(sheet.canvas, &name)?;
        taken.push(label);
    }
    Ok(())
}

/// A name on a pale ground.
#[derive(Clone, Copy)]
struct Label {
    at: Point,
    /// Half its width and half its height.
    half: Point,
}

impl Label {
    fn draw(&self, canvas: &Canvas<'_>, name: &str) -> Result<()> {
        let ((x, y), (w, h)) = (self.at, self.half);
        canvas.rectangle((x - w, y - h), (x + w, y + h), WHITE, 0.85)?;
        let frame = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h), (x - w, y - h)];
        canvas.line(&frame, Stroke::solid(AXIS, 0.8))?;
        canvas.text(self.at, name, FONT_SIZE, INK, Anchor::Middle)
    }

    fn overlaps(&self, other: &Label) -> bool {
        (self.at.0 - other.at.0).abs() < self.half.0 + other.half.0 + 2.0
            && (self.at.1 - other.at.1).abs() < self.half.1 + other.half.1 + 2.0
    }

    fn hides(&self, mark: Point) -> bool {
        self.overlaps(&Label { at: mark, half: (3.0, 3.0) })
    }
}
