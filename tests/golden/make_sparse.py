"""Sparse models by GPflow: SGPR, GPRFITC and SVGP with values, gradients and predictions.

    pip install "gpflow==2.11.2" "tensorflow==2.21.0" "tf_keras==2.21.0" mpmath && python make_sparse.py > sparse.json

GPflow adds a jitter of 1e-6 to K(Z, Z); it is 0 here, and inducing inputs lie far enough apart that none is needed.
Gradients are those of TensorFlow's automatic differentiation, in the constrained parameters and in Z.

  collapsed  SGPR's bound and GPRFITC's likelihood on all rows, predict_f of both, and q(v) = N(mean, FFᵀ) of SGPR: GPflow's
             compute_qu gives q(u), and v = L⁻¹u
  svgp       SVGP's elbo with whiten=True, on all rows or on some of them with num_data, and its parts: the divergence KL(q ‖ p)
             and what is left, scale × Σ E log p(y | f); gradients are those of the elbo, by q_mu and q_sqrt as well

Expectations by Gauss–Hermite quadrature with 100 nodes. GPflow's own links keep probabilities away from 0 and 1 (its probit by
0.001), or round them to 0 and 1 at far nodes: Logit and Probit below replace log p(y | f) and nothing else.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import gpflow
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from make_golden import SEED, A, add, mul

NODES = 100
gpflow.config.set_default_jitter(0.0)
gpflow.config.set_default_positive_bijector("exp")
gpflow.config.set_default_positive_minimum(0.0)


class Logit(gpflow.likelihoods.Bernoulli):
    def _scalar_log_prob(self, X, F, Y):
        return -tf.nn.softplus(-(2.0 * Y - 1.0) * F)


class Probit(gpflow.likelihoods.Bernoulli):
    def _scalar_log_prob(self, X, F, Y):
        return tfp.distributions.Normal(np.float64(0), np.float64(1)).log_cdf((2.0 * Y - 1.0) * F)


def table(width, inducing, rng):
    """Rows, targets of every kind, inducing inputs on a grid that is shaken, and places to predict at."""
    x = rng.uniform(-2.0, 2.0, (60, width))
    f = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, -1]
    counts = {2: (4, 3), 3: (3, 2, 2)}[width]
    grid = np.meshgrid(*[np.linspace(-1.8, 1.8, c) for c in counts], indexing="ij")
    z = np.stack([g.ravel() for g in grid], 1) + 0.15 * rng.standard_normal((inducing, width))
    return {
        "x": x,
        "z": z,
        "x2": rng.uniform(-2.5, 2.5, (10, width)),
        "y": {
            "gaussian": f + 0.3 * rng.standard_normal(60),
            "bernoulli": (f + 0.6 * rng.standard_normal(60) > 0).astype(float),
            "poisson": rng.poisson(np.exp(f)).astype(float),
            "student-t": f + 0.4 * rng.standard_t(3, 60),
        },
    }


KERNELS = {  # ours, theirs, columns, parameters
    "rbf": (A("rbf"), 3, [1.3, 0.9, 1.4, 1.1]),
    "matern32(x0,x1) + linear(x2)": (
        add(A("matern32", [0, 1]), A("linear", [2], shared=True)), 3, [0.8, 1.2, 0.7, 0.35]),
    "periodic(x0) * matern52(x1)": (
        mul(A("periodic", [0]), A("matern52", [1])), 2, [1.1, 0.8, 5.3, 1.0, 1.6]),
    "rbf + white": (add(A("rbf"), A("white")), 2, [1.2, 0.8, 1.0, 0.07]),
}
LIKELIHOODS = {
    "gaussian": (lambda: gpflow.likelihoods.Gaussian(0.15), "gaussian", {"likelihood.variance": "variance"}),
    "bernoulli": (Logit, "bernoulli", {}),
    "probit": (Probit, "bernoulli", {}),
    "poisson": (gpflow.likelihoods.Poisson, "poisson", {}),
    "student-t": (lambda: gpflow.likelihoods.StudentT(scale=1.2, df=4.0), "student-t", {"likelihood.scale": "scale"}),
}


def slopes_of(value, tape, handles, more):
    """Slopes in constrained parameters by path, and in other parameters; of q_sqrt as a lower triangle."""
    parameters = [h for h, _ in handles.values()] + more
    found = []
    for p, slope in zip(parameters, tape.gradient(value, [p.unconstrained_variable for p in parameters])):
        if isinstance(p.transform, tfp.bijectors.FillTriangular):
            found.append(np.asarray(p.transform.forward(slope))[0])
        elif p.transform is None:
            found.append(np.asarray(slope))
        else:
            log_jacobian = p.transform.forward_log_det_jacobian(p.unconstrained_variable, 0).numpy()
            found.append(np.asarray(slope) * np.exp(-log_jacobian))
    by_path = {path: float(s if i is None else s[i]) for (path, (_, i)), s in zip(handles.items(), found)}
    return by_path, found[len(handles):]


def kernel_of(expression):
    kernel, width, values = KERNELS[expression]
    paths = [path for path, _, _ in kernel.parameters("kernel", width)]
    built = kernel.gpflow("kernel", width, dict(zip(paths, values)))
    return built, kernel.gpflow_handles("kernel", width, built)


def held(handles):
    return {path: float(np.asarray(h.numpy()) if i is None else h.numpy()[i]) for path, (h, i) in handles.items()}


def predict(model, x2):
    mean, variance = model.predict_f(x2)
    return {"mean": lists(mean[:, 0]), "variance": lists(variance[:, 0])}


def lists(values):
    return np.asarray(values).tolist()


def collapsed(expression, name, data, constant):
    y = data["y"]["gaussian"][:, None]
    case = {"kernel": expression, "table": name}
    for form, cls in (("vfe", gpflow.models.SGPR), ("fitc", gpflow.models.GPRFITC)):
        kernel, handles = kernel_of(expression)
        mean = gpflow.functions.Constant(np.array([constant]))
        model = cls((data["x"], y), kernel, data["z"], mean_function=mean, noise_variance=0.15)
        handles |= {"likelihood.variance": (model.likelihood.variance, None), "mean.constant": (mean.c, 0)}
        with tf.GradientTape() as tape:
            value = model.maximum_log_likelihood_objective()
        by_path, (by_z,) = slopes_of(value, tape, handles, [model.inducing_variable.Z])
        case["parameters"] = held(handles)
        case[form] = {"value": float(value), "gradient": by_path, "by_inducing": lists(by_z)} | predict(model, data["x2"])
        if form == "vfe":
            mu, covariance = (np.asarray(a) for a in model.compute_qu())
            lower = np.linalg.cholesky(kernel(data["z"]).numpy())
            whitened = np.linalg.solve(lower, np.linalg.solve(lower, covariance).T)
            # compute_qu is of u − m(Z).
            case["q_mean"] = lists(np.linalg.solve(lower, mu)[:, 0])
            case["q_factor"] = lists(np.linalg.cholesky(whitened))
    return case


def svgp(expression, name, data, likelihood, rows, constant, rng):
    make, targets, paths = LIKELIHOODS[likelihood]
    kernel, handles = kernel_of(expression)
    mean, of_rows = gpflow.functions.Constant(np.array([constant])), make()
    if hasattr(of_rows, "quadrature"):
        of_rows.quadrature = gpflow.quadrature.NDiagGHQuadrature(1, NODES)
    handles |= {path: (getattr(of_rows, attribute), None) for path, attribute in paths.items()}
    handles |= {"mean.constant": (mean.c, 0)}
    m = len(data["z"])
    q_mu = 0.6 * rng.standard_normal((m, 1))
    q_sqrt = np.tril(0.1 * rng.standard_normal((m, m)), -1) + np.diag(rng.uniform(0.3, 1.0, m))
    x, y = data["x"][:rows], data["y"][targets][:rows, None]
    model = gpflow.models.SVGP(kernel, of_rows, data["z"], mean_function=mean, q_mu=q_mu, q_sqrt=q_sqrt[None],
                               whiten=True, num_data=len(data["x"]))
    with tf.GradientTape() as tape:
        value = model.elbo((x, y))
    more = [model.inducing_variable.Z, model.q_mu, model.q_sqrt]
    by_path, (by_z, by_mean, by_factor) = slopes_of(value, tape, handles, more)
    divergence = float(model.prior_kl())
    return {
        "kernel": expression, "table": name, "likelihood": likelihood, "rows": rows, "parameters": held(handles)
        | ({"likelihood.degrees": 4.0} if likelihood == "student-t" else {}),
        "q_mean": lists(q_mu[:, 0]), "q_factor": lists(q_sqrt), "elbo": float(value), "divergence": divergence,
        "gradient": by_path, "by_inducing": lists(by_z), "by_q_mean": lists(by_mean[:, 0]),
        "by_q_factor": lists(by_factor),
    } | predict(model, data["x2"])


def main():
    rng = np.random.default_rng(SEED)
    tables = {"d2": table(2, 12, rng), "d3": table(3, 12, rng)}
    of = lambda expression: f"d{KERNELS[expression][1]}"
    out = {
        "origin": f"GPflow {gpflow.__version__} / TensorFlow {tf.__version__} float64, jitter 0, script make_sparse.py, seed {SEED}",
        "tables": {name: {"x": lists(t["x"]), "z": lists(t["z"]), "x2": lists(t["x2"]),
                          "y": {k: lists(v) for k, v in t["y"].items()}} for name, t in tables.items()},
        "collapsed": [collapsed(e, of(e), tables[of(e)], 0.2) for e in KERNELS],
        "svgp": [],
    }
    for number, expression in enumerate(KERNELS):
        for place, likelihood in enumerate(LIKELIHOODS):
            rows = 25 if (number + place) % 2 else 60
            case = svgp(expression, of(expression), tables[of(expression)], likelihood, rows, -0.1, rng)
            out["svgp"].append(case)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
