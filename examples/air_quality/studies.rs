//! What is studied: tables, kernels, what is held out, and what the figures show.

use crate::common::Outcome;
use crate::places::Region;
use std::path::Path;
use steingp::compare::suite::air_quality::{self, NEW_YEAR};
use steingp::parameter::Prior;
use steingp::prelude::*;

pub use air_quality::NAMES;

/// What to do without data.
pub const DOWNLOAD: &str = "usage: air_quality DATA [--study beijing|winter|uk] [--out FOLDER]

DATA is a folder with three tables, which docs/air_quality.md describes:
  beijing_pollutants_2013_2017.csv.gz  station_id, t_hours, no2: Beijing Multi-Site Air Quality,
                                       https://archive.ics.uci.edu/dataset/501
  beijing_stations.csv                 station_id, lon, lat
  uk_aurn_no2_daily_2020.csv.gz        lon, lat, day, no2: daily means of the Automatic Urban and Rural Network,
                                       https://uk-air.defra.gov.uk";

/// Two weeks or so at a place.
pub struct Window {
    pub name: &'static str,
    pub place: (f64, f64),
    /// First and last time, and the step between predictions.
    pub times: [f64; 3],
    /// Name of the time axis, which shows (time − origin) / unit.
    pub axis: &'static str,
    pub origin: f64,
    pub unit: f64,
}

/// A dataset of (lon, lat, time) with all that is asked of it.
pub struct Study {
    pub name: &'static str,
    pub title: &'static str,
    pub data: Dataset,
    pub region: Region,
    pub kernel: String,
    /// Priors in place of the default ones, on the model's scale.
    pub priors: Vec<(String, Prior)>,
    /// Seed of the fits.
    pub seed: u64,
    /// Parameters that are distances, in kilometres, with their names.
    pub lengthscales: Vec<(&'static str, &'static str)>,
    pub inducing: usize,
    pub particles: usize,
    pub warm_up: Option<usize>,
    pub iterations: Option<usize>,
    /// Times of the maps, with their names.
    pub moments: Vec<(f64, &'static str)>,
    pub map: Region,
    pub window: Window,
}

/// A study by name.
pub fn read(name: &str, folder: &Path) -> Outcome<Study> {
    study(name, folder, if name == "uk" { uk() } else { beijing() })
}

/// The northern stations Changping, Dingling and Huairou.
const NORTH: Region = [116.15, 40.17, 116.70, 40.37];
const BEIJING: Region = [116.08, 39.80, 116.76, 40.42];
const DINGLING: (f64, f64) = (116.22, 40.292);
/// An experiment with what else is asked of it.
fn study(name: &str, folder: &Path, more: More) -> Outcome<Study> {
    let experiment = air_quality::experiment(name)?;
    Ok(Study {
        name: experiment.name,
        title: experiment.title,
        data: air_quality::read(name, folder)?,
        region: more.region,
        kernel: experiment.kernel.into(),
        priors: Vec::new(),
        seed: 0,
        lengthscales: distances(),
        inducing: experiment.inducing,
        particles: experiment.particles,
        warm_up: None,
        iterations: None,
        moments: more.moments,
        map: more.map,
        window: more.window,
    })
}

/// What an experiment is asked beside its rows.
struct More {
    region: Region,
    moments: Vec<(f64, &'static str)>,
    map: Region,
    window: Window,
}

/// Four years, every hour, or the five weeks from New Year 2015 on.
fn beijing() -> More {
    More {
        region: NORTH,
        moments: vec![
            (NEW_YEAR + 14.0 * 24.0 + 8.0, "2015-01-15 08:00"),
            (NEW_YEAR + 14.0 * 24.0 + 20.0, "2015-01-15 20:00"),
        ],
        map: BEIJING,
        window: two_weeks(),
    }
}

/// The lengthscales in space of all kernels here.
fn distances() -> Vec<(&'static str, &'static str)> {
    vec![
        ("kernel.0.lengthscales", "lengthscale of what stays (km)"),
        ("kernel.1.0.lengthscales", "lengthscale of what passes (km)"),
    ]
}

fn two_weeks() -> Window {
    Window {
        name: "Dingling",
        place: DINGLING,
        times: [NEW_YEAR + 9.0 * 24.0, NEW_YEAR + 23.0 * 24.0, 1.0],
        axis: "day of January 2015",
        origin: NEW_YEAR - 24.0,
        unit: 24.0,
    }
}

/// The United Kingdom. The Midlands are held out, as in the paper.
fn uk() -> More {
    More {
        region: [-3.1, 52.1, -0.2, 53.3],
        moments: vec![(20.0, "2020-02-20"), (76.0, "2020-04-16")],
        map: [-7.6, 50.0, 1.8, 57.6],
        window: Window {
            name: "Birmingham Ladywood",
            place: (-1.918235, 52.481346),
            times: [1.0, 60.0, 1.0],
            axis: "day from 2020-02-01",
            origin: 0.0,
            unit: 1.0,
        },
    }
}
