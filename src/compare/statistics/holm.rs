//! Several comparisons at one level.
//!
//! Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6: with the p
//! values in ascending order, the i-th of m counts m − i + 1 times, and none counts less than one before it.

/// Adjusted p values, in the order given: those at most α may be called significant at a family-wise level of α.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; count];
    let mut least: f64 = 0.0;
    for (place, k) in order.into_iter().enumerate() {
        least = least.max(((count - place) as f64 * p_values[k]).min(1.0));
        adjusted[k] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_steps() {
        let found = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
        assert_eq!(adjusted(&[0.7, 0.6]), [1.0, 1.0]);
        assert!(adjusted(&[]).is_empty());
    }
}
