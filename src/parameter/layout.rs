//! The named layout of a flat parameter vector.

use super::{Bijector, MonotoneMap, Prior};
use crate::{Error, Result};

/// One parameter: its path, how it is moved, what is believed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Path, such as `kernel.lengthscales[0]`.
    pub path: String,
    /// Map from R to its support.
    pub bijector: Bijector,
    /// Prior on the constrained value; `None` where nothing is believed.
    pub prior: Option<Prior>,
    /// Constrained value to start from, or to keep where `fixed`.
    pub start: f64,
    /// Whether it keeps its start value.
    pub fixed: bool,
}

impl Parameter {
    /// A free positive parameter with the default prior of scales, Gamma(1, 2).
    pub fn positive(path: impl Into<String>, start: f64) -> Self {
        Self {
            path: path.into(),
            bijector: Bijector::POSITIVE,
            prior: Some(Prior::SCALE),
            start,
            fixed: false,
        }
    }

    /// A free real parameter with the given prior.
    pub fn real(path: impl Into<String>, start: f64, prior: Prior) -> Self {
        Self { path: path.into(), bijector: Bijector::Identity, prior: Some(prior), start, fixed: false }
    }
}

/// All parameters of a model, in the order of its θ; the free ones, in the same order, make up z ∈ R^d.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    parameters: Vec<Parameter>,
    free: Vec<usize>,
}

impl Layout {
    /// A layout of these parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] where a path appears twice or a start value lies outside the support.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self> {
        let mut layout = Self { parameters: Vec::new(), free: Vec::new() };
        for parameter in parameters {
            if layout.index(&parameter.path).is_some() {
                return Err(parameter_error(&parameter.path, "appears twice"));
            }
            layout.parameters.push(parameter);
        }
        layout.refresh()?;
        Ok(layout)
    }

    fn refresh(&mut self) -> Result<()> {
        for p in &self.parameters {
            let (low, high) = p.bijector.support();
            // A fixed value may sit on the edge of the support, where it has no finite preimage.
            let inside = if p.fixed {
                p.start.is_finite() && p.start >= low.min(0.0) && p.start <= high
            } else {
                p.bijector.inverse(p.start).is_some()
            };
            if !inside {
                let text = format!("value {} lies outside its support ({low}, {high})", p.start);
                return Err(parameter_error(&p.path, &text));
            }
            if let (Some(prior), false) = (p.prior, p.fixed)
                && !prior.log_density(p.start).0.is_finite()
            {
                let text = format!("start value {} has no density under its prior {prior}", p.start);
                return Err(parameter_error(&p.path, &text));
            }
        }
        self.free = (0..self.parameters.len()).filter(|&i| !self.parameters[i].fixed).collect();
        Ok(())
    }

    /// All parameters, fixed ones included.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The free parameters, in the order of z.
    pub fn free(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.free.iter().map(|&i| &self.parameters[i])
    }

    /// Places in θ of the free parameters.
    pub fn free_indices(&self) -> &[usize] {
        &self.free
    }

    /// Dimension d of the unconstrained vector.
    pub fn dim(&self) -> usize {
        self.free.len()
    }

    /// Place of a path in θ.
    pub fn index(&self, path: &str) -> Option<usize> {
        self.parameters.iter().position(|p| p.path == path)
    }

    /// Place of a path in θ, or an error that lists the paths there are. `kernel.lengthscales` also finds
    /// `kernel.lengthscales[0]` where that is the only one, and the other way round.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn find(&self, path: &str) -> Result<usize> {
        let single = |i: &usize| {
            self.index(&format!("{}[1]", self.parameters[*i].path.trim_end_matches("[0]"))).is_none()
        };
        self.index(path)
            .or_else(|| self.index(&format!("{path}[0]")).filter(single))
            .or_else(|| path.strip_suffix("[0]").and_then(|p| self.index(p)))
            .ok_or_else(|| {
                let paths: Vec<&str> = self.parameters.iter().map(|p| p.path.as_str()).collect();
                parameter_error(path, &format!("there is no such parameter; there are: {}", paths.join(", ")))
            })
    }

    /// Paths of the parameters that a path stands for: one, or all of a list, as `kernel.lengthscales` for
    /// `kernel.lengthscales[0]`, `kernel.lengthscales[1]`, ….
    ///
    /// # Errors
    /// As [`Layout::find`].
    pub fn find_all(&self, path: &str) -> Result<Vec<String>> {
        let list = format!("{path}[");
        let of_list = self.parameters.iter().filter(|p| p.path.starts_with(&list)).map(|p| p.path.clone());
        let of_list: Vec<String> = of_list.collect();
        if of_list.len() > 1 {
            return Ok(of_list);
        }
        Ok(vec![self.parameters[self.find(path)?].path.clone()])
    }

    /// Changes one parameter and checks the layout again.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no such path or the change makes no sense.
    pub fn change(&mut self, path: &str, change: impl FnOnce(&mut Parameter)) -> Result<()> {
        let index = self.find(path)?;
        change(&mut self.parameters[index]);
        self.refresh()
    }

    /// Gives a parameter another prior. A uniform prior also confines the parameter to its interval.
    ///
    /// # Errors
    /// As [`Layout::change`]; also where the prior gives weight to values that the parameter cannot take.
    pub fn set_prior(&mut self, path: &str, prior: Option<Prior>) -> Result<()> {
        let index = self.find(path)?;
        let parameter = &mut self.parameters[index];
        let (low, high) = parameter.bijector.support();
        match prior {
            Some(Prior::Uniform { low: l, high: h }) => {
                if l < low.min(0.0) {
                    let text = format!("a uniform prior from {l} reaches values that it cannot take");
                    return Err(parameter_error(path, &text));
                }
                parameter.bijector = Bijector::Interval { low: l, high: h };
                let inside = l < parameter.start && parameter.start < h;
                if !parameter.fixed && !inside {
                    parameter.start = 0.5 * (l + h);
                }
            }
            Some(prior) => {
                let (l, h) = prior.support();
                if l < low.min(0.0) || h < high {
                    let text = format!("prior {prior} does not fit its support ({low}, {high})");
                    return Err(parameter_error(path, &text));
                }
                // A prior on the positive half-line makes a real parameter positive.
                if l == 0.0 && low < 0.0 {
                    parameter.bijector = Bijector::POSITIVE;
                    if parameter.start <= 0.0 {
                        parameter.start = 1.0;
                    }
                }
            }
            None => {}
        }
        parameter.prior = prior;
        self.refresh()
    }

    /// Unconstrained start values, length d.
    pub fn start(&self) -> Vec<f64> {
        // Every start has a preimage: `refresh` has checked it.
        self.free().map(|p| p.bijector.inverse(p.start).unwrap_or(0.0)).collect()
    }

    /// Constrained values θ (all) from z (free), into `theta`.
    pub fn constrain(&self, z: &[f64], theta: &mut [f64]) {
        for (t, p) in theta.iter_mut().zip(&self.parameters) {
            *t = p.start;
        }
        for (&i, &u) in self.free.iter().zip(z) {
            theta[i] = self.parameters[i].bijector.forward(u);
        }
    }

    /// z (free) from constrained values θ (all).
    ///
    /// # Errors
    /// [`Error::Parameter`] where a value lies outside the support of its parameter.
    pub fn unconstrain(&self, theta: &[f64]) -> Result<Vec<f64>> {
        self.free
            .iter()
            .map(|&i| {
                let p = &self.parameters[i];
                p.bijector.inverse(theta[i]).ok_or_else(|| {
                    let (low, high) = p.bijector.support();
                    parameter_error(&p.path, &format!("value {} lies outside ({low}, {high})", theta[i]))
                })
            })
            .collect()
    }

    /// Log prior density of the free constrained values Σ log p(θ); adds its gradient in θ to `gradient`.
    pub fn log_prior(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let mut total = 0.0;
        for &i in &self.free {
            if let Some(prior) = self.parameters[i].prior {
                let (value, slope) = prior.log_density(theta[i]);
                total += value;
                gradient[i] += slope;
            }
        }
        total
    }

    /// From ∂/∂θ to ∂/∂z through the bijectors, into `score`.
    pub fn pull_back(&self, z: &[f64], theta_gradient: &[f64], score: &mut [f64]) {
        for ((s, &u), &i) in score.iter_mut().zip(z).zip(&self.free) {
            *s = theta_gradient[i] * self.parameters[i].bijector.slope(u);
        }
    }

    /// log |dθ/dz|; adds its gradient to `score`.
    pub fn log_jacobian(&self, z: &[f64], score: &mut [f64]) -> f64 {
        let mut total = 0.0;
        for ((s, &u), &i) in score.iter_mut().zip(z).zip(&self.free) {
            let (value, slope) = self.parameters[i].bijector.log_slope(u);
            total += value;
            *s += slope;
        }
        total
    }

    /// For each free parameter the map from a standard normal to its unconstrained coordinate under its prior; the
    /// identity without a prior.
    pub fn gaussian_coordinates(&self) -> Vec<MonotoneMap> {
        // Most parameters share their prior, and a map takes half a millisecond.
        let mut known: Vec<(Bijector, Prior, MonotoneMap)> = Vec::new();
        (self.free())
            .map(|p| {
                let Some(prior) = p.prior else { return MonotoneMap::identity() };
                if let Some((_, _, map)) = known.iter().find(|(b, q, _)| *b == p.bijector && *q == prior) {
                    return map.clone();
                }
                let density = |u: f64| prior.log_density(p.bijector.forward(u)).0 + p.bijector.log_slope(u).0;
                let map = MonotoneMap::gaussianising(density);
                known.push((p.bijector, prior, map.clone()));
                map
            })
            .collect()
    }

    /// The first free parameter without a prior: a posterior over it does not exist.
    pub fn without_prior(&self) -> Option<&Parameter> {
        self.free().find(|p| p.prior.is_none())
    }
}

fn parameter_error(path: &str, text: &str) -> Error {
    Error::Parameter { path: path.into(), problem: text.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new(vec![
            Parameter::positive("kernel.variance", 1.0),
            Parameter { fixed: true, ..Parameter::positive("kernel.period", 24.0) },
            Parameter::real("mean.constant", 0.5, Prior::Normal { mean: 0.0, sd: 1.0 }),
        ])
        .unwrap()
    }

    #[test]
    fn fixed_parameters_keep_their_value_and_take_no_coordinate() {
        let layout = layout();
        assert_eq!(layout.dim(), 2);
        let mut theta = [0.0; 3];
        layout.constrain(&[0.3, -2.0], &mut theta);
        assert_eq!((theta[1], theta[2]), (24.0, -2.0));
        let back = layout.unconstrain(&theta).unwrap();
        assert!((back[0] - 0.3).abs() < 1e-12 && back[1] == -2.0);
    }

    #[test]
    fn the_path_of_a_list_stands_for_all_of_it() {
        let list = (0..3).map(|d| Parameter::positive(format!("kernel.lengthscales[{d}]"), 1.0));
        let layout = Layout::new(list.chain([Parameter::positive("kernel.variance", 1.0)]).collect());
        let layout = layout.unwrap();
        assert_eq!(layout.find_all("kernel.lengthscales").unwrap().len(), 3);
        assert_eq!(layout.find_all("kernel.lengthscales[1]").unwrap(), ["kernel.lengthscales[1]"]);
        assert_eq!(layout.find_all("kernel.variance").unwrap(), ["kernel.variance"]);
        assert!(layout.find_all("kernel.length").is_err());
    }

    #[test]
    fn unknown_paths_list_the_known_ones() {
        let message = layout().find("kernel.lengthscale").unwrap_err().to_string();
        assert!(message.contains("kernel.period"), "{message}");
    }

    #[test]
    fn a_single_vector_entry_answers_to_both_spellings() {
        let one = Layout::new(vec![Parameter::positive("kernel.lengthscales[0]", 1.0)]).unwrap();
        assert_eq!(one.find("kernel.lengthscales").unwrap(), 0);
        let two = Layout::new(vec![
            Parameter::positive("kernel.lengthscales[0]", 1.0),
            Parameter::positive("kernel.lengthscales[1]", 1.0),
        ])
        .unwrap();
        assert!(two.find("kernel.lengthscales").is_err());
    }

    #[test]
    fn a_uniform_prior_confines_its_parameter() {
        let mut layout = layout();
        layout.set_prior("kernel.variance", Some(Prior::Uniform { low: 2.0, high: 3.0 })).unwrap();
        let mut theta = [0.0; 3];
        for u in [-50.0, 0.0, 50.0] {
            layout.constrain(&[u, 0.0], &mut theta);
            assert!((2.0..=3.0).contains(&theta[0]));
        }
        assert!(layout.set_prior("kernel.variance", Some(Prior::Uniform { low: -1.0, high: 3.0 })).is_err());
    }

    #[test]
    fn priors_that_do_not_fit_are_refused() {
        let mut layout = layout();
        assert!(layout.set_prior("kernel.variance", Some(Prior::Normal { mean: 0.0, sd: 1.0 })).is_err());
        assert!(layout.change("kernel.variance", |p| p.start = -1.0).is_err());
    }
}
