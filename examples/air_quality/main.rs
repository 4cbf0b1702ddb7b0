//! Nitrogen dioxide in space and time, as in section 5.3 of Pinder et al. (2020): Beijing hour by hour and Britain day by
//! day, with random rows and all stations of a region held out.
//!
//! `cargo run --release --example air_quality -- DATA [--study beijing|winter|uk] [--out FOLDER]`
//!
//! DATA is a folder with the tables that `docs/air_quality.md` names; they are not part of this repository. Each study is
//! fitted twice with the same inducing points: by particles with a Gaussian each, and by one Gaussian at the mode.
//! `--kernel EXPR`, `--region WEST,SOUTH,EAST,NORTH`, `--prior PATH=DISTRIBUTION`, `--inducing M`, `--particles J`,
//! `--warm-up T`, `--iterations T` and `--seed S` change a study.

#[path = "../common/mod.rs"]
mod common;
mod figures;
mod fits;
mod places;
mod studies;

use common::Outcome;
use fits::Fits;
use std::path::PathBuf;
use std::time::Instant;
use steingp::parameter::Prior;
use studies::Study;

/// What the command line says.
#[derive(Default)]
struct Arguments {
    data: Option<PathBuf>,
    out: Option<PathBuf>,
    studies: Vec<String>,
    kernel: Option<String>,
    region: Option<Vec<f64>>,
    priors: Vec<(String, Prior)>,
    seed: u64,
    inducing: Option<usize>,
    particles: Option<usize>,
    warm_up: Option<usize>,
    iterations: Option<usize>,
}

impl Arguments {
    fn read() -> Outcome<Self> {
        let mut arguments = Self::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            if !word.starts_with("--") {
                arguments.data = Some(word.into());
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--out" => arguments.out = Some(value.into()),
                "--study" => arguments.studies.push(value),
                "--kernel" => arguments.kernel = Some(value),
                "--region" => {
                    arguments.region =
                        Some(value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?);
                }
                "--prior" => {
                    let (path, prior) = value.split_once('=').ok_or("--prior takes PATH=DISTRIBUTION")?;
                    arguments.priors.push((path.into(), prior.parse()?));
                }
                "--seed" => arguments.seed = value.parse()?,
                "--inducing" => arguments.inducing = Some(value.parse()?),
                "--particles" => arguments.particles = Some(value.parse()?),
                "--warm-up" => arguments.warm_up = Some(value.parse()?),
                "--iterations" => arguments.iterations = Some(value.parse()?),
                _ => return Err(format!("there is no option {word}").into()),
            }
        }
        Ok(arguments)
    }

    /// A study with what the command line changes.
    fn adapt(&self, study: Study) -> Study {
        let region = self.region.as_deref().and_then(|r| r.try_into().ok());
        Study {
            region: region.unwrap_or(study.region),
            priors: self.priors.clone(),
            seed: self.seed,
            kernel: self.kernel.clone().unwrap_or(study.kernel),
            inducing: self.inducing.unwrap_or(study.inducing),
            particles: self.particles.unwrap_or(study.particles),
            warm_up: self.warm_up.or(study.warm_up),
            iterations: self.iterations.or(study.iterations),
            ..study
        }
    }
}

fn main() -> Outcome {
    let arguments = Arguments::read()?;
    let Some(data) = &arguments.data else {
        eprintln!("{}", studies::DOWNLOAD);
        std::process::exit(1);
    };
    let out = arguments.out.clone().unwrap_or_else(|| std::env::temp_dir().join("steingp-air_quality"));
    std::fs::create_dir_all(&out)?;
    let names = if arguments.studies.is_empty() {
        studies::NAMES.map(str::to_owned).to_vec()
    } else {
        arguments.studies.clone()
    };
    for name in names {
        let study = arguments.adapt(studies::read(&name, data)?);
        println!("\n{}\nkernel {}", study.title, study.kernel);
        let start = Instant::now();
        let fits = Fits::new(&study)?;
        fits.print(&study)?;
        figures::write_all(&study, &fits, &out)?;
        println!("{:.0} s in all", start.elapsed().as_secs_f64());
    }
    Ok(())
}
