//! Figures of classes and counts, on synthetic predictions. Set `STEINGP_REPORT_OUT` to a folder to look at them.

#![cfg(feature = "report")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use steingp::dataset::Dataset;
use steingp::fit::{FitOptions, Method, fit};
use steingp::likelihood::Family;
use steingp::posterior::{ClassMetrics, ClassTable};
use steingp::report::classes::ClassCurve;
use steingp::report::classes::{self, confusion, curve, reliability, roc, surface};
use steingp::report::data::*;
use steingp::report::{self, FitContext, from_fit, page, rootogram};

/// A small linear congruential generator (Knuth's MMIX): pages must not change between runs.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Roughly normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn class(&mut self, probabilities: &[f64]) -> usize {
        let mut left = self.uniform();
        let found = probabilities.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        found.unwrap_or(probabilities.len() - 1)
    }
}

fn keep(name: &str, text: &str) {
    if let Some(folder) = std::env::var_os("STEINGP_REPORT_OUT") {
        std::fs::write(Path::new(&folder).join(name), text).unwrap();
    }
}

fn softmax(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().map(|v| v.exp()).sum();
    values.iter().map(|v| v.exp() / sum).collect()
}

/// Classes around a circle, predicted with their true probabilities.
fn latent(classes: usize, x: f64, y: f64) -> Vec<f64> {
    let turn = |c: usize| std::f64::consts::TAU * (c as f64 + 0.1) / classes as f64;
    (0..classes).map(|c| 1.6 * (x * turn(c).cos() + y * turn(c).sin()) + 0.3 * (x * y).sin()).collect()
}

fn of_names(names: &[&str], rows: usize, sharpness: f64, seed: u64) -> Classes {
    let mut draws = Draws(seed);
    let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let values = latent(names.len(), 2.0 * draws.normal(), 2.0 * draws.normal());
        let p = softmax(&values);
        labels.push(draws.class(&p));
        let stated: Vec<f64> = values.iter().map(|v| sharpness * v).collect();
        probabilities.extend(softmax(&stated));
    }
    Classes {
        target: "class".into(),
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        rows: Rows::Test,
        probabilities,
        labels,
        ..Classes::default()
    }
}

fn with_surface(mut classes: Classes, points: usize) -> Classes {
    let c = classes.names.len();
    let mut draws = Draws(9);
    let grid = |low: f64, high: f64| -> Vec<f64> {
        (0..points).map(|i| low + (high - low) * i as f64 / (points - 1) as f64).collect()
    };
    let (x, y) = (grid(0.0, 2000.0), grid(-0.3, 0.3));
    let unit = |x: f64, y: f64| ((x - 1000.0) / 300.0, y / 0.1);
    let (mut probabilities, mut deviations) = (Vec::new(), Vec::new());
    for y in &y {
        for x in &x {
            let (u, v) = unit(*x, *y);
            let p = softmax(&latent(c, u, v));
            let far = 0.25 * (1.0 - (-0.08 * (u * u + v * v)).exp());
            deviations.extend(p.iter().map(|p| far * 4.0 * p * (1.0 - p)));
            probabilities.extend(p);
        }
    }
    let train = (0..120)
        .map(|_| {
            let (u, v) = (1.3 * draws.normal(), 1.3 * draws.normal());
            (1000.0 + 300.0 * u, 0.1 * v, draws.class(&softmax(&latent(c, u, v))))
        })
        .collect();
    let inputs = ["resting blood pressure (mm Hg)".to_owned(), "ST depression".to_owned()];
    classes.surface = Some(Surface { inputs, x, y, probabilities, deviations, train });
    classes
}

fn binary() -> Classes {
    with_surface(of_names(&["healthy", "ill"], 400, 1.0, 3), 41)
}

fn three() -> Classes {
    with_surface(of_names(&["setosa", "versicolor", "virginica"], 150, 1.6, 4), 41)
}

const SOILS: [&str; 12] = [
    "sand",
    "loamy sand",
    "sandy loam",
    "loam",
    "silt loam",
    "silt",
    "sandy clay loam",
    "clay loam",
    "silty clay loam, of rivers",
    "sandy clay",
    "silty clay",
    "clay",
];

fn twelve() -> Classes {
    with_surface(of_names(&SOILS, 6000, 1.0, 5), 41)
}

fn poisson(rows: usize, mean: f64, observed_mean: f64) -> Counts {
    let mass = |mean: f64, y: usize| {
        (y as f64 * mean.ln() - mean - (1..=y).map(|k| (k as f64).ln()).sum::<f64>()).exp()
    };
    let most = (mean + 5.0 * mean.sqrt()).ceil() as usize;
    let expected = (0..=most).map(|y| rows as f64 * mass(mean, y)).collect();
    let observed = (0..=most).map(|y| (rows as f64 * mass(observed_mean, y)).round()).collect();
    Counts { target: "roots of a cutting".into(), rows: Rows::Train, observed, expected }
}

fn report(classes: Option<Classes>, counts: Option<Counts>) -> Report {
    let scores = classes.as_ref().filter(|c| !c.is_empty()).map(|c| {
        let table = ClassTable::new(c.names.len(), c.probabilities.clone()).unwrap();
        let frequencies = vec![1.0; c.names.len()];
        classes::scores(&ClassMetrics::new(&table, &c.labels, &frequencies, 1).unwrap())
    });
    Report { scores: scores.unwrap_or_default(), classes, counts, ..Report::default() }
}

fn assert_drawn(name: &str, svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
    assert!(svg.matches("<svg").count() == 1 && !svg.contains("NaN") && !svg.contains("inf"), "{name}");
    let value = |tag: &str, name: &str| -> Option<f64> {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    let limits = (10.0 * value(svg, "width").unwrap(), 10.0 * value(svg, "height").unwrap());
    for tag in svg.split('<').filter(|t| ["circle", "text", "rect"].iter().any(|s| t.starts_with(s))) {
        for (name, limit) in [("x", limits.0), ("cx", limits.0), ("y", limits.1), ("cy", limits.1)] {
            assert!(value(tag, name).is_none_or(|v| (0.0..=limit).contains(&v)), "{tag}");
        }
    }
    for point in
        svg.split("points=\"").skip(1).filter_map(|p| p.split('"').next()).flat_map(str::split_whitespace)
    {
        let (x, y) = point.split_once(',').unwrap();
        let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
        assert!((0.0..=limits.0).contains(&x) && (0.0..=limits.1).contains(&y), "{name}: {point}");
    }
}

fn figures(name: &str, classes: &Classes) -> Vec<(String, String)> {
    let mut all = vec![
        (format!("{name}-confusion.svg"), confusion::svg(classes).unwrap()),
        (format!("{name}-reliability.svg"), reliability::svg(classes).unwrap()),
    ];
    let curves = roc::svgs(classes).unwrap().into_iter().enumerate();
    all.extend(curves.map(|(i, svg)| (format!("{name}-roc{i}.svg"), svg)));
    if let Some(found) = &classes.surface {
        let sheets = surface::svgs(found, &classes.names).unwrap().into_iter().enumerate();
        all.extend(sheets.map(|(i, svg)| (format!("{name}-surface{i}.svg"), svg)));
    }
    all
}

#[test]
fn every_figure_stays_inside_its_frame() {
    for (name, classes, count) in [("binary", binary(), 5), ("three", three(), 7), ("twelve", twelve(), 16)] {
        let found = figures(name, &classes);
        assert_eq!(found.len(), count, "{name}");
        for (name, svg) in found {
            assert_drawn(&name, &svg);
            keep(&name, &svg);
        }
    }
    for (name, counts) in [("counts", poisson(270, 5.0, 4.2)), ("many-counts", poisson(900, 400.0, 390.0))] {
        let svg = rootogram::svg(&counts).unwrap();
        assert_drawn(name, &svg);
        keep(&format!("{name}.svg"), &svg);
    }
}

#[test]
fn a_page_has_the_sections_that_there_are_numbers_for() {
    let pages = [
        ("binary.html", report(Some(binary()), None), 4),
        ("three.html", report(Some(three()), None), 4),
        ("twelve.html", report(Some(twelve()), None), 4),
        ("counts.html", report(None, Some(poisson(270, 5.0, 4.2))), 1),
        ("none.html", report(Some(Classes::default()), Some(Counts::default())), 0),
    ];
    for (name, report, count) in pages {
        let html = page::html(&report).unwrap();
        keep(name, &html);
        assert_eq!(html.matches("<figure>").count(), count, "{name}");
        assert!(html.len() < 1_500_000, "{name}: {} bytes", html.len());
        assert_eq!(html.contains("Predicted classes"), report.classes.is_some_and(|c| !c.is_empty()));
        assert_eq!(html.contains("rootogram") || html.contains("Rootogram"), name == "counts.html");
        assert!(!html.contains("NaN") && !html.contains("predictive interval"));
    }
}

#[test]
fn the_score_table_has_the_scores_of_classes() {
    let html = page::html(&report(Some(binary()), None)).unwrap();
    for name in ["accuracy", "area under the ROC curve", "Brier score", "expected calibration error (ECE)"] {
        assert!(html.contains(&format!("<th scope=\"row\">{name}</th>")), "{name}");
    }
    assert!(!html.contains("RMSE"));
}

#[test]
fn the_confusion_matrix_shows_counts_and_shares() {
    let classes = Classes {
        names: vec!["a".into(), "b".into()],
        probabilities: [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]].concat(),
        labels: vec![0, 0, 0, 1, 1],
        ..Classes::default()
    };
    let svg = confusion::svg(&classes).unwrap();
    let texts: Vec<&str> = (svg.split("<text").skip(1))
        .filter_map(|t| t.split_once('>'))
        .filter_map(|(_, t)| t.split('<').next())
        .map(str::trim)
        .collect();
    let cells: Vec<&str> =
        texts.iter().copied().filter(|t| t.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(cells, ["2", "66.7\u{a0}%", "1", "33.3\u{a0}%", "1", "50\u{a0}%", "1", "50\u{a0}%"]);
    assert!(confusion::caption(&classes).contains("60\u{a0}% of all rows"));
}

#[test]
fn columns_too_narrow_for_their_names_are_numbered() {
    let svg = confusion::svg(&twelve()).unwrap();
    for (i, name) in SOILS.iter().enumerate().filter(|(i, _)| *i != 8) {
        assert!(svg.contains(&format!("{} {name}", i + 1)), "{name}");
    }
    assert!(confusion::svg(&binary()).unwrap().contains("healthy"));
}

#[test]
fn only_classes_that_occur_have_a_curve() {
    let mut classes = three();
    classes.labels.iter_mut().for_each(|c| *c = (*c).min(1));
    assert_eq!(roc::svgs(&classes).unwrap().len(), 2);
    assert!(roc::caption(&classes).contains("2 of 3 classes are shown"));
    classes.labels.fill(0);
    assert!(roc::svgs(&classes).unwrap().is_empty());
    let page = page::html(&Report { classes: Some(classes), ..Report::default() }).unwrap();
    assert!(page.contains("Predicted classes") && !page.contains("AUC"));
}

#[test]
fn the_contour_of_a_linear_boundary_is_a_straight_line() {
    let grid: Vec<f64> = (0..11).map(f64::from).collect();
    // Equal where x = 5, whatever y is.
    let probabilities =
        (0..121).map(|k| 1.0 / (1.0 + (5.0 - f64::from(k % 11)).exp())).flat_map(|p| [1.0 - p, p]).collect();
    let surface = Surface { x: grid.clone(), y: grid, probabilities, ..Surface::default() };
    let names = ["no".to_owned(), "yes".to_owned()];
    let svgs = surface::svgs(&surface, &names).unwrap();
    assert_eq!(svgs.len(), 1);
    let line =
        svgs[0].split("<polyline").find(|p| p.contains("stroke=\"#222222\" stroke-width=\"16\"")).unwrap();
    let points = line.split_once("points=\"").unwrap().1.split('"').next().unwrap();
    let across: Vec<&str> = points.split_whitespace().filter_map(|p| p.split(',').next()).collect();
    assert_eq!(across.len(), 2);
    assert_eq!(across[0], across[1]);
}

#[test]
fn a_bar_that_differs_by_more_than_chance_is_counted() {
    let counts =
        Counts { observed: vec![16.0, 9.0, 30.0], expected: vec![16.0, 9.5, 12.0], ..Counts::default() };
    assert!(rootogram::caption(&counts).contains("lie 1 of 3 bars"));
}

#[test]
fn numbers_that_do_not_fit_each_other_are_refused() {
    let good = three();
    let short = Classes { probabilities: good.probabilities[1..].to_vec(), ..good.clone() };
    let nameless = Classes { names: vec!["a".into()], ..good.clone() };
    let mut strange = good.clone();
    strange.labels[0] = 3;
    for classes in [short, nameless, strange] {
        assert!(confusion::svg(&classes).is_err() && reliability::svg(&classes).is_err());
        assert!(roc::svgs(&classes).is_err());
        assert!(page::html(&Report { classes: Some(classes), ..Report::default() }).is_err());
    }
    let found = good.surface.unwrap();
    let cut = Surface { y: found.y[1..].to_vec(), ..found.clone() };
    let turned = Surface { x: found.x.iter().rev().copied().collect(), ..found };
    assert!(surface::svgs(&cut, &good.names).is_err() && surface::svgs(&turned, &good.names).is_err());
    assert!(rootogram::svg(&Counts { observed: vec![1.0], ..Counts::default() }).is_err());
    assert!(
        rootogram::svg(&Counts { observed: vec![1.0], expected: vec![f64::NAN], ..Counts::default() })
            .is_err()
    );
}

#[test]
fn awkward_numbers_draw_without_error() {
    // One row; certainty; a class that nobody predicts; names that break pages; a surface without a number.
    let evil = "<script>alert(\"1\")</script>&'";
    let classes = Classes {
        target: evil.into(),
        names: vec![
            evil.into(),
            String::new(),
            "a name that is much longer than any figure has room for".into(),
        ],
        probabilities: vec![1.0, 0.0, 0.0],
        labels: vec![2],
        surface: Some(Surface {
            inputs: [evil.into(), evil.into()],
            x: vec![-1e300, 1e300],
            y: vec![0.0, 1e-300],
            probabilities: vec![f64::NAN; 12],
            deviations: vec![f64::NAN; 12],
            train: vec![(f64::NAN, 0.0, 0), (0.0, 0.0, 99)],
        }),
        ..Classes::default()
    };
    for (name, svg) in figures("awkward", &classes) {
        assert_drawn(&name, &svg);
        keep(&name, &svg);
    }
    let html = page::html(&Report { classes: Some(classes), ..Report::default() }).unwrap();
    assert!(!html.contains("<script") && !html.contains("alert(\""));
    let certain = Counts { observed: vec![5.0], expected: vec![5.0], ..Counts::default() };
    assert_drawn("certain", &rootogram::svg(&certain).unwrap());
}

/// Thirty rows over one input.
fn one_input(y: impl Fn(usize) -> f64) -> Dataset {
    let x = faer::Mat::from_fn(30, 1, |i, _| i as f64);
    Dataset::with_names(x, (0..30).map(y).collect(), vec!["day".into()], "cases".into()).unwrap()
}

fn report_of(train: &Dataset, likelihood: Family) -> Report {
    // Three draws make bands and thin lines, and cost next to nothing.
    let options = FitOptions { likelihood, method: Method::Laplace, particles: 3, ..FitOptions::default() };
    let fit = fit(train, &options, &mut ()).unwrap();
    from_fit(&FitContext {
        table: String::new(),
        fit: &fit,
        train,
        test: None,
        test_exposure: None,
        predictions: None,
        scores: None,
        seconds: 0.0,
        notices: Vec::new(),
    })
    .unwrap()
}

#[test]
fn counts_over_one_input_are_drawn_per_unit_of_exposure() {
    let exposures: Vec<f64> = (0..30).map(|i| if i % 2 == 0 { 10.0 } else { 1000.0 }).collect();
    let train = one_input(|i| if i % 2 == 0 { 1.0 } else { 100.0 }).with_exposure(exposures).unwrap();
    let curve = report_of(&train, Family::Poisson).fit.unwrap();
    assert_eq!(curve.target, "cases per unit of exposure");
    assert!(curve.train.iter().all(|(_, y)| (y - 0.1).abs() < 1e-12));
    assert!(curve.mean.iter().all(|m| (m - 0.1).abs() < 0.02), "{:?}", curve.mean);
    let exposure = curve.exposure.unwrap();
    assert!(
        curve.observation.iter().all(|(low, high)| low * exposure % 1.0 < 1e-9 && *low < 0.1 && *high > 0.1)
    );
    assert!(report::fit::caption(&curve, "draw").contains("1000"));
}

#[test]
fn successes_over_one_input_are_drawn_as_shares() {
    let train = one_input(|i| (4 + i / 8) as f64).with_exposure(vec![8.0; 30]).unwrap();
    let curve = report_of(&train, Family::Binomial).fit.unwrap();
    assert_eq!(curve.target, "cases per trial");
    let shares =
        |band: &[(f64, f64)]| band.iter().all(|(low, high)| 0.0 <= *low && low < high && *high <= 1.0);
    assert!(shares(&curve.latent) && shares(&curve.observation));
    let inside = |(m, (low, high)): (&f64, &(f64, f64))| low < m && m < high;
    assert!(curve.mean.iter().zip(&curve.latent).all(inside));
    assert!(curve.particle_means.iter().flatten().all(|p| (0.0..=1.0).contains(p)));
}

#[test]
fn classes_over_one_input_have_a_curve_each_or_one_for_the_second_of_two() {
    for (classes, likelihood) in [(2, Family::Bernoulli), (3, Family::Softmax)] {
        let names: Vec<String> = (0..classes).map(|c| format!("kind {c}")).collect();
        let train = one_input(|i| (i * classes / 30) as f64).with_class_names(names.clone()).unwrap();
        let found = report_of(&train, likelihood);
        assert!(found.fit.is_none());
        let classes_found = found.classes.as_ref().unwrap();
        let drawn = classes_found.curve.as_ref().unwrap();
        let inside = |(p, (low, high)): (&f64, &(f64, f64))| *low <= p + 0.02 && *p <= high + 0.02;
        assert!(drawn.probabilities.iter().zip(&drawn.bands).all(inside));
        let svgs = curve::svgs(drawn, &names).unwrap();
        assert_eq!(svgs.len(), if classes == 2 { 1 } else { classes });
        for (k, svg) in svgs.iter().enumerate() {
            assert_drawn(&format!("curve {classes} {k}"), svg);
            keep(&format!("curve{classes}-{k}.svg"), svg);
        }
        assert!(page::html(&found).unwrap().contains("Probability over the input<"));
        let short = ClassCurve { bands: drawn.bands[1..].to_vec(), ..drawn.clone() };
        assert!(curve::svgs(&short, &names).is_err());
        assert!(curve::svgs(&ClassCurve::default(), &names).unwrap().is_empty());
    }
}
