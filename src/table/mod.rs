//! Tables in, numbers out: CSV and Parquet files become inputs X (N×D) and a target y (N).
//!
//! 1. [`Table::read`] reads a file. Cells of a CSV stay text until a column is used, so that a column's type is
//!    decided by all of its cells and never by the first few.
//! 2. [`split::resolve`] says which rows are for training and which for testing.
//! 3. [`Encoding::learn`] decides, on the training rows, how each column becomes numbers: a number stays one, `true`
//!    and `false` become 1 and 0, a text becomes one 0/1 column a level, a date becomes hours since the first one.
//!    A target may be classes instead of numbers ([`TargetKind`]; [`choose_likelihood`] looks at it first), and a column
//!    may be the exposure of counts.
//! 4. [`Encoding::apply`] turns any table with the same columns into [`Encoded`] numbers, in the table's own units.
//!    An encoding is stored with the model, so that prediction reads tables just as training did.
//!
//! [`Preparation`] does all four for a fit.
//!
//! A Parquet file that does not fit in memory is a [`ParquetTable`], whose rows come in batches from [`ParquetRows`].
//!
//! Everything is linear in the number of cells. Every problem is a [`TableError`] that names the file, the column, the
//! first row, and what to do.
//!
//! ```
//! use steingp::table::{Encoding, EncodingOptions, Table, TargetUse};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("mauna.csv");
//! # std::fs::write(&path, "month,site,co2\n0,north,315\n1,south,316\n2,north,318\n")?;
//! let table = Table::read(&path)?;
//! let rows: Vec<usize> = (0..table.rows()).collect();
//! let (encoding, notices) = Encoding::learn(&table, &EncodingOptions::new("co2"), &rows)?;
//! assert!(notices.is_empty());
//! let encoded = encoding.apply(&table, TargetUse::Required)?;
//! assert_eq!(encoding.input_names(), ["month", "site=north", "site=south"]);
//! assert_eq!((encoded.x.nrows(), encoded.x.ncols()), (3, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cells;
mod classes;
mod csv;
mod dates;
mod encoded;
mod encoding;
mod error;
mod exposure;
mod guard;
mod learn;
mod notice;
mod parquet;
mod prepare;
mod read;
pub mod split;
mod stream;
mod target;
mod write;

pub use encoded::Encoded;
pub use encoding::{Encoding, TargetUse};
pub use error::{ClassProblem, MissingColumn, Place, Result, Role, RowProblem, TableError};
pub use learn::{EncodingOptions, MAX_LEVELS, Missing};
pub use notice::Notice;
pub use prepare::{Preparation, Prepared, TestRows, check_support};
pub use read::Table;
pub use split::Split;
pub use stream::{ParquetRows, ParquetTable, StreamOptions};
pub use target::{TargetKind, choose_likelihood};
pub use write::{Values, write};
