//! What a comparison found: plain rows, ready for tables and figures.

use super::metric::Metric;
use super::record::{Key, Measured, Outcome, Record};
use serde::{Deserialize, Serialize};

/// Everything that is known of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Tables, in the order of results.
    pub tables: Vec<TableFacts>,
    /// Methods, in the order of results.
    pub methods: Vec<String>,
    /// Settings by name.
    pub settings: Vec<(String, String)>,
    /// Rows that have run: tables in their order, methods in theirs, splits ascending.
    pub records: Vec<Record>,
}

/// What is known of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Its name.
    pub name: String,
    /// Rows of its file.
    pub rows: usize,
    /// Its input columns.
    pub inputs: usize,
    /// Number of splits.
    pub split_count: usize,
    /// Whether the splits share no rows.
    pub independent: bool,
}

/// A method's values on the splits of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The splits that have a value, ascending.
    pub splits: Vec<usize>,
    /// The values.
    pub values: Vec<f64>,
    /// Test rows over training rows, averaged over these splits.
    pub test_ratio: f64,
}

impl Values {
    /// Those of some splits.
    #[must_use]
    pub fn on(&self, splits: &[usize]) -> Self {
        let pairs = self.splits.iter().zip(&self.values).filter(|(split, _)| splits.contains(split));
        let (splits, values) = pairs.map(|(split, value)| (*split, *value)).unzip();
        Self { splits, values, test_ratio: self.test_ratio }
    }
}

impl Comparison {
    /// Brings the records into their order; those of tables or methods that are not named are left out.
    pub fn new(
        tables: Vec<TableFacts>,
        methods: Vec<String>,
        settings: Vec<(String, String)>,
        records: Vec<Record>,
    ) -> Self {
        let place = |key: &Key| {
            let table = tables.iter().position(|t| t.name == key.table)?;
            let method = methods.iter().position(|m| *m == key.method)?;
            Some((table, method, key.split))
        };
        let mut placed: Vec<_> = records.into_iter().filter_map(|r| place(&r.key).map(|p| (p, r))).collect();
        placed.sort_by_key(|(place, _)| *place);
        let records = placed.into_iter().map(|(_, record)| record).collect();
        Self { tables, methods, settings, records }
    }

    /// The records of a table and a method.
    pub fn of<'a>(&'a self, table: &'a str, method: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |r| r.key.table == table && r.key.method == method)
    }

    /// What was measured of a table and a method, split by split.
    pub fn measured<'a>(
        &'a self,
        table: &'a str,
        method: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Measured)> {
        self.of(table, method).filter_map(|r| r.outcome.measured().map(|m| (r.key.split, m)))
    }

    /// A metric of a table and a method; no values where no row has it.
    pub fn values(&self, metric: Metric, table: &str, method: &str) -> Values {
        let mut found = Values { splits: Vec::new(), values: Vec::new(), test_ratio: 0.0 };
        for (split, row) in self.measured(table, method) {
            if let Some(value) = metric.of(row) {
                found.splits.push(split);
                found.values.push(value);
                found.test_ratio += row.test_rows as f64 / row.train_rows.max(1) as f64;
            }
        }
        found.test_ratio /= found.values.len().max(1) as f64;
        found
    }

    /// The splits of a table that every method has attempted of those that have attempted any, ascending: on these a failure
    /// can be told from a row that has not run yet.
    pub fn shared_splits(&self, table: &str) -> Vec<usize> {
        let attempted =
            |method: &String| -> Vec<usize> { self.of(table, method).map(|r| r.key.split).collect() };
        let attempted = self.methods.iter().map(attempted).filter(|splits| !splits.is_empty());
        attempted
            .reduce(|shared, own| shared.into_iter().filter(|s| own.contains(s)).collect())
            .unwrap_or_default()
    }

    /// Whether any row has a value of this metric.
    pub fn has(&self, metric: Metric) -> bool {
        self.records.iter().filter_map(|r| r.outcome.measured()).any(|row| metric.of(row).is_some())
    }

    /// Rows that failed, with their reasons.
    pub fn failures(&self) -> Vec<(&Key, &str)> {
        self.records
            .iter()
            .filter_map(|r| match &r.outcome {
                Outcome::Failed { message } => Some((&r.key, message.as_str())),
                Outcome::Done(_) => None,
            })
            .collect()
    }
}
