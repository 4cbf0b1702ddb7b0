//! Progress on the terminal, and Ctrl-C.

use crate::stein::{IterationView, Observer};
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Shows a bar on standard error where that is a terminal, and stops after the iteration when interrupted.
pub(super) struct Progress {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    moving: bool,
}

impl Progress {
    /// Starts with the search for the mode, whose length nobody knows.
    pub(super) fn new(quiet: bool) -> Self {
        let interrupted = interrupt_flag();
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.set_message("looking for the mode");
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, interrupted, moving: false }
    }

    /// Set once Ctrl-C was pressed.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A flag that the first Ctrl-C sets, which asks for a clean stop; the second one does not ask.
pub(super) fn interrupt_flag() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // Where no handler can be set Ctrl-C ends the program, as it does everywhere.
    let _ = ctrlc::set_handler(handler);
    interrupted
}

impl Observer for Progress {
    fn iteration(&mut self, view: &IterationView<'_>) -> ControlFlow<()> {
        if !self.moving {
            self.moving = true;
            self.bar.set_length(view.total as u64);
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {eta} left");
            if let Ok(style) = style {
                self.bar.set_style(style);
            }
        }
        let report = view.report;
        self.bar.set_position(report.iteration as u64);
        let ratio = report.stein_ratio;
        let ratio = if ratio.is_finite() { format!("  Stein ratio {ratio:.2}") } else { String::new() };
        self.bar.set_message(format!("log density {:.2}{ratio}", report.mean_log_density));
        if self.interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
