//! Small regressions from the tables that come with the crate.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use steingp::dataset::Dataset;

/// A table and what is predicted from what.
pub struct Table {
    pub name: &'static str,
    target: &'static str,
    without: &'static [&'static str],
}

/// Rows of a table: enough for a posterior, few enough for long chains.
const ROWS: usize = 100;

pub const TABLES: [Table; 9] = [
    Table { name: "motorcycle", target: "accel", without: &[] },
    Table { name: "co2_weekly", target: "co2_ppm", without: &[] },
    Table { name: "iris", target: "petal_width_cm", without: &["species"] },
    Table { name: "servo", target: "rise_time_rank", without: &[] },
    Table { name: "concrete", target: "compressive_strength", without: &[] },
    Table { name: "diabetes", target: "progression", without: &[] },
    Table { name: "ozone", target: "ozone_max", without: &[] },
    Table { name: "wine", target: "alcohol", without: &["cultivar"] },
    Table { name: "boston_housing", target: "medv", without: &[] },
];

/// A number, an ISO date in years, or the first letter of a text.
fn number(cell: &str) -> f64 {
    if let Ok(number) = cell.parse() {
        return number;
    }
    let parts: Vec<f64> = cell.split('-').filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [year, month, day] => year + (month - 1.0) / 12.0 + (day - 1.0) / 365.25,
        _ => f64::from(cell.as_bytes()[0]),
    }
}

/// A seeded choice of the complete rows.
pub fn read(table: &Table) -> Dataset {
    let path = format!("{}/data/{}.csv", env!("CARGO_MANIFEST_DIR"), table.name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let complete: Vec<Vec<&str>> =
        lines.map(|line| line.split(',').collect()).filter(|row: &Vec<&str>| !row.contains(&"")).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let chosen = rand::seq::index::sample(&mut rng, complete.len(), ROWS.min(complete.len())).into_vec();
    let target = names.iter().position(|name| *name == table.target).unwrap();
    let inputs: Vec<usize> =
        (0..names.len()).filter(|&c| c != target && !table.without.contains(&names[c])).collect();
    let x = Mat::from_fn(chosen.len(), inputs.len(), |i, c| number(complete[chosen[i]][inputs[c]]));
    Dataset::new(x, chosen.iter().map(|&i| number(complete[i][target])).collect()).unwrap()
}
