//! What can be wrong with a kernel expression, and where.

use std::fmt;

/// A kernel expression that cannot be read, or that does not fit the inputs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct ExpressionError {
    /// The expression as it was written.
    pub expression: String,
    /// The byte of `expression` where the trouble begins; its length where something is missing at the end.
    pub position: usize,
    /// What is wrong there.
    pub kind: ExpressionErrorKind,
}

/// What is wrong with a kernel expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionErrorKind {
    /// Longer than any sensible kernel.
    #[error("the expression has {length} bytes, more than {limit}")]
    TooLong {
        /// Bytes it has.
        length: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// Brackets too deep inside each other.
    #[error("brackets are nested more than {limit} deep")]
    TooDeep {
        /// Brackets that may be open at once.
        limit: usize,
    },
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// No kernel has this name.
    #[error("there is no kernel `{name}`; {hint}")]
    UnknownKernel {
        /// The name.
        name: String,
        /// A name that looks like it, or all names.
        hint: String,
    },
    /// No input has this name.
    #[error("there is no input column `{name}`; {hint}")]
    UnknownColumn {
        /// The name.
        name: String,
        /// A name that looks like it, or all names.
        hint: String,
    },
    /// A column twice in one kernel.
    #[error("the column `{name}` is in this kernel twice")]
    DuplicateColumn {
        /// Its name.
        name: String,
    },
    /// Columns for a kernel that looks at none.
    #[error("`{kernel}` takes no columns")]
    TakesNoColumns {
        /// Name of the kernel.
        kernel: &'static str,
    },
    /// A kernel on all inputs where there are none.
    #[error("`{kernel}` needs an input column and there is none")]
    NoColumns {
        /// Name of the kernel.
        kernel: &'static str,
    },
    /// The kernel has no such option.
    #[error("`{kernel}` has no option `{option}`; {hint}")]
    UnknownOption {
        /// Name of the kernel.
        kernel: &'static str,
        /// The option.
        option: String,
        /// An option that looks like it, or all options.
        hint: String,
    },
    /// The kernel has no parameter of this name to fix.
    #[error("`{kernel}` has no parameter `{parameter}` to fix; {hint}")]
    UnknownParameter {
        /// Name of the kernel.
        kernel: &'static str,
        /// The parameter.
        parameter: String,
        /// A parameter that looks like it, or all parameters.
        hint: String,
    },
    /// An option twice in one kernel.
    #[error("`{option}` is given twice")]
    DuplicateOption {
        /// The option.
        option: String,
    },
    /// A value that the option cannot take.
    #[error("{value} is not a value for `{option}`: it must be {rule}")]
    BadValue {
        /// The option.
        option: &'static str,
        /// The value as written.
        value: String,
        /// What a value must be.
        rule: String,
    },
    /// Columns that are not a longitude and a latitude, or an option that the metric has no use for.
    #[error("`metric={metric}` {problem}")]
    BadMetric {
        /// The metric.
        metric: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A list of values for a parameter of which there is one, or of another length.
    #[error("`{option}` takes {expected}, found a list of {found}")]
    WrongLength {
        /// The option.
        option: &'static str,
        /// What it takes.
        expected: String,
        /// Length of the list.
        found: usize,
    },
    /// One value in the units of columns whose units differ.
    #[error(
        "one `{option}` serves columns that are scaled differently, so its unit is not clear; give it on the scale \
         of the model with `--start kernel.{path}=VALUE`, or leave the inputs unscaled with `--no-standardise`"
    )]
    MixedScales {
        /// The parameter.
        option: &'static str,
        /// Its path below `kernel.`.
        path: String,
    },
}

/// Characters of a line that are shown on either side of the trouble.
const CONTEXT: usize = 50;

impl fmt::Display for ExpressionError {
    /// The trouble, then the line of the expression, then a caret below the character where it begins.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel expression: {}", self.kind)?;
        if let ExpressionErrorKind::TooLong { .. } = self.kind {
            return Ok(());
        }
        let (line, caret) = self.excerpt();
        // Whatever would move the caret away from its character is shown as one space.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "\n  {line}\n  {:caret$}^", "")
    }
}

impl ExpressionError {
    /// The part of the line around the trouble, and how many of its characters stand before it.
    fn excerpt(&self) -> (String, usize) {
        let (before, after) =
            self.expression.split_at_checked(self.position).unwrap_or((&self.expression, ""));
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        let length = before.chars().count();
        let mut head: String = before.chars().skip(length.saturating_sub(CONTEXT)).collect();
        if length > CONTEXT {
            head.insert(0, '…');
        }
        let mut tail: String = after.chars().take(CONTEXT).collect();
        if after.chars().nth(CONTEXT).is_some() {
            tail.push('…');
        }
        let caret = head.chars().count();
        (head + &tail, caret)
    }
}

/// "did you mean `near`?" where a candidate is near enough, else all of them (or the first few).
pub(super) fn hint<'a>(name: &str, what: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    const SHOWN: usize = 12;
    let distance = |c: &str| strsim::osa_distance(&name.to_lowercase(), &c.to_lowercase());
    let nearest = candidates.clone().map(|c| (distance(c), c)).min_by_key(|(d, _)| *d);
    // A third of the letters may be wrong, and one always.
    let allowed = (name.chars().count() / 3).max(1);
    if let Some((d, near)) = nearest
        && d <= allowed
        && d < near.chars().count()
    {
        return format!("did you mean `{near}`?");
    }
    let total = candidates.clone().count();
    let shown: Vec<&str> = candidates.take(SHOWN).collect();
    match total {
        0 => format!("there are no {what}"),
        _ if total > SHOWN => format!("{what}: {}, … ({total} in all)", shown.join(", ")),
        _ => format!("{what}: {}", shown.join(", ")),
    }
}
