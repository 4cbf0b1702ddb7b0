//! Affine coordinates in which the target looks like a standard normal: z = L⁻¹(u − û), with LLᵀ its covariance.
//!
//! L is the symmetric square root, so that no coordinate is preferred.

use super::Cloud;
use super::spectrum::Spectrum;
use crate::linalg::elementwise::vectorise;
use crate::{Error, Result};

/// An affine map u = û + L z between the target's coordinates u and whitened ones z.
#[derive(Debug, Clone)]
pub struct Whitening {
    centre: Vec<f64>,
    /// L.
    map: Symmetric,
    inverse: Symmetric,
    /// log |L|.
    log_determinant: f64,
}

/// A symmetric d×d matrix.
#[derive(Debug, Clone)]
enum Symmetric {
    /// Its diagonal, where there is nothing else: with hundreds of coordinates the matrix would cost more than the kernel.
    Diagonal(Vec<f64>),
    /// Row by row.
    Dense(Vec<f64>),
}

impl Whitening {
    /// No change of coordinates.
    pub fn identity(dim: usize) -> Self {
        let map = Symmetric::Diagonal(vec![1.0; dim]);
        Self { centre: vec![0.0; dim], inverse: map.clone(), map, log_determinant: 0.0 }
    }

    /// From a centre and a covariance matrix (d×d, row by row, symmetric), by its symmetric square root.
    /// Eigenvalues are confined to `[floor, ceiling]`.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] where the matrix has no eigendecomposition.
    pub fn from_covariance(centre: Vec<f64>, covariance: &[f64], floor: f64, ceiling: f64) -> Result<Self> {
        Self::from_spectrum(centre, covariance, |v| v.clamp(floor, ceiling).sqrt())
    }

    /// From a centre and the precision there, that is the negative Hessian of the log density. Directions in
    /// which it is flat or curved the wrong way get a precision of `floor`.
    ///
    /// # Errors
    /// As [`Whitening::from_covariance`].
    pub fn from_precision(centre: Vec<f64>, precision: &[f64], floor: f64) -> Result<Self> {
        Self::from_spectrum(centre, precision, |v| v.max(floor).sqrt().recip())
    }

    /// `scale(eigenvalue)`: standard deviation along the eigenvector.
    fn from_spectrum(centre: Vec<f64>, matrix: &[f64], scale: impl Fn(f64) -> f64) -> Result<Self> {
        let d = centre.len();
        if matrix.len() != d * d {
            return Err(Error::Shape { what: "metric", expected: d * d, found: matrix.len() });
        }
        let spectrum = Spectrum::new(matrix, d, "metric of the particles")?;
        let (mut map, mut inverse) = (vec![0.0; d * d], vec![0.0; d * d]);
        spectrum.apply(&scale, &mut map);
        spectrum.apply(|v| scale(v).recip(), &mut inverse);
        let log_determinant = spectrum.values.iter().map(|v| scale(*v).ln()).sum();
        let (map, inverse) = (Symmetric::Dense(map), Symmetric::Dense(inverse));
        Ok(Self { centre, map, inverse, log_determinant })
    }

    /// New coordinates in which a cloud with this mean and covariance (both in the present coordinates) has mean 0
    /// and covariance I.
    ///
    /// # Errors
    /// As [`Whitening::from_covariance`].
    pub fn compose(&self, mean: &[f64], covariance: &[f64]) -> Result<Self> {
        let d = self.dim();
        let mut centre = vec![0.0; d];
        self.unwhiten(mean, &mut centre);
        // Σ_u = L S Lᵀ, with L symmetric.
        let mut half = vec![0.0; d * d];
        let mut full = vec![0.0; d * d];
        // Both are symmetric: L S row by row is S L column by column.
        for (row, out) in covariance.chunks(d.max(1)).zip(half.chunks_mut(d.max(1))) {
            self.map.multiply(row, out);
        }
        for i in 0..d {
            let column: Vec<f64> = (0..d).map(|k| half[k * d + i]).collect();
            self.map.multiply(&column, &mut full[i * d..(i + 1) * d]);
        }
        let mean_variance = full.iter().step_by(d + 1).sum::<f64>() / d.max(1) as f64;
        Self::from_covariance(centre, &full, 1e-12 * mean_variance.max(f64::MIN_POSITIVE), f64::INFINITY)
    }

    /// New coordinates learnt from a cloud (in the target's coordinates): its mean and covariance, shrunk towards the
    /// present metric. `worth`: independent draws that one point of the cloud stands for. With n draws in d dimensions
    /// the sample covariance is worth n − 1 draws, the present metric counts as d of them. Fewer than 2d draws say
    /// nothing of correlations (in directions that the cloud does not span they would find no width at all): then only
    /// the widths of the present coordinates are learnt, against ten draws' worth of the present ones.
    ///
    /// # Errors
    /// As [`Whitening::from_covariance`].
    pub fn learn(&self, cloud: &Cloud, worth: f64) -> Result<Self> {
        const PRIOR_DRAWS: f64 = 10.0;
        let z = self.whiten_cloud(cloud);
        let (draws, dim) = ((z.count() as f64 * worth - 1.0).max(0.0), z.dim());
        let widths_only = draws < 2.0 * dim as f64;
        let share = draws / (draws + if widths_only { PRIOR_DRAWS } else { dim as f64 });
        let mut covariance = z.covariance();
        for (place, c) in covariance.iter_mut().enumerate() {
            let diagonal = place % (dim + 1) == 0;
            *c *= if diagonal || !widths_only { share } else { 0.0 };
            *c += if diagonal { 1.0 - share } else { 0.0 };
        }
        self.compose(&z.mean(), &covariance)
    }

    /// L z, without the centre: a step in z as a step in u, into `u`.
    pub fn stretch(&self, z: &[f64], u: &mut [f64]) {
        self.map.multiply(z, u);
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// log |L|: a volume in u is |L| times that in z.
    pub fn log_determinant(&self) -> f64 {
        self.log_determinant
    }

    /// Standard deviation of coordinate `c` of the target's coordinates: √(LLᵀ)_cc.
    pub fn standard_deviation(&self, c: usize) -> f64 {
        match &self.map {
            Symmetric::Diagonal(scales) => scales[c].abs(),
            Symmetric::Dense(map) => {
                let d = self.dim();
                map[c * d..(c + 1) * d].iter().map(|v| v * v).sum::<f64>().sqrt()
            }
        }
    }

    /// û.
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// u = û + L z, into `u`.
    pub fn unwhiten(&self, z: &[f64], u: &mut [f64]) {
        self.map.multiply(z, u);
        u.iter_mut().zip(&self.centre).for_each(|(u, c)| *u += c);
    }

    /// z = L⁻¹(u − û), into `z`.
    pub fn whiten(&self, u: &[f64], z: &mut [f64]) {
        self.inverse.multiply_difference(u, &self.centre, z);
    }

    /// A score in u becomes a score in z: Lᵀ g (the map is symmetric), into `out`.
    pub fn whiten_score(&self, score: &[f64], out: &mut [f64]) {
        self.map.multiply(score, out);
    }

    /// Whitened copy of a cloud.
    pub fn whiten_cloud(&self, cloud: &Cloud) -> Cloud {
        let mut out = Cloud::zeros(cloud.count(), cloud.dim());
        self.whiten_cloud_into(cloud, &mut out);
        out
    }

    /// Whitened copy of a cloud, into `out`, which takes its size.
    pub fn whiten_cloud_into(&self, cloud: &Cloud, out: &mut Cloud) {
        out.resize(cloud.count());
        cloud.points().zip(out.points_mut()).for_each(|(from, to)| self.whiten(from, to));
    }

    /// Whitened copy of scores.
    pub fn whiten_scores(&self, scores: &Cloud) -> Cloud {
        let mut out = Cloud::zeros(scores.count(), scores.dim());
        self.whiten_scores_into(scores, &mut out);
        out
    }

    /// Whitened copy of scores, into `out`, which takes its size.
    pub fn whiten_scores_into(&self, scores: &Cloud, out: &mut Cloud) {
        out.resize(scores.count());
        scores.points().zip(out.points_mut()).for_each(|(from, to)| self.whiten_score(from, to));
    }
}

impl Symmetric {
    /// The product with a vector, into `out`.
    fn multiply(&self, vector: &[f64], out: &mut [f64]) {
        self.multiply_by(|k| vector[k], out);
    }

    /// The product with u − c, into `out`.
    fn multiply_difference(&self, u: &[f64], c: &[f64], out: &mut [f64]) {
        self.multiply_by(|k| u[k] - c[k], out);
    }

    /// Row by row as columns: sums along rows would not vectorise.
    #[inline(always)]
    fn multiply_by(&self, entry: impl Fn(usize) -> f64, out: &mut [f64]) {
        match self {
            Symmetric::Diagonal(scales) => {
                out.iter_mut().zip(scales).enumerate().for_each(|(k, (o, s))| *o = s * entry(k));
            }
            Symmetric::Dense(rows) => vectorise(
                #[inline(always)]
                || {
                    out.fill(0.0);
                    for (k, row) in rows.chunks_exact(out.len().max(1)).enumerate() {
                        let v = entry(k);
                        out.iter_mut().zip(row).for_each(|(o, a)| *o = a.mul_add(v, *o));
                    }
                },
            ),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn whitening_undoes_itself_and_makes_the_covariance_the_identity() {
        let w = Whitening::from_covariance(vec![1.0, -2.0], &[4.0, 1.0, 1.0, 2.0], 1e-9, 1e9).unwrap();
        let (mut u, mut z) = ([0.0; 2], [0.0; 2]);
        w.unwhiten(&[0.3, 0.7], &mut u);
        w.whiten(&u, &mut z);
        assert!((z[0] - 0.3).abs() < 1e-12 && (z[1] - 0.7).abs() < 1e-12);
        // L Lᵀ = Σ
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        w.whiten_score(&[1.0, 0.0], &mut a);
        w.whiten_score(&[0.0, 1.0], &mut b);
        assert!((a[0] * a[0] + a[1] * a[1] - 4.0).abs() < 1e-12);
        assert!((a[0] * b[0] + a[1] * b[1] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_precision_that_is_not_positive_is_floored() {
        let w = Whitening::from_precision(vec![0.0; 2], &[-3.0, 0.0, 0.0, 4.0], 0.25).unwrap();
        let mut u = [0.0; 2];
        w.unwhiten(&[1.0, 1.0], &mut u);
        assert!((u[0] - 2.0).abs() < 1e-12 && (u[1] - 0.5).abs() < 1e-12);
    }
}
