//! From a run of the playground to its figures.

use super::comparison::{Comparison, Contender};
use super::fields::ForceField;
use super::landscape::Landscape;
use super::overview::{FieldSection, Overview};
use crate::Result;
use crate::density::Toy;
use crate::playground::{Moment, Run};
use crate::report::number;
use crate::stein::Cloud;

/// The target over its window, widened to where the particles were.
///
/// # Errors
/// Those of [`Landscape::new`].
pub fn landscape(toy: &Toy, runs: &[&Run]) -> Result<Landscape> {
    let clouds: Vec<&Cloud> = runs.iter().flat_map(|r| &r.clouds).collect();
    Landscape::new(toy, toy.axes, Landscape::window_around(toy.window, &clouds))
}

/// The force of a run's cloud at that moment, over the landscape.
///
/// # Errors
/// Those of [`Run::force`].
pub fn force_field(run: &Run, moment: Moment, landscape: &Landscape) -> Result<ForceField> {
    let at = ForceField::grid(landscape.window);
    let (attraction, repulsion) = run.force(moment, &at)?;
    Ok(ForceField { particles: run.cloud(moment).clone(), at, attraction, repulsion })
}

/// A run on one sheet.
///
/// # Errors
/// Those of [`landscape`] and [`force_field`].
pub fn overview(toy: &Toy, run: &Run) -> Result<Overview> {
    let landscape = landscape(toy, &[run])?;
    let last = run.clouds.len() - 1;
    let (moved, them) = match run.play.particles {
        1 => ("the particle, whose repulsion is for others,", "it"),
        _ => ("the particles", "them"),
    };
    let start = format!("What moves {moved} at the start");
    let fields = vec![
        field_section((&start, &settings(run)), toy, run, Moment::First, &landscape)?,
        field_section(
            (&format!("What acts on {them} after t = {last}"), ""),
            toy,
            run,
            Moment::End,
            &landscape,
        )?,
    ];
    let title = format!("{}: where {} went", toy.summary, particles(run.play.particles));
    Ok(Overview {
        title: capitalised(&title),
        landscape,
        clouds: run.clouds.clone(),
        fields,
        comparisons: Vec::new(),
    })
}

/// The force at that moment, close up where the cloud fills only a small part of the landscape: at its scale the arrows
/// between the particles could not be told apart.
fn field_section(
    (title, settings): (&str, &str),
    toy: &Toy,
    run: &Run,
    moment: Moment,
    landscape: &Landscape,
) -> Result<FieldSection> {
    let close = Landscape::window_close_to(landscape.window, run.cloud(moment));
    let (landscape, near) = match close {
        Some(window) => (landscape.of_window(toy, window)?, ", close up"),
        None => (landscape.clone(), ""),
    };
    let field = force_field(run, moment, &landscape)?;
    Ok(FieldSection { title: format!("{title}{near}{settings}"), landscape, field })
}

/// What the force is made with.
fn settings(run: &Run) -> String {
    let play = &run.play;
    let heat = if play.temperature == 0.0 {
        String::new()
    } else {
        format!(", temperature {}", number::short(play.temperature))
    };
    format!(": {} kernel, {} mover{heat}", play.kernel.name(), play.mover.name())
}

/// Runs on one target side by side, each with its name.
///
/// # Errors
/// Those of [`landscape`].
pub fn comparison(title: &str, toy: &Toy, runs: &[(&str, &Run)]) -> Result<Comparison> {
    let all: Vec<&Run> = runs.iter().map(|(_, run)| *run).collect();
    let contenders = runs.iter().map(|(name, run)| contender(name, toy, run)).collect();
    Ok(Comparison { title: title.to_owned(), landscape: landscape(toy, &all)?, contenders })
}

/// A run as a panel, with its variances as shares of the exact ones where those are known.
fn contender(name: &str, toy: &Toy, run: &Run) -> Contender {
    let summary = run.summary(toy);
    let note = match summary.exact_variance {
        Some(exact) if run.play.particles > 1 => {
            let [a, b] = [0, 1].map(|c| number::significant(summary.variance[c] / exact[c], 2));
            format!("variance ratios {a}, {b}")
        }
        _ => String::new(),
    };
    Contender { name: name.to_owned(), clouds: run.clouds.clone(), evaluations: run.evaluations, note }
}

fn particles(count: usize) -> String {
    if count == 1 { "one particle".to_owned() } else { format!("{count} particles") }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
