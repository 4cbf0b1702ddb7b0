//! A few points that stand for many: those with the smallest energy distance to all.
//!
//! J independent draws miss every mean by 1/√J posterior standard deviations. J states chosen so that their energy
//! distance (Székely & Rizzo 2013; support points of Mak & Joseph 2018) to a longer history is small miss it by
//! far less, and the mixture over them predicts like a larger one.

use super::{Cloud, Moments};

/// Sweeps of exchanges after which no gain is worth the time.
const SWEEPS: usize = 10;

/// Indices of `count` of the `points` (whitened, so that distances mean something), by exchange: each chosen
/// point in turn gives way to the one that lowers
/// 2/J Σ_{i∈S} mean_k |x_i − x_k| − 1/J² Σ_{i,j∈S} |x_i − x_j| most. `start`: indices to begin with.
/// Cost: O(n² d + sweeps J n).
pub fn representatives(points: &Cloud, start: Vec<usize>) -> Vec<usize> {
    let (n, count) = (points.count(), start.len());
    let mut distances = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            let squared: f64 =
                points.point(i).iter().zip(points.point(j)).map(|(a, b)| (a - b) * (a - b)).sum();
            distances[i * n + j] = squared.sqrt();
            distances[j * n + i] = squared.sqrt();
        }
    }
    let row = |i: usize| &distances[i * n..(i + 1) * n];
    let to_all: Vec<f64> = (0..n).map(|i| row(i).iter().sum::<f64>() / n as f64).collect();
    let mut chosen = start;
    let mut taken = vec![false; n];
    let mut to_chosen = vec![0.0; n];
    for &i in &chosen {
        taken[i] = true;
        to_chosen.iter_mut().zip(row(i)).for_each(|(t, d)| *t += d);
    }
    for _ in 0..SWEEPS {
        let mut changed = false;
        for place in chosen.iter_mut() {
            let old = *place;
            taken[old] = false;
            to_chosen.iter_mut().zip(row(old)).for_each(|(t, d)| *t -= d);
            let cost = |c: usize| to_all[c] - to_chosen[c] / count as f64;
            let mut best = old;
            for (c, _) in taken.iter().enumerate().filter(|(_, taken)| !**taken) {
                if cost(c) < cost(best) - 1e-12 {
                    best = c;
                }
            }
            *place = best;
            taken[best] = true;
            to_chosen.iter_mut().zip(row(best)).for_each(|(t, d)| *t += d);
            changed |= best != old;
        }
        if !changed {
            break;
        }
    }
    chosen
}

/// Shifts and stretches `points` coordinate by coordinate so that their means and standard deviations (divisor J)
/// are those given. A factor outside ½…2 is not taken: such points say little about the moments.
pub fn match_moments(points: &mut Cloud, wanted: &[Moments]) {
    let count = points.count().max(1) as f64;
    for (c, wanted) in wanted.iter().enumerate() {
        let mean = points.points().map(|p| p[c]).sum::<f64>() / count;
        let variance = points.points().map(|p| (p[c] - mean) * (p[c] - mean)).sum::<f64>() / count;
        let factor = if variance > 0.0 { (wanted.sd / variance.sqrt()).clamp(0.5, 2.0) } else { 1.0 };
        for point in points.points_mut() {
            point[c] = wanted.mean + (point[c] - mean) * factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn representatives_miss_the_mean_by_far_less_than_draws_do() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut cloud = Cloud::zeros(400, 3);
        cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
        let mean = cloud.mean();
        let distance = |chosen: &Cloud| {
            chosen.mean().iter().zip(&mean).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        let first: Vec<usize> = (0..20).collect();
        let (draws, chosen) = (cloud.select(&first), cloud.select(&representatives(&cloud, first)));
        assert!(distance(&chosen) < 0.25 * distance(&draws), "{} {}", distance(&chosen), distance(&draws));
    }

    #[test]
    fn no_point_is_chosen_twice() {
        let cloud = Cloud::from_points(1, [&[0.0][..], &[0.0][..], &[1.0][..], &[5.0][..]]);
        let mut chosen = representatives(&cloud, vec![0, 1, 2]);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 3);
    }

    #[test]
    fn moments_come_out_as_asked() {
        let mut points = Cloud::from_points(1, [&[0.0][..], &[1.0][..], &[5.0][..]]);
        match_moments(&mut points, &[Moments { mean: -2.0, sd: 1.5 }]);
        let mean = points.mean()[0];
        let variance = points.points().map(|p| (p[0] - mean).powi(2)).sum::<f64>() / 3.0;
        assert!((mean + 2.0).abs() < 1e-12 && (variance.sqrt() - 1.5).abs() < 1e-12);
    }
}
