//! Centres of clusters: Lloyd's iteration from a k-means++ start, in lengthscales.
//!
//! Each row belongs to the nearest centre, and each centre goes to the mean of its rows, until nothing moves. Sources:
//! Lloyd, "Least squares quantization in PCM" (1982); Arthur & Vassilvitskii, "k-means++: the advantages of careful
//! seeding" (2007) for the start, each row drawn with probability in proportion to its squared distance from the centres so
//! far.
//!
//! Own code, because no crate on hand fits: `kmeans` needs a nightly compiler, `rkm` rests on dependencies of 2018, and
//! `linfa-clustering` is sound but brings twenty crates for these lines, among them a second library of arrays and a second
//! generator of random numbers.

use crate::kernel::{Points, STRIP};
use crate::linalg::elementwise::vectorise;
use faer::Mat;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use rayon::prelude::*;

/// Iterations at most: the first few do nearly all, and inducing inputs need no exact optimum.
const ITERATIONS: usize = 30;

/// The nearest centre of each row of a block, and the squared distance to it.
struct Block {
    nearest: Vec<u32>,
    distances: Vec<f64>,
    scratch: Vec<f64>,
}

/// Up to `count` centres (M×D) of the rows of X, with distances in the columns named, each with its lengthscale. Centres
/// are means in every column. Fewer where fewer rows differ in these columns.
pub(super) fn centres(
    x: Points<'_>,
    lengthscales: &[(usize, f64)],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Mat<f64> {
    let mut blocks: Vec<Block> = (0..x.rows().div_ceil(STRIP))
        .map(|b| {
            let rows = STRIP.min(x.rows() - b * STRIP);
            Block { nearest: vec![0; rows], distances: vec![1.0; rows], scratch: vec![0.0; rows] }
        })
        .collect();
    let mut centres = start(x, lengthscales, count, &mut blocks, rng);
    for _ in 0..ITERATIONS {
        let moved = to_means(x, &blocks, &mut centres);
        if !moved {
            break;
        }
        blocks.par_iter_mut().enumerate().for_each(|(b, block)| {
            let x = x.slice(b * STRIP, block.nearest.len());
            block.distances.fill(f64::INFINITY);
            (0..).zip(&centres).for_each(|(c, centre)| block.compare(x, lengthscales, centre, c));
        });
    }
    Mat::from_fn(centres.len(), x.dim(), |c, d| centres[c][d])
}

/// k-means++: leaves each row's nearest centre in the blocks. Before the first centre all rows are equally likely.
fn start(
    x: Points<'_>,
    lengthscales: &[(usize, f64)],
    count: usize,
    blocks: &mut [Block],
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<f64>> {
    let mut centres: Vec<Vec<f64>> = Vec::new();
    for c in 0..count as u32 {
        // No weight is left where every row is a centre.
        let Ok(rows) = WeightedIndex::new(blocks.iter().flat_map(|b| &b.distances)) else { break };
        let mut centre = vec![0.0; x.dim()];
        x.row_into(rows.sample(rng), &mut centre);
        blocks.par_iter_mut().enumerate().for_each(|(b, block)| {
            if c == 0 {
                block.distances.fill(f64::INFINITY);
            }
            block.compare(x.slice(b * STRIP, block.nearest.len()), lengthscales, &centre, c);
        });
        centres.push(centre);
    }
    centres
}

impl Block {
    /// Rows nearer to this centre than to those before go over to it.
    fn compare(&mut self, x: Points<'_>, lengthscales: &[(usize, f64)], centre: &[f64], number: u32) {
        let Self { nearest, distances, scratch } = self;
        vectorise(
            #[inline(always)]
            || {
                scratch.fill(0.0);
                for &(column, lengthscale) in lengthscales {
                    let (z, inverse) = (centre[column], 1.0 / lengthscale);
                    for (s, x) in scratch.iter_mut().zip(x.column(column)) {
                        let t = (x - z) * inverse;
                        *s = t.mul_add(t, *s);
                    }
                }
                for ((n, d), s) in nearest.iter_mut().zip(distances).zip(&*scratch) {
                    let nearer = *s < *d;
                    *n = if nearer { number } else { *n };
                    *d = if nearer { *s } else { *d };
                }
            },
        );
    }
}

/// Moves each centre to the mean of its rows, and one without rows nowhere; says whether any moved.
fn to_means(x: Points<'_>, blocks: &[Block], centres: &mut [Vec<f64>]) -> bool {
    let mut counts = vec![0.0; centres.len()];
    let mut sums = vec![vec![0.0; x.dim()]; centres.len()];
    let nearest = blocks.iter().flat_map(|b| &b.nearest).map(|n| *n as usize);
    let mut row = vec![0.0; x.dim()];
    for (i, n) in nearest.enumerate() {
        counts[n] += 1.0;
        x.row_into(i, &mut row);
        sums[n].iter_mut().zip(&row).for_each(|(s, x)| *s += x);
    }
    let mut moved = false;
    for ((centre, sum), count) in centres.iter_mut().zip(sums).zip(counts) {
        let mean: Vec<f64> = sum.into_iter().map(|s| s / count).collect();
        if count > 0.0 && mean != *centre {
            *centre = mean;
            moved = true;
        }
    }
    moved
}
