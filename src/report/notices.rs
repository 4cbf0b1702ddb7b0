//! What a fit has to say for itself.

use super::data::{Notice, Severity};
use super::from_fit::FitContext;
use super::number;
use crate::fit::CorrectionSummary;
use crate::inference::ChainDiagnostics;
use crate::likelihood::Scaling;

/// The notices of data and fit, then what the method found out and what a reader must know of the numbers.
pub(super) fn notices(context: &FitContext<'_>) -> Vec<Notice> {
    let fit = context.fit;
    let mut notices: Vec<Notice> = context
        .notices
        .iter()
        .map(|text| {
            let severity = if fit.notices.contains(text) { Severity::Warning } else { Severity::Notice };
            Notice { severity, text: text.clone() }
        })
        .collect();
    if let Some(c) = &fit.chains {
        notices.push(Notice { severity: Severity::Notice, text: chains(c) });
    }
    if let Some(bound) = &fit.elbo {
        notices.push(Notice {
            severity: Severity::Notice,
            text: format!("evidence lower bound {:.2} ± {:.2}", bound.value, bound.standard_error),
        });
    }
    if let Some(p) = &fit.polish {
        notices.push(Notice {
            severity: Severity::Notice,
            text: format!(
                "Metropolis-adjusted moves polished the particles of the heaviest mode: {} of them accepted, moments \
                 from {}",
                number::percent(p.acceptance),
                number::counted(p.states, "state")
            ),
        });
    }
    if let Some(c) = &fit.correction {
        notices.push(Notice { severity: Severity::Notice, text: correction(c) });
    }
    if fit.failed_evaluations > 0 {
        notices.push(Notice {
            severity: Severity::Notice,
            text: format!(
                "{} of {} evaluations failed and were skipped",
                fit.failed_evaluations, fit.evaluations
            ),
        });
    }
    if fit.interrupted {
        notices.push(Notice {
            severity: Severity::Warning,
            text: "the run was interrupted: this is what there was at the time".into(),
        });
    }
    let scaling = &context.fit.model.details().standardisation;
    let family = context.fit.model.model().family();
    let is_scaled =
        [scaling.target_scale, scaling.exposure_scale].iter().chain(&scaling.input_scale).any(|s| *s != 1.0);
    if is_scaled {
        notices.push(Notice {
            severity: Severity::Notice,
            text: format!(
                "parameters are on the model's scale: {} on the training rows",
                scaled(family.scaling())
            ),
        });
    }
    notices
}

/// What is done to inputs and targets before a model sees them.
fn scaled(scaling: Scaling) -> &'static str {
    match scaling {
        Scaling::Standardise => "inputs and target have mean 0 and standard deviation 1",
        Scaling::Mean => "inputs have mean 0 and standard deviation 1, and the target is divided by its mean",
        Scaling::Rate => {
            "inputs have mean 0 and standard deviation 1, and a latent function of 0 stands for the overall rate"
        }
        Scaling::None => "inputs have mean 0 and standard deviation 1",
    }
}

/// What importance sampling says about the Gaussians for latent values.
pub(crate) fn correction(c: &CorrectionSummary) -> String {
    let outcome = match c.applied {
        true => "the particles' weights follow it",
        false if c.sd_log_ratio.powi(2) <= 2.0 * c.standard_error.powi(2) => {
            "the particles differ by hardly more than that error, so their weights stay"
        }
        false => "too uncertain to move the particles' weights",
    };
    format!(
        "latent values by a Gaussian at each particle: the true evidence is e^{} of its own (± {} between particles, standard \
         error {}; {} of {} importance draws count); {outcome}",
        number::fixed(c.mean_log_ratio, 2),
        number::fixed(c.sd_log_ratio, 2),
        number::fixed(c.standard_error, 2),
        number::percent(c.efficiency),
        c.draws,
    )
}

/// What chains say about themselves, without what is not known of short ones.
pub(crate) fn chains(c: &ChainDiagnostics) -> String {
    let divergences = number::counted(c.divergences, "divergence");
    let agreement = match c.r_hat.is_finite() {
        true => format!("R-hat {} (1: they agree)", number::fixed(c.r_hat, 3)),
        false => "R-hat unknown".to_owned(),
    };
    let worth = match c.ess_bulk.is_finite() && c.ess_tail.is_finite() {
        true => format!(
            "worth {} independent draws (in the tails {})",
            number::fixed(c.ess_bulk, 0),
            number::fixed(c.ess_tail, 0)
        ),
        false => "too short to say what the draws are worth".to_owned(),
    };
    format!("{}: {agreement}, {worth}, {divergences}", number::counted(c.count, "chain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_too_short_to_judge_say_so_without_numbers() {
        let short = ChainDiagnostics {
            count: 1,
            r_hat: f64::NAN,
            ess_bulk: f64::NAN,
            ess_tail: f64::NAN,
            divergences: 1,
        };
        assert_eq!(
            chains(&short),
            "1 chain: R-hat unknown, too short to say what the draws are worth, 1 divergence"
        );
        let long =
            ChainDiagnostics { count: 4, r_hat: 1.0031, ess_bulk: 1541.4, ess_tail: 691.2, divergences: 0 };
        assert_eq!(
            chains(&long),
            "4 chains: R-hat 1.003 (1: they agree), worth 1541 independent draws (in the tails 691), 0 divergences"
        );
    }
}
