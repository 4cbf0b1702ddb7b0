//! Whether a command printed what a page shows.
//!
//! Lines must occur in this order; others may stand between them. Words must be equal, spaces apart. Numbers agree as
//! [`Agreement`] says, because processors round differently; whole numbers below ten, and numbers within a word, must be
//! equal. `…` stands for anything within a line, and a line of its own
//! for lines left out.

/// How near numbers must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// To 15 %, or to one in the last digit shown where that is more: of fits, whose random paths part where processors round
    /// differently.
    Fit,
    /// To one in the last digit shown: of evaluations.
    LastDigit,
}

impl Agreement {
    fn relative(self) -> f64 {
        match self {
            Agreement::Fit => 0.15,
            Agreement::LastDigit => 0.0,
        }
    }
}

/// The first line of `shown` that `printed` lacks.
pub fn missing<'a>(shown: &'a str, printed: &str, agreement: Agreement) -> Option<&'a str> {
    let mut printed = printed.lines();
    shown
        .lines()
        .filter(|line| !line.trim().is_empty() && line.trim() != "…")
        .find(|line| !printed.any(|candidate| agree(line, candidate, agreement)))
}

fn agree(shown: &str, printed: &str, agreement: Agreement) -> bool {
    let (shown, printed) = (words(shown), words(printed));
    agree_from(&shown, &printed, agreement)
}

fn agree_from(shown: &[&str], printed: &[&str], agreement: Agreement) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => {
            (0..=printed.len()).any(|skip| agree_from(rest, &printed[skip..], agreement))
        }
        ([a, shown @ ..], [b, printed @ ..]) => {
            same(a, b, agreement) && agree_from(shown, printed, agreement)
        }
        _ => false,
    }
}

/// Words of a line; commas count as spaces, so that cells of CSV are words.
fn words(line: &str) -> Vec<&str> {
    line.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect()
}

fn same(shown: &str, printed: &str, agreement: Agreement) -> bool {
    let bare = |word: &str| word.trim_matches(|c| "();:.%".contains(c)).replace('−', "-");
    let frame = |word: &str| word.replace(|c: char| c.is_ascii_digit() || ".−-".contains(c), "");
    if shown == printed {
        return true;
    }
    let (Ok(a), Ok(b)) = (bare(shown).parse::<f64>(), bare(printed).parse::<f64>()) else { return false };
    let is_count = |value: f64| value.fract() == 0.0 && value.abs() < 10.0;
    if frame(shown) != frame(printed) || !bare(shown).contains('.') && is_count(a) {
        return false;
    }
    (a - b).abs() <= last_digit(&bare(shown)).max(agreement.relative() * a.abs())
}

/// What one more in the last digit of a number is worth.
fn last_digit(number: &str) -> f64 {
    let (digits, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10f64.powi(exponent.parse::<i32>().unwrap_or(0) - decimals as i32)
}

#[test]
fn numbers_of_fits_agree_to_a_share_or_their_last_digit_and_words_exactly() {
    for (shown, printed) in [
        ("rmse 1.00 (2.5)", "rmse  1.04   (2.6)"),
        ("0.002", "0.00291"),
        ("1.2e-5", "1.25e-5"),
        ("a, 8 iterations, … s", "a, 8 iterations, 1671 evaluations, 0.77 s"),
        ("−0.50 90 %", "−0.51 91 %"),
        ("q0.05,1.5", "q0.05,1.52"),
    ] {
        assert!(agree(shown, printed, Agreement::Fit), "{shown} against {printed}");
    }
    assert!(
        agree("-1.204", "-1.2041", Agreement::LastDigit) && !agree("-1.204", "-1.206", Agreement::LastDigit)
    );
    for (shown, printed) in [
        ("rmse 1.00", "rmse 1.16"),
        ("5 rows", "6 rows"),
        ("q0.05", "q0.06"),
        ("-0.50", "0.50"),
        ("a b", "a b c"),
        ("(1.00)", "1.00"),
        ("… s", "0.77 ms"),
    ] {
        assert!(!agree(shown, printed, Agreement::Fit), "{shown} against {printed}");
    }
}

#[test]
fn lines_occur_in_order_and_others_may_stand_between() {
    let printed = "a 1\nb 2\nc 3\n";
    assert_eq!(missing("a 1\n…\nc 3\n", printed, Agreement::Fit), None);
    assert_eq!(missing("c 3\na 1\n", printed, Agreement::Fit), Some("a 1"));
    assert_eq!(missing("d\n", printed, Agreement::Fit), Some("d"));
}
