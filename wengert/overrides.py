"""`__torch_function__`: functions of one's own, modes, and what can be overridden (`torch.overrides`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.core.tensor.methods import SPACES
from wengert.core.tensor.overridable import Exchange, dispatched, overloaded, plain, takes_part
from wengert.core.tensor.overrides import ARMING, MODES, _disabled_torch_function_impl, is_enabled
from wengert.core.tensor.protocols import members
from wengert.core.tensor.tensor import Tensor
from wengert.nn import functional

SILENT = {
    "is_tensor", "is_inference", "result_type", "promote_types", "can_cast", "typename", "set_default_tensor_type",
    "get_num_threads", "set_num_threads", "get_num_interop_threads", "set_num_interop_threads",
    "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "set_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled", "get_float32_matmul_precision", "set_flush_denormal",
    "set_warn_always", "is_warn_always_enabled", "compiled_with_cxx11_abi", "set_deterministic_debug_mode",
    "get_deterministic_debug_mode", "set_anomaly_enabled", "is_vulkan_available", "manual_seed", "seed",
    "initial_seed", "get_rng_state", "set_rng_state", "from_dlpack", "from_numpy", "frombuffer",
}  # fmt: skip
"""Functions of the main namespace that ask nobody, not even modes."""
CREATION = {
    "arange", "asarray", "as_tensor", "bartlett_window", "blackman_window", "empty", "empty_strided", "eye",
    "full", "hamming_window", "hann_window", "kaiser_window", "linspace",
    "logspace", "normal", "ones", "rand", "randint", "randn", "randperm", "range", "scalar_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "rand_like", "randn_like", "randint_like",
}  # fmt: skip
"""Functions that modes see, and that classes are not expected to override."""


@cache
def exchange() -> Exchange:
    """The exchange of public functions for such that ask."""
    for name in ("linalg", "special", "fft"):
        import_module(f"{__package__}.{name}")
    spaces = {"torch": {name: f for name, f in SPACES[""].items() if name not in SILENT and is_function(f)}}
    for space in ("linalg", "special", "fft"):
        spaces[f"torch.{space}"] = SPACES[space]
    public = ((name, getattr(functional, name)) for name in functional.__all__)
    spaces["torch.nn.functional"] = {name: plain(f) for name, f in public if is_function(f)}
    return Exchange(spaces)


def is_function(value: Any) -> bool:
    """Whether a public value is called as a function."""
    return callable(value) and not isinstance(value, type)


@cache
def ask_from_now_on() -> None:
    """Let public functions ask until the program ends."""
    ARMING.clear()
    exchange().begin()


class TorchFunctionMode:
    """A block in which every public function is handed to `__torch_function__(func, types, args, kwargs)`.

    The block is closed while the method runs, so `func(*args, **kwargs)` there goes to the block outside, or runs.
    One object may be entered several times.
    """

    def __init__(self) -> None:
        pass

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        exchange().begin()
        MODES.set((*MODES.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        MODES.set(MODES.get()[:-1])
        exchange().end()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """A mode of this class: an older spelling of the constructor."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that runs each function as it is."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def _get_current_function_mode() -> Any:
    modes = MODES.get()
    return modes[-1] if modes else None


def _get_current_function_mode_stack() -> list[Any]:
    return list(MODES.get())


def _len_torch_function_stack() -> int:
    return len(MODES.get())


def _is_torch_function_mode_enabled() -> bool:
    return bool(MODES.get())


@contextmanager
def _pop_mode_temporarily() -> Iterator[Any]:
    modes = MODES.get()
    token = MODES.set(modes[:-1])
    try:
        yield modes[-1]
    finally:
        MODES.reset(token)


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """A block in which operators that a handler calls are dispatched again: they always are."""
    yield


def has_torch_function(relevant_args: Iterable[Any], /) -> bool:
    """Whether a mode is open, or one of the arguments has a `__torch_function__` that should be asked."""
    return bool(MODES.get()) or is_enabled() and any(takes_part(type(x)) for x in relevant_args)


def has_torch_function_unary(tensor: Any, /) -> bool:
    """`has_torch_function` of one argument."""
    return bool(MODES.get()) or is_enabled() and takes_part(type(tensor))


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """`has_torch_function` of the arguments spread out."""
    return has_torch_function(relevant_args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask the open mode, then the classes of the relevant arguments, the most derived first, for the result.

    Raises: ArgumentError when all of them decline.
    """
    name = getattr(public_api, "__name__", str(public_api))
    module = getattr(public_api, "__module__", None)
    public = resolve_name(public_api) or (f"{module}.{name}" if module else name)
    return dispatched(public_api, public, overloaded(relevant_args), args, kwargs)


def _get_overloaded_args(relevant_args: Iterable[Any], get_type_fn: Any = None) -> list[Any]:
    return overloaded(relevant_args)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """Decorator: ask `__torch_function__` of the arguments that `dispatcher` picks before the function runs."""

    def inner(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        wrapped.__name__, wrapped.__qualname__ = function.__name__, function.__qualname__
        wrapped.__doc__, wrapped.__module__ = function.__doc__, function.__module__
        return wrapped

    return inner


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor or takes its place by `__torch_function__`."""
    return isinstance(inp, TensorBase) or hasattr(type(inp), "__torch_function__")


@cache
def _methods() -> set[Any]:
    return {value for value in members(Tensor).values() if callable(value) and value.__hash__ is not None}


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor, or the getter of one of its properties."""
    return getattr(func, "__name__", "") == "__get__" or plain(func) in _methods()


def resolve_name(f: Any) -> str | None:
    """The public name of a function, such as "torch.sin"; None for one that is not ours."""
    function: Any = plain(f)
    for made in (f, exchange().wrappers.get(id(function))):
        name = getattr(made, "name", None)
        if made is not None and isinstance(name, str) and plain(made) is function:
            return name
    name = str(getattr(function, "__name__", ""))
    return f"torch.Tensor.{name}" if plain(getattr(Tensor, name, None)) is function and function is not None else None


def get_ignored_functions() -> set[Any]:
    """Public functions that classes are not asked about."""
    return {SPACES[""][name] for name in SILENT | CREATION if name in SPACES[""]}


def get_default_nowrap_functions() -> set[Any]:
    """Functions whose tensors the default `__torch_function__` hands out as they are: none needs it here."""
    return set()


def get_overridable_functions() -> dict[Any, list[Any]]:
    """Namespace -> the functions in it that ask `__torch_function__` of their arguments."""
    ignored = get_ignored_functions()
    found: dict[Any, list[Any]] = {}
    names = {"torch": "", **{f"torch.{name}": f".{name}" for name in ("linalg", "special", "fft")}}
    names["torch.nn.functional"] = ".nn.functional"
    for made in exchange().wrappers.values():
        space = made.name.rpartition(".")[0]
        if space in names and made.function not in ignored:
            found.setdefault(import_module(f"{__package__}{names[space]}"), []).append(made.function)
    found[Tensor] = [made.function for made in exchange().methods.values()]
    return found


@cache
def get_testing_overrides() -> dict[Any, Callable[..., Any]]:
    """Every overridable function -> a function of the same parameters that returns -1."""
    found = {}
    for functions in get_overridable_functions().values():
        for function in functions:
            found[function] = dummy(function)
    return found


def dummy(function: Any) -> Callable[..., Any]:
    """A function with the parameters of `function` that returns -1."""
    op = getattr(function, "op", None)
    if op is None:
        return lambda *args, **kwargs: -1
    parts = [name if name in op.required else f"{name}=None" for name in op.params[: op.positional]]
    star = ["*"] if op.positional < len(op.params) else []
    parts += star + [f"{name}=None" for name in op.params[op.positional :]]
    made: Callable[..., Any] = eval(f"lambda {', '.join(parts)}: -1")
    return made


def _assert(condition: Any, message: str) -> None:
    """`assert condition, message` that `__torch_function__` is asked about, so that traced programs keep it."""
    if has_torch_function((condition,)):
        handle_torch_function(_assert, (condition,), condition, message)
    else:
        assert condition, message


_assert.__module__ = "torch"

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "enable_reentrant_dispatch", "get_default_nowrap_functions",
    "get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function", "_disabled_torch_function_impl",
]  # fmt: skip
