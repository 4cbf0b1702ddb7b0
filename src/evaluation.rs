//! Many points, few threads: evaluations of a log density in parallel.
//!
//! Each thread keeps one workspace and takes the next point that nobody has taken. Threads that find none take parts of the
//! evaluations that still go on, so that no core waits while another has work left. Results go to the place of their point: they do
//! not depend on who computed them.

use crate::density::LogDensity;
use crate::linalg::Busy;
use crate::stein::Cloud;
use crate::{Error, Result};
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A log density with one workspace a thread.
pub struct Evaluator<'t, D: LogDensity> {
    target: &'t D,
    workspaces: Vec<D::Workspace>,
}

impl<'t, D: LogDensity> Evaluator<'t, D> {
    /// With as many workspaces as threads of the current pool, but no more than `points`.
    pub fn new(target: &'t D, points: usize) -> Self {
        let threads = rayon::current_num_threads();
        let workspace = || if threads == 1 { target.workspace() } else { target.shared_workspace() };
        Self { target, workspaces: (0..threads.min(points).max(1)).map(|_| workspace()).collect() }
    }

    /// The log density.
    pub fn target(&self) -> &'t D {
        self.target
    }

    /// One evaluation, on this thread.
    ///
    /// # Errors
    /// Those of the log density.
    pub fn evaluate(&mut self, z: &[f64], score: &mut [f64]) -> Result<f64> {
        self.target.evaluate(z, score, &mut self.workspaces[0])
    }

    /// Log density and score at each point; recoverable failures stay with their point.
    ///
    /// # Errors
    /// The first error that is not recoverable.
    pub fn evaluate_all(
        &mut self,
        points: &Cloud,
        scores: &mut Cloud,
        values: &mut [Result<f64>],
    ) -> Result<()> {
        let target = self.target;
        if let [workspace] = self.workspaces.as_mut_slice() {
            // One thread needs no list of who does what, and allocates nothing.
            for ((point, score), value) in points.points().zip(scores.points_mut()).zip(values.iter_mut()) {
                *value = finite(target.evaluate(point, score, workspace), score);
            }
        } else {
            let mut slots: Vec<(&[f64], &mut [f64], &mut Result<f64>)> =
                (points.points().zip(scores.points_mut()))
                    .zip(values.iter_mut())
                    .map(|((point, score), value)| (point, score, value))
                    .collect();
            share_out(&mut slots, &mut self.workspaces, &|(point, score, value), workspace| {
                **value = finite(target.evaluate(point, score, workspace), score);
            });
        }
        match values.iter_mut().find(|v| v.as_ref().is_err_and(|e| !e.is_recoverable())) {
            Some(value) => Err(std::mem::replace(value, Err(Error::NotFiniteValue { what: "log density" }))
                .err()
                .unwrap_or(Error::NotFiniteValue { what: "log density" })),
            None => Ok(()),
        }
    }
}

/// Does `work` on each item, with one workspace a thread.
pub(crate) fn share_out<T: Send, W: Send>(
    items: &mut [T],
    workspaces: &mut [W],
    work: &(impl Fn(&mut T, &mut W) + Sync),
) {
    if let [workspace] = workspaces {
        items.iter_mut().for_each(|item| work(item, workspace));
        return;
    }
    let workers = workspaces.len().min(items.len());
    let (next, busy) = (AtomicUsize::new(0), Busy::new(workers));
    let slots: Vec<Mutex<&mut T>> = items.iter_mut().map(Mutex::new).collect();
    workspaces[..workers].par_iter_mut().for_each(|workspace| {
        // Each index is taken once, so the lock is never contended nor poisoned.
        while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Ok(mut item) = slot.lock() {
                work(&mut item, workspace);
            }
        }
        busy.finish();
    });
}

/// A density or score that is not finite is a failure at this point, whoever made it.
fn finite(value: Result<f64>, score: &[f64]) -> Result<f64> {
    match value {
        Ok(v) if !v.is_finite() => Err(Error::NotFiniteValue { what: "log density" }),
        Ok(_) if score.iter().any(|g| !g.is_finite()) => Err(Error::NotFiniteValue { what: "score" }),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::{InputColumns, Kernel, KernelExpression};
    use crate::likelihood::{Family, Observation};
    use crate::mean::Mean;
    use crate::model::{Criterion, Exact, LatentModel, Model, Process, SparseModel, Target, Whitened};
    use crate::rows::Batch;
    use faer::Mat;

    const ROWS: usize = 310;

    fn kernel() -> Kernel {
        let columns = InputColumns::unscaled(["a", "b"]);
        "rbf * matern32(a)".parse::<KernelExpression>().unwrap().resolve(&columns).unwrap()
    }

    fn table() -> (Mat<f64>, Vec<f64>) {
        let x = Mat::from_fn(ROWS, 2, |i, d| (1.7 * i as f64 + 3.0 * d as f64).sin() * 3.0);
        let y = (0..ROWS).map(|i| x[(i, 0)].sin() + 0.3 * x[(i, 1)]).collect();
        (x, y)
    }

    /// Five points, so that two, three and four threads have points left that not all of them can take.
    fn everything(model: &impl Model) -> Vec<u64> {
        let target = Target::new(model, Criterion::LogDensity).unwrap();
        let mut points = Cloud::zeros(5, target.dim());
        for (j, point) in points.points_mut().enumerate() {
            point
                .iter_mut()
                .enumerate()
                .for_each(|(c, z)| *z = 0.3 * ((1 + j) as f64 * (c as f64 + 2.5).sqrt()).sin());
        }
        let mut scores = Cloud::zeros(5, target.dim());
        let mut values: Vec<Result<f64>> = (0..5).map(|_| Ok(0.0)).collect();
        Evaluator::new(&target, 5).evaluate_all(&points, &mut scores, &mut values).unwrap();
        let values = values.into_iter().map(|value| value.unwrap());
        values.chain(scores.points().flatten().copied()).map(f64::to_bits).collect()
    }

    fn same_on_any_number_of_threads(model: &impl Model) {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| everything(model))
        };
        let one = with(1);
        assert!([2, 3, 4, 9].into_iter().all(|threads| with(threads) == one));
    }

    #[test]
    fn points_that_several_threads_share_have_the_same_bits() {
        let (x, y) = table();
        same_on_any_number_of_threads(&Exact::new(x.as_ref(), &y, kernel(), Mean::Linear).unwrap());

        let processes = || vec![Process { kernel: kernel(), mean: Mean::Zero }];
        let batch = |rows: usize| Batch {
            x: x.subrows(0, rows).to_owned(),
            observations: y[..rows].iter().map(|y| Observation::new(*y)).collect(),
        };
        let gaussian = || Family::Gaussian.build(2).unwrap();
        let sparse = SparseModel::new(x.subrows(20, 280), gaussian(), processes()).unwrap();
        same_on_any_number_of_threads(&Whitened::new(&sparse, batch(150), 2.0).unwrap());

        let all = batch(ROWS);
        let latent = LatentModel::new(all.x.as_ref(), all.observations, gaussian(), processes()).unwrap();
        same_on_any_number_of_threads(&crate::model::Joint::new(&latent).unwrap());
    }
}
