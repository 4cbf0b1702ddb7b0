//! Kernels between particles, and the direction that they give.
//!
//! Each kernel is k(x, y) = κ(|x − y|²) or bilinear; what moves particle i is Σ_j k(z_j, z_i) g_j and
//! Σ_j ∇_{z_j} k(z_j, z_i). For a radial kernel the second sum is −2 Σ_j κ′(D_ij) (z_i − z_j): with κ falling it
//! pushes i away from j.

use super::Cloud;
use serde::{Deserialize, Serialize};

/// How a radial kernel finds its squared width h from the particles' squared distances D.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bandwidth {
    /// h = median D / log J (Liu & Wang 2016; log 2 for J = 2 and below).
    MedianOverLog,
    /// h = median D, without the logarithm that shrinks it.
    Median,
    /// h = 2 median D: exp(−D/h) = exp(−D/(2 median)).
    TwiceMedian,
    /// A constant h.
    Fixed(f64),
}

impl Bandwidth {
    /// h from the off-diagonal squared distances (each pair once), which are put out of order.
    ///
    /// With no pair, or with all particles at one point, h is 1: any positive number does, as every distance is
    /// zero. The median of an even number of distances is the mean of the middle two.
    pub fn squared_width(self, distances: &mut [f64], count: usize) -> f64 {
        if let Bandwidth::Fixed(h) = self {
            return h;
        }
        let median = median(distances);
        if !(median > 0.0 && median.is_finite()) {
            return 1.0;
        }
        match self {
            Bandwidth::MedianOverLog => median / (count.max(2) as f64).ln(),
            Bandwidth::Median => median,
            Bandwidth::TwiceMedian => 2.0 * median,
            Bandwidth::Fixed(h) => h,
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + upper)
}

/// A kernel between particles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteinKernel {
    /// exp(−D/h).
    Rbf(Bandwidth),
    /// Inverse multiquadric (1 + D/h)^−½: its tail reaches particles that the RBF has lost.
    Imq(Bandwidth),
    /// 1 + (x − z̄)ᵀ(y − z̄): holds mean and covariance exactly on a Gaussian target (Liu & Wang 2018) where the
    /// particles outnumber the dimensions; with J ≤ d + 1 a sum leaves it out.
    Bilinear,
    /// Σ w k.
    Sum(Vec<(f64, SteinKernel)>),
}

impl SteinKernel {
    /// Half IMQ with the plain median and half bilinear: the default, for whitened particles.
    pub fn default_mixture() -> Self {
        SteinKernel::Sum(vec![(0.5, SteinKernel::Imq(Bandwidth::Median)), (0.5, SteinKernel::Bilinear)])
    }

    /// The paper's: RBF with h = median / log J.
    pub fn paper() -> Self {
        SteinKernel::Rbf(Bandwidth::MedianOverLog)
    }
}

/// The two sums that move the particles, and what they say about the cloud.
#[derive(Debug, Clone)]
pub struct SteinDirection {
    /// 1/J Σ_j k(z_j, z_i) g_j.
    pub attraction: Cloud,
    /// 1/J Σ_j ∇_{z_j} k(z_j, z_i).
    pub repulsion: Cloud,
    distances: Vec<f64>,
    pairs: Vec<f64>,
    inner_products: Vec<f64>,
}

impl SteinDirection {
    /// Memory for `count` particles in `dim` dimensions.
    pub fn new(count: usize, dim: usize) -> Self {
        Self {
            attraction: Cloud::zeros(count, dim),
            repulsion: Cloud::zeros(count, dim),
            distances: vec![0.0; count * count],
            pairs: Vec::with_capacity(count * count.saturating_sub(1) / 2),
            inner_products: vec![0.0; count * count],
        }
    }

    /// Computes both sums. Cost: O(J²d).
    pub fn compute(&mut self, kernel: &SteinKernel, particles: &Cloud, scores: &Cloud) {
        let count = particles.count();
        for i in 0..count {
            for j in 0..i {
                let d: f64 =
                    particles.point(i).iter().zip(particles.point(j)).map(|(a, b)| (a - b) * (a - b)).sum();
                self.distances[i * count + j] = d;
                self.distances[j * count + i] = d;
            }
        }
        self.attraction.values_mut().fill(0.0);
        self.repulsion.values_mut().fill(0.0);
        self.add(kernel, 1.0 / count.max(1) as f64, particles, scores);
    }

    fn add(&mut self, kernel: &SteinKernel, weight: f64, particles: &Cloud, scores: &Cloud) {
        match kernel {
            SteinKernel::Rbf(bandwidth) => {
                let h = self.squared_width(*bandwidth, particles.count());
                self.add_radial(weight, particles, scores, |d| {
                    let k = (-d / h).exp();
                    (k, -k / h)
                });
            }
            SteinKernel::Imq(bandwidth) => {
                let h = self.squared_width(*bandwidth, particles.count());
                self.add_radial(weight, particles, scores, |d| {
                    let base = 1.0 + d / h;
                    let k = base.powf(-0.5);
                    (k, -0.5 * k / (base * h))
                });
            }
            SteinKernel::Bilinear => self.add_bilinear(weight, particles, scores),
            SteinKernel::Sum(parts) => {
                // A centred cloud of J points spans J − 1 dimensions: a bilinear kernel with J close to d
                // asks of those the variance of all.
                let enough = particles.count() > particles.dim() + 1;
                let kept = |k: &SteinKernel| enough || *k != SteinKernel::Bilinear;
                // What is left takes over the weight of what is left out.
                let total: f64 = parts.iter().map(|(w, _)| w).sum();
                let left: f64 = parts.iter().filter(|(_, k)| kept(k)).map(|(w, _)| w).sum();
                for (part_weight, part) in parts.iter().filter(|(_, k)| kept(k)) {
                    self.add(part, weight * (part_weight * total / left), particles, scores);
                }
            }
        }
    }

    fn squared_width(&mut self, bandwidth: Bandwidth, count: usize) -> f64 {
        self.pairs.clear();
        for i in 1..count {
            self.pairs.extend_from_slice(&self.distances[i * count..i * count + i]);
        }
        bandwidth.squared_width(&mut self.pairs, count)
    }

    /// `kernel(D)` gives κ and dκ/dD.
    fn add_radial(
        &mut self,
        weight: f64,
        particles: &Cloud,
        scores: &Cloud,
        kernel: impl Fn(f64) -> (f64, f64),
    ) {
        let count = particles.count();
        for i in 0..count {
            for j in 0..count {
                let (k, slope) = kernel(self.distances[i * count + j]);
                let (here, there) = (particles.point(i), particles.point(j));
                let attraction = self.attraction.point_mut(i);
                attraction.iter_mut().zip(scores.point(j)).for_each(|(a, g)| *a += weight * k * g);
                let repulsion = self.repulsion.point_mut(i);
                for ((r, a), b) in repulsion.iter_mut().zip(here).zip(there) {
                    *r -= 2.0 * weight * slope * (a - b);
                }
            }
        }
    }

    fn add_bilinear(&mut self, weight: f64, particles: &Cloud, scores: &Cloud) {
        let (count, mean) = (particles.count(), particles.mean());
        for i in 0..count {
            for j in 0..=i {
                let k: f64 = 1.0
                    + (particles.point(i).iter().zip(particles.point(j)).zip(&mean))
                        .map(|((a, b), m)| (a - m) * (b - m))
                        .sum::<f64>();
                self.inner_products[i * count + j] = k;
                self.inner_products[j * count + i] = k;
            }
        }
        for i in 0..count {
            let attraction = self.attraction.point_mut(i);
            for j in 0..count {
                let k = weight * self.inner_products[i * count + j];
                attraction.iter_mut().zip(scores.point(j)).for_each(|(a, g)| *a += k * g);
            }
            // Σ_j ∇_{z_j} (z_j − z̄)ᵀ(z_i − z̄) = J (z_i − z̄), with z̄ held.
            let repulsion = self.repulsion.point_mut(i);
            for ((r, z), m) in repulsion.iter_mut().zip(particles.point(i)).zip(&mean) {
                *r += weight * count as f64 * (z - m);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RADIAL: [SteinKernel; 4] = [
        SteinKernel::Rbf(Bandwidth::MedianOverLog),
        SteinKernel::Rbf(Bandwidth::Median),
        SteinKernel::Imq(Bandwidth::TwiceMedian),
        SteinKernel::Imq(Bandwidth::Fixed(0.7)),
    ];

    fn direction(kernel: &SteinKernel, particles: &Cloud, scores: &Cloud) -> SteinDirection {
        let mut direction = SteinDirection::new(particles.count(), particles.dim());
        direction.compute(kernel, particles, scores);
        direction
    }

    #[test]
    fn with_a_zero_score_two_particles_move_apart() {
        let particles = Cloud::from_points(2, [&[0.0, 0.0][..], &[1.0, 0.5][..]]);
        let scores = Cloud::zeros(2, 2);
        for kernel in RADIAL.iter().chain([&SteinKernel::Bilinear]) {
            let r = direction(kernel, &particles, &scores).repulsion;
            assert!(r.point(0)[0] < 0.0 && r.point(1)[0] > 0.0, "{kernel:?}");
            assert!(r.point(0)[1] < 0.0 && r.point(1)[1] > 0.0, "{kernel:?}");
        }
    }

    #[test]
    fn one_particle_follows_its_score() {
        let particles = Cloud::from_points(2, [&[0.3, -1.0][..]]);
        let scores = Cloud::from_points(2, [&[2.0, 5.0][..]]);
        for kernel in RADIAL.iter().chain([&SteinKernel::default_mixture(), &SteinKernel::Bilinear]) {
            let d = direction(kernel, &particles, &scores);
            assert_eq!(d.attraction.point(0), [2.0, 5.0], "{kernel:?}");
            assert_eq!(d.repulsion.values(), [0.0, 0.0]);
        }
    }

    #[test]
    fn coinciding_particles_are_defined() {
        let particles = Cloud::from_points(1, [&[2.0][..], &[2.0][..], &[2.0][..]]);
        let scores = Cloud::from_points(1, [&[1.0][..], &[1.0][..], &[1.0][..]]);
        for kernel in RADIAL {
            let d = direction(&kernel, &particles, &scores);
            assert!(d.attraction.values().iter().all(|v| (*v - 1.0).abs() < 1e-15), "{kernel:?}");
            assert_eq!(d.repulsion.values(), [0.0; 3]);
        }
    }

    #[test]
    fn repulsion_is_the_gradient_of_the_kernel() {
        let points: [&[f64]; 3] = [&[0.1, 0.4], &[-0.7, 1.1], &[0.9, -0.3]];
        let scores = Cloud::zeros(3, 2);
        let h = 0.7;
        for (kernel, value) in [
            (SteinKernel::Rbf(Bandwidth::Fixed(h)), (|d: f64| (-d / 0.7).exp()) as fn(f64) -> f64),
            (SteinKernel::Imq(Bandwidth::Fixed(h)), |d: f64| (1.0 + d / 0.7).powf(-0.5)),
        ] {
            let found = direction(&kernel, &Cloud::from_points(2, points), &scores).repulsion;
            for i in 0..3 {
                for c in 0..2 {
                    let step = 1e-6;
                    let mut numeric = 0.0;
                    for j in 0..3 {
                        let at = |shift: f64| {
                            let d: f64 = (0..2)
                                .map(|e| {
                                    let moved = points[j][e] + if e == c { shift } else { 0.0 };
                                    (moved - points[i][e]).powi(2)
                                })
                                .sum();
                            value(d)
                        };
                        numeric += (at(step) - at(-step)) / (2.0 * step) / 3.0;
                    }
                    assert!((found.point(i)[c] - numeric).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn the_median_leaves_out_the_diagonal() {
        // Two particles at distance 3: the only distance is the median.
        assert_eq!(Bandwidth::Median.squared_width(&mut [9.0], 2), 9.0);
        assert_eq!(Bandwidth::MedianOverLog.squared_width(&mut [9.0], 2), 9.0 / 2f64.ln());
        assert_eq!(Bandwidth::TwiceMedian.squared_width(&mut [1.0, 3.0, 8.0, 4.0], 4), 7.0);
        assert_eq!(Bandwidth::Median.squared_width(&mut [], 1), 1.0);
        assert_eq!(Bandwidth::Median.squared_width(&mut [0.0, 0.0, 0.0], 3), 1.0);
    }
}
