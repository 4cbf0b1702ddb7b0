//! A two-dimensional density on a grid, as figures shade it.

use super::contours::Grid;
use crate::density::LogDensity;
use crate::stein::Cloud;
use crate::{Error, Result};

/// Grid points along each axis.
const POINTS: usize = 121;

/// Shares of the mass that the shaded regions hold, from the outermost in.
pub(super) const SHARES: [f64; 5] = [0.99, 0.95, 0.8, 0.5, 0.2];

/// A close view shows at least this share of the window's width and height,
const LEAST_SHARE: f64 = 0.25;
/// and at most this one: else the window itself will do.
const MOST_SHARE: f64 = 0.6;

/// A two-dimensional density on a grid.
#[derive(Debug, Clone)]
pub struct Landscape {
    /// Names of the coordinates.
    pub axes: [String; 2],
    /// The part of the plane that is shown: least and greatest value of each coordinate.
    pub window: [(f64, f64); 2],
    columns: usize,
    rows: usize,
    log_density: Vec<f64>,
    /// Log densities at which the regions end.
    levels: Vec<f64>,
}

impl Landscape {
    /// The log density over `window`, on a grid of 121×121 points. Where it cannot be evaluated it counts as zero
    /// density.
    ///
    /// # Errors
    /// [`Error::Shape`] for a target that has not two dimensions; [`Error::Invalid`] for an empty window; errors
    /// of the target that are not recoverable.
    pub fn new<D: LogDensity>(target: &D, axes: [&str; 2], window: [(f64, f64); 2]) -> Result<Self> {
        if target.dim() != 2 {
            return Err(Error::Shape {
                what: "coordinates of a target in the plane",
                expected: 2,
                found: target.dim(),
            });
        }
        if window.iter().any(|(low, high)| !(low < high && (high - low).is_finite())) {
            return Err(Error::Invalid("the window of a figure must have a width and a height".into()));
        }
        let (mut workspace, mut score) = (target.workspace(), [0.0; 2]);
        let mut log_density = Vec::with_capacity(POINTS * POINTS);
        for k in 0..POINTS * POINTS {
            let z = point(window, [(k % POINTS) as f64, (k / POINTS) as f64], [POINTS; 2]);
            log_density.push(match target.evaluate(&z, &mut score, &mut workspace) {
                Ok(value) => value,
                Err(error) if error.is_recoverable() => f64::NEG_INFINITY,
                Err(error) => return Err(error),
            });
        }
        let levels = levels(&log_density);
        let axes = axes.map(str::to_owned);
        Ok(Self { axes, window, columns: POINTS, rows: POINTS, log_density, levels })
    }

    /// Another part of the plane, shaded as here: the regions are those that hold the shares of the mass in this window.
    ///
    /// # Errors
    /// As [`Landscape::new`].
    pub fn of_window<D: LogDensity>(&self, target: &D, window: [(f64, f64); 2]) -> Result<Self> {
        let [x, y] = &self.axes;
        Ok(Self { levels: self.levels.clone(), ..Self::new(target, [x, y], window)? })
    }

    /// Outlines of the regions of highest density that hold the shares of the mass in the window, from the
    /// largest in, in coordinates of the target.
    pub(super) fn regions(&self) -> Vec<Vec<Vec<(f64, f64)>>> {
        let grid = Grid { columns: self.columns, rows: self.rows, values: &self.log_density };
        let place = |(i, j): (f64, f64)| {
            let [x, y] = point(self.window, [i, j], [self.columns, self.rows]);
            (x, y)
        };
        let outlines = |level: f64| {
            grid.regions(level).into_iter().map(|o| o.into_iter().map(place).collect()).collect()
        };
        self.levels.iter().copied().map(outlines).collect()
    }

    /// How many of the particles lie outside the region that holds 99 % of the mass. One outside the window counts.
    pub fn outside(&self, cloud: &Cloud) -> usize {
        let level = self.levels.first().copied().unwrap_or(f64::INFINITY);
        cloud.points().filter(|p| self.value(p).is_none_or(|v| v < level)).count()
    }

    /// Log density between the grid's points, bilinearly; `None` outside the window.
    fn value(&self, z: &[f64]) -> Option<f64> {
        let [x, y] = [(0, self.columns), (1, self.rows)].map(|(c, points)| {
            let (low, high) = self.window[c];
            (z[c] - low) / (high - low) * (points - 1) as f64
        });
        let inside =
            (0.0..=(self.columns - 1) as f64).contains(&x) && (0.0..=(self.rows - 1) as f64).contains(&y);
        if !inside {
            return None;
        }
        let (i, j) = ((x as usize).min(self.columns - 2), (y as usize).min(self.rows - 2));
        let (s, t) = (x - i as f64, y - j as f64);
        let corner = |i: usize, j: usize| self.log_density[j * self.columns + i];
        let below = (1.0 - s) * corner(i, j) + s * corner(i + 1, j);
        let above = (1.0 - s) * corner(i, j + 1) + s * corner(i + 1, j + 1);
        Some((1.0 - t) * below + t * above).filter(|v| v.is_finite())
    }

    /// The part of the window that a cloud fills, with as much again around it and the window's proportions; `None` where
    /// that is most of the window.
    pub fn window_close_to(window: [(f64, f64); 2], cloud: &Cloud) -> Option<[(f64, f64); 2]> {
        let range = |c: usize| {
            let finite = cloud.points().map(|p| p[c]).filter(|v| v.is_finite());
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ranges = [range(0), range(1)];
        let width = |(low, high): (f64, f64)| high - low;
        let share = (0..2).map(|c| width(ranges[c]) / width(window[c])).fold(0.0, f64::max);
        let share = (2.0 * share).max(LEAST_SHARE);
        // Without a finite particle there is no range.
        (share <= MOST_SHARE && width(ranges[0]).min(width(ranges[1])) >= 0.0).then(|| {
            [0, 1].map(|c| {
                let (middle, half) = (0.5 * (ranges[c].0 + ranges[c].1), 0.5 * share * width(window[c]));
                (middle - half, middle + half)
            })
        })
    }

    /// The window, widened where the clouds reach beyond it, with a little room around them.
    pub fn window_around(window: [(f64, f64); 2], clouds: &[&Cloud]) -> [(f64, f64); 2] {
        let mut wide = window;
        for point in clouds.iter().flat_map(|c| c.points()) {
            for (c, v) in point.iter().enumerate().take(2).filter(|(_, v)| v.is_finite()) {
                let pad = 0.04 * (window[c].1 - window[c].0);
                wide[c] = (wide[c].0.min(v - pad), wide[c].1.max(v + pad));
            }
        }
        wide
    }
}

/// Log densities above which the grid has those shares of its mass.
fn levels(log_density: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = log_density.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let Some(&most) = sorted.first() else { return Vec::new() };
    let total: f64 = sorted.iter().map(|v| (v - most).exp()).sum();
    let level = |share: f64| {
        let mut mass = 0.0;
        let reached = sorted.iter().find(|v| {
            mass += (**v - most).exp();
            mass >= share * total
        });
        reached.copied().unwrap_or(most)
    };
    SHARES.into_iter().map(level).collect()
}

/// A place of the grid in coordinates of the target.
fn point(window: [(f64, f64); 2], place: [f64; 2], points: [usize; 2]) -> [f64; 2] {
    [0, 1].map(|c| {
        let (low, high) = window[c];
        low + (high - low) * place[c] / (points[c].max(2) - 1) as f64
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn regions_of_a_gaussian_hold_the_shares_of_its_mass() {
        let target = GaussianTarget::standard(2);
        let landscape = Landscape::new(&target, ["a", "b"], [(-5.0, 5.0), (-5.0, 5.0)]).unwrap();
        for (share, regions) in SHARES.iter().zip(landscape.regions()) {
            assert_eq!(regions.len(), 1);
            // P(|z|² > r²) = exp(−r²/2): the region is a disc of this radius.
            let radius = (-2.0 * (1.0 - share).ln()).sqrt();
            for (x, y) in &regions[0] {
                assert!((x.hypot(*y) - radius).abs() < 0.05, "{share}: {} against {radius}", x.hypot(*y));
            }
        }
    }

    #[test]
    fn a_target_outside_the_plane_is_refused() {
        let window = [(0.0, 1.0), (0.0, 1.0)];
        assert!(Landscape::new(&GaussianTarget::standard(3), ["a", "b"], window).is_err());
        assert!(Landscape::new(&GaussianTarget::standard(2), ["a", "b"], [(1.0, 1.0), (0.0, 1.0)]).is_err());
    }

    #[test]
    fn particles_outside_the_largest_region_are_counted() {
        let window = [(-5.0, 5.0), (-5.0, 5.0)];
        let landscape = Landscape::new(&GaussianTarget::standard(2), ["a", "b"], window).unwrap();
        // The region's radius is 3.03.
        let points: [&[f64]; 4] = [&[2.9, 0.0], &[0.0, -3.2], &[70.0, 0.0], &[f64::NAN, 0.0]];
        assert_eq!(landscape.outside(&Cloud::from_points(2, points)), 3);
    }

    #[test]
    fn a_close_view_is_centred_on_a_small_cloud_and_shaded_as_the_window() {
        let window = [(-5.0, 5.0), (-10.0, 10.0)];
        let small = Cloud::from_points(2, [&[1.0, 1.0][..], &[2.5, 1.0][..]]);
        let close = Landscape::window_close_to(window, &small).unwrap();
        for (found, expected) in close.iter().zip([(0.25, 3.25), (-2.0, 4.0)]) {
            assert!(
                (found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12,
                "{close:?}"
            );
        }
        let target = GaussianTarget::standard(2);
        let whole = Landscape::new(&target, ["a", "b"], window).unwrap();
        let part = whole.of_window(&target, close).unwrap();
        assert!(part.levels == whole.levels && part.window == close);
        let one = Landscape::window_close_to(window, &Cloud::from_points(2, [&[1.0, 1.0][..]])).unwrap();
        assert_eq!(one, [(-0.25, 2.25), (-1.5, 3.5)]);
        for wide in [[[-2.0, 0.0], [2.0, 0.0]], [[f64::NAN; 2]; 2]] {
            let cloud = Cloud::from_points(2, wide.iter().map(<[f64; 2]>::as_slice));
            assert!(Landscape::window_close_to(window, &cloud).is_none());
        }
    }

    #[test]
    fn the_window_grows_to_hold_the_particles() {
        let cloud = Cloud::from_points(2, [&[7.0, 0.0][..], &[f64::NAN, -3.0][..]]);
        let window = Landscape::window_around([(-5.0, 5.0), (-2.0, 2.0)], &[&cloud]);
        assert!(window[0].0 == -5.0 && window[0].1 > 7.0 && window[1].0 < -3.0 && window[1].1 == 2.0);
    }
}
