//! Which methods are compared, as they are written: `ml`, `svgd:20`, `svgd-paper:5`.

use crate::fit::{FitOptions, Method};
use crate::inference::SteinPreset;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A method with its number of particles or draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodSpec {
    /// How the posterior is found.
    pub method: Method,
    /// Settings of SVGD; those of the options where `None`.
    pub preset: Option<SteinPreset>,
    /// Particles of SVGD, or draws from the Gaussian of `laplace` and `advi`; those of the options where `None`.
    pub count: Option<usize>,
}

/// Most particles of a method.
const MOST: usize = 10_000;
/// What can be written, for messages.
const KNOWN: [(&str, Method, Option<SteinPreset>); 8] = [
    ("ml", Method::Ml, None),
    ("map", Method::Map, None),
    ("vi", Method::Vi, None),
    ("advi", Method::Advi, None),
    ("laplace", Method::Laplace, None),
    ("svgd", Method::Svgd, None),
    ("svgd-paper", Method::Svgd, Some(SteinPreset::Paper)),
    ("nuts", Method::Nuts, None),
];

impl MethodSpec {
    /// The options with this method.
    pub fn apply(self, options: &FitOptions) -> FitOptions {
        let preset = self.preset.unwrap_or(options.preset);
        FitOptions {
            method: self.method,
            preset,
            particles: self.count.unwrap_or(options.particles),
            // The published settings have no polish.
            polish: options.polish.filter(|_| preset == SteinPreset::Default),
            ..options.clone()
        }
    }

    /// The same with the number of particles written out, so that `svgd` and `svgd:20` are one where 20 is what the options
    /// say.
    #[must_use]
    pub fn resolved(self, options: &FitOptions) -> Self {
        let count = self.count.or_else(|| (self.method == Method::Svgd).then_some(options.particles));
        Self { count, ..self }
    }

    /// Whether two are fitted alike by these options: `laplace` and `laplace:20` are where 20 is what the options say.
    pub fn is_same(self, other: Self, options: &FitOptions) -> bool {
        let of = |spec: Self| {
            let applied = spec.apply(options);
            let has_preset = spec.method == Method::Svgd;
            let particles = has_count(spec.method).then_some(applied.particles);
            (spec.method, has_preset.then_some(applied.preset), particles)
        };
        of(self) == of(other)
    }

    /// The name without the number.
    pub fn name(&self) -> &'static str {
        let same = |known: &&(&str, Method, Option<SteinPreset>)| {
            known.1 == self.method && (known.1 != Method::Svgd || known.2 == self.preset.filter(is_paper))
        };
        KNOWN.iter().find(same).map_or(self.method.name(), |known| known.0)
    }

    /// Reads several, set apart by commas.
    ///
    /// # Errors
    /// As [`MethodSpec::from_str`]; [`Error::Invalid`] for one that stands twice, and for none.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let mut methods: Vec<Self> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let method = word.parse()?;
            if methods.contains(&method) {
                return Err(Error::Invalid(format!("method `{word}` stands twice: name it once")));
            }
            methods.push(method);
        }
        match methods.is_empty() {
            true => Err(Error::Invalid("there is no method to compare".into())),
            false => Ok(methods),
        }
    }
}

/// Whether a method has particles, or draws from a Gaussian.
fn has_count(method: Method) -> bool {
    matches!(method, Method::Svgd | Method::Laplace | Method::Advi)
}

fn is_paper(preset: &SteinPreset) -> bool {
    *preset == SteinPreset::Paper
}

impl From<Method> for MethodSpec {
    /// With everything else from the options.
    fn from(method: Method) -> Self {
        Self { method, preset: None, count: None }
    }
}

impl fmt::Display for MethodSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{}:{count}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

impl FromStr for MethodSpec {
    type Err = Error;

    /// `NAME` or `NAME:COUNT`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names there are, or with what is wrong with the number.
    fn from_str(text: &str) -> Result<Self> {
        let (name, count) = match text.split_once(':') {
            Some((name, count)) => (name, Some(count)),
            None => (text, None),
        };
        let Some((_, method, preset)) = KNOWN.iter().find(|known| known.0 == name).copied() else {
            return Err(Error::Invalid(unknown(name)));
        };
        let count = match count {
            None => None,
            Some(_) if !has_count(method) => {
                return Err(Error::Invalid(format!(
                    "`{text}`: {name} takes no number of particles: svgd, svgd-paper, laplace and advi do"
                )));
            }
            Some(count) => match count.parse::<usize>() {
                Ok(count) if (1..=MOST).contains(&count) => Some(count),
                _ => {
                    return Err(Error::Invalid(format!(
                        "`{text}`: `{count}` is not a number of particles from 1 to {MOST}"
                    )));
                }
            },
        };
        Ok(Self { method, preset, count })
    }
}

/// Of `near:5` and the like, what was meant.
fn unknown(name: &str) -> String {
    let names: Vec<&str> = KNOWN.iter().map(|known| known.0).collect();
    let near = names.iter().min_by_key(|known| strsim::levenshtein(known, &name.to_lowercase()));
    let meant = near
        .filter(|known| strsim::levenshtein(known, &name.to_lowercase()) <= 2)
        .map_or(".".to_owned(), |known| format!("; did you mean `{known}`?"));
    format!(
        "there is no method `{name}`{meant} There are {}; svgd, svgd-paper, laplace and advi take a number of particles, such \
         as svgd:20",
        names.join(", ")
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_alike() {
        for text in ["ml", "svgd:2", "svgd-paper:20", "laplace:100", "nuts", "svgd"] {
            assert_eq!(text.parse::<MethodSpec>().unwrap().to_string(), text);
        }
        let options = FitOptions::default();
        let resolved = "svgd".parse::<MethodSpec>().unwrap().resolved(&options);
        assert_eq!(resolved.to_string(), "svgd:20");
        let paper = FitOptions { preset: SteinPreset::Paper, ..options };
        assert_eq!("svgd:3".parse::<MethodSpec>().unwrap().apply(&paper).preset, SteinPreset::Paper);
    }

    #[test]
    fn what_cannot_be_read_says_what_there_is() {
        for (text, part) in [
            ("svgdd:5", "did you mean `svgd`?"),
            ("gpflow", "There are ml, map"),
            ("ml:3", "no number of particles"),
            ("svgd:0", "from 1"),
            ("svgd:x", "`x`"),
        ] {
            let told = text.parse::<MethodSpec>().unwrap_err().to_string();
            assert!(told.contains(part), "`{part}` is not in: {told}");
        }
        assert!(MethodSpec::list("ml,map,ml").unwrap_err().to_string().contains("twice"));
        assert!(MethodSpec::list(" , ").is_err());
    }

    #[test]
    fn methods_that_are_fitted_alike_are_the_same() {
        let options = FitOptions::default();
        let paper = FitOptions { preset: SteinPreset::Paper, ..options.clone() };
        let same = |a: &str, b: &str, options: &FitOptions| {
            a.parse::<MethodSpec>().unwrap().is_same(b.parse().unwrap(), options)
        };
        assert!(same("laplace", "laplace:20", &options) && !same("laplace", "laplace:21", &options));
        assert!(same("svgd:5", "svgd-paper:5", &paper) && !same("svgd:5", "svgd-paper:5", &options));
    }

    #[test]
    fn options_follow_the_method_and_the_published_settings_lose_the_polish() {
        let options = FitOptions { polish: Some(3), ..FitOptions::default() };
        let of = |text: &str| text.parse::<MethodSpec>().unwrap().apply(&options);
        assert_eq!((of("svgd:7").particles, of("svgd:7").polish), (7, Some(3)));
        assert_eq!((of("svgd-paper:5").preset, of("svgd-paper:5").polish), (SteinPreset::Paper, None));
        assert_eq!((of("advi").method, of("advi").particles), (Method::Advi, 20));
    }
}
