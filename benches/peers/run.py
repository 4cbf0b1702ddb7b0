"""Value and gradient of exact GP regression side by side: steingp, GPflow, GPyTorch, JAX and gprx on the same rows.

    python benches/peers/run.py --steingp target/release/steingp [--gprx PROGRAM] [--threads 1] [--sizes 1000,2000,4000]
        [--peers gpflow,jax]

ARD RBF, D = 8, float64, the same parameters for all. Every program runs in a process of its own with the same number of
threads, in turn, several rounds; what is printed is the median over rounds of each program's own median, and its ratio to
steingp's. Peers that cannot be imported are left out by name. Python 3.11; measured with GPflow 2.11.2 (TensorFlow 2.21),
JAX 0.10.2, GPyTorch 1.11 (torch 1.13) and gprx 0.2.0.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

PEERS = ["gpflow", "gpytorch", "jax"]


def rows(n):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 8))
    y = np.sin(x @ np.linspace(0.3, 1.0, 8)) + 0.1 * rng.standard_normal(n)
    return x, y


def median_seconds(evaluate):
    """Median over repetitions for some seconds, after two calls that do not count."""
    import time

    evaluate()
    evaluate()
    seconds, end = [], time.perf_counter() + 4.0
    while len(seconds) < 3 or (time.perf_counter() < end and len(seconds) < 50):
        start = time.perf_counter()
        evaluate()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def gpflow_seconds(n, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import gpflow

    x, y = rows(n)
    kernel = gpflow.kernels.RBF(lengthscales=[8.0**0.5] * 8)
    model = gpflow.models.GPR((x, y[:, None]), kernel, noise_variance=0.1)

    @tf.function
    def evaluate():
        with tf.GradientTape() as tape:
            value = model.log_marginal_likelihood()
        return value, tape.gradient(value, model.trainable_variables)

    return median_seconds(lambda: evaluate()[0].numpy()), float(evaluate()[0])


def gpytorch_seconds(n, threads):
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    import gpytorch

    x, y = (torch.as_tensor(v) for v in rows(n))

    class Model(gpytorch.models.ExactGP):
        def __init__(self, likelihood):
            super().__init__(x, y, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel(ard_num_dims=8))

        def forward(self, inputs):
            return gpytorch.distributions.MultivariateNormal(self.mean_module(inputs), self.covar_module(inputs))

    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Model(likelihood)
    likelihood.noise = 0.1
    model.covar_module.outputscale = 1.0
    model.covar_module.base_kernel.lengthscale = 8.0**0.5
    model.train()
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)

    def evaluate():
        model.zero_grad()
        # The exact Cholesky path: above 800 rows the default is a stochastic estimate.
        with gpytorch.settings.fast_computations(False, False, False), gpytorch.settings.max_cholesky_size(10**6):
            value = objective(model(x), y) * n
            value.backward()
        return float(value)

    return median_seconds(evaluate), evaluate()


def jax_seconds(n, threads):
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np

    x, y = (jnp.asarray(v) for v in rows(n))
    softplus_inverse = lambda v: np.log(np.expm1(v))
    start = jnp.asarray(softplus_inverse(np.array([1.0] + [8.0**0.5] * 8 + [0.1])))

    def value(u):
        theta = jax.nn.softplus(u)
        scaled = x / theta[1:9]
        squares = jnp.sum(scaled**2, axis=1)
        distances = jnp.maximum(squares[:, None] + squares[None, :] - 2.0 * scaled @ scaled.T, 0.0)
        k = theta[0] * jnp.exp(-0.5 * distances) + theta[9] * jnp.eye(n)
        factor = jnp.linalg.cholesky(k)
        white = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
        half_log_determinant = jnp.sum(jnp.log(jnp.diag(factor)))
        return -0.5 * white @ white - half_log_determinant - 0.5 * n * jnp.log(2.0 * jnp.pi)

    both = jax.jit(jax.value_and_grad(value))
    return median_seconds(lambda: both(start)[1].block_until_ready()), float(both(start)[0])


def steingp_seconds(program, n, threads):
    x, y = rows(n)
    with tempfile.TemporaryDirectory() as folder:
        table, at = os.path.join(folder, "rows.csv"), os.path.join(folder, "at.json")
        with open(table, "w") as file:
            file.write(",".join([*(f"x{d}" for d in range(8)), "y"]) + "\n")
            for row, target in zip(x, y):
                file.write(",".join(repr(float(v)) for v in [*row, target]) + "\n")
        values = {"kernel.variance": 1.0, "likelihood.variance": 0.1}
        values |= {f"kernel.lengthscales[{d}]": 8.0**0.5 for d in range(8)}
        with open(at, "w") as file:
            json.dump(values, file)
        repeat = max(3, int(4.0 / (2e-11 * n**3)))
        command = [program, "density", table, "--target", "y", "--model", "exact", "--no-standardise", "--at", at]
        command += ["--repeat", str(min(repeat, 50)), "--threads", str(threads), "--json"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found["seconds_per_evaluation"], found["log_marginal_likelihood"]


def gprx_seconds(program, n, threads):
    """A program that reads N lines of nine numbers and prints seconds and value: see gprx/."""
    x, y = rows(n)
    text = "\n".join(" ".join(repr(float(v)) for v in [*row, target]) for row, target in zip(x, y))
    found = subprocess.run([program], input=text, check=True, capture_output=True, text=True).stdout.split()
    return float(found[0]), float(found[1])


def one(peer, n, threads, arguments):
    if peer == "steingp":
        return steingp_seconds(arguments.steingp, n, threads)
    if peer == "gprx":
        return gprx_seconds(arguments.gprx, n, threads)
    return {"gpflow": gpflow_seconds, "gpytorch": gpytorch_seconds, "jax": jax_seconds}[peer](n, threads)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steingp", required=True)
    parser.add_argument("--gprx")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", default="1000,2000,4000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS), help="those that are written in Python")
    parser.add_argument("--one", nargs=2, metavar=("PEER", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        peer, n = arguments.one
        print(json.dumps(one(peer, int(n), arguments.threads, arguments)))
        return
    # One library's threads are another's environment variable; pinning holds for all of them.
    cores = sorted(os.sched_getaffinity(0))[: arguments.threads]
    environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), OPENBLAS_NUM_THREADS=str(arguments.threads),
                       MKL_NUM_THREADS=str(arguments.threads), TF_CPP_MIN_LOG_LEVEL="3")
    environment["XLA_FLAGS"] = "" if arguments.threads > 1 else "--xla_cpu_multi_thread_eigen=false"
    peers = ["steingp", *arguments.peers.split(",")] + (["gprx"] if arguments.gprx and arguments.threads == 1 else [])
    passed = ["--steingp", arguments.steingp, "--threads", str(arguments.threads)]
    passed += ["--gprx", arguments.gprx] if arguments.gprx else []
    print(f"| N | {' | '.join(peers)} |\n{'|---' * (len(peers) + 1)}|")
    for n in (int(size) for size in arguments.sizes.split(",")):
        seconds, values = {peer: [] for peer in peers}, {}
        for _ in range(arguments.rounds):
            for peer in peers:
                command = [sys.executable, __file__, *passed, "--one", peer, str(n)]
                run = subprocess.run(command, capture_output=True, text=True, env=environment,
                                     preexec_fn=lambda: os.sched_setaffinity(0, cores))
                if run.returncode == 0:
                    found = json.loads(run.stdout.splitlines()[-1])
                    seconds[peer].append(found[0])
                    values[peer] = found[1]
                else:
                    print(f"{peer} does not run here: {run.stderr.splitlines()[-1:]}", file=sys.stderr)
        ours = statistics.median(seconds["steingp"])
        # The peers' default jitter moves their value a little.
        for peer, value in values.items():
            if abs(value - values["steingp"]) > 1e-3 * abs(values["steingp"]):
                sys.exit(f"{peer} computes something else: {value} against {values['steingp']}")
        cells = [f"{1e3 * statistics.median(s):.1f} ms ({statistics.median(s) / ours:.1f})" if s else "-"
                 for s in seconds.values()]
        print(f"| {n} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
