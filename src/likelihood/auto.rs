//! Which likelihood fits a target, judged by its values alone.
//!
//! The rules look at the support and at the shape of the target; the first that holds decides.
//!
//! | the target | likelihood |
//! |---|---|
//! | text or true/false with two values, or two whole numbers | `bernoulli` |
//! | text with another number of values | `softmax` |
//! | 3 to 10 whole numbers in a row from 1 or above, each 5 times on average (a rating) | `ordinal` |
//! | whole numbers ≥ 0, one above 1, mean < 50, ½ ≤ variance / mean ≤ 2 | `poisson` |
//! | the same, variance / mean > 2 | `negative-binomial` |
//! | all between 0 and 1, both excluded | `beta` |
//! | all positive, skewness > 1.5, that of the logarithm smaller in size and at least −0.4 | `log-normal` |
//! | the same, that of the logarithm below −0.4 | `gamma` |
//! | anything else | `gaussian` |
//!
//! **Counts.** Variance / mean is the dispersion index: 1 for a Poisson variable. That of a target is larger, since it
//! contains what the inputs explain; an index above 2 is no proof of overdispersed noise, but the negative binomial has
//! the Poisson as its limit and the reverse is not true. Below ½ the values scatter less than counts of that mean can,
//! and from a mean of 50 on a Gaussian is as good.
//!
//! **Skewed targets.** The logarithm of a log-normal variable is symmetric, that of a gamma variable is skewed to the
//! left: a gamma variable with skewness 1.5 has shape 16/9, and its logarithm the skewness ψ″/ψ′^{3/2} = −0.83. The
//! line between the two is half of that.
//!
//! Heavy tails of a target say nothing about heavy-tailed noise, as what the inputs explain may have them too; so
//! `student-t` is never chosen. O(N log N).

/// The values of a target, as far as they are known before a likelihood is chosen.
#[derive(Debug, Clone, Copy)]
pub enum TargetValues<'a> {
    /// Finite numbers, length N.
    Numbers(&'a [f64]),
    /// Text or true/false.
    Classes {
        /// The C different values.
        names: &'a [String],
    },
}

/// A likelihood, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The likelihood's name on the command line.
    pub family_name: &'static str,
    /// What the target looks like, for the user: a part of a sentence without a full stop.
    pub reason: String,
}

impl Choice {
    fn new(family_name: &'static str, reason: impl Into<String>) -> Self {
        Self { family_name, reason: reason.into() }
    }

    /// Whether the likelihood takes indices of classes.
    pub fn takes_classes(&self) -> bool {
        matches!(self.family_name, "bernoulli" | "softmax" | "ordinal")
    }
}

/// More different whole numbers than this are not a rating.
const MAX_RATINGS: usize = 10;
/// Values that each rating must have on average.
const PER_RATING: usize = 5;
/// From this mean on counts are as good as Gaussian.
const MAX_COUNT_MEAN: f64 = 50.0;
/// The dispersion index of counts, and that above which they are overdispersed.
const DISPERSION: (f64, f64) = (0.5, 2.0);
/// Skewness that a Gaussian should not have to describe.
const STRONG_SKEWNESS: f64 = 1.5;
/// Skewness of the logarithm that parts `gamma` (below) from `log-normal`.
const LOG_SKEWNESS: f64 = -0.4;

/// The likelihood that fits the target's support and shape; the module's table has the rules.
pub fn choose(target: TargetValues<'_>) -> Choice {
    match target {
        TargetValues::Classes { names } => choose_for_classes(names),
        TargetValues::Numbers(values) => whole(values)
            .and_then(|levels| choose_for_whole(values, &levels))
            .or_else(|| choose_for_continuous(values))
            .unwrap_or_else(|| {
                Choice::new(
                    "gaussian",
                    "the target is a number, but no class, count, share or strongly skewed scale",
                )
            }),
    }
}

fn choose_for_classes(names: &[String]) -> Choice {
    match names {
        [only] => Choice::new("softmax", format!("the target has one value, `{only}`")),
        [a, b] => Choice::new("bernoulli", format!("the target has two values, `{a}` and `{b}`")),
        _ => Choice::new("softmax", format!("the target has {} classes", names.len())),
    }
}

/// The different values in ascending order, where all are whole.
fn whole(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| v.fract() != 0.0) {
        return None; // also for values that are not finite: their fraction is not a number
    }
    // Adding 0 takes the sign from −0.
    let mut levels: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    Some(levels)
}

fn choose_for_whole(values: &[f64], levels: &[f64]) -> Option<Choice> {
    let (&low, &high) = (levels.first()?, levels.last()?);
    if let [a, b] = levels {
        return Some(Choice::new("bernoulli", format!("the target has two values, `{a}` and `{b}`")));
    }
    let count = levels.len();
    let is_consecutive = high - low == (count - 1) as f64;
    if is_consecutive
        && low >= 1.0
        && (3..=MAX_RATINGS).contains(&count)
        && values.len() >= PER_RATING * count
    {
        let reason = format!("the target is a rating from {low} to {high}");
        return Some(Choice::new("ordinal", reason));
    }
    if low < 0.0 || high <= 1.0 {
        return None;
    }
    let Moments { mean, variance, .. } = Moments::of(values);
    let dispersion = variance / mean;
    if !(mean < MAX_COUNT_MEAN && dispersion >= DISPERSION.0) {
        return None;
    }
    let (family, size) =
        if dispersion <= DISPERSION.1 { ("poisson", "at most") } else { ("negative-binomial", "above") };
    Some(Choice::new(
        family,
        format!(
            "the target is a count, its variance is {dispersion:.2} times its mean ({size} {})",
            DISPERSION.1
        ),
    ))
}

fn choose_for_continuous(values: &[f64]) -> Option<Choice> {
    let (&first, rest) = values.split_first()?;
    if rest.iter().all(|v| *v == first) {
        return None;
    }
    if values.iter().all(|v| *v > 0.0 && *v < 1.0) {
        return Some(Choice::new("beta", "all values of the target lie between 0 and 1"));
    }
    if !values.iter().all(|v| *v > 0.0 && v.is_finite()) {
        return None;
    }
    let skewness = Moments::of(values).skewness;
    let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
    let of_log = Moments::of(&logs).skewness;
    if !(skewness > STRONG_SKEWNESS && of_log.abs() < skewness) {
        return None;
    }
    let family = if of_log < LOG_SKEWNESS { "gamma" } else { "log-normal" };
    let reason =
        format!("the target is positive with skewness {skewness:.1}, its logarithm has skewness {of_log:.1}");
    Some(Choice::new(family, reason))
}

/// Moments with divisor N.
struct Moments {
    mean: f64,
    variance: f64,
    skewness: f64,
}

impl Moments {
    /// O(N); all zero for values without spread.
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().map(|v| v / n).sum::<f64>();
        // Deviations are divided by the largest before they are raised to powers: those of 1e±200 leave the range of f64.
        let largest = values.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let central = |power| values.iter().map(|v| ((v - mean) / unit).powi(power)).sum::<f64>() / n;
        let second = central(2);
        let skewness = if second > 0.0 { central(3) / second.powf(1.5) } else { 0.0 };
        Self { mean, variance: second * unit * unit, skewness }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use statrs::distribution::{
        ContinuousCDF, DiscreteCDF, Gamma, LogNormal, NegativeBinomial, Normal, Poisson,
    };

    const N: usize = 400;

    /// The quantiles at (i + ½)/N: a sample of N without chance.
    fn quantiles(inverse_cdf: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..N).map(|i| inverse_cdf((i as f64 + 0.5) / N as f64)).collect()
    }

    fn choice(values: &[f64]) -> Choice {
        choose(TargetValues::Numbers(values))
    }

    fn family(values: &[f64]) -> &'static str {
        choice(values).family_name
    }

    fn repeated(levels: &[f64]) -> Vec<f64> {
        levels.iter().cycle().take(20 * levels.len()).copied().collect()
    }

    #[test]
    fn two_values_are_bernoulli_and_more_classes_softmax() {
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let choose = |levels: &[&str]| choose(TargetValues::Classes { names: &names(levels) });
        let two = choose(&["no", "yes"]);
        assert_eq!(two.family_name, "bernoulli");
        assert_eq!(two.reason, "the target has two values, `no` and `yes`");
        let three = choose(&["a", "b", "c"]);
        assert_eq!((three.family_name, three.reason.as_str()), ("softmax", "the target has 3 classes"));
        assert!(two.takes_classes() && three.takes_classes());
        let coded = choice(&repeated(&[0.0, 1.0]));
        assert_eq!(
            (coded.family_name, coded.reason.as_str()),
            ("bernoulli", "the target has two values, `0` and `1`")
        );
        assert_eq!(family(&repeated(&[2.0, 1.0])), "bernoulli");
        assert_eq!(choice(&[-0.0, 0.0, 1.0]).reason, coded.reason);
    }

    #[test]
    fn whole_numbers_in_a_row_from_one_on_are_ratings() {
        let rating = choice(&repeated(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0]));
        assert_eq!(rating.family_name, "ordinal");
        assert_eq!(rating.reason, "the target is a rating from 3 to 8");
        assert!(rating.takes_classes());
        assert_ne!(family(&repeated(&[3.0, 4.0, 6.0])), "ordinal", "one is left out");
        assert_eq!(family(&repeated(&[0.0, 1.0, 2.0, 3.0])), "poisson", "a count may be 0");
        assert_ne!(family(&[1.0, 2.0, 3.0, 4.0, 5.0]), "ordinal", "each value occurs once");
        let many: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_ne!(family(&repeated(&many)), "ordinal", "eleven levels");
    }

    #[test]
    fn the_dispersion_index_parts_poisson_from_negative_binomial() {
        let poisson = Poisson::new(4.0).unwrap();
        let counts = quantiles(|p| poisson.inverse_cdf(p) as f64);
        assert_eq!(family(&counts), "poisson");
        assert!(!choice(&counts).takes_classes());
        // Mean 4, variance 4 + 4²/2 = 12.
        let negative_binomial = NegativeBinomial::new(2.0, 1.0 / 3.0).unwrap();
        assert_eq!(family(&quantiles(|p| negative_binomial.inverse_cdf(p) as f64)), "negative-binomial");
    }

    #[test]
    fn whole_numbers_that_scatter_too_little_or_are_large_are_no_counts() {
        let ages: Vec<f64> = (30..=42).map(f64::from).collect();
        assert_eq!(family(&repeated(&ages)), "gaussian");
        let large: Vec<f64> = counts_about(60.0);
        assert_eq!(family(&large), "gaussian");
        assert_eq!(family(&counts_about(40.0)), "poisson");
        let signed: Vec<f64> = (-5..=5).map(f64::from).collect();
        assert_eq!(family(&repeated(&signed)), "gaussian");
    }

    fn counts_about(mean: f64) -> Vec<f64> {
        let poisson = Poisson::new(mean).unwrap();
        quantiles(|p| poisson.inverse_cdf(p) as f64)
    }

    #[test]
    fn values_strictly_between_zero_and_one_are_beta() {
        assert_eq!(family(&[0.1, 0.5, 0.99]), "beta");
        assert_eq!(family(&[0.0, 0.5, 0.99]), "gaussian");
        assert_eq!(family(&[0.1, 0.5, 1.0]), "gaussian");
    }

    #[test]
    fn skewed_positive_values_are_log_normal_or_gamma_as_their_logarithm_says() {
        let log_normal = LogNormal::new(1.0, 0.8).unwrap();
        assert_eq!(family(&quantiles(|p| log_normal.inverse_cdf(p))), "log-normal");
        for shape in [0.5, 1.0, 1.5] {
            let gamma = Gamma::new(shape, 0.1).unwrap();
            assert_eq!(family(&quantiles(|p| gamma.inverse_cdf(p))), "gamma", "{shape}");
        }
        let mild = Gamma::new(6.0, 1.0).unwrap();
        assert_eq!(family(&quantiles(|p| mild.inverse_cdf(p))), "gaussian");
    }

    #[test]
    fn numbers_of_either_sign_are_gaussian_whatever_their_tails() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        let values = quantiles(|p| normal.inverse_cdf(p));
        assert_eq!(family(&values), "gaussian");
        let heavy: Vec<f64> = values.iter().map(|v| v.powi(5)).collect();
        assert_eq!(family(&heavy), "gaussian");
    }

    #[test]
    fn what_has_no_shape_is_gaussian() {
        for values in [&[][..], &[2.0], &[0.5, 0.5], &[0.0, 0.0], &[f64::INFINITY, 1.0], &[f64::NAN, 0.5]] {
            assert_eq!(family(values), "gaussian", "{values:?}");
        }
    }

    #[test]
    fn the_unit_of_a_skewed_target_does_not_matter() {
        let log_normal = LogNormal::new(0.0, 0.8).unwrap();
        let values = quantiles(|p| log_normal.inverse_cdf(p));
        let skewness = Moments::of(&values).skewness;
        for unit in [1e-200, 1e200] {
            let scaled: Vec<f64> = values.iter().map(|v| unit * v).collect();
            assert!((Moments::of(&scaled).skewness - skewness).abs() < 1e-9, "{unit}");
        }
        let large: Vec<f64> = values.iter().map(|v| 1e200 * v).collect();
        assert_eq!(family(&large), "log-normal");
    }
}
