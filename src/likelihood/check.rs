//! What every likelihood must satisfy.

use super::{Derivatives, Expectations, LatentGaussian, Likelihood, Observation, Tilted};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Derivatives, expectations, tilted moments, predictions and draws of one observation, against differences, brute-force
/// integrals and frequencies, at these values of the latent functions.
pub(super) fn likelihood_is_consistent(
    likelihood: &dyn Likelihood,
    theta: &[f64],
    at: Observation,
    points: &[Vec<f64>],
) {
    assert_eq!(likelihood.check(at), Ok(()), "the observation lies in the support");
    assert_eq!(likelihood.parameters().len(), theta.len());
    let case = Case { likelihood, theta, at };
    case.is_finite_far_out();
    for f in points {
        assert_eq!(f.len(), likelihood.latents());
        case.derivatives(f);
        case.expectations(f);
        case.draws(f);
        if f.len() == 1 {
            case.tilted(f[0]);
            case.predictions(f[0]);
        }
    }
}

/// Relative to 1 + the size of what is differenced.
const TOLERANCE: f64 = 1e-6;

fn agree(what: &str, found: f64, expected: f64) {
    let error = (found - expected).abs() / (1.0 + expected.abs());
    assert!(error < TOLERANCE, "{what}: {found} against {expected}, relative {error:e}");
}

/// Fourth-order central difference of `f` in number `i` of `x`, by steps of `h`.
fn difference(x: &[f64], i: usize, h: f64, f: impl Fn(&[f64]) -> f64) -> f64 {
    let at = |step: f64| {
        let mut moved = x.to_vec();
        moved[i] += step;
        f(&moved)
    };
    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
}

struct Case<'a> {
    likelihood: &'a dyn Likelihood,
    theta: &'a [f64],
    at: Observation,
}

impl Case<'_> {
    fn derivatives_at(&self, theta: &[f64], f: &[f64]) -> Derivatives {
        let mut out = Derivatives::new(f.len(), theta.len());
        self.likelihood.derivatives(theta, self.at, f, &mut out);
        out
    }

    fn expectations_at(&self, theta: &[f64], mean: &[f64], covariance: &[f64]) -> Expectations {
        let mut out = Expectations::new(mean.len(), theta.len());
        self.likelihood.expectations(theta, self.at, LatentGaussian { mean, covariance }, &mut out);
        out
    }

    fn tilted_at(&self, theta: &[f64], mean: f64, variance: f64) -> Tilted {
        let mut out = Tilted::new(theta.len());
        self.likelihood.tilted(theta, self.at, mean, variance, &mut out);
        out
    }

    /// The difference in parameter `p`.
    fn by(&self, p: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
        difference(self.theta, p, 1e-3 * self.theta[p].abs().max(0.1), f)
    }

    /// At the corners of |f| ≤ 30.
    fn is_finite_far_out(&self) {
        let latents = self.likelihood.latents();
        for corner in 0..1 << latents {
            let f: Vec<f64> = (0..latents).map(|a| if corner >> a & 1 == 0 { -30.0 } else { 30.0 }).collect();
            let found = self.derivatives_at(self.theta, &f);
            let of_f = [&found.gradient, &found.hessian, &found.curvature, &found.curvature_by_f];
            let of_theta = [&found.value_by, &found.gradient_by, &found.curvature_by];
            let mut all = of_f.into_iter().chain(of_theta).flatten().chain([&found.value]);
            assert!(all.all(|number| number.is_finite()), "at {f:?}: {found:?}");
        }
    }

    fn derivatives(&self, f: &[f64]) {
        let (latents, h) = (f.len(), 1e-3);
        let found = self.derivatives_at(self.theta, f);
        agree("value", found.value, self.likelihood.log_density(self.theta, self.at, f));
        for a in 0..latents {
            let of_value = |f: &[f64]| self.likelihood.log_density(self.theta, self.at, f);
            agree("gradient", found.gradient[a], difference(f, a, h, of_value));
            for b in 0..latents {
                let ab = a * latents + b;
                let of_gradient = |f: &[f64]| self.derivatives_at(self.theta, f).gradient[a];
                agree("hessian", found.hessian[ab], difference(f, b, h, of_gradient));
                if self.likelihood.is_log_concave() && self.likelihood.is_smooth() {
                    agree("curvature", found.curvature[ab], -found.hessian[ab]);
                }
                for c in 0..latents {
                    let of_curvature = |f: &[f64]| self.derivatives_at(self.theta, f).curvature[ab];
                    let expected = difference(f, c, h, of_curvature);
                    agree("curvature by f", found.curvature_by_f[ab * latents + c], expected);
                }
            }
        }
        for p in 0..self.theta.len() {
            let of_value = |theta: &[f64]| self.likelihood.log_density(theta, self.at, f);
            agree("value by φ", found.value_by[p], self.by(p, of_value));
            for a in 0..latents {
                let of_gradient = |theta: &[f64]| self.derivatives_at(theta, f).gradient[a];
                agree("gradient by φ", found.gradient_by[p * latents + a], self.by(p, of_gradient));
            }
            for ab in 0..latents * latents {
                let of_curvature = |theta: &[f64]| self.derivatives_at(theta, f).curvature[ab];
                let entry = p * latents * latents + ab;
                agree("curvature by φ", found.curvature_by[entry], self.by(p, of_curvature));
            }
        }
        // Semidefinite along the axes, the diagonal and a skew direction.
        let scale = found.curvature.iter().fold(0.0_f64, |m, c| m.max(c.abs()));
        for direction in 0..latents + 2 {
            let along = |a: usize| match direction.checked_sub(latents) {
                None => f64::from(u8::from(a == direction)),
                Some(0) => 1.0,
                Some(_) => (1.0 + a as f64).sin(),
            };
            let form: f64 = (0..latents * latents)
                .map(|ab| along(ab / latents) * found.curvature[ab] * along(ab % latents))
                .sum();
            assert!(form >= -1e-12 * scale, "the curvature is not semidefinite: {form:e}");
        }
    }

    fn expectations(&self, mean: &[f64]) {
        let latents = mean.len();
        for size in [1e-3, 0.3, 2.0] {
            let covariance: Vec<f64> = (0..latents * latents)
                .map(|ab| if ab / latents == ab % latents { size } else { 0.2 * size })
                .collect();
            let found = self.expectations_at(self.theta, mean, &covariance);
            for a in 0..latents {
                let of_mean = |mean: &[f64]| self.expectations_at(self.theta, mean, &covariance).value;
                agree("expected gradient", found.gradient[a], difference(mean, a, 1e-3, of_mean));
                for b in 0..latents {
                    // An entry of a symmetric matrix moves with its mirror image.
                    let of_covariance = |step: &[f64]| {
                        let mut moved = covariance.clone();
                        moved[a * latents + b] += 0.5 * step[0];
                        moved[b * latents + a] += 0.5 * step[0];
                        self.expectations_at(self.theta, mean, &moved).value
                    };
                    let expected = 2.0 * difference(&[0.0], 0, 1e-3 * size, of_covariance);
                    agree("expected hessian", found.hessian[a * latents + b], expected);
                }
            }
            for p in 0..self.theta.len() {
                let of_theta = |theta: &[f64]| self.expectations_at(theta, mean, &covariance).value;
                agree("expected value by φ", found.value_by[p], self.by(p, of_theta));
            }
        }
    }

    fn tilted(&self, mean: f64) {
        for variance in [1e-3, 0.3, 4.0, 100.0] {
            let found = self.tilted_at(self.theta, mean, variance);
            let log_z = self.log_integral(mean, variance);
            agree("log Z", found.log_z, log_z);
            let h = 1e-3 * variance.sqrt();
            let of_log_z = |mean: &[f64]| self.tilted_at(self.theta, mean[0], variance).log_z;
            agree("slope", found.slope, difference(&[mean], 0, h, of_log_z));
            let of_slope = |mean: &[f64]| self.tilted_at(self.theta, mean[0], variance).slope;
            agree("curvature of log Z", found.curvature, difference(&[mean], 0, h, of_slope));
            for p in 0..self.theta.len() {
                let of_theta = |theta: &[f64]| self.tilted_at(theta, mean, variance).log_z;
                agree("log Z by φ", found.log_z_by[p], self.by(p, of_theta));
            }
            let latent = LatentGaussian { mean: &[mean], covariance: &[variance] };
            let predictive = self.likelihood.predictive_log_density(self.theta, self.at, latent);
            agree("predictive log density", predictive, log_z);
        }
    }

    /// log ∫ p(y | f) N(f | mean, variance) df over 14 standard deviations on either side.
    fn log_integral(&self, mean: f64, variance: f64) -> f64 {
        let logs: Vec<f64> = self
            .grid()
            .map(|(x, w)| {
                let f = [mean + variance.sqrt() * x];
                let value = w.ln() + self.likelihood.log_density(self.theta, self.at, &f);
                if value.is_nan() { f64::NEG_INFINITY } else { value }
            })
            .collect();
        let top = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(*l));
        top + logs.iter().map(|l| (l - top).exp()).sum::<f64>().ln()
    }

    fn predictions(&self, mean: f64) {
        let (theta, at) = (self.theta, self.at);
        for variance in [1e-3, 0.2, 1.5] {
            let latent = LatentGaussian { mean: &[mean], covariance: &[variance] };
            let average = |g: &dyn Fn(f64) -> f64| {
                self.grid().map(|(x, w)| w * g(mean + f64::sqrt(variance) * x)).sum::<f64>()
            };
            let moments = |f: f64| self.likelihood.conditional_moments(theta, at.exposure, &[f]);
            let first = average(&|f| moments(f).0);
            let expected = average(&|f| moments(f).1 + (moments(f).0 - first).powi(2));
            let found = self.likelihood.predictive_moments(theta, at.exposure, latent);
            if expected.is_finite() {
                agree("predictive mean", found.0, first);
                agree("predictive variance", found.1, expected);
            }
            let expected = average(&|f| self.likelihood.conditional_cdf(theta, at, &[f]));
            agree("predictive cdf", self.likelihood.predictive_cdf(theta, at, latent), expected);
        }
    }

    /// Mean, variance and frequencies of draws, within five standard errors.
    fn draws(&self, f: &[f64]) {
        const COUNT: usize = 20_000;
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let draws: Vec<f64> =
            (0..COUNT).map(|_| self.likelihood.sample(self.theta, self.at.exposure, f, &mut rng)).collect();
        let average = |g: &dyn Fn(f64) -> f64| draws.iter().map(|y| g(*y)).sum::<f64>() / COUNT as f64;
        let within = |what: &str, found: f64, expected: f64, variance: f64| {
            let error = (found - expected).abs();
            let allowed = 5.0 * (variance.max(0.0) / COUNT as f64).sqrt() + 1e-3 / COUNT as f64;
            assert!(error <= allowed, "{what} at {f:?}: {found} against {expected}, allowed {allowed:e}");
        };
        for y in &draws {
            let drawn = Observation { y: *y, ..self.at };
            assert_eq!(self.likelihood.check(drawn), Ok(()), "a draw lies in the support");
        }
        if f.len() == 1 || !self.likelihood.family().has_classes() {
            let (mean, variance) = self.likelihood.conditional_moments(self.theta, self.at.exposure, f);
            if variance.is_finite() {
                let first = average(&|y| y);
                within("mean of draws", first, mean, variance);
                let fourth = average(&|y| (y - mean).powi(4));
                let second = average(&|y| (y - mean).powi(2));
                within("variance of draws", second, variance, fourth.max(variance * variance));
            }
        }
        if self.likelihood.family().is_discrete() {
            let probability = self.likelihood.log_density(self.theta, self.at, f).exp();
            let frequency = average(&|y| f64::from(u8::from(y == self.at.y)));
            within("frequency", frequency, probability, probability.max(1e-4));
        }
        let below = self.likelihood.conditional_cdf(self.theta, self.at, f);
        let frequency = average(&|y| f64::from(u8::from(y <= self.at.y)));
        within("frequency below", frequency, below, (below * (1.0 - below)).max(1e-4));
    }

    /// A fine trapezoidal rule for N(0, 1): far more nodes than any rule under test, and more where a kink makes it
    /// converge slowly.
    fn grid(&self) -> impl Iterator<Item = (f64, f64)> {
        let half: i32 = if self.likelihood.is_smooth() { 8000 } else { 300_000 };
        let step = 14.0 / f64::from(half);
        (-half..=half).map(move |i| {
            let x = step * f64::from(i);
            (x, step * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt())
        })
    }
}
