//! What a stationary kernel means by distance: between rows as they are, or on the Earth (see [`Sphere`](super::Sphere)).

use super::adjoint::InputAdjoint;
use super::distances::{FirstMoment, Moments, SquaredDistances};
use super::{Points, Strip};
use crate::linalg::lanes::with_simd;
use std::fmt::Debug;

/// Squared distances s_i = r² between the rows of a strip and its point, in units of lengthscales.
///
/// Implementations are inlined into the loops of [`Stationary`](super::Stationary) and written without branches.
pub trait Metric: Debug + Send + Sync + 'static {
    /// Whether [`Metric::adjoint`] asks for the distances again.
    const KEEPS_DISTANCES: bool = false;

    /// How many numbers of a row distances are made of.
    fn feature_count(&self) -> usize;

    /// These numbers of all rows, column by column.
    fn features(&self, lengthscales: &[f64], x: Points<'_>, out: &mut [f64]);

    /// The input columns that it looks at.
    fn columns(&self) -> &[usize];

    /// Whether there is one lengthscale for all columns, else one a column.
    fn shared(&self) -> bool;

    /// The distances of a strip, into `s`.
    fn squared_distances(&self, lengthscales: &[f64], strip: Strip<'_>, s: &mut [f64]);

    /// Adds Σ_i c_i ∂s_i/∂· to the adjoints of the lengthscales and, where given, of the inputs.
    fn adjoint(
        &self,
        lengthscales: &[f64],
        strip: Strip<'_>,
        slopes: Slopes<'_>,
        lengthscale_adjoint: &mut [f64],
        inputs: Option<&mut InputAdjoint<'_>>,
    );

    /// How far a move in a column, on the model's scale, is a move by one lengthscale; where it depends on the place, in the
    /// middle of the rows.
    fn lengthscale(&self, lengthscales: &[f64], column: usize) -> Option<f64>;
}

/// What comes back to the distances of a strip.
#[derive(Debug, Clone, Copy)]
pub struct Slopes<'a> {
    /// c_i = ∂L/∂s_i.
    pub slopes: &'a [f64],
    /// s_i where [`Metric::KEEPS_DISTANCES`], else empty.
    pub distances: &'a [f64],
}

/// r² = Σ_d a_d² (x_d − z_d)²/ℓ_d² with constants a_d: 1, or what makes units of two columns comparable.
#[derive(Debug, Clone)]
pub struct Euclidean {
    columns: Vec<usize>,
    stretches: Vec<f64>,
    shared: bool,
}

impl Euclidean {
    /// Between rows as they are.
    pub(crate) fn new(columns: Vec<usize>, shared: bool) -> Self {
        Self { stretches: vec![1.0; columns.len()], columns, shared }
    }

    /// Between rows whose two columns are multiplied by the stretches first.
    pub(crate) fn stretched(columns: [usize; 2], stretches: [f64; 2], shared: bool) -> Self {
        Self { columns: columns.to_vec(), stretches: stretches.to_vec(), shared }
    }

    /// Each column with its stretch and the place of its lengthscale.
    #[inline(always)]
    fn each(&self) -> impl Iterator<Item = (usize, f64, usize)> {
        let places = self.columns.iter().zip(&self.stretches).enumerate();
        places.map(|(d, (column, stretch))| (*column, *stretch, if self.shared { 0 } else { d }))
    }
}

impl Metric for Euclidean {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn shared(&self) -> bool {
        self.shared
    }

    fn feature_count(&self) -> usize {
        self.columns.len()
    }

    /// The columns in units of their lengthscales.
    fn features(&self, lengthscales: &[f64], x: Points<'_>, out: &mut [f64]) {
        for ((column, stretch, place), out) in self.each().zip(out.chunks_mut(x.rows().max(1))) {
            let inverse = stretch / lengthscales[place];
            out.iter_mut().zip(x.column(column)).for_each(|(out, x)| *out = x * inverse);
        }
    }

    #[inline(always)]
    fn squared_distances(&self, _: &[f64], strip: Strip<'_>, s: &mut [f64]) {
        let (rows, point) = strip.features;
        with_simd(SquaredDistances { rows, point, out: s });
    }

    /// In units of lengthscales ∂s/∂ℓ_d = −2 (x_d − z_d)²/ℓ_d and ∂s/∂x_d = 2 (x_d − z_d) = −∂s/∂z_d.
    #[inline(always)]
    fn adjoint(
        &self,
        lengthscales: &[f64],
        strip: Strip<'_>,
        slopes: Slopes<'_>,
        lengthscale_adjoint: &mut [f64],
        inputs: Option<&mut InputAdjoint<'_>>,
    ) {
        let ((rows, point), slopes) = (strip.features, slopes.slopes);
        let each = |d: usize, moment: f64| {
            let place = if self.shared { 0 } else { d };
            lengthscale_adjoint[place] -= 2.0 * moment / lengthscales[place];
        };
        with_simd(Moments { rows, point, slopes, each });
        let Some(inputs) = inputs else { return };
        for (d, (column, stretch, place)) in self.each().enumerate() {
            let (x, z, factor) = (rows.column(d), point[d], 2.0 * stretch / lengthscales[place]);
            let (x_adjoint, z_adjoint) = inputs.column(column, x.len());
            for ((a, x), c) in x_adjoint.iter_mut().zip(x).zip(slopes) {
                *a += factor * c * (x - z);
            }
            // A sum of its own: with one in it the loop above would not vectorise.
            *z_adjoint -= factor * with_simd(FirstMoment { x, z, slopes });
        }
    }

    fn lengthscale(&self, lengthscales: &[f64], column: usize) -> Option<f64> {
        let (_, stretch, place) = self.each().find(|(c, ..)| *c == column)?;
        Some(lengthscales[place] / stretch)
    }
}
