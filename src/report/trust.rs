//! What the particles are worth: the verdict, what it rests on, what to do.

use super::data::{Severity, Trust, TrustFigure};
use super::number::{counted, fixed, significant};
use super::text::escape;
use crate::stein::{SteinDiagnostics, Verdict};

/// The section.
pub(super) fn html(trust: &Trust) -> String {
    let class = if trust.severity == Severity::Warning { " class=\"warning\"" } else { "" };
    let rows: String = trust.figures.iter().map(row).collect();
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=\"scroll\"><table class=\"scores\">\n<thead><tr><th>Diagnostic</th><th class=\"n\">these \
             particles</th><th class=\"n\">exact draws</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
        )
    };
    format!(
        "<h2>Can this posterior be trusted?</h2>\n<ul class=\"notices\">\n<li{class}><b>{}.</b> {} {}</li>\n</ul>\n\
         {table}",
        escape(&trust.verdict),
        escape(&trust.explanation),
        escape(&trust.advice)
    )
}

fn row(figure: &TrustFigure) -> String {
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escape(&figure.name),
        escape(&figure.found),
        escape(&figure.exact)
    )
}

/// From the diagnostics of `count` particles.
pub(super) fn from_diagnostics(found: &SteinDiagnostics, count: usize) -> Trust {
    let figure = |name: &str, found: String, exact: String| TrustFigure { name: name.into(), found, exact };
    let number = |value: f64| significant(value, 3);
    let decimals = |value: f64, n: usize| if value.is_finite() { fixed(value, n) } else { number(value) };
    let ratio = format!("{} ± {}", decimals(found.stein_ratio, 2), decimals(found.stein_ratio_se, 2));
    let figures = vec![
        figure("Stein ratio: variance of the particles over the posterior's", ratio, "1".into()),
        figure("the same in the worst coordinate", decimals(found.worst_coordinate_ratio, 2), "1".into()),
        figure(
            "largest mean score, in standard errors",
            decimals(found.mean_score_z, 1),
            "2 or 3 at most".into(),
        ),
        figure(
            "kernel Stein discrepancy, squared",
            number(found.ksd),
            format!("0 ± {}", number(found.ksd_null_sd)),
        ),
        figure("attraction by the density", number(found.attraction), String::new()),
        figure(
            "repulsion between the particles",
            number(found.repulsion),
            "as the attraction, at rest".into(),
        ),
        figure(
            "particles that a particle feels",
            decimals(found.effective_neighbours, 1),
            format!("of {}", counted(count, "particle")),
        ),
    ];
    Trust {
        severity: if found.verdict == Verdict::Fine { Severity::Notice } else { Severity::Warning },
        verdict: found.verdict.name().into(),
        explanation: found.explanation.clone(),
        advice: found.advice.clone(),
        // One particle has none of them.
        figures: if count > 1 { figures } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stein::{Cloud, Whitening};

    fn page(points: &Cloud) -> String {
        let mut scores = points.clone();
        scores.values_mut().iter_mut().for_each(|v| *v = -*v);
        html(&from_diagnostics(
            &SteinDiagnostics::new(points, &scores, &Whitening::identity(1)),
            points.count(),
        ))
    }

    #[test]
    fn the_section_shows_verdict_explanation_and_figures() {
        let points = Cloud::from_points(1, [&[-1.2][..], &[1.3][..], &[0.1][..], &[-0.3][..]]);
        let section = page(&points);
        for part in ["Can this posterior be trusted?", "<b>Fine.</b>", "Stein ratio 1.", "of 4 particles"] {
            assert!(section.contains(part), "{part}: {section}");
        }
        assert!(!section.contains("NaN") && !section.contains("warning"));
    }

    #[test]
    fn a_single_particle_is_warned_of_and_has_no_figures() {
        let section = page(&Cloud::from_points(1, [&[0.4][..]]));
        assert!(section.contains("class=\"warning\"") && !section.contains("<table"), "{section}");
    }
}
