//! Sums in vector registers, written in terms of the instruction set: left to itself the compiler makes them out of half
//! registers, or out of single numbers.

pub(crate) use pulp::{Simd, WithSimd};

/// Does `work` with the widest vector instructions at hand.
#[inline(always)]
pub(crate) fn with_simd<W: WithSimd>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(work)
}

/// Registers of partial sums: as many as hide the latency of an addition.
const PARTIAL: usize = 4;

/// Σ_i of what `step(a_i, b_i, sum)` adds to a sum, in an order that depends only on the length and on the instruction set. Where
/// both are zero it must add nothing: zeros fill the last register.
#[inline(always)]
pub(crate) fn sum_of_pairs<S: Simd>(
    simd: S,
    a: &[f64],
    b: &[f64],
    step: impl Fn(S::f64s, S::f64s, S::f64s) -> S::f64s,
) -> f64 {
    let n = a.len().min(b.len());
    let ((a, rest_a), (b, rest_b)) = (S::as_simd_f64s(&a[..n]), S::as_simd_f64s(&b[..n]));
    let mut sums = [simd.splat_f64s(0.0); PARTIAL];
    let ((many_a, a), (many_b, b)) = (a.as_chunks::<PARTIAL>(), b.as_chunks::<PARTIAL>());
    for (a, b) in many_a.iter().zip(many_b) {
        for l in 0..PARTIAL {
            sums[l] = step(a[l], b[l], sums[l]);
        }
    }
    for (a, b) in a.iter().zip(b) {
        sums[0] = step(*a, *b, sums[0]);
    }
    if !rest_a.is_empty() {
        sums[1] = step(simd.partial_load_f64s(rest_a), simd.partial_load_f64s(rest_b), sums[1]);
    }
    let [first, second, third, fourth] = sums;
    simd.reduce_sum_f64s(simd.add_f64s(simd.add_f64s(first, second), simd.add_f64s(third, fourth)))
}

/// Σ_i a_i b_i.
pub(crate) struct Dot<'a>(pub &'a [f64], pub &'a [f64]);

impl WithSimd for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        sum_of_pairs(
            simd,
            self.0,
            self.1,
            #[inline(always)]
            |a, b, sum| simd.mul_add_f64s(a, b, sum),
        )
    }
}

/// Σ_i a_i.
pub(crate) struct Sum<'a>(pub &'a [f64]);

impl WithSimd for Sum<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        sum_of_pairs(
            simd,
            self.0,
            self.0,
            #[inline(always)]
            |a, _, sum| simd.add_f64s(a, sum),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_summed_once() {
        for n in 0..150 {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(with_simd(Dot(&a, &a)), (0..n).map(|i| f64::from(i * i)).sum::<f64>());
            assert_eq!(with_simd(Sum(&a)), (0..n).map(f64::from).sum::<f64>());
        }
    }
}
