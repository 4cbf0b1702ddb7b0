//! Parameters: names, bijectors, priors, and the flat vectors that inference moves.
//!
//! Models see constrained values θ, all of them, fixed ones included. Inference sees the unconstrained
//! vector z ∈ R^d of the free ones. A [`Layout`] is the map between the two.

mod bijector;
mod layout;
mod monotone;
mod prior;

pub use bijector::Bijector;
pub use layout::{Layout, Parameter};
pub use monotone::{MapPoint, MonotoneMap};
pub use prior::{Prior, PriorError};
