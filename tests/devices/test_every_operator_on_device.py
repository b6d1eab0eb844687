"""Every operator on the device gives what it gives on the CPU: values, dtypes, gradients, and never leaves the device.

What cannot run there stands in known_gaps.txt with the reason; a line whose operator passes must go.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.operators.cases import changed, close, differentiable, function_of, is_without_gradient, samples, text_of
from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.arrays.device import device
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape.backward import grad
from wengert.core.tape.core import TensorBase, wrap

LIST = Path(__file__).with_name("known_gaps.txt")
GAPS = {
    line.split()[0]: " ".join(line.split()[1:])
    for line in LIST.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}
UNSET = {"blank_like"}
"""Operators whose results have no defined elements: only shape, dtype and device are compared."""


def host(x: Any) -> Any:
    """A result's elements on the CPU, which a result on the device must not be already."""
    if not isinstance(x, TensorBase):
        return x
    return backend_of(x._array).to_numpy(x._array)


def run(op: Op, sample: Any, place: Any) -> tuple[list[Any], list[Any]]:
    """Results and gradients of one call, on a device."""
    inputs: list[Any] = []
    backend = backend_for(place)

    def tensor(array: np.ndarray) -> Any:
        x = wrap(backend.from_numpy(array.copy(order="K"), place.index))
        if differentiable(array):
            x.requires_grad_()
            inputs.append(x)
        return x

    args, kwargs = changed(sample, tensor)
    out = function_of(op)(*args, **kwargs)
    results = list(out) if isinstance(out, (tuple, list)) else [out]
    moving = [y for y in results if isinstance(y, TensorBase) and y._flags & 1]
    if not moving:
        return results, []
    rng = np.random.default_rng(0)
    gs = []
    for y in moving:
        g = np.asarray(rng.uniform(-1, 1, y._array.shape)).astype(y._array.dtype)
        gs.append(wrap(backend.from_numpy(g, place.index)))
    try:
        return results, list(grad(moving, inputs, gs, allow_unused=True))
    except Exception as error:
        if is_without_gradient(error):
            return results, []
        raise


def judge(op: Op) -> list[str]:
    """What differs between the devices, a line per sample."""
    wrong = []
    cpu, cuda = device("cpu"), device("cuda:0")
    for sample in samples(op):
        if op.name == "to_device":
            continue
        try:
            wanted = run(op, sample, cpu)
        except Exception:
            continue
        try:
            found = run(op, sample, cuda)
            for what, ours, theirs in zip(("result", "gradient"), found, wanted, strict=True):
                assert len(ours) == len(theirs), f"{len(ours)} {what}s instead of {len(theirs)}"
                for x, y in zip(ours, theirs, strict=True):
                    if isinstance(y, TensorBase):
                        assert isinstance(x, TensorBase), f"{what} is {type(x).__name__}"
                        assert x.device == cuda, f"{what} is on {x.device}"  # type: ignore[attr-defined]
                    ours_, theirs_ = host(x), host(y)
                    if op.name in UNSET:
                        ours_ = np.zeros_like(ours_)
                        theirs_ = np.zeros_like(theirs_)
                    close(ours_, theirs_, None, what)
        except Exception as error:
            wrong.append(f"{op.name}({text_of(sample)}): {type(error).__name__} {where(error)}{str(error)[:200]}")
    return wrong


def where(error: Exception) -> str:
    """The innermost line of our own that an error passed."""
    if isinstance(error, AssertionError):
        return ""
    error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/wengert/" in f.filename]
    return f"[{Path(frames[-1].filename).name}:{frames[-1].lineno}] " if frames else ""


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_operator(name: str, cuda: Any) -> None:
    wrong = judge(REGISTRY[name])
    reason = GAPS.get(name)
    if reason is None:
        assert not wrong, "\n".join(wrong[:4])
    elif wrong:
        pytest.xfail(reason)
    else:
        pytest.fail(f"passes now: remove `{name}` from {LIST.name}")


def test_gaps_name_operators() -> None:
    assert not GAPS.keys() - REGISTRY.keys()
