//! Model files: safetensors with a JSON header.
//!
//! Tensors (f64): `x` (N×D) and `y` (N) on the model's scale, `particles` (J×d, unconstrained), `weights` (J). The
//! header says what they mean. Everything is checked on reading: sizes against the bytes that are there, paths
//! against the model that the kernel expression makes, so that a damaged file is an error and never a wrong model.

use super::Posterior;
use super::fitted::{Details, FittedModel};
use crate::dataset::Standardisation;
use crate::inducing::OwnInducing;
use crate::kernel::{InputColumns, KernelExpression};
use crate::likelihood::{Approximation, Family, Likelihood, Observation};
use crate::mean::Mean;
use crate::model::{Exact, GpModel, LatentModel, LatentValues, Process, SparseForm, SparseGp, SparseModel};
use crate::parameter::{Bijector, Parameter, Prior};
use crate::stein::Cloud;
use crate::{Error, Result};
use faer::Mat;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the format that this program writes, and the newest that it reads.
const FORMAT: u64 = 1;
/// Key of the header in the file's metadata.
const KEY: &str = "steingp";

/// Why a file is not a model that can be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct ModelFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ModelFileProblem,
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileProblem {
    /// It cannot be read or written.
    #[error("{0}; check the path")]
    Io(#[from] std::io::Error),
    /// It is something else, or cut short.
    #[error("not a model file, or cut short ({0}); models are written by `steingp fit --out FILE`")]
    NotAModel(String),
    /// A later version wrote it.
    #[error(
        "written in format {found}, but this version of steingp reads formats up to {supported}: update steingp"
    )]
    Newer {
        /// Its format.
        found: u64,
        /// The newest that can be read.
        supported: u64,
    },
    /// Its parts contradict each other.
    #[error("damaged model file: {0}; fit the model again")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u64,
    created_by: String,
    model: String,
    likelihood: Family,
    #[serde(default)]
    latent_values: Option<LatentForm>,
    #[serde(default)]
    sparse: Option<SparseHeader>,
    #[serde(default)]
    noise_kernel: Option<String>,
    #[serde(default)]
    class_names: Option<Vec<String>>,
    method: String,
    kernel: String,
    mean: Mean,
    input_names: Vec<String>,
    input_groups: Vec<(String, Vec<usize>)>,
    target_name: String,
    standardisation: Standardisation,
    parameters: Vec<StoredParameter>,
    encoding: Option<serde_json::Value>,
}

/// What a sparse model knows besides its inducing inputs, which stand in place of the training inputs.
#[derive(Serialize, Deserialize)]
struct SparseHeader {
    form: SparseForm,
    rows: usize,
    class_shares: Vec<f64>,
    /// Terms of the kernel whose inducing inputs stand first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    own_inducing: Vec<OwnInducing>,
}

/// What a draw says about latent values.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LatentForm {
    Gaussian(Approximation),
    Drawn,
}

impl LatentForm {
    fn of(model: &GpModel) -> Option<Self> {
        match model {
            GpModel::Exact(_) | GpModel::Sparse(_) => None,
            GpModel::Latent(_, LatentValues::Gaussian(approximation)) => Some(Self::Gaussian(*approximation)),
            GpModel::Latent(_, LatentValues::Drawn) => Some(Self::Drawn),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredParameter {
    path: String,
    bijector: Bijector,
    prior: Option<Prior>,
    start: f64,
    fixed: bool,
}

/// Only the version: a later format may have other fields.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl FittedModel {
    /// Writes the model to a file, atomically: an interrupted write leaves no half file behind.
    ///
    /// # Errors
    /// [`Error::ModelFile`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let fail = |problem: ModelFileProblem| ModelFileError { path: path.into(), problem };
        let (details, model) = (&self.details, &self.model);
        let header = Header {
            format: FORMAT,
            created_by: concat!("steingp ", env!("CARGO_PKG_VERSION")).into(),
            model: model.name().into(),
            likelihood: model.family(),
            latent_values: LatentForm::of(model),
            sparse: match model {
                GpModel::Sparse(SparseGp { model, form, rows, class_shares }) => Some(SparseHeader {
                    form: *form,
                    rows: *rows,
                    class_shares: class_shares.clone(),
                    own_inducing: model.own_inducing().to_vec(),
                }),
                _ => None,
            },
            noise_kernel: details.noise_kernel.as_ref().map(ToString::to_string),
            class_names: details.class_names.clone(),
            method: details.method.clone(),
            kernel: details.kernel.to_string(),
            mean: model.mean(),
            input_names: details.input_names.clone(),
            input_groups: details.input_groups.clone(),
            target_name: details.target_name.clone(),
            standardisation: details.standardisation.clone(),
            parameters: model.layout().parameters().iter().map(StoredParameter::from).collect(),
            encoding: details.encoding.clone(),
        };
        let text = serde_json::to_string(&header)
            .map_err(|e| fail(ModelFileProblem::Io(std::io::Error::other(e))))?;
        let bytes =
            |values: &mut dyn Iterator<Item = f64>| values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>();
        let (n, d) = (model.x().nrows(), model.x().ncols());
        let (count, dim) = (self.posterior.count(), self.posterior.draws().dim());
        let x = bytes(&mut (0..n).flat_map(|i| (0..d).map(move |c| (i, c))).map(|(i, c)| model.x()[(i, c)]));
        let (targets, exposures) = observations(model);
        let known = targets.len();
        let y = bytes(&mut targets.into_iter());
        let exposure = bytes(&mut exposures.into_iter());
        let particles = bytes(&mut self.posterior.draws().values().iter().copied());
        let weights = bytes(&mut self.posterior.weights().iter().copied());
        let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F64, shape, data);
        let serialised = view(vec![n, d], &x)
            .and_then(|x| {
                let tensors = [
                    ("x", x),
                    ("y", view(vec![known], &y)?),
                    ("exposure", view(vec![known], &exposure)?),
                    ("particles", view(vec![count, dim], &particles)?),
                    ("weights", view(vec![count], &weights)?),
                ];
                safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_string(), text)])))
            })
            .map_err(|e| fail(ModelFileProblem::Io(std::io::Error::other(e))))?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let partial = path.with_file_name(name);
        let written = std::fs::write(&partial, serialised).and_then(|()| std::fs::rename(&partial, path));
        if written.is_err() {
            // What could not be finished is of no use; the first error is the one to report.
            let _ = std::fs::remove_file(&partial);
        }
        written.map_err(|e| fail(e.into()).into())
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// [`Error::ModelFile`] where the file cannot be read, is not a model, is newer than this program, or damaged.
    pub fn load(path: &Path) -> Result<Self> {
        read(path).map_err(|problem| ModelFileError { path: path.into(), problem }.into())
    }
}

fn read(path: &Path) -> Result<FittedModel, ModelFileProblem> {
    let bytes = std::fs::read(path)?;
    let foreign = |e: &dyn std::fmt::Display| ModelFileProblem::NotAModel(e.to_string());
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| foreign(&e))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| foreign(&e))?;
    let text = (metadata.metadata().as_ref())
        .and_then(|m| m.get(KEY))
        .ok_or_else(|| foreign(&"a safetensors file without a steingp header"))?;
    let version: Version = serde_json::from_str(text).map_err(|e| foreign(&e))?;
    if version.format > FORMAT {
        return Err(ModelFileProblem::Newer { found: version.format, supported: FORMAT });
    }
    let header: Header = serde_json::from_str(text).map_err(|e| ModelFileProblem::Damaged(e.to_string()))?;
    rebuild(header, &tensors).map_err(|error| match error {
        Error::Invalid(text) => ModelFileProblem::Damaged(text),
        other => ModelFileProblem::Damaged(other.to_string()),
    })
}

fn rebuild(header: Header, tensors: &SafeTensors<'_>) -> Result<FittedModel> {
    let (x_shape, x) = tensor(tensors, "x")?;
    let (_, y) = tensor(tensors, "y")?;
    let (particles_shape, particles) = tensor(tensors, "particles")?;
    let (_, weights) = tensor(tensors, "weights")?;
    let (&[n, d], &[count, dim]) = (x_shape.as_slice(), particles_shape.as_slice()) else {
        return Err(damaged("inputs or particles are not a matrix".into()));
    };
    let scaling = header.standardisation.clone();
    let lengths = [header.input_names.len(), scaling.input_shift.len(), scaling.input_scale.len()];
    let known = if header.sparse.is_some() { 0 } else { n };
    if y.len() != known || weights.len() != count || lengths != [d; 3] {
        return Err(damaged("sizes of its parts disagree".into()));
    }
    if !scaling.is_valid() || x.iter().chain(&y).any(|v| !v.is_finite()) {
        return Err(damaged("a value is not finite or a scale not positive".into()));
    }
    if header.input_groups.iter().any(|(_, columns)| columns.iter().any(|c| *c >= d)) {
        return Err(damaged("a group names a column that does not exist".into()));
    }
    let kernel: KernelExpression = header.kernel.parse().map_err(Error::Expression)?;
    let inputs = InputColumns {
        names: header.input_names.clone(),
        shifts: scaling.input_shift.clone(),
        scales: scaling.input_scale.clone(),
        groups: header.input_groups.clone(),
    };
    let x = Mat::from_fn(n, d, |i, j| x[i * d + j]);
    let noise_kernel = header.noise_kernel.as_deref().map(str::parse::<KernelExpression>);
    let noise_kernel = noise_kernel.transpose().map_err(Error::Expression)?;
    let process = Process { kernel: kernel.resolve(&inputs)?, mean: header.mean };
    let mut model = match (header.model.as_str(), header.latent_values) {
        ("exact", None) if header.likelihood == Family::Gaussian => {
            GpModel::Exact(Exact::new(x.as_ref(), &y, process.kernel, process.mean)?)
        }
        ("sparse" | "svgp" | "sparse-latent", None) => {
            let Some(SparseHeader { form, rows, class_shares, own_inducing }) = header.sparse else {
                return Err(damaged("it does not say what becomes of its inducing values".into()));
            };
            let processes = processes(process, noise_kernel.as_ref(), &inputs)?;
            let likelihood = likelihood(header.likelihood, header.class_names.as_deref())?;
            let mut model = SparseModel::new(x.as_ref(), likelihood, processes)?;
            model.set_inducing_by_terms(x.as_ref(), &own_inducing)?;
            let gp = GpModel::Sparse(SparseGp { model, form, rows, class_shares });
            if gp.name() != header.model || (header.model == "sparse" && gp.family() != Family::Gaussian) {
                return Err(damaged("its kind is not that of its inducing values".into()));
            }
            gp
        }
        ("latent", Some(form)) => {
            let (_, exposure) = tensor(tensors, "exposure")?;
            if exposure.len() != n {
                return Err(damaged("sizes of its parts disagree".into()));
            }
            let observations =
                y.iter().zip(exposure).map(|(y, exposure)| Observation { y: *y, exposure }).collect();
            let processes = processes(process, noise_kernel.as_ref(), &inputs)?;
            let likelihood = likelihood(header.likelihood, header.class_names.as_deref())?;
            let takes_expectation = likelihood.latents() == 1 && likelihood.is_log_concave();
            if matches!(form, LatentForm::Gaussian(Approximation::Expectation)) && !takes_expectation {
                return Err(damaged("its likelihood has no expectation propagation".into()));
            }
            let values = match form {
                LatentForm::Gaussian(approximation) => LatentValues::Gaussian(approximation),
                LatentForm::Drawn => LatentValues::Drawn,
            };
            GpModel::Latent(LatentModel::new(x.as_ref(), observations, likelihood, processes)?, values)
        }
        (name, _) => {
            let likelihood = header.likelihood.name();
            return Err(damaged(format!("unknown model `{name}` with likelihood `{likelihood}`")));
        }
    };
    let paths = model.layout().parameters().iter().map(|p| &p.path);
    if !paths.eq(header.parameters.iter().map(|p| &p.path)) {
        return Err(damaged("its parameters are not those of its kernel".into()));
    }
    let parameters = header.parameters.into_iter().map(Parameter::from).collect();
    *model.layout_mut() = crate::parameter::Layout::new(parameters)?;
    if model.draw_dim() != dim {
        return Err(damaged("its particles do not fit its parameters".into()));
    }
    let mut draws = Cloud::zeros(count, dim);
    draws.values_mut().copy_from_slice(&particles);
    let details = Details {
        kernel,
        noise_kernel,
        class_names: header.class_names,
        method: header.method,
        input_names: header.input_names,
        input_groups: header.input_groups,
        target_name: header.target_name,
        standardisation: scaling,
        encoding: header.encoding,
    };
    FittedModel::new(model, Posterior::weighted(draws, weights)?, details)
}

/// The processes of latent functions: a second one where the noise has its own.
fn processes(
    first: Process,
    noise_kernel: Option<&KernelExpression>,
    inputs: &InputColumns,
) -> Result<Vec<Process>> {
    let mut processes = vec![first];
    if let Some(expression) = noise_kernel {
        processes.push(Process { kernel: expression.resolve(inputs)?, mean: Mean::Constant });
    }
    Ok(processes)
}

/// The likelihood, whose classes must be as many as it takes.
fn likelihood(family: Family, class_names: Option<&[String]>) -> Result<Arc<dyn Likelihood>> {
    let classes = class_names.map(<[String]>::len);
    let takes_two = matches!(family, Family::Bernoulli | Family::Probit);
    if classes.is_some() != family.has_classes() || (takes_two && classes != Some(2)) {
        return Err(damaged("its classes are not those of its likelihood".into()));
    }
    family.build(classes.unwrap_or(2))
}

/// Targets and exposures, N each, on the model's scale; none for sparse models, which need no rows.
fn observations(model: &GpModel) -> (Vec<f64>, Vec<f64>) {
    match model {
        GpModel::Exact(model) => (model.y().to_vec(), vec![1.0; model.y().len()]),
        GpModel::Latent(model, _) => model.observations().iter().map(|at| (at.y, at.exposure)).unzip(),
        GpModel::Sparse(_) => (Vec::new(), Vec::new()),
    }
}

fn tensor(tensors: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    let view = tensors.tensor(name).map_err(|_| damaged(format!("`{name}` is missing")))?;
    if view.dtype() != Dtype::F64 {
        return Err(damaged(format!("`{name}` is not of 64-bit floats")));
    }
    // The reader has checked that shape and bytes agree.
    let values = view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
    Ok((view.shape().to_vec(), values))
}

fn damaged(text: String) -> Error {
    Error::Invalid(text)
}

impl From<&Parameter> for StoredParameter {
    fn from(p: &Parameter) -> Self {
        Self { path: p.path.clone(), bijector: p.bijector, prior: p.prior, start: p.start, fixed: p.fixed }
    }
}

impl From<StoredParameter> for Parameter {
    fn from(p: StoredParameter) -> Self {
        Self { path: p.path, bijector: p.bijector, prior: p.prior, start: p.start, fixed: p.fixed }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::fit::{FitOptions, fit};
    use crate::posterior::PredictionKind;

    fn fitted() -> FittedModel {
        let x = Mat::from_fn(30, 2, |i, d| ((i * (d + 1)) as f64 * 0.7).sin() * 3.0 + 10.0);
        let y = (0..30).map(|i| 100.0 + 5.0 * x[(i, 0)].cos()).collect();
        let options = FitOptions {
            kernel: Some("matern32(x0; lengthscales=2) + linear(x1) + white".parse().unwrap()),
            mean: Mean::Constant,
            particles: 5,
            iterations: Some(10),
            priors: vec![("likelihood.variance".into(), Some("log-normal(-2,1)".parse().unwrap()))],
            fixed: vec![("kernel.2.variance".into(), 1e-3)],
            ..FitOptions::default()
        };
        fit(&Dataset::new(x, y).unwrap(), &options, &mut ()).unwrap().model
    }

    fn saved(folder: &tempfile::TempDir) -> (FittedModel, PathBuf) {
        let (model, path) = (fitted(), folder.path().join("model.safetensors"));
        model.save(&path).unwrap();
        (model, path)
    }

    #[test]
    fn a_loaded_model_predicts_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let (model, path) = saved(&folder);
        let loaded = FittedModel::load(&path).unwrap();
        let x = faer::mat![[9.0, 11.0], [8.5, 12.0], [13.0, 7.0]];
        for kind in [PredictionKind::Observed, PredictionKind::Latent] {
            assert_eq!(model.predict(x.as_ref(), kind).unwrap(), loaded.predict(x.as_ref(), kind).unwrap());
        }
        assert_eq!(model.model.layout(), loaded.model.layout());
        assert_eq!(model.details, loaded.details);
    }

    #[test]
    fn truncated_foreign_and_newer_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = saved(&folder);
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let message = FittedModel::load(&path).unwrap_err().to_string();
            assert!(message.contains("not a model file, or cut short"), "{length}: {message}");
        }
        let foreign = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), None).unwrap();
        std::fs::write(&path, foreign).unwrap();
        let message = FittedModel::load(&path).unwrap_err().to_string();
        assert!(message.contains("without a steingp header"), "{message}");
        let header = HashMap::from([(KEY.to_string(), r#"{"format": 7, "anything": 1}"#.to_string())]);
        let newer = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), Some(header)).unwrap();
        std::fs::write(&path, newer).unwrap();
        let message = FittedModel::load(&path).unwrap_err().to_string();
        assert!(message.contains("format 7") && message.contains("update steingp"), "{message}");
    }

    #[test]
    fn a_header_that_contradicts_the_numbers_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = saved(&folder);
        let bytes = std::fs::read(&path).unwrap();
        // Replacements of equal length keep the file's own bookkeeping right.
        for (from, to) in [
            ("matern32(x0", "matern52(x7"),
            ("linear(x1)", "linear(x0)*"),
            ("kernel.2.variance", "kernel.2.variancy"),
            ("log-normal(-2.0,", "log-nowmal(-2.0,"),
        ] {
            let Some(at) = bytes.windows(from.len()).position(|w| w == from.as_bytes()) else { continue };
            let mut changed = bytes.clone();
            changed[at..at + from.len()].copy_from_slice(&to.as_bytes()[..from.len()]);
            std::fs::write(&path, changed).unwrap();
            let result = FittedModel::load(&path);
            if from != "linear(x1)" {
                let message = result.unwrap_err().to_string();
                assert!(message.contains("damaged"), "{from}: {message}");
            }
        }
    }
}
