//! Covariance functions k(x, x′): leaves, their sums and products, and matrices filled from them.
//!
//! A kernel is structure only. Its parameter values come in as a slice (constrained values, in the order of
//! [`Kernel::parameters`]), so that many particles evaluate one kernel in parallel without copies or locks.
//!
//! Everything is computed by *strips*: the covariances of up to [`STRIP`] consecutive rows with one point. A
//! strip fits the first-level cache, so that a tree of sums and products costs no N×N temporary: each leaf
//! writes its strip, the nodes combine them, and the gradient pass computes them once more (O(N²D) against
//! the O(N³) of the factorisation), recording what comes back through each part.
//!
//! Gradients are reverse mode throughout: from weights w_i = ∂L/∂k(x_i, z) a kernel adds to the adjoints of
//! its parameters, of the rows x_i and of the point z.

mod adjoint;
#[cfg(test)]
pub(crate) mod check;
mod distances;
mod dot_product;
mod expression;
mod features;
mod geography;
mod gram;
mod leaf;
mod metric;
mod periodic;
mod shares;
mod sphere;
mod stationary;
mod terms;
mod trivial;

pub use adjoint::{InputAdjoint, StripAdjoint};
pub use dot_product::{ArcCosine, ArcCosineOrder, Linear, Polynomial};
pub use expression::{ExpressionError, ExpressionErrorKind, InputColumns, KernelExpression};
pub use features::FeatureRows;
pub(crate) use features::Features;
pub use geography::{EARTH_RADIUS, Geography};
pub use gram::KernelWorkspace;
pub use leaf::{Covariance, KernelParameter, ParameterRole, Points, Recorded, STRIP, Strip};
pub use metric::{Euclidean, Metric, Slopes};
pub use periodic::{Cosine, Periodic};
pub use sphere::Sphere;
pub use stationary::{Matern12, Matern32, Matern52, Radial, RationalQuadratic, Rbf, Stationary};
pub use terms::Terms;
pub use trivial::{Constant, White};

use crate::linalg::elementwise::{add_scaled, vectorise};

/// A covariance function: a leaf, a sum or a product.
#[derive(Debug, Clone)]
pub enum Kernel {
    /// One covariance function on some of the input columns.
    Leaf(std::sync::Arc<dyn Covariance>),
    /// k₁ + k₂ + …
    Sum(Vec<Kernel>),
    /// k₁ · k₂ · …
    Product(Vec<Kernel>),
}

impl Kernel {
    /// A kernel of one leaf.
    pub fn leaf(covariance: impl Covariance + 'static) -> Self {
        Kernel::Leaf(std::sync::Arc::new(covariance))
    }

    /// Parameters in the order in which every function of this module takes their values. Names are paths
    /// below `kernel.`: `variance` for a leaf, `0.variance`, `1.0.lengthscales[2]` inside sums and products.
    pub fn parameters(&self) -> Vec<KernelParameter> {
        match self {
            Kernel::Leaf(leaf) => leaf.parameters().to_vec(),
            Kernel::Sum(parts) | Kernel::Product(parts) => parts
                .iter()
                .enumerate()
                .flat_map(|(i, part)| part.parameters().into_iter().map(move |p| p.below(i)))
                .collect(),
        }
    }

    /// The part at a path of indices, such as `1.0`; the kernel itself at the empty path.
    pub fn at(&self, path: &str) -> Option<&Kernel> {
        if path.is_empty() {
            return Some(self);
        }
        let (index, rest) = path.split_once('.').unwrap_or((path, ""));
        match self {
            Kernel::Leaf(_) => None,
            Kernel::Sum(parts) | Kernel::Product(parts) => parts.get(index.parse::<usize>().ok()?)?.at(rest),
        }
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        match self {
            Kernel::Leaf(leaf) => leaf.parameters().len(),
            Kernel::Sum(parts) | Kernel::Product(parts) => parts.iter().map(Kernel::parameter_count).sum(),
        }
    }

    /// The input columns that the kernel looks at, ascending.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = match self {
            Kernel::Leaf(leaf) => leaf.columns().to_vec(),
            Kernel::Sum(parts) | Kernel::Product(parts) => parts.iter().flat_map(Kernel::columns).collect(),
        };
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The shortest lengthscale that a part has for a column; none where no part has one.
    pub(crate) fn shortest_lengthscale(&self, theta: &[f64], column: usize) -> Option<f64> {
        match self {
            Kernel::Leaf(leaf) => leaf.lengthscale(theta, column),
            Kernel::Sum(parts) | Kernel::Product(parts) => with_parameters(parts, theta)
                .filter_map(|(part, theta)| part.shortest_lengthscale(theta, column))
                .min_by(f64::total_cmp),
        }
    }

    /// How many strips of scratch memory [`Kernel::strip`] and [`Kernel::strip_adjoint`] need.
    pub fn scratch_strips(&self) -> usize {
        match self {
            Kernel::Leaf(leaf) => leaf.scratch_strips(),
            Kernel::Sum(parts) | Kernel::Product(parts) => {
                1 + parts.iter().map(Kernel::scratch_strips).max().unwrap_or(0)
            }
        }
    }

    /// How many strips [`Kernel::strip_recorded`] records: those of each part and its values.
    pub fn record_strips(&self) -> usize {
        match self {
            Kernel::Leaf(leaf) => leaf.record_strips(),
            Kernel::Sum(parts) | Kernel::Product(parts) => {
                parts.iter().map(|part| 1 + part.record_strips()).sum()
            }
        }
    }

    /// How many numbers [`Kernel::features`] has of a row.
    pub fn feature_count(&self) -> usize {
        match self {
            Kernel::Leaf(leaf) => leaf.feature_count(),
            Kernel::Sum(parts) | Kernel::Product(parts) => parts.iter().map(Kernel::feature_count).sum(),
        }
    }

    /// What all covariances of a row are made of, N×[`Kernel::feature_count`] column by column, into `out`.
    pub fn features(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        match self {
            Kernel::Leaf(leaf) => leaf.features(theta, x, out),
            Kernel::Sum(parts) | Kernel::Product(parts) => {
                let mut rest = out;
                for (part, theta) in with_parameters(parts, theta) {
                    let (own, later) = rest.split_at_mut(x.rows() * part.feature_count());
                    part.features(theta, x, own);
                    rest = later;
                }
            }
        }
    }

    /// Covariances k(x_i, z) of a strip, into `out` (length of the strip).
    /// `scratch` holds at least [`Kernel::scratch_strips`] × [`STRIP`] numbers.
    pub fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], scratch: &mut [f64]) {
        match self {
            Kernel::Leaf(leaf) => leaf.strip(theta, strip, out, scratch),
            Kernel::Sum(parts) | Kernel::Product(parts) => {
                let (values, scratch) = scratch.split_at_mut(STRIP);
                self.fill_if_empty(parts, out);
                for (i, (part, theta, strip)) in with_shares(parts, theta, strip).enumerate() {
                    if i == 0 {
                        part.strip(theta, strip, out, scratch);
                    } else {
                        let values = &mut values[..out.len()];
                        part.strip(theta, strip, values, scratch);
                        self.combine(out, values);
                    }
                }
            }
        }
    }

    /// The same, and into `record` what [`Kernel::strip_adjoint`] would otherwise compute again:
    /// [`Kernel::record_strips`] × [`STRIP`] numbers at least.
    pub fn strip_recorded(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        record: &mut [f64],
        scratch: &mut [f64],
    ) {
        match self {
            Kernel::Leaf(leaf) => leaf.strip_recorded(theta, strip, out, record, scratch),
            Kernel::Sum(parts) | Kernel::Product(parts) => {
                let mut rest = record;
                self.fill_if_empty(parts, out);
                for (i, (part, theta, strip)) in with_shares(parts, theta, strip).enumerate() {
                    let (values, later) = rest.split_at_mut(STRIP);
                    let (own, later) = later.split_at_mut(STRIP * part.record_strips());
                    let values = &mut values[..out.len()];
                    part.strip_recorded(theta, strip, values, own, scratch);
                    if i == 0 {
                        out.copy_from_slice(values);
                    } else {
                        self.combine(out, values);
                    }
                    rest = later;
                }
            }
        }
    }

    /// Adds Σ_i w_i ∂k(x_i, z)/∂· to the adjoints, given the weights w_i of a strip, after [`Kernel::strip_recorded`] with the
    /// same strip.
    pub fn strip_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        recorded: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    ) {
        let parts = match self {
            Kernel::Leaf(leaf) => {
                return leaf.strip_adjoint(theta, strip, weights, recorded, adjoint, scratch);
            }
            Kernel::Sum(parts) | Kernel::Product(parts) => parts,
        };
        let n = strip.len();
        let (part_weights, scratch) = scratch.split_at_mut(STRIP);
        let (mut offset, mut place) = (0, 0);
        for (this, (part, theta, strip)) in with_shares(parts, theta, strip).enumerate() {
            let weights = match self {
                // The product of the others is formed, not divided out: a factor may be zero.
                Kernel::Product(_) => {
                    let part_weights = &mut part_weights[..n];
                    part_weights.copy_from_slice(weights);
                    let others = part_values(parts, recorded.record).enumerate();
                    others
                        .filter(|(i, _)| *i != this)
                        .for_each(|(_, other)| multiply_by(part_weights, other));
                    &*part_weights
                }
                _ => weights,
            };
            let own = &recorded.record[place..place + STRIP * (1 + part.record_strips())];
            let (values, record) = own.split_at(STRIP);
            let recorded = Recorded { values: &values[..n], record };
            part.strip_adjoint(
                theta,
                strip,
                weights,
                recorded,
                &mut adjoint.part(offset, theta.len()),
                scratch,
            );
            offset += theta.len();
            place += own.len();
        }
    }

    /// A sum of nothing is 0, a product of nothing 1.
    fn fill_if_empty(&self, parts: &[Kernel], out: &mut [f64]) {
        if parts.is_empty() {
            out.fill(if matches!(self, Kernel::Product(_)) { 1.0 } else { 0.0 });
        }
    }

    /// Adds or multiplies a part's values into those of a sum or product.
    fn combine(&self, out: &mut [f64], values: &[f64]) {
        match self {
            Kernel::Product(_) => multiply_by(out, values),
            _ => add_scaled(out, 1.0, values),
        }
    }

    /// Variances k(x_i, x_i), into `out`; every row is the same observation as itself, so white noise counts.
    pub fn diagonal(&self, theta: &[f64], x: Points<'_>, out: &mut [f64]) {
        match self {
            Kernel::Leaf(leaf) => leaf.diagonal(theta, x, out),
            Kernel::Sum(parts) => {
                out.fill(0.0);
                self.combine_diagonals(parts, theta, x, out, |o, v| *o += v);
            }
            Kernel::Product(parts) => {
                out.fill(1.0);
                self.combine_diagonals(parts, theta, x, out, |o, v| *o *= v);
            }
        }
    }

    fn combine_diagonals(
        &self,
        parts: &[Kernel],
        theta: &[f64],
        x: Points<'_>,
        out: &mut [f64],
        combine: impl Fn(&mut f64, f64),
    ) {
        let mut values = vec![0.0; out.len()];
        for (part, theta) in with_parameters(parts, theta) {
            part.diagonal(theta, x, &mut values);
            out.iter_mut().zip(&values).for_each(|(o, v)| combine(o, *v));
        }
    }
}

/// a_i *= b_i, by the widest vector instructions at hand.
fn multiply_by(a: &mut [f64], b: &[f64]) {
    vectorise(
        #[inline(always)]
        || a.iter_mut().zip(b).for_each(|(a, b)| *a *= b),
    );
}

/// The values of each part in a record.
fn part_values<'a>(parts: &'a [Kernel], mut record: &'a [f64]) -> impl Iterator<Item = &'a [f64]> {
    parts.iter().map(move |part| {
        let (values, rest) = record.split_at(STRIP);
        record = &rest[STRIP * part.record_strips()..];
        values
    })
}

/// Each part with its share of the parameter values.
fn with_parameters<'a>(
    parts: &'a [Kernel],
    mut theta: &'a [f64],
) -> impl Iterator<Item = (&'a Kernel, &'a [f64])> {
    parts.iter().map(move |part| {
        let (own, rest) = theta.split_at(part.parameter_count());
        theta = rest;
        (part, own)
    })
}

/// Each part with its share of the parameter values and of a strip's features.
fn with_shares<'a>(
    parts: &'a [Kernel],
    theta: &'a [f64],
    strip: Strip<'a>,
) -> impl Iterator<Item = (&'a Kernel, &'a [f64], Strip<'a>)> {
    let mut offset = 0;
    with_parameters(parts, theta).map(move |(part, theta)| {
        let count = part.feature_count();
        let strip = strip.part(offset, count);
        offset += count;
        (part, theta, strip)
    })
}
