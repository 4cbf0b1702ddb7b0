//! Text that must fit and must not break the page.

/// Text for HTML, both between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are not allowed in XML, not even escaped.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Width in px of text set in `size` px. An SVG cannot measure its text, so these are the widths of DejaVu
/// Sans, the widest of the fonts that browsers take for sans-serif: real text is at most this wide.
pub(super) fn width(text: &str, size: f64) -> f64 {
    size * text.chars().map(advance).sum::<f64>()
}

fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' => 0.28,
        ' ' | '\u{a0}' | '.' | ',' | ':' | ';' | '|' | '/' | 'I' | 'f' => 0.35,
        't' | '(' | ')' | '[' | ']' | '-' | '!' => 0.40,
        'r' | '⁰'..='⁹' | '⁻' | '¹' | '²' | '³' => 0.42,
        'c' | 's' | 'z' | '_' | '"' | '–' => 0.55,
        'k' | 'v' | 'x' | 'y' => 0.60,
        'w' | '+' | '=' | '<' | '>' | '×' | '−' | '~' | '#' | '±' => 0.84,
        'm' | 'M' | 'W' | '%' | '…' | '@' => 1.0,
        'A'..='Z' => 0.75,
        c if c.is_ascii() => 0.64,
        c if c < '\u{2e80}' => 0.75,
        _ => 1.05,
    }
}

/// Text cut in the middle, with an ellipsis, to at most `room` px.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let shortened = |keep: usize| -> String {
        let tail = keep / 2;
        let head = keep - tail;
        let left: String = chars[..head].iter().collect();
        let right: String = chars[chars.len() - tail..].iter().collect();
        format!("{}…{}", left.trim_end(), right.trim_start())
    };
    (1..chars.len()).rev().map(shortened).find(|s| width(s, size) <= room).unwrap_or_else(|| "…".to_owned())
}

/// Text in one line where it fits, else in two, the second cut in its middle where it must be.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    if width(text, size) <= room {
        return vec![text.to_owned()];
    }
    // The longest beginning that fits and ends where a word does, else the longest that fits.
    let ends = || {
        text.char_indices()
            .map(|(i, c)| (i + c.len_utf8(), c))
            .filter(|(end, _)| width(&text[..*end], size) <= room)
    };
    let at_word = ends().rfind(|(_, c)| " _-./,;:)]".contains(*c));
    let Some((end, _)) =
        at_word.filter(|(end, _)| width(&text[..*end], size) > 0.3 * room).or_else(|| ends().next_back())
    else {
        return vec![fit(text, size, room)];
    };
    vec![text[..end].trim_end().to_owned(), fit(text[end..].trim_start(), size, room)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_escaped() {
        assert_eq!(escape("<script a=\"b\">'&\u{0}"), "&lt;script a=&quot;b&quot;&gt;&#39;&amp; ");
    }

    #[test]
    fn long_names_lose_their_middle_and_fit() {
        let name = "a rather long column name (units per thousand)=level";
        let short = fit(name, 12.0, 200.0);
        assert!(short.starts_with("a rather") && short.ends_with("level") && short.contains('…'), "{short}");
        assert!(width(&short, 12.0) <= 200.0);
        assert_eq!(fit("x0", 12.0, 200.0), "x0");
        assert_eq!(fit("column", 12.0, 1.0), "…");
        assert_eq!(fit("", 12.0, 0.0), "");
    }

    #[test]
    fn two_lines_break_between_words() {
        let lines = wrap("a rather long column name 3 (units per thousand)=level", 12.0, 200.0);
        assert_eq!(lines, ["a rather long column name 3", "(units per thousand)=level"]);
        assert_eq!(wrap("x0", 12.0, 225.0), ["x0"]);
        assert_eq!(wrap("unbreakablename", 12.0, 60.0).len(), 2);
        assert_eq!(wrap("äöü", 12.0, 1.0), ["…"]);
    }
}
