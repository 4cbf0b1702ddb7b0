//! A guard around polars, which panics on some damaged files.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How many guarded calls are running.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

/// What `call` returns, or `None` where polars panics in it. Such a panic is not reported on standard error; every
/// other panic is, as before. `call` must leave nothing behind that a panic could leave half done.
///
/// A damaged length can also make polars ask for more memory than there is, which ends the process: allocation
/// failures cannot be caught.
pub(super) fn catch<T>(call: impl FnOnce() -> T) -> Option<T> {
    HOOK.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |info| {
            let is_polars = info.location().is_some_and(|place| place.file().contains("polars"));
            if RUNNING.load(Ordering::SeqCst) == 0 || !is_polars {
                report(info);
            }
        }));
    });
    RUNNING.fetch_add(1, Ordering::SeqCst);
    let result = catch_unwind(AssertUnwindSafe(call));
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_nothing() {
        assert_eq!(catch(|| 1), Some(1));
        let empty: Vec<usize> = Vec::new();
        assert_eq!(catch(|| empty[std::hint::black_box(3)]), None);
    }
}
