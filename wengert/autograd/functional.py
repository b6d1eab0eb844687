"""Jacobians, Hessians and their products with vectors, of functions of tensors.

Every function here takes `func(*inputs)` and `inputs` (a tensor or a tuple of tensors),
and gives results in the same form: a tensor for a tensor, a tuple for a tuple.
`create_graph=True` makes the results differentiable; `strict=True` raises where an
output does not depend on an input, instead of giving zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError, ShapeError
from wengert.core.tape import transforms
from wengert.core.tape.backward import grad as tape_grad
from wengert.core.tape.batching import stands_for, whole
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tape.duals import make_dual, unpacked
from wengert.core.tape.levels import Level, close_level, open_level
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.units import basis, split
from wengert.core.tensor.creation import zeros_like
from wengert.core.tensor.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

transforms.connect()


class _Recording:
    """Gradients are recorded inside, whatever the mode outside."""

    def __enter__(self) -> None:
        self.token = enter(current().but(grad=True))

    def __exit__(self, *error: Any) -> None:
        leave(self.token)


def _as_tuple(values: Any, what: str, name: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether a tuple was given, and the values as one."""
    is_tuple = isinstance(values, tuple)
    items = values if is_tuple else (values,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            owner = "outputs of the user-provided function" if what == "outputs" else what
            part = f"value at index {i}" if is_tuple else f"given {what}"
            raise ArgumentError(
                f"The {owner} given to {name} must be either a Tensor or a tuple of Tensors but the {part} has type "
                f"{type(item)}."
            )
    return is_tuple, items


def _as_function_outputs(values: Any, name: str) -> tuple[bool, tuple[Any, ...]]:
    return _as_tuple(values, "outputs", name)


def _prepared(inputs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs that record: views of the user's tensors if the result must reach them, fresh leaves if not."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _released(values: Any, create_graph: bool) -> Any:
    """Results without history unless it was asked for."""
    if create_graph:
        return values
    if isinstance(values, tuple):
        return tuple(_released(v, False) for v in values)
    return values.detach()


def _unpacked(is_tuple: bool, values: tuple[Any, ...]) -> Any:
    return values if is_tuple else values[0]


def _tuple_postprocess(res: Any, to_unpack: Any) -> Any:
    """Results as the function had them: `to_unpack` says, for each depth, whether there was one value only."""
    if isinstance(to_unpack, tuple):
        outer, inner = to_unpack
        if not outer:
            return tuple(_tuple_postprocess(values, inner) for values in res)
        return _tuple_postprocess(res[0], inner)
    return res if to_unpack else res[0]


def _grad_postprocess(inputs: Any, create_graph: bool) -> Any:
    """Results, without history unless it was asked for."""
    if isinstance(inputs[0], TensorBase):
        return inputs if create_graph else tuple(x.detach() for x in inputs)
    return tuple(_grad_postprocess(x, create_graph) for x in inputs)


def _construct_standard_basis_for(tensors: Any, tensor_numels: Any) -> tuple[Any, ...]:
    """For each tensor the rows of the identity of all their elements that belong to it: (sum of numels, numel)."""
    total = sum(tensor_numels)
    chunks = tuple(x.new_zeros(total, numel) for x, numel in zip(tensors, tensor_numels, strict=True))
    start = 0
    for chunk, numel in zip(chunks, tensor_numels, strict=True):
        chunk.diagonal(-start).fill_(1)
        start += numel
    return chunks


def _check_vector(v: Any, like: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """Vectors of the same shapes as their partners."""
    _, items = _as_tuple(v, "vector", name)
    if len(like) == 1 and len(items) != 1:
        raise GraphError(f"The given v should contain a single Tensor, but it has {len(items)}.")
    if len(items) != len(like):
        raise GraphError(f"v is a tuple of invalid length: should be {len(like)} but got {len(items)}.")
    for i, (a, b) in enumerate(zip(items, like, strict=True)):
        if a.shape != b.shape:
            prefix = f"Entry {i} in " if len(like) > 1 else ""
            raise ShapeError(f"{prefix}v has invalid size: should be {b.shape} but got {a.shape}.")
    return items


def _gradients(outputs: tuple[Any, ...], inputs: tuple[Any, ...], weights: Any, create_graph: bool) -> tuple[Any, ...]:
    """Gradients where there is a path, None elsewhere."""
    live = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not live:
        return (None,) * len(inputs)
    return tape_grad(
        tuple(y for y, _ in live), inputs, tuple(w for _, w in live), create_graph=create_graph, retain_graph=True,
        allow_unused=True,
    )  # fmt: skip


def _check_outputs_recorded(outputs: tuple[Any, ...], name: str, strict: bool, stage: str = "") -> None:
    for i, y in enumerate(outputs):
        if strict and not y.requires_grad:
            if stage == "hessian":
                raise GraphError(
                    "While computing the hessian, found that the jacobian of the user-provided function with respect "
                    f"to input {i} is independent of the input. This is not allowed in strict mode: its second "
                    "derivative is zero everywhere."
                )
            raise GraphError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed "
                f"in a differentiable manner from the input when running in strict mode: {name} found no history."
            )


INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {i}.",
    "forward": "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients.",
    "second": "The jacobian of the user-provided function is independent of input {i}.",
    "second forward": "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian.",
    "rows": "Output {output} of the user-provided function is independent of input {i}.",
}
"""Stage -> what a gradient that does not exist says of the function."""


def _filled(
    grads: tuple[Any, ...], inputs: tuple[Any, ...], strict: bool, create: bool, stage: str, output: int = 0
) -> Any:
    """Zeros for gradients that do not exist; in strict mode an error, also for those of no history where one is due."""
    filled = []
    for i, (g, x) in enumerate(zip(grads, inputs, strict=True)):
        if strict and g is None:
            raise GraphError(INDEPENDENT[stage].format(i=i, output=output) + " This is not allowed in strict mode.")
        if strict and create and not g.requires_grad:
            what = "hessian" if stage.startswith("second") else "jacobian"
            raise GraphError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        filled.append(zeros_like(x) if g is None else g)
    return tuple(filled)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """func(inputs) and v^T J, J the Jacobian: one reverse sweep.

    v: like the outputs; may be left out for a single-element output.
    """
    with _Recording():
        is_tuple, items = _as_tuple(inputs, "inputs", "vjp")
        items = _prepared(items, create_graph)
        out_tuple, outputs = _as_function_outputs(func(*items), "vjp")
        _check_outputs_recorded(outputs, "vjp", strict)
        if v is None:
            if len(outputs) != 1 or outputs[0].numel() != 1:
                raise GraphError(
                    "The vector v can only be None if the user-provided function returns a single Tensor with a "
                    "single element."
                )
            weights: Any = (RECORDED.mul(zeros_like(outputs[0]), 0) + 1,)
        else:
            weights = _check_vector(v, outputs, "vjp")
        grads = _filled(_gradients(outputs, items, weights, create_graph), items, strict, create_graph, "back")
    return (
        _unpacked(out_tuple, _released(outputs, create_graph)),
        _unpacked(is_tuple, _released(grads, create_graph)),
    )


def _tangents(
    outputs: tuple[Any, ...], inputs: tuple[Any, ...], v: tuple[Any, ...], create_graph: bool, strict: bool, stage: str
) -> tuple[Any, ...]:
    """J v by transposing the reverse sweep: v^T J is linear in its weights, its gradient by them is J v."""
    weights = tuple(zeros_like(y).requires_grad_() for y in outputs)
    swept = _gradients(outputs, inputs, weights, True)
    live = [(g, x) for g, x in zip(swept, v, strict=True) if g is not None and g.requires_grad]
    if not live:
        found: tuple[Any, ...] = (None,) * len(outputs)
    else:
        found = tape_grad(
            tuple(g for g, _ in live), weights, tuple(x for _, x in live), create_graph=create_graph,
            retain_graph=True, allow_unused=True,
        )  # fmt: skip
    return _filled(found, outputs, strict, create_graph, stage)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """func(inputs) and J v, by the transpose of a reverse sweep (two sweeps).

    v: like the inputs; may be left out for a single-element input.
    """
    with _Recording():
        is_tuple, items = _as_tuple(inputs, "inputs", "jvp")
        items = _prepared(items, create_graph)
        if v is None:
            if len(items) != 1 or items[0].numel() != 1:
                raise GraphError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor with "
                    "a single element."
                )
            vectors: Any = (zeros_like(items[0]) + 1,)
        else:
            vectors = _check_vector(v, items, "jvp")
        out_tuple, outputs = _as_function_outputs(func(*items), "jvp")
        _check_outputs_recorded(outputs, "jvp", strict)
        tangents = _tangents(outputs, items, vectors, create_graph, strict, "forward")
    return (
        _unpacked(out_tuple, _released(outputs, create_graph)),
        _unpacked(out_tuple, _released(tangents, create_graph)),
    )


def _rows(y: Any, inputs: tuple[Any, ...], i: int, create_graph: bool, strict: bool) -> list[Any]:
    """The Jacobian of one output: for every element a sweep; stacked in the output's shape."""
    flat = y.reshape(-1)
    rows: list[list[Any]] = [[] for _ in inputs]
    for k in range(flat.numel()):
        found = _gradients((flat[k],), inputs, (None,), create_graph)
        grads = _filled(found, inputs, strict, create_graph, "rows", i)
        for row, g in zip(rows, grads, strict=True):
            row.append(g)
    shape = tuple(y.shape)
    return [
        RECORDED.stack(row, 0).reshape(shape + tuple(x.shape)) if row else x.new_zeros(shape + tuple(x.shape))
        for row, x in zip(rows, inputs, strict=True)
    ]


def _rows_at_once(y: Any, inputs: tuple[Any, ...], i: int, create_graph: bool) -> list[Any]:
    """The Jacobian of one output by one sweep for all its elements."""
    shape = tuple(y.shape)
    if not y.requires_grad or not y.numel():
        return [x.new_zeros(shape + tuple(x.shape)) for x in inputs]
    grads = tape_grad(
        (y,), inputs, basis((y,)), retain_graph=True, create_graph=create_graph, allow_unused=True,
        is_grads_batched=True,
    )  # fmt: skip
    return [
        x.new_zeros(shape + tuple(x.shape)) if g is None else g.reshape(shape + tuple(x.shape))
        for g, x in zip(grads, inputs, strict=True)
    ]


def _columns(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[bool, list[list[Any]]]:
    """The Jacobians by one call of func on duals whose tangents are all unit vectors at once."""
    batch, level = Level(sum(x.numel() for x in inputs)), Level()
    open_level(batch, True)
    open_level(level, False)
    try:
        duals = [make_dual(x, stands_for(t, 0, batch), level) for x, t in zip(inputs, basis(inputs), strict=True)]
        out_tuple, outputs = _as_function_outputs(func(*duals), "jacobian")
        pushed = [unpacked(y, level)[1] for y in outputs]
        columns = [whole(zeros_like(y) if t is None else t, batch) for y, t in zip(outputs, pushed, strict=True)]
    finally:
        close_level(level)
        close_level(batch)
    return out_tuple, [
        [
            part.reshape(tuple(column.shape[1:]) + tuple(x.shape))
            for part, x in zip(split(RECORDED.movedim(column, 0, -1), inputs, -1), inputs, strict=True)
        ]
        for column in columns
    ]


def _check_jacobian(create_graph: bool, strict: bool, vectorize: bool, strategy: str) -> None:
    """Options that exclude each other."""
    _check_strategy(strategy)
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not '
                'supported together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise GraphError(
                'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported '
                'together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
                "`vectorize=True`."
            )
    if strict and vectorize:
        raise GraphError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
            "Please either set `strict=False` or `vectorize=False`."
        )


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Jacobian: entry [i][j] has the shape of output i followed by that of input j.

    strategy: "reverse-mode" sweeps once per output element, "forward-mode" runs func on tangents (only with
    `vectorize=True`).  vectorize: all elements at once, as `vmap` does.
    """
    _check_jacobian(create_graph, strict, vectorize, strategy)
    with _Recording():
        is_tuple, items = _as_tuple(inputs, "inputs", "jacobian")
        # Tangents are carried on with the history of the inputs, and torch leaves it.
        linked = create_graph or strategy == "forward-mode" and any(x.requires_grad for x in items)
        items = _prepared(items, linked)
        if strategy == "forward-mode":
            out_tuple, table = _columns(func, items)
        else:
            out_tuple, outputs = _as_function_outputs(func(*items), "jacobian")
            _check_outputs_recorded(outputs, "jacobian", strict)
            rows_of = _rows_at_once if vectorize else partial(_rows, strict=strict)
            table = [rows_of(y, items, i, create_graph) for i, y in enumerate(outputs)]
    rows = tuple(_unpacked(is_tuple, tuple(row)) for row in table)
    return _released(_unpacked(out_tuple, rows), linked)


def _check_strategy(strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )


def _single(result: Any, name: str) -> Any:
    """The single-element output that a Hessian needs."""
    out_tuple, outputs = _as_function_outputs(result, name)
    if out_tuple or not isinstance(result, Tensor):
        raise GraphError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise GraphError(f"The Tensor returned by the function given to {name} should contain a single element")
    return outputs[0].reshape(())


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Hessian of a scalar function: entry [i][j] has the shape of input i followed by that of input j."""
    _check_strategy(outer_jacobian_strategy)
    is_tuple, items = _as_tuple(inputs, "inputs", "hessian")

    def slope(*xs: Any) -> tuple[Any, ...]:
        y = _single(func(*xs), "hessian")
        _check_outputs_recorded((y,), "hessian", strict)
        grads = _filled(_gradients((y,), xs, (None,), True), xs, False, True, "back")
        if strict:
            _check_outputs_recorded(grads, "hessian", True, "hessian")
        return grads

    with _Recording():
        table = jacobian(
            slope, items, create_graph=create_graph, strict=strict, vectorize=vectorize,
            strategy=outer_jacobian_strategy,
        )  # fmt: skip
    return table if is_tuple else table[0][0]


def _product(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, name: str
) -> tuple[Any, Any]:
    with _Recording():
        is_tuple, items = _as_tuple(inputs, "inputs", name)
        items = _prepared(items, create_graph)
        if v is None:
            if len(items) != 1 or items[0].numel() != 1:
                raise GraphError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor with "
                    "a single element."
                )
            vectors: Any = (zeros_like(items[0]) + 1,)
        else:
            vectors = _check_vector(v, items, name)
        y = func(*items)
        scalar = _single(y, name)
        _check_outputs_recorded((scalar,), name, strict)
        slopes = _filled(_gradients((scalar,), items, (None,), True), items, strict, False, "back")
        _check_outputs_recorded(slopes, name, strict, "hessian")
        if name == "vhp":
            found = _filled(_gradients(slopes, items, vectors, create_graph), items, strict, create_graph, "second")
        else:
            found = _tangents(slopes, items, vectors, create_graph, strict, "second forward")
    return _released(y, create_graph), _unpacked(is_tuple, _released(found, create_graph))


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """func(inputs) and v^T H, H the Hessian of a scalar function: two sweeps."""
    return _product(func, inputs, v, create_graph, strict, "vhp")


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """func(inputs) and H v.  For twice continuously differentiable functions `vhp` is the same and cheaper."""
    return _product(func, inputs, v, create_graph, strict, "hvp")
