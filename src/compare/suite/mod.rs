//! The experiments of Pinder et al. (2020), "Stein variational Gaussian processes", section 5, with their settings.
//!
//! | Suite | What | Tables there |
//! |---|---|---|
//! | `uci` | regression on UCI tables, 5 splits of 70 % and 30 % | 2, 3 and 8 |
//! | `uci-binary` | two classes on UCI tables, the same splits | 2, 3 and 8 |
//! | `neal` | draws of Neal's example with outliers, 100 rows to fit to and 100 to score | 4 |
//! | `air-quality` | nitrogen dioxide in space and time, by inducing points and minibatches | 5 |

pub mod air_quality;
mod folder;
pub mod neal;

use super::grid::{GridTable, Recipe};
use super::splits::Splits;
use crate::fit::ModelChoice;
use crate::likelihood::Family;
use crate::{Error, Result};
use std::path::PathBuf;
use std::str::FromStr;

/// An experiment of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Regression on UCI tables.
    Uci,
    /// Classification on UCI tables.
    UciBinary,
    /// Neal's data with outliers.
    Neal,
    /// Nitrogen dioxide in space and time.
    AirQuality,
}

/// Where a suite finds its tables, and which of them count.
#[derive(Debug, Clone)]
pub struct SuiteOptions {
    /// The folder with its tables.
    pub data: Option<PathBuf>,
    /// The folder for tables that the suite makes.
    pub made: PathBuf,
    /// Names of some tables; all where empty.
    pub names: Vec<String>,
    /// Leave out tables with more rows.
    pub max_rows: Option<usize>,
    /// Splits.
    pub splits: Splits,
    /// The model that is asked for; where `None`, that of the recipe, or the experiment's where the recipe has the default.
    pub model: Option<ModelChoice>,
    /// The minibatch that is asked for, alike.
    pub batch: Option<usize>,
    /// Whether tables that the suite makes are there already, for a part of a grid.
    pub is_part: bool,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Uci, Self::UciBinary, Self::Neal, Self::AirQuality];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Uci => "uci",
            Suite::UciBinary => "uci-binary",
            Suite::Neal => "neal",
            Suite::AirQuality => "air-quality",
        }
    }

    /// Methods, as [`MethodSpec::list`](super::MethodSpec::list) reads them.
    pub fn methods(self) -> &'static str {
        match self {
            Suite::Uci => "ml,advi,svgd:2,svgd:5,svgd:10,svgd:20",
            Suite::UciBinary => "vi,svgd:2,svgd:5,svgd:10,svgd:20,nuts",
            Suite::Neal => "ml,map,svgd:20,nuts",
            Suite::AirQuality => "vi,svgd:10",
        }
    }

    /// Splits: five of 70 % and 30 %, ten draws of Neal's example, three of 90 % and 10 % for air quality.
    pub fn splits(self) -> Splits {
        let (count, train_fraction) = match self {
            Suite::Uci | Suite::UciBinary => (5, 0.7),
            Suite::Neal => (10, 0.5),
            Suite::AirQuality => (3, 0.9),
        };
        Splits::Random { count, train_fraction }
    }

    /// Likelihood of the targets.
    pub fn likelihood(self) -> Family {
        match self {
            Suite::UciBinary => Family::Bernoulli,
            _ => Family::Gaussian,
        }
    }

    /// Whether it makes tables of its own, in [`SuiteOptions::made`].
    pub fn makes_tables(self) -> bool {
        matches!(self, Suite::Neal | Suite::AirQuality)
    }

    /// Whether its tables come from a folder.
    pub fn needs_data(self) -> bool {
        self != Suite::Neal
    }
}

impl FromStr for Suite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Invalid(format!("there is no suite `{text}`: there are {names}"))
        })
    }
}

/// The tables of a suite, fitted by the recipe where the experiment does not say otherwise.
///
/// # Errors
/// [`Error::Invalid`] where a folder or a table is not there or cannot be used.
pub fn tables(suite: Suite, recipe: &Recipe, options: &SuiteOptions) -> Result<Vec<GridTable>> {
    let tables = match suite {
        Suite::Uci | Suite::UciBinary => folder::tables(recipe, options)?,
        Suite::Neal => vec![neal::table(recipe, options)?],
        Suite::AirQuality => air_quality::tables(recipe, options)?,
    };
    let known = || tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = options.names.iter().find(|name| !tables.iter().any(|t| t.name == **name)) {
        return Err(Error::Invalid(format!(
            "suite {} has no table `{name}`{}",
            suite.name(),
            if tables.is_empty() { String::new() } else { format!(": there are {}", known()) }
        )));
    }
    let is_small = |table: &GridTable| options.max_rows.is_none_or(|most| table.rows <= most);
    let tables: Vec<GridTable> = tables.into_iter().filter(is_small).collect();
    match tables.is_empty() {
        true => Err(Error::Invalid(format!("suite {} has no table left to compare on", suite.name()))),
        false => Ok(tables),
    }
}
