//! Stations, regions and rows held out.

use faer::Mat;
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use steingp::prelude::Dataset;

/// Share of the rows outside the region that are held out at random.
const HOLDOUT: f64 = 0.1;

/// West, south, east and north, in degrees.
pub type Region = [f64; 4];

/// Whether a place lies in the region.
pub fn contains(region: &Region, longitude: f64, latitude: f64) -> bool {
    let [west, south, east, north] = *region;
    (west..=east).contains(&longitude) && (south..=north).contains(&latitude)
}

/// All places of a dataset whose first two inputs are longitude and latitude, in the order of their first rows.
pub fn stations(data: &Dataset) -> Vec<(f64, f64)> {
    let mut found: Vec<(f64, f64)> = Vec::new();
    for i in 0..data.rows() {
        let place = (data.x[(i, 0)], data.x[(i, 1)]);
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// Rows to fit to, random rows of the same stations, and all rows of the stations in the region.
pub struct Split {
    pub train: Vec<usize>,
    pub random: Vec<usize>,
    pub region: Vec<usize>,
}

impl Split {
    pub fn new(data: &Dataset, region: &Region) -> Self {
        let inside = |i: &usize| contains(region, data.x[(*i, 0)], data.x[(*i, 1)]);
        let (region, outside): (Vec<usize>, Vec<usize>) = (0..data.rows()).partition(inside);
        let count = (HOLDOUT * outside.len() as f64) as usize;
        let mut is_held = vec![false; outside.len()];
        for i in index::sample(&mut ChaCha8Rng::seed_from_u64(0), outside.len(), count) {
            is_held[i] = true;
        }
        let rows = |held: bool| -> Vec<usize> {
            outside.iter().zip(&is_held).filter(|(_, h)| **h == held).map(|(i, _)| *i).collect()
        };
        Self { train: rows(false), random: rows(true), region }
    }
}

/// At most `most` of the rows, evenly spaced.
pub fn thinned(rows: &[usize], most: usize) -> Vec<usize> {
    let count = rows.len().min(most);
    (0..count).map(|k| rows[k * rows.len() / count]).collect()
}

/// Every place at every time: rows of (longitude, latitude, time), places of one time together.
pub fn grid(places: &[(f64, f64)], times: &[f64]) -> Mat<f64> {
    Mat::from_fn(places.len() * times.len(), 3, |k, d| {
        let (place, time) = (places[k % places.len()], times[k / places.len()]);
        [place.0, place.1, time][d]
    })
}
