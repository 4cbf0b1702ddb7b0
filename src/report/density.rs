//! A smooth density of weighted particles that stays within their support.

use super::axis::span;
use super::data::Support;

/// The coordinate in which values of this support have no bounds, and its derivative.
fn unbounded(support: Support, value: f64) -> (f64, f64) {
    match support {
        Support::Real => (value, 1.0),
        Support::Positive => (value.ln(), 1.0 / value),
        Support::Between(low, high) => {
            let (a, b) = (value - low, high - value);
            ((a / b).ln(), 1.0 / a + 1.0 / b)
        }
    }
}

/// A Gaussian kernel density estimate, made in the coordinate without bounds and carried back.
pub(super) struct Density {
    support: Support,
    /// (coordinate, weight); weights sum to one.
    particles: Vec<(f64, f64)>,
    bandwidth: f64,
}

impl Density {
    /// None where no two particles differ. `weights` may be empty. The bandwidth is the normal reference
    /// rule (Silverman 1986, eq. 3.28) with Kish's effective number of particles: few particles get a smooth curve.
    pub fn new(support: Support, values: &[f64], weights: &[f64]) -> Option<Self> {
        let mut particles: Vec<(f64, f64)> = values
            .iter()
            .enumerate()
            .map(|(i, v)| (unbounded(support, *v).0, weights.get(i).copied().unwrap_or(1.0)))
            .filter(|(u, w)| u.is_finite() && w.is_finite() && *w > 0.0)
            .collect();
        let total: f64 = particles.iter().map(|p| p.1).sum();
        let (lo, hi) = span(particles.iter().map(|p| p.0))?;
        if hi - lo <= 1e-9 * lo.abs().max(hi.abs()) {
            return None;
        }
        particles.iter_mut().for_each(|p| p.1 /= total);
        let mean: f64 = particles.iter().map(|(u, w)| u * w).sum();
        let sd = particles.iter().map(|(u, w)| w * (u - mean).powi(2)).sum::<f64>().sqrt();
        let effective = 1.0 / particles.iter().map(|p| p.1 * p.1).sum::<f64>();
        Some(Self { support, particles, bandwidth: 1.06 * sd * effective.powf(-0.2) })
    }

    /// Density at a value.
    pub fn at(&self, value: f64) -> f64 {
        let (u, slope) = unbounded(self.support, value);
        if !u.is_finite() || !slope.is_finite() {
            return 0.0;
        }
        let scale = self.bandwidth * std::f64::consts::TAU.sqrt();
        let kernel = |centre: f64| (-0.5 * ((u - centre) / self.bandwidth).powi(2)).exp() / scale;
        self.particles.iter().map(|(centre, weight)| weight * kernel(*centre)).sum::<f64>() * slope
    }
}

/// The values between which the curve (value, density) has its central mass of that level, by trapezia.
pub(super) fn central_interval(curve: &[(f64, f64)], level: f64) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> =
        curve.iter().copied().filter(|(v, d)| v.is_finite() && d.is_finite()).collect();
    let mut mass = vec![0.0];
    for pair in points.windows(2) {
        let area = 0.5 * (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1);
        mass.push(mass.last().copied().unwrap_or(0.0) + area.max(0.0));
    }
    let total = mass.last().copied().filter(|m| *m > 0.0)?;
    let quantile = |p: f64| {
        let i = mass.iter().position(|m| *m >= p * total).unwrap_or(0);
        points.get(i).map(|q| q.0)
    };
    Some((quantile(0.5 - level / 2.0)?, quantile(0.5 + level / 2.0)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn integral(density: &Density, lo: f64, hi: f64) -> f64 {
        let n = 20_000;
        let h = (hi - lo) / n as f64;
        (0..n).map(|i| density.at(lo + (i as f64 + 0.5) * h) * h).sum()
    }

    #[test]
    fn the_density_integrates_to_one_within_its_support() {
        let values = [0.3, 0.5, 0.9, 0.4];
        let positive = Density::new(Support::Positive, &values, &[]).unwrap();
        assert!((integral(&positive, 0.0, 40.0) - 1.0).abs() < 1e-3);
        assert_eq!(positive.at(-0.1), 0.0);
        let between = Density::new(Support::Between(0.0, 1.0), &values, &[1.0, 2.0, 0.0, 1.0]).unwrap();
        assert!((integral(&between, 0.0, 1.0) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn equal_or_missing_particles_have_no_density() {
        assert!(Density::new(Support::Real, &[2.0; 20], &[]).is_none());
        assert!(Density::new(Support::Real, &[], &[]).is_none());
        assert!(Density::new(Support::Positive, &[f64::NAN, -1.0, 3.0], &[]).is_none());
    }

    #[test]
    fn central_intervals_of_a_uniform_are_its_quantiles() {
        let curve: Vec<(f64, f64)> = (0..=1000).map(|i| (f64::from(i) / 1000.0, 1.0)).collect();
        let (lo, hi) = central_interval(&curve, 0.9).unwrap();
        assert!((lo - 0.05).abs() < 2e-3 && (hi - 0.95).abs() < 2e-3);
        assert!(central_interval(&[], 0.9).is_none());
    }
}
