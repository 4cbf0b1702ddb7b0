//! Links, images, options and targets that pages name.

use super::page::Page;
use std::collections::BTreeSet;
use std::path::Path;

/// Targets of `[text](target)` and `![text](target)` in prose, with their lines.
fn links(page: &Page) -> Vec<(usize, &str)> {
    page.prose()
        .flat_map(|(number, line)| {
            line.match_indices("](").filter_map(move |(at, _)| {
                let rest = &line[at + 2..];
                rest.find(')').map(|end| (number, &rest[..end]))
            })
        })
        .collect()
}

/// Links to files or headings that do not exist.
pub fn broken(page: &Page, root: &Path, pages: &[Page]) -> Vec<String> {
    let folder = page.path.parent().unwrap_or(Path::new(""));
    links(page)
        .into_iter()
        .filter(|(_, target)| !target.contains("://"))
        .filter_map(|(line, target)| {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            let Ok(there) = root.join(&path).canonicalize() else {
                return Some(format!("{}: there is no {}", page.at(line), path.display()));
            };
            let same = |other: &&Page| root.join(&other.path).canonicalize().is_ok_and(|p| p == there);
            let known = heading.is_empty()
                || pages.iter().find(same).is_some_and(|other| headings(other).contains(heading));
            (!known).then(|| format!("{}: {} has no heading #{heading}", page.at(line), path.display()))
        })
        .collect()
}

/// Anchors of a page's headings, as GitHub makes them.
fn headings(page: &Page) -> BTreeSet<String> {
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let anchor =
        |title: &str| title.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
    page.prose()
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| anchor(line.trim_start_matches('#')))
        .collect()
}

/// Options such as `--kernel` that prose and `text` blocks name, with their lines; not those of cargo's commands.
pub fn options(page: &Page) -> Vec<(usize, String)> {
    let texts =
        page.blocks.iter().filter(|b| b.language == "text").flat_map(|b| (b.line..).zip(b.text.lines()));
    page.prose()
        .chain(texts)
        .flat_map(|(number, line)| {
            without_cargo(line).into_iter().flat_map(named_options).map(move |option| (number, option))
        })
        .collect()
}

/// The parts of a line outside of code that begins with `cargo`.
fn without_cargo(line: &str) -> Vec<&str> {
    if line.trim_start().starts_with("cargo ") {
        return Vec::new();
    }
    line.split('`').filter(|part| !part.starts_with("cargo ")).collect()
}

fn named_options(text: &str) -> Vec<String> {
    text.match_indices("--")
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c == '-' || c.is_alphanumeric()))
        .map(|(at, _)| &text[at + 2..])
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>())
        .filter(|name| !name.is_empty() && !name.starts_with('-'))
        .collect()
}

/// Names after `--example` or `--bench` anywhere on a page.
pub fn cargo_targets(page: &Page, flag: &str) -> Vec<(usize, String)> {
    let name = |rest: &str| -> String {
        rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    (1..)
        .zip(page.text.lines())
        .flat_map(|(number, line)| {
            line.match_indices(flag).map(move |(at, _)| (number, name(&line[at + flag.len()..])))
        })
        .collect()
}

#[test]
fn options_are_found_in_prose_and_dashes_are_not() {
    let of = |line: &str| without_cargo(line).into_iter().flat_map(named_options).collect::<Vec<_>>();
    assert_eq!(of("`--kernel EXPR` and (`fit --out`), --seed"), ["kernel", "out", "seed"]);
    assert!(of("a -- b --- c |---| x--y `cargo bench --bench exact`").is_empty());
}
