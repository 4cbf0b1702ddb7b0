//! Stein variational gradient descent (Liu & Wang 2016), on any [`LogDensity`](crate::density::LogDensity).
//!
//! Particles z_1..z_J with scores g_j move along
//!
//! φ(z_i) = 1/J Σ_j [ k(z_j, z_i) g_j + ∇_{z_j} k(z_j, z_i) ]:
//!
//! the first term attracts to where the density is high, the second keeps the particles apart. One particle
//! climbs the density and nothing else. With the paper's kernel and few particles the cloud collapses (variance
//! 0.27 of the truth for 20 particles in 10 dimensions), so the default engine whitens with the Hessian at the
//! mode and uses half an inverse multiquadric and half a bilinear kernel, which holds mean and covariance.

mod cloud;
mod diagnostics;
mod engine;
mod kernel;
mod optimiser;
mod whitening;

pub use cloud::Cloud;
pub use diagnostics::{SteinDiagnostics, ksd_u_statistic, stein_ratio};
pub use engine::{Engine, IterationReport, Observer, Outcome, Settings, Stop, Trace};
pub use kernel::{Bandwidth, SteinDirection, SteinKernel};
pub use optimiser::{Optimiser, OptimiserState, Schedule};
pub use whitening::Whitening;
