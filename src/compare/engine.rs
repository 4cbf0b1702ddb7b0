//! Runs a grid: row after row, or several at a time, each kept when it is done.

use super::estimate::{Timing, seconds_left};
use super::folder::Folder;
use super::grid::{Cell, Grid};
use super::record::{Key, Outcome, Record};
use super::task;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Results are written anew when a row is done, but not more often than this.
const BETWEEN_RESULTS: Duration = Duration::from_secs(10);

/// How one row is run: in this process, in one of its own, on another machine.
pub trait Runner: Sync {
    /// Runs a row. What goes wrong with it is its outcome; an error ends the comparison.
    ///
    /// # Errors
    /// Where no further row could be run either.
    fn run(&self, grid: &Grid, cell: Cell) -> Result<Ran>;
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
    fn run(&self, grid: &Grid, cell: Cell) -> Result<Ran> {
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
    /// The row that begins now, or the one that has just run.
    pub row: &'a Key,
    /// Seconds that the rest will take; unknown before any row is done.
    pub seconds_left: Option<f64>,
}

/// Hears what happens. Every method does nothing unless it is written.
pub trait Watcher: Send {
    /// A row begins.
    fn begins(&mut self, _status: &Status<'_>) {}
    /// A row has run.
    fn ended(&mut self, _status: &Status<'_>, _record: &Record) {}
}

impl Watcher for () {}

/// What a run does besides running.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Rows that run at a time; zero counts as one.
    pub jobs: usize,
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
/// Where the folder cannot be written, and those of the runner; rows that run at that time end first.
pub fn compare(
    grid: &Grid,
    folder: &mut Folder,
    runner: &dyn Runner,
    watcher: &mut dyn Watcher,
    options: &RunOptions,
) -> Result<Tally> {
    let is_kept = |cell: &Cell| {
        folder
            .find(&grid.key(*cell))
            .is_some_and(|record| !options.retry_failed || record.outcome.measured().is_some())
    };
    let (kept, left): (Vec<Cell>, Vec<Cell>) = grid.cells().into_iter().partition(is_kept);
    let found = |cell: &Cell| folder.find(&grid.key(*cell));
    let done = (kept.iter())
        .filter_map(|cell| found(cell).map(|r| Timing { cell: *cell, seconds: r.elapsed }))
        .collect();
    let failed = kept.iter().filter_map(found).filter(|r| r.outcome.measured().is_none()).count();
    let tally = Tally {
        total: kept.len() + left.len(),
        done: kept.len(),
        kept: kept.len(),
        failed,
        interrupted: false,
    };
    let jobs = options.jobs.clamp(1, left.len().max(1));
    let run = Run {
        grid,
        folder,
        watcher,
        interrupt: options.interrupt.as_ref(),
        jobs,
        left: &left,
        running: Vec::new(),
        done,
        tally,
        written: Instant::now(),
        failure: None,
    };
    let run = Mutex::new(run);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(&run, grid, runner));
        }
    });
    let run = run.into_inner().unwrap_or_else(PoisonError::into_inner);
    match run.failure {
        Some(error) => Err(error),
        None => {
            let tally = run.tally;
            folder.write_results()?;
            Ok(tally)
        }
    }
}

/// Runs rows until none is left or something ends the comparison.
fn work(run: &Mutex<Run<'_>>, grid: &Grid, runner: &dyn Runner) {
    let held = || run.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(cell) = held().begin() else { return };
        let ran = runner.run(grid, cell);
        held().end(cell, ran);
    }
}

/// A comparison at work: what all workers share.
struct Run<'a> {
    grid: &'a Grid,
    folder: &'a mut Folder,
    watcher: &'a mut dyn Watcher,
    interrupt: Option<&'a Arc<AtomicBool>>,
    jobs: usize,
    /// Rows that have not begun.
    left: &'a [Cell],
    /// Rows that have, and when.
    running: Vec<(Cell, Instant)>,
    done: Vec<Timing>,
    tally: Tally,
    written: Instant,
    /// What ended the comparison.
    failure: Option<Error>,
}

impl Run<'_> {
    /// The next row, unless there is none or the comparison is to end.
    fn begin(&mut self) -> Option<Cell> {
        let (&cell, rest) = self.left.split_first()?;
        if is_set(self.interrupt) {
            self.tally.interrupted = true;
        }
        if self.tally.interrupted || self.failure.is_some() {
            return None;
        }
        self.left = rest;
        self.running.push((cell, Instant::now()));
        let row = self.grid.key(cell);
        self.watcher.begins(&self.status(&row));
        Some(cell)
    }

    /// Keeps what became of a row.
    fn end(&mut self, cell: Cell, ran: Result<Ran>) {
        let place = self.running.iter().position(|(running, _)| *running == cell);
        let elapsed = place.map_or(0.0, |at| self.running.swap_remove(at).1.elapsed().as_secs_f64());
        let kept = match ran {
            Ok(Ran::Finished(outcome)) => self.keep(cell, outcome, elapsed),
            Ok(Ran::Interrupted) => {
                self.tally.interrupted = true;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            self.failure.get_or_insert(error);
        }
    }

    fn keep(&mut self, cell: Cell, outcome: Outcome, elapsed: f64) -> Result<()> {
        self.done.push(Timing { cell, seconds: elapsed });
        self.tally.done += 1;
        self.tally.failed += usize::from(outcome.measured().is_none());
        let record = Record { key: self.grid.key(cell), outcome, elapsed };
        self.folder.add(record.clone())?;
        self.watcher.ended(&self.status(&record.key), &record);
        if self.written.elapsed() > BETWEEN_RESULTS {
            self.folder.write_results()?;
            self.written = Instant::now();
        }
        Ok(())
    }

    fn status<'r>(&self, row: &'r Key) -> Status<'r> {
        let begun =
            |(cell, since): &(Cell, Instant)| Timing { cell: *cell, seconds: since.elapsed().as_secs_f64() };
        let running: Vec<Timing> = self.running.iter().map(begun).collect();
        Status {
            done: self.tally.done,
            failed: self.tally.failed,
            total: self.tally.total,
            row,
            seconds_left: seconds_left(self.grid, &self.done, &running, self.left, self.jobs),
        }
    }
}

fn is_set(flag: Option<&Arc<AtomicBool>>) -> bool {
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}
