//! Tables that stay in their file: a Parquet file read in pieces, whose size memory does not limit.
//!
//! [`ParquetTable::open`] passes over the file once and learns what [`Encoding::learn`] would have learnt of the whole
//! table, with the moments that standardisation wants. [`ParquetRows`] hands out its rows in shuffled epochs:
//! the order of the pieces is drawn anew for each epoch, consecutive pieces form windows, and the rows of a window are
//! shuffled in memory. A batch thus mixes the rows of as many places of the file as its window has pieces, which is what
//! keeps batches of a sorted table near the whole; [`StreamOptions`] sets both sizes.
//!
//! Time is linear in the number of cells read. Memory is two windows and, while the file is passed over, one piece for
//! each thread; it does not grow with the number of rows, except for a few words for each piece.
//!
//! Only columns of numbers, booleans and dates can be read in pieces: what a text stands for is decided by all rows.

mod learn;
mod levels;
mod order;
mod rows;
mod sample;
mod source;
mod survey;
mod window;

pub use rows::ParquetRows;

use super::{Encoded, Encoding, EncodingOptions, Notice, Result, TargetUse};
use crate::Error;
use crate::dataset::{Moments, Standardisation};
use crate::likelihood::{Likelihood, Observation, Scaling};
use rayon::prelude::*;
use source::{Piece, Source};
use std::path::Path;
use survey::Survey;

/// How much of a file is in memory at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Rows that are shuffled together: about as many, and fewer than twice as many.
    pub window: usize,
    /// The most rows that are read from one place of the file for a window. Fewer mix a sorted table better and take
    /// longer: a page of the file is decompressed for each piece that it holds rows of.
    pub piece: usize,
}

impl Default for StreamOptions {
    /// Windows of 2¹⁸ rows (8 MB for three inputs) of at least eight places.
    fn default() -> Self {
        Self { window: 1 << 18, piece: 1 << 15 }
    }
}

/// A Parquet file that stays where it is, and how its columns become numbers.
///
/// Rows that lack a value are left out where [`Missing::Drop`](super::Missing::Drop) says so; N counts the others.
#[derive(Debug)]
pub struct ParquetTable {
    source: Source,
    encoding: Encoding,
    /// The columns that the encoding reads, by their position in the file.
    columns: Vec<usize>,
    /// In the order of the file; those without a complete row are left out.
    pieces: Vec<Piece>,
    /// Of the complete rows.
    survey: Survey,
    notices: Vec<Notice>,
    options: StreamOptions,
}

impl ParquetTable {
    /// Opens a file and passes over it: once, and again where rows lack values in columns that turn out to be constant.
    ///
    /// The encoding is the one that [`Encoding::learn`] makes of all rows. A target of classes must be whole numbers or
    /// booleans.
    ///
    /// # Errors
    /// A [`TableError`](super::TableError) where the file is no Parquet file, damaged or without rows, where a column
    /// that is used is text, and as [`Encoding::learn`] and [`Encoding::apply`].
    pub fn open(path: impl AsRef<Path>, encoding: &EncodingOptions, options: StreamOptions) -> Result<Self> {
        let (window, piece) = (options.window.max(1), options.piece.clamp(1, options.window.max(1)));
        let source = Source::open(path.as_ref())?;
        let pieces = source.pieces(piece);
        learn::learn(source, pieces, encoding, StreamOptions { window, piece })
    }

    /// Where the table is.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Number of complete rows N.
    pub fn rows(&self) -> usize {
        self.survey.complete
    }

    /// How columns become numbers.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// What the user should know: of the columns and rows that were left out.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Number, mean and standard deviation of each of the D inputs, in their own units.
    pub fn input_moments(&self) -> Vec<Moments> {
        self.survey.inputs.iter().map(|column| column.moments).collect()
    }

    /// The smallest and the largest value of each of the D inputs, in their own units.
    pub fn input_ranges(&self) -> Vec<(f64, f64)> {
        self.survey.inputs.iter().map(|column| column.range()).collect()
    }

    /// Number, mean and standard deviation of the target as it stands in the file.
    pub fn target_moments(&self) -> Moments {
        self.survey.target.moments
    }

    /// The smallest and the largest target as they stand in the file.
    pub fn target_range(&self) -> (f64, f64) {
        self.survey.target.range()
    }

    /// How the rows come to the model's scale: inputs to mean 0 and standard deviation 1, target and exposure as the
    /// scaling says. Targets that are classes stay as they are.
    pub fn standardisation(&self, scaling: Scaling) -> Standardisation {
        let target = &self.survey.target;
        let exposure = self.survey.exposure.as_ref().map_or(self.rows() as f64, |column| column.sum);
        let scaling = if self.encoding.class_names().is_some() { Scaling::None } else { scaling };
        let learnt = Standardisation::from_moments(&self.input_moments(), target.moments);
        learnt.for_targets(scaling, target.moments.mean, target.sum / exposure)
    }

    /// Looks for a target outside the likelihood's support: one pass over the file.
    ///
    /// # Errors
    /// [`Error::Support`] for the first there is, with its row in the file; [`Error::Table`] where the file can no longer
    /// be read.
    pub fn check_support(&self, likelihood: &dyn Likelihood) -> crate::Result<()> {
        let checked: Vec<crate::Result<()>> = self
            .pieces
            .par_iter()
            .map(|piece| {
                let rows = self.read(piece)?;
                for (i, at) in observations(&rows).enumerate() {
                    likelihood.check(at).map_err(|problem| Error::Support {
                        column: self.encoding.target_name().into(),
                        row: rows.rows[i],
                        value: at.y,
                        problem,
                    })?;
                }
                Ok(())
            })
            .collect();
        // One after the other: the first error is that of the first row.
        checked.into_iter().collect()
    }

    /// The complete rows of a piece in their own units, named by their place in the file.
    fn read(&self, piece: &Piece) -> Result<Encoded> {
        let table = self.source.read(piece, &self.columns)?;
        let mut encoded = self.encoding.apply(&table, TargetUse::Required)?;
        encoded.rows.iter_mut().for_each(|row| *row += piece.first_row);
        if encoded.rows.len() == piece.kept { Ok(encoded) } else { Err(self.source.changed()) }
    }
}

/// The observations of encoded rows, in their own units.
fn observations(encoded: &Encoded) -> impl Iterator<Item = Observation> {
    let y = encoded.y.as_deref().unwrap_or_default();
    y.iter()
        .enumerate()
        .map(|(i, &y)| Observation { y, exposure: encoded.exposure.as_ref().map_or(1.0, |e| e[i]) })
}
