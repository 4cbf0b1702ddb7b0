//! SVGD on targets in the plane, with everything it does on record: for eyes, examples and teaching.
//!
//! [`play`] runs the engine on a [`Toy`](crate::density::Toy) and keeps the cloud of every iteration. A [`Run`] gives
//! its numbers by [`Run::summary`] and the force on any point at its start and end by [`Run::force`]; with the
//! feature `report`, `report::stein` draws it.

mod choice;
mod counted;
mod run;
mod setup;
mod summary;

pub use choice::{KernelChoice, MoverChoice, StartChoice};
pub use run::{Moment, Run, play};
pub use setup::Play;
pub use summary::Summary;
