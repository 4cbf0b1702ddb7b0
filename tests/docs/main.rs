//! What README.md and docs/ say is so: their commands run, print what is shown, and name what there is.
//!
//! | Block | What becomes of it |
//! |---|---|
//! | `sh` | lines that begin with `steingp` are run, in one folder a page with a copy of `data/`; cargo's must name an example or a bench |
//! | `sh` after `<!-- fails 1 -->` | the same, and its last command must end with that status |
//! | any after `<!-- output -->` | its lines must be among those that the commands of the last `sh` block printed; `<!-- output exact -->` for numbers to the last digit shown |
//! | any after `<!-- file NAME -->` | is written to the page's folder |
//! | `rust` | a doctest: the page must be included in `src/lib.rs` |
//! | `python` | must compile; a comment in its first line says which versions it ran with |
//! | `text` | placeholders such as TABLE are for these |

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod links;
mod output;
mod page;
mod shell;

use page::{Page, Role};
use shell::Targets;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Page> {
    page::all(root())
}

/// Examples and benches: files and folders with a `main.rs`.
fn targets() -> Targets {
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.extension().is_some_and(|e| e == "rs") || path.join("main.rs").exists())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    Targets { examples: names("examples"), benches: names("benches") }
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
}

#[test]
fn every_command_runs_and_prints_what_the_page_shows() {
    let (pages, targets) = (pages(), targets());
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let clock = std::time::Instant::now();
            let found = shell::run(page, root(), &targets);
            println!("{}: {:.1} s", page.path.display(), clock.elapsed().as_secs_f64());
            problems.lock().unwrap().extend(found);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    assert_none(&problems.into_inner().unwrap());
}

#[test]
fn links_and_images_lead_somewhere() {
    let pages = pages();
    let problems: Vec<String> = pages.iter().flat_map(|page| links::broken(page, root(), &pages)).collect();
    assert_none(&problems);
}

#[test]
fn every_option_that_a_page_names_is_in_the_help() {
    let mut known = BTreeSet::from(["help".to_owned(), "version".to_owned()]);
    for command in ["fit", "predict", "score", "show", "particles", "density", "stein", "compare"] {
        let help = Command::new(env!("CARGO_BIN_EXE_steingp")).args([command, "--help"]).output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        let options = text.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        known.extend(options.map(|o| o.split([' ', '=']).next().unwrap_or_default().to_owned()));
    }
    assert!(known.contains("target"), "{known:?}");
    let problems: Vec<String> = (pages().iter())
        .flat_map(|page| links::options(page).into_iter().map(|(line, option)| (page.at(line), option)))
        .filter(|(_, option)| !known.contains(option))
        .map(|(place, option)| format!("{place}: no command has --{option}"))
        .collect();
    assert_none(&problems);
}

#[test]
fn every_example_and_bench_that_a_page_names_exists() {
    let targets = targets();
    let mut problems = Vec::new();
    for page in pages() {
        for (flag, kind, known) in
            [("--example ", "example", &targets.examples), ("--bench ", "bench", &targets.benches)]
        {
            for (line, name) in links::cargo_targets(&page, flag) {
                let place = page.at(line);
                problems
                    .extend(shell::check_target(kind, &name, known).err().map(|e| format!("{place}: {e}")));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn pages_with_rust_are_doctests() {
    let crate_root = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let included =
        |page: &Page| crate_root.contains(&format!("include_str!(\"../{}\")", page.path.display()));
    let has_rust = |page: &&Page| page.blocks.iter().any(|block| block.language.starts_with("rust"));
    let missing: Vec<String> = (pages().iter())
        .filter(|page| has_rust(page) && !included(page))
        .map(|page| format!("{} has Rust that src/lib.rs does not include", page.path.display()))
        .collect();
    assert_none(&missing);
}

#[test]
fn python_compiles_and_says_which_versions_it_ran_with() {
    let folder = tempfile::tempdir().unwrap();
    let python = Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !python {
        eprintln!("SKIPPED: there is no python3 to compile the pages' Python");
    }
    let mut problems = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|b| b.language == "python") {
            let place = page.at(block.line);
            let first = block.text.lines().next().unwrap_or_default();
            if !(first.starts_with('#') && first.contains(|c: char| c.is_ascii_digit())) {
                problems.push(format!("{place}: the first line does not say which versions it ran with"));
            }
            let file = folder.path().join("block.py");
            std::fs::write(&file, &block.text).unwrap();
            if python {
                let compiled =
                    Command::new("python3").args(["-m", "py_compile"]).arg(&file).output().unwrap();
                if !compiled.status.success() {
                    problems.push(format!("{place}: {}", String::from_utf8_lossy(&compiled.stderr)));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn json_is_either_a_file_of_the_page_or_what_a_command_prints() {
    let mut problems = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|b| b.language == "json") {
            let place = page.at(block.line);
            match block.role {
                Role::File(_) => problems.extend(
                    (serde_json::from_str::<serde_json::Value>(&block.text).err())
                        .map(|e| format!("{place}: {e}")),
                ),
                Role::Output(_) => {}
                _ => problems.push(format!("{place}: nothing makes or uses this JSON")),
            }
        }
    }
    assert_none(&problems);
}
