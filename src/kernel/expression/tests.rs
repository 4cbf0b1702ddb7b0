//! The language as a whole: what it reads, prints, refuses and builds.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::kernel::{Kernel, KernelParameter};
use proptest::prelude::*;
use proptest::sample::subsequence;

fn parse(text: &str) -> KernelExpression {
    text.parse().unwrap_or_else(|e| panic!("{e}"))
}

/// Columns x0, x1, x2, `wind speed`, and a text column `site` of two.
fn inputs() -> InputColumns {
    InputColumns {
        names: ["x0", "x1", "x2", "wind speed", "site=a", "site=b"].map(String::from).to_vec(),
        shifts: vec![0.0; 6],
        scales: vec![1.0, 2.0, 4.0, 10.0, 0.5, 0.5],
        groups: vec![("site".into(), vec![4, 5])],
    }
}

fn resolve(text: &str) -> Kernel {
    parse(text).resolve(&inputs()).unwrap_or_else(|e| panic!("{e}"))
}

fn parameters(text: &str) -> Vec<KernelParameter> {
    resolve(text).parameters()
}

fn start(text: &str, path: &str) -> f64 {
    parameters(text).iter().find(|p| p.path == path).unwrap().start
}

fn fixed(text: &str) -> Vec<String> {
    parameters(text).into_iter().filter(|p| p.fixed).map(|p| p.path).collect()
}

fn refused(text: &str) -> ExpressionError {
    match text.parse::<KernelExpression>().and_then(|e| e.resolve(&inputs())) {
        Ok(_) => panic!("`{text}` is not refused"),
        Err(e) => e,
    }
}

/// Each case: the expression, below it a caret, and a part of the message.
fn points_at(text: &str, caret: &str, message: &str) {
    let error = refused(text);
    let shown = error.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1], format!("  {text}"), "{shown}");
    assert_eq!(lines[2], format!("  {caret}"), "{shown}");
    assert!(lines[0].contains(message), "{shown}");
}

#[test]
fn precedence_and_brackets_decide_the_tree() {
    let shape = |text: &str| match parse(text).root {
        Node::Sum(parts) => format!("sum of {}", parts.len()),
        Node::Product(parts) => format!("product of {}", parts.len()),
        Node::Leaf(leaf) => leaf.kind.name.to_string(),
    };
    assert_eq!(shape("rbf + rq * white + linear"), "sum of 3");
    assert_eq!(shape("(rbf + rq) * white"), "product of 2");
    assert_eq!(shape("((rbf))"), "rbf");
    assert_eq!(shape("(rbf + rq) + white"), "sum of 2");
    assert_eq!(shape("rbf * (rq * white) * linear"), "product of 3");
}

#[test]
fn the_text_is_printed_in_one_way() {
    for (text, printed) in [
        (" rbf ", "rbf"),
        ("RBF()", "rbf"),
        ("se+exponential * SquaredExponential", "rbf + matern12 * rbf"),
        ("matern32( lon ,lat)*matern12(t)+white", "matern32(lon, lat) * matern12(t) + white"),
        ("periodic(t;period=24.0,fixed=period)", "periodic(t; period=24, fixed=period)"),
        ("rbf(;shared)", "rbf(; shared)"),
        ("rbf(\"x0\", \"wind speed\", \"a\\\"b\\\\\")", r#"rbf(x0, "wind speed", "a\"b\\")"#),
        ("rbf(x; lengthscales=[1e0, 0.00000025])", "rbf(x; lengthscales=[1, 2.5e-7])"),
        ("(rbf + rq) + (white)", "(rbf + rq) + white"),
        ("(rbf * rq) + white", "rbf * rq + white"),
        ("rbf(größe)", "rbf(größe)"),
        ("bias + rationalquadratic", "constant + rq"),
        ("rq( lon,lat;metric = sphere,lengthscales=50.0)", "rq(lon, lat; metric=sphere, lengthscales=50)"),
        ("rbf(lon,lat; shared, metric=projected)", "rbf(lon, lat; shared, metric=projected)"),
    ] {
        assert_eq!(parse(text).to_string(), printed);
        assert_eq!(parse(printed), parse(text));
    }
}

#[test]
fn columns_are_found_by_name_group_or_altogether() {
    assert_eq!(resolve("rbf(x2, x0)").columns(), [0, 2]);
    assert_eq!(resolve("rbf(\"wind speed\", site)").columns(), [3, 4, 5]);
    assert_eq!(resolve("rbf(\"site=b\")").columns(), [5]);
    assert_eq!(resolve("rbf").columns(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(resolve("constant + white").columns(), [0_usize; 0]);
    let Kernel::Leaf(leaf) = resolve("rbf(x2, x0)") else { panic!("a leaf") };
    assert_eq!(leaf.columns(), [2, 0]);
}

#[test]
fn every_kernel_has_its_parameters_and_starts() {
    let paths = |text| parameters(text).into_iter().map(|p| p.path).collect::<Vec<_>>();
    let root = 3.0_f64.sqrt();
    for stationary in ["rbf", "matern12", "matern32", "matern52", "cosine"] {
        let text = format!("{stationary}(x0,x1,x2)");
        let starts: Vec<f64> = parameters(&text).iter().map(|p| p.start).collect();
        assert_eq!(starts, [1.0, root, root, root], "{text}");
        let shared = format!("{stationary}(x0,x1,x2; shared)");
        assert_eq!(start(&shared, "lengthscales"), root);
    }
    assert_eq!(paths("rq(x0,x1)"), ["variance", "lengthscales[0]", "lengthscales[1]", "alpha"]);
    assert_eq!(paths("periodic(x0,x1; shared)"), ["variance", "lengthscales", "period"]);
    assert_eq!(paths("linear(x0,x1)"), ["variance"]);
    assert_eq!(paths("linear(x0,x1; ard)"), ["variance[0]", "variance[1]"]);
    assert_eq!(paths("polynomial(x0,x1)"), ["variance", "offset"]);
    assert_eq!(paths("arccosine(x0,x1)"), ["variance", "weight_variances", "bias_variance"]);
    let ard = ["variance", "weight_variances[0]", "weight_variances[1]", "bias_variance"];
    assert_eq!(paths("arccosine(x0,x1; ard, order=1)"), ard);
    assert_eq!(
        paths("rbf(x0) + constant * white"),
        ["0.variance", "0.lengthscales[0]", "1.0.variance", "1.1.variance"]
    );
}

#[test]
fn lengthscales_and_periods_are_in_the_units_of_their_columns() {
    // Columns x1 and x2 were divided by 2 and 4.
    assert_eq!(start("rbf(x1; lengthscales=6)", "lengthscales[0]"), 3.0);
    assert_eq!(start("rbf(x1,x2; lengthscales=[6, 8])", "lengthscales[1]"), 2.0);
    assert_eq!(start("rbf(x1,x2; lengthscales=8)", "lengthscales[1]"), 2.0);
    assert_eq!(start("periodic(x2; period=24)", "period"), 6.0);
    assert_eq!(start("rbf(site; shared, lengthscales=3)", "lengthscales"), 6.0);
    // Everything else is on the scale of the model.
    assert_eq!(start("rq(x2; variance=3, alpha=2)", "variance"), 3.0);
    assert_eq!(start("rq(x2; variance=3, alpha=2)", "alpha"), 2.0);
    assert_eq!(start("linear(x1,x2; ard, variance=[3, 5])", "variance[1]"), 5.0);
    assert_eq!(start("polynomial(x1; offset=0.5)", "offset"), 0.5);
    assert_eq!(start("arccosine(x1; weight_variances=2, bias_variance=4)", "weight_variances"), 2.0);
}

#[test]
fn fixed_keeps_the_parameters_it_names() {
    assert_eq!(fixed("periodic(x0; period=24, fixed=period)"), ["period"]);
    assert_eq!(fixed("rbf(x0,x1; fixed=lengthscales)"), ["lengthscales[0]", "lengthscales[1]"]);
    assert_eq!(fixed("rbf(x0; fixed=variance, fixed=lengthscales)"), ["variance", "lengthscales[0]"]);
    assert_eq!(fixed("rq(x0; fixed=all)").len(), 3);
    assert!(fixed("rbf + white").is_empty());
}

#[test]
fn a_product_has_one_free_scale() {
    assert_eq!(fixed("rbf(x0) * matern12(x1) * white"), ["1.variance", "2.variance"]);
    assert_eq!(fixed("(rbf(x0) + rq(x1)) * periodic(x0)"), ["1.variance"]);
    // The weights of a later sum's other terms against its first one matter.
    assert_eq!(fixed("rbf(x0) * (rq(x1) + matern12(x2) + white)"), ["1.0.variance"]);
    assert_eq!(fixed("rbf(x0) * (rq(x1) * linear(x2) + white)"), ["1.0.0.variance", "1.0.1.variance"]);
    assert_eq!(fixed("rbf(x0) * (rq(x1) * linear(x2))"), ["1.0.variance", "1.1.variance"]);
    assert_eq!(fixed("(rbf(x0) * rq(x1)) * linear(x2)"), ["0.1.variance", "1.variance"]);
    assert_eq!(fixed("rbf(x0) + rq(x1) * linear(x2)"), ["1.1.variance"]);
    assert_eq!(fixed("rbf(x0) * linear(x1,x2; ard)"), ["1.variance[0]"]);
    assert_eq!(fixed("rbf(x0) * polynomial(x1)"), ["1.variance"]);
}

#[test]
fn a_variance_given_in_a_product_is_free_from_there() {
    assert!(fixed("rbf(x0) * matern12(x1; variance=2)").is_empty());
    assert_eq!(start("rbf(x0) * matern12(x1; variance=2)", "1.variance"), 2.0);
    assert_eq!(fixed("rbf(x0) * matern12(x1; variance=2, fixed=variance)"), ["1.variance"]);
    assert!(fixed("rbf(x0) * linear(x1,x2; ard, variance=[2, 3])").is_empty());
}

#[test]
fn errors_point_at_the_character_and_say_what_to_do() {
    points_at("rbf(x0) + matern23(x1)", "          ^", "did you mean `matern32`?");
    points_at("foo", "^", "kernels: rbf, matern12");
    points_at("rbf(x0, y1)", "        ^", "there is no input column `y1`; did you mean `x1`?");
    points_at("rbf(\"wind sped\")", "    ^", "did you mean `wind speed`?");
    points_at("rbf(temperature)", "    ^", "columns: x0, x1, x2, wind speed, site=a, site=b, site");
    points_at("rbf(x0,x1,x0)", "          ^", "`x0` is in this kernel twice");
    points_at("rbf(site, \"site=a\")", "          ^", "`site=a` is in this kernel twice");
    points_at(
        "rbf(x0; period=3)",
        "        ^",
        "`rbf` has no option `period`; options: variance, lengthscales",
    );
    points_at("rbf(x0; lengthscale=3)", "        ^", "did you mean `lengthscales`?");
    points_at("rbf(x0; ard, shared)", "             ^", "`shared` or `ard` is given twice");
    points_at("rbf(x0; shared, shared)", "                ^", "`shared` or `ard` is given twice");
    points_at("rbf(x0; variance=1, variance=[2])", "                    ^", "`variance` is given twice");
    points_at(
        "rbf(x0; fixed=all, fixed=variance)",
        "                   ^",
        "`fixed=variance` is given twice",
    );
    points_at(
        "rbf(x0; fixed=period)",
        "              ^",
        "no parameter `period` to fix; parameters: variance",
    );
    points_at("rbf(x0; fixed=varance)", "              ^", "did you mean `variance`?");
    points_at(
        "rbf(x0; variance=0)",
        "                 ^",
        "0 is not a value for `variance`: it must be positive",
    );
    points_at("rbf(x0; variance=-2)", "                 ^", "-2 is not a value");
    points_at("rbf(x0; variance=1e999)", "                 ^", "1e999 is not a value");
    points_at("rbf(x0; variance=nan)", "                 ^", "expected a number, found `nan`");
    points_at("rbf(x0; variance=inf)", "                 ^", "expected a number, found `inf`");
    points_at("rbf(x0; variance=1e-)", "                 ^", "expected a number, found `1e`");
    points_at("rbf(x0; variance)", "                ^", "expected `=` and a value, found `)`");
    points_at(
        "rbf(x0; lengthscales=[1, 2])",
        "        ^",
        "one value or a list of 1, one a column, found a list of 2",
    );
    points_at("rbf(x0; variance=[1])", "        ^", "`variance` takes one value, found a list of 1");
    points_at("rbf(x0,x1; shared, lengthscales=[1,2])", "                   ^", "takes one value");
    points_at("polynomial(x0; degree=0)", "                      ^", "a whole number from 1 to 100");
    points_at("polynomial(x0; degree=2.5)", "                      ^", "a whole number from 1 to 100");
    points_at("arccosine(x0; order=3)", "                    ^", "a whole number from 0 to 2");
    points_at("constant(x0)", "         ^", "`constant` takes no columns");
    points_at("white(x0)", "      ^", "`white` takes no columns");
    points_at("rbf(x0", "      ^", "expected `,`, `;` or `)`, found the end");
    points_at("rbf(x0,)", "       ^", "expected a column, found `)`");
    points_at("rbf(x0;)", "       ^", "expected an option, found `)`");
    points_at("rbf(x0; shared", "              ^", "expected `,` or `)`, found the end");
    points_at("(rbf", "    ^", "expected `+`, `*` or `)`, found the end");
    points_at("rbf)", "   ^", "no bracket is open");
    points_at("rbf rbf", "    ^", "expected `+`, `*` or the end, found `rbf`");
    points_at("rbf + ", "      ^", "expected a kernel or `(`, found the end");
    points_at("", "^", "expected a kernel or `(`, found the end");
    points_at("rbf * * rq", "      ^", "expected a kernel or `(`, found `*`");
    points_at("rbf(\"x0)", "        ^", "to end the column name");
    points_at("rbf(\"x\\n\")", "       ^", "after a backslash");
    points_at("rbf - rq", "    ^", "found `-`");
}

#[test]
fn the_caret_counts_characters_not_bytes() {
    points_at("rbf(\"größe\"; periodd=1)", "             ^", "no option `periodd`");
}

#[test]
fn long_lines_are_cut_around_the_trouble() {
    let text = format!("{}foo{}", "rbf + ".repeat(100), " + rbf".repeat(100));
    let shown = refused(&text).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].chars().count() < 110);
    let caret = lines[2].chars().count() - 1;
    assert_eq!(lines[1].chars().skip(caret).take(3).collect::<String>(), "foo");
    let shown = refused("rbf +\n\tfoo +\nwhite").to_string();
    assert!(shown.ends_with("\n   foo +\n   ^"), "{shown}");
}

#[test]
fn one_value_for_columns_of_different_scales_is_refused() {
    let message = "give it on the scale of the model with `--start kernel.period=VALUE`";
    points_at("periodic(x0,x1; period=3)", "                ^", message);
    let message = "`--start kernel.1.0.lengthscales=VALUE`";
    points_at("white + rbf(x0,x1; shared, lengthscales=3) * rbf", "                           ^", message);
}

/// Stations around Berlin, and a column of heights.
fn stations() -> InputColumns {
    InputColumns {
        names: ["lon", "lat", "height"].map(String::from).to_vec(),
        shifts: vec![13.4, 52.5, 200.0],
        scales: vec![0.2, 0.1, 30.0],
        groups: vec![("place".into(), vec![0, 1])],
    }
}

#[test]
fn lengthscales_of_a_metric_are_in_kilometres() {
    let starts = |text: &str| -> Vec<(String, f64)> {
        let kernel = parse(text).resolve(&stations()).unwrap_or_else(|e| panic!("{e}"));
        kernel.parameters().into_iter().skip(1).map(|p| (p.path, p.start)).collect()
    };
    // Standard deviations: 13.54 km east-west and 11.12 km north-south, so 17.52 km from the centre.
    let near = |given: &[(String, f64)], expected: &[(&str, f64)]| {
        assert_eq!(given.len(), expected.len());
        for ((path, start), (name, value)) in given.iter().zip(expected) {
            assert!(path == name && (start - value).abs() < 1e-3 * value, "{path} starts at {start}");
        }
    };
    near(&starts("matern32(lon, lat; metric=sphere)"), &[("lengthscales", 2f64.sqrt())]);
    near(&starts("matern32(place; metric=sphere, lengthscales=35.04)"), &[("lengthscales", 2.0)]);
    let both = [("lengthscales[0]", 1.0), ("lengthscales[1]", 0.5)];
    near(&starts("rbf(lon, lat; metric=projected, lengthscales=[17.52, 8.76])"), &both);
    near(&starts("rbf(lon, lat; shared, metric=projected, lengthscales=17.52)"), &[("lengthscales", 1.0)]);
    near(&starts("rq(lon, lat; shared, metric=sphere)")[..1], &[("lengthscales", 2f64.sqrt())]);
}

#[test]
fn columns_that_cannot_be_a_longitude_and_a_latitude_are_refused() {
    let refused = |text: &str, inputs: &InputColumns| match parse(text).resolve(inputs) {
        Ok(_) => panic!("`{text}` is not refused"),
        Err(error) => error.to_string(),
    };
    let place = stations();
    for (text, message) in [
        ("rbf(lon; metric=sphere)", "two columns in degrees, longitude and then latitude, not 1"),
        ("rbf(;metric=projected)", "longitude and then latitude, not 3"),
        ("rbf(lat, lon; metric=sphere)", "takes the longitude first"),
        ("rbf(lon, height; metric=sphere)", "`lon`, `height` cannot be these: their means are 13.4 and 200"),
        ("rbf(lon, lat; metric=sphere, ard)", "has one lengthscale: leave out `ard`"),
        ("rbf(lon, lat; metric=sphere, lengthscales=[1, 2])", "`lengthscales` takes one value"),
    ] {
        let error = refused(text, &place);
        assert!(error.contains(message), "{error}");
    }
    let unscaled = InputColumns::unscaled(["lon", "lat"]);
    let error = refused("rbf(metric=projected)", &unscaled);
    assert!(error.contains("mean latitude") && error.contains("metric=sphere"), "{error}");
    assert!(parse("rbf(metric=sphere)").resolve(&unscaled).is_ok());
    points_at("rbf(x0,x1; metric=round)", "                  ^", "it must be `sphere` or `projected`");
    points_at("rbf(x0,x1; metric=)", "                  ^", "expected `sphere` or `projected`");
    points_at(
        "rbf(x0,x1; metric=sphere, metric=sphere)",
        "                          ^",
        "`metric` is given twice",
    );
    points_at("cosine(x0,x1; metric=sphere)", "              ^", "`cosine` has no option `metric`");
}

#[test]
fn depth_and_length_are_limited() {
    let nested = |depth: usize| format!("{}rbf{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(64).parse::<KernelExpression>().is_ok());
    let error = nested(65).parse::<KernelExpression>().unwrap_err();
    assert_eq!((error.kind, error.position), (ExpressionErrorKind::TooDeep { limit: 64 }, 64));
    let error = "(".repeat(1_000_000).parse::<KernelExpression>().unwrap_err();
    assert!(matches!(error.kind, ExpressionErrorKind::TooLong { length: 1_000_000, limit: 10_000 }));
    assert!(error.to_string().len() < 200);
}

#[test]
fn a_kernel_on_all_of_no_inputs_is_refused() {
    let none = InputColumns::unscaled([] as [&str; 0]);
    assert_eq!(parse("white + rbf").resolve(&none).unwrap_err().position, 8);
    assert!(parse("white + constant").resolve(&none).is_ok());
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_map(f64::abs).prop_filter("positive", |v| *v > 0.0 && v.is_finite()),
        (1..1000_u32).prop_map(f64::from),
        0.001..10.0
    ]
}

fn at<T>(value: T) -> At<T> {
    At { value, position: 0 }
}

fn leaf() -> impl Strategy<Value = LeafExpression> {
    (0..KINDS.len()).prop_flat_map(|k| {
        let kind = &KINDS[k];
        let mut options: Vec<BoxedStrategy<LeafOption>> = Vec::new();
        options
            .extend(kind.flag.map(|_| {
                prop_oneof![Just(Flag::Shared), Just(Flag::Ard)].prop_map(LeafOption::Flag).boxed()
            }));
        let metric = prop_oneof![Just(MetricName::Sphere), Just(MetricName::Projected)];
        options.extend(kind.takes_metric.then(|| metric.prop_map(LeafOption::Metric).boxed()));
        options.extend(kind.whole.as_ref().map(|w| (w.least..=w.most).prop_map(LeafOption::Whole).boxed()));
        for parameter in kind.parameters {
            let one = value().prop_map(move |v| LeafOption::Start(parameter, v));
            let list =
                prop::collection::vec(value(), 1..4).prop_map(move |v| LeafOption::Starts(parameter, v));
            options.push(prop_oneof![one, list].boxed());
            options.push(Just(LeafOption::Fixed(Some(parameter))).boxed());
        }
        let chosen = subsequence(options.clone(), 0..=options.len()).prop_shuffle().prop_flat_map(|o| o);
        let chosen = prop_oneof![4 => chosen, 1 => Just(vec![LeafOption::Fixed(None)])];
        let columns =
            prop::collection::hash_set(prop_oneof!["[a-z0-9_.]{1,5}", ".*", "[ü\"\\\\ =]{0,4}"], 0..4);
        (columns, chosen).prop_map(move |(columns, options)| LeafExpression {
            kind,
            columns: columns.into_iter().filter(|_| kind.takes_columns).map(at).collect(),
            options: options.into_iter().map(at).collect(),
            at: at(()),
        })
    })
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_map(Node::Leaf).prop_recursive(4, 12, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![parts().prop_map(Node::Sum), parts().prop_map(Node::Product)]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_expression(root in node()) {
        let expression = KernelExpression { text: String::new(), root };
        let printed = expression.to_string();
        prop_assume!(printed.len() <= 10_000);
        let parsed = parse(&printed);
        prop_assert_eq!(&parsed, &expression);
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = text.parse::<KernelExpression>().map_err(|e| e.to_string());
    }

    #[test]
    fn no_text_that_looks_like_an_expression_makes_it_panic(
        pieces in prop::collection::vec(prop_oneof![
            "rbf|periodic|linear|arccosine|polynomial|white|x0|x1|site|wind speed|shared|ard|fixed|all|variance|lengthscales|period|metric|sphere|projected",
            "[-(),;*+=\\[\\]\"\\\\ ü0-9e.]",
        ], 0..25)
    ) {
        let resolved = pieces.concat().parse::<KernelExpression>().and_then(|e| e.resolve(&inputs()));
        let _ = resolved.map_err(|e| e.to_string());
    }
}
