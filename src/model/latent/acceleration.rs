//! Anderson acceleration of the fixed points that sites are (Anderson 1965; Walker & Ni 2011, algorithm AA).
//!
//! With residuals r_k = G(x_k) − x_k of the last steps, the next point is G(x_k) − Σ γ_j ΔG_j with the γ that makes
//! r_k − Σ γ_j Δr_j smallest: a secant method for all sites at a time, for the price of some inner products. It takes about
//! half the steps, each of which costs a factorisation.

use super::blocks;
use super::gaussian::Gaussian;
use super::sites::Sites;

/// Differences that are remembered.
const DEPTH: usize = 4;
/// Ridge of the least squares, relative to the mean square of the differences.
const RIDGE: f64 = 1e-10;

/// The memory of the last steps.
#[derive(Debug)]
pub(super) struct Anderson {
    /// Differences of residuals and of images, oldest overwritten first.
    residuals: Vec<Sites>,
    images: Vec<Sites>,
    last_residual: Sites,
    last_image: Sites,
    /// Steps since the last restart.
    steps: usize,
    root: Vec<f64>,
}

impl Anderson {
    pub(super) fn new(rows: usize, latents: usize) -> Self {
        let none = || Sites::none(rows, latents);
        Self {
            residuals: (0..DEPTH).map(|_| none()).collect(),
            images: (0..DEPTH).map(|_| none()).collect(),
            last_residual: none(),
            last_image: none(),
            steps: 0,
            root: vec![0.0; latents * latents],
        }
    }

    /// Forgets all steps.
    pub(super) fn restart(&mut self) {
        self.steps = 0;
    }

    /// Moves `sites` from x to the accelerated next point, where `image` is G(x). Residuals count in units of the present
    /// posterior standard deviations. Precisions that would become indefinite are those of the image.
    pub(super) fn advance(&mut self, sites: &mut Sites, image: &Sites, gaussian: &Gaussian) {
        let place = (self.steps + DEPTH - 1) % DEPTH;
        if self.steps > 0 {
            let difference = |out: &mut Vec<f64>, last: &[f64], now: &dyn Fn(usize) -> f64| {
                out.iter_mut().zip(last).enumerate().for_each(|(k, (o, l))| *o = now(k) - l);
            };
            let (r, g) = (&mut self.residuals[place], &mut self.images[place]);
            let of_precision = |k: usize| image.precision[k] - sites.precision[k];
            let of_shift = |k: usize| image.shift[k] - sites.shift[k];
            difference(&mut r.precision, &self.last_residual.precision, &of_precision);
            difference(&mut r.shift, &self.last_residual.shift, &of_shift);
            difference(&mut g.precision, &self.last_image.precision, &|k| image.precision[k]);
            difference(&mut g.shift, &self.last_image.shift, &|k| image.shift[k]);
        }
        for (last, (to, from)) in [
            (&mut self.last_residual.precision, (&image.precision, &sites.precision)),
            (&mut self.last_residual.shift, (&image.shift, &sites.shift)),
        ] {
            last.iter_mut().zip(to.iter().zip(from)).for_each(|(l, (t, f))| *l = t - f);
        }
        self.last_image.copy_from(image);
        let count = self.steps.min(DEPTH);
        self.steps += 1;
        sites.copy_from(image);
        let gamma = self.combination(count, gaussian);
        for (difference, gamma) in self.images.iter().zip(gamma).take(count) {
            sites.precision.iter_mut().zip(&difference.precision).for_each(|(s, d)| *s -= gamma * d);
            sites.shift.iter_mut().zip(&difference.shift).for_each(|(s, d)| *s -= gamma * d);
        }
        self.keep_definite(sites, image, gaussian);
    }

    /// γ, by the normal equations of at most [`DEPTH`] unknowns.
    fn combination(&self, count: usize, gaussian: &Gaussian) -> [f64; DEPTH] {
        let mut matrix = [[0.0; DEPTH]; DEPTH];
        let mut gamma = [0.0; DEPTH];
        for a in 0..count {
            for (b, other) in self.residuals.iter().enumerate().take(a + 1) {
                let product = inner(&self.residuals[a], other, gaussian);
                (matrix[a][b], matrix[b][a]) = (product, product);
            }
            gamma[a] = inner(&self.residuals[a], &self.last_residual, gaussian);
        }
        let ridge = RIDGE * (0..count).map(|a| matrix[a][a]).sum::<f64>();
        (0..count).for_each(|a| matrix[a][a] += ridge);
        // Elimination: the matrix is symmetric and, with its ridge, positive definite.
        for a in 0..count {
            for b in a + 1..count {
                let factor = matrix[b][a] / matrix[a][a];
                let row = matrix[a];
                (a..count).for_each(|c| matrix[b][c] -= factor * row[c]);
                gamma[b] -= factor * gamma[a];
            }
        }
        for a in (0..count).rev() {
            let known: f64 = (a + 1..count).map(|c| matrix[a][c] * gamma[c]).sum();
            gamma[a] = (gamma[a] - known) / matrix[a][a];
        }
        if gamma.iter().all(|g| g.is_finite()) { gamma } else { [0.0; DEPTH] }
    }

    fn keep_definite(&mut self, sites: &mut Sites, image: &Sites, gaussian: &Gaussian) {
        let (n, l) = (gaussian.rows, gaussian.latents);
        let square = l * l;
        for i in 0..n {
            let block = i * square..(i + 1) * square;
            let definite = if l == 1 {
                sites.precision[i] > 0.0
            } else {
                blocks::factor(&sites.precision[block.clone()], l, &mut self.root)
            };
            if !definite {
                sites.precision[block.clone()].copy_from_slice(&image.precision[block]);
                (0..l).for_each(|c| sites.shift[c * n + i] = image.shift[c * n + i]);
            }
        }
    }
}

/// Σ over sites of the products, each precision times the variances, each shift times a standard deviation.
fn inner(a: &Sites, b: &Sites, gaussian: &Gaussian) -> f64 {
    let (n, l) = (gaussian.rows, gaussian.latents);
    let mut sum = 0.0;
    for (i, block) in gaussian.covariance.chunks(l * l).enumerate() {
        for c in 0..l {
            let variance = block[c * l + c];
            sum += a.shift[c * n + i] * b.shift[c * n + i] * variance;
            for d in 0..l {
                let k = (i * l + c) * l + d;
                sum += a.precision[k] * b.precision[k] * variance * block[d * l + d];
            }
        }
    }
    sum
}
