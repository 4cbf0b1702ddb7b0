//! A Markdown page as its fenced blocks, each with what the comment in front of it says it is.

use super::output::Agreement;
use std::path::{Path, PathBuf};

/// What a block is for, beyond its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// No comment stands in front of it.
    Plain,
    /// `<!-- output -->`: lines that the commands before it print. `<!-- output exact -->`: to the last digit shown.
    Output(Agreement),
    /// `<!-- file NAME -->`: the content of a file of the page's folder.
    File(String),
    /// `<!-- fails STATUS -->`: its last command ends with this exit status.
    Fails(i32),
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// 1-based line of its first line in the page.
    pub line: usize,
    pub language: String,
    pub role: Role,
    pub text: String,
}

/// A page of the documentation.
#[derive(Debug)]
pub struct Page {
    /// Relative to the repository.
    pub path: PathBuf,
    pub text: String,
    pub blocks: Vec<Block>,
}

impl Page {
    pub fn read(root: &Path, path: &Path) -> Self {
        Self::new(path.strip_prefix(root).unwrap(), std::fs::read_to_string(path).unwrap())
    }

    pub fn new(path: &Path, text: String) -> Self {
        let blocks = blocks(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        Self { path: path.to_path_buf(), text, blocks }
    }

    /// `docs/guide.md:12`, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// The page without its blocks, line by line with numbers from 1.
    pub fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut fenced = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let fence = line.starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
    }
}

fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut role = Role::Plain;
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(mut block) = open.take() {
            if line == "```" {
                blocks.push(block);
            } else {
                block.text += &format!("{line}\n");
                open = Some(block);
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let role = std::mem::replace(&mut role, Role::Plain);
            open = Some(Block { line: number + 1, language: language.into(), role, text: String::new() });
        } else if let Some(comment) = line.strip_prefix("<!-- ") {
            role = role_of(comment.trim_end_matches(" -->")).map_err(|e| format!("line {number}: {e}"))?;
        } else if !line.trim().is_empty() && role != Role::Plain {
            return Err(format!("line {number}: the comment before it belongs to a block, and this is none"));
        }
    }
    match open {
        Some(block) => Err(format!("line {}: the block has no end", block.line)),
        None => Ok(blocks),
    }
}

fn role_of(comment: &str) -> Result<Role, String> {
    match comment.split_once(' ') {
        None if comment == "output" => Ok(Role::Output(Agreement::Fit)),
        Some(("output", "exact")) => Ok(Role::Output(Agreement::LastDigit)),
        Some(("file", name)) => Ok(Role::File(name.into())),
        Some(("fails", status)) => status.parse().map(Role::Fails).map_err(|_| "no exit status".into()),
        _ => Err(format!("`{comment}` is neither output (exact), file NAME nor fails STATUS")),
    }
}

/// Every page: the README, and all below `docs/`.
pub fn all(root: &Path) -> Vec<Page> {
    let mut pages = vec![Page::read(root, &root.join("README.md"))];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(Page::read(root, &path));
            }
        }
    }
    pages
}

#[test]
fn blocks_know_their_lines_languages_and_roles() {
    let text = "a\n\n<!-- file at.json -->\n```json\n{}\n```\nb\n```sh\nsteingp x\n```\n\n<!-- output -->\n\n```text\n1\n```\n";
    let found = blocks(text).unwrap();
    let seen: Vec<_> = found.iter().map(|b| (b.line, b.language.as_str(), b.role.clone())).collect();
    let file = Role::File("at.json".into());
    assert_eq!(seen, [(5, "json", file), (9, "sh", Role::Plain), (15, "text", Role::Output(Agreement::Fit))]);
    assert_eq!(found[2].text, "1\n");
    assert!(blocks("<!-- output -->\nno block\n").unwrap_err().contains("this is none"));
    assert!(blocks("<!-- outptu -->\n").unwrap_err().contains("neither"));
    assert!(blocks("```sh\n").unwrap_err().contains("no end"));
}
