//! The command line of `steingp compare`.

use super::{CommonArguments, InferenceArguments, parse_fraction, parse_named};
use crate::compare::{MethodSpec, suite::Suite};
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["tables", "suite"]).required(true).multiple(true))]
pub(crate) struct CompareArguments {
    /// Tables: .csv, .csv.gz or .parquet. With --suite: names of some of its tables, all where absent.
    #[arg(value_name = "TABLE")]
    pub tables: Vec<PathBuf>,
    /// Experiments of Pinder et al. (2020) with their settings: uci, uci-binary, neal or air-quality.
    #[arg(long, value_name = "NAME", value_parser = parse_named::<Suite>)]
    pub suite: Option<Suite>,
    /// Folder with the tables of the suite.
    #[arg(long, value_name = "DIR", requires = "suite")]
    pub data: Option<PathBuf>,
    /// Leave out tables of the suite with more rows.
    #[arg(long, value_name = "N", requires = "suite")]
    pub max_rows: Option<usize>,
    /// Column to predict, the same in all tables; `y` in suites.
    #[arg(long, value_name = "COL", required_unless_present = "suite")]
    pub target: Option<String>,
    /// Methods, set apart by commas: ml, map, vi, advi, laplace, svgd, svgd-paper (the published settings), nuts; with a
    /// number of particles or draws as in svgd:20 or laplace:100 [default: ml,map,advi,svgd:2,svgd:20].
    #[arg(long, value_name = "LIST", value_parser = parse_methods)]
    pub methods: Option<Methods>,
    /// Number of random splits, or where splits are: a folder with NAME.split0.csv, … (training rows, one a line) or
    /// NAME.splits.csv for each table NAME, or a table with columns split0, … (1 for test rows) [default: 5].
    #[arg(long, value_name = "K|FILE")]
    pub splits: Option<String>,
    /// Share of the rows that train, in random splits [default: 0.7].
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true, value_parser = parse_fraction)]
    pub train_fraction: Option<f64>,
    /// Folder for results and report; one that has some of the rows already gets the others.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Rows that run at a time, each with its share of the threads [default: as many as there are threads, 4 at most].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Most seconds that a row may take; one that takes longer fails.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<Duration>,
    /// Run rows again that failed in an earlier run.
    #[arg(long)]
    pub retry_failed: bool,
    #[command(flatten)]
    pub common: CommonArguments,
    #[command(flatten)]
    pub inference: InferenceArguments,
    /// Runs one row and prints what was measured: what this program asks of itself. Table, method, split,
    /// [`Grid::content`](crate::compare::Grid::content) and threads.
    #[arg(long, hide = true, num_args = 5, allow_hyphen_values = true)]
    pub row: Option<Vec<String>>,
}

/// Methods as they were named.
#[derive(Debug, Clone)]
pub(crate) struct Methods(pub Vec<MethodSpec>);

fn parse_methods(text: &str) -> Result<Methods, String> {
    MethodSpec::list(text).map(Methods).map_err(|e| e.to_string())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("`{text}` is not a positive number of seconds, or too large a one"))
}
