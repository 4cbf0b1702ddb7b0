//! Functions of one number written without branches, so that loops over them vectorise.
//!
//! Call them inside [`vectorise`], which compiles its closure for the widest instruction set that the
//! processor has. The exponential of the standard library is a call per number: for a Gram matrix it costs
//! as much as the Cholesky factorisation.

use pulp::Arch;

/// Runs `work` compiled for the widest vector instructions at hand (AVX-512, else AVX2 and FMA, on x86-64).
#[inline(always)]
pub(crate) fn vectorise<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// exp(x) for x ≤ 709, to within 2 units in the last place; 0 below −708.
///
/// Cody–Waite reduction x = n·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor polynomial of degree 13
/// (truncation error below 2⁻⁵⁷ there) and 2ⁿ built in the exponent bits.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    // ln 2 in two parts: the high one has trailing zeros, so that n·LN2_HIGH is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and subtracting 1.5·2⁵² rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let clamped = x.clamp(-708.0, 709.0);
    let shifted = clamped.mul_add(LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, clamped));
    let mut p: f64 = 1.0 / 6_227_020_800.0;
    for c in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p.mul_add(r, c);
    }
    let exponent = (shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000);
    // A NaN must stay one: clamp keeps it, and the polynomial carries it.
    let value = p * f64::from_bits(exponent);
    if x < -708.0 { 0.0 } else { value }
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

/// Number of partial sums that [`dot`] and its relatives keep: enough to hide the latency of addition.
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
    let mut total = 0.0;
    for (va, vb) in rest_a.iter().zip(rest_b) {
        total = f(*va, *vb, total);
    }
    // By halves: one after the other would take longer than the sum of a strip.
    let mut width = if chunks_a.is_empty() { 2 } else { LANES / 2 };
    while width > 0 {
        for l in 0..width {
            partial[l] += partial[l + width];
        }
        width /= 2;
    }
    total + partial[0]
}

/// Σ_i a_i b_i.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_over(a, b, |x, y, s| x.mul_add(y, s))
}

/// Σ_i a_i.
#[inline(always)]
pub(crate) fn sum(a: &[f64]) -> f64 {
    sum_over(a, a, |x, _, s| s + x)
}

/// Σ_i a_i b_i, by the widest vector instructions at hand.
pub(crate) fn inner_product(a: &[f64], b: &[f64]) -> f64 {
    vectorise(
        #[inline(always)]
        || dot(a, b),
    )
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

    #[test]
    fn dot_sums_every_element() {
        let a: Vec<f64> = (0..37).map(f64::from).collect();
        assert_eq!(dot(&a, &a), (0..37).map(|i| f64::from(i * i)).sum::<f64>());
    }
}
