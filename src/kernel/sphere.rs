//! Distance through the Earth between places given by longitude and latitude.
//!
//! With u = (cos φ cos λ, cos φ sin λ, sin φ) the distance is the chord R|u − v|; its square is
//! 4R² (sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2)). A stationary kernel of the chord is one of points in space, so it is
//! positive definite whatever its shape. One of the great circle is not: Matérn functions of the great-circle
//! distance are positive definite on the sphere for ν ≤ 1/2 only (Gneiting, "Strictly and non-strictly positive definite
//! functions on spheres", Bernoulli 2013, example 2). The two distances differ by a share of (d/R)²/24: 0.1 % at 1,000 km.
//!
//! Differences are taken between coordinates of u and v, which keeps 10⁻⁹ km and holds across the date line and at the
//! poles. Sines and cosines are taken once a row, so that a pair costs what a distance in space does.

use super::adjoint::InputAdjoint;
use super::geography::{EARTH_RADIUS, Geography};
use super::metric::{Metric, Slopes};
use super::{Points, STRIP, Strip};
use crate::linalg::elementwise::{dot, sin_cos_half_turns, sum, vectorise};

/// r = R|u − v|/(ℓ · unit): one lengthscale ℓ for two columns, longitude and latitude.
#[derive(Debug, Clone)]
pub struct Sphere {
    columns: [usize; 2],
    geography: Geography,
    /// Turns are half angles in half turns: scale/360 and shift/360 of the columns.
    to_turns: [[f64; 2]; 2],
    /// (R/unit)².
    radius_squared: f64,
}

/// A unit vector, and the sines and cosines that it is made of.
#[derive(Clone, Copy)]
struct Place {
    vector: [f64; 3],
    sin: [f64; 2],
    cos: [f64; 2],
}

/// Numbers of a [`Place`].
const NUMBERS: usize = 7;

impl Sphere {
    /// On a column of longitudes and one of latitudes.
    pub fn new(columns: [usize; 2], geography: Geography) -> Self {
        let turns = |d: usize| [geography.scales[d] / 360.0, geography.shifts[d] / 360.0];
        let radius = EARTH_RADIUS / geography.unit();
        Self { columns, geography, to_turns: [turns(0), turns(1)], radius_squared: radius * radius }
    }

    #[inline(always)]
    fn place(&self, longitude: f64, latitude: f64) -> Place {
        let (sin_lon, cos_lon) = sin_cos(longitude, self.to_turns[0]);
        let (sin_lat, cos_lat) = sin_cos(latitude, self.to_turns[1]);
        let vector = [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat];
        Place { vector, sin: [sin_lon, sin_lat], cos: [cos_lon, cos_lat] }
    }
}

/// Sine and cosine of an angle from those of its half, whose common sign drops out.
#[inline(always)]
fn sin_cos(value: f64, [scale, shift]: [f64; 2]) -> (f64, f64) {
    let (sin, cos) = sin_cos_half_turns(value.mul_add(scale, shift));
    (2.0 * sin * cos, (cos - sin) * (cos + sin))
}

#[inline(always)]
fn difference(u: [f64; 3], v: [f64; 3]) -> [f64; 3] {
    [u[0] - v[0], u[1] - v[1], u[2] - v[2]]
}

impl Place {
    #[inline(always)]
    fn numbers(&self) -> [f64; NUMBERS] {
        let ([x, y, z], [sin_lon, sin_lat], [cos_lon, cos_lat]) = (self.vector, self.sin, self.cos);
        [x, y, z, sin_lon, sin_lat, cos_lon, cos_lat]
    }

    /// The strip's point.
    #[inline(always)]
    fn of_point(strip: Strip<'_>) -> Self {
        let f = strip.features.1;
        Self { vector: [f[0], f[1], f[2]], sin: [f[3], f[4]], cos: [f[5], f[6]] }
    }

    /// (w·∂u/∂λ, w·∂u/∂φ).
    #[inline(always)]
    fn along(&self, w: [f64; 3]) -> [f64; 2] {
        let ([sin_lon, sin_lat], [cos_lon, cos_lat]) = (self.sin, self.cos);
        let outward = w[0].mul_add(cos_lon, w[1] * sin_lon);
        [cos_lat * w[1].mul_add(cos_lon, -w[0] * sin_lon), w[2].mul_add(cos_lat, -outward * sin_lat)]
    }
}

impl Metric for Sphere {
    const KEEPS_DISTANCES: bool = true;

    fn feature_count(&self) -> usize {
        NUMBERS
    }

    fn features(&self, _: &[f64], x: Points<'_>, out: &mut [f64]) {
        let n = x.rows();
        let (longitudes, latitudes) = (x.column(self.columns[0]), x.column(self.columns[1]));
        // Outside of it every fused product would be a call.
        vectorise(
            #[inline(always)]
            || {
                for (i, (longitude, latitude)) in longitudes.iter().zip(latitudes).enumerate() {
                    for (k, number) in self.place(*longitude, *latitude).numbers().into_iter().enumerate() {
                        out[k * n + i] = number;
                    }
                }
            },
        );
    }

    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn shared(&self) -> bool {
        true
    }

    #[inline(always)]
    fn squared_distances(&self, lengthscales: &[f64], strip: Strip<'_>, s: &mut [f64]) {
        let factor = self.radius_squared / (lengthscales[0] * lengthscales[0]);
        let v = Place::of_point(strip).vector;
        let [x, y, z] = [0, 1, 2].map(|k| strip.features.0.column(k));
        for (s, ((x, y), z)) in s.iter_mut().zip(x.iter().zip(y).zip(z)) {
            let w = difference([*x, *y, *z], v);
            *s = factor * w[0].mul_add(w[0], w[1].mul_add(w[1], w[2] * w[2]));
        }
    }

    /// ∂s/∂ℓ = −2s/ℓ, and ∂s/∂λ = 2(R/ℓ)² (u − v)·∂u/∂λ for x, −2(R/ℓ)² (u − v)·∂v/∂λ for z, φ likewise.
    #[inline(always)]
    fn adjoint(
        &self,
        lengthscales: &[f64],
        strip: Strip<'_>,
        slopes: Slopes<'_>,
        lengthscale_adjoint: &mut [f64],
        inputs: Option<&mut InputAdjoint<'_>>,
    ) {
        let lengthscale = lengthscales[0];
        lengthscale_adjoint[0] -= 2.0 / lengthscale * dot(slopes.slopes, slopes.distances);
        let Some(inputs) = inputs else { return };
        let factor = 2.0 * self.radius_squared / (lengthscale * lengthscale);
        let v = Place::of_point(strip);
        let [x, y, z, sin_lon, sin_lat, cos_lon, cos_lat] =
            std::array::from_fn(|k| strip.features.0.column(k));
        let radians = self.geography.scales.map(f64::to_radians);
        // A pass that only writes, over the whole strip: with sums in it, it would not vectorise.
        let mut of_x = [[0.0; STRIP]; 2];
        let mut of_z = [[0.0; STRIP]; 2];
        let n = strip.len().min(STRIP);
        let ([x_lon, x_lat], [z_lon, z_lat]) = (&mut of_x, &mut of_z);
        let written = x_lon.iter_mut().zip(x_lat).zip(z_lon.iter_mut().zip(z_lat));
        let vectors = x.iter().zip(y).zip(z);
        let angles = sin_lon.iter().zip(sin_lat).zip(cos_lon.iter().zip(cos_lat));
        let rows = slopes.slopes.iter().zip(vectors.zip(angles));
        for (
            ((x_lon, x_lat), (z_lon, z_lat)),
            (c, (((x, y), z), ((sin_lon, sin_lat), (cos_lon, cos_lat)))),
        ) in written.zip(rows)
        {
            let (sin, cos) = ([*sin_lon, *sin_lat], [*cos_lon, *cos_lat]);
            let u = Place { vector: [*x, *y, *z], sin, cos };
            let w = difference(u.vector, v.vector);
            let (of_u, of_v) = (u.along(w), v.along(w));
            (*x_lon, *x_lat) = (c * of_u[0], c * of_u[1]);
            (*z_lon, *z_lat) = (c * of_v[0], c * of_v[1]);
        }
        for (d, &column) in self.columns.iter().enumerate() {
            let weight = factor * radians[d];
            let (x_adjoint, z_adjoint) = inputs.column(column, n);
            x_adjoint.iter_mut().zip(&of_x[d]).for_each(|(to, g)| *to += weight * g);
            *z_adjoint -= weight * sum(&of_z[d][..n]);
        }
    }

    fn lengthscale(&self, lengthscales: &[f64], column: usize) -> Option<f64> {
        let d = self.columns.iter().position(|c| *c == column)?;
        Some(lengthscales[0] / self.geography.stretches()[d])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::check::{between, kernel_is_consistent};
    use crate::kernel::{Covariance, Kernel, Matern12, Matern32, Matern52, Points, RationalQuadratic, Rbf};
    use crate::kernel::{Radial, Stationary};
    use faer::{Mat, Side};

    /// Degrees as they are.
    const DEGREES: Geography = Geography { shifts: [0.0; 2], scales: [1.0; 2] };
    const LONDON: [f64; 2] = [-0.1278, 51.5074];
    const PARIS: [f64; 2] = [2.3522, 48.8566];

    /// Distance in kilometres, by way of exp(−r).
    fn kilometres(a: [f64; 2], b: [f64; 2]) -> f64 {
        let kernel = Kernel::leaf(Stationary::<Matern12, _>::with_metric(Sphere::new([0, 1], DEGREES)));
        -between(&kernel, &[1.0, 1000.0 / DEGREES.unit()], a, b).ln() * 1000.0
    }

    #[test]
    fn the_chord_is_that_of_the_haversine_formula() {
        let distance = kilometres(LONDON, PARIS);
        assert!((343.0..344.0).contains(&distance), "{distance}");
        let [lon, lat] = [0, 1].map(|d| (LONDON[d] - PARIS[d]).to_radians() / 2.0);
        let cosines = LONDON[1].to_radians().cos() * PARIS[1].to_radians().cos();
        let haversine = lat.sin().powi(2) + cosines * lon.sin().powi(2);
        assert!((distance - 2.0 * EARTH_RADIUS * haversine.sqrt()).abs() < 1e-9);
        // The great circle is longer by (d/R)²/24.
        let circle = 2.0 * EARTH_RADIUS * haversine.sqrt().asin();
        let share = (distance / EARTH_RADIUS).powi(2) / 24.0;
        assert!(((circle - distance) / distance - share).abs() < 1e-3 * share);
    }

    #[test]
    fn distances_hold_across_the_date_line_at_the_poles_and_between_antipodes() {
        let degree = EARTH_RADIUS * 1.0_f64.to_radians();
        assert!((kilometres([179.9, 0.0], [-179.9, 0.0]) - 0.2 * degree).abs() < 1e-3);
        assert!((kilometres([179.9, 0.0], [180.1, 0.0]) - 0.2 * degree).abs() < 1e-3);
        assert!(kilometres([180.0, 10.0], [-180.0, 10.0]) < 1e-8);
        assert!(kilometres([10.0, 90.0], [120.0, 90.0]) < 1e-8);
        assert!((kilometres([0.0, 89.9], [180.0, 89.9]) - 0.2 * degree).abs() < 1e-3);
        assert!((kilometres([30.0, 20.0], [-150.0, -20.0]) - 2.0 * EARTH_RADIUS).abs() < 1e-6);
    }

    #[test]
    fn one_on_the_model_scale_is_the_distance_of_the_rows_from_their_centre() {
        // Offsets of ±1° from 60° N: north-south 111.2 km, east-west half of that.
        let geography = Geography { shifts: [10.0, 60.0], scales: [1.0, 1.0] };
        let degree = EARTH_RADIUS * 1.0_f64.to_radians();
        assert!((geography.unit() - degree * 1.25_f64.sqrt()).abs() < 1e-9);
        let [east, north] = geography.stretches();
        assert!((north / east - 2.0).abs() < 1e-12 && (east.hypot(north) - 1.0).abs() < 1e-12);
    }

    /// Values from −1.5 to 1.5 reach over half of the globe.
    const WIDE: Geography = Geography { shifts: [150.0, -20.0], scales: [35.0, 30.0] };

    fn consistent<R: Radial>() {
        kernel_is_consistent(&Kernel::leaf(Stationary::<R, _>::with_metric(Sphere::new([2, 0], WIDE))));
    }

    #[test]
    fn kernels_on_the_sphere_are_consistent() {
        consistent::<Rbf>();
        consistent::<Matern32>();
        consistent::<Matern52>();
        consistent::<RationalQuadratic>();
    }

    #[test]
    fn a_kernel_on_the_sphere_is_positive_definite_all_over_the_globe() {
        let golden = 0.618_033_988_749_894_9;
        // Longitudes at random turns, latitudes evenly over the area.
        let x = Mat::from_fn(150, 2, |i, d| match d {
            0 => 360.0 * (i as f64 * golden).fract() - 180.0,
            _ => (2.0 * (i as f64 + 0.5) / 150.0 - 1.0).asin().to_degrees(),
        });
        let kernel = Kernel::leaf(Stationary::<Matern52, _>::with_metric(Sphere::new([0, 1], DEGREES)));
        for kilometres in [300.0, 3000.0, 10_000.0] {
            let k = kernel.gram_full(&[1.0, kilometres / DEGREES.unit()], Points::of(&x));
            let eigenvalues = k.self_adjoint_eigenvalues(Side::Lower).unwrap();
            let least = eigenvalues.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(least > 0.0, "{kilometres} km: {least:e}");
        }
    }

    #[test]
    fn sphere_and_projection_agree_over_a_city() {
        let city = Geography { shifts: [13.4, 52.5], scales: [0.2, 0.1] };
        let sphere = Stationary::<Matern32, _>::with_metric(Sphere::new([0, 1], city));
        let plane = Stationary::<Matern32>::projected([0, 1], city, true);
        let steps = [0, 1].map(|d| sphere.lengthscale(&[1.0, 0.7], d).unwrap());
        assert_eq!(steps, [0, 1].map(|d| plane.lengthscale(&[1.0, 0.7], d).unwrap()));
        let value = |kernel: &Kernel, z| between(kernel, &[1.0, 0.7], [0.3, -0.2], z);
        let (sphere, plane) = (Kernel::leaf(sphere), Kernel::leaf(plane));
        for z in [[0.5, 0.9], [-1.0, 0.2], [0.31, -0.2]] {
            assert!((value(&sphere, z) - value(&plane, z)).abs() < 2e-3);
        }
    }

    #[test]
    fn projected_kernels_are_consistent_and_take_lengthscales_from_their_units() {
        let kernel = |shared| Kernel::leaf(Stationary::<Matern52>::projected([2, 0], WIDE, shared));
        kernel_is_consistent(&kernel(true));
        kernel_is_consistent(&kernel(false));
        // One step of the model's scale along each column, in kilometres at the middle latitude.
        let plane = Kernel::leaf(Stationary::<Matern12>::projected([0, 1], WIDE, false));
        let east = EARTH_RADIUS * WIDE.shifts[1].to_radians().cos() * WIDE.scales[0].to_radians();
        let theta = [1.0, east / WIDE.unit(), 1.0];
        assert!((between(&plane, &theta, [0.0, 0.0], [1.0, 0.0]) - (-1.0_f64).exp()).abs() < 1e-14);
    }
}
