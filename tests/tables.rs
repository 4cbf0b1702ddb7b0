//! Tables end to end: every error names file, column and row; gzip, Parquet and real tables become numbers.
#![cfg(feature = "table")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use steingp::table::{
    ClassProblem, Encoded, Encoding, EncodingOptions, Missing, Notice, Role, Split, Table, TableError,
    TargetKind, TargetUse, Values, choose_likelihood, split, write,
};
use tempfile::TempDir;

/// A folder that goes away, and a file in it.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

fn file(name: &str, bytes: impl AsRef<[u8]>) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    File { _folder: folder, path }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn table(csv: &str) -> Table {
    Table::read(&file("t.csv", csv).path).unwrap()
}

/// The error of reading a file, whose message must hold the file name and each of the words.
fn read_error(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) -> TableError {
    let error = Table::read(&file(name, bytes).path).unwrap_err();
    assert_words(&error, name, words);
    error
}

fn assert_words(error: &TableError, name: &str, words: &[&str]) {
    let message = error.to_string();
    for word in words.iter().chain([&name]) {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

fn options(target: &str) -> EncodingOptions {
    EncodingOptions::new(target)
}

fn dropping(target: &str) -> EncodingOptions {
    EncodingOptions { missing: Missing::Drop, ..options(target) }
}

fn classes(target: &str) -> EncodingOptions {
    EncodingOptions { target_kind: TargetKind::Classes, ..options(target) }
}

fn with_exposure(target: &str, exposure: &str) -> EncodingOptions {
    EncodingOptions { exposure: Some(exposure.into()), ..options(target) }
}

fn all_rows(table: &Table) -> Vec<usize> {
    (0..table.rows()).collect()
}

fn learn(table: &Table, options: &EncodingOptions) -> Result<(Encoding, Vec<Notice>), TableError> {
    Encoding::learn(table, options, &all_rows(table))
}

/// The error of learning from a table with the target `y`.
fn learn_error(csv: &str, options: &EncodingOptions, words: &[&str]) -> TableError {
    let error = learn(&table(csv), options).unwrap_err();
    assert_words(&error, "", words);
    error
}

fn encode(table: &Table, options: &EncodingOptions) -> (Encoding, Encoded) {
    let (encoding, _) = learn(table, options).unwrap();
    let encoded = encoding.apply(table, TargetUse::Required).unwrap();
    (encoding, encoded)
}

/// Column of encoded inputs by name.
fn input(encoding: &Encoding, encoded: &Encoded, name: &str) -> Vec<f64> {
    let position = encoding.input_names().iter().position(|n| n == name).unwrap();
    encoded.x.col(position).iter().copied().collect()
}

macro_rules! assert_error {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {
        let error = $error;
        assert!(matches!(error, $pattern $(if $guard)?), "{error:?}");
    };
}

// Files

#[test]
fn an_absent_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Table::read(folder.path().join("none.csv")).unwrap_err();
    assert_words(&error, "none.csv", &["no such file"]);
    assert_error!(error, TableError::Absent { .. });
}

#[test]
fn a_folder_is_not_a_table() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("t.csv")).unwrap();
    let error = Table::read(folder.path().join("t.csv")).unwrap_err();
    assert_words(&error, "t.csv", &["folder"]);
    assert_error!(error, TableError::Folder { .. });
}

#[test]
fn other_extensions_are_told_which_are_accepted() {
    for name in ["t.xlsx", "t", "csv", "t.csv.zip"] {
        assert_error!(
            read_error(name, "a,b\n1,2\n", &[".csv", ".csv.gz", ".parquet"]),
            TableError::Extension { .. }
        );
    }
}

#[test]
fn empty_files_are_refused() {
    assert_error!(read_error("t.csv", "", &["empty"]), TableError::Empty { .. });
    assert_error!(read_error("t.csv", "\n \n\n", &["empty"]), TableError::Empty { .. });
    assert_error!(read_error("t.parquet", "", &["empty"]), TableError::Empty { .. });
    assert_error!(read_error("t.csv.gz", "", &["empty"]), TableError::Empty { .. });
    assert_error!(read_error("t.csv.gz", gzip(b""), &["empty"]), TableError::Empty { .. });
}

#[test]
fn a_header_without_rows_is_refused() {
    for text in ["a,b", "a,b\n", "a,b\r\n\r\n"] {
        assert_error!(read_error("t.csv", text, &["no rows"]), TableError::NoRows { .. });
    }
}

#[test]
fn ragged_rows_name_row_and_line() {
    let error = read_error("t.csv", "a,b\n1,2\n3\n", &["row 1", "line 3", "1 cells", "2"]);
    assert_error!(error, TableError::Ragged { expected: 2, found: 1, .. });
    let error = read_error("t.csv", "a,b\n1,2,3\n", &["row 0", "line 2", "3 cells"]);
    assert_error!(error, TableError::Ragged { expected: 2, found: 3, .. });
}

#[test]
fn what_is_not_text_is_refused() {
    let rubbish: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_error!(read_error("t.csv", rubbish, &["UTF-8"]), TableError::NotText { .. });
    assert_error!(read_error("t.csv", b"a,b\n1,\xff\n", &["line 2"]), TableError::NotText { line: 2, .. });
    assert_error!(read_error("t.csv", b"a,b\n1,2\n\0,1\n", &["line 3"]), TableError::NotText { line: 3, .. });
    assert_error!(
        read_error("t.csv", b"\xff\xfea\0,\0b\0", &["line 1"]),
        TableError::NotText { line: 1, .. }
    );
}

#[test]
fn broken_gzip_is_refused() {
    let text: String = (0..2000).map(|i| format!("{i},{}\n", i * i)).collect();
    let whole = gzip(format!("a,b\n{text}").as_bytes());
    for cut in [3, 12, whole.len() / 2, whole.len() - 1] {
        assert_error!(read_error("t.csv.gz", &whole[..cut], &["gzip"]), TableError::Gzip { .. });
    }
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0xff;
    assert_error!(read_error("t.csv.gz", &damaged, &["gzip"]), TableError::Gzip { .. });
    assert_error!(read_error("t.csv.gz", "a,b\n1,2\n", &["gzip"]), TableError::Gzip { .. });
}

#[test]
fn broken_parquet_is_refused() {
    assert_error!(read_error("t.parquet", "a,b\n1,2\n", &["Parquet"]), TableError::Parquet { .. });
    assert_error!(read_error("t.parquet", "PAR1PAR1", &["Parquet"]), TableError::Parquet { .. });
    assert_error!(read_error("t.parquet", "PAR1rubbishPAR1", &["Parquet"]), TableError::Parquet { .. });
    let whole = parquet_of_all_types();
    let cut = [&whole[..whole.len() / 2], b"PAR1"].concat();
    assert_error!(read_error("t.parquet", cut, &["Parquet"]), TableError::Parquet { .. });
}

#[test]
fn damaged_parquet_never_panics() {
    let whole = parquet_of_all_types();
    for position in (4..whole.len() - 4).step_by(13) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0xa5;
        let _ = Table::read(&file("t.parquet", &damaged).path);
    }
}

#[test]
fn equal_and_empty_column_names_are_refused() {
    for header in ["a,b,a", "a,\"b\",\"a\"", "\"a\",b,a"] {
        let error = read_error("t.csv", format!("{header}\n1,2,3\n"), &["`a`", "twice"]);
        assert_error!(error, TableError::DuplicateColumn { .. });
    }
    let error = read_error("t.csv", "a,,b\n1,2,3\n", &["column 2"]);
    assert_error!(error, TableError::UnnamedColumn { position: 1, .. });
    assert_error!(read_error("t.csv", "a,b,\n1,2,3\n", &["column 3"]), TableError::UnnamedColumn { .. });
}

#[test]
fn a_missing_comma_is_explained() {
    assert_error!(read_error("t.csv", "a;b\n1;2\n", &["';'", "commas"]), TableError::Separator { .. });
}

#[test]
fn a_byte_order_mark_does_not_belong_to_the_first_name() {
    assert_eq!(table("\u{feff}a,b\n1,2\n").column_names(), ["a", "b"]);
}

#[test]
fn content_counts_for_more_than_the_name() {
    let text = "a,y\n1,2\n3,4\n";
    for (name, bytes) in
        [("t.gz", gzip(text.as_bytes())), ("t.csv", gzip(text.as_bytes())), ("T.CSV", text.into())]
    {
        assert_eq!(Table::read(&file(name, bytes).path).unwrap().column_names(), ["a", "y"], "{name}");
    }
    assert_eq!(Table::read(&file("t.csv", parquet_of_all_types()).path).unwrap().rows(), 3);
}

// Columns

#[test]
fn an_unknown_column_brings_the_closest_name_and_the_others() {
    let csv = "x1 ,height,y\n1,2,3\n2,3,5\n";
    let error = learn_error(csv, &options("Y1"), &["`Y1`", "target", "`height`"]);
    assert_error!(error, TableError::UnknownColumn { role: Role::Target, .. });
    let mut inputs = options("y");
    inputs.inputs = Some(vec!["x1".into()]);
    let error = learn_error(csv, &inputs, &["did you mean `x1 `?"]);
    assert_error!(error, TableError::UnknownColumn { role: Role::Input, .. });
    let mut drop = options("y");
    drop.drop = vec!["heigth".into()];
    let error = learn_error(csv, &drop, &["did you mean `height`?"]);
    assert_error!(error, TableError::UnknownColumn { role: Role::Drop, .. });
}

#[test]
fn inputs_keep_the_order_asked_for() {
    let table = table("a,b,c,y\n1,2,3,4\n5,7,8,9\n");
    let mut selected = options("y");
    selected.inputs = Some(vec!["c".into(), "a".into(), "b".into()]);
    selected.drop = vec!["b".into()];
    let (encoding, encoded) = encode(&table, &selected);
    assert_eq!(encoding.input_names(), ["c", "a"]);
    assert_eq!(encoded.x, faer::mat![[3.0, 1.0], [8.0, 5.0]]);
    assert_eq!(encoded.y, Some(vec![4.0, 9.0]));
}

#[test]
fn a_column_has_one_part_to_play() {
    let csv = "a,b,y\n1,2,4\n5,7,9\n";
    let both = EncodingOptions { inputs: Some(vec!["a".into(), "y".into()]), ..options("y") };
    assert_error!(learn_error(csv, &both, &["`y`", "target"]), TableError::Selection { .. });
    let twice = EncodingOptions { inputs: Some(vec!["a".into(), "a".into()]), ..options("y") };
    assert_error!(learn_error(csv, &twice, &["`a`", "twice"]), TableError::Selection { .. });
    let dropped = EncodingOptions { drop: vec!["y".into()], ..options("y") };
    assert_error!(learn_error(csv, &dropped, &["`y`", "drop"]), TableError::Selection { .. });
}

#[test]
fn without_inputs_there_is_nothing_to_predict_from() {
    assert_error!(learn_error("y\n1\n2\n", &options("y"), &["no input"]), TableError::NoInputs { .. });
    assert_error!(learn_error("a,y\n1,1\n1,2\n", &options("y"), &["constant"]), TableError::NoInputs { .. });
    let dropped = EncodingOptions { drop: vec!["a".into()], ..options("y") };
    assert_error!(learn_error("a,y\n1,1\n2,2\n", &dropped, &["no input"]), TableError::NoInputs { .. });
}

#[test]
fn one_row_is_too_few_to_learn_from() {
    assert_error!(
        learn_error("a,y\n1,2\n", &options("y"), &["1 training row", "2"]),
        TableError::TooFewRows { found: 1, .. }
    );
    let table = table("a,y\n1,2\n2,3\n");
    assert_error!(Encoding::learn(&table, &options("y"), &[1]), Err(TableError::TooFewRows { .. }));
    assert_error!(
        Encoding::learn(&table, &options("y"), &[0, 2]),
        Err(TableError::RowOutOfRange { row: 2, .. })
    );
}

#[test]
fn a_target_must_be_numeric_and_vary_on_the_training_rows() {
    let error = learn_error("a,y\n1,2\n2,high\n", &options("y"), &["`y`", "row 1", "line 3", "`high`"]);
    assert_words(&error, "t.csv", &["--likelihood auto", "classes"]);
    assert_error!(error, TableError::TargetNotNumeric { .. });
    let error = learn_error("a,y\n1,2020-01-01\n2,2020-01-02\n", &options("y"), &["`y`", "2020-01-01"]);
    assert!(!error.to_string().contains("auto"), "dates are no classes");
    assert_error!(error, TableError::TargetNotNumeric { .. });
    let table = table("a,y\n1,2\n2,2\n3,5\n");
    let error = Encoding::learn(&table, &options("y"), &[0, 1]).unwrap_err();
    assert_words(&error, "`y`", &["2 training rows"]);
    assert_error!(error, TableError::TargetConstant { .. });
    assert!(Encoding::learn(&table, &options("y"), &[0, 2]).is_ok());
}

#[test]
fn a_boolean_target_is_zero_or_one() {
    let (_, encoded) = encode(&table("a,y\n1,true\n2,False\n"), &options("y"));
    assert_eq!(encoded.y, Some(vec![1.0, 0.0]));
}

#[test]
fn a_column_is_typed_by_all_of_its_rows() {
    let mut csv = String::from("a,y\n");
    for i in 0..1000 {
        csv.push_str(&format!("{i},{i}\n"));
    }
    csv.push_str("abc,1\n");
    let error = learn_error(
        &csv,
        &options("y"),
        &["`a`", "1001 different", "row 1000", "line 1002", "`abc`", "--drop a"],
    );
    assert_error!(error, TableError::TooManyLevels { levels: 1001, .. });
}

#[test]
fn a_text_column_becomes_one_column_a_level() {
    let table = table("colour,y\nred,1\n blue ,2\nred,3\n");
    let (encoding, encoded) = encode(&table, &options("y"));
    assert_eq!(encoding.input_names(), ["colour=blue", "colour=red"]);
    assert_eq!(encoded.x, faer::mat![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    assert_eq!(encoding.expand("colour"), Some(vec![0, 1]));
}

#[test]
fn a_level_that_training_lacks_is_refused() {
    let (encoding, _) = learn(&table("c,y\nred,1\nblue,2\n"), &options("y")).unwrap();
    let error = encoding.apply(&table("c\nred\ngreen\n"), TargetUse::IfPresent).unwrap_err();
    assert_words(&error, "t.csv", &["`c`", "row 1", "line 3", "`green`", "`blue`, `red`"]);
    assert_error!(error, TableError::UnseenLevel { .. });
}

#[test]
fn levels_that_look_like_numbers_stay_levels() {
    let (encoding, _) = learn(&table("c,y\n1,1\n2,2\nx,3\n"), &options("y")).unwrap();
    let encoded = encoding.apply(&table("c\n2\n1\n"), TargetUse::Ignore).unwrap();
    assert_eq!(encoded.x, faer::mat![[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]);
}

#[test]
fn dates_become_hours_since_the_first_training_time() {
    let table = table("t,y\n2020-01-02,1\n2020-01-01 12:00,2\n2020-01-01T18:30:00Z,3\n2020-01-01,4\n");
    let (encoding, _) = Encoding::learn(&table, &options("y"), &[0, 1, 2]).unwrap();
    let encoded = encoding.apply(&table, TargetUse::Required).unwrap();
    assert_eq!(input(&encoding, &encoded, "t"), [12.0, 0.0, 6.5, -12.0]);
}

#[test]
fn dates_that_are_not_read_as_times_are_told() {
    let csv = "t,age,y\n31/01/2020,20-29,1\n01/02/2020,30-39,2\n02/02/2020,20-29,3\n";
    let (encoding, notices) = learn(&table(csv), &options("y")).unwrap();
    assert_eq!(encoding.input_names().len(), 3 + 2, "they are texts all the same");
    let words = ["`t`", "row 0", "`31/01/2020`", "2020-01-31"];
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(words.iter().all(|word| notices[0].to_string().contains(word)), "{}", notices[0]);
    let one_wrong = "t,y\n2020-01-31,1\n2020-02-01,2\n2020-02-30,3\n";
    let (_, notices) = learn(&table(one_wrong), &options("y")).unwrap();
    assert!(matches!(&notices[..], [Notice::UnreadDates { value, .. }] if value == "2020-02-30"));
}

#[test]
fn constant_columns_are_left_out_with_a_notice() {
    let table = table("k,text,r,a,y\n7,u,1,1,1\n7,u,1.00000000000001,2,2\n8,v,1,3,3\n");
    let (encoding, notices) = Encoding::learn(&table, &options("y"), &[0, 1]).unwrap();
    assert_eq!(encoding.input_names(), ["a"]);
    assert_eq!(notices, [Notice::ConstantColumns { columns: ["k", "text", "r"].map(String::from).to_vec() }]);
    assert!(notices[0].to_string().contains("`k`, `text`, `r`"));
}

#[test]
fn encoded_names_that_clash_are_refused() {
    let error = learn_error("c,c=u,y\nu,1,1\nv,2,2\n", &options("y"), &["`c=u`"]);
    assert_error!(error, TableError::EncodedNameClash { .. });
}

// Classes

/// A CSV with the targets given and 0, 1, 2, … as the input `a`.
fn targets(cells: &[&str]) -> String {
    cells.iter().enumerate().fold("a,y\n".into(), |csv, (i, cell)| format!("{csv}{i},{cell}\n"))
}

#[test]
fn texts_booleans_and_whole_numbers_become_indices_of_named_classes() {
    for (cells, names, indices) in [
        (["pear", " fig ", "pear", "apple"], &["apple", "fig", "pear"][..], [2.0, 1.0, 2.0, 0.0]),
        (["true", "False", "1", "0"], &["false", "true"], [1.0, 0.0, 1.0, 0.0]),
        (["10", "9", "9.0", "-1"], &["-1", "9", "10"], [2.0, 1.0, 1.0, 0.0]),
        (["0", "3", "1", "1"], &["0", "1", "3"], [0.0, 2.0, 1.0, 1.0]),
        (["1", "x", "1.0", "x"], &["1", "1.0", "x"], [0.0, 2.0, 1.0, 2.0]),
    ] {
        let (encoding, encoded) = encode(&table(&targets(&cells)), &classes("y"));
        assert_eq!(encoding.class_names().unwrap(), names);
        assert_eq!(encoded.y.unwrap(), indices, "{cells:?}");
        assert_eq!(encoding.input_names(), ["a"]);
    }
    let (encoding, _) = encode(&table(&targets(&["0", "1"])), &options("y"));
    assert_eq!(encoding.class_names(), None, "a number has no classes unless asked for");
}

#[test]
fn classes_are_learnt_on_the_training_rows_and_a_new_one_is_named() {
    for (cells, known, unknown) in
        [(["a", "c", "a", "b"], "`a`, `c`", "`b`"), (["0", "2", "0", "1"], "`0`, `2`", "`1`")]
    {
        let table = table(&targets(&cells));
        let (encoding, _) = Encoding::learn(&table, &classes("y"), &[0, 1, 2]).unwrap();
        assert_eq!(encoding.class_names().unwrap().len(), 2);
        let error = encoding.apply(&table, TargetUse::Required).unwrap_err();
        assert_words(&error, "t.csv", &["`y`", "row 3", "line 5", unknown, known]);
        assert_error!(error, TableError::UnseenLevel { .. });
        let inputs = encoding.apply(&table, TargetUse::Ignore).unwrap();
        assert_eq!((inputs.x.nrows(), inputs.y), (4, None));
    }
}

#[test]
fn what_cannot_be_classes_is_told_what_to_do() {
    let problem = |cells: &[&str], words: &[&str]| match learn_error(&targets(cells), &classes("y"), words) {
        TableError::Classes { problem, .. } => problem,
        other => panic!("{other:?}"),
    };
    assert!(matches!(problem(&["u", "u"], &["`y`", "`u`", "2 training rows"]), ClassProblem::One { .. }));
    assert!(matches!(problem(&["7", "7"], &["`7`"]), ClassProblem::One { .. }));
    let error = problem(&["1", "2", "2.5"], &["`y`", "row 2", "`2.5`", "--likelihood gaussian"]);
    assert!(matches!(error, ClassProblem::NotWhole { .. }));
    let error = problem(&["2020-01-01", "2020-01-02"], &["row 0", "2020-01-01", "--likelihood gaussian"]);
    assert!(matches!(error, ClassProblem::Time { .. }));
    let numbers: Vec<String> = (0..51).map(|i| i.to_string()).collect();
    let mut cells: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let error = problem(&cells, &["51 different", "more than 50", "--likelihood gaussian"]);
    assert!(matches!(error, ClassProblem::TooManyNumbers { found: 51 }));
    assert!(learn(&table(&targets(&cells[..50])), &classes("y")).is_ok());
    cells[20] = "twenty";
    let error = problem(&cells, &["51 different", "row 20", "`twenty`", "--likelihood gaussian"]);
    assert!(matches!(error, ClassProblem::TooManyTexts { found: 51, .. }));
    assert_error!(
        learn_error(&targets(&["1", "inf", "2"]), &classes("y"), &["`y`", "row 1"]),
        TableError::Infinite { .. }
    );
}

#[test]
fn a_target_of_classes_may_miss_values_like_any_other() {
    let csv = targets(&["u", "", "v", "u"]);
    assert_error!(learn_error(&csv, &classes("y"), &["`y` (1 missing"]), TableError::Missing { .. });
    let (_, encoded) = encode(&table(&csv), &EncodingOptions { missing: Missing::Drop, ..classes("y") });
    assert_eq!((encoded.rows, encoded.y), (vec![0, 2, 3], Some(vec![0.0, 1.0, 0.0])));
}

#[test]
fn classes_are_stored_checked_and_not_missed_in_older_encodings() {
    for cells in [["b", "a"], ["true", "false"], ["12", "3"]] {
        let table = table(&targets(&cells));
        let (encoding, encoded) = encode(&table, &classes("y"));
        let stored: Encoding = serde_json::from_str(&serde_json::to_string(&encoding).unwrap()).unwrap();
        assert_eq!(stored, encoding);
        assert_eq!(stored.apply(&table, TargetUse::Required).unwrap().y, encoded.y);
    }
    let before = r#"{"target": {"name": "y", "encoder": "number"},
                     "inputs": [{"name": "a", "encoder": "number"}], "missing": "error"}"#;
    let encoding: Encoding = serde_json::from_str(before).unwrap();
    assert_eq!((encoding.class_names(), encoding.exposure_name()), (None, None));
    let number = |name: &str| format!(r#"{{"name": "{name}", "encoder": "number"}}"#);
    let classes = r#"{"name": "y", "encoder": {"classes": {"source": "text", "names": ["b", "a"]}}}"#;
    for (target, input, exposure, word) in [
        (classes.to_string(), number("a"), "e", "classes of `y` are not in order"),
        (number("z"), classes.to_string(), "e", "`y` is read as classes"),
        (number("y"), number("a"), "y", "exposure `y`"),
        (number("y"), number("a"), "a", "exposure `a`"),
    ] {
        let damaged = format!(
            r#"{{"target": {target}, "inputs": [{input}], "exposure": "{exposure}", "missing": "error"}}"#
        );
        let error = serde_json::from_str::<Encoding>(&damaged).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

// Exposure

#[test]
fn an_exposure_is_no_input_and_comes_back_beside_the_target() {
    let table = table("a,years,y\n1,0.5,3\n2,2,0\n4,8,1\n");
    let (encoding, encoded) = encode(&table, &with_exposure("y", "years"));
    assert_eq!((encoding.input_names(), encoding.exposure_name()), (&["a".to_string()][..], Some("years")));
    assert_eq!(encoded.exposure, Some(vec![0.5, 2.0, 8.0]));
    assert_eq!(encoded.select(&[2, 0]).exposure, Some(vec![8.0, 0.5]));
    let stored: Encoding = serde_json::from_str(&serde_json::to_string(&encoding).unwrap()).unwrap();
    assert_eq!(stored, encoding);
    let (_, without) = encode(&table, &options("y"));
    assert_eq!((without.exposure, without.x.ncols()), (None, 2));
}

#[test]
fn an_exposure_must_be_a_positive_finite_number() {
    for cell in ["0", "-1", "inf", "two"] {
        let csv = format!("a,e,y\n1,1,1\n2,{cell},2\n3,1,3\n");
        let error =
            learn_error(&csv, &with_exposure("y", "e"), &["`e`", "row 1", "line 3", &format!("`{cell}`")]);
        assert_error!(error, TableError::Exposure { .. });
    }
    let (encoding, _) = learn(&table("a,e,y\n1,1,1\n2,2,2\n"), &with_exposure("y", "e")).unwrap();
    let error = encoding.apply(&table("a,e\n1,1\n2,0\n"), TargetUse::Ignore).unwrap_err();
    assert_words(&error, "t.csv", &["`e`", "row 1", "`0`"]);
    assert_error!(error, TableError::Exposure { .. });
}

#[test]
fn an_exposure_has_no_other_part_to_play() {
    let csv = "a,e,y\n1,1,1\n2,2,2\n";
    for (options, word) in [
        (EncodingOptions { inputs: Some(vec!["a".into(), "e".into()]), ..with_exposure("y", "e") }, "input"),
        (EncodingOptions { drop: vec!["e".into()], ..with_exposure("y", "e") }, "drop"),
    ] {
        assert_error!(learn_error(csv, &options, &["`e`", "exposure", word]), TableError::Selection { .. });
    }
    let target = with_exposure("y", "y");
    assert_error!(learn_error(csv, &target, &["`y`", "exposure"]), TableError::Selection { .. });
    let error = learn_error(csv, &with_exposure("y", "E"), &["`E` (exposure)", "did you mean `e`?"]);
    assert_error!(error, TableError::UnknownColumn { role: Role::Exposure, .. });
}

#[test]
fn a_missing_exposure_is_a_missing_value() {
    let csv = "a,e,y\n1,1,1\n2,,2\n3,3,3\n";
    assert_error!(
        learn_error(csv, &with_exposure("y", "e"), &["`e` (1 missing, first in row 1"]),
        TableError::Missing { .. }
    );
    let options = EncodingOptions { missing: Missing::Drop, ..with_exposure("y", "e") };
    let (_, encoded) = encode(&table(csv), &options);
    assert_eq!((encoded.rows, encoded.exposure), (vec![0, 2], Some(vec![1.0, 3.0])));
}

#[test]
fn only_predictions_do_without_the_exposure_and_say_so() {
    let (encoding, _) = learn(&table("a,e,y\n1,1,1\n2,2,2\n"), &with_exposure("y", "e")).unwrap();
    for csv in ["a,y\n5,1\n6,2\n", "a,e,y\n5,,1\n6,,2\n"] {
        for target in [TargetUse::Ignore, TargetUse::IfPresent] {
            let encoded = encoding.apply(&table(csv), target).unwrap();
            assert_eq!(encoded.exposure, Some(vec![1.0, 1.0]));
            assert!(matches!(&encoded.notices[..], [Notice::UnitExposure { column, .. }] if column == "e"));
            assert!(encoded.notices[0].to_string().contains("exposure of 1"));
        }
    }
    let given = encoding.apply(&table("a,e\n5,7\n"), TargetUse::Ignore).unwrap();
    assert_eq!((given.exposure, given.notices), (Some(vec![7.0]), vec![]));
    let error = encoding.apply(&table("a,y\n5,1\n"), TargetUse::Required).unwrap_err();
    assert_error!(error, TableError::UnknownColumn { role: Role::Exposure, .. });
    let error = encoding.apply(&table("a,e,y\n5,,1\n"), TargetUse::Required).unwrap_err();
    assert_error!(error, TableError::Missing { .. });
}

// The choice of a likelihood

fn chosen(table: &Table, target: &str) -> (&'static str, TargetKind) {
    let (choice, kind) = choose_likelihood(table, target, &all_rows(table)).unwrap();
    (choice.family_name, kind)
}

#[test]
fn the_likelihood_is_chosen_by_the_kind_of_the_column() {
    use TargetKind::{Classes, Number};
    for (cells, expected) in [
        (["no", "yes", "no", ""], ("bernoulli", Classes)),
        (["true", "false", "", "true"], ("bernoulli", Classes)),
        (["0", "1", "1", "0"], ("bernoulli", Classes)),
        (["a", "b", "c", "a"], ("softmax", Classes)),
        (["0", "1", "3", "2"], ("poisson", Number)),
        (["0.1", "0.2", "0.9", "NA"], ("beta", Number)),
        (["-1.5", "0", "2", "7"], ("gaussian", Number)),
    ] {
        assert_eq!(chosen(&table(&targets(&cells)), "y"), expected, "{cells:?}");
    }
    let (choice, _) = choose_likelihood(&table(&targets(&["true", "false"])), "y", &[0, 1]).unwrap();
    assert_eq!(choice.reason, "the target has two values, `false` and `true`");
}

#[test]
fn only_training_rows_take_part_in_the_choice() {
    let table = table(&targets(&["no", "yes", "perhaps"]));
    let (choice, _) = choose_likelihood(&table, "y", &[0, 1]).unwrap();
    assert_eq!(choice.family_name, "bernoulli");
    assert_error!(choose_likelihood(&table, "y", &[3]), Err(TableError::RowOutOfRange { row: 3, .. }));
    assert_error!(choose_likelihood(&table, "z", &[0]), Err(TableError::UnknownColumn { .. }));
}

#[test]
fn no_likelihood_is_chosen_for_dates_and_infinite_numbers() {
    let error = choose_likelihood(&table(&targets(&["2020-01-01", "2020-01-02"])), "y", &[0]).unwrap_err();
    assert_error!(error, TableError::TargetNotNumeric { .. });
    let error = choose_likelihood(&table(&targets(&["1", "inf"])), "y", &[0, 1]).unwrap_err();
    assert_error!(error, TableError::Infinite { .. });
}

/// A table of `data/`.
fn small(name: &str) -> Table {
    Table::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)).unwrap()
}

#[test]
fn the_small_real_tables_get_the_likelihood_of_their_targets() {
    use TargetKind::{Classes, Number};
    for (name, target, expected) in [
        ("iris.csv", "species", ("softmax", Classes)),
        ("wine.csv", "cultivar", ("softmax", Classes)),
        ("wdbc.csv", "malignant", ("bernoulli", Classes)),
        ("coal_disasters.csv", "disasters", ("poisson", Number)),
        ("motorcycle.csv", "accel", ("gaussian", Number)),
        ("boston_housing.csv", "medv", ("gaussian", Number)),
        ("diabetes.csv", "progression", ("gaussian", Number)),
    ] {
        assert_eq!(chosen(&small(name), target), expected, "{name}");
    }
    let (encoding, encoded) = encode(&small("iris.csv"), &classes("species"));
    assert_eq!(encoding.class_names().unwrap(), ["setosa", "versicolor", "virginica"]);
    let y = encoded.y.unwrap();
    assert!((0..3).all(|class| y.iter().filter(|v| **v == f64::from(class)).count() == 50));
}

#[test]
fn the_coal_disasters_are_191_in_112_years() {
    let (_, encoded) = encode(&small("coal_disasters.csv"), &options("disasters"));
    assert_eq!(
        encoded.x.col(0).iter().copied().collect::<Vec<_>>(),
        (1851..=1962).map(f64::from).collect::<Vec<_>>()
    );
    assert_eq!(encoded.y.unwrap().iter().sum::<f64>(), 191.0);
}

// Missing and infinite values

#[test]
fn missing_values_are_counted_by_column() {
    let csv = "a,b,c,y\n1,x,1,1\nNA,,1,2\nnan,z,1,NaN\n4,x,1,4\n";
    let error = learn_error(
        csv,
        &options("y"),
        &["`a` (2 missing, first in row 1 (line 3 of the file))", "`b` (1", "`y` (1"],
    );
    match error {
        TableError::Missing { columns, .. } => {
            let counts: Vec<_> = columns.iter().map(|c| (c.column.as_str(), c.count, c.first.row)).collect();
            assert_eq!(counts, [("a", 2, 1), ("b", 1, 1), ("y", 1, 2)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_values_in_columns_that_are_not_used_do_not_matter() {
    let table = table("a,b,y\n1,,1\n2,5,2\n");
    let only_a = EncodingOptions { drop: vec!["b".into()], ..options("y") };
    let (_, encoded) = encode(&table, &only_a);
    assert_eq!(encoded.rows, [0, 1]);
}

#[test]
fn rows_with_missing_values_can_be_dropped_with_a_notice() {
    let table = table("a,b,y\n1,u,1\n,u,2\n3,v,\n4,v,4\n5,u,5\n");
    let (encoding, encoded) = encode(&table, &dropping("y"));
    assert_eq!(encoded.rows, [0, 3, 4]);
    assert_eq!(encoded.y, Some(vec![1.0, 4.0, 5.0]));
    assert_eq!(input(&encoding, &encoded, "a"), [1.0, 4.0, 5.0]);
    assert!(matches!(&encoded.notices[..], [Notice::DroppedRows { dropped: 2, rows: 5, .. }]));
    assert!(encoded.notices[0].to_string().contains("2 of 5 rows"));
}

#[test]
fn a_column_that_is_constant_on_the_complete_rows_is_left_out() {
    // Row 1 is the only one where `b` differs, and it lacks `a`.
    let table = table("a,b,e,y\n1,0,,1\n,1,,2\n3,0,,3\n");
    let (encoding, notices) = learn(&table, &dropping("y")).unwrap();
    assert_eq!(encoding.input_names(), ["a"]);
    assert_eq!(
        notices,
        [
            Notice::EmptyColumns { columns: vec!["e".into()] },
            Notice::ConstantColumns { columns: vec!["b".into()] }
        ]
    );
}

#[test]
fn dropping_every_row_is_an_error() {
    let error = learn_error("a,b,y\n1,,1\n,2,2\n3,,3\n,4,4\n", &dropping("y"), &["every row"]);
    assert_error!(error, TableError::NoCompleteRows { .. });
}

#[test]
fn infinite_values_are_refused() {
    for cell in ["inf", "-inf", "Infinity", "1e999", "-1e999"] {
        let csv = format!("a,y\n1,2\n{cell},3\n4,5\n");
        let error = learn_error(&csv, &options("y"), &["`a`", "row 1", "line 3", "infinite"]);
        assert_error!(error, TableError::Infinite { .. });
    }
    assert_error!(
        learn_error("a,y\n1,inf\n2,3\n", &options("y"), &["`y`", "row 0"]),
        TableError::Infinite { .. }
    );
    let (encoding, _) = learn(&table("a,y\n1,2\n4,5\n"), &options("y")).unwrap();
    assert_error!(encoding.apply(&table("a\n1\ninf\n"), TargetUse::Ignore), Err(TableError::Infinite { .. }));
}

// Prediction

#[test]
fn prediction_needs_the_kept_inputs_and_nothing_else() {
    let (encoding, _) = learn(&table("a,k,b,y\n1,0,u,1\n2,0,v,2\n"), &options("y")).unwrap();
    let encoded = encoding.apply(&table("other,b,a\nzzz,v,5\n,u,6\n"), TargetUse::IfPresent).unwrap();
    assert_eq!(encoded.x, faer::mat![[5.0, 0.0, 1.0], [6.0, 1.0, 0.0]]);
    assert_eq!(encoded.y, None);
    let error = encoding.apply(&table("b\nu\n"), TargetUse::Ignore).unwrap_err();
    assert_words(&error, "t.csv", &["`a`", "input"]);
    assert_error!(error, TableError::UnknownColumn { role: Role::Input, .. });
}

#[test]
fn the_target_is_read_as_the_use_demands() {
    let (encoding, _) = learn(&table("a,y\n1,1\n2,2\n"), &options("y")).unwrap();
    let with = table("a,y\n1,7\n");
    let empty = table("a,y\n1,\n");
    let without = table("a\n1\n");
    let y = |table: &Table, target| encoding.apply(table, target).map(|encoded| encoded.y);
    assert_eq!(y(&with, TargetUse::Required).unwrap(), Some(vec![7.0]));
    assert_eq!(y(&with, TargetUse::IfPresent).unwrap(), Some(vec![7.0]));
    assert_eq!(y(&with, TargetUse::Ignore).unwrap(), None);
    assert_eq!(y(&empty, TargetUse::IfPresent).unwrap(), None);
    assert_error!(y(&empty, TargetUse::Required), Err(TableError::Missing { .. }));
    assert_eq!(y(&without, TargetUse::IfPresent).unwrap(), None);
    assert_error!(
        y(&without, TargetUse::Required),
        Err(TableError::UnknownColumn { role: Role::Target, .. })
    );
}

#[test]
fn a_column_of_another_type_names_its_first_cell() {
    let (encoding, _) =
        learn(&table("a,b,t,y\n1,true,2020-01-01,1\n2,false,2020-01-02,2\n"), &options("y")).unwrap();
    for (csv, words) in [
        ("a,b,t\n1,true,2020-01-01\nlow,true,2020-01-01\n", ["`a`", "row 1", "`low`", "a number"]),
        ("a,b,t\n1,maybe,2020-01-01\n1,true,2020-01-01\n", ["`b`", "row 0", "`maybe`", "true"]),
        ("a,b,t\n1,true,2020-01-01\n1,true,noon\n", ["`t`", "row 1", "`noon`", "date"]),
    ] {
        let error = encoding.apply(&table(csv), TargetUse::Ignore).unwrap_err();
        assert_words(&error, "t.csv", &words);
        assert_error!(error, TableError::Mismatch { .. });
    }
    let encoded = encoding.apply(&table("a,b,t\n1,1,2020-01-01\n"), TargetUse::Ignore).unwrap();
    assert_eq!(encoded.x, faer::mat![[1.0, 1.0, 0.0]]);
}

#[test]
fn a_stored_encoding_gives_the_same_numbers() {
    let table = table("a,c,t,b,y\n0.1,u,2020-01-01,true,1\n0.7,v,2020-01-02 13:00,false,2\n");
    let (encoding, encoded) = encode(&table, &options("y"));
    let stored: Encoding = serde_json::from_str(&serde_json::to_string(&encoding).unwrap()).unwrap();
    assert_eq!(stored, encoding);
    assert_eq!(stored.apply(&table, TargetUse::Required).unwrap().x, encoded.x);
}

// Parquet

fn parquet_of_all_types() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet_types.parquet")).unwrap()
}

/// The table of all types, with the columns named.
fn typed(inputs: &[&str], target: &str, missing: Missing) -> Result<(Encoding, Encoded), TableError> {
    let table = Table::read(&file("t.parquet", parquet_of_all_types()).path).unwrap();
    let inputs = Some(inputs.iter().map(|s| s.to_string()).collect());
    let options = EncodingOptions { inputs, missing, ..options(target) };
    let (encoding, _) = learn(&table, &options)?;
    let encoded = encoding.apply(&table, TargetUse::Required)?;
    Ok((encoding, encoded))
}

#[test]
fn every_parquet_integer_and_float_is_a_number() {
    for name in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] {
        let (encoding, encoded) = typed(&[name], "float32", Missing::Error).unwrap();
        assert_eq!(input(&encoding, &encoded, name), [1.0, 2.0, 100.0], "{name}");
        assert_eq!(encoded.y, Some(vec![0.5, -1.0, 2.25]));
    }
    let (encoding, encoded) = typed(&["float64"], "bool", Missing::Error).unwrap();
    assert_eq!(input(&encoding, &encoded, "float64"), [0.1, 1e300, -3.0]);
    assert_eq!(encoded.y, Some(vec![1.0, 0.0, 1.0]));
}

#[test]
fn parquet_texts_and_categories_are_levels() {
    for name in ["string", "large_string", "dictionary"] {
        let (encoding, encoded) = typed(&[name], "int8", Missing::Error).unwrap();
        assert_eq!(encoding.input_names(), [format!("{name}=a"), format!("{name}=b")]);
        assert_eq!(encoded.x, faer::mat![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    }
}

#[test]
fn parquet_times_of_every_unit_are_hours() {
    for (name, hours) in
        [("date32", 24.0), ("timestamp_ns", 1.0), ("timestamp_us", 1.0), ("timestamp_ms_utc", 1.0)]
    {
        let (encoding, encoded) = typed(&[name], "int8", Missing::Error).unwrap();
        assert_eq!(input(&encoding, &encoded, name), [0.0, hours, 0.0], "{name}");
    }
}

#[test]
fn parquet_nan_and_null_are_missing() {
    let error = typed(&["int16", "nan", "nulls"], "int8", Missing::Error).unwrap_err();
    assert_words(&error, "t.parquet", &["`nan` (2 missing, first in row 1)", "`nulls` (3"]);
    assert_error!(error, TableError::Missing { .. });
}

#[test]
fn parquet_types_that_are_no_numbers_are_refused_only_when_used() {
    for name in ["decimal", "list", "struct", "binary", "duration"] {
        let error = typed(&[name], "int8", Missing::Error).unwrap_err();
        assert_words(&error, "t.parquet", &[name, "float64"]);
        assert_error!(error, TableError::Unsupported { .. });
    }
}

// Writing

#[test]
fn written_numbers_read_back_exactly() {
    let numbers = [
        0.1,
        -0.0,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        -1e-300,
        1e15 + 0.3,
        123_456_789.123_456_78,
        std::f64::consts::PI,
    ];
    let index: Vec<usize> = (0..numbers.len()).collect();
    let folder = tempfile::tempdir().unwrap();
    for name in ["p.csv", "p.csv.gz", "p.parquet"] {
        let path = folder.path().join(name);
        write(&path, &[("i", Values::Indices(&index)), ("mean, y", Values::Numbers(&numbers))]).unwrap();
        let table = Table::read(&path).unwrap();
        let (_, encoded) = encode(&table, &options("mean, y"));
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&encoded.y.unwrap()), bits(&numbers), "{name}");
    }
}

#[test]
fn writing_names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let columns = [("a", Values::Numbers(&[1.0]))];
    assert_error!(write(folder.path().join("p.txt"), &columns), Err(TableError::Extension { .. }));
    assert_error!(write(folder.path().join("none/p.csv"), &columns), Err(TableError::Unwritable { .. }));
}

// Splits

#[test]
fn row_numbers_are_those_of_the_file_before_rows_are_dropped() {
    let table = table("a,y\n1,1\n,2\n3,3\n4,4\n5,5\n");
    let rows = file("rows.txt", "row\n4\n1\n0\n");
    let (train, test) = split::resolve(&Split::TrainRows(rows.path.clone()), table.rows()).unwrap();
    assert_eq!((&train[..], &test[..]), (&[4, 1, 0][..], &[2, 3][..]));
    let (encoding, _) = Encoding::learn(&table, &dropping("y"), &train).unwrap();
    let encoded = encoding.apply(&table, TargetUse::Required).unwrap();
    assert_eq!(encoded.select(&train).y, Some(vec![5.0, 1.0]));
    assert_eq!(encoded.select(&test).y, Some(vec![3.0, 4.0]));
}

#[test]
fn a_file_of_row_numbers_is_checked_line_by_line() {
    let rows = file("rows.txt", "0\n7\n");
    let error = split::resolve(&Split::TrainRows(rows.path.clone()), 5).unwrap_err();
    assert_words(&error, "rows.txt", &["line 2", "row 7", "0 to 4"]);
    assert_error!(error, TableError::RowNumbers { line: 2, .. });
    let one = file("rows.txt", "3\n");
    assert_error!(split::resolve(&Split::TrainRows(one.path.clone()), 5), Err(TableError::TooFewRows { .. }));
    let absent = one.path.with_file_name("none.txt");
    assert_error!(split::resolve(&Split::TrainRows(absent), 5), Err(TableError::Absent { .. }));
}

// Real tables

/// A real table, or a visible notice that there is none.
fn real(name: &str) -> Option<Table> {
    let folder = std::env::var_os("STEINGP_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        eprintln!(
            "SKIPPED: {} is absent; set STEINGP_SHARED_DATA to the folder with the data",
            path.display()
        );
        return None;
    }
    Some(Table::read(&path).unwrap())
}

#[test]
fn servo_reads_whole_from_gzip() {
    let Some(table) = real("uci/servo.csv.gz") else { return };
    let (encoding, encoded) = encode(&table, &options("y"));
    assert_eq!(encoding.input_names(), ["x0", "x1", "x2", "x3"]);
    assert_eq!((encoded.x.nrows(), encoded.x.ncols()), (167, 4));
    assert_eq!((encoded.x[(0, 0)], encoded.y.unwrap()[0]), (0.11976, 0.53477));
}

#[test]
fn the_constant_column_of_challenger_is_left_out() {
    let Some(table) = real("uci/challenger.csv.gz") else { return };
    let (encoding, notices) = learn(&table, &options("y")).unwrap();
    assert_eq!(encoding.input_names(), ["x1", "x2", "x3"]);
    assert_eq!(notices, [Notice::ConstantColumns { columns: vec!["x0".into()] }]);
}

#[test]
fn the_empty_cells_of_the_beijing_pollutants_are_all_counted() {
    let Some(table) = real("air_quality/beijing_pollutants_2013_2017.csv.gz") else { return };
    assert_eq!(table.rows(), 420_768);
    let only = |missing| EncodingOptions {
        inputs: Some(vec!["station_id".into(), "t_hours".into()]),
        missing,
        ..options("no2")
    };
    match learn(&table, &only(Missing::Error)).unwrap_err() {
        TableError::Missing { columns, .. } => assert_eq!((columns.len(), columns[0].count), (1, 12_116)),
        other => panic!("{other:?}"),
    }
    let (_, encoded) = encode(&table, &only(Missing::Drop));
    assert_eq!(encoded.rows.len(), 420_768 - 12_116);
}
