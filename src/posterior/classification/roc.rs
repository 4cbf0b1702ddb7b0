//! The receiver operating characteristic: what a threshold finds against what it finds wrongly.

/// A receiver operating characteristic and the area under it.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// Points (share of negative rows at or above the threshold, share of positive ones), from (0, 0) to (1, 1). Rows
    /// with equal scores make one step.
    pub points: Vec<(f64, f64)>,
    /// Probability that a positive row has a higher score than a negative one, ties counted as one half: the area
    /// under the points (Hanley & McNeil 1982).
    pub auc: f64,
}

impl Roc {
    /// Scores and whether each row is positive, of equal length. `None` where there are only positive or only negative
    /// rows, or where a score is NaN.
    pub fn new(scores: &[f64], positive: &[bool]) -> Option<Self> {
        let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
        let positives = rows.iter().filter(|(_, p)| *p).count();
        let negatives = rows.len() - positives;
        if positives == 0 || negatives == 0 || rows.iter().any(|(s, _)| s.is_nan()) {
            return None;
        }
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut above, mut below) = (0, 0);
        let mut points = vec![(0.0, 0.0)];
        // Twice the number of pairs in the right order: whole, so that nothing rounds.
        let mut pairs = 0;
        for tie in rows.chunk_by(|a, b| a.0 == b.0) {
            let found = tie.iter().filter(|(_, p)| *p).count();
            let wrong = tie.len() - found;
            pairs += wrong * (2 * above + found);
            (above, below) = (above + found, below + wrong);
            points.push((below as f64 / negatives as f64, above as f64 / positives as f64));
        }
        Some(Self { points, auc: 0.5 * pairs as f64 / (positives as f64 * negatives as f64) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ties_make_one_step_and_count_half() {
        let roc = Roc::new(&[0.9, 0.5, 0.5, 0.1], &[true, true, false, false]).unwrap();
        assert_eq!(roc.points, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        // Of four pairs three are in order and one is tied.
        assert_eq!(roc.auc, 0.875);
    }

    #[test]
    fn the_area_is_that_under_the_points_and_the_share_of_ordered_pairs() {
        let scores: Vec<f64> = (0..40).map(|i| f64::from((i * 17) % 23)).collect();
        let positive: Vec<bool> = (0..40).map(|i| (i * 7) % 5 < 2).collect();
        let roc = Roc::new(&scores, &positive).unwrap();
        let under: f64 = roc.points.windows(2).map(|p| 0.5 * (p[1].0 - p[0].0) * (p[1].1 + p[0].1)).sum();
        assert!((roc.auc - under).abs() < 1e-14);
        let (mut ordered, mut pairs) = (0.0, 0.0);
        for i in (0..40).filter(|i| positive[*i]) {
            for j in (0..40).filter(|j| !positive[*j]) {
                ordered += 0.5 * f64::from(1 + (scores[i] - scores[j]).partial_cmp(&0.0).unwrap() as i8);
                pairs += 1.0;
            }
        }
        assert!((roc.auc - ordered / pairs).abs() < 1e-14);
    }

    #[test]
    fn turning_the_scores_round_turns_the_area_round() {
        let scores = [0.1, 0.4, 0.4, 0.8, 0.7, 0.2];
        let positive = [false, true, false, true, false, true];
        let turned = scores.map(|s| -s);
        let sum = Roc::new(&scores, &positive).unwrap().auc + Roc::new(&turned, &positive).unwrap().auc;
        assert!((sum - 1.0).abs() < 1e-15);
    }

    #[test]
    fn one_sort_of_rows_has_no_curve() {
        assert!(Roc::new(&[0.1, 0.2], &[true, true]).is_none());
        assert!(Roc::new(&[0.1, f64::NAN], &[true, false]).is_none());
        assert!(Roc::new(&[], &[]).is_none());
    }
}
