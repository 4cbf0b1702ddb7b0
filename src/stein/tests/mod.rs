//! What the engine must do as a whole: the theory's claims, and figures that other programs measured.
#![allow(clippy::unwrap_used)]

mod bbvi;
mod calibration;
mod movers;
mod theory;

use crate::Result;
use crate::density::LogDensity;
use crate::stein::{Cloud, Engine, Outcome, Settings, Whitening};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn normal_cloud(count: usize, dim: usize, seed: u64) -> Cloud {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cloud = Cloud::zeros(count, dim);
    cloud.values_mut().iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
    cloud
}

fn run<D: LogDensity>(target: &D, cloud: Cloud, settings: Settings) -> Result<Outcome> {
    Engine::new(target, cloud, Whitening::identity(target.dim()), settings)?.run(&mut ())
}

/// log N(x; 0, s²) + log N(y; b (x² − s²), 1): a parabola of unit width.
struct Banana {
    sd: f64,
    bend: f64,
}

impl LogDensity for Banana {
    type Workspace = ();
    fn dim(&self) -> usize {
        2
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let off = z[1] - self.bend * (z[0] * z[0] - self.sd * self.sd);
        let scaled = z[0] / (self.sd * self.sd);
        score.copy_from_slice(&[-scaled + 2.0 * self.bend * z[0] * off, -off]);
        Ok(-0.5 * (z[0] * scaled + off * off))
    }
}

/// Equal halves of N(−m, 1) and N(m, 1).
struct TwoModes {
    mode: f64,
}

impl LogDensity for TwoModes {
    type Workspace = ();
    fn dim(&self) -> usize {
        1
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let tilt = self.mode * z[0];
        score[0] = -z[0] + self.mode * tilt.tanh();
        // log cosh without overflow.
        Ok(-0.5 * z[0] * z[0] + tilt.abs() + (-2.0 * tilt.abs()).exp().ln_1p())
    }
}

/// 0.6 N((−1.5, 0), I) + 0.4 N((1.5, 1), I).
struct TwoHills;

impl LogDensity for TwoHills {
    type Workspace = ();
    fn dim(&self) -> usize {
        2
    }
    fn workspace(&self) {}
    fn evaluate(&self, z: &[f64], score: &mut [f64], (): &mut ()) -> Result<f64> {
        let hill =
            |weight: f64, a: f64, b: f64| weight.ln() - 0.5 * ((z[0] - a).powi(2) + (z[1] - b).powi(2));
        let (left, right) = (hill(0.6, -1.5, 0.0), hill(0.4, 1.5, 1.0));
        let share = 1.0 / (1.0 + (right - left).exp());
        score[0] = share * -1.5 + (1.0 - share) * 1.5 - z[0];
        score[1] = (1.0 - share) - z[1];
        let largest = left.max(right);
        Ok(largest + ((left - largest).exp() + (right - largest).exp()).ln())
    }
}
