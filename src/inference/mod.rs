//! Inference methods: from a [`LogDensity`](crate::density::LogDensity) to draws with weights.

mod advi;
mod chain;
mod chains;
mod coordinates;
mod curvature;
mod elbo;
mod evidence;
mod gaussian;
mod inverse_hessian;
mod laplace;
mod line_search;
mod maximum;
pub mod minibatch;
mod mode;
mod nuts;
mod path;
mod pathfinder;
mod share;
mod svgd;
mod warped;
mod with_inducing;

pub use advi::{AdviFit, AdviSettings, advi};
pub use chain::ChainReport;
pub use chains::{ChainDiagnostics, ess_bulk, ess_mean, ess_tail, r_hat};
pub use curvature::{log_evidence, negative_hessian};
pub use elbo::{Elbo, ElboReport};
pub use evidence::log_mass;
pub use gaussian::VariationalFamily;
pub use laplace::{LaplaceFit, LaplaceSettings, laplace};
pub use maximum::{Basin, MaximumSettings, Optimum, maximise, maximise_from};
pub use mode::{Mode, best_mode, maxima, modes};
pub use nuts::{NutsFit, NutsSettings, nuts, nuts_around};
pub use pathfinder::{PathfinderFit, PathfinderSettings, pathfinder};
pub use svgd::{ModeSummary, PolishSummary, SteinPreset, SvgdFit, SvgdSettings, svgd};
pub use warped::{Warped, WarpedWorkspace};
pub use with_inducing::WithInducing;
