//! The HTML report on synthetic fits. Set `STEINGP_REPORT_OUT` to a folder to look at the pages.

#![cfg(feature = "report")]
#![allow(clippy::unwrap_used)]

use statrs::distribution::{Binomial, Continuous, ContinuousCDF, DiscreteCDF, Gamma, Normal};
use std::path::Path;
use steingp::report::data::*;
use steingp::report::{calibration, effects, fit, observed, page, particles, traces};

/// A small linear congruential generator (Knuth's MMIX): pages must not change between runs.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        Normal::standard().inverse_cdf(self.uniform())
    }

    fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }
}

fn keep(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("STEINGP_REPORT_OUT") {
        std::fs::write(Path::new(&folder).join(name), html).unwrap();
    }
}

fn linspace(lo: f64, hi: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| lo + (hi - lo) * i as f64 / (n - 1) as f64).collect()
}

fn gamma_prior(shape: f64, rate: f64, to: f64) -> Vec<(f64, f64)> {
    let gamma = Gamma::new(shape, rate).unwrap();
    linspace((to * 1e-6).ln(), to.ln(), 400).into_iter().map(f64::exp).map(|v| (v, gamma.pdf(v))).collect()
}

fn quantile(values: &[f64], level: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * level).round() as usize]
}

fn row(path: &str, column: Option<&str>, values: &[f64]) -> ParameterRow {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    ParameterRow {
        path: path.into(),
        column: column.map(str::to_owned),
        transform: "softplus".into(),
        prior: "gamma(1, 2)".into(),
        value: match values {
            [one] => ParameterValue::Point(*one),
            _ => ParameterValue::Spread {
                mean,
                sd,
                q05: quantile(values, 0.05),
                q50: quantile(values, 0.5),
                q95: quantile(values, 0.95),
            },
        },
    }
}

fn add_parameter(report: &mut Report, path: &str, column: Option<&str>, values: Vec<f64>) {
    report.parameters.push(row(path, column, &values));
    report.particles.push(ParameterParticles {
        path: path.into(),
        column: column.map(str::to_owned),
        support: Support::Positive,
        values,
        weights: vec![],
        prior: gamma_prior(1.0, 0.5, 14.0),
    });
}

fn log_normals(draws: &mut Draws, n: usize, median: f64, sd: f64) -> Vec<f64> {
    draws.normals(n).into_iter().map(|z| median * (sd * z).exp()).collect()
}

fn trace(draws: &mut Draws, iterations: usize, level: f64) -> Trace {
    let points = (0..iterations)
        .map(|i| {
            let gap = 400.0 * (-(i as f64) / 4.0).exp() + 4.0 * (-(i as f64) / 25.0).exp();
            let mean = level - gap + 0.15 * draws.normal();
            TracePoint { iteration: i, mean, low: mean - 3.0 - 0.8 * gap, high: mean + 2.0 }
        })
        .collect();
    let stein_ratio = (0..iterations)
        .map(|i| (i, 1.02 + 0.9 * (-(i as f64) / 12.0).exp() + 0.03 * draws.normal()))
        .collect();
    Trace { quantity: String::new(), points, band: "lowest to highest particle".into(), stein_ratio }
}

fn calibrated(draws: &mut Draws, rows: Rows, n: usize, stretch: f64) -> Calibration {
    let pit: Vec<f64> = (0..n).map(|_| Normal::standard().cdf(stretch * draws.normal())).collect();
    let levels = linspace(0.05, 0.95, 19);
    let points = levels
        .into_iter()
        .map(|nominal| {
            let inside = pit.iter().filter(|p| (**p - 0.5).abs() <= nominal / 2.0).count();
            let binomial = Binomial::new(nominal, n as u64).unwrap();
            let quantile =
                |level: f64| (0..=n as u64).find(|k| binomial.cdf(*k) >= level).unwrap_or(n as u64);
            CalibrationPoint {
                nominal,
                empirical: inside as f64 / n as f64,
                low: quantile(0.025) as f64 / n as f64,
                high: quantile(0.975) as f64 / n as f64,
            }
        })
        .collect();
    Calibration { kind: CalibrationKind::Coverage, rows, points, pit }
}

fn predictions(draws: &mut Draws, target: &str, rows: Rows, n: usize, centre: f64, scale: f64) -> Observed {
    let points = (0..n)
        .map(|_| {
            let predicted = centre + scale * draws.normal();
            let sd = scale * (0.2 + 0.15 * draws.uniform());
            let observed = predicted + sd * draws.normal();
            ObservedPoint { observed, predicted, low: predicted - 1.645 * sd, high: predicted + 1.645 * sd }
        })
        .collect();
    Observed { target: target.into(), rows, level: 0.9, points }
}

fn scores() -> Vec<Score> {
    let number = |name: &str, value: f64, standardised: f64| Score {
        name: name.into(),
        value,
        standardised: Some(standardised),
        format: ScoreFormat::Number,
    };
    let mut all = vec![
        number("mean log-likelihood", -4.3712, -0.4917),
        number("RMSE", 22.418, 0.4642),
        number("MAE", 16.03, 0.332),
        number("CRPS", 11.87, 0.2458),
    ];
    for (level, covered) in [(50, 0.481), (90, 0.9135), (95, 0.9519)] {
        all.push(Score {
            name: format!("coverage of {level} % intervals"),
            value: covered,
            standardised: None,
            format: ScoreFormat::Percent,
        });
    }
    all
}

fn effect(input: &str, target: &str, grid: Vec<f64>, slope: f64, data: Vec<f64>) -> Effect {
    let (lo, hi) = (grid[0], grid[grid.len() - 1]);
    let unit = |x: f64| (x - lo) / (hi - lo) - 0.5;
    let mean: Vec<f64> = grid.iter().map(|x| 35.0 + slope * (3.0 * unit(*x)).sin()).collect();
    let half: Vec<f64> = grid.iter().map(|x| 2.0 + 6.0 * unit(*x).powi(2)).collect();
    let band = |z: f64| mean.iter().zip(&half).map(|(m, h)| (m - z * h, m + z * h)).collect();
    Effect {
        input: input.into(),
        target: target.into(),
        band50: band(0.6745),
        band90: band(1.645),
        mean,
        grid,
        data,
    }
}

/// One input, 20 particles, everything on the page.
fn motorcycle() -> Report {
    let mut draws = Draws(7);
    let curve =
        |t: f64| -110.0 * (-((t - 21.0) / 5.0).powi(2)).exp() + 45.0 * (-((t - 32.0) / 4.0).powi(2)).exp();
    let mut rows: Vec<(f64, f64)> = (0..133)
        .map(|_| {
            let t = 2.4 + 55.0 * draws.uniform().powf(1.2);
            (t, curve(t) + 22.0 * draws.normal())
        })
        .collect();
    let test = rows.split_off(107);
    let grid = linspace(0.0, 60.0, 200);
    let mean: Vec<f64> = grid.iter().map(|t| curve(*t)).collect();
    let half = |t: f64| 8.0 + 30.0 * (((t - 30.0) / 30.0).powi(6));
    let particle_means = (0..20)
        .map(|_| {
            let (a, b) = (draws.normal(), draws.normal());
            grid.iter().zip(&mean).map(|(t, m)| m + half(*t) * 0.25 * (a + b * (t / 9.0).sin())).collect()
        })
        .collect();
    let mut report = Report {
        summary: Summary {
            target: "accel".into(),
            table: "mcycle.csv".into(),
            rows_train: 107,
            rows_test: 26,
            inputs: vec!["times".into()],
            kernel: "rbf(times)".into(),
            likelihood: "gaussian".into(),
            model: "exact".into(),
            method: "SVGD".into(),
            particles: Some(20),
            iterations: Some(75),
            evaluations: Some(1600),
            seconds: Some(3.214),
        },
        scores: scores(),
        notices: vec![
            Notice { severity: Severity::Notice, text: "Dropped 1 constant column: `strata`.".into() },
            Notice {
                severity: Severity::Warning,
                text: "Stein ratio 0.62: the particles are packed too tightly; try more iterations.".into(),
            },
        ],
        trace: Some(trace(&mut draws, 75, -580.0)),
        observed: Some(predictions(&mut draws, "accel", Rows::Test, 26, -25.0, 45.0)),
        calibration: Some(calibrated(&mut draws, Rows::Test, 26, 1.1)),
        fit: Some(FitCurve {
            input: "times".into(),
            target: "accel".into(),
            latent: grid.iter().zip(&mean).map(|(t, m)| (m - half(*t), m + half(*t))).collect(),
            observation: grid
                .iter()
                .zip(&mean)
                .map(|(t, m)| (m - half(*t) - 38.0, m + half(*t) + 38.0))
                .collect(),
            grid,
            mean,
            level: 0.9,
            particle_means,
            train: rows,
            test,
            ..FitCurve::default()
        }),
        ..Report::default()
    };
    let lengthscales = log_normals(&mut draws, 20, 0.34, 0.15);
    add_parameter(&mut report, "kernel.lengthscales[0]", Some("times"), lengthscales);
    let variances = log_normals(&mut draws, 20, 1.2, 0.5);
    add_parameter(&mut report, "kernel.variance", None, variances);
    let noise = log_normals(&mut draws, 20, 0.23, 0.13);
    add_parameter(&mut report, "likelihood.variance", None, noise);
    report.parameters.push(ParameterRow {
        path: "mean.constant".into(),
        transform: "identity".into(),
        value: ParameterValue::Fixed(0.0),
        ..ParameterRow::default()
    });
    report
}

/// Inputs in a table, `n` test rows.
fn many_inputs(names: &[String], n: usize, particles: usize, seed: u64) -> Report {
    let mut draws = Draws(seed);
    let target = "Concrete compressive strength (MPa, megapascals)";
    let mut report = Report {
        summary: Summary {
            target: target.into(),
            table: "concrete.csv".into(),
            rows_train: 926,
            rows_test: n,
            inputs: names.to_vec(),
            kernel: "rbf".into(),
            likelihood: "gaussian".into(),
            model: "exact".into(),
            method: "SVGD".into(),
            particles: Some(particles),
            iterations: Some(75),
            evaluations: Some(1600),
            seconds: Some(187.0),
        },
        scores: scores(),
        trace: Some(trace(&mut draws, 75, -210.0)),
        observed: Some(predictions(&mut draws, target, Rows::Test, n, 35.0, 12.0)),
        calibration: Some(calibrated(&mut draws, Rows::Test, n, 0.85)),
        ..Report::default()
    };
    for (d, name) in names.iter().enumerate() {
        let median = [0.5, 1.4, 3.0, 0.02, 6.0][d % 5];
        let sd = [0.12, 0.4, 0.7, 1.8][d % 4];
        let values = log_normals(&mut draws, particles, median, sd);
        add_parameter(&mut report, &format!("kernel.lengthscales[{d}]"), Some(name), values);
        let category = name.ends_with("=level");
        let grid = match (category, d % 3) {
            (true, _) => vec![0.0, 1.0],
            (false, 0) => linspace(100.0, 540.0, 60),
            (false, 1) => linspace(0.0, 3.2e6, 60),
            _ if d % 4 == 3 => linspace(1.7e9, 1.7e9 + 300.0, 60),
            _ => linspace(-0.00042, 0.00035, 60),
        };
        let (lo, hi) = (grid[0], grid[grid.len() - 1]);
        let data = (0..400)
            .map(|_| {
                if category {
                    f64::from(u8::from(draws.uniform() > 0.5))
                } else {
                    lo + (hi - lo) * draws.uniform().powi(2)
                }
            })
            .collect();
        let slope = 15.0 / (1.0 + d as f64);
        report.effects.push(effect(name, target, grid, slope, data));
    }
    let variances = log_normals(&mut draws, particles, 1.6, 0.4);
    add_parameter(&mut report, "kernel.variance", None, variances);
    let noise = log_normals(&mut draws, particles, 0.06, 0.1);
    add_parameter(&mut report, "likelihood.variance", None, noise);
    report
}

fn concrete() -> Report {
    let names = [
        "Cement",
        "Blast Furnace Slag",
        "Fly Ash",
        "Water",
        "Superplasticizer",
        "Coarse Aggregate",
        "Fine Aggregate",
        "Age (days)",
    ];
    many_inputs(&names.map(str::to_owned), 104, 20, 11)
}

fn long_names() -> Report {
    let names: Vec<String> = (0..32)
        .map(|d| match d % 3 {
            0 => format!("a rather long column name {d} (units per thousand)=level"),
            1 => format!("population_density_per_square_kilometre_{d}"),
            _ => format!("x{d}"),
        })
        .collect();
    many_inputs(&names, 4000, 20, 5)
}

fn single_particle() -> Report {
    let names = ["lon", "lat"].map(str::to_owned);
    let mut report = many_inputs(&names, 60, 1, 3);
    report.summary.method = "MAP".into();
    if let Some(calibration) = &mut report.calibration {
        calibration.kind = CalibrationKind::Probability;
        calibration.pit.clear();
    }
    if let Some(trace) = &mut report.trace {
        trace.stein_ratio.clear();
        trace.points.iter_mut().for_each(|p| (p.low, p.high) = (f64::NAN, f64::NAN));
    }
    report
}

fn assert_sound(html: &str) {
    let outside = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for forbidden in ["http://", "https://", "src=", "href=", "url(", "@import", "<script", "NaN"] {
        assert!(!outside.contains(forbidden), "{forbidden}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    for tag in ["div", "table", "figure", "tr", "p"] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_full_page_is_self_contained() {
    for (name, report, figures) in [
        ("motorcycle.html", motorcycle(), 5),
        ("concrete.html", concrete(), 5),
        ("long-names.html", long_names(), 5),
        ("map.html", single_particle(), 5),
    ] {
        let html = page::html(&report).unwrap();
        keep(name, &html);
        assert_sound(&html);
        assert_eq!(html.matches("<figure>").count(), figures, "{name}");
        assert!(html.len() < 3_000_000, "{name}: {} bytes", html.len());
    }
}

#[test]
fn nothing_is_drawn_outside_a_figure() {
    let html = page::html(&long_names()).unwrap();
    let value = |tag: &str, name: &str| -> Option<f64> {
        tag.split_once(&format!(" {name}=\""))
            .and_then(|(_, rest)| rest.split_once('"'))
            .and_then(|(v, _)| v.parse().ok())
    };
    for svg in html.split("<svg").skip(1) {
        let (width, height) = (10.0 * value(svg, "width").unwrap(), 10.0 * value(svg, "height").unwrap());
        for tag in svg
            .split('<')
            .filter(|t| t.starts_with("circle") || t.starts_with("text") || t.starts_with("rect"))
        {
            for (name, limit) in [("x", width), ("cx", width), ("y", height), ("cy", height)] {
                assert!(value(tag, name).is_none_or(|v| (0.0..=limit).contains(&v)), "{tag}");
            }
        }
        for points in svg.split("points=\"").skip(1).filter_map(|p| p.split('"').next()) {
            for point in points.split_whitespace() {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((0.0..=width).contains(&x) && (0.0..=height).contains(&y), "{point}");
            }
        }
    }
}

#[test]
fn names_cannot_break_the_page() {
    let evil = "<script>alert(\"1\")</script>&'";
    let mut report = many_inputs(&[evil.to_owned(), "b".into()], 20, 5, 1);
    report.summary.target = evil.into();
    report.summary.table = evil.into();
    report.summary.kernel = evil.into();
    report.summary.method = evil.into();
    report.notices.push(Notice { severity: Severity::Warning, text: evil.into() });
    report.scores.push(Score { name: evil.into(), ..Score::default() });
    report.parameters.push(ParameterRow {
        path: evil.into(),
        prior: evil.into(),
        transform: evil.into(),
        ..Default::default()
    });
    if let Some(observed) = &mut report.observed {
        observed.target = evil.into();
    }
    let html = page::html(&report).unwrap();
    assert_sound(&html);
    assert!(!html.contains("alert(\""));
}

#[test]
fn what_is_missing_is_left_out() {
    let html = page::html(&Report::default()).unwrap();
    assert_sound(&html);
    for absent in ["<h2>", "<figure>", "<table", "<svg"] {
        assert!(!html.contains(absent), "{absent}");
    }
    let empty = Report {
        trace: Some(Trace::default()),
        observed: Some(Observed::default()),
        calibration: Some(Calibration::default()),
        fit: Some(FitCurve::default()),
        effects: vec![Effect::default()],
        particles: vec![ParameterParticles::default()],
        ..Report::default()
    };
    assert!(!page::html(&empty).unwrap().contains("<figure>"));
}

/// Every shape of data that ranges, logarithms and densities could trip over.
fn awkward_values() -> Vec<Vec<f64>> {
    vec![
        vec![],
        vec![0.0],
        vec![3.0],
        vec![3.0; 20],
        vec![f64::NAN; 3],
        vec![f64::NAN, 1.0, f64::INFINITY, 2.0, f64::NEG_INFINITY],
        vec![1e-300, 1e300],
        vec![-1e308, 1e308],
        vec![5e-324, 1.0],
        vec![1e9, 1e9 + 1e-6],
        vec![0.1, 0.1 + f64::EPSILON],
    ]
}

#[test]
fn degenerate_numbers_draw_without_error() {
    let check = |svg: String| {
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"),
            "{svg}"
        );
    };
    for v in awkward_values() {
        let pairs: Vec<(f64, f64)> = v.iter().map(|a| (*a, *a)).collect();
        for support in [Support::Real, Support::Positive, Support::Between(0.0, 1.0)] {
            for prior in [vec![], pairs.clone(), gamma_prior(0.5, 0.5, 10.0)] {
                let weights = vec![0.0; v.len() / 2];
                check(
                    particles::svg(&ParameterParticles {
                        support,
                        values: v.clone(),
                        weights,
                        prior,
                        ..Default::default()
                    })
                    .unwrap(),
                );
            }
        }
        let points = v
            .iter()
            .enumerate()
            .map(|(i, a)| TracePoint { iteration: i, mean: *a, low: *a, high: *a })
            .collect();
        let stein_ratio = v.iter().enumerate().map(|(i, a)| (i, *a)).collect();
        let trace = Trace { points, stein_ratio, ..Trace::default() };
        check(traces::log_density_svg(&trace).unwrap());
        check(traces::stein_ratio_svg(&trace).unwrap());
        let points =
            v.iter().map(|a| ObservedPoint { observed: *a, predicted: *a, low: -a, high: *a }).collect();
        check(observed::svg(&Observed { points, ..Observed::default() }).unwrap());
        let points =
            v.iter().map(|a| CalibrationPoint { nominal: *a, empirical: *a, low: *a, high: *a }).collect();
        let calibrated = Calibration { points, pit: v.clone(), ..Calibration::default() };
        check(calibration::svg(&calibrated).unwrap());
        check(calibration::pit_svg(&calibrated).unwrap());
        let effect = Effect {
            grid: v.clone(),
            mean: v.clone(),
            band50: pairs.clone(),
            band90: pairs.clone(),
            data: v.clone(),
            ..Default::default()
        };
        check(effects::svg(&effect).unwrap());
        check(
            fit::svg(
                &FitCurve {
                    grid: v.clone(),
                    mean: v.clone(),
                    latent: pairs.clone(),
                    train: pairs.clone(),
                    test: pairs,
                    ..Default::default()
                },
                "particle",
            )
            .unwrap(),
        );
    }
}

#[test]
fn large_tables_are_thinned_and_the_caption_says_so() {
    let observed = predictions(&mut Draws(1), "y", Rows::Train, 20_000, 0.0, 1.0);
    let svg = observed::svg(&observed).unwrap();
    assert!(svg.matches("<circle").count() <= 1502);
    let caption = observed::caption(&observed);
    assert!(caption.contains("20,000 training rows") && caption.contains("shows 1500 of them"), "{caption}");
}
