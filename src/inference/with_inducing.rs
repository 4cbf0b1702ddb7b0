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

/// log density of (θ, Z); Z column by column behind the free parameters of θ.
#[derive(Debug)]
pub struct WithInducing<'a> {
    model: &'a SparseModel,
    x: &'a Mat<f64>,
    y: &'a [f64],
    form: CollapsedForm,
    criterion: Criterion,
    /// How many times each row counts.
    weight: f64,
    evaluations: AtomicUsize,
}

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
        Self { model, x, y, form, criterion, weight: 1.0, evaluations: AtomicUsize::new(0) }
    }

    /// The same of a sample, whose rows count `weight` times each ([`Collapsed::of_sample`]).
    #[must_use]
    pub fn counting(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
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
        let of_z = self.model.inducing().col_iter().flat_map(|c| c.iter().copied().collect::<Vec<f64>>());
        theta.iter().copied().chain(of_z).collect()
    }

    /// θ and Z of a point.
    pub fn split(&self, point: &[f64]) -> (Vec<f64>, Mat<f64>) {
        let (theta, z) = point.split_at(self.model.layout().dim());
        let m = self.model.size();
        (theta.to_vec(), Mat::from_fn(m, self.model.dim(), |i, d| z[d * m + i]))
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
        for (to, from) in of_z.chunks_mut(self.model.size()).zip(by_inducing.col_iter()) {
            to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = *from);
        }
        Ok(value)
    }
}
