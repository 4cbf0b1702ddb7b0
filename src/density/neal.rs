//! A posterior of a GP with outliers: lengthscale and noise of Neal's regression example.

use super::LogDensity;
use crate::Result;
use crate::kernel::{InputColumns, KernelExpression};
use crate::mean::Mean;
use crate::model::{Criterion, Exact, ExactWorkspace, Target, TargetWorkspace};
use crate::parameter::Bijector;
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Neal's function: 0.3 + 0.4x + 0.5 sin(2.7x) + 1.1/(1 + x²) (Neal 1997, section 6).
pub fn neal_function(x: f64) -> f64 {
    0.3 + 0.4 * x + 0.5 * (2.7 * x).sin() + 1.1 / (1.0 + x * x)
}

/// Share of rows that are outliers, and the two standard deviations of the noise.
const OUTLIERS: f64 = 0.05;
const NOISE: f64 = 0.1;
const OUTLIER_NOISE: f64 = 1.0;

/// Inputs and targets of `rows` rows of Neal's example, drawn with that seed: x ~ N(0, 1), y = f(x) + ε with noise of
/// standard deviation 0.1, or 1 for one row in twenty.
pub fn neal_rows(rows: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut x, mut y) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for _ in 0..rows {
        let (at, noise): (f64, f64) = (StandardNormal.sample(&mut rng), StandardNormal.sample(&mut rng));
        let sd = if rng.random::<f64>() < OUTLIERS { OUTLIER_NOISE } else { NOISE };
        x.push(at);
        y.push(neal_function(at) + sd * noise);
    }
    (x, y)
}

/// log p(log ℓ, log σ² | y): exact GP regression with an RBF kernel of variance 1 on draws from Neal's example.
///
/// The rows are those of [`neal_rows`]. Unnormalised; Gamma(1, 2) priors on ℓ and σ², with the Jacobian of the logarithms.
#[derive(Debug)]
pub struct Neal {
    model: Exact,
}

impl Neal {
    /// On `rows` rows drawn with that seed.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for no row.
    pub fn new(rows: usize, seed: u64) -> Result<Self> {
        let (x, y) = neal_rows(rows, seed);
        let expression: KernelExpression = "rbf".parse()?;
        let kernel = expression.resolve(&InputColumns::unscaled(["x"]))?;
        let inputs = Mat::from_fn(rows, 1, |i, _| x[i]);
        let mut model = Exact::new(inputs.as_ref(), &y, kernel, Mean::Zero)?;
        model.layout_mut().change("kernel.variance", |p| p.fixed = true)?;
        for path in ["kernel.lengthscales[0]", "likelihood.variance"] {
            model.layout_mut().change(path, |p| p.bijector = Bijector::Exp)?;
        }
        Ok(Self { model })
    }

    /// The model: its data, and its layout with z = (log ℓ, log σ²).
    pub fn model(&self) -> &Exact {
        &self.model
    }
}

impl LogDensity for Neal {
    type Workspace = TargetWorkspace<ExactWorkspace>;

    fn dim(&self) -> usize {
        2
    }

    fn workspace(&self) -> Self::Workspace {
        TargetWorkspace::new(&self.model, faer::Par::Seq)
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut Self::Workspace) -> Result<f64> {
        Target::new(&self.model, Criterion::LogDensity)?.evaluate(z, score, workspace)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{close, score_is_the_gradient};
    use super::*;
    use crate::Error;

    #[test]
    fn the_score_is_the_gradient() {
        score_is_the_gradient(&Neal::new(12, 1).unwrap(), &[&[0.2, -3.0], &[-1.0, -1.0], &[1.5, 0.5]]);
    }

    #[test]
    fn two_rows_are_the_closed_form() {
        let neal = Neal::new(2, 3).unwrap();
        let (x, y) = (neal.model().x().to_owned(), neal.model().y().to_vec());
        let z: [f64; 2] = [0.3, -1.0];
        let (ell, noise) = (z[0].exp(), z[1].exp());
        let c = (-0.5 * ((x[(0, 0)] - x[(1, 0)]) / ell).powi(2)).exp();
        let k = 1.0 + noise;
        let determinant = k * k - c * c;
        let quadratic = (k * (y[0] * y[0] + y[1] * y[1]) - 2.0 * c * y[0] * y[1]) / determinant;
        let likelihood = -0.5 * quadratic - 0.5 * determinant.ln() - std::f64::consts::TAU.ln();
        // Gamma(1, 2) is ½ exp(−θ/2); the Jacobian of θ = eᶻ is θ.
        let prior = -0.5 * (ell + noise) - 2.0 * 2f64.ln() + z[0] + z[1];
        let value = neal.evaluate(&z, &mut [0.0; 2], &mut neal.workspace()).unwrap();
        close(&[value], &[likelihood + prior], 1e-12);
    }

    #[test]
    fn the_same_seed_gives_the_same_data() {
        let y = |seed| Neal::new(9, seed).unwrap().model().y().to_vec();
        assert_eq!(y(4), y(4));
        assert_ne!(y(4), y(5));
        assert!(matches!(Neal::new(0, 1).unwrap_err(), Error::Shape { .. }));
    }
}
