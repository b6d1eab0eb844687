"""What every record must say, and that its names, parameters and forms are torch's."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.operators import oracle
from tests.operators.cases import samples
from tests.operators.oracle import real
from wengert.core.operators.kinds import Composite, Elementwise
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import core

needs_torch = pytest.mark.skipif(real is None, reason="torch is not installed")

# Where a record's parameters differ from torch's, and why.
PARAMETERS: dict[str, str] = {}
# Methods that torch has and we have not, or the other way round, and why.
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
    assert 8 <= len(first) <= 116 and first[-1] in ".:;,)`]" or "\n" in op.doc.strip(), first
    assert op.samples is not None or isinstance(op.kind, Elementwise) or not op.arrays, "no samples"
    assert samples(op) or not op.arrays, "no sample call"
    tensors = {op.params[i] for i in op.arrays} | ({op.params[op.many]} if op.many >= 0 else set())
    assert tensors or isinstance(op.kind, Composite) or op.space is None, "no tensor parameter"


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


UNIVERSAL = {"self": "input", "tensor": "input", "x": "input"}
DEVICE_WORDS = {"device", "layout", "pin_memory", "requires_grad", "memory_format", "generator", "dtype"}


@needs_torch
@pytest.mark.parametrize("name", public())
def test_parameters_are_those_of_torch(name: str) -> None:
    op = REGISTRY[name]
    function = oracle.oracle_of(op)
    if function is None or name in PARAMETERS:
        return
    overloads = [names for names in signature_of(function) if names and names not in (["args", "kwargs"],)]
    if not overloads:
        return
    known = {UNIVERSAL.get(n, n) for names in overloads for n in names}
    ours = {UNIVERSAL.get(n, n) for n in op.params}
    assert any(agrees(op, names) for names in overloads), (
        f"ours {list(op.params)}, torch {overloads}; unknown {ours - known}"
    )


def agrees(op: Op, names: list[str]) -> bool:
    """Whether a documented overload is a selection, in order, of the record's parameters."""
    wanted = [UNIVERSAL.get(n, n) for n in names if n not in DEVICE_WORDS]
    have = [UNIVERSAL.get(n, n) for n in op.params]
    if [n for n in have if n in wanted] == wanted:
        return True
    return any(n in ("args", "tensors", "operands") for n in wanted) and len(have) <= len(wanted) + 1


@needs_torch
@pytest.mark.parametrize("name", public())
def test_forms_are_those_of_torch(name: str) -> None:
    op = REGISTRY[name]
    tensor = real.Tensor
    if op.space == "" and name not in METHODS:
        assert hasattr(tensor, name) == hasattr(core.Tensor, name), f"method in torch: {hasattr(tensor, name)}"
    if op.space == "" and name not in IN_PLACE:
        ours = hasattr(core.Tensor, name + "_")
        assert hasattr(tensor, name + "_") == ours, f"{name}_ in torch: {not ours}"


@needs_torch
@pytest.mark.parametrize("name", public())
def test_public_operator_is_known_to_torch(name: str) -> None:
    assert oracle.oracle_of(REGISTRY[name]) is not None or name in oracle.NO_ORACLE, "torch has no such function"
