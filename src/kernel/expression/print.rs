//! Printing a kernel expression so that parsing gives it back.

use super::{KernelExpression, LeafExpression, LeafOption, Node};
use std::fmt::{self, Display, Formatter};

impl Display for KernelExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Node::Leaf(leaf) => leaf.fmt(f),
            Node::Sum(parts) => joined(f, parts, " + ", |part| {
                let bracketed = matches!(part, Node::Sum(_));
                Bracketed(part, bracketed)
            }),
            Node::Product(parts) => joined(f, parts, " * ", |part| {
                let bracketed = !matches!(part, Node::Leaf(_));
                Bracketed(part, bracketed)
            }),
        }
    }
}

/// A part of a sum or product, in brackets where they say something.
struct Bracketed<'a>(&'a Node, bool);

impl Display for Bracketed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

impl Display for LeafExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        if self.columns.is_empty() && self.options.is_empty() {
            return Ok(());
        }
        f.write_str("(")?;
        joined(f, &self.columns, ", ", |name| ColumnName(&name.value))?;
        if !self.options.is_empty() {
            f.write_str("; ")?;
            joined(f, &self.options, ", ", |option| PrintedOption { leaf: self, option: &option.value })?;
        }
        f.write_str(")")
    }
}

struct PrintedOption<'a> {
    leaf: &'a LeafExpression,
    option: &'a LeafOption,
}

impl Display for PrintedOption<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.option {
            LeafOption::Flag(flag) => f.write_str(flag.name()),
            LeafOption::Metric(metric) => write!(f, "metric={}", metric.name()),
            LeafOption::Fixed(parameter) => write!(f, "fixed={}", parameter.map_or("all", |p| p.name)),
            LeafOption::Whole(n) => {
                write!(f, "{}={n}", self.leaf.kind.whole.as_ref().map_or("", |whole| whole.name))
            }
            LeafOption::Start(parameter, value) => write!(f, "{}={}", parameter.name, Number(*value)),
            LeafOption::Starts(parameter, values) => {
                write!(f, "{}=[", parameter.name)?;
                joined(f, values, ", ", |v| Number(*v))?;
                f.write_str("]")
            }
        }
    }
}

/// The shortest text that parses to the same number: `24`, `0.5`, `1e-9`.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// A column name, quoted where it must be.
struct ColumnName<'a>(&'a str);

impl Display for ColumnName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.chars().all(is_bare) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Whether a character may stand in a name without quotes.
pub(super) fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

fn joined<'a, T, D: Display>(
    f: &mut Formatter<'_>,
    parts: &'a [T],
    separator: &str,
    show: impl Fn(&'a T) -> D,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        show(part).fmt(f)?;
    }
    Ok(())
}
