//! `steingp compare`: arguments to a grid, its rows in processes of their own, and what came of them.

mod plan;
mod process;
mod progress;
mod summary;

use super::arguments::CompareArguments;
use super::output::{all_threads, complain, counted, json, say, use_threads};
use super::progress::interrupt_flag;
use super::{Failure, Outcome};
use crate::compare::suite::Suite;
use crate::compare::{Claim, Folder, Key, RunOptions, compare, meter, run_row};
use crate::report::compare as report;
use process::Processes;
use progress::Progress;

/// Most rows at a time where nothing else is asked for.
const MOST_JOBS: u16 = 4;

pub(super) fn run(arguments: &CompareArguments) -> Outcome {
    if let Some(row) = &arguments.row {
        return run_one(arguments, row);
    }
    let notices = plan::check(arguments)?;
    super::data::tell(&notices, arguments.common.quiet);
    let (jobs, threads) = at_a_time(arguments);
    // This process fits nothing: what is known of the grid is the threads of each row.
    use_threads(Some(threads))?;
    // Tables that a suite makes stand in the folder: nobody else may be at work there.
    let makes_tables = arguments.suite.is_some_and(Suite::makes_tables);
    let claim = makes_tables.then(|| Claim::new(&arguments.out)).transpose()?;
    let grid = plan::grid(arguments, None)?;
    let mut folder = match claim {
        Some(claim) => claim.open(&grid)?,
        None => Folder::open(&arguments.out, &grid)?,
    };
    let interrupt = interrupt_flag();
    let runner = Processes::new(arguments.timeout, interrupt.clone(), threads)?;
    let mut progress = Progress::new(arguments.common.quiet);
    let options = RunOptions {
        jobs: usize::from(jobs),
        retry_failed: arguments.retry_failed,
        interrupt: Some(interrupt),
    };
    let tally = compare(&grid, &mut folder, &runner, &mut progress, &options);
    progress.finish();
    let tally = tally?;
    let comparison = folder.comparison();
    report::write(folder.path(), &comparison)?;
    if arguments.common.json {
        json(&summary::object(folder.path(), &tally, &comparison))?;
    } else {
        say(&summary::text(folder.path(), &tally, &comparison))?;
    }
    if tally.interrupted && !arguments.common.quiet {
        let left = counted(tally.total - tally.done, "row");
        complain(&format!("interrupted: {left} left; the same command goes on with them"));
    }
    match tally.failed == tally.total {
        true => Err(Failure::Data("no row could be fitted: see the messages in results.csv".into())),
        false => Ok(()),
    }
}

/// Rows that run at a time and threads of each. A row's climbs and its single factorisations leave threads idle that another
/// row can use, so that rows come before threads, up to what memory and the rows of a small grid allow.
fn at_a_time(arguments: &CompareArguments) -> (u16, u16) {
    let threads = arguments.common.threads.unwrap_or_else(all_threads);
    let jobs = arguments.jobs.unwrap_or(threads.min(MOST_JOBS));
    (jobs, (threads / jobs).max(1))
}

/// One row, whose measurements go to standard output.
fn run_one(arguments: &CompareArguments, row: &[String]) -> Outcome {
    process::end_with_parent();
    let [table, method, split, content, threads] = row else {
        return Err(Failure::Usage("--row takes a table, a method, a split, its content and threads".into()));
    };
    let threads = threads.parse().map_err(|_| Failure::Usage(format!("--row: `{threads}` threads")))?;
    use_threads(Some(threads))?;
    let grid = plan::grid(arguments, Some(table))?;
    let split = split.parse().map_err(|_| Failure::Usage(format!("--row: `{split}` is no split")))?;
    let key = Key { table: table.clone(), method: method.clone(), split };
    let cell = grid.find(&key).ok_or_else(|| Failure::Usage(format!("--row: there is no row {key:?}")))?;
    if grid.content(cell) != *content {
        return Err(Failure::Data(format!("{table}: it has changed since the comparison began")));
    }
    let mut measured = run_row(&grid, cell, None)?;
    measured.peak_memory = meter::peak_memory();
    let text = serde_json::to_string(&measured).map_err(|e| Failure::Data(format!("JSON: {e}")))?;
    say(&text)
}
