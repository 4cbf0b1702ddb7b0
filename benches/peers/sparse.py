"""Scores of (θ, v) of 30 particles on one minibatch with JAX: what an iteration of the published SVGD asks for, as peers compute it.

    python benches/peers/sparse.py [--threads 2] [--rounds 5]

M = 600, B = 256, D = 3, ARD RBF, Gaussian noise, float64: the sizes of `cargo bench --bench sparse -- "Stein force"`, which is
to be run in turn with this. Printed are medians for the particles one after the other and all at once (`vmap`). Python 3.11;
measured with JAX 0.10.2.
"""

import argparse
import os
import statistics
import time

PARTICLES, INDUCING, ROWS, DIM, SCALE = 30, 600, 256, 3, 10.0


def scores():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    from jax.scipy.linalg import solve_triangular

    rng = np.random.default_rng(0)
    x, z = (jnp.asarray(3.4 * (rng.random((n, DIM)) - 0.5)) for n in (ROWS, INDUCING))
    y = jnp.sin(x).sum(axis=1)

    def squared(a, b):
        return jnp.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T, 0.0)

    def log_density(u, v):
        theta = jax.nn.softplus(u)
        scaled_x, scaled_z = x / theta[1:4], z / theta[1:4]
        k_zz = theta[0] * jnp.exp(-0.5 * squared(scaled_z, scaled_z)) + 1e-6 * jnp.eye(INDUCING)
        k_zx = theta[0] * jnp.exp(-0.5 * squared(scaled_z, scaled_x))
        a = solve_triangular(jnp.linalg.cholesky(k_zz), k_zx, lower=True)
        variance = theta[0] - (a**2).sum(axis=0)
        squares = (y - a.T @ v) ** 2 + variance
        expected = -0.5 * jnp.log(2.0 * jnp.pi * theta[4]) - 0.5 * squares / theta[4]
        return SCALE * expected.sum() - 0.5 * v @ v - 0.5 * theta.sum() + jnp.log(jax.nn.sigmoid(u)).sum()

    points = jnp.asarray(0.1 * rng.standard_normal((PARTICLES, 5)) - np.array([0.0, 0.5, 0.5, 0.5, 1.0]))
    values = jnp.asarray(0.1 * rng.standard_normal((PARTICLES, INDUCING)))
    score = jax.value_and_grad(log_density, argnums=(0, 1))
    one, all_at_once = jax.jit(score), jax.jit(jax.vmap(score))

    def in_turn():
        found = [one(points[j], values[j]) for j in range(PARTICLES)]
        [f[1][1].block_until_ready() for f in found]

    return {"one after the other": in_turn, "vmap": lambda: all_at_once(points, values)[1][1].block_until_ready()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    if arguments.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    for name, work in scores().items():
        work()
        seconds = []
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        print(f"{name}: {1e3 * statistics.median(seconds):.0f} ms, {arguments.threads} threads")


if __name__ == "__main__":
    main()
