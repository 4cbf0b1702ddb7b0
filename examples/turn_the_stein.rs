//! Turning the stone: what attracts particles, what keeps them apart, and where that takes them.
//!
//! `cargo run --release --example turn_the_stein -- docs/turn_the_stein.svg`
//!
//! Two Gaussians in the plane and fifty particles. The force on each has two parts, one towards high density and one
//! away from the other particles; at the start the first is far stronger, at the end both hold each other. A
//! single particle has nobody to keep away from: it climbs to the mode. A temperature weighs the repulsion, so
//! that the cloud takes up more room or less. From a bad start the cloud may find a part of the target only; steps that
//! know the curvature get further.

use steingp::density::Toy;
use steingp::playground::{MoverChoice, Play, Run, StartChoice, play};
use steingp::report::stein::{from_run, overview};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "turn_the_stein.svg".into());
    let plain = Play { whiten: false, ..Play::default() };

    let mixture = Toy::named("mixture")?;
    let run = play(&mixture, &plain)?;
    let one = play(&mixture, &Play { particles: 1, start: StartChoice::Bad, ..plain.clone() })?;
    let cold = play(&mixture, &Play { temperature: -0.5, ..plain.clone() })?;
    let hot = play(&mixture, &Play { temperature: 2.0, ..plain.clone() })?;
    println!("{}", run.summary(&mixture));
    let mut figure = from_run::overview(&mixture, &run)?;
    figure.comparisons.push(from_run::comparison(
        "One particle climbs to a mode; temperature decides how far many keep apart",
        &mixture,
        &[
            ("One particle: a mode", &one),
            ("Temperature −0.5", &cold),
            ("Temperature 0: the target", &run),
            ("Temperature 2", &hot),
        ],
    )?);

    let bent = Toy::named("bent")?;
    let steps = |mover, iterations| -> steingp::Result<Run> {
        let run = play(&bent, &Play { mover, iterations, ..plain.clone() })?;
        println!("{}", run.summary(&bent));
        Ok(run)
    };
    // Newton's Hessians cost four evaluations a particle: 40 of its iterations are 200 gradient steps.
    let gradient = steps(MoverChoice::Gradient, 200)?;
    let (as_dear, as_long) = (steps(MoverChoice::Newton, 40)?, steps(MoverChoice::Newton, 200)?);
    figure.comparisons.push(from_run::comparison(
        "A badly placed start: gradient steps leave half of the target without a particle",
        &bent,
        &[
            ("Gradient steps (Adam)", &gradient),
            ("Newton, as many evaluations", &as_dear),
            ("Newton, as many iterations", &as_long),
        ],
    )?);
    std::fs::write(&out, overview::svg(&figure)?)?;
    println!("wrote {out}");
    Ok(())
}
