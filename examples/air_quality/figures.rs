//! The figures of a study: lengthscales, maps, and a held-out station in time.

use crate::common::{Outcome, write};
use crate::fits::{Fits, Fitted, kilometres};
use crate::places::{contains, grid, stations};
use crate::studies::{Study, Window};
use std::path::Path;
use steingp::posterior::MixtureTable;
use steingp::prelude::*;
use steingp::report::data::ParameterParticles;
use steingp::report::map::{self, Map, Shades, Station};
use steingp::report::series::{self, Band, Series};
use steingp::report::{estimates, parameter_particles};

/// Grid values of a map each way.
const GRID: usize = 61;
/// Level of bands.
const LEVEL: f64 = 0.9;
/// Name of the target with its unit.
const NO2: &str = "NO₂ (µg/m³)";

/// Writes all figures of a study into a folder.
pub fn write_all(study: &Study, fits: &Fits, folder: &Path) -> Outcome {
    let named = |what: &str| format!("{}_{what}.svg", study.name);
    for (k, (path, name)) in study.lengthscales.iter().enumerate() {
        if let Some(figure) = lengthscale(fits, path, name)? {
            write(folder, &named(&format!("lengthscale_{}", k + 1)), &figure)?;
        }
    }
    for (k, (time, moment)) in study.moments.iter().enumerate() {
        let tables = [latent(study, &fits.particles, *time)?, latent(study, &fits.single, *time)?];
        let mean: Vec<f64> = tables[0].iter().map(|m| m.mean()).collect();
        let title = format!("Predicted NO₂, {moment}");
        let map = Map { title, quantity: "µg/m³".into(), values: mean, ..blank(study) };
        write(folder, &named(&format!("mean_{}", k + 1)), &map::svg(&map)?)?;
        let deviations = tables.map(|t| t.iter().map(|m| m.variance().sqrt()).collect::<Vec<f64>>());
        let ends = deviations.iter().flatten().fold((0.0, 0.0f64), |(low, high), v| (low, high.max(*v)));
        for (fitted, values) in fits.both().into_iter().zip(deviations) {
            let title = format!("Standard deviation by {}, {moment}", fitted.name);
            let map = Map {
                title,
                quantity: "µg/m³".into(),
                shades: Shades::Uncertainty,
                values,
                range: Some(ends),
                ..blank(study)
            };
            let file = named(&format!("sd_{}_{}", fitted.name.to_lowercase(), k + 1));
            write(folder, &file, &map::svg(&map)?)?;
        }
    }
    write(folder, &named("series"), &series::svg(&window(study, fits)?)?)
}

/// A parameter's particles and the single value beside them, in kilometres.
fn lengthscale(fits: &Fits, path: &str, name: &str) -> Outcome<Option<String>> {
    let of = |fitted: &Fitted| parameter_particles(&fitted.fit.model).into_iter().find(|p| p.path == path);
    let (Some(particles), Some(single)) = (of(&fits.particles), of(&fits.single)) else { return Ok(None) };
    let unit = kilometres(&fits.particles.fit);
    let scaled = ParameterParticles {
        values: particles.values.iter().map(|v| v * unit).collect(),
        prior: particles.prior.iter().map(|(v, density)| (v * unit, density / unit)).collect(),
        ..particles
    };
    let estimate = ("variational inference".to_owned(), single.values[0] * unit);
    Ok(Some(estimates::svg(name, &scaled, &[estimate])?))
}

fn axis(low: f64, high: f64) -> Vec<f64> {
    (0..GRID).map(|i| low + (high - low) * i as f64 / (GRID - 1) as f64).collect()
}

/// A map of the study's area with its stations and no values.
fn blank(study: &Study) -> Map {
    let [west, south, east, north] = study.map;
    let station = |(longitude, latitude)| Station {
        longitude,
        latitude,
        held_out: contains(&study.region, longitude, latitude),
    };
    Map {
        longitudes: axis(west, east),
        latitudes: axis(south, north),
        stations: stations(&study.data).into_iter().map(station).collect(),
        region: Some(study.region),
        ..Map::default()
    }
}

/// The latent function everywhere on a map at one time.
fn latent(study: &Study, fitted: &Fitted, time: f64) -> Outcome<MixtureTable> {
    let map = blank(study);
    let places: Vec<(f64, f64)> =
        map.latitudes.iter().flat_map(|lat| map.longitudes.iter().map(move |lon| (*lon, *lat))).collect();
    Ok(fitted.fit.model.predict(grid(&places, &[time]).as_ref(), PredictionKind::Latent)?)
}

fn window(study: &Study, fits: &Fits) -> Outcome<Series> {
    let Window { name, place, times: [first, last, step], axis, origin, unit } = study.window;
    let count = ((last - first) / step) as usize;
    let times: Vec<f64> = (0..=count).map(|k| first + step * k as f64).collect();
    let shown = |t: f64| (t - origin) / unit;
    let x = grid(&[place], &times);
    let band = |fitted: &Fitted| -> Outcome<Band> {
        let table = fitted.fit.model.predict(x.as_ref(), PredictionKind::Observed)?;
        let quantile = |level: f64| table.iter().map(|m| m.quantile(level)).collect();
        Ok(Band {
            name: fitted.name.into(),
            mean: table.iter().map(|m| m.mean()).collect(),
            low: quantile(0.5 - 0.5 * LEVEL),
            high: quantile(0.5 + 0.5 * LEVEL),
        })
    };
    let data = &study.data;
    let here = |i: &usize| data.x[(*i, 0)] == place.0 && data.x[(*i, 1)] == place.1;
    Ok(Series {
        title: format!("NO₂ at {name}, a station that the model has not seen"),
        time: axis.into(),
        target: NO2.into(),
        times: times.iter().map(|t| shown(*t)).collect(),
        bands: fits.both().into_iter().map(band).collect::<Outcome<Vec<Band>>>()?,
        level: LEVEL,
        observed: (0..data.rows()).filter(here).map(|i| (shown(data.x[(i, 2)]), data.y[i])).collect(),
    })
}
