//! Linear algebra that Gaussian processes spend their time in: Cholesky with a jitter ladder, the inverse from its factor, products
//! and solutions that know triangles, sums in vector registers, and an exponential that the compiler can vectorise.
//!
//! Matrices are faer's, and so is what is small or rare.

mod cholesky;
pub(crate) mod elementwise;
pub(crate) mod lanes;
mod packed;
pub(crate) mod products;
pub(crate) mod triangular;

use faer::Par;

pub use cholesky::{Factor, JITTER_LADDER, factor_with_jitter, inverse_from_factor};

/// Linear algebra in parallel, for one evaluation at a time.
///
/// Into which tasks work is cut, and with it the rounding, depends on the matrices, and in faer on the number given here, but not
/// on the threads that take the tasks.
pub fn in_parallel() -> Par {
    const TASKS: usize = 8;
    Par::rayon(TASKS)
}

/// Two pieces of work that share nothing, at the same time where `par` says so.
pub(crate) fn join(par: Par, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    match par {
        Par::Seq => {
            a();
            b();
        }
        _ => {
            rayon::join(a, b);
        }
    }
}
