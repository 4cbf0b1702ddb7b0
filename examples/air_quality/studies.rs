//! What is studied: tables, kernels, what is held out, and what the figures show.

use crate::common::Outcome;
use crate::places::Region;
use faer::Mat;
use std::path::Path;
use steingp::parameter::Prior;
use steingp::prelude::*;
use steingp::table::{Encoded, Encoding, EncodingOptions, Missing, Table, TargetUse};

/// All studies.
pub const NAMES: [&str; 3] = ["beijing", "winter", "uk"];

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
    /// Parameters that are distances, in kilometres, with their names.
    pub lengthscales: Vec<(&'static str, &'static str)>,
    pub inducing: usize,
    pub batch: usize,
    pub particles: usize,
    pub warm_up: usize,
    pub iterations: usize,
    /// Times of the maps, with their names.
    pub moments: Vec<(f64, &'static str)>,
    pub map: Region,
    pub window: Window,
}

/// A study by name.
pub fn read(name: &str, folder: &Path) -> Outcome<Study> {
    match name {
        "beijing" => beijing(folder),
        "winter" => winter(folder),
        "uk" => uk(folder),
        _ => Err(format!("there is no study {name}: {}", NAMES.join(", ")).into()),
    }
}

/// What stays at a place, and what passes: weather, and the hours of the day as the seasons change them.
const HOURLY_FOR_YEARS: &str = "matern32(lon, lat; metric=sphere, lengthscales=40) \
    + matern32(lon, lat; metric=sphere, lengthscales=80) \
    * (periodic(t_hours; period=24, fixed=period) * matern32(t_hours; lengthscales=1500) \
    + matern12(t_hours; lengthscales=100))";
/// The same within a season.
const HOURLY: &str = "matern32(lon, lat; metric=sphere, lengthscales=40) \
    + matern32(lon, lat; metric=sphere, lengthscales=80) \
    * (periodic(t_hours; period=24, fixed=period) + matern12(t_hours; lengthscales=24))";
/// The same without hours.
const DAILY: &str = "matern32(lon, lat; metric=sphere, lengthscales=60) \
    + matern32(lon, lat; metric=sphere, lengthscales=200) * matern12(day; lengthscales=3)";

/// The northern stations Changping, Dingling and Huairou.
const NORTH: Region = [116.15, 40.17, 116.70, 40.37];
const BEIJING: Region = [116.08, 39.80, 116.76, 40.42];
const DINGLING: (f64, f64) = (116.22, 40.292);
/// 2015-01-01 00:00 in hours since 2013-03-01 00:00.
const NEW_YEAR: f64 = 16_104.0;

/// Four years, every hour.
fn beijing(folder: &Path) -> Outcome<Study> {
    Ok(Study {
        name: "beijing",
        title: "Beijing, NO2 every hour, 2013-03-01 to 2017-02-28",
        data: beijing_rows(folder)?,
        region: NORTH,
        kernel: HOURLY_FOR_YEARS.into(),
        priors: Vec::new(),
        lengthscales: distances(),
        inducing: 300,
        batch: 1000,
        particles: 10,
        warm_up: 1000,
        iterations: 50,
        moments: vec![
            (NEW_YEAR + 14.0 * 24.0 + 8.0, "2015-01-15 08:00"),
            (NEW_YEAR + 14.0 * 24.0 + 20.0, "2015-01-15 20:00"),
        ],
        map: BEIJING,
        window: two_weeks(),
    })
}

/// The five weeks from New Year 2015 on, which inducing points can follow from hour to hour.
fn winter(folder: &Path) -> Outcome<Study> {
    let years = beijing(folder)?;
    let is_within = |i: &usize| (NEW_YEAR..NEW_YEAR + 840.0).contains(&years.data.x[(*i, 2)]);
    let within: Vec<usize> = (0..years.data.rows()).filter(is_within).collect();
    Ok(Study {
        name: "winter",
        title: "Beijing, NO2 every hour, 2015-01-01 to 2015-02-04",
        data: crate::common::rows(&years.data, &within),
        kernel: HOURLY.into(),
        priors: stations_alike(),
        inducing: 200,
        batch: 500,
        warm_up: 1500,
        ..years
    })
}

/// Means of stations differ by a part of what times differ by.
fn stations_alike() -> Vec<(String, Prior)> {
    vec![("kernel.0.variance".into(), Prior::Gamma { shape: 2.0, scale: 0.1 })]
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

/// The United Kingdom, daily means at background sites: beside a road it is the road that counts. The Midlands are held out,
/// as in the paper.
fn uk(folder: &Path) -> Outcome<Study> {
    let table = Table::read(folder.join("uk_aurn_no2_daily_2020.csv.gz"))?;
    let encoded = columns(&table, &["lon", "lat", "day", "site_type"], "no2")?;
    // Kinds of sites are columns of zeros and ones, in the order of their names: Rural Background, Suburban Background,
    // Suburban Industrial, Urban Background, Urban Industrial, Urban Traffic.
    let background: Vec<usize> = (0..encoded.x.nrows())
        .filter(|i| [3, 4, 6].iter().any(|kind| encoded.x[(*i, *kind)] == 1.0))
        .collect();
    let names = ["lon", "lat", "day"].map(str::to_owned).to_vec();
    let x = Mat::from_fn(encoded.x.nrows(), 3, |i, d| encoded.x[(i, d)]);
    let all = Dataset::with_names(x, encoded.y.unwrap_or_default(), names, "no2".into())?;
    Ok(Study {
        name: "uk",
        title: "United Kingdom, daily means of NO2 at background sites, 2020-02-01 to 2020-08-31",
        data: crate::common::rows(&all, &background),
        region: [-3.1, 52.1, -0.2, 53.3],
        kernel: DAILY.into(),
        priors: stations_alike(),
        lengthscales: distances(),
        inducing: 200,
        batch: 500,
        particles: 10,
        warm_up: 1500,
        iterations: 50,
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
    })
}

/// Rows of (lon, lat, t_hours) with NO2, from two tables.
fn beijing_rows(folder: &Path) -> Outcome<Dataset> {
    let of_stations =
        columns(&Table::read(folder.join("beijing_stations.csv"))?, &["station_id", "lon"], "lat")?;
    let latitudes = of_stations.y.unwrap_or_default();
    let place = |id: f64| {
        let k = of_stations.x.col(0).iter().position(|k| *k == id);
        k.map(|k| (of_stations.x[(k, 1)], latitudes[k])).ok_or_else(|| format!("station {id} has no place"))
    };
    let table = Table::read(folder.join("beijing_pollutants_2013_2017.csv.gz"))?;
    let rows = columns(&table, &["station_id", "t_hours"], "no2")?;
    let places = rows.x.col(0).iter().map(|id| place(*id)).collect::<std::result::Result<Vec<_>, _>>()?;
    let x = Mat::from_fn(places.len(), 3, |i, d| [places[i].0, places[i].1, rows.x[(i, 1)]][d]);
    let names = ["lon", "lat", "t_hours"].map(str::to_owned).to_vec();
    Ok(Dataset::with_names(x, rows.y.unwrap_or_default(), names, "no2".into())?)
}

/// Columns of a table as numbers, without rows that lack one.
fn columns(table: &Table, inputs: &[&str], target: &str) -> Outcome<Encoded> {
    let options = EncodingOptions {
        inputs: Some(inputs.iter().map(|s| (*s).to_owned()).collect()),
        missing: Missing::Drop,
        ..EncodingOptions::new(target)
    };
    let all: Vec<usize> = (0..table.rows()).collect();
    let (encoding, _) = Encoding::learn(table, &options, &all)?;
    Ok(encoding.apply(table, TargetUse::Required)?)
}
