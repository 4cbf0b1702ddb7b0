//! Linear algebra that Gaussian processes spend their time in: Cholesky with a jitter ladder, the inverse from its factor, products
//! and solutions that know triangles, sums in vector registers, and an exponential that the compiler can vectorise.
//!
//! Matrices are faer's, and so is what is small or rare.

mod cholesky;
pub(crate) mod elementwise;
pub(crate) mod lanes;
mod packed;
pub(crate) mod products;
mod sharing;
pub(crate) mod triangular;

use faer::Par;
pub(crate) use sharing::{Busy, join, threads};

pub use cholesky::{Factor, JITTER_LADDER, factor_with_jitter, inverse_from_factor};

/// Linear algebra that is cut for all threads without an evaluation of their own.
///
/// Into which tasks it is cut changes no bit of a result, and neither does the number of threads.
pub fn in_parallel() -> Par {
    const TASKS: usize = 8;
    Par::rayon(TASKS)
}
