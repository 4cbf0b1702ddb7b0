//! A line search for argmin's L-BFGS that survives points where the objective does not exist.
//!
//! Strong Wolfe conditions by bracketing and cubic interpolation (Nocedal & Wright 2006, algorithms 3.5 and 3.6).
//! A point whose cost is not finite counts as infinitely bad, so the bracket closes in front of it; argmin's own
//! searches stop with an error there. The first trial step is never longer than a trust radius, because the
//! first direction of L-BFGS is a raw gradient, hundreds of units long.

use std::cell::Cell;
use std::rc::Rc;

use argmin::core::{
    CostFunction, Error, Gradient, IterState, KV, LineSearch, Problem, Solver, State as _, TerminationReason,
};

/// Strong Wolfe search along a direction.
#[derive(Debug, Clone)]
pub(super) struct WolfeSearch {
    direction: Vec<f64>,
    /// Longest first trial, in the norm of the parameters. L-BFGS clones its search for every iteration: the clones
    /// share what the last one has learnt.
    radius: Rc<Cell<f64>>,
    first: f64,
}

/// Longest first trial of the first search, and of one after a short step: a factor e in a small positive parameter.
const FIRST_RADIUS: f64 = 1.0;
/// How much longer than the last step a first trial may be: far optima in flat directions are reached in few steps.
const GROWTH: f64 = 4.0;
const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const MOST_EVALUATIONS: usize = 25;

impl WolfeSearch {
    pub(super) fn new() -> Self {
        Self { direction: Vec::new(), radius: Rc::new(Cell::new(FIRST_RADIUS)), first: 1.0 }
    }
}

impl LineSearch<Vec<f64>, f64> for WolfeSearch {
    fn search_direction(&mut self, direction: Vec<f64>) {
        self.direction = direction;
    }

    fn initial_step_length(&mut self, step_length: f64) -> Result<(), Error> {
        self.first = step_length;
        Ok(())
    }
}

type State = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// A point on the line: step, cost, slope.
#[derive(Debug, Clone, Copy)]
struct Trial {
    step: f64,
    cost: f64,
    slope: f64,
}

impl<O> Solver<O, State> for WolfeSearch
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
{
    fn name(&self) -> &str {
        "strong Wolfe line search"
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<O>,
        mut state: State,
    ) -> Result<(State, Option<KV>), Error> {
        let origin = state.take_param().ok_or_else(|| Error::msg("line search without a start"))?;
        let start_gradient = match state.take_gradient() {
            Some(gradient) => gradient,
            None => problem.gradient(&origin)?,
        };
        let zero = Trial { step: 0.0, cost: state.get_cost(), slope: dot(&start_gradient, &self.direction) };
        if zero.slope.is_nan() || zero.slope >= 0.0 {
            return Err(Error::msg("not a descent direction"));
        }
        let mut point = vec![0.0; origin.len()];
        let mut gradient = start_gradient;
        let mut evaluate =
            |step: f64, gradient: &mut Vec<f64>, point: &mut Vec<f64>| -> Result<Trial, Error> {
                for ((p, o), d) in point.iter_mut().zip(&origin).zip(&self.direction) {
                    *p = o + step * d;
                }
                let cost = problem.cost(point)?;
                if !cost.is_finite() {
                    return Ok(Trial { step, cost: f64::INFINITY, slope: f64::NAN });
                }
                *gradient = problem.gradient(point)?;
                Ok(Trial { step, cost, slope: dot(gradient, &self.direction) })
            };
        let fails = |t: &Trial| t.cost > zero.cost + SUFFICIENT_DECREASE * t.step * zero.slope;
        let flat = |t: &Trial| t.slope.abs() <= -CURVATURE * zero.slope;

        let length = dot(&self.direction, &self.direction).sqrt();
        let mut step = self.first.min(self.radius.get() / length);
        let (mut low, mut high) = (zero, None::<Trial>);
        let mut done = None;
        for _ in 0..MOST_EVALUATIONS {
            let trial = evaluate(step, &mut gradient, &mut point)?;
            if fails(&trial) || (trial.cost >= low.cost && low.step > 0.0) {
                high = Some(trial);
            } else if flat(&trial) {
                done = Some(trial);
                break;
            } else {
                // The minimum lies on the side to which the slope falls.
                let towards_high = high.map_or(1.0, |h| (h.step - low.step).signum());
                if trial.slope * towards_high >= 0.0 {
                    high = Some(low);
                }
                low = trial;
            }
            step = match &high {
                None => 2.5 * low.step,
                Some(high) => interpolate(&low, high),
            };
            if high.is_some_and(|h| (h.step - low.step).abs() <= 1e-12 * low.step.max(1e-4)) {
                break;
            }
        }
        // The best point found will do, as long as it is an improvement.
        let chosen = match done {
            Some(trial) => trial,
            None if low.step > 0.0 => evaluate(low.step, &mut gradient, &mut point)?,
            None => return Err(Error::msg("no improvement along the search direction")),
        };
        self.radius.set(FIRST_RADIUS.max(GROWTH * chosen.step * length));
        let state = state
            .param(point)
            .gradient(gradient)
            .cost(chosen.cost)
            .terminate_with(TerminationReason::SolverConverged);
        Ok((state, None))
    }
}

/// Minimiser of the cubic through both ends, kept away from them; the middle where there is none.
fn interpolate(low: &Trial, high: &Trial) -> f64 {
    let width = high.step - low.step;
    let middle = low.step + 0.5 * width;
    if !high.cost.is_finite() {
        return low.step + 0.2 * width;
    }
    let d1 = low.slope + high.slope - 3.0 * (high.cost - low.cost) / width;
    let d2 = width.signum() * (d1 * d1 - low.slope * high.slope).max(0.0).sqrt();
    let cubic = high.step - width * (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let share = (cubic - low.step) / width;
    if share.is_finite() { low.step + share.clamp(0.1, 0.9) * width } else { middle }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
