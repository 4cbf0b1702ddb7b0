//! A report of a fit: figures as SVG, and one HTML page that holds them all.
//!
//! The structs in [`data`] are plain numbers and names; only [`from_fit`], which fills them, knows models and inference. Each figure
//! family has its module, with `svg` (a figure on its own, as a string) and `caption` (how to read it), and
//! [`page::html`] puts everything on one page that needs no network, no scripts and no other file.
//!
//! | Module | Shows |
//! |---|---|
//! | [`particles`] | each parameter's particles against its prior |
//! | [`traces`] | log density and Stein ratio by iteration |
//! | [`observed`] | predictions against what was observed |
//! | [`calibration`] | coverage of central intervals, probability integral transform |
//! | [`classes`] | how well classes are told apart, and whether their probabilities are true |
//! | [`rootogram`] | counts predicted against counts observed |
//! | [`effects`] | predicted effect of each input |
//! | [`fit`] | the fit over the data, for one input |
//! | [`series`] | predictions along time, of several models |
//! | [`growth`] | how a cost grows with a size |
//! | [`map`] | a field over longitude and latitude |
//! | [`estimates`] | a parameter's particles against other methods' values |
//! | `compare` | methods on tables: what each gains and costs (with feature `table`) |
//! | [`stein`] | how particles move in the plane, and what moves them |
//!
//! ```
//! use steingp::report::{data::{Report, Summary}, page};
//! let summary = Summary { target: "accel".into(), table: "mcycle.csv".into(), ..Summary::default() };
//! let html = page::html(&Report { summary, ..Report::default() })?;
//! assert!(html.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), steingp::Error>(())
//! ```

pub mod calibration;
pub mod classes;
#[cfg(feature = "table")]
pub mod compare;
pub mod data;
pub mod effects;
pub mod estimates;
pub mod fit;
pub mod growth;
pub mod map;
pub mod observed;
pub mod page;
pub mod particles;
pub mod rootogram;
pub mod series;
pub mod stein;
pub mod style;
pub mod traces;

mod axis;
mod canvas;
mod density;
mod frame;
mod from_classes;
mod from_fit;
mod legend;
mod notices;
mod number;
mod ramp;
mod sheet;
mod table;
mod text;
mod trust;

pub use from_fit::{FitContext, from_fit, parameter_particles};
#[cfg(feature = "cli")]
pub(crate) use notices::{chains, correction};
