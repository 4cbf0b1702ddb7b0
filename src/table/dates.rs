//! Text columns that were probably meant as dates.

use super::{
    Notice, Table,
    cells::{Kind, Values},
};

/// A notice where more than half of the texts on the rows look like dates or times.
pub(super) fn unread(table: &Table, position: usize, values: &Values<'_>, rows: &[usize]) -> Option<Notice> {
    let Values::Text(texts) = values else { return None };
    let present = || rows.iter().filter_map(|&row| texts[row].as_deref());
    if 2 * present().filter(|text| looks_like_time(text)).count() <= present().count() {
        return None;
    }
    let misfit = table.cells(position).ok()?.read(Kind::Time).err()?;
    Some(Notice::UnreadDates {
        column: table.column_names()[position].clone(),
        place: table.place(misfit.row),
        value: misfit.value,
    })
}

/// `31/01/2020`, `1.2.20`, `31-Jan-2020`, `2020-01` or `13:30`, with anything behind; not a range such as `20-29`.
fn looks_like_time(text: &str) -> bool {
    let after_digits = |text: &'_ str| text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (first, rest) = text.split_at(text.len() - after_digits(text));
    let mut rest = rest.chars();
    let Some(separator) = rest.next().filter(|c| !first.is_empty() && ['-', '/', '.', ':'].contains(c))
    else {
        return false;
    };
    let mut parts = rest.as_str().split(separator);
    let second = parts.next().unwrap_or_default();
    let begins_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let is_part = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    match (separator, parts.next()) {
        (':', _) => begins_with_digit(second),
        (_, Some(third)) => is_part(second) && begins_with_digit(third),
        (_, None) => separator != '.' && first.len() == 4 && second.len() <= 2 && begins_with_digit(second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_other_notations_are_recognised() {
        for text in ["31/01/2020", "1.2.20", "31-Jan-2020", "2020/1/31 12:00", "2020-01", "13:30", "9:05 pm"]
        {
            assert!(looks_like_time(text), "{text}");
        }
    }

    #[test]
    fn ranges_codes_and_words_are_no_dates() {
        for text in
            ["20-29", "a-1-2", "-1", "1/2", "3.5", "12 kg", "", "1-", "1--2", "12:x", "2020-", "10.5 m"]
        {
            assert!(!looks_like_time(text), "{text}");
        }
    }
}
