//! Which inducing inputs Z (M×D) a sparse model starts from.
//!
//! A sparse model sees the latent function through its values at Z, and loses what these values leave open: the
//! trace of K − Q with Q = K_XZ K_ZZ⁻¹ K_ZX bounds the loss from both sides (Burt, Rasmussen & van der Wilk,
//! "Convergence of Sparse Variational Inference in Gaussian Processes Regression", JMLR 2020, section 4).
//!
//! | Selection | Rule | Cost |
//! |---|---|---|
//! | [`Selection::Best`] | both of the next two; the one that leaves less variance on 5,000 rows | that of both |
//! | [`Selection::Greedy`] | row after row where the conditional variance is largest | O(N M²) time, O(N M) memory |
//! | [`Selection::KMeans`] | centres of clusters, in lengthscales | O(N M D) an iteration |
//! | [`Selection::Random`] | rows at random | O(N) |
//!
//! All give points that differ in the columns that the kernel looks at: two equal ones would say the same twice and make
//! K_ZZ singular. The first two look at no more than [`SUBSET`] rows, chosen at random.

mod distinct;
mod greedy;
mod k_means;
mod open;
mod terms;

use crate::kernel::{Kernel, Points};
use crate::{Error, Result};
use distinct::distinct_rows;
use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
pub use terms::{ByTerms, OwnInducing, choose_by_terms, choose_others};

/// Rows that greedy selection and k-means look at; where there are more, this many at random stand for all.
/// 600 points among them take 96 MB in greedy selection.
pub const SUBSET: usize = 20_000;

/// Rows on which two choices are compared.
const JUDGED: usize = 5_000;

/// Keeps the draws apart from those of other purposes with the same seed.
const STREAM: u64 = 7;

/// How inducing inputs are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Selection {
    /// Greedy or k-means, whichever leaves less variance open: the first where M points are enough to know the function
    /// everywhere, the second where they are not, as in many columns.
    #[default]
    Best,
    /// Each the row whose latent value is least known from those before: pivoted Cholesky of K(X, X).
    Greedy,
    /// Centres of clusters of rows.
    KMeans,
    /// Rows at random, without replacement.
    Random,
}

impl Selection {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Best, Self::Greedy, Self::KMeans, Self::Random];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Greedy => "greedy",
            Self::KMeans => "k-means",
            Self::Random => "random",
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Selection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim().to_lowercase().replace('_', "-");
        let same = |selection: &Self| selection.name().replace('-', "") == name.replace('-', "");
        Self::ALL.into_iter().find(same).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            Error::Invalid(crate::density::unknown("selection of inducing inputs", &name, &names))
        })
    }
}

/// Up to `count` inducing inputs Z (M×D) for inputs X (N×D) on the model's scale, under a kernel with the parameter
/// values `theta` (constrained, in the order of [`Kernel::parameters`]).
///
/// There are fewer than `count` where fewer rows differ, and in greedy selection where the points leave next to no
/// variance. Rows that differ in no column of the kernel are one; where there are no more than `count` others, Z is all
/// of them in the order of X, whatever the selection. The result does not depend on the number of threads.
///
/// # Errors
/// [`Error::Invalid`] for no point; [`Error::Shape`] for no row, fewer columns than the kernel looks at or a wrong number
/// of parameter values; [`Error::NotFiniteValue`] where the kernel is not finite at the inputs.
pub fn choose(
    x: MatRef<'_, f64>,
    kernel: &Kernel,
    theta: &[f64],
    count: usize,
    selection: Selection,
    seed: u64,
) -> Result<Mat<f64>> {
    check(x, kernel, theta, count)?;
    let columns = kernel.columns();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    if selection == Selection::Random {
        let order = index::sample(&mut rng, x.nrows(), x.nrows());
        let mut chosen = distinct_rows(x, &columns, order.iter(), count);
        chosen.sort_unstable();
        return Ok(rows_of(x, &chosen));
    }
    let x = subset(x, SUBSET.max(count), &mut rng);
    // One more than wanted tells whether these are all.
    let distinct = distinct_rows(x.as_ref(), &columns, 0..x.nrows(), count + 1);
    if distinct.len() <= count {
        return Ok(rows_of(x.as_ref(), &distinct));
    }
    let by_centres = |rng: &mut ChaCha8Rng| {
        let lengthscales: Vec<(usize, f64)> =
            columns.iter().map(|c| (*c, kernel.shortest_lengthscale(theta, *c).unwrap_or(1.0))).collect();
        let centres = k_means::centres(Points::of(&x), &lengthscales, count, rng);
        let distinct = distinct_rows(centres.as_ref(), &columns, 0..centres.nrows(), count);
        rows_of(centres.as_ref(), &distinct)
    };
    let greedily = || Ok(rows_of(x.as_ref(), &greedy::rows(kernel, theta, Points::of(&x), count)?));
    match selection {
        Selection::KMeans => Ok(by_centres(&mut rng)),
        Selection::Greedy | Selection::Random => greedily(),
        Selection::Best => {
            let (greedy, centres): (_, Mat<f64>) = (greedily()?, by_centres(&mut rng));
            // The rows are in the order of the table, of which every part counts.
            let every = x.nrows().div_ceil(JUDGED);
            let rows: Vec<usize> = (0..x.nrows()).step_by(every).collect();
            let judged = rows_of(x.as_ref(), &rows);
            let judged = Points::of(&judged);
            let left = |z: &Mat<f64>| open::mean_variance(kernel, theta, judged, z);
            // Where one of them has no factor the other one is better.
            match (left(&greedy), left(&centres)) {
                (Ok(by_greedy), Ok(by_means)) if by_means < by_greedy => Ok(centres),
                (Err(_), Ok(_)) => Ok(centres),
                _ => Ok(greedy),
            }
        }
    }
}

fn check(x: MatRef<'_, f64>, kernel: &Kernel, theta: &[f64], count: usize) -> Result<()> {
    if count == 0 {
        return Err(Error::Invalid("a sparse model needs at least 1 inducing input".into()));
    }
    if x.nrows() == 0 {
        return Err(Error::Shape { what: "rows of inputs", expected: 1, found: 0 });
    }
    let needed = kernel.columns().last().map_or(0, |last| last + 1);
    if x.ncols() < needed {
        return Err(Error::Shape { what: "columns of inputs", expected: needed, found: x.ncols() });
    }
    if theta.len() != kernel.parameter_count() {
        let (expected, found) = (kernel.parameter_count(), theta.len());
        return Err(Error::Shape { what: "parameter values of the kernel", expected, found });
    }
    Ok(())
}

/// All rows, or `most` of them at random; in their order.
fn subset(x: MatRef<'_, f64>, most: usize, rng: &mut ChaCha8Rng) -> Mat<f64> {
    if x.nrows() <= most {
        return x.to_owned();
    }
    let mut chosen = index::sample(rng, x.nrows(), most).into_vec();
    chosen.sort_unstable();
    rows_of(x, &chosen)
}

fn rows_of(x: MatRef<'_, f64>, rows: &[usize]) -> Mat<f64> {
    Mat::from_fn(rows.len(), x.ncols(), |i, d| x[(rows[i], d)])
}

#[cfg(test)]
mod tests;
