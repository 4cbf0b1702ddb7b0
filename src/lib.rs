//! Gaussian processes whose hyperparameters carry a posterior, found by Stein variational gradient descent.
//!
//! Data flows one way, and each arrow is one type:
//!
//! table → [`Dataset`](dataset::Dataset) → [model](mod@model) → [`LogDensity`](density::LogDensity) →
//! [inference](mod@inference) → [`Posterior`](posterior::Posterior) → [mixture](posterior::MixtureTable) → metrics, figures,
//! files.
//!
//! Two seams hold it together. [`LogDensity`](density::LogDensity) is what every model offers and every inference
//! method consumes: a value and a score over R^d. [`Posterior`](posterior::Posterior) is what every inference method
//! returns: weighted draws. [`fit`](fit::fit) goes all the way:
//!
//! ```
//! use steingp::prelude::*;
//!
//! let x = faer::Mat::from_fn(25, 1, |i, _| i as f64 / 4.0);
//! let y = (0..25).map(|i| (i as f64 / 4.0).sin()).collect();
//! let options = FitOptions { particles: 8, iterations: Some(40), ..FitOptions::default() };
//! let fit = fit(&Dataset::new(x, y)?, &options, &mut ())?;
//!
//! let prediction = fit.model.predict(faer::mat![[1.6]].as_ref(), PredictionKind::Observed)?;
//! assert!((prediction.row(0).mean() - 1.6f64.sin()).abs() < 0.1);
//! assert_eq!(fit.model.posterior().count(), 8);
//! # Ok::<(), steingp::Error>(())
//! ```

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "table")]
pub mod compare;
pub mod dataset;
pub mod density;
pub mod error;
pub mod evaluation;
pub mod fit;
pub mod inducing;
pub mod inference;
pub mod kernel;
pub mod likelihood;
pub mod linalg;
pub mod mean;
pub mod model;
pub mod parameter;
pub mod playground;
pub mod posterior;
#[cfg(feature = "report")]
pub mod report;
pub mod rows;
pub mod stein;
#[cfg(feature = "table")]
pub mod table;

pub use error::{Error, Result};

/// What most programs need.
pub mod prelude {
    pub use crate::dataset::Dataset;
    pub use crate::density::LogDensity;
    pub use crate::fit::{Fit, FitOptions, Method, fit};
    pub use crate::kernel::{Kernel, KernelExpression};
    pub use crate::mean::Mean;
    pub use crate::posterior::{FittedModel, Mixture, Posterior, PredictionKind};
    pub use crate::{Error, Result};
}

/// The examples of the README and of the pages in `docs/`, compiled and run with the tests.
#[cfg(all(doctest, feature = "table"))]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/guide.md")]
    mod guide {}
}
