//! Rows streamed from a Parquet file: rows and megabytes a second, and the most memory that the process has held.
//!
//! `cargo bench --bench streaming`. A table of 10 million rows is written to a temporary folder (240 MB), opened, and read
//! in shuffled batches, small ones and large ones; then with pieces as large as the row groups, which mix less and read
//! each page once. Memory stays at a few windows, however many rows there are: `STREAMING_ROWS` sets another number,
//! and `STREAMING_TABLE` names a table to read instead, whose column `y` is the target. What counts as memory includes
//! the pages of the file that are mapped at the time.
#![allow(missing_docs, clippy::unwrap_used)]

use polars::prelude::{Column, DataFrame, ParquetWriter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use steingp::likelihood::Scaling;
use steingp::rows::{Batch, Epochs, Rows};
use steingp::table::{EncodingOptions, ParquetRows, ParquetTable, StreamOptions};

const ROWS: usize = 10_000_000;
const GROUP: usize = 100_000;
/// Bytes of a row in memory: three inputs and the target.
const ROW: f64 = 4.0 * 8.0;

/// One row group: places on the Earth in the order of time, and a smooth function of both with noise.
fn group(first: usize, rows: usize) -> DataFrame {
    let mut rng = ChaCha8Rng::seed_from_u64(first as u64);
    let mut columns: [Vec<f64>; 4] = Default::default();
    for row in first..first + rows {
        let (lon, lat): (f64, f64) = (rng.random_range(-180.0..180.0), rng.random_range(-90.0..90.0));
        let t = row as f64 / 3600.0;
        let noise: f64 = rng.sample(StandardNormal);
        let y = (lon / 30.0).sin() * (lat / 20.0).cos() + (t / 500.0).sin() + 0.3 * noise;
        columns.iter_mut().zip([lon, lat, t, y]).for_each(|(column, v)| column.push(v));
    }
    let names = ["lon", "lat", "t", "y"];
    let columns = names.iter().zip(columns).map(|(name, values)| Column::new((*name).into(), values));
    DataFrame::new(rows, columns.collect()).unwrap()
}

fn generate(path: &Path, rows: usize) {
    let schema = group(0, 1).schema().clone();
    let mut writer = ParquetWriter::new(File::create(path).unwrap()).batched(&schema).unwrap();
    for first in (0..rows).step_by(GROUP) {
        writer.write_batch(&group(first, GROUP.min(rows - first))).unwrap();
    }
    writer.finish().unwrap();
}

/// The most memory held so far, as the system tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known on this system");
    peak.trim_start_matches("VmHWM:").trim().into()
}

fn tell(what: &str, rows: usize, clock: Instant) {
    let rate = rows as f64 / clock.elapsed().as_secs_f64();
    println!("{what}: {rate:.3e} rows/s, {:.0} MB/s; peak memory {}", rate * ROW / 1e6, peak());
}

/// Reads batches from the first of an epoch on.
fn read(rows: &mut ParquetRows, size: usize, epoch: u64, most: usize) {
    let epochs = Epochs::new(rows.count(), size, 1);
    let count = epochs.batches().min(most);
    let (mut batch, mut passed, mut sum) = (Batch::default(), 0, 0.0);
    let clock = Instant::now();
    for number in 0..count as u64 {
        rows.read(epochs.seed(), epochs.place(epoch * epochs.batches() as u64 + number), &mut batch).unwrap();
        passed += batch.rows();
        sum += batch.observations.iter().map(|at| at.y).sum::<f64>();
    }
    tell(&format!("{count} batches of {size} (mean target {:.4})", sum / passed as f64), passed, clock);
}

fn open(path: &Path, options: StreamOptions) -> ParquetRows {
    let clock = Instant::now();
    let table = ParquetTable::open(path, &EncodingOptions::new("y"), options).unwrap();
    tell(&format!("opening {} rows: encoding and moments", table.rows()), table.rows(), clock);
    let clock = Instant::now();
    let sample = table.sample(10_000, 1).unwrap();
    tell(&format!("a sample of {} rows", sample.rows.len()), table.rows(), clock);
    let scale = table.standardisation(Scaling::Standardise);
    ParquetRows::new(Arc::new(table), scale).unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let given = std::env::var("STREAMING_TABLE").ok().map(PathBuf::from);
    let path = given.unwrap_or_else(|| {
        let rows = std::env::var("STREAMING_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
        let path = folder.path().join("rows.parquet");
        let clock = Instant::now();
        generate(&path, rows);
        let size = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
        tell(&format!("writing {rows} rows ({size:.0} MB)"), rows, clock);
        path
    });
    let options = StreamOptions::default();
    let mut rows = open(&path, options);
    read(&mut rows, 256, 0, 2000);
    read(&mut rows, 4096, 1, usize::MAX);
    println!("pieces of {} rows instead of {}", options.window, options.piece);
    let mut rows = open(&path, StreamOptions { piece: options.window, ..options });
    read(&mut rows, 4096, 1, usize::MAX);
}
