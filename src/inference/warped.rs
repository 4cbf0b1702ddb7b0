//! A log density in other coordinates, one increasing map a coordinate.

use crate::Result;
use crate::density::LogDensity;
use crate::parameter::MonotoneMap;
use crate::stein::Cloud;

/// The density of v, where u = t(v) coordinate by coordinate has the given density:
/// log p_v(v) = log p_u(t(v)) + Σ log t_i′(v_i).
pub struct Warped<'t, D> {
    target: &'t D,
    maps: Vec<MonotoneMap>,
}

/// What an evaluation needs: that of the target, its point and its score.
pub struct WarpedWorkspace<W> {
    inner: W,
    point: Vec<f64>,
    score: Vec<f64>,
}

impl<W> WarpedWorkspace<W> {
    fn around(inner: W, dim: usize) -> Self {
        Self { inner, point: vec![0.0; dim], score: vec![0.0; dim] }
    }
}

impl<'t, D: LogDensity> Warped<'t, D> {
    /// With one map a coordinate; coordinates without a map stay as they are.
    pub fn new(target: &'t D, mut maps: Vec<MonotoneMap>) -> Self {
        maps.resize_with(target.dim(), MonotoneMap::identity);
        Self { target, maps }
    }

    /// v of a point u of the target.
    pub fn from_target(&self, u: &[f64]) -> Vec<f64> {
        self.maps.iter().zip(u).map(|(map, u)| map.inverse(*u)).collect()
    }

    /// u of a point v.
    pub fn to_target(&self, v: &[f64]) -> Vec<f64> {
        self.maps.iter().zip(v).map(|(map, v)| map.at(*v).value).collect()
    }

    /// Σ log t_i′(v_i): what the log density in v has more than that in u.
    pub fn log_slope(&self, v: &[f64]) -> f64 {
        self.maps.iter().zip(v).map(|(map, v)| map.at(*v).slope.ln()).sum()
    }

    /// v of all points of a cloud of the target.
    pub fn cloud_from_target(&self, cloud: &Cloud) -> Cloud {
        let mut out = cloud.clone();
        for point in out.points_mut() {
            point.iter_mut().zip(&self.maps).for_each(|(u, map)| *u = map.inverse(*u));
        }
        out
    }

    /// u of all points of a cloud.
    pub fn cloud_to_target(&self, cloud: &Cloud) -> Cloud {
        let mut out = cloud.clone();
        for point in out.points_mut() {
            point.iter_mut().zip(&self.maps).for_each(|(v, map)| *v = map.at(*v).value);
        }
        out
    }
}

impl<D: LogDensity> LogDensity for Warped<'_, D> {
    type Workspace = WarpedWorkspace<D::Workspace>;

    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn workspace(&self) -> Self::Workspace {
        WarpedWorkspace::around(self.target.workspace(), self.target.dim())
    }

    fn shared_workspace(&self) -> Self::Workspace {
        WarpedWorkspace::around(self.target.shared_workspace(), self.target.dim())
    }

    fn evaluate(&self, v: &[f64], score: &mut [f64], workspace: &mut Self::Workspace) -> Result<f64> {
        let WarpedWorkspace { inner, point, score: inner_score } = workspace;
        let mut log_slope = 0.0;
        for ((map, v), (u, s)) in self.maps.iter().zip(v).zip(point.iter_mut().zip(score.iter_mut())) {
            let at = map.at(*v);
            *u = at.value;
            *s = at.curvature / at.slope;
            log_slope += at.slope.ln();
        }
        let value = self.target.evaluate(point, inner_score, inner)?;
        for (((map, v), s), g) in self.maps.iter().zip(v).zip(score.iter_mut()).zip(inner_score.iter()) {
            *s += g * map.at(*v).slope;
        }
        Ok(value + log_slope)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::GaussianTarget;

    #[test]
    fn the_score_in_other_coordinates_is_the_gradient_of_the_density_there() {
        let target = GaussianTarget::new(vec![0.5, -1.0], vec![2.0, 0.3, 0.3, 1.0]).unwrap();
        // Skewed to the right, as an irrelevant lengthscale is.
        let map = MonotoneMap::gaussianising(|u| u - u.exp());
        let warped = Warped::new(&target, vec![map]);
        let mut workspace = warped.workspace();
        let mut value = |v: [f64; 2]| {
            let mut score = [0.0; 2];
            let value = warped.evaluate(&v, &mut score, &mut workspace).unwrap();
            (value, score)
        };
        for v in [[-2.1, 0.3], [0.4, -1.0], [1.9, 2.0]] {
            let (_, score) = value(v);
            for c in 0..2 {
                let (mut a, mut b) = (v, v);
                a[c] -= 1e-5;
                b[c] += 1e-5;
                let numeric = (value(b).0 - value(a).0) / 2e-5;
                assert!((score[c] - numeric).abs() < 1e-6 * (1.0 + numeric.abs()), "{v:?}");
            }
        }
        let u = warped.to_target(&[0.7, 3.0]);
        assert!((warped.from_target(&u)[0] - 0.7).abs() < 1e-9 && u[1] == 3.0);
    }
}
