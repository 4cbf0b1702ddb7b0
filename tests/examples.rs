//! The quick examples run to their end. The others compile with the tests and take longer than tests should.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn quick_examples_run_and_write_their_figures() {
    // Examples are built beside the tests, unless this test is built alone.
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    for name in ["coal_mining", "motorcycle_noise"] {
        let example = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !example.exists() {
            eprintln!("SKIPPED: {} has not been built", example.display());
            continue;
        }
        let figures = tempfile::tempdir().unwrap();
        let output = Command::new(example).arg(figures.path()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read_dir(figures.path()).unwrap().count() > 0, "{name} wrote no figure");
    }
}
