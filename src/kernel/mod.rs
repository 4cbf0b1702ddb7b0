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
mod composite;
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
pub use leaf::{Covariance, Exponential, KernelParameter, ParameterRole, Points, Recorded, STRIP, Strip};
pub use metric::{Euclidean, Metric, Slopes};
pub use periodic::{Cosine, Periodic};
pub use sphere::Sphere;
pub use stationary::{Matern12, Matern32, Matern52, Radial, RationalQuadratic, Rbf, Shape, Stationary};
pub use terms::Terms;
pub use trivial::{Constant, White};

use composite::{Composite, Node};

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

    fn node(&self) -> Node<'_> {
        match self {
            Kernel::Leaf(leaf) => Node::Leaf(leaf.as_ref()),
            Kernel::Sum(parts) => Node::Composite(Composite { parts, is_product: false }),
            Kernel::Product(parts) => Node::Composite(Composite { parts, is_product: true }),
        }
    }

    /// How many strips of scratch memory [`Kernel::strip`] and [`Kernel::strip_adjoint`] need.
    pub fn scratch_strips(&self) -> usize {
        match self.node() {
            Node::Leaf(leaf) => leaf.scratch_strips(),
            Node::Composite(node) => node.scratch_strips(),
        }
    }

    /// How many strips [`Kernel::strip_recorded`] records.
    pub fn record_strips(&self) -> usize {
        match self.node() {
            Node::Leaf(leaf) => leaf.record_strips(),
            Node::Composite(node) => node.record_strips(),
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
        match self.node() {
            Node::Leaf(leaf) => leaf.strip(theta, strip, out, scratch),
            Node::Composite(node) => node.strip(theta, strip, out, scratch),
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
        match self.node() {
            Node::Leaf(leaf) => leaf.strip_recorded(theta, strip, out, record, scratch),
            Node::Composite(node) => node.strip_recorded(theta, strip, out, record, scratch),
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
        match self.node() {
            Node::Leaf(leaf) => leaf.strip_adjoint(theta, strip, weights, recorded, adjoint, scratch),
            Node::Composite(node) => {
                node.strip_adjoint(theta, strip, weights, recorded.record, adjoint, scratch);
            }
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
