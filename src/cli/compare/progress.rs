//! Progress over a whole grid: a bar where standard error is a terminal, now and then a line where it is not.

use super::super::output::complain;
use crate::compare::{Record, Status, Watcher};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines in a file.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    quiet: bool,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {elapsed} so far") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, last_line: None, quiet }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Progress {
    fn begins(&mut self, status: &Status<'_>) {
        if let Some(bar) = &self.bar {
            bar.set_length(status.total as u64);
            bar.set_position(status.done as u64);
            let row = status.row;
            bar.set_message(format!(
                "{}, {}, split {}{}  {}",
                row.table,
                row.method,
                row.split,
                failed(status.failed),
                left(status.seconds_left)
            ));
        }
    }

    fn ended(&mut self, status: &Status<'_>, _record: &Record) {
        let is_due = self.last_line.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
        if self.bar.is_none() && !self.quiet && is_due && status.done < status.total {
            self.last_line = Some(Instant::now());
            complain(&format!(
                "{} of {} rows{}, {}",
                status.done,
                status.total,
                failed(status.failed),
                left(status.seconds_left)
            ));
        }
    }
}

fn failed(count: usize) -> String {
    if count > 0 { format!(", {count} failed") } else { String::new() }
}

fn left(seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) => {
            format!("about {} left", HumanDuration(Duration::from_secs_f64(seconds.clamp(0.0, 1e9))))
        }
        None => "time left unknown".into(),
    }
}
