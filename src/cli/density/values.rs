//! The values of `--at`: {path: number}, {path: [numbers]} for `path[0]`, `path[1]`, …, and the matrices of sparse models.

use super::super::arguments::DensityArguments;
use super::super::{Failure, Outcome};
use faer::Mat;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;

/// What the file has.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Parameters by path.
    pub numbers: Vec<(String, f64)>,
    /// Inducing inputs, M×D, on the model's scale.
    pub inducing: Option<Mat<f64>>,
    /// Means of q(v), length L M.
    pub q_mu: Option<Vec<f64>>,
    /// Factors of the covariances of q(v), M×M each.
    pub q_sqrt: Option<Vec<Mat<f64>>>,
}

impl Values {
    /// Reads the file, or standard input.
    pub fn read(arguments: &DensityArguments) -> Outcome<Self> {
        let name = arguments.at.display();
        let fail = |problem: &dyn std::fmt::Display| Failure::Data(format!("{name}: {problem}"));
        let mut text = String::new();
        if arguments.at.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).map_err(|e| fail(&e))?;
        } else {
            text = std::fs::read_to_string(&arguments.at).map_err(|e| fail(&e))?;
        }
        let given: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|e| {
            fail(&format!("expected an object of numbers like {{\"kernel.variance\": 1.5}}: {e}"))
        })?;
        let mut values = Self::default();
        for (path, value) in given {
            let wrong = |what: &str| fail(&format!("`{path}` is not {what}"));
            match path.as_str() {
                "Z" => {
                    let rows =
                        matrix(&value).ok_or_else(|| wrong("a matrix: one list of coordinates a point"))?;
                    values.inducing = Some(rows);
                }
                "q_mu" => {
                    let means =
                        flat(&value).ok_or_else(|| wrong("a list of numbers, or one a latent function"))?;
                    values.q_mu = Some(means);
                }
                "q_sqrt" => {
                    let one = matrix(&value).map(|m| vec![m]);
                    let several = || value.as_array()?.iter().map(matrix).collect::<Option<Vec<_>>>();
                    let factors =
                        one.or_else(several).ok_or_else(|| wrong("a matrix, or one a latent function"))?;
                    values.q_sqrt = Some(factors);
                }
                _ => match value.as_array() {
                    Some(list) => {
                        for (i, v) in list.iter().enumerate() {
                            let number =
                                v.as_f64().ok_or_else(|| wrong("a number, nor a list of numbers"))?;
                            values.numbers.push((format!("{path}[{i}]"), number));
                        }
                    }
                    None => {
                        let number =
                            value.as_f64().ok_or_else(|| wrong("a number, nor a list of numbers"))?;
                        values.numbers.push((path.clone(), number));
                    }
                },
            }
        }
        Ok(values)
    }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

/// Numbers in a list, or in lists one after the other.
fn flat(value: &Value) -> Option<Vec<f64>> {
    numbers(value).or_else(|| {
        let lists = value.as_array()?.iter().map(numbers).collect::<Option<Vec<_>>>()?;
        Some(lists.concat())
    })
}

/// Rows of equal length.
fn matrix(value: &Value) -> Option<Mat<f64>> {
    let rows = value.as_array()?.iter().map(numbers).collect::<Option<Vec<_>>>()?;
    let columns = rows.first()?.len();
    (columns > 0 && rows.iter().all(|r| r.len() == columns))
        .then(|| Mat::from_fn(rows.len(), columns, |i, j| rows[i][j]))
}
