"""torch's own table of operators and sample inputs, run on torch and on the library under test.

`entries()` lists what is compared, `judge(entry, samples)` compares one entry and says per kind what is wrong.

    python -m tests.operators.torch_samples             counts and failures of the whole table
    python -m tests.operators.torch_samples --update    the same, written to the ratchet file unless something got worse
    python -m tests.operators.torch_samples add sum     the failures of some entries in full

Kinds: forward (float64, or the first dtype the operator has), method, dtypes (common other dtypes), all dtypes (a few
samples of the rest), gradient, complex (gradient of complex128), second (second gradient), inplace, out, errors (class
and leading words); of torch_samples_modes.py: forward mode, batched.

Half precision is right if it is torch's result, or nearer to what torch computes from the same operands in float64.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import random
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import wengert
from tests.operators import torch_samples_modes as modes
from tests.operators.torch_samples_translation import TOLERANCE, differs, flat, ours, translated, values_of

for _space in ("linalg", "special", "fft", "nn", "nn.functional"):
    with contextlib.suppress(ImportError):
        importlib.import_module(f"wengert.{_space}")

RATCHET = Path(__file__).with_name("torch_samples_ratchet.json")
KINDS = (
    "forward", "method", "dtypes", "all dtypes", "gradient", "complex", "second", "inplace", "out", "errors",
    "forward mode", "batched",
)  # fmt: skip
COUNT = 500
"""How many samples of an entry are compared, unless `--count` says otherwise; 500 is all but always all."""
SEED = int(os.environ.get("WENGERT_SAMPLES_SEED", 0))
"""Where the samples' values come from; the ratchet file is that of seed 0."""
WORDS = 25
"""How many leading characters of an error message are compared."""
REASON = 240
"""How many characters of a reason are kept."""

# What is not compared: entries for torch's own machinery, and layouts that only torch has.
FOREIGN = ("sparse", "jiterator", "torch.", "jagged", "nested", "linear_cross_entropy")
# Values are not set at all, or drawn from a stream that is seeded only where the row seeds it.
UNSET = {
    "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_",
}  # fmt: skip
DRAWN = {
    "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "normal", "rand_like", "randint",
    "randint_like", "randn", "randn_like", "uniform",
}  # fmt: skip
# Which of several equal elements comes first is left open.
TIED = {"argsort", "kthvalue", "mode", "sort", "topk"}
# Eigenvalues come in no particular order.
UNORDERED = {"linalg.eig", "linalg.eigvals"}
# Where torch itself is this far from the truth.
LOOSE = dict.fromkeys(
    ("special.airy_ai", "special.bessel_j0", "special.bessel_j1", "special.bessel_y0", "special.bessel_y1"), 1e-4
)
HALF = (torch.float16, torch.bfloat16)
OTHER_DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex128, torch.bfloat16)


# ---------------------------------------------------------------- entries


_NO_CODE = (lambda: None).__code__


class Entry:
    """One row of torch's table and the callables on both sides."""

    def __init__(self, info, ours):
        self.info, self.ours, self.theirs = info, ours, info.op
        self.name = key_of(info)
        drawn_anew = info.name in DRAWN and "wrapper_set_seed" not in getattr(info.op, "__code__", _NO_CODE).co_names
        drawn_anew = drawn_anew or info.name in UNSET
        self.blind = "values" if drawn_anew else "indices" if info.name in TIED else ""
        self.tolerance = LOOSE.get(info.name, 0.0)

    def __repr__(self):
        return self.name


def key_of(info):
    """Name and variant of a row."""
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name


def foreign(info):
    """Whether a row is about machinery that only torch has."""
    last = info.name.split(".")[-1]
    private = last.startswith("_") and not last.endswith("__")
    return private or info.name == "slice" or any(word in info.name for word in FOREIGN)


def known(info):
    """Whether our library has the public name of a row."""
    owner, names = wengert, info.name.split(".")
    if hasattr(wengert.Tensor, info.name) or hasattr(wengert.Tensor, info.name + "_"):
        return True
    for name in names:
        owner = getattr(owner, name, None)
    return owner is not None


@functools.cache
def entries():
    """(entries that are compared, names of rows that our library lacks)."""
    present, missing = [], []
    for info in op_db:
        if foreign(info):
            continue
        function = translated(info.op) if known(info) else None
        if function is None:
            missing.append(key_of(info))
        else:
            present.append(Entry(info, function))
    return present, sorted(missing)


# ---------------------------------------------------------------- comparison


class Trial:
    """One sample of an entry on both sides."""

    def __init__(self, entry, sample, memory=None):
        self.entry, self.sample, self.pairs = entry, sample, []
        self.inputs = (sample.input, *sample.args), dict(sample.kwargs)
        self.mine = ours(self.inputs, self.pairs, memory)

    def torch_result(self):
        """What torch computes."""
        return self.entry.theirs(*self.inputs[0], **self.inputs[1])

    def own_result(self, function=None):
        """What our library computes."""
        return (function or self.entry.ours)(*self.mine[0], **self.mine[1])

    def described(self):
        """The arguments in a few words."""
        return ", ".join([*map(brief, self.inputs[0]), *(f"{k}={brief(v)}" for k, v in self.inputs[1].items())])


def brief(x):
    """An argument in a few characters."""
    if isinstance(x, torch.Tensor):
        return f"{str(x.dtype).removeprefix('torch.')}{list(x.shape)}"
    if isinstance(x, (list, tuple)):
        return f"[{', '.join(map(brief, x))}]"
    return repr(x)


def drawn(info, dtype, count, requires_grad=False):
    """The first samples of a row, the same at every call."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    np.random.seed(SEED)
    for k, sample in enumerate(info.sample_inputs_func(info, "cpu", dtype, requires_grad)):
        if k == count:
            return
        yield sample


def trials(entry, dtype, count, requires_grad=False):
    """Samples on both sides; those with modules that only torch has are left out."""
    for sample in drawn(entry.info, dtype, count, requires_grad):
        try:
            trial = Trial(entry, sample)
        except AttributeError:
            continue
        yield trial


def first_line(error):
    """Class and first words of an error."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:110] if str(error) else ''}"


def ordered(results, library):
    """Eigenvalues by real and imaginary part, and the columns of their vectors with them."""
    values, *vectors = results if isinstance(results, (tuple, list)) else (results,)
    x = np.round(values_of(values), 3)
    places = library.from_numpy(np.lexsort((x.imag, x.real), axis=-1))
    columns = [library.take_along_dim(v, places.unsqueeze(-2), -1) for v in vectors]
    return [library.take_along_dim(values, places, -1), *columns]


def doubled(x):
    """Operands in half precision, and the word for it, as float64."""
    if isinstance(x, torch.Tensor):
        return x.double() if x.dtype in HALF else x
    if isinstance(x, dict):
        return {key: doubled(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)) and type(x) in (list, tuple):
        return type(x)(map(doubled, x))
    return torch.float64 if x in HALF else x


def nearer(trial, found, wanted):
    """Whether our results in half precision are no farther from those in float64 than torch's, in any element."""
    args, kwargs = doubled(trial.inputs)
    try:
        exact = trial.sample.output_process_fn_grad(trial.entry.theirs(*args, **kwargs))
    except Exception:
        return False
    for a, b, c in zip(flat(found), flat(wanted), flat(exact), strict=True):
        if str(a.dtype) != str(b.dtype) or tuple(a.shape) != tuple(c.shape):
            return False
        x, y, z = values_of(a).astype(float), values_of(b).astype(float), values_of(c).astype(float)
        with np.errstate(invalid="ignore"):
            near, far = np.abs(x - z), np.abs(y - z)
            if not np.all((near <= far + TOLERANCE[str(b.dtype).removeprefix("torch.")] * np.abs(z)) | np.isnan(far)):
                return False
    return True


def forward(entry, dtype, count, function=None):
    """The first difference of results for a dtype, or ""."""
    for trial in trials(entry, dtype, count):
        try:
            wanted = trial.torch_result()
        except Exception:
            continue
        try:
            found = trial.own_result(function)
        except Exception as error:
            return f"{first_line(error)} for ({trial.described()})"
        process = trial.sample.output_process_fn_grad
        with contextlib.suppress(Exception):
            found, wanted = (translated(process) or process)(found), process(wanted)
        if entry.info.name in UNORDERED:
            found, wanted = ordered(found, wengert), ordered(wanted, torch)
        error = differs(found, wanted, entry.blind, entry.tolerance)
        if error and not (dtype in HALF and nearer(trial, found, wanted)):
            return f"{error} for ({trial.described()})"
    return ""


def cotangents(outs):
    """Fixed random cotangents of torch tensors."""
    source = torch.Generator().manual_seed(1)
    real = [torch.rand(x.shape, generator=source, dtype=torch.float64) + 0.5 for x in outs]
    return [
        (r + 1j * r.flip(0) if x.dtype.is_complex and r.ndim else r).to(x.dtype)
        for r, x in zip(real, outs, strict=True)
    ]


def recorded(results, library):
    """The results that have a gradient."""
    return [x for x in flat(results) if isinstance(x, library.Tensor) and x.requires_grad]


def gradients(trial, order):
    """(ours, torch's) gradients of one trial, or None where torch has none."""
    wanted = recorded(trial.sample.output_process_fn_grad(trial.torch_result()), torch)
    leaves = [a for a, _ in trial.pairs]
    if not wanted or not leaves:
        return None
    v = cotangents(wanted)
    wanted = torch.autograd.grad(wanted, leaves, v, create_graph=order > 1, allow_unused=True)
    if order > 1:
        second = [x for x in wanted if x is not None and x.requires_grad]
        if not second:
            return None
        w = cotangents(second)
        last = torch.autograd.grad(second, leaves, w, allow_unused=True)
    process = translated(trial.sample.output_process_fn_grad) or trial.sample.output_process_fn_grad
    own = recorded(process(trial.own_result()), wengert)
    copies = [b for _, b in trial.pairs]
    if len(own) != len(v):
        raise AssertionError(f"{len(own)} results with gradient, not {len(v)}")
    found = wengert.autograd.grad(own, copies, ours(v), create_graph=order > 1, allow_unused=True)
    if order > 1:
        return second_gradients(found, wanted, copies, w), last
    return found, wanted


def second_gradients(found, wanted, copies, w):
    """Gradients of our first gradients; one without a graph is constant, where torch's may have one of zeros."""
    chosen = [a for a, b in zip(found, wanted, strict=True) if b is not None and b.requires_grad]
    moving = [(a, v) for a, v in zip(chosen, ours(w), strict=True) if a is not None and a.requires_grad]
    if not moving:
        return [None] * len(copies)
    return wengert.autograd.grad([a for a, _ in moving], copies, [v for _, v in moving], allow_unused=True)


def torch_refuses(trial, order):
    """Whether torch cannot do it either."""
    try:
        outs = recorded(trial.sample.output_process_fn_grad(trial.torch_result()), torch)
        leaves = [a for a, _ in trial.pairs]
        first = torch.autograd.grad(outs, leaves, cotangents(outs), create_graph=order > 1, allow_unused=True)
        if order > 1:
            second = [x for x in first if x is not None and x.requires_grad]
            torch.autograd.grad(second, leaves, cotangents(second), allow_unused=True)
    except Exception:
        return True
    return False


def backward(entry, dtype, count, order=1):
    """The first difference of first or second gradients, or ""."""
    for trial in trials(entry, dtype, count, requires_grad=True):
        size = sum(x.numel() for x in flat(trial.inputs) if isinstance(x, torch.Tensor))
        if order > 1 and size > 400:
            continue
        try:
            found = gradients(trial, order)
        except Exception as error:
            if torch_refuses(trial, order):
                continue
            return f"{first_line(error)} for ({trial.described()})"
        for a, b in zip(*found, strict=True) if found else ():
            if a is None or b is None:
                present = a if b is None else b
                error = "" if present is None or not np.any(values_of(present)) else "no gradient on one side"
            else:
                error = differs(a, b)
            if error:
                return f"{error} for ({trial.described()})"
    return ""


# ---------------------------------------------------------------- other forms


def inplace(entry, dtype, count):
    """The in-place form on a clone: result and gradient."""
    variant = translated(entry.info.inplace_variant)
    if variant is None:
        return "missing"

    def on_clone(form, library):
        def call(x, *args, **kwargs):
            library.manual_seed(42)
            return form(x.clone(), *args, **kwargs)

        return call

    copy = Entry(entry.info, on_clone(variant, wengert))
    copy.theirs = on_clone(entry.info.inplace_variant, torch)
    found = forward(copy, dtype, count)
    return found or (backward(copy, dtype, count) if dtype in entry.info.supported_backward_dtypes("cpu") else "")


def into(entry, dtype, count):
    """`out=` filled with the result, and returned."""

    def filled(function, library):
        def call(*args, **kwargs):
            plain = function(*args, **kwargs)
            single = isinstance(plain, library.Tensor)
            parts = [library.empty_like(x) for x in ([plain] if single else plain)]
            result = function(*args, **kwargs, out=parts[0] if single else tuple(parts))
            assert all(a is b for a, b in zip([result] if single else result, parts, strict=True)), "not the out="
            return result

        return call

    copy = Entry(entry.info, filled(entry.ours, wengert))
    copy.theirs = filled(entry.theirs, torch)
    return forward(copy, dtype, count)


def errors(entry, count):
    """The first error input whose class or leading words differ."""
    torch.manual_seed(0)
    for k, item in enumerate(entry.info.error_inputs_func(entry.info, "cpu")):
        if k == count:
            break
        try:
            trial = Trial(entry, item.sample_input, {})
        except Exception:
            continue
        try:
            trial.torch_result()
            continue
        except Exception as error:
            wanted = error
        try:
            trial.own_result()
        except Exception as error:
            found = error
        else:
            return f"no error, torch: {first_line(wanted)} for ({trial.described()})"
        base = next(c for c in type(wanted).__mro__ if c.__module__ == "builtins")
        if not isinstance(found, base) or not str(found).startswith(str(wanted)[:WORDS]):
            return f"{first_line(found)} | torch: {first_line(wanted)} for ({trial.described()})"
    return ""


def others(entry, dtypes, count):
    """Forward in the other dtypes."""
    for dtype in dtypes:
        if error := forward(entry, dtype, count):
            return error
    return ""


def judge(entry, count):
    """{kind: what is wrong or ""} for one entry, from its first `count` samples."""
    info = entry.info
    dtypes = info.supported_dtypes("cpu")
    kinds = (torch.float64, torch.int64, torch.bool, torch.float32, torch.complex128)
    main = next((d for d in kinds if d in dtypes), None)
    if main is None:
        return {}
    tasks = {"forward": lambda: forward(entry, main, count)}
    method = translated(info.method_variant) if info.method_variant else None
    if method is not None and method is not entry.ours:
        tasks["method"] = lambda: forward(entry, main, 2, method)
    rest = [d for d in OTHER_DTYPES if d in dtypes and d is not main]
    tasks["dtypes"] = lambda: others(entry, rest, max(2, count // 2))
    seldom = [d for d in dtypes if d not in (*OTHER_DTYPES, main, torch.complex32) and "float8" not in str(d)]
    tasks["all dtypes"] = lambda: others(entry, sorted(seldom, key=str), min(12, count))
    backward_dtypes = info.supported_backward_dtypes("cpu") if info.supports_autograd else ()
    if torch.float64 in backward_dtypes and entry.blind != "values":
        tasks["gradient"] = lambda: backward(entry, torch.float64, count)
        if info.supports_gradgrad:
            tasks["second"] = lambda: backward(entry, torch.float64, max(2, count // 2), 2)
        table = sys.modules[__name__]
        tasks["forward mode"] = lambda: modes.forward_mode(table, entry, torch.float64)
        tasks["batched"] = lambda: modes.batched(table, entry, torch.float64)
    if torch.complex128 in backward_dtypes:
        tasks["complex"] = lambda: backward(entry, torch.complex128, max(2, count // 2))
    if info.inplace_variant is not None:
        tasks["inplace"] = lambda: inplace(entry, main, max(2, count // 2))
    if info.supports_out:
        tasks["out"] = lambda: into(entry, main, 2)
    # The reflected methods' error inputs put a number where `self` belongs.
    if info.error_inputs_func is not None and not info.name.startswith("__"):
        tasks["errors"] = lambda: errors(entry, 10 * count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {kind: task()[:REASON] for kind, task in tasks.items()}


# ---------------------------------------------------------------- the whole table


def sweep(chosen, count):
    """{entry name: {kind: reason}} for entries."""
    torch.set_num_threads(1)
    return {entry.name: judge(entry, count) for entry in chosen}


def summary(results, missing):
    """What the ratchet file holds: counts, the names we lack, and the failures of each kind."""
    counts = {"entries": len(results), "missing": len(missing)}
    failing = {}
    for kind in KINDS:
        asked = {name: found[kind] for name, found in results.items() if kind in found}
        failing[kind] = {name: reason for name, reason in sorted(asked.items()) if reason}
        counts[kind] = {"asked": len(asked), "right": len(asked) - len(failing[kind])}
    return {"counts": counts, "missing": missing, "failing": failing}


def counted(counts):
    """The counts in one line."""
    kinds = ", ".join(f"{kind} {counts[kind]['right']}/{counts[kind]['asked']}" for kind in KINDS)
    return f"torch's samples: {counts['entries']} entries ({counts['missing']} missing): {kinds}"


def main(words):
    """Print failures and counts; `--update` writes the ratchet file."""
    present, missing = entries()
    names = {word for word in words if not word.startswith("-")}
    chosen = [e for e in present if not names or e.name in names or e.info.name in names]
    count = next((int(word.removeprefix("--count=")) for word in words if word.startswith("--count=")), COUNT)
    found = summary(sweep(chosen, count), missing)
    for kind, failures in found["failing"].items():
        for name, reason in failures.items():
            print(f"{kind:9} {name}: {reason}")
    print(counted(found["counts"]))
    if "--update" in words and not names and not SEED:
        lost = regressions(json.loads(RATCHET.read_text()), found) if "--accept" not in words else []
        if lost:
            sys.exit(f"not written, these were right before (--accept takes them): {lost}")
        RATCHET.write_text(json.dumps(found, indent=1) + "\n")


def regressions(before, after):
    """Names and kinds that the file before did not list and the one after would."""
    listed = {(kind, name) for kind in KINDS for name in before["failing"].get(kind, after["failing"][kind])}
    new = {(kind, name) for kind in KINDS for name in after["failing"][kind] if name not in before["missing"]}
    return sorted(set(after["missing"]) - set(before["missing"])) + sorted(new - listed)


if __name__ == "__main__":
    main(sys.argv[1:])
