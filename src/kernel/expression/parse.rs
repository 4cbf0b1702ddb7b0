//! From text to expression: one character ahead, by recursive descent.

use super::error::{ExpressionError, ExpressionErrorKind as Kind, hint};
use super::print::is_bare;
use super::{
    At, Flag, KINDS, KernelExpression, KernelKind, LeafExpression, LeafOption, MetricName, Node, Parameter,
};
use std::str::FromStr;

/// Bytes that an expression may have.
const MAX_LENGTH: usize = 10_000;
/// Brackets that may be open at once: the parser, the printer and the kernel all recurse.
const MAX_DEPTH: usize = 64;

impl FromStr for KernelExpression {
    type Err = ExpressionError;

    /// Reads an expression; whether its columns exist is for [`KernelExpression::resolve`] to say.
    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let mut parser = Parser { text, position: 0, depth: 0 };
        if text.len() > MAX_LENGTH {
            return Err(parser.error(0, Kind::TooLong { length: text.len(), limit: MAX_LENGTH }));
        }
        let root = parser.sum()?;
        parser.skip_space();
        match parser.peek() {
            None => Ok(KernelExpression { text: text.to_string(), root }),
            Some(')') => Err(parser.unexpected("`+`, `*` or the end (no bracket is open)")),
            Some(_) => Err(parser.unexpected("`+`, `*` or the end")),
        }
    }
}

type Parsed<T> = Result<T, ExpressionError>;

struct Parser<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

impl Parser<'_> {
    fn sum(&mut self) -> Parsed<Node> {
        let mut parts = vec![self.product()?];
        while self.take('+') {
            parts.push(self.product()?);
        }
        Ok(one_or(parts, Node::Sum))
    }

    fn product(&mut self) -> Parsed<Node> {
        let mut parts = vec![self.factor()?];
        while self.take('*') {
            parts.push(self.factor()?);
        }
        Ok(one_or(parts, Node::Product))
    }

    fn factor(&mut self) -> Parsed<Node> {
        self.skip_space();
        let start = self.position;
        if !self.take('(') {
            return self.leaf().map(Node::Leaf);
        }
        if self.depth == MAX_DEPTH {
            return Err(self.error(start, Kind::TooDeep { limit: MAX_DEPTH }));
        }
        self.depth += 1;
        let node = self.sum()?;
        self.depth -= 1;
        if !self.take(')') {
            return Err(self.unexpected("`+`, `*` or `)`"));
        }
        Ok(node)
    }

    fn leaf(&mut self) -> Parsed<LeafExpression> {
        let Some(name) = self.bare_name() else {
            return Err(self.unexpected("a kernel or `(`"));
        };
        let kind = self.kind(&name)?;
        let at = At { value: (), position: name.position };
        let mut leaf = LeafExpression { kind, columns: Vec::new(), options: Vec::new(), at };
        if self.take('(') {
            // `;` may be left out where there are no columns: `arccosine(order=1)`.
            let only_options = self.starts_with_option();
            if !only_options {
                self.columns(&mut leaf)?;
            }
            if only_options || self.take(';') {
                self.options(&mut leaf)?;
            }
            if !self.take(')') {
                return Err(self.unexpected(match (leaf.options.is_empty(), leaf.columns.is_empty()) {
                    (true, true) => "a column, `;` or `)`",
                    (true, false) => "`,`, `;` or `)`",
                    (false, _) => "`,` or `)`",
                }));
            }
        }
        Ok(leaf)
    }

    /// Whether a name and `=` come next.
    fn starts_with_option(&mut self) -> bool {
        let start = self.position;
        let found = self.bare_name().is_some() && self.take('=');
        self.position = start;
        found
    }

    fn kind(&self, name: &At<String>) -> Parsed<&'static KernelKind> {
        let lower = name.value.to_ascii_lowercase();
        KINDS.iter().find(|k| k.name == lower || k.aliases.contains(&lower.as_str())).ok_or_else(|| {
            let hint = hint(&name.value, "kernels", KINDS.iter().map(|k| k.name));
            self.error(name.position, Kind::UnknownKernel { name: name.value.clone(), hint })
        })
    }

    fn columns(&mut self, leaf: &mut LeafExpression) -> Parsed<()> {
        loop {
            let column = match self.column()? {
                Some(column) => column,
                None if leaf.columns.is_empty() => return Ok(()),
                None => return Err(self.unexpected("a column")),
            };
            if !leaf.kind.takes_columns {
                return Err(self.error(column.position, Kind::TakesNoColumns { kernel: leaf.kind.name }));
            }
            if leaf.columns.contains(&column) {
                return Err(self.error(column.position, Kind::DuplicateColumn { name: column.value }));
            }
            leaf.columns.push(column);
            if !self.take(',') {
                return Ok(());
            }
        }
    }

    fn column(&mut self) -> Parsed<Option<At<String>>> {
        self.skip_space();
        let start = self.position;
        if !self.take('"') {
            return Ok(self.bare_name());
        }
        let mut name = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(Some(At { value: name, position: start })),
                Some('\\') => match self.peek() {
                    Some(c @ ('"' | '\\')) => {
                        name.push(c);
                        self.next();
                    }
                    _ => return Err(self.unexpected("`\"` or `\\` after a backslash")),
                },
                Some(c) => name.push(c),
                None => return Err(self.unexpected("`\"` to end the column name")),
            }
        }
    }

    fn options(&mut self, leaf: &mut LeafExpression) -> Parsed<()> {
        loop {
            let option = self.option(leaf.kind)?;
            if let Some(twice) = duplicate(leaf, &option.value) {
                return Err(self.error(option.position, Kind::DuplicateOption { option: twice }));
            }
            leaf.options.push(option);
            if !self.take(',') {
                return Ok(());
            }
        }
    }

    fn option(&mut self, kind: &'static KernelKind) -> Parsed<At<LeafOption>> {
        let Some(name) = self.bare_name() else {
            return Err(self.unexpected("an option"));
        };
        let flag = [Flag::Shared, Flag::Ard].into_iter().find(|flag| flag.name() == name.value);
        let value = if let (Some(flag), Some(_)) = (flag, kind.flag) {
            LeafOption::Flag(flag)
        } else if let Some(whole) = kind.whole.as_ref().filter(|whole| whole.name == name.value) {
            self.equals_sign()?;
            let (position, value, text) = self.number()?;
            if value.fract() != 0.0 || value < f64::from(whole.least) || value > f64::from(whole.most) {
                let rule = format!("a whole number from {} to {}", whole.least, whole.most);
                return Err(self.error(position, Kind::BadValue { option: whole.name, value: text, rule }));
            }
            LeafOption::Whole(value as u8)
        } else if let Some(parameter) = kind.parameters.iter().find(|p| p.name == name.value) {
            self.equals_sign()?;
            self.starts(parameter)?
        } else if name.value == "metric" && kind.takes_metric {
            self.equals_sign()?;
            self.metric()?
        } else if name.value == "fixed" {
            self.equals_sign()?;
            self.fixed(kind)?
        } else {
            return Err(self.unknown_option(kind, name));
        };
        Ok(At { value, position: name.position })
    }

    fn unknown_option(&self, kind: &'static KernelKind, name: At<String>) -> ExpressionError {
        let hint = hint(&name.value, "options", kind.option_names().collect::<Vec<_>>().into_iter());
        self.error(name.position, Kind::UnknownOption { kernel: kind.name, option: name.value, hint })
    }

    fn metric(&mut self) -> Parsed<LeafOption> {
        let Some(At { value, position }) = self.bare_name() else {
            return Err(self.unexpected("`sphere` or `projected`"));
        };
        let metric = MetricName::ALL.into_iter().find(|metric| metric.name() == value);
        metric.map(LeafOption::Metric).ok_or_else(|| {
            let rule = "`sphere` or `projected`".into();
            self.error(position, Kind::BadValue { option: "metric", value, rule })
        })
    }

    fn fixed(&mut self, kind: &'static KernelKind) -> Parsed<LeafOption> {
        let names = kind.parameters.iter().map(|p| p.name);
        let Some(name) = self.bare_name() else {
            return Err(self.unexpected("a parameter or `all`"));
        };
        if name.value == "all" {
            return Ok(LeafOption::Fixed(None));
        }
        match kind.parameters.iter().find(|p| p.name == name.value) {
            Some(found) => Ok(LeafOption::Fixed(Some(found))),
            None => {
                let hint = hint(&name.value, "parameters", names);
                let kind = Kind::UnknownParameter { kernel: kind.name, parameter: name.value, hint };
                Err(self.error(name.position, kind))
            }
        }
    }

    fn starts(&mut self, parameter: &'static Parameter) -> Parsed<LeafOption> {
        if !self.take('[') {
            return Ok(LeafOption::Start(parameter, self.positive(parameter.name)?));
        }
        let mut values = vec![self.positive(parameter.name)?];
        while self.take(',') {
            values.push(self.positive(parameter.name)?);
        }
        if !self.take(']') {
            return Err(self.unexpected("`,` or `]`"));
        }
        Ok(LeafOption::Starts(parameter, values))
    }

    fn positive(&mut self, option: &'static str) -> Parsed<f64> {
        let (position, value, text) = self.number()?;
        if value > 0.0 && value.is_finite() {
            return Ok(value);
        }
        Err(self.error(position, Kind::BadValue { option, value: text, rule: "positive and finite".into() }))
    }

    /// A number: where it begins, what it is, and how it is written.
    fn number(&mut self) -> Parsed<(usize, f64, String)> {
        self.skip_space();
        let start = self.position;
        let mut previous = ' ';
        while let Some(c) = self.peek() {
            let sign = matches!(c, '+' | '-') && (self.position == start || matches!(previous, 'e' | 'E'));
            if !(is_bare(c) || sign) {
                break;
            }
            previous = c;
            self.next();
        }
        let text = &self.text[start..self.position];
        // Rust also reads `inf` and `nan`: here a number has digits.
        match text.parse() {
            Ok(value) if text.contains(|c: char| c.is_ascii_digit()) => Ok((start, value, text.to_string())),
            _ => {
                self.position = start;
                Err(self.unexpected("a number"))
            }
        }
    }

    fn equals_sign(&mut self) -> Parsed<()> {
        if self.take('=') { Ok(()) } else { Err(self.unexpected("`=` and a value")) }
    }

    fn bare_name(&mut self) -> Option<At<String>> {
        self.skip_space();
        let position = self.position;
        while self.peek().is_some_and(is_bare) {
            self.next();
        }
        let value = self.text[position..self.position].to_string();
        (!value.is_empty()).then_some(At { value, position })
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// Moves past `wanted`, where it stands next after spaces.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }

    /// What stands at the current position is not what may stand there.
    fn unexpected(&mut self, expected: &str) -> ExpressionError {
        self.skip_space();
        let start = self.position;
        let found = match (self.bare_name(), self.text[start..].chars().next()) {
            (Some(word), _) if word.value.chars().count() <= 40 => format!("`{}`", word.value),
            (Some(_), _) => "a long word".into(),
            (None, Some(c)) => format!("`{c}`"),
            (None, None) => "the end".into(),
        };
        self.error(start, Kind::Unexpected { expected: expected.to_string(), found })
    }

    fn error(&self, position: usize, kind: Kind) -> ExpressionError {
        ExpressionError { expression: self.text.to_string(), position, kind }
    }
}

/// The only part, or the node of all parts.
fn one_or(mut parts: Vec<Node>, node: fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            node(parts)
        }
        None => node(parts),
    }
}

/// The name of an option that the leaf has already, or that an option of it includes.
fn duplicate(leaf: &LeafExpression, option: &LeafOption) -> Option<String> {
    let given = leaf.options.iter().map(|o| &o.value);
    let mut given = given.filter(|old| match (old, option) {
        (LeafOption::Flag(_), LeafOption::Flag(_))
        | (LeafOption::Metric(_), LeafOption::Metric(_))
        | (LeafOption::Whole(_), LeafOption::Whole(_)) => true,
        (LeafOption::Fixed(old), LeafOption::Fixed(new)) => old == new || old.is_none() || new.is_none(),
        (
            LeafOption::Start(old, _) | LeafOption::Starts(old, _),
            LeafOption::Start(new, _) | LeafOption::Starts(new, _),
        ) => old == new,
        _ => false,
    });
    given.next()?;
    Some(match option {
        LeafOption::Flag(_) => "shared` or `ard".to_string(),
        LeafOption::Metric(_) => "metric".to_string(),
        LeafOption::Whole(_) => leaf.kind.whole.as_ref().map_or("", |whole| whole.name).to_string(),
        LeafOption::Fixed(fixed) => format!("fixed={}", fixed.map_or("all", |p| p.name)),
        LeafOption::Start(parameter, _) | LeafOption::Starts(parameter, _) => parameter.name.to_string(),
    })
}
