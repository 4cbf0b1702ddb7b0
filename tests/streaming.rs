//! Tables read in pieces: what they give is what the same table gives when it is read whole, whatever the pieces.
#![cfg(feature = "table")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use polars::prelude::{Column, DataFrame, DataType, NamedFrom, ParquetWriter, Series, TimeUnit};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};
use steingp::dataset::Standardisation;
use steingp::likelihood::{Gaussian, Poisson, Scaling};
use steingp::rows::{Batch, Epochs, Place, Rows};
use steingp::table::{
    ClassProblem, Encoded, Encoding, EncodingOptions, Missing, Notice, ParquetRows, ParquetTable,
    StreamOptions, Table, TableError, TargetKind, TargetUse, Values, write,
};
use steingp::{Error, Result};
use tempfile::TempDir;

const ROWS: usize = 1000;
/// Of the row groups; the last one is shorter.
const GROUP: usize = 130;
const SMALL: StreamOptions = StreamOptions { window: 200, piece: 40 };

/// A folder that goes away, and a table in it.
struct Stored {
    _folder: TempDir,
    path: PathBuf,
}

fn stored(columns: Vec<Column>, group: usize) -> Stored {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let rows = columns[0].len();
    let mut frame = DataFrame::new(rows, columns).unwrap();
    let file = File::create(&path).unwrap();
    ParquetWriter::new(file).with_row_group_size(Some(group)).finish(&mut frame).unwrap();
    Stored { _folder: folder, path }
}

/// A sequence without structure between 0 and 1.
fn noise(row: usize, column: f64) -> f64 {
    ((row + 1) as f64 * column.sqrt()).fract()
}

fn column<T, P: ?Sized>(name: &str, values: T) -> Column
where
    Series: NamedFrom<T, P>,
{
    Column::from(Series::new(name.into(), values))
}

/// Numbers, booleans, times, a constant, counts with exposures, classes; values are missing in some rows if asked for.
fn columns(is_missing: bool) -> Vec<Column> {
    let lacks = |row: usize, every: usize| is_missing && row % every == every - 1;
    let all = || 0..ROWS;
    let number = |c: f64, every| {
        all().map(|r| (!lacks(r, every)).then(|| 1e3 + noise(r, c))).collect::<Vec<Option<f64>>>()
    };
    // Falling, so that the first time is in the last row.
    let times: Vec<Option<i64>> =
        all().map(|r| (!lacks(r, 37)).then(|| 1_600_000_000_000 - 61_001 * r as i64)).collect();
    let days: Vec<i32> = all().map(|r| 18_000 + (r % 300) as i32).collect();
    vec![
        column("a", number(2.0, 11)),
        column("flag", all().map(|r| (!lacks(r, 101)).then_some(noise(r, 3.0) < 0.3)).collect::<Vec<_>>()),
        column("when", times).cast(&DataType::Datetime(TimeUnit::Milliseconds, None)).unwrap(),
        column("day", days).cast(&DataType::Date).unwrap(),
        column("one", vec![7.5; ROWS]),
        // Constant where nothing else is missing, and full of holes: it must not cost rows.
        column("holes", all().map(|r| (!lacks(r, 2)).then_some(2.0)).collect::<Vec<Option<f64>>>()),
        column("small", all().map(|r| (noise(r, 5.0) * 100.0) as i16).collect::<Vec<i16>>()),
        column("y", number(7.0, 97)),
        column("count", all().map(|r| (5.0 * noise(r, 11.0)) as u32).collect::<Vec<u32>>()),
        column("time", all().map(|r| 0.5 + noise(r, 13.0)).collect::<Vec<f64>>()),
        column("class", all().map(|r| (4.0 * noise(r, 17.0)) as i64 - 1).collect::<Vec<i64>>()),
    ]
}

fn dropping(target: &str) -> EncodingOptions {
    EncodingOptions { missing: Missing::Drop, ..EncodingOptions::new(target) }
}

/// The same table read whole: encoding, notices and numbers.
fn whole(path: &Path, options: &EncodingOptions) -> (Encoding, Vec<Notice>, Encoded) {
    let table = Table::read(path).unwrap();
    let rows: Vec<usize> = (0..table.rows()).collect();
    let (encoding, mut notices) = Encoding::learn(&table, options, &rows).unwrap();
    let encoded = encoding.apply(&table, TargetUse::Required).unwrap();
    notices.extend(encoded.notices.clone());
    (encoding, notices, encoded)
}

fn open(path: &Path, options: &EncodingOptions) -> ParquetTable {
    ParquetTable::open(path, options, SMALL).unwrap()
}

fn refused(columns: Vec<Column>, options: &EncodingOptions) -> TableError {
    let table = stored(columns, GROUP);
    ParquetTable::open(&table.path, options, SMALL).unwrap_err()
}

#[test]
fn what_is_learnt_in_pieces_is_what_is_learnt_from_the_whole_table() {
    for is_missing in [false, true] {
        let table = stored(columns(is_missing), GROUP);
        for options in [
            dropping("y"),
            dropping("flag"),
            EncodingOptions { drop: vec!["when".into(), "a".into()], ..dropping("y") },
            EncodingOptions {
                inputs: Some(vec!["small".into(), "holes".into(), "a".into()]),
                ..dropping("y")
            },
            EncodingOptions { exposure: Some("time".into()), ..dropping("count") },
            EncodingOptions { target_kind: TargetKind::Classes, ..dropping("class") },
            EncodingOptions { target_kind: TargetKind::Classes, ..dropping("flag") },
        ] {
            let (encoding, notices, encoded) = whole(&table.path, &options);
            for pieces in [SMALL, StreamOptions { window: 7, piece: 7 }, StreamOptions::default()] {
                let streamed = ParquetTable::open(&table.path, &options, pieces).unwrap();
                assert_eq!(streamed.encoding(), &encoding);
                assert_eq!(streamed.notices(), &notices);
                assert_eq!(streamed.rows(), encoded.rows.len());
            }
        }
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

#[test]
fn moments_and_ranges_in_pieces_are_those_of_the_whole_table() {
    let table = stored(columns(true), GROUP);
    for (options, scaling) in [
        (dropping("y"), Scaling::Standardise),
        (dropping("y"), Scaling::Mean),
        (EncodingOptions { exposure: Some("time".into()), ..dropping("count") }, Scaling::Rate),
        (EncodingOptions { target_kind: TargetKind::Classes, ..dropping("class") }, Scaling::None),
    ] {
        let (_, _, encoded) = whole(&table.path, &options);
        let streamed = open(&table.path, &options);
        let y = encoded.y.unwrap();
        let exposure: f64 = encoded.exposure.map_or(y.len() as f64, |e| e.iter().sum());
        let (sum, n) = (y.iter().sum::<f64>(), y.len() as f64);
        let learnt =
            Standardisation::learn(encoded.x.as_ref(), &y).for_targets(scaling, sum / n, sum / exposure);
        let found = streamed.standardisation(scaling);
        let all = |s: &Standardisation| {
            let mut all = [s.input_shift.clone(), s.input_scale.clone()].concat();
            all.extend([s.target_shift, s.target_scale, s.exposure_scale]);
            all
        };
        for (a, b) in all(&learnt).into_iter().zip(all(&found)) {
            assert!(close(a, b), "{a} {b}");
        }
        for (d, (low, high)) in streamed.input_ranges().into_iter().enumerate() {
            let values = || encoded.x.col(d).iter().copied();
            assert_eq!((low, high), (values().fold(low, f64::min), values().fold(high, f64::max)));
            assert!(values().any(|v| v == low) && values().any(|v| v == high));
        }
        assert_eq!(streamed.target_moments().count, y.len());
    }
}

#[test]
fn what_is_learnt_does_not_depend_on_the_number_of_threads() {
    let table = stored(columns(true), GROUP);
    let learn = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let table = open(&table.path, &dropping("y"));
            (table.standardisation(Scaling::Standardise), table.sample(30, 1).unwrap().rows)
        })
    };
    let one = learn(1);
    assert_eq!(learn(2), one);
    assert_eq!(learn(5), one);
}

/// Rows with the row number as their target, on the scale of the table.
fn numbered(rows: usize, group: usize, options: StreamOptions) -> (Stored, ParquetRows) {
    let numbers: Vec<f64> = (0..rows).map(|r| r as f64).collect();
    let x: Vec<f64> = numbers.iter().map(|r| -3.0 * r).collect();
    let table = stored(vec![column("x", x), column("row", numbers)], group);
    let streamed = ParquetTable::open(&table.path, &EncodingOptions::new("row"), options).unwrap();
    let rows = ParquetRows::new(Arc::new(streamed), Standardisation::identity(1)).unwrap();
    (table, rows)
}

fn targets(rows: &mut ParquetRows, seed: u64, place: Place) -> Vec<f64> {
    let mut batch = Batch::default();
    rows.read(seed, place, &mut batch).unwrap();
    assert_eq!(batch.x.nrows(), batch.rows());
    let targets: Vec<f64> = batch.observations.iter().map(|at| at.y).collect();
    targets.iter().enumerate().for_each(|(i, y)| assert_eq!(batch.x[(i, 0)], -3.0 * y));
    targets
}

fn epoch(rows: &mut ParquetRows, epochs: Epochs, number: u64) -> Vec<f64> {
    let count = epochs.batches() as u64;
    (number * count..(number + 1) * count)
        .flat_map(|iteration| targets(rows, epochs.seed(), epochs.place(iteration)))
        .collect()
}

#[test]
fn an_epoch_passes_every_row_once_whatever_the_pieces() {
    for (n, group, window, piece, batch) in [
        (1000, 130, 200, 40, 32),
        (1000, 1000, 150, 30, 400),
        (97, 10, 25, 10, 97),
        (20, 20, 1, 1, 3),
        (2, 1, 9, 9, 1),
    ] {
        let (_table, mut rows) = numbered(n, group, StreamOptions { window, piece });
        let epochs = Epochs::new(n, batch, 3);
        for number in 0..3 {
            let mut seen = epoch(&mut rows, epochs, number);
            seen.sort_by(f64::total_cmp);
            assert_eq!(seen, (0..n).map(|r| r as f64).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_batch_depends_on_seed_and_place_and_on_nothing_before() {
    let (_table, mut walked) = numbered(1000, 130, SMALL);
    let epochs = Epochs::new(1000, 64, 5);
    let [first, second] = [0, 1].map(|number| epoch(&mut walked, epochs, number));
    assert_ne!(first, second);
    let (_again, mut fresh) = numbered(1000, 130, SMALL);
    // Backwards, so that nothing read ahead is of use.
    for iteration in (0..2 * epochs.batches() as u64).rev() {
        let place = epochs.place(iteration);
        let walked = if place.epoch == 0 { &first } else { &second };
        assert_eq!(targets(&mut fresh, 5, place), walked[place.start..place.end]);
    }
    assert_ne!(epoch(&mut fresh, Epochs::new(1000, 64, 6), 0), first);
}

#[test]
fn a_batch_of_a_sorted_table_mixes_places_far_apart() {
    let (_table, mut rows) = numbered(10_000, 10_000, StreamOptions { window: 2000, piece: 100 });
    let batch = targets(&mut rows, 1, Place { epoch: 0, start: 0, end: 200 });
    let (low, high) = batch.iter().fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!(high - low > 5000.0, "from {low} to {high}");
}

#[test]
fn rows_come_on_the_scale_of_the_model_and_without_those_that_lack_values() {
    let table = stored(columns(true), GROUP);
    let options = EncodingOptions { exposure: Some("time".into()), ..dropping("count") };
    let (_, _, mut encoded) = whole(&table.path, &options);
    let streamed = Arc::new(open(&table.path, &options));
    let scale =
        Standardisation { target_shift: -3.0, target_scale: 0.5, ..streamed.standardisation(Scaling::Rate) };
    scale.apply_inputs(&mut encoded.x);
    let (y, exposure) = (encoded.y.unwrap(), encoded.exposure.unwrap());
    let n = y.len();
    assert!(n < ROWS);
    let mut expected: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row: Vec<f64> = encoded.x.row(i).iter().copied().collect();
            row.extend([(y[i] + 3.0) / 0.5, exposure[i] * scale.exposure_scale]);
            row
        })
        .collect();
    let mut batch = Batch::default();
    let mut rows = ParquetRows::new(streamed, scale).unwrap();
    assert_eq!((rows.count(), rows.dim()), (n, encoded.x.ncols()));
    rows.read(1, Place { epoch: 0, start: 0, end: n }, &mut batch).unwrap();
    let mut found: Vec<Vec<f64>> = (batch.observations.iter().enumerate())
        .map(|(i, at)| batch.x.row(i).iter().copied().chain([at.y, at.exposure]).collect())
        .collect();
    expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(found, expected);
    let behind = rows.read(1, Place { epoch: 0, start: 0, end: n + 1 }, &mut batch);
    assert!(matches!(behind, Err(Error::Invalid(_))));
}

#[test]
fn a_sample_is_rows_of_the_table_without_repetition_and_all_of_them_where_it_is_large() {
    let table = stored(columns(true), GROUP);
    let (_, _, encoded) = whole(&table.path, &dropping("y"));
    let streamed = open(&table.path, &dropping("y"));
    let sample = streamed.sample(50, 4).unwrap();
    let expected = encoded.select(&sample.rows);
    assert_eq!((sample.rows.len(), expected.rows.len()), (50, 50));
    assert!(sample.rows.is_sorted_by(|a, b| a < b));
    assert_eq!((&sample.x, &sample.y), (&expected.x, &expected.y));
    assert_eq!(streamed.sample(50, 4).unwrap().rows, sample.rows);
    assert_ne!(streamed.sample(50, 5).unwrap().rows, sample.rows);
    assert_eq!(streamed.sample(10 * ROWS, 4).unwrap().rows, encoded.rows);
    // Every row has the same chance: of 20 parts of the table, none is drawn far more often than others.
    let mut drawn = [0; 20];
    for seed in 0..100 {
        streamed.sample(60, seed).unwrap().rows.iter().for_each(|row| drawn[row * 20 / ROWS] += 1);
    }
    // 300 on average, and a standard deviation of about 17.
    assert!(drawn.iter().all(|n| (220..380).contains(n)), "{drawn:?}");
}

#[test]
fn targets_outside_the_support_are_found_by_their_row_in_the_file() {
    let counts: Vec<f64> =
        (0..ROWS).map(|r| if r == 612 || r == 777 { -4.0 } else { (r % 3) as f64 }).collect();
    let x: Vec<Option<f64>> = (0..ROWS).map(|r| (r != 3).then_some(r as f64)).collect();
    let table = stored(vec![column("x", x), column("n", counts)], GROUP);
    let streamed = open(&table.path, &dropping("n"));
    assert!(streamed.check_support(&Gaussian).is_ok());
    match streamed.check_support(&Poisson) {
        Err(Error::Support { column, row: 612, value, .. }) => {
            assert_eq!((column.as_str(), value), ("n", -4.0))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_values_are_refused_with_their_number_and_first_row() {
    let options =
        EncodingOptions { inputs: Some(vec!["small".into(), "a".into()]), ..EncodingOptions::new("y") };
    match refused(columns(true), &options) {
        TableError::Missing { columns, .. } => {
            let found: Vec<_> = columns.iter().map(|c| (c.column.as_str(), c.count, c.first.row)).collect();
            assert_eq!(found, [("a", ROWS / 11, 10), ("y", ROWS / 97, 96)]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn columns_that_cannot_be_read_in_pieces_are_named() {
    let texts: Vec<String> = (0..ROWS).map(|r| r.to_string()).collect();
    let mut table = columns(false);
    table.push(column("text", texts));
    let classes = EncodingOptions { target_kind: TargetKind::Classes, ..EncodingOptions::new("text") };
    for options in [EncodingOptions::new("y"), EncodingOptions::new("text"), classes] {
        let error = refused(table.clone(), &options);
        assert!(error.to_string().contains("`text` is text"), "{error}");
        assert!(matches!(error, TableError::StreamedText { .. }));
    }
    let stored = stored(table, GROUP);
    open(&stored.path, &EncodingOptions { drop: vec!["text".into()], ..EncodingOptions::new("y") });
}

#[test]
fn values_that_cannot_be_used_are_named_by_their_row_in_the_file() {
    let infinite = |name: &str, row: usize| {
        let values: Vec<f64> = (0..ROWS).map(|r| if r >= row { f64::INFINITY } else { r as f64 }).collect();
        column(name, values)
    };
    let rising = |name: &str| column(name, (0..ROWS).map(|r| r as f64).collect::<Vec<f64>>());
    for (x, y) in [(700, ROWS), (ROWS, 700)] {
        match refused(vec![infinite("x", x), infinite("y", y)], &EncodingOptions::new("y")) {
            TableError::Infinite { place, .. } => assert_eq!(place.row, 700),
            other => panic!("{other}"),
        }
    }
    let exposure = EncodingOptions { exposure: Some("e".into()), ..EncodingOptions::new("y") };
    let falling: Vec<f64> = (0..ROWS).map(|r| 500.0 - r as f64).collect();
    match refused(vec![rising("x"), rising("y"), column("e", falling)], &exposure) {
        TableError::Exposure { place, value, .. } => assert_eq!((place.row, value.as_str()), (500, "0")),
        other => panic!("{other}"),
    }
    let classes = EncodingOptions { target_kind: TargetKind::Classes, ..EncodingOptions::new("y") };
    match refused(vec![rising("x"), rising("y")], &classes) {
        TableError::Classes { problem: ClassProblem::UncountedNumbers, .. } => {}
        other => panic!("{other}"),
    }
    let half: Vec<f64> = (0..ROWS).map(|r| if r == 900 { 0.5 } else { (r % 2) as f64 }).collect();
    match refused(vec![rising("x"), column("y", half)], &classes) {
        TableError::Classes { problem: ClassProblem::NotWhole { place, .. }, .. } => {
            assert_eq!(place.row, 900)
        }
        other => panic!("{other}"),
    }
    match refused(vec![rising("x"), column("y", vec![1.0; ROWS])], &classes) {
        TableError::Classes { problem: ClassProblem::One { rows, .. }, .. } => assert_eq!(rows, ROWS),
        other => panic!("{other}"),
    }
    match refused(vec![rising("x"), column("y", vec![1.0; ROWS])], &EncodingOptions::new("y")) {
        TableError::TargetConstant { value, rows, .. } => assert_eq!((value, rows), (1.0, ROWS)),
        other => panic!("{other}"),
    }
}

fn open_bytes(name: &str, bytes: &[u8]) -> Result<ParquetTable, TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    ParquetTable::open(&path, &EncodingOptions::new("y"), SMALL)
}

#[test]
fn files_that_are_no_tables_in_parquet_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = EncodingOptions::new("y");
    let absent = ParquetTable::open(folder.path().join("none.parquet"), &options, SMALL);
    assert!(matches!(absent, Err(TableError::Absent { .. })));
    assert!(matches!(ParquetTable::open(folder.path(), &options, SMALL), Err(TableError::Folder { .. })));
    assert!(matches!(open_bytes("t.parquet", b""), Err(TableError::Empty { .. })));
    for bytes in [&b"x,y\n1,2\n"[..], b"PAR1", b"PAR1PAR1", b"PAR1rubbishPAR1"] {
        assert!(matches!(open_bytes("t.csv", bytes), Err(TableError::Parquet { .. })));
    }
    let no_rows = vec![column("x", Vec::<f64>::new()), column("y", Vec::<f64>::new())];
    assert!(matches!(refused(no_rows, &options), TableError::NoRows { .. }));
    let one = vec![column("x", vec![1.0]), column("y", vec![2.0])];
    assert!(matches!(refused(one, &options), TableError::TooFewRows { found: 1, .. }));
    let lost = vec![column("x", vec![None, None::<f64>]), column("y", vec![2.0, 3.0])];
    assert!(matches!(refused(lost, &dropping("y")), TableError::NoInputs { .. }));
}

#[test]
fn damaged_and_truncated_files_never_panic() {
    let table = stored(columns(true), GROUP);
    let whole = fs::read(&table.path).unwrap();
    for cut in [1, 8, whole.len() / 2] {
        assert!(matches!(
            open_bytes("t.parquet", &whole[..whole.len() - cut]),
            Err(TableError::Parquet { .. })
        ));
    }
    let mut refused = 0;
    for place in (4..whole.len()).step_by(whole.len() / 60) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        refused += usize::from(open_bytes("t.parquet", &damaged).is_err());
    }
    assert!(refused > 0);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    let (table, mut rows) = numbered(1000, 130, SMALL);
    let first = targets(&mut rows, 1, Place { epoch: 0, start: 0, end: 10 });
    OpenOptions::new().append(true).open(&table.path).unwrap().write_all(b"more").unwrap();
    // What is in memory stays good.
    assert_eq!(targets(&mut rows, 1, Place { epoch: 0, start: 0, end: 10 }), first);
    let later = rows.read(1, Place { epoch: 7, start: 0, end: 10 }, &mut Batch::default());
    assert!(matches!(later, Err(Error::Table(TableError::Changed { .. }))), "{later:?}");
}

#[test]
fn a_scale_for_other_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &[("x", Values::Numbers(&[1.0, 2.0])), ("y", Values::Numbers(&[3.0, 4.0]))]).unwrap();
    let table = Arc::new(open(&path, &EncodingOptions::new("y")));
    let short = ParquetRows::new(Arc::clone(&table), Standardisation::identity(2));
    assert!(matches!(short, Err(Error::Shape { expected: 1, found: 2, .. })));
    let flat = Standardisation { target_scale: 0.0, ..Standardisation::identity(1) };
    assert!(matches!(ParquetRows::new(table, flat), Err(Error::Invalid(text)) if text.contains("`y`")));
}
