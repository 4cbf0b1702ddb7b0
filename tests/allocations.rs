//! An evaluation of the exact model allocates nothing after the first one.
#![allow(clippy::unwrap_used, unsafe_code, reason = "counting allocations takes an allocator of one's own")]

use faer::{Mat, Par};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use steingp::density::LogDensity;
use steingp::kernel::{InputColumns, KernelExpression};
use steingp::mean::Mean;
use steingp::model::{Criterion, Exact, Target};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test only: the counters belong to the whole process.
#[test]
fn an_evaluation_after_the_first_allocates_nothing() {
    let n = 600;
    let x = Mat::from_fn(n, 3, |i, d| ((i * (d + 2)) as f64 * 0.37).sin() * 2.0);
    let y: Vec<f64> = (0..n).map(|i| x[(i, 0)].sin() + 0.1 * x[(i, 1)]).collect();
    for expression in ["rbf", "(matern32(x0,x1) + linear(x2)) * rq(x1) + periodic(x0) + white"] {
        let inputs = InputColumns::unscaled(["x0", "x1", "x2"]);
        let kernel = expression.parse::<KernelExpression>().unwrap().resolve(&inputs).unwrap();
        let model = Exact::new(x.as_ref(), &y, kernel, Mean::Linear).unwrap();
        let target = Target::new(&model, Criterion::LogDensity).unwrap().with_parallelism(Par::Seq);
        let mut workspace = target.workspace();
        let mut score = vec![0.0; target.dim()];
        let mut z = vec![0.3; target.dim()];
        target.evaluate(&z, &mut score, &mut workspace).unwrap();
        let before = (COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
        for step in 1..=3 {
            z.iter_mut().for_each(|v| *v = 0.3 + 0.05 * f64::from(step));
            target.evaluate(&z, &mut score, &mut workspace).unwrap();
        }
        let count = COUNT.load(Ordering::Relaxed) - before.0;
        let bytes = BYTES.load(Ordering::Relaxed) - before.1;
        assert_eq!(count, 0, "{expression}: {count} allocations of {bytes} bytes in three evaluations");
    }
}
