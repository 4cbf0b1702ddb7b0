//! Markov chains by NUTS, and what to do where they are not good enough.

use super::FitOptions;
use super::found::{Found, tell};
use crate::density::LogDensity;
use crate::inference::{
    ChainDiagnostics, ChainReport, MaximumSettings, Mode, NutsFit, NutsSettings, Optimum, Warped, best_mode,
    nuts_around,
};
use crate::model::{Criterion, Joint, Marginal, Target};
use crate::parameter::MonotoneMap;
use crate::posterior::Posterior;
use crate::stein::{Cloud, Observer, Whitening};
use crate::{Error, Result};
use std::ops::ControlFlow;

/// R-hat up to which chains agree (Vehtari et al. 2021, section 4.1).
const R_HAT: f64 = 1.01;
/// Effective sample size from which on the diagnostics themselves can be trusted (the same, section 4.2).
const ESS: f64 = 400.0;

/// Runs the chains in the coordinates in which priors are Gaussian, where the tails of a posterior are light, and thins
/// them. What is told of chains depends on the order of their values only, which such coordinates keep.
pub(super) fn nuts<D: LogDensity>(
    target: &D,
    coordinates: Vec<MonotoneMap>,
    starts: &[Vec<f64>],
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    let warped = Warped::new(target, coordinates);
    let starts: Vec<Vec<f64>> = starts.iter().map(|u| warped.from_target(u)).collect();
    run(&warped, maximum, options, observer, |settings, watch| {
        crate::inference::nuts(&warped, &starts, settings, watch)
    })
}

/// Chains on parameters and whitened latent values. They start around the mode `near` of the parameters alone, with
/// the Gaussian of `marginal` for the latent values given it: the mode of both at a time is far from their mass.
pub(super) fn nuts_with_latents(
    marginal: &Marginal<'_>,
    joint: &Joint<'_>,
    target: &Target<'_, Joint<'_>>,
    near: &[f64],
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
) -> Result<Found> {
    let layout = marginal.model().layout();
    let coordinates = layout.gaussian_coordinates();
    let floor = NutsSettings::default().curvature_floor;
    let mut theta = vec![0.0; layout.parameters().len()];
    let (mut centre, mut of_theta) = (Vec::new(), Vec::new());
    if layout.dim() > 0 {
        let density = Target::new(marginal, Criterion::LogDensity)?;
        let warped = Warped::new(&density, coordinates.clone());
        let mode = best_mode(&warped, &[warped.from_target(near)], &maximum, floor)?;
        layout.constrain(&warped.to_target(&mode.optimum.point), &mut theta);
        (centre, of_theta) = (mode.optimum.point, mode.precision);
    } else {
        layout.constrain(&[], &mut theta);
    }
    let (nu, of_latents) = joint.gaussian(marginal, &theta)?;
    let (d, n) = (centre.len(), nu.len());
    centre.extend(nu);
    let mut precision = vec![0.0; (d + n) * (d + n)];
    for i in 0..d {
        for j in 0..d {
            precision[i * (d + n) + j] = of_theta[i * d + j];
        }
    }
    for i in 0..n {
        for j in 0..n {
            precision[(d + i) * (d + n) + d + j] = of_latents[(i, j)];
        }
    }
    let whitening = Whitening::from_precision(centre.clone(), &precision, floor)?;
    let warped = Warped::new(target, coordinates);
    let mut score = vec![0.0; d + n];
    let value = warped.evaluate(&centre, &mut score, &mut warped.workspace())?;
    let optimum = Optimum {
        point: centre,
        value,
        gradient_norm: score.iter().map(|s| s * s).sum::<f64>().sqrt(),
        iterations: 0,
        trace: vec![value],
        start: 0,
        joined: false,
    };
    let mode = Mode { optimum, precision, log_evidence: f64::NAN, whitening };
    run(&warped, maximum, options, observer, |settings, watch| {
        nuts_around(&warped, mode, &NutsSettings { initial_spread: 1.0, ..settings.clone() }, watch)
    })
}

/// Runs chains by `chains`, reports their progress and thins them.
fn run<D: LogDensity>(
    warped: &Warped<'_, D>,
    maximum: MaximumSettings,
    options: &FitOptions,
    observer: &mut dyn Observer,
    chains: impl FnOnce(&NutsSettings, &mut dyn FnMut(&ChainReport) -> ControlFlow<()>) -> Result<NutsFit>,
) -> Result<Found> {
    if options.keep == 0 {
        return Err(Error::Invalid("NUTS must keep at least one draw".into()));
    }
    let settings = NutsSettings {
        chains: options.chains,
        tune: options.tune,
        draws: options.draws,
        target_accept: options.target_accept,
        seed: options.seed,
        maximum,
        ..NutsSettings::default()
    };
    let total = settings.tune + settings.draws;
    let mut progress = Progress { present: vec![f64::NAN; settings.chains], heard: 0, divergences: 0 };
    let mut watch = |at: &ChainReport| match progress.hear(at) {
        Some((iteration, moments, failed)) => tell(observer, (iteration, total), moments, failed),
        None => ControlFlow::Continue(()),
    };
    let fit = chains(&settings, &mut watch)?;
    let draws = fit.chains.iter().flat_map(Cloud::points);
    let slopes = draws.map(|v| warped.log_slope(v)).sum::<f64>()
        / fit.chains.iter().map(Cloud::count).sum::<usize>() as f64;
    let notices = if fit.interrupted { Vec::new() } else { notices(&fit.diagnostics, options) };
    Ok(Found {
        iterations: total,
        objective: fit.mean_log_density() - slopes,
        interrupted: fit.interrupted,
        notices,
        chains: Some(fit.diagnostics.clone()),
        ..Found::new(Posterior::new(warped.cloud_to_target(&fit.thinned(options.keep)))?)
    })
}

/// Where the chains are. An iteration is one draw of each chain.
struct Progress {
    present: Vec<f64>,
    heard: usize,
    divergences: usize,
}

impl Progress {
    /// Where the draw completes an iteration: its number, mean and standard deviation of the log density over the
    /// chains, and divergences.
    fn hear(&mut self, draw: &ChainReport) -> Option<(usize, (f64, f64), usize)> {
        self.present[draw.chain] = draw.log_density;
        self.heard += 1;
        self.divergences += usize::from(draw.diverging);
        if !self.heard.is_multiple_of(self.present.len()) {
            return None;
        }
        // With fewer threads than chains some have not started.
        let known: Vec<f64> = self.present.iter().copied().filter(|v| v.is_finite()).collect();
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        let variance = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let divergences = std::mem::take(&mut self.divergences);
        Some((self.heard / self.present.len(), (mean, variance.sqrt()), divergences))
    }
}

/// Whether nothing speaks against chains: they agree, are long enough and did not diverge.
pub(super) fn are_good(found: &ChainDiagnostics) -> bool {
    found.r_hat <= R_HAT && found.ess_bulk.min(found.ess_tail) >= ESS && found.divergences == 0
}

/// What is not good enough, and what to do about it.
fn notices(found: &ChainDiagnostics, options: &FitOptions) -> Vec<String> {
    let mut notices = Vec::new();
    if found.count == 1 {
        notices.push("one chain has nothing to agree with: use --chains 4".into());
    } else if found.r_hat.is_nan() {
        notices.push("the chains are too short, or do not move: use more draws (--tune and --draws)".into());
    } else if found.r_hat > R_HAT {
        notices.push(format!(
            "the chains do not agree yet (R-hat {:.3}, at most {R_HAT} is wanted): use more draws (--tune and --draws)",
            found.r_hat
        ));
    }
    let worth = found.ess_bulk.min(found.ess_tail);
    if worth < ESS {
        // A fifth more than in proportion, in full hundreds.
        let enough = (1.2 * options.draws as f64 * ESS / worth.max(1.0) / 100.0).ceil() * 100.0;
        notices.push(format!(
            "the draws are worth {worth:.0} independent ones (at least {ESS} are wanted): use --draws {enough}"
        ));
    }
    if found.divergences > 0 {
        let total = found.count * options.draws;
        let nearer = 1.0 - 0.5 * (1.0 - options.target_accept);
        notices.push(format!(
            "{} of {total} transitions diverged: there may be a corner of the posterior that the chains do not enter; \
             use --target-accept {nearer:.3} or tighter priors",
            found.divergences
        ));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(r_hat: f64, ess: f64, divergences: usize) -> ChainDiagnostics {
        ChainDiagnostics { count: 4, r_hat, ess_bulk: 2.0 * ess, ess_tail: ess, divergences }
    }

    #[test]
    fn good_chains_need_no_notice_and_bad_ones_say_what_to_do() {
        let options = FitOptions::default();
        assert!(notices(&found(1.005, 900.0, 0), &options).is_empty() && are_good(&found(1.005, 900.0, 0)));
        let disagree = notices(&found(1.2, 100.0, 3), &options);
        assert!(!are_good(&found(1.2, 900.0, 0)) && !are_good(&found(f64::NAN, 900.0, 0)));
        assert!(disagree[0].contains("R-hat 1.200") && disagree[0].contains("--tune"), "{disagree:?}");
        assert!(
            disagree[1].contains("100 independent") && disagree[1].contains("--draws 4800"),
            "{disagree:?}"
        );
        assert!(disagree[2].contains("3 of 4000") && disagree[2].contains("0.900"), "{disagree:?}");
        assert!(notices(&found(f64::NAN, f64::NAN, 0), &options)[0].contains("too short"));
    }

    #[test]
    fn an_iteration_is_one_draw_of_each_chain() {
        let mut progress = Progress { present: vec![f64::NAN; 2], heard: 0, divergences: 0 };
        let draw = |chain, log_density, diverging| ChainReport {
            chain,
            draw: 1,
            tuning: true,
            diverging,
            log_density,
        };
        assert!(progress.hear(&draw(0, -3.0, true)).is_none());
        let heard = progress.hear(&draw(1, -1.0, false));
        assert_eq!(heard, Some((1, (-2.0, 1.0), 1)));
    }
}
