//! The seam of covariance functions: what one leaf offers.

use super::{FeatureRows, StripAdjoint};
use faer::{Mat, MatRef};
use std::fmt::Debug;

/// Rows in a strip: a strip of 8 inputs, its covariances and its scratch fit in 32 KiB of cache.
pub const STRIP: usize = 256;

/// One covariance function on some of the input columns, without its parameter values.
///
/// A new kernel is one type that implements this and one line in the list of the expression language.
pub trait Covariance: Debug + Send + Sync {
    /// Parameters in the order in which `theta` holds their values. The first is the kernel's scale.
    fn parameters(&self) -> &[KernelParameter];

    /// The same, to set starts and to fix.
    fn parameters_mut(&mut self) -> &mut [KernelParameter];

    /// The input columns that it looks at.
    fn columns(&self) -> &[usize];

    /// How far a move in a column must go, on the model's scale, to be a move of one in the distance that the covariance
    /// falls with; none where it is not a function of such a distance.
    fn lengthscale(&self, _theta: &[f64], _column: usize) -> Option<f64> {
        None
    }

    /// How many strips of scratch memory [`Covariance::strip`] and [`Covariance::strip_adjoint`] need.
    fn scratch_strips(&self) -> usize {
        0
    }

    /// How many strips [`Covariance::strip_recorded`] records.
    fn record_strips(&self) -> usize {
        0
    }

    /// How many numbers of a row its covariances are made of, if they are worth computing once a row and not once a pair.
    fn feature_count(&self) -> usize {
        0
    }

    /// These numbers of all rows, into `out`: [`Covariance::feature_count`] columns of them, one after the other.
    fn features(&self, _theta: &[f64], _x: Points<'_>, _out: &mut [f64]) {}

    /// Covariances k(x_i, z), into `out`.
    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], scratch: &mut [f64]);

    /// Covariances k(x_i, z), into `out`, and into `record` what [`Covariance::strip_adjoint`] would otherwise compute again.
    fn strip_recorded(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        _record: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.strip(theta, strip, out, scratch);
    }

    /// Adds Σ_i w_i ∂k(x_i, z)/∂· to the adjoints, after [`Covariance::strip_recorded`] with the same strip. Where the
    /// derivative does not exist (Matérn-1/2 at coinciding points) it counts as zero.
    fn strip_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        recorded: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    );

    /// Variances k(x_i, x_i), into `out`.
    fn diagonal(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]);

    /// The same covariances as a factor and the argument of an exponential, where they are such.
    fn exponential(&self) -> Option<&dyn Exponential> {
        None
    }
}

/// A covariance function k = c exp(e) whose product with others of its kind needs one exponential for all of them.
pub trait Exponential {
    /// Writes c(x_i, z) into `out` and adds e(x_i, z) ≤ 0 to `exponent`. Into `record`, where it is wanted, goes what
    /// [`Covariance::strip_recorded`] records, divided by exp(e): [`Covariance::strip_adjoint`] then gets weights that were multiplied by
    /// the exponentials, and c for the covariances.
    fn factors(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        exponent: &mut [f64],
        record: Option<&mut [f64]>,
    );
}

/// A parameter of a kernel: positive in all kernels here.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelParameter {
    /// Path below `kernel.`.
    pub path: String,
    /// What it is, which decides its default prior.
    pub role: ParameterRole,
    /// Value to start from, on the model's scale.
    pub start: f64,
    /// Whether it keeps its start value.
    pub fixed: bool,
}

/// What a kernel parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterRole {
    /// A scale of the function: variances and offsets.
    Variance,
    /// A scale of the inputs.
    Lengthscale,
    /// A period.
    Period,
    /// A number without a unit that shapes the kernel.
    Shape,
}

impl KernelParameter {
    /// A free parameter.
    pub(crate) fn new(path: impl Into<String>, role: ParameterRole, start: f64) -> Self {
        Self { path: path.into(), role, start, fixed: false }
    }

    /// `name` where all columns share one, else `name[0]`, `name[1]`, …
    pub(crate) fn per_column(
        name: &'static str,
        role: ParameterRole,
        start: f64,
        columns: usize,
        shared: bool,
    ) -> impl Iterator<Item = Self> {
        let path = move |d| if shared { name.to_string() } else { format!("{name}[{d}]") };
        (0..if shared { 1 } else { columns }).map(move |d| Self::new(path(d), role, start))
    }

    /// Lengthscales, starting from √(number of columns).
    pub(crate) fn lengthscales(columns: usize, shared: bool) -> impl Iterator<Item = Self> {
        Self::per_column("lengthscales", ParameterRole::Lengthscale, (columns as f64).sqrt(), columns, shared)
    }

    /// The path without its index: `lengthscales` for `lengthscales[2]`.
    pub fn name(&self) -> &str {
        self.path.split('[').next().unwrap_or_default()
    }

    /// The same parameter as part `index` of a sum or product.
    pub(crate) fn below(self, index: usize) -> Self {
        Self { path: format!("{index}.{}", self.path), ..self }
    }
}

/// Rows of inputs, N×D, each column contiguous in memory.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a>(MatRef<'a, f64>);

impl<'a> Points<'a> {
    /// A view of a column-major matrix; `None` where its columns are not contiguous.
    pub fn new(x: MatRef<'a, f64>) -> Option<Self> {
        (x.row_stride() == 1 || x.nrows() <= 1).then_some(Self(x))
    }

    /// All rows of a matrix that owns its memory: faer keeps those column-major.
    pub fn of(x: &'a Mat<f64>) -> Self {
        Self(x.as_ref())
    }

    /// `rows` rows and `columns` columns of them, one after the other.
    pub(crate) fn columns_of(values: &'a [f64], rows: usize, columns: usize) -> Self {
        Self(MatRef::from_column_major_slice(values, rows, columns))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// Number of columns D.
    pub fn dim(&self) -> usize {
        self.0.ncols()
    }

    /// Column `d` of all rows.
    #[inline]
    pub fn column(&self, d: usize) -> &'a [f64] {
        // Never the empty slice: the constructor checked the stride.
        self.0.col(d).try_as_col_major().map_or(&[], |c| c.as_slice())
    }

    /// Rows `start..start + count`.
    pub fn slice(&self, start: usize, count: usize) -> Points<'a> {
        Points(self.0.subrows(start, count))
    }

    /// Copies row `i` into `out` (length D).
    pub fn row_into(&self, i: usize, out: &mut [f64]) {
        for (d, o) in out.iter_mut().enumerate() {
            *o = self.0[(i, d)];
        }
    }
}

/// What a pass over a strip has left for its gradient.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// Covariances k(x_i, z).
    pub values: &'a [f64],
    /// What the kernel recorded: [`Covariance::record_strips`] strips of [`STRIP`] numbers.
    pub record: &'a [f64],
}

/// Up to [`STRIP`] rows against one point.
#[derive(Debug, Clone, Copy)]
pub struct Strip<'a> {
    /// The rows x_i, all D input columns.
    pub x: Points<'a>,
    /// The point z, length D.
    pub z: &'a [f64],
    /// The row that is the same observation as z, if any is: white noise appears there only.
    pub same: Option<usize>,
    /// [Features](Covariance::features) of the rows and of the point, of the kernel at hand.
    pub features: (FeatureRows<'a>, &'a [f64]),
}

impl<'a> Strip<'a> {
    /// The same strip for a part whose features start at `offset`.
    pub(crate) fn part(&self, offset: usize, count: usize) -> Strip<'a> {
        let (rows, point) = self.features;
        Strip { features: (rows.from(offset), &point[offset..offset + count]), ..*self }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.x.rows()
    }

    /// Whether the strip has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
