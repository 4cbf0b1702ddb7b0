//! What a report is made from: names and numbers, in the table's own units unless said otherwise.
//!
//! Values that are not finite are left out of figures and shown as a dash in tables. An empty list or `None`
//! leaves its section out.

pub use super::classes::{Classes, Surface};
pub use super::rootogram::Counts;

/// Everything on the page.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was fitted, to what, how.
    pub summary: Summary,
    /// Scores on the test rows, in the order shown.
    pub scores: Vec<Score>,
    /// Notices and warnings.
    pub notices: Vec<Notice>,
    /// Whether the particles can be trusted.
    pub trust: Option<Trust>,
    /// The parameter table.
    pub parameters: Vec<ParameterRow>,
    /// One small figure each.
    pub particles: Vec<ParameterParticles>,
    /// How inference went.
    pub trace: Option<Trace>,
    /// Predicted against observed.
    pub observed: Option<Observed>,
    /// Calibration of the predictive distributions.
    pub calibration: Option<Calibration>,
    /// Predicted classes, where the target is one.
    pub classes: Option<Classes>,
    /// Predicted counts, where the target is one.
    pub counts: Option<Counts>,
    /// One small figure each.
    pub effects: Vec<Effect>,
    /// The fit itself, for one input.
    pub fit: Option<FitCurve>,
}

/// What was fitted, to what, how.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Name of the target column.
    pub target: String,
    /// Table file.
    pub table: String,
    /// Number of training rows.
    pub rows_train: usize,
    /// Number of test rows.
    pub rows_test: usize,
    /// Names of the inputs.
    pub inputs: Vec<String>,
    /// Kernel expression.
    pub kernel: String,
    /// Likelihood; empty leaves it out.
    pub likelihood: String,
    /// Model, such as `exact`.
    pub model: String,
    /// Inference method, such as `SVGD`.
    pub method: String,
    /// Number of particles or draws.
    pub particles: Option<usize>,
    /// Number of iterations.
    pub iterations: Option<usize>,
    /// Number of evaluations of the log density.
    pub evaluations: Option<usize>,
    /// Wall time of the fit in seconds.
    pub seconds: Option<f64>,
}

impl Summary {
    /// What one of the posterior's points is called: SVGD's are particles, other methods' draws.
    pub fn point_name(&self) -> &'static str {
        if self.method.is_empty() || self.method.to_lowercase().contains("svgd") {
            "particle"
        } else {
            "draw"
        }
    }
}

/// How a score is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScoreFormat {
    /// As a number.
    #[default]
    Number,
    /// A fraction, as a percentage.
    Percent,
}

/// One line of the score table.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Such as `RMSE` or `coverage of 90 % intervals`.
    pub name: String,
    /// On the target's own scale.
    pub value: f64,
    /// On the standardised scale, where that differs.
    pub standardised: Option<f64>,
    /// How both are written.
    pub format: ScoreFormat,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// Good to know.
    #[default]
    Notice,
    /// Results may be wrong.
    Warning,
}

/// A sentence that the reader should see before the figures.
#[derive(Debug, Clone, Default)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
}

/// What the particles are worth.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// How much it matters.
    pub severity: Severity,
    /// The verdict in a word or two.
    pub verdict: String,
    /// What was seen: a sentence.
    pub explanation: String,
    /// What to do: a sentence.
    pub advice: String,
    /// The figures behind it.
    pub figures: Vec<TrustFigure>,
}

/// A diagnostic and what it should be, as text.
#[derive(Debug, Clone, Default)]
pub struct TrustFigure {
    /// Such as `Stein ratio`.
    pub name: String,
    /// What it is.
    pub found: String,
    /// What exact draws give.
    pub exact: String,
}

/// One line of the parameter table.
#[derive(Debug, Clone, Default)]
pub struct ParameterRow {
    /// Such as `kernel.lengthscales[0]`.
    pub path: String,
    /// The input column that the parameter belongs to, where it belongs to one.
    pub column: Option<String>,
    /// Bijector, such as `softplus`.
    pub transform: String,
    /// Prior, such as `gamma(1, 2)`; empty where there is none.
    pub prior: String,
    /// What is known of its value.
    pub value: ParameterValue,
}

/// What is known of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterValue {
    /// Held at this value.
    Fixed(f64),
    /// Estimated as this value, without a spread (one particle).
    Point(f64),
    /// Moments and quantiles over the particles.
    Spread {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
        /// 5 % quantile.
        q05: f64,
        /// Median.
        q50: f64,
        /// 95 % quantile.
        q95: f64,
    },
}

impl Default for ParameterValue {
    fn default() -> Self {
        ParameterValue::Point(f64::NAN)
    }
}

/// The values that a parameter may take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Support {
    /// Any real number.
    #[default]
    Real,
    /// Above zero.
    Positive,
    /// Between the two.
    Between(f64, f64),
}

/// One parameter's particles and prior, on the constrained scale.
#[derive(Debug, Clone, Default)]
pub struct ParameterParticles {
    /// Such as `kernel.lengthscales[0]`.
    pub path: String,
    /// The input column that the parameter belongs to, where it belongs to one.
    pub column: Option<String>,
    /// Values that it may take.
    pub support: Support,
    /// One value a particle.
    pub values: Vec<f64>,
    /// One weight a particle; empty for equal weights. Need not sum to one.
    pub weights: Vec<f64>,
    /// Points (value, density) of the normalised prior, ascending in value; empty where there is none. Points of
    /// a positive parameter are best spaced evenly in its logarithm, since its axis may be logarithmic.
    pub prior: Vec<(f64, f64)>,
}

/// How inference went, iteration by iteration.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// What the first panel shows; empty for `log density`.
    pub quantity: String,
    /// The first panel.
    pub points: Vec<TracePoint>,
    /// What `low` and `high` of the points are, such as `lowest to highest particle`.
    pub band: String,
    /// Points (iteration, Stein ratio).
    pub stein_ratio: Vec<(usize, f64)>,
}

/// The particles' log densities at one iteration. `low` = `high` = NaN leaves the band out.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracePoint {
    /// Iteration.
    pub iteration: usize,
    /// Mean over particles.
    pub mean: f64,
    /// Lower edge of the band.
    pub low: f64,
    /// Upper edge of the band.
    pub high: f64,
}

/// Which rows a figure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// Rows that the model has not seen.
    #[default]
    Test,
    /// Rows that the model was fitted to.
    Train,
}

impl Rows {
    /// `test rows` or `training rows`.
    pub fn name(self) -> &'static str {
        match self {
            Rows::Test => "test rows",
            Rows::Train => "training rows",
        }
    }
}

/// Predictions and observations, row by row.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Name of the target.
    pub target: String,
    /// Which rows these are.
    pub rows: Rows,
    /// Level of the intervals, such as 0.9.
    pub level: f64,
    /// The rows.
    pub points: Vec<ObservedPoint>,
}

/// One row's prediction and observation.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObservedPoint {
    /// Observed target.
    pub observed: f64,
    /// Predictive mean.
    pub predicted: f64,
    /// Lower end of the predictive interval.
    pub low: f64,
    /// Upper end of the predictive interval.
    pub high: f64,
}

/// What the calibration curve compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CalibrationKind {
    /// Nominal against empirical coverage of central intervals (regression).
    #[default]
    Coverage,
    /// Predicted probability against observed frequency (classification).
    Probability,
}

/// Calibration of the predictive distributions.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    /// What the curve compares.
    pub kind: CalibrationKind,
    /// Which rows it is computed on.
    pub rows: Rows,
    /// The curve, ascending in `nominal`.
    pub points: Vec<CalibrationPoint>,
    /// Predictive distribution function at the observed value, one a row, in [0, 1]; empty leaves the
    /// histogram out.
    pub pit: Vec<f64>,
}

/// One point of the calibration curve; all are fractions.
#[derive(Debug, Clone, Copy, Default)]
pub struct CalibrationPoint {
    /// Nominal coverage, or predicted probability.
    pub nominal: f64,
    /// Fraction of rows that the interval covered, or observed frequency.
    pub empirical: f64,
    /// Lower end of the binomial 95 % band around `nominal`.
    pub low: f64,
    /// Upper end of the binomial 95 % band around `nominal`.
    pub high: f64,
}

/// The prediction as one input varies and the others stay at their medians.
#[derive(Debug, Clone, Default)]
pub struct Effect {
    /// Name of the input.
    pub input: String,
    /// Name of the target.
    pub target: String,
    /// Values of the input, ascending. Up to six are drawn as separate points with bars, as suits a category.
    pub grid: Vec<f64>,
    /// Predicted mean at each.
    pub mean: Vec<f64>,
    /// 50 % band (low, high) at each.
    pub band50: Vec<(f64, f64)>,
    /// 90 % band (low, high) at each.
    pub band90: Vec<(f64, f64)>,
    /// The input's values in the training rows.
    pub data: Vec<f64>,
}

/// The fit over the data, for one input.
#[derive(Debug, Clone, Default)]
pub struct FitCurve {
    /// Name of the input.
    pub input: String,
    /// Name of the target.
    pub target: String,
    /// Values of the input, ascending.
    pub grid: Vec<f64>,
    /// Mean at each, of the latent function or of observations.
    pub mean: Vec<f64>,
    /// Band of the latent function (low, high) at each, through its link.
    pub latent: Vec<(f64, f64)>,
    /// Band of new observations (low, high) at each; empty leaves it out.
    pub observation: Vec<(f64, f64)>,
    /// Level of both bands, such as 0.9.
    pub level: f64,
    /// Each particle's own mean at each grid value, drawn as thin lines; empty leaves them out.
    pub particle_means: Vec<Vec<f64>>,
    /// Weights of these particles: light ones are drawn faintly; empty draws all alike.
    pub particle_weights: Vec<f64>,
    /// Training rows (input, target).
    pub train: Vec<(f64, f64)>,
    /// Test rows (input, target).
    pub test: Vec<(f64, f64)>,
    /// Where everything is per unit of exposure or per trial: the exposure of the observations in their band.
    pub exposure: Option<f64>,
}
