//! Where inference starts from.

use crate::parameter::Layout;
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Spread of random starts around the given one, in unconstrained coordinates.
const SPREAD: f64 = 1.5;
/// Spread of random starts in the coordinates in which each prior is a standard normal: almost as wide as the prior.
const PRIOR_SPREAD: f64 = 0.8;
/// Draws from a prior before it is judged not to reach the support.
const ATTEMPTS: usize = 1000;

/// The layout's own start and `count − 1` random ones around it.
pub(super) fn around(layout: &Layout, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let start = layout.start();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(2);
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    let random =
        (1..count.max(1)).map(|_| start.iter().map(|s| s + SPREAD * draw()).collect()).collect::<Vec<_>>();
    std::iter::once(start).chain(random).collect()
}

/// The layout's own start and `count − 1` random ones around it in the coordinates in which priors are Gaussian.
pub(super) fn between_start_and_prior(layout: &Layout, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let (start, maps) = (layout.start(), layout.gaussian_coordinates());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(5);
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut near = || {
        let moved =
            maps.iter().zip(&start).map(|(map, u)| map.at(map.inverse(*u) + PRIOR_SPREAD * draw()).value);
        moved.collect()
    };
    let random: Vec<Vec<f64>> = (1..count.max(1)).map(|_| near()).collect();
    std::iter::once(start.clone()).chain(random).collect()
}

/// `count` draws from the prior, unconstrained.
pub(super) fn from_prior(layout: &Layout, count: usize, seed: u64) -> Result<Vec<Vec<f64>>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(3);
    (0..count)
        .map(|_| {
            layout
                .free()
                .map(|p| {
                    let draw = |prior: crate::parameter::Prior, rng: &mut ChaCha8Rng| {
                        (0..ATTEMPTS).find_map(|_| p.bijector.inverse(prior.sample(rng)))
                    };
                    p.prior.and_then(|prior| draw(prior, &mut rng)).ok_or_else(|| Error::Parameter {
                        path: p.path.clone(),
                        problem: "its prior has no draw inside its support".into(),
                    })
                })
                .collect()
        })
        .collect()
}
