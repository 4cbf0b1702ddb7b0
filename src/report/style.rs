//! Colours, type and sizes of every figure.
//!
//! Colours are those of Okabe and Ito (2008), which readers with any common colour vision can tell apart;
//! figures also differ by shape (line, dash, ring), so that they survive a black-and-white printer.

use plotters::style::RGBColor;

/// Predictions and particles.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Bars: BLUE, half as strong on white.
pub const LIGHT_BLUE: RGBColor = RGBColor(128, 184, 216);
/// Test rows, and points that deserve a second look.
pub const VERMILLION: RGBColor = RGBColor(213, 94, 0);
/// Data, and text that names things.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// Axis text.
pub const TEXT: RGBColor = RGBColor(68, 68, 68);
/// References: priors, diagonals, targets.
pub const REFERENCE: RGBColor = RGBColor(110, 110, 110);
/// Axis lines.
pub const AXIS: RGBColor = RGBColor(150, 150, 150);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(232, 232, 232);

/// Font family; the page overrides it with the reader's system font.
pub const FONT: &str = "sans-serif";
/// Axis names, legends and titles, in px.
pub const FONT_SIZE: f64 = 13.0;
/// Tick labels, in px.
pub const TICK_SIZE: f64 = 12.0;

/// Around every figure, in px: enough for antialiasing, little enough to stay flush with the page's text.
pub const MARGIN: f64 = 1.5;
/// From one line of text to the next, in font sizes.
pub const LINE: f64 = 1.35;

/// The fit over the data: width and height in px.
pub const WIDE: (f64, f64) = (780.0, 450.0);
/// One of two figures side by side.
pub const HALF: (f64, f64) = (460.0, 330.0);
/// Square figures.
pub const SQUARE: (f64, f64) = (460.0, 470.0);
/// One of many small figures.
pub const SMALL: (f64, f64) = (232.0, 182.0);

/// Figures with more points than this show an evenly spaced subset.
pub const MAX_POINTS: usize = 1500;
/// Rugs with more ticks than this show evenly spaced order statistics.
pub const MAX_RUG: usize = 100;
