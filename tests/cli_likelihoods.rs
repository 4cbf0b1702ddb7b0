//! The program with every likelihood: from a table to a saved model, and from there to predictions and scores.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Gamma, Poisson, StandardNormal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const ROWS: usize = 40;

/// A fit with as little work as still moves particles.
const QUICK: &str = "--particles 4 --iterations 5 --polish 0 --restarts 0";

/// Name, target column, and what else the fit needs, in less than a second each.
const FAMILIES: [(&str, &str, &str); 15] = [
    ("gaussian", "real", "--model latent"),
    ("bernoulli", "answer", ""),
    ("probit", "flag", ""),
    ("binomial", "successes", "--trials trials"),
    ("poisson", "count", "--exposure exposure"),
    ("negative-binomial", "count", "--exposure exposure"),
    ("student-t", "real", "--approximation laplace"),
    ("laplace", "real", ""),
    ("exponential", "positive", ""),
    ("gamma", "positive", ""),
    ("beta", "proportion", "--approximation laplace"),
    ("log-normal", "positive", ""),
    ("ordinal", "grade", ""),
    ("softmax", "colour", ""),
    ("heteroscedastic", "real", "--approximation laplace"),
];

/// A folder with one table `t.csv` of inputs `a,b` and a target of each kind, that is gone after the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("t.csv", table(ROWS));
        folder
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steingp"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Status, standard output and standard error; no panic.
    fn run(&self, line: &str) -> (i32, String, String) {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        (output.status.code().unwrap_or_else(|| panic!("{line}: ended by {}", output.status)), out, err)
    }

    fn text(&self, line: &str) -> String {
        let (status, out, err) = self.run(line);
        assert_eq!(status, 0, "{line}: {err}");
        out
    }

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

    /// Predictions as texts by column.
    fn predictions(&self, line: &str) -> BTreeMap<String, Vec<String>> {
        let out = self.text(line);
        let mut lines = out.lines().map(cells);
        let names = lines.next().unwrap();
        let mut columns: BTreeMap<String, Vec<String>> = names.iter().map(|n| (n.clone(), vec![])).collect();
        for row in lines {
            assert_eq!(row.len(), names.len(), "{line}: {row:?}");
            names.iter().zip(row).for_each(|(name, cell)| columns.get_mut(name).unwrap().push(cell));
        }
        columns
    }
}

/// The cells of a line of CSV without line breaks in cells.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let cell = cells.last_mut().unwrap();
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.push(rest.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}

fn numbers(column: &[String]) -> Vec<f64> {
    column.iter().map(|cell| cell.parse().unwrap()).collect()
}

/// Inputs and targets whose mean moves with a wave in `a` and a slope in `b`.
fn table(rows: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut text = String::from(
        "a,b,real,answer,flag,successes,trials,count,exposure,positive,proportion,grade,colour\n",
    );
    for i in 0..rows {
        let (a, b): (f64, f64) = (rng.random_range(0.0..6.0), StandardNormal.sample(&mut rng));
        let f = a.sin() + 0.4 * b;
        let p = 1.0 / (1.0 + (-2.0 * f).exp());
        let noise: f64 = StandardNormal.sample(&mut rng);
        let (yes, flag) = (rng.random_bool(p), rng.random_bool(p));
        let trials = 1 + i % 9;
        let successes = (0..trials).filter(|_| rng.random_bool(p)).count();
        let exposure = 0.5 + (i % 4) as f64;
        let count: f64 = Poisson::new(exposure * f.exp()).unwrap().sample(&mut rng);
        let positive: f64 = f.exp() * Gamma::new(3.0, 1.0 / 3.0).unwrap().sample(&mut rng);
        let proportion: f64 = Beta::new(5.0 * p, 5.0 * (1.0 - p)).unwrap().sample(&mut rng);
        let answer = if yes { "\"yes, \"\"sir\"\"\"" } else { "nö" };
        let grade = (2.0 + 1.5 * f + 0.4 * noise).round().clamp(0.0, 3.0);
        let colour =
            ["red", "green", "blue"][if f + 0.2 * noise > 0.5 { 0 } else { 1 + usize::from(b > 0.0) }];
        text += &format!(
            "{a},{b},{},{answer},{flag},{successes},{trials},{count},{exposure},{positive},{},{grade},{colour}\n",
            f + 0.2 * noise,
            proportion.clamp(0.01, 0.99)
        );
    }
    text
}

/// A fit of one of the families on the first columns.
fn fit(family: &str, target: &str, rest: &str) -> String {
    format!("fit t.csv --target {target} --inputs a,b --likelihood {family} {rest} --quiet")
}

fn has_classes(family: &str) -> bool {
    matches!(family, "bernoulli" | "probit" | "ordinal" | "softmax")
}

#[test]
fn every_likelihood_comes_back_from_its_file_with_the_scores_of_its_fit() {
    let folder = Folder::new();
    for (family, target, rest) in FAMILIES {
        let line = format!("{} --out m", fit(family, target, &format!("{rest} --test t.csv {QUICK}")));
        let found = folder.json(&line);
        assert_eq!((&found["model"], &found["likelihood"]), (&json!("latent"), &json!(family)));
        let wanted: &[&str] = if has_classes(family) {
            &["accuracy", "auc", "brier", "ece", "log_likelihood"]
        } else {
            &["log_likelihood", "log_likelihood_standardised", "rmse", "rmse_standardised", "mae", "crps"]
        };
        for key in wanted {
            assert!(found["test"][key].is_number(), "{family}: {key} in {}", found["test"]);
        }
        for share in ["50", "90", "95"] {
            assert_eq!(has_classes(family), found["test"]["coverage"][share].is_null(), "{family}");
        }
        assert_eq!(folder.json("score m t.csv"), json!({ "rows": ROWS, "test": found["test"] }), "{family}");

        let shown = folder.json("show m");
        assert_eq!((&shown["likelihood"], &shown["particles"]), (&json!(family), &json!(4)));
        let paths = |value: &Value| -> Vec<String> {
            value["parameters"].as_array().unwrap().iter().map(|p| p["path"].to_string()).collect()
        };
        assert_eq!(paths(&shown), paths(&found), "{family}");
        folder.text("particles m --out p.csv");
        let written = String::from_utf8(folder.bytes("p.csv")).unwrap();
        assert_eq!((written.lines().count(), cells(&written).len() > 3), (5, true), "{family}: {written}");
    }
}

#[test]
fn predictions_are_probability_distributions_of_what_the_likelihood_is_about() {
    let folder = Folder::new();
    for (family, target, rest) in FAMILIES {
        folder.text(&format!("{} --out m --method map", fit(family, target, rest)));
        let line = "predict m t.csv --quantiles 0.025,0.5,0.9 --samples 2";
        let found = folder.predictions(line);
        assert_eq!(numbers(&found["row"]), (0..ROWS).map(|i| i as f64).collect::<Vec<_>>());
        let quantiles = |prefix: &str| {
            let [low, middle, high] =
                ["0.025", "0.5", "0.9"].map(|level| numbers(&found[&format!("{prefix}q{level}")]));
            let ordered = (0..ROWS).all(|i| low[i] <= middle[i] && middle[i] <= high[i]);
            assert!(
                ordered && low.iter().chain(&high).all(|q| q.is_finite()),
                "{family} {prefix}: {found:?}"
            );
            [low, middle, high].concat()
        };
        if has_classes(family) {
            let names: Vec<&str> =
                found.keys().filter_map(|n| n.strip_prefix("p.")).filter(|n| !n.contains(".q")).collect();
            let probabilities: Vec<Vec<f64>> =
                names.iter().map(|name| numbers(&found[&format!("p.{name}")])).collect();
            for i in 0..ROWS {
                let sum: f64 = probabilities.iter().map(|p| p[i]).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{family}: {sum}");
                let likeliest = names.iter().position(|name| *name == found["class"][i]).unwrap();
                assert!(
                    probabilities.iter().all(|p| p[i] <= probabilities[likeliest][i]),
                    "{family}, row {i}"
                );
                assert!(names.contains(&found["sample1"][i].as_str()), "{family}");
            }
            let last = if family == "bernoulli" { "yes, \"sir\"" } else { names[names.len() - 1] };
            assert!(quantiles(&format!("p.{last}.")).iter().all(|p| (0.0..=1.0).contains(p)), "{family}");
        } else {
            let (all, drawn) = (quantiles(""), numbers(&found["sample0"]));
            assert!(numbers(&found["sd"]).iter().all(|sd| *sd > 0.0), "{family}");
            if matches!(target, "count" | "successes") {
                assert!(all.iter().chain(&drawn).all(|y| y.fract() == 0.0 && *y >= 0.0), "{family}: {all:?}");
            }
            if target == "positive" {
                assert!(all.iter().chain(&drawn).all(|y| *y >= 0.0), "{family}: {all:?}");
            }
            if target == "proportion" {
                assert!(all.iter().chain(&drawn).all(|y| (0.0..=1.0).contains(y)), "{family}: {all:?}");
            }
        }
        let latent = folder.predictions("predict m t.csv --latent");
        let (mean, sd) = (numbers(&latent["mean"]), numbers(&latent["sd"]));
        assert!(mean.iter().all(|m| m.is_finite()) && sd.iter().all(|sd| *sd > 0.0), "{family}");
        let second = matches!(family, "softmax" | "heteroscedastic");
        assert_eq!(latent.contains_key("latent1.mean"), second, "{family}");
    }
}

#[test]
fn the_score_is_the_mean_log_probability_of_the_predictions() {
    let folder = Folder::new();
    let lines: Vec<Vec<String>> = table(ROWS).lines().map(cells).collect();
    for (family, target, place) in
        [("bernoulli", "answer", 3), ("softmax", "colour", 12), ("ordinal", "grade", 11)]
    {
        folder.text(&format!("{} --out m", fit(family, target, QUICK)));
        let found = folder.predictions("predict m t.csv");
        let logs = (0..ROWS).map(|i| {
            let p: f64 = found[&format!("p.{}", lines[i + 1][place])][i].parse().unwrap();
            p.ln() / ROWS as f64
        });
        let (mean, score) = (logs.sum::<f64>(), folder.json("score m t.csv"));
        let told = score["test"]["log_likelihood"].as_f64().unwrap();
        assert!((mean - told).abs() < 1e-9 * (1.0 + told.abs()), "{family}: {mean} against {told}");
    }
}

#[test]
fn auto_says_which_likelihood_it_took_and_why() {
    let folder = Folder::new();
    for (target, expected) in [
        ("real", &["gaussian", "student-t"][..]),
        ("answer", &["bernoulli"]),
        ("flag", &["bernoulli"]),
        ("count", &["poisson", "negative-binomial"]),
        ("positive", &["gamma", "log-normal", "gaussian"]),
        ("proportion", &["beta"]),
        ("colour", &["softmax"]),
    ] {
        let line = format!(
            "fit t.csv --target {target} --inputs a,b --likelihood auto --method map --approximation"
        );
        // The exact model takes no approximation.
        let rest = if expected.contains(&"gaussian") { "" } else { "laplace" };
        let line =
            if rest.is_empty() { line.replace("--approximation", "") } else { format!("{line} {rest}") };
        let found = folder.json(&line);
        let likelihood = found["likelihood"].as_str().unwrap();
        assert!(expected.contains(&likelihood), "{target}: {likelihood}");
        let notice = found["notices"].as_array().unwrap().iter().map(Value::to_string);
        assert!(
            notice.into_iter().any(|n| n.contains(&format!("likelihood {likelihood}:"))),
            "{target}: {found}"
        );
    }
}

#[test]
fn draws_of_each_particle_have_columns_of_their_own_and_class_names() {
    let folder = Folder::new();
    folder.text(&format!("{} --out m", fit("bernoulli", "answer", QUICK)));
    let found = folder.predictions("predict m t.csv --samples 2 --per-particle");
    for k in 0..2 {
        for j in 0..4 {
            let drawn = &found[&format!("sample{k}.particle{j}")];
            assert!(drawn.iter().all(|name| name == "nö" || name == "yes, \"sir\""), "{drawn:?}");
        }
    }
    folder.text("predict m t.csv --samples 3 --out p.parquet");
    folder.text("predict m t.csv --samples 3 --out p.csv");
    assert!(String::from_utf8(folder.bytes("p.csv")).unwrap().contains("\"p.yes, \"\"sir\"\"\""));
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let folder = Folder::new();
    for (family, target, rest) in [FAMILIES[1], FAMILIES[4], FAMILIES[13]] {
        for method in [QUICK, "--method nuts --chains 2 --tune 10 --draws 10", "--stein paper --iterations 5"]
        {
            for threads in [1, 2] {
                folder.text(&format!(
                    "{} --seed 3 --threads {threads} --out m{threads}",
                    fit(family, target, &format!("{rest} {method}"))
                ));
                folder.text(&format!(
                    "predict m{threads} t.csv --samples 2 --threads {threads} --out p{threads}.csv"
                ));
            }
            assert_eq!(folder.bytes("m1"), folder.bytes("m2"), "{family} {method}");
            assert_eq!(folder.bytes("p1.csv"), folder.bytes("p2.csv"), "{family} {method}");
        }
    }
}

#[test]
fn every_method_fits_what_has_latent_values() {
    let folder = Folder::new();
    for (family, target, rest) in [FAMILIES[1], FAMILIES[4], FAMILIES[7], FAMILIES[13]] {
        for method in [
            "--method map",
            "--method ml",
            "--method vi",
            "--method laplace --particles 4",
            "--method advi --particles 4 --iterations 5",
            "--method nuts --chains 2 --tune 10 --draws 10",
            "--stein paper --particles 4 --iterations 5",
            "--particles 1 --iterations 5 --polish 0",
        ] {
            let line = fit(family, target, &format!("{rest} {method} --restarts 0 --holdout 0.25 --out m"));
            let found = folder.json(&line);
            assert!(found["test"]["log_likelihood"].is_number(), "{line}: {found}");
            folder.predictions("predict m t.csv");
        }
    }
}

#[test]
fn with_every_parameter_held_only_latent_values_are_inferred() {
    let folder = Folder::new();
    let held = "--fix kernel.variance=1 --fix kernel.lengthscales[0]=1 --fix kernel.lengthscales[1]=2";
    let nuts = "--method nuts --chains 2 --tune 10 --draws 10";
    for (method, draws) in
        [("", 1), ("--method map", 1), ("--stein paper --particles 3 --iterations 5", 3), (nuts, 20)]
    {
        folder.text(&format!(
            "{} --out m",
            fit("poisson", "count", &format!("--exposure exposure {held} {method}"))
        ));
        let shown = folder.json("show m");
        assert_eq!(shown["particles"], json!(draws), "{method}");
        assert!(shown["parameters"].as_array().unwrap().iter().all(|p| p["fixed"] == true), "{method}");
        folder.predictions("predict m t.csv");
    }
}

#[test]
fn kernels_of_every_form_carry_latent_values() {
    let folder = Folder::new();
    for kernel in [
        "linear",
        "white",
        "rbf+linear+white",
        "periodic(a;period=3)",
        "rbf(a)*linear(b)",
        "rbf(a)+matern12(b)",
    ] {
        for (family, target, rest) in [FAMILIES[1], FAMILIES[4]] {
            folder.text(&fit(family, target, &format!("{rest} --kernel {kernel} --method map --out m")));
            folder.predictions("predict m t.csv");
        }
    }
}

#[test]
fn exposures_scale_the_predictions_and_are_1_where_a_table_has_none() {
    let folder = Folder::new();
    folder.text(&fit("poisson", "count", "--exposure exposure --method map --out m"));
    folder.write("one.csv", "a,b,exposure\n1,0,1\n1,0,10\n");
    let mean = numbers(&folder.predictions("predict m one.csv")["mean"]);
    assert!((mean[1] / mean[0] - 10.0).abs() < 1e-9, "{mean:?}");
    folder.write("none.csv", "a,b\n1,0\n");
    let (status, out, err) = folder.run("predict m none.csv");
    assert!(status == 0 && err.contains("exposure of 1"), "{err}");
    // As the first row of two, but for the last digit.
    let alone: f64 = out.lines().nth(1).unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert!((alone / mean[0] - 1.0).abs() < 1e-12, "{out} against {mean:?}");
    folder.write("scored.csv", "a,b,count\n1,0,3\n");
    folder.refuses("score m scored.csv", 1, "scored.csv|`exposure`");
    folder.write("negative.csv", "a,b,exposure\n1,0,-2\n");
    folder.refuses("predict m negative.csv", 1, "negative.csv|`exposure`|row 0|-2");
}

#[test]
fn a_target_outside_the_support_is_named_by_column_and_row() {
    let folder = Folder::new();
    let bad = |y: &str| format!("a,b,y,n\n1,2,1,4\n2,1,2,5\n3,5,{y},6\n4,2,1,9\n");
    for (family, y, parts) in [
        ("poisson", "1.5", "`y`|row 2|1.5|whole"),
        ("poisson", "-1", "`y`|row 2|-1|whole"),
        ("gamma", "0", "`y`|row 2|target 0|positive"),
        ("log-normal", "-3", "`y`|row 2|-3|positive"),
        ("exponential", "-3", "`y`|row 2|-3|from 0 on"),
        ("beta", "7", "`y`|row 0|target 1|between 0 and 1"),
        ("binomial --trials n", "7", "`y`|row 2|target 7"),
        ("bernoulli", "0.5", "`y`|row 2|0.5|whole"),
    ] {
        folder.write("bad.csv", bad(y));
        let line = format!("fit bad.csv --target y --inputs a,b --likelihood {family}");
        folder.refuses(&line, 1, &format!("bad.csv|{parts}"));
    }
    // Rows of the table, not of what is left of it.
    folder.write("gap.csv", bad("-1").replace("2,1,2,5", "2,,2,5"));
    let line = "fit gap.csv --target y --inputs a,b --likelihood poisson --missing drop";
    folder.refuses(line, 1, "gap.csv|`y`|row 2|-1");
    // The same when a model meets new rows.
    folder.text(&fit("poisson", "count", "--method map --out m"));
    folder.write("new.csv", "a,b,count\n1,2,3\n1,3,2.5\n");
    folder.refuses("score m new.csv", 1, "new.csv|`count`|row 1|2.5");
    folder.text(&fit("softmax", "colour", "--method map --out m"));
    folder.write("new.csv", "a,b,colour\n1,2,red\n1,3,mauve\n");
    folder.refuses("score m new.csv", 1, "new.csv|`colour`|row 1|mauve");
    folder.predictions("predict m new.csv");
}

#[test]
fn a_command_line_that_contradicts_itself_is_status_2_whatever_the_table() {
    let folder = Folder::new();
    let refuses =
        |rest: &str, parts: &str| folder.refuses(&format!("fit t.csv --inputs a,b {rest}"), 2, parts);
    refuses("--target answer --likelihood bernoulli --exposure exposure", "--exposure|bernoulli");
    refuses("--target answer --likelihood bernoulli --trials trials", "--trials|bernoulli");
    refuses("--target successes --likelihood binomial", "binomial|--trials COL");
    refuses("--target successes --likelihood binomial --exposure trials", "--exposure|binomial");
    refuses(
        "--target count --likelihood poisson --method nuts --approximation laplace",
        "--approximation|nuts",
    );
    refuses(
        "--target count --likelihood poisson --stein paper --approximation laplace",
        "--approximation|paper",
    );
    refuses("--target real --approximation laplace", "--approximation|exact");
    refuses("--target count --likelihood poisson --model exact", "poisson|--model latent");
    refuses("--target count --likelihood poisson --noise-kernel rbf", "--noise-kernel|heteroscedastic");
    refuses("--target count --likelihood poison", "poison|Did you mean `poisson`");
    refuses("--target colour --likelihood softmax --mean constant", "softmax|mean");
    for (family, target) in [("softmax", "colour"), ("heteroscedastic", "real")] {
        let line = format!("--target {target} --likelihood {family} --approximation expectation");
        refuses(&line, "one latent function|variational");
    }
    refuses("--target real --likelihood student-t --approximation expectation", "log-concave|student-t");
    refuses("--target real --likelihood laplace --approximation laplace", "curvature|laplace|expectation");
    folder.write("at.json", "{}");
    let line = "density t.csv --inputs a,b --target colour --likelihood softmax --approximation expectation --at at.json";
    folder.refuses(line, 2, "one latent function");
}

#[test]
fn classes_that_the_likelihood_cannot_take_are_an_error_of_the_table() {
    let folder = Folder::new();
    let fit = |target: &str, family: &str, parts: &str| {
        folder.refuses(&format!("fit t.csv --inputs a,b --target {target} --likelihood {family}"), 1, parts);
    };
    for family in ["bernoulli", "probit"] {
        fit("colour", family, "t.csv|`colour`|3 classes|softmax|ordinal");
    }
    fit("real", "softmax", "`real`|not a whole number|gaussian");
    fit("answer", "poisson", "`answer`|not numeric");
    let (status, _, err) = folder.run("fit t.csv --inputs a,b --target colour --likelihood gaussian");
    assert!(status == 1 && err.contains("softmax"), "{err}");
    folder.write("one.csv", "a,y\n1,u\n2,u\n3,u\n");
    for family in ["bernoulli", "softmax", "auto"] {
        folder.refuses(
            &format!("fit one.csv --target y --likelihood {family}"),
            1,
            "one.csv|`y`|`u` on all 3",
        );
    }
}

#[test]
fn a_table_too_large_for_latent_values_is_refused_at_once_with_the_limit() {
    let folder = Folder::new();
    let row = |i: usize| format!("{},{},{}\n", i % 997, i % 89, (i / 7) % 3);
    folder.write("big.csv", format!("a,b,y\n{}", (0..6000).map(row).collect::<String>()));
    let clock = std::time::Instant::now();
    folder.refuses("fit big.csv --target y --likelihood poisson --model latent", 1, "6000|5000|--model svgp");
    folder.refuses(
        "fit big.csv --target y --likelihood softmax --model latent",
        1,
        "18000|5000|--model svgp",
    );
    assert!(clock.elapsed().as_secs() < 10);
}

#[test]
fn latents_may_be_given_to_density_or_left_at_the_prior_mean() {
    let folder = Folder::new();
    let line = |at: &str| {
        folder.write("at.json", at);
        "density t.csv --inputs a,b --target count --likelihood poisson --exposure exposure --at at.json"
    };
    let theta = r#""kernel.variance": 1, "kernel.lengthscales": [1, 2]"#;
    let without = folder.json(line(&format!("{{{theta}}}")));
    let with = folder.json(line(&format!(r#"{{{theta}, "latent": [0.5, -0.2], "latent[7]": 1}}"#)));
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap();
    assert_eq!(without["log_marginal_likelihood"], with["log_marginal_likelihood"]);
    assert_ne!(without["log_likelihood"], with["log_likelihood"]);
    let difference = number(&with, "log_density") - number(&without, "log_density");
    let of_data = number(&with, "log_likelihood") - number(&without, "log_likelihood");
    assert!((difference - of_data + 0.5 * (0.25 + 0.04 + 1.0)).abs() < 1e-9);
    assert_eq!(with["score"].as_object().unwrap().len(), 3 + ROWS);
    folder.refuses(line(&format!(r#"{{{theta}, "latent[40]": 1}}"#)), 1, "at.json|latent[40]|latent[39]");
    folder.refuses(line(&format!(r#"{{{theta}, "latent": "x"}}"#)), 1, "at.json|`latent`");
}

#[test]
fn an_interrupted_fit_of_a_latent_model_stops_soon_and_writes_what_it_has() {
    use std::time::{Duration, Instant};
    let folder = Folder::new();
    for rest in [
        "--iterations 10000000",
        "--method nuts --tune 500000 --draws 1000000",
        "--stein paper --iterations 10000000",
    ] {
        let line = format!("{} --json --out m", fit("poisson", "count", &format!("{rest} --holdout 0.25")));
        let child = folder.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let clock = Instant::now();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && clock.elapsed() < Duration::from_secs(20), "{rest}: {err}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(
            found["interrupted"] == true && found["test"]["log_likelihood"].is_number(),
            "{rest}: {found}"
        );
        folder.predictions("predict m t.csv");
    }
}

#[test]
fn a_damaged_model_with_classes_is_one_clear_error() {
    let folder = Folder::new();
    folder.text(&format!("{} --out m", fit("softmax", "colour", QUICK)));
    let model = folder.bytes("m");
    let header = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize + 8;
    let text = String::from_utf8(model[8..header].to_vec()).unwrap();
    for (from, to, parts) in [
        ("softmax", "ordinal", "damaged"),
        ("softmax", "poisson", "damaged|classes"),
        ("softmax", "bernoulli", "damaged|classes"),
        (r#"\"gaussian\":\"variational\""#, r#"\"gaussian\":\"expectation\""#, "damaged|expectation"),
        (r#"\"red\""#, r#"\"Red\""#, "damaged"),
    ] {
        assert!(text.contains(from), "{text}");
        let changed = text.replace(from, to);
        folder.write(
            "bad",
            [&(changed.len() as u64).to_le_bytes(), changed.as_bytes(), &model[header..]].concat(),
        );
        folder.refuses("predict bad t.csv", 1, &format!("bad|{parts}"));
    }
    let mut state = 11u64;
    for attempt in 0..60 {
        let mut bytes = model.clone();
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let range = if attempt % 2 == 0 { header } else { bytes.len() };
        bytes[(state >> 33) as usize % range] ^= 1 << (state >> 20 & 7);
        folder.write("flipped", bytes);
        // With a bit flipped in a number or a name it may still be a model.
        let (status, _, err) = folder.run("predict flipped t.csv --quantiles 0.5");
        assert!(status == 0 || (status == 1 && err.matches("error:").count() == 1), "{status}: {err}");
    }
}

#[test]
fn numbers_near_the_end_of_their_range_end_in_a_model_or_one_message() {
    let folder = Folder::new();
    let rows = |y: fn(usize) -> String| -> String {
        (0..20).map(|i| format!("{},{},{},{}\n", i, i * i % 7, y(i), 1 + i % 3)).collect()
    };
    for (family, y) in [
        ("poisson", (|i| (1_000_000_000 + i * 50_000_000).to_string()) as fn(usize) -> String),
        ("poisson", |i| format!("{}", i / 19)),
        ("negative-binomial", |i| (1_000_000_000_000_000 + i * 70_000_000_000_000).to_string()),
        ("gamma", |i| format!("{}e300", 1 + i)),
        ("log-normal", |i| format!("{}e-300", 1 + i)),
        ("laplace", |i| format!("{}e300", i % 5)),
        ("bernoulli", |i| (i / 19).to_string()),
        ("beta", |i| format!("{}e-10", 1 + i)),
    ] {
        folder.write("far.csv", format!("a,b,y,n\n{}", rows(y)));
        let line = format!(
            "fit far.csv --target y --inputs a,b --likelihood {family} --method map --restarts 0 --quiet"
        );
        let (status, _, err) = folder.run(&format!("{line} --holdout 0.2 --out m"));
        assert!(
            status == 0 || (status == 1 && err.matches("error:").count() == 1),
            "{family}: {status}: {err}"
        );
        if status == 0 {
            for (name, column) in folder.predictions("predict m far.csv") {
                assert!(name == "class" || numbers(&column).iter().all(|v| !v.is_nan()), "{family} {name}");
            }
        }
    }
}
