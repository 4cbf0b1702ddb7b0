//! For how many threads one evaluation is cut.
//!
//! Several evaluations keep a thread each, and would only lose by being cut. As soon as threads run out of evaluations those that still
//! go on are cut for them. Nothing here changes a bit of any result.

use faer::Par;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that have an evaluation of their own, of all pools of the process.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// Threads that have evaluations of their own: one less for each that is finished, none once this is dropped.
pub(crate) struct Busy(AtomicUsize);

impl Busy {
    /// So many of them.
    pub fn new(threads: usize) -> Self {
        BUSY.fetch_add(threads, Ordering::Relaxed);
        Self(AtomicUsize::new(threads))
    }

    /// One thread has run out of evaluations.
    pub fn finish(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        BUSY.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(*self.0.get_mut(), Ordering::Relaxed);
    }
}

/// Threads that there are for one evaluation now: its share of all of them, where some have none.
pub(crate) fn threads(par: Par) -> usize {
    match par {
        Par::Seq => 1,
        Par::Rayon(_) => rayon::current_num_threads().div_ceil(BUSY.load(Ordering::Relaxed).max(1)),
    }
}

/// Two pieces of work that share nothing, at the same time where there are threads for it.
pub(crate) fn join(par: Par, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    if threads(par) > 1 {
        rayon::join(a, b);
    } else {
        a();
        b();
    }
}
