"""The loops of the compiled core agree with the bodies and rules that they stand in for, or decline."""

import warnings
from functools import partial

import numpy as np
import pytest

from tests.native.loop_samples import CALLS, FINITE, LOOSE, WIDE
from wengert.core.arrays.loops import LOOPS, RULES
from wengert.core.operators.raw import RawNamespace
from wengert.core.operators.record import FIRST, REGISTRY
from wengert.core.operators.samples import samples_of

compiled = pytest.mark.skipif(not LOOPS, reason="the compiled core is not in use")
SPECIAL = np.array([0.0, -0.0, np.nan, 1.0, -1.0, np.inf, -np.inf, 20.5, -20.5, 100.0, -100.0, 3.0, -3.0, 0.5, -2.5])


class Bodies(RawNamespace):
    """Operators on raw arrays by their bodies alone."""

    def __getattr__(self, name):
        op = REGISTRY[name]
        return partial(op.body, self if op.recorded_body else self.np)


BODIES = Bodies(np)


def full(op, sample, dtype):
    """The full argument tuple of a sample call, floats in `dtype`."""
    args, kwargs = sample
    named = dict(op.defaults) | dict(zip(op.params, args, strict=False)) | kwargs
    return tuple(turned(named[name], dtype) for name in op.params)


def turned(value, dtype):
    if isinstance(value, np.ndarray):
        return np.asarray(value, dtype) if value.dtype.kind == "f" else value.copy()
    return [turned(x, dtype) for x in value] if isinstance(value, list) else value


def arrays_of(op, args):
    """Where the tensor arguments stand."""
    return [i for i in op.arrays if isinstance(args[i], np.ndarray)] if op.many < 0 else []


def special(op, args):
    """The same arguments with special values in the floating tensors."""
    values = list(args)
    for i in arrays_of(op, args):
        if args[i].dtype.kind == "f":
            values[i] = np.resize(np.roll(SPECIAL, i * 4), args[i].shape).astype(args[i].dtype)
    return tuple(values)


def strided(op, args):
    """The same arguments in memory with gaps."""
    values = list(args)
    for i in arrays_of(op, args):
        room = np.zeros((*args[i].shape, 2), args[i].dtype)
        room[..., 0] = args[i]
        values[i] = room[..., 0]
    return tuple(values)


def variants(op, dtype):
    """Argument tuples to try an operator with."""
    for sample in [*samples_of(op), *CALLS.get(op.name, ())]:
        args = full(op, sample, dtype)
        yield args
        yield strided(op, args)
        yield special(op, args)


def body(op, args):
    k = op.positional
    where = BODIES if op.recorded_body else np
    return op.body(where, *args[:k], **dict(zip(op.params[k:], args[k:], strict=True)))


def parts(result):
    return [np.asarray(x) for x in (result if isinstance(result, (tuple, list)) else [result])]


def close(name, ours, wanted):
    """Same shape and dtype; values within two units in the last place, or as LOOSE says."""
    assert ours.shape == wanted.shape and ours.dtype == wanted.dtype, name
    assert np.array_equal(np.isnan(ours), np.isnan(wanted)), (name, ours, wanted)
    if ours.dtype.kind != "f":
        assert np.array_equal(ours, wanted), (name, ours, wanted)
        return
    epsilon = np.finfo(ours.dtype).eps
    loose = LOOSE.get(name, 0)
    size = max(1.0, float(np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0)))
    np.testing.assert_allclose(
        ours,
        wanted,
        rtol=max(loose, 2) * epsilon,
        atol=loose * epsilon * size + np.finfo(ours.dtype).tiny,
        err_msg=name,
    )
    if name not in WIDE:
        zero = (ours == 0) & (wanted == 0)
        assert np.array_equal(np.signbit(ours[zero]), np.signbit(wanted[zero])), (name, ours, wanted)


@pytest.fixture(autouse=True)
def strict():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def attempt(op, args):
    """The body's result, None where it refuses."""
    try:
        return body(op, args)
    except Exception:
        return None


def kept(args):
    return [x.copy() if isinstance(x, np.ndarray) else x for x in args]


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(LOOPS))
def test_a_loop_is_its_body(name, dtype):
    op, answered = REGISTRY[name], 0
    for args in variants(op, dtype):
        before = kept(args)
        found = LOOPS[name](args)
        for x, y in zip(before, args, strict=True):
            assert not isinstance(x, np.ndarray) or np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        if found is None:
            continue
        answered += 1
        for ours, wanted in zip(parts(found), parts(body(op, args)), strict=True):
            close(name, ours, wanted)
            assert not any(isinstance(x, np.ndarray) and np.shares_memory(x, ours) for x in args), name
    assert answered, f"the loop of {name} takes no sample"


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(RULES))
def test_a_slope_is_its_rule(name, dtype):
    op, answered = REGISTRY[name], 0
    for args in variants(op, dtype):
        out = attempt(op, args)
        if out is None:
            continue
        for seed in (0, 2) if name in FINITE else (0, 1, 2):
            answered += compared(op, args, out, seed)
    assert answered, f"no loop of {name}'s rules takes a sample"


def gradient(out, seed):
    """A gradient of a result: ordinary, with special values, without gaps or with."""
    found = np.random.default_rng(seed).standard_normal(out.shape).astype(out.dtype)
    if seed == 1:
        found = np.resize(SPECIAL[::-1], out.shape).astype(out.dtype)
    return np.repeat(found[..., None], 2, -1)[..., 0] if seed == 2 else np.asarray(found)


def compared(op, args, out, seed):
    """Try the rules of one call; how many answered."""
    results = parts(out)
    several = isinstance(out, (tuple, list))
    g = [gradient(x, seed) if x.dtype.kind == "f" else None for x in results]
    shape = [x.shape for x in args[op.many]] if op.many >= 0 else next(args[i].shape for i in arrays_of(op, args))
    environment = [BODIES, tuple(g) if several else g[0], tuple(results) if several else results[0], shape, *args]
    count = 0
    for i, rule in enumerate(RULES[op.name]):
        if rule is None or (op.many < 0 and not isinstance(args[op.arrays[i]], np.ndarray)):
            continue
        quick = rule(environment)
        if quick is None:
            continue
        count += 1
        wanted = op.rules[i](environment)
        if op.many >= 0:
            for ours, theirs in zip(quick, wanted, strict=True):
                close(op.name, ours, np.asarray(theirs))
            continue
        ours, theirs = np.asarray(quick), np.asarray(wanted)
        target = environment[FIRST + op.arrays[i]]
        if theirs.shape != target.shape:
            theirs = np.broadcast_to(theirs, target.shape) if theirs.size < target.size else theirs
        close(op.name, ours, theirs)
        assert not any(isinstance(x, np.ndarray) and np.shares_memory(x, ours) for x in (*g, *results, *args))
    return count
