//! A cloud of particles: J points in R^d, one after the other.

use crate::linalg::elementwise::sum_over;

/// J points in R^d.
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud {
    count: usize,
    dim: usize,
    values: Vec<f64>,
}

impl Cloud {
    /// `count` points at the origin.
    pub fn zeros(count: usize, dim: usize) -> Self {
        Self { count, dim, values: vec![0.0; count * dim] }
    }

    /// From points of equal length.
    pub fn from_points<'a>(dim: usize, points: impl IntoIterator<Item = &'a [f64]>) -> Self {
        let (mut count, mut values) = (0, Vec::new());
        for point in points {
            debug_assert_eq!(point.len(), dim);
            values.extend_from_slice(point);
            count += 1;
        }
        Self { count, dim, values }
    }

    /// Adds the points of another cloud of the same dimension.
    pub fn extend(&mut self, other: &Cloud) {
        debug_assert_eq!(self.dim, other.dim);
        self.values.extend_from_slice(&other.values);
        self.count += other.count;
    }

    /// The points with these indices.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self::from_points(self.dim, indices.iter().map(|&i| self.point(i)))
    }

    /// Number of points J.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Point `j`.
    pub fn point(&self, j: usize) -> &[f64] {
        &self.values[j * self.dim..(j + 1) * self.dim]
    }

    /// Point `j`, to change.
    pub fn point_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.values[j * self.dim..(j + 1) * self.dim]
    }

    /// All points in turn.
    pub fn points(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.dim.max(1))
    }

    /// All points in turn, to change.
    pub fn points_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(self.dim.max(1))
    }

    /// All J·d numbers.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All J·d numbers, to change.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Makes room for `count` points; new ones are at the origin.
    pub fn resize(&mut self, count: usize) {
        self.count = count;
        self.values.resize(count * self.dim, 0.0);
    }

    /// Mean of the points, length d.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dim];
        self.mean_into(&mut mean);
        mean
    }

    /// Mean of the points, into `mean` (length d).
    pub fn mean_into(&self, mean: &mut [f64]) {
        mean.fill(0.0);
        for point in self.points() {
            mean.iter_mut().zip(point).for_each(|(m, v)| *m += v);
        }
        let count = self.count().max(1) as f64;
        mean.iter_mut().for_each(|m| *m /= count);
    }

    /// Covariance of the points with divisor J − 1, d×d, row by row; zero for one point.
    pub fn covariance(&self) -> Vec<f64> {
        let (mean, d) = (self.mean(), self.dim);
        let mut covariance = vec![0.0; d * d];
        for point in self.points() {
            for a in 0..d {
                for b in 0..d {
                    covariance[a * d + b] += (point[a] - mean[a]) * (point[b] - mean[b]);
                }
            }
        }
        let divisor = self.count().saturating_sub(1).max(1) as f64;
        covariance.iter_mut().for_each(|c| *c /= divisor);
        covariance
    }
}

/// |x − y|².
#[inline(always)]
pub(super) fn squared_distance(x: &[f64], y: &[f64]) -> f64 {
    sum_over(x, y, |a, b, sum| (a - b) * (a - b) + sum)
}
