"""Operators by their names in torch's dispatcher: `torch.ops.aten.add.Tensor`, `torch.ops.mylib.f`.

All overloads of an operator run the same function, which tells them apart by its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tensor.methods import SPACES
from wengert.core.tensor.tensor import Tensor

_SPELLED = {
    "Tensor", "Scalar", "default", "out", "int", "dim", "dimname", "dim_IntList", "dim_int", "self", "Tensor_Scalar",
    "Scalar_Tensor", "Tensor_Tensor", "Scalar_out", "Tensor_out", "Tensor_mode", "Scalar_mode", "dtype", "grad_input",
    "correction", "ScalarOpt_dim", "list", "names", "stable", "values", "vec", "IntList_out", "dim_max", "dim_min",
    "other", "str", "complex", "float", "bool", "padding", "sections", "indices", "start", "start_step", "t", "value",
    "src", "value_reduce", "reduce", "two", "low", "generator", "Stream", "unary_out", "Dimname", "self_int", "p",
}  # fmt: skip
"""Overload names that every packet accepts."""


class OpOverload:
    """One overload of an operator; calling it runs the operator."""

    def __init__(self, packet: OpOverloadPacket, overload: str) -> None:
        self.overloadpacket, self._overloadname = packet, overload
        self.namespace = packet.namespace
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__qualname__ = self.__name__
        self.__module__ = f"torch._ops.{packet.namespace}"

    def name(self) -> str:
        """`aten::add.Tensor`; the default overload goes without its name."""
        suffix = "" if self._overloadname == "default" else f".{self._overloadname}"
        return f"{self.overloadpacket._qualified_op_name}{suffix}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.overloadpacket(*args, **kwargs)

    def __str__(self) -> str:
        return f"{self.overloadpacket}.{self._overloadname}"

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.namespace}.{self.overloadpacket.__name__}', overload='{self._overloadname}')>"


class HigherOrderOperator:
    """Operators that take functions, for annotations and checks of class: here such calls are ordinary functions."""


class OpOverloadPacket:
    """An operator with all its overloads, as attributes; calling it runs the operator."""

    def __init__(self, namespace: str, name: str, function: Callable[..., Any]) -> None:
        self.namespace, self.__name__ = namespace, name
        self.__qualname__, self.__module__ = name, f"torch._ops.{namespace}"
        self._qualified_op_name = f"{namespace}::{name}"
        self._op = function
        self._dir = ["default"]

    def overloads(self) -> list[str]:
        """Names of the overloads that were asked for so far."""
        return list(self._dir)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._op(*args, **kwargs)

    def __getattr__(self, name: str) -> OpOverload:
        if name not in _SPELLED:
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{name}'")
        made = self.__dict__[name] = OpOverload(self, name)
        if name not in self._dir:
            self._dir.append(name)
        return made

    def __str__(self) -> str:
        return f"{self.namespace}.{self.__name__}"

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self.namespace}.{self.__name__}')>"


class _OpNamespace:
    """The operators of one namespace, as attributes."""

    def __init__(self, name: str, functions: Callable[[str], Any]) -> None:
        self.__dict__.update(_name=name, _functions=functions)

    def __getattr__(self, name: str) -> OpOverloadPacket:
        function = None if name.startswith("__") else self.__dict__["_functions"](name)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self.__dict__['_name']}' object has no attribute '{name}'")
        made = self.__dict__[name] = OpOverloadPacket(self.__dict__["_name"], name, function)
        return made

    def __repr__(self) -> str:
        return f"<torch._ops._OpNamespace '{self.__dict__['_name']}'>"


def to_copy(
    self: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None,
    non_blocking: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """A copy of another dtype or device."""
    dtype, device = self.dtype if dtype is None else dtype, self.device if device is None else device
    return self.to(device=device, dtype=dtype, copy=True)


def index(self: Any, indices: Any) -> Any:
    """self[indices], in which None stands for a whole dim."""
    return self[tuple(slice(None) if i is None else i for i in indices)]


def softmax_of(name: str) -> Callable[..., Any]:
    """`_softmax(self, dim, half_to_float)`."""
    function = SPACES["nn"].get(name) or SPACES[""][name]
    return lambda self, dim, half_to_float=False: function(self, dim)


def empty(size: Any, **options: Any) -> Any:
    """Uninitialised memory."""
    return SPACES[""]["empty"](size, **{k: v for k, v in options.items() if v is not None})


def of_sparse(name: str) -> Callable[..., Any]:
    """An operator of sparse tensors, which come in with it."""
    return lambda *args, **kwargs: getattr(import_module("wengert.sparse.products"), name)(*args, **kwargs)


SPECIAL: dict[str, Callable[..., Any]] = {
    "_to_copy": to_copy, "index": index, "_softmax": softmax_of("softmax"), "_log_softmax": softmax_of("log_softmax"),
    "_pin_memory": lambda self, device=None: self.pin_memory(), "lift_fresh": lambda self: self,
    "_unsafe_view": lambda self, size: self.reshape(size), "threshold_backward":
    lambda grad_output, self, threshold: grad_output * (self > threshold), "sigmoid_backward":
    lambda grad_output, output: grad_output * output * (1 - output), "tanh_backward":
    lambda grad_output, output: grad_output * (1 - output * output), "_local_scalar_dense": lambda self: self.item(),
    "empty": empty, "_sparse_addmm": of_sparse("addmm"),
    "_sparse_mm_reduce_impl": of_sparse("reduced_and_places"), "sym_size": lambda self, dim: self.shape[dim],
    "sym_numel": lambda self: self.numel(), "sym_stride": lambda self, dim: self.stride(dim),
}  # fmt: skip
"""Operators of torch's dispatcher that have no public function of that name and form."""


def aten(name: str) -> Any:
    """The function behind `torch.ops.aten.<name>`; None for an operator that there is not."""
    if name in SPECIAL:
        return SPECIAL[name]
    if name in SPACES[""]:
        return by_own_name(SPACES[""][name])
    prefix, _, rest = name.partition("_")
    if prefix in ("linalg", "special", "fft") and (rest in SPACES[prefix] or name in SPACES[prefix]):
        return by_own_name(SPACES[prefix].get(rest) or SPACES[prefix][name])
    if name in SPACES["nn"]:
        return by_own_name(SPACES["nn"][name])
    method = getattr(Tensor, name, None) if not name.startswith("__") else None
    if callable(method):
        return by_own_name(method)
    known = name in REGISTRY and not name.endswith(("_kernel", "_parts"))
    return by_own_name(getattr(RECORDED, name)) if known else None


def by_own_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with `self` accepted as the name of its first argument."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if "self" in kwargs:
            args = (kwargs.pop("self"), *args)
        return function(*args, **kwargs)

    call.__name__ = getattr(function, "__name__", "call")
    call.__doc__ = function.__doc__
    return call


CUSTOM: dict[str, dict[str, Callable[..., Any]]] = {}
"""Namespace -> operators that programs define (see wengert.library)."""


def namespace(name: str) -> _OpNamespace:
    """The operators of one namespace."""
    if name == "aten":
        return _OpNamespace(name, aten)
    return _OpNamespace(name, lambda operator: CUSTOM.get(name, {}).get(operator))


_namespaces: dict[str, _OpNamespace] = {}


class _Ops:
    """`torch.ops`: namespaces as attributes."""

    __name__ = "torch.ops"
    loaded_libraries: set[str] = set()

    def __getattr__(self, name: str) -> _OpNamespace:
        if name.startswith("__"):
            raise AttributeError(name)
        made = self.__dict__[name] = _namespaces.setdefault(name, namespace(name))
        return made

    def load_library(self, path: str) -> None:
        """Load operators from a compiled file.

        Raises: OSError always: such a file is linked with torch.
        """
        raise OSError(
            f"Could not load this library: {path} is compiled for torch; write the operator in Python with "
            "torch.library.custom_op"
        )

    def import_module(self, module: str) -> None:
        """Import a module that registers operators."""
        __import__(module)


ops = _Ops()


def overload_of(name: str, args: Any) -> OpOverload:
    """The overload of an aten operator that takes these arguments, as far as their types say."""
    packet = getattr(ops.aten, name)
    tensors = [isinstance(value, TensorBase) for value in args[:2]]
    if len(tensors) == 2 and name.rstrip("_") in _TWO:
        # Arithmetic takes numbers as tensors; only comparisons and the like have overloads for them.
        return getattr(packet, "Tensor" if tensors[1] or name.rstrip("_") in _WRAPPED else "Scalar")  # type: ignore[no-any-return]
    if name in _DIMS and len(args) > 1 and args[1] is not None:
        return getattr(packet, _DIMS[name])  # type: ignore[no-any-return]
    return getattr(packet, _NAMED.get(name, "default"))  # type: ignore[no-any-return]


_TWO = {
    "add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge", "remainder", "fmod", "bitwise_and", "bitwise_or",
    "bitwise_xor", "rsub", "floor_divide",
}  # fmt: skip
_WRAPPED = {"add", "sub", "mul", "div", "floor_divide"}
_DIMS = {"sum": "dim_IntList", "mean": "dim", "prod": "dim_int", "all": "dim", "any": "dim"}
_NAMED = {
    "slice": "Tensor", "select": "int", "transpose": "int", "index": "Tensor", "split": "Tensor", "unbind": "int",
    "where": "self", "pow": "Tensor_Scalar", "squeeze": "dim",
}  # fmt: skip

__all__ = ["HigherOrderOperator", "OpOverload", "OpOverloadPacket", "ops"]
