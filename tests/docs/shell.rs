//! The commands of a page, run in a folder of its own.

use super::output;
use super::page::{Block, Page, Role};
use std::path::Path;
use std::process::Command;

/// What cargo commands may name.
pub struct Targets {
    pub examples: Vec<String>,
    pub benches: Vec<String>,
}

/// Runs all commands of a page in order and compares what it shows with what they print. What is wrong, if anything.
pub fn run(page: &Page, root: &Path, targets: &Targets) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    copy_tables(&root.join("data"), &folder.path().join("data"));
    let mut problems = Vec::new();
    let mut printed: Option<String> = None;
    for block in &page.blocks {
        let place = page.at(block.line);
        match (&block.role, block.language.as_str()) {
            (Role::File(name), _) => std::fs::write(folder.path().join(name), &block.text).unwrap(),
            (Role::Output(agreement), _) => match &printed {
                None => problems.push(format!("{place}: output before any command")),
                Some(printed) => problems.extend(
                    output::missing(&block.text, printed, *agreement)
                        .map(|line| format!("{place}: `{line}` was not printed, but:\n{printed}")),
                ),
            },
            (_, "sh") => match run_block(block, folder.path(), targets) {
                Ok(text) => printed = Some(text),
                // What follows would only fail for the same reason.
                Err(problem) => return [problems, vec![format!("{place}: {problem}")]].concat(),
            },
            _ => {}
        }
    }
    problems
}

fn copy_tables(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// What the commands of a block printed, notices first.
fn run_block(block: &Block, folder: &Path, targets: &Targets) -> Result<String, String> {
    let commands = commands(&block.text)?;
    let mut printed = String::new();
    for (place, words) in commands.iter().enumerate() {
        let expected = match block.role {
            Role::Fails(status) if place + 1 == commands.len() => status,
            _ => 0,
        };
        let Some(arguments) = arguments(words, targets)? else { continue };
        let mut program = Command::new(env!("CARGO_BIN_EXE_steingp"));
        // Pages run beside one another, and nothing that is found depends on the number of threads.
        let output =
            program.args(&arguments).current_dir(folder).env("RAYON_NUM_THREADS", "1").output().unwrap();
        let text =
            [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.code() != Some(expected) {
            return Err(format!(
                "`{}` ended with {}, not {expected}:\n{text}",
                words.join(" "),
                output.status
            ));
        }
        printed += &text;
    }
    Ok(printed)
}

/// The program's arguments, where a command runs it; cargo's other commands must name what there is.
fn arguments(words: &[String], targets: &Targets) -> Result<Option<Vec<String>>, String> {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["steingp", rest @ ..] | ["cargo", "run", "--release", "--", rest @ ..] => {
            Ok(Some(rest.iter().map(|word| (*word).to_owned()).collect()))
        }
        ["cargo", "run", "--release", "--example", name, ..] => {
            check_target("example", name, &targets.examples).map(|()| None)
        }
        ["cargo", "bench", "--bench", name, ..] => {
            check_target("bench", name, &targets.benches).map(|()| None)
        }
        ["cargo", "test", "--release"] | ["cargo", "build", "--release"] => Ok(None),
        _ => Err(format!("`{}` is a command that nothing runs", words.join(" "))),
    }
}

pub fn check_target(kind: &str, name: &str, known: &[String]) -> Result<(), String> {
    known.iter().any(|k| k == name).then_some(()).ok_or(format!("there is no {kind} `{name}`"))
}

/// Commands as words: lines that end in `\` go on, `#` begins a comment, quotes hold words together.
fn commands(text: &str) -> Result<Vec<Vec<String>>, String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(words).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().filter(|words| !words.is_empty()).collect())
}

fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut inside) = (None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                if !inside {
                    words.push(String::new());
                    inside = true;
                }
            }
            (None, ' ' | '\t') => inside = false,
            (None, '#') if !inside => break,
            (None, '|' | '>' | '<' | '$' | '&' | ';' | '*' | '`') => {
                return Err(format!("`{c}` in `{line}` is for a shell, and none runs the commands"));
            }
            (_, c) => {
                if !inside {
                    words.push(String::new());
                    inside = true;
                }
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    if quote.is_some() { Err(format!("`{line}` has an open quote")) } else { Ok(words) }
}

#[test]
fn commands_are_cut_into_words_as_a_shell_does() {
    let text = "# first\nsteingp fit t --kernel \"a * b\" \\\n  --x='1 2'   # why\n\n";
    assert_eq!(commands(text).unwrap(), [["steingp", "fit", "t", "--kernel", "a * b", "--x=1 2"]]);
    assert!(commands("steingp show m | head\n").unwrap_err().contains("for a shell"));
    assert!(commands("steingp \"show\n").unwrap_err().contains("open quote"));
}

#[test]
fn commands_that_nothing_runs_are_refused() {
    let targets = Targets { examples: vec!["iris".into()], benches: vec!["exact".into()] };
    let of = |line: &str| arguments(&words(line).unwrap(), &targets);
    assert_eq!(of("steingp show m").unwrap().unwrap(), ["show", "m"]);
    assert_eq!(of("cargo run --release -- show m").unwrap().unwrap(), ["show", "m"]);
    assert_eq!(of("cargo run --release --example iris").unwrap(), None);
    assert!(of("cargo run --release --example lilies").unwrap_err().contains("no example `lilies`"));
    assert!(of("cargo bench --bench speed").unwrap_err().contains("no bench"));
    assert!(of("curl data").unwrap_err().contains("nothing runs"));
}

#[test]
fn pages_that_promise_too_much_are_found_out() {
    let targets = Targets { examples: Vec::new(), benches: Vec::new() };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let problems = |text: &str| run(&Page::new(Path::new("page.md"), text.into()), root, &targets).join("\n");
    let version = concat!("steingp ", env!("CARGO_PKG_VERSION"));
    let page =
        |shown: &str| format!("```sh\nsteingp --version\n```\n\n<!-- output -->\n```text\n{shown}\n```\n");
    assert_eq!(problems(&page(version)), "");
    assert!(problems(&page("steingp 99.0.0")).contains("page.md:7: `steingp 99.0.0` was not printed"));
    assert!(
        problems("```sh\nsteingp show nothing.model\n```\n")
            .contains("page.md:2: `steingp show nothing.model` ended")
    );
    let refused = "<!-- fails 1 -->\n```sh\nsteingp show nothing.model\n```\n";
    assert_eq!(problems(refused), "");
}
