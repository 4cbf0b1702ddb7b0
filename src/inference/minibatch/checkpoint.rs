//! States on disk: written atomically every K iterations, read again to go on as if nothing had happened.
//!
//! A safetensors file: matrices and traces as 64-bit floats, the rest as JSON in its header, with a fingerprint of the fit
//! so that no run goes on with another one's state. Factors and means are not stored: they follow from natural parameters
//! in the same way as they did.

use super::StepControl;
use super::curvature::ScoreDifferences;
use super::joint::JointState;
use super::state::{Particle, Stage, State};
use crate::model::InducingGaussian;
use crate::stein::{Cloud, IterationReport, OptimiserState};
use crate::{Error, Result};
use faer::Mat;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Key of the header in the file's metadata.
const KEY: &str = "steingp-checkpoint";
/// Bytes of a file that show whether it has that key.
const START: u64 = 64;

/// Where and how often states are written.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    every: u64,
    fingerprint: String,
    resume: bool,
}

#[derive(Serialize, Deserialize)]
struct Header {
    fingerprint: String,
    kind: Kind,
    iteration: u64,
    optimiser: OptimiserState,
    failures: usize,
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Kind {
    Mixture {
        stage: Stage,
        of_stage: usize,
        latents: usize,
        of_inducing: OptimiserState,
        step: StepControl,
        of_gaussian: usize,
        average: Vec<f64>,
        earlier: Vec<f64>,
        anchor_score: Vec<f64>,
        bound: Option<f64>,
        curvature: Vec<f64>,
        differences: ScoreDifferences,
        spread: Vec<f64>,
        evaluations: usize,
        failed_in_a_row: usize,
        max_jitter: f64,
    },
    Joint,
}

/// Named matrices, column by column.
type Tensors = Vec<(String, Vec<usize>, Vec<f64>)>;

impl Checkpoint {
    /// States go to `path` every `every` iterations. `fingerprint` says what fit this is: all that its result depends on. With
    /// `resume` a state that is there is where the fit goes on; without, it is written over.
    pub fn new(path: impl Into<PathBuf>, every: u64, fingerprint: impl Into<String>, resume: bool) -> Self {
        Self { path: path.into(), every: every.max(1), fingerprint: fingerprint.into(), resume }
    }

    /// Whether a state is written after this many iterations.
    pub(super) fn is_due(&self, iteration: u64) -> bool {
        iteration.is_multiple_of(self.every)
    }

    /// Takes the file away: the fit is done.
    pub fn remove(&self) {
        // What cannot be removed does no harm: a later fit refuses it or writes over it.
        let _ = std::fs::remove_file(&self.path);
    }

    /// The state to go on from, if there is one and it is wanted.
    pub(super) fn load(&self) -> Result<Option<State>> {
        let Some((header, mut tensors)) = self.read()? else { return Ok(None) };
        let Kind::Mixture {
            stage,
            of_stage,
            latents,
            of_inducing,
            step,
            of_gaussian,
            average,
            earlier,
            anchor_score,
            bound,
            curvature,
            differences,
            spread,
            evaluations,
            failed_in_a_row,
            max_jitter,
        } = header.kind
        else {
            return Err(self.problem("it is of particles over inducing values"));
        };
        let mut take = |name: &str| tensors.remove(name).ok_or_else(|| self.problem("it is cut short"));
        let inducing = take("inducing")?;
        let inducing = matrix(&inducing).ok_or_else(|| self.problem("it is cut short"))?;
        let points = take("points")?.1;
        let (shifts, precisions, values) = (take("shifts")?.1, take("precisions")?.1, take("values")?.1);
        let (m, d) = (inducing.nrows(), average.len());
        let (of_shift, of_precision) = (latents * m, latents * m * (m + 1) / 2);
        let count = shifts.len().checked_div(of_shift).unwrap_or(0);
        if count == 0
            || points.len() != count * d
            || values.len() != shifts.len()
            || anchor_score.len() != d
            || ![0, d].contains(&earlier.len())
            || ![0, d * d].contains(&spread.len())
            || ![0, d * d].contains(&curvature.len())
            || precisions.len() != count * of_precision
        {
            return Err(self.problem("its parts disagree"));
        }
        let mut particles = (0..count)
            .map(|j| {
                let lower = &precisions[j * of_precision..(j + 1) * of_precision];
                let shift = shifts[j * of_shift..(j + 1) * of_shift].to_vec();
                let q = InducingGaussian::from_natural(unpack(lower, latents, m), shift)?;
                let values = values[j * of_shift..(j + 1) * of_shift].to_vec();
                Ok(Particle { z: points[j * d..(j + 1) * d].to_vec(), q, values })
            })
            .collect::<Result<Vec<Particle>>>()?;
        let centre = particles.remove(0);
        let trace = reports(&take("trace")?.1);
        let climb = take("climb")?.1;
        Ok(Some(State {
            stage,
            iteration: header.iteration,
            of_stage,
            inducing,
            centre,
            particles,
            optimiser: header.optimiser,
            of_inducing,
            step,
            of_gaussian,
            average,
            earlier,
            anchor_score,
            bound,
            curvature,
            differences,
            spread,
            trace,
            climb,
            evaluations,
            failures: header.failures,
            failed_in_a_row,
            max_jitter,
        }))
    }

    /// Writes a state.
    pub(super) fn save(&self, state: &State) -> Result<()> {
        let (m, latents) = (state.centre.q.size(), state.centre.q.latents());
        let all = || std::iter::once(&state.centre).chain(&state.particles);
        let count = 1 + state.particles.len();
        let columns = state.inducing.col_iter().flat_map(|c| c.iter().copied().collect::<Vec<f64>>());
        let lower = |q: &InducingGaussian| {
            let column = |c: usize, j: usize| q.precision(c).col_as_slice(j)[j..].to_vec();
            (0..latents).flat_map(|c| (0..m).flat_map(move |j| column(c, j))).collect::<Vec<f64>>()
        };
        let tensors: Tensors = vec![
            ("inducing".into(), vec![state.inducing.ncols(), m], columns.collect()),
            ("points".into(), vec![count, state.average.len()], all().flat_map(|p| p.z.clone()).collect()),
            ("shifts".into(), vec![count, latents * m], all().flat_map(|p| p.q.shift().to_vec()).collect()),
            ("values".into(), vec![count, latents * m], all().flat_map(|p| p.values.clone()).collect()),
            (
                "precisions".into(),
                vec![count, latents * m * (m + 1) / 2],
                all().flat_map(|p| lower(&p.q)).collect(),
            ),
            ("trace".into(), vec![state.trace.len(), 8], numbers(&state.trace)),
            ("climb".into(), vec![state.climb.len()], state.climb.clone()),
        ];
        let kind = Kind::Mixture {
            stage: state.stage,
            of_stage: state.of_stage,
            latents,
            of_inducing: state.of_inducing.clone(),
            step: state.step.clone(),
            of_gaussian: state.of_gaussian,
            average: state.average.clone(),
            earlier: state.earlier.clone(),
            anchor_score: state.anchor_score.clone(),
            bound: state.bound,
            curvature: state.curvature.clone(),
            differences: state.differences.clone(),
            spread: state.spread.clone(),
            evaluations: state.evaluations,
            failed_in_a_row: state.failed_in_a_row,
            max_jitter: state.max_jitter,
        };
        self.write(kind, state.iteration, &state.optimiser, state.failures, tensors)
    }

    /// The state of particles over inducing values to go on from, if there is one and it is wanted.
    ///
    /// # Errors
    /// Where the file cannot be read or is of another fit.
    pub fn load_joint(&self) -> Result<Option<JointState>> {
        let Some((header, mut tensors)) = self.read()? else { return Ok(None) };
        if !matches!(header.kind, Kind::Joint) {
            return Err(self.problem("it is not of particles over inducing values"));
        }
        let (Some((shape, values)), Some((_, trace))) =
            (tensors.remove("particles"), tensors.remove("trace"))
        else {
            return Err(self.problem("it is cut short"));
        };
        let &[count, dim] = shape.as_slice() else { return Err(self.problem("its parts disagree")) };
        let mut particles = Cloud::zeros(count, dim);
        particles.values_mut().copy_from_slice(&values);
        Ok(Some(JointState {
            particles,
            optimiser: header.optimiser,
            iteration: header.iteration,
            trace: reports(&trace),
            failures: header.failures,
            inducing: tensors.remove("inducing").as_ref().and_then(matrix),
        }))
    }

    pub(super) fn save_joint(&self, state: &JointState) -> Result<()> {
        let shape = vec![state.particles.count(), state.particles.dim()];
        let mut tensors: Tensors = vec![
            ("particles".into(), shape, state.particles.values().to_vec()),
            ("trace".into(), vec![state.trace.len(), 8], numbers(&state.trace)),
        ];
        if let Some(inducing) = &state.inducing {
            let columns = inducing.col_iter().flat_map(|c| c.iter().copied().collect::<Vec<f64>>());
            let shape = vec![inducing.ncols(), inducing.nrows()];
            tensors.push(("inducing".into(), shape, columns.collect()));
        }
        self.write(Kind::Joint, state.iteration, &state.optimiser, state.failures, tensors)
    }

    fn write(
        &self,
        kind: Kind,
        iteration: u64,
        optimiser: &OptimiserState,
        failures: usize,
        tensors: Tensors,
    ) -> Result<()> {
        let fingerprint = self.fingerprint.clone();
        let header = Header { fingerprint, kind, iteration, optimiser: optimiser.clone(), failures };
        let fail = |e: &dyn std::fmt::Display| self.problem(&format!("it cannot be written: {e}"));
        let text = serde_json::to_string(&header).map_err(|e| fail(&e))?;
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, shape, values)| {
                (name, shape, values.into_iter().flat_map(f64::to_le_bytes).collect())
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F64, shape.clone(), bytes)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| fail(&e))?;
        let whole = safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), text)])))
            .map_err(|e| fail(&e))?;
        replace(&self.path, &whole).map_err(|e| fail(&e))
    }

    #[expect(clippy::type_complexity, reason = "named tensors with their shapes")]
    fn read(&self) -> Result<Option<(Header, HashMap<String, (Vec<usize>, Vec<f64>)>)>> {
        if !self.resume {
            return self.refuse_foreign().map(|()| None);
        }
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.problem(&format!("it cannot be read: {error}"))),
        };
        let foreign = |_| self.problem("it is no checkpoint, or cut short");
        let tensors = SafeTensors::deserialize(&bytes).map_err(foreign)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(foreign)?;
        let text = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
        let header: Header = text
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| self.problem("it is no checkpoint of this version of steingp"))?;
        if header.fingerprint != self.fingerprint {
            return Err(self.problem(
                "it is of another fit: the table, the model, its settings or the seed differ; give the same command \
                 again, or take the file away to begin anew",
            ));
        }
        let values = |view: &TensorView<'_>| {
            view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect::<Vec<f64>>()
        };
        let named =
            tensors.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), values(&view))));
        Ok(Some((header, named.collect())))
    }

    /// A fit writes over its file and takes it away in the end, which must not happen to anything but a checkpoint.
    fn refuse_foreign(&self) -> Result<()> {
        let cannot = |error: std::io::Error| self.problem(&format!("it cannot be read: {error}"));
        let mut file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot(error)),
        };
        let mut start = Vec::new();
        // The header comes first, and its key within the first few bytes of it.
        file.by_ref().take(START).read_to_end(&mut start).map_err(cannot)?;
        if start.is_empty() || start.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes()) {
            return Ok(());
        }
        Err(self.problem("there is a file that is no checkpoint, which would be lost: choose another name"))
    }

    fn problem(&self, problem: &str) -> Error {
        Error::Invalid(format!("checkpoint {}: {problem}", self.path.display()))
    }
}

/// Writes beside the file and puts it in its place, so that there is always a whole one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let partial = path.with_file_name(name);
    let mut file = std::fs::File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

/// A matrix stored column by column, with its shape as (columns, rows).
fn matrix((shape, values): &(Vec<usize>, Vec<f64>)) -> Option<Mat<f64>> {
    let &[columns, rows] = shape.as_slice() else { return None };
    (values.len() == rows * columns).then(|| Mat::from_fn(rows, columns, |i, j| values[j * rows + i]))
}

/// Lower triangles, column by column from the diagonal on.
fn unpack(mut lower: &[f64], latents: usize, m: usize) -> Vec<Mat<f64>> {
    let mut one = || {
        let mut matrix = Mat::zeros(m, m);
        for j in 0..m {
            let (column, rest) = lower.split_at(m - j);
            matrix.col_as_slice_mut(j)[j..].copy_from_slice(column);
            lower = rest;
        }
        matrix
    };
    (0..latents).map(|_| one()).collect()
}

fn numbers(trace: &[IterationReport]) -> Vec<f64> {
    let of = |r: &IterationReport| {
        let IterationReport { iteration, mean_log_density, sd_log_density, stein_ratio, .. } = *r;
        let IterationReport { attraction, repulsion, step, failed, .. } = *r;
        let (iteration, failed) = (iteration as f64, failed as f64);
        [iteration, mean_log_density, sd_log_density, stein_ratio, attraction, repulsion, step, failed]
    };
    trace.iter().flat_map(of).collect()
}

fn reports(numbers: &[f64]) -> Vec<IterationReport> {
    let of = |n: &[f64; 8]| IterationReport {
        iteration: n[0] as usize,
        mean_log_density: n[1],
        sd_log_density: n[2],
        stein_ratio: n[3],
        attraction: n[4],
        repulsion: n[5],
        step: n[6],
        failed: n[7] as usize,
    };
    numbers.as_chunks::<8>().0.iter().map(of).collect()
}
