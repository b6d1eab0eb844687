"""Entries for the operators of this library, made from their records: function, dtypes and samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import wengert as torch
from wengert.core.operators.kinds import Elementwise, View
from wengert.core.operators.record import REGISTRY
from wengert.core.operators.samples import samples_of
from wengert.core.tensor.methods import SPACES
from wengert.testing._internal.common_dtype import get_all_dtypes
from wengert.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    OpInfo,
    ReductionOpInfo,
    ShapeFuncInfo,
    SpectralFuncInfo,
    UnaryUfuncInfo,
)
from wengert.testing._internal.opinfo.samples import SampleInput

RANDOM = {
    "bernoulli", "binomial", "multinomial", "normal", "poisson", "rrelu", "gumbel_softmax", "native_dropout",
}  # fmt: skip
"""Operators whose results are drawn."""


def converted(array: np.ndarray, kind: Any) -> Any:
    """A sample's array in the dtype that is tested; indices and masks stay what they are."""
    if array.dtype.kind == "c" and not kind.is_complex:
        return array.real
    if array.dtype.kind not in "fc":
        return array.clip(0) if kind is not torch.bool and not kind.is_signed else array
    if kind.is_complex:
        return array if array.dtype.kind == "c" else array + 0.5j * array[..., ::-1] if array.ndim else array + 0.5j
    if kind.is_floating_point:
        return array
    return array > 0 if kind is torch.bool else np.abs(np.rint(array)) if not kind.is_signed else np.rint(array)


def arrays_in(value: Any) -> list[np.ndarray]:
    """The arrays in a nest of arguments."""
    if isinstance(value, np.ndarray):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [array for part in parts for array in arrays_in(part)]


def sampler(record: Any, device: Any, dtype: Any, requires_grad: bool) -> list[SampleInput]:
    """The record's sample calls with tensors of one dtype."""

    calls = list(samples_of(record))
    kinds = "fc" if any(a.dtype.kind in "fc" for call in calls for a in arrays_in(call)) else "iu"

    def tensor(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            moving = value.dtype.kind in kinds
            made = torch.from_numpy(np.array(converted(value, dtype)))
            made = made.to(dtype=dtype, device=device) if moving else made.to(device)
            return made.requires_grad_(requires_grad and moving and (dtype.is_floating_point or dtype.is_complex))
        if isinstance(value, (list, tuple)) and any(isinstance(x, np.ndarray) for x in value):
            return type(value)(tensor(x) for x in value)
        return value

    found = []
    for args, kwargs in calls:
        if args:
            named = {name: tensor(value) for name, value in kwargs.items()}
            found.append(SampleInput(tensor(args[0]), args=tuple(tensor(x) for x in args[1:]), kwargs=named))
    return found


def answers(info: Any, dtype: Any, graded: bool) -> bool:
    """Whether every sample of a dtype is computed - and, if `graded`, differentiated - without complaint."""
    seen = False
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for sample in info.sample_inputs("cpu", dtype, requires_grad=graded):
                out = info.op(sample.input, *sample.args, **sample.kwargs)
                outs = out if isinstance(out, (list, tuple)) else (out,)
                moving = [x for x in outs if isinstance(x, torch.Tensor) and x.requires_grad]
                seen = seen or bool(moving) or not graded
                if graded and moving:
                    moving[0].backward(torch.ones_like(moving[0]))
    except Exception:
        return False
    return seen


def dtypes_of(info: Any) -> set[Any]:
    """The dtypes that are computed: found by trying."""
    return {dtype for dtype in get_all_dtypes() if answers(info, dtype, False)}


def backward_dtypes_of(info: Any) -> set[Any]:
    """The dtypes that are differentiated: found by trying."""
    moving = {dtype for dtype in info.dtypes if dtype.is_floating_point or dtype.is_complex}
    return {dtype for dtype in moving if answers(info, dtype, True)}


def reference_of(record: Any) -> Any:
    """A function of arrays that computes the same: the record's own, or NumPy's of the same name."""
    ufunc = getattr(np, record.name, None)
    return record.reference or (ufunc if isinstance(ufunc, np.ufunc) else None)


def entry(name: str, function: Any, record: Any, aliases: list[str]) -> Any:
    """The entry of one operator, of the class that fits its kind."""

    def sample_inputs(info: Any, device: Any, dtype: Any, requires_grad: bool, **kwargs: Any) -> list[SampleInput]:
        return sampler(record, device, dtype, requires_grad)

    options: dict[str, Any] = {
        "op": function, "dtypes": dtypes_of, "backward_dtypes": backward_dtypes_of, "sample_inputs_func": sample_inputs,
        "aliases": aliases, "supports_forward_ad": True, "ref": reference_of(record),
        "has_nondeterministic_output": record.name in RANDOM,
    }  # fmt: skip
    made: Any = OpInfo
    if isinstance(record.kind, Elementwise) and len(record.arrays) in (1, 2):
        made = UnaryUfuncInfo if len(record.arrays) == 1 else BinaryUfuncInfo
        if made is UnaryUfuncInfo:
            options["domain"] = record.domain
    elif name.startswith("fft."):
        made = SpectralFuncInfo
    elif isinstance(record.kind, View):
        made = ShapeFuncInfo
    elif {"dim", "keepdim"} <= set(record.params):
        made = ReductionOpInfo
    return made(name, **options)


def candidates() -> list[tuple[str, Any, Any, list[str]]]:
    """(name, function, record, other names) of every public function that stands for a record."""
    spaces = {"": torch, "linalg.": torch.linalg, "special.": torch.special, "fft.": torch.fft}
    found: dict[tuple[str, str], tuple[str, Any, Any, list[str]]] = {}
    for prefix, module in {**spaces, "nn.functional.": torch.nn.functional}.items():
        names = SPACES[prefix[:-1]] if prefix in spaces else module.__all__
        for name in names:
            function = getattr(module, name, None)
            record: Any = getattr(function, "op", None) or REGISTRY.get(name)
            if function is None or record is None or name.endswith("_") or name.startswith("_"):
                continue
            if (prefix, record.name) not in found:
                others = [prefix + other for other in record.aliases if hasattr(module, other)]
                found[prefix, record.name] = (prefix + name, function, record, others)
    return list(found.values())


def entries() -> list[Any]:
    """Every entry whose samples the public function takes."""
    made = [entry(*candidate) for candidate in candidates()]
    kinds = (torch.float64, torch.complex128, torch.int64, torch.bool)
    return [info for info in made if any(answers(info, kind, False) for kind in kinds)]


__all__ = ["entries", "sampler"]
