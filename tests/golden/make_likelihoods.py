"""Likelihoods by SciPy, their integrals over a Gaussian latent value by mpmath, some of them by GPflow as well.

    pip install "scipy==1.17.1" "mpmath==1.4.1" "gpflow==2.11.2" && python make_likelihoods.py > scipy_likelihoods.json

A record is {family, classes, theta, y, exposure, what, value} and either f or (mean, variance). `what` is one of
  log_density, cdf                      of p(y | f): scipy.stats (mpmath where SciPy lacks digits, as said below)
  expectation                           E log p(y | f) under N(mean, variance): mpmath
  predictive_log_density                log E p(y | f) under N(mean, variance): mpmath
  predictive_mean, predictive_variance  of y, from E[y | f] and Var[y | f]: mpmath
A family is one function: (theta, exposure, f) -> a frozen distribution of scipy.stats, and log p(y | f) in mpmath for
the integrals.
"""

import json
import sys

import mpmath as mp
import numpy as np
from scipy import optimize, stats

mp.mp.dps = 20
records = []


def add(family, theta, y, what, value, exposure=1.0, classes=2, **where):
    value = float(value)
    assert np.isfinite(value), (family, theta, y, what, where)
    record = {"family": family, "classes": classes, "theta": theta, "y": y, "exposure": exposure}
    records.append(record | where | {"what": what, "value": value})


def logistic(f):
    return 1 / (1 + mp.exp(-f))


def log1p_exp(f):
    return mp.log1p(mp.exp(f))


def log_choose(n, y):
    return mp.loggamma(n + 1) - mp.loggamma(y + 1) - mp.loggamma(n - y + 1)


# log p(y | f) with 20 digits: theta by the last part of its path, y, exposure e, f.


def log_gaussian(t, y, e, f):
    return -((y - f) ** 2) / (2 * t["variance"]) - mp.log(2 * mp.pi * t["variance"]) / 2


def log_log_normal(t, y, e, f):
    return log_gaussian(t, mp.log(y), e, f) - mp.log(y)


def log_bernoulli(t, y, e, f):
    return -log1p_exp(-f if y else f)


def log_probit(t, y, e, f):
    return mp.log(mp.ncdf(f if y else -f))


def log_binomial(t, y, e, f):
    return log_choose(e, y) - y * log1p_exp(-f) - (e - y) * log1p_exp(f)


def log_poisson(t, y, e, f):
    return y * (mp.log(e) + f) - e * mp.exp(f) - mp.loggamma(y + 1)


def log_negative_binomial(t, y, e, f):
    r = mp.mpf(t["dispersion"])
    a = mp.log(e) + f - mp.log(r)
    constant = mp.loggamma(y + r) - mp.loggamma(r) - mp.loggamma(y + 1)
    return constant - y * log1p_exp(-a) - r * log1p_exp(a)


def log_exponential(t, y, e, f):
    return -f - y * mp.exp(-f)


def log_gamma(t, y, e, f):
    s = mp.mpf(t["shape"])
    return s * (mp.log(s) - f - y * mp.exp(-f)) - mp.loggamma(s) + (s - 1) * mp.log(y)


def log_student_t(t, y, e, f):
    n, s = mp.mpf(t["degrees"]), mp.mpf(t["scale"])
    constant = mp.loggamma((n + 1) / 2) - mp.loggamma(n / 2) - mp.log(n * mp.pi) / 2 - mp.log(s)
    return constant - (n + 1) / 2 * mp.log1p(((y - f) / s) ** 2 / n)


def log_laplace(t, y, e, f):
    return -abs(y - f) / t["scale"] - mp.log(2 * t["scale"])


def log_beta(t, y, e, f):
    s, m = mp.mpf(t["precision"]), logistic(f)
    a, b = m * s, (1 - m) * s
    constant = mp.loggamma(s) - mp.loggamma(a) - mp.loggamma(b)
    return constant + (a - 1) * mp.log(y) + (b - 1) * mp.log1p(-mp.mpf(y))


def log_ordinal(t, y, e, f):
    cuts = [-mp.inf, mp.mpf(t["cuts[0]"])]
    while f"gaps[{len(cuts) - 2}]" in t:
        cuts.append(cuts[-1] + mp.mpf(t[f"gaps[{len(cuts) - 2}]"]))
    cuts.append(mp.inf)
    low, high = cuts[int(y)] - f, cuts[int(y) + 1] - f
    # In the upper half the difference of upper tails has the digits.
    return mp.log(mp.ncdf(-low) - mp.ncdf(-high) if low > 0 else mp.ncdf(high) - mp.ncdf(low))


def probability(f):
    return float(logistic(mp.mpf(f)))


def scipy_gamma(t, e, f):
    return stats.gamma(t["shape"], scale=np.exp(f) / t["shape"])


def scipy_beta(t, e, f):
    m = probability(f)
    return stats.beta(m * t["precision"], (1 - m) * t["precision"])


def scipy_negative_binomial(t, e, f):
    return stats.nbinom(t["dispersion"], t["dispersion"] / (t["dispersion"] + e * np.exp(f)))


# family: log p, SciPy's distribution, cases (theta, [y or (y, exposure)]).
FAMILIES = {
    "gaussian": (
        log_gaussian,
        lambda t, e, f: stats.norm(f, np.sqrt(t["variance"])),
        [({"variance": 0.3}, [1.2, -6.0]), ({"variance": 2.5}, [0.4])],
    ),
    "bernoulli": (log_bernoulli, lambda t, e, f: stats.bernoulli(probability(f)), [({}, [0.0, 1.0])]),
    "probit": (log_probit, lambda t, e, f: stats.bernoulli(stats.norm.cdf(f)), [({}, [0.0, 1.0])]),
    "binomial": (
        log_binomial,
        lambda t, e, f: stats.binom(e, probability(f)),
        [({}, [(3.0, 10.0), (0.0, 7.0), (40.0, 40.0), (120.0, 400.0)])],
    ),
    "poisson": (
        log_poisson,
        lambda t, e, f: stats.poisson(e * np.exp(f)),
        [({}, [(0.0, 1.0), (3.0, 2.5), (250.0, 90.0), (7.0, 0.1)])],
    ),
    "negative-binomial": (
        log_negative_binomial,
        scipy_negative_binomial,
        [({"dispersion": 0.6}, [(0.0, 1.0), (9.0, 2.5)]), ({"dispersion": 14.0}, [(150.0, 60.0)])],
    ),
    "student-t": (
        log_student_t,
        lambda t, e, f: stats.t(t["degrees"], f, t["scale"]),
        [({"degrees": 3.5, "scale": 0.6}, [0.2, 30.0]), ({"degrees": 40.0, "scale": 2.0}, [-5.0])],
    ),
    "laplace": (
        log_laplace,
        lambda t, e, f: stats.laplace(f, t["scale"]),
        [({"scale": 0.4}, [0.2, 12.0]), ({"scale": 2.0}, [-5.0])],
    ),
    "exponential": (log_exponential, lambda t, e, f: stats.expon(scale=np.exp(f)), [({}, [0.0, 0.01, 1.7, 25.0])]),
    "gamma": (
        log_gamma,
        scipy_gamma,
        [({"shape": 0.7}, [0.003, 2.0]), ({"shape": 25.0}, [0.8, 40.0])],
    ),
    "beta": (
        log_beta,
        scipy_beta,
        [({"precision": 3.0}, [0.4, 0.999]), ({"precision": 60.0}, [0.03, 0.7])],
    ),
    "log-normal": (
        log_log_normal,
        lambda t, e, f: stats.lognorm(np.sqrt(t["variance"]), scale=np.exp(f)),
        [({"variance": 0.2}, [0.05, 1.7]), ({"variance": 1.5}, [60.0])],
    ),
}
WITHOUT_MASS = {"gaussian", "student-t", "laplace", "exponential", "gamma", "beta", "log-normal"}
POINTS = [-4.0, -0.7, 0.3, 2.5]
# Where the expectation of the program is a rule of 20 nodes, a variance at which the rule has converged.
EXPECTATION = {"bernoulli": 0.6, "probit": 0.2, "binomial": 0.6, "negative-binomial": 0.6}
EXPECTATION |= {"student-t": None, "beta": 0.1}


def paths(theta):
    return {f"likelihood.{name}": value for name, value in theta.items()}


def integral(g, log_g, mean, variance, kinks=()):
    """The integral of g(f) N(f | mean, variance), with pieces around the mode of log_g + log N."""
    sd = variance**0.5
    objective = lambda f: -float(log_g(mp.mpf(f)) - (f - mean) ** 2 / (2 * variance))
    grid = mean + sd * np.linspace(-12, 12, 97)
    best = grid[np.argmin([objective(f) for f in grid])]
    bounds = (best - sd / 4, best + sd / 4)
    mode = optimize.minimize_scalar(objective, bounds=bounds, method="bounded").x
    h = 1e-3 * sd
    curvature = (objective(mode + h) + objective(mode - h) - 2 * objective(mode)) / h**2
    width = max(curvature, 1 / variance) ** -0.5
    low, high = mean - 16 * sd, mean + 16 * sd
    steps = [0.0] + [s * x for s in (-1, 1) for x in (1, 2, 3, 4.5, 6, 8, 11, 15, 22, 35, 60, 120, 300)]
    pieces = [mode + width * s for s in steps] + [mean + sd * s for s in range(-12, 13, 3)] + list(kinks)
    pieces = [low] + sorted(p for p in set(pieces) if low < p < high) + [high]
    density = lambda f: g(f) * mp.exp(-((f - mean) ** 2) / (2 * mp.mpf(variance)))
    total = mp.quad(density, [mp.mpf(p) for p in pieces], method="gauss-legendre", maxdegree=5)
    return total / mp.sqrt(2 * mp.pi * variance)


for family, (log_p, distribution, cases) in FAMILIES.items():
    for theta, targets in cases:
        for target in targets:
            y, e = target if isinstance(target, tuple) else (target, 1.0)
            for f in POINTS:
                frozen = distribution(theta, e, f)
                value = frozen.logpdf(y) if family in WITHOUT_MASS else frozen.logpmf(y)
                precise = log_p(theta, y, e, mp.mpf(f))
                assert abs(value - precise) < 1e-9 * (1 + abs(precise)), (family, y, f, value, precise)
                add(family, paths(theta), y, "log_density", precise, e, f=[f])
                add(family, paths(theta), y, "cdf", frozen.cdf(y), e, f=[f])
            # Far out SciPy's probabilities round to 0 or 1.
            for f in [-25.0, 25.0] if family != "beta" else []:
                add(family, paths(theta), y, "log_density", log_p(theta, y, e, mp.mpf(f)), e, f=[f])
            log_g = lambda f: log_p(theta, y, e, f)
            kinks = [y] if family == "laplace" else []
            for mean in [-1.3, 0.8]:
                variance = EXPECTATION.get(family, 0.6)
                if variance:
                    value = integral(log_g, lambda f: mp.mpf(0), mean, variance, kinks)
                    add(family, paths(theta), y, "expectation", value, e, mean=mean, variance=variance)
                for variance in [0.1, 3.0, 100.0]:
                    # A proportion's mean that is 0 or 1 to rounding has no density.
                    if family == "beta" and variance > 10:
                        continue
                    # Scaled to the largest value, so that quadrature sees no underflow.
                    top = max(log_g(mean + variance**0.5 * mp.mpf(x)) for x in range(-12, 13))
                    value = integral(lambda f: mp.exp(log_g(f) - top), log_g, mean, variance, kinks)
                    what = "predictive_log_density"
                    add(family, paths(theta), y, what, top + mp.log(value), e, mean=mean, variance=variance)
    print(family, len(records), file=sys.stderr)

# Moments of what has no closed form.
for n in [1.0, 30.0]:
    for mean, variance in [(-1.3, 0.1), (0.8, 3.0), (2.0, 100.0)]:
        flat = lambda f: mp.mpf(0)
        first = integral(lambda f: n * logistic(f), flat, mean, variance, [0.0, -3.0, 3.0])
        within = integral(lambda f: n * logistic(f) * logistic(-f), flat, mean, variance, [0.0, -3.0, 3.0])
        second = integral(lambda f: (n * logistic(f)) ** 2, flat, mean, variance, [0.0, -3.0, 3.0])
        for family in ["bernoulli", "binomial"] if n == 1 else ["binomial"]:
            at = {"mean": mean, "variance": variance}
            add(family, {}, 0.0, "predictive_mean", first, n, **at)
            add(family, {}, 0.0, "predictive_variance", within + second - first**2, n, **at)

# Classes: their probabilities are defined by what stands here.
ordinal = {"cuts[0]": -0.8, "gaps[0]": 0.5, "gaps[1]": 1.4}
for y in range(4):
    for f in [-9.0, -0.9, 0.0, 0.6, 9.0]:
        value = log_ordinal(ordinal, y, 1.0, mp.mpf(f))
        add("ordinal", paths(ordinal), float(y), "log_density", value, classes=4, f=[f])
    for mean, variance in [(-0.5, 0.1), (1.0, 3.0)]:
        log_g = lambda f: log_ordinal(ordinal, y, 1.0, f)
        value = mp.log(integral(lambda f: mp.exp(log_g(f)), lambda f: mp.mpf(0), mean, variance))
        at = {"mean": mean, "variance": variance}
        add("ordinal", paths(ordinal), float(y), "predictive_log_density", value, classes=4, **at)
for f in [[0.3, -1.2, 0.8], [20.0, -20.0, 0.0], [2.0, 2.0, 2.0]]:
    for y in range(3):
        value = f[y] - mp.log(sum(mp.exp(v) for v in f))
        add("softmax", {}, float(y), "log_density", value, classes=3, f=f)
for f in [[0.3, -1.2], [-2.0, 3.0], [0.0, -12.0]]:
    for y in [0.25, -4.0]:
        value = stats.norm.logpdf(y, f[0], np.exp(f[1] / 2))
        add("heteroscedastic", {}, y, "log_density", value, f=f)
        add("heteroscedastic", {}, y, "cdf", stats.norm.cdf(y, f[0], np.exp(f[1] / 2)), f=f)

# GPflow agrees where it has the likelihood with the same link, with its own rule of 20 nodes.
if "--no-gpflow" not in sys.argv:
    import gpflow
    import tensorflow as tf

    peers = {
        "gaussian": lambda t: gpflow.likelihoods.Gaussian(variance=t["likelihood.variance"]),
        "bernoulli": lambda t: gpflow.likelihoods.Bernoulli(invlink=tf.math.sigmoid),
        "poisson": lambda t: gpflow.likelihoods.Poisson(),
        "exponential": lambda t: gpflow.likelihoods.Exponential(),
    }
    compared = 0
    for r in records:
        if r["family"] in peers and r["what"] == "expectation" and r["exposure"] == 1.0:
            column = lambda v: np.array([[v]], dtype=float)
            peer = peers[r["family"]](r["theta"])
            arguments = (column(0.0), column(r["mean"]), column(r["variance"]), column(r["y"]))
            value = float(peer.variational_expectations(*arguments)[0])
            assert abs(value - r["value"]) < 1e-8 * (1 + abs(value)), (r, value)
            compared += 1
    print(f"GPflow agrees on {compared} expectations", file=sys.stderr)

print("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]")
