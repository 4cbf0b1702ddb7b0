//! Nitrogen dioxide in space and time, as in section 5.3 of the paper: kernels, priors and settings, and the rows of
//! public tables.
//!
//! `docs/air_quality.md` says where the tables come from and why the kernels are what they are.

use super::SuiteOptions;
use crate::compare::grid::{GridTable, Recipe};
use crate::compare::results::replace;
use crate::dataset::Dataset;
use crate::fit::{FitOptions, ModelChoice};
use crate::table::{
    Encoded, Encoding, EncodingOptions, Missing, Preparation, Table, TargetUse, Values, write,
};
use crate::{Error, Result};
use faer::Mat;
use std::path::Path;

/// How rows of longitude, latitude and time with nitrogen dioxide are fitted.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Its name.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Kernel expression.
    pub kernel: &'static str,
    /// Number of inducing points.
    pub inducing: usize,
    /// Number of particles.
    pub particles: usize,
}

/// All experiments: Beijing for four years and for five weeks by the hour, the United Kingdom for seven months by the day.
pub const NAMES: [&str; 3] = ["beijing", "winter", "uk"];

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

/// 2015-01-01 00:00 in hours since 2013-03-01 00:00.
pub const NEW_YEAR: f64 = 16_104.0;

/// The file that an experiment is made of.
fn file(name: &str) -> &'static str {
    if name == "uk" { "uk_aurn_no2_daily_2020.csv.gz" } else { "beijing_pollutants_2013_2017.csv.gz" }
}

/// An experiment by name.
///
/// # Errors
/// [`Error::Invalid`] for another name.
pub fn experiment(name: &str) -> Result<Experiment> {
    match name {
        "beijing" => Ok(beijing()),
        "winter" => Ok(winter()),
        "uk" => Ok(uk()),
        _ => Err(unknown(name)),
    }
}

/// The rows of an experiment, from a folder with the public tables: longitude and latitude in degrees and a time in hours or
/// days; targets in µg/m³.
///
/// # Errors
/// [`Error::Invalid`] for another name, and where a table is not there or is another one.
pub fn read(name: &str, folder: &Path) -> Result<Dataset> {
    match name {
        "beijing" => beijing_rows(folder),
        "winter" => winter_rows(folder),
        "uk" => uk_rows(folder),
        _ => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Error {
    Error::Invalid(format!("there is no experiment `{name}`: {}", NAMES.join(", ")))
}

/// Four years, every hour.
fn beijing() -> Experiment {
    Experiment {
        name: "beijing",
        title: "Beijing, NO2 every hour, 2013-03-01 to 2017-02-28",
        kernel: HOURLY_FOR_YEARS,
        inducing: 300,
        particles: 10,
    }
}

/// The five weeks from New Year 2015 on, which inducing points can follow from hour to hour.
fn winter() -> Experiment {
    Experiment {
        name: "winter",
        title: "Beijing, NO2 every hour, 2015-01-01 to 2015-02-04",
        kernel: HOURLY,
        inducing: 200,
        ..beijing()
    }
}

/// The United Kingdom, daily means at background sites: beside a road it is the road that counts.
fn uk() -> Experiment {
    Experiment {
        name: "uk",
        title: "United Kingdom, daily means of NO2 at background sites, 2020-02-01 to 2020-08-31",
        kernel: DAILY,
        inducing: 200,
        particles: 10,
    }
}

fn winter_rows(folder: &Path) -> Result<Dataset> {
    let years = beijing_rows(folder)?;
    let is_within = |i: &usize| (NEW_YEAR..NEW_YEAR + 840.0).contains(&years.x[(*i, 2)]);
    let within: Vec<usize> = (0..years.rows()).filter(is_within).collect();
    Ok(rows(&years, &within))
}

fn uk_rows(folder: &Path) -> Result<Dataset> {
    let table = Table::read(folder.join(file("uk")))?;
    let encoded = columns(&table, &["lon", "lat", "day", "site_type"], "no2")?;
    // Kinds of sites are columns of zeros and ones, in the order of their names: Rural Background, Suburban Background,
    // Suburban Industrial, Urban Background, Urban Industrial, Urban Traffic.
    let background: Vec<usize> = (0..encoded.x.nrows())
        .filter(|i| [3, 4, 6].iter().any(|kind| encoded.x[(*i, *kind)] == 1.0))
        .collect();
    let names = ["lon", "lat", "day"].map(str::to_owned).to_vec();
    let x = Mat::from_fn(encoded.x.nrows(), 3, |i, d| encoded.x[(i, d)]);
    let all = Dataset::with_names(x, encoded.y.unwrap_or_default(), names, "no2".into())?;
    Ok(rows(&all, &background))
}

/// Rows of (lon, lat, t_hours) with NO2, from two tables.
fn beijing_rows(folder: &Path) -> Result<Dataset> {
    let of_stations =
        columns(&Table::read(folder.join("beijing_stations.csv"))?, &["station_id", "lon"], "lat")?;
    let latitudes = of_stations.y.unwrap_or_default();
    let place = |id: f64| {
        let k = of_stations.x.col(0).iter().position(|k| *k == id);
        k.map(|k| (of_stations.x[(k, 1)], latitudes[k]))
            .ok_or_else(|| Error::Invalid(format!("beijing_stations.csv: station {id} has no place")))
    };
    let table = Table::read(folder.join(file("beijing")))?;
    let rows = columns(&table, &["station_id", "t_hours"], "no2")?;
    let places = rows.x.col(0).iter().map(|id| place(*id)).collect::<Result<Vec<_>>>()?;
    let x = Mat::from_fn(places.len(), 3, |i, d| [places[i].0, places[i].1, rows.x[(i, 1)]][d]);
    let names = ["lon", "lat", "t_hours"].map(str::to_owned).to_vec();
    Dataset::with_names(x, rows.y.unwrap_or_default(), names, "no2".into())
}

/// Columns of a table as numbers, without rows that lack one.
fn columns(table: &Table, inputs: &[&str], target: &str) -> Result<Encoded> {
    let options = EncodingOptions {
        inputs: Some(inputs.iter().map(|s| (*s).to_owned()).collect()),
        missing: Missing::Drop,
        ..EncodingOptions::new(target)
    };
    let all: Vec<usize> = (0..table.rows()).collect();
    let (encoding, _) = Encoding::learn(table, &options, &all)?;
    Ok(encoding.apply(table, TargetUse::Required)?)
}

/// Some rows of a dataset.
fn rows(data: &Dataset, rows: &[usize]) -> Dataset {
    Dataset {
        x: Mat::from_fn(rows.len(), data.columns(), |i, d| data.x[(rows[i], d)]),
        y: rows.iter().map(|&i| data.y[i]).collect(),
        ..data.clone()
    }
}

/// A table for each experiment whose file is in the folder.
pub(super) fn tables(recipe: &Recipe, options: &SuiteOptions) -> Result<Vec<GridTable>> {
    let Some(folder) = &options.data else {
        return Err(Error::Invalid("the suite needs the folder with its tables".into()));
    };
    let wanted = NAMES.into_iter().filter(|name| {
        let is_named = options.names.is_empty() || options.names.iter().any(|n| n == name);
        is_named && folder.join(file(name)).exists()
    });
    wanted.map(|name| table(name, folder, recipe, options)).collect()
}

fn table(name: &str, folder: &Path, recipe: &Recipe, options: &SuiteOptions) -> Result<GridTable> {
    let path = options.made.join(format!("{name}.parquet"));
    if !options.is_part {
        let failed = |e: std::io::Error| Error::Invalid(format!("{}: {e}", options.made.display()));
        std::fs::create_dir_all(&options.made).map_err(failed)?;
        let data = read(name, folder)?;
        let inputs: Vec<Vec<f64>> = data.x.col_iter().map(|c| c.iter().copied().collect()).collect();
        let mut columns: Vec<(&str, Values<'_>)> = (data.input_names.iter().zip(&inputs))
            .map(|(name, values)| (name.as_str(), Values::Numbers(values)))
            .collect();
        columns.push((&data.target_name, Values::Numbers(&data.y)));
        replace(&path, |temporary| Ok(write(temporary, &columns)?))?;
    }
    GridTable::read(&path, &adapted(recipe, &experiment(name)?, options)?, &options.splits)
}

/// The recipe with the experiment's settings, wherever it has the defaults and nothing else is asked for.
///
/// Both methods search for the mode alike, on the same samples, so that they share their inducing points.
fn adapted(recipe: &Recipe, experiment: &Experiment, asked: &SuiteOptions) -> Result<Recipe> {
    let given = &recipe.options;
    let kernel = match &given.kernel {
        Some(kernel) => kernel.clone(),
        None => experiment.kernel.parse()?,
    };
    let options = FitOptions {
        model: asked.model.unwrap_or(match given.model {
            ModelChoice::Auto => ModelChoice::Svgp,
            model => model,
        }),
        kernel: Some(kernel),
        inducing: given.inducing.or(Some(experiment.inducing)),
        batch: asked.batch.unwrap_or(given.batch),
        ..given.clone()
    };
    let preparation = Preparation { target: "no2".into(), inputs: None, ..recipe.preparation.clone() };
    Ok(Recipe { preparation, options, inducing_points: recipe.inducing_points.clone() })
}
