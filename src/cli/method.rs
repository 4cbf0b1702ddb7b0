//! Which methods, and which settings belong to them.

use super::arguments::{
    ApproximationArgument, CommonArguments, FamilyArgument, FitArguments, InferenceArguments, MethodArgument,
    ModelArgument, SteinArgument,
};
use super::{Failure, Outcome};
use crate::compare::MethodSpec;
use crate::fit::{CheckpointOptions, FitOptions, Method};
use crate::inference::{SteinPreset, VariationalFamily};

/// The settings of a method, or of several that are compared.
pub(super) struct Settings<'a> {
    pub methods: &'a [MethodSpec],
    pub common: &'a CommonArguments,
    pub inference: &'a InferenceArguments,
    /// Settings of the command itself: name, whether it is given, models that have a use for it.
    pub more: &'a [(&'static str, bool, &'static [ModelArgument])],
}

const SPARSE: &[ModelArgument] =
    &[ModelArgument::Auto, ModelArgument::Sparse, ModelArgument::SparseLatent, ModelArgument::Svgp];
const BATCHES: &[ModelArgument] = &[ModelArgument::Auto, ModelArgument::SparseLatent, ModelArgument::Svgp];

impl Settings<'_> {
    /// Refuses a setting that none of the methods has a use for. Settings that scripts tend to pass to every method they
    /// compare are told about instead.
    pub fn check(&self) -> Outcome<Vec<String>> {
        const SHARED: [&str; 4] = ["--stein", "--particles", "--iterations", "--learning-rate"];
        let mut notices = Vec::new();
        // By minibatches every method takes steps. What `auto` becomes is known later, and told then.
        let climbs: &[Method] = match self.common.model() {
            ModelArgument::Svgp => &[Method::Svgd, Method::Advi, Method::Vi, Method::Map, Method::Ml],
            _ => &[Method::Svgd, Method::Advi],
        };
        let given = self.inference;
        let settings: [(&str, bool, &[Method]); 11] = [
            ("--stein", given.stein.is_some(), &[Method::Svgd]),
            ("--polish", given.polish.is_some(), &[Method::Svgd]),
            ("--particles", given.particles.is_some(), &[Method::Svgd, Method::Laplace, Method::Advi]),
            ("--iterations", given.iterations.is_some(), climbs),
            ("--learning-rate", given.learning_rate.is_some(), climbs),
            ("--advi", given.advi.is_some(), &[Method::Advi]),
            ("--chains", given.chains.is_some(), &[Method::Nuts]),
            ("--tune", given.tune.is_some(), &[Method::Nuts]),
            ("--draws", given.draws.is_some(), &[Method::Nuts]),
            ("--keep", given.keep.is_some(), &[Method::Nuts]),
            ("--target-accept", given.target_accept.is_some(), &[Method::Nuts]),
        ];
        // What stands in a method's name is not taken from these.
        let is_open = |name: &str, spec: &MethodSpec| match name {
            "--stein" => spec.preset.is_none(),
            "--particles" => spec.count.is_none(),
            _ => true,
        };
        for (name, given, methods) in settings {
            let takes = |spec: &MethodSpec| methods.contains(&spec.method) && is_open(name, spec);
            if given && !self.methods.iter().any(takes) {
                let text = format!(
                    "{name} is a setting of {}: {} has no use for it",
                    names(methods),
                    self.told(self.methods)
                );
                if !SHARED.contains(&name) {
                    return Err(Failure::Usage(text));
                }
                notices.push(text);
            }
        }
        let asks_paper = matches!(given.stein, Some(SteinArgument::Paper));
        let is_paper = |spec: &MethodSpec| {
            let named = spec.preset.map_or(asks_paper, |preset| preset == SteinPreset::Paper);
            spec.method == Method::Svgd && named
        };
        let is_polished = |spec: &MethodSpec| spec.method == Method::Svgd && !is_paper(spec);
        if given.polish.is_some() && !self.methods.iter().any(is_polished) {
            return Err(Failure::Usage(
                "--polish is a setting of --stein default: the published settings have none".into(),
            ));
        }
        self.check_model()?;
        let without: Vec<MethodSpec> = (self.methods.iter().copied())
            .filter(|m| is_paper(m) || matches!(m.method, Method::Vi | Method::Laplace | Method::Nuts))
            .collect();
        if self.common.approximation.is_some() && !without.is_empty() {
            return Err(Failure::Usage(format!(
                "--approximation is not for {}{}, which says itself what becomes of the latent values",
                self.told(&without),
                if asks_paper { " with --stein paper" } else { "" }
            )));
        }
        if let Some(rate) = given.learning_rate
            && !(rate > 0.0 && rate.is_finite())
        {
            return Err(Failure::Usage(format!("--learning-rate must be a positive number, not {rate}")));
        }
        Ok(notices)
    }

    fn told(&self, methods: &[MethodSpec]) -> String {
        let option = if self.methods.len() > 1 { "--methods" } else { "--method" };
        format!("{option} {}", methods.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }

    /// Refuses a setting that the model has no use for, where the model is named.
    fn check_model(&self) -> Outcome {
        use ModelArgument::{Sparse, SparseLatent, Svgp};
        let model = self.common.model();
        let name = model.name();
        let settings: [(&str, bool, &[ModelArgument]); 6] = [
            ("--inducing", self.common.inducing.is_some(), SPARSE),
            ("--selection", self.common.selection.is_some(), SPARSE),
            ("--inducing-points", self.common.inducing_points.is_some(), SPARSE),
            ("--optimise-inducing", self.inference.optimise_inducing.is_some(), SPARSE),
            ("--batch", self.inference.batch.is_some(), BATCHES),
            ("--warm-up", self.inference.warm_up.is_some(), BATCHES),
        ];
        for (setting, given, models) in settings.iter().chain(self.more) {
            if *given && !models.contains(&model) {
                let least =
                    if models.len() == 3 { "svgp or sparse-latent" } else { "sparse, svgp or sparse-latent" };
                return Err(Failure::Usage(format!(
                    "{setting} is a setting of --model {least}: --model {name} has no use for it"
                )));
            }
        }
        let collapsed = matches!(
            self.common.approximation,
            Some(ApproximationArgument::Vfe | ApproximationArgument::Fitc)
        );
        if collapsed && model != Sparse {
            return Err(Failure::Usage(format!(
                "--approximation vfe and fitc are of --model sparse, not of --model {name}"
            )));
        }
        if self.common.approximation.is_some() && !collapsed && matches!(model, Sparse | SparseLatent | Svgp)
        {
            return Err(Failure::Usage(format!(
                "--approximation laplace, variational and expectation are of latent models; --model {name} has inducing points"
            )));
        }
        Ok(())
    }

    /// Options of the library from these settings, of the default method.
    pub fn options(&self) -> FitOptions {
        let defaults = self.common.options();
        let or = |given: Option<u32>, default: usize| given.map_or(default, |n| n as usize);
        let given = self.inference;
        FitOptions {
            preset: match given.stein {
                None | Some(SteinArgument::Default) => SteinPreset::Default,
                Some(SteinArgument::Paper) => SteinPreset::Paper,
            },
            family: match given.advi {
                None | Some(FamilyArgument::FullRank) => VariationalFamily::FullRank,
                Some(FamilyArgument::MeanField) => VariationalFamily::MeanField,
            },
            particles: or(given.particles, defaults.particles),
            iterations: given.iterations.map(|t| t as usize),
            learning_rate: given.learning_rate,
            polish: given.polish.map(usize::from),
            restarts: given.restarts.map(usize::from),
            chains: or(given.chains, defaults.chains),
            tune: or(given.tune, defaults.tune),
            draws: or(given.draws, defaults.draws),
            keep: or(given.keep, defaults.keep),
            target_accept: given.target_accept.unwrap_or(defaults.target_accept),
            batch: or(given.batch, defaults.batch),
            warm_up: given.warm_up.map(|t| t as usize),
            optimise_inducing: given.optimise_inducing,
            ..defaults
        }
    }
}

impl FitArguments {
    /// Refuses a setting that method or model has no use for, and says what else will not be used.
    pub(super) fn check_method(&self) -> Outcome<Vec<String>> {
        let more = [("--checkpoint", self.checkpoint.is_some(), BATCHES), ("--stream", self.stream, BATCHES)];
        self.settings(&[method(self.method).into()], &more).check()
    }

    /// Options of the library from these arguments.
    pub(super) fn options(&self) -> FitOptions {
        let method = method(self.method);
        FitOptions {
            method,
            checkpoint: self.checkpoint.as_ref().map(|path| CheckpointOptions {
                path: path.clone(),
                every: u64::from(self.checkpoint_every),
                resume: self.resume,
            }),
            ..self.settings(&[method.into()], &[]).options()
        }
    }

    fn settings<'a>(
        &'a self,
        methods: &'a [MethodSpec],
        more: &'a [(&'static str, bool, &'static [ModelArgument])],
    ) -> Settings<'a> {
        Settings { methods, common: &self.model.common, inference: &self.inference, more }
    }
}

fn names(methods: &[Method]) -> String {
    methods.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
}

fn method(argument: MethodArgument) -> Method {
    match argument {
        MethodArgument::Svgd => Method::Svgd,
        MethodArgument::Map => Method::Map,
        MethodArgument::Ml => Method::Ml,
        MethodArgument::Laplace => Method::Laplace,
        MethodArgument::Advi => Method::Advi,
        MethodArgument::Nuts => Method::Nuts,
        MethodArgument::Vi => Method::Vi,
    }
}
