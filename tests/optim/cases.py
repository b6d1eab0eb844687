"""Optimizers with options, run on the same parameters and gradients by any library.

`python -m tests.optim.cases` writes golden.json anew, with torch.
"""

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("golden.json")
STEPS = 20
GRID = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.5, "dampening": 0.2, "maximize": True},
    ],
    "Adam": [{}, {"amsgrad": True, "weight_decay": 0.1}, {"betas": (0.3, 0.5), "maximize": True}],
    "AdamW": [{}, {"amsgrad": True, "lr": 0.1}],
    "Adamax": [{}, {"weight_decay": 0.1, "maximize": True}],
    "NAdam": [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_weight_decay": True}],
    "RAdam": [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_weight_decay": True}],
    "Adagrad": [{}, {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.1}, {"maximize": True}],
    "Adadelta": [{}, {"weight_decay": 0.1, "rho": 0.5, "maximize": True}],
    "RMSprop": [{}, {"momentum": 0.9}, {"centered": True, "weight_decay": 0.1}, {"centered": True, "momentum": 0.9}],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.2), "maximize": True}],
    "ASGD": [{}, {"t0": 3, "weight_decay": 0.1, "maximize": True}],
    "Adafactor": [{}, {"weight_decay": 0.1, "maximize": True, "d": 2.0}, {"eps": (1e-3, 1e-2)}],
    "Muon": [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}],
}
CASES = [(name, options) for name, grid in GRID.items() for options in grid]
SHAPES = {"Muon": [(4, 3), (3, 5)]}


def title(name, options):
    return name + "".join(f" {key}={value}" for key, value in options.items())


def values(name, dtype):
    """Starting values, and a generator of gradients that goes on from there."""
    random = np.random.RandomState(7)

    def draw(shape):
        x = random.randn(*shape)
        return x + 1j * random.randn(*shape) if dtype.startswith("complex") else x

    return [draw(shape) for shape in SHAPES.get(name, [(3, 4), (5,)])], draw


def made(library, name, options, dtype="float32"):
    """Parameters and their optimizer."""
    start, draw = values(name, dtype)
    params = [library.tensor(x, dtype=getattr(library, dtype)).requires_grad_() for x in start]
    return params, getattr(library.optim, name)(params, **options), draw


def advance(library, params, optimizer, draw, steps=STEPS):
    """Some steps with the next gradients."""
    for _ in range(steps):
        for p in params:
            p.grad = library.tensor(draw(tuple(p.shape)), dtype=p.dtype)
        optimizer.step()


def plain(value):
    """State and options with arrays for tensors."""
    if hasattr(value, "detach"):
        value = value.detach()
        return np.array(value.float().tolist() if "bfloat16" in str(value.dtype) else value.numpy())
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(entry) for entry in value)
    return value


def carried(library, value):
    """State and options with tensors of a library for arrays."""
    if isinstance(value, np.ndarray):
        return library.tensor(value)
    if isinstance(value, dict):
        return {key: carried(library, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(carried(library, entry) for entry in value)
    return value


def final(library, name, options, dtype):
    """The parameters after all steps, as nested lists."""
    params, optimizer, draw = made(library, name, options, dtype)
    advance(library, params, optimizer, draw)
    return [p.detach().tolist() for p in params]


def main():
    import torch

    golden = {title(name, options): final(torch, name, options, "float64") for name, options in CASES}
    GOLDEN.write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
