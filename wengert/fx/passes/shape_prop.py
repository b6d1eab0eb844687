"""Shapes and dtypes of all results, noted on the nodes while a graph is run (`ShapeProp`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert.core.arrays.device import MEMORY_FORMATS
from wengert.core.tape.core import TensorBase
from wengert.fx.interpreter import Interpreter
from wengert.fx.node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What a tensor is, without its elements."""

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Any, include_contiguity: bool = True) -> TensorMetadata:
    kind = MEMORY_FORMATS["contiguous_format"] if include_contiguity and result.is_contiguous() else None
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(), kind, False, {})


class ShapeProp(Interpreter):
    """Runs a graph and leaves `meta["tensor_meta"]` and `meta["type"]` on its nodes."""

    def run_node(self, n: Node) -> Any:
        """The result of one node, whose metadata are noted."""
        result = super().run_node(n)
        found = []

        def note(value: Any) -> Any:
            if not isinstance(value, TensorBase):
                return value
            found.append(value)
            return _extract_tensor_metadata(value)

        metadata = map_aggregate(result, note)
        if found:
            n.meta["tensor_meta"] = metadata
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph on these inputs; what it returns."""
        return self.run(*args)


__all__ = ["ShapeProp", "TensorMetadata"]
