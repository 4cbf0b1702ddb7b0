//! What follows from the rows of a comparison, and how sure that is.
//!
//! | Module | What | Source |
//! |---|---|---|
//! | [`summary`] | mean and standard error over splits | |
//! | [`paired`] | differences on the same splits, with a variance that knows that splits share rows | Nadeau & Bengio 2003 |
//! | [`holm`] | levels shared among several comparisons | Holm 1979 |
//! | [`ranks`] | ranks over tables: Friedman's test, critical differences | Iman & Davenport 1980, Demšar 2006 |
//! | [`assess()`] | all of it for one metric | |
//! | [`relative()`] | costs in multiples of one method's | |

pub mod assess;
pub mod holm;
pub mod paired;
pub mod ranks;
pub mod relative;
pub mod summary;

pub use assess::{Assessed, Assessment, Standing, TableAssessment, assess};
pub use paired::Difference;
pub use ranks::Ranks;
pub use relative::{Relative, relative};
pub use summary::Summary;
