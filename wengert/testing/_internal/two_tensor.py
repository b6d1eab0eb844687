"""A tensor that carries a second one through every function (`torch.testing._internal.two_tensor`)."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert.utils._pytree import tree_flatten, tree_map, tree_unflatten


class TwoTensor(torch.Tensor):
    """Two tensors of one shape, dtype and device: what a function gives for it is what it gives for each.

    It shares the memory and history of `a`; attributes such as its shape are those of `a`.
    """

    a: Any
    b: Any

    @staticmethod
    def __new__(
        cls: Any, a: Any, b: Any, outer_size: Any = None, outer_stride: Any = None, *, requires_grad: Any = None
    ) -> Any:
        if (a.device, a.layout, a.dtype, a.shape) != (b.device, b.layout, b.dtype, b.shape):
            raise AssertionError("TwoTensor holds two tensors of one device, layout, dtype and shape")
        with torch._C.DisableTorchFunctionSubclass():
            made = torch.Tensor.as_subclass(a, cls)
        made.a, made.b = a, b
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"TwoTensor({self.a!r}, {self.b!r})"

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        """The names of the parts, and what else there is to know."""
        return ["a", "b"], None

    @staticmethod
    def __tensor_unflatten__(inner_tensors: Any, meta: Any, outer_size: Any, outer_stride: Any) -> Any:
        """The tensor of these parts."""
        return TwoTensor(inner_tensors["a"], inner_tensors["b"])

    def get_elem_a(self) -> Any:
        """The first part."""
        return self.a

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = (args, kwargs or {})
        first = run(func, given, "a")
        if getattr(func, "__name__", "") == "__get__":
            return first
        leaves, spec = tree_flatten(first)
        second = tree_flatten(run(func, given, "b"))[0]
        held = {id(x.a): x for x in tree_flatten(given)[0] if isinstance(x, TwoTensor)}
        made = [
            held.get(id(a)) if id(a) in held else TwoTensor(a, b) if isinstance(a, torch.Tensor) else a
            for a, b in zip(leaves, second)
        ]
        return tree_unflatten(made, spec)


def run(func: Any, given: Any, part: str) -> Any:
    """Call a function with one part of every TwoTensor."""
    args, kwargs = tree_map(lambda x: getattr(x, part) if isinstance(x, TwoTensor) else x, given)
    return func(*args, **kwargs)
