"""Custom Functions inside a batch level.

One call for the whole batch, by the class's own `vmap` or, with `generate_vmap_rule`, by running its
forward, backward and jvp on batched tensors.  Further out that is the call of a Function again, so
its gradient is the user's there too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert.core.base.errors import GraphError
from wengert.core.tape.batching import left, lifted, stands_for, whole
from wengert.core.tape.core import RECORDED, TensorBase, new_node
from wengert.core.tape.function import Function, no_setup_context, no_vmap
from wengert.core.tape.levels import BATCHED, DUAL, Level
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.outputs import recorded_call


class VmapInfo(NamedTuple):
    """What a Function's `vmap` is told of the batch."""

    batch_size: int
    randomness: str


def batched_call(cls: Any, args: tuple[Any, ...], level: Level) -> Any:
    """`cls.apply(*args)` where some arguments are batched at `level`."""
    check(cls)
    dims = tuple([left(x, level)[1] if isinstance(x, TensorBase) else None for x in args])
    inner = tuple([left(x, level)[0] if isinstance(x, TensorBase) else x for x in args])
    if cls.generate_vmap_rule:
        out, out_dims = derived_call(cls, inner, dims, level)
    else:
        out, out_dims = unpacked(cls, cls.vmap(VmapInfo(level.size, level.randomness), dims, *inner))
    outs = out if isinstance(out, tuple) else (out,)
    made = tuple(
        [
            stands_for(x if not dim else RECORDED.movedim(x, dim, 0), None if dim is None else 0, level)
            if isinstance(x, TensorBase) else x
            for x, dim in zip(outs, out_dims, strict=True)
        ]
    )  # fmt: skip
    result = made if isinstance(out, tuple) else made[0]
    return recorded_inside(cls, args, result, level)


def check(cls: Any) -> None:
    """A Function must separate forward from setup_context and say how it is batched."""
    name = cls.__name__
    has_rule = cls.vmap is not no_vmap
    if cls.generate_vmap_rule and has_rule:
        raise GraphError(
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overriden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overriden vmap staticmethod to avoid "
            "ambiguity."
        )
    if cls.setup_context is no_setup_context:
        raise GraphError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must "
            f"override the setup_context staticmethod: {name} saves in forward(ctx, ...), which sees one call only."
        )
    if not cls.generate_vmap_rule and not has_rule:
        raise GraphError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the vmap "
            "staticmethod or set generate_vmap_rule=True."
        )


def unpacked(cls: Any, found: Any) -> tuple[Any, tuple[Any, ...]]:
    """What a class's own `vmap` returned: the output, and one batch dim per output.

    Raises: GraphError for what is no pair, and for dims of another structure.
    """
    if not isinstance(found, tuple) or len(found) != 2:
        raise GraphError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure "
            f"compatible with the output. Got {cls.__name__}.vmap returning "
            f"{f'a tuple of {len(found)}' if isinstance(found, tuple) else type(found).__name__}"
        )
    out, dims = found
    if dims is None or isinstance(dims, int):
        return out, (dims,) * len(outs_of(out))
    if not isinstance(dims, (tuple, list)) or not isinstance(out, (tuple, list)) or len(dims) != len(out):
        raise GraphError(
            f"The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected "
            f"out_dims={dims} to be compatible with the structure of the output of {cls.__name__}.vmap"
        )
    return out, tuple(dims)


def recorded_inside(cls: Any, args: tuple[Any, ...], out: Any, level: Level) -> Any:
    """Record the call on the batched tensors where a gradient is wanted there."""
    local = tuple([lifted(x, level) if isinstance(x, TensorBase) else x for x in args])
    tensors = [x for x in local if isinstance(x, TensorBase)]
    mode = current()
    if not (mode.grad and level.recording and any(x._flags & 1 for x in tensors)):
        return out
    node = context(cls, local)
    token = enter(mode.but(grad=False))
    try:
        cls.setup_context(node, local, out)
    finally:
        leave(token)
    marks = [x._flags & (BATCHED | DUAL) if isinstance(x, TensorBase) else 0 for x in outs_of(out)]
    result = recorded_call(node, local, tensors, out, mode)
    for x, flags in zip(outs_of(result), marks, strict=True):
        if isinstance(x, TensorBase):
            x._flags |= flags
    return result


def context(cls: Any, args: tuple[Any, ...]) -> Any:
    """A fresh context of a call."""
    node = new_node(cls._backward_cls)
    node._saved, node._versions = (), None
    node.needs_input_grad = tuple([isinstance(x, TensorBase) and x._flags & 1 == 1 for x in args])
    return node


def outs_of(out: Any) -> tuple[Any, ...]:
    """Outputs as a tuple."""
    return out if isinstance(out, tuple) else (out,)


# ---------------------------------------------------------------- the rule derived from the class itself


class Call:
    """One batched call: its class, its level, and where the batch lies in inputs and outputs."""

    def __init__(self, cls: Any, dims: tuple[Any, ...], level: Level) -> None:
        self.cls, self.dims, self.level = cls, dims, level
        self.out_dims: tuple[Any, ...] = ()
        self.single = True

    def inside(self, values: Any, dims: Any) -> list[Any]:
        """Values from further out as tensors of the level."""
        return [
            stands_for(x, dim, self.level) if isinstance(x, TensorBase) else x
            for x, dim in zip(values, dims, strict=True)
        ]

    def outside(self, values: Any) -> tuple[list[Any], list[Any]]:
        """Tensors of the level as seen further out, and their batch dims."""
        found = [left(x, self.level) if isinstance(x, TensorBase) else (x, None) for x in values]
        return [x for x, _ in found], [dim for _, dim in found]

    def run(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The user's forward on batched tensors; the outputs as seen further out."""
        out = self.cls.forward(*self.inside(values, self.dims))
        self.single = not isinstance(out, tuple)
        outs, dims = self.outside(outs_of(out))
        self.out_dims = tuple(dims)
        return tuple(outs)

    def prepared(self, ctx: Any, inputs: Any, output: Any) -> None:
        """The user's setup_context on batched tensors; what it keeps is kept further out, with its histories."""
        args = tuple(self.inside(inputs, self.dims))
        outs = tuple(self.inside(outs_of(output), self.out_dims))
        node = ctx.inner = context(self.cls, args)
        node.needs_input_grad = ctx.needs_input_grad
        self.cls.setup_context(node, args, outs[0] if self.single else outs)
        saved, ctx.dims = self.outside(node.to_save or ())
        ctx.save_for_backward(*saved)
        if node.saved_for_forward is not None:
            saved, ctx.forward_dims = self.outside(node.saved_for_forward)
            ctx.save_for_forward(*saved)
        ctx.mark_non_differentiable(*self.outside(node.non_differentiable or ())[0])

    def gradient(self, x: Any, dim: Any) -> Any:
        """A gradient of the level as the gradient of what the input stands for."""
        if not isinstance(x, TensorBase):
            return x
        if dim is None:
            value, own = left(x, self.level)
            return RECORDED.sum(value, 0) if own == 0 else value
        return whole(x, self.level)


def derived_call(cls: Any, values: tuple[Any, ...], dims: tuple[Any, ...], level: Level) -> tuple[Any, Any]:
    """The call of a Function made for this one call, whose rules are the class's on batched tensors."""
    call = Call(cls, dims, level)
    out = derived_class(call).apply(*values)
    outs = outs_of(out)
    return (outs[0] if call.single else outs), call.out_dims


def derived_class(call: Call) -> Any:
    """A Function of tensors further out."""

    def forward(*values: Any) -> Any:
        outs = call.run(values)
        return outs if len(outs) > 1 else outs[0]

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        call.prepared(ctx, inputs, output)

    def backward(ctx: Any, *gradients: Any) -> Any:
        node = ctx.inner
        node._saved = tuple(call.inside(ctx.saved_tensors, ctx.dims))
        found = node.rule()(node, *call.inside(gradients, call.out_dims))
        found = found if isinstance(found, tuple) else (found,)
        return tuple([call.gradient(x, dim) for x, dim in zip(found, call.dims, strict=False)])

    def jvp(ctx: Any, *tangents: Any) -> Any:
        node = ctx.inner
        if node.saved_for_forward is not None:
            node.saved_for_forward = tuple(call.inside(ctx.saved_tensors, ctx.forward_dims))
        node._in_jvp = True
        try:
            found = outs_of(call.cls.jvp(node, *call.inside(tangents, call.dims)))
        finally:
            node._in_jvp = False
        pairs = zip(found, call.out_dims, strict=True)
        made = [x if not isinstance(x, TensorBase) else call.gradient(x, dim) for x, dim in pairs]
        return made[0] if len(made) == 1 else tuple(made)

    rules = {"forward": forward, "setup_context": setup_context, "backward": backward, "jvp": jvp}
    space: dict[str, Any] = {name: staticmethod(rule) for name, rule in rules.items()}
    space["generate_vmap_rule"] = space["derived"] = True
    return type(call.cls.__name__, (Function,), space)


__all__ = ["VmapInfo", "batched_call"]
