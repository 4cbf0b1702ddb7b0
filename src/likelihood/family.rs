//! The likelihoods by name: what the command line and model files say.

use super::{
    Bernoulli, Beta, Binomial, Exponential, Gamma, Gaussian, Heteroscedastic, Laplace, Likelihood, Link,
    LogNormal, NegativeBinomial, Ordinal, Poisson, Softmax, StudentT,
    special::{logistic, normal_cdf},
};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A likelihood by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Family {
    /// Normal noise.
    Gaussian,
    /// Two classes, logit link.
    Bernoulli,
    /// Two classes, probit link.
    Probit,
    /// Successes among trials, logit link.
    Binomial,
    /// Counts, log link.
    Poisson,
    /// Counts that vary more than Poisson's, log link.
    NegativeBinomial,
    /// Noise with heavy tails.
    StudentT,
    /// Noise with exponential tails.
    Laplace,
    /// Positive targets, log link.
    Exponential,
    /// Positive targets with a shape, log link.
    Gamma,
    /// Proportions, logit link.
    Beta,
    /// Positive targets whose logarithms are normal.
    LogNormal,
    /// Classes in order, probit link.
    Ordinal,
    /// Classes, one latent function each.
    Softmax,
    /// Normal noise whose variance varies with the inputs.
    Heteroscedastic,
}

/// How targets come to the model's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Mean 0 and standard deviation 1: targets that may be any number.
    Standardise,
    /// Divided by their mean: positive targets, whose latent function is the logarithm of a scale.
    Mean,
    /// Exposures multiplied by the overall rate: counts, whose latent function is the logarithm of a rate.
    Rate,
    /// As they are: classes and proportions.
    None,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Gaussian,
        Self::Bernoulli,
        Self::Probit,
        Self::Binomial,
        Self::Poisson,
        Self::NegativeBinomial,
        Self::StudentT,
        Self::Laplace,
        Self::Exponential,
        Self::Gamma,
        Self::Beta,
        Self::LogNormal,
        Self::Ordinal,
        Self::Softmax,
        Self::Heteroscedastic,
    ];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Bernoulli => "bernoulli",
            Self::Probit => "probit",
            Self::Binomial => "binomial",
            Self::Poisson => "poisson",
            Self::NegativeBinomial => "negative-binomial",
            Self::StudentT => "student-t",
            Self::Laplace => "laplace",
            Self::Exponential => "exponential",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::LogNormal => "log-normal",
            Self::Ordinal => "ordinal",
            Self::Softmax => "softmax",
            Self::Heteroscedastic => "heteroscedastic",
        }
    }

    /// One line on targets and parameters.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Gaussian => "any number; normal noise with one variance",
            Self::Bernoulli => "two classes; the logit of the probability is the latent function",
            Self::Probit => "two classes; the probit of the probability is the latent function",
            Self::Binomial => "successes among trials; the logit of the probability is the latent function",
            Self::Poisson => "counts; the logarithm of the rate is the latent function",
            Self::NegativeBinomial => "counts that vary more than Poisson's: variance μ + μ²/dispersion",
            Self::StudentT => "any number; noise with heavy tails, for outliers",
            Self::Laplace => "any number; noise with exponential tails, the latent function is the median",
            Self::Exponential => "positive numbers; the logarithm of the mean is the latent function",
            Self::Gamma => "positive numbers with a shape; the logarithm of the mean is the latent function",
            Self::Beta => "proportions between 0 and 1; the logit of the mean is the latent function",
            Self::LogNormal => "positive numbers whose logarithms have normal noise",
            Self::Ordinal => "classes in order, cut from a latent function with normal noise",
            Self::Softmax => "classes without an order; one latent function each",
            Self::Heteroscedastic => "any number; normal noise, its log variance is a second latent function",
        }
    }

    /// How its targets come to the model's scale.
    pub fn scaling(self) -> Scaling {
        match self {
            Self::Gaussian | Self::StudentT | Self::Laplace | Self::Heteroscedastic => Scaling::Standardise,
            Self::Exponential | Self::Gamma | Self::LogNormal => Scaling::Mean,
            Self::Poisson | Self::NegativeBinomial => Scaling::Rate,
            Self::Bernoulli | Self::Probit | Self::Binomial | Self::Beta | Self::Ordinal | Self::Softmax => {
                Scaling::None
            }
        }
    }

    /// What a value of the first latent function stands for: the mean of the target on the model's scale, per unit of
    /// exposure; the median where that is log-normal or has Laplace's noise; the probability of the second class. The
    /// value itself where it says nothing without others.
    pub fn response(self, f: f64) -> f64 {
        match self {
            Self::Exponential | Self::Gamma | Self::LogNormal | Self::Poisson | Self::NegativeBinomial => {
                f.exp()
            }
            Self::Bernoulli | Self::Binomial | Self::Beta => logistic(f),
            Self::Probit => normal_cdf(f),
            Self::Gaussian
            | Self::StudentT
            | Self::Laplace
            | Self::Heteroscedastic
            | Self::Ordinal
            | Self::Softmax => f,
        }
    }

    /// Whether targets are counts or classes, with probabilities in place of densities.
    pub fn is_discrete(self) -> bool {
        self.has_classes() || matches!(self, Self::Binomial | Self::Poisson | Self::NegativeBinomial)
    }

    /// Whether targets are the indices of classes.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Bernoulli | Self::Probit | Self::Ordinal | Self::Softmax)
    }

    /// What [`Observation::exposure`](super::Observation::exposure) means, where it means something.
    pub fn uses_exposure(self) -> Option<&'static str> {
        match self {
            Self::Poisson | Self::NegativeBinomial => Some("exposure"),
            Self::Binomial => Some("trials"),
            _ => None,
        }
    }

    /// The likelihood; `classes` is their number, for [`Family::Ordinal`] and [`Family::Softmax`].
    ///
    /// # Errors
    /// [`Error::Invalid`] where these have fewer than two classes.
    pub fn build(self, classes: usize) -> Result<Arc<dyn Likelihood>> {
        if matches!(self, Self::Ordinal | Self::Softmax) && classes < 2 {
            return Err(Error::Invalid(format!("{self} needs at least 2 classes, not {classes}")));
        }
        Ok(match self {
            Self::Gaussian => Arc::new(Gaussian),
            Self::Bernoulli => Arc::new(Bernoulli { link: Link::Logit }),
            Self::Probit => Arc::new(Bernoulli { link: Link::Probit }),
            Self::Binomial => Arc::new(Binomial),
            Self::Poisson => Arc::new(Poisson),
            Self::NegativeBinomial => Arc::new(NegativeBinomial),
            Self::Exponential => Arc::new(Exponential),
            Self::Gamma => Arc::new(Gamma),
            Self::LogNormal => Arc::new(LogNormal),
            Self::StudentT => Arc::new(StudentT),
            Self::Laplace => Arc::new(Laplace),
            Self::Beta => Arc::new(Beta),
            Self::Ordinal => Arc::new(Ordinal::new(classes)),
            Self::Softmax => Arc::new(Softmax::new(classes)),
            Self::Heteroscedastic => Arc::new(Heteroscedastic),
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim().to_lowercase().replace('_', "-");
        Self::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            Error::Invalid(crate::density::unknown("likelihood", &name, &names))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_round_trip_through_text_and_files() {
        assert_eq!(Family::ALL.iter().map(|f| f.name()).collect::<BTreeSet<_>>().len(), Family::ALL.len());
        for family in Family::ALL {
            assert_eq!(family.to_string().parse::<Family>().unwrap(), family);
            let json = serde_json::to_string(&family).unwrap();
            assert_eq!(json, format!("\"{family}\""));
            assert_eq!(serde_json::from_str::<Family>(&json).unwrap(), family);
        }
        assert_eq!(" Student_T ".parse::<Family>().unwrap(), Family::StudentT);
    }

    #[test]
    fn the_response_is_the_mean_of_the_target_where_the_likelihood_has_that_link() {
        for family in Family::ALL {
            if matches!(family, Family::LogNormal | Family::Ordinal | Family::Softmax) {
                continue;
            }
            let likelihood = family.build(2).unwrap();
            let theta: Vec<f64> = likelihood.parameters().iter().map(|p| p.start).collect();
            for f in [-1.3, 0.0, 0.7] {
                let (mean, _) =
                    likelihood.conditional_moments(&theta, 1.0, &[f, 0.0][..likelihood.latents()]);
                assert!((family.response(f) - mean).abs() < 1e-12 * (1.0 + mean.abs()), "{family} at {f}");
            }
        }
        // A log-normal's is the median.
        let half = Family::LogNormal.build(2).unwrap();
        let at = super::super::Observation::new(Family::LogNormal.response(0.7));
        assert!((half.conditional_cdf(&[0.3], at, &[0.7]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn unknown_names_get_the_known_ones_and_the_nearest() {
        let message = "possion".parse::<Family>().unwrap_err().to_string();
        assert!(
            message.contains("negative-binomial") && message.contains("Did you mean `poisson`?"),
            "{message}"
        );
        let message = "weibull".parse::<Family>().unwrap_err().to_string();
        assert!(!message.contains("Did you mean"), "{message}");
    }
}
