//! Inference methods: from a [`LogDensity`](crate::density::LogDensity) to draws with weights.

mod curvature;
mod line_search;
mod maximum;
mod svgd;

pub use curvature::{log_evidence, negative_hessian};
pub use maximum::{MaximumSettings, Optimum, maximise, maximise_from};
pub use svgd::{SteinPreset, SvgdFit, SvgdSettings, svgd};
