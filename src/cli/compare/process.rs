//! Rows in processes of their own: what one holds and uses is then known, and what ends it ends one row.

use super::super::{Failure, Outcome};
use crate::compare::{self, Cell, Grid, Measured, Ran, Runner};
use crate::{Error, Result};
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at a process.
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);
/// Of what a process that failed had to say, this many bytes are kept.
const MOST_SAID: usize = 2000;

/// Runs each row as this program with the arguments of this process and the row's name.
pub(super) struct Processes {
    program: PathBuf,
    arguments: Vec<OsString>,
    timeout: Option<Duration>,
    interrupt: Arc<AtomicBool>,
    /// Threads of each row.
    threads: u16,
}

impl Processes {
    pub fn new(timeout: Option<Duration>, interrupt: Arc<AtomicBool>, threads: u16) -> Outcome<Self> {
        let program = std::env::current_exe()
            .map_err(|e| Failure::Data(format!("this program cannot be found: {e}")))?;
        let arguments = std::env::args_os().skip(1).collect();
        Ok(Self { program, arguments, timeout, interrupt, threads })
    }

    fn start(&self, grid: &Grid, cell: Cell) -> Result<Child> {
        let key = grid.key(cell);
        // The row follows the name of the command, so that nothing after `--` is taken for a part of it.
        let (command, rest) = self.arguments.split_at(self.arguments.len().min(1));
        Command::new(&self.program)
            .args(command)
            .args(["--row", &key.table, &key.method, &key.split.to_string(), &grid.content(cell)])
            .arg(self.threads.to_string())
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::Invalid(format!("{}: cannot be started: {e}", self.program.display())))
    }
}

impl Runner for Processes {
    fn run(&self, grid: &Grid, cell: Cell) -> Result<Ran> {
        let clock = Instant::now();
        let mut child = self.start(grid, cell)?;
        // A pipe that nobody reads holds up who writes.
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let mut is_late;
        let status = loop {
            let waited = child.try_wait().map_err(|e| Error::Invalid(format!("a row's process: {e}")))?;
            let elapsed = clock.elapsed();
            is_late = self.timeout.is_some_and(|most| elapsed > most);
            if let Some(status) = waited {
                break status;
            }
            if is_late || self.interrupt.load(Ordering::Relaxed) {
                // One that has just ended by itself needs no end.
                let _ = child.kill();
                break child.wait().map_err(|e| Error::Invalid(format!("a row's process: {e}")))?;
            }
            let left = self.timeout.map_or(BETWEEN_LOOKS, |most| most.saturating_sub(elapsed));
            std::thread::sleep(left.min(BETWEEN_LOOKS));
        };
        let (out, err) = (text(out), text(err));
        if status.success() && !is_late {
            return Ok(Ran::Finished(match serde_json::from_str::<Measured>(&out) {
                Ok(measured) => compare::Outcome::Done(Box::new(measured)),
                Err(e) => compare::Outcome::failed(format!("the row's process gave no result: {e}")),
            }));
        }
        if self.interrupt.load(Ordering::Relaxed) || was_interrupted(status) {
            return Ok(Ran::Interrupted);
        }
        Ok(Ran::Finished(compare::Outcome::failed(match (is_late, self.timeout) {
            (true, Some(most)) => format!("it took longer than {} s (--timeout)", most.as_secs_f64()),
            _ => reason(status, &err),
        })))
    }
}

/// Why a process failed.
fn reason(status: ExitStatus, said: &str) -> String {
    let last = said.trim();
    let kept = last.char_indices().rev().nth(MOST_SAID).map_or(last, |(at, _)| &last[at..]);
    if let Some(message) = kept.strip_prefix("error: ") {
        return message.trim().to_owned();
    }
    let ended = match signal(status) {
        Some(9) => "its process was ended by signal 9, as the system does when memory runs out".to_owned(),
        Some(number) => format!("its process was ended by signal {number}"),
        None => format!("its process ended with {status}"),
    };
    if kept.is_empty() { ended } else { format!("{ended}: {kept}") }
}

/// Ctrl-C reaches all processes of a terminal, and may end a row before this one has heard of it.
fn was_interrupted(status: ExitStatus) -> bool {
    signal(status) == Some(2)
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until then is all there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// Ends this process when the one that started it is gone: the end of its standard input says so.
pub(super) fn end_with_parent() {
    std::thread::spawn(|| {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        std::process::exit(1);
    });
}
