//! The Gaussian that variational inference fits, z = m + Cε with ε ~ N(0, I), and its path gradient.

/// Which Gaussians are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VariationalFamily {
    /// A variance for each coordinate, no correlations.
    MeanField,
    /// Any covariance.
    #[default]
    FullRank,
}

/// m, log of the diagonal of C, and C below the diagonal (row by row; absent for the mean field), one after the other.
#[derive(Debug, Clone)]
pub(super) struct Variational {
    dim: usize,
    family: VariationalFamily,
    pub parameters: Vec<f64>,
}

impl Variational {
    /// The standard normal on R^d.
    pub(super) fn standard(dim: usize, family: VariationalFamily) -> Self {
        let below = match family {
            VariationalFamily::MeanField => 0,
            VariationalFamily::FullRank => dim * (dim.max(1) - 1) / 2,
        };
        Self { dim, family, parameters: vec![0.0; 2 * dim + below] }
    }

    /// C_ij for j < i.
    fn below(&self, i: usize, j: usize) -> f64 {
        match self.family {
            VariationalFamily::MeanField => 0.0,
            VariationalFamily::FullRank => self.parameters[self.place(i, j)],
        }
    }

    fn place(&self, i: usize, j: usize) -> usize {
        2 * self.dim + i * (i - 1) / 2 + j
    }

    fn diagonal(&self, i: usize) -> f64 {
        self.parameters[self.dim + i].exp()
    }

    /// z = m + Cε.
    pub(super) fn point(&self, noise: &[f64]) -> Vec<f64> {
        (0..self.dim)
            .map(|i| {
                let below: f64 = (0..i).map(|j| self.below(i, j) * noise[j]).sum();
                self.parameters[i] + self.diagonal(i) * noise[i] + below
            })
            .collect()
    }

    /// log q(z) at z = m + Cε.
    pub(super) fn log_density(&self, noise: &[f64]) -> f64 {
        let squares: f64 = noise.iter().map(|v| v * v).sum();
        let log_determinant: f64 = self.parameters[self.dim..2 * self.dim].iter().sum();
        -0.5 * (squares + self.dim as f64 * (2.0 * std::f64::consts::PI).ln()) - log_determinant
    }

    /// Adds the path gradient of log p(z) − log q(z) by the parameters at z = m + Cε, given the score of p there.
    /// The density of q is held while z moves (Roeder, Wu & Duvenaud 2017, "sticking the landing"): the direction at z
    /// is ∇log p(z) + C⁻ᵀε, which vanishes for every ε where q = p.
    pub(super) fn add_gradient(&self, noise: &[f64], score: &[f64], gradient: &mut [f64]) {
        let d = self.dim;
        // C⁻ᵀε by back substitution.
        let mut direction = noise.to_vec();
        for i in (0..d).rev() {
            direction[i] /= self.diagonal(i);
            for j in 0..i {
                direction[j] -= self.below(i, j) * direction[i];
            }
        }
        direction.iter_mut().zip(score).for_each(|(v, s)| *v += s);
        for i in 0..d {
            gradient[i] += direction[i];
            gradient[d + i] += direction[i] * noise[i] * self.diagonal(i);
            if self.family == VariationalFamily::FullRank {
                for j in 0..i {
                    gradient[self.place(i, j)] += direction[i] * noise[j];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N(m, CCᵀ) with m = (1, 2) and C = [[2, 0], [−1, 0.5]].
    fn example() -> Variational {
        let mut q = Variational::standard(2, VariationalFamily::FullRank);
        q.parameters = vec![1.0, 2.0, 2f64.ln(), 0.5f64.ln(), -1.0];
        q
    }

    #[test]
    fn where_the_approximation_is_exact_every_draw_has_a_gradient_of_zero() {
        let q = example();
        // Precision (CCᵀ)⁻¹ of CCᵀ = [[4, −2], [−2, 1.25]].
        let precision = [[1.25, 2.0], [2.0, 4.0]];
        for noise in [[0.3, -1.2], [2.0, 0.1], [-0.7, -0.4]] {
            let z = q.point(&noise);
            let score: Vec<f64> =
                precision.iter().map(|p| -p[0] * (z[0] - 1.0) - p[1] * (z[1] - 2.0)).collect();
            let mut gradient = [0.0; 5];
            q.add_gradient(&noise, &score, &mut gradient);
            assert!(gradient.iter().all(|g| g.abs() < 1e-12), "{gradient:?}");
        }
    }

    #[test]
    fn the_density_at_a_draw_is_that_of_its_gaussian() {
        let q = example();
        let z = q.point(&[0.3, -1.2]);
        assert!((z[0] - 1.6).abs() < 1e-12 && (z[1] - 1.1).abs() < 1e-12, "{z:?}");
        // |CCᵀ| = 1.
        let expected = -0.5 * (0.09 + 1.44) - (2.0 * std::f64::consts::PI).ln();
        assert!((q.log_density(&[0.3, -1.2]) - expected).abs() < 1e-12);
    }
}
