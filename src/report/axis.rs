//! Scales from data to a unit interval, and ticks that a person would have chosen.

use super::number;
use super::text;

/// Where values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// Lower end, as a coordinate: the value, or its log10.
    lo: f64,
    /// Upper end, as a coordinate.
    hi: f64,
    log: bool,
}

/// Values beyond this are drawn at this, so that ranges stay finite.
const LARGEST: f64 = 1e300;

impl Scale {
    /// A linear scale over the finite values, widened by `pad` times their range at both ends.
    pub fn linear(values: impl IntoIterator<Item = f64>, pad: f64) -> Self {
        let (lo, hi) = span(values.into_iter().map(|v| v.clamp(-LARGEST, LARGEST))).unwrap_or((0.0, 1.0));
        let range = hi - lo;
        if range <= 1e-12 * lo.abs().max(hi.abs()) || range == 0.0 {
            let half = if lo == 0.0 { 1.0 } else { 0.1 * lo.abs() };
            return Self { lo: lo - half, hi: hi + half, log: false };
        }
        Self { lo: lo - pad * range, hi: hi + pad * range, log: false }
    }

    /// A logarithmic scale over the positive finite values.
    pub fn log(values: impl IntoIterator<Item = f64>, pad: f64) -> Self {
        let logs = values.into_iter().filter(|v| *v > 0.0).map(f64::log10);
        let (lo, hi) = span(logs).unwrap_or((0.0, 1.0));
        let extra = if hi - lo < 1e-9 { 0.5 } else { pad * (hi - lo) };
        Self { lo: lo - extra, hi: hi + extra, log: true }
    }

    /// Does not extend below zero: for counts, densities and ratios.
    pub fn starting_at_zero(self) -> Self {
        if self.log { self } else { Self { lo: 0.0, ..self } }
    }

    /// Does not extend beyond these values.
    pub fn within(self, lowest: f64, highest: f64) -> Self {
        let (a, b) = (self.coordinate(lowest), self.coordinate(highest));
        let lo = if a.is_finite() { self.lo.max(a) } else { self.lo };
        let hi = if b.is_finite() { self.hi.min(b) } else { self.hi };
        if lo < hi { Self { lo, hi, log: self.log } } else { self }
    }

    /// The values at both ends.
    pub fn ends(self) -> (f64, f64) {
        (self.value(self.lo), self.value(self.hi))
    }

    /// Position of a value: 0 at the lower end, 1 at the upper. NaN where the scale cannot show it.
    pub fn position(self, value: f64) -> f64 {
        (self.coordinate(value.clamp(-LARGEST, LARGEST)) - self.lo) / (self.hi - self.lo)
    }

    /// Whether the value lies between the ends.
    pub fn contains(self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.position(value))
    }

    /// `n` values, evenly spaced on the axis.
    pub fn grid(self, n: usize) -> Vec<f64> {
        let step = (self.hi - self.lo) / (n.max(2) - 1) as f64;
        (0..n).map(|i| self.value(self.lo + step * i as f64)).collect()
    }

    fn coordinate(self, value: f64) -> f64 {
        if !self.log {
            value
        } else if value > 0.0 {
            value.log10()
        } else {
            f64::NAN
        }
    }

    fn value(self, coordinate: f64) -> f64 {
        if self.log { 10f64.powf(coordinate) } else { coordinate }
    }

    /// Ticks whose labels fit; `fits` is asked with the labels and with the gaps between ticks as a fraction
    /// of the axis.
    pub fn ticks(self, most: usize, fits: impl Fn(&Ticks) -> bool) -> Ticks {
        let choices = if self.log { self.log_ticks(most) } else { self.linear_ticks(most) };
        let last = choices.len().saturating_sub(1);
        choices
            .into_iter()
            .enumerate()
            .find(|(i, ticks)| *i == last || (!ticks.at.is_empty() && fits(ticks)))
            .map(|(_, ticks)| ticks)
            .unwrap_or_default()
    }

    /// Sets of ticks, from many to few.
    fn linear_ticks(self, most: usize) -> Vec<Ticks> {
        let mut sets: Vec<Ticks> = Vec::new();
        for n in (1..=most).rev() {
            let (step, exponent) = nice_step((self.hi - self.lo) / n as f64);
            let first = (self.lo / step - 1e-9).ceil();
            let last = (self.hi / step + 1e-9).floor();
            let at: Vec<f64> = (0..=(last - first).clamp(0.0, 100.0) as usize)
                .map(|i| (first + i as f64) * step)
                .filter(|v| self.contains(*v))
                .collect();
            if at.len() < 2 && !sets.is_empty() {
                break;
            }
            if sets.last().is_none_or(|s| s.at.len() != at.len()) {
                sets.push(Ticks::labelled(at, step, exponent));
            }
        }
        sets
    }

    fn log_ticks(self, most: usize) -> Vec<Ticks> {
        let (first, last) = (self.lo.floor() as i32, self.hi.ceil() as i32);
        let inside = |multiples: &[f64], every: i32| -> Vec<f64> {
            (first..=last)
                .filter(|k| k.rem_euclid(every) == 0)
                .flat_map(|k| multiples.iter().map(move |m| m * 10f64.powi(k)))
                .filter(|v| self.contains(*v))
                .collect()
        };
        let mut sets = Vec::new();
        for multiples in [&[1.0, 2.0, 3.0, 5.0, 7.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
            sets.push(inside(multiples, 1));
        }
        for every in [2, 3, 5, 10, 20, 50, 100] {
            sets.push(inside(&[1.0], every));
        }
        sets.retain(|at| at.len() >= 2 && at.len() <= most.max(2));
        if sets.is_empty() {
            // Less than a decade, with at most one round number in it.
            let (lo, hi) = self.ends();
            let mut fallback = Scale { lo, hi, log: false }.linear_ticks(most);
            fallback.iter_mut().for_each(|t| t.at.retain(|v| self.contains(*v)));
            return fallback;
        }
        sets.into_iter().map(Ticks::of_powers).collect()
    }
}

/// Least and greatest finite value.
pub(super) fn span(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    })
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`, and that power's exponent.
fn nice_step(step: f64) -> (f64, i32) {
    let exponent = step.log10().floor().clamp(-300.0, 300.0) as i32;
    let power = 10f64.powi(exponent);
    match step / power {
        m if m <= 1.0 + 1e-9 => (power, exponent),
        m if m <= 2.0 + 1e-9 => (2.0 * power, exponent),
        m if m <= 5.0 + 1e-9 => (5.0 * power, exponent),
        _ => (10.0 * power, exponent + 1),
    }
}

/// Ticks of an axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ticks {
    /// Their values.
    pub at: Vec<f64>,
    /// Their labels.
    pub labels: Vec<String>,
    /// What the axis name must add to make the labels true, such as ` (×10⁶)`.
    pub unit: String,
}

impl Ticks {
    fn labelled(at: Vec<f64>, step: f64, exponent: i32) -> Self {
        let largest = at.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        if largest / step > 1e5 {
            // Only the last of many digits differ: take what they share out of the labels.
            let shared = 1000.0 * step;
            let offset = (at.first().copied().unwrap_or(0.0) / shared).floor() * shared;
            let rest: Vec<f64> = at.iter().map(|v| ((v - offset) / step).round() * step).collect();
            let inner = Self::labelled(rest, step, exponent);
            let sign = if offset < 0.0 { '+' } else { '−' };
            let offset = number::fixed(offset.abs(), (-exponent).clamp(0, 12) as usize);
            return Self { at, labels: inner.labels, unit: format!(" {sign} {offset}{}", inner.unit) };
        }
        let (power, decimals, unit) = if largest >= 1e6 || (largest > 0.0 && largest < 1e-3) {
            let power = largest.log10().floor() as i32;
            let unit = format!(" (×{})", number::power_of_ten(power));
            (power, (power - exponent).max(0), unit)
        } else {
            (0, (-exponent).max(0), String::new())
        };
        let labels = at.iter().map(|v| number::fixed(v / 10f64.powi(power), decimals as usize)).collect();
        Self { at, labels, unit }
    }

    fn of_powers(at: Vec<f64>) -> Self {
        let plain = at.iter().all(|v| (0.99e-3..1.01e5).contains(v));
        let labels = at
            .iter()
            .map(|v| {
                let exponent = (v.log10() + 1e-9).floor() as i32;
                let multiple = (v / 10f64.powi(exponent)).round();
                match (plain, multiple == 1.0) {
                    (true, _) => number::fixed(*v, (-exponent).max(0) as usize),
                    (false, true) => number::power_of_ten(exponent),
                    (false, false) => format!("{multiple}×{}", number::power_of_ten(exponent)),
                }
            })
            .collect();
        Self { at, labels, unit: String::new() }
    }

    /// Ticks at these values, whatever they are.
    pub fn at_values(at: Vec<f64>) -> Self {
        let labels = at.iter().map(|v| number::short(*v)).collect();
        Self { at, labels, unit: String::new() }
    }

    /// Width of the widest label in px.
    pub fn label_width(&self, size: f64) -> f64 {
        self.labels.iter().map(|l| text::width(l, size)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, most: usize) -> (Vec<String>, String) {
        let ticks = scale.ticks(most, |_| true);
        assert_eq!(ticks.at.len(), ticks.labels.len());
        (ticks.labels, ticks.unit)
    }

    fn exactly(lo: f64, hi: f64) -> Scale {
        Scale::linear([lo, hi], 0.0)
    }

    #[test]
    fn ticks_are_round_and_without_binary_dust() {
        assert_eq!(labels(exactly(0.0, 0.6), 6).0, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
        assert_eq!(labels(exactly(-3.0, 41.0), 5).0, ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(exactly(-1.0, 1.0), 4).0, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    }

    #[test]
    fn large_and_small_numbers_share_a_power_of_ten() {
        let (large, unit) = labels(exactly(0.0, 4e6), 4);
        assert_eq!((large.join(" ").as_str(), unit.as_str()), ("0 1 2 3 4", " (×10⁶)"));
        let (small, unit) = labels(exactly(0.0, 4e-7), 4);
        assert_eq!((small.join(" ").as_str(), unit.as_str()), ("0 1 2 3 4", " (×10⁻⁷)"));
        assert_eq!(labels(exactly(0.0, 40_000.0), 4).0, ["0", "10,000", "20,000", "30,000", "40,000"]);
    }

    #[test]
    fn digits_that_all_ticks_share_move_to_the_axis_name() {
        let (short, unit) = labels(exactly(1_700_000_000.0, 1_700_000_004.0), 4);
        assert_eq!((short.join(" ").as_str(), unit.as_str()), ("0 1 2 3 4", " − 1,700,000,000"));
    }

    #[test]
    fn log_axes_have_round_ticks_over_any_number_of_decades() {
        assert_eq!(labels(Scale::log([0.01, 100.0], 0.0), 5).0, ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels(Scale::log([1.0, 10.0], 0.0), 4).0, ["1", "2", "5", "10"]);
        assert_eq!(labels(Scale::log([1e-8, 1e4], 0.0), 4).0, ["10⁻⁶", "10⁻³", "10⁰", "10³"]);
        assert!(labels(Scale::log([2.1, 2.9], 0.0), 5).0.len() >= 2);
    }

    #[test]
    fn degenerate_ranges_have_ticks() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![5.0; 3], vec![1e300, -1e300, f64::INFINITY]] {
            let scale = Scale::linear(values.clone(), 0.05);
            let ticks = scale.ticks(6, |_| true);
            assert!(ticks.at.len() >= 2 && ticks.at.iter().all(|t| t.is_finite()), "{values:?}: {ticks:?}");
        }
        assert!(Scale::log([0.0, -1.0], 0.05).ticks(6, |_| true).at.len() >= 2);
        assert!(Scale::log([7.0], 0.05).ticks(6, |_| true).at.len() >= 2);
    }

    #[test]
    fn ticks_that_do_not_fit_give_way_to_fewer() {
        let ticks = exactly(0.0, 10.0).ticks(10, |t| t.at.len() <= 3);
        assert_eq!(ticks.labels, ["0", "5", "10"]);
    }
}
