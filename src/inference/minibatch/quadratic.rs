//! The log likelihood of very many rows around its mode: a parabola in logarithms of the parameters, with exact priors.
//!
//! With M inducing inputs a sample of n rows overrates what they explain by about M/(2n) nats a row, more so the more flexible θ
//! makes them: where n is not a large multiple of M its density has another mode and other ridges than that of all rows, which
//! is too dear to be evaluated often. What many rows leave of the posterior is narrow where they say something, and
//! the prior where they do not. Scores of all rows at the mode and a little off it in each direction say which is which.

use crate::density::LogDensity;
use crate::model::Criterion;
use crate::parameter::{Bijector, Layout, Parameter};
use crate::{Error, Result};
use faer::{Mat, Side};

/// ℓ(w) = ℓ̂ + gᵀs − ½ sᵀ(H + λI)s with s = w(z) − ŵ, and what the criterion adds. w is the logarithm of a positive parameter and z
/// of others.
pub(super) struct Quadratic<'a> {
    layout: &'a Layout,
    criterion: Criterion,
    at: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
    precision: Vec<f64>,
    /// λ.
    pub damping: f64,
}

/// Memory of one thread.
pub(super) struct QuadraticWorkspace {
    theta: Vec<f64>,
    step: Vec<f64>,
    by_z: Vec<f64>,
}

fn is_positive(bijector: Bijector) -> bool {
    let (low, high) = bijector.support();
    low >= 0.0 && high == f64::INFINITY
}

/// w and its slope in z.
fn coordinate(bijector: Bijector, z: f64) -> (f64, f64) {
    if !is_positive(bijector) {
        return (z, 1.0);
    }
    let theta = bijector.forward(z);
    (theta.ln(), bijector.slope(z) / theta)
}

/// z where w is `step` further, for each free parameter.
pub(super) fn further(layout: &Layout, z: &[f64], step: &[f64]) -> Result<Vec<f64>> {
    let of = |((p, z), step): ((&Parameter, &f64), &f64)| {
        if is_positive(p.bijector) {
            p.bijector.inverse((coordinate(p.bijector, *z).0 + step).exp())
        } else {
            Some(z + step)
        }
    };
    let moved: Option<Vec<f64>> = layout.free().zip(z).zip(step).map(of).collect();
    moved.ok_or(Error::NotFiniteValue { what: "a step of the parameters" })
}

/// w(z) − w(from).
pub(super) fn difference(layout: &Layout, z: &[f64], from: &[f64]) -> Vec<f64> {
    let of = |((p, z), from): ((&Parameter, &f64), &f64)| {
        coordinate(p.bijector, *z).0 - coordinate(p.bijector, *from).0
    };
    layout.free().zip(z).zip(from).map(of).collect()
}

/// The score in w of one in z.
pub(super) fn score_in_w(layout: &Layout, z: &[f64], score: &[f64]) -> Vec<f64> {
    layout.free().zip(z).zip(score).map(|((p, z), s)| s / coordinate(p.bijector, *z).1).collect()
}

impl<'a> Quadratic<'a> {
    /// Around ẑ with the log likelihood `value` and its score in z there, and −∂²ℓ/∂w² (d×d, row by row). Where that is curved the
    /// wrong way the likelihood is taken to be straight.
    ///
    /// # Errors
    /// [`Error::NotFiniteValue`] where the curvature has no spectrum.
    pub fn new(
        layout: &'a Layout,
        criterion: Criterion,
        z: &[f64],
        (value, score): (f64, &[f64]),
        precision: &[f64],
    ) -> Result<Self> {
        let d = z.len();
        let problem = || Error::NotFiniteValue { what: "curvature of the log likelihood" };
        let symmetric = Mat::from_fn(d, d, |i, j| 0.5 * (precision[i * d + j] + precision[j * d + i]));
        let eigen = symmetric.self_adjoint_eigen(Side::Lower).map_err(|_| problem())?;
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        let entry = |i: usize, j: usize| -> f64 {
            (0..d).map(|e| values[e].max(0.0) * vectors[(i, e)] * vectors[(j, e)]).sum()
        };
        let precision: Vec<f64> = (0..d * d).map(|k| entry(k / d, k % d)).collect();
        let slope = score_in_w(layout, z, score);
        if precision.iter().chain(&slope).any(|v| !v.is_finite()) {
            return Err(problem());
        }
        let at = layout.free().zip(z).map(|(p, z)| coordinate(p.bijector, *z).0).collect();
        Ok(Self { layout, criterion, at, value, slope, precision, damping: 0.0 })
    }
}

impl LogDensity for Quadratic<'_> {
    type Workspace = QuadraticWorkspace;

    fn dim(&self) -> usize {
        self.at.len()
    }

    fn workspace(&self) -> QuadraticWorkspace {
        let zeros = || vec![0.0; self.dim()];
        QuadraticWorkspace { theta: vec![0.0; self.layout.parameters().len()], step: zeros(), by_z: zeros() }
    }

    fn evaluate(&self, z: &[f64], score: &mut [f64], workspace: &mut QuadraticWorkspace) -> Result<f64> {
        let QuadraticWorkspace { theta, step, by_z } = workspace;
        for (a, p) in self.layout.free().enumerate() {
            let (w, by) = coordinate(p.bijector, z[a]);
            (step[a], by_z[a]) = (w - self.at[a], by);
        }
        let d = step.len();
        let mut value = self.value;
        for (a, s) in step.iter().enumerate() {
            let row = &self.precision[a * d..(a + 1) * d];
            let pull = row.iter().zip(&*step).map(|(h, s)| h * s).sum::<f64>() + self.damping * s;
            value += s * (self.slope[a] - 0.5 * pull);
            score[a] = (self.slope[a] - pull) * by_z[a];
        }
        self.layout.constrain(z, theta);
        value += self.criterion.add_priors(self.layout, z, theta, score);
        if value.is_finite() && score.iter().all(|s| s.is_finite()) {
            Ok(value)
        } else {
            Err(Error::NotFiniteValue { what: "log density of the parameters" })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_gamma_likelihood_is_a_parabola_in_its_logarithm_near_its_mode() {
        // ℓ(θ) = 200 log θ − 50 θ has its mode at 4 and curvature 200 in log θ; a second parameter says nothing.
        let layout = Layout::new(vec![Parameter::positive("a", 1.0), Parameter::positive("b", 2.0)]).unwrap();
        let z = layout.unconstrain(&[3.9, 2.0]).unwrap();
        let value = |theta: f64| 200.0 * theta.ln() - 50.0 * theta;
        let by_z = (200.0 / 3.9 - 50.0) * layout.parameters()[0].bijector.slope(z[0]);
        let curvature = [50.0 * 3.9, 0.0, 0.0, -1.0];
        let criterion = Criterion::LogMarginalLikelihood;
        let found = Quadratic::new(&layout, criterion, &z, (value(3.9), &[by_z, 0.0]), &curvature).unwrap();
        let mut workspace = found.workspace();
        let mut at = |theta: f64| {
            let z = layout.unconstrain(&[theta, 7.0]).unwrap();
            let mut score = [0.0; 2];
            let value = found.evaluate(&z, &mut score, &mut workspace).unwrap();
            (value, score[0] / layout.parameters()[0].bijector.slope(z[0]), score[1])
        };
        assert!((at(3.9).0 - value(3.9)).abs() < 1e-9);
        for theta in [3.7, 4.0, 4.2] {
            let (found, slope, other) = at(theta);
            assert!((found - value(theta)).abs() < 0.02, "{theta}: {found}");
            assert!((slope - (200.0 / theta - 50.0)).abs() < 0.5 && other == 0.0, "{theta}: {slope}");
        }
        // The score is the slope, with priors as well.
        let found = Quadratic { criterion: Criterion::LogDensity, damping: 3.0, ..found };
        let mut value = |z: &[f64], score: &mut [f64]| found.evaluate(z, score, &mut workspace).unwrap();
        let (z, mut score) = (layout.unconstrain(&[3.0, 0.4]).unwrap(), [0.0; 2]);
        value(&z, &mut score);
        for a in 0..2 {
            let mut off = |h: f64| {
                let mut moved = z.clone();
                moved[a] += h;
                value(&moved, &mut [0.0; 2])
            };
            let numeric = (off(1e-5) - off(-1e-5)) / 2e-5;
            assert!((numeric - score[a]).abs() < 1e-5 * (1.0 + numeric.abs()), "{numeric} {}", score[a]);
        }
    }

    #[test]
    fn a_step_in_logarithms_is_a_factor() {
        let layout = Layout::new(vec![Parameter::positive("a", 1.0)]).unwrap();
        let z = layout.unconstrain(&[30.0]).unwrap();
        let moved = further(&layout, &z, &[2.0_f64.ln()]).unwrap();
        let mut theta = [0.0];
        layout.constrain(&moved, &mut theta);
        assert!((theta[0] - 60.0).abs() < 1e-9);
        assert!((difference(&layout, &moved, &z)[0] - 2.0_f64.ln()).abs() < 1e-12);
    }
}
