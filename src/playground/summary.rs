//! A run in numbers.

use super::{Play, Run};
use crate::density::Toy;
use crate::stein::{Outcome, SteinDiagnostics, Stop};
use serde::Serialize;
use std::fmt;

/// A run in numbers; displayed as a small table.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Name of the target.
    pub target: &'static str,
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Name of the mover.
    pub mover: &'static str,
    /// Whether the particles moved in whitened coordinates.
    pub whiten: bool,
    /// Temperature α; at another than 0 the cloud goes to p^{1/(1+α)}, of which the exact moments are not.
    pub temperature: f64,
    /// Seed of the start.
    pub seed: u64,
    /// Number of particles.
    pub particles: usize,
    /// Iterations done.
    pub iterations: usize,
    /// Why it stopped.
    pub stop: Stop,
    /// Evaluations of the log density.
    pub evaluations: usize,
    /// Evaluations that failed.
    pub failed_evaluations: usize,
    /// Mean of the final cloud.
    pub mean: [f64; 2],
    /// Variances of its coordinates, divisor J − 1; zero for one particle.
    pub variance: [f64; 2],
    /// Exact mean, where it is known.
    pub exact_mean: Option<[f64; 2]>,
    /// Exact variances, where they are known.
    pub exact_variance: Option<[f64; 2]>,
    /// Stein moment ratio; none for one particle.
    pub stein_ratio: Option<f64>,
    /// Squared kernel Stein discrepancy (U-statistic, may be negative); none for one particle.
    pub ksd: Option<f64>,
    /// Root mean square of the attraction in the last iteration.
    pub attraction: f64,
    /// Root mean square of the repulsion, 1 + α times, in the last iteration: as large as the attraction at rest.
    pub repulsion: f64,
}

impl Run {
    /// The run's numbers.
    pub fn summary(&self, toy: &Toy) -> Summary {
        let Outcome { particles, scores, whitening, trace, stop, .. } = &self.outcome;
        let diagnostics = SteinDiagnostics::new(particles, scores, whitening);
        let (mean, covariance) = (particles.mean(), particles.covariance());
        let Play { kernel, mover, whiten, temperature, seed, .. } = self.play;
        let exact = toy.moments();
        let last = trace.last();
        Summary {
            target: toy.name,
            kernel: kernel.name(),
            mover: mover.name(),
            whiten,
            temperature,
            seed,
            particles: particles.count(),
            iterations: trace.len(),
            stop: *stop,
            evaluations: self.evaluations,
            failed_evaluations: self.failures,
            mean: [mean[0], mean[1]],
            variance: [covariance[0], covariance[3]],
            exact_mean: exact.map(|m| m.mean),
            exact_variance: exact.map(|m| [m.covariance[0], m.covariance[3]]),
            stein_ratio: Some(diagnostics.stein_ratio).filter(|v| v.is_finite()),
            ksd: Some(diagnostics.ksd).filter(|v| v.is_finite()),
            attraction: last.map_or(0.0, |r| r.attraction),
            repulsion: last.map_or(0.0, |r| (1.0 + temperature) * r.repulsion),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = match self.stop {
            Stop::Iterations => "",
            Stop::Converged => " (came to rest)",
            Stop::Interrupted => " (stopped)",
        };
        let plain = if self.whiten { "" } else { ", not whitened" };
        let heat = if self.temperature == 0.0 {
            String::new()
        } else {
            format!(", temperature {} (the exact values are those of temperature 0)", self.temperature)
        };
        writeln!(
            f,
            "{}: {}, {} kernel, {} mover{plain}{heat}\n{}{stop}, {}, {} failed\n",
            self.target,
            counted(self.particles, "particle"),
            self.kernel,
            self.mover,
            counted(self.iterations, "iteration"),
            counted(self.evaluations, "evaluation"),
            self.failed_evaluations
        )?;
        writeln!(f, "{:<10}{:>10}{:>10}{:>10}{:>10}", "", "mean", "exact", "variance", "exact")?;
        for c in 0..2 {
            let (mean, variance) = (self.exact_mean.map(|m| m[c]), self.exact_variance.map(|v| v[c]));
            let cells = [Some(self.mean[c]), mean, Some(self.variance[c]), variance].map(cell);
            let [a, b, d, e] = cells;
            writeln!(f, "{:<10}{a:>10}{b:>10}{d:>10}{e:>10}", format!("z{}", c + 1))?;
        }
        writeln!(
            f,
            "\nStein ratio   {:>10}   1 for exact draws, less for a collapsed cloud",
            cell(self.stein_ratio)
        )?;
        writeln!(f, "KSD²          {:>10}   0 on average for exact draws", cell(self.ksd))?;
        writeln!(
            f,
            "attraction    {:>10}   root mean square of the last iteration",
            cell(Some(self.attraction))
        )?;
        writeln!(f, "repulsion     {:>10}", cell(Some(self.repulsion)))
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Three decimals, or a power of ten where that would fill the column; no negative zero.
fn cell(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |v| {
        if v.abs() < 1e4 { format!("{:.3}", (1e3 * v).round() / 1e3 + 0.0) } else { format!("{v:.2e}") }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::play;
    use super::*;

    #[test]
    fn the_table_sets_what_was_found_beside_what_is_exact() {
        let play_ = Play { particles: 5, iterations: 3, ..Play::default() };
        let table = |name| {
            let toy = Toy::named(name).unwrap();
            play(&toy, &play_).unwrap().summary(&toy).to_string()
        };
        let known = table("banana");
        assert!(
            known.contains("3.880")
                && known.contains("5 particles, rbf kernel, gradient mover\n3 iterations, "),
            "{known}"
        );
        assert!(table("neal").lines().any(|l| l.starts_with("z1") && l.trim_end().ends_with('–')));
    }

    #[test]
    fn cells_never_run_together_nor_show_a_negative_zero() {
        let cells = [-0.0004, 0.12345, -9999.9994, 158_650.308, -4.6e9].map(|v| cell(Some(v)));
        assert_eq!(cells, ["0.000", "0.123", "-9999.999", "1.59e5", "-4.60e9"]);
    }

    #[test]
    fn at_rest_repulsion_holds_attraction_at_every_temperature() {
        for temperature in [-0.5, 0.0, 3.0] {
            let toy = Toy::named("mixture").unwrap();
            let found = play(&toy, &Play { temperature, ..Play::default() }).unwrap().summary(&toy);
            let ratio = found.repulsion / found.attraction;
            assert!((0.97..1.03).contains(&ratio), "{temperature}: {ratio}");
        }
    }
}
