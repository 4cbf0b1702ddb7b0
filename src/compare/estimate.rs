//! How long the rest of a grid takes.
//!
//! What a row takes is a guess from its size times what rows of its table and of its method took compared to theirs:
//!
//! ```text
//! log s = log w(n, D, method) + μ + a_method + b_table
//! ```
//!
//! w counts the operations of an evaluation and guesses the number of evaluations. μ, a and b are means of what is left
//! over, in which short rows count little, shrunk towards zero as if each had been seen half a time without any effect. A method that has been seen on a table
//! needs no model: another split takes what the ones before took.

use super::grid::{Cell, Grid, GridTable};
use crate::fit::{FitOptions, Method, ModelChoice};
use crate::inference::SteinPreset;
use crate::likelihood::Family;

/// Seconds of one row beyond its evaluations: a process starts, a table is read.
const OVERHEAD: f64 = 0.05;
/// Seconds of N³ multiplications and additions of an evaluation, of N² for what small blocks and exponentials take, and of
/// N²D of its kernel: on two threads, from 300 fits of 16 to 1,119 rows. Only their proportions matter once a row is done.
const CUBIC: f64 = 1.1e-11;
const SQUARE: f64 = 5e-9;
const KERNEL: f64 = 6e-10;
/// Seconds of an evaluation beside.
const EVALUATION: f64 = 2e-5;
/// From so many rows on most climbs are those of a sample, and this share of their evaluations is left.
const MANY: usize = 512;
const CLIMBS_LEFT: f64 = 0.4;
/// Particles for which SVGD collects states at least.
const STATES_OF: f64 = 8.0;
/// A row of so many seconds says half of what a long one says: the rest is processes and chance.
const TELLING: f64 = 0.3;
/// An evaluation of a latent model takes as many factorisations as it takes steps to the Gaussian of its latent values.
const LATENT_STEPS: f64 = 8.0;
/// How much a method or table is shrunk towards the others.
const SHRINKAGE: f64 = 0.5;
/// Rounds in which means over methods and tables settle.
const ROUNDS: usize = 20;

/// What a row took, start of its process and reading of its table included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// The row.
    pub cell: Cell,
    /// Seconds.
    pub seconds: f64,
}

/// Seconds until all rows are done, `jobs` at a time: those that run, with the seconds they have, and those still `left`.
/// `None` before any row is done.
pub fn seconds_left(
    grid: &Grid,
    done: &[Timing],
    running: &[Timing],
    left: &[Cell],
    jobs: usize,
) -> Option<f64> {
    let model = Model::new(grid, done)?;
    let begun = running.iter().map(|t| (model.seconds(grid, t.cell) - t.seconds).max(0.0));
    let rows: Vec<f64> = begun.chain(left.iter().map(|cell| model.seconds(grid, *cell))).collect();
    let longest = rows.iter().fold(0.0, |a: f64, b| a.max(*b));
    Some(longest.max(rows.iter().sum::<f64>() / jobs.max(1) as f64))
}

struct Model<'a> {
    done: &'a [Timing],
    common: f64,
    methods: Vec<f64>,
    tables: Vec<f64>,
}

impl<'a> Model<'a> {
    fn new(grid: &Grid, done: &'a [Timing]) -> Option<Self> {
        if done.is_empty() {
            return None;
        }
        let residuals: Vec<f64> =
            done.iter().map(|t| t.seconds.max(1e-3).ln() - prior_seconds(grid, t.cell).ln()).collect();
        let mut model = Self {
            done,
            common: 0.0,
            methods: vec![0.0; grid.methods.len()],
            tables: vec![0.0; grid.tables.len()],
        };
        let weights: Vec<f64> = done
            .iter()
            .map(|t| {
                let work = prior_seconds(grid, t.cell) - OVERHEAD;
                work / (work + TELLING)
            })
            .collect();
        let weighted_mean = |of: &mut dyn Iterator<Item = (usize, f64)>| {
            let (mut sum, mut total) = (0.0, SHRINKAGE);
            for (k, rest) in of {
                sum += weights[k] * rest;
                total += weights[k];
            }
            sum / total
        };
        for _ in 0..ROUNDS {
            let rest = |m: &Self, k: usize| {
                let cell = done[k].cell;
                residuals[k] - m.common - m.methods[cell.method] - m.tables[cell.table]
            };
            model.common = weighted_mean(&mut (0..done.len()).map(|k| (k, rest(&model, k) + model.common)));
            for method in 0..grid.methods.len() {
                let of = (0..done.len()).filter(|k| done[*k].cell.method == method);
                let mean = weighted_mean(&mut of.map(|k| (k, rest(&model, k) + model.methods[method])));
                model.methods[method] = mean;
            }
            for table in 0..grid.tables.len() {
                let of = (0..done.len()).filter(|k| done[*k].cell.table == table);
                let mean = weighted_mean(&mut of.map(|k| (k, rest(&model, k) + model.tables[table])));
                model.tables[table] = mean;
            }
        }
        Some(model)
    }

    fn seconds(&self, grid: &Grid, cell: Cell) -> f64 {
        let alike: Vec<f64> = (self.done.iter())
            .filter(|t| t.cell.table == cell.table && t.cell.method == cell.method)
            .map(|t| t.seconds)
            .collect();
        if !alike.is_empty() {
            return alike.iter().sum::<f64>() / alike.len() as f64;
        }
        let log = self.common + self.methods[cell.method] + self.tables[cell.table];
        prior_seconds(grid, cell) * log.exp()
    }
}

/// What a row may take on a machine like any other, before anything is known: right to an order of magnitude, and in
/// proportion to other rows.
pub(super) fn prior_seconds(grid: &Grid, cell: Cell) -> f64 {
    let table = &grid.tables[cell.table];
    let options = grid.methods[cell.method].apply(&table.recipe.options);
    let family = table.recipe.preparation.likelihood.unwrap_or(Family::Gaussian);
    let options = FitOptions { likelihood: family, ..options };
    OVERHEAD + evaluations(&options, table, cell.split) * evaluation(&options, table, cell.split)
}

fn training_rows(table: &GridTable, split: usize) -> usize {
    table.splits.get(split).map_or(table.rows, |s| s.train.len())
}

fn evaluation(options: &FitOptions, table: &GridTable, split: usize) -> f64 {
    let rows = training_rows(table, split);
    let (n, d, m) = (rows as f64, table.inputs as f64, options.inducing_count() as f64);
    EVALUATION
        + match options.choose(rows, 1) {
            ModelChoice::Latent if options.method == Method::Nuts => {
                CUBIC * n.powi(3) + (SQUARE + KERNEL * d) * n * n
            }
            ModelChoice::Latent => LATENT_STEPS * CUBIC * n.powi(3) + (SQUARE + KERNEL * d) * n * n,
            ModelChoice::Sparse => 2.0 * CUBIC * n * m * m + KERNEL * n * m * d,
            ModelChoice::Svgp | ModelChoice::SparseLatent => {
                let b = options.batch as f64;
                CUBIC * (m.powi(3) + 2.0 * b * m * m) + KERNEL * (b + m) * m * d
            }
            ModelChoice::Auto | ModelChoice::Exact if family_is_latent(options) => {
                LATENT_STEPS * CUBIC * n.powi(3) + (SQUARE + KERNEL * d) * n * n
            }
            _ => CUBIC * n.powi(3) + (SQUARE + KERNEL * d) * n * n,
        }
}

fn family_is_latent(options: &FitOptions) -> bool {
    options.likelihood != Family::Gaussian
}

/// Evaluations of value and score, as far as one can say without looking.
fn evaluations(options: &FitOptions, table: &GridTable, split: usize) -> f64 {
    let (d, particles) = (table.inputs as f64, options.particles as f64);
    let share = if training_rows(table, split) < MANY { 1.0 } else { CLIMBS_LEFT };
    let search = share * (150.0 + 10.0 * d);
    match options.method {
        Method::Ml | Method::Map | Method::Vi => search,
        Method::Laplace => search + 2.0 * d,
        Method::Advi => search + 8.0 * options.iterations.unwrap_or(100) as f64,
        Method::Svgd if options.preset == SteinPreset::Paper => {
            particles * options.iterations.unwrap_or(1000) as f64
        }
        Method::Svgd => {
            search + particles * options.iterations.unwrap_or(8) as f64 + 45.0 * particles.max(STATES_OF)
        }
        Method::Nuts => (options.chains * (options.tune + options.draws)) as f64 * (4.0 + 0.5 * d),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::grid::Recipe;
    use super::super::method::MethodSpec;
    use super::super::splits::SplitRows;
    use super::*;
    use crate::table::Preparation;

    /// What 126 rows took: seven tables of up to 308 rows, six methods, three splits, on two cores with other work beside.
    const RECORDED: &str = include_str!("../../tests/golden/compare_timings.csv");
    /// What the 300 rows of the suite `uci` took: fifteen tables of up to 1,119 rows, four methods, five splits.
    const SUITE: &str = include_str!("../../tests/golden/compare_timings_suite.csv");

    fn recorded(lines: &str) -> (Grid, Vec<Timing>) {
        let recipe = Recipe {
            preparation: Preparation::new("y"),
            options: FitOptions::default(),
            inducing_points: None,
        };
        let lines: Vec<Vec<&str>> = lines.lines().skip(1).map(|l| l.split(',').collect()).collect();
        let splits = lines.iter().map(|line| line[4].parse::<usize>().unwrap() + 1).max().unwrap();
        let mut grid = Grid { tables: Vec::new(), methods: Vec::new(), recipe: recipe.clone() };
        for line in &lines {
            let rows: usize = line[2].parse().unwrap();
            let split = SplitRows { train: (0..rows).collect(), test: vec![rows] };
            if grid.tables.iter().all(|t| t.name != line[0]) {
                grid.tables.push(GridTable {
                    name: line[0].into(),
                    path: line[0].into(),
                    rows,
                    inputs: line[1].parse().unwrap(),
                    content: 0,
                    splits: vec![split; splits],
                    independent: false,
                    recipe: recipe.clone(),
                });
            }
            let method: MethodSpec = line[3].parse().unwrap();
            if !grid.methods.contains(&method) {
                grid.methods.push(method);
            }
        }
        let timing = |line: &Vec<&str>| Timing {
            cell: Cell {
                table: grid.tables.iter().position(|t| t.name == line[0]).unwrap(),
                method: grid.methods.iter().position(|m| m.to_string() == line[3]).unwrap(),
                split: line[4].parse().unwrap(),
            },
            seconds: line[5].parse().unwrap(),
        };
        let timings = lines.iter().map(timing).collect();
        (grid, timings)
    }

    #[test]
    fn the_time_left_is_right_within_a_factor_of_two() {
        for (lines, from) in [(RECORDED, 126 / 5), (SUITE, 1)] {
            let (grid, timings) = recorded(lines);
            let order = grid.cells();
            let took: Vec<Timing> =
                order.iter().map(|cell| *timings.iter().find(|t| t.cell == *cell).unwrap()).collect();
            assert_eq!(took.len(), lines.lines().count() - 1);
            assert_eq!(seconds_left(&grid, &[], &[], &order, 1), None);
            let total: f64 = took.iter().map(|t| t.seconds).sum();
            for done in from..took.len() {
                let truth: f64 = took[done..].iter().map(|t| t.seconds).sum();
                // The last rows are too few for their chances to even out.
                if truth < 0.02 * total {
                    break;
                }
                let ratio = seconds_left(&grid, &took[..done], &[], &order[done..], 1).unwrap() / truth;
                assert!((0.5..=2.0).contains(&ratio), "after {done} rows: {ratio:.2} of {truth:.1} s");
            }
        }
    }

    #[test]
    fn a_method_seen_on_a_table_is_expected_to_take_as_long_again() {
        let (grid, timings) = recorded(RECORDED);
        let cell = |split| Cell { table: 2, method: 1, split };
        let of = |split| *timings.iter().find(|t| t.cell == cell(split)).unwrap();
        let left = seconds_left(&grid, &[of(0), of(1)], &[], &[cell(2)], 1).unwrap();
        let again = 0.5 * (of(0).seconds + of(1).seconds);
        assert!((left - again).abs() < 1e-12);
        // Two at a time, one of which has run for half its time.
        let begun = Timing { cell: cell(2), seconds: 0.5 * again };
        let of_two = |left: &[Cell]| seconds_left(&grid, &[of(0), of(1)], &[begun], left, 2).unwrap();
        assert!((of_two(&[]) - 0.5 * again).abs() < 1e-12);
        assert!((of_two(&[cell(2)]) - again).abs() < 1e-12);
        assert!((of_two(&[cell(2); 3]) - 1.75 * again).abs() < 1e-12);
    }

    #[test]
    fn larger_tables_and_chains_cost_more() {
        let (grid, _) = recorded(RECORDED);
        let seconds = |table: &str, method: &str| {
            let table = grid.tables.iter().position(|t| t.name == table).unwrap();
            let method = grid.methods.iter().position(|m| m.to_string() == method).unwrap();
            prior_seconds(&grid, Cell { table, method, split: 0 })
        };
        assert!(seconds("yacht", "svgd:20") > seconds("challenger", "svgd:20"));
        assert!(seconds("yacht", "svgd:20") > seconds("yacht", "svgd:2"));
        let cells = grid.cells();
        assert!(cells.iter().map(|c| c.split).is_sorted() && cells[0].table != cells[41].table);
    }
}
