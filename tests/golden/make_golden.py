"""Makes the reference values of this folder.

Usage: python make_golden.py OUT [TABLE SPLIT]
    OUT          folder for the JSON files
    TABLE SPLIT  servo.csv.gz and servo.split0.csv (0-based training rows) for gpflow_real.json; left out, it is skipped
Requirements (pip): gpflow==2.11.2 tensorflow==2.21.0 tf_keras==2.21.0 numpy scipy pandas mpmath. Python 3.11.

Everything about Gaussian processes is computed twice: by GPflow in float64, which is what the gpflow_*.json files hold
(GPR adds no jitter beyond the noise variance), and from the formulas below in 80-digit arithmetic (mpmath). `difference`
gives for each GPflow entry the largest absolute difference between the two. It is rounding noise (below 1e-11) everywhere but
for arccosine of order 0: GPflow pulls the cosine away from 1 by 1e-15, which moves the diagonal and the duplicated row
by about 1e-8. exact_kernels.json holds the 80-digit values, rounded to float64, of every case where a difference
exceeds 1e-10; prefer it there. Layout and parameters are the same.

Formulas (x, y two rows cut to the kernel's columns; s2 = variance, l = lengthscales):
  rbf          s2 exp(-r^2/2), r^2 = sum ((x_d - y_d) / l_d)^2
  matern12     s2 exp(-r)
  matern32     s2 (1 + sqrt3 r) exp(-sqrt3 r)
  matern52     s2 (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r)
  rq           s2 (1 + r^2 / (2 alpha))^-alpha
  periodic     s2 exp(-1/2 sum (sin(pi (x_d - y_d) / period) / l_d)^2), one period for all columns
  cosine       s2 cos(2 pi sum (x_d - y_d) / l_d)
  linear       sum s2_d x_d y_d
  polynomial   (s2 sum x_d y_d + offset)^degree, one variance for all columns
  arccosine    s2 / pi (a b)^order J_order(t), with <x, y> = sum w_d x_d y_d + bias, a^2 = <x, x>, b^2 = <y, y>,
               cos t = <x, y> / (a b); J_0 = pi - t; J_1 = sin t + (pi - t) cos t; J_2 = 3 sin t cos t + (pi - t)(1 + 2 cos^2 t)
               (w = weight_variances, bias = bias_variance)
  constant     s2
  white        s2 on the diagonal of the Gram matrix, 0 elsewhere: also 0 between duplicated rows and in every cross matrix
  means        constant: m(x) = constant; linear: m(x) = sum weights_d x_d + constant
"""
import json, os, sys, warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.simplefilter("ignore")
import mpmath as mp
import numpy as np
import scipy
from scipy import stats
from scipy.optimize import brentq

mp.mp.dps = 80
SEED = 20261122


# ---------------------------------------------------------------- kernel expressions

class Atom:
    def __init__(self, name, columns=None, **options):
        self.name, self.columns, self.options = name, columns, options
        self.shared = options.get("shared", False)

    def text(self):
        options = [k if v is True else f"{k}={v}" for k, v in self.options.items()]
        columns = ",".join(f"x{c}" for c in self.columns) if self.columns is not None else ""
        inside = "; ".join(part for part in (columns, ", ".join(options)) if part)
        return self.name + (f"({inside})" if inside else "")

    def parameters(self, path, width):
        """(path, attribute, index or None) of every parameter, fixed or free."""
        columns = list(range(width)) if self.columns is None else self.columns
        each = lambda a: [(f"{path}.{a}", a, None)] if self.shared else [
            (f"{path}.{a}[{i}]", a, i) for i in range(len(columns))]
        one = lambda a: [(f"{path}.{a}", a, None)]
        if self.name in ("constant", "white"):
            return one("variance")
        if self.name == "linear":
            return each("variance")
        if self.name == "polynomial":
            return one("variance") + one("offset")
        if self.name == "arccosine":
            return one("variance") + each("weight_variances") + one("bias_variance")
        extra = {"rq": one("alpha"), "periodic": one("period")}.get(self.name, [])
        return one("variance") + each("lengthscales") + extra

    def gpflow(self, path, width, values):
        import gpflow
        k = gpflow.kernels
        columns = list(range(width)) if self.columns is None else self.columns
        got = {}
        for p, attribute, index in self.parameters(path, width):
            if index is None:
                got[attribute] = values[p]
            else:
                got.setdefault(attribute, []).append(values[p])
        dims = dict(active_dims=columns)
        if self.name == "constant":
            return k.Constant(got["variance"], **dims)
        if self.name == "white":
            return k.White(got["variance"], **dims)
        if self.name == "linear":
            return k.Linear(got["variance"], **dims)
        if self.name == "polynomial":
            return k.Polynomial(degree=float(self.options["degree"]), variance=got["variance"], offset=got["offset"], **dims)
        if self.name == "arccosine":
            return k.ArcCosine(order=self.options["order"], **got, **dims)
        if self.name == "periodic":
            base = k.SquaredExponential(got["variance"], got["lengthscales"], **dims)
            return k.Periodic(base, period=got["period"])
        cls = dict(rbf=k.SquaredExponential, matern12=k.Matern12, matern32=k.Matern32, matern52=k.Matern52,
                   rq=k.RationalQuadratic, cosine=k.Cosine)[self.name]
        return cls(**got, **dims)

    def gpflow_handles(self, path, width, kernel):
        """path -> (gpflow Parameter, index or None)"""
        out = {}
        for p, attribute, index in self.parameters(path, width):
            owner = kernel
            if self.name == "periodic" and attribute != "period":
                owner = kernel.base_kernel
            out[p] = (getattr(owner, attribute), index)
        return out

    def exact(self, path, width, values):
        """k(x, y, same) in mpmath; same: x and y are the same row of the same Gram matrix."""
        columns = list(range(width)) if self.columns is None else self.columns
        got = {}
        for p, attribute, index in self.parameters(path, width):
            got.setdefault(attribute, []).append(values[p])
        full = lambda a: got[a] * (len(columns) if self.shared else 1)
        name, s2 = self.name, got["variance"][0]
        if name == "constant":
            return lambda x, y, same: s2
        if name == "white":
            return lambda x, y, same: s2 if same else mp.mpf(0)
        if name == "linear":
            return lambda x, y, same: sum(w * x[c] * y[c] for w, c in zip(full("variance"), columns))
        if name == "polynomial":
            return lambda x, y, same: (s2 * sum(x[c] * y[c] for c in columns) + got["offset"][0]) ** self.options["degree"]
        if name == "arccosine":
            w, bias, order = full("weight_variances"), got["bias_variance"][0], self.options["order"]
            dot = lambda x, y: sum(v * x[c] * y[c] for v, c in zip(w, columns)) + bias

            def arccosine(x, y, same):
                length = mp.sqrt(dot(x, x) * dot(y, y))
                cos = min(dot(x, y) / length, mp.mpf(1))
                t = mp.acos(cos)
                j = {0: mp.pi - t, 1: mp.sin(t) + (mp.pi - t) * cos,
                     2: 3 * mp.sin(t) * cos + (mp.pi - t) * (1 + 2 * cos * cos)}[order]
                return s2 / mp.pi * length**order * j
            return arccosine
        ell = full("lengthscales")
        if name == "periodic":
            period = got["period"][0]
            return lambda x, y, same: s2 * mp.exp(
                -sum((mp.sin(mp.pi * (x[c] - y[c]) / period) / l) ** 2 for l, c in zip(ell, columns)) / 2)
        if name == "cosine":
            return lambda x, y, same: s2 * mp.cos(2 * mp.pi * sum((x[c] - y[c]) / l for l, c in zip(ell, columns)))
        r2 = lambda x, y: sum(((x[c] - y[c]) / l) ** 2 for l, c in zip(ell, columns))
        r3, r5 = mp.sqrt(3), mp.sqrt(5)
        if name == "rbf":
            return lambda x, y, same: s2 * mp.exp(-r2(x, y) / 2)
        if name == "rq":
            alpha = got["alpha"][0]
            return lambda x, y, same: s2 * (1 + r2(x, y) / (2 * alpha)) ** (-alpha)

        def matern(x, y, same):
            q = r2(x, y)
            r = mp.sqrt(q)
            if name == "matern12":
                return s2 * mp.exp(-r)
            if name == "matern32":
                return s2 * (1 + r3 * r) * mp.exp(-r3 * r)
            return s2 * (1 + r5 * r + 5 * q / 3) * mp.exp(-r5 * r)
        return matern

    def scale_paths(self, path, width):
        return [p for p, attribute, _ in self.parameters(path, width) if attribute == "variance"]


class Many:
    """A sum or a product of two or more parts; chains are flat: a + b + c is kernel.0, kernel.1, kernel.2."""

    def __init__(self, sign, *parts):
        self.sign, self.parts = sign, parts

    def text(self):
        inner = [f"({p.text()})" if self.sign == "*" and isinstance(p, Many) else p.text() for p in self.parts]
        return f" {self.sign} ".join(inner)

    def parameters(self, path, width):
        return [q for i, p in enumerate(self.parts) for q in p.parameters(f"{path}.{i}", width)]

    def fixed(self, path, width):
        """In a product every variance but those of the first factor is fixed at 1."""
        out = set()
        for i, p in enumerate(self.parts):
            inner = f"{path}.{i}"
            if isinstance(p, Many):
                out |= p.fixed(inner, width)
            if self.sign == "*" and i > 0:
                out |= set(p.scale_paths(inner, width))
        return out

    def scale_paths(self, path, width):
        return [q for i, p in enumerate(self.parts) for q in p.scale_paths(f"{path}.{i}", width)]

    def gpflow(self, path, width, values):
        import gpflow
        cls = gpflow.kernels.Sum if self.sign == "+" else gpflow.kernels.Product
        self.built = [p.gpflow(f"{path}.{i}", width, values) for i, p in enumerate(self.parts)]
        return cls(self.built)

    def gpflow_handles(self, path, width, kernel):
        out = {}
        for i, (p, k) in enumerate(zip(self.parts, self.built)):
            out |= p.gpflow_handles(f"{path}.{i}", width, k)
        return out

    def exact(self, path, width, values):
        inner = [p.exact(f"{path}.{i}", width, values) for i, p in enumerate(self.parts)]
        if self.sign == "+":
            return lambda x, y, same: sum(k(x, y, same) for k in inner)
        return lambda x, y, same: mp.fprod(k(x, y, same) for k in inner)


def add(*parts):
    return Many("+", *parts)


def mul(*parts):
    return Many("*", *parts)


A = Atom
CASES = [  # (table width, kernel, mean)
    (1, A("rbf"), "zero"), (3, A("rbf"), "zero"), (2, A("rbf", [0, 1], shared=True), "zero"), (4, A("rbf", [1, 3]), "zero"),
    (2, A("matern12"), "zero"), (2, A("matern12", [0, 1], shared=True), "zero"),
    (3, A("matern32"), "zero"), (3, A("matern32", [0, 2], shared=True), "zero"),
    (4, A("matern52"), "zero"), (1, A("matern52"), "zero"),
    (2, A("rq"), "zero"), (2, A("rq", [0, 1], shared=True), "zero"),
    (1, A("periodic"), "zero"), (2, A("periodic"), "zero"), (2, A("periodic", [0, 1], shared=True), "zero"),
    (1, A("cosine"), "zero"), (2, A("cosine"), "zero"), (2, A("cosine", [0, 1], shared=True), "zero"),
    (3, A("linear"), "zero"), (2, A("linear", [0, 1], shared=True), "zero"),
    (2, A("polynomial", [0, 1], degree=3), "zero"), (3, A("polynomial", degree=2), "zero"),
    (2, A("arccosine", order=0), "zero"), (3, A("arccosine", order=1), "zero"), (2, A("arccosine", order=2), "zero"),
    (3, A("arccosine", [0, 2], order=1, shared=True), "zero"),
    (1, A("constant"), "zero"), (2, A("white"), "zero"),
    # sums, products, nesting, active columns
    (2, add(A("rbf"), A("white")), "zero"),
    (3, add(A("rbf", [0, 1]), A("rbf", [1, 2])), "zero"),
    (2, add(A("rbf", [0]), A("linear", [1])), "zero"),
    (3, add(A("constant"), A("linear"), A("matern52", [2])), "zero"),
    (4, add(A("rbf", [0, 1], shared=True), A("linear", [2]), A("periodic", [3])), "zero"),
    (2, mul(A("rbf", [0]), A("matern32", [1])), "zero"),
    (1, mul(A("rbf", [0]), A("periodic", [0])), "zero"),
    (2, mul(A("constant"), A("rbf")), "zero"),
    (2, mul(A("linear", [0], shared=True), A("linear", [1], shared=True)), "zero"),
    (4, mul(A("matern52", [0, 1]), A("rq", [2]), A("cosine", [3])), "zero"),
    (3, mul(A("arccosine", [0, 1], order=1), A("rbf", [2])), "zero"),
    (2, add(A("polynomial", [0], degree=2), A("rbf", [1])), "zero"),
    (2, add(mul(A("matern32", [0]), A("rbf", [1])), A("white")), "zero"),
    (2, add(A("rbf", [0]), mul(A("matern12", [1]), A("periodic", [1]))), "zero"),
    (2, add(mul(add(A("rbf", [0]), A("matern12", [1])), A("periodic", [0])), A("white")), "zero"),
    (3, mul(add(A("rbf", [0]), mul(A("linear", [1]), A("matern52", [2]))), A("rq", [0, 2], shared=True)), "zero"),
    # means
    (2, A("rbf"), "constant"), (3, A("matern32"), "linear"),
    (2, add(A("rbf", [0]), A("white")), "linear"),
]
PREDICT = [1, 40, 45]  # indices into CASES


# ---------------------------------------------------------------- computing a case

def make_tables():
    rng, tables = np.random.default_rng(SEED), {}
    for width in (1, 2, 3, 4):
        x = rng.standard_normal((12, width))
        x[7] = x[2]  # a duplicated row
        x2 = rng.standard_normal((5, width))
        y = np.sin(2.0 * x[:, 0]) + 0.5 * x[:, -1] + 0.3 * rng.standard_normal(12)
        tables[f"d{width}"] = dict(x=x, x2=x2, y=y)
    return tables


def paths_of(kernel, mean, width):
    every = [p for p, _, _ in kernel.parameters("kernel", width)]
    fixed = kernel.fixed("kernel", width) if isinstance(kernel, Many) else set()
    free = [p for p in every if p not in fixed]
    means = {"zero": [], "constant": ["mean.constant"],
             "linear": [f"mean.weights[{d}]" for d in range(width)] + ["mean.constant"]}[mean]
    return free, sorted(fixed), means


def draw(kernel, mean, width, rng):
    free, fixed, means = paths_of(kernel, mean, width)
    values = {p: float(np.exp(0.5 * rng.standard_normal())) for p in free}
    values |= {p: 1.0 for p in fixed}
    values |= {p: float(rng.standard_normal()) for p in means}
    values["likelihood.variance"] = float(np.exp(-1.5 + 0.7 * rng.standard_normal()))
    return values


def with_gpflow(kernel, mean, width, values, table, predict=False):
    """Everything from GPflow, and the parameter values as GPflow holds them."""
    import gpflow, tensorflow as tf
    gpflow.config.set_default_positive_bijector("exp")
    gpflow.config.set_default_positive_minimum(0.0)
    k = kernel.gpflow("kernel", width, values)
    handles = kernel.gpflow_handles("kernel", width, k)
    m = None
    if mean == "constant":
        m = gpflow.functions.Constant(np.array([values["mean.constant"]]))
        handles["mean.constant"] = (m.c, 0)
    if mean == "linear":
        m = gpflow.functions.Linear(np.array([[values[f"mean.weights[{d}]"]] for d in range(width)]),
                                    np.array([values["mean.constant"]]))
        for d in range(width):
            handles[f"mean.weights[{d}]"] = (m.A, (d, 0))
        handles["mean.constant"] = (m.b, 0)
    x, x2, y = table["x"], table["x2"], table["y"][:, None]
    model = gpflow.models.GPR((x, y), kernel=k, mean_function=m, noise_variance=values["likelihood.variance"])
    handles["likelihood.variance"] = (model.likelihood.variance, None)
    pick = lambda a, i: float(a if i is None else np.asarray(a)[i])
    held = {p: pick(h.numpy(), i) for p, (h, i) in handles.items()}
    with tf.GradientTape() as tape:
        value = model.log_marginal_likelihood()
    sources = {id(h): h for h, _ in handles.values()}
    gradients = tape.gradient(value, [h.unconstrained_variable for h in sources.values()])
    slopes = {}
    for (key, h), g in zip(sources.items(), gradients):
        u = h.unconstrained_variable
        jacobian = 1.0 if h.transform is None else np.exp(h.transform.forward_log_det_jacobian(u, event_ndims=0).numpy())
        slopes[key] = (np.zeros(h.shape) if g is None else np.asarray(g)) / jacobian
    gradient = {p: pick(slopes[id(h)], i) for p, (h, i) in handles.items()}
    out = dict(gram=k(x).numpy(), cross=k(x, x2).numpy(), diagonal=k(x, full_cov=False).numpy(),
               log_marginal_likelihood=float(value), gradient=gradient)
    if predict:
        f_mean, f_var = model.predict_f(x2)
        _, f_cov = model.predict_f(x2, full_cov=True)
        y_mean, y_var = model.predict_y(x2)
        out |= dict(predict_f_mean=f_mean.numpy()[:, 0], predict_f_variance=f_var.numpy()[:, 0],
                    predict_f_covariance=f_cov.numpy()[0], predict_y_mean=y_mean.numpy()[:, 0],
                    predict_y_variance=y_var.numpy()[:, 0])
    return held, out


def cholesky(a):
    n = len(a)
    l = [[mp.mpf(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            s = a[i][j] - mp.fdot(l[i][:j], l[j][:j])
            l[i][j] = mp.sqrt(s) if i == j else s / l[j][j]
    return l


def forward(l, b):
    z = []
    for i in range(len(b)):
        z.append((b[i] - mp.fdot(l[i][:i], z)) / l[i][i])
    return z


def exactly(kernel, mean, width, values, table, gradient=True, matrices=True, predict=False):
    rows = lambda a: [[mp.mpf(float(v)) for v in row] for row in a]
    x, x2, y = rows(table["x"]), rows(table["x2"]), [mp.mpf(float(v)) for v in table["y"]]
    values = {p: mp.mpf(v) for p, v in values.items()}
    n = len(x)

    def m(row, v):
        got = v.get("mean.constant", mp.mpf(0))
        return got + sum(v[f"mean.weights[{d}]"] * row[d] for d in range(width)) if mean == "linear" else got

    def gram(v):
        k = kernel.exact("kernel", width, v)
        return [[k(x[i], x[j], i == j) for j in range(i + 1)] for i in range(n)]

    def factor(g, v):
        l = cholesky([[g[i][j] + (v["likelihood.variance"] if i == j else 0) for j in range(i + 1)] for i in range(n)])
        return l, forward(l, [y[i] - m(x[i], v) for i in range(n)])

    def value(v):
        l, z = factor(gram(v), v)
        return -mp.fdot(z, z) / 2 - sum(mp.log(l[i][i]) for i in range(n)) - mp.mpf(n) / 2 * mp.log(2 * mp.pi)

    out = dict(log_marginal_likelihood=float(value(values)))
    if gradient:
        h, out["gradient"] = mp.mpf(10) ** -16, {}
        for p in values:
            up, down = value(values | {p: values[p] + h}), value(values | {p: values[p] - h})
            out["gradient"][p] = float((up - down) / (2 * h))
    k = kernel.exact("kernel", width, values)
    if matrices:
        lower = gram(values)
        full = np.array([[float(lower[max(i, j)][min(i, j)]) for j in range(n)] for i in range(n)])
        out |= dict(gram=full, cross=np.array([[float(k(a, b, False)) for b in x2] for a in x]),
                    diagonal=np.array([float(k(a, a, True)) for a in x]))
    if predict:
        l, z = factor(gram(values), values)
        c = [forward(l, [k(a, b, False) for a in x]) for b in x2]
        f_mean = [m(b, values) + mp.fdot(c[j], z) for j, b in enumerate(x2)]
        cov = [[k(a, b, i == j) - mp.fdot(c[i], c[j]) for j, b in enumerate(x2)] for i, a in enumerate(x2)]
        noise = values["likelihood.variance"]
        out |= dict(predict_f_mean=np.array([float(v) for v in f_mean]),
                    predict_f_variance=np.array([float(cov[i][i]) for i in range(len(x2))]),
                    predict_f_covariance=np.array([[float(v) for v in row] for row in cov]),
                    predict_y_mean=np.array([float(v) for v in f_mean]),
                    predict_y_variance=np.array([float(cov[i][i] + noise) for i in range(len(x2))]))
    return out


def difference(a, b):
    out = {}
    for key in b:
        if isinstance(b[key], dict):
            out[key] = max(abs(a[key][p] - b[key][p]) for p in b[key])
        else:
            out[key] = float(np.max(np.abs(np.asarray(a[key]) - np.asarray(b[key]))))
    return out


# ---------------------------------------------------------------- writing

def number(v):
    if np.isposinf(v):
        return '"inf"'
    if np.isneginf(v):
        return '"-inf"'
    assert np.isfinite(v)
    return format(float(v), ".17g")


def dump(value, indent=0):
    """JSON with 17 significant digits; lists of numbers stay on one line."""
    pad = " " * indent
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        flat = all(isinstance(v, (int, float, str)) for v in value.values())
        items = [json.dumps(k) + ": " + dump(v, indent + 1) for k, v in value.items()]
        return "{" + ", ".join(items) + "}" if flat else "{\n" + ",\n".join(pad + " " + i for i in items) + "\n" + pad + "}"
    if isinstance(value, (list, tuple)):
        items = [dump(v, indent + 1) for v in value]
        if any(isinstance(v, dict) for v in value):
            return "[\n" + ",\n".join(pad + " " + i for i in items) + "\n" + pad + "]"
        return "[" + ", ".join(items) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return json.dumps(value)
    return number(value)


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as f:
        f.write(dump(value) + "\n")
    json.load(open(os.path.join(folder, name)))
    print(name, os.path.getsize(os.path.join(folder, name)), flush=True)


def lower(values):
    """The Gram matrix as the rows of its lower triangle."""
    values = dict(values)
    if "gram" in values:
        g = values["gram"]
        values["gram"] = [[float(v) for v in g[i, : i + 1]] for i in range(len(g))]
    return values


LAYOUT = ("tables: x is 12 x D with row 7 equal to row 2, x2 is 5 x D, y has 12 values, columns are named x0, x1, ..; "
          "gram: rows of the lower triangle of k(x, x) without noise; cross: 12 x 5, k(x, x2); diagonal: of k(x, x); "
          "log_marginal_likelihood: of y with likelihood.variance added to the diagonal, no jitter; gradient: its "
          "derivative with respect to the constrained parameter; fixed: paths of the parameters that the expression "
          "fixes at 1; they are in parameters and gradient all the same")


def gp_files(folder, origin_gpflow, origin_exact):
    tables, rng = make_tables(), np.random.default_rng(SEED + 1)
    shown = {k: dict(v) for k, v in tables.items()}
    kernels, predictions, exact_kernels = [], [], []
    worst = {}
    for index, (width, kernel, mean) in enumerate(CASES):
        table, name = tables[f"d{width}"], f"d{width}"
        _, fixed, _ = paths_of(kernel, mean, width)
        head = dict(kernel=kernel.text(), mean=mean, table=name, fixed=fixed)
        draws, exact_draws, largest = [], [], 0.0
        keep = ("gram", "cross", "diagonal", "log_marginal_likelihood", "gradient")
        for repeat in range(2):
            values = draw(kernel, mean, width, rng)
            predict = index in PREDICT and repeat == 0
            held, got = with_gpflow(kernel, mean, width, values, table, predict)
            assert all(abs(held[p] - values[p]) <= 4e-16 * max(1.0, abs(values[p])) for p in values), "parameter lost"
            held = {p: held[p] for p in values}
            truth = exactly(kernel, mean, width, held, table, predict=predict)
            gap = difference(got, truth)
            for key, v in gap.items():
                worst[key] = max(worst.get(key, (0.0, "")), (v, kernel.text()))
            largest = max([largest] + list(gap.values()))
            draws.append(dict(parameters=held) | lower({k: got[k] for k in keep})
                         | dict(difference={k: rounded(gap[k]) for k in keep}))
            exact_draws.append(dict(parameters=held) | lower({k: truth[k] for k in keep}))
            if predict:
                shown_keys = [k for k in got if k.startswith("predict")] + ["log_marginal_likelihood"]
                predictions.append(head | dict(parameters=held) | {k: got[k] for k in shown_keys}
                                   | dict(difference={k: rounded(gap[k]) for k in shown_keys}))
        kernels.append(head | dict(draws=draws))
        if largest > 1e-10:
            print("difference", kernel.text(), largest, flush=True)
            exact_kernels.append(head | dict(draws=exact_draws))
    print("largest differences", {k: (f"{v:.1e}", t) for k, (v, t) in worst.items()})
    predict_layout = ("tables as in the kernels file; predict_f_*: latent mean, variance and full covariance at x2, "
                      "predict_y_*: with likelihood.variance added; a white part of the kernel adds its variance to "
                      "predict_f_variance and to the diagonal of predict_f_covariance")
    write(folder, "gpflow_kernels.json", dict(origin=origin_gpflow, layout=LAYOUT, tables=shown, cases=kernels))
    write(folder, "gpflow_predict.json", dict(origin=origin_gpflow, layout=predict_layout, tables=shown, cases=predictions))
    used = {c["table"] for c in exact_kernels}
    write(folder, "exact_kernels.json", dict(origin=origin_exact, layout=LAYOUT,
                                             tables={k: v for k, v in shown.items() if k in used}, cases=exact_kernels))


def rounded(v):
    return float(f"{v:.1e}")


def real_file(folder, table_path, split_path, origin):
    import pandas as pd
    values = pd.read_csv(table_path).to_numpy(float)
    rows = np.loadtxt(split_path, dtype=int)
    train = values[rows]
    train = (train - train.mean(0)) / train.std(0)
    x, y = train[:, :-1], train[:, -1]
    width, kernel, rng = x.shape[1], Atom("rbf"), np.random.default_rng(SEED + 2)
    table = dict(x=x, x2=x[:1], y=y)
    draws = []
    for repeat in range(3):
        params = {"kernel.variance": 1.0} | {f"kernel.lengthscales[{d}]": float(np.sqrt(width)) for d in range(width)}
        params["likelihood.variance"] = 1.0
        if repeat:
            params = {p: float(v * np.exp(0.7 * rng.standard_normal())) for p, v in params.items()}
            params["likelihood.variance"] *= 0.1
        held, got = with_gpflow(kernel, "zero", width, params, table)
        held = {p: held[p] for p in params}
        mp.mp.dps = 40
        truth = exactly(kernel, "zero", width, held, table, matrices=False)
        mp.mp.dps = 80
        gap = difference({k: got[k] for k in truth}, truth)
        print("real", held, got["log_marginal_likelihood"], {k: f"{v:.1e}" for k, v in gap.items()}, flush=True)
        draws.append(dict(parameters=held, log_marginal_likelihood=got["log_marginal_likelihood"], gradient=got["gradient"],
                          difference={k: rounded(v) for k, v in gap.items()}))
    layout = ("log marginal likelihood of the training rows of the split (in the order of the split file), kernel rbf on "
              "all inputs, zero mean; inputs and target standardised on these rows with ddof 0; gradient with respect to "
              "the constrained parameters")
    write(folder, "gpflow_real.json", dict(origin=origin, layout=layout, table="servo", split=0, rows=len(x),
                                           kernel="rbf", mean="zero", draws=draws))


def prior_file(folder, origin):
    at = [0.001, 0.05, 0.3, 1.0, 2.5, 10.0, 60.0]
    signed = [-30.0, -2.5, -0.3, 0.0, 0.05, 1.0, 4.0, 25.0]
    todo = []
    for shape, scale in ((1.0, 2.0), (2.0, 0.5), (0.7, 3.0), (9.0, 0.5), (200.0, 0.01)):
        todo.append(("gamma", dict(shape=shape, scale=scale), stats.gamma(shape, scale=scale), at))
    for shape, scale in ((1.0, 1.0), (3.0, 2.0), (0.5, 0.1), (5.0, 5.0)):
        todo.append(("inverse_gamma", dict(shape=shape, scale=scale), stats.invgamma(shape, scale=scale), at))
    for mu, sigma in ((0.0, 1.0), (1.4142135623730951, 1.7320508075688772), (-2.0, 0.3)):
        todo.append(("log_normal", dict(mu=mu, sigma=sigma), stats.lognorm(sigma, scale=np.exp(mu)), at))
    for mean, sd in ((0.0, 1.0), (-1.5, 3.0), (4.0, 0.2)):
        todo.append(("normal", dict(mean=mean, sd=sd), stats.norm(mean, sd), signed))
    for sd in (1.0, 0.1, 5.0):
        todo.append(("half_normal", dict(sd=sd), stats.halfnorm(scale=sd), at))
    for scale in (1.0, 0.1, 5.0):
        todo.append(("half_cauchy", dict(scale=scale), stats.halfcauchy(scale=scale), at))
    for low, high in ((0.0, 1.0), (-3.0, 5.0), (0.01, 100.0)):
        todo.append(("uniform", dict(low=low, high=high), stats.uniform(low, high - low), signed))
    pi, half = mp.pi, mp.mpf(1) / 2
    formula = {  # 80-digit check of every log density
        "gamma": lambda x, shape, scale: (shape - 1) * mp.log(x) - x / scale - mp.loggamma(shape) - shape * mp.log(scale),
        "inverse_gamma": lambda x, shape, scale: shape * mp.log(scale) - mp.loggamma(shape) - (shape + 1) * mp.log(x) - scale / x,
        "log_normal": lambda x, mu, sigma: -((mp.log(x) - mu) / sigma) ** 2 / 2 - mp.log(x * sigma) - mp.log(2 * pi) / 2,
        "normal": lambda x, mean, sd: -((x - mean) / sd) ** 2 / 2 - mp.log(sd) - mp.log(2 * pi) / 2,
        "half_normal": lambda x, sd: -(x / sd) ** 2 / 2 - mp.log(sd) - mp.log(pi / 2) / 2,
        "half_cauchy": lambda x, scale: mp.log(2 / (pi * scale)) - mp.log(1 + (x / scale) ** 2),
        "uniform": lambda x, low, high: -mp.log(high - low) if low <= x <= high else mp.mpf("-inf"),
    }
    cdf = {
        "gamma": lambda x, shape, scale: mp.gammainc(shape, 0, x / scale, regularized=True),
        "inverse_gamma": lambda x, shape, scale: mp.gammainc(shape, scale / x, mp.inf, regularized=True),
        "log_normal": lambda x, mu, sigma: mp.ncdf((mp.log(x) - mu) / sigma),
        "normal": lambda x, mean, sd: mp.ncdf((x - mean) / sd),
        "half_normal": lambda x, sd: mp.erf(x / sd / mp.sqrt(2)),
        "half_cauchy": lambda x, scale: 2 / pi * mp.atan(x / scale),
        "uniform": lambda x, low, high: (x - low) / (high - low),
    }
    out, worst, off = [], 0.0, 0.0
    for name, parameters, dist, points in todo:
        exact = {k: mp.mpf(v) for k, v in parameters.items()}
        values = [float(dist.logpdf(v)) for v in points]
        for v, got in zip(points, values):
            want = formula[name](mp.mpf(v), **exact)
            if mp.isinf(want):
                assert np.isneginf(got)
            else:
                worst = max(worst, float(abs(mp.mpf(got) - want) / (1 + abs(want))))
        median = float(dist.median())
        off = max(off, float(abs(cdf[name](mp.mpf(median), **exact) - half)))
        out.append(dict(distribution=name, parameters=parameters, at=points, log_pdf=values, median=median))
    print("priors: largest relative difference from 80 digits", worst, "and of cdf(median) from 1/2", off)
    write(folder, "scipy_priors.json", dict(
        origin=origin, layout='log_pdf: normalised log density at each of `at`; "-inf" outside the support; '
        "gamma and inverse_gamma: shape, scale (mean of the gamma shape * scale, of the inverse gamma scale / (shape - 1))",
        cases=out))


def mixture_file(folder, origin):
    mixtures = [
        dict(weights=[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], means=[-1.0, 0.5, 2.0], sds=[0.5, 1.0, 0.3]),
        dict(weights=[0.7, 0.2, 0.1], means=[0.0, 0.1, -8.0], sds=[1.0, 0.01, 3.0]),
        dict(weights=[0.05, 0.25, 0.4, 0.2, 0.1], means=[100.0, 101.0, 99.5, 104.0, 90.0], sds=[1e-3, 2.0, 0.7, 5.0, 0.1]),
    ]
    levels = [0.001, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 0.999]
    points = [[-6.0, -1.0, 0.0, 0.5, 1.7, 2.0, 9.0], [-40.0, -8.0, -0.5, 0.1, 0.105, 3.0, 12.0],
              [60.0, 90.0, 99.0, 100.0, 100.002, 103.0, 130.0]]
    out, worst = [], 0.0
    for mix, at in zip(mixtures, points):
        w, m, s = (np.array(mix[k]) for k in ("weights", "means", "sds"))
        mean = float(w @ m)
        variance = float(w @ (s * s + (m - mean) ** 2))
        pdf = lambda x: scipy.special.logsumexp(stats.norm.logpdf(x, m, s) + np.log(w))
        cdf = lambda x: float(w @ stats.norm.cdf(x, m, s))
        survival = lambda x: float(w @ stats.norm.sf(x, m, s))
        low, high = float((m - 40 * s).min()), float((m + 40 * s).max())
        quantile = lambda q: brentq(lambda x: cdf(x) - q if q <= 0.5 else (1.0 - q) - survival(x), low, high,
                                    xtol=1e-14, rtol=8.9e-16, maxiter=1000)

        def a(mu, var):
            sd = np.sqrt(var)
            return 2 * sd * stats.norm.pdf(mu / sd) + mu * (2 * stats.norm.cdf(mu / sd) - 1)

        spread = 0.5 * w @ a(m[:, None] - m[None, :], s[:, None] ** 2 + s[None, :] ** 2) @ w
        crps = [float(w @ a(y - m, s * s) - spread) for y in at]
        # check by integrating (F(x) - 1[x >= y])^2 in 30 digits between breaks at the components
        mp.mp.dps = 30
        wm, mm, sm = ([mp.mpf(float(v)) for v in u] for u in (w, m, s))
        f = lambda x: mp.fsum(p * mp.ncdf((x - c) / d) for p, c, d in zip(wm, mm, sm))
        integrals = []
        for y in at:
            ends = [mp.mpf(c + k * d) for c, d in zip(m, s) for k in (-12, -6, -3, -1, 0, 1, 3, 6, 12)]
            left = sorted({e for e in ends if e < y} | {mp.mpf(y)})
            right = sorted({e for e in ends if e > y} | {mp.mpf(y)})
            total = mp.mpf(0)
            if len(left) > 1:
                total += mp.quad(lambda x: f(x) ** 2, left)
            if len(right) > 1:
                total += mp.quad(lambda x: (1 - f(x)) ** 2, right)
            integrals.append(float(total))
        mp.mp.dps = 80
        worst = max(worst, max(abs(c - i) / (1 + abs(i)) for c, i in zip(crps, integrals)))
        out.append(mix | dict(mean=mean, variance=variance, at=at, log_pdf=[float(pdf(x)) for x in at],
                              cdf=[cdf(x) for x in at], crps=crps, crps_integral=integrals, levels=levels,
                              quantiles=[float(quantile(q)) for q in levels]))
    print("mixture: largest relative difference of the CRPS from its integral", worst)
    write(folder, "scipy_mixture.json", dict(
        origin=origin, layout="Gaussian mixtures; log_pdf, cdf, crps at each of `at` (crps: of the observation there; "
        "crps_integral: the same by quadrature); quantiles at `levels`", cases=out))


def main():
    folder = sys.argv[1]
    scipy_origin = f"SciPy {scipy.__version__}, script make_golden.py; checked against mpmath {mp.__version__}"
    prior_file(folder, scipy_origin)
    mixture_file(folder, scipy_origin)
    import gpflow, tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    gp = f"GPflow {gpflow.__version__} / TensorFlow {tf.__version__} float64, script make_golden.py, seed {SEED}"
    exact = f"mpmath {mp.__version__} with 80 digits, script make_golden.py, seed {SEED}; the cases where GPflow differs by more than 1e-10"
    if len(sys.argv) > 3:
        real_file(folder, sys.argv[2], sys.argv[3], gp)
    gp_files(folder, gp, exact)


if __name__ == "__main__":
    main()
