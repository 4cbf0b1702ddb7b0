//! What an [`Encoding`](super::Encoding) makes of a table.

use super::Notice;
use faer::Mat;

/// A table as numbers, in its own units.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Inputs, N×D.
    pub x: Mat<f64>,
    /// Targets, length N: numbers or indices of classes.
    pub y: Option<Vec<f64>>,
    /// Exposures, length N, positive and finite, where the encoding has one.
    pub exposure: Option<Vec<f64>>,
    /// The row of the table behind each row here, ascending.
    pub rows: Vec<usize>,
    /// What the user should know.
    pub notices: Vec<Notice>,
}

impl Encoded {
    /// The rows that come from the given rows of the table, in the order given; rows that were dropped are skipped.
    pub fn select(&self, table_rows: &[usize]) -> Encoded {
        let found: Vec<usize> =
            table_rows.iter().filter_map(|row| self.rows.binary_search(row).ok()).collect();
        Encoded {
            x: Mat::from_fn(found.len(), self.x.ncols(), |i, d| self.x[(found[i], d)]),
            y: self.y.as_ref().map(|y| found.iter().map(|&i| y[i]).collect()),
            exposure: self.exposure.as_ref().map(|e| found.iter().map(|&i| e[i]).collect()),
            rows: found.iter().map(|&i| self.rows[i]).collect(),
            notices: self.notices.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_rows_are_named_by_the_table_and_dropped_ones_skipped() {
        let encoded = Encoded {
            x: faer::mat![[1.0], [3.0], [4.0]],
            y: Some(vec![10.0, 30.0, 40.0]),
            exposure: Some(vec![0.1, 0.3, 0.4]),
            rows: vec![1, 3, 4],
            notices: vec![],
        };
        let part = encoded.select(&[4, 2, 1]);
        assert_eq!((part.rows, part.y), (vec![4, 1], Some(vec![40.0, 10.0])));
        assert_eq!(part.exposure, Some(vec![0.4, 0.1]));
        assert_eq!(part.x, faer::mat![[4.0], [1.0]]);
    }
}
