//! The mass under a mode, from states that are there already.

use crate::Result;
use crate::stein::{States, Whitening};
use std::f64::consts::PI;

/// log ∫ p̃ over the mode that these states explore, where q is the states' own Gaussian: from
/// 1/Z = E_p[ q / p̃ ] (Gelfand & Dey 1994) by its first two cumulants,
/// log Z ≈ E_p[log p̃ − log q] − ½ Var_p[log p̃ − log q].
/// What the states get wrong about q's width the first term takes back, so that it varies far less than the mean of the
/// ratio itself. No evaluation is needed.
///
/// # Errors
/// Where the states have no finite covariance.
pub fn log_mass(states: &States) -> Result<f64> {
    let (n, d) = (states.points.count() as f64, states.points.dim());
    let whitening = Whitening::identity(d).learn(&states.points, 1.0)?;
    let constant = 0.5 * d as f64 * (2.0 * PI).ln() + whitening.log_determinant();
    let mut z = vec![0.0; d];
    let ratios: Vec<f64> = (states.points.points().zip(&states.log_densities))
        .map(|(point, value)| {
            whitening.whiten(point, &mut z);
            value + 0.5 * z.iter().map(|v| v * v).sum::<f64>() + constant
        })
        .collect();
    let mean = ratios.iter().sum::<f64>() / n;
    let variance = ratios.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n;
    Ok(mean - 0.5 * variance)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::{GaussianTarget, LogDensity};
    use crate::stein::Cloud;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_mass_of_a_gaussian_is_found_from_its_draws() {
        let target =
            GaussianTarget::new(vec![1.0, 0.0, -2.0], vec![4.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.25])
                .unwrap();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut states = States::empty(3);
        for _ in 0..400 {
            let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
            let point = [1.0 + 0.5 * draw(), draw(), -2.0 + 2.0 * draw()];
            let mut score = [0.0; 3];
            let value = target.evaluate(&point, &mut score, &mut ()).unwrap();
            let cloud = |p: &[f64]| Cloud::from_points(3, [p]);
            states.extend(&States {
                points: cloud(&point),
                scores: cloud(&score),
                log_densities: vec![value],
            });
        }
        let exact = 1.5 * (2.0 * PI).ln();
        assert!((log_mass(&states).unwrap() - exact).abs() < 0.1, "{}", log_mass(&states).unwrap() - exact);
    }
}
