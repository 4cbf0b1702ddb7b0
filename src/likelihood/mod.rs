//! Likelihoods p(y | f): how an observation depends on the values of one or several latent functions.
//!
//! A likelihood is structure only; its own parameters come in as a slice, in the order of
//! [`Likelihood::parameters`]. Everything is per observation, so that models decide about memory and threads. Three ways
//! to a Gaussian for the latent values take three things from it: Laplace's method its [`Derivatives`] at a point,
//! variational inference its [`Expectations`] under a Gaussian, expectation propagation its [`Tilted`] moments. Each has
//! a default by quadrature; a likelihood with a closed form overrides it.

pub mod auto;
mod bernoulli;
mod beta;
mod binomial;
#[cfg(test)]
mod check;
mod cubature;
mod exponential;
mod family;
mod gamma;
mod gaussian;
mod heteroscedastic;
mod laplace;
mod log_normal;
mod logistic_normal;
mod negative_binomial;
mod ordinal;
mod poisson;
mod predictive;
mod quadrature;
mod scale_mixture;
mod softmax;
mod special;
mod student_t;
mod tilted;

pub use bernoulli::{Bernoulli, Link};
pub use beta::Beta;
pub use binomial::Binomial;
pub use exponential::Exponential;
pub use family::{Family, Scaling};
pub use gamma::Gamma;
pub use gaussian::Gaussian;
pub use heteroscedastic::Heteroscedastic;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use negative_binomial::NegativeBinomial;
pub use ordinal::Ordinal;
pub use poisson::Poisson;
pub use predictive::{default_cdf, default_log_density, default_moments};
pub use quadrature::default_expectations;
pub use softmax::Softmax;
pub use student_t::StudentT;
pub use tilted::default_tilted;

use crate::parameter::Parameter;
use rand::Rng;

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The target: a number, a count, or the index of a class.
    pub y: f64,
    /// What the target counts from: the exposure of a count, the number of trials of a binomial; 1 elsewhere.
    pub exposure: f64,
}

impl Observation {
    /// With exposure 1.
    pub fn new(y: f64) -> Self {
        Self { y, exposure: 1.0 }
    }

    /// Whether the target is a whole number from 0 on.
    pub(crate) fn is_count(self) -> bool {
        self.y.is_finite() && self.y >= 0.0 && self.y.fract() == 0.0
    }

    /// Whether the target is a positive number.
    pub(crate) fn is_positive(self) -> bool {
        self.y.is_finite() && self.y > 0.0
    }
}

/// A Gaussian for the L latent values behind one observation.
#[derive(Debug, Clone, Copy)]
pub struct LatentGaussian<'a> {
    /// Mean, length L.
    pub mean: &'a [f64],
    /// Covariance, L×L row by row.
    pub covariance: &'a [f64],
}

/// log p(y | f) at one f, with its derivatives in f (length L) and in the likelihood's own parameters φ (length P).
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// log p(y | f), all constants included.
    pub value: f64,
    /// ∂ log p / ∂f, length L.
    pub gradient: Vec<f64>,
    /// ∂² log p / ∂f∂f, L×L row by row.
    pub hessian: Vec<f64>,
    /// The precision that Laplace's method gives this observation: positive semidefinite, L×L. It is −`hessian` where
    /// the likelihood is log-concave and smooth, and the expected (Fisher) information elsewhere.
    pub curvature: Vec<f64>,
    /// ∂ `curvature` / ∂f: entry (a, b, c) at (a L + b) L + c is the derivative of entry (a, b) in f_c.
    pub curvature_by_f: Vec<f64>,
    /// ∂ log p / ∂φ, length P.
    pub value_by: Vec<f64>,
    /// ∂ `gradient` / ∂φ: that in φ_p at p L + a.
    pub gradient_by: Vec<f64>,
    /// ∂ `curvature` / ∂φ: that in φ_p at (p L + a) L + b.
    pub curvature_by: Vec<f64>,
}

impl Derivatives {
    /// Zeros for L latent functions and P parameters.
    pub fn new(latents: usize, parameters: usize) -> Self {
        let square = latents * latents;
        Self {
            value: 0.0,
            gradient: vec![0.0; latents],
            hessian: vec![0.0; square],
            curvature: vec![0.0; square],
            curvature_by_f: vec![0.0; square * latents],
            value_by: vec![0.0; parameters],
            gradient_by: vec![0.0; parameters * latents],
            curvature_by: vec![0.0; parameters * square],
        }
    }

    /// What does not depend on parameters, for one latent function of a log-concave likelihood.
    fn set_concave(&mut self, value: f64, gradient: f64, curvature: f64, curvature_by_f: f64) {
        self.value = value;
        self.gradient[0] = gradient;
        self.hessian[0] = -curvature;
        self.curvature[0] = curvature;
        self.curvature_by_f[0] = curvature_by_f;
    }
}

/// Expectations under a Gaussian q(f) = N(m, S) of one observation's L latent values.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// E log p(y | f).
    pub value: f64,
    /// E ∂ log p / ∂f = ∂/∂m of `value`, length L.
    pub gradient: Vec<f64>,
    /// E ∂² log p / ∂f∂f = 2 ∂/∂S of `value`, L×L.
    pub hessian: Vec<f64>,
    /// E ∂ log p / ∂φ = ∂/∂φ of `value`, length P.
    pub value_by: Vec<f64>,
    /// Room for the derivatives at one node of a quadrature.
    pub node: Derivatives,
}

impl Expectations {
    /// Zeros for L latent functions and P parameters.
    pub fn new(latents: usize, parameters: usize) -> Self {
        let (gradient, hessian) = (vec![0.0; latents], vec![0.0; latents * latents]);
        let node = Derivatives::new(latents, parameters);
        Self { value: 0.0, gradient, hessian, value_by: vec![0.0; parameters], node }
    }
}

/// Z = ∫ p(y | f) N(f | μ, v) df and its derivatives, for one latent function.
#[derive(Debug, Clone)]
pub struct Tilted {
    /// log Z.
    pub log_z: f64,
    /// ∂ log Z / ∂μ: the tilted mean is μ + v × this.
    pub slope: f64,
    /// ∂² log Z / ∂μ²: the tilted variance is v + v² × this.
    pub curvature: f64,
    /// ∂ log Z / ∂φ, length P.
    pub log_z_by: Vec<f64>,
    /// Room for the derivatives at one node of a quadrature.
    pub node: Derivatives,
}

impl Tilted {
    /// Zeros for P parameters.
    pub fn new(parameters: usize) -> Self {
        let node = Derivatives::new(1, parameters);
        Self { log_z: 0.0, slope: 0.0, curvature: 0.0, log_z_by: vec![0.0; parameters], node }
    }
}

/// A Gaussian for the latent values, and how it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approximation {
    /// At the mode, with the curvature there (Rasmussen & Williams, section 3.4).
    Laplace,
    /// With the largest evidence lower bound (Opper & Archambeau 2009).
    Variational,
    /// With the moments of expectation propagation (Minka 2001; Rasmussen & Williams, section 3.6).
    Expectation,
}

/// The density of one observation given the values of L latent functions at its input, with its parameters φ.
///
/// Functions are given `theta` = φ (constrained values), never check the support of `y` (that is [`Likelihood::check`]'s)
/// and return finite numbers for every finite f of reasonable size (|f| ≤ 30 at the least), also far out in the tails.
pub trait Likelihood: std::fmt::Debug + Send + Sync {
    /// Which one it is.
    fn family(&self) -> Family;

    /// Number of latent functions L.
    fn latents(&self) -> usize {
        1
    }

    /// Its parameters φ with priors and start values; paths begin with `likelihood.`.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// Whether −`hessian` is positive semidefinite at every f.
    fn is_log_concave(&self) -> bool {
        true
    }

    /// Whether the log density has two continuous derivatives in f. Where it has not, `hessian` says little and
    /// [`Derivatives::curvature`] is the expected information, log-concave or not.
    fn is_smooth(&self) -> bool {
        true
    }

    /// Number of classes where targets are the indices of classes.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// The Gaussian that particles carry where nobody asks for another one. Expectation propagation is nearest to the truth
    /// and worth it where tilted moments are cheap and far from Gaussian; Laplace's needs no expectations, and
    /// with the expected information it settles where the variational one of a likelihood that is not log-concave wanders.
    fn approximation(&self) -> Approximation {
        Approximation::Variational
    }

    /// Whether the observation lies in the support.
    ///
    /// # Errors
    /// What the target must be, such as "a count must be a whole number from 0 on".
    fn check(&self, at: Observation) -> Result<(), String>;

    /// log p(y | f), all constants included.
    fn log_density(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64;

    /// log p(y | f) and its derivatives.
    fn derivatives(&self, theta: &[f64], at: Observation, f: &[f64], out: &mut Derivatives);

    /// Expectations under a Gaussian of the latent values. The default is for one latent function.
    fn expectations(&self, theta: &[f64], at: Observation, q: LatentGaussian<'_>, out: &mut Expectations) {
        default_expectations(self, theta, at, q, out);
    }

    /// Moments of p(y | f) N(f | mean, variance), for one latent function. Not called where L > 1.
    fn tilted(&self, theta: &[f64], at: Observation, mean: f64, variance: f64, out: &mut Tilted) {
        default_tilted(self, theta, at, mean, variance, out);
    }

    /// E[y | f] and Var[y | f] at an exposure; for classes (softmax) those of the class index are of no use, and the
    /// probabilities come from [`Likelihood::log_density`].
    fn conditional_moments(&self, theta: &[f64], exposure: f64, f: &[f64]) -> (f64, f64);

    /// P(Y ≤ y | f).
    fn conditional_cdf(&self, theta: &[f64], at: Observation, f: &[f64]) -> f64;

    /// A draw of y given f.
    fn sample(&self, theta: &[f64], exposure: f64, f: &[f64], rng: &mut dyn Rng) -> f64;

    /// log ∫ p(y | f) N(f | m, S) df. The default is for one latent function, as are the next two.
    fn predictive_log_density(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        default_log_density(self, theta, at, latent)
    }

    /// Mean and variance of y where f ~ N(m, S).
    fn predictive_moments(&self, theta: &[f64], exposure: f64, latent: LatentGaussian<'_>) -> (f64, f64) {
        default_moments(self, theta, exposure, latent)
    }

    /// P(Y ≤ y) where f ~ N(m, S).
    fn predictive_cdf(&self, theta: &[f64], at: Observation, latent: LatentGaussian<'_>) -> f64 {
        default_cdf(self, theta, at, latent)
    }

    /// The probabilities of the classes 0, 1, … where f ~ N(m, S), into `out`, which has their number.
    fn class_probabilities(&self, theta: &[f64], latent: LatentGaussian<'_>, out: &mut [f64]) {
        for (k, probability) in out.iter_mut().enumerate() {
            *probability = self.predictive_log_density(theta, Observation::new(k as f64), latent).exp();
        }
    }
}
