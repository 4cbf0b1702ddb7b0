//! `steingp stein`: the playground in the plane.

use super::arguments::SteinArguments;
use super::data::tell;
use super::output::{json, say};
use super::{Failure, Outcome};
use crate::density::Toy;
use crate::playground::{Play, Run, play};
use crate::report::stein::{frames, from_run, overview};
use std::path::Path;

pub(super) fn run(arguments: &SteinArguments) -> Outcome {
    let usage = |e: crate::Error| Failure::Usage(e.to_string());
    let toy = Toy::named(&arguments.target).map_err(usage)?;
    let settings = Play {
        particles: arguments.particles as usize,
        iterations: arguments.iterations as usize,
        kernel: arguments.kernel,
        mover: arguments.mover,
        whiten: !arguments.plain,
        temperature: arguments.temperature,
        start: arguments.start.unwrap_or_default(),
        seed: arguments.seed,
        ..Play::default()
    };
    settings.check().map_err(usage)?;
    check_outputs(arguments)?;
    let run = play(&toy, &settings)?;
    let summary = run.summary(&toy);
    let drawn = draw(arguments, &toy, &run);
    // What was found is printed even where a file could not be written.
    if arguments.json {
        json(&summary)?
    } else {
        say(&summary.to_string())?
    }
    tell(&drawn?, arguments.quiet);
    Ok(())
}

/// Writes what is asked for and says what was written.
fn draw(arguments: &SteinArguments, toy: &Toy, run: &Run) -> Outcome<Vec<String>> {
    let mut written = Vec::new();
    if let Some(path) = &arguments.plot {
        let svg = overview::svg(&from_run::overview(toy, run)?)?;
        std::fs::write(path, svg).map_err(|e| Failure::Data(format!("{}: {e}", path.display())))?;
        written.push(format!("the figure is in {}", path.display()));
    }
    if let Some(folder) = &arguments.frames {
        let count = frames::write(folder, &from_run::landscape(toy, &[run])?, &run.clouds)?;
        written.push(format!("{count} frames are in {}", folder.display()));
    }
    Ok(written)
}

/// Files that cannot be written are better known before the run.
fn check_outputs(arguments: &SteinArguments) -> Outcome {
    let refuse = |option: &str, path: &Path, problem: &dyn std::fmt::Display| {
        Err(Failure::Usage(format!("{option} {}: cannot be written: {problem}", path.display())))
    };
    if let Some(path) = &arguments.plot {
        let existed = path.exists();
        if let Err(problem) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
            return refuse("--plot", path, &problem);
        }
        if !existed {
            // Only a trial; a file that stays empty does no harm.
            let _ = std::fs::remove_file(path);
        }
    }
    if let Some(folder) = &arguments.frames {
        if arguments.iterations as usize >= frames::MOST_FILES {
            let most = frames::MOST_FILES - 1;
            return refuse("--frames", folder, &format!("with frames there may be up to {most} iterations"));
        }
        if let Err(problem) = std::fs::create_dir_all(folder) {
            return refuse("--frames", folder, &problem);
        }
    }
    Ok(())
}
