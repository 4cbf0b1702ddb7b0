//! Sequences of Gaussians side by side: how the mean and covariance of each method's approximation move.

use super::frames::chosen_iterations;
use super::landscape::Landscape;
use super::plane::{Detail, Plane, heading, heading_height, panel_size};
use crate::report::canvas::{self, Stroke};
use crate::report::number;
use crate::report::style::{BLUE, INK};
use crate::{Error, Result};

const WIDTH: f64 = 780.0;
const GAP: f64 = 14.0;
/// The ellipse is one with this many standard deviations: it holds 1 − e⁻² = 86 % of the mass.
const DEVIATIONS: f64 = 2.0;

/// A Gaussian in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneGaussian {
    /// Mean.
    pub mean: [f64; 2],
    /// Covariance, row by row.
    pub covariance: [f64; 4],
}

/// One method's Gaussians, the first and the one after each step.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianSequence {
    /// Name of the method.
    pub name: String,
    /// Its Gaussians.
    pub gaussians: Vec<PlaneGaussian>,
}

impl PlaneGaussian {
    /// The ellipse of two standard deviations, a closed curve of 73 points.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] for a covariance that is none.
    pub fn ellipse(&self) -> Result<Vec<(f64, f64)>> {
        let [a, b, _, c] = self.covariance;
        // Cholesky: L = [[√a, 0], [b/√a, √(c − b²/a)]].
        let (first, rest) = (a.sqrt(), c - b * b / a);
        if !(first > 0.0 && rest >= 0.0) {
            return Err(Error::NotPositiveDefinite {
                matrix: "covariance of an ellipse",
                size: 2,
                jitter: 0.0,
            });
        }
        let point = |k: i32| {
            let (sin, cos) = (f64::from(k) * std::f64::consts::TAU / 72.0).sin_cos();
            let x = self.mean[0] + DEVIATIONS * first * cos;
            (x, self.mean[1] + DEVIATIONS * (b / first * cos + rest.sqrt() * sin))
        };
        Ok((0..=72).map(point).collect())
    }
}

/// The sequences from left to right on one landscape: ellipses of two standard deviations of a few steps, the later
/// the darker, and the way of the mean.
///
/// # Errors
/// [`Error::Invalid`] without a sequence or with an empty one, and where the figure cannot be drawn;
/// [`Error::NotPositiveDefinite`] for a covariance that is none.
pub fn gaussian_sequences(landscape: &Landscape, sequences: &[GaussianSequence]) -> Result<String> {
    if sequences.is_empty() || sequences.iter().any(|s| s.gaussians.is_empty()) {
        return Err(Error::Invalid("there is no sequence of Gaussians to draw".into()));
    }
    let count = sequences.len() as f64;
    let width = ((WIDTH - (count - 1.0) * GAP) / count).min(380.0);
    let size = (width, panel_size(landscape, width, Detail::Bare).1 + heading_height(2));
    canvas::draw((count * (width + GAP) - GAP, size.1), "Sequences of Gaussians", |canvas| {
        for (place, sequence) in sequences.iter().enumerate() {
            let last = sequence.gaussians.len() - 1;
            let steps = chosen_iterations(last);
            let part = canvas.part((place as f64 * (width + GAP), 0.0), size);
            let names: Vec<String> = steps.iter().map(|t| number::count(*t)).collect();
            let note = format!("ellipses at steps {}", names.join(", "));
            let top = heading(&part, width, &sequence.name, &[note])?;
            let plane = Plane::draw(&part, size, top, landscape, Detail::Bare)?;
            let means = sequence.gaussians.iter().map(|g| (g.mean[0], g.mean[1]));
            plane.frame.curve(means, Stroke::dashed(INK, 1.0))?;
            for (k, t) in steps.iter().enumerate() {
                let gaussian = sequence.gaussians[*t];
                let ink = 0.25 + 0.75 * (k + 1) as f64 / steps.len() as f64;
                let stroke = Stroke::solid(BLUE, if *t == last { 2.2 } else { 1.3 }).opacity(ink);
                plane.frame.curve(gaussian.ellipse()?, stroke)?;
                let [x, y] = gaussian.mean;
                if plane.frame.contains(x, y) {
                    part.dot(plane.frame.at(x, y), 2.2, BLUE, ink)?;
                }
            }
        }
        Ok(())
    })
}

/// How to read the figure.
pub fn caption() -> String {
    "Ellipses of two standard deviations, the later the darker; the dashed line is the way of the mean."
        .to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_ellipse_is_two_standard_deviations_away_in_every_direction() {
        let gaussian = PlaneGaussian { mean: [1.0, -2.0], covariance: [2.0, 0.6, 0.6, 0.5] };
        let determinant = 2.0 * 0.5 - 0.6 * 0.6;
        for (x, y) in gaussian.ellipse().unwrap() {
            let (dx, dy) = (x - 1.0, y + 2.0);
            let distance = (0.5 * dx * dx - 2.0 * 0.6 * dx * dy + 2.0 * dy * dy) / determinant;
            assert!((distance - 4.0).abs() < 1e-9);
        }
        let bad = PlaneGaussian { mean: [0.0; 2], covariance: [1.0, 2.0, 2.0, 1.0] };
        assert!(bad.ellipse().is_err());
    }
}
