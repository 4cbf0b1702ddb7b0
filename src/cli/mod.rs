//! The command line: reads arguments, calls the library, prints. Nothing here that a library user would miss.
//!
//! Exit status: 0 done, 1 the data or the numbers do not allow it, 2 the command line is wrong. With `--json` one
//! object goes to standard output and nothing else; progress and notices go to standard error.

mod arguments;
mod compare;
mod data;
mod density;
mod fit;
mod method;
mod output;
mod predict;
mod progress;
mod show;
mod stein;

use arguments::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// What ends a command early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The data or the numbers do not allow it: status 1.
    Data(String),
    /// The command line is wrong: status 2.
    Usage(String),
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        Failure::Data(error.to_string())
    }
}

impl From<crate::table::TableError> for Failure {
    fn from(error: crate::table::TableError) -> Self {
        Failure::Data(error.to_string())
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Runs the program on the arguments of the process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let status = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nothing is left to do where even the message cannot be printed.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    // What faer decides by itself it would decide by the number of threads, and round accordingly.
    faer::set_global_parallelism(crate::linalg::in_parallel());
    let outcome = match cli.command {
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Score(arguments) => predict::score(&arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Particles(arguments) => show::particles(&arguments),
        Command::Density(arguments) => density::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Stein(arguments) => stein::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Data(message)) => {
            output::complain(&format!("error: {message}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            output::complain(&format!("error: {message}\n\nFor more information, try '--help'."));
            ExitCode::from(2)
        }
    }
}
