//! The program with sparse models: densities, fits, saved models, checkpoints and streamed tables.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with tables of inputs `a,b` and targets of three kinds, that is gone after the test.
struct Folder(TempDir);

impl Folder {
    fn new(rows: usize) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("t.csv", table(rows));
        folder
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steingp"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        (output.status.code().unwrap_or_else(|| panic!("{line}: ended by {}", output.status)), out, err)
    }

    fn json(&self, line: &str) -> Value {
        let (status, out, err) = self.run(&format!("{line} --json"));
        assert_eq!(status, 0, "{line}: {err}");
        serde_json::from_str(&out).unwrap()
    }

    /// What the program says when it refuses, with its exit status.
    fn refusal(&self, line: &str, status: i32) -> String {
        let (found, _, err) = self.run(line);
        assert_eq!(found, status, "{line}: {err}");
        err
    }
}

fn table(rows: usize) -> String {
    let mut text = "a,b,y,flag,count,place\n".to_owned();
    for i in 0..rows {
        let (a, b) = ((i as f64 * 0.618).fract() * 4.0, (i as f64 * 0.755).fract() * 4.0);
        let noise = (i as f64 * 0.569).fract() - 0.5;
        let f = (1.5 * a).sin() + 0.4 * b;
        let (flag, count) = (u8::from(f + noise > 0.8), (f + 2.0 * noise + 1.0).exp().floor());
        text += &format!("{a},{b},{},{flag},{},{}\n", f + 0.6 * noise, count.min(30.0), i % 5);
    }
    text
}

const FEW: &str = "--inducing 15 --warm-up 60 --iterations 30 --particles 4 --batch 40";

fn near(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() < tolerance * (1.0 + b.abs()), "{what}: {a} against {b}");
}

#[test]
fn the_bound_of_the_best_gaussian_is_the_collapsed_bound_and_its_moments_give_it_back() {
    let folder = Folder::new(70);
    let mut at =
        json!({"kernel.variance": 1.3, "kernel.lengthscales": [0.8, 1.7], "likelihood.variance": 0.2});
    folder.write("at.json", at.to_string());
    let common = "density t.csv --target y --inputs a,b --inducing 12 --at";
    let collapsed = folder.json(&format!("{common} at.json --model sparse"));
    let svgp = folder.json(&format!("{common} at.json --model svgp"));
    let bound = |v: &Value| v["log_marginal_likelihood"].as_f64().unwrap();
    near(bound(&svgp), bound(&collapsed), 1e-10, "bound");
    for (path, score) in collapsed["score"].as_object().unwrap() {
        near(svgp["score"][path].as_f64().unwrap(), score.as_f64().unwrap(), 1e-7, path);
    }
    assert_eq!(svgp["Z"].as_array().unwrap().len(), 12);
    for name in ["Z", "q_mu", "q_sqrt"] {
        at[name] = svgp[name].clone();
    }
    folder.write("with_q.json", at.to_string());
    let again = folder.json(&format!("{common} with_q.json --model svgp"));
    near(bound(&again), bound(&svgp), 1e-9, "bound of the moments");
    // FITC is another model, and larger than the bound.
    at.as_object_mut().unwrap().retain(|name, _| !name.starts_with("q_"));
    folder.write("at.json", at.to_string());
    let fitc = folder.json(&format!("{common} at.json --model sparse --approximation fitc"));
    assert!(bound(&fitc) > bound(&collapsed));
    let told = folder.refusal(&format!("{common} with_q.json --model sparse"), 1);
    assert!(told.contains("`q_mu` is not of --model sparse"), "{told}");
}

#[test]
fn every_row_an_inducing_point_has_the_density_and_predictions_of_exact_regression() {
    let folder = Folder::new(60);
    let at = json!({"kernel.variance": 1.3, "kernel.lengthscales": [0.8, 1.7], "likelihood.variance": 0.2});
    folder.write("at.json", at.to_string());
    let density = |model: &str| {
        folder.json(&format!(
            "density t.csv --target y --inputs a,b --at at.json --model {model} --inducing 60"
        ))
    };
    let exact = folder.json("density t.csv --target y --inputs a,b --at at.json --model exact");
    for model in ["sparse", "svgp"] {
        let found = density(model);
        for name in ["log_marginal_likelihood", "log_density"] {
            near(found[name].as_f64().unwrap(), exact[name].as_f64().unwrap(), 1e-6, name);
        }
    }
    let score = |model: &str| {
        let line = format!("fit t.csv --target y --inputs a,b --holdout 0.2 --method map {model}");
        folder.json(&line)["test"]["log_likelihood"].as_f64().unwrap()
    };
    near(score("--model sparse --inducing 60"), score("--model exact"), 1e-4, "held-out log-likelihood");
}

#[test]
fn every_sparse_model_predicts_the_same_after_it_was_saved() {
    let folder = Folder::new(120);
    for (target, line) in [
        ("y", "--model sparse --inducing 15 --particles 4 --iterations 5 --polish 0 --restarts 0".to_owned()),
        ("y", "--model sparse --inducing 6 --method map --optimise-inducing yes".to_owned()),
        ("y", format!("--model svgp {FEW}")),
        (
            "y",
            "--model svgp --method vi --inducing 15 --iterations 80 --batch 40 --optimise-inducing no"
                .to_owned(),
        ),
        ("flag", format!("--model svgp --likelihood bernoulli {FEW}")),
        ("count", format!("--model svgp --likelihood poisson {FEW}")),
        ("y", format!("--model sparse-latent {FEW}")),
        ("y", "--model sparse-latent --stein paper --inducing 8 --iterations 5 --particles 3".to_owned()),
        ("count", format!("--model sparse-latent --likelihood poisson {FEW}")),
        ("y", format!("--model svgp --likelihood heteroscedastic {FEW}")),
    ] {
        let fitted = folder.json(&format!(
            "fit t.csv --target {target} --inputs a,b --holdout 0.3 --out m --report r.html {line}"
        ));
        assert_eq!(fitted["rows"]["train"], 84);
        let scores = folder.json("score m t.csv");
        assert_eq!(scores["rows"], 120, "{line}");
        assert!(scores["test"]["log_likelihood"].as_f64().unwrap().is_finite(), "{line}");
        let told = folder.json("show m");
        assert_eq!(
            told["parameters"].as_array().unwrap().len(),
            fitted["parameters"].as_array().unwrap().len()
        );
        let (status, out, err) = folder.run("predict m t.csv --quantiles 0.5");
        assert_eq!((status, out.lines().count()), (0, 121), "{line}: {err}");
        let (status, ..) = folder.run("particles m --out p.csv");
        assert_eq!(status, 0);
    }
}

/// The places' inducing points are values of their own term, and must be again when the file is read.
#[test]
fn a_term_that_sees_few_inputs_keeps_its_inducing_points() {
    let folder = Folder::new(150);
    folder.write("later.csv", table(200));
    for model in [
        "sparse --method map --target y",
        "svgp --method vi --target y",
        "svgp --particles 3 --iterations 20 --warm-up 60 --likelihood bernoulli --target flag",
    ] {
        let fitted = folder.json(&format!(
            "fit t.csv --inputs a,b,place --kernel rbf(a,b)+matern32(place) --inducing 24 --test later.csv --out m \
             --model {model}"
        ));
        let scores = folder.json("score m later.csv");
        assert_eq!(scores["test"], fitted["test"], "{model}");
        let (status, out, err) = folder.run("predict m later.csv");
        assert_eq!((status, out.lines().count()), (0, 201), "{model}: {err}");
    }
}

#[test]
fn large_tables_are_fitted_by_sparse_models_with_a_notice() {
    let folder = Folder::new(2600);
    let fitted = folder.json("fit t.csv --target y --inputs a,b --inducing 20 --method map");
    assert_eq!(fitted["model"], "sparse");
    let fitted = folder.json(&format!("fit t.csv --target flag --inputs a,b --likelihood bernoulli {FEW}"));
    assert_eq!(fitted["model"], "svgp");
    assert!(fitted["notices"].to_string().contains("model svgp with"), "{}", fitted["notices"]);
}

#[test]
fn settings_that_do_not_belong_together_are_refused_with_what_to_do() {
    let folder = Folder::new(30);
    for (line, part) in [
        ("--model svgp --method nuts", "--model sparse takes any method"),
        ("--model svgp --stein paper", "--model sparse-latent"),
        ("--model sparse --likelihood poisson", "--model svgp"),
        ("--model exact --inducing 5", "no use for it"),
        ("--model sparse --checkpoint c", "svgp or sparse-latent"),
        ("--model latent --approximation vfe", "--model sparse"),
        ("--model svgp --approximation laplace", "inducing points"),
        ("--resume", "--checkpoint"),
        ("--inducing 0", "0"),
        ("--selection clever", "greedy"),
    ] {
        let told = folder.refusal(&format!("fit t.csv --target count --inputs a,b {line}"), 2);
        assert!(told.contains(part), "{line}: {told}");
    }
    let told = folder.refusal("fit t.csv --target y --inputs a,b --stream", 1);
    assert!(told.contains("Parquet"), "{told}");
}

/// Parameters of a fit, number for number.
fn parameters(fitted: &Value) -> String {
    fitted["parameters"].to_string() + &fitted["test"].to_string()
}

#[test]
fn a_fit_that_was_killed_again_and_again_ends_in_the_same_result() {
    let folder = Folder::new(400);
    let models = [
        "svgp --likelihood bernoulli --target flag",
        "svgp --target y --kernel rbf(a)+matern32(b)+matern12(place)",
        "sparse-latent --target y",
    ];
    for model in models {
        let line = format!(
            "fit t.csv --inputs a,b,place --holdout 0.2 --inducing 60 --warm-up 200 --iterations 60 --particles 6 --batch 64 --model \
             {model}"
        );
        let clock = Instant::now();
        let whole = folder.json(&line);
        let seconds = clock.elapsed().as_secs_f64();
        let checkpointed = format!("{line} --checkpoint state --checkpoint-every 10 --resume");
        for kill in 1..=5 {
            let mut child =
                folder.command(&checkpointed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Later and later moments, none at a round one.
            std::thread::sleep(Duration::from_secs_f64(seconds * (0.07 + 0.13 * f64::from(kill))));
            let _ = child.kill();
            let _ = child.wait();
        }
        let resumed = folder.json(&checkpointed);
        assert_eq!(parameters(&resumed), parameters(&whole), "{model}");
        assert!(!folder.0.path().join("state").exists(), "a checkpoint outlived its fit");
    }
}

#[test]
fn a_checkpoint_of_another_fit_is_refused() {
    let folder = Folder::new(200);
    let line = "fit t.csv --target flag --likelihood bernoulli --inputs a,b --model svgp --method vi --inducing 20 --checkpoint \
                state";
    let mut child = folder
        .command(&format!("{line} --iterations 1000000 --checkpoint-every 5"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !folder.0.path().join("state").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    let told = folder.refusal(&format!("{line} --iterations 100 --resume"), 1);
    assert!(told.contains("another fit"), "{told}");
    folder.write("state", "rubbish");
    let told = folder.refusal(&format!("{line} --iterations 100 --resume"), 1);
    assert!(told.contains("checkpoint"), "{told}");
}

#[test]
fn rows_that_stay_in_their_file_give_a_model_like_that_of_rows_in_memory() {
    let folder = Folder::new(3000);
    let (status, _, err) =
        folder.run("fit t.csv --target y --inputs a,b --inducing 10 --method map --out seed");
    assert_eq!(status, 0, "{err}");
    // Predictions with a draw of each row are written as Parquet, and serve as a table of numbers with noise.
    let (status, _, err) = folder.run("predict seed t.csv --samples 1 --out p.parquet");
    assert_eq!(status, 0, "{err}");
    let columns = "--inputs sd,mean --target sample0";
    let fit = |more: &str| {
        folder.json(&format!("fit p.parquet {columns} --test p.parquet --model svgp {FEW} {more}"))
    };
    let (streamed, memory) = (fit("--stream"), fit(""));
    assert_eq!(streamed["rows"]["train"], 3000);
    let score = |v: &Value| v["test"]["log_likelihood_standardised"].as_f64().unwrap();
    assert!(
        (score(&streamed) - score(&memory)).abs() < 0.3,
        "{} against {}",
        score(&streamed),
        score(&memory)
    );
}
