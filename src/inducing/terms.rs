//! Terms of a sum that tell few inputs apart: each has inducing inputs of its own, at all of them.
//!
//! Nine stations over four years are nine inputs to what stays at a place, and 300,000 to what passes over it. Inducing values of the sum
//! know the first only through the second, and what they leave open of it counts once for every row: the bound pays
//! tr(K − Q)/2σ² for a variance of places that the data would grant. With values of the term itself nothing of it is left open.

use super::{Selection, check, choose, distinct::distinct_rows, rows_of};
use crate::Result;
use crate::kernel::Kernel;
use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};

/// Inducing inputs of one term take at most one in so many of all, and those of all such terms twice that.
const SHARE: usize = 4;

/// Inducing inputs that are of one term of a sum of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnInducing {
    /// Which term of the sum.
    pub term: usize,
    /// How many inducing inputs: all that the term tells apart.
    pub count: usize,
}

/// Inducing inputs Z (M×D) of which the first are those of single terms.
#[derive(Debug, Clone)]
pub struct ByTerms {
    /// All of them: those of the first term that has its own, of the next one, …, and those of the other terms together.
    pub inputs: Mat<f64>,
    /// Terms with inducing inputs of their own, ascending.
    pub own: Vec<OwnInducing>,
}

/// Up to `count` inducing inputs as in [`choose`], where terms of a sum that see few different inputs get all of these for
/// themselves.
///
/// # Errors
/// As [`choose`].
pub fn choose_by_terms(
    x: MatRef<'_, f64>,
    kernel: &Kernel,
    theta: &[f64],
    count: usize,
    selection: Selection,
    seed: u64,
) -> Result<ByTerms> {
    check(x, kernel, theta, count)?;
    let (own, inputs) = own_inputs(x, kernel, count);
    let inputs = choose_others(x, kernel, theta, count, (&own, inputs.as_ref()), selection, seed)?;
    Ok(ByTerms { inputs, own })
}

/// The inducing inputs of single terms that stand in the first rows of `first`, and others chosen anew for the other terms.
///
/// # Errors
/// As [`choose`].
pub fn choose_others(
    x: MatRef<'_, f64>,
    kernel: &Kernel,
    theta: &[f64],
    count: usize,
    (own, first): (&[OwnInducing], MatRef<'_, f64>),
    selection: Selection,
    seed: u64,
) -> Result<Mat<f64>> {
    check(x, kernel, theta, count)?;
    let before: usize = own.iter().map(|o| o.count).sum();
    let others = kernel.some_terms(|term| own.iter().all(|o| o.term != term));
    let chosen = if others.kernel().terms().is_empty() {
        Mat::zeros(0, x.ncols())
    } else {
        let mut of_others = vec![0.0; others.parameter_count()];
        others.gather(theta, &mut of_others);
        let left = count.saturating_sub(before).max(1);
        choose(x, others.kernel(), &of_others, left, selection, seed)?
    };
    let at = |i: usize, d: usize| if i < before { first[(i, d)] } else { chosen[(i - before, d)] };
    Ok(Mat::from_fn(before + chosen.nrows(), x.ncols(), at))
}

/// Terms that have few different inputs, and these inputs. None where all inputs together are so few that they
/// can be the inducing inputs themselves.
fn own_inputs(x: MatRef<'_, f64>, kernel: &Kernel, count: usize) -> (Vec<OwnInducing>, Mat<f64>) {
    let (mut own, mut rows) = (Vec::new(), Vec::new());
    let all = distinct_rows(x, &kernel.columns(), 0..x.nrows(), count + 1);
    if kernel.terms().len() > 1 && all.len() > count {
        for (term, part) in kernel.terms().iter().enumerate() {
            let columns = part.columns();
            let most = (count / SHARE).min((2 * count / SHARE).saturating_sub(rows.len()));
            let distinct = distinct_rows(x, &columns, 0..x.nrows(), most + 1);
            // What looks at no column is constant or noise.
            if !columns.is_empty() && distinct.len() <= most {
                own.push(OwnInducing { term, count: distinct.len() });
                rows.extend(distinct);
            }
        }
    }
    (own, rows_of(x, &rows))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::{InputColumns, KernelExpression};

    fn resolved(expression: &str) -> Kernel {
        let expression: KernelExpression = expression.parse().unwrap();
        expression.resolve(&InputColumns::unscaled(["place", "time"])).unwrap()
    }

    /// Four places at two hundred times.
    fn table() -> Mat<f64> {
        Mat::from_fn(800, 2, |i, d| if d == 0 { (i % 4) as f64 } else { (i / 4) as f64 * 0.1 })
    }

    fn chosen(kernel: &Kernel, x: &Mat<f64>, count: usize) -> ByTerms {
        let theta: Vec<f64> = kernel.parameters().iter().map(|p| p.start).collect();
        choose_by_terms(x.as_ref(), kernel, &theta, count, Selection::Greedy, 3).unwrap()
    }

    #[test]
    fn a_term_with_few_inputs_has_all_of_them_for_itself() {
        let (x, kernel) = (table(), resolved("rbf(place, time) + matern32(place) + white()"));
        let found = chosen(&kernel, &x, 30);
        assert_eq!(found.own, [OwnInducing { term: 1, count: 4 }]);
        let first: Vec<f64> = (0..4).map(|i| found.inputs[(i, 0)]).collect();
        assert_eq!(first, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(found.inputs.nrows(), 30);
    }

    #[test]
    fn too_many_inputs_or_one_term_leave_all_as_it_is() {
        let x = table();
        for (expression, count) in [
            ("rbf(place, time)", 30),
            ("rbf(time) + matern32(place)", 12),
            ("rbf(place) * rbf(time)", 30),
            ("rbf(place) + rbf(time)", 800),
        ] {
            let kernel = resolved(expression);
            let found = chosen(&kernel, &x, count);
            let theta: Vec<f64> = kernel.parameters().iter().map(|p| p.start).collect();
            let plain = choose(x.as_ref(), &kernel, &theta, count, Selection::Greedy, 3).unwrap();
            assert!(found.own.is_empty(), "{expression}");
            assert_eq!(found.inputs, plain);
        }
    }

    #[test]
    fn where_every_term_has_its_own_there_are_no_others() {
        let (kernel, x) = (resolved("rbf(place) + rbf(time)"), table());
        let few = x.subrows(0, 40).to_owned();
        let found = chosen(&kernel, &few, 39);
        assert_eq!(found.own.len(), 1);
        let tall = Mat::from_fn(800, 2, |i, d| if d == 0 { (i % 4) as f64 } else { (i / 4 % 10) as f64 });
        let found = chosen(&kernel, &tall, 39);
        let both = [OwnInducing { term: 0, count: 4 }, OwnInducing { term: 1, count: 9 }];
        // Forty inputs are one too many to be the inducing inputs, ten of one term a quarter of forty.
        assert_eq!(found.own, both[..1]);
        let tall = Mat::from_fn(800, 2, |i, d| if d == 0 { (i % 7) as f64 } else { (i / 7 % 9) as f64 });
        let found = chosen(&kernel, &tall, 36);
        assert_eq!(found.own.iter().map(|o| o.count).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(found.inputs.nrows(), 16);
    }
}
