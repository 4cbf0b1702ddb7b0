//! Where a strip's gradient goes.

/// Adjoints that a strip adds to: of the parameters always, of the inputs where they are asked for.
#[derive(Debug)]
pub struct StripAdjoint<'a> {
    /// ∂L/∂θ, one number a parameter of the kernel at hand.
    pub theta: &'a mut [f64],
    /// ∂L/∂x_i and ∂L/∂z; absent where nobody needs them.
    pub inputs: Option<InputAdjoint<'a>>,
}

/// Adjoints of the inputs of a strip.
#[derive(Debug)]
pub struct InputAdjoint<'a> {
    /// ∂L/∂x of the strip's rows, column by column: entry (i, d) is at `x[d * stride + i]`.
    pub x: &'a mut [f64],
    /// Distance between the columns of `x`.
    pub stride: usize,
    /// ∂L/∂z, length D.
    pub z: &'a mut [f64],
}

impl StripAdjoint<'_> {
    /// The adjoint of a part whose parameters start at `offset`.
    pub(crate) fn part(&mut self, offset: usize, count: usize) -> StripAdjoint<'_> {
        StripAdjoint {
            theta: &mut self.theta[offset..offset + count],
            inputs: self.inputs.as_mut().map(|i| InputAdjoint { x: i.x, stride: i.stride, z: i.z }),
        }
    }
}

impl InputAdjoint<'_> {
    /// Adjoint of column `d` of the strip's rows, and of coordinate `d` of the point.
    pub(crate) fn column(&mut self, d: usize, rows: usize) -> (&mut [f64], &mut f64) {
        (&mut self.x[d * self.stride..d * self.stride + rows], &mut self.z[d])
    }
}
