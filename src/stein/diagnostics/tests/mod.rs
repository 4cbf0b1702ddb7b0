#![allow(clippy::unwrap_used)]

mod figures;
mod verdicts;

use super::*;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Draws of N(shift, sd² I) with the scores of N(0, I).
fn normal_cloud(count: usize, dim: usize, (shift, sd): (f64, f64), seed: u64) -> (Cloud, Cloud) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut z = Cloud::zeros(count, dim);
    z.values_mut().iter_mut().for_each(|v| {
        let draw: f64 = StandardNormal.sample(&mut rng);
        *v = shift + sd * draw;
    });
    let mut scores = z.clone();
    scores.values_mut().iter_mut().for_each(|v| *v = -*v);
    (z, scores)
}

const EXACT: (f64, f64) = (0.0, 1.0);

fn diagnose((z, g): &(Cloud, Cloud)) -> SteinDiagnostics {
    SteinDiagnostics::new(z, g, &Whitening::identity(z.dim()))
}
