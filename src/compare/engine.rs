//! Runs a grid: row after row, each kept when it is done.

use super::estimate::{Timing, seconds_left};
use super::folder::Folder;
use super::grid::{Cell, Grid};
use super::record::{Key, Outcome, Record};
use super::task;
use crate::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Results are written anew when a row is done, but not more often than this.
const BETWEEN_RESULTS: Duration = Duration::from_secs(10);

/// How one row is run: in this process, in one of its own, on another machine.
pub trait Runner {
    /// Runs a row. What goes wrong with it is its outcome; an error ends the comparison.
    ///
    /// # Errors
    /// Where no further row could be run either.
    fn run(&mut self, grid: &Grid, cell: Cell) -> Result<Ran>;
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    /// It came to an end, good or bad.
    Finished(Outcome),
    /// It was stopped from outside: it will have to run again.
    Interrupted,
}

/// Runs rows in this process. Peak memory is then not known by row.
#[derive(Debug, Clone, Default)]
pub struct InProcess {
    /// Set from elsewhere to stop.
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Runner for InProcess {
    fn run(&mut self, grid: &Grid, cell: Cell) -> Result<Ran> {
        Ok(match task::run(grid, cell, self.interrupt.clone()) {
            _ if is_set(self.interrupt.as_ref()) => Ran::Interrupted,
            Ok(measured) => Ran::Finished(Outcome::Done(Box::new(measured))),
            Err(error) => Ran::Finished(Outcome::failed(error.to_string())),
        })
    }
}

/// Where a comparison stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status<'a> {
    /// Rows of the grid that are done, those of earlier runs included.
    pub done: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// Rows of the grid.
    pub total: usize,
    /// The row that runs now, or the one that has just run.
    pub row: &'a Key,
    /// Seconds that the rest will take; unknown before any row is done.
    pub seconds_left: Option<f64>,
}

/// Hears what happens. Every method does nothing unless it is written.
pub trait Watcher {
    /// A row begins.
    fn begins(&mut self, _status: &Status<'_>) {}
    /// A row has run.
    fn ended(&mut self, _status: &Status<'_>, _record: &Record) {}
}

impl Watcher for () {}

/// What a run does besides running.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Run rows again that failed in an earlier run.
    pub retry_failed: bool,
    /// Set from elsewhere to stop after what is known.
    pub interrupt: Option<Arc<AtomicBool>>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Rows of the grid.
    pub total: usize,
    /// Rows of the grid that are done, those of earlier runs included.
    pub done: usize,
    /// Rows that were done before.
    pub kept: usize,
    /// Rows of the grid that failed.
    pub failed: usize,
    /// Whether it was stopped.
    pub interrupted: bool,
}

/// Runs all rows of the grid that the folder does not have, and writes the results.
///
/// # Errors
/// Where the folder cannot be written, and those of the runner.
pub fn compare(
    grid: &Grid,
    folder: &mut Folder,
    runner: &mut dyn Runner,
    watcher: &mut dyn Watcher,
    options: &RunOptions,
) -> Result<Tally> {
    let cells = grid.cells();
    let is_kept = |cell: &Cell| {
        folder
            .find(&grid.key(*cell))
            .is_some_and(|record| !options.retry_failed || record.outcome.measured().is_some())
    };
    let (kept, left): (Vec<Cell>, Vec<Cell>) = cells.into_iter().partition(is_kept);
    let found = |cell: &Cell| folder.find(&grid.key(*cell));
    let mut timings: Vec<Timing> = (kept.iter())
        .filter_map(|cell| found(cell).map(|r| Timing { cell: *cell, seconds: r.elapsed }))
        .collect();
    let failed = kept.iter().filter_map(found).filter(|r| r.outcome.measured().is_none()).count();
    let mut tally = Tally {
        total: kept.len() + left.len(),
        done: kept.len(),
        kept: kept.len(),
        failed,
        interrupted: false,
    };
    let mut written = Instant::now();
    for (k, cell) in left.iter().enumerate() {
        let row = grid.key(*cell);
        let status = |tally: &Tally, timings: &[Timing], left: &[Cell]| Status {
            done: tally.done,
            failed: tally.failed,
            total: tally.total,
            row: &row,
            seconds_left: seconds_left(grid, timings, left),
        };
        if is_set(options.interrupt.as_ref()) {
            tally.interrupted = true;
            break;
        }
        watcher.begins(&status(&tally, &timings, &left[k..]));
        let clock = Instant::now();
        let outcome = match runner.run(grid, *cell)? {
            Ran::Finished(outcome) => outcome,
            Ran::Interrupted => {
                tally.interrupted = true;
                break;
            }
        };
        let elapsed = clock.elapsed().as_secs_f64();
        timings.push(Timing { cell: *cell, seconds: elapsed });
        tally.done += 1;
        tally.failed += usize::from(outcome.measured().is_none());
        let record = Record { key: row.clone(), outcome, elapsed };
        folder.add(record.clone())?;
        watcher.ended(&status(&tally, &timings, &left[k + 1..]), &record);
        if written.elapsed() > BETWEEN_RESULTS {
            folder.write_results()?;
            written = Instant::now();
        }
    }
    folder.write_results()?;
    Ok(tally)
}

fn is_set(flag: Option<&Arc<AtomicBool>>) -> bool {
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}
