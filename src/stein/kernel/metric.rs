//! Matrix-valued kernels by preconditioning (Wang et al. 2019).
//!
//! With a positive definite metric Q, K(x, y) = Q⁻¹ k(Q^½ x, Q^½ y) moves the particles as the scalar k moves them in
//! the coordinates Q^½ x (section 3.1): Q says which steps are long. One Q for all is what whitening does. A mixture of
//! metrics lets every region have its own (section 3.2):
//!
//! K(x, y) = Σ_l w_l(x) w_l(y) K_l(x, y), w_l(x) = N(x; z_l, Q_l⁻¹) / Σ_m N(x; z_m, Q_m⁻¹),
//!
//! with K_l from Q_l and anchors z_l at the particles. Costs: O(d³ + J²d), and O(J³d + Jd³) for the mixture.

use super::{Force, ParticleKernel, SteinKernel};
use crate::stein::{Cloud, Whitening};
use crate::{Error, Result};

/// The force of a kernel seen in other coordinates: a constant metric.
#[derive(Debug)]
pub struct MetricForce {
    kernel: Box<dyn ParticleKernel>,
    particles: Cloud,
    scores: Cloud,
    at: Cloud,
    /// Sums of the kernel in the coordinates of one metric.
    local: Force,
    force: Force,
    value: Vec<f64>,
    gradient: Vec<f64>,
}

impl MetricForce {
    /// For particles in `dim` dimensions.
    ///
    /// # Errors
    /// Those of [`SteinKernel::build`].
    pub fn new(kernel: &SteinKernel, count: usize, dim: usize) -> Result<Self> {
        let zeros = Cloud::zeros(count, dim);
        Ok(Self {
            kernel: kernel.build(dim)?,
            particles: zeros.clone(),
            scores: zeros.clone(),
            at: zeros,
            local: Force::zeros(count, dim),
            force: Force::zeros(count, dim),
            value: vec![0.0; dim],
            gradient: vec![0.0; dim],
        })
    }

    /// The force of `particles` at the points `at`, with the precision matrix Q (d×d, row by row) as metric; its
    /// eigenvalues are floored at `floor`.
    ///
    /// # Errors
    /// Where Q has no spectrum, and what the kernel cannot take from the cloud.
    pub fn compute(
        &mut self,
        precision: &[f64],
        floor: f64,
        particles: &Cloud,
        scores: &Cloud,
        at: &Cloud,
    ) -> Result<&Force> {
        let metric = Whitening::from_precision(vec![0.0; particles.dim()], precision, floor)?;
        self.enter(&metric, particles, scores, at)?;
        self.local.clear(at.count());
        let seen = super::Interaction { particles: &self.particles, scores: &self.scores, at: &self.at };
        self.kernel.add(1.0 / particles.count().max(1) as f64, &seen, &mut self.local);
        self.force.clear(at.count());
        let ones = std::iter::repeat_n(1.0, at.count());
        leave(&metric, ones, &self.local, &mut self.force);
        Ok(&self.force)
    }

    /// The force of `particles` at the points `at` with the mixture of the metrics Q_l (d×d each, one after the other,
    /// positive definite) around `anchors`.
    ///
    /// # Errors
    /// As [`MetricForce::compute`], and [`Error::Shape`] where metrics and anchors differ in number.
    pub fn compute_mixture(
        &mut self,
        anchors: &Cloud,
        precisions: &[f64],
        particles: &Cloud,
        scores: &Cloud,
        at: &Cloud,
    ) -> Result<&Force> {
        let (d, share) = (particles.dim(), 1.0 / particles.count().max(1) as f64);
        let expected = anchors.count() * d * d;
        if precisions.len() != expected {
            return Err(Error::Shape { what: "metrics of the anchors", expected, found: precisions.len() });
        }
        let metrics: Vec<&[f64]> = precisions.chunks(d * d).collect();
        let log_determinants = metrics.iter().map(|q| log_determinant(q, d)).collect::<Result<Vec<f64>>>()?;
        let weights = |x: &[f64]| responsibilities(x, anchors, &metrics, &log_determinants);
        let of_particles: Vec<Vec<f64>> = particles.points().map(weights).collect();
        let of_points: Vec<Vec<f64>> = at.points().map(weights).collect();
        self.force.clear(at.count());
        let mut slopes = Cloud::zeros(particles.count(), d);
        for (l, precision) in metrics.iter().enumerate() {
            let metric = Whitening::from_precision(vec![0.0; d], precision, f64::MIN_POSITIVE)?;
            // ∇ log w_l at the particles, a further score of the pair's weight.
            for ((z, w), slope) in particles.points().zip(&of_particles).zip(slopes.points_mut()) {
                log_weight_slope(l, z, w, anchors, &metrics, slope);
            }
            self.enter(&metric, particles, scores, at)?;
            self.local.clear(at.count());
            let slopes = metric.whiten_scores(&slopes);
            for (i, x) in self.at.points().enumerate() {
                for (j, z) in self.particles.points().enumerate() {
                    let weight = share * of_particles[j][l];
                    self.value.fill(0.0);
                    self.gradient.fill(0.0);
                    self.kernel.add_pair(weight, z, x, &mut self.value, &mut self.gradient);
                    let attraction = self.local.attraction.point_mut(i).iter_mut();
                    let score = self.scores.point(j);
                    attraction.zip(&self.value).zip(score).for_each(|((a, k), g)| *a += k * g);
                    let repulsion = self.local.repulsion.point_mut(i).iter_mut();
                    let pairs = self.value.iter().zip(&self.gradient).zip(slopes.point(j));
                    repulsion.zip(pairs).for_each(|(r, ((k, g), s))| *r += g + k * s);
                }
            }
            leave(&metric, of_points.iter().map(|w| w[l]), &self.local, &mut self.force);
        }
        Ok(&self.force)
    }

    /// The sums of the last call.
    pub fn last(&self) -> &Force {
        &self.force
    }

    /// Sees the clouds in the coordinates of a metric.
    fn enter(&mut self, metric: &Whitening, particles: &Cloud, scores: &Cloud, at: &Cloud) -> Result<()> {
        metric.whiten_cloud_into(particles, &mut self.particles);
        metric.whiten_scores_into(scores, &mut self.scores);
        metric.whiten_cloud_into(at, &mut self.at);
        self.kernel.prepare(&self.particles, &self.scores)
    }
}

/// Adds the sums of a metric's coordinates to those of the common ones: w · Q^−½ φ. The root is symmetric, so that a
/// direction returns by the map that took the score there.
fn leave(metric: &Whitening, weights: impl Iterator<Item = f64>, from: &Force, to: &mut Force) {
    let mut moved = vec![0.0; from.attraction.dim()];
    for (i, weight) in weights.enumerate() {
        for (from, to) in [(&from.attraction, &mut to.attraction), (&from.repulsion, &mut to.repulsion)] {
            metric.whiten_score(from.point(i), &mut moved);
            to.point_mut(i).iter_mut().zip(&moved).for_each(|(t, m)| *t += weight * m);
        }
    }
}

/// w_l(x) for all l, by log-sum-exp.
fn responsibilities(x: &[f64], anchors: &Cloud, metrics: &[&[f64]], log_determinants: &[f64]) -> Vec<f64> {
    let mut weights: Vec<f64> = (anchors.points().zip(metrics).zip(log_determinants))
        .map(|((anchor, q), log_determinant)| 0.5 * (log_determinant - quadratic(q, x, anchor)))
        .collect();
    let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    weights.iter_mut().for_each(|w| *w = (*w - largest).exp());
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= total);
    weights
}

/// ∇ log w_l(x) = −Q_l (x − z_l) + Σ_m w_m(x) Q_m (x − z_m).
fn log_weight_slope(
    l: usize,
    x: &[f64],
    weights: &[f64],
    anchors: &Cloud,
    metrics: &[&[f64]],
    slope: &mut [f64],
) {
    slope.fill(0.0);
    for (m, (anchor, q)) in anchors.points().zip(metrics).enumerate() {
        let factor = weights[m] - if m == l { 1.0 } else { 0.0 };
        for (s, row) in slope.iter_mut().zip(q.chunks(x.len())) {
            *s += factor * row.iter().zip(x).zip(anchor).map(|((q, x), a)| q * (x - a)).sum::<f64>();
        }
    }
}

fn quadratic(q: &[f64], x: &[f64], anchor: &[f64]) -> f64 {
    (q.chunks(x.len()).zip(x).zip(anchor))
        .map(|((row, x_a), anchor_a)| {
            let product: f64 = row.iter().zip(x).zip(anchor).map(|((q, x), a)| q * (x - a)).sum();
            (x_a - anchor_a) * product
        })
        .sum()
}

fn log_determinant(q: &[f64], d: usize) -> Result<f64> {
    let matrix = faer::Mat::from_fn(d, d, |i, j| q[i * d + j]);
    let factor = matrix.llt(faer::Side::Lower).map_err(|_| Error::NotPositiveDefinite {
        matrix: "metric of an anchor",
        size: d,
        jitter: 0.0,
    })?;
    Ok((0..d).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stein::{Bandwidth, SteinForce};

    fn cloud<const J: usize>(points: [[f64; 2]; J]) -> Cloud {
        Cloud::from_points(2, points.iter().map(|p| &p[..]))
    }

    const KERNEL: SteinKernel = SteinKernel::imq(Bandwidth::Fixed(1.3));
    const METRICS: [f64; 8] = [2.0, 0.3, 0.3, 0.5, 0.8, -0.2, -0.2, 1.5];

    fn clouds() -> (Cloud, Cloud) {
        (cloud([[0.1, 0.4], [-0.7, 1.1], [0.9, -0.3]]), cloud([[1.0, -0.2], [0.3, 0.8], [-0.6, 0.4]]))
    }

    #[test]
    fn the_identity_and_equal_metrics_change_nothing() {
        let (z, g) = clouds();
        let mut plain = SteinForce::new(&KERNEL, 3, 2).unwrap();
        plain.compute(&z, &g).unwrap();
        let mut metric = MetricForce::new(&KERNEL, 3, 2).unwrap();
        let one = metric.compute(&[1.0, 0.0, 0.0, 1.0], 1e-9, &z, &g, &z).unwrap().clone();
        let close = |a: &Cloud, b: &Cloud| {
            assert!(a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} {b:?}");
        };
        close(&one.attraction, plain.attraction());
        close(&one.repulsion, plain.repulsion());
        // One anchor has all the weight wherever it is.
        let q = &METRICS[..4];
        let mixture = metric.compute_mixture(&cloud([[3.0, 1.0]]), q, &z, &g, &z).unwrap().clone();
        let constant = metric.compute(q, 1e-9, &z, &g, &z).unwrap();
        close(&mixture.attraction, &constant.attraction);
        close(&mixture.repulsion, &constant.repulsion);
    }

    #[test]
    fn the_repulsion_of_a_mixture_is_the_divergence_of_its_kernel() {
        let (anchors, at) = (cloud([[0.0, 0.5], [1.0, -0.5]]), cloud([[0.3, 0.2]]));
        let (z, step) = ([-0.4, 0.7], 1e-6);
        let mut force = MetricForce::new(&KERNEL, 1, 2).unwrap();
        // Column b of K(z, x): what the score e_b of a single particle at z does at x.
        let mut column = |z: [f64; 2], b: usize| {
            let mut score = [0.0; 2];
            score[b] = 1.0;
            let found = force.compute_mixture(&anchors, &METRICS, &cloud([z]), &cloud([score]), &at).unwrap();
            (found.attraction.point(0).to_vec(), found.repulsion.point(0).to_vec())
        };
        let mut divergence = [0.0; 2];
        for b in 0..2 {
            let (mut up, mut down) = (z, z);
            up[b] += step;
            down[b] -= step;
            let (up, down) = (column(up, b).0, column(down, b).0);
            (0..2).for_each(|a| divergence[a] += (up[a] - down[a]) / (2.0 * step));
        }
        let found = column(z, 0).1;
        assert!((found[0] - divergence[0]).abs() < 1e-8 && (found[1] - divergence[1]).abs() < 1e-8);
        assert!(divergence[0].abs() > 1e-3);
    }
}
