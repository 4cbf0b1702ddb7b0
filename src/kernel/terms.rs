//! Some terms of a sum, as a kernel of their own.

use super::Kernel;
use std::ops::Range;

/// Some terms of a sum of kernels, with the places of their parameters among those of the sum.
#[derive(Debug, Clone)]
pub struct Terms {
    kernel: Kernel,
    parameters: Vec<Range<usize>>,
}

impl Kernel {
    /// The terms of a sum; of another kernel, itself.
    pub fn terms(&self) -> &[Kernel] {
        match self {
            Kernel::Sum(terms) => terms,
            kernel => std::slice::from_ref(kernel),
        }
    }

    /// Those of [`Kernel::terms`] whose number is wanted, as a kernel.
    pub fn some_terms(&self, wanted: impl Fn(usize) -> bool) -> Terms {
        let (mut terms, mut parameters, mut start) = (Vec::new(), Vec::new(), 0);
        for (number, term) in self.terms().iter().enumerate() {
            let range = start..start + term.parameter_count();
            start = range.end;
            if wanted(number) {
                terms.push(term.clone());
                parameters.push(range);
            }
        }
        let kernel = if terms.len() == 1 { terms.remove(0) } else { Kernel::Sum(terms) };
        Terms { kernel, parameters }
    }
}

impl Terms {
    /// The kernel that they are.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(Range::len).sum()
    }

    /// Their parameter values among those of the sum, into `own`.
    pub fn gather(&self, whole: &[f64], own: &mut [f64]) {
        let mut rest = own;
        for range in &self.parameters {
            let (part, later) = rest.split_at_mut(range.len());
            part.copy_from_slice(&whole[range.clone()]);
            rest = later;
        }
    }

    /// Adds adjoints of their parameters to those of the sum.
    pub fn scatter(&self, own: &[f64], whole: &mut [f64]) {
        let mut rest = own;
        for range in &self.parameters {
            let (part, later) = rest.split_at(range.len());
            whole[range.clone()].iter_mut().zip(part).for_each(|(to, from)| *to += from);
            rest = later;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::{InputColumns, KernelExpression};

    fn resolved(expression: &str) -> Kernel {
        let expression: KernelExpression = expression.parse().unwrap();
        expression.resolve(&InputColumns::unscaled(["a", "b"])).unwrap()
    }

    #[test]
    fn terms_take_their_parameters_and_give_their_adjoints_back() {
        let kernel = resolved("rbf(a) + linear(b) * rbf(b) + matern32(a, b)");
        let count = kernel.parameter_count();
        let whole: Vec<f64> = (0..count).map(|p| p as f64).collect();
        let terms = kernel.some_terms(|t| t != 1);
        assert_eq!(terms.kernel().terms().len(), 2);
        let mut own = vec![0.0; terms.parameter_count()];
        terms.gather(&whole, &mut own);
        let first = kernel.terms()[0].parameter_count();
        let last = kernel.terms()[2].parameter_count();
        assert_eq!(own[..first], whole[..first]);
        assert_eq!(own[first..], whole[count - last..]);
        let mut sums = whole.clone();
        terms.scatter(&own, &mut sums);
        for (p, sum) in sums.iter().enumerate() {
            let is_own = p < first || p >= count - last;
            assert_eq!(*sum, if is_own { 2.0 * p as f64 } else { p as f64 });
        }
    }

    #[test]
    fn a_kernel_that_is_no_sum_has_one_term() {
        let kernel = resolved("rbf(a) * rbf(b)");
        assert_eq!(kernel.terms().len(), 1);
        let (one, none) = (kernel.some_terms(|_| true), kernel.some_terms(|_| false));
        assert_eq!(one.kernel().parameters(), kernel.parameters());
        assert_eq!((none.parameter_count(), none.kernel().terms().len()), (0, 0));
    }
}
