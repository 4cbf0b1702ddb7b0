//! Linear algebra that Gaussian processes need beyond what faer offers: Cholesky with a jitter ladder,
//! the inverse from its factor, and an exponential that the compiler can vectorise.

mod cholesky;
pub(crate) mod elementwise;
pub(crate) mod products;
pub(crate) mod triangular;

use faer::Par;

pub use cholesky::{Factor, FactorScratch, JITTER_LADDER, factor_with_jitter, inverse_from_factor};

/// Linear algebra in parallel, for one evaluation at a time.
///
/// How faer cuts a product into tasks, and with it the rounding, depends on the number given here and not on the
/// threads that take the tasks: a constant gives the same bits on any machine.
pub fn in_parallel() -> Par {
    const TASKS: usize = 8;
    Par::rayon(TASKS)
}
