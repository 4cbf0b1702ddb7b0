"""Chains of autoregressions, good and bad, and their diagnostics by ArviZ.

    pip install "arviz==0.22.0" numpy scipy && python make_chains.py > arviz_chains.json
"""

import json

import arviz as az
import numpy as np

rng = np.random.default_rng(20)


def autoregression(chains, draws, rho):
    z = np.zeros((chains, draws))
    z[:, 0] = rng.standard_normal(chains)
    for t in range(1, draws):
        z[:, t] = rho * z[:, t - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(chains)
    return z


cases = {
    "independent": autoregression(4, 100, 0.0),
    "slow, odd length": autoregression(4, 121, 0.8),
    "antithetic": autoregression(4, 100, -0.6),
    "one chain apart": autoregression(4, 80, 0.3) + np.array([[0.0], [0.0], [0.0], [2.0]]),
    "one chain wider": autoregression(4, 80, 0.2) * np.array([[1.0], [1.0], [1.0], [4.0]]),
    "heavy tails": np.exp(3 * autoregression(2, 90, 0.5)),
    "ties": np.round(autoregression(3, 60, 0.5) * 2) / 2,
    "hardly moving": autoregression(2, 40, 0.99),
    "short": autoregression(2, 8, 0.0),
}
out = []
for what, chains in cases.items():
    chains = np.round(chains, 6)
    out.append(
        {
            "what": what,
            "chains": chains.tolist(),
            "r_hat": float(az.rhat(chains)),
            "ess_bulk": float(az.ess(chains, method="bulk")),
            "ess_tail": float(az.ess(chains, method="tail")),
            "ess_mean": float(az.ess(chains, method="mean")),
        }
    )
print(json.dumps(out))
