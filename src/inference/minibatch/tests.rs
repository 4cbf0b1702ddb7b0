#![allow(clippy::unwrap_used)]

use super::*;
use crate::density::LogDensity;
use crate::inference::{MaximumSettings, SvgdSettings, maximise_from, svgd};
use crate::kernel::{InputColumns, KernelExpression};
use crate::likelihood::{Family, Observation};
use crate::mean::Mean;
use crate::model::{Collapsed, CollapsedForm, Held, InducingGaussian, Process, Target, Wanted};
use crate::rows::{Batch, MemoryRows};
use crate::stein::IterationView;
use faer::{Mat, Par};
use std::ops::ControlFlow;

/// Rows of a smooth function of two inputs with noise.
fn table(family: Family, n: usize) -> (Mat<f64>, Vec<Observation>) {
    let x = Mat::from_fn(n, 2, |i, d| ((i * (37 + 51 * d)) as f64 * 0.618).rem_euclid(4.0) - 2.0);
    let noise = |i: usize| ((i * 7919 % 1000) as f64 / 1000.0 - 0.5) * 0.7;
    let f = |i: usize| (1.5 * x[(i, 0)]).sin() + 0.5 * x[(i, 1)];
    let y = |i: usize| match family {
        Family::Bernoulli => f64::from(u8::from(f(i) + noise(i) > 0.0)),
        _ => f(i) + noise(i),
    };
    let observations = (0..n).map(|i| Observation::new(y(i))).collect();
    (x, observations)
}

fn model(family: Family, inducing: &Mat<f64>) -> SparseModel {
    let kernel = "rbf".parse::<KernelExpression>().unwrap();
    let kernel = kernel.resolve(&InputColumns::unscaled(["a", "b"])).unwrap();
    let process = Process { kernel, mean: Mean::Zero };
    SparseModel::new(inducing.as_ref(), family.build(2).unwrap(), vec![process]).unwrap()
}

fn settings() -> MinibatchSettings {
    MinibatchSettings {
        batch: 100,
        particles: 6,
        warm_up: 400,
        iterations: Some(60),
        ..MinibatchSettings::default()
    }
}

fn run(
    family: Family,
    settings: &MinibatchSettings,
    checkpoint: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> (SparseModel, MinibatchFit) {
    run_on(900, family, settings, checkpoint, observer)
}

fn run_on(
    n: usize,
    family: Family,
    settings: &MinibatchSettings,
    checkpoint: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> (SparseModel, MinibatchFit) {
    let (x, observations) = table(family, n);
    let inducing = Mat::from_fn(20, 2, |i, d| x[(i * 41, d)]);
    let mut model = model(family, &inducing);
    let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
    let again = Reselection { sample: x, count: 25, selection: Selection::Greedy };
    let fit = fit(&mut model, &mut rows, Some(&again), settings, checkpoint, observer).unwrap();
    (model, fit)
}

#[test]
fn the_warm_up_ends_at_the_mode_of_the_collapsed_bound() {
    let settings = MinibatchSettings { particles: 0, warm_up: 2500, move_inducing: false, ..settings() };
    let (model, found) = run(Family::Gaussian, &settings, None, &mut ());
    let (x, observations) = table(Family::Gaussian, 900);
    let y: Vec<f64> = observations.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
    let target = Target::new(&collapsed, Criterion::LogDensity).unwrap();
    let optimum = maximise_from(&target, &model.layout().start(), &MaximumSettings::default()).unwrap();
    let mut score = vec![0.0; optimum.point.len()];
    let here = target.evaluate(&found.particles[0].z, &mut score, &mut target.workspace()).unwrap();
    assert!((optimum.value - here).abs() < 0.01, "{here} against {}", optimum.value);
    assert!((found.bound.unwrap() - here).abs() < 1e-6 && found.settled);
    // With Gaussian noise a settled q(v) is the optimum.
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(&found.particles[0].z, &mut theta);
    let exactly = collapsed.posterior(&theta, faer::Par::Seq).unwrap();
    let error = |i: usize| (found.particles[0].q.mean(0)[i] - exactly.mean(0)[i]).abs();
    assert!((0..model.size()).all(|i| error(i) < 1e-6));
}

#[test]
fn particles_spread_as_the_collapsed_posterior_does() {
    let settings = MinibatchSettings {
        particles: 20,
        warm_up: 2500,
        iterations: Some(200),
        move_inducing: false,
        ..settings()
    };
    let (model, found) = run(Family::Gaussian, &settings, None, &mut ());
    let (x, observations) = table(Family::Gaussian, 900);
    let y: Vec<f64> = observations.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
    let target = Target::new(&collapsed, Criterion::LogDensity).unwrap();
    let optimum = maximise_from(&target, &model.layout().start(), &MaximumSettings::default()).unwrap();
    agree(&found, &target, &optimum.point);
}

/// Whether particles have mean and width of a posterior, as the engine of exact regression finds them with all rows.
fn agree(found: &MinibatchFit, target: &Target<'_, Collapsed<'_>>, mode: &[f64]) {
    let settings = SvgdSettings {
        coordinates: target.model().model().layout().gaussian_coordinates(),
        hops: 0,
        ..SvgdSettings::new(50)
    };
    let reference = svgd(target, &[mode.to_vec()], &settings, &mut ()).unwrap();
    let moments = |points: &[Vec<f64>], a: usize| {
        let count = points.len() as f64;
        let mean = points.iter().map(|p| p[a]).sum::<f64>() / count;
        (mean, (points.iter().map(|p| (p[a] - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt())
    };
    let found: Vec<Vec<f64>> = found.particles.iter().map(|p| p.z.clone()).collect();
    let expected: Vec<Vec<f64>> = reference.particles.points().map(<[f64]>::to_vec).collect();
    for a in 0..mode.len() {
        let ((mean, sd), (expected, scale)) = (moments(&found, a), moments(&expected, a));
        assert!((mean - expected).abs() < 0.7 * scale, "{a}: mean {mean} for {expected}, sd {scale}");
        assert!((0.6..1.6).contains(&(sd / scale)), "{a}: sd {sd} for {scale}");
    }
}

/// Stops a run after some iterations, as if it had been killed there.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn iteration(&mut self, _: &IterationView<'_>) -> ControlFlow<()> {
        self.0 -= 1;
        if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn inducing_inputs_that_climb_leave_the_parameters_at_their_mode() {
    let settings = MinibatchSettings { particles: 0, warm_up: 3000, ..settings() };
    let (model, found) = run(Family::Gaussian, &settings, None, &mut ());
    let (x, observations) = table(Family::Gaussian, 900);
    let y: Vec<f64> = observations.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
    let target = Target::new(&collapsed, Criterion::LogDensity).unwrap();
    let optimum = maximise_from(&target, &model.layout().start(), &MaximumSettings::default()).unwrap();
    let mut score = vec![0.0; optimum.point.len()];
    let here = target.evaluate(&found.particles[0].z, &mut score, &mut target.workspace()).unwrap();
    assert!(optimum.value - here < 0.1, "{here} against {}", optimum.value);
}

#[test]
fn a_search_on_samples_ends_at_the_mode_of_all_rows_and_particles_have_its_width() {
    const N: usize = 40_000;
    let x = Mat::from_fn(N, 1, |i, _| (i as f64 * 0.618).rem_euclid(6.0) - 3.0);
    let y: Vec<f64> =
        (0..N).map(|i| (2.0 * x[(i, 0)]).sin() + 1.2 * ((i * 7919 % 1000) as f64 / 1000.0 - 0.5)).collect();
    let kernel = "rbf".parse::<KernelExpression>().unwrap();
    let kernel = kernel.resolve(&InputColumns::unscaled(["a"])).unwrap();
    let process = Process { kernel, mean: Mean::Zero };
    let inducing = Mat::from_fn(12, 1, |i, _| 0.5 * i as f64 - 2.75);
    let model =
        SparseModel::new(inducing.as_ref(), Family::Gaussian.build(2).unwrap(), vec![process]).unwrap();
    let observations: Vec<Observation> = y.iter().map(|y| Observation::new(*y)).collect();
    let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
    let settings = MinibatchSettings { particles: 40, batch: 60, warm_up: 1000, ..settings() };
    let settings = MinibatchSettings { iterations: None, ..settings };
    // All rows at once, and around their mode.
    for at_once in [settings.at_once, 0] {
        let mut model = model.clone();
        let settings = MinibatchSettings { at_once, ..settings.clone() };
        let found = fit(&mut model, &mut rows, None, &settings, None, &mut ()).unwrap();
        assert!(found.settled, "{at_once}");
        let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
        let target = Target::new(&collapsed, Criterion::LogDensity).unwrap();
        let start = &found.particles[0].z;
        let optimum = maximise_from(&target, start, &MaximumSettings::default()).unwrap();
        // A posterior's draws lie d/2 nats below its mode: what is left to gain is less than that of one coordinate or two.
        assert!((optimum.value - found.bound.unwrap()).abs() < 1.0, "{} {:?}", optimum.value, found.bound);
        agree(&found, &target, &optimum.point);
        // None of them is where no draw would be.
        let (mut score, mut workspace) = (vec![0.0; start.len()], target.workspace());
        for particle in &found.particles {
            let here = target.evaluate(&particle.z, &mut score, &mut workspace).unwrap();
            assert!(here > optimum.value - 10.0, "{at_once}: {here} below {}", optimum.value);
        }
    }
}

#[test]
fn the_function_stays_where_it_was_when_the_parameters_move_whatever_is_held_next() {
    let (x, observations) = table(Family::Gaussian, 60);
    let model = model(Family::Gaussian, &Mat::from_fn(6, 2, |i, d| x[(i * 9, d)]));
    let batch = Batch { x, observations };
    let values = vec![0.3, -1.0, 0.2, 0.8, -0.1, 0.5];
    for held in [Held::Function, Held::Whitened] {
        let (z, q) = (model.layout().start(), InducingGaussian::prior(1, 6));
        let mut particle = Particle { z, q, values: values.clone() };
        let own = batch_bound::BatchWorkspace::new(&model, 60, false, Par::Seq);
        let mut workspace = crate::model::TargetWorkspace::with_model(own, model.layout().parameters().len());
        let mut score = vec![0.0; model.layout().dim()];
        for step in [0.0, 0.4] {
            particle.z.iter_mut().for_each(|z| *z += step);
            particle.look(&model, &batch, 1.0, held, (&mut score, &mut workspace), &settings()).unwrap();
            let mut found = vec![0.0; 6];
            model.function_values(&particle.q, &workspace.model().bound, &mut found);
            assert!(found.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-9), "{held:?}: {found:?}");
        }
    }
}

#[test]
fn with_nothing_free_one_gaussian_is_the_whole_posterior() {
    let (x, observations) = table(Family::Gaussian, 200);
    let inducing = Mat::from_fn(12, 2, |i, d| x[(i * 16, d)]);
    let mut model = model(Family::Gaussian, &inducing);
    let paths: Vec<String> = model.layout().parameters().iter().map(|p| p.path.clone()).collect();
    paths.iter().for_each(|path| model.layout_mut().change(path, |p| p.fixed = true).unwrap());
    let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
    let settings = MinibatchSettings { warm_up: 20, ..settings() };
    let found = fit(&mut model, &mut rows, None, &settings, None, &mut ()).unwrap();
    assert!(found.particles.len() == 1 && found.particles[0].z.is_empty());
}

#[test]
fn large_counts_that_the_warm_up_did_not_reach_are_not_thrown_off_by_whole_steps() {
    let x = Mat::from_fn(400, 1, |i, _| (i as f64 * 0.618).rem_euclid(6.0) - 3.0);
    let count = |x: f64| (1.0 + 5.0 * (-4.0 * (x - 1.0).powi(2)).exp()).exp().round();
    let observations: Vec<Observation> =
        (0..400).map(|i| Observation { y: count(x[(i, 0)]), exposure: 40.0 }).collect();
    let kernel = "rbf".parse::<KernelExpression>().unwrap();
    let kernel = kernel.resolve(&InputColumns::unscaled(["a"])).unwrap();
    let process = Process { kernel, mean: Mean::Zero };
    let inducing = Mat::from_fn(20, 1, |i, _| 0.3 * i as f64 - 3.0);
    let start =
        SparseModel::new(inducing.as_ref(), Family::Poisson.build(2).unwrap(), vec![process]).unwrap();
    let bound = |model: &SparseModel, p: &Particle| {
        let mut theta = vec![0.0; model.layout().parameters().len()];
        model.layout().constrain(&p.z, &mut theta);
        let batch = Batch { x: x.clone(), observations: observations.clone() };
        let wanted = Wanted { held: Held::Whitened, gradient: None, by_inducing: None, target: None };
        let mut workspace = model.bound_workspace(400, Par::Seq);
        model.bound(&theta, &p.q, &batch, 1.0, wanted, &mut workspace).unwrap() - p.q.divergence(Par::Seq)
    };
    let prior =
        Particle { z: start.layout().start(), q: InducingGaussian::prior(1, 20), values: vec![0.0; 20] };
    let nothing = bound(&start, &prior);
    for warm_up in [1, 3, 10, 30, 100] {
        let mut model = start.clone();
        let mut rows = MemoryRows::new(x.as_ref(), observations.clone()).unwrap();
        let settings = MinibatchSettings { particles: 0, warm_up, ..settings() };
        let found = fit(&mut model, &mut rows, None, &settings, None, &mut ()).unwrap();
        let reached = bound(&model, &found.particles[0]);
        assert!(reached > nothing, "{warm_up}: {reached} against {nothing}");
    }
}

#[test]
fn particles_that_would_never_be_drawn_are_refused() {
    let (x, observations) = table(Family::Bernoulli, 50);
    let mut model = model(Family::Bernoulli, &Mat::from_fn(5, 2, |i, d| x[(i * 9, d)]));
    let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
    let mut with = |iterations| {
        let settings = MinibatchSettings { warm_up: 10, iterations: Some(iterations), ..settings() };
        fit(&mut model, &mut rows, None, &settings, None, &mut ()).map(|found| found.particles.len())
    };
    assert!(with(3).unwrap_err().to_string().contains("at least 4 iterations"));
    assert_eq!(with(4).unwrap(), 6);
}

#[test]
fn a_run_that_was_stopped_anywhere_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let bits = |fit: &MinibatchFit| {
        let of = |p: &Particle| [p.z.clone(), p.q.shift().to_vec(), p.q.mean(0).to_vec()].concat();
        fit.particles.iter().flat_map(of).map(f64::to_bits).collect::<Vec<u64>>()
    };
    // With so many rows they are passed, and particles stand on a parabola.
    for (family, n) in [(Family::Gaussian, 900), (Family::Gaussian, 6000), (Family::Bernoulli, 900)] {
        let settings = MinibatchSettings { particles: 4, warm_up: 60, iterations: Some(30), ..settings() };
        let settings = MinibatchSettings { at_once: 0, ..settings };
        let (_, whole) = run_on(n, family, &settings, None, &mut ());
        let passes = whole.explored.as_ref().is_some_and(|explored| explored.misfit.is_some());
        assert_eq!(passes, n == 6000);
        for stop in [3, 9, 19, 45, 61, 70, 88] {
            let path = folder.path().join(format!("{family}-{n}-{stop}"));
            let checkpoint = |resume| Checkpoint::new(&path, 7, "a fit", resume);
            run_on(n, family, &settings, Some(&checkpoint(false)), &mut StopAfter(stop));
            let (_, resumed) = run_on(n, family, &settings, Some(&checkpoint(true)), &mut ());
            assert!(bits(&resumed) == bits(&whole), "{family} stopped after {stop}");
            assert_eq!(resumed.trace.len(), whole.trace.len());
        }
    }
}

#[test]
fn a_checkpoint_of_another_fit_or_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let settings = MinibatchSettings { particles: 0, warm_up: 20, ..settings() };
    run(Family::Gaussian, &settings, Some(&Checkpoint::new(&path, 5, "one", false)), &mut ());
    let told = Checkpoint::new(&path, 5, "another", true).load().unwrap_err().to_string();
    assert!(told.contains("another fit"), "{told}");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let told = Checkpoint::new(&path, 5, "one", true).load().unwrap_err().to_string();
    assert!(told.contains("cut short"), "{told}");
    std::fs::remove_file(&path).unwrap();
    assert!(Checkpoint::new(&path, 5, "one", true).load().unwrap().is_none());
}

#[test]
fn a_file_that_is_no_checkpoint_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let at = |resume| Checkpoint::new(&path, 1, "one", resume);
    for other in ["a,b,y\n1,2,3\n", "x"] {
        std::fs::write(&path, other).unwrap();
        let told = at(false).load().unwrap_err().to_string();
        assert!(told.contains("no checkpoint"), "{told}");
        assert!(at(false).load_joint().is_err() && at(true).load().is_err());
    }
    std::fs::write(&path, "").unwrap();
    assert!(at(false).load().unwrap().is_none());
    at(false).save(&State::new(&model(Family::Gaussian, &table(Family::Gaussian, 9).0))).unwrap();
    assert!(at(false).load().unwrap().is_none());
    assert!(at(true).load().unwrap().is_some());
}

#[test]
fn what_is_found_does_not_depend_on_the_number_of_threads() {
    let settings = MinibatchSettings { particles: 4, warm_up: 40, iterations: Some(20), ..settings() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (_, fit) = pool.install(|| run(Family::Bernoulli, &settings, None, &mut ()));
        fit.particles.iter().flat_map(|p| p.z.iter().map(|z| z.to_bits())).collect::<Vec<u64>>()
    };
    let one = with(1);
    assert!(with(2) == one && with(3) == one);
}

#[test]
fn particles_that_all_rows_find_worse_than_promised_are_drawn_to_the_mode() {
    let (x, observations) = table(Family::Gaussian, 6000);
    let model = model(Family::Gaussian, &Mat::from_fn(20, 2, |i, d| x[(i * 41, d)]));
    let mut rows = MemoryRows::new(x.as_ref(), observations).unwrap();
    let settings = MinibatchSettings { at_once: 0, ..settings() };
    let epochs = Epochs::new(6000, settings.batch, settings.seed);
    let mut state = State::new(&model);
    let mut run = Run {
        rows: &mut rows,
        epochs,
        settings: &settings,
        checkpoint: None,
        observer: &mut (),
        interrupted: false,
    };
    run.refine(&model, &mut state).unwrap();
    let (mode, d) = (state.centre.z.clone(), state.centre.z.len());
    let bound = run.look_at_anchor(&model, &mut state).unwrap().unwrap();
    // A likelihood that is flat, as the parabola has it, and is not: one particle is at the mode and one off it.
    state.anchor_score.fill(0.0);
    let flat = run.parabola(&model, &state, bound, &vec![0.0; d * d]).unwrap();
    let far: Vec<f64> = mode.iter().map(|z| z + 0.3).collect();
    state.particles = vec![state.centre.clone(), Particle { z: far.clone(), ..state.centre.clone() }];
    let misfit = run.settle_as_promised(&model, &flat, &mode, bound, &mut state).unwrap();
    assert!(misfit > 10.0, "{misfit}");
    assert_eq!(state.particles[0].z, mode);
    let drawn = &state.particles[1].z;
    assert!(drawn.iter().zip(&mode).zip(&far).all(|((z, mode), far)| z > mode && z < far));
    // Where it is now its own Gaussian is the best one, and it is no longer thousands of nats below.
    let y: Vec<f64> = table(Family::Gaussian, 6000).1.iter().map(|at| at.y).collect();
    let collapsed = Collapsed::new(&model, x.as_ref(), &y, CollapsedForm::Vfe).unwrap();
    let target = Target::new(&collapsed, Criterion::LogDensity).unwrap();
    let here = target.evaluate(drawn, &mut vec![0.0; d], &mut target.workspace()).unwrap();
    assert!(here > bound - 10.0, "{here} below {bound}");
    let mut theta = vec![0.0; model.layout().parameters().len()];
    model.layout().constrain(drawn, &mut theta);
    let exactly = collapsed.posterior(&theta, Par::Seq).unwrap();
    let error = |i: usize| (state.particles[1].q.mean(0)[i] - exactly.mean(0)[i]).abs();
    assert!((0..20).all(|i| error(i) < 1e-6));
    // A cloud that is off as a whole keeps its shape and comes to where the best place is.
    let apart = [-1e-3, 0.0, 1e-3];
    let cloud = apart.map(|a| mode.iter().map(|z| z + 0.3 + a).collect::<Vec<f64>>());
    state.particles = cloud.map(|z| Particle { z, ..state.centre.clone() }).to_vec();
    run.settle_as_promised(&model, &flat, &mode, bound, &mut state).unwrap();
    for (k, mode) in mode.iter().enumerate() {
        let z = |j: usize| state.particles[j].z[k];
        assert!((z(1) - mode).abs() < 1e-4, "{} is not {mode}", z(1));
        let (up, down) = (z(2) - z(1), z(1) - z(0));
        assert!([up, down].iter().all(|step| (5e-4..2e-3).contains(step)), "{up} {down}");
    }
}
