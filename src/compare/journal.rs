//! The journal of a comparison: one line of JSON a finished row, written when it is finished.
//!
//! A line is on the disk before the next row begins. Where the machine fails while a line is written, the line is torn: its
//! row runs once more, and the line is cut off before the next one is written.

use super::record::Record;
use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// An open journal, which nobody else can open.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Length of its whole lines, where a torn one follows.
    torn_at: Option<u64>,
}

impl Journal {
    /// Opens a journal, or begins one, and reads its records in the order in which they were written.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the file cannot be read or written, where another process has it open, and where a line is
    /// neither a record nor torn.
    pub fn open(path: &Path) -> Result<(Self, Vec<Record>)> {
        let failed = |what: &str, e: &dyn std::fmt::Display| {
            Error::Invalid(format!("{}: {what}: {e}", path.display()))
        };
        let mut file = (OpenOptions::new().read(true).append(true).create(true).open(path))
            .map_err(|e| failed("the journal cannot be opened", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Invalid(format!(
                    "{}: another comparison is at work in this folder: wait for its end, or choose another folder",
                    path.display()
                )));
            }
            // A file system without locks is no reason not to work.
            Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| failed("the journal cannot be read", &e))?;
        let (records, length) = read(&bytes).map_err(|(line, e)| {
            failed(
                &format!("line {line} is no row of a comparison; remove the line to run its row again"),
                &e,
            )
        })?;
        let torn_at = (length < bytes.len()).then_some(length as u64);
        Ok((Self { file, path: path.into(), torn_at }, records))
    }

    /// Writes a record and waits until it is on the disk.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::Invalid(format!("{}: cannot be written: {e}", self.path.display()))
        };
        let mut line = serde_json::to_string(record).map_err(|e| failed(&e))?;
        line.push('\n');
        if let Some(length) = self.torn_at {
            self.file.set_len(length).map_err(|e| failed(&e))?;
            self.torn_at = None;
        }
        self.file.write_all(line.as_bytes()).map_err(|e| failed(&e))?;
        self.file.sync_data().map_err(|e| failed(&e))
    }
}

/// The records of whole lines and the length of these; or the first line that is neither a record nor torn, and why.
fn read(bytes: &[u8]) -> Result<(Vec<Record>, usize), (usize, serde_json::Error)> {
    let mut records = Vec::new();
    let mut length = 0;
    for (k, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let is_last = length + line.len() == bytes.len();
        let is_whole = line.ends_with(b"\n");
        match serde_json::from_slice(line) {
            Ok(record) if is_whole => records.push(record),
            Ok(_) => break,
            Err(_) if is_last && is_torn(line, is_whole) => break,
            Err(error) => return Err((k + 1, error)),
        }
        length += line.len();
    }
    Ok((records, length))
}

/// Whether a last line that is no record is one of which only a part reached the disk: it ends too early, or has the right
/// length with nothing in parts of it. JSON of another shape was written by someone else.
fn is_torn(line: &[u8], is_whole: bool) -> bool {
    let is_json = serde_json::from_slice::<serde_json::Value>(line).is_ok();
    !is_json && (!is_whole || line.contains(&0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::record::{Key, Outcome};
    use super::*;

    fn record(split: usize) -> Record {
        let key = Key { table: "t".into(), method: "ml".into(), split };
        Record { key, outcome: Outcome::failed("no"), elapsed: 0.5 }
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_was_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, none) = Journal::open(&path).unwrap();
        assert!(none.is_empty());
        journal.append(&record(0)).unwrap();
        journal.append(&record(1)).unwrap();
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        let first = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        for length in first..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let (mut journal, kept) = Journal::open(&path).unwrap();
            assert_eq!(kept, [record(0)]);
            journal.append(&record(1)).unwrap();
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "torn at {length}");
        }
        std::fs::write(&path, [&bytes[..first], &vec![0; bytes.len() - first - 1], b"\n"].concat()).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, [record(0)]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let line = serde_json::to_string(&record(0)).unwrap();
        std::fs::write(&path, format!("{line}\n{{\n{line}\n")).unwrap();
        let told = Journal::open(&path).unwrap_err().to_string();
        assert!(told.contains("line 2"), "{told}");
    }

    #[test]
    fn a_last_line_of_something_else_is_named_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let line = serde_json::to_string(&record(0)).unwrap();
        for other in ["{\"table\":\"t\"}\n", "{\"table\":\"t\"}", "words\n"] {
            let text = format!("{line}\n{other}");
            std::fs::write(&path, &text).unwrap();
            let told = Journal::open(&path).unwrap_err().to_string();
            assert!(told.contains("line 2"), "{told}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let torn = format!("{line}\n{{\"table");
        std::fs::write(&path, &torn).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, [record(0)]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), torn);
    }

    #[test]
    fn two_cannot_write_one_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let _first = Journal::open(&path).unwrap();
        assert!(Journal::open(&path).unwrap_err().to_string().contains("another comparison"));
    }
}
