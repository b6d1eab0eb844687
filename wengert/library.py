"""Operators of one's own (`torch.library`): run eagerly, with gradients, and found under `torch.ops`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from wengert._ops import CUSTOM, OpOverload, ops
from wengert.autograd.function import Function
from wengert.core.base.errors import GraphError
from wengert.core.tape.core import TensorBase

_TYPES = {"Tensor": "Tensor", "int": "SymInt", "float": "float", "bool": "bool", "str": "str", "complex": "complex"}


FAKES: dict[str, Callable[..., Any]] = {}
"""What was registered for tensors without data before its operator was made."""


class CustomOpDef:
    """An operator that a program defines, in `namespace` under `name`; calling it runs it.

    It is differentiable once `register_autograd` was called.  On tensors without data the function given to
    `register_fake` runs.
    """

    def __init__(self, namespace: str, name: str, schema: str, fn: Callable[..., Any] | None, tags: Any = None) -> None:
        self._namespace, self._name, self._schema = namespace, name, schema
        self._init_fn: Any = fn
        self._kernels: dict[str | None, Callable[..., Any]] = {} if fn is None else {None: fn}
        self._fake: Callable[..., Any] | None = FAKES.pop(f"{namespace}::{name}", None)
        self._backward: Callable[..., Any] | None = None
        self._setup: Callable[..., Any] | None = None
        self._vmap: Callable[..., Any] | None = None
        self._parameters: Any = None
        CUSTOM.setdefault(namespace, {})[name] = self
        getattr(ops, namespace).__dict__.pop(name, None)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    @property
    def _qualname(self) -> str:
        return f"{self._namespace}::{self._name}"

    @property
    def _opoverload(self) -> OpOverload:
        overload: OpOverload = getattr(getattr(ops, self._namespace), self._name).default
        return overload

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """Use a function for tensors on these devices; also a decorator."""
        kinds = [device_types] if device_types is None or isinstance(device_types, str) else list(device_types)

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            for kind in kinds:
                self._kernels[kind] = function
            return function

        return keep if fn is None else keep(fn)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Use a function for tensors without data: it says shapes and dtypes."""
        self._fake = fn
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """`backward(ctx, *grads)` gives a gradient for each input; `setup_context(ctx, inputs, output)` saves."""
        self._backward, self._setup = backward, setup_context

    def register_vmap(self, func: Callable[..., Any] | None = None) -> Any:
        """Keep the rule for batches: func(info, in_dims, *args) -> (result, out_dims)."""

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            self._vmap = function
            return function

        return keep if func is None else keep(func)

    def register_torch_dispatch(self, torch_dispatch_class: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """Accepted: modes see what the operator is made of."""
        return (lambda function: function) if fn is None else fn

    def register_autocast(self, device_type: str, cast_inputs: Any) -> None:
        """Accepted: the operator computes in the dtype that it is given."""

    @contextmanager
    def set_kernel_enabled(self, device_type: str, enabled: bool = True) -> Any:
        """A block without, or with, the function of one kind of device."""
        kernel = self._kernels.get(device_type)
        if not enabled:
            self._kernels.pop(device_type, None)
        try:
            yield
        finally:
            if kernel is not None:
                self._kernels[device_type] = kernel

    def kernel(self, args: Any) -> Callable[..., Any]:
        """The function for these arguments.

        Raises: GraphError when there is none.
        """
        device = next((x.device.type for x in args if isinstance(x, TensorBase)), "cpu")  # type: ignore[attr-defined]
        if device == "meta" and "meta" not in self._kernels:
            if self._fake is None:
                raise GraphError(
                    f"There was no fake impl registered for {self}. This is necessary for torch.compile/export/fx "
                    f"tracing to work. Please use `{self._name}.register_fake` to add an fake impl."
                )
            return self._fake
        found = self._kernels.get(device) or self._kernels.get(None)
        if found is None:
            raise GraphError(f"{self._qualname} has no function for tensors on {device}: register one with impl()")
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._parameters is None:
            source = self._init_fn or next(iter(self._kernels.values()), None) or self._fake
            self._parameters = inspect.signature(source) if source is not None else None
        if kwargs and self._parameters is not None:
            bound = self._parameters.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        elif self._parameters is not None and len(args) < len(self._parameters.parameters):
            bound = self._parameters.bind(*args)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        tracked = any(isinstance(x, TensorBase) and x.requires_grad for x in flat((*args, *kwargs.values())))  # type: ignore[attr-defined]
        if not tracked:
            return self.kernel(flat(args))(*args, **kwargs)
        return recorded(self, kwargs).apply(*args)


def flat(values: Any) -> list[Any]:
    """The values, and the elements of lists among them."""
    found: list[Any] = []
    for value in values:
        found.extend(value if isinstance(value, (list, tuple)) else (value,))
    return found


def recorded(op: CustomOpDef, kwargs: dict[str, Any]) -> Any:
    """The Function of one call of an operator."""

    def forward(*args: Any) -> Any:
        return op.kernel(flat(args))(*args, **kwargs)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        if op._setup is None:
            return
        if "keyword_only_inputs" in inspect.signature(op._setup).parameters:
            op._setup(ctx=ctx, inputs=inputs, keyword_only_inputs=kwargs, output=output)
        else:
            op._setup(ctx, inputs, output)

    def backward(ctx: Any, *grads: Any) -> Any:
        if op._backward is None:
            raise GraphError(
                f"Trying to backward through {op._namespace}.{op._name}.default but no autograd formula was "
                "registered. Please use register_autograd to add one."
            )
        return op._backward(ctx, *grads)

    space = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    space["setup_context"] = staticmethod(setup_context)
    return type(f"GeneratedBackwardFor_{op._namespace}_{op._name}_default", (Function,), space)


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: Any = (), device_types: Any = None,
    schema: str | None = None, tags: Any = None,
) -> Any:  # fmt: skip
    """Make an operator "namespace::name" of a function; also a decorator.

    mutates_args, schema: accepted; the function's own signature counts.  device_types: devices that it is for.
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        space, own = split_name(name)
        op = CustomOpDef(space, own, schema or infer_schema(function, mutates_args=mutates_args), None)
        op._init_fn = function
        op.register_kernel(device_types, function)
        return op

    return make if fn is None else make(fn)


triton_op = custom_op


def split_name(name: str) -> tuple[str, str]:
    """Namespace and name of "namespace::name".

    Raises: ValueError for another form.
    """
    space, _, own = name.partition("::")
    if not own:
        raise ValueError(f"Expected `name` to be of the form `namespace::name`, got {name}")
    return space, own.partition(".")[0]


def infer_schema(prototype_function: Callable[..., Any], /, *, mutates_args: Any, op_name: str | None = None) -> str:
    """The signature of a function as torch writes schemas: "(Tensor x, float k=2.0) -> Tensor"."""
    signature = inspect.signature(prototype_function)
    parts = []
    for parameter in signature.parameters.values():
        mutable = "(a!)" if mutates_args != "unknown" and parameter.name in mutates_args else ""
        kind = schema_type(parameter.annotation)
        default = "" if parameter.default is parameter.empty else f"={parameter.default}"
        parts.append(f"{kind}{mutable} {parameter.name}{default}")
    returns = schema_type(signature.return_annotation)
    return f"{op_name or ''}({', '.join(parts)}) -> {'()' if returns == 'None' else returns}"


def schema_type(annotation: Any) -> str:
    """A type as schemas write it."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return _TYPES.get(text.rpartition(".")[2], text.rpartition(".")[2] or "Tensor")


def operator_of(op: Any) -> CustomOpDef:
    """The operator of a name, a packet or an overload; made where there is none yet."""
    if isinstance(op, CustomOpDef):
        return op
    name = op if isinstance(op, str) else op.name() if isinstance(op, OpOverload) else op._qualified_op_name
    space, own = split_name(name)
    found = CUSTOM.get(space, {}).get(own)
    if not isinstance(found, CustomOpDef):
        raise GraphError(f"operator {name} does not exist: define it first with torch.library.define or custom_op")
    return found


def register_fake(op: Any, func: Any = None, /, *, lib: Any = None, _stacklevel: int = 1, **options: Any) -> Any:
    """`CustomOpDef.register_fake` by name, also before the operator is made; also a decorator."""

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(op, str) and split_name(op)[1] not in CUSTOM.get(split_name(op)[0], {}):
            FAKES[op] = function
            return function
        return operator_of(op).register_fake(function)

    return keep if func is None else keep(func)


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """`CustomOpDef.register_autograd` by name."""
    operator_of(op).register_autograd(backward, setup_context=setup_context)


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """`CustomOpDef.register_kernel` by name; also a decorator."""
    return operator_of(op).register_kernel(device_types, func)


def register_vmap(op: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """`CustomOpDef.register_vmap` by name; also a decorator."""
    return operator_of(op).register_vmap(func)


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Make an operator without a function; `impl` gives it one."""
    space, own = split_name(qualname)
    CustomOpDef(space, own, schema, None)


def impl(qualname: Any, types: Any, func: Any = None, *, lib: Any = None) -> Any:
    """Give an operator its function for kinds of devices ("cpu", "cuda", "default"); also a decorator."""
    kinds = None if types in ("default", "CompositeExplicitAutograd", "CompositeImplicitAutograd") else types
    kinds = kinds.lower() if isinstance(kinds, str) else kinds
    return operator_of(qualname).register_kernel(kinds, func)


class Library:
    """The operators of one namespace that a program defines ("DEF"), extends ("FRAGMENT") or implements ("IMPL")."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Make an operator from "name(Tensor x, ...) -> Tensor"; its name."""
        name = schema.partition("(")[0].strip()
        define(f"{self.ns}::{name}", schema)
        return name

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **options: Any) -> None:
        """Give an operator its function; keys of automatic differentiation replace the function for all tensors."""
        key = dispatch_key or self.dispatch_key
        if key.startswith("Meta"):
            operator_of(self.full_name(op_name)).register_fake(fn)
        else:
            device = key.lower() if key in ("CPU", "CUDA", "XPU", "MPS") else None
            operator_of(self.full_name(op_name)).register_kernel(device, fn)

    def full_name(self, op_name: Any) -> Any:
        """The operator's name with its namespace."""
        return f"{self.ns}::{op_name}" if isinstance(op_name, str) and "::" not in op_name else op_name

    def _register_fake(self, op_name: Any, fn: Callable[..., Any], *args: Any, **options: Any) -> None:
        register_fake(self.full_name(op_name), fn)

    def _destroy(self) -> None:
        CUSTOM.pop(self.ns, None)


def opcheck(op: Any, args: Any, kwargs: Any = None, **options: Any) -> dict[str, str]:
    """Run an operator on sample arguments and, with tracked ones, its backward: {"test_schema": "SUCCESS", ...}."""
    operator = operator_of(op)
    result = operator(*args, **(kwargs or {}))
    outcome = {"test_schema": "SUCCESS"}
    results = [x for x in flat((result,)) if isinstance(x, TensorBase) and x.requires_grad]  # type: ignore[attr-defined]
    if results:
        sum(x.sum() for x in results).backward()  # type: ignore[attr-defined,union-attr]
        outcome["test_autograd_registration"] = "SUCCESS"
    return outcome


def get_ctx() -> Any:
    """torch's tools for sizes that are not known; there are none here.

    Raises: GraphError always.
    """
    raise GraphError("get_ctx() can only be called inside a fake impl of an operator with sizes that depend on data")


def wrap_triton(triton_kernel: Any, /) -> Any:
    """The kernel itself."""
    return triton_kernel


__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "get_ctx", "impl", "impl_abstract", "infer_schema", "opcheck",
    "register_autograd", "register_fake", "register_kernel", "register_vmap", "triton_op", "wrap_triton",
]  # fmt: skip
