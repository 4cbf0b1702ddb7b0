//! Functions of one number written without branches, so that loops over them vectorise.
//!
//! Call them inside [`vectorise`], which compiles its closure for the widest instruction set that the
//! processor has. The exponential of the standard library is a call per number: for a Gram matrix it costs
//! as much as the Cholesky factorisation.

use super::lanes::{Dot, Sum, with_simd};
use pulp::Arch;

/// Runs `work` compiled for the widest vector instructions at hand (AVX-512, else AVX2 and FMA, on x86-64).
#[inline(always)]
pub(crate) fn vectorise<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// exp(x) for x ≤ 709, to within 2 units in the last place; 0 below −708.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let value = exp_within_range(x.clamp(-708.0, 709.0));
    if x < -708.0 { 0.0 } else { value }
}

/// exp(x) for x ≤ 0, to within 2 units in the last place; below −708 some 1e-308, which [`or_zero`] takes for 0.
#[inline(always)]
pub(crate) fn exp_of_negative(x: f64) -> f64 {
    // In this order one instruction that lets a NaN pass.
    exp_within_range(if -708.0 > x { -708.0 } else { x })
}

/// exp(x) for −708 ≤ x ≤ 709.
///
/// Cody–Waite reduction x = n·ln 2 + r with |r| ≤ ln 2 / 2, then 1 + r + r² q(r) with q of degree 9 through (eʳ − 1 − r)/r² at the
/// Chebyshev points of that interval (relative error of the sum below 2⁻⁵⁵), and n added to the exponent's bits.
#[inline(always)]
fn exp_within_range(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    // ln 2 in two parts: the high one has trailing zeros, so that n·LN2_HIGH is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and subtracting 1.5·2⁵² rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x.mul_add(LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    // Estrin's scheme: six steps that wait for one another where Horner's has eleven, and the processor has room for few vectors.
    let linear = |low: f64, high: f64| r.mul_add(high, low);
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = r2.mul_add(
        linear(4.166_666_666_662_413e-2, 8.333_333_333_330_062e-3),
        linear(0.500_000_000_000_000_1, 1.666_666_666_666_666_9e-1),
    );
    let middle = r2.mul_add(
        linear(2.480_152_129_595_437_6e-5, 2.755_726_845_999_706_4e-6),
        linear(1.388_888_891_721_371_7e-3, 1.984_126_986_305_361_8e-4),
    );
    let high = linear(2.762_008_844_540_974_6e-7, 2.510_038_549_551_032e-8);
    let q = r4.mul_add(r4.mul_add(high, middle), low);
    let p = r2.mul_add(q, r) + 1.0;
    // A NaN that arithmetic made stays one: its low bits are zero, so that none are added to those of p, which is one too.
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// A covariance as a share of the variance, or zero where it is so small that it changes no sum with the diagonal, nor a
/// product of two such sums: 1e-35, a thousandth of the square of the rounding unit.
///
/// Products of smaller ones are denormal numbers, which some processors take a hundred times as long for: short
/// lengthscales then make every factorisation slow.
#[inline(always)]
pub(crate) fn or_zero(covariance: f64) -> f64 {
    if covariance < 1e-35 { 0.0 } else { covariance }
}

/// −1/(k(k + 1)) and −1/(k(k − 1)) for k = 22, 20, …, 2: a table, because divisions in a loop would take longer than all
/// the rest.
const SIN_COS: [[f64; 2]; 11] = {
    let mut table = [[0.0; 2]; 11];
    let mut i = 0;
    while i < 11 {
        let k = 2.0 * (11 - i) as f64;
        table[i] = [-1.0 / (k * (k + 1.0)), -1.0 / (k * (k - 1.0))];
        i += 1;
    }
    table
};

/// (sin πq, cos πq), both with their signs flipped where q is nearer to an odd integer than to an even one.
///
/// Squares and products of the two do not see the flip, and the cosine is never negative. The reduction is
/// exact, so q may be large; then Taylor polynomials on |πq| ≤ π/2, whose remainders are below 10⁻¹⁸.
#[inline(always)]
pub(crate) fn sin_cos_half_turns(q: f64) -> (f64, f64) {
    // Rounds to the nearest integer up to 2⁵¹, beyond which every number is even or its own rounding.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let nearest = if q.abs() < 2_251_799_813_685_248.0 { (q + ROUND) - ROUND } else { q };
    let r = std::f64::consts::PI * (q - nearest);
    let r2 = r * r;
    let (mut sin, mut cos) = (1.0_f64, 1.0_f64);
    // Nested: sin r = r(1 − r²/(2·3)(1 − r²/(4·5)(…))), cos r = 1 − r²/(1·2)(1 − r²/(3·4)(…)).
    for [of_sin, of_cos] in SIN_COS {
        sin = (r2 * sin).mul_add(of_sin, 1.0);
        cos = (r2 * cos).mul_add(of_cos, 1.0);
    }
    (r * sin, cos)
}

/// Number of partial sums that [`sum_over`] keeps: enough to hide the latency of addition.
const LANES: usize = 16;

/// Σ_i f(a_i, b_i) with independent partial sums, in an order that depends only on the length.
#[inline(always)]
pub(crate) fn sum_over(a: &[f64], b: &[f64], f: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut partial = [0.0; LANES];
    let (chunks_a, rest_a) = a.as_chunks::<LANES>();
    let (chunks_b, rest_b) = b.as_chunks::<LANES>();
    for (ca, cb) in chunks_a.iter().zip(chunks_b) {
        for l in 0..LANES {
            partial[l] = f(ca[l], cb[l], partial[l]);
        }
    }
    // Short vectors are all rest: four sums at a time there, too.
    let (fours_a, rest_a) = rest_a.as_chunks::<4>();
    let (fours_b, rest_b) = rest_b.as_chunks::<4>();
    for (ca, cb) in fours_a.iter().zip(fours_b) {
        for l in 0..4 {
            partial[l] = f(ca[l], cb[l], partial[l]);
        }
    }
    let mut last = 0.0;
    for (va, vb) in rest_a.iter().zip(rest_b) {
        last = f(*va, *vb, last);
    }
    // By halves: one after the other would take longer than the sum of a strip.
    let mut width = if chunks_a.is_empty() { 2 } else { LANES / 2 };
    while width > 0 {
        for l in 0..width {
            partial[l] += partial[l + width];
        }
        width /= 2;
    }
    last + partial[0]
}

/// Σ_i a_i b_i.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    with_simd(Dot(a, b))
}

/// Σ_i a_i.
pub(crate) fn sum(a: &[f64]) -> f64 {
    with_simd(Sum(a))
}

/// a_i += s b_i, by the widest vector instructions at hand.
pub(crate) fn add_scaled(a: &mut [f64], s: f64, b: &[f64]) {
    vectorise(
        #[inline(always)]
        || a.iter_mut().zip(b).for_each(|(a, b)| *a = b.mul_add(s, *a)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library_to_a_few_ulps() {
        let worst = vectorise(|| {
            let mut worst: f64 = 0.0;
            let mut x = -708.0;
            while x < 700.0 {
                let exact = f64::exp(x);
                worst = worst.max(((exp(x) - exact) / exact).abs());
                x += 0.137_71;
            }
            worst
        });
        assert!(worst < 5e-16, "worst relative error {worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e300), 0.0);
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn what_is_too_small_to_matter_is_zero_and_a_nan_stays_one() {
        assert_eq!((or_zero(1e-36), or_zero(1e-34), or_zero(0.0)), (0.0, 1e-34, 0.0));
        assert!(or_zero(f64::NAN).is_nan());
    }

    #[test]
    fn sines_and_cosines_agree_with_the_standard_library_up_to_their_common_sign() {
        for i in -4000..4000 {
            let q = f64::from(i) * 1.234_5e-3;
            let (sin, cos) = sin_cos_half_turns(q);
            let sign = (std::f64::consts::PI * q).cos().signum();
            assert!((sin - sign * (std::f64::consts::PI * q).sin()).abs() < 4e-15, "sin at {q}");
            assert!((cos - sign * (std::f64::consts::PI * q).cos()).abs() < 4e-15, "cos at {q}");
        }
        assert_eq!(sin_cos_half_turns(1e15), (0.0, 1.0));
    }
}
