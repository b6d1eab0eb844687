"""What every record must say, and that its names, parameters and forms are torch's."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.operators import oracle
from tests.operators.cases import full_arguments, samples
from tests.operators.oracle import real
from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import core

needs_torch = pytest.mark.skipif(real is None, reason="torch is not installed")

DOCUMENTED = "torch's page names the parameter otherwise than torch takes it (`input`)"
WEIGHT = "torch's `weight` is not there yet"
OVERLOADS = "torch has an overload with `unbiased` that its page does not show"
# Where a record's parameters differ from torch's page, and why.
PARAMETERS: dict[str, str] = {
    **dict.fromkeys(
        ("cholesky_inverse", "cholesky_solve", "lu_solve", "matrix_exp", "searchsorted", "triangular_solve"), DOCUMENTED
    ),
    **dict.fromkeys(("huber_loss", "l1_loss", "mse_loss"), WEIGHT),
    **dict.fromkeys(("std", "std_mean", "var", "var_mean"), OVERLOADS),
    "chain_matmul": "takes its matrices spread out",
    "split": "torch takes split_size as a keyword too",
}
_DRAWN = "its values come from a distribution: tested with the distributions"
UNSAMPLED = {
    "sampled": _DRAWN,
    "dirichlet_sampled": _DRAWN,
    "dirichlet_slope": _DRAWN,
    "standard_gamma_sampled": _DRAWN,
    "standard_gamma_slope": _DRAWN,
    "normal_sampled": _DRAWN,
    "lobpcg_pairs": "its values are those that an iteration found: tested with torch.lobpcg",
}
# Methods and in-place forms that torch has and we have not, or the other way round, and why.
METHODS: dict[str, str] = {}
IN_PLACE: dict[str, str] = {}


def public() -> list[str]:
    """Operators that torch has under the same name."""
    return sorted(name for name, op in REGISTRY.items() if op.space is not None)


def test_the_library_is_large() -> None:
    assert len(REGISTRY) >= 250


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_record_is_complete(name: str) -> None:
    op = REGISTRY[name]
    first = op.doc.strip().splitlines()[0]
    assert 5 <= len(first) <= 116, first
    calls = samples(op)
    assert calls or name in UNSAMPLED or not (op.arrays or op.many >= 0), "no sample call"
    if not isinstance(op.kind, Composite):
        for sample in calls:
            full_arguments(op, sample)
    tensors = {op.params[i] for i in op.arrays} | ({op.params[op.many]} if op.many >= 0 else set())
    assert tensors or isinstance(op.kind, Composite) or op.space is None, "no tensor parameter"


@pytest.mark.parametrize("name", sorted(n for n, op in REGISTRY.items() if len(op.arrays) > 1))
def test_rules_stand_at_their_tensors(name: str) -> None:
    """A gradient rule for a tensor that is an index or a mask in every sample stands at the wrong place."""
    op = REGISTRY[name]
    floating = set()
    for sample in samples(op):
        args = full_arguments(op, sample)
        floating |= {k for k, i in enumerate(op.arrays) if not is_index(args[i])}
    assert name in UNSAMPLED or all(rule is None or k in floating for k, rule in enumerate(op.rules))


def is_index(x: object) -> bool:
    """Whether it is an array without gradient."""
    return hasattr(x, "dtype") and x.dtype.kind in "iub"


def signature_of(function: object) -> list[list[str]]:
    """Parameter names of a torch function, one list per overload it documents."""
    try:
        return [[n for n in inspect.signature(function).parameters if n not in ("out", "_stacklevel")]]
    except (TypeError, ValueError):
        pass
    doc = getattr(function, "__doc__", None) or ""
    found = []
    for line in re.findall(r"^\s*(?:\.\. function:: )?[\w.]+\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*->", doc, re.M):
        bare = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", line)
        names = [part.split("=")[0].split(":")[0].strip() for part in bare.split(",")]
        found.append([n for n in names if n.isidentifier() and n != "out"])
    return found


# torch's own documentation calls the same parameter differently in places.
UNIVERSAL = {"self": "input", "tensor": "input", "x": "input", "shape": "size", "split_size_or_sections": "split_size"}
IGNORED = {
    "inplace",
    "List",
    "size_average",
    "reduce",
    "device",
    "layout",
    "pin_memory",
    "requires_grad",
    "memory_format",
    "generator",
    "dtype",
}


def differing_parameters(name: str) -> str:
    """How the parameters differ from every overload that torch documents; empty if they do not."""
    op = REGISTRY[name]
    function = oracle.oracle_of(op)
    overloads = [names for names in signature_of(function) if names and names != ["args", "kwargs"]]
    if function is None or not overloads or any(agrees(op, names) for names in overloads):
        return ""
    return f"ours {list(op.params)}, torch {overloads}"


@needs_torch
@pytest.mark.parametrize("name", public())
def test_parameters_are_those_of_torch(name: str) -> None:
    differing = differing_parameters(name)
    assert name in PARAMETERS or not differing, differing


def agrees(op: Op, names: list[str]) -> bool:
    """Whether a documented overload is a selection, in order, of the record's parameters."""
    wanted = [UNIVERSAL.get(n, n) for n in names if n not in IGNORED]
    have = [UNIVERSAL.get(n, n) for n in op.params]
    if [n for n in have if n in wanted] == wanted:
        return True
    return any(n in ("args", "tensors", "operands") for n in wanted) and len(have) <= len(wanted) + 1


def same_methods(name: str) -> bool:
    """Whether torch.Tensor and ours both have it, or neither."""
    return hasattr(real.Tensor, name) == hasattr(core.Tensor, name)


@needs_torch
@pytest.mark.parametrize("name", [name for name in public() if REGISTRY[name].space == ""])
def test_forms_are_those_of_torch(name: str) -> None:
    assert name in METHODS or same_methods(name), f"method {name}: torch {hasattr(real.Tensor, name)}"
    assert name in IN_PLACE or same_methods(name + "_"), f"method {name}_: torch {hasattr(real.Tensor, name + '_')}"


@needs_torch
def test_exceptions_are_still_needed() -> None:
    assert not [name for name in PARAMETERS if name not in REGISTRY or not differing_parameters(name)]
    assert not [name for name in METHODS if same_methods(name)]
    assert not [name for name in IN_PLACE if same_methods(name + "_")]


@needs_torch
@pytest.mark.parametrize("name", public())
def test_public_operator_is_known_to_torch(name: str) -> None:
    assert oracle.oracle_of(REGISTRY[name]) is not None or name in oracle.NO_ORACLE, "torch has no such function"
