"""Time of one optimizer step on 12 parameters of 256 x 256, beside torch: `python -m benchmarks.optimizers`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import statistics
import time
from typing import Any

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("Adam", {}),
    ("AdamW", {}),
    ("RMSprop", {}),
]
FORMS: list[dict[str, Any]] = [{"foreach": True}, {"foreach": False}, {"fused": True}]


def stepper(library: Any, name: str, options: dict[str, Any], count: int, side: int) -> Any:
    """A step of a warm optimizer."""
    params = [library.rand(side, side).requires_grad_() for _ in range(count)]
    for p in params:
        p.grad = library.rand(side, side)
    optimizer = getattr(library.optim, name)(params, **options)
    optimizer.step()
    return optimizer.step


def best(step: Any, rounds: int) -> float:
    """The shortest time of a step, in microseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def main() -> None:
    """Print a line for every case: microseconds, and the ratio to each form that torch has."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimizers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=5, help="how often the libraries take turns (median of ratios)")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    given = parser.parse_args()
    ours = importlib.import_module("wengert")
    importlib.import_module("wengert.optim")
    torch = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
    if torch is not None:
        torch.set_num_threads(given.threads)
    for name, options in CASES:
        step = stepper(ours, name, options, given.count, given.side)
        line = f"{name} {options or ''}".ljust(28)
        rivals = {}
        for form in FORMS if torch is not None else []:
            try:
                rivals[next(iter(form)) if next(iter(form.values())) else "loop"] = stepper(
                    torch, name, {**options, **form}, given.count, given.side
                )
            except TypeError:
                continue
        samples: list[tuple[float, dict[str, float]]] = []
        for _ in range(given.repeat):
            samples.append(
                (best(step, given.rounds), {key: best(rival, given.rounds) for key, rival in rivals.items()})
            )
        line += f"{statistics.median(own for own, _ in samples):9.0f} us"
        for key in rivals:
            ratio = statistics.median(own / others[key] for own, others in samples)
            line += f"   {ratio:5.2f} x torch {key}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
