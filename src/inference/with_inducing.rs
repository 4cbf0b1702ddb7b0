//! The collapsed bound as a function of parameters and inducing inputs together, to climb on. Inducing inputs are parameters
//! of the approximation and not of the model: they have no prior, and more freedom in them only tightens the bound.

use crate::Result;
use crate::density::LogDensity;
use crate::linalg::in_parallel;
use crate::model::{
    Collapsed, CollapsedForm, CollapsedWorkspace, Criterion, Model, SparseModel, Target, TargetWorkspace,
};
use crate::parameter::Layout;
use faer::{Mat, Par};
use std::sync::atomic::{AtomicUsize, Ordering};

/// log density of (θ, Z); Z column by column behind the free parameters of θ, in units of its own ([`WithInducing::levelled`]).
#[derive(Debug)]
pub struct WithInducing<'a> {
    model: &'a SparseModel,
    x: &'a Mat<f64>,
    y: &'a [f64],
    form: CollapsedForm,
    criterion: Criterion,
    /// How many times each row counts.
    weight: f64,
    /// How far one unit of a coordinate moves an inducing input, for each input column.
    units: Vec<f64>,
    evaluations: AtomicUsize,
}

/// Slope of the bound along one column of Z, in nats a row and unit of its coordinates.
const SLOPE: f64 = 0.01;

/// Memory of one thread: a model whose inducing inputs move, and what an evaluation needs.
#[derive(Debug)]
pub struct InducingWorkspace {
    model: SparseModel,
    own: TargetWorkspace<Workspace>,
}

/// The bound at one Z, with the gradient in Z beside that in θ.
struct AtInducing<'a> {
    collapsed: Collapsed<'a>,
}

#[derive(Debug)]
struct Workspace {
    collapsed: CollapsedWorkspace,
    by_inducing: Mat<f64>,
}

impl Model for AtInducing<'_> {
    type Workspace = Workspace;

    fn layout(&self) -> &Layout {
        self.collapsed.layout()
    }

    fn workspace(&self, par: Par) -> Workspace {
        let model = self.collapsed.model();
        let by_inducing = Mat::zeros(model.size(), model.dim());
        Workspace { collapsed: self.collapsed.workspace(par), by_inducing }
    }

    fn log_likelihood(&self, theta: &[f64], gradient: &mut [f64], workspace: &mut Workspace) -> Result<f64> {
        workspace.by_inducing.fill(0.0);
        let by_inducing = Some(workspace.by_inducing.as_mut());
        self.collapsed.bound(theta, gradient, by_inducing, &mut workspace.collapsed)
    }

    fn jitter(workspace: &Workspace) -> f64 {
        Collapsed::jitter(&workspace.collapsed)
    }
}

impl<'a> WithInducing<'a> {
    /// Of a model on inputs (N×D) and targets (N), on the model's scale.
    pub fn new(
        model: &'a SparseModel,
        x: &'a Mat<f64>,
        y: &'a [f64],
        form: CollapsedForm,
        criterion: Criterion,
    ) -> Self {
        let units = vec![1.0; model.dim()];
        Self { model, x, y, form, criterion, weight: 1.0, units, evaluations: AtomicUsize::new(0) }
    }

    /// The same of a sample, whose rows count `weight` times each ([`Collapsed::of_sample`]).
    #[must_use]
    pub fn counting(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// The same in coordinates in which no column of Z is steeper than the others at θ and the model's own Z: in raw ones
    /// hours among years leave L-BFGS next to nothing for anything else. One evaluation.
    ///
    /// # Errors
    /// Those of the evaluation.
    pub fn levelled(mut self, theta: &[f64]) -> Result<Self> {
        let (from, m) = (self.point(theta), self.model.size());
        let mut score = vec![0.0; from.len()];
        self.evaluate(&from, &mut score, &mut self.workspace())?;
        let wanted = SLOPE * self.weight * self.y.len() as f64;
        for (unit, slopes) in self.units.iter_mut().zip(score[theta.len()..].chunks(m)) {
            let slope = slopes.iter().map(|s| s * s).sum::<f64>().sqrt();
            // A flat column keeps the unit of the inputs.
            *unit = (*unit * wanted / slope).min(1.0);
        }
        Ok(self)
    }

    fn collapsed<'m>(&self, model: &'m SparseModel) -> Result<Collapsed<'m>> {
        if self.weight == 1.0 {
            Collapsed::new(model, self.x.as_ref(), self.y, self.form)
        } else {
            Collapsed::of_sample(model, self.x.as_ref(), self.y, self.weight)
        }
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// θ (free parameters, unconstrained) with the model's own Z behind it.
    pub fn point(&self, theta: &[f64]) -> Vec<f64> {
        let mut point = theta.to_vec();
        for (column, unit) in self.model.inducing().col_iter().zip(&self.units) {
            point.extend(column.iter().map(|z| z / unit));
        }
        point
    }

    /// θ and Z of a point.
    pub fn split(&self, point: &[f64]) -> (Vec<f64>, Mat<f64>) {
        let (theta, z) = point.split_at(self.model.layout().dim());
        let m = self.model.size();
        (theta.to_vec(), Mat::from_fn(m, self.model.dim(), |i, d| self.units[d] * z[d * m + i]))
    }
}

impl LogDensity for WithInducing<'_> {
    type Workspace = InducingWorkspace;

    fn dim(&self) -> usize {
        self.model.layout().dim() + self.model.size() * self.model.dim()
    }

    fn workspace(&self) -> InducingWorkspace {
        let (m, n) = (self.model.size(), self.y.len());
        let collapsed = CollapsedWorkspace::new(self.model, n, in_parallel());
        let own = Workspace { collapsed, by_inducing: Mat::zeros(m, self.model.dim()) };
        let parameters = self.model.layout().parameters().len();
        InducingWorkspace { model: self.model.clone(), own: TargetWorkspace::with_model(own, parameters) }
    }

    fn evaluate(&self, point: &[f64], score: &mut [f64], workspace: &mut InducingWorkspace) -> Result<f64> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let (theta, inducing) = self.split(point);
        workspace.model.set_inducing(inducing.as_ref())?;
        let at = AtInducing { collapsed: self.collapsed(&workspace.model)? };
        let (of_theta, of_z) = score.split_at_mut(theta.len());
        let value = Target::new(&at, self.criterion)?.evaluate(&theta, of_theta, &mut workspace.own)?;
        let by_inducing = &workspace.own.model().by_inducing;
        for ((to, from), unit) in
            of_z.chunks_mut(self.model.size()).zip(by_inducing.col_iter()).zip(&self.units)
        {
            to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = unit * from);
        }
        Ok(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::inference::{MaximumSettings, maximise_from};
    use crate::kernel::{InputColumns, KernelExpression};
    use crate::likelihood::Family;
    use crate::mean::Mean;
    use crate::model::Process;

    /// A function that varies within thousandths of its second input, and slowly in its first.
    fn table() -> (Mat<f64>, Vec<f64>) {
        let x = Mat::from_fn(200, 2, |i, d| {
            let place = ((i * (37 + 51 * d)) as f64 * 0.618).rem_euclid(2.0) - 1.0;
            if d == 0 { place } else { 1e-3 * place }
        });
        let y = (0..200)
            .map(|i| x[(i, 0)] + (4e3 * x[(i, 1)]).sin() + 0.1 * (i as f64 * 12.9898).sin())
            .collect();
        (x, y)
    }

    fn model(x: &Mat<f64>) -> SparseModel {
        let kernel: KernelExpression = "rbf(a) + rbf(b)".parse().unwrap();
        let kernel = kernel.resolve(&InputColumns::unscaled(["a", "b"])).unwrap();
        let process = Process { kernel, mean: Mean::Zero };
        let inducing = Mat::from_fn(12, 2, |i, d| x[(i * 11, d)]);
        let mut model =
            SparseModel::new(inducing.as_ref(), Family::Gaussian.build(2).unwrap(), vec![process]).unwrap();
        model.layout_mut().change("kernel.1.lengthscales[0]", |p| p.start = 5e-4).unwrap();
        model
    }

    #[test]
    fn levelled_coordinates_lead_to_the_same_bound_with_scores_of_one_size() {
        let (x, y) = table();
        let model = model(&x);
        let raw = WithInducing::new(&model, &x, &y, CollapsedForm::Vfe, Criterion::LogDensity);
        let own = WithInducing::new(&model, &x, &y, CollapsedForm::Vfe, Criterion::LogDensity).counting(3.0);
        let theta = model.layout().start();
        let own = own.levelled(&theta).unwrap();
        let (point, mut score) = (own.point(&theta), vec![0.0; own.dim()]);
        let mut workspace = own.workspace();
        let (back, inducing) = own.split(&point);
        assert_eq!(back, theta);
        for (i, d) in (0..12).flat_map(|i| [(i, 0), (i, 1)]) {
            assert!((inducing[(i, d)] - model.inducing()[(i, d)]).abs() < 1e-15);
        }
        own.evaluate(&point, &mut score, &mut workspace).unwrap();
        // Two nats in two hundred rows, each of which counts three times.
        let slope = |d: usize| score[theta.len() + 12 * d..][..12].iter().map(|s| s * s).sum::<f64>().sqrt();
        assert!((slope(1) - 6.0).abs() < 1e-9 && slope(0) <= 6.0 + 1e-9, "{} {}", slope(0), slope(1));
        let mut aside = vec![0.0; own.dim()];
        for k in [theta.len() + 3, theta.len() + 15] {
            let mut at = |shift: f64| {
                let mut moved = point.clone();
                moved[k] += shift;
                own.evaluate(&moved, &mut aside, &mut workspace).unwrap()
            };
            let step = 1e-4;
            let numeric = (at(step) - at(-step)) / (2.0 * step);
            assert!((numeric - score[k]).abs() < 1e-5 * (1.0 + score[k].abs()), "{numeric} {}", score[k]);
        }
        assert_eq!(raw.point(&theta).len(), point.len());
    }

    #[test]
    fn a_climb_in_levelled_coordinates_gets_further() {
        let (x, y) = table();
        let model = model(&x);
        let theta = model.layout().start();
        let settings = MaximumSettings { iterations: 25, ..MaximumSettings::default() };
        let bound = |own: &WithInducing<'_>| maximise_from(own, &own.point(&theta), &settings).unwrap().value;
        let new = || WithInducing::new(&model, &x, &y, CollapsedForm::Vfe, Criterion::LogDensity);
        let (raw, levelled) = (bound(&new()), bound(&new().levelled(&theta).unwrap()));
        assert!(levelled > raw + 1.0, "{levelled} against {raw}");
    }
}
