//! A sample's log density, moved to where the mode of all rows is.

use crate::Result;
use crate::density::LogDensity;

/// log p(z + offset): with offset = ẑ_sample − ẑ its mode is ẑ.
///
/// What differs between a sample and all rows is mostly the place: a sample of thousands has their curvature to some
/// hundredths. (To tilt it, by the difference of the scores, would leave it without a mode where it is flat.)
pub(super) struct Translated<'a, D> {
    sample: &'a D,
    offset: Vec<f64>,
}

impl<'a, D: LogDensity> Translated<'a, D> {
    /// `sample`, whose mode is at `from`, with its mode at `to`.
    pub fn new(sample: &'a D, from: &[f64], to: &[f64]) -> Self {
        Self { sample, offset: from.iter().zip(to).map(|(from, to)| from - to).collect() }
    }
}

impl<D: LogDensity> LogDensity for Translated<'_, D> {
    type Workspace = (Vec<f64>, D::Workspace);

    fn dim(&self) -> usize {
        self.sample.dim()
    }

    fn workspace(&self) -> Self::Workspace {
        (vec![0.0; self.offset.len()], self.sample.workspace())
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], (at, own): &mut Self::Workspace) -> Result<f64> {
        at.iter_mut().zip(z.iter().zip(&self.offset)).for_each(|(at, (z, offset))| *at = z + offset);
        self.sample.evaluate(at, score, own)
    }
}
