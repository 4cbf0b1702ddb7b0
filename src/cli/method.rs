//! Which method, and which settings belong to it.

use super::arguments::{FamilyArgument, FitArguments, MethodArgument, SteinArgument};
use super::{Failure, Outcome};
use crate::fit::{FitOptions, Method};
use crate::inference::{SteinPreset, VariationalFamily};
use MethodArgument::{Advi, Laplace, Nuts, Svgd};

impl FitArguments {
    /// Refuses a setting that the method has no use for. Settings that scripts tend to pass to every method they
    /// compare are told about instead.
    pub(super) fn check_method(&self) -> Outcome<Vec<String>> {
        const SHARED: [&str; 4] = ["--stein", "--particles", "--iterations", "--learning-rate"];
        let mut notices = Vec::new();
        let settings: [(&str, bool, &[MethodArgument]); 11] = [
            ("--stein", self.stein.is_some(), &[Svgd]),
            ("--polish", self.polish.is_some(), &[Svgd]),
            ("--particles", self.particles.is_some(), &[Svgd, Laplace, Advi]),
            ("--iterations", self.iterations.is_some(), &[Svgd, Advi]),
            ("--learning-rate", self.learning_rate.is_some(), &[Svgd, Advi]),
            ("--advi", self.advi.is_some(), &[Advi]),
            ("--chains", self.chains.is_some(), &[Nuts]),
            ("--tune", self.tune.is_some(), &[Nuts]),
            ("--draws", self.draws.is_some(), &[Nuts]),
            ("--keep", self.keep.is_some(), &[Nuts]),
            ("--target-accept", self.target_accept.is_some(), &[Nuts]),
        ];
        for (name, given, methods) in settings {
            if given && !methods.contains(&self.method) {
                let names: Vec<&str> = methods.iter().map(|m| method(*m).name()).collect();
                let text = format!(
                    "{name} is a setting of {}: --method {} has no use for it",
                    names.join(", "),
                    method(self.method).name()
                );
                if !SHARED.contains(&name) {
                    return Err(Failure::Usage(text));
                }
                notices.push(text);
            }
        }
        if matches!(self.stein, Some(SteinArgument::Paper)) && self.polish.is_some() {
            return Err(Failure::Usage(
                "--polish is a setting of --stein default: the published settings have none".into(),
            ));
        }
        let without = matches!(self.method, MethodArgument::Vi | Laplace | Nuts)
            || matches!(self.stein, Some(SteinArgument::Paper));
        if self.model.approximation.is_some() && without {
            return Err(Failure::Usage(format!(
                "--approximation is not for --method {}{}, which says itself what becomes of the latent values",
                method(self.method).name(),
                if self.stein.is_some() { " with --stein paper" } else { "" }
            )));
        }
        if let Some(rate) = self.learning_rate
            && !(rate > 0.0 && rate.is_finite())
        {
            return Err(Failure::Usage(format!("--learning-rate must be a positive number, not {rate}")));
        }
        Ok(notices)
    }

    /// Options of the library from these arguments.
    pub(super) fn options(&self) -> FitOptions {
        let defaults = self.model.options();
        let or = |given: Option<u32>, default: usize| given.map_or(default, |n| n as usize);
        FitOptions {
            method: method(self.method),
            preset: match self.stein {
                None | Some(SteinArgument::Default) => SteinPreset::Default,
                Some(SteinArgument::Paper) => SteinPreset::Paper,
            },
            family: match self.advi {
                None | Some(FamilyArgument::FullRank) => VariationalFamily::FullRank,
                Some(FamilyArgument::MeanField) => VariationalFamily::MeanField,
            },
            particles: or(self.particles, defaults.particles),
            iterations: self.iterations.map(|t| t as usize),
            learning_rate: self.learning_rate,
            polish: self.polish.map(usize::from),
            restarts: self.restarts.map(usize::from),
            chains: or(self.chains, defaults.chains),
            tune: or(self.tune, defaults.tune),
            draws: or(self.draws, defaults.draws),
            keep: or(self.keep, defaults.keep),
            target_accept: self.target_accept.unwrap_or(defaults.target_accept),
            ..defaults
        }
    }
}

fn method(argument: MethodArgument) -> Method {
    match argument {
        Svgd => Method::Svgd,
        MethodArgument::Map => Method::Map,
        MethodArgument::Ml => Method::Ml,
        Laplace => Method::Laplace,
        Advi => Method::Advi,
        Nuts => Method::Nuts,
        MethodArgument::Vi => Method::Vi,
    }
}
