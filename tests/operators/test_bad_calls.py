"""Calls that are wrong in one argument: refused where torch refuses them, by an error of the same class.

For each row of torch's operator table one good call is spoilt in one argument at a time: a value of another type, an
argument missing, one too many, a name that there is not.  Where torch raises a TypeError, ours must be one; and nothing
may end in an error that tells of our own code (AttributeError, KeyError, ...).

`python -m tests.operators.test_bad_calls` lists what differs.
"""

import contextlib
import io
import signal
import warnings

import pytest

from tests import backend

pytest.importorskip("torch", reason="the oracle is not installed")
pytest.importorskip("expecttest", reason="torch's own tests need it")
if backend.REAL:
    pytest.skip("torch cannot be compared with itself", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tests.operators import torch_samples as table
    from tests.operators.torch_samples_translation import ours

import torch

from wengert.core.base.errors import WengertError

ACCIDENTS = (AttributeError, KeyError, NameError, ZeroDivisionError, OverflowError, RecursionError, MemoryError)
"""Errors that tell of the library's own code."""
ENDS_THE_PROCESS = {"native_batch_norm", "nn.functional.embedding_bag", "lu_unpack"}
"""Rows with which torch itself crashes on bad calls."""
UNBOUND = {
    "cauchy", "exponential", "geometric", "item", "log_normal", "normal.in_place", "uniform", "resize_as_",
    "__getitem__", "__radd__", "__rand__", "__rdiv__", "__rmatmul__", "__rmod__", "__rmul__", "__ror__", "__rpow__",
    "__rsub__", "__rxor__",
}  # fmt: skip
"""Methods, which the table calls without a tensor before the dot."""


def spoilt(value):
    """Values of another type in the place of an argument."""
    if isinstance(value, torch.Tensor):
        return {"None": None, "str": "abc", "dict": {}, "list": ["a"], "float": 2.5}
    if isinstance(value, bool) or value is None or isinstance(value, torch.dtype):
        return {}
    if isinstance(value, (list, tuple)) and any(isinstance(x, torch.Tensor) for x in value):
        return {"with None": [*value, None], "with float": [*value, 1.0], "float": 1.0}
    return {"dict": {}, "list of str": ["a", "b"]}


def bad_calls(args, kwargs):
    """(what is wrong, arguments, named arguments) of each bad call."""
    for i, value in enumerate(args):
        for word, bad in spoilt(value).items():
            yield f"{i}: {word}", (*args[:i], bad, *args[i + 1 :]), kwargs
    for name, value in kwargs.items():
        for word, bad in spoilt(value).items():
            yield f"{name}: {word}", args, {**kwargs, name: bad}
    yield "nothing given", (), {}
    yield "unknown name", args, {**kwargs, "no_such_name": 1}
    yield "too many", (*args, *["abc"] * 14), kwargs


class Slow(Exception):
    """A call did not end."""


def outcome(function, args, kwargs):
    """The error of a call, or None."""
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*args, **kwargs)
    except Exception as error:
        return error
    return None


def builtin(error):
    """The class that Python has for an error."""
    return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")


def fault(found, wanted):
    """What is wrong with our error where torch's is `wanted`, or ""."""
    accident = isinstance(found, ACCIDENTS) and not isinstance(found, WengertError)
    if accident and not isinstance(wanted, builtin(found)):
        return f"{type(found).__name__}: {found}"
    if isinstance(wanted, TypeError) and found is not None and not isinstance(found, TypeError):
        return f"{type(found).__name__}, not TypeError: {found}"
    return ""


def sample(entry):
    """The first good call of a row with few elements."""
    wished = (torch.float32, torch.int64, torch.bool, torch.complex64)
    dtype = next((d for d in wished if d in entry.info.dtypes), None)
    for one in () if dtype is None else table.drawn(entry.info, dtype, 20):
        args = (one.input, *one.args)
        size = sum(x.numel() for x in table.flat((args, list(one.kwargs.values()))) if isinstance(x, torch.Tensor))
        if size <= 2000:
            return args, dict(one.kwargs)
    return None


def faults(entry):
    """(what was wrong with the call, what is wrong with our answer) of a row."""
    good = sample(entry)
    if good is None:
        return []
    found = []
    for what, args, kwargs in bad_calls(*good):
        wanted = outcome(entry.theirs, args, kwargs)
        if wanted is None:
            continue
        try:
            mine = ours((args, kwargs))
        except (AttributeError, TypeError):  # modules and dtypes that only torch has
            continue
        told = fault(outcome(entry.ours, *mine), wanted)
        if told:
            found.append((what, told[:160]))
    return found


PRESENT = [
    e for e in table.entries()[0] if e.info.name not in ENDS_THE_PROCESS | UNBOUND and e.name not in UNBOUND
]  # fmt: skip
KNOWN = {
    "imag(0: float)": "the dtype is asked for first",
    "nn.functional.adaptive_avg_pool3d(1: list of str)": "the length is asked for first",
    "einsum(0: with None)": "the terms are counted first",
    "einsum(0: with float)": "the terms are counted first",
    "randint_like(too many)": "takes what `randint` takes",
}
"""Calls that are refused by an error of another class."""


@pytest.fixture(autouse=True)
def ends():
    """No call takes long."""

    def stop(*args):
        raise Slow

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("letter", sorted({e.name[0] for e in PRESENT}))
def test_bad_calls_are_refused_as_torch_refuses_them(letter):
    entries = [e for e in PRESENT if e.name[0] == letter]
    wrong = {f"{e.name}({what})": told for e in entries for what, told in faults(e)}
    new = [f"{call}: {told}" for call, told in wrong.items() if call not in KNOWN]
    assert not new, "\n".join(new)


def test_the_comparison_notices():
    """Our own mistakes and other classes are told from good answers."""
    wanted = TypeError("must be Tensor")
    assert fault(AttributeError("no ndim"), wanted) and fault(RuntimeError("shape"), wanted)
    assert not fault(TypeError("must be Tensor"), wanted) and not fault(RuntimeError("a"), RuntimeError("b"))
    assert fault(ZeroDivisionError("by zero"), RuntimeError("zero"))


if __name__ == "__main__":
    for each in PRESENT:
        for what, told in faults(each):
            print(f"{each.name}({what}): {told}")
