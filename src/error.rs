//! The one error type. Variants are data: match on them, not on their text.

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A matrix was not positive definite, even with the largest jitter.
    #[error(
        "{matrix} ({size}×{size}) is not positive definite, even with jitter {jitter:.1e} × its mean diagonal"
    )]
    NotPositiveDefinite {
        /// Which matrix.
        matrix: &'static str,
        /// Its number of rows.
        size: usize,
        /// The largest jitter tried, relative to the mean diagonal.
        jitter: f64,
    },
    /// A quantity of an evaluation overflowed or is not a number.
    #[error("{what} is not finite")]
    NotFiniteValue {
        /// Which quantity.
        what: &'static str,
    },
    /// An iteration inside an evaluation did not come to rest.
    #[error("{what} did not settle within {steps} steps")]
    NotSettled {
        /// Which iteration.
        what: &'static str,
        /// The steps that it was given.
        steps: usize,
    },
    /// Two lengths that must agree do not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The length it must have.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// A value in the data is infinite or not a number.
    #[error("column `{column}`, row {row}: the value is not finite")]
    NotFinite {
        /// Column name.
        column: String,
        /// 0-based row.
        row: usize,
    },
    /// A target that the likelihood gives no density.
    #[error("column `{column}`, row {row}: target {value}: {problem}")]
    Support {
        /// Column name.
        column: String,
        /// 0-based row.
        row: usize,
        /// The target.
        value: f64,
        /// What it must be.
        problem: String,
    },
    /// A parameter's value, prior or path does not make sense.
    #[error("parameter `{path}`: {problem}")]
    Parameter {
        /// Its path.
        path: String,
        /// What is wrong and what there is instead.
        problem: String,
    },
    /// A text is not a prior.
    #[error(transparent)]
    Prior(#[from] crate::parameter::PriorError),
    /// A kernel expression that cannot be read, or that does not fit the inputs.
    #[error(transparent)]
    Expression(#[from] crate::kernel::ExpressionError),
    /// A model file cannot be read, written or used.
    #[error(transparent)]
    ModelFile(#[from] crate::posterior::ModelFileError),
    /// A setting does not make sense; the text says which and what to do.
    #[error("{0}")]
    Invalid(String),
    /// A table cannot be read, encoded, split or written.
    #[cfg(feature = "table")]
    #[error(transparent)]
    Table(#[from] crate::table::TableError),
}

impl Error {
    /// Whether an evaluation elsewhere may succeed: true for numerical failures at one point of parameter
    /// space, which cost one particle one step; false for errors in data, settings or files.
    pub fn is_recoverable(&self) -> bool {
        matches!(
            self,
            Error::NotPositiveDefinite { .. } | Error::NotFiniteValue { .. } | Error::NotSettled { .. }
        )
    }
}
