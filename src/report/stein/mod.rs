//! SVGD in the plane, made visible: where the particles went, what attracts and what repels them.
//!
//! Every figure shades the density's regions of highest density and draws particles over them. Filled blue is where
//! particles are and where they are drawn to, vermillion what keeps them apart, rings where they started.
//!
//! | Module | Shows |
//! |---|---|
//! | [`paths`] | each particle from its start to its end |
//! | [`fields`] | attraction and repulsion as arrows, on their own scales and on a common one |
//! | [`frames`] | the cloud after 0, 1, … iterations; or one figure an iteration |
//! | [`comparison`] | clouds of several runs side by side |
//! | [`gaussians`] | sequences of Gaussians side by side |
//! | [`overview`] | a whole run on one sheet |
//!
//! [`from_run`] makes them of a run of the [playground](mod@crate::playground).

pub mod comparison;
pub mod fields;
pub mod frames;
pub mod from_run;
pub mod gaussians;
pub mod overview;
pub mod paths;

pub(super) mod contours;
mod landscape;
mod plane;

pub use landscape::Landscape;
