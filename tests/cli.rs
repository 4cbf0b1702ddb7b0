//! The program on real and on broken tables: its contract with scripts, and what it says to people who err.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Few particles, few iterations: these tests are about the program, not about the posterior.
const QUICK: &str = "--particles 4 --iterations 5";

/// Each method with as little work.
const METHODS: [&str; 7] = [
    "svgd --particles 4 --iterations 5",
    "svgd --stein paper --particles 4 --iterations 5",
    "map",
    "ml",
    "laplace --particles 4",
    "advi --particles 4 --iterations 5",
    "nuts --chains 2 --tune 20 --draws 10",
];

/// A folder that is gone after the test; commands run in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With one of the tables in `data/`.
    fn with(table: &str) -> Self {
        let folder = Self::new();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(table), folder.path(table))
            .unwrap();
        folder
    }

    /// With a fitted model `m` of the servo table, which has text columns, and its first rows as `head.csv`.
    fn fitted() -> Self {
        let folder = Self::with("servo.csv");
        folder.text(&format!("fit servo.csv --target rise_time_rank --out m {QUICK}"));
        folder.write(
            "head.csv",
            folder.read("servo.csv").lines().take(9).map(|l| format!("{l}\n")).collect::<String>(),
        );
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steingp"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command line without quoting, however it ends short of a panic.
    fn run(&self, line: &str) -> (i32, String, String) {
        said(line, self.command(line).output().unwrap())
    }

    fn text(&self, line: &str) -> String {
        let (status, out, err) = self.run(line);
        assert_eq!(status, 0, "{line}: {err}");
        out
    }

    /// The object on standard output, and nothing besides.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{line} --json"))).unwrap()
    }

    /// The command fails with this status and one message, which has these parts, set apart by `|`.
    fn refuses(&self, line: &str, status: i32, parts: &str) {
        let (found, out, err) = self.run(line);
        assert!(found == status && out.is_empty(), "{line}: {found}: {out}{err}");
        assert_eq!(err.matches("error:").count(), 1, "{line}: {err}");
        for part in parts.split('|') {
            assert!(err.contains(part), "{line}: `{part}` is not in: {err}");
        }
    }
}

/// Status, standard output and standard error.
fn said(line: &str, output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{line}: {err}");
    (output.status.code().unwrap_or_else(|| panic!("{line}: ended by {}", output.status)), out, err)
}

/// Columns of a CSV file of numbers.
fn columns(csv: &str) -> Vec<(String, Vec<f64>)> {
    let mut lines = csv.lines();
    let header = lines.next().unwrap().split(',');
    let rows: Vec<Vec<f64>> =
        lines.map(|l| l.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    header.enumerate().map(|(c, name)| (name.to_string(), rows.iter().map(|r| r[c]).collect())).collect()
}

/// Twelve rows of `a,b,y`.
fn small_table() -> String {
    let row = |i: u32| format!("{},{},{}\n", f64::from(i) * 0.37, i * 7 % 5, i * i % 11);
    format!("a,b,y\n{}", (0..12).map(row).collect::<String>())
}

#[test]
fn a_table_that_cannot_be_used_is_an_error_that_names_the_place() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], &str); 16] = [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"a,y\n", "no rows"),
        ("one.csv", b"a,y\n1,2\n", "at least 2"),
        ("nan.csv", b"a,y\n1,2\nNaN,3\n2,4\n", "`a`|line 3|--missing drop"),
        ("inf.csv", b"a,y\n1,2\ninf,3\n2,4\n", "`a`|line 3|infinite"),
        ("constant.csv", b"a,y\n1,3\n2,3\n", "`y`|is 3 on all 2"),
        ("inputs.csv", b"a,y\n1,3\n1,4\n", "no input column|constant"),
        ("text.csv", b"a,y\n1,u\n2,v\n", "`y`|not numeric|`u`"),
        ("twice.csv", b"a,a,y\n1,2,3\n2,3,4\n", "`a`|twice"),
        ("nameless.csv", b"a,,y\n1,2,3\n2,3,4\n", "column 2 has no name"),
        ("ragged.csv", b"a,b,y\n1,2,3\n2,3\n", "line 3|2 cells"),
        ("semicolons.csv", b"a;y\n1;2\n2;3\n", "commas"),
        ("latin.csv", b"stra\xdfe,y\n1,2\n3,4\n", "UTF-8"),
        ("zip.csv.gz", b"a,y\n1,2\n3,4\n", "gzip"),
        ("p.parquet", b"a,y\n1,2\n3,4\n", "Parquet"),
        ("table.txt", b"a,y\n1,2\n3,4\n", ".csv|.parquet"),
    ];
    for (name, bytes, parts) in cases {
        folder.write(name, bytes);
        folder.refuses(&format!("fit {name} --target y {QUICK}"), 1, &format!("{name}|{parts}"));
    }
    folder.refuses("fit . --target y", 1, "folder");
    folder.refuses("fit absent.csv --target y", 1, "absent.csv|no such file");
    folder.write("t.csv", small_table());
    folder.refuses("fit t.csv --target Y", 1, "t.csv|`Y`|did you mean `y`");
    folder.refuses("fit t.csv --target y --inputs a,z", 1, "`z`|`a`, `b`, `y`");
}

#[test]
fn a_wrong_command_line_is_status_2_and_names_the_argument() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let fit = |rest: &str, parts: &str| folder.refuses(&format!("fit t.csv --target y {rest}"), 2, parts);
    fit("--holdout 0.5 --test t.csv", "--test|--holdout");
    fit("--holdout 0.5 --train-rows f", "--train-rows|--holdout");
    for option in ["--particles", "--iterations", "--threads"] {
        fit(&format!("{option} 0"), option);
    }
    fit("--learning-rate nan", "--learning-rate");
    fit("--method magic", "--method|svgd");
    fit("--method map --polish 3", "--polish|svgd|--method map");
    // What scripts pass to every method is told about.
    let told = folder.json("fit t.csv --target y --method map --particles 20 --stein paper --quiet");
    let notices = told["notices"].to_string();
    assert!(notices.contains("--particles") && notices.contains("--stein is a setting of svgd"), "{notices}");
    fit("--chains 4", "--chains|nuts|--method svgd");
    fit("--method advi --draws 20", "--draws|nuts|--method advi");
    fit("--advi mean-field", "--advi|advi|--method svgd");
    fit("--method nuts --target-accept 1.5", "--target-accept|1.5");
    fit("--likelihood magic", "--likelihood|gaussian");
    fit("--prior kernel.variance=gamma(1", "gamma(1|missing `)`");
    fit("--prior kernel.variance=magic(1)", "magic(1)|half-cauchy");
    fit("--prior kernel.variance", "PATH=");
    fit("--start kernel.variance=nan", "kernel.variance=nan|finite");
    folder.refuses("fit t.csv", 2, "--target");
    folder.refuses("predict m t.csv --quantiles 0,2", 2, "--quantiles|0 does not lie between");
    folder.refuses("predict m t.csv --per-particle", 2, "--samples");
}

#[test]
fn a_kernel_expression_that_cannot_be_read_is_shown_with_a_caret_at_the_place() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let kernel = |text: &str, status, parts: &str| {
        folder.refuses(&format!("fit t.csv --target y --kernel {text}"), status, parts);
    };
    kernel("rbf(a", 2, "found the end|\n  rbf(a\n       ^");
    kernel("rbf+foo(a)", 2, "`foo`|matern32|\n  rbf+foo(a)\n      ^");
    kernel("rbf(a;variance=-1)", 2, "positive|^");
    kernel("rbf(a;lengthscale=1)", 2, "did you mean `lengthscales`");
    kernel("rbf(q)", 1, "`q`|columns: a, b|\n  rbf(q)\n      ^");
    for depth in [500, 20_000] {
        let nested = format!("{}rbf{}", "(".repeat(depth), ")".repeat(depth));
        kernel(&nested, 2, "kernel expression");
    }
}

#[test]
fn a_split_that_leaves_too_few_rows_is_refused() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    for holdout in ["0", "1", "1.5", "nan", "inf", "0.001", "0.99"] {
        let (status, _, err) = folder.run(&format!("fit t.csv --target y --holdout {holdout}"));
        assert!((1..=2).contains(&status) && err.contains("hold"), "{holdout}: {err}");
    }
    let bad =
        [("0 1 x", "line 3"), ("0 99", "0 to 11"), ("0 0", "already"), ("-1", "`-1`"), ("", "at least 2")];
    for (rows, part) in bad {
        folder.write("rows", rows.replace(' ', "\n"));
        folder.refuses("fit t.csv --target y --train-rows rows", 1, &format!("rows|{part}"));
    }
    folder.write("rows", "row\n0\n3\n5\n");
    let fit = folder.json(&format!("fit t.csv --target y --train-rows rows {QUICK}"));
    assert_eq!(fit["rows"], json!({"train": 3, "test": 9}));
    folder.write("rows", (0..12).map(|i| format!("{i}\n")).collect::<String>());
    let fit = folder.json(&format!("fit t.csv --target y --train-rows rows {QUICK}"));
    assert!(fit["rows"]["test"] == 0 && fit.get("test").is_none());
    folder.write("lacks.csv", "a,y\n1,2\n");
    folder.refuses("fit t.csv --target y --test lacks.csv", 1, "lacks.csv|`b`");
}

#[test]
fn a_parameter_that_cannot_be_what_is_asked_is_named() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let fit = |rest: &str, parts: &str| folder.refuses(&format!("fit t.csv --target y {rest}"), 1, parts);
    fit("--prior kernel.size=gamma(1,2)", "`kernel.size`|kernel.lengthscales[1]");
    fit("--prior kernel.variance=normal(0,1)", "`kernel.variance`|support");
    fit("--start kernel.variance=-1", "`kernel.variance`|-1|support");
    fit("--fix kernel.lengthscales[7]=1", "`kernel.lengthscales[7]`");
    for method in ["svgd", "map", "svgd --stein paper"] {
        fit(&format!("--prior kernel.variance=none --method {method}"), "`kernel.variance`|no prior");
    }
    folder.text("fit t.csv --target y --prior kernel.variance=none --method ml");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let folder = Folder::fitted();
    let fit = "fit servo.csv --target rise_time_rank --iterations 10000000";
    for option in ["--out", "--report"] {
        folder.refuses(&format!("{fit} {option} absent/file"), 1, "absent/file|cannot be written");
        folder.refuses(&format!("{fit} {option} ."), 1, "cannot be written");
    }
    folder.refuses("predict m head.csv --out absent/p.csv", 1, "absent/p.csv|cannot be written");
    folder.refuses("predict m head.csv --out p.json", 1, "p.json|.csv");
    folder.refuses("particles m --out absent/p.csv", 1, "absent/p.csv|cannot be written");
}

#[test]
fn json_is_one_object_with_the_documented_keys_and_notices_go_elsewhere() {
    let folder = Folder::with("servo.csv");
    folder.write("t.csv", folder.read("servo.csv").replace('\n', ",1\n").replacen("rank,1", "rank,one", 1));
    let line = &format!("fit t.csv --target rise_time_rank --holdout 0.3 {QUICK} --json");
    let (_, out, err) = folder.run(line);
    assert!(err.contains("notice: left out, constant on the training rows: `one`"), "{err}");
    let fit: Value = serde_json::from_str(&out).unwrap();
    assert!(fit["notices"].to_string().contains("`one`"), "{fit}");
    let numbers = "/rows/train /rows/test /particles /iterations /evaluations /seconds/load /seconds/fit \
        /seconds/predict /test/log_likelihood /test/log_likelihood_standardised /test/rmse /test/rmse_standardised \
        /test/mae /test/crps /test/coverage/50 /test/coverage/90 /test/coverage/95 /diagnostics/stein_ratio \
        /diagnostics/ksd /diagnostics/stein_ratio_se /diagnostics/effective_neighbours /diagnostics/failed_evaluations /diagnostics/max_jitter /parameters/0/mean \
        /parameters/0/sd /parameters/0/q05 /parameters/0/q50 /parameters/0/q95";
    for key in numbers.split_whitespace() {
        assert!(fit.pointer(key).is_some_and(Value::is_number), "{key}: {:?}", fit.pointer(key));
    }
    let texts = "/model /method /kernel /parameters/0/path /diagnostics/verdict /diagnostics/explanation \
        /diagnostics/advice";
    for key in texts.split_whitespace() {
        assert!(fit.pointer(key).is_some_and(Value::is_string), "{key}: {:?}", fit.pointer(key));
    }
    assert_eq!(fit["interrupted"], false);
    assert_eq!(fit["rows"], json!({"train": 117, "test": 50}));
    assert_eq!(folder.run(&format!("{line} --quiet")).2, "");
}

#[test]
fn chains_and_bounds_are_in_the_diagnostics_and_bad_chains_say_what_to_do() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let fit = |settings: &str| folder.json(&format!("fit t.csv --target y --method {settings}"));
    let nuts = fit("nuts --chains 2 --tune 50 --draws 20 --keep 30");
    let chains = &nuts["diagnostics"]["chains"];
    assert!(chains["count"] == 2 && chains["divergences"].is_u64(), "{nuts}");
    assert!(["r_hat", "ess_bulk", "ess_tail"].iter().all(|key| chains[key].is_number()), "{nuts}");
    assert_eq!((nuts["particles"].as_u64(), nuts["iterations"].as_u64()), (Some(30), Some(70)));
    assert!(nuts["notices"].to_string().contains("use --draws"), "{nuts}");
    for family in ["mean-field", "full-rank"] {
        let advi = fit(&format!("advi --advi {family} --iterations 40"));
        let bound = &advi["diagnostics"]["elbo"];
        assert!(bound["value"].is_number() && bound["standard_error"].is_number(), "{advi}");
        assert!(advi["notices"].to_string().contains("had not come to rest"), "{advi}");
    }
    assert!(fit("map")["diagnostics"].get("chains").is_none());
}

#[test]
fn tables_for_people_name_the_inputs_and_give_a_point_estimate_one_value() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let map = folder.text("fit t.csv --target y --method map --out m");
    assert!(
        map.contains("kernel.lengthscales[1] (b)") && map.contains("12 training rows, 0 test rows"),
        "{map}"
    );
    let header = |text: &str| text.lines().find(|l| l.starts_with("parameter")).unwrap_or("").to_owned();
    assert_eq!(header(&map).split_whitespace().collect::<Vec<_>>(), ["parameter", "value"]);
    let shown = folder.text("show m");
    assert!(shown.contains("kernel.lengthscales[0] (a)") && shown.contains("12 rows, 1 draw\n"), "{shown}");
    let nuts = folder.text("fit t.csv --target y --method nuts --chains 1 --tune 1 --draws 2");
    assert!(header(&nuts).contains("95 %") && nuts.contains("1 chain: R-hat unknown, too short"), "{nuts}");
}

#[test]
fn a_saved_model_scores_predicts_and_shows_what_the_fit_did() {
    let folder = Folder::with("servo.csv");
    let table = folder.read("servo.csv");
    let rows: Vec<&str> = table.lines().collect();
    folder.write("rows", (0..120).map(|i| format!("{i}\n")).collect::<String>());
    folder.write("test.csv", [&rows[..1], &rows[121..]].concat().join("\n") + "\n");
    for method in METHODS {
        let fit = folder.json(&format!(
            "fit servo.csv --target rise_time_rank --train-rows rows --out m --restarts 1 --method {method}"
        ));
        let score = folder.json("score m test.csv");
        assert!(
            score["test"] == fit["test"] && score["rows"] == fit["rows"]["test"],
            "{method}: {score} {fit}"
        );

        let predictions = columns(&folder.text("predict m test.csv"));
        let targets = rows[121..].iter().map(|row| row.rsplit(',').next().unwrap().parse::<f64>().unwrap());
        let squares = targets.zip(&predictions[1].1).map(|(y, mean)| (y - mean).powi(2));
        let rmse = (squares.sum::<f64>() / (rows.len() - 121) as f64).sqrt();
        assert!((rmse / fit["test"]["rmse"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{method}: {rmse}");

        let shown = folder.json("show m");
        for (i, fitted) in fit["parameters"].as_array().unwrap().iter().enumerate() {
            let shown = &shown["parameters"][i];
            assert!(shown["transform"] == "softplus" && shown["prior"] == "gamma(1,2)", "{shown}");
            assert!(fitted.as_object().unwrap().iter().all(|(key, value)| shown[key] == *value), "{shown}");
        }
    }
}

#[test]
fn the_seed_decides_the_result_and_the_number_of_threads_does_not() {
    let folder = Folder::with("concrete.csv");
    folder.write("rows", (0..1030).step_by(2).map(|i| format!("{i}\n")).collect::<String>());
    let fit = |settings: &str| {
        let fit = folder.json(&format!(
            "fit concrete.csv --target compressive_strength --train-rows rows --restarts 1 --quiet {settings}"
        ));
        (fit["parameters"].to_string(), fit["test"].to_string(), fit["diagnostics"].to_string())
    };
    for method in
        ["svgd --particles 3 --iterations 2", "svgd --stein paper --particles 3 --iterations 2", "map", "ml"]
    {
        let once = fit(&format!("--method {method} --seed 3 --threads 1"));
        assert!(once == fit(&format!("--method {method} --seed 3 --threads 2")), "{method}");
        if method.starts_with("svgd") {
            assert!(once.0 != fit(&format!("--method {method} --seed 4 --threads 2")).0, "{method}");
        }
    }
}

#[test]
fn tables_are_written_as_csv_gzip_and_parquet_and_read_back_alike() {
    let folder = Folder::fitted();
    let draws = "predict m head.csv --samples 2 --quantiles 0.1,0.9";
    let csv = folder.text(draws);
    assert!(csv.starts_with("row,mean,sd,q0.1,q0.9,sample0,sample1\n0,"), "{csv}");
    assert!(folder.text("predict m head.csv").starts_with("row,mean,sd,q0.05,q0.5,q0.95\n0,"));
    assert!(folder.text(&format!("{draws} --seed 1")) != csv && folder.text(draws) == csv);
    let mut fits = Vec::new();
    for name in ["p.csv", "p.csv.gz", "p.parquet"] {
        folder.text(&format!("{draws} --out {name}"));
        let fit = folder.json(&format!("fit {name} --target mean {QUICK}"));
        fits.push(fit["parameters"].to_string());
    }
    assert!(folder.read("p.csv") == csv && fits[0] == fits[1] && fits[0] == fits[2]);
    let latent = columns(&folder.text("predict m head.csv --latent"));
    let observed = columns(&folder.text("predict m head.csv"));
    assert!(latent[2].1.iter().zip(&observed[2].1).all(|(f, y)| f < y), "noise widens every prediction");
    let each = columns(&folder.text("predict m head.csv --samples 1 --per-particle"));
    assert_eq!((each.len(), each[9].0.as_str()), (10, "sample0.particle3"));
}

#[test]
fn a_long_table_is_predicted_in_pieces_that_do_not_show() {
    let folder = Folder::with("motorcycle.csv");
    folder.text(&format!("fit motorcycle.csv --target accel --out m {QUICK}"));
    let rows = 16_400;
    let time = |i: usize| 2.4 + 55.0 * (i as f64 * 0.618_034).fract();
    let table = |rows: std::ops::Range<usize>| {
        let lines: String = rows.map(|i| format!("{}\n", time(i))).collect();
        format!("times\n{lines}")
    };
    folder.write("long.csv", table(0..rows));
    folder.write("end.csv", table(rows - 40..rows));
    let line = |name: &str| columns(&folder.text(&format!("predict m {name} --samples 1")));
    let (long, end) = (line("long.csv"), line("end.csv"));
    assert!(long.iter().all(|(_, values)| values.len() == rows));
    // Row, moments and quantiles; how products are cut into blocks moves the last digits.
    for ((name, long), (_, end)) in long.iter().zip(&end).skip(1).take(5) {
        let off = long[rows - 40..].iter().zip(end).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-8, "{name}: {off:e}");
    }
    let samples = &long.last().unwrap().1;
    let noise = |i: usize| (samples[i] - long[1].1[i]) / long[2].1[i];
    assert!((0..16).all(|i| (noise(i) - noise(16_384 + i)).abs() > 1e-6), "the pieces have the same draws");
}

#[test]
fn particles_are_a_column_a_parameter_with_weights_in_either_coordinates() {
    let folder = Folder::fitted();
    folder.text("particles m --out own.csv");
    folder.text("particles m --out free.csv --unconstrained");
    let (own, free) = (columns(&folder.read("own.csv")), columns(&folder.read("free.csv")));
    let shown = folder.json("show m");
    let parameters = shown["parameters"].as_array().unwrap();
    assert_eq!(own.len(), parameters.len() + 1);
    for (((path, values), (same, z)), parameter) in own.iter().zip(&free).zip(parameters) {
        assert!(parameter["path"] == *path && path == same);
        let mean = values.iter().sum::<f64>() / 4.0;
        assert!((mean / parameter["mean"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{path}");
        // The softplus bijector with its floor of 1e-6.
        let back = |z: &f64| 1e-6 + z.max(0.0) + (-z.abs()).exp().ln_1p();
        assert!(values.iter().zip(z).all(|(v, z)| (back(z) / v - 1.0).abs() < 1e-12), "{path}");
    }
    assert_eq!(own.last().unwrap(), &("weight".to_string(), vec![0.25; 4]));
    assert_eq!(free.last(), own.last());
}

#[test]
fn what_did_not_occur_in_training_is_refused_at_prediction() {
    let folder = Folder::fitted();
    for (name, table, part) in [
        ("level.csv", "motor,screw,pgain,vgain\nZ,A,3,2\n", "`Z`"),
        ("text.csv", "motor,screw,pgain,vgain\nA,A,three,2\n", "`three`"),
        ("lacks.csv", "motor,screw,pgain\nA,A,3\n", "`vgain`"),
    ] {
        folder.write(name, table);
        folder.refuses(&format!("predict m {name}"), 1, &format!("{name}|{part}"));
    }
    folder.write("inputs.csv", "motor,screw,pgain,vgain\nA,A,3,2\n");
    assert_eq!(folder.text("predict m inputs.csv").lines().count(), 2);
    folder.refuses("score m inputs.csv", 1, "inputs.csv|`rise_time_rank`|target");
    folder.write("dates.csv", "day,y\n2020-01-01,1\n2020-01-02,3\n2020-01-03,NA\n2020-01-05,2\n");
    let fit = folder.json(&format!("fit dates.csv --target y --missing drop --out d {QUICK}"));
    assert_eq!(fit["rows"]["train"], 3);
    folder.write("later.csv", "day\n2020-02-01\ntomorrow\n");
    folder.refuses("predict d later.csv", 1, "later.csv|`day`|`tomorrow`");
}

#[test]
fn density_is_likelihood_prior_and_jacobian_and_its_score_the_derivative() {
    let folder = Folder::with("motorcycle.csv");
    let at = |lengthscale: f64, extra: &str| {
        let rest = r#""kernel.variance": 1.5, "likelihood.variance": 0.2"#;
        folder.write("at.json", format!(r#"{{{rest}, "kernel.lengthscales": [{lengthscale}]}}"#));
        folder.json(&format!("density motorcycle.csv --target accel --at at.json {extra}"))
    };
    let number = |v: &Value, key: &str| v[key].as_f64().unwrap();
    let here = at(0.3, "--repeat 3");
    // θ = 1e-6 + softplus(u), so that dθ/du = 1 − exp(−(θ − 1e-6)).
    let slope = |theta: f64| -(-(theta - 1e-6)).exp_m1();
    let jacobian: f64 = [1.5, 0.3, 0.2].map(|theta| slope(theta).ln()).iter().sum();
    let sum = number(&here, "log_marginal_likelihood") + number(&here, "log_prior") + jacobian;
    assert!((number(&here, "log_density") - sum).abs() < 1e-9, "{here}");
    let (above, below) = (at(0.3 + 1e-5, ""), at(0.3 - 1e-5, ""));
    let difference = (number(&above, "log_density") - number(&below, "log_density")) / 2e-5 * slope(0.3);
    assert!((here["score"]["kernel.lengthscales[0]"].as_f64().unwrap() / difference - 1.0).abs() < 1e-6);
    assert!(number(&here, "seconds_per_evaluation") > 0.0);
}

#[test]
fn density_names_the_value_that_is_wrong() {
    let folder = Folder::with("motorcycle.csv");
    let density = "density motorcycle.csv --target accel --at";
    for (at, part) in [
        (r#"{"kernel.variance": 1, "likelihood.variance": 1}"#, "kernel.lengthscales[0]"),
        (r#"{"kernel.variance": 1, "kernel.lengthscales": [1, 2]}"#, "kernel.lengthscales[1]"),
        (r#"{"kernel.size": 1}"#, "`kernel.size`"),
        (r#"{"kernel.variance": -1}"#, "support"),
        (r#"{"kernel.variance": "1"}"#, "`kernel.variance`"),
        (r#"{"kernel.variance": 1e999}"#, "line 1"),
        ("[1, 2]", "an object"),
        ("", "an object"),
    ] {
        folder.write("at.json", at);
        folder.refuses(&format!("{density} at.json"), 1, part);
    }
    folder.refuses(&format!("{density} absent.json"), 1, "absent.json");
    let mut child = folder.command(&format!("{density} - --json"));
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let values = br#"{"kernel.variance": 1, "kernel.lengthscales[0]": 1, "likelihood.variance": 1}"#;
    child.stdin.take().unwrap().write_all(values).unwrap();
    let value: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(value["rows"], 133);
}

#[test]
fn with_every_parameter_held_a_fit_is_one_draw() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    let held = "--fix kernel.variance=1 --fix kernel.lengthscales=2 --fix likelihood.variance=0.1";
    let fit = folder.json(&format!("fit t.csv --target y --inputs a {held} --out m.st"));
    assert_eq!((fit["particles"].as_u64(), fit["evaluations"].as_u64()), (Some(1), Some(0)));
    assert!(folder.text("show m.st").contains("fixed"));
    assert!(folder.text("predict m.st t.csv").lines().count() > 1);
    folder.refuses(
        "fit t.csv --target y --inputs a --fix kernel.variance=1 --start kernel.variance=2",
        1,
        "given twice",
    );
}

#[test]
fn numbers_near_the_end_of_their_range_make_a_model_that_can_be_read() {
    let folder = Folder::new();
    folder.write("t.csv", "a,y\n1,0\n2,1e200\n3,2e200\n4,0\n");
    folder.text(&format!("fit t.csv --target y {QUICK} --out m.st"));
    assert!(folder.text("show m.st").contains("kernel.variance"));
}

#[test]
fn rows_without_a_value_can_be_left_out_of_a_prediction() {
    let folder = Folder::new();
    folder.write("t.csv", small_table());
    folder.write("holes.csv", "a\n1\nNA\n3\n");
    folder.text(&format!("fit t.csv --target y --inputs a {QUICK} --out m.st"));
    folder.refuses("predict m.st holes.csv", 1, "missing values in|`a`|--missing drop");
    let rows: Vec<String> =
        folder.text("predict m.st holes.csv --missing drop").lines().map(String::from).collect();
    assert!(rows.len() == 3 && rows[1].starts_with("0,") && rows[2].starts_with("2,"), "{rows:?}");
}

#[test]
fn a_damaged_foreign_or_newer_model_file_is_one_clear_error() {
    let folder = Folder::fitted();
    let model = std::fs::read(folder.path("m")).unwrap();
    let header = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize + 8;
    for length in [0, 1, 7, 8, 100, header - 1, header, header + 9, model.len() - 8, model.len() - 1] {
        folder.write("cut", &model[..length]);
        folder.refuses("predict cut head.csv", 1, "cut|not a model file, or cut short");
    }
    // The format's own header: eight bytes of length and an object.
    for (name, header, parts) in [
        ("foreign", json!({"__metadata__": {"made": "elsewhere"}}), "without a steingp header"),
        ("newer", json!({"__metadata__": {"steingp": r#"{"format": 99}"#}}), "format 99|update steingp"),
        (
            "huge",
            json!({"x": {"dtype": "F64", "shape": [1u64 << 62], "data_offsets": [0, 8]}}),
            "not a model file",
        ),
    ] {
        let header = header.to_string();
        folder.write(name, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat());
        folder.refuses(&format!("show {name}"), 1, &format!("{name}|{parts}"));
    }
    folder.refuses("show servo.csv", 1, "servo.csv|not a model file");
    folder.refuses("show absent", 1, "absent");
    // Knuth's MMIX generator: the same damage on every run.
    let mut state = 7u64;
    for attempt in 0..100 {
        let mut bytes = model.clone();
        for _ in 0..1 + attempt % 3 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let range = if attempt % 2 == 0 { header } else { bytes.len() };
            bytes[(state >> 33) as usize % range] ^= 1 << (state >> 20 & 7);
        }
        folder.write("flipped", bytes);
        // With a bit flipped in a number or a name it may still be a model.
        let (status, _, err) = folder.run("predict flipped head.csv");
        assert!(status == 0 || (status == 1 && err.matches("error:").count() == 1), "{status}: {err}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::fitted();
    let mut child = folder.command("predict m servo.csv --samples 500");
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("row,mean"), "{first}");
    let (status, _, err) = said("predict", child.wait_with_output().unwrap());
    assert!(status == 0 && err.is_empty(), "{err}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_fit_stops_soon_and_writes_what_it_has() {
    use std::time::{Duration, Instant};
    let folder = Folder::with("motorcycle.csv");
    let line = "fit motorcycle.csv --target accel --holdout 0.2 --iterations 10000000 --out m --json";
    let child = folder.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let clock = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (status, out, err) = said(line, child.wait_with_output().unwrap());
    assert!(status == 0 && clock.elapsed() < Duration::from_secs(20), "{:?}: {err}", clock.elapsed());
    let fit: Value = serde_json::from_str(&out).unwrap();
    assert!(fit["interrupted"] == true && fit["test"]["rmse"].is_number(), "{fit}");
    assert_eq!(folder.json("show m")["parameters"].as_array().unwrap().len(), 3);
}

#[test]
fn the_playground_sets_the_cloud_beside_the_exact_moments_and_draws_it() {
    let folder = Folder::new();
    let line =
        "stein banana --particles 6 --iterations 8 --plain --start -2,1,0.5 --plot b.svg --frames frames";
    let text = folder.text(line);
    assert!(text.contains("3.880") && text.contains("Stein ratio"), "{text}");
    assert!(folder.read("b.svg").starts_with("<svg "));
    assert!(folder.path("frames/frame-0008.svg").exists() && !folder.path("frames/frame-0009.svg").exists());
    let found =
        folder.json("stein mixture --particles 4 --iterations 5 --mover newton --temperature 0.5 --quiet");
    assert_eq!((&found["particles"], &found["mover"]), (&json!(4), &json!("newton")));
    assert!((found["exact_mean"][1].as_f64().unwrap() - 0.1).abs() < 1e-9);
}

#[test]
fn the_playground_refuses_rubbish_by_name() {
    let folder = Folder::new();
    for (line, said) in [
        ("stein bananna", "Did you mean `banana`?"),
        ("stein ring --particles 0", "--particles"),
        ("stein ring --kernel rfb", "`rbf`"),
        ("stein ring --mover newtn", "`newton`"),
        ("stein ring --start 1,2", "x,y,spread"),
        ("stein ring --temperature -2", "above -1"),
        ("stein ring --temperature 1e300", "at most 1000"),
        ("stein ring --plot nowhere/f.svg", "--plot nowhere/f.svg"),
        ("stein ring --iterations 20000 --frames f", "9999 iterations"),
    ] {
        let (status, out, err) = folder.run(line);
        assert!(status == 2 && out.is_empty() && err.contains(said), "{line}: {status} {err}");
    }
}
