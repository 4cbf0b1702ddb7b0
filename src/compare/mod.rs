//! Methods compared on tables: the same rows, starts and priors for all, and what each gains and costs.
//!
//! 1. A [`Grid`] is tables × splits × methods. [`GridTable::read`] looks at a table and cuts it by [`Splits`];
//!    [`MethodSpec`] reads `svgd:20`; a [`Recipe`] says what all methods share.
//! 2. [`compare`] runs its rows by a [`Runner`] into a [`Folder`]: one [`Record`] a row, on the disk before another one
//!    begins, so that whatever ends the process costs the rows that run. [`seconds_left`] guesses when it will be done.
//! 3. A [`Comparison`] is what the folder has, and [`statistics`] what follows from it: means with standard errors, paired
//!    differences, ranks.
//!
//! `report::compare` makes a page of it, and tables for Markdown and LaTeX.
//!
//! ```
//! use steingp::compare::*;
//! use steingp::fit::FitOptions;
//! use steingp::table::Preparation;
//! # let work = tempfile::tempdir()?;
//! # let path = work.path().join("wave.csv");
//! # let rows: String = (0..30).map(|i| format!("{},{}\n", i, (0.4 * f64::from(i)).sin())).collect();
//! # std::fs::write(&path, format!("x,y\n{rows}"))?;
//! let recipe = Recipe {
//!     preparation: Preparation::new("y"),
//!     options: FitOptions::default(),
//!     inducing_points: None,
//! };
//! let splits = Splits::Random { count: 2, train_fraction: 0.7 };
//! let table = GridTable::read(&path, &recipe, &splits)?;
//! let grid = Grid::new(vec![table], &MethodSpec::list("ml,map")?, recipe)?;
//! let mut folder = Folder::open(&work.path().join("out"), &grid)?;
//! let tally = compare(&grid, &mut folder, &InProcess::default(), &mut (), &RunOptions::default())?;
//! assert_eq!((tally.done, tally.failed), (4, 0));
//! let found = folder.comparison().values(Metric::LogLikelihood, "wave", "map");
//! assert_eq!(found.values.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod comparison;
mod engine;
mod estimate;
mod fingerprint;
mod folder;
mod grid;
mod journal;
pub mod meter;
mod method;
mod metric;
mod record;
mod results;
mod splits;
pub mod statistics;
pub mod suite;
mod task;

pub use comparison::{Comparison, TableFacts, Values};
pub use engine::{InProcess, Ran, RunOptions, Runner, Status, Tally, Watcher, compare};
pub use estimate::{Timing, seconds_left};
pub use fingerprint::Settings;
pub use folder::{Claim, Folder};
pub use grid::{Cell, Grid, GridTable, Recipe, table_name};
pub use journal::Journal;
pub use method::MethodSpec;
pub use metric::{Better, Metric};
pub use record::{Key, Measured, Outcome, Quality, Record};
pub use splits::{SplitRows, Splits};
pub use task::run as run_row;
