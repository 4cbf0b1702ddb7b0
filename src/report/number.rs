//! Numbers as a reader wants them.

/// `value` with that many significant digits; very large and very small ones as a power of ten.
pub(super) fn significant(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.max(1);
    // Rounding may carry into the next power of ten: let the formatter round, then read the exponent.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return format!("{}×{}", mantissa.replace('-', "−"), power_of_ten(exponent));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0);
    fixed(value, decimals as usize)
}

/// `value` with at most four significant digits and no trailing zeros.
pub(super) fn short(value: f64) -> String {
    let text = significant(value, 4);
    if text.contains('.') && !text.contains('×') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `value` with that many decimals, a true minus sign, and commas between thousands from 10,000 upwards.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut result = String::new();
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        result.push('−');
    }
    if whole.len() >= 5 {
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i) % 3 == 0 {
                result.push(',');
            }
            result.push(c);
        }
    } else {
        result.push_str(whole);
    }
    if !fraction.is_empty() {
        result.push('.');
        result.push_str(fraction);
    }
    result
}

/// A count.
pub(super) fn count(n: usize) -> String {
    fixed(n as f64, 0)
}

/// A count with its noun: `1 row`, `2 rows`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A fraction as a percentage with at most one decimal, on one line.
pub(super) fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "–".to_owned();
    }
    let tenths = (fraction * 1000.0).round();
    format!("{}\u{a0}%", fixed(tenths / 10.0, usize::from(tenths % 10.0 != 0.0)))
}

/// A duration.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        "–".to_owned()
    } else if seconds < 1.0 {
        format!("{} ms", significant(seconds * 1e3, 2))
    } else if seconds < 120.0 {
        format!("{} s", significant(seconds, 3))
    } else {
        let whole = seconds.round() as u64;
        match whole {
            0..7200 => format!("{} min {} s", whole / 60, whole % 60),
            _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        }
    }
}

/// `10ⁿ`.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let superscript = |c: char| match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    "10".chars().chain(exponent.to_string().chars().map(superscript)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_asked_for() {
        assert_eq!(significant(0.1 + 0.2, 4), "0.3000");
        assert_eq!(significant(-12.5, 4), "−12.50");
        assert_eq!(significant(9.99996, 4), "10.00");
        assert_eq!((short(0.5), short(100.0), short(1.0)), ("0.5".into(), "100".into(), "1".into()));
        assert_eq!(significant(123456.0, 4), "123,456");
        assert_eq!(significant(1.5e7, 3), "1.50×10⁷");
        assert_eq!(significant(-2.5e-7, 2), "−2.5×10⁻⁷");
        assert_eq!(significant(0.0, 4), "0");
        assert_eq!(significant(f64::NAN, 4), "–");
        assert_eq!(significant(f64::NEG_INFINITY, 4), "−∞");
    }

    #[test]
    fn zero_has_no_minus_sign() {
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(fixed(-0.1, 1), "−0.1");
    }

    #[test]
    fn thousands_are_separated_from_ten_thousand() {
        assert_eq!(count(1600), "1600");
        assert_eq!(count(16000), "16,000");
        assert_eq!(count(1234567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
    }

    #[test]
    fn percentages_drop_a_zero_decimal() {
        assert_eq!(percent(0.9), "90\u{a0}%");
        assert_eq!(percent(0.8765), "87.7\u{a0}%");
    }

    #[test]
    fn durations_change_unit() {
        assert_eq!(duration(0.0123), "12 ms");
        assert_eq!(duration(3.21), "3.21 s");
        assert_eq!(duration(187.0), "3 min 7 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
    }
}
