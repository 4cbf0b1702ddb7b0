//! An iteration of the engine works in memory that it keeps.
#![allow(clippy::unwrap_used, unsafe_code, reason = "counting allocations takes an allocator of one's own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use steingp::density::GaussianTarget;
use steingp::stein::{Cloud, Engine, Settings, Whitening};

static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a run.
fn allocations(iterations: usize) -> usize {
    let points: Vec<[f64; 3]> = (0..30).map(|i| [0.1, 0.7, 1.3].map(|f| (f * f64::from(i)).sin())).collect();
    let cloud = Cloud::from_points(3, points.iter().map(|p| &p[..]));
    let settings = Settings { iterations, rewhiten_at: Vec::new(), tolerance: 0.0, ..Settings::default() };
    let target = GaussianTarget::standard(3);
    let before = COUNT.load(Ordering::Relaxed);
    Engine::new(&target, cloud, Whitening::identity(3), settings).unwrap().run(&mut ()).unwrap();
    COUNT.load(Ordering::Relaxed) - before
}

/// One test only: the counter belongs to the whole process.
#[test]
fn an_iteration_allocates_nothing_but_the_mean_that_its_stein_ratio_is_taken_around() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (short, long) = pool.install(|| (allocations(20), allocations(40)));
    assert!(long - short <= 20, "{} allocations in twenty more iterations", long - short);
}
