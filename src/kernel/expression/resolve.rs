//! From names to columns, and from the units of the table to the scale of the model.

use super::error::{ExpressionError, ExpressionErrorKind as Kind, hint};
use super::{
    At, Flag, KernelExpression, LeafExpression, LeafOption, MetricName, Node, Parameter, Structure, Unit,
    VARIANCE,
};
use crate::kernel::{Covariance, Geography, Kernel, KernelParameter};

/// What an expression needs to know about the inputs.
#[derive(Debug, Clone, Default)]
pub struct InputColumns {
    /// Names of the D columns.
    pub names: Vec<String>,
    /// What was taken from each column before it was divided by its scale.
    pub shifts: Vec<f64>,
    /// What each column was divided by on its way from the table to the model; D positive numbers.
    pub scales: Vec<f64>,
    /// Names that stand for several columns, such as a text column for the 0/1 columns made from it.
    pub groups: Vec<(String, Vec<usize>)>,
}

impl InputColumns {
    /// Columns that are in their own units.
    pub fn unscaled(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        Self { shifts: vec![0.0; names.len()], scales: vec![1.0; names.len()], names, groups: Vec::new() }
    }

    /// The columns of a name: a column's own, else those of a group.
    fn find(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(column) = self.names.iter().position(|n| n == name) {
            return Some(vec![column]);
        }
        self.groups.iter().find(|(group, _)| group == name).map(|(_, columns)| columns.clone())
    }

    fn known_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().chain(self.groups.iter().map(|(group, _)| group)).map(String::as_str)
    }
}

impl KernelExpression {
    /// The kernel on the given inputs, with starts on the scale of the model.
    ///
    /// # Errors
    /// Where a column does not exist, a list has another length than the columns, or one value in the units of
    /// the columns serves columns of different scales, or where the columns of a metric cannot be a longitude and a
    /// latitude; the error points at the place.
    pub fn resolve(&self, inputs: &InputColumns) -> Result<Kernel, ExpressionError> {
        Resolver { text: &self.text, inputs }.node(&self.root, false, "")
    }
}

struct Resolver<'a> {
    text: &'a str,
    inputs: &'a InputColumns,
}

impl Resolver<'_> {
    /// `scaled`: whether something else has the scale of this part already (see the module's documentation).
    fn node(&self, node: &Node, scaled: bool, path: &str) -> Result<Kernel, ExpressionError> {
        let parts = |parts: &[Node], scaled: &dyn Fn(usize) -> bool| {
            let part = |(i, part)| self.node(part, scaled(i), &format!("{path}{i}."));
            parts.iter().enumerate().map(part).collect::<Result<Vec<_>, _>>()
        };
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, scaled, path),
            Node::Sum(terms) => parts(terms, &|i| scaled && i == 0).map(Kernel::Sum),
            Node::Product(factors) => parts(factors, &|i| scaled || i > 0).map(Kernel::Product),
        }
    }

    fn leaf(&self, leaf: &LeafExpression, scaled: bool, path: &str) -> Result<Kernel, ExpressionError> {
        let columns = self.columns(leaf)?;
        let flag = leaf.options.iter().find_map(|o| match o.value {
            LeafOption::Flag(flag) => Some(flag),
            _ => None,
        });
        let whole = leaf.options.iter().find_map(|o| match o.value {
            LeafOption::Whole(n) => Some(n),
            _ => None,
        });
        let earth = self.earth(leaf, &columns, flag)?;
        let unit = earth.map(|(_, _, geography)| geography.unit());
        let mut covariance = (leaf.kind.build)(Structure {
            columns,
            earth,
            shared: flag.map_or(leaf.kind.shares_by_default(), |flag| flag == Flag::Shared),
            whole: whole.or(leaf.kind.whole.as_ref().map(|w| w.default)).unwrap_or_default(),
        });
        let mut scale_given = false;
        for option in &leaf.options {
            let start = match &option.value {
                LeafOption::Flag(_) | LeafOption::Metric(_) | LeafOption::Whole(_) => continue,
                LeafOption::Fixed(fixed) => {
                    let parameters = covariance.parameters_mut().iter_mut();
                    parameters
                        .filter(|p| fixed.is_none_or(|f| p.name() == f.name))
                        .for_each(|p| p.fixed = true);
                    continue;
                }
                LeafOption::Start(parameter, value) => Start { parameter, value: Value::One(*value) },
                LeafOption::Starts(parameter, values) => Start { parameter, value: Value::List(values) },
            };
            scale_given |= *start.parameter == VARIANCE;
            self.set(&mut *covariance, &start, unit, path)
                .map_err(|kind| self.error(option.position, kind))?;
        }
        if scaled
            && !scale_given
            && let Some(scale) = covariance.parameters_mut().first_mut()
        {
            scale.fixed = true;
        }
        Ok(Kernel::Leaf(covariance.into()))
    }

    fn columns(&self, leaf: &LeafExpression) -> Result<Vec<usize>, ExpressionError> {
        if !leaf.kind.takes_columns {
            return Ok(Vec::new());
        }
        if leaf.columns.is_empty() {
            if self.inputs.names.is_empty() {
                return Err(self.error(leaf.at.position, Kind::NoColumns { kernel: leaf.kind.name }));
            }
            return Ok((0..self.inputs.names.len()).collect());
        }
        let mut columns = Vec::new();
        for At { value: name, position } in &leaf.columns {
            let Some(found) = self.inputs.find(name) else {
                let hint = hint(name, "columns", self.inputs.known_names());
                return Err(self.error(*position, Kind::UnknownColumn { name: name.clone(), hint }));
            };
            if let Some(twice) = found.iter().find(|c| columns.contains(*c)) {
                let name = self.inputs.names[*twice].clone();
                return Err(self.error(*position, Kind::DuplicateColumn { name }));
            }
            columns.extend(found);
        }
        Ok(columns)
    }

    /// Longitude and latitude of a leaf with a metric.
    fn earth(
        &self,
        leaf: &LeafExpression,
        columns: &[usize],
        flag: Option<Flag>,
    ) -> Result<Option<(MetricName, [usize; 2], Geography)>, ExpressionError> {
        let given = leaf.options.iter().find_map(|o| match o.value {
            LeafOption::Metric(metric) => Some((metric, o.position)),
            _ => None,
        });
        let Some((metric, position)) = given else { return Ok(None) };
        let refuse =
            |problem: String| Err(self.error(position, Kind::BadMetric { metric: metric.name(), problem }));
        let &[longitude, latitude] = columns else {
            let count = columns.len();
            return refuse(format!("takes two columns in degrees, longitude and then latitude, not {count}"));
        };
        let named = |column: usize, start: &str| self.inputs.names[column].to_lowercase().starts_with(start);
        if named(longitude, "lat") && (named(latitude, "lon") || named(latitude, "lng")) {
            return refuse("takes the longitude first and then the latitude".into());
        }
        let of = |values: &[f64]| [values[longitude], values[latitude]];
        let geography = Geography { shifts: of(&self.inputs.shifts), scales: of(&self.inputs.scales) };
        let possible = geography.shifts[0].abs() <= 360.0 && geography.shifts[1].abs() <= 90.0;
        if !possible || geography.scales[0] > 360.0 || geography.scales[1] > 90.0 {
            let names = [longitude, latitude].map(|c| &self.inputs.names[c]);
            return refuse(format!(
                "takes the longitude and then the latitude in degrees, and `{}`, `{}` cannot be these: their means \
                 are {} and {}",
                names[0], names[1], geography.shifts[0], geography.shifts[1]
            ));
        }
        match metric {
            MetricName::Sphere if flag == Some(Flag::Ard) => {
                refuse("has one lengthscale: leave out `ard`, or use `metric=projected`".into())
            }
            // Unscaled columns do not say where the rows are.
            MetricName::Projected if geography.shifts == [0.0; 2] && geography.scales == [1.0; 2] => refuse(
                "is about the mean latitude, which unscaled inputs do not tell: use `metric=sphere`, or scale the \
                 inputs"
                    .into(),
            ),
            _ => Ok(Some((metric, [longitude, latitude], geography))),
        }
    }

    /// Sets the start of a parameter: of all its entries where there is one a column. `unit`: that of the metric.
    fn set(
        &self,
        covariance: &mut dyn Covariance,
        start: &Start<'_>,
        unit: Option<f64>,
        path: &str,
    ) -> Result<(), Kind> {
        let name = start.parameter.name;
        let scale = |column: &usize| unit.unwrap_or(self.inputs.scales[*column]);
        let scales: Vec<f64> = covariance.columns().iter().map(scale).collect();
        let entries = covariance.parameters_mut().iter_mut().filter(|p| p.name() == name);
        let mut entries: Vec<&mut KernelParameter> = entries.collect();
        let per_column = entries.iter().any(|p| p.path != name);
        if let Value::List(values) = start.value
            && (!per_column || values.len() != entries.len())
        {
            let expected = if per_column {
                format!("one value or a list of {}, one a column", entries.len())
            } else {
                "one value".into()
            };
            return Err(Kind::WrongLength { option: name, expected, found: values.len() });
        }
        if start.parameter.unit == Unit::Column && !per_column && scales.windows(2).any(|s| s[0] != s[1]) {
            return Err(Kind::MixedScales { option: name, path: format!("{path}{name}") });
        }
        for (d, entry) in entries.iter_mut().enumerate() {
            let value = match start.value {
                Value::One(value) => value,
                Value::List(values) => values[d],
            };
            let scale = match start.parameter.unit {
                Unit::Model => 1.0,
                Unit::Column => scales[d],
            };
            entry.start = value / scale;
            if !(entry.start > 0.0 && entry.start.is_finite()) {
                let rule = "positive and finite on the scale of the model too".into();
                return Err(Kind::BadValue { option: name, value: value.to_string(), rule });
            }
        }
        Ok(())
    }

    fn error(&self, position: usize, kind: Kind) -> ExpressionError {
        ExpressionError { expression: self.text.to_string(), position, kind }
    }
}

/// A start as it was written.
struct Start<'a> {
    parameter: &'static Parameter,
    value: Value<'a>,
}

enum Value<'a> {
    One(f64),
    List(&'a [f64]),
}
