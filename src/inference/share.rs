//! How mass and particles are shared out between modes.

/// Weights from log masses: exp(l − max l), scaled to sum to 1. Masses that are not finite weigh nothing.
pub(super) fn log_normalised(log_masses: &[f64]) -> Vec<f64> {
    let most = log_masses.iter().copied().filter(|l| l.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> =
        log_masses.iter().map(|l| if l.is_finite() { (l - most).exp() } else { 0.0 }).collect();
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        weights.iter_mut().for_each(|w| *w /= total);
    } else {
        let equal = 1.0 / weights.len().max(1) as f64;
        weights.fill(equal);
    }
    weights
}

/// `count` things in proportion to `weights`, by largest remainder; each weight gets one as long as there are enough,
/// the largest first.
pub(super) fn share_out(count: usize, weights: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let mut shares = vec![0; weights.len()];
    order.iter().take(count).for_each(|&i| shares[i] = 1);
    let total: f64 = weights.iter().sum();
    for _ in weights.len().min(count)..count {
        // The next goes to whoever lacks most.
        let lacks = |i: usize| weights[i] / total * count as f64 - shares[i] as f64;
        let next =
            order.iter().copied().fold(order[0], |best, i| if lacks(i) > lacks(best) { i } else { best });
        shares[next] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_weights_and_nobody_is_forgotten() {
        assert_eq!(share_out(20, &[0.8, 0.2]), [16, 4]);
        assert_eq!(share_out(20, &[0.03, 0.97]), [1, 19]);
        assert_eq!(share_out(20, &[0.005, 0.5, 0.495]), [1, 10, 9]);
        assert_eq!(share_out(1, &[0.3, 0.7]), [0, 1]);
        assert_eq!(share_out(7, &[1.0]), [7]);
    }

    #[test]
    fn log_masses_become_weights() {
        let weights = log_normalised(&[-1000.0, -1000.0 - 4f64.ln(), f64::NAN]);
        assert!((weights[0] - 0.8).abs() < 1e-12 && (weights[1] - 0.2).abs() < 1e-12 && weights[2] == 0.0);
    }
}
