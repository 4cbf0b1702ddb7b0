//! The `steingp` program.

fn main() -> std::process::ExitCode {
    steingp::cli::run()
}
