//! Figures of particles in the plane. Set `STEINGP_REPORT_OUT` to a folder to look at them.

#![cfg(feature = "report")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use steingp::density::{GaussianTarget, Start, Toy};
use steingp::playground::{KernelChoice, Moment, MoverChoice, Play, Run, StartChoice, play};
use steingp::report::stein::gaussians::{GaussianSequence, PlaneGaussian, gaussian_sequences};
use steingp::report::stein::{Landscape, comparison, fields, frames, from_run, overview, paths};
use steingp::stein::Cloud;

const BLUE: &str = "#0072B2";
const VERMILLION: &str = "#D55E00";

fn played(name: &str, settings: Play) -> (Toy, Run) {
    let toy = Toy::named(name).unwrap();
    let run = play(&toy, &settings).unwrap();
    (toy, run)
}

fn quick() -> Play {
    Play { particles: 9, iterations: 12, whiten: false, ..Play::default() }
}

/// One figure, without a number that is none, kept where somebody wants to look at it.
fn checked(name: &str, svg: String) -> String {
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
    assert!(svg.matches("<svg").count() == 1 && !svg.contains("NaN") && !svg.contains("inf"), "{name}");
    if let Some(folder) = std::env::var_os("STEINGP_REPORT_OUT") {
        std::fs::write(Path::new(&folder).join(format!("{name}.svg")), &svg).unwrap();
    }
    svg
}

fn count(svg: &str, element: &str, colour: &str) -> usize {
    svg.lines().filter(|l| l.starts_with(&format!("<{element}")) && l.contains(colour)).count()
}

#[test]
fn every_target_has_a_sheet_for_every_mover() {
    for name in Toy::NAMES {
        for mover in [MoverChoice::Gradient, MoverChoice::Newton, MoverChoice::QuasiNewton] {
            let (toy, run) = played(name, Play { mover, ..quick() });
            let svg = checked(
                &format!("{name}-{}", mover.name()),
                overview::svg(&from_run::overview(&toy, &run).unwrap()).unwrap(),
            );
            for part in
                ["where 9 particles went", "at the start", "after t = 12", "Repulsion, common scale", "t = 0"]
            {
                assert!(svg.contains(part), "{name}: {part}");
            }
        }
    }
}

#[test]
fn every_particle_has_a_ring_where_it_started_and_a_dot_where_it_ended() {
    let far = StartChoice::At(Start { centre: [9.0, -8.0], spread: 2.0 });
    let (toy, run) = played("ring", Play { start: far, ..quick() });
    let landscape = from_run::landscape(&toy, &[&run]).unwrap();
    let svg = checked("far-start", paths::svg(&landscape, &run.clouds).unwrap());
    // The legend has one of each.
    assert_eq!(count(&svg, "circle", BLUE), 9 + 1);
    assert_eq!(count(&svg, "circle", "#222222"), 9 + 1);
    assert!(svg.contains("after 12 iterations"));
}

#[test]
fn the_weaker_force_is_seen_on_its_own_scale_only() {
    let (toy, run) = played("mixture", Play { particles: 50, ..quick() });
    let landscape = from_run::landscape(&toy, &[&run]).unwrap();
    let field = from_run::force_field(&run, Moment::First, &landscape).unwrap();
    let svg = checked("fields", fields::svg(&landscape, &field).unwrap());
    let (attraction, repulsion) = (count(&svg, "polygon", BLUE), count(&svg, "polygon", VERMILLION));
    // Attraction is drawn twice at one length; of the repulsion the second drawing is nearly empty.
    assert!(attraction % 2 == 0 && attraction > 200, "{attraction}");
    assert!((100..attraction - 80).contains(&repulsion), "{repulsion} of {attraction}");
    assert_eq!(svg.matches("too short to see").count(), 1);
}

#[test]
fn a_comparison_counts_those_left_outside() {
    let bad = Play { start: StartChoice::Bad, iterations: 2, ..quick() };
    let (toy, run) = played("banana", bad);
    let (_, good) = played("banana", Play { iterations: 150, ..quick() });
    let compared = from_run::comparison("Two", &toy, &[("short", &run), ("long", &good)]).unwrap();
    let svg = checked("comparison", comparison::svg(&compared).unwrap());
    assert!(svg.contains("9 of 9 outside") && svg.contains("0 of 9 outside"));
    assert!(svg.contains("2 iterations, 27 evaluations") && svg.contains("variance ratios"));
    let none = comparison::Comparison { contenders: Vec::new(), ..compared };
    assert!(comparison::svg(&none).is_err());
}

#[test]
fn frames_are_files_one_an_iteration() {
    let folder = tempfile::tempdir().unwrap();
    let (toy, run) = played("funnel", Play { iterations: 3, ..quick() });
    let landscape = from_run::landscape(&toy, &[&run]).unwrap();
    let inner = folder.path().join("a/b");
    assert_eq!(frames::write(&inner, &landscape, &run.clouds).unwrap(), 4);
    for t in 0..4 {
        let svg = std::fs::read_to_string(inner.join(format!("frame-000{t}.svg"))).unwrap();
        assert!(checked("frame", svg).contains(&format!("t = {t}")));
    }
    checked("frames", frames::svg(&landscape, &run.clouds).unwrap());
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error =
        frames::write(&folder.path().join("file/c"), &landscape, &run.clouds).unwrap_err().to_string();
    assert!(error.contains("file/c"), "{error}");
}

#[test]
fn what_is_missing_or_coincides_is_drawn_or_refused() {
    let window = [(-3.0, 3.0), (-3.0, 3.0)];
    let landscape = Landscape::new(&GaussianTarget::standard(2), ["a", "b"], window).unwrap();
    assert!(paths::svg(&landscape, &[]).is_err() && frames::svg(&landscape, &[]).is_err());
    assert!(frames::frame(&landscape, &[Cloud::zeros(2, 2)], 1).is_err());
    assert!(gaussian_sequences(&landscape, &[]).is_err());
    // One particle, and all at one place: repulsion is zero everywhere near.
    for start in [Start { centre: [1.0, 1.0], spread: 0.0 }, Start { centre: [0.0, 0.0], spread: 1.0 }] {
        for particles in [1, 4] {
            let settings = Play { particles, start: StartChoice::At(start), iterations: 1, ..quick() };
            let (toy, run) = played("mixture", settings);
            checked("degenerate", overview::svg(&from_run::overview(&toy, &run).unwrap()).unwrap());
        }
    }
}

#[test]
fn the_tangent_kernels_gaussians_are_drawn_beside_others() {
    let (toy, run) =
        played("mixture", Play { kernel: KernelChoice::Tangent, particles: 20, iterations: 60, ..quick() });
    let gaussians = |shift: f64| -> Vec<PlaneGaussian> {
        let of = |c: &Cloud| {
            let (m, v) = (c.mean(), c.covariance());
            PlaneGaussian { mean: [m[0] + shift, m[1]], covariance: [v[0], v[1], v[2], v[3]] }
        };
        run.clouds.iter().map(of).collect()
    };
    let sequences = [
        GaussianSequence { name: "SVGD, tangent kernel".into(), gaussians: gaussians(0.0) },
        GaussianSequence { name: "shifted".into(), gaussians: gaussians(0.5) },
    ];
    let landscape = from_run::landscape(&toy, &[&run]).unwrap();
    let svg = checked("gaussians", gaussian_sequences(&landscape, &sequences).unwrap());
    assert!(svg.contains("SVGD, tangent kernel") && svg.contains("ellipses at steps 0, 1, 3, 8, 22, 60"));
}
