"""What a chain of pipes is made of: each pipe with those that it takes from (`torch.utils.data.graph`)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe

DataPipe = IterDataPipe[Any] | MapDataPipe[Any]
DataPipeGraph = dict[int, tuple[Any, Any]]
_CLOSED = (str, bytes, int, float, complex, range, type, ModuleType, FunctionType, BuiltinFunctionType, TensorBase)


def traverse_dps(datapipe: DataPipe) -> DataPipeGraph:
    """The graph of a pipe: {id: (pipe, graph of its sources)}, of itself and all that it takes from.

    A source counts wherever the pipe keeps it: in an attribute, a container, an object of its own.
    Raises: RuntimeError for what is no pipe.
    """
    return _graph(checked(datapipe), frozenset())


def traverse(datapipe: DataPipe, only_datapipe: bool | None = None) -> DataPipeGraph:
    """`traverse_dps` by its old name; only_datapipe: whether pipes count only where they are attributes themselves."""
    warnings.warn(
        "`traverse` function is deprecated and will be removed after 1.13. Please use `traverse_dps` instead.",
        FutureWarning,
        stacklevel=2,
    )
    return traverse_dps(datapipe)


def checked(datapipe: Any) -> Any:
    """The pipe. Raises: RuntimeError for what is no pipe."""
    if not isinstance(datapipe, (IterDataPipe, MapDataPipe)):
        raise RuntimeError(f"Expected `IterDataPipe` or `MapDataPipe`, but {type(datapipe)} is found")
    return datapipe


def _graph(pipe: Any, above: frozenset[int]) -> DataPipeGraph:
    """The graph of a pipe that lies below the pipes `above`; what leads back to those is left out."""
    if id(pipe) in above:
        return {}
    found: DataPipeGraph = {}
    for source in _sources(list(vars(pipe).values()), set()):
        found.update(_graph(source, above | {id(pipe)}))
    return {id(pipe): (pipe, found)}


def _sources(values: list[Any], seen: set[int]) -> Iterator[Any]:
    """The pipes among values and in what these hold, those behind another pipe excepted."""
    for value in values:
        if isinstance(value, _CLOSED) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (IterDataPipe, MapDataPipe)):
            yield value
        elif isinstance(value, dict):
            yield from _sources([*value.keys(), *value.values()], seen)
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _sources(list(value), seen)
        elif hasattr(value, "__dict__"):
            yield from _sources(list(vars(value).values()), seen)


__all__ = ["traverse", "traverse_dps"]
