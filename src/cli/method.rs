//! Which method, and which settings belong to it.

use super::arguments::{
    ApproximationArgument, FamilyArgument, FitArguments, MethodArgument, ModelArgument, SteinArgument,
};
use super::{Failure, Outcome};
use crate::fit::{CheckpointOptions, FitOptions, Method};
use crate::inference::{SteinPreset, VariationalFamily};
use MethodArgument::{Advi, Laplace, Nuts, Svgd};

impl FitArguments {
    /// Refuses a setting that the method has no use for. Settings that scripts tend to pass to every method they
    /// compare are told about instead.
    pub(super) fn check_method(&self) -> Outcome<Vec<String>> {
        const SHARED: [&str; 4] = ["--stein", "--particles", "--iterations", "--learning-rate"];
        let mut notices = Vec::new();
        // By minibatches every method takes steps. What `auto` becomes is known later, and told then.
        let climbs: &[MethodArgument] = match self.model.model {
            ModelArgument::Svgp => &[Svgd, Advi, MethodArgument::Vi, MethodArgument::Map, MethodArgument::Ml],
            _ => &[Svgd, Advi],
        };
        let settings: [(&str, bool, &[MethodArgument]); 11] = [
            ("--stein", self.stein.is_some(), &[Svgd]),
            ("--polish", self.polish.is_some(), &[Svgd]),
            ("--particles", self.particles.is_some(), &[Svgd, Laplace, Advi]),
            ("--iterations", self.iterations.is_some(), climbs),
            ("--learning-rate", self.learning_rate.is_some(), climbs),
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
        self.check_model()?;
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

    /// Refuses a setting that the model has no use for, where the model is named.
    fn check_model(&self) -> Outcome {
        use ModelArgument::{Auto, Exact, Latent, Sparse, SparseLatent, Svgp};
        let model = self.model.model;
        let name = match model {
            Auto => "auto",
            Exact => "exact",
            Latent => "latent",
            Sparse => "sparse",
            SparseLatent => "sparse-latent",
            Svgp => "svgp",
        };
        let sparse: &[ModelArgument] = &[Auto, Sparse, SparseLatent, Svgp];
        let batches: &[ModelArgument] = &[Auto, SparseLatent, Svgp];
        let settings: [(&str, bool, &[ModelArgument]); 8] = [
            ("--inducing", self.model.inducing.is_some(), sparse),
            ("--selection", self.model.selection.is_some(), sparse),
            ("--inducing-points", self.model.inducing_points.is_some(), sparse),
            ("--optimise-inducing", self.optimise_inducing.is_some(), sparse),
            ("--batch", self.batch.is_some(), batches),
            ("--warm-up", self.warm_up.is_some(), batches),
            ("--checkpoint", self.checkpoint.is_some(), batches),
            ("--stream", self.stream, batches),
        ];
        for (setting, given, models) in settings {
            if given && !models.contains(&model) {
                let least =
                    if models.len() == 3 { "svgp or sparse-latent" } else { "sparse, svgp or sparse-latent" };
                return Err(Failure::Usage(format!(
                    "{setting} is a setting of --model {least}: --model {name} has no use for it"
                )));
            }
        }
        let collapsed = matches!(
            self.model.approximation,
            Some(ApproximationArgument::Vfe | ApproximationArgument::Fitc)
        );
        if collapsed && model != Sparse {
            return Err(Failure::Usage(format!(
                "--approximation vfe and fitc are of --model sparse, not of --model {name}"
            )));
        }
        if self.model.approximation.is_some() && !collapsed && matches!(model, Sparse | SparseLatent | Svgp) {
            return Err(Failure::Usage(format!(
                "--approximation laplace, variational and expectation are of latent models; --model {name} has inducing points"
            )));
        }
        Ok(())
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
            batch: or(self.batch, defaults.batch),
            warm_up: self.warm_up.map(|t| t as usize),
            optimise_inducing: self.optimise_inducing,
            checkpoint: self.checkpoint.as_ref().map(|path| CheckpointOptions {
                path: path.clone(),
                every: u64::from(self.checkpoint_every),
                resume: self.resume,
            }),
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
