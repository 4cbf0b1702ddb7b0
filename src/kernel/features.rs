//! Numbers of each row that covariances are made of, computed once a row instead of once a pair.

use super::{Kernel, Points};

/// [Features](super::Covariance::features) of some rows.
#[derive(Debug, Default)]
pub(crate) struct Features {
    /// Column by column.
    values: Vec<f64>,
    count: usize,
    rows: usize,
}

impl Features {
    /// Those of `x`, in the place of those before.
    pub(crate) fn prepare(&mut self, kernel: &Kernel, theta: &[f64], x: Points<'_>) -> FeatureRows<'_> {
        (self.count, self.rows) = (kernel.feature_count(), x.rows());
        self.values.resize(self.count * self.rows, 0.0);
        kernel.features(theta, x, &mut self.values);
        self.rows()
    }

    /// Column by column.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn rows(&self) -> FeatureRows<'_> {
        FeatureRows { values: &self.values, stride: self.rows, start: 0, count: self.rows }
    }
}

/// Features of consecutive rows.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRows<'a> {
    values: &'a [f64],
    stride: usize,
    start: usize,
    count: usize,
}

impl<'a> FeatureRows<'a> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.count
    }

    /// Feature `k` of all rows.
    #[inline(always)]
    pub fn column(&self, k: usize) -> &'a [f64] {
        self.some(k, 0, self.count)
    }

    /// Feature `k` of `count` rows from row `first` on.
    #[inline(always)]
    pub(super) fn some(&self, k: usize, first: usize, count: usize) -> &'a [f64] {
        let first = k * self.stride + self.start + first;
        &self.values[first..first + count]
    }

    /// Rows `start..start + count` of these.
    pub(crate) fn slice(&self, start: usize, count: usize) -> Self {
        Self { start: self.start + start, count, ..*self }
    }

    /// From feature number `first` on.
    pub(crate) fn from(&self, first: usize) -> Self {
        Self { values: &self.values[first * self.stride..], ..*self }
    }

    /// Copies the features of row `i` into `out`.
    pub(crate) fn row_into(&self, i: usize, out: &mut [f64]) {
        let column = self.values.iter().skip(self.start + i).step_by(self.stride.max(1));
        out.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
    }
}
