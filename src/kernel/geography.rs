//! From columns of longitudes and latitudes to kilometres.

/// Mean radius of the Earth in kilometres (Moritz, "Geodetic Reference System 1980").
pub const EARTH_RADIUS: f64 = 6371.0088;

/// Where a longitude and a latitude, in degrees, come from: degrees = scale · value + shift, where the value is the model's.
/// For standardised columns, shifts are the means and scales the standard deviations of the training rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geography {
    /// Of longitude and latitude.
    pub shifts: [f64; 2],
    /// Of longitude and latitude.
    pub scales: [f64; 2],
}

impl Geography {
    /// Kilometres to which a lengthscale of 1 on the model's scale stands: R √(s_φ² + cos²φ₀ s_λ²) with the scales in
    /// radians and φ₀ the latitude's shift. For standardised columns this is the root mean square distance of the training
    /// rows from their centre, as far as the plane holds, so that priors of lengthscales mean what they mean elsewhere.
    pub fn unit(&self) -> f64 {
        let [east, north] = self.kilometres();
        east.hypot(north)
    }

    /// What one on the model's scale is in [units](Geography::unit) at the latitude's shift, along each column.
    pub fn stretches(&self) -> [f64; 2] {
        self.kilometres().map(|k| k / self.unit())
    }

    fn kilometres(&self) -> [f64; 2] {
        let radians = self.scales.map(f64::to_radians);
        [EARTH_RADIUS * self.shifts[1].to_radians().cos().abs() * radians[0], EARTH_RADIUS * radians[1]]
    }
}
