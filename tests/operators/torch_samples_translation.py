"""torch's callables, tensors and whatever holds them in our library, and how two results differ."""

from __future__ import annotations

import functools
import types

import ml_dtypes
import numpy as np
import torch

import wengert

TOLERANCE = {"float64": 1e-7, "complex128": 1e-7, "float32": 1e-4, "complex64": 1e-4, "float16": 4e-3, "bfloat16": 2e-2}


# ---------------------------------------------------------------- callables


@functools.cache
def public_names():
    """Where torch's callables are found by users, by identity."""
    found = {}
    for path in ("nn.functional", "special", "linalg", "fft", "signal.windows", "masked", "Tensor", ""):
        owner = functools.reduce(getattr, filter(None, path.split(".")), torch)
        for name in dir(owner):
            found[id(getattr(owner, name, None))] = f"{path}.{name}".strip(".")
    return found


def seeded(function, *args, **kwargs):
    """As torch's tests call random operators: from seed 42."""
    wengert.manual_seed(42)
    return function(*args, **kwargs)


def translated(function):
    """The callable of a row with our library in torch's place, or None if it cannot be had."""
    path = public_names().get(id(function))
    if path is not None:
        return functools.reduce(lambda owner, name: getattr(owner, name, None), path.split("."), wengert)
    if isinstance(function, functools.partial):
        inner = translated(function.func)
        return inner and functools.partial(inner, *map(ours, function.args), **ours(function.keywords))
    if not isinstance(function, types.FunctionType):
        return None
    space = {**function.__globals__, "torch": wengert, "wrapper_set_seed": seeded}
    copy = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


# ---------------------------------------------------------------- tensors


def array_of(x, memory=None):
    """A torch tensor as a NumPy array with the same strides; those of one storage share it if `memory` is given."""
    x = x.detach().resolve_conj().resolve_neg()
    bits = x.view(torch.int16) if x.dtype is torch.bfloat16 else x
    flat = bits.as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,), 0).clone().numpy()
    if x.dtype is torch.bfloat16:
        flat = flat.view(ml_dtypes.bfloat16)
    if memory is not None and flat.size:
        flat = memory.setdefault((x.untyped_storage().data_ptr(), x.dtype), flat)
    strides = [k * flat.itemsize for k in x.stride()]
    return np.lib.stride_tricks.as_strided(flat[x.storage_offset() :], tuple(x.shape), strides)


def ours(x, pairs=None, memory=None):
    """Tensors, dtypes, devices and whatever holds them, in our library.

    pairs: collects what requires grad.  memory: what storages and tensors became, so that the shared stays shared.
    """
    if memory is not None and id(x) in memory:
        return memory[id(x)]
    if isinstance(x, torch.Tensor):
        copy = wengert.from_numpy(array_of(x, memory))
        if memory is not None:
            memory[id(x)] = copy
        if x.requires_grad:
            copy.requires_grad_()
            if pairs is not None:
                pairs.append((x, copy))
        return copy
    if isinstance(x, torch.Size):
        return wengert.Size(x)
    if isinstance(x, (torch.dtype, torch.layout, torch.memory_format)):
        return getattr(wengert, str(x).removeprefix("torch."))
    if isinstance(x, torch.device):
        return wengert.device(str(x))
    if isinstance(x, dict):
        return {k: ours(v, pairs, memory) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(ours(v, pairs, memory) for v in x)
    if isinstance(x, slice):
        return slice(ours(x.start), ours(x.stop), ours(x.step))
    if isinstance(x, torch.nn.Module):
        return getattr(wengert.nn, type(x).__name__)()
    return translated(x) if isinstance(x, types.FunctionType) else x


def flat(x):
    """All leaves of nested results."""
    if isinstance(x, dict):
        x = list(x.values())
    return [leaf for part in x for leaf in flat(part)] if isinstance(x, (list, tuple)) else [x]


# ---------------------------------------------------------------- differences


def values_of(x):
    """Values of a tensor of either library, halves as float32."""
    if isinstance(x, torch.Tensor):
        x = array_of(x)
    elif isinstance(x, wengert.Tensor):
        x = np.asarray(x.detach()._array)
    else:
        x = np.asarray(x)
    return x.astype(np.float32) if x.dtype.itemsize <= 2 and x.dtype.kind in "fV" else x


def differs(found, wanted, blind="", tolerance=0.0):
    """What distinguishes two results, or "" if nothing does; `blind` leaves out all "values" or those of "indices"."""
    found, wanted = flat(found), flat(wanted)
    if len(found) != len(wanted):
        return f"{len(found)} results, not {len(wanted)}"
    for a, b in zip(found, wanted, strict=True):
        if isinstance(b, torch.Tensor) != isinstance(a, wengert.Tensor):
            return f"a {type(a).__name__}, not a {type(b).__name__}"
        if isinstance(b, torch.Tensor):
            if str(a.dtype) != str(b.dtype):
                return f"dtype {a.dtype}, not {b.dtype}"
            if tuple(a.shape) != tuple(b.shape):
                return f"shape {tuple(a.shape)}, not {tuple(b.shape)}"
        elif isinstance(b, (torch.dtype, torch.device)) or b is None:
            if str(a) != str(b):
                return f"{a}, not {b}"
            continue
        index = blind == "indices" and b.dtype is torch.int64 and (b is not wanted[0] or len(wanted) == 1)
        if blind == "values" or index:
            continue
        if error := far(a, b, tolerance):
            return error
    return ""


def far(a, b, tolerance=0.0):
    """How two tensors differ in value, or ""."""
    name = str(getattr(b, "dtype", "float64")).removeprefix("torch.")
    x, y = values_of(a), values_of(b)
    if x.dtype.kind not in "fc" and y.dtype.kind not in "fc":
        return "" if np.array_equal(x, y) else f"values {short(x)}, not {short(y)}"
    tolerance = max(tolerance, TOLERANCE.get(name, 1e-7))
    finite = np.abs(y[np.isfinite(y)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(all="ignore"):
        close = np.isclose(x, y, rtol=tolerance, atol=0.1 * tolerance * scale, equal_nan=True)
    if y.dtype.kind == "c":
        close |= ~np.isfinite(x) & ~np.isfinite(y)
    return "" if close.all() else f"values {short(x[~close])}, not {short(y[~close])}"


def short(x):
    """The first values of an array in a few characters."""
    return np.array2string(np.ravel(x)[:3], precision=6, separator=",").replace("\n", "")
