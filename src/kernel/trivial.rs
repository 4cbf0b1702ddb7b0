//! Kernels that do not look at the inputs: a constant, and white noise.

use super::leaf::ParameterRole;
use super::{Covariance, KernelParameter, Points, Recorded, Strip, StripAdjoint};

/// k(x, z) = σ²: a function that is one unknown number. Parameter `variance`.
#[derive(Debug, Clone)]
pub struct Constant([KernelParameter; 1]);

/// k(x, z) = σ² where x and z are the same observation, else 0: noise that every row has of its own. Two
/// rows with equal inputs are two observations. Parameter `variance`.
#[derive(Debug, Clone)]
pub struct White([KernelParameter; 1]);

fn variance() -> [KernelParameter; 1] {
    [KernelParameter::new("variance", ParameterRole::Variance, 1.0)]
}

impl Constant {
    /// Starts from variance 1.
    pub fn new() -> Self {
        Self(variance())
    }
}

impl White {
    /// Starts from variance 1.
    pub fn new() -> Self {
        Self(variance())
    }
}

impl Default for Constant {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for White {
    fn default() -> Self {
        Self::new()
    }
}

impl Covariance for Constant {
    fn parameters(&self) -> &[KernelParameter] {
        &self.0
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.0
    }

    fn columns(&self) -> &[usize] {
        &[]
    }

    fn strip(&self, theta: &[f64], _: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        out.fill(theta[0]);
    }

    fn strip_adjoint(
        &self,
        _: &[f64],
        _: Strip<'_>,
        weights: &[f64],
        _: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        _: &mut [f64],
    ) {
        adjoint.theta[0] += weights.iter().sum::<f64>();
    }

    fn diagonal(&self, theta: &[f64], _: Points<'_>, out: &mut [f64]) {
        out.fill(theta[0]);
    }
}

impl Covariance for White {
    fn parameters(&self) -> &[KernelParameter] {
        &self.0
    }

    fn parameters_mut(&mut self) -> &mut [KernelParameter] {
        &mut self.0
    }

    fn columns(&self) -> &[usize] {
        &[]
    }

    fn strip(&self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], _: &mut [f64]) {
        out.fill(0.0);
        if let Some(row) = strip.same {
            out[row] = theta[0];
        }
    }

    fn strip_adjoint(
        &self,
        _: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        _: Recorded<'_>,
        adjoint: &mut StripAdjoint<'_>,
        _: &mut [f64],
    ) {
        if let Some(row) = strip.same {
            adjoint.theta[0] += weights[row];
        }
    }

    fn diagonal(&self, theta: &[f64], _: Points<'_>, out: &mut [f64]) {
        out.fill(theta[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;
    use crate::kernel::check::{ROWS, cross, kernel_is_consistent, points, view};

    #[test]
    fn white_noise_is_on_the_same_observation_only() {
        let x = points(ROWS, 1);
        let k = Kernel::leaf(White::new()).gram_full(&[0.7], view(&x));
        for j in 0..ROWS {
            for i in 0..ROWS {
                // Rows 3 and 290 have equal inputs, and are two observations.
                assert_eq!(k[(i, j)], if i == j { 0.7 } else { 0.0 });
            }
        }
    }

    #[test]
    fn white_noise_is_never_in_a_cross_covariance() {
        let x = points(ROWS, 1);
        let k = cross(&Kernel::leaf(White::new()), &[0.7], &x, &x);
        assert!(k.col_iter().all(|c| c.iter().all(|v| *v == 0.0)));
    }

    #[test]
    fn a_constant_is_the_same_everywhere() {
        let x = points(4, 1);
        let k = cross(&Kernel::leaf(Constant::new()), &[0.7], &x, &x);
        assert!(k.col_iter().all(|c| c.iter().all(|v| *v == 0.7)));
    }

    #[test]
    fn constant_and_white_are_consistent() {
        kernel_is_consistent(&Kernel::leaf(Constant::new()));
        kernel_is_consistent(&Kernel::leaf(White::new()));
    }
}
