//! Predicted probabilities against observed frequencies (Murphy & Winkler 1977).

use super::Classes;
use crate::Result;
use crate::posterior::{ReliabilityBin, reliability};
use crate::report::axis::Scale;
use crate::report::canvas::{self, Anchor, Stroke};
use crate::report::frame::{Axis, Frame};
use crate::report::legend::{self, Mark};
use crate::report::number;
use crate::report::style::{
    AXIS, BLUE, FONT_SIZE, INK, LIGHT_BLUE, LINE, MARGIN, REFERENCE, SQUARE, TEXT, TICK_SIZE,
};
use crate::report::text;

/// Height of the histogram.
const HISTOGRAM: f64 = 62.0;
/// Its bins.
const BINS: usize = 20;
/// Two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_985;

/// Observed frequency by predicted probability, with 95 % intervals, over a histogram of the predictions. Of two
/// classes the second one's probability, of more that of the predicted class.
///
/// # Errors
/// As [`roc::svgs`](super::roc::svgs).
pub fn svg(classes: &Classes) -> Result<String> {
    classes.check()?;
    let (probability, happened) = events(classes);
    let bins = reliability(&probability, &happened);
    let (event, name) = names(classes);
    let title = format!("Reliability of the {name}");
    canvas::draw(SQUARE, &title, |canvas| {
        let entries = [
            (Mark::Dot(BLUE, 1.0), "bins of rows, with 95 % intervals".to_owned()),
            (Mark::Line(Stroke::dashed(REFERENCE, 1.3)), "calibrated".to_owned()),
        ];
        let top = legend::draw(canvas, SQUARE.0, 0.0, &entries)?;
        let line = FONT_SIZE * LINE;
        let scale = Scale::linear([0.0, 100.0], 0.0);
        let above = (SQUARE.0, SQUARE.1 - HISTOGRAM - line - 16.0);
        let frame = Frame::draw(canvas, above, top, Axis::new("", scale), Axis::new(&event, scale))?;
        frame.curve([(0.0, 0.0), (100.0, 100.0)], Stroke::dashed(REFERENCE, 1.3))?;
        for bin in &bins {
            let (low, high) = wilson(bin);
            let x = 100.0 * bin.predicted;
            frame.curve([(x, 100.0 * low), (x, 100.0 * high)], Stroke::solid(BLUE, 1.4).opacity(0.75))?;
            canvas.dot(frame.at(x, 100.0 * bin.observed), 3.4, BLUE, 1.0)?;
        }
        histogram(canvas, &frame, above.1, &probability)?;
        let name = text::fit(&format!("{name} (%)"), FONT_SIZE, SQUARE.0 - 2.0 * MARGIN);
        let half = text::width(&name, FONT_SIZE) / 2.0;
        let centre = frame.x(50.0).min(SQUARE.0 - MARGIN - half);
        canvas.text((centre, SQUARE.1 - MARGIN - line / 2.0), &name, FONT_SIZE, INK, Anchor::Middle)
    })
}

/// Bars below `top`, in the frame's columns.
fn histogram(
    canvas: &canvas::Canvas<'_>,
    frame: &Frame<'_, '_>,
    top: f64,
    probability: &[f64],
) -> Result<()> {
    let counts = counts(probability);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let (top, bottom) = (top + 8.0, top + 8.0 + HISTOGRAM);
    for (i, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let edge = |k: f64| frame.x(100.0 * (i as f64 + k) / BINS as f64);
        // One row among thousands is still to be seen.
        let height = (HISTOGRAM * *count as f64 / most as f64).max(1.0);
        canvas.rectangle((edge(0.08), bottom - height), (edge(0.92), bottom), LIGHT_BLUE, 1.0)?;
    }
    let left = frame.x(0.0);
    canvas.line(&[(left, bottom), (frame.x(100.0), bottom)], Stroke::solid(AXIS, 1.0))?;
    canvas.line(&[(left - 4.0, top), (left, top)], Stroke::solid(AXIS, 1.0))?;
    canvas.text((left - 6.0, top), &number::count(most), TICK_SIZE, TEXT, Anchor::End)?;
    canvas.text((left - 6.0, bottom), "0", TICK_SIZE, TEXT, Anchor::End)
}

/// How to read the figure.
pub fn caption(classes: &Classes) -> String {
    let (probability, happened) = events(classes);
    let bins = reliability(&probability, &happened);
    let what = if classes.is_binary() {
        let name = classes.names.get(1).map_or("", String::as_str);
        format!("rows given a probability p of being {name} are {name} a fraction p of the time")
    } else {
        "rows whose most probable class has probability p are of that class a fraction p of the time"
            .to_owned()
    };
    format!(
        "Reliability on the {}: on the diagonal, {what}; points below it promise too much. Each of the {} holds about as many \
         of the {}; rows with equal probabilities stay together. Bars are 95 % intervals (Wilson 1927), and the \
         histogram counts the rows by their probability.",
        classes.rows.name(),
        number::counted(bins.len(), "point"),
        number::counted(probability.len(), "row"),
    )
}

/// Names of the vertical and of the horizontal axis.
fn names(classes: &Classes) -> (String, String) {
    match classes.names.as_slice() {
        [_, second] => {
            (format!("observed frequency of {second} (%)"), format!("predicted probability of {second}"))
        }
        _ => (
            "observed frequency of the predicted class (%)".into(),
            "probability of the predicted class".into(),
        ),
    }
}

/// Probabilities of what the figure is about, and whether it happened.
fn events(classes: &Classes) -> (Vec<f64>, Vec<bool>) {
    if classes.is_binary() {
        return (classes.probability(1), classes.labels.iter().map(|c| *c == 1).collect());
    }
    let predicted = classes.predicted().into_iter().zip(&classes.labels);
    predicted.map(|((class, p), label)| (p, class == *label)).unzip()
}

/// Ends of the 95 % interval of a binomial share (Wilson 1927).
fn wilson(bin: &ReliabilityBin) -> (f64, f64) {
    let (n, p) = (bin.rows as f64, bin.observed);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (centre, by) = (p + Z * Z / (2.0 * n), 1.0 + Z * Z / n);
    (((centre - spread) / by).max(0.0), ((centre + spread) / by).min(1.0))
}

fn counts(probability: &[f64]) -> [usize; BINS] {
    let mut counts = [0; BINS];
    for p in probability.iter().filter(|p| p.is_finite()) {
        counts[((p.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_tables() {
        // R: prop.test(8, 10, correct = FALSE), prop.test(0, 10, correct = FALSE).
        let (low, high) = wilson(&ReliabilityBin { rows: 10, observed: 0.8, predicted: 0.5 });
        assert!((low - 0.4901625).abs() < 1e-6 && (high - 0.9433178).abs() < 1e-6, "{low} {high}");
        let (low, high) = wilson(&ReliabilityBin { rows: 10, observed: 0.0, predicted: 0.5 });
        assert!(low.abs() < 1e-12 && (high - 0.2775328).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn the_histogram_counts_every_row_once() {
        let found = counts(&[0.0, 0.049, 0.05, 1.0, 0.999, f64::NAN]);
        assert_eq!((found[0], found[1], found[BINS - 1]), (2, 1, 2));
        assert_eq!(found.iter().sum::<usize>(), 5);
    }
}
