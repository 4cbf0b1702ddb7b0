//! `steingp compare`: grids that are killed, extended and refused, and what they leave in their folder.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Columns that differ from run to run.
const OF_TIME: [&str; 5] =
    ["seconds", "predict_seconds", "processor_seconds", "peak_memory_mib", "row_seconds"];

struct Folder(TempDir);

impl Folder {
    /// With two small tables, `a.csv` and `b.csv`, of the columns x, z and y.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, count) in [("a", 24), ("b", 31)] {
            let row = |i: u32| {
                let x = 0.3 * f64::from(i);
                format!(
                    "{x},{},{}\n",
                    i * 7 % 5,
                    (x + 0.1 * f64::from(count)).sin() + 0.05 * f64::from(i % 3)
                )
            };
            folder.write(
                &format!("{name}.csv"),
                &format!("x,z,y\n{}", (0..count).map(row).collect::<String>()),
            );
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steingp"));
        command.arg("compare").args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        (output.status.code().unwrap(), out, err)
    }

    fn text(&self, line: &str) -> String {
        let (status, out, err) = self.run(line);
        assert_eq!(status, 0, "{line}: {err}");
        out
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{line} --json"))).unwrap()
    }

    fn refuses(&self, line: &str, status: i32, parts: &str) {
        let (found, out, err) = self.run(line);
        assert!(found == status && out.is_empty(), "{line}: {found}: {out}{err}");
        for part in parts.split('|') {
            assert!(err.contains(part), "{line}: `{part}` is not in: {err}");
        }
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until a journal has that many rows.
    fn wait_for(&self, journal: &str, rows: usize) {
        let clock = Instant::now();
        let count = || std::fs::read_to_string(self.path(journal)).map_or(0, |t| t.lines().count());
        while count() < rows {
            assert!(clock.elapsed() < Duration::from_secs(60), "{journal} does not grow");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The rows of a results file by column, with or without what differs from run to run.
fn rows(path: &Path, with_times: bool) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let keep = |name: &&str| with_times || !OF_TIME.contains(name);
    let row = |line: &str| {
        // Messages, which may hold commas, come last.
        let cells = line.splitn(header.len(), ',');
        header
            .iter()
            .zip(cells)
            .filter(|(n, _)| keep(n))
            .map(|(n, c)| (n.to_string(), c.to_owned()))
            .collect()
    };
    lines.map(row).collect()
}

#[test]
fn a_grid_has_a_row_for_each_table_method_and_split_and_what_each_cost() {
    let folder = Folder::new();
    let out = folder.text("a.csv b.csv --target y --methods ml,map,svgd:3 --splits 2 --iterations 4 --out o");
    for part in ["Test log-likelihood", "svgd:3", "12 of 12 rows, 0 kept from before, 0 failed"] {
        assert!(out.contains(part), "`{part}` is not in: {out}");
    }
    let found = rows(&folder.path("o/results.csv"), true);
    let keys: Vec<String> =
        found.iter().map(|r| format!("{} {} {}", r["table"], r["method"], r["split"])).collect();
    let expected: Vec<String> = ["a", "b"]
        .iter()
        .flat_map(|t| {
            ["ml", "map", "svgd:3"].iter().flat_map(move |m| (0..2).map(move |s| format!("{t} {m} {s}")))
        })
        .collect();
    assert_eq!(keys, expected);
    for row in &found {
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert!(number("log_likelihood").is_finite() && number("crps") > 0.0, "{row:?}");
        assert!(number("evaluations") > 0.0 && number("seconds") > 0.0);
        assert!(row["accuracy"].is_empty() && row["auc"].is_empty(), "{row:?}");
        assert_eq!(row["status"], "done");
        if cfg!(target_os = "linux") {
            assert!(number("peak_memory_mib") > 1.0 && number("processor_seconds") > 0.0);
        }
        assert_eq!(row["method"] == "svgd:3", !row["verdict"].is_empty());
    }
    // The same split for all methods, and the first as `fit --holdout 0.3` makes it.
    assert_eq!((found[0]["train_rows"].as_str(), found[0]["test_rows"].as_str()), ("17", "7"));
    let parquet = std::fs::metadata(folder.path("o/results.parquet")).unwrap().len();
    assert!(parquet > 1000);
    let page = folder.read("o/report.html");
    for part in ["Methods compared on 2 tables", "Ranks over tables", "critical difference", "More particles"]
    {
        assert_eq!(page.contains(part), part != "More particles", "{part}");
    }
    assert!(!page.contains("http://") || !page.replace("http://www.w3.org/2000/svg", "").contains("http://"));
    assert!(folder.read("o/tables.md").contains("| a |"));
    assert!(folder.read("o/tables.tex").contains("\\begin{tabular}{lrrr}"));
}

#[test]
fn a_row_is_what_fit_finds_on_the_same_rows() {
    let folder = Folder::new();
    folder.text("a.csv --target y --methods map --splits 1 --seed 5 --out o");
    let row = rows(&folder.path("o/results.csv"), true).remove(0);
    let fit = Command::new(env!("CARGO_BIN_EXE_steingp"))
        .args("fit a.csv --target y --method map --holdout 0.3 --seed 5 --json".split(' '))
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    let fit: Value = serde_json::from_slice(&fit.stdout).unwrap();
    assert_eq!(
        row["log_likelihood"].parse::<f64>().unwrap(),
        fit["test"]["log_likelihood"].as_f64().unwrap()
    );
    assert_eq!(row["evaluations"].parse::<u64>().unwrap(), fit["evaluations"].as_u64().unwrap());
}

#[test]
fn a_grid_that_is_killed_again_and_again_ends_in_the_same_results() {
    let folder = Folder::new();
    let line = "a.csv b.csv --target y --methods ml,svgd:3,laplace:4 --splits 2 --iterations 4 --out";
    // Neither how many rows run at a time nor on how many threads says what they find.
    folder.text(&format!("{line} whole --jobs 1 --threads 2"));
    let torn = format!("{line} torn --jobs 3 --threads 3");
    for (kept, delay) in [(1, 0), (4, 25), (7, 60)] {
        let mut child = folder.start(&torn);
        folder.wait_for("torn/journal.jsonl", kept);
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // As if the machine had failed in the middle of a line.
    let journal = folder.read("torn/journal.jsonl");
    folder.write("torn/journal.jsonl", &format!("{journal}{{\"table\":\"a\",\"meth"));
    let found = folder.json(&torn);
    assert!(found["rows"]["kept"].as_u64().unwrap() >= 7, "{found}");
    assert_eq!(found["rows"]["failed"], 0);
    assert_eq!(rows(&folder.path("torn/results.csv"), false), rows(&folder.path("whole/results.csv"), false));
}

#[cfg(unix)]
#[test]
fn an_interrupted_grid_keeps_what_is_done_and_goes_on_with_the_rest() {
    let folder = Folder::new();
    // The chains take far longer than the signal, and are the last of each table.
    let line = "a.csv b.csv --target y --methods ml,map,nuts --splits 1 --out o";
    let child = folder.start(line);
    folder.wait_for("o/journal.jsonl", 2);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("interrupted: ") && err.contains("left"), "{err}");
    let done = rows(&folder.path("o/results.csv"), true);
    assert!(done.len() >= 2 && done.len() < 6, "{}", done.len());
    assert!(folder.path("o/report.html").exists());
    let found = folder.json(line);
    assert_eq!(found["rows"]["kept"].as_u64().unwrap() as usize, done.len());
    assert_eq!(found["rows"]["done"], 6);
}

#[test]
fn methods_tables_and_splits_may_be_added_and_finished_rows_are_kept() {
    let folder = Folder::new();
    folder.text("a.csv --target y --methods ml --splits 1 --out o");
    let first = rows(&folder.path("o/results.csv"), true);
    let found = folder.json("a.csv b.csv --target y --methods map,ml --splits 2 --out o");
    assert_eq!((found["rows"]["kept"].clone(), found["rows"]["done"].clone()), (1.into(), 8.into()));
    let all = rows(&folder.path("o/results.csv"), true);
    // Methods keep the order in which they were first asked for, and times of kept rows are those of the first run.
    assert_eq!((&all[0], all.len(), all[2]["method"].as_str()), (&first[0], 8, "map"));
    let again = folder.json("a.csv --target y --methods ml --splits 1 --out o");
    assert_eq!(again["rows"]["kept"], 1);
    assert_eq!(rows(&folder.path("o/results.csv"), true), all);
}

#[test]
fn a_row_that_fails_is_recorded_with_its_reason_and_the_others_run() {
    let folder = Folder::new();
    // Minibatched models have no Laplace approximation.
    let line =
        "a.csv --target y --model svgp --inducing 5 --warm-up 20 --methods vi,laplace --splits 1 --out o";
    let found = folder.json(line);
    assert_eq!((found["rows"]["done"].clone(), found["rows"]["failed"].clone()), (2.into(), 1.into()));
    let message = found["failures"][0]["message"].as_str().unwrap();
    assert!(message.contains("not by laplace"), "{message}");
    let rows_found = rows(&folder.path("o/results.csv"), true);
    assert_eq!((rows_found[1]["status"].as_str(), rows_found[1]["seconds"].as_str()), ("failed", ""));
    assert!(folder.read("o/report.html").contains("Failed: a, laplace, split 0"));
    assert!(folder.read("o/tables.md").contains('–'));
    // Failed rows stay as they are, unless they are asked for again.
    assert_eq!(folder.json(line)["rows"]["kept"], 2);
    assert_eq!(folder.json(&format!("{line} --retry-failed"))["rows"]["kept"], 1);
}

#[test]
fn a_row_that_takes_too_long_fails_and_a_grid_of_failures_is_an_error() {
    let folder = Folder::new();
    let line = "a.csv --target y --methods ml --splits 2 --timeout 0.001 --out o";
    let (status, out, err) = folder.run(line);
    assert_eq!(status, 1, "{err}");
    assert!(
        out.contains("longer than 0.001 s (--timeout)") && err.contains("no row could be fitted"),
        "{out}{err}"
    );
    let retried = folder.json("a.csv --target y --methods ml --splits 2 --retry-failed --out o");
    assert_eq!(retried["rows"]["failed"], 0);
}

#[test]
fn classes_have_their_own_scores() {
    let folder = Folder::new();
    let row = |i: u32| format!("{},{}\n", 0.2 * f64::from(i % 20), u32::from((i * 13) % 20 + i % 3 > 10));
    folder.write("c.csv", &format!("x,y\n{}", (0..40).map(row).collect::<String>()));
    folder.text("c.csv --target y --likelihood bernoulli --methods map,vi --splits 2 --out o");
    for row in rows(&folder.path("o/results.csv"), true) {
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert!(number("log_likelihood") < 0.0 && (0.0..=1.0).contains(&number("accuracy")));
        assert!(number("brier") > 0.0 && row["rmse"].is_empty() && row["crps"].is_empty(), "{row:?}");
    }
    assert!(folder.read("o/tables.md").contains("## Accuracy"));
}

#[test]
fn splits_come_from_a_folder_or_a_table() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("s")).unwrap();
    let train: String = (0..20).map(|i| format!("{i}\n")).collect();
    folder.write("s/a.split0.csv", &train);
    let marks: String = (0..24).map(|i| format!("{},{}\n", u32::from(i < 4), u32::from(i > 17))).collect();
    folder.write("marks.csv", &format!("split0,split1\n{marks}"));
    folder.text("a.csv --target y --methods map --splits s --out o");
    folder.text("a.csv --target y --methods map --splits marks.csv --out p");
    let sizes = |out: &str| -> Vec<(String, String)> {
        let rows = rows(&folder.path(&format!("{out}/results.csv")), true);
        rows.iter().map(|r| (r["train_rows"].clone(), r["test_rows"].clone())).collect()
    };
    assert_eq!(sizes("o"), [("20".into(), "4".into())]);
    assert_eq!(sizes("p"), [("20".into(), "4".into()), ("18".into(), "6".into())]);
    folder.refuses("b.csv --target y --methods map --splits s --out q", 1, "no splits of `b`|b.split0.csv");
    folder.refuses("b.csv --target y --methods map --splits marks.csv --out q", 1, "marks.csv|24 rows|31");
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_to_do() {
    let folder = Folder::new();
    folder.text("a.csv --target y --methods map --splits 1 --out o");
    let refuses = |line: &str, status, parts: &str| folder.refuses(line, status, parts);
    refuses("a.csv --target y --methods mapp --out n", 2, "`mapp`|did you mean `map`|svgd-paper");
    refuses("a.csv --target y --methods ml,ml --out n", 2, "twice");
    refuses("a.csv --target y --methods svgd,svgd:20 --out n", 2, "svgd:20|twice");
    refuses("a.csv --target y --methods laplace,laplace:20 --out n", 2, "`laplace:20`|twice");
    refuses("a.csv --target y --methods svgd:2,svgd-paper:2 --stein paper --out n", 2, "svgd-paper:2|twice");
    refuses("a.csv --target y --methods map --polish 3 --out n", 2, "--polish|svgd");
    refuses("a.csv --target y --methods svgd-paper:3 --polish 5 --out n", 2, "--polish|published settings");
    let latent = "a.csv --target y --model latent --approximation laplace";
    refuses(&format!("{latent} --methods svgd-paper:3 --out n"), 2, "--approximation|svgd-paper:3");
    refuses("a.csv --target y --methods map --timeout 1e300 --out n", 2, "--timeout|too large");
    refuses("a.csv --target y --splits 0 --out n", 2, "--splits|at least one");
    refuses("a.csv --target y --splits marks.csv --train-fraction 0.5 --out n", 2, "--train-fraction");
    refuses("a.csv a.csv --target y --methods map --out n", 2, "`a`|rename");
    refuses("a.csv --methods map --out n", 2, "--target");
    refuses("--target y --out n", 2, "TABLE");
    refuses("--suite uci --out n", 2, "--data DIR");
    refuses("--suite neal --target y --out n", 2, "--target|suite neal");
    refuses("--suite neal --data . --out n", 2, "--data|suite neal");
    refuses("--suite mnist --data . --out n", 2, "uci-binary");
    refuses("absent.csv --target y --methods map --out n", 1, "absent.csv|no such file");
    refuses("a.csv --target w --methods map --out n", 1, "`w`|`x`, `z`, `y`");
    refuses(
        "a.csv --target y --methods map --splits 1 --kernel matern32 --mean constant --out o",
        1,
        "other settings|kernel: rbf there, matern32 here|mean: the default there, Constant here|--out",
    );
    refuses("a.csv --target y --methods map --splits 1 --seed 4 --out o", 1, "seed: 0 there, 4 here");
    refuses("a.csv --target y --methods map --splits 1 --threads 37 --jobs 1 --out o", 1, "threads:|37 here");
    refuses("a.csv --target y --methods map --splits 1 --train-fraction 0.5 --out o", 1, "a: its splits");
    folder.write("a.csv", &folder.read("b.csv"));
    refuses("a.csv --target y --methods map --splits 1 --out o", 1, "a: the table has changed");
}

#[test]
fn files_that_are_not_of_a_comparison_are_not_replaced() {
    let folder = Folder::new();
    std::fs::rename(folder.path("a.csv"), folder.path("results.csv")).unwrap();
    let before = folder.read("results.csv");
    folder.refuses("results.csv --target y --methods map --out .", 1, "results.csv|not of a comparison");
    assert_eq!(folder.read("results.csv"), before);
    assert!(!folder.path("journal.jsonl").exists() && !folder.path("settings.json").exists());
    folder.text("b.csv --target y --methods map --splits 4 --out o");
    folder.refuses("o/results.csv --target split --methods map --out o", 1, "results.csv|take its place");
}

#[test]
fn a_setting_that_no_method_takes_is_told() {
    let folder = Folder::new();
    let line = "a.csv --target y --methods svgd:2,laplace:5 --particles 50 --iterations 3 --splits 1 --out o";
    let (status, _, err) = folder.run(line);
    assert!(status == 0 && err.contains("--particles") && err.contains("no use for it"), "{err}");
}

#[test]
fn a_table_that_changes_while_rows_run_fails_their_fits() {
    let folder = Folder::new();
    let line = "a.csv --target y --methods nuts,ml --splits 1 --out o";
    let child = folder.start(line);
    // The journal is there once the tables have been read.
    let clock = Instant::now();
    while !folder.path("o/settings.json").exists() {
        assert!(clock.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    folder.write("a.csv", &folder.read("b.csv"));
    child.wait_with_output().unwrap();
    let rows = rows(&folder.path("o/results.csv"), true);
    assert_eq!((rows[1]["method"].as_str(), rows[1]["status"].as_str()), ("ml", "failed"));
    assert!(rows[1]["message"].contains("changed since"), "{}", rows[1]["message"]);
}

#[test]
fn suites_find_their_tables_and_draw_their_data() {
    let folder = Folder::new();
    folder.write("a.splits.csv", "split0\n1\n");
    folder.write("a.split0.csv", "1\n2\n");
    let found = folder.json("--suite uci --data . --max-rows 30 --methods map --splits 1 --out o");
    let tables: Vec<&str> = found["metrics"][0]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["table"].as_str().unwrap())
        .collect();
    assert_eq!(tables, ["a"]);
    let named = folder.json("b --suite uci --data . --methods map --splits 1 --out p");
    assert_eq!(named["metrics"][0]["rows"][0]["table"], "b");
    folder.refuses("c --suite uci --data . --methods map --out q", 1, "c|it has a, b");
    folder.json("--suite neal --methods map --splits 2 --out n");
    let rows = rows(&folder.path("n/results.csv"), true);
    assert_eq!(
        (rows.len(), rows[0]["train_rows"].as_str(), rows[1]["test_rows"].as_str()),
        (2, "100", "100")
    );
    assert_ne!(rows[0]["log_likelihood"], rows[1]["log_likelihood"]);
    assert!(rows[0]["likelihood"] == "gaussian");
    let classes = "a --suite uci-binary --data . --methods map --splits 1 --likelihood gaussian --out r";
    folder.json(classes);
    assert!(folder.read("r/results.csv").contains(",gaussian,"));
    // More draws may be added.
    assert_eq!(folder.json("--suite neal --methods map --splits 3 --out n")["rows"]["kept"], 2);
}
