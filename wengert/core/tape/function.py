# cython: annotation_typing=False
"""Functions with a gradient of the user's own: `forward`, `backward`, and the node that stands for a call.

The node of a call is the context that `forward` and `backward` are given: a `Square` recorded is
a `SquareBackward`, with whatever the user stored on it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.base import uncompiled as cython
from wengert.core.base.errors import ArgumentError, GraphError, MissingError
from wengert.core.tape.core import (
    MARKS,
    Node,
    TensorBase,
    fit_recorded,
    freed_error,
    new_node,
    recorded_value,
    where_text,
    wrap,
)
from wengert.core.tape.function_node import FunctionFields
from wengert.core.tape.intermediates import follow, judge, refusing_attributes, with_refusals
from wengert.core.tape.modes import MODE, OFF, PLAIN, current
from wengert.core.tape.outputs import behind, plain_call, recorded_call
from wengert.core.tape.packing import SavedTensor
from wengert.core.tape.views import INFERENCE, STALE, refresh

_ndarray = np.ndarray

if cython.compiled:
    from cython.cimports.wengert.core.tape.interpreter import enter_context, leave_context, mode_of

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

    @cython.cfunc
    @cython.inline
    def _enter(mode: object) -> object:
        return enter_context(MODE, mode)

    @cython.cfunc
    @cython.inline
    def _leave(token: object) -> object:
        return leave_context(MODE, token)

else:
    _mode_get, _enter, _leave = MODE.get, MODE.set, MODE.reset
SPECIAL_FLAGS = 0xFE & ~INFERENCE

INTERCEPT: list[Callable[[Any, tuple[Any, ...]], Any]] = []
"""Asked in turn about `cls.apply(*args)` with marked tensors; the first answer other than NotImplemented counts."""


class FunctionCtx:
    """What `forward` can say about a call."""

    materialize_grads = True
    _in_jvp = False
    _doubtful: Any = None
    to_save: Any = None
    saved_for_forward: Any = None
    dirty_tensors: Any = None
    non_differentiable: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs or intermediate tensors for `backward`, which finds them in `saved_tensors`.

        None is allowed in between.  Raises: ArgumentError for anything else, when forward has returned.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`, which finds them in `saved_tensors`."""
        for i, x in enumerate(tensors):
            if x is not None and not isinstance(x, TensorBase):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                    f"on ctx: argument {i} is of type {type(x).__name__}"
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs `forward` changed in place; each of them must be among the outputs."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no gradient; `backward` is still given zeros for them."""
        self.non_differentiable = args

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Kept for old programs: shared memory is always known."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that "
            "calls to `set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` is given zeros (the default) or None for outputs that nothing used."""
        if not isinstance(value, bool):
            raise ArgumentError(
                "set_materialize_grads received an invalid combination of arguments - got "
                f"({type(value).__name__}), but expected (bool)"
            )
        self.materialize_grads = value


class Free:
    """An attribute of nodes that a custom Function's context leaves to its user."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(f"'{owner.__name__}' object has no attribute '{self.name}'")


class FunctionNode(FunctionFields, FunctionCtx):
    """The node and context of one call of a Function."""

    __slots__ = ("__dict__",)
    _forward_cls: Any = None
    takes_nothing = True
    outputs, args, shape, metas, op = Free(), Free(), Free(), Free(), Free()

    # ------------------------------------------------------------ for the user

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"

    def apply(self, *grads: Any) -> Any:
        """Run the user's rule by hand."""
        return self.rule()(self, *grads)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept, each with its history, checked for in-place changes."""
        saved = self._saved
        if self._in_jvp:
            return self.saved_for_forward or ()
        if saved is None:
            raise freed_error(self) if "_read" not in self.__dict__ else read_error()
        found = tuple([None if saved[k] is None else recorded_value(self, k) for k in range(len(saved))])
        if self._forward_cls.clear_saved_tensors_on_access:
            self._read, self._saved = True, None
        return found if self._doubtful is None else with_refusals(self, found)

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        """The holders of `saved_tensors`, on which hooks can be set."""
        if self._saved is None:
            raise freed_error(self)
        return tuple([SavedTensor(self, k) for k in range(len(self._saved))])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The old name of `saved_tensors`."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def num_inputs(self) -> int:
        """How many arguments the call had."""
        return len(self.needs_input_grad)

    @property
    def num_outputs(self) -> int:
        """How many values `forward` returned."""
        return self._outputs

    # ------------------------------------------------------------ for the sweep

    def vjp_recorded(self, g: Any) -> Any:
        """Run the user's rule, recorded."""
        given = [g] if self._outputs == 1 else list(g)
        if self._outputs != 1 or g is None:
            self.materialize(given)
        if self._forward_cls.boxed_grads_call:
            given = [given]
        if self._doubtful is None:
            result = self.rule()(self, *given)
        else:
            with refusing_attributes(self):
                result = self.rule()(self, *given)
        result = self.at_tensors(result if result.__class__ is tuple else (result,))
        grads: list[Any] = []
        for i, x in enumerate(result):
            if x is not None and not isinstance(x, TensorBase):
                raise self.type_error(x)
            if x is not None:
                shape, dtype = self._fits[i]
                self.check_fit(i, x._array, shape, dtype)
                x = fit_recorded(x, shape, dtype)
            grads.append(x)
        return grads

    def rule(self) -> Callable[..., Any]:
        """The user's `backward` or `vjp`."""
        cls = self._forward_cls
        backward, vjp = cls.backward, cls.vjp
        if vjp is no_backward:
            return backward
        if backward is not no_backward:
            raise GraphError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                f"implement one of them: {cls.__name__} has both."
            )
        return vjp

    def materialize(self, given: list[Any]) -> None:
        """Zeros for outputs that nothing used."""
        if self.materialize_grads:
            for i, meta in enumerate(self._metas):
                if given[i] is None and meta is not None:
                    given[i] = wrap(np.zeros(*meta))

    def at_tensors(self, result: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of the tensor arguments; surplus ones may be None only."""
        count = len(self.needs_input_grad)
        while len(result) > count and result[-1] is None:
            result = result[:-1]
        if len(result) != count:
            raise GraphError(
                f"function {type(self).__name__} returned an incorrect number of gradients (expected {count}, got "
                f"{len(result)})" + self.lines()
            )
        places = self._places
        if places is None:
            return result
        for i, x in enumerate(result):
            if x is not None and i not in places:
                raise GraphError(
                    f"function {type(self).__name__} returned a gradient different than None at position {i + 1}, but "
                    "the corresponding forward input was not a Variable" + self.lines()
                )
        return tuple([result[i] for i in places])

    def check_fit(self, i: int, a: Any, shape: Any, dtype: Any) -> None:
        """Whether a gradient can be summed to its input's shape and cast to its dtype."""
        given = a.shape
        lead = len(given) - len(shape)
        if lead < 0 or any([n != m and m != 1 for n, m in zip(given[lead:], shape, strict=True)]):
            raise GraphError(
                f"Function {type(self).__name__} returned an invalid gradient at index {i} - got {list(given)} but "
                f"expected shape compatible with {list(shape)}" + self.lines()
            )
        if a.dtype.kind == "c" and dtype.kind != "c":
            raise GraphError(
                "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but "
                f"got false: {type(self).__name__} returned a complex gradient for a real input at index {i}"
                + self.lines()
            )

    def type_error(self, x: Any) -> Exception:
        """A gradient that is no tensor."""
        return GraphError(
            f"expected Variable or None (got {type(x).__name__}) as a gradient from {type(self).__name__}"
            + self.lines()
        )

    def lines(self) -> str:
        """Where the call stood and where its rule is defined."""
        text = f"\n{self._forward_cls.__name__} was applied at:\n  {where_text(self._code, self._lasti)}"
        rule = self.rule()
        code = None if rule is no_backward else getattr(rule, "__code__", None)
        if code is not None:
            place = f'File "{code.co_filename}", line {code.co_firstlineno}, in {code.co_name}'
            text += f"\nIts gradient is defined at:\n  {place}"
        return text


# ---------------------------------------------------------------- the class that users derive from


def no_forward(*args: Any, **kwargs: Any) -> Any:
    """Compute the outputs from the inputs: `forward(ctx, *args)`, or `forward(*args)` beside a `setup_context`."""
    raise MissingError("You must implement the forward function for custom autograd.Function.")


def no_setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
    """Store in `ctx` what `backward` will need, given the inputs and the output of `forward(*args)`."""
    raise MissingError("setup_context is not implemented.")


def no_backward(ctx: Any, *grad_outputs: Any) -> Any:
    """One gradient (or None) per argument of forward, from one gradient per output."""
    raise MissingError(
        "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
        "backward mode AD."
    )


def no_jvp(ctx: Any, *grad_inputs: Any) -> Any:
    """One tangent per output, from one tangent (or None) per argument of forward."""
    raise MissingError(
        "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
    )


def no_vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
    """Outputs for a batch of inputs and the dims in which the batch lies in them: `(output, out_dims)`."""
    raise MissingError(
        "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
        "generate_vmap_rule=True."
    )


def read_error() -> GraphError:
    """The error of a second look at saved tensors that can be read once."""
    return GraphError(
        "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the "
        "autograd.Function. Either access saved_tensors only once, or set clear_saved_tensors_on_access=False."
    )


class FunctionMeta(type):
    """Makes the node class of every Function: `Square` gets `SquareBackward`."""

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        super().__init__(name, bases, attrs)
        space = {"_forward_cls": cls, "__module__": cls.__module__, "__doc__": f"Recorded {name}."}
        cls._backward_cls: Any = type(name + "Backward", (FunctionNode,), space)


class Function(FunctionCtx, metaclass=FunctionMeta):
    """An operation with a gradient rule of its own.

    Derive from it, write `forward` and `backward` as static methods, and call `apply`:

    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * g * x

    forward runs with recording off.  backward returns one gradient per argument of forward, None
    for arguments that have none; it is recorded itself under `create_graph=True`.  A tensor that forward computed
    on the way, kept for backward and not returned, has no history: a second derivative through it raises.

    boxed_grads_call: backward is given its gradients in one list, and can let go of each of them.
    clear_saved_tensors_on_access: `saved_tensors` can be read once, which frees them.
    """

    generate_vmap_rule = derived = False
    boxed_grads_call = False
    clear_saved_tensors_on_access = False
    forward = staticmethod(no_forward)
    setup_context = staticmethod(no_setup_context)
    backward = staticmethod(no_backward)
    vjp = staticmethod(no_backward)
    jvp = staticmethod(no_jvp)
    vmap = staticmethod(no_vmap)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so call "
            f"{type(self).__name__}.apply(...) on the class itself.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise GraphError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            f"function with static forward method, and call {type(self).__name__}.apply(...)."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` on the arguments and record the call if a tensor among them wants a gradient."""
        if kwargs or cls.setup_context is not no_setup_context:
            args, kwargs = bound(cls.forward, args, kwargs, cls.setup_context is no_setup_context)
        return called(cls, args, kwargs)


def called(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`cls.apply` on arguments in their places."""
    flags = 0
    needs: list[bool] = []
    tensors: list[Any] = []
    for value in args:
        if not isinstance(value, TensorBase):
            needs.append(False)
            continue
        x = value
        flag = x._flags
        if flag & SPECIAL_FLAGS:
            if flag & STALE:
                refresh(x)
                flag = x._flags
            if flag & SPECIAL_FLAGS and (out := intercepted(cls, args)) is not NotImplemented:
                return out
        flags |= flag
        needs.append(flag & 1 == 1)
        tensors.append(x)
    node = new_node(cls._backward_cls)
    node._saved, node._versions = (), None
    node.needs_input_grad = tuple(needs)
    mode = _mode_get()
    recording = flags & 1 == 1 and mode.grad
    trace = follow(cls, tensors, recording)
    out = run_forward(cls, node, args, kwargs, mode if trace is None else mode.but(trace=trace))
    if not recording:
        return plain_call(node, tensors, out)
    out = recorded_call(node, args, tensors, out, mode)
    if trace is not None or node._saved or cls._keeps[1]:
        judge(node, tensors, trace)
    return out


def run_forward(cls: Any, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Any) -> Any:
    """The user's forward, with recording off."""
    token = _enter(OFF if mode is PLAIN else mode.but(grad=False))
    try:
        setup = cls.setup_context
        if setup is no_setup_context:
            return cls.forward(node, *args, **kwargs)
        out = cls.forward(*args, **kwargs)
        setup(node, args, out)
        return out
    finally:
        _leave(token)


def with_tangents(cls: Any, args: Any, tangents: Any, moving: tuple[Any, ...] = ()) -> tuple[Any, Any]:
    """The outputs of `cls.apply(*args)` and what the class's `jvp` makes of `tangents`.

    tangents: a tensor or None per argument; args carry no tangents any more, `moving` are those that do:
    where forward saved one of args, backward finds the one of `moving`, so gradients have tangents too.
    """
    node = new_node(cls._backward_cls)
    node._saved, node._versions = (), None
    tensors = [x for x in args if isinstance(x, TensorBase)]
    node.needs_input_grad = tuple([isinstance(x, TensorBase) and x._flags & 1 == 1 for x in args])
    mode = _mode_get()
    if cls.setup_context is not no_setup_context and any(x._flags & MARKS for x in tensors):
        return applied_outside(cls, node, args, tangents, moving)
    out = run_forward(cls, node, args, {}, mode)
    if node.to_save is not None:
        node.to_save = swapped(node.to_save, args, moving)
    marks = [x._flags & MARKS if isinstance(x, TensorBase) else 0 for x in (out if isinstance(out, tuple) else (out,))]
    if mode.grad and any(node.needs_input_grad):
        out = recorded_call(node, args, tensors, out, mode)
    else:
        out = plain_call(node, tensors, out)
    for x, flags in zip(out if isinstance(out, tuple) else (out,), marks, strict=True):
        if flags:
            x._flags |= flags
    node._in_jvp = True
    try:
        return out, cls.jvp(node, *materialised(node, args, tangents))
    finally:
        node._in_jvp = False


def applied_outside(cls: Any, node: Any, args: Any, tangents: Any, moving: Any) -> tuple[Any, Any]:
    """`with_tangents` where arguments are dual or batched further out: the call itself happens there."""
    out = cls.apply(*args)
    token = MODE.set(_mode_get().but(grad=False))
    try:
        cls.setup_context(node, args, out)
    finally:
        MODE.reset(token)
    made = (out[0] if isinstance(out, tuple) else out)._node
    if isinstance(made, FunctionNode) and made._saved:
        made._saved = swapped(made._saved, args, moving)
    node._in_jvp = True
    try:
        return out, cls.jvp(node, *materialised(node, args, tangents))
    finally:
        node._in_jvp = False


def materialised(node: Any, args: Any, tangents: Any) -> Any:
    """The tangents with zeros for floating tensors that do not move, unless the user took them as None."""
    if not node.materialize_grads:
        return tangents
    made = []
    for x, t in zip(args, tangents, strict=True):
        if t is None and isinstance(x, TensorBase) and x._array.dtype.kind in "fcV":
            t = wrap(np.zeros(x._array.shape, x._array.dtype))
        made.append(t)
    return made


def swapped(saved: Any, args: Any, moving: Any) -> tuple[Any, ...]:
    """Saved values with those among `args` replaced by their partners in `moving`."""
    partners = {id(x): y for x, y in zip(args, moving, strict=False) if isinstance(x, TensorBase)}
    return tuple([partners.get(id(x), x) for x in saved])


def intercepted(cls: Any, args: tuple[Any, ...]) -> Any:
    """A call with marked tensors: dual, batched or of a class of its own."""
    for answer in INTERCEPT:
        out = answer(cls, args)
        if out is not NotImplemented:
            return out
    return NotImplemented


def bound(forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any], with_ctx: bool) -> tuple[Any, Any]:
    """Keyword arguments and defaults as positional arguments, each of them an input of the call."""
    code = getattr(forward, "__code__", None)
    if code is None:
        return args, kwargs
    names = code.co_varnames[with_ctx : code.co_argcount]
    defaults = forward.__defaults__ or ()
    if len(args) >= len(names):
        return args, kwargs
    first_default = len(names) - len(defaults)
    values, rest = list(args), dict(kwargs)
    for i in range(len(args), len(names)):
        if names[i] in rest:
            values.append(rest.pop(names[i]))
        elif i >= first_default:
            values.append(defaults[i - first_default])
        else:
            raise ArgumentError(f"missing a required argument: '{names[i]}' of {forward.__qualname__}")
    return tuple(values), rest


# ---------------------------------------------------------------- rules that are not recorded


class OnceNode(Node):
    """Stands behind gradients of a rule that cannot be differentiated."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        """There is none."""
        raise GraphError("trying to differentiate twice a function that was marked with @once_differentiable")

    vjp_recorded = vjp


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` whose own operations must not be differentiated: a second order through it is an error."""

    def wrapper(ctx: Any, *args: Any) -> Any:
        mode = current()
        token = MODE.set(mode.but(grad=False))
        try:
            outputs = fn(ctx, *args)
        finally:
            MODE.reset(token)
        sources = [x for x in args if isinstance(x, TensorBase) and x._flags & 1]
        if not mode.grad or not sources:
            return outputs
        outs = outputs if outputs.__class__ is tuple else (outputs,)
        made = behind(OnceNode, sources, outs)[1]
        return tuple(made) if outputs.__class__ is tuple else made[0]

    wrapper.__name__ = getattr(fn, "__name__", "backward")
    wrapper.__doc__ = fn.__doc__
    wrapper.__wrapped__ = fn  # type: ignore[attr-defined]
    return wrapper


OnceNode.__name__ = OnceNode.__qualname__ = "Error"
FunctionNode.__name__ = FunctionNode.__qualname__ = "BackwardCFunction"

__all__ = [
    "INTERCEPT",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "FunctionNode",
    "once_differentiable",
    "with_tangents",
]
