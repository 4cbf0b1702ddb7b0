//! Strips of sums and products: each part writes its own, and the nodes combine them.
//!
//! Where several factors of a product are exponentials times something, k_i = c_i exp(e_i), the product takes one exponential of
//! Σ e_i for all of them: exponentials are most of what an entry of a Gram matrix costs.

use super::{Covariance, Exponential, Kernel, Recorded, STRIP, Strip, StripAdjoint, with_parameters};
use crate::linalg::elementwise::{add_scaled, exp_of_negative, or_zero, vectorise};

/// A kernel by how its strips are made.
pub(super) enum Node<'a> {
    Leaf(&'a dyn Covariance),
    Composite(Composite<'a>),
}

/// A sum or a product.
#[derive(Clone, Copy)]
pub(super) struct Composite<'a> {
    pub parts: &'a [Kernel],
    pub is_product: bool,
}

impl<'a> Composite<'a> {
    /// Whether its exponentials are taken together.
    fn is_merged(self) -> bool {
        self.is_product && self.parts.iter().filter(|part| exponential(part).is_some()).count() > 1
    }

    /// Values of a part and, where exponentials are taken together, their argument.
    pub fn scratch_strips(self) -> usize {
        let of_parts = self.parts.iter().map(Kernel::scratch_strips).max().unwrap_or(0);
        1 + usize::from(self.is_merged()) + of_parts
    }

    /// What each part records, and its values; before all of them the exponential that they share.
    pub fn record_strips(self) -> usize {
        let of_parts: usize = self.parts.iter().map(|part| 1 + part.record_strips()).sum();
        usize::from(self.is_merged()) + of_parts
    }

    /// Covariances, into `out`.
    pub fn strip(self, theta: &[f64], strip: Strip<'_>, out: &mut [f64], scratch: &mut [f64]) {
        let (values, scratch) = scratch.split_at_mut(STRIP);
        let (exponent, scratch) = scratch.split_at_mut(if self.is_merged() { STRIP } else { 0 });
        let (n, merged) = (out.len(), !exponent.is_empty());
        let (values, exponent) = (&mut values[..n], &mut exponent[..if merged { n } else { 0 }]);
        exponent.fill(0.0);
        self.fill_if_empty(out);
        for (i, (part, theta, strip)) in with_shares(self.parts, theta, strip).enumerate() {
            let to = if i == 0 { &mut *out } else { &mut *values };
            match exponential(part) {
                Some(part) if merged => part.factors(theta, strip, to, exponent, None),
                _ => part.strip(theta, strip, to, scratch),
            }
            if i > 0 {
                self.combine(out, values);
            }
        }
        if merged {
            take_exponential(exponent);
            multiply_by(out, exponent);
        }
    }

    /// The same, with a record for [`Composite::strip_adjoint`].
    pub fn strip_recorded(
        self,
        theta: &[f64],
        strip: Strip<'_>,
        out: &mut [f64],
        record: &mut [f64],
        scratch: &mut [f64],
    ) {
        let (exponent, mut rest) = record.split_at_mut(if self.is_merged() { STRIP } else { 0 });
        let (n, merged) = (out.len(), !exponent.is_empty());
        let exponent = &mut exponent[..if merged { n } else { 0 }];
        exponent.fill(0.0);
        self.fill_if_empty(out);
        for (i, (part, theta, strip)) in with_shares(self.parts, theta, strip).enumerate() {
            let (values, later) = rest.split_at_mut(STRIP);
            let (own, later) = later.split_at_mut(STRIP * part.record_strips());
            let values = &mut values[..n];
            match exponential(part) {
                Some(part) if merged => part.factors(theta, strip, values, exponent, Some(own)),
                _ => part.strip_recorded(theta, strip, values, own, scratch),
            }
            if i == 0 {
                out.copy_from_slice(values);
            } else {
                self.combine(out, values);
            }
            rest = later;
        }
        if merged {
            take_exponential(exponent);
            multiply_by(out, exponent);
        }
    }

    /// Adds what the weights of a strip give to the adjoints, after [`Composite::strip_recorded`].
    pub fn strip_adjoint(
        self,
        theta: &[f64],
        strip: Strip<'_>,
        weights: &[f64],
        record: &[f64],
        adjoint: &mut StripAdjoint<'_>,
        scratch: &mut [f64],
    ) {
        let (n, merged) = (strip.len(), self.is_merged());
        let (exponential, record) = record.split_at(if merged { STRIP } else { 0 });
        let (part_weights, scratch) = scratch.split_at_mut(STRIP);
        let (all_weights, scratch) = scratch.split_at_mut(if merged { STRIP } else { 0 });
        let weights = if merged {
            let weighted = &mut all_weights[..n];
            weighted.copy_from_slice(weights);
            multiply_by(weighted, &exponential[..n]);
            &*weighted
        } else {
            weights
        };
        let (mut offset, mut place) = (0, 0);
        for (this, (part, theta, strip)) in with_shares(self.parts, theta, strip).enumerate() {
            // The product of the others is formed, not divided out: a factor may be zero.
            let weights = if self.is_product {
                let part_weights = &mut part_weights[..n];
                part_weights.copy_from_slice(weights);
                let others = part_values(self.parts, record).enumerate();
                others.filter(|(i, _)| *i != this).for_each(|(_, other)| multiply_by(part_weights, other));
                &*part_weights
            } else {
                weights
            };
            let own = &record[place..place + STRIP * (1 + part.record_strips())];
            let (values, record) = own.split_at(STRIP);
            let recorded = Recorded { values: &values[..n], record };
            let mut adjoint = adjoint.part(offset, theta.len());
            part.strip_adjoint(theta, strip, weights, recorded, &mut adjoint, scratch);
            offset += theta.len();
            place += own.len();
        }
    }

    /// A sum of nothing is 0, a product of nothing 1.
    fn fill_if_empty(self, out: &mut [f64]) {
        if self.parts.is_empty() {
            out.fill(if self.is_product { 1.0 } else { 0.0 });
        }
    }

    /// Adds or multiplies a part's values into those of the whole.
    fn combine(self, out: &mut [f64], values: &[f64]) {
        if self.is_product { multiply_by(out, values) } else { add_scaled(out, 1.0, values) }
    }
}

fn exponential(kernel: &Kernel) -> Option<&dyn Exponential> {
    match kernel {
        Kernel::Leaf(leaf) => leaf.exponential(),
        Kernel::Sum(_) | Kernel::Product(_) => None,
    }
}

/// exp(e) in the place of e, or zero where it is too small to matter: before it meets the other factors, which are powers of distances.
fn take_exponential(exponent: &mut [f64]) {
    vectorise(
        #[inline(always)]
        || exponent.iter_mut().for_each(|e| *e = or_zero(exp_of_negative(*e))),
    );
}

/// a_i *= b_i, by the widest vector instructions at hand.
fn multiply_by(a: &mut [f64], b: &[f64]) {
    vectorise(
        #[inline(always)]
        || a.iter_mut().zip(b).for_each(|(a, b)| *a *= b),
    );
}

/// The values of each part in a record.
fn part_values<'a>(parts: &'a [Kernel], mut record: &'a [f64]) -> impl Iterator<Item = &'a [f64]> {
    parts.iter().map(move |part| {
        let (values, rest) = record.split_at(STRIP);
        record = &rest[STRIP * part.record_strips()..];
        values
    })
}

/// Each part with its share of the parameter values and of a strip's features.
fn with_shares<'a>(
    parts: &'a [Kernel],
    theta: &'a [f64],
    strip: Strip<'a>,
) -> impl Iterator<Item = (&'a Kernel, &'a [f64], Strip<'a>)> {
    let mut offset = 0;
    with_parameters(parts, theta).map(move |(part, theta)| {
        let count = part.feature_count();
        let strip = strip.part(offset, count);
        offset += count;
        (part, theta, strip)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{cross, kernel_is_consistent, points, theta};
    use crate::kernel::{Linear, Matern12, Matern32, Matern52, Periodic, RationalQuadratic, Rbf, Stationary};

    #[test]
    fn one_exponential_for_all_factors_gives_their_product() {
        let parts = vec![
            Kernel::leaf(Stationary::<Rbf>::new(vec![0, 2], false)),
            Kernel::leaf(Stationary::<Matern12>::new(vec![1], false)),
            Kernel::leaf(Linear::new(vec![0, 1], false)),
            Kernel::leaf(Stationary::<Matern32>::new(vec![2], false)),
            Kernel::leaf(Stationary::<Matern52>::new(vec![0], true)),
            Kernel::leaf(Stationary::<RationalQuadratic>::new(vec![0, 1, 2], true)),
            Kernel::leaf(Periodic::new(vec![2], false)),
        ];
        let (x, z) = (points(STRIP + 9, 1), points(5, 2));
        let of_parts: Vec<_> = parts.iter().map(|part| cross(part, &theta(part), &x, &z)).collect();
        let all: Vec<f64> = parts.iter().flat_map(theta).collect();
        let whole = cross(&Kernel::Product(parts), &all, &x, &z);
        for (i, j) in (0..x.nrows()).flat_map(|i| (0..z.nrows()).map(move |j| (i, j))) {
            let expected: f64 = of_parts.iter().map(|k| k[(i, j)]).product();
            let found = whole[(i, j)];
            assert!((found - expected).abs() < 1e-13 * expected.abs(), "{found} and {expected}");
        }
    }

    #[test]
    fn adjoints_of_factors_that_share_an_exponential_are_slopes() {
        kernel_is_consistent(&Kernel::Product(vec![
            Kernel::leaf(Stationary::<RationalQuadratic>::new(vec![0, 1], true)),
            Kernel::leaf(Stationary::<Matern52>::new(vec![2], false)),
            Kernel::Sum(vec![
                Kernel::leaf(Linear::new(vec![1], false)),
                Kernel::leaf(Stationary::<Rbf>::new(vec![1], false)),
            ]),
            Kernel::leaf(Periodic::new(vec![0, 2], false)),
        ]));
    }

    #[test]
    fn far_apart_a_product_is_zero() {
        let kernel = Kernel::Product(vec![
            Kernel::leaf(Stationary::<Rbf>::new(vec![0], false)),
            Kernel::leaf(Stationary::<Matern32>::new(vec![1], false)),
        ]);
        let (x, z) = (points(3, 1), points(2, 2));
        let far = cross(&kernel, &[1.0, 1e-3, 1.0, 1e-3], &x, &z);
        assert!(far.col_iter().all(|column| column.iter().all(|k| *k == 0.0)), "{far:?}");
    }
}
