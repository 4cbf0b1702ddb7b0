//! Draws of Neal's example with outliers: 200 rows each, of which 100 are fitted to and 100 scored.
//!
//! Neal (1997), "Monte Carlo implementation of Gaussian process models for Bayesian regression and classification"; Pinder
//! et al. (2020), section 5.2. The rows of all draws stand in one table, and a draw is a split, which shares no rows with
//! others.

use super::SuiteOptions;
use crate::compare::grid::{GridTable, Recipe};
use crate::compare::results::replace;
use crate::compare::splits::{SplitRows, Splits};
use crate::density::neal_rows;
use crate::table::{Preparation, Values, write};
use crate::{Error, Result};

/// Rows of a draw, and those of them that are fitted to.
const ROWS: usize = 200;
const TRAIN: usize = 100;

/// The table of as many draws as there are splits; draw k has the seed `seed + k`.
pub(super) fn table(recipe: &Recipe, options: &SuiteOptions) -> Result<GridTable> {
    let Splits::Random { count, .. } = options.splits else {
        return Err(Error::Invalid("suite neal draws its rows: --splits takes the number of draws".into()));
    };
    if count == 0 {
        return Err(Error::Invalid("a comparison needs at least one split".into()));
    }
    // Further draws are a further table, so that a file never changes.
    let path = options.made.join(format!("neal-{count}-draws-seed-{}.csv", recipe.options.seed));
    let splits: Vec<SplitRows> = (0..count)
        .map(|k| SplitRows {
            train: (k * ROWS..k * ROWS + TRAIN).collect(),
            test: (k * ROWS + TRAIN..(k + 1) * ROWS).collect(),
        })
        .collect();
    if !options.is_part {
        let (mut draws, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..count {
            let (of_x, of_y) = neal_rows(ROWS, recipe.options.seed.wrapping_add(k as u64));
            draws.extend(std::iter::repeat_n(k, ROWS));
            x.extend(of_x);
            y.extend(of_y);
        }
        let folder = |e: std::io::Error| Error::Invalid(format!("{}: {e}", options.made.display()));
        std::fs::create_dir_all(&options.made).map_err(folder)?;
        let columns =
            [("draw", Values::Indices(&draws)), ("x", Values::Numbers(&x)), ("y", Values::Numbers(&y))];
        replace(&path, |temporary| Ok(write(temporary, &columns)?))?;
    }
    let preparation =
        Preparation { inputs: Some(vec!["x".into()]), target: "y".into(), ..recipe.preparation.clone() };
    let recipe = Recipe { preparation, ..recipe.clone() };
    let table = GridTable::read(&path, &recipe, &Splits::Random { count: 1, train_fraction: 0.5 })?;
    // The rows of a draw follow from the seed, whatever number of draws stand in the file: more may be added.
    let content = recipe.options.seed;
    Ok(GridTable { name: "neal".into(), rows: ROWS, content, splits, independent: true, ..table })
}
