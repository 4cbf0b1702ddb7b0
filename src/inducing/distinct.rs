//! Rows that differ.

use faer::MatRef;
use std::collections::HashSet;

/// The first `count` rows in the given order that differ from those before in one of the columns.
pub(super) fn distinct_rows(
    x: MatRef<'_, f64>,
    columns: &[usize],
    order: impl Iterator<Item = usize>,
    count: usize,
) -> Vec<usize> {
    let mut seen = HashSet::new();
    // Adding zero makes −0 the zero that it equals.
    let bits = |i: usize| columns.iter().map(|d| (x[(i, *d)] + 0.0).to_bits()).collect::<Vec<_>>();
    order.filter(|i| seen.insert(bits(*i))).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_distinct_in_the_columns_given_and_come_in_order() {
        let x = faer::mat![[0.0, 5.0], [1.0, 5.0], [-0.0, 6.0], [2.0, 5.0], [1.0, 5.0]];
        assert_eq!(distinct_rows(x.as_ref(), &[0], 0..5, 9), [0, 1, 3]);
        assert_eq!(distinct_rows(x.as_ref(), &[0, 1], 0..5, 9), [0, 1, 2, 3]);
        assert_eq!(distinct_rows(x.as_ref(), &[0, 1], (0..5).rev(), 2), [4, 3]);
        assert_eq!(distinct_rows(x.as_ref(), &[], 0..5, 9), [0]);
    }
}
