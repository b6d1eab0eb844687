"""Time of transforms (`func`): Jacobians, Hessians, per-sample gradients, products: `python -m benchmarks.transforms`.

Beside torch and, where it is installed, jax (compiled), on one thread.  A product with the Hessian is set against the
gradient of the same function and library instead: what it computes is about two gradients.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import statistics
from collections.abc import Callable
from typing import Any

Run = Callable[[], Any]


def arrays(*shapes: tuple[int, ...]) -> list[Any]:
    """The same float32 numbers for every library, scaled as weights are."""
    np = importlib.import_module("numpy")  # after the number of threads is set
    source = np.random.default_rng(0)
    return [(source.standard_normal(shape) / max(shape[-1], 1) ** 0.5).astype(np.float32) for shape in shapes]


def tensors(lib: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """`arrays` as tensors."""
    return [lib.from_numpy(a) for a in arrays(*shapes)]


# ---------------------------------------------------------------- Jacobians


def two_layers(lib: Any) -> tuple[Callable[[Any], Any], Any]:
    """tanh(V tanh(W x)), 100 -> 100, and a point."""
    w, v, x = tensors(lib, (100, 100), (100, 100), (100,))
    return lambda x: (v @ (w @ x).tanh()).tanh(), x


def jacrev(lib: Any) -> Run:
    """Jacobian by reverse mode."""
    f, x = two_layers(lib)
    jacobian = lib.func.jacrev(f)
    return lambda: jacobian(x)


def jacfwd(lib: Any) -> Run:
    """Jacobian by forward mode."""
    f, x = two_layers(lib)
    jacobian = lib.func.jacfwd(f)
    return lambda: jacobian(x)


def perceptron(lib: Any) -> tuple[Callable[[Any], Any], Any]:
    """A three-layer network of width 32 that returns one number, as a function of its input."""
    w1, w2, w3, b1, b2, x = tensors(lib, (32, 32), (32, 32), (1, 32), (32,), (32,), (32,))
    linear = lib.nn.functional.linear
    return lambda x: linear(linear(linear(x, w1, b1).tanh(), w2, b2).tanh(), w3).sum(), x


def hessian(lib: Any) -> Run:
    """The whole Hessian: forward over reverse mode."""
    f, x = perceptron(lib)
    function = lib.func.hessian(f)
    return lambda: function(x)


# ---------------------------------------------------------------- per-sample gradients


def per_sample(lib: Any) -> Run:
    """Gradients of 64 samples each, vmap(grad) of a module with functional_call."""
    nn = lib.nn
    net = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 10))
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    (x,) = tensors(lib, (64, 16))
    y = lib.arange(64) % 10

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        scores = lib.func.functional_call(net, parameters, (x.unsqueeze(0),))
        return nn.functional.cross_entropy(scores, y.unsqueeze(0))

    function = lib.func.vmap(lib.func.grad(loss), in_dims=(None, 0, 0))
    return lambda: function(parameters, x, y)


# ---------------------------------------------------------------- products with the Hessian


def objective(lib: Any, batch: int, width: int) -> tuple[Callable[..., Any], list[Any], list[Any]]:
    """A loss of a two-layer network as a function of its weights; weights and a direction."""
    x, y, w1, b1, w2, b2 = tensors(lib, (batch, width), (batch, 1), (width, width), (width,), (width, 1), (1,))
    weights = [w1, b1, w2, b2]
    directions = tensors(lib, *[tuple(w.shape) for w in weights])

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return ((((x @ w1 + b1).tanh() @ w2 + b2) - y) ** 2).mean()

    return loss, weights, directions


def gradient(lib: Any, batch: int, width: int) -> Run:
    """The gradient, as a transform: what products are compared to."""
    loss, weights, _ = objective(lib, batch, width)
    function = lib.func.grad(loss, argnums=(0, 1, 2, 3))
    return lambda: function(*weights)


def plain_gradient(lib: Any, batch: int, width: int) -> Run:
    """The gradient by `autograd.grad`."""
    loss, weights, _ = objective(lib, batch, width)
    leaves = [w.requires_grad_() for w in weights]
    return lambda: lib.autograd.grad(loss(*leaves), leaves)


def forward_over_reverse(lib: Any, batch: int, width: int) -> Run:
    """jvp of grad."""
    loss, weights, directions = objective(lib, batch, width)
    function = lib.func.grad(loss, argnums=(0, 1, 2, 3))
    return lambda: lib.func.jvp(function, tuple(weights), tuple(directions))


def double_backward(lib: Any, batch: int, width: int) -> Run:
    """The gradient recorded, then swept with the direction."""
    loss, weights, directions = objective(lib, batch, width)
    leaves = [w.requires_grad_() for w in weights]

    def run() -> Any:
        slopes = lib.autograd.grad(loss(*leaves), leaves, create_graph=True)
        return lib.autograd.grad(slopes, leaves, directions)

    return run


TRANSFORMS: dict[str, tuple[Callable[[Any], Run], int, float]] = {
    "jacrev, 100 -> 100, two layers": (jacrev, 1, 1.0),
    "jacfwd, 100 -> 100, two layers": (jacfwd, 1, 1.0),
    "hessian, three layers of 32": (hessian, 1, 1.0),
    "vmap(grad), 64 samples, functional_call": (per_sample, 1, 1.0),
}
"""Name -> (workload, operations per run, ratio to torch's time that is to be reached)."""

SIZES = {"small (8, 16)": (8, 16), "large (256, 256)": (256, 256)}
PRODUCTS: dict[str, tuple[Callable[..., Run], Callable[..., Run], float]] = {
    "jvp of grad": (forward_over_reverse, gradient, 2.5),
    "double backward": (double_backward, plain_gradient, 2.5),
}
"""Name -> (product with the Hessian, gradient, ratio between their times that is to be reached)."""


def compiled(title: str) -> Run | None:
    """A workload in jax, or None where it is not installed or the workload is not stated for it."""
    if importlib.util.find_spec("jax") is None or title not in JAX:
        return None
    jax = importlib.import_module("jax")
    function, points = JAX[title](jax, importlib.import_module("jax.numpy"))
    ready = jax.jit(function)
    return lambda: jax.block_until_ready(ready(*points))


def jax_two_layers(jnp: Any) -> tuple[Callable[[Any], Any], Any]:
    """`two_layers` in jax."""
    w, v, x = map(jnp.asarray, arrays((100, 100), (100, 100), (100,)))
    return lambda x: jnp.tanh(v @ jnp.tanh(w @ x)), x


def jax_hessian(jax: Any, jnp: Any) -> Any:
    """`hessian` in jax."""
    w1, w2, w3, b1, b2, x = map(jnp.asarray, arrays((32, 32), (32, 32), (1, 32), (32,), (32,), (32,)))
    return jax.hessian(lambda x: (w3 @ jnp.tanh(w2 @ jnp.tanh(w1 @ x + b1) + b2)).sum()), (x,)


def jax_per_sample(jax: Any, jnp: Any) -> Any:
    """`per_sample` in jax."""
    w1, b1, w2, b2, x = map(jnp.asarray, arrays((32, 16), (32,), (10, 32), (10,), (64, 16)))
    y = jnp.arange(64) % 10

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        return -jax.nn.log_softmax(w2 @ jnp.tanh(w1 @ x + b1) + b2)[y]

    return jax.vmap(jax.grad(loss), (None, 0, 0)), ((w1, b1, w2, b2), x, y)


JAX: dict[str, Callable[[Any, Any], Any]] = {
    "jacrev, 100 -> 100, two layers": lambda jax, jnp: (
        jax.jacrev(jax_two_layers(jnp)[0]),
        (jax_two_layers(jnp)[1],),
    ),
    "jacfwd, 100 -> 100, two layers": lambda jax, jnp: (
        jax.jacfwd(jax_two_layers(jnp)[0]),
        (jax_two_layers(jnp)[1],),
    ),
    "hessian, three layers of 32": jax_hessian,
    "vmap(grad), 64 samples, functional_call": jax_per_sample,
}


def medians(runs: dict[str, Run], rounds: int) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Median microseconds of each run, and all samples; the runs take turns."""
    from benchmarks.__main__ import seconds

    for run in runs.values():
        run()
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(seconds(run, 0.03) * 1e6)
    return {name: statistics.median(values) for name, values in samples.items()}, samples


def against_torch(libraries: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Transforms beside the same transforms of torch (and jax)."""
    table = {}
    for title, (workload, _, goal) in TRANSFORMS.items():
        runs = {name: workload(lib) for name, lib in libraries.items()}
        third = compiled(title)
        if third is not None:
            runs["jax"] = third
        found, samples = medians(runs, rounds)
        row: dict[str, Any] = dict(found)
        for name in runs.keys() - {"wengert"}:
            ratios = [a / b for a, b in zip(samples["wengert"], samples[name], strict=True)]
            row[f"ratio to {name}"] = statistics.median(ratios)
        table[title] = {**row, "goal": goal}
        told = ", ".join(f"{key} {value:.2f}" for key, value in row.items() if key.startswith("ratio"))
        times = ", ".join(f"{name} {found[name]:.0f} us" for name in runs)
        print(f"{title:45} {told}, goal {goal}   ({times})", flush=True)
    return table


def against_gradient(libraries: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Products with the Hessian in gradients of the same library."""
    table = {}
    for title, (product, slope, goal) in PRODUCTS.items():
        for size, (batch, width) in SIZES.items():
            runs = {}
            for name, lib in libraries.items():
                runs[f"{name} product"], runs[f"{name} gradient"] = product(lib, batch, width), slope(lib, batch, width)
            found, samples = medians(runs, rounds)
            row: dict[str, Any] = dict(found)
            for name in libraries:
                pairs = zip(samples[f"{name} product"], samples[f"{name} gradient"], strict=True)
                row[name] = statistics.median([a / b for a, b in pairs])
            table[f"{title}, {size}"] = {**row, "goal": goal}
            told = ", ".join(f"{name} {row[name]:.2f}" for name in libraries)
            times = ", ".join(f"{name} {value:.0f} us" for name, value in found.items())
            print(f"{title + ', ' + size:45} {told} x own gradient, goal {goal}   ({times})", flush=True)
    return table


def main() -> None:
    """Measure, print, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transforms", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each workload is timed (median is taken)")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    names = ["wengert"] + (["torch"] if importlib.util.find_spec("torch") else [])
    libraries = {name: importlib.import_module(name) for name in names}
    for name in names:
        importlib.import_module(f"{name}.func")
    if "torch" in libraries:
        libraries["torch"].set_num_threads(1)
    table = {**against_torch(libraries, options.rounds), **against_gradient(libraries, options.rounds)}
    if options.json:
        with open(options.json, "w") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
