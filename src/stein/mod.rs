//! Stein variational gradient descent (Liu & Wang 2016), on any [`LogDensity`](crate::density::LogDensity).
//!
//! Particles z_1..z_J with scores g_j move along
//!
//! φ(z_i) = 1/J Σ_j [ k(z_j, z_i) g_j + ∇_{z_j} k(z_j, z_i) ]:
//!
//! the first term attracts to where the density is high, the second keeps the particles apart. One particle
//! climbs the density and nothing else. With the paper's kernel and few particles the cloud collapses (variance
//! 0.27 of the truth for 20 particles in 10 dimensions), so the default engine whitens with the Hessian at the
//! mode and uses half an inverse multiquadric and half a kernel that holds moments.
//!
//! An iteration evaluates the particles, asks the [`Method`] for a direction, lets the [`Optimiser`] and the
//! [`StepSize`] say how far, shows all to the [`Observer`] and moves. The parts:
//!
//! - [`SteinKernel`]: what particles are to each other, with [`Bandwidth`]; [`stein_field`] is its force at any point.
//! - [`Method`]: the force itself, matrix-valued kernels ([`Metric`]), Newton ([`Curvature`]), stochastic SVGD.
//! - `temperature` and [`Annealing`] in [`Settings`]: how repulsion and attraction weigh against each other.
//! - [`polish`], [`ControlVariates`], [`representatives`]: exact moves of the finished cloud, moments from all its states, and
//!   the few that stand for many.
//! - [`GaussianBbvi`]: black-box variational inference, which SVGD with a tangent kernel follows.

mod annealing;
mod cloud;
mod control_variates;
mod curvature;
mod diagnostics;
mod engine;
mod force;
pub mod kernel;
mod mover;
mod observer;
mod optimiser;
mod polish;
mod reparameterised;
mod representatives;
mod settings;
mod spectrum;
mod step_size;
mod whitening;

pub use annealing::Annealing;
pub use cloud::Cloud;
pub use control_variates::{ControlVariates, Moments};
pub use curvature::{Curvature, CurvatureSource, LocalSecants, ScoreDifferences};
pub use diagnostics::{Examination, SteinDiagnostics, Verdict, ksd_u_statistic, stein_ratio};
pub use engine::{Engine, Outcome, Stop};
pub use force::{SteinForce, stein_field};
pub use kernel::{Bandwidth, Radial, SteinKernel, TangentMoments};
pub use mover::{Method, Metric};
pub use observer::{IterationReport, IterationView, Observer, Trace};
pub use optimiser::{Optimiser, OptimiserState, Schedule};
pub use polish::{PolishSettings, Polished, States, polish};
pub use reparameterised::{GaussianBbvi, GaussianFamily, Reparameterised, neural_tangent_kernel};
pub use representatives::{match_moments, representatives};
pub use settings::Settings;
pub use step_size::StepSize;
pub use whitening::Whitening;

#[cfg(test)]
mod tests;
