"""How many evaluations SciPy's L-BFGS-B takes to the posterior's mode: writes scipy_climbs.json.

    python tests/golden/make_climbs.py            (NumPy 2.4, SciPy 1.17)

Exact regression with an ARD RBF on the first rows of tables in data/, standardised; Gamma(1, 2) priors, softplus + 1e-6; the
density of the unconstrained coordinates with its Jacobian. SciPy with its default memory and with ours, 20 pairs; the counts
are evaluations until the objective is within `within` of the best value found, relative to 1 + its size.
"""

import csv
import json
import os

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

FOLDER = os.path.dirname(os.path.abspath(__file__))
TABLES = {"boston_housing": "medv", "concrete": "compressive_strength", "diabetes": "progression", "motorcycle": "accel"}
ROWS = 150
WITHIN = 1e-7


def load(table, target):
    with open(os.path.join(FOLDER, "..", "..", "data", f"{table}.csv")) as file:
        rows = list(csv.DictReader(file))
    # Every so many rows, so that a table in some order is seen as a whole.
    rows = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    names = [name for name in rows[0] if name != target]
    x = np.array([[float(row[name]) for name in names] for row in rows])
    y = np.array([float(row[target]) for row in rows])
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


def objective(x, y):
    n, d = x.shape

    def value_and_gradient(u):
        theta = np.logaddexp(0.0, u) + 1e-6
        slope = 1.0 / (1.0 + np.exp(-u))
        variance, lengthscales, noise = theta[0], theta[1 : d + 1], theta[d + 1]
        differences = (x[:, None, :] - x[None, :, :]) ** 2
        kernel = variance * np.exp(-0.5 * (differences / lengthscales**2).sum(2))
        factor = cho_factor(kernel + noise * np.eye(n), lower=True)
        alpha = cho_solve(factor, y)
        weights = 0.5 * (np.outer(alpha, alpha) - cho_solve(factor, np.eye(n)))
        value = -0.5 * y @ alpha - np.log(np.diag(factor[0])).sum() - 0.5 * n * np.log(2.0 * np.pi)
        weighted = weights * kernel
        gradient = np.empty(d + 2)
        gradient[0] = weighted.sum() / variance
        gradient[1 : d + 1] = np.einsum("ij,ijd->d", weighted, differences) / lengthscales**3
        gradient[d + 1] = np.trace(weights)
        # log Gamma(1, 2) = −θ/2 − log 2, and log dθ/du = log σ(u).
        value += (-0.5 * theta - np.log(2.0)).sum() + np.log(slope).sum()
        gradient = (gradient - 0.5) * slope + (1.0 - slope)
        return -value, -gradient

    return value_and_gradient


def climb(x, y, memory):
    d = x.shape[1]
    evaluate, seen = objective(x, y), []
    start = np.array([1.0] + [np.sqrt(d)] * d + [1.0])
    start = np.log(np.expm1(start - 1e-6))

    def counted(u):
        value, gradient = evaluate(u)
        seen.append(value)
        return value, gradient

    options = {"maxcor": memory, "maxiter": 1000, "maxfun": 5000, "ftol": 1e-14, "gtol": 1e-8}
    minimize(counted, start, jac=True, method="L-BFGS-B", options=options)
    return seen


def main():
    found = {}
    for table, target in TABLES.items():
        x, y = load(table, target)
        paths = {memory: climb(x, y, memory) for memory in (10, 20)}
        best = min(min(path) for path in paths.values())
        close = best + WITHIN * (1.0 + abs(best))
        counts = {str(m): next(k + 1 for k, v in enumerate(path) if v <= close) for m, path in paths.items()}
        found[table] = {"target": target, "best": -best, "evaluations": counts}
    with open(os.path.join(FOLDER, "scipy_climbs.json"), "w") as file:
        json.dump({"rows": ROWS, "within": WITHIN, "tables": found}, file, indent=1)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
