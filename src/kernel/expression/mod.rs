//! The expression language of kernels: `rbf(lon,lat) * matern12(t) + white`.
//!
//! ```text
//! expr    := term ('+' term)*
//! term    := factor ('*' factor)*
//! factor  := leaf | '(' expr ')'
//! leaf    := name [ '(' [columns] [';' options] ')' ]
//! columns := column (',' column)*          column := bare | "quoted"
//! options := option (',' option)*          option := flag | key '=' value
//! ```
//!
//! - Names: `rbf`, `matern12`, `matern32`, `matern52`, `rq`, `periodic`, `cosine`, `linear`, `polynomial`,
//!   `arccosine`, `constant`, `white`. Without columns a kernel is on all inputs.
//! - A column name of letters, digits, `_` and `.` stands bare; any other is quoted, with `\"` and `\\` inside.
//! - Flags: `shared` (one value for all columns) and `ard` (one each): lengthscales are one each by default,
//!   variances of `linear` and weight variances of `arccosine` are shared.
//! - `parameter=2.5` starts a parameter there, `lengthscales=[1, 2]` those of each column;
//!   `fixed=parameter` keeps its start, `fixed=all` keeps all. `degree=3` and `order=1` are structure.
//! - `metric=sphere` and `metric=projected` make distances of a column of longitudes and one of latitudes, in degrees and
//!   in this order, for `rbf`, the Matérn kernels and `rq`: `matern32(lon, lat; metric=sphere, lengthscales=50)`. Lengthscales
//!   are then in kilometres. `sphere`: the chord through the Earth, good anywhere on the globe, with one lengthscale; the
//!   great circle itself would not give a positive definite kernel (see [`Sphere`](super::Sphere)). `projected`: the plane of
//!   east-west and north-south distances at the mean latitude of the training rows, good for a region away from the poles
//!   and the date line, with one lengthscale each. On the scale of the model they are in units of the root mean square
//!   distance of the training rows from their centre ([`Geography::unit`]).
//! - Lengthscales and periods are in the columns' own units: [`KernelExpression::resolve`] divides by the scale
//!   of the column, or by the unit of the metric. All else is on the scale of the model.
//!
//! # Scale of a product
//! Only the product of the variances of a product's factors matters, so all but one are fixed at 1 unless the
//! expression gives them a value: the first factor keeps its scale; a later factor that is a leaf has its
//! (first) variance fixed; in one that is a sum this happens to the first term only, since the weights of the
//! others against it matter; in one that is a product, to each of its factors. A value given for a variance
//! starts it there and leaves it free unless `fixed=variance` says otherwise.
//!
//! # Text
//! The text is the stored form: parsing what [`KernelExpression`] prints gives the same expression, number for
//! number. Brackets that change a path (`kernel.1.0.variance`) are kept, others are dropped.

mod error;
mod parse;
mod print;
mod resolve;
#[cfg(test)]
mod tests;

pub use error::{ExpressionError, ExpressionErrorKind};
pub use resolve::InputColumns;

use super::dot_product::ArcCosineOrder;
use super::{
    ArcCosine, Constant, Cosine, Covariance, Geography, Linear, Matern12, Matern32, Matern52, Periodic,
    Polynomial, Radial, RationalQuadratic, Rbf, Sphere, Stationary, White,
};
use std::fmt;

/// A kernel with columns by name, as it was written.
#[derive(Debug, Clone)]
pub struct KernelExpression {
    /// What was parsed: errors point into it.
    text: String,
    root: Node,
}

impl PartialEq for KernelExpression {
    /// Whether the two say the same; spaces and redundant brackets do not matter.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Leaf(LeafExpression),
    Sum(Vec<Node>),
    Product(Vec<Node>),
}

#[derive(Debug, Clone, PartialEq)]
struct LeafExpression {
    kind: &'static KernelKind,
    /// None: all inputs.
    columns: Vec<At<String>>,
    options: Vec<At<LeafOption>>,
    at: At<()>,
}

#[derive(Debug, Clone, PartialEq)]
enum LeafOption {
    /// `shared` or `ard`.
    Flag(Flag),
    /// `metric=NAME`.
    Metric(MetricName),
    /// `fixed=NAME`; none is `all`.
    Fixed(Option<&'static Parameter>),
    /// The kernel's whole number.
    Whole(u8),
    /// One start value for a parameter.
    Start(&'static Parameter, f64),
    /// Start values of a parameter, one a column.
    Starts(&'static Parameter, Vec<f64>),
}

/// Something and the byte of the text where it begins. The place takes no part in comparisons.
#[derive(Debug, Clone, Copy)]
struct At<T> {
    value: T,
    position: usize,
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// What the language knows about a kernel.
struct KernelKind {
    name: &'static str,
    aliases: &'static [&'static str],
    /// Whether it looks at input columns.
    takes_columns: bool,
    /// The flag that it takes, if any.
    flag: Option<Flag>,
    /// Whether it is a function of a distance that may be one on the Earth.
    takes_metric: bool,
    /// The whole number that shapes it, if any.
    whole: Option<Whole>,
    parameters: &'static [Parameter],
    build: fn(Structure) -> Box<dyn Covariance>,
}

impl fmt::Debug for KernelKind {
    /// Its name: the address of a function differs from one process to the next, and a checkpoint is known by this text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for KernelKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How a parameter serves several columns. A kernel's own flag is the one that it does not have by default; the other
/// one says what is so anyway.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flag {
    /// `shared`: one for all instead of one a column.
    Shared,
    /// `ard`: one a column instead of one for all.
    Ard,
}

impl Flag {
    fn name(self) -> &'static str {
        match self {
            Flag::Shared => "shared",
            Flag::Ard => "ard",
        }
    }
}

/// A distance on the Earth, of a column of longitudes and one of latitudes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum MetricName {
    /// The chord.
    Sphere,
    /// In the plane that touches the Earth at the mean latitude.
    Projected,
}

impl MetricName {
    const ALL: [Self; 2] = [Self::Sphere, Self::Projected];

    fn name(self) -> &'static str {
        match self {
            Self::Sphere => "sphere",
            Self::Projected => "projected",
        }
    }
}

/// A whole number of a kernel.
#[derive(Debug)]
struct Whole {
    name: &'static str,
    default: u8,
    least: u8,
    most: u8,
}

#[derive(Debug, PartialEq)]
struct Parameter {
    name: &'static str,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    /// The scale of the model.
    Model,
    /// The unit of the columns, or kilometres with a metric.
    Column,
}

/// What a leaf is built from.
struct Structure {
    columns: Vec<usize>,
    /// Longitude and latitude with the metric on them, if one is given.
    earth: Option<(MetricName, [usize; 2], Geography)>,
    /// Whether the columns share what they can share.
    shared: bool,
    whole: u8,
}

/// A stationary kernel with its metric.
fn stationary<R: Radial>(s: Structure) -> Box<dyn Covariance> {
    match s.earth {
        None => Box::new(Stationary::<R>::new(s.columns, s.shared)),
        Some((MetricName::Projected, columns, geography)) => {
            Box::new(Stationary::<R>::projected(columns, geography, s.shared))
        }
        Some((MetricName::Sphere, columns, geography)) => {
            Box::new(Stationary::<R, Sphere>::with_metric(Sphere::new(columns, geography)))
        }
    }
}

const VARIANCE: Parameter = Parameter { name: "variance", unit: Unit::Model };
const LENGTHSCALES: Parameter = Parameter { name: "lengthscales", unit: Unit::Column };
const ALPHA: Parameter = Parameter { name: "alpha", unit: Unit::Model };
const PERIOD: Parameter = Parameter { name: "period", unit: Unit::Column };
const OFFSET: Parameter = Parameter { name: "offset", unit: Unit::Model };
const WEIGHT_VARIANCES: Parameter = Parameter { name: "weight_variances", unit: Unit::Model };
const BIAS_VARIANCE: Parameter = Parameter { name: "bias_variance", unit: Unit::Model };

/// A kernel with lengthscales, to be varied.
const STATIONARY: KernelKind = KernelKind {
    name: "rbf",
    aliases: &[],
    takes_columns: true,
    flag: Some(Flag::Shared),
    takes_metric: true,
    whole: None,
    parameters: &[VARIANCE, LENGTHSCALES],
    build: stationary::<Rbf>,
};

/// A kernel of columns that is not a function of a distance, to be varied.
const OF_COLUMNS: KernelKind = KernelKind { takes_metric: false, ..STATIONARY };

/// A kernel of no columns, to be varied.
const PLAIN: KernelKind = KernelKind {
    name: "constant",
    aliases: &[],
    takes_columns: false,
    flag: None,
    takes_metric: false,
    whole: None,
    parameters: &[VARIANCE],
    build: |_| Box::new(Constant::new()),
};

/// The kernels of the language. A new one is one entry.
static KINDS: [KernelKind; 12] = [
    KernelKind { aliases: &["se", "squaredexponential"], ..STATIONARY },
    KernelKind { name: "matern12", aliases: &["exponential"], build: stationary::<Matern12>, ..STATIONARY },
    KernelKind { name: "matern32", build: stationary::<Matern32>, ..STATIONARY },
    KernelKind { name: "matern52", build: stationary::<Matern52>, ..STATIONARY },
    KernelKind {
        name: "rq",
        aliases: &["rationalquadratic"],
        parameters: &[VARIANCE, LENGTHSCALES, ALPHA],
        build: stationary::<RationalQuadratic>,
        ..STATIONARY
    },
    KernelKind {
        name: "periodic",
        parameters: &[VARIANCE, LENGTHSCALES, PERIOD],
        build: |s| Box::new(Periodic::new(s.columns, s.shared)),
        ..OF_COLUMNS
    },
    KernelKind { name: "cosine", build: |s| Box::new(Cosine::new(s.columns, s.shared)), ..OF_COLUMNS },
    KernelKind {
        name: "linear",
        flag: Some(Flag::Ard),
        parameters: &[VARIANCE],
        build: |s| Box::new(Linear::new(s.columns, s.shared)),
        ..OF_COLUMNS
    },
    KernelKind {
        name: "polynomial",
        flag: None,
        whole: Some(Whole { name: "degree", default: 3, least: 1, most: 100 }),
        parameters: &[VARIANCE, OFFSET],
        build: |s| Box::new(Polynomial::new(s.columns, s.whole)),
        ..OF_COLUMNS
    },
    KernelKind {
        name: "arccosine",
        flag: Some(Flag::Ard),
        whole: Some(Whole { name: "order", default: 0, least: 0, most: 2 }),
        parameters: &[VARIANCE, WEIGHT_VARIANCES, BIAS_VARIANCE],
        build: |s| {
            let order = match s.whole {
                0 => ArcCosineOrder::Zero,
                1 => ArcCosineOrder::One,
                _ => ArcCosineOrder::Two,
            };
            Box::new(ArcCosine::new(s.columns, s.shared, order))
        },
        ..OF_COLUMNS
    },
    KernelKind { aliases: &["bias"], ..PLAIN },
    KernelKind { name: "white", build: |_| Box::new(White::new()), ..PLAIN },
];

impl KernelKind {
    /// Whether the columns share what they can share, where the flag is not given.
    fn shares_by_default(&self) -> bool {
        self.flag != Some(Flag::Shared)
    }

    /// All that may stand after `;` for this kernel, with `fixed` last.
    fn option_names(&self) -> impl Iterator<Item = &'static str> {
        let flag = self.flag.iter().flat_map(|_| [Flag::Shared, Flag::Ard]).map(Flag::name);
        let whole = self.whole.as_ref().map(|w| w.name);
        let metric = self.takes_metric.then_some("metric");
        self.parameters.iter().map(|p| p.name).chain(flag).chain(metric).chain(whole).chain(["fixed"])
    }
}
