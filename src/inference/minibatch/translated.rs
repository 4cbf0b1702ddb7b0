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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn the_mode_of_the_sample_is_moved_and_its_value_and_curvature_stay() {
        let sample = GaussianTarget::new(vec![1.0, -2.0], vec![2.0, 0.3, 0.3, 1.0]).unwrap();
        let moved = Translated::new(&sample, &[1.0, -2.0], &[4.0, 0.5]);
        let mut workspace = moved.workspace();
        let mut score = [0.0; 2];
        let top = moved.evaluate(&[4.0, 0.5], &mut score, &mut workspace).unwrap();
        assert_eq!(
            (top, score),
            (sample.evaluate(&[1.0, -2.0], &mut [0.0; 2], &mut sample.workspace()).unwrap(), [0.0; 2])
        );
        moved.evaluate(&[5.0, 0.5], &mut score, &mut workspace).unwrap();
        assert!((score[0] + 2.0).abs() < 1e-12 && (score[1] + 0.3).abs() < 1e-12, "{score:?}");
    }
}
